// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/names/dns_watch.hpp"

#include "catch.hpp"
#include "dns_builder.hpp"

namespace tollgate::test {
namespace {

using namespace std::chrono_literals;

constexpr ProgramKey kDig{5};
const std::string kMe = "10.0.0.1", kResolver = "10.0.0.53";

Endpoints ends(const std::string& source, unsigned source_port, const std::string& destination,
               unsigned destination_port, Protocol protocol = Protocol::udp) {
  Endpoints ends;
  ends.source = *IpAddress::parse(source);
  ends.destination = *IpAddress::parse(destination);
  ends.source_port = static_cast<std::uint16_t>(source_port);
  ends.destination_port = static_cast<std::uint16_t>(destination_port);
  ends.protocol = protocol;
  return ends;
}

// Somebody who asks one resolver and is listened to.
struct Scene {
  NameStore names{NameLimits{.min_ttl = 1s}, 7};
  DnsWatch watch{DnsWatchLimits{.max_questions = 4, .patience = 10s}, 7};
  Time now{1000h};

  void query(const DnsBuilder& message, unsigned port = 4711) {
    watch.on_message(ends(kMe, port, kResolver, 53), kDig, message.build(), now, names);
  }
  void answer(const DnsBuilder& message, unsigned port = 4711, const std::string& from = kResolver) {
    watch.on_message(ends(from, 53, kMe, port), ProgramKey{}, message.build(), now, names);
  }
  // "NAME TTL" of an address.
  std::string name_of(std::string_view address) const {
    const auto known = names.find(kDig, *IpAddress::parse(address), now);
    if (!known) return "";
    CHECK(known->own);
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(known->expires - now);
    return std::string{known->name} + " " + std::to_string(left.count());
  }
};

const std::string kWww = "www.example.org";

TEST_CASE("An answer to a question names its addresses", "[names]") {
  Scene scene;
  scene.query(DnsBuilder{1}.question("WWW.example.ORG"));
  scene.answer(DnsBuilder{1, true}.question(kWww).a(kWww, "192.0.2.1").a(kWww, "2001:db8::1", 60));
  CHECK(scene.name_of("192.0.2.1") == "www.example.org 300");
  CHECK(scene.name_of("2001:db8::1") == "www.example.org 60");
  CHECK(scene.watch.counters().answers == 1);
  CHECK(scene.watch.counters().names == 2);
}

TEST_CASE("Nobody feeds us names: the answer has to fit the question", "[names]") {
  const auto fits = [](auto&& give) {
    Scene scene;
    scene.query(DnsBuilder{1}.question(kWww));
    give(scene, DnsBuilder{1, true}.question(kWww).a(kWww, "192.0.2.1"));
    CHECK(scene.watch.counters().answers + scene.watch.counters().unasked == 1);
    return !scene.name_of("192.0.2.1").empty();
  };
  CHECK(fits([](Scene& scene, const DnsBuilder& answer) { scene.answer(answer); }));
  CHECK_FALSE(fits([](Scene& scene, const DnsBuilder& answer) { scene.answer(answer, 4712); }));
  CHECK_FALSE(fits([](Scene& scene, const DnsBuilder& answer) { scene.answer(answer, 4711, "10.0.0.66"); }));
  CHECK_FALSE(fits([](Scene& scene, const DnsBuilder&) {
    scene.answer(DnsBuilder{2, true}.question(kWww).a(kWww, "192.0.2.1"));
  }));
  CHECK_FALSE(fits([](Scene& scene, const DnsBuilder&) {
    scene.answer(DnsBuilder{1, true}.question("other.example.org").a("other.example.org", "192.0.2.1"));
  }));
  CHECK_FALSE(fits([](Scene& scene, const DnsBuilder&) {
    scene.answer(DnsBuilder{1, true}.question(kWww, DnsType::aaaa).a(kWww, "192.0.2.1"));
  }));
  CHECK_FALSE(fits([](Scene& scene, const DnsBuilder&) {
    scene.answer(DnsBuilder{1, true}.a(kWww, "192.0.2.1"));
  }));
  CHECK_FALSE(fits([](Scene& scene, const DnsBuilder& answer) {
    scene.now += 10s;
    scene.answer(answer);
  }));
  CHECK_FALSE(fits([](Scene& scene, const DnsBuilder& answer) {
    scene.watch.on_message(ends(kResolver, 53, kMe, 4711, Protocol::tcp), {}, answer.build(), scene.now,
                           scene.names);
  }));
}

TEST_CASE("A question is answered once", "[names]") {
  Scene scene;
  scene.query(DnsBuilder{1}.question(kWww));
  scene.answer(DnsBuilder{1, true}.question(kWww).a(kWww, "192.0.2.1"));
  scene.answer(DnsBuilder{1, true}.question(kWww).a(kWww, "192.0.2.66"));
  CHECK(scene.name_of("192.0.2.66").empty());
  CHECK(scene.watch.counters().unasked == 1);
  scene.query(DnsBuilder{1}.question(kWww));  // asked again
  scene.answer(DnsBuilder{1, true}.question(kWww).a(kWww, "192.0.2.2"));
  CHECK(scene.name_of("192.0.2.2") == "www.example.org 300");
}

TEST_CASE("What the answer says of other names is not believed", "[names]") {
  Scene scene;
  scene.query(DnsBuilder{1}.question(kWww));
  scene.answer(DnsBuilder{1, true}
                   .question(kWww)
                   .a("bank.example", "192.0.2.1")
                   .additional()
                   .a("ns.example", "192.0.2.2"));
  CHECK(scene.name_of("192.0.2.1").empty());
  CHECK(scene.name_of("192.0.2.2").empty());
}

TEST_CASE("Chains of aliases: the name is that of the question, the TTL the shortest", "[names]") {
  Scene scene;
  const auto ask = [&](const DnsBuilder& answer) {
    scene.query(DnsBuilder{1}.question(kWww));
    scene.answer(answer);
  };
  ask(DnsBuilder{1, true}
          .question(kWww)
          .cname(kWww, "cdn.example")
          .cname("cdn.example", "edge.example", 20)
          .a("edge.example", "192.0.2.1", 60));
  CHECK(scene.name_of("192.0.2.1") == "www.example.org 20");
  // In the wrong order.
  ask(DnsBuilder{1, true}
          .question(kWww)
          .a("edge.example", "192.0.2.2")
          .cname("cdn.example", "edge.example")
          .cname(kWww, "cdn.example"));
  CHECK(scene.name_of("192.0.2.2") == "www.example.org 300");
  // A circle, and a chain that is too long.
  ask(DnsBuilder{1, true}
          .question(kWww)
          .cname(kWww, "a.example")
          .cname("a.example", kWww)
          .a("b.example", "192.0.2.3"));
  CHECK(scene.name_of("192.0.2.3").empty());
  DnsBuilder endless = DnsBuilder{1, true}.question(kWww).cname(kWww, "h0.example");
  for (int i = 0; i < 30; ++i) {
    endless.cname("h" + std::to_string(i) + ".example", "h" + std::to_string(i + 1) + ".example");
  }
  ask(endless.a("h30.example", "192.0.2.4").a("h3.example", "192.0.2.5"));
  CHECK(scene.name_of("192.0.2.4").empty());
  CHECK(scene.name_of("192.0.2.5") == "www.example.org 300");
}

TEST_CASE("DNAME moves a whole tree", "[names]") {
  Scene scene;
  scene.query(DnsBuilder{1}.question(kWww));
  scene.answer(DnsBuilder{1, true}
                   .question(kWww)
                   .record("example.org", DnsType::dname, DnsBuilder::name("example.net"), 30)
                   .a("www.example.net", "192.0.2.1"));
  CHECK(scene.name_of("192.0.2.1") == "www.example.org 30");
}

TEST_CASE("SRV targets go by their own name, HTTPS hints by that of the question", "[names]") {
  Scene scene;
  const std::string service = "_xmpp-client._tcp.example.org";
  scene.query(DnsBuilder{1}.question(service, DnsType::srv));
  const Bytes srv = ByteWriter{}.u16(0).u16(0).u16(5222).add(DnsBuilder::name("xmpp.example.net")).bytes();
  scene.answer(DnsBuilder{1, true}
                   .question(service, DnsType::srv)
                   .record(service, DnsType::srv, srv)
                   .additional()
                   .a("xmpp.example.net", "192.0.2.1"));
  CHECK(scene.name_of("192.0.2.1") == "xmpp.example.net 300");

  const std::string port = "_8443._https.www.example.org";
  scene.query(DnsBuilder{2}.question(port, DnsType::https));
  const Bytes hints = ByteWriter{}
                          .u16(1)
                          .add(DnsBuilder::name("svc.example.net"))
                          .u16(4)
                          .u16(4)
                          .add(Bytes{192, 0, 2, 2})
                          .bytes();
  scene.answer(DnsBuilder{2, true}
                   .question(port, DnsType::https)
                   .record(port, DnsType::https, hints)
                   .additional()
                   .a("svc.example.net", "2001:db8::2"));
  CHECK(scene.name_of("192.0.2.2") == "www.example.org 300");
  CHECK(scene.name_of("2001:db8::2") == "www.example.org 300");
}

TEST_CASE("Several questions in one message", "[names]") {
  Scene scene;
  scene.query(DnsBuilder{1}.question("a.example").question("b.example"));
  scene.answer(DnsBuilder{1, true}
                   .question("a.example")
                   .question("b.example")
                   .a("b.example", "192.0.2.2")
                   .a("a.example", "192.0.2.1"));
  CHECK(scene.name_of("192.0.2.1") == "a.example 300");
  CHECK(scene.name_of("192.0.2.2") == "b.example 300");
}

TEST_CASE("mDNS: answered to everybody, but only to what was asked", "[names]") {
  Scene scene;
  const Endpoints me = ends(kMe, 5353, "224.0.0.251", 5353),
                  printer = ends("10.0.0.9", 5353, "224.0.0.251", 5353);
  scene.watch.on_message(me, kDig, DnsBuilder{0}.question("printer.local").build(), scene.now, scene.names);
  const Bytes answer =
      DnsBuilder{0, true}.a("printer.local", "10.0.0.9").a("router.local", "10.0.0.1").build();
  scene.watch.on_message(printer, {}, answer, scene.now, scene.names);
  CHECK(scene.name_of("10.0.0.9") == "printer.local 300");
  CHECK(scene.name_of("10.0.0.1").empty());
  CHECK(scene.names.find(kDig, *IpAddress::parse("10.0.0.9"), scene.now)->source == NameSource::mdns);
}

TEST_CASE("LLMNR: whoever answers the asker, with the question", "[names]") {
  Scene scene;
  scene.watch.on_message(ends(kMe, 6000, "224.0.0.252", 5355), kDig, DnsBuilder{9}.question("desk").build(),
                         scene.now, scene.names);
  const Bytes answer = DnsBuilder{9, true}.question("desk").a("desk", "10.0.0.7").build();
  scene.watch.on_message(ends("10.0.0.7", 5355, kMe, 6001), {}, answer, scene.now, scene.names);
  CHECK(scene.name_of("10.0.0.7").empty());
  scene.watch.on_message(ends("10.0.0.7", 5355, kMe, 6000), {}, answer, scene.now, scene.names);
  CHECK(scene.name_of("10.0.0.7") == "desk 300");
}

TEST_CASE("Questions are remembered within bounds, the oldest forgotten", "[names]") {
  Scene scene;
  for (unsigned i = 1; i <= 6; ++i) scene.query(DnsBuilder{i}.question(kWww));
  CHECK(scene.watch.questions() == 4);
  scene.answer(DnsBuilder{2, true}.question(kWww).a(kWww, "192.0.2.2"));
  scene.answer(DnsBuilder{3, true}.question(kWww).a(kWww, "192.0.2.3"));
  CHECK(scene.name_of("192.0.2.2").empty());
  CHECK_FALSE(scene.name_of("192.0.2.3").empty());
  scene.now += 9s;
  scene.query(DnsBuilder{4}.question(kWww));  // again: it lives on
  scene.now += 5s;
  scene.query(DnsBuilder{7}.question(kWww));
  CHECK(scene.watch.questions() == 2);
}

TEST_CASE("What makes no sense is counted", "[names]") {
  Scene scene;
  const Bytes short_message(5);
  scene.watch.on_message(ends(kMe, 1, kResolver, 53), kDig, short_message, scene.now, scene.names);
  CHECK(scene.watch.counters().malformed == 1);
  scene.query(DnsBuilder{1}.question(kWww));
  Bytes cut = DnsBuilder{1, true}.question(kWww).a(kWww, "192.0.2.1").a(kWww, "192.0.2.2").build();
  cut.pop_back();
  scene.watch.on_message(ends(kResolver, 53, kMe, 4711), {}, cut, scene.now, scene.names);
  CHECK(scene.watch.counters().malformed == 2);
  CHECK(scene.name_of("192.0.2.1") == "www.example.org 300");  // what came before stands
  CHECK(scene.name_of("192.0.2.2").empty());
  // Updates and notifications are not questions.
  scene.watch.on_message(ends(kMe, 1, kResolver, 53), kDig,
                         DnsBuilder{1, false, 0x2800}.question(kWww).build(), scene.now, scene.names);
  CHECK(scene.watch.counters().questions == 1);
}

}  // namespace
}  // namespace tollgate::test
