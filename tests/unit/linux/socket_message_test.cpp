// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/socket_message.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <string>

#include "catch.hpp"

using namespace tollgate;

namespace {

struct Message {
  alignas(8) std::array<char, 512> bytes{};
  nlmsghdr* header = mnl_nlmsg_put_header(bytes.data());
  inet_diag_msg* about = nullptr;

  Message(std::uint8_t family, const std::string& local, std::uint16_t port, const std::string& remote = "",
          std::uint16_t remote_port = 0) {
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    about = static_cast<inet_diag_msg*>(mnl_nlmsg_put_extra_header(header, sizeof(inet_diag_msg)));
    about->idiag_family = family;
    about->idiag_state = 1;
    about->idiag_uid = 1000;
    about->idiag_inode = 77;
    about->id.idiag_sport = htons(port);
    about->id.idiag_dport = htons(remote_port);
    about->id.idiag_if = 3;
    about->id.idiag_cookie[0] = 5;
    about->id.idiag_cookie[1] = 1;
    REQUIRE(::inet_pton(family, local.c_str(), about->id.idiag_src) == 1);
    if (!remote.empty()) REQUIRE(::inet_pton(family, remote.c_str(), about->id.idiag_dst) == 1);
  }
  std::span<const std::uint8_t> span() const {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), header->nlmsg_len};
  }
};

}  // namespace

TEST_CASE("an IPv4 socket") {
  const Message message{AF_INET, "192.0.2.1", 4711, "192.0.2.2", 443};
  const auto entry = decode_socket(message.span(), Protocol::tcp);
  REQUIRE(entry);
  CHECK(entry->tuple.to_string() == "tcp 192.0.2.1:4711 > 192.0.2.2:443");
  CHECK(entry->state == 1);
  CHECK(entry->uid == 1000);
  CHECK(entry->inode == 77);
  CHECK(entry->interface == 3);
  CHECK(entry->cookie == 0x100000005);
}

TEST_CASE("IPv6 sockets, and those of them that talk IPv4") {
  struct Case {
    std::string local, remote, tuple;
  };
  const Case one = GENERATE(
      Case{"2001:db8::1", "2001:db8::2", "udp [2001:db8::1]:1 > [2001:db8::2]:2"},
      Case{"::ffff:192.0.2.1", "::ffff:192.0.2.2", "udp 192.0.2.1:1 > 192.0.2.2:2"},
      Case{"::ffff:192.0.2.1", "::", "udp 192.0.2.1:1 > 0.0.0.0:2"}, Case{"::", "::", "udp [::]:1 > [::]:2"},
      Case{"::ffff:192.0.2.1", "2001:db8::2", "udp [::ffff:192.0.2.1]:1 > [2001:db8::2]:2"});
  const Message message{AF_INET6, one.local, 1, one.remote, 2};
  const auto entry = decode_socket(message.span(), Protocol::udp);
  REQUIRE(entry);
  CHECK(entry->tuple.to_string() == one.tuple);
}

TEST_CASE("a destroyed socket says its protocol itself") {
  Message message{AF_INET, "192.0.2.1", 4711};
  CHECK_FALSE(decode_socket(message.span()));
  mnl_attr_put_u8(message.header, INET_DIAG_PROTOCOL, IPPROTO_UDP);
  const auto entry = decode_socket(message.span());
  REQUIRE(entry);
  CHECK(entry->tuple.protocol == Protocol::udp);
}

TEST_CASE("what is no message of a socket") {
  Message message{AF_INET, "192.0.2.1", 4711};
  for (std::size_t size = 0; size < message.span().size(); ++size) {
    CHECK_FALSE(decode_socket(message.span().first(size), Protocol::tcp));
  }
  message.about->idiag_family = AF_UNIX;
  CHECK_FALSE(decode_socket(message.span(), Protocol::tcp));
  message.about->idiag_family = AF_INET;
  message.header->nlmsg_type = SOCK_DESTROY;
  CHECK_FALSE(decode_socket(message.span(), Protocol::tcp));
}
