// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "clock.hpp"
#include "flow_follower.hpp"
#include "linux/interfaces.hpp"
#include "linux/queue.hpp"
#include "log_sink.hpp"
#include "name_watch.hpp"
#include "owner_finder.hpp"
#include "program_hasher.hpp"
#include "tollgate/engine/engine.hpp"

namespace tollgate {

// The engine and the kernel's sockets, joined by the event loop: what the kernel says becomes events,
// what the engine wants is done, and one timer stands for all its deadlines. All that it is given
// must outlive it.
class Gate {
 public:
  struct Parts {
    const Clock& clock;
    Engine& engine;
    PacketQueue& queue;
    Conntrack& conntrack;
    ConntrackEvents& conntrack_events;
    SocketEvents& socket_events;
    ClosingSegments* segments;  // null: conntrack tells the ends of TCP connections
    NameCopies* names;          // null: only what is queued says something about names
    SocketDiag& sockets;
    Interfaces& interfaces;
    LogSink& log;
    Attribution* attribution;  // nullptr: nobody looks for the owners of flows
  };

  Gate(boost::asio::io_context& loop, const Config& config, const Parts& parts,
       std::function<void(const FlowChanged&)> publish);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // Who keeps the rules up to date hears what concerns them: interfaces that came or went, and (once)
  // all sockets that one turn authorized or withdrew.
  void tell_rules(std::function<void()> interfaces_changed,
                  std::function<void(std::span<const SocketAuthorized>)> sockets_changed) {
    interfaces_changed_ = std::move(interfaces_changed);
    sockets_changed_ = std::move(sockets_changed);
  }
  // Whether some rule asks for the SHA-256 of programs. Owners that are known without get it then.
  void want_hashes(bool wanted);
  std::uint64_t hashes_unknown() const { return hashes_.unknown(); }
  // How owners of forwarded flows were found.
  AttributionCounters forwarded() const { return owners_ ? owners_->forwarded() : AttributionCounters{}; }
  // From here on packets are answered whenever the loop runs.
  void start();
  // An event that comes from elsewhere.
  void handle(const Event& event);
  // FlowsRevoked, FlowsKilled: what the engine says that it did.
  ByHand by_hand(const Event& event);
  // NameAsked, NameAnswered: whether the engine refuses it.
  std::optional<NameRefusal> name(const Event& event);
  // What the kernel does by itself, and what is done to it.
  FlowFollower& follower() { return follower_; }
  NameWatchCounters names() const { return names_ ? names_->counters() : NameWatchCounters{}; }
  // Lets the kernel queue nothing more and answers everything that waits there.
  void drain();

 private:
  void wait_for_packets();
  void wait_for_interfaces();
  void tell_broadcasts();
  void turn(const std::function<void(const Deliver&)>& events);
  void receive_packets();
  void decide(std::span<const PacketQueued> packets, Time now);
  void find_owners(Time now);
  void give_verdicts();
  void carry_out(Time now);
  void arm_timer();

  boost::asio::io_context& loop_;
  Parts parts_;
  std::function<void(const FlowChanged&)> publish_;
  std::function<void()> interfaces_changed_ = [] {};
  std::function<void(std::span<const SocketAuthorized>)> sockets_changed_ = [](const auto&) {};
  boost::asio::posix::stream_descriptor queue_;
  boost::asio::posix::stream_descriptor interfaces_;
  boost::asio::steady_timer timer_;
  std::optional<Time> armed_;
  Effects effects_;
  ProgramHasher hashes_;
  std::optional<OwnerFinder> owners_;
  std::vector<LookUp> asked_;
  std::uint64_t enobufs_ = 0;          // already spoken of
  std::vector<IpAddress> broadcasts_;  // that the engine knows
  FlowFollower follower_;
  std::optional<NameWatch> names_;
};

}  // namespace tollgate
