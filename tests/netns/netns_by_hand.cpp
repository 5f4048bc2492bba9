// SPDX-License-Identifier: GPL-2.0-or-later
// What somebody takes back or cuts by hand, while the connections live.
#include <algorithm>
#include <boost/json.hpp>

#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr int kNoneMatched = 1, kNotPermitted = 4;

ActionCounts counts(const Finished& finished) {
  INFO(finished.errors);
  REQUIRE(finished.status == 0);
  return *counts_from_json(boost::json::parse(finished.output));
}

std::string id_of(const Scene& scene, const std::string& address) {
  const auto flows = scene.daemon.flows();
  for (const FlowEntry& flow : flows) {
    if (flow.destination == address || flow.source == address) return std::to_string(flow.id);
  }
  return "0";
}

FlowEntry flow_with(const Scene& scene, const std::string& id) {
  FlowFilter filter;
  filter.ids = {std::stoull(id)};
  const auto found = scene.daemon.flows(filter);
  REQUIRE(found.size() == 1);
  return found[0];
}

bool destroys_sockets(const Scene& scene) {
  const auto lacking = scene.daemon.status().lacking;
  return std::none_of(lacking.begin(), lacking.end(), [](const std::string& what) {
    return what.find("CONFIG_INET_DIAG_DESTROY") != std::string::npos;
  });
}

// What became of a connection that somebody cut, once its end is known here.
int fate(const Socket& tcp) {
  int error = 0;
  wait_until("the end of the connection", [&] {
    error = exchange(tcp, Transport::tcp);
    return error != 0;
  });
  return error;
}

TEST_CASE("kill: both ends of a TCP connection hear of it, its neighbour does not") {
  for (const std::string& address : kPeer.both()) {
    INFO(address);
    const Scene scene{{accepting_defaults()}};
    const Way out = outbound(scene, address);
    const Socket cut = out.open(Transport::tcp);
    REQUIRE(exchange(cut, Transport::tcp) == 0);
    const std::string id = id_of(scene, address);
    const Socket neighbour = out.open(Transport::tcp);
    REQUIRE(exchange(neighbour, Transport::tcp) == 0);
    const bool can_destroy = destroys_sockets(scene);

    const ActionCounts done = counts(scene.daemon.tollgate({"kill", id, "--json"}));
    CHECK(done.matched == 1);
    CHECK(done.changed == 1);
    CHECK(done.marks_set == 1);
    CHECK(done.marks_gone == 0);
    CHECK(done.sockets_destroyed == (can_destroy ? 1 : 0));
    CHECK(done.untouched + done.waiting + done.sockets_gone + done.failed == 0);

    const int told = fate(cut);
    CHECK((told == ECONNABORTED || told == ECONNRESET || told == EPIPE));
    CHECK(exchange(neighbour, Transport::tcp) == 0);
    CHECK(scene.daemon.status().sockets.destroyed == done.sockets_destroyed);
    // A new connection is decided about as ever.
    CHECK(out.talk(Transport::tcp) == 0);
    CHECK(scene.daemon.log().find("(killed)") != std::string::npos);

    const ActionCounts again = counts(scene.daemon.tollgate({"kill", id, "--json"}));
    CHECK(again.matched == 1);
    CHECK(again.changed == 0);
    CHECK(again.untouched == 1);
    CHECK(again.marks_set + again.sockets_destroyed == 0);
  }
}

TEST_CASE("kill: what came in is cut too, and whoever began it hears of it") {
  for (const std::string& address : kPeer.both()) {
    INFO(address);
    const Scene scene{{accepting_defaults()}};
    const Socket cut = inbound(scene, address).open(Transport::tcp);
    REQUIRE(exchange(cut, Transport::tcp) == 0);
    const ActionCounts done = counts(scene.daemon.tollgate({"kill", "--direction", "inbound", "--json"}));
    CHECK(done.changed == 1);
    CHECK(fate(cut) != 0);
  }
}

TEST_CASE("kill: UDP is refused from the next packet on, in both directions") {
  const Scene scene{{accepting_defaults()}};
  for (const Way& way : {outbound(scene, kPeer.v4), inbound(scene, kPeer.v4)}) {
    INFO(way.name());
    const Socket cut = way.begin(Transport::udp);
    REQUIRE(exchange(cut, Transport::udp) == 0);
    const std::uint64_t before = scene.served();
    const ActionCounts done =
        counts(scene.daemon.tollgate({"kill", "--direction", way.direction, "--protocol", "udp", "--json"}));
    CHECK(done.changed == 1);
    CHECK(done.marks_set == 1);
    const int told = exchange(cut, Transport::udp);
    CHECK((told == EPERM || told == EHOSTUNREACH));
    CHECK(scene.served() == before);
  }
}

TEST_CASE("revoke: asked again at the next packet, once, and the log says so") {
  const Scene scene{{accepting_defaults()}};
  for (const Transport transport : {Transport::tcp, Transport::udp}) {
    for (const Way& way : ways(scene, kPeer)) {
      INFO(way.name() << " " << to_string(transport));
      const Socket socket = way.open(transport);
      REQUIRE(exchange(socket, transport) == 0);
      REQUIRE(asked_during(scene.daemon, [&] { REQUIRE(exchange(socket, transport) == 0); }) == 0);
      const ActionCounts done =
          counts(scene.daemon.tollgate({"revoke", "--verdict", "permanent-accept", "--json"}));
      CHECK(done.changed >= 1);
      CHECK(done.marks_set == done.changed);
      CHECK(done.sockets_destroyed == 0);
      CHECK(asked_during(scene.daemon, [&] { CHECK(exchange(socket, transport) == 0); }) >= 1);
      CHECK(asked_during(scene.daemon, [&] { CHECK(exchange(socket, transport) == 0); }) == 0);
      scene.daemon.tollgate({"kill", "--all"});
    }
  }
}

TEST_CASE("revoke: what the policy says now is what the flow gets, and what it had is remembered") {
  Scene scene{{accepting_defaults() + rule("first", "permanent-accept", "reauthorize = false") +
               rule("again", "permanent-block", "destination = \"" + kPeer.v4 + "\"")}};
  const Socket socket = outbound(scene, kPeer.v4).open(Transport::tcp);
  REQUIRE(exchange(socket, Transport::tcp) == 0);
  const std::string id = id_of(scene, kPeer.v4);
  const Socket other = outbound(scene, kOther.v4).open(Transport::tcp);
  const ActionCounts done =
      counts(scene.daemon.tollgate({"revoke", "--destination", kPeer.v4 + ":7000", "--json"}));
  CHECK(done.matched == 1);
  CHECK(done.changed == 1);
  CHECK(fate(socket) != 0);
  const FlowEntry flow = flow_with(scene, id);
  CHECK(flow.verdict == "permanent-block");
  CHECK(flow.old_verdict == "permanent-accept");
  CHECK(flow.cause == "revoked");
  CHECK(exchange(other, Transport::tcp) == 0);
  CHECK(scene.daemon.log().find("was permanent-accept by rule \"first\" (revoked)") != std::string::npos);
}

TEST_CASE("by hand: what fits nothing exits 1, and who may not exits 4") {
  const Scene scene{{accepting_defaults()}};
  REQUIRE(outbound(scene, kPeer.v4).talk(Transport::tcp) == 0);
  const Finished none = scene.daemon.tollgate({"kill", "987654321"});
  CHECK(none.status == kNoneMatched);
  CHECK(none.output.find("0 flows match") != std::string::npos);
  const SpawnOptions as_nobody{65534, 65534, {}};
  CHECK(scene.daemon.tollgate({"kill", "--all"}, as_nobody).status == kNotPermitted);
  CHECK(scene.daemon.tollgate({"revoke", "--all"}, as_nobody).status == kNotPermitted);
  CHECK(scene.daemon.status().sockets.destroyed == 0);
}

TEST_CASE("kill: a thousand at once, every one counted") {
  const Scene scene{{accepting_defaults()}};
  std::vector<Socket> sockets;
  for (int i = 0; i < 1000; ++i) sockets.push_back(outbound(scene, kPeer.v4).open(Transport::tcp));
  const ActionCounts done = counts(scene.daemon.tollgate({"kill", "--json", "--protocol", "tcp"}));
  CHECK(done.matched == 1000);
  CHECK(done.changed == 1000);
  CHECK(done.marks_set + done.marks_gone == 1000);
  CHECK(done.sockets_destroyed + done.sockets_gone == (destroys_sockets(scene) ? 1000 : 0));
  for (const Socket& socket : sockets) CHECK(exchange(socket, Transport::tcp) != 0);
}

}  // namespace
