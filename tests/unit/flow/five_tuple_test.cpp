// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/flow/five_tuple.hpp"

#include <random>

#include "catch.hpp"

using namespace tollgate;

namespace {

FiveTuple tuple(const char* source, std::uint16_t source_port, const char* destination,
                std::uint16_t destination_port, Protocol protocol = Protocol::tcp) {
  Endpoints ends;
  ends.source = *IpAddress::parse(source);
  ends.destination = *IpAddress::parse(destination);
  ends.protocol = protocol;
  ends.source_port = source_port;
  ends.destination_port = destination_port;
  return FiveTuple::of(ends);
}

FiveTuple icmp(const char* source, const char* destination, std::uint8_t type, std::uint8_t code,
               std::uint16_t id, Protocol protocol = Protocol::icmp) {
  Endpoints ends;
  ends.source = *IpAddress::parse(source);
  ends.destination = *IpAddress::parse(destination);
  ends.protocol = protocol;
  ends.icmp = {type, code, id};
  return FiveTuple::of(ends);
}

}  // namespace

TEST_CASE("both directions of a flow have one key and one hash") {
  const FiveTuple there = tuple("10.0.0.1", 4711, "10.0.0.2", 80);
  const FlowKey one{there}, other{there.reversed()};
  CHECK(one == other);
  CHECK(one.hash() == other.hash());
  CHECK(one.swapped() != other.swapped());
  CHECK(there.reversed().reversed() == there);
}

TEST_CASE("equal addresses are told apart by their ports") {
  const FiveTuple there = tuple("127.0.0.1", 4711, "127.0.0.1", 80);
  CHECK(FlowKey{there} == FlowKey{there.reversed()});
  CHECK_FALSE(FlowKey{there} == FlowKey{tuple("127.0.0.1", 4711, "127.0.0.1", 81)});
}

TEST_CASE("protocol, family, address and port each make another key") {
  const FlowKey base{tuple("10.0.0.1", 1, "10.0.0.2", 2)};
  CHECK_FALSE(base == FlowKey{tuple("10.0.0.1", 1, "10.0.0.2", 2, Protocol::udp)});
  CHECK_FALSE(base == FlowKey{tuple("10.0.0.1", 2, "10.0.0.2", 1)});
  CHECK_FALSE(base == FlowKey{tuple("10.0.0.3", 1, "10.0.0.2", 2)});
  CHECK_FALSE(FlowKey{tuple("0a00:1::", 1, "0a00:2::", 2)} == FlowKey{tuple("10.0.0.1", 1, "10.0.0.2", 2)});
}

TEST_CASE("an IPv4-mapped IPv6 address is another host") {
  CHECK_FALSE(FlowKey{tuple("::ffff:10.0.0.1", 1, "::ffff:10.0.0.2", 2)} ==
              FlowKey{tuple("10.0.0.1", 1, "10.0.0.2", 2)});
}

TEST_CASE("an echo request and its reply are one flow, told apart by the ID") {
  const FiveTuple request = icmp("10.0.0.1", "10.0.0.2", 8, 0, 77);
  const FiveTuple reply = icmp("10.0.0.2", "10.0.0.1", 0, 0, 77);
  CHECK(request.reversed() == reply);
  CHECK(reply.reversed() == request);
  CHECK(FlowKey{request} == FlowKey{reply});
  CHECK_FALSE(FlowKey{request} == FlowKey{icmp("10.0.0.1", "10.0.0.2", 8, 0, 78)});
  const FiveTuple six = icmp("2001:db8::1", "2001:db8::2", 128, 0, 5, Protocol::icmpv6);
  CHECK(six.reversed() == icmp("2001:db8::2", "2001:db8::1", 129, 0, 5, Protocol::icmpv6));
}

TEST_CASE("an echo to oneself has one key for request and reply") {
  const FiveTuple request = icmp("127.0.0.1", "127.0.0.1", 8, 0, 7);
  CHECK(FlowKey{request} == FlowKey{request.reversed()});
}

TEST_CASE("ICMP without an answer keeps its type when turned round") {
  const FiveTuple advert = icmp("10.0.0.1", "10.0.0.2", 9, 0, 0);
  CHECK(advert.reversed() == icmp("10.0.0.2", "10.0.0.1", 9, 0, 0));
}

TEST_CASE("tuples are said in words") {
  CHECK(tuple("10.0.0.1", 4711, "10.0.0.2", 80).to_string() == "tcp 10.0.0.1:4711 > 10.0.0.2:80");
  CHECK(tuple("2001:db8::1", 1, "2001:db8::2", 53, Protocol::udp).to_string() ==
        "udp [2001:db8::1]:1 > [2001:db8::2]:53");
  CHECK(icmp("10.0.0.1", "10.0.0.2", 8, 0, 77).to_string() == "icmp 10.0.0.1 > 10.0.0.2 type 8 code 0 id 77");
  CHECK(tuple("10.0.0.1", 0, "10.0.0.2", 0, Protocol::gre).to_string() == "gre 10.0.0.1 > 10.0.0.2");
}

TEST_CASE("random tuples: key of the reverse is the key") {
  std::mt19937 random{20261121};
  const auto byte = [&] { return static_cast<std::uint8_t>(random() & 3); };
  for (int i = 0; i < 20'000; ++i) {
    FiveTuple t;
    t.family = (random() & 1) != 0 ? Family::ipv4 : Family::ipv6;
    const std::size_t length = t.family == Family::ipv4 ? 4 : 16;
    for (std::size_t b = 0; b < length; ++b) {
      t.source[b] = byte();
      t.destination[b] = byte();
    }
    constexpr Protocol kProtocols[] = {Protocol::tcp, Protocol::udp, Protocol::icmp, Protocol::icmpv6,
                                       Protocol::gre};
    t.protocol = kProtocols[random() % 5];
    t.source_port = byte();
    t.destination_port = static_cast<std::uint16_t>(random());
    REQUIRE(t.reversed().reversed() == t);
    REQUIRE(FlowKey{t} == FlowKey{t.reversed()});
  }
}
