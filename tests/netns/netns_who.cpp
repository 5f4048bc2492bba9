// SPDX-License-Identifier: GPL-2.0-or-later
// Whose connection it is: rules by program, with eBPF and without, and what flows say of it.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "scene.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::uint16_t kClosed = 7003;  // nobody listens there

const std::array<std::string, 2> kLookups = {"auto", "proc"};

DaemonFiles files(const std::string& policy, const std::string& lookup) {
  return {policy, "", "[process]\nlookup = \"" + lookup + "\"\ndeadline = \"10s\"\n"};
}

std::string path_of(const std::string& program) {
  return std::filesystem::canonical(find_program(program).value()).string();
}

std::string only(const std::string& fields) {
  return "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-accept\"\n" +
         rule("these", "permanent-accept", fields);
}

Finished curl(const Scene& scene, std::uint16_t port, const std::string& host = kPeer.v4) {
  return in(scene.net.host, [&] {
    return run({"curl", "-s", "-g", "--http0.9", "-m", "60", "-o", "/dev/null",
                "http://" + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
                    std::to_string(port) + "/"});
  });
}

// Connects from the shell itself, by /dev/tcp: 0 when it could.
int by_bash(const Scene& scene, std::uint16_t port) {
  return in(scene.net.host, [&] {
    return run({"bash", "-c", "exec 3<>/dev/tcp/" + kPeer.v4 + "/" + std::to_string(port)}).status;
  });
}

ProcessEntry owner_of(const FlowEntry& flow) {
  INFO(flow.process_unknown);
  REQUIRE(flow.process);
  return *flow.process;
}

}  // namespace

TEST_CASE("a rule by program lets that program pass and no other") {
  TOLLGATE_NEEDS("curl", "bash");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(only("process = \"" + path_of("curl") + "\""), lookup)};
    CHECK(curl(scene, kClosed).status == 7);  // let through: the peer's own refusal
    const FlowEntry flow = scene.daemon.flow_to(kClosed);
    CHECK(flow.verdict == "permanent-accept");
    CHECK(flow.rule == "these");
    const ProcessEntry process = owner_of(flow);
    CHECK(process.path == path_of("curl"));
    CHECK(process.name == "curl");
    CHECK(process.command.starts_with("curl -s"));
    CHECK(process.uid == 0U);
    CHECK(process.source == (lookup == "proc" ? "sock_diag+proc" : "ebpf"));
    CHECK_FALSE(process.parents.empty());
    const std::uint64_t accepted = scene.on_peer.accepted();
    CHECK(by_bash(scene, kPort) != 0);
    CHECK(scene.on_peer.accepted() == accepted);
    const FlowEntry refused = scene.daemon.flow_to(kPort);
    CHECK(refused.verdict == "permanent-block");
    CHECK(owner_of(refused).path == path_of("bash"));
  }
}

TEST_CASE("rules by unknown program, by ancestor, by script and by what is run by none") {
  TOLLGATE_NEEDS("curl", "bash", "python3");
  const TemporaryDirectory folder;
  const std::string script =
      folder.write("fetch.py",
                   "import socket, sys\n"
                   "s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)\n");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(only("script = \"" + script + "\""), lookup)};
    const auto python = [&](const std::vector<std::string>& arguments) {
      return in(scene.net.host, [&] {
        std::vector<std::string> command = {"python3"};
        command.insert(command.end(), arguments.begin(), arguments.end());
        return run(command).status;
      });
    };
    CHECK(python({script, kPeer.v4, std::to_string(kPort)}) == 0);
    CHECK(owner_of(scene.daemon.flow_to(kPort)).script == script);
    scene.daemon.write_policy(only("parent = \"" + path_of("bash") + "\""));
    REQUIRE(scene.daemon.tollgate({"reload"}).status == 0);
    CHECK(python({script, kPeer.v4, std::to_string(kClosed)}) != 0);
    const auto in_shell = in(scene.net.host, [&] {
      return run(
          {"bash", "-c", "python3 " + script + " " + kOther.v4 + " " + std::to_string(kPort) + "; exit $?"});
    });
    CHECK(in_shell.status == 0);
  }
}

TEST_CASE("a program whose file was deleted goes by its old name") {
  TOLLGATE_NEEDS("bash");
  const TemporaryDirectory folder;
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const std::string copy = folder.path() + "/shell-" + lookup;
    std::filesystem::copy_file(path_of("bash"), copy);
    const Scene scene{files(only("process = \"" + copy + "\""), lookup)};
    const Finished finished = in(scene.net.host, [&] {
      return run(
          {copy, "-c", "/bin/rm " + copy + "; exec 3<>/dev/tcp/" + kPeer.v4 + "/" + std::to_string(kPort)});
    });
    CHECK(finished.status == 0);
    const ProcessEntry process = owner_of(scene.daemon.flow_to(kPort));
    CHECK(process.path == copy);
    CHECK(process.deleted);
  }
}

TEST_CASE("rules by the SHA-256 of a program know one file from another of the same name") {
  TOLLGATE_NEEDS("bash", "sha256sum");
  const TemporaryDirectory folder;
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const std::string copy = folder.path() + "/program-" + lookup;
    std::filesystem::copy_file(path_of("bash"), copy);
    const std::string hash = must_run({"sha256sum", copy}).substr(0, 64);
    const Scene scene{
        files(only("process.path = \"" + folder.path() + "/*\"\nprocess.sha256 = \"" + hash + "\""), lookup)};
    const auto connect = [&](const std::string& before = "") {
      return in(scene.net.host, [&] {
        return run({copy, "-c", before + "exec 3<>/dev/tcp/" + kPeer.v4 + "/" + std::to_string(kPort)})
            .status;
      });
    };
    CHECK(connect() == 0);
    const FlowEntry flow = scene.daemon.flow_to(kPort);
    CHECK(flow.rule == "these");
    CHECK(owner_of(flow).sha256 == hash);
    CHECK(scene.daemon.tollgate({"flows", "--sha256", hash}).output.find(":7000") != std::string::npos);
    // Replaced by another, as a package's upgrade does it; what runs from the old file stays what it is.
    std::filesystem::rename(copy, copy + ".old");
    std::filesystem::copy_file(copy + ".old", copy);
    must_run({"bash", "-c", "echo more >> " + copy});
    CHECK(connect() != 0);
    std::filesystem::rename(copy + ".old", copy);
    CHECK(connect() == 0);
    CHECK(connect("/bin/rm " + copy + "; ") == 0);
  }
}

TEST_CASE("a rule by SHA-256 that comes later finds the connections that are there") {
  TOLLGATE_NEEDS("bash", "sha256sum");
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(accepting_defaults(), lookup)};
    const std::string hash = must_run({"sha256sum", path_of("bash")}).substr(0, 64);
    test::Process holder = in(scene.net.host, [&] {
      return test::Process{
          {"bash", "-c",
           "exec 3<>/dev/tcp/" + kPeer.v4 + "/" + std::to_string(kPort) + "; read -u 3; echo over"}};
    });
    wait_until("the connection", [&] {
      const auto flows = scene.daemon.flows();
      return flows.size() == 1 && flows.front().process;
    });
    CHECK(owner_of(scene.daemon.flow_to(kPort)).sha256.empty());
    REQUIRE(
        scene.daemon.tollgate({"rule", "add", "process.sha256=" + hash, "verdict=permanent-block"}).status ==
        0);
    CHECK(holder.wait().output == "over\n");
    const FlowEntry flow = scene.daemon.flow_to(kPort);
    CHECK(flow.verdict == "permanent-block");
    CHECK(owner_of(flow).sha256 == hash);
  }
}

// Echo servers that are programs of their own, on both families, and listen before this returns.
std::vector<Process> serve(const Scene& scene, std::uint16_t port) {
  return in(scene.net.host, [&] {
    const std::string number = std::to_string(port);
    std::vector<Process> servers;
    servers.emplace_back(
        std::vector<std::string>{"socat", "TCP6-LISTEN:" + number + ",ipv6only=0,fork", "PIPE"});
    servers.emplace_back(
        std::vector<std::string>{"socat", "UDP6-RECVFROM:" + number + ",ipv6only=0,fork", "PIPE"});
    wait_until("listening", [&] {
      const std::string sockets = must_run({"ss", "-Hlntu", "sport = :" + number});
      return sockets.find("tcp") != std::string::npos && sockets.find("udp") != std::string::npos;
    });
    return servers;
  });
}

TEST_CASE("connections that arrive belong to whoever listens, from before the daemon or after") {
  TOLLGATE_NEEDS("socat", "ss");
  constexpr std::uint16_t kBefore = 7010, kAfter = 7011;
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const std::string policy = "[default]\ninbound = \"permanent-block\"\n" +
                               rule("the server", "permanent-accept",
                                    "direction = \"inbound\"\nprocess = \"" + path_of("socat") + "\"");
    Scene scene{files(policy, lookup), DaemonUnderTest::Start::later};
    const std::vector<Process> before = serve(scene, kBefore);
    scene.daemon.start();
    const std::vector<Process> after = serve(scene, kAfter);
    for (const std::uint16_t port : {kBefore, kAfter}) {
      for (const Transport transport : {Transport::tcp, Transport::udp}) {
        for (const std::string& address : kHost.both()) {
          INFO(address << ' ' << port << (transport == Transport::tcp ? " tcp" : " udp"));
          const Way way{"inbound", &scene.net.peer, {address, port}, {}};
          CHECK(way.talk(transport) == 0);
        }
      }
    }
    // This program's own echo server is another.
    CHECK(Way{"inbound", &scene.net.peer, {kHost.v4, kPort}, {}}.talk(Transport::tcp) != 0);
    std::size_t served = 0;
    for (const FlowEntry& flow : scene.daemon.flows()) {
      if (flow.destination_port == kPort) continue;
      ++served;
      CHECK(flow.rule == "the server");
      CHECK(owner_of(flow).path == path_of("socat"));
    }
    CHECK(served == 8);
  }
}

// Each of many children sends one datagram to a port of its own and ends at once. The senders, by port.
std::map<std::uint16_t, std::uint32_t> send_and_end(const Scene& scene, std::uint16_t first,
                                                    std::uint16_t count) {
  std::map<std::uint16_t, std::uint32_t> senders;
  in(scene.net.host, [&] {
    for (std::uint16_t i = 0; i < count; ++i) {
      const std::uint16_t port = static_cast<std::uint16_t>(first + i);
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = htons(port);
      REQUIRE(::inet_pton(AF_INET, kPeer.v4.c_str(), &to.sin_addr) == 1);
      const pid_t child = ::fork();
      if (child == 0) {
        const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
        ::sendto(socket, "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
        ::_exit(0);
      }
      senders[port] = static_cast<std::uint32_t>(child);
      REQUIRE(::waitpid(child, nullptr, 0) == child);
    }
  });
  return senders;
}

TEST_CASE("programs that send one datagram and end at once: none wrong, and with eBPF none unnamed") {
  constexpr std::uint16_t kFirst = 20'000, kCount = 1'000;
  for (const std::string& lookup : kLookups) {
    INFO(lookup);
    const Scene scene{files(accepting_defaults(), lookup)};
    const bool ebpf = !scene.daemon.status().attribution.programs.empty();
    if (lookup == "auto" && !ebpf) WARN("skipped: no eBPF here");
    const auto senders = send_and_end(scene, kFirst, kCount);
    wait_until("the last datagram", [&] { return scene.daemon.received() >= kCount; });
    wait_until("what is known of each", [&] {
      return std::ranges::all_of(scene.daemon.flows(), [](const FlowEntry& flow) {
        return flow.process || !flow.process_unknown.empty();
      });
    });
    int seen = 0, unnamed = 0, wrong = 0;
    for (const FlowEntry& flow : scene.daemon.flows()) {
      const auto sender = senders.find(flow.destination_port);
      if (sender == senders.end() || flow.protocol != "udp") continue;
      ++seen;
      if (!flow.process || flow.process->path.empty()) {
        ++unnamed;
        CHECK_FALSE(flow.process_unknown.empty());  // it says why
      } else if (flow.process->pid != sender->second) {
        ++wrong;
      }
    }
    CHECK(seen == kCount);
    if (ebpf) CHECK(unnamed == 0);
    CHECK(wrong == 0);
  }
}

TEST_CASE("flows are filtered and counted by program, and explain knows programs") {
  TOLLGATE_NEEDS("curl", "bash");
  const Scene scene{files(only("process = \"" + path_of("curl") + "\""), "auto")};
  CHECK(curl(scene, kClosed).status == 7);
  CHECK(by_bash(scene, kPort) != 0);
  const auto lines = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {"flows"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return scene.daemon.tollgate(command).output;
  };
  CHECK(lines({"--process", "*/curl"}).find(":7003") != std::string::npos);
  CHECK(lines({"--process", "*/curl"}).find(":7000") == std::string::npos);
  CHECK(lines({"--container", "docker:*"}) == "no flows\n");
  const std::string counted = lines({"--by", "process"});
  CHECK(counted.find(path_of("curl")) != std::string::npos);
  CHECK(counted.find(path_of("bash")) != std::string::npos);
  const auto explain = [&](const std::string& program) {
    return scene.daemon
        .tollgate({"explain", "--destination", kPeer.v4, "--port", "80", "--process", program, "--json"})
        .output;
  };
  CHECK(explain(path_of("curl")).find(R"("verdict":"permanent-accept")") != std::string::npos);
  CHECK(explain("/usr/bin/other").find(R"("verdict":"permanent-block")") != std::string::npos);
  CHECK(scene.daemon.log().find("by " + path_of("curl") + "[") != std::string::npos);
}

TEST_CASE("without anybody who looks, flows have no program and rules by program match none") {
  TOLLGATE_NEEDS("curl");
  const Scene scene{files(only("process = \"" + path_of("curl") + "\"") +
                              rule("of nobody known", "permanent-accept", "process = \"unknown\""),
                          "off")};
  CHECK(curl(scene, kClosed).status == 7);
  const FlowEntry flow = scene.daemon.flow_to(kClosed);
  CHECK(flow.rule == "of nobody known");
  CHECK_FALSE(flow.process);
  CHECK(flow.process_unknown == "not looked for");
}
