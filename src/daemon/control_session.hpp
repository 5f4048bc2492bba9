// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "control_peer.hpp"
#include "tollgate/control/interface.hpp"
#include "tollgate/control/service.hpp"

namespace tollgate {

class ControlServer;

// One connection of the control socket. Calls are answered one after the other; while one is being
// answered, or while the peer does not take its answers, further ones wait unread in the framer.
// Handlers hold the session by shared_ptr; once closed it never touches the server again.
class ControlSession : public std::enable_shared_from_this<ControlSession> {
 public:
  ControlSession(boost::asio::local::stream_protocol::socket socket, ControlServer& server, ControlPeer peer,
                 Access access);

  void start() { read(); }
  // What the watcher is to see of it goes out. False when the watcher is to be dropped: it has not
  // taken what it was sent before.
  bool offer(const FlowEvent& event);
  void close();

  Access access() const { return access_; }
  bool watches() const { return kind_ == Kind::watch; }

 private:
  // What is being answered: nothing, a stream of replies, or something that is done elsewhere.
  enum class Kind : std::uint8_t { none, list, watch, rules, act, wait };

  void read();
  void received(std::size_t bytes);
  void work();
  void work_soon();
  bool answer_next();
  void answer(const VarlinkCall& call);
  void answer(const request::GetInfo&);
  void answer(const request::GetInterfaceDescription& asked);
  void answer(const request::Status&);
  void answer(const request::ListFlows& asked);
  void answer(const request::WatchFlows& asked);
  void answer(const request::Reload&);
  void answer(const request::Explain& asked);
  void answer(const request::GetRules&);
  void answer(const request::AddRule& asked);
  void answer(const request::RemoveRule& asked);
  void answer(const request::Revoke& asked);
  void answer(const request::Kill& asked);

  bool streaming() const;
  bool makes_replies() const;
  void stream();
  void stream_flows();
  FlowEntry with_holders(const FlowRef& where, FlowEntry flow) const;
  void stream_rules();
  void begin_action(ControlService::Action action, const FlowFilter& filter);
  void go_on_acting();
  void end_stream();
  ControlService::Done when_done(std::function<VarlinkReply()> reply);
  void answer_later(VarlinkReply reply);
  boost::json::value policy_state() const;
  bool shows(const FlowEntry& flow) const;

  void send(VarlinkReply reply);
  void send_held(bool continues);
  void write();
  void written();
  std::size_t unsent() const { return sending_.size() + waiting_.size(); }

  boost::asio::local::stream_protocol::socket socket_;
  ControlServer* server_;  // null once closed
  const ControlPeer peer_;
  const Access access_;

  std::array<char, 16384> chunk_;
  VarlinkFramer framer_;
  bool input_ended_ = false;

  std::string sending_;  // under way to the socket
  std::string waiting_;  // behind it
  bool oneway_ = false;  // of the call that is being answered

  Kind kind_ = Kind::none;
  FlowFilter filter_;
  CensusPointer census_;                    // of a list that tells who holds the flows' sockets
  std::optional<std::uint32_t> next_flow_;  // where the walk goes on; none: it is done
  ControlService::Action action_ = ControlService::Action::revoke;
  ActionCounts acted_;
  PolicyPointer policy_;  // whose rules are listed
  std::size_t next_rule_ = 0;
  std::optional<VarlinkReply> held_;  // kept back until it is known whether it is the last
  bool step_posted_ = false;
};

}  // namespace tollgate
