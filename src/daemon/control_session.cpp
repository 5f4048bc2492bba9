// SPDX-License-Identifier: GPL-2.0-or-later
#include "control_session.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <span>
#include <utility>
#include <variant>

#include "control_server.hpp"
#include "tollgate/control/flow_entry.hpp"

namespace tollgate {

namespace {

// A stream makes more replies, and the next call is taken up, when no more than this is unsent.
constexpr std::size_t kLowWater = 64 << 10;
// Places of the flow table that one turn of the loop looks at.
constexpr std::uint32_t kFlowsPerTurn = 256;
constexpr std::size_t kRulesPerTurn = 256;

}  // namespace

ControlSession::ControlSession(boost::asio::local::stream_protocol::socket socket, ControlServer& server,
                               ControlPeer peer, Access access)
    : socket_{std::move(socket)}, server_{&server}, peer_{std::move(peer)}, access_{access} {}

// Reading never stops, so that the end of the connection is noticed; what comes too early is bounded.
void ControlSession::read() {
  socket_.async_read_some(boost::asio::buffer(chunk_),
                          [self = shared_from_this()](boost::system::error_code error, std::size_t bytes) {
                            if (self->server_ == nullptr) return;
                            if (error == boost::asio::error::eof) {
                              self->input_ended_ = true;
                              self->work();
                            } else if (error) {
                              self->close();
                            } else {
                              self->received(bytes);
                            }
                          });
}

void ControlSession::received(std::size_t bytes) {
  framer_.append({chunk_.data(), bytes});
  work();
  if (server_ == nullptr) return;
  if (framer_.waiting() > kMaxMessage + chunk_.size()) {
    ++server_->counters_.malformed;
    close();
    return;
  }
  read();
}

// Does what can be done now: goes on with a stream, answers calls, closes when all is said.
void ControlSession::work() {
  while (server_ != nullptr && !streaming() && unsent() <= kLowWater && answer_next()) {
  }
  if (server_ == nullptr) return;
  if (makes_replies() && unsent() <= kLowWater && !step_posted_) {
    step_posted_ = true;  // by way of the loop, so that others get their turn
    boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
      self->step_posted_ = false;
      if (self->server_ == nullptr) return;
      self->stream();
      self->work();
    });
  }
  write();
  // Whoever only closed their sending side still gets what they asked for, but for watching.
  const bool done = !streaming() && unsent() == 0;
  if (input_ended_ && (done || watches())) close();
}

bool ControlSession::answer_next() {
  const std::optional<std::string_view> message = framer_.next();
  if (!message && !framer_.too_long()) return false;
  const Result<VarlinkCall, std::string> call =
      message ? parse_call(*message) : Result<VarlinkCall, std::string>{std::string{"too long"}};
  if (!call) {
    ++server_->counters_.malformed;
    close();
    return false;
  }
  answer(*call);
  return true;
}

void ControlSession::answer(const VarlinkCall& call) {
  oneway_ = call.oneway;
  const Result<Request, VarlinkReply> request = route(call, access_);
  if (!request) {
    send(request.error());
  } else {
    std::visit([this](const auto& asked) { answer(asked); }, *request);
  }
}

void ControlSession::answer(const request::GetInfo&) { send(info_reply(server_->options_.version)); }

void ControlSession::answer(const request::GetInterfaceDescription& asked) {
  send(description_reply(asked.interface));
}

void ControlSession::answer(const request::Status&) {
  send({to_json(server_->service_.status()).as_object(), false, ""});
}

void ControlSession::answer(const request::ListFlows& asked) {
  filter_ = asked.filter;
  next_flow_ = 0;
  kind_ = asked.holders ? Kind::wait : Kind::list;
  if (!asked.holders) return;
  server_->service_.take_census([self = weak_from_this()](const CensusPointer& census) {
    const auto session = self.lock();
    if (!session || session->server_ == nullptr) return;
    session->census_ = census;
    session->kind_ = Kind::list;
    session->work_soon();
  });
}

void ControlSession::answer(const request::WatchFlows& asked) {
  kind_ = Kind::watch;
  filter_ = asked.filter;
  next_flow_ = 0;
  server_->watching(*this);
}

void ControlSession::answer(const request::Reload&) {
  kind_ = Kind::wait;
  server_->service_.reload(when_done([this] {
    return VarlinkReply{{{"policy", policy_state()}}, false, ""};
  }));
}

void ControlSession::answer(const request::AddRule& asked) {
  kind_ = Kind::wait;
  AddedRule rule = asked.rule;
  if (asked.lasts) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    rule.expire_at(Time{std::chrono::duration_cast<Duration>(now) + *asked.lasts});
  }
  server_->service_.add_rule(
      std::move(rule), [self = weak_from_this()](const Result<std::string, Diagnostics>& name) {
        const auto session = self.lock();
        if (!session || session->server_ == nullptr) return;
        if (!name) return session->answer_later(refused_reply(name.error()));
        session->answer_later({{{"name", *name}, {"policy", session->policy_state()}}, false, ""});
      });
}

void ControlSession::answer(const request::RemoveRule& asked) {
  kind_ = Kind::wait;
  server_->service_.remove_rule(asked.name, when_done([this] {
                                  return VarlinkReply{{{"policy", policy_state()}}, false, ""};
                                }));
}

boost::json::value ControlSession::policy_state() const {
  return to_json(server_->service_.status()).at("policy");
}

// `reply` is asked for while the session lives, and only when all went well.
ControlService::Done ControlSession::when_done(std::function<VarlinkReply()> reply) {
  return [self = weak_from_this(), reply = std::move(reply)](const Diagnostics& why) {
    const auto session = self.lock();
    if (!session || session->server_ == nullptr) return;
    session->answer_later(why.empty() ? reply() : refused_reply(why));
  };
}

// The answer comes, now or later, from somebody who knows nothing of this session's turns.
void ControlSession::answer_later(VarlinkReply reply) {
  kind_ = Kind::none;
  send(std::move(reply));
  work_soon();
}

void ControlSession::work_soon() {
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->server_ != nullptr) self->work();
  });
}

void ControlSession::answer(const request::Explain& asked) {
  send({to_json(server_->service_.explain(asked.flow)).as_object(), false, ""});
}

void ControlSession::answer(const request::GetRules&) {
  kind_ = Kind::rules;
  policy_ = server_->service_.policy();
  next_rule_ = 0;
}

void ControlSession::answer(const request::Revoke& asked) {
  begin_action(ControlService::Action::revoke, asked.filter);
}
void ControlSession::answer(const request::Kill& asked) {
  begin_action(ControlService::Action::kill, asked.filter);
}

void ControlSession::begin_action(ControlService::Action action, const FlowFilter& filter) {
  kind_ = Kind::act;
  filter_ = filter;
  next_flow_ = 0;
  action_ = action;
  acted_ = {};
}

// The table is walked as for a list; what it came to is said at the end.
void ControlSession::go_on_acting() {
  const auto acted = server_->service_.act(action_, filter_, *next_flow_, kFlowsPerTurn);
  acted_ += acted.counts;
  next_flow_ = acted.next;
  if (next_flow_) return;
  kind_ = Kind::none;
  send({to_json(acted_).as_object(), false, ""});
}

bool ControlSession::streaming() const { return kind_ != Kind::none; }

// By itself; a watcher that has seen what was there waits for others to make them.
bool ControlSession::makes_replies() const {
  return streaming() && kind_ != Kind::wait && (kind_ != Kind::watch || next_flow_);
}

void ControlSession::stream() {
  switch (kind_) {
    case Kind::none:
    case Kind::wait:
      break;
    case Kind::list:
    case Kind::watch:
      stream_flows();
      break;
    case Kind::rules:
      stream_rules();
      break;
    case Kind::act:
      go_on_acting();
      break;
  }
}

void ControlSession::stream_flows() {
  if (!next_flow_) return;
  next_flow_ = server_->service_.flows(
      *next_flow_, kFlowsPerTurn, [this](const FlowRef& where, const FlowEntry& flow) {
        if (!shows(flow)) return;
        if (watches()) {
          send({to_json(FlowEvent{"present", flow}).as_object(), true, ""});
        } else {
          send_held(true);
          held_ = VarlinkReply{{{"flow", to_json(with_holders(where, flow))}}, false, ""};
        }
      });
  if (next_flow_) return;
  if (watches()) {
    send({{{"change", "listed"}, {"flow", nullptr}}, true, ""});
  } else {
    end_stream();
  }
}

FlowEntry ControlSession::with_holders(const FlowRef& where, FlowEntry flow) const {
  if (census_) server_->service_.add_holders(*census_, where, flow);
  return flow;
}

void ControlSession::stream_rules() {
  const std::span<const Rule> rules = policy_->rules();
  const std::size_t end = std::min(rules.size(), next_rule_ + kRulesPerTurn);
  for (; next_rule_ < end; ++next_rule_) {
    const Rule& rule = rules[next_rule_];
    send_held(true);
    RuleEntry entry = describe(rule);
    entry.hits = server_->service_.hits(policy_, static_cast<std::uint32_t>(next_rule_));
    held_ = VarlinkReply{{{"rule", to_json(entry)}}, false, ""};
  }
  if (next_rule_ == rules.size()) end_stream();
}

// The last reply is the one without `continues`; when there was none at all it is empty.
void ControlSession::end_stream() {
  if (held_) {
    send_held(false);
  } else {
    send({});
  }
  kind_ = Kind::none;
  policy_.reset();
  census_.reset();
}

// Not everybody may know of everybody's connections.
bool ControlSession::shows(const FlowEntry& flow) const {
  if (access_ == Access::own_flows && flow.uid != peer_.uid) return false;
  return filter_.matches(flow);
}

bool ControlSession::offer(const FlowEvent& event) {
  if (!shows(event.flow)) return true;
  send({to_json(event).as_object(), true, ""});
  if (unsent() > ControlServer::kMaxUnsent) return false;
  write();
  return true;
}

void ControlSession::send_held(bool continues) {
  if (!held_) return;
  held_->continues = continues;
  send(std::move(*held_));
  held_.reset();
}

void ControlSession::send(VarlinkReply reply) {
  if (!oneway_) waiting_ += serialize(reply);
}

void ControlSession::write() {
  if (!sending_.empty() || waiting_.empty()) return;
  sending_.swap(waiting_);
  boost::asio::async_write(socket_, boost::asio::buffer(sending_),
                           [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                             if (self->server_ == nullptr) return;
                             if (error) {
                               self->close();
                             } else {
                               self->written();
                             }
                           });
}

void ControlSession::written() {
  sending_.clear();
  work();
}

void ControlSession::close() {
  if (server_ == nullptr) return;
  ControlServer& server = *std::exchange(server_, nullptr);
  boost::system::error_code ignored;  // the connection goes, whatever its other end did
  socket_.close(ignored);
  server.closed(*this);  // last: it may be the end of this session
}

}  // namespace tollgate
