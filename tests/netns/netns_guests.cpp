// SPDX-License-Identifier: GPL-2.0-or-later
// Whose a forwarded connection is: the container or the virtual machine behind an interface.
#include <filesystem>

#include "control_group.hpp"
#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

const std::array<std::string, 2> kLookups = {"auto", "proc"};

DaemonFiles files(const std::string& fields, const std::string& lookup) {
  return {"[default]\nforward = \"permanent-block\"\n" +
              rule("these", "permanent-accept", "direction = \"forward\"\n" + fields),
          "forward = true\n", "[process]\nlookup = \"" + lookup + "\"\ndeadline = \"30s\"\n"};
}

struct Gateway {
  Topology net{Machines::three};
  EchoServer on_peer{net.peer, {kPeer.v4, kPeer.v6, kOther.v4, kOther.v6}, kPort};

  // What the inner machine is behind as containers are: a bridge's port.
  void put_behind_bridge() const {
    in(net.host, [] {
      for (const std::string& command :
           {std::string{"link add br0 type bridge"}, std::string{"link set br0 up"},
            std::string{"addr flush dev "} + kInnerLink,
            std::string{"link set "} + kInnerLink + " master br0", "addr add " + kRouter.v4 + "/24 dev br0",
            "addr add " + kRouter.v6 + "/64 dev br0 nodad"}) {
        must_run({"sh", "-c", "ip " + command});
      }
    });
  }

  // A program of the inner machine, in that group, connects. Nobody of this test is in there meanwhile.
  Finished connect(const std::string& group, const std::string& to) const {
    const std::string bracketed = to.find(':') == std::string::npos ? to : '[' + to + ']';
    test::Process program = in(*net.inner, [&] {
      return test::Process{
          {"sh", "-c",
           "echo $$ > " + group + "/cgroup.procs; while [ ! -e " + folder.path() +
               "/go ]; do sleep 0.02; done; exec curl -s -g -m 60 --http0.9 -o /dev/null http://" +
               bracketed + ":7003/"}};
    });
    folder.write("go", "");
    Finished finished = program.wait();
    std::filesystem::remove(folder.path() + "/go");
    return finished;
  }

  TemporaryDirectory folder;
};

}  // namespace

TEST_CASE("a forwarded connection is the container's that sends it, or that it is for") {
  TOLLGATE_NEEDS("sh", "curl");
  const auto root = group_root();
  if (!root) {
    WARN("skipped: no cgroup v2 hierarchy here");
    return;
  }
  const std::string id(64, 'b');
  const ControlGroup group{*root, "system.slice/docker-" + id + ".scope"};
  const ControlGroup other{*root, "system.slice/demo.service"};
  for (const std::string& lookup : kLookups) {
    for (const bool bridged : {false, true}) {
      INFO(lookup << (bridged ? ", behind a bridge" : ""));
      const Gateway gate;
      if (bridged) gate.put_behind_bridge();
      const DaemonUnderTest daemon{gate.net.host, files("container = \"docker:*\"", lookup)};
      std::size_t allowed = 0;
      for (const std::string& address : kPeer.both()) {
        INFO(address);
        // Nobody listens there: 7 is the peer's refusal or ours, and the flow tells them apart.
        CHECK(gate.connect(group.path(), address).status == 7);
        CHECK(daemon.verdicts("permanent-accept") == ++allowed);
      }
      for (const FlowEntry& flow : daemon.flows()) {
        INFO(flow.process_unknown);
        REQUIRE(flow.process);
        CHECK(flow.rule == "these");
        CHECK(flow.process->source == "netns");
        CHECK(flow.process->pid == 0);
        CHECK(flow.process->path.empty());
        CHECK(flow.process->container == "docker:" + id.substr(0, 12));
        CHECK(flow.process->cgroup.ends_with(".scope"));
      }
      CHECK(daemon.tollgate({"flows", "--container", "docker:*"}).output.find(":7003") != std::string::npos);
      CHECK(daemon.tollgate({"flows", "--by", "container"}).output.find("docker:") != std::string::npos);
      CHECK(daemon.log().find("by docker:" + id.substr(0, 12)) != std::string::npos);
    }
  }
}

TEST_CASE("what nobody of this machine forwards through it has no owner") {
  TOLLGATE_NEEDS("sh", "curl");
  const Gateway gate;
  const DaemonUnderTest daemon{gate.net.host, files("container = \"*\"", "auto")};
  // The test's own threads are no process of that namespace; nobody else is in it.
  const Socket socket = in(*gate.net.inner, [] { return begin(Transport::udp, {kPeer.v4, 7003}, {}); });
  send_one(socket, Transport::udp);
  wait_until("the flow", [&] { return daemon.verdicts("permanent-block") == 1; });
  const FlowEntry flow = daemon.flow_to(7003);
  CHECK_FALSE(flow.process);
  CHECK(flow.process_unknown == "not of this machine");
}

TEST_CASE("a forwarded connection from a tap is the program's that holds it") {
  TOLLGATE_NEEDS("python3", "ip");
  if (!std::filesystem::exists("/dev/net/tun")) {
    WARN("skipped: no /dev/net/tun here");
    return;
  }
  // A machine of one datagram.
  const std::string script = R"(
import fcntl, os, socket, struct, subprocess, sys
tap = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(tap, 0x400454ca, struct.pack('16sH22x', b'vm0', 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
subprocess.check_call(['ip', 'link', 'set', 'vm0', 'up'])
subprocess.check_call(['ip', 'addr', 'add', '10.79.0.1/24', 'dev', 'vm0'])
source, peer = socket.inet_aton('10.79.0.2'), socket.inet_aton(sys.argv[1])
def sum16(data): 
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
udp = struct.pack('!HHHH', 9002, int(sys.argv[2]), 9, 0) + b'x'
head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, source, peer)
os.write(tap, head[:10] + struct.pack('!H', sum16(head)) + head[12:] + udp)
while True:
    answer = os.read(tap, 2000)
    if answer[0] >> 4 == 4 and answer[9] == 17 and answer[12:16] == peer: break
print(os.readlink('/proc/self'), flush=True)
sys.stdin.readline()
)";
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Gateway gate;
    const DaemonUnderTest daemon{gate.net.host, files("process = \"*/python*\"", lookup)};
    test::Process machine = in(gate.net.host, [&] {
      return test::Process{
          {"sh", "-c", "sleep 1000 | python3 -c \"$0\" " + kPeer.v4 + ' ' + std::to_string(kPort), script}};
    });
    wait_until("the answer", [&] {
      if (!machine.running()) throw std::runtime_error{machine.errors()};
      return machine.output().ends_with("\n");
    });
    const FlowEntry flow = daemon.flow_to(kPort);
    REQUIRE(flow.process);
    CHECK(flow.process->source == "tap");
    CHECK(flow.process->pid == static_cast<std::uint32_t>(std::stoul(machine.output())));
    CHECK(flow.process->container == "tap:vm0");
  }
}
