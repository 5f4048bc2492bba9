// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/observer.hpp"

#include <set>

#include "catch.hpp"
#include "client_hello.hpp"
#include "dns_builder.hpp"
#include "tollgate/wire/text.hpp"

namespace tollgate::test {
namespace {

using namespace std::chrono_literals;

// Packets of flows that are numbered by hand.
struct Scene {
  explicit Scene(const ObserverLimits& limits = {}) : observer{limits, 7} {}

  void see(std::uint64_t id, const Bytes& bytes, bool reply = false,
           Direction direction = Direction::outbound) {
    const auto packet = parse_packet(bytes, 0xffff);
    REQUIRE(packet);
    Flow flow;
    flow.id = {id};
    flow.tuple = FiveTuple::of(packet->endpoints);
    if (reply) flow.tuple = flow.tuple.reversed();
    flow.direction = direction;
    flow.picked_up = (packet->tcp_flags & tcp_flag::syn) == 0;
    flow.tcp_sequence = kSyn;
    if (seen.insert(id).second) observer.on_opened(flow, Time{1000h});
    observer.on_packet(flow, *packet, reply, bytes.size() >= packet->length, program, Time{1000h});
  }
  void resolve(std::string_view name, std::string_view address) {
    see(900, PacketBuilder{"10.0.0.1", "10.0.0.53"}
                 .udp(4711, 53)
                 .payload(as_text(DnsBuilder{1}.question(name).build()))
                 .build());
    see(900,
        PacketBuilder{"10.0.0.53", "10.0.0.1"}
            .udp(53, 4711)
            .payload(as_text(DnsBuilder{1, true}.question(name).a(name, address).build()))
            .build(),
        true);
  }
  void say(std::uint64_t id, const Bytes& payload, Direction direction = Direction::outbound) {
    see(id,
        PacketBuilder{"10.0.0.1", "192.0.2.1"}
            .tcp(static_cast<std::uint16_t>(1000 + id), 443, tcp_flag::ack, 77)
            .payload(as_text(payload))
            .build(),
        false, direction);
  }
  std::string domain(std::uint64_t id) const {
    const Observed* observed = observer.find({id});
    if (observed == nullptr) return "(nothing)";
    std::string text = observed->domain;
    if (observed->domain_source) text += " " + std::string{to_string(*observed->domain_source)};
    return text + (observed->name_mismatch ? " mismatch" : "");
  }

  static constexpr std::uint32_t kSyn = 76;
  ProgramKey program;
  Observer observer;
  std::set<std::uint64_t> seen;
};

Bytes hello(std::string_view name) { return HelloBuilder{}.server_name(name).records(); }

TEST_CASE("A flow has the name under which its address was resolved", "[observer]") {
  Scene scene;
  scene.resolve("www.example.org", "192.0.2.1");
  scene.say(1, bytes_of("words"));
  CHECK(scene.domain(1) == "www.example.org dns");
  scene.say(2, hello("www.example.org"));
  CHECK(scene.domain(2) == "www.example.org dns");
  scene.say(3, bytes_of("words"), Direction::inbound);
  CHECK(scene.domain(3) == "");
}

TEST_CASE("Where the address has several names the flow's words choose", "[observer]") {
  Scene scene;
  scene.resolve("a.example", "192.0.2.1");
  scene.resolve("b.example", "192.0.2.1");
  scene.say(1, hello("a.example"));
  CHECK(scene.domain(1) == "a.example dns");
  scene.say(2, hello("c.example"));
  CHECK(scene.domain(2) == "b.example dns mismatch");
}

TEST_CASE("Where no name is known the flow's words are all there is", "[observer]") {
  Scene scene;
  scene.say(1, hello("a.example"));
  CHECK(scene.domain(1) == "a.example tls-sni");
  scene.say(2, bytes_of("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n"));
  CHECK(scene.domain(2) == "b.example http-host");
  scene.say(3, bytes_of("GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"));
  CHECK(scene.domain(3) == "");
  CHECK(scene.observer.find({3})->findings->http_host == "192.0.2.1");
}

TEST_CASE("DNS over TCP gives names too", "[observer]") {
  Scene scene;
  const auto framed = [](const Bytes& message) {
    return ByteWriter{}.u16(message.size()).add(message).bytes();
  };
  const Bytes query = framed(DnsBuilder{1}.question("www.example.org").build());
  const Bytes answer =
      framed(DnsBuilder{1, true}.question("www.example.org").a("www.example.org", "192.0.2.1").build());
  scene.see(
      900,
      PacketBuilder{"10.0.0.1", "10.0.0.53"}.tcp(4711, 53, tcp_flag::ack, 5).payload(as_text(query)).build());
  scene.see(
      900,
      PacketBuilder{"10.0.0.53", "10.0.0.1"}.tcp(53, 4711, tcp_flag::ack, 9).payload(as_text(answer)).build(),
      true);
  scene.say(1, bytes_of("words"));
  CHECK(scene.domain(1) == "www.example.org dns");
}

TEST_CASE("Connections of DNS over TCP are bounded, and forgotten with a reset", "[observer]") {
  NameStore names{{}, 7};
  DnsListener listener{{}, 2, 7};
  const auto framed = [](const Bytes& message) {
    return ByteWriter{}.u16(message.size()).add(message).bytes();
  };
  const auto see = [&](std::uint16_t port, bool reply, std::uint8_t flags, const Bytes& payload) {
    PacketBuilder builder{reply ? "10.0.0.53" : "10.0.0.1", reply ? "10.0.0.1" : "10.0.0.53"};
    builder.tcp(reply ? 53 : port, reply ? port : 53, flags, 5);
    const Bytes bytes = builder.payload(as_text(payload)).build();
    listener.on_packet(*parse_packet(bytes), {}, Time{1000h}, names);
  };
  const auto exchange = [&](std::uint16_t port, const Bytes& first_half, const Bytes& rest) {
    see(port, true, tcp_flag::ack, first_half);
    PacketBuilder builder{"10.0.0.53", "10.0.0.1"};
    const Bytes bytes =
        builder.tcp(53, port, tcp_flag::ack, static_cast<std::uint32_t>(5 + first_half.size()))
            .payload(as_text(rest))
            .build();
    listener.on_packet(*parse_packet(bytes), {}, Time{1000h}, names);
  };
  const Bytes answer = framed(DnsBuilder{1, true}.question("a.test").a("a.test", "192.0.2.1").build());
  const Bytes head{answer.begin(), answer.begin() + 9}, tail{answer.begin() + 9, answer.end()};
  for (std::uint16_t port = 1001; port <= 1003; ++port) {
    see(port, false, tcp_flag::ack, framed(DnsBuilder{1}.question("a.test").build()));
  }
  CHECK(listener.streams() == 2);
  CHECK(listener.counters().questions == 3);
  see(1001, true, tcp_flag::ack, head);  // its beginning pushes out the second
  CHECK(listener.streams() == 2);
  exchange(1003, head, tail);
  CHECK(listener.counters().answers == 1);
  see(1003, false, tcp_flag::rst, {});
  CHECK(listener.streams() == 1);
}

TEST_CASE("A program has its own names first, and learns of the others' after them", "[observer]") {
  Scene scene;
  scene.program = {1};
  scene.resolve("mine.example", "192.0.2.1");
  scene.program = {2};
  scene.resolve("theirs.example", "192.0.2.1");
  const auto name_for = [&](std::uint64_t id, ProgramKey program) {
    Flow flow;
    flow.id = {id};
    flow.tuple =
        FiveTuple::of(parse_packet(PacketBuilder{"10.0.0.1", "192.0.2.1"}.udp(1, 2).build())->endpoints);
    scene.observer.on_opened(flow, Time{1000h});
    CHECK(scene.domain(id) == "theirs.example dns");
    CHECK(scene.observer.depends_on_owner(flow, Time{1000h}));
    scene.observer.on_owner(flow, program, Time{1000h});
    return scene.domain(id);
  };
  CHECK(name_for(1, {1}) == "mine.example dns");
  CHECK(name_for(2, {2}) == "theirs.example dns");
  CHECK(name_for(3, {3}) == "theirs.example dns");
}

TEST_CASE("What is looked at is bounded: the flow that began first is let go", "[observer]") {
  ObserverLimits limits;
  limits.max_inspections = 2;
  Scene scene{limits};
  for (std::uint64_t id = 1; id <= 3; ++id) scene.say(id, bytes_of("GET / HTTP/1.1\r\n"));
  const Bytes rest = bytes_of("Host: a.example\r\n\r\n");
  for (std::uint64_t id = 1; id <= 3; ++id) {
    scene.see(id, PacketBuilder{"10.0.0.1", "192.0.2.1"}
                      .tcp(static_cast<std::uint16_t>(1000 + id), 443, tcp_flag::ack, 77 + 16)
                      .payload(as_text(rest))
                      .build());
  }
  CHECK(scene.domain(1) == "");
  CHECK(scene.domain(2) == "a.example http-host");
  CHECK(scene.domain(3) == "a.example http-host");
  // Those that have finished take no place.
  for (std::uint64_t id = 4; id <= 9; ++id) scene.say(id, hello("b.example"));
  CHECK(scene.domain(9) == "b.example tls-sni");
}

TEST_CASE("A flow of which only the SYN is seen costs nothing", "[observer]") {
  Scene scene;
  const auto segment = [](std::uint8_t flags, std::uint32_t sequence) {
    return PacketBuilder{"10.0.0.1", "192.0.2.1"}.tcp(1001, 443, flags, sequence);
  };
  scene.see(1, segment(tcp_flag::syn, Scene::kSyn).build());
  CHECK(scene.domain(1) == "(nothing)");
  scene.see(1, segment(tcp_flag::ack, Scene::kSyn + 1).payload(as_text(hello("a.example"))).build());
  CHECK(scene.domain(1) == "a.example tls-sni");
}

TEST_CASE("What was cut teaches nothing, and its flow is looked at no longer", "[observer]") {
  Scene scene;
  const auto said = [](std::uint32_t sequence, std::string_view words) {
    return PacketBuilder{"10.0.0.1", "192.0.2.1"}
        .tcp(1001, 80, tcp_flag::ack, sequence)
        .payload(words)
        .build();
  };
  scene.see(1, said(77, "GET / HTTP/1.1\r\n"));
  Bytes cut = said(77 + 16, "Host: a.example\r\n\r\n");
  cut.pop_back();
  scene.see(1, cut);
  scene.see(1, said(77 + 16, "Host: a.example\r\n\r\n"));
  CHECK(scene.domain(1) == "");
  Bytes answer = PacketBuilder{"10.0.0.53", "10.0.0.1"}
                     .udp(53, 4711)
                     .payload(as_text(DnsBuilder{1, true}.question("a.example").build()))
                     .build();
  answer.pop_back();
  scene.see(2, answer, true);
  CHECK(scene.observer.dns().malformed == 0);
  CHECK(scene.observer.dns().unasked == 0);
}

TEST_CASE("A flow that is gone is forgotten", "[observer]") {
  Scene scene;
  scene.say(1, hello("a.example"));
  scene.observer.forget({1});
  CHECK(scene.domain(1) == "(nothing)");
}

}  // namespace
}  // namespace tollgate::test
