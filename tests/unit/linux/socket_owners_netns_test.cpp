// SPDX-License-Identifier: GPL-2.0-or-later
// The eBPF programs against the real kernel: who uses a socket, while it is open and after.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "held_socket.hpp"
#include "linux/process_image.hpp"
#include "linux/socket_owners.hpp"
#include "netns.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

// Loading them takes a moment: once for all tests of this program.
SocketOwners* owners() {
  static const auto opened = SocketOwners::open();
  if (!opened) {
    WARN("SKIPPED: " << opened.error());
    return nullptr;
  }
  return opened.value().get();
}

bool runs(const SocketOwners& all, const std::string& name) {
  const auto& programs = all.programs();
  const auto found = std::ranges::find(programs, name, &BpfProgram::name);
  return found != programs.end() && found->problem.empty();
}

// What a child did with one socket.
struct Done {
  pid_t pid = 0;
  std::uint64_t cookie = 0;
  FiveTuple local;  // with its end first
};

sockaddr_in6 address(const std::string& text, std::uint16_t port) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(port);
  const std::string v6 = text.find(':') == std::string::npos ? "::ffff:" + text : text;
  REQUIRE(::inet_pton(AF_INET6, v6.c_str(), &out.sin6_addr) == 1);
  return out;
}

enum class Way { connect, send, connect_and_send };

// Runs to its end before anybody looks: one socket, one packet to the address, and exit.
Done one_shot(int type, Way way, const std::string& to, std::uint16_t port, bool mapped = false) {
  const bool v4 = to.find(':') == std::string::npos;
  sockaddr_in6 six = address(to, port);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  std::memcpy(&four.sin_addr, six.sin6_addr.s6_addr + 12, 4);
  const bool use_four = v4 && !mapped;
  const auto* const peer =
      use_four ? reinterpret_cast<const sockaddr*>(&four) : reinterpret_cast<const sockaddr*>(&six);
  const socklen_t peer_size = use_four ? sizeof four : sizeof six;

  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int socket = ::socket(use_four ? AF_INET : AF_INET6, type, 0);
    if (way != Way::send) ::connect(socket, peer, peer_size);
    if (way == Way::send) ::sendto(socket, "x", 1, 0, peer, peer_size);
    if (way == Way::connect_and_send) ::send(socket, "x", 1, MSG_NOSIGNAL);
    struct {
      std::uint64_t cookie = 0;
      sockaddr_in6 name{};
    } said;
    socklen_t size = sizeof said.cookie;
    ::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &said.cookie, &size);
    size = sizeof said.name;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&said.name), &size);
    ::close(socket);
    const bool told = ::write(pipe[1], &said, sizeof said) == sizeof said;
    ::_exit(told ? 0 : 1);
  }
  struct {
    std::uint64_t cookie = 0;
    sockaddr_in6 name{};
  } said;
  REQUIRE(::read(pipe[0], &said, sizeof said) == sizeof said);
  ::close(pipe[0]);
  ::close(pipe[1]);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);

  Done done{pid, said.cookie, {}};
  done.local.family = v4 ? Family::ipv4 : Family::ipv6;
  done.local.protocol = type == SOCK_STREAM ? Protocol::tcp : Protocol::udp;
  const IpAddress local = *IpAddress::parse(v4 ? "127.0.0.1" : "::1");
  done.local.source = local.bytes();
  done.local.destination = IpAddress::parse(to)->bytes();
  done.local.source_port = ntohs(said.name.sin6_port);
  done.local.destination_port = port;
  return done;
}

void in_namespace(const std::function<void()>& body) {
  if (const char* why = no_netns()) {
    WARN("SKIPPED: " << why);
    return;
  }
  in_netns([&] {
    must_run("ip link set lo up");
    body();
  });
}

}  // namespace

TEST_CASE("every eBPF program runs, or says why not") {
  const SocketOwners* const all = owners();
  if (all == nullptr) return;
  std::set<std::string> names;
  for (const BpfProgram& program : all->programs()) {
    names.insert(program.name);
    if (!program.problem.empty()) WARN(program.name << ": " << program.problem);
  }
  // TCP is seen by the functions of the kernel, or, where one of those is not to be had, by sockops.
  const bool by_functions = runs(*all, "tollgate_tcp_connect") && runs(*all, "tollgate_tcp_listen");
  CHECK(names.contains("tollgate_tcp") != by_functions);
  CHECK(names.size() == (by_functions ? 17 : 18));
  // These hang on interfaces that every kernel since 5.15 with cgroup-bpf has.
  for (const char* name : {"tollgate_create", "tollgate_bind4", "tollgate_bind6", "tollgate_connect4",
                           "tollgate_connect6", "tollgate_datagram4", "tollgate_datagram6"}) {
    INFO(name);
    CHECK(runs(*all, name));
  }
  CHECK((by_functions || runs(*all, "tollgate_tcp")));
}

TEST_CASE("a socket that is gone when somebody looks is still its process's") {
  SocketOwners* const all = owners();
  if (all == nullptr) return;
  in_namespace([&] {
    const std::uint64_t network = SocketOwners::network();
    REQUIRE(network != 0);
    struct Case {
      const char* name;
      int type;
      Way way;
      std::string to;
      bool mapped;
    };
    const std::vector<Case> cases = {
        {"tcp", SOCK_STREAM, Way::connect, "127.0.0.1", false},
        {"tcp over IPv6", SOCK_STREAM, Way::connect, "::1", false},
        {"tcp, IPv4 from an IPv6 socket", SOCK_STREAM, Way::connect, "127.0.0.1", true},
        {"udp", SOCK_DGRAM, Way::send, "127.0.0.1", false},
        {"udp over IPv6", SOCK_DGRAM, Way::send, "::1", false},
        {"udp, IPv4 from an IPv6 socket", SOCK_DGRAM, Way::send, "127.0.0.1", true},
        {"connected udp", SOCK_DGRAM, Way::connect_and_send, "127.0.0.1", false},
        {"connected udp over IPv6", SOCK_DGRAM, Way::connect_and_send, "::1", false},
        {"connected udp, IPv4 from an IPv6 socket", SOCK_DGRAM, Way::connect_and_send, "127.0.0.1", true},
    };
    for (const Case& one : cases) {
      INFO(one.name);
      const Done done = one_shot(one.type, one.way, one.to, 9, one.mapped);
      const auto by_tuple = all->by_tuple(done.local, network);
      const auto by_cookie = all->by_cookie(done.cookie);
      REQUIRE(by_cookie);
      CHECK(by_cookie->process.pid == static_cast<std::uint32_t>(done.pid));
      REQUIRE(by_tuple);
      CHECK(by_tuple->process.pid == static_cast<std::uint32_t>(done.pid));
      CHECK(by_tuple->cookie == done.cookie);
      CHECK(by_tuple->kernel == 0);
      CHECK_FALSE(all->by_tuple(done.local, network + 1));
    }
  });
}

TEST_CASE("1,000 programs that send one datagram and end: all named, none wrongly") {
  SocketOwners* const all = owners();
  if (all == nullptr) return;
  in_namespace([&] {
    const std::uint64_t network = SocketOwners::network();
    std::map<std::uint32_t, std::string> paths;
    int unnamed = 0, wrong = 0, without_program = 0;
    for (int i = 0; i < 1000; ++i) {
      const Done done = one_shot(SOCK_DGRAM, Way::send, "127.0.0.1", static_cast<std::uint16_t>(9 + i % 3));
      const auto owner = all->by_tuple(done.local, network);
      if (!owner) {
        ++unnamed;
        continue;
      }
      if (owner->process.pid != static_cast<std::uint32_t>(done.pid)) ++wrong;
      all->receive([&](const tollgate_image& image) {
        paths[image.process.pid] = {image.path + TOLLGATE_PATH_BYTES - image.path_length, image.path_length};
      });
      if (paths[owner->process.pid] != std::filesystem::read_symlink("/proc/self/exe")) ++without_program;
    }
    CHECK(unnamed == 0);
    CHECK(wrong == 0);
    CHECK(without_program == 0);
    CHECK(all->counters().images_lost == 0);
    CHECK(all->counters().owners_lost == 0);
  });
}

TEST_CASE("the same tuple in two network namespaces is two sockets") {
  SocketOwners* const all = owners();
  if (all == nullptr) return;
  const auto send_from = [&](std::uint64_t& network, pid_t& sender) {
    in_namespace([&] {
      network = SocketOwners::network();
      const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      sockaddr_in local{};
      local.sin_family = AF_INET;
      local.sin_port = htons(7777);
      local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0);
      sender = ::fork();
      if (sender == 0) {
        local.sin_port = htons(9);
        ::sendto(socket, "x", 1, 0, reinterpret_cast<const sockaddr*>(&local), sizeof local);
        ::_exit(0);
      }
      REQUIRE(::waitpid(sender, nullptr, 0) == sender);
      ::close(socket);
    });
  };
  std::uint64_t first_network = 0, second_network = 0;
  pid_t first = 0, second = 0;
  send_from(first_network, first);
  send_from(second_network, second);
  if (first_network == 0) return;
  FiveTuple tuple;
  tuple.protocol = Protocol::udp;
  tuple.source = tuple.destination = IpAddress::parse("127.0.0.1")->bytes();
  tuple.source_port = 7777;
  tuple.destination_port = 9;
  // The process that used the socket, not the one that opened and bound it.
  const auto one = all->by_tuple(tuple, first_network), other = all->by_tuple(tuple, second_network);
  REQUIRE(one);
  REQUIRE(other);
  CHECK(one->process.pid == static_cast<std::uint32_t>(first));
  CHECK(other->process.pid == static_cast<std::uint32_t>(second));
}

TEST_CASE("sockets that were open before the programs were loaded have their holder") {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  REQUIRE(::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0);
  const auto later = SocketOwners::open();
  if (!later) {
    WARN("SKIPPED: " << later.error());
    return;
  }
  if (!runs(**later, "tollgate_holders")) {
    WARN("SKIPPED: no iterator on this kernel");
    return;
  }
  const auto owner = (*later)->by_cookie(cookie);
  ::close(socket);
  REQUIRE(owner);
  CHECK(owner->process.pid == static_cast<std::uint32_t>(::getpid()));
  CHECK(owner->holders == 1);
  bool found = false;
  (*later)->receive([&](const tollgate_image& image) {
    if (image.process.pid != static_cast<std::uint32_t>(::getpid())) return;
    found = true;
    CHECK(std::string{image.path + TOLLGATE_PATH_BYTES - image.path_length, image.path_length} ==
          std::filesystem::read_symlink("/proc/self/exe").string());
    CHECK(image.parent.pid == static_cast<std::uint32_t>(::getppid()));
  });
  CHECK(found);
}

TEST_CASE("all who hold a socket are known by a look at every process") {
  SocketOwners* const all = owners();
  if (all == nullptr) return;
  if (!all->can_take_census()) {
    WARN("SKIPPED: no iterator on this kernel");
    return;
  }
  HeldSocket socket;
  const SocketCensus census = all->take_census();
  CHECK(census.whole());
  const auto both = census.holders(socket.cookie());
  REQUIRE(both.size() == 2);
  CHECK(both[0].process.pid == static_cast<std::uint32_t>(::getpid()));
  CHECK(both[1].process.pid == socket.child());
  bool told = false;
  all->receive([&](const tollgate_image& image) {
    if (process_id_of(image.process) == both[1].process) told = true;
  });
  CHECK(told);
  socket.let_go();
  CHECK(all->take_census().holders(socket.cookie()).size() == 1);
}

TEST_CASE("what the maps have forgotten to make room is counted, and never too high") {
  const auto own = SocketOwners::open();
  if (!own) {
    WARN("SKIPPED: " << own.error());
    return;
  }
  CHECK((*own)->counters().sockets_forgotten == 0);
  constexpr std::uint64_t kMore = 3'000;
  std::vector<std::uint64_t> cookies;
  for (std::uint64_t i = 0; i < TOLLGATE_MOST_OWNERS + kMore; ++i) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    std::uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    REQUIRE(::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0);
    ::close(socket);
    cookies.push_back(cookie);
  }
  const auto known = static_cast<std::uint64_t>(std::ranges::count_if(
      cookies, [&](std::uint64_t cookie) { return (*own)->by_cookie(cookie).has_value(); }));
  const std::uint64_t forgotten = (*own)->counters().sockets_forgotten;
  CHECK(forgotten >= kMore);
  // Beside ours there are those that others have opened.
  CHECK(known <= TOLLGATE_MOST_OWNERS);
  CHECK(forgotten <= cookies.size() - known + TOLLGATE_MOST_OWNERS / 4);
}
