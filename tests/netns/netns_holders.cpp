// SPDX-License-Identifier: GPL-2.0-or-later
// Whose connection it is where that is hard to tell: many programs at once, sockets that go from one to
// the other, sockets of every kind, groups. With eBPF and without; never a wrong name.
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "control_group.hpp"
#include "scene.hpp"
#include "web_server.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

const std::array<std::string, 2> kLookups = {"auto", "proc"};

DaemonFiles files(const std::string& policy, const std::string& lookup, const std::string& keys = {}) {
  return {policy, keys, "[process]\nlookup = \"" + lookup + "\"\ndeadline = \"30s\"\n"};
}

std::string path_of(const std::string& program) {
  return std::filesystem::canonical(find_program(program).value()).string();
}

// The interpreter itself, and not what may stand before it in the PATH.
const std::string& python_path() {
  static const std::string path = [] {
    std::string said = must_run({"python3", "-c", "import os, sys; print(os.path.realpath(sys.executable))"});
    said.resize(said.find('\n'));
    return said;
  }();
  return path;
}

std::string only(const std::string& fields) {
  return "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-accept\"\n" +
         rule("these", "permanent-accept", fields);
}

std::string only_python() { return only("process = \"" + python_path() + "\""); }

// Runs a script on the host, that has PEER, PEER6 and PORT of the echo server and tell(SOCKET). What it
// wrote.
std::string python(const Scene& scene, const std::string& script) {
  const std::string head =
      "PEER, PEER6, PORT = '" + kPeer.v4 + "', '" + kPeer.v6 + "', " + std::to_string(kPort) + R"(
import array, os, socket, sys
# os.getpid() is of a process namespace.
def tell(s, to=1):
    words = (s.type == socket.SOCK_STREAM and b'tcp' or b'udp', s.getsockname()[1], int(os.readlink('/proc/self')))
    os.write(to, b'%s %d %d\n' % words)
)";
  return in(scene.net.host, [&] { return must_run({"python3", "-c", head + script}); });
}

// Pids by protocol and port.
using Users = std::map<std::pair<std::string, std::uint16_t>, std::uint32_t>;

// "PROTOCOL PORT PID" on each line.
Users users(const std::string& text) {
  Users users;
  std::istringstream lines{text};
  std::string protocol;
  std::uint16_t port = 0;
  std::uint32_t pid = 0;
  while (lines >> protocol >> port >> pid) users[{protocol, port}] = pid;
  return users;
}

// Each flow from one of these ports is named, and rightly; how many there are.
std::size_t named_rightly(const Scene& scene, const Users& users) {
  std::size_t count = 0;
  for (const FlowEntry& flow : scene.daemon.flows()) {
    const auto user = users.find({flow.protocol, flow.source_port});
    if (user == users.end()) continue;
    INFO(flow.protocol << " from " << flow.source << ' ' << flow.source_port << ": " << flow.process_unknown);
    REQUIRE(flow.process);
    CHECK(flow.process->pid == user->second);
    CHECK(flow.process->path == python_path());
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a storm of forks: each process's connection is its own") {
  TOLLGATE_NEEDS("python3");
  constexpr std::size_t kProcesses = 300;
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(only_python(), lookup)};
    const std::string said = python(scene, R"(
# All keep their sockets until all are done: no port is used twice.
told, telling = os.pipe()
over, end = os.pipe()
children = []
for i in range(300):
    child = os.fork()
    if child == 0:
        os.close(end)
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if i % 2 else socket.SOCK_DGRAM)
        s.settimeout(60)
        s.connect((PEER, PORT))
        s.send(b'x')
        s.recv(1)
        tell(s, telling)
        os.read(over, 1)
        os._exit(0)
    children.append(child)
os.close(telling)
lines = b''
while lines.count(b'\n') < 300: lines += os.read(told, 4096) or sys.exit('a process ended')
os.close(end)
os.write(1, lines)
sys.exit(sum(os.waitpid(child, 0)[1] for child in children) != 0)
)");
    CHECK(users(said).size() == kProcesses);
    CHECK(named_rightly(scene, users(said)) == kProcesses);
  }
}

TEST_CASE("a socket that was passed to another process belongs to the one who uses it") {
  TOLLGATE_NEEDS("python3");
  for (const std::string& lookup : kLookups) {
    for (const bool keeps : {false, true}) {
      // Where nobody saw who used it, whoever holds it may be named: then it must be one.
      if (keeps && lookup == "proc") continue;
      INFO(lookup << (keeps ? ", both hold it" : ", one holds it"));
      const Scene scene{files(only_python(), lookup)};
      const std::string said = python(scene, std::string{"keeps = "} + (keeps ? "True" : "False") + R"(
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 0))
child = os.fork()
if child == 0:
    s.close()
    data, ancillary, flags, address = theirs.recvmsg(1, socket.CMSG_LEN(4))
    got = socket.socket(fileno=array.array('i', ancillary[0][2])[0])
    theirs.recv(1)  # the other one has closed it, or keeps it
    got.settimeout(60)
    got.sendto(b'x', (PEER, PORT))
    got.recv(1)
    tell(got)
    os._exit(0)
ours.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno()]))])
if not keeps: s.close()
ours.send(b'x')
sys.exit(os.waitpid(child, 0)[1] != 0)
)");
      CHECK(named_rightly(scene, users(said)) == 1);
    }
  }
}

TEST_CASE("UDP connected and not, and IPv4 by sockets of IPv6, belong to their program") {
  TOLLGATE_NEEDS("python3");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(only_python(), lookup)};
    const std::string said = python(scene, R"(
for family, address in ((socket.AF_INET, PEER), (socket.AF_INET6, PEER6), (socket.AF_INET6, '::ffff:' + PEER)):
    for kind, connected in ((socket.SOCK_STREAM, True), (socket.SOCK_DGRAM, True), (socket.SOCK_DGRAM, False)):
        s = socket.socket(family, kind)
        s.settimeout(60)
        if connected:
            s.connect((address, PORT))
            s.send(b'x')
        else:
            s.sendto(b'x', (address, PORT))
        s.recv(1)
        tell(s)
)");
    CHECK(named_rightly(scene, users(said)) == 9);
  }
}

TEST_CASE("what nginx accepts is nginx's") {
  TOLLGATE_NEEDS("nginx", "curl");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const std::string policy = "[default]\ninbound = \"permanent-block\"\n" +
                               rule("the web", "permanent-accept",
                                    "direction = \"inbound\"\nprocess = \"" + path_of("nginx") + "\"");
    const Scene scene{files(policy, lookup)};
    const WebServer web{scene.net.host, kHost};
    for (const std::string& address : kHost.both())
      CHECK(curl(scene.net.peer, address, "small").output == "it works\n");
    // This program's own server is another.
    CHECK(Way{"inbound", &scene.net.peer, {kHost.v4, kPort}, {}}.talk(Transport::tcp) != 0);
    for (const FlowEntry& flow : scene.daemon.flows()) {
      INFO(flow.destination_port << ' ' << flow.process_unknown);
      // This program is of another process namespace than the daemon: it need not be found.
      if (flow.destination_port == 80) REQUIRE(flow.process);
      if (flow.process) CHECK((flow.process->path == path_of("nginx")) == (flow.destination_port == 80));
    }
  }
}

TEST_CASE("pings by raw sockets and by ping sockets are never somebody else's") {
  TOLLGATE_NEEDS("ping");
  for (const std::string& lookup : kLookups) {
    for (const char* range : {"1 0", "0 2147483647"}) {
      INFO(lookup << ", ping_group_range " << range);
      const Scene scene{files(accepting_defaults(), lookup, "icmp = \"flow\"\n")};
      const Finished finished = in(scene.net.host, [&] {
        write_setting("/proc/sys/net/ipv4/ping_group_range", range);
        return run({"ping", "-c", "1", "-W", "60", kPeer.v4});
      });
      CHECK(finished.status == 0);
      const Status status = scene.daemon.status();
      const auto program = status.attribution.programs.find("tollgate_packet4");
      const bool seen = program != status.attribution.programs.end() && program->second.empty();
      std::size_t pings = 0;
      for (const FlowEntry& flow : scene.daemon.flows()) {
        if (flow.protocol != "icmp") continue;
        ++pings;
        INFO(flow.process_unknown);
        if (seen) REQUIRE(flow.process);
        if (flow.process) CHECK(flow.process->path == path_of("ping"));
        if (!flow.process) CHECK_FALSE(flow.process_unknown.empty());
      }
      CHECK(pings == 1);
    }
  }
}

TEST_CASE("rules by unit, slice, cgroup and container need no more than the group") {
  TOLLGATE_NEEDS("sh", "curl");
  const auto root = group_root();
  if (!root) {
    WARN("skipped: no cgroup v2 hierarchy here");
    return;
  }
  const std::string id(64, 'a');
  struct Case {
    std::string below, fields;
  };
  const std::vector<Case> cases = {
      {"system.slice/docker-" + id + ".scope", "container = \"docker:*\""},
      {"system.slice/demo.service", "unit = \"demo.service\""},
      {"user.slice/user-1000.slice/demo.service", "slice = \"user-1000.slice\""},
      {"somewhere/else", "cgroup = \"*/somewhere/*\""},
  };
  for (const std::string& lookup : kLookups) {
    for (const Case& one : cases) {
      INFO(lookup << ' ' << one.below);
      const ControlGroup group{*root, one.below};
      const Scene scene{files(only(one.fields), lookup)};
      const auto connect = [&](const std::string& before) {
        return in(scene.net.host, [&] {
          return run({"sh", "-c",
                      before + "exec curl -s -m 60 --http0.9 -o /dev/null http://" + kPeer.v4 + ":7003/"})
              .status;
        });
      };
      // Nobody listens there: 7 is the peer's refusal or ours, and the flow tells them apart.
      CHECK(connect("echo $$ > " + group.path() + "/cgroup.procs; ") == 7);
      CHECK(scene.daemon.verdicts("permanent-accept") == 1);
      const FlowEntry flow = scene.daemon.flow_to(7003);
      INFO(flow.process_unknown);
      CHECK(flow.rule == "these");
      REQUIRE(flow.process);
      CHECK(flow.process->path == path_of("curl"));
      CHECK(flow.process->cgroup.ends_with(one.below));
      CHECK(connect("") == 7);
      CHECK(scene.daemon.verdicts("permanent-accept") == 1);
    }
  }
}

TEST_CASE("beside many processes with many descriptors the one that connects is found") {
  TOLLGATE_NEEDS("python3", "curl");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(only("process = \"" + path_of("curl") + "\""), lookup)};
    Process crowd = in(scene.net.host, [&] {
      return Process{{"python3", "-c", R"(
import os, signal, socket
ready, done = os.pipe()
for i in range(400):
    if os.fork() == 0:
        held = [socket.socket(socket.AF_UNIX) for _ in range(100)]
        os.write(done, b'.')
        signal.pause()
        os._exit(0)
for i in range(400): os.read(ready, 1)
os.write(1, b'ready')
signal.pause()
)"}};
    });
    wait_until("the crowd", [&] {
      if (!crowd.running()) throw std::runtime_error{crowd.errors()};
      return crowd.output() == "ready";
    });
    for (int i = 0; i < 5; ++i) {
      CHECK(
          in(scene.net.host, [&] {
            return run({"curl", "-s", "-m", "60", "-o", "/dev/null", "http://" + kPeer.v4 + ":7003/"}).status;
          }) == 7);
    }
    CHECK(scene.daemon.verdicts("permanent-accept") == 5);
    CHECK(scene.daemon.verdicts("permanent-block") == 0);
  }
}
