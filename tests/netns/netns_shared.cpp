// SPDX-License-Identifier: GPL-2.0-or-later
// Sockets that several processes hold, by fork, SCM_RIGHTS and socket activation: all holders are told to
// who asks, and the owner is who used the socket. With eBPF and without.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

const std::array<std::string, 2> kLookups = {"auto", "proc"};
constexpr std::uint16_t kPortOfService = 7020;
const std::string kService = kHost.v4 + ":" + std::to_string(kPortOfService);

DaemonFiles files(const std::string& policy, const std::string& lookup) {
  return {policy, "", "[process]\nlookup = \"" + lookup + "\"\ndeadline = \"30s\"\n"};
}

std::string path_of(const std::string& program) {
  return std::filesystem::canonical(find_program(program).value()).string();
}

// The last flow of that destination port, with all who hold its socket.
FlowEntry with_holders(const Scene& scene, std::uint16_t port) {
  FlowEntry last;
  for (const VarlinkReply& reply : scene.daemon.connect().call(
           "io.tollgate.ListFlows", {{"filter", {{"destination_port", port}}}, {"holders", true}}, true)) {
    REQUIRE(reply.parameters.contains("flow"));
    const auto flow = flow_from_json(reply.parameters.at("flow"));
    REQUIRE(flow.ok());
    if (flow->id > last.id) last = *flow;
  }
  REQUIRE(last.id != 0);
  return last;
}

std::set<std::uint32_t> pids(const FlowEntry& flow) {
  REQUIRE(flow.holders);
  std::set<std::uint32_t> pids;
  for (const HolderEntry& holder : *flow.holders) pids.insert(holder.pid);
  CHECK(pids.size() == flow.holders->size());
  return pids;
}

// By these programs, and no other.
bool is_held(const FlowEntry& flow, const std::set<std::string>& paths) {
  std::set<std::string> held;
  if (flow.holders) {
    for (const HolderEntry& holder : *flow.holders) held.insert(holder.path);
  }
  return held == paths;
}

bool runs(const Scene& scene, const std::string& name) {
  const Status status = scene.daemon.status();
  const auto program = status.attribution.programs.find(name);
  return program != status.attribution.programs.end() && program->second.empty();
}

// Listens when this returns.
Process serve(const Scene& scene, const std::vector<std::string>& command) {
  return in(scene.net.host, [&] {
    Process process{command};
    wait_until("listening", [&] {
      if (!process.running()) throw std::runtime_error{process.errors()};
      return !must_run({"ss", "-Hlnt", "sport = :" + std::to_string(kPortOfService)}).empty();
    });
    return process;
  });
}

Socket from_outside(const Scene& scene) {
  return Way{"inbound", &scene.net.peer, {kHost.v4, kPortOfService}, {}}.open(Transport::tcp);
}

// Python on the host that says "PID…" and goes on until it is told to end. os.getpid() is of a process
// namespace.
Process python(const Scene& scene, const std::string& script, std::set<std::uint32_t>& said,
               std::size_t many) {
  const std::string head = "PEER, PORT = '" + kPeer.v4 + "', " + std::to_string(kPort) + R"(
import array, os, signal, socket, sys
def me(): return os.readlink('/proc/self').encode() + b' '
)";
  Process process = in(scene.net.host, [&] { return Process{{"python3", "-c", head + script}}; });
  wait_until("what the script says", [&] {
    if (!process.running()) throw std::runtime_error{process.errors()};
    std::istringstream words{process.output()};
    said.clear();
    for (std::uint32_t pid = 0; words >> pid;) said.insert(pid);
    return said.size() == many;
  });
  return process;
}

}  // namespace

TEST_CASE("a socket that was there before a fork has all that came of it as holders") {
  TOLLGATE_NEEDS("python3");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(accepting_defaults(), lookup)};
    std::set<std::uint32_t> said;
    const Process crowd = python(scene, R"(
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.connect((PEER, PORT))
told, telling = os.pipe()
for i in range(70):
    if os.fork() == 0:
        os.write(telling, me())
        signal.pause()
words = me()
while words.count(b' ') < 71: words += os.read(told, 4096)
os.write(1, words)
signal.pause()
)",
                                 said, 71);
    const FlowEntry flow = with_holders(scene, kPort);
    REQUIRE(flow.process);
    CHECK(said.contains(flow.process->pid));
    const auto listed = pids(flow);
    CHECK(listed.size() == kMostHolders);
    CHECK(flow.holders_omitted == 71 - kMostHolders);
    CHECK(std::ranges::includes(said, listed));
    for (const HolderEntry& holder : *flow.holders) CHECK(holder.path == flow.process->path);
    // Nobody asked: nobody looked.
    CHECK_FALSE(scene.daemon.flow_to(kPort).holders);
  }
}

TEST_CASE("a socket that was passed on and is kept has both as holders, and the one who sends as owner") {
  TOLLGATE_NEEDS("python3");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(accepting_defaults(), lookup)};
    std::set<std::uint32_t> said;
    const Process both = python(scene, R"(
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
child = os.fork()
if child == 0:
    ours.close()
    data, ancillary, flags, address = theirs.recvmsg(1, socket.CMSG_LEN(4))
    got = socket.socket(fileno=array.array('i', ancillary[0][2])[0])
    got.sendto(b'x', (PEER, PORT))
    got.recv(1)
    theirs.send(me())
    signal.pause()
theirs.close()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 0))
ours.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno()]))])
os.write(1, me() + ours.recv(100))
signal.pause()
)",
                                said, 2);
    const FlowEntry flow = with_holders(scene, kPort);
    CHECK(pids(flow) == said);
    REQUIRE(flow.process);
    CHECK(said.contains(flow.process->pid));
    // The child came last. Without eBPF it is not known who used it: then it is one of the two.
    if (lookup == "auto" && flow.process->source == "ebpf") CHECK(flow.process->pid == *said.rbegin());
    const std::string id = std::to_string(flow.id);
    const std::string shown = scene.daemon.tollgate({"flows", "--holders", id}).output;
    for (const std::uint32_t pid : said)
      CHECK(shown.find("[" + std::to_string(pid) + "]") != std::string::npos);
    CHECK(scene.daemon.tollgate({"flows", id, "--json"}).output.find(R"("holders":null)") !=
          std::string::npos);
  }
}

TEST_CASE("a connection that was accepted for a service is held by it, and owned by who accepted") {
  TOLLGATE_NEEDS("systemd-socket-activate", "socat", "ss");
  const std::string activator = path_of("systemd-socket-activate");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(
        "[default]\ninbound = \"permanent-block\"\n" +
            rule("activated", "permanent-accept", "direction = \"inbound\"\nprocess = \"" + activator + "\""),
        lookup)};
    const Process listening = serve(scene, {"systemd-socket-activate", "--accept", "--inetd", "--listen",
                                            kService, "socat", "STDIO", "PIPE"});
    const Socket connection = from_outside(scene);
    wait_until("the service", [&] {
      const FlowEntry flow = with_holders(scene, kPortOfService);
      return is_held(flow, {path_of("socat")});
    });
    const FlowEntry flow = with_holders(scene, kPortOfService);
    CHECK(flow.rule == "activated");
    REQUIRE(flow.process);
    CHECK(flow.process->path == activator);
  }
}

// A service gets the listening socket, as with Accept=no in systemd.socket(5): from a program that becomes
// the service, or from one that starts it and keeps the socket.
TEST_CASE("a listening socket belongs to the service that accepts, not to who opened it") {
  TOLLGATE_NEEDS("systemd-socket-activate", "python3", "ss");
  const TemporaryDirectory folder;
  const std::string service = folder.write("service.py", R"(
import socket
s = socket.socket(fileno=3)
kept = []
while True: kept.append(s.accept()[0])
)");
  const std::string supervisor = folder.write("supervisor.py", R"(
import os, select, socket, sys
s = socket.socket()
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen()
select.select([s], [], [])
if os.fork() == 0:
    os.dup2(s.fileno(), 3)
    os.set_inheritable(3, True)
    os.execvp('python3', ['python3', sys.argv[3]])
os.wait()
)");
  const std::vector<std::vector<std::string>> starters = {
      {"systemd-socket-activate", "--listen", kService, "python3", service},
      {"python3", supervisor, kHost.v4, std::to_string(kPortOfService), service}};
  for (const std::string& lookup : kLookups) {
    for (const auto& starter : starters) {
      INFO(lookup << ' ' << starter.front());
      const bool keeps = starter.front() == "python3";
      const Scene scene{files(accepting_defaults(), lookup)};
      const Process listening = serve(scene, starter);
      const Socket first = from_outside(scene);
      wait_until("the service", [&] {
        const FlowEntry flow = with_holders(scene, kPortOfService);
        return flow.holders && flow.holders->size() == 1;
      });
      const FlowEntry before = with_holders(scene, kPortOfService);
      const std::uint32_t accepted = before.holders->front().pid;
      const Socket second = from_outside(scene);
      FlowEntry flow;
      wait_until("the next connection", [&] {
        flow = with_holders(scene, kPortOfService);
        return flow.id != before.id && (flow.process || !flow.process_unknown.empty());
      });
      INFO(flow.process_unknown);
      REQUIRE(flow.process);
      INFO(flow.process->command);
      const bool supervises = flow.process->command.find("supervisor.py") != std::string::npos;
      // Who keeps the socket and does not use it is only told from who does by eBPF.
      if (!keeps || runs(scene, "tollgate_accept")) {
        CHECK(flow.process->pid == accepted);
        CHECK_FALSE(supervises);
      }
      if (flow.process->pid != accepted) CHECK(supervises);
    }
  }
}

TEST_CASE("a connection that nobody has accepted yet belongs to who listens") {
  TOLLGATE_NEEDS("python3", "ss");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(accepting_defaults(), lookup)};
    const Process listening =
        serve(scene, {"python3", "-c",
                      "import signal, socket\ns = socket.socket()\ns.bind(('" + kHost.v4 + "', " +
                          std::to_string(kPortOfService) + "))\ns.listen()\nsignal.pause()\n"});
    const Socket connection = from_outside(scene);
    FlowEntry flow;
    wait_until("what is known of it", [&] {
      flow = scene.daemon.flow_to(kPortOfService);
      return flow.process || !flow.process_unknown.empty();
    });
    INFO(flow.process_unknown);
    REQUIRE(flow.process);
    CHECK(flow.process->command.find("s.listen()") != std::string::npos);
  }
}
