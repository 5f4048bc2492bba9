// SPDX-License-Identifier: GPL-2.0-or-later
// Whose connection it is where two have the same name: a port that passes from one program to the next, one
// tuple in two network namespaces, one program among two thousand.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <optional>
#include <sstream>
#include <vector>

#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

const std::array<std::string, 2> kLookups = {"auto", "proc"};

DaemonFiles files(const std::string& policy, const std::string& lookup) {
  return {policy, "", "[process]\nlookup = \"" + lookup + "\"\ndeadline = \"30s\"\n"};
}

std::string only(const std::string& fields) {
  return "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-accept\"\n" +
         rule("these", "permanent-accept", fields);
}

std::string path_of(const std::string& program) {
  return std::filesystem::canonical(find_program(program).value()).string();
}

// Has the port as soon as the one before it lets go of it, or has it already (shared), and goes on until it
// is refused.
constexpr const char* kHeir = R"(
import os, socket, sys
peer, port, connected = sys.argv[1], int(sys.argv[2]), sys.argv[3] == 'connected'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sys.argv[3] == 'shared')
s.settimeout(0.05)
if sys.argv[3] == 'shared': s.bind(('', 9000))
print(os.readlink('/proc/self'), flush=True)
sys.stdin.readline()
if sys.argv[3] != 'shared': s.bind(('', 9000))
if connected: s.connect((peer, port))
for i in range(1200):
    try:
        if connected: s.send(b'x')
        else: s.sendto(b'x', (peer, port))
        s.recv(1)
    except TimeoutError:
        pass
    except OSError:
        sys.exit(0)
sys.exit('never refused')
)";

// Waits for its heir to be ready, talks, lets go.
constexpr const char* kFirst = R"(
import os, socket, subprocess, sys
peer, port, connected = sys.argv[1], int(sys.argv[2]), sys.argv[3] == 'connected'
heir = subprocess.Popen([sys.executable, sys.argv[4]] + sys.argv[1:4], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
theirs = heir.stdout.readline().decode().strip()
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sys.argv[3] == 'shared')
s.settimeout(60)
s.bind(('', 9000))
if connected: s.connect((peer, port))
s.sendto(b'x', (peer, port)) if not connected else s.send(b'x')
s.recv(1)
s.close()
heir.stdin.write(b'\n')
heir.stdin.flush()
print(os.readlink('/proc/self'), theirs)
sys.exit(heir.wait())
)";

}  // namespace

TEST_CASE("a UDP port that the next program has at once does not bring it the flows of the one before") {
  TOLLGATE_NEEDS("python3");
  const TemporaryDirectory folder;
  const std::string first = folder.write("first.py", kFirst), heir = folder.write("heir.py", kHeir);
  for (const std::string& lookup : kLookups) {
    for (const char* kind : {"connected", "not connected", "shared"}) {
      INFO(lookup << ", " << kind);
      const Scene scene{files(only("script = \"" + first + "\""), lookup)};
      const Finished finished = in(scene.net.host, [&] {
        return run({"python3", first, kPeer.v4, std::to_string(kPort), kind, heir});
      });
      INFO(finished.output << finished.errors);
      REQUIRE(finished.status == 0);
      std::uint32_t pid = 0, heirs_pid = 0;
      std::istringstream{finished.output} >> pid >> heirs_pid;
      std::size_t firsts = 0, heirs = 0;
      for (const FlowEntry& flow : scene.daemon.flows()) {
        if (flow.source_port != 9000) continue;
        INFO(flow.process_unknown);
        REQUIRE(flow.process);
        const bool is_first = flow.process->pid == pid;
        (is_first ? firsts : heirs) += 1;
        CHECK(flow.process->pid == (is_first ? pid : heirs_pid));
        CHECK(flow.process->script == (is_first ? first : heir));
        CHECK(flow.verdict == (is_first ? "permanent-accept" : "permanent-block"));
      }
      CHECK(firsts <= 1);  // its place in the table may be the heir's by now
      CHECK(heirs == 1);
    }
  }
}

TEST_CASE("the same tuple in two network namespaces: each daemon names its own program") {
  TOLLGATE_NEEDS("python3", "bash");
  const TemporaryDirectory folder;
  const std::string script = folder.write("talk.py", R"(
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if sys.argv[1] == 'tcp' else socket.SOCK_DGRAM)
s.settimeout(60)
s.bind(('', 9001))
s.connect((sys.argv[2], int(sys.argv[3])))
s.send(b'x')
s.recv(1)
print(os.readlink('/proc/self'), flush=True)
sys.stdin.readline()
)");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const DaemonFiles accepting = files(only("script = \"" + script + "\""), lookup);
    const Scene one{accepting}, other{accepting};
    for (const std::string& protocol : {std::string{"tcp"}, std::string{"udp"}}) {
      std::array<std::optional<test::Process>, 2> programs;
      const std::array<const Scene*, 2> scenes = {&one, &other};
      for (std::size_t i = 0; i < scenes.size(); ++i) {
        programs[i] = in(scenes[i]->net.host, [&] {
          // Its own shell tells the two apart also where a pid would not.
          return test::Process{{"bash", "-c",
                                "sleep 1000 | python3 " + script + ' ' + protocol + ' ' + kPeer.v4 + ' ' +
                                    std::to_string(kPort) + "; exit"}};
        });
      }
      for (std::size_t i = 0; i < scenes.size(); ++i) {
        wait_until("the connection", [&] { return programs[i]->output().ends_with("\n"); });
        std::size_t found = 0;
        for (const FlowEntry& flow : scenes[i]->daemon.flows()) {
          if (flow.protocol != protocol || flow.source_port != 9001) continue;
          ++found;
          INFO(flow.process_unknown);
          REQUIRE(flow.process);
          CHECK(flow.process->pid == static_cast<std::uint32_t>(std::stoul(programs[i]->output())));
          CHECK(flow.rule == "these");
        }
        CHECK(found == 1);
      }
      CHECK(programs[0]->output() != programs[1]->output());
    }
  }
}

namespace {

// Processes that have descriptors and do nothing. They end with their owner, and with this program.
class Crowd {
 public:
  static constexpr int kProcesses = 2'000, kDescriptors = 100;

  Crowd() {
    std::array<int, 2> ready{};
    REQUIRE(::pipe(ready.data()) == 0);
    for (int i = 0; i < kProcesses; ++i) {
      const pid_t child = ::fork();
      if (child == 0) idle(ready[1]);
      if (child < 0) break;
      children_.push_back(child);
    }
    ::close(ready[1]);
    std::size_t there = 0;
    std::array<char, 256> some{};
    for (ssize_t count = 1; there < children_.size() && count > 0; there += static_cast<std::size_t>(count))
      count = ::read(ready[0], some.data(), some.size());
    ::close(ready[0]);
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    for (const pid_t child : children_) ::kill(child, SIGKILL);
    for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
  }
  std::size_t size() const { return children_.size(); }

 private:
  [[noreturn]] static void idle(int ready) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < kDescriptors; ++i) {
      if (::socket(AF_UNIX, SOCK_DGRAM, 0) < 0) ::_exit(1);
    }
    if (::write(ready, ".", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }

  std::vector<pid_t> children_;
};

}  // namespace

TEST_CASE("among 2,000 processes with 100 descriptors each, the one that connects is found") {
  TOLLGATE_NEEDS("curl", "bash");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(only("process = \"" + path_of("curl") + "\""), lookup)};
    const Crowd crowd;
    REQUIRE(crowd.size() == Crowd::kProcesses);
    constexpr int kConnections = 20;
    for (int i = 0; i < kConnections; ++i) {
      // Nobody listens there: 7 is the peer's refusal or ours, and the counts below tell them apart.
      CHECK(
          in(scene.net.host, [&] {
            return run({"curl", "-s", "-m", "60", "-o", "/dev/null", "http://" + kPeer.v4 + ":7003/"}).status;
          }) == 7);
    }
    CHECK(in(scene.net.host, [&] {
            return run({"bash", "-c", "exec 3<>/dev/tcp/" + kPeer.v4 + "/7004"}).status;
          }) != 0);
    CHECK(scene.daemon.verdicts("permanent-accept") == kConnections);
    const FlowEntry refused = scene.daemon.flow_to(7004);
    CHECK(refused.verdict == "permanent-block");
    REQUIRE(refused.process);
    CHECK(refused.process->path == path_of("bash"));
  }
}
