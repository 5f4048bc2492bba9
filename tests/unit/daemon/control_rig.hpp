// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/control_server.hpp"
#include "temporary_folder.hpp"
#include "tollgate/control/flow_entry.hpp"
#include "tollgate/control/varlink.hpp"

// A control server on a socket in a directory of its own, a service made of vectors, and clients
// that are plain sockets. Loop and clients take turns in one thread: nothing sleeps.
namespace tollgate::control_rig {

// Others may look into it, too.
class Directory {
 public:
  Directory() { std::filesystem::permissions(folder_.path(), std::filesystem::perms{0755}); }
  std::string path(const std::string& name) const { return folder_.file(name); }

 private:
  test::TemporaryFolder folder_;
};

inline FlowEntry flow(std::uint64_t id, std::optional<std::uint32_t> uid = std::nullopt) {
  FlowEntry flow;
  flow.id = id;
  flow.protocol = "tcp";
  flow.direction = "outbound";
  flow.source = "10.0.0.1";
  flow.destination = "10.0.0.2";
  flow.destination_port = static_cast<std::uint16_t>(id % 1000);
  flow.uid = uid;
  flow.state = "active";
  return flow;
}

class EmptyPolicy final : public Policy {
 public:
  std::vector<Rule> all;
  std::span<const Rule> rules() const override { return all; }
  Verdict default_verdict(Direction) const override { return Verdict::accept; }
  std::vector<std::string> lists() const override { return {}; }
  std::span<const Diagnostic> skipped() const override { return {}; }
  bool same_layer(const Policy&, Direction, Family) const override { return true; }
  FirstMatch match(const Evidence&) const override { return {}; }
  FirstMatch match_name(const Evidence&) const override { return {}; }
  std::vector<TriedRule> explain(const Evidence&) const override { return {}; }
  std::optional<Time> next_expiry() const override { return {}; }
  Result<PolicyPointer, Diagnostics> with_added(const PolicyText&, const PolicyFeatures&,
                                                PolicySources&) const override {
    return Diagnostics{};
  }
};

class Service final : public ControlService {
 public:
  std::vector<FlowEntry> table;
  Diagnostics reload_errors;
  std::shared_ptr<EmptyPolicy> rules = std::make_shared<EmptyPolicy>();
  std::vector<bool> watched;
  std::uint32_t most_asked = 0;
  std::uint32_t shown = 0;
  int reloads = 0;

  Status status() override {
    Status status;
    status.version = "7";
    status.policy.generation = 5;
    return status;
  }
  std::optional<std::uint32_t> flows(std::uint32_t from, std::uint32_t limit, const EachFlow& each) override {
    most_asked = std::max(most_asked, limit);
    std::uint32_t at = from;
    for (; at < table.size() && at - from < limit; ++at) each({at, FlowId{table[at].id}}, table[at]), ++shown;
    if (at >= table.size()) return std::nullopt;
    return at;
  }
  Acted act(Action action, const FlowFilter& filter, std::uint32_t from, std::uint32_t limit) override {
    Acted acted;
    acted.next = flows(from, limit, [&](const FlowRef&, const FlowEntry& flow) {
      if (!filter.matches(flow)) return;
      (action == Action::kill ? killed : revoked).push_back(flow.id);
      ++acted.counts.matched;
    });
    return acted;
  }
  std::vector<std::uint64_t> killed, revoked;
  PolicyPointer policy() override { return rules; }
  std::optional<std::uint64_t> hits(const PolicyPointer& policy, std::uint32_t rule) override {
    if (policy != rules) return std::nullopt;
    return rule * 2;
  }
  void reload(Done done) override {
    ++reloads;
    later_.push_back([this, done = std::move(done)] { done(reload_errors); });
    if (!slow) finish();
  }
  void add_rule(AddedRule rule, Added told) override {
    added.push_back(std::move(rule));
    reload_errors.empty() ? told(added.back().name) : told(reload_errors);
  }
  void remove_rule(const std::string& name, Done done) override {
    removed.push_back(name);
    done(reload_errors);
  }
  // Everybody holds the socket whose cookie is the flow's id.
  void take_census(std::function<void(const CensusPointer&)> done) override {
    later_.push_back([done = std::move(done), census = census] { done(census); });
    if (!slow) finish();
  }
  void add_holders(const SocketCensus& known, const FlowRef& where, FlowEntry& flow) override {
    describe(known.holders(where.id.value), known.whole(), flow);
  }
  std::shared_ptr<SocketCensus> census = std::make_shared<SocketCensus>(SocketCensus::Key::cookie);
  // What was put off is done.
  void finish() {
    for (const auto& one : std::exchange(later_, {})) one();
  }
  bool slow = false;
  std::vector<AddedRule> added;
  std::vector<std::string> removed;
  Explanation explain(const ExplainRequest& request) override {
    Explanation explanation;
    explanation.verdict = request.destination_port == 53 ? "accept" : "block";
    return explanation;
  }
  void watch(bool on) override { watched.push_back(on); }

 private:
  std::vector<std::function<void()>> later_;
};

class Client {
 public:
  explicit Client(const std::string& path)
      : fd_{socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  // As many bytes as the socket takes.
  std::size_t write(std::string_view bytes) const {
    const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  void call(std::string_view json) const { write(std::string{json} + '\0'); }
  void finish() const { shutdown(fd_, SHUT_WR); }

  // Runs the loop until a reply is there; nullopt when the connection ended or nothing more comes.
  std::optional<VarlinkReply> reply(boost::asio::io_context& loop) {
    for (int turn = 0; turn < 1000; ++turn) {
      if (const auto message = framer_.next()) return *parse_reply(*message);
      loop.restart();
      loop.poll();
      if (!read()) return std::nullopt;
    }
    return std::nullopt;
  }
  bool closed(boost::asio::io_context& loop) {
    while (reply(loop)) {
    }
    return ended_;
  }

 private:
  bool read() {
    char bytes[65536];
    const ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
    if (count > 0) framer_.append({bytes, static_cast<std::size_t>(count)});
    ended_ = count == 0 || (count < 0 && errno != EAGAIN);
    return !ended_ || framer_.waiting() > 0;
  }

  int fd_;
  bool connected_ = false;
  bool ended_ = false;
  VarlinkFramer framer_;
};

struct Rig {
  Directory directory;
  boost::asio::io_context loop;
  Service service;
  std::string path = directory.path("sock");
  std::optional<ControlServer> server;

  explicit Rig(const std::string& group = "") {
    server.emplace(loop, ControlOptions{path, group, "7"}, service);
  }
  void poll() {
    loop.restart();
    loop.poll();
  }
  // One client, one call, its first reply.
  VarlinkReply ask(std::string_view json) {
    Client client{path};
    client.call(json);
    return client.reply(loop).value_or(VarlinkReply{{}, false, "no reply"});
  }
};

}  // namespace tollgate::control_rig
