// SPDX-License-Identifier: GPL-2.0-or-later
#include <boost/json/serialize.hpp>

#include "dns_builder.hpp"
#include "replay_fixture.hpp"
#include "tollgate/wire/text.hpp"

namespace tollgate::test {
namespace {

using namespace std::chrono_literals;
using Counts = std::map<std::string, std::uint64_t>;

constexpr std::uint8_t kSyn = tcp_flag::syn, kAck = tcp_flag::ack, kFin = tcp_flag::fin, kRst = tcp_flag::rst;

// One end and the other.
Bytes there(std::uint16_t port, std::uint8_t flags, std::uint32_t sequence = 0) {
  return PacketBuilder{"10.0.0.1", "192.0.2.80"}.tcp(port, 80, flags, sequence).build();
}
Bytes back(std::uint16_t port, std::uint8_t flags, std::uint32_t sequence = 0) {
  return PacketBuilder{"192.0.2.80", "10.0.0.1"}.tcp(80, port, flags, sequence).build();
}

std::vector<Prefix> nets(std::initializer_list<const char*> texts) {
  std::vector<Prefix> prefixes;
  for (const char* text : texts) prefixes.push_back(Prefix::parse(text).value());
  return prefixes;
}

// A raw capture of these packets, one a second from `start` on.
std::string capture_of(const TemporaryFolder& folder, const std::vector<Bytes>& packets,
                       std::chrono::seconds start = 1000s) {
  const std::string path = folder.file("capture.pcap");
  CaptureWriter writer{path, DLT_RAW};
  for (const Bytes& packet : packets) writer.frame(start++, packet);
  return path;
}

TEST_CASE("A connection is one flow with the packets of both ways", "[replay]") {
  const TemporaryFolder folder;
  const std::vector<Bytes> packets{there(1, kSyn),        back(1, kSyn | kAck), there(1, kAck),
                                   there(1, kFin | kAck), back(1, kFin | kAck), there(1, kAck)};
  const Replayed said = run_replay(capture_of(folder, packets));
  REQUIRE(said.flows.size() == 1);
  const FlowEntry& flow = said.flows[0];
  CHECK(flow.direction == "outbound");
  CHECK(flow.source == "10.0.0.1");
  CHECK(flow.destination == "192.0.2.80");
  CHECK(flow.verdict == "permanent-accept");
  CHECK(flow.state == "ended");
  CHECK(flow.packets == 6);
  CHECK(flow.bytes == 240);
  CHECK(flow.first_seen == 1000.0);
  CHECK(flow.last_active == 1005.0);
  CHECK(flow.generation == 1);
  CHECK(said.summary.packets == 6);
  CHECK(said.summary.flows == 1);
  CHECK(said.summary.verdicts == Counts{{"permanent-accept", 6}});
}

TEST_CASE("A rule by name decides about the address that was resolved", "[replay]") {
  const TemporaryFolder folder;
  const std::string policy = kAcceptAll + R"(
[list.ads]
names = ["ads.example", "*.ads.example", "*.Bücher.example"]
allow = "good.ads.example"
[[rule]]
name = "ads"
domain = "@ads"
name_source = "dns"
verdict = "permanent-block"
)";
  const auto resolved = [](std::uint8_t number, std::string_view name) {
    const std::string address = "192.0.2." + std::to_string(number);
    return std::vector<Bytes>{
        PacketBuilder{"10.0.0.1", "10.0.0.53"}
            .udp(4711, 53)
            .payload(as_text(DnsBuilder{number}.question(name).build()))
            .build(),
        PacketBuilder{"10.0.0.53", "10.0.0.1"}
            .udp(53, 4711)
            .payload(as_text(DnsBuilder{number, true}.question(name).a(name, address).build()))
            .build(),
        PacketBuilder{"10.0.0.1", address}.tcp(1000, 443, kSyn).build()};
  };
  std::vector<Bytes> packets{PacketBuilder{"10.0.0.1", "192.0.2.1"}.tcp(999, 443, kSyn).build()};
  std::uint8_t number = 1;
  for (const char* name :
       {"Track.ADS.example", "good.ads.example", "www.xn--bcher-kva.example", "other.example"})
    std::ranges::copy(resolved(number++, name), std::back_inserter(packets));
  ReplayOptions options;
  options.capture = capture_of(folder, packets);
  std::map<std::string, std::string> verdicts;
  for (const FlowEntry& flow : run_replay(options, policy).flows) {
    if (flow.protocol != "tcp") continue;
    verdicts[flow.domain.value_or("none") + " " + flow.domain_source.value_or("none")] =
        flow.verdict.value_or("none") + " " + flow.rule;
  }
  CHECK(verdicts ==
        std::map<std::string, std::string>{{"none none", "permanent-accept "},
                                           {"track.ads.example dns", "permanent-block ads"},
                                           {"good.ads.example dns", "permanent-accept "},
                                           {"www.xn--bcher-kva.example dns", "permanent-block ads"},
                                           {"other.example dns", "permanent-accept "}});
}

TEST_CASE("Rules decide, and each packet of a flow counts with its verdict", "[replay]") {
  const TemporaryFolder folder;
  const std::string policy = kAcceptAll + R"(
[[rule]]
name = "no telnet"
port = "tcp/23"
verdict = "permanent-block"
[[rule]]
name = "ask each time"
port = "udp/53"
verdict = "accept"
)";
  const Bytes telnet = PacketBuilder{"10.0.0.1", "192.0.2.80"}.tcp(9, 23).build();
  const Bytes query = PacketBuilder{"10.0.0.1", "192.0.2.53"}.udp(5353, 53).build();
  const Bytes answer = PacketBuilder{"192.0.2.53", "10.0.0.1"}.udp(53, 5353).build();
  ReplayOptions options;
  options.capture = capture_of(folder, {telnet, query, answer, telnet, there(1, kSyn)});
  const Replayed said = run_replay(options, policy);
  REQUIRE(said.flows.size() == 3);
  CHECK(said.flows[0].verdict == "permanent-block");
  CHECK(said.flows[0].rule == "no telnet");
  CHECK(said.flows[0].packets == 2);
  CHECK(said.flows[1].verdict == "accept");
  CHECK(said.flows[1].rule == "ask each time");
  CHECK(said.flows[1].packets == 2);
  CHECK(said.flows[1].direction == "outbound");
  CHECK(said.flows[2].rule.empty());
  CHECK(said.summary.verdicts == Counts{{"permanent-block", 2}, {"accept", 2}, {"permanent-accept", 1}});
}

TEST_CASE("Direction comes from --local", "[replay]") {
  const TemporaryFolder folder;
  ReplayOptions options;
  options.capture = capture_of(folder, {there(1, kSyn), back(1, kSyn | kAck)});
  SECTION("the first sender is local") { options.local = nets({"10.0.0.0/8"}); }
  SECTION("its peer is local") { options.local = nets({"192.0.2.0/24"}); }
  SECTION("both are local: outbound") { options.local = nets({"192.0.2.0/24", "10.0.0.0/8"}); }
  SECTION("neither is local") { options.local = nets({"198.51.100.0/24", "2001:db8::/32"}); }
  const Replayed said = run_replay(options, kAcceptAll);
  REQUIRE(said.flows.size() == 1);
  CHECK(said.flows[0].source == "10.0.0.1");
  CHECK(said.flows[0].packets == 2);
  const bool sender = !options.local.empty() && options.local.back().contains(*IpAddress::parse("10.0.0.1"));
  const bool peer = options.local.front().contains(*IpAddress::parse("192.0.2.80"));
  CHECK(said.flows[0].direction == (sender ? "outbound" : peer ? "inbound" : "forward"));
}

TEST_CASE("A capture that begins with the answer still knows who asked", "[replay]") {
  const TemporaryFolder folder;
  ReplayOptions options;
  options.capture = capture_of(folder, {back(1, kSyn | kAck), there(1, kAck), back(1, kAck)});
  SECTION("without --local") {}
  SECTION("with it") { options.local = nets({"10.0.0.1"}); }
  const Replayed said = run_replay(options, kAcceptAll);
  REQUIRE(said.flows.size() == 1);
  CHECK(said.flows[0].source == "10.0.0.1");
  CHECK(said.flows[0].destination_port == 80);
  CHECK(said.flows[0].direction == "outbound");
  CHECK(said.flows[0].packets == 3);
}

TEST_CASE("Idle flows leave by the capture's clock", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("capture.pcap");
  CaptureWriter{path, DLT_RAW}
      .frame(0s, there(1, kSyn))
      .frame(9min, back(1, kSyn | kAck))   // still the same flow
      .frame(18min, there(1, kAck))        // still
      .frame(28min + 1s, there(1, kAck));  // ten minutes and one second idle: another one
  const Replayed said = run_replay(path);
  REQUIRE(said.flows.size() == 2);
  CHECK(said.flows[0].packets == 3);
  CHECK(said.flows[0].last_active == 18.0 * 60);
  CHECK(said.flows[1].packets == 1);
  CHECK(said.flows[1].id > said.flows[0].id);
}

TEST_CASE("A tuple that is used again a minute after its end is another flow", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("capture.pcap");
  CaptureWriter{path, DLT_RAW}
      .frame(1s, there(1, kSyn, 7))
      .frame(2s, back(1, kRst | kAck))
      .frame(70s, there(1, kSyn, 7));
  const Replayed said = run_replay(path);
  REQUIRE(said.flows.size() == 2);
  CHECK(said.flows[0].state == "ended");
  CHECK(said.flows[0].packets == 2);
  CHECK(said.flows[1].state == "active");
}

TEST_CASE("Time never goes backwards", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("capture.pcap");
  CaptureWriter{path, DLT_RAW}
      .frame(5000s, there(1, kSyn))
      .frame(10s, there(2, kSyn))
      .frame(5001s, back(1, kSyn | kAck));
  const Replayed said = run_replay(path);
  REQUIRE(said.flows.size() == 2);
  CHECK(said.flows[0].first_seen == 5000.0);
  CHECK(said.flows[0].packets == 2);
  CHECK(said.flows[1].first_seen == 5000.0);
}

TEST_CASE("Flows come in the order in which they began, whenever they end", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("capture.pcap");
  {
    CaptureWriter writer{path, DLT_RAW};
    writer.frame(1s, there(1, kSyn));
    for (std::uint16_t port = 2; port < 50; ++port) {
      writer.frame(1s, there(port, kSyn)).frame(2s, back(port, kRst | kAck));
    }
    // The first one lives on while the others have long gone.
    for (int minute = 5; minute < 60; minute += 5) {
      writer.frame(std::chrono::minutes{minute}, there(1, kAck));
    }
  }
  ReplayOptions options;
  options.capture = path;
  const auto ports = [&] {
    const Replayed said = run_replay(options, kAcceptAll);
    CHECK(said.error.empty());
    std::vector<std::uint16_t> seen;
    for (const FlowEntry& flow : said.flows) seen.push_back(flow.source_port);
    return seen;
  };
  SECTION("all of them fit") {
    const std::vector<std::uint16_t> seen = ports();
    REQUIRE(seen.size() == 49);
    for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == i + 1);
  }
  SECTION("more ended than may wait: the oldest of them goes ahead, each once") {
    options.engine.flows.max_flows = 10;
    options.engine.flows.pressure.clear();
    // Ten wait for the first one; the 38 before them could not.
    std::vector<std::uint16_t> expected;
    for (std::uint16_t port = 2; port < 40; ++port) expected.push_back(port);
    expected.push_back(1);
    for (std::uint16_t port = 40; port < 50; ++port) expected.push_back(port);
    CHECK(ports() == expected);
  }
}

TEST_CASE("What cannot be read is counted by reason and gets its verdict", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("capture.pcap");
  Bytes lying = there(1, kSyn);
  lying.at(0) = 0x42;  // a header of 8 bytes
  CaptureWriter{path, DLT_RAW}
      .frame(1s, lying)
      .frame(2s, there(1, kSyn))
      .frame(3s, there(2, kSyn), 24);  // cut in front of the sequence number's end
  ReplayOptions options;
  options.capture = path;
  options.engine.unparsed = Verdict::block;
  const Replayed said = run_replay(options, kAcceptAll);
  CHECK(said.error.empty());
  CHECK(said.summary.packets == 3);
  CHECK(said.summary.malformed == Counts{{std::string{to_string(ParseError::bad_length)}, 1},
                                         {std::string{to_string(ParseError::beyond_copy_range)}, 1}});
  CHECK(said.summary.verdicts == Counts{{"block", 2}, {"permanent-accept", 1}});
  CHECK(said.flows.size() == 1);
}

TEST_CASE("A frame that was cut short counts with its length on the wire", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("capture.pcap");
  const Bytes packet =
      PacketBuilder{"10.0.0.1", "192.0.2.80"}.udp(1, 2).payload(std::string(1000, 'x')).build();
  CaptureWriter{path, DLT_EN10MB}.frame(1s, ethernet_frame(packet), 64);
  const Replayed said = run_replay(path);
  CHECK(said.summary.malformed.empty());
  REQUIRE(said.flows.size() == 1);
  CHECK(said.flows[0].bytes == packet.size());
}

TEST_CASE("A capture that breaks off is an error; what came before it was reported", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = capture_of(folder, {there(1, kSyn), there(2, kSyn), there(3, kSyn)});
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 10);
  const Replayed said = run_replay(path);
  CHECK(said.error.rfind(path + ": truncated", 0) == 0);
  REQUIRE(said.flows.size() == 2);
  CHECK(said.flows[0].source_port == 1);
  CHECK(said.flows[1].source_port == 2);
}

TEST_CASE("What is no capture is an error", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("text");
  write_file(path, bytes_of("[default]\noutbound = \"permanent-accept\"\n"));
  CHECK(run_replay(path).error.rfind(path + ": ", 0) == 0);
  const std::string nothing = folder.file("nothing");
  CHECK(run_replay(nothing).error == nothing + ": No such file or directory");
}

TEST_CASE("ICMP is counted, and is no flow", "[replay]") {
  const TemporaryFolder folder;
  const std::string policy = kAcceptAll + R"(
[[rule]]
name = "no ping from outside"
direction = "inbound"
protocol = "icmp"
verdict = "drop"
)";
  const Bytes ping = PacketBuilder{"10.0.0.1", "192.0.2.80"}.echo_request(7).build();
  const Bytes pong = PacketBuilder{"192.0.2.80", "10.0.0.1"}.echo_reply(7).build();
  ReplayOptions options;
  options.capture = capture_of(folder, {ping, pong});
  SECTION("an answer goes with its question") { options.local = nets({"10.0.0.1"}); }
  SECTION("in either direction") { options.local = nets({"192.0.2.80"}); }
  const Replayed said = run_replay(options, policy);
  CHECK(said.flows.empty());
  const bool outbound = options.local[0].to_string().rfind("10.", 0) == 0;
  CHECK(said.summary.verdicts == (outbound ? Counts{{"accept", 2}} : Counts{{"drop", 2}}));
}

TEST_CASE("The summary as JSON", "[replay]") {
  ReplaySummary summary;
  summary.packets = 5;
  summary.other_frames = 1;
  summary.flows = 2;
  summary.malformed = {{"truncated", 1}};
  summary.verdicts = {{"drop", 1}, {"permanent-accept", 4}};
  CHECK(boost::json::serialize(to_json(summary)) ==
        R"({"summary":{"packets":5,"other_frames":1,"flows":2,"malformed":{"truncated":1},)"
        R"("verdicts":{"drop":1,"permanent-accept":4}}})");
}

}  // namespace
}  // namespace tollgate::test
