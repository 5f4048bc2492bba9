// SPDX-License-Identifier: GPL-2.0-or-later
// What many live flows cost: a reload that takes some of them back, and a start that finds them all.
//
//   bench_life [FLOWS [CHANGED [RULES [NETWORKS]]]]     (100000 100 20000 1000000)
//
// The reloads come twice: of a policy of a rule or two, and of one with that many rules, and a list of that
// many networks, which takes long to compile.
//
// The flows are UDP, of one socket, to a peer that does not answer. What a reload costs those who are
// not concerned is seen from outside: how long a new flow's first exchange takes at most meanwhile.
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>
#include <vector>

#include "daemon_under_test.hpp"
#include "echo_server.hpp"
#include "linux/conntrack_message.hpp"
#include "linux/netlink_reader.hpp"
#include "linux/netlink_socket.hpp"
#include "topology.hpp"
#include "traffic.hpp"

namespace tollgate::bench {
namespace {

using namespace test;
using SteadyClock = std::chrono::steady_clock;

constexpr std::uint16_t kEchoPort = 7000;
constexpr std::uint16_t kFirstPort = 10'000;
constexpr std::size_t kPorts = 50'000;  // of one address

double milliseconds(SteadyClock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

double processor_milliseconds(pid_t pid) {
  double all = 0;
  for (const auto& task : std::filesystem::directory_iterator{"/proc/" + std::to_string(pid) + "/task/"}) {
    double nanoseconds = 0;
    if (std::ifstream{task.path() / "schedstat"} >> nanoseconds) all += nanoseconds / 1e6;
  }
  return all;
}

std::string address(std::size_t flow) { return "10.79.0." + std::to_string(1 + flow / kPorts); }
std::uint16_t port(std::size_t flow) { return static_cast<std::uint16_t>(kFirstPort + flow % kPorts); }

// What else is in the policy.
struct Ballast {
  std::size_t rules = 0;
  std::size_t networks = 0;
};

// Rules of which no flow is, each by another address; and a list, with a rule that speaks of it.
std::string ballast_text(const Ballast& ballast) {
  std::string text;
  if (ballast.networks != 0) {
    text +=
        "[list.big]\naddresses = \"big.txt\"\n[[rule]]\nname = \"big\"\ndirection = \"outbound\"\n"
        "destination = \"@big\"\nverdict = \"permanent-block\"\n";
  }
  for (std::size_t i = 0; i < ballast.rules; ++i) {
    text += "[[rule]]\nname = \"rule " + std::to_string(i) +
            "\"\ndirection = \"outbound\"\ndestination = \"10." + std::to_string(100 + i / 62'500) + "." +
            std::to_string(i / 250 % 250) + "." + std::to_string(i % 250) +
            "\"\nport = \"tcp/443\"\nverdict = \"permanent-block\"\n";
  }
  return text;
}

std::string list_text(const Ballast& ballast) {
  std::string text;
  for (std::size_t i = 0; i < ballast.networks; ++i) {
    text += std::to_string(20 + i / 65'536) + "." + std::to_string(i / 256 % 256) + "." +
            std::to_string(i % 256) + ".0/24\n";
  }
  return text;
}

// The first `blocked` flows are refused.
std::string policy(std::size_t blocked, const Ballast& ballast = {}) {
  std::string text =
      "[default]\noutbound = \"permanent-accept\"\ninbound = \"permanent-accept\"\n" + ballast_text(ballast);
  if (blocked == 0) return text;
  return text + "[[rule]]\nname = \"taken back\"\ndirection = \"outbound\"\ndestination = \"" + address(0) +
         "\"\nport = \"udp/" + std::to_string(kFirstPort) + "-" + std::to_string(kFirstPort + blocked - 1) +
         "\"\nverdict = \"permanent-block\"\n";
}

// New flows, one after the other, and how long the slowest took to get its answer.
class NewFlows {
 public:
  explicit NewFlows(const NetworkNamespace& from) : from_{from} {
    thread_ = std::thread{[this] {
      const Inside inside{from_};
      while (!stop_) {
        const auto begun = SteadyClock::now();
        if (talk(Transport::udp, {kPeer.v4, kEchoPort}) != 0) continue;
        const double took = milliseconds(SteadyClock::now() - begun);
        if (took > longest_) longest_ = took;
        ++count_;
      }
    }};
  }
  ~NewFlows() {
    stop_ = true;
    thread_.join();
  }
  void reset() { longest_ = 0; }
  double longest() const { return longest_; }
  std::size_t count() const { return count_; }

 private:
  const NetworkNamespace& from_;
  std::atomic<bool> stop_{false};
  std::atomic<double> longest_{0};
  std::atomic<std::size_t> count_{0};
  std::thread thread_;
};

// Waits for that many marks that become "block"; when the last did.
SteadyClock::time_point wait_for_marks(NetlinkSocket& events, std::size_t count) {
  std::vector<std::uint8_t> buffer(64 * 1024);
  auto last = SteadyClock::now();
  while (count > 0) {
    const auto received = events.receive(buffer);
    if (received.read == NetlinkSocket::Read::empty) {
      pollfd wait{events.fd(), POLLIN, 0};
      if (::poll(&wait, 1, 30'000) <= 0) throw std::runtime_error{"marks that do not come"};
      continue;
    }
    NetlinkMessages messages{received.bytes};
    nlmsghdr header{};
    std::span<const std::uint8_t> message;
    while (messages.next(header, message)) {
      const auto decoded = decode_conntrack(message);
      if (!decoded || (decoded->attributes.mark.value_or(0) & 0x0f000000) != 0x02000000) continue;
      last = SteadyClock::now();
      if (count > 0) --count;
    }
  }
  return last;
}

void open_flows(const DaemonUnderTest& daemon, const Socket& socket, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const SocketAddress to = to_socket_address({address(i), port(i)});
    ::sendto(socket.fd(), "x", 1, 0, to.get(), to.length);
    if (i % 1000 == 999) wait_until("flows", [&] { return daemon.status().flows.active > i; });
  }
}

void reload(DaemonUnderTest& daemon, const NetworkNamespace& host, std::size_t changed,
            const Ballast& ballast) {
  auto events = in(host, [] { return NetlinkSocket::open(NETLINK_NETFILTER); });
  if (!events) throw std::runtime_error{events.error()};
  events->set_receive_buffer(64 << 20);
  events->join(NFNLGRP_CONNTRACK_UPDATE);
  NewFlows others{host};
  wait_until("new flows", [&] { return others.count() > 200; });
  const double usual = others.longest();
  others.reset();
  daemon.write_policy(policy(changed, ballast));
  const double cpu = processor_milliseconds(daemon.pid());
  const auto begun = SteadyClock::now();
  ::kill(daemon.pid(), SIGHUP);
  const auto last = wait_for_marks(*events, changed);
  std::this_thread::sleep_for(std::chrono::seconds{1});  // the rest of the flows is looked at
  std::printf(
      "reload, %zu rules more, %zu networks, %zu flows change: last mark after %.1f ms, processor %.1f ms, "
      "slowest new flow %.2f ms "
      "(before: %.2f ms)\n",
      ballast.rules, ballast.networks, changed, milliseconds(last - begun),
      processor_milliseconds(daemon.pid()) - cpu, others.longest(), usual);
}

void restart(DaemonUnderTest& daemon, std::size_t flows) {
  daemon.kill();
  const auto begun = SteadyClock::now();
  daemon.start();
  const double took = milliseconds(SteadyClock::now() - begun);
  std::printf("start, %llu of %zu flows adopted: ready after %.1f ms, processor %.1f ms\n",
              static_cast<unsigned long long>(daemon.status().flows.active), flows, took,
              processor_milliseconds(daemon.pid()));
}

void reloads(DaemonUnderTest& daemon, const NetworkNamespace& host, std::size_t changed,
             const Ballast& ballast) {
  daemon.write_list("big.txt", list_text(ballast));
  for (int round = 0; round < 3; ++round) {
    daemon.write_policy(policy(0, ballast));
    daemon.hang_up();
    std::this_thread::sleep_for(std::chrono::seconds{1});
    reload(daemon, host, changed, ballast);
  }
  daemon.write_policy(policy(0));
  daemon.hang_up();
}

void bench(std::size_t flows, std::size_t changed, const Ballast& ballast) {
  const Topology net;
  in(net.peer, [&] {
    for (std::size_t i = 0; i < flows; i += kPorts)
      must_run({"ip", "address", "add", address(i) + "/32", "dev", "lo"});
    must_run({"iptables", "-A", "INPUT", "-p", "udp", "-d", "10.79.0.0/16", "-j", "DROP"});
  });
  const EchoServer echo{net.peer, {kPeer.v4}, kEchoPort};
  SpawnOptions options;
  options.beside_us = true;  // it has to find the owner of the flows: us
  DaemonUnderTest daemon{net.host, {policy(0)}, DaemonUnderTest::Start::now, options};
  in(net.host, [] {
    std::ofstream{"/proc/sys/net/netfilter/nf_conntrack_udp_timeout"} << "3600";
    std::ofstream{"/proc/sys/net/ipv4/ip_local_port_range"} << "1024 65535";
  });
  restart(daemon, 0);
  Socket socket;
  in(net.host, [&] {
    socket = Socket{AF_INET, SOCK_DGRAM};
    socket.set(SOL_SOCKET, SO_SNDBUFFORCE, 64 << 20);
    open_flows(daemon, socket, flows);
  });
  reloads(daemon, net.host, changed, {});
  reloads(daemon, net.host, changed, ballast);
  for (int round = 0; round < 3; ++round) restart(daemon, flows);
}

}  // namespace
}  // namespace tollgate::bench

int main(int argc, char** argv) {
  const auto number = [&](int index, unsigned long otherwise) {
    return argc > index ? std::strtoul(argv[index], nullptr, 10) : otherwise;
  };
  if (::geteuid() != 0) {
    std::cerr << "bench_life: network namespaces need root\n";
    return 1;
  }
  try {
    tollgate::bench::bench(number(1, 100'000), number(2, 100), {number(3, 20'000), number(4, 1'000'000)});
    return 0;
  } catch (const std::exception& problem) {
    std::cerr << "bench_life: " << problem.what() << '\n';
    return 1;
  }
}
