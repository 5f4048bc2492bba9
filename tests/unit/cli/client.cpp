// SPDX-License-Identifier: GPL-2.0-or-later
// The commands against a daemon that says whatever the test wants.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <sstream>
#include <thread>

#include "../control/samples.hpp"
#include "catch.hpp"
#include "cli/command_line.hpp"
#include "temporary_folder.hpp"
#include "tollgate/control/varlink.hpp"

using namespace tollgate;
using namespace tollgate::cli;

namespace {

// Takes one connection and one call, answers with the bytes given, and closes.
class Daemon {
 public:
  explicit Daemon(std::string answer) : answer_{std::move(answer)} {
    listening_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listening_, 1) == 0);
    thread_ = std::thread{[this] { serve(); }};
  }
  ~Daemon() {
    shutdown(listening_, SHUT_RDWR);  // wakes an accept that nobody came for
    thread_.join();
    ::close(listening_);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  std::string path() const { return folder_.file("sock"); }
  const std::string& call() const { return call_; }

 private:
  void serve() {
    const int peer = accept(listening_, nullptr, nullptr);
    if (peer < 0) return;
    for (char byte = 1; recv(peer, &byte, 1, 0) == 1 && byte != 0;) call_.push_back(byte);
    for (std::size_t sent = 0; sent < answer_.size();) {
      const ssize_t count = send(peer, answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
    ::close(peer);
  }

  std::string answer_, call_;
  test::TemporaryFolder folder_;
  int listening_ = -1;
  std::thread thread_;
};

struct Ran {
  int status = 0;
  std::string out, err, call;
};

Ran ask(const std::string& answer, std::vector<std::string> arguments) {
  std::ostringstream out, err;
  Page page{out, err, 0, false};
  Ran ran;
  Daemon daemon{answer};
  arguments.insert(arguments.begin(), {"--socket", daemon.path()});
  ran.status = run(arguments, page);
  ran.out = out.str();
  ran.err = err.str();
  ran.call = daemon.call();
  return ran;
}

std::string reply(boost::json::object parameters, bool continues = false) {
  return serialize(VarlinkReply{std::move(parameters), continues, ""});
}

std::string flow_reply(std::uint64_t id, bool continues) {
  FlowEntry flow = samples::flow();
  flow.id = id;
  return reply({{"flow", to_json(flow)}}, continues);
}

}  // namespace

TEST_CASE("status --json prints what the daemon says") {
  const Ran ran = ask(reply(to_json(samples::status()).as_object()), {"status", "--json"});
  CHECK(ran.status == 0);
  CHECK(ran.call == R"({"method":"io.tollgate.Status"})");
  CHECK(boost::json::parse(ran.out) == to_json(samples::status()));
}

TEST_CASE("flows collects replies until the last, and passes its filter on") {
  const Ran ran =
      ask(flow_reply(1, true) + flow_reply(2, true) + flow_reply(3, false),
          {"flows", "--json", "--protocol", "6", "--port", "443", "--user", "0", "--process", "*/curl"});
  CHECK(ran.status == 0);
  const boost::json::value flows = boost::json::parse(ran.out);
  REQUIRE(flows.as_array().size() == 3);
  CHECK(flows.at(2).at("id") == 3);
  CHECK(
      ran.call ==
      R"({"method":"io.tollgate.ListFlows","parameters":{"filter":{"ids":null,"protocol":"tcp","direction":null,)"
      R"("verdict":null,"state":null,"rule":null,"address":null,"port":443,"destination":null,)"
      R"("destination_port":null,"uid":0,"pid":null,"process":"*/curl",)"
      R"("command":null,"parent":null,"script":null,"unit":null,"slice":null,"session":null,"cgroup":null,)"
      R"("container":null,"app":null,"sha256":null}},"more":true})");
}

TEST_CASE("flows of an empty table") {
  CHECK(ask(reply({}), {"flows", "--json"}).out == "[]\n");
  CHECK(ask(reply({}), {"flows"}).out == "no flows\n");
}

TEST_CASE("flows --watch prints lines until the daemon goes, which is an error") {
  const std::string change = reply(to_json(FlowEvent{"opened", samples::flow()}).as_object(), true);
  const std::string listed = reply({{"change", "listed"}, {"flow", nullptr}}, true);
  const Ran ran = ask(change + listed + change, {"flows", "--watch", "--json"});
  CHECK(ran.status == 3);
  const std::string line = boost::json::serialize(to_json(FlowEvent{"opened", samples::flow()})) + "\n";
  CHECK(ran.out == line + line);
  CHECK(ran.err.find("closed the connection") != std::string::npos);
}

TEST_CASE("reload says the errors and exits 1") {
  const Diagnostics why{{"a.toml", 1, 2, "no"}};
  const std::string refused = serialize(
      VarlinkReply{{{"diagnostics", to_json(why)}, {"omitted", 0}}, false, varlink_error::policy_refused});
  const Ran ran = ask(refused, {"reload"});
  CHECK(ran.status == 1);
  CHECK(ran.err == "a.toml:1:2: no\ntollgate: the new policy has 1 error; the old one stays in force\n");
  const Ran good = ask(reply({{"policy", {{"generation", 4}, {"rules", 2}, {"loaded", 1.5}}}}), {"reload"});
  CHECK(good.status == 0);
  CHECK(good.out == "policy 4 is in force, 2 rules\n");
}

TEST_CASE("explain asks the daemon") {
  const Ran ran = ask(reply(to_json(samples::explanation()).as_object()),
                      {"explain", "--destination", "10.0.0.2", "--port", "53", "--user", "5", "--process",
                       "/usr/bin/curl", "--json"});
  CHECK(ran.status == 0);
  CHECK(boost::json::parse(ran.out) == to_json(samples::explanation()));
  CHECK(
      ran.call ==
      R"({"method":"io.tollgate.Explain","parameters":{"direction":"outbound","protocol":"tcp",)"
      R"("source":"0.0.0.0","destination":"10.0.0.2","source_port":0,"destination_port":53,"interface":"",)"
      R"("uid":5,"gid":null,"domain":"","name_source":"","sni":"","alpn":[],"protocol_seen":"",)"
      R"("encrypted":null,"name_mismatch":null,"process":"/usr/bin/curl","command":null,"parent":null,"script":null,)"
      R"("unit":null,"slice":null,"session":null,"cgroup":null,"container":null,"app":null,)"
      R"("sha256":null}})");
}

TEST_CASE("revoke and kill name flows, say what came of it, and exit 1 when there was none") {
  const VarlinkReply done{to_json(samples::counts()).as_object(), false, ""};
  const Ran killed = ask(serialize(done), {"kill", "7", "8", "--json"});
  CHECK(killed.status == 0);
  CHECK(boost::json::parse(killed.out) == to_json(samples::counts()));
  CHECK(
      killed.call ==
      R"({"method":"io.tollgate.Kill","parameters":{"filter":{"ids":[7,8],"protocol":null,"direction":null,)"
      R"("verdict":null,"state":null,"rule":null,"address":null,"port":null,"destination":null,)"
      R"("destination_port":null,"uid":null,"pid":null,"process":null,"command":null,"parent":null,)"
      R"("script":null,"unit":null,"slice":null,"session":null,"cgroup":null,"container":null,"app":null,)"
      R"("sha256":null},"all":false}})");
  const Ran none = ask(reply(to_json(ActionCounts{}).as_object()), {"revoke", "--all"});
  CHECK(none.status == 1);
  CHECK(none.out.starts_with("0 flows match: "));
  CHECK(none.call.starts_with(R"({"method":"io.tollgate.Revoke","parameters":{"filter":{"ids":null,)"));
  CHECK(none.call.ends_with(R"("all":true}})"));
}

TEST_CASE("a destination is an address, a network, a port, or both") {
  const auto asks_for = [](const std::string& destination) {
    const Ran ran = ask(reply({}), {"flows", "--destination", destination});
    const boost::json::value filter = boost::json::parse(ran.call).at("parameters").at("filter");
    return boost::json::serialize(filter.at("destination")) + " " +
           boost::json::serialize(filter.at("destination_port"));
  };
  CHECK(asks_for("10.0.0.1") == "\"10.0.0.1\" null");
  CHECK(asks_for("10.0.0.0/8") == "\"10.0.0.0/8\" null");
  CHECK(asks_for("10.0.0.1:443") == "\"10.0.0.1\" 443");
  CHECK(asks_for("10.0.0.0/8:443") == "\"10.0.0.0/8\" 443");
  CHECK(asks_for("2001:db8::1") == "\"2001:db8::1\" null");
  CHECK(asks_for("[2001:db8::1]") == "\"2001:db8::1\" null");
  CHECK(asks_for("[2001:db8::1]:443") == "\"2001:db8::1\" 443");
  CHECK(asks_for(":443") == "null 443");
}

TEST_CASE("what may not be asked is 4") {
  const Ran ran = ask(serialize(VarlinkReply{{}, false, varlink_error::permission_denied}), {"status"});
  CHECK(ran.status == 4);
  CHECK(ran.err ==
        "tollgate: not permitted: only root and members of the daemon's control group may do this\n");
}

TEST_CASE("a daemon that makes no sense is told apart") {
  CHECK(ask("", {"status"}).status == 3);
  CHECK(ask("half", {"status"}).status == 3);
  CHECK(ask(std::string{"nonsense\0", 9}, {"status"}).status == 3);
  const Ran unknown = ask(serialize(VarlinkReply{{}, false, varlink_error::method_not_found}), {"status"});
  CHECK(unknown.status == 1);
  CHECK(unknown.err.find("org.varlink.service.MethodNotFound") != std::string::npos);
  const Ran odd = ask(reply({{"version", 7}}), {"status"});
  CHECK(odd.status == 1);
  CHECK(odd.err.find("version: not a string") != std::string::npos);
}
