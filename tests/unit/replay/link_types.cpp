// SPDX-License-Identifier: GPL-2.0-or-later
// Every link type and both file formats bring the same packets to the engine.
#include <cmath>

#include "replay_fixture.hpp"

namespace tollgate::test {
namespace {

using namespace std::chrono_literals;

const Bytes kSyn4 = PacketBuilder{"10.0.0.1", "10.0.0.2"}.tcp(4711, 80).build();
const Bytes kSyn6 = PacketBuilder{"2001:db8::1", "2001:db8::2"}.tcp(4711, 80).build();

Bytes operator+(Bytes head, const Bytes& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

Bytes cooked(std::uint16_t ethertype, const Bytes& packet) {  // LINKTYPE_LINUX_SLL
  return ByteWriter{}.u16(4).u16(1).u16(6).zeros(8).u16(ethertype).add(packet).bytes();
}

Bytes cooked2(std::uint16_t ethertype, const Bytes& packet) {  // LINKTYPE_LINUX_SLL2
  return ByteWriter{}.u16(ethertype).u16(0).u32(2).u16(1).u8(4).u8(6).zeros(8).add(packet).bytes();
}

void check_both(const Replayed& said) {
  CHECK(said.error.empty());
  CHECK(said.summary.packets == 2);
  CHECK(said.summary.other_frames == 0);
  CHECK(said.summary.malformed.empty());
  REQUIRE(said.flows.size() == 2);
  CHECK(said.flows[0].source == "10.0.0.1");
  CHECK(said.flows[0].source_port == 4711);
  CHECK(said.flows[0].destination == "10.0.0.2");
  CHECK(said.flows[0].destination_port == 80);
  CHECK(said.flows[0].bytes == kSyn4.size());
  CHECK(said.flows[1].source == "2001:db8::1");
  CHECK(said.flows[1].destination == "2001:db8::2");
  CHECK(said.flows[1].bytes == kSyn6.size());
}

TEST_CASE("Every link type is read", "[replay]") {
  struct Case {
    const char* name;
    int link_type;
    Bytes frame4, frame6;
  };
  const std::vector<Case> cases{
      {"Ethernet", DLT_EN10MB, ethernet_frame(kSyn4), ethernet_frame(kSyn6)},
      {"802.1Q", DLT_EN10MB, ethernet_frame(kSyn4, {0x8100}), ethernet_frame(kSyn6, {0x8100})},
      {"802.1ad", DLT_EN10MB, ethernet_frame(kSyn4, {0x88a8, 0x8100}),
       ethernet_frame(kSyn6, {0x88a8, 0x8100})},
      {"raw", DLT_RAW, kSyn4, kSyn6},
      {"Linux cooked", DLT_LINUX_SLL, cooked(0x0800, kSyn4), cooked(0x86dd, kSyn6)},
      {"Linux cooked 2", DLT_LINUX_SLL2, cooked2(0x0800, kSyn4), cooked2(0x86dd, kSyn6)},
      {"BSD loopback", DLT_NULL, Bytes{2, 0, 0, 0} + kSyn4, Bytes{24, 0, 0, 0} + kSyn6},
      {"OpenBSD loopback", DLT_LOOP, Bytes{0, 0, 0, 2} + kSyn4, Bytes{0, 0, 0, 24} + kSyn6},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    const TemporaryFolder folder;
    const std::string path = folder.file("capture.pcap");
    CaptureWriter{path, each.link_type}.frame(1s, each.frame4).frame(2s, each.frame6);
    check_both(run_replay(path));
  }
}

TEST_CASE("Link types of one family are read", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("capture.pcap");
  CaptureWriter{path, DLT_IPV4}.frame(1s, kSyn4);
  const Replayed four = run_replay(path);
  REQUIRE(four.flows.size() == 1);
  CHECK(four.flows[0].source == "10.0.0.1");
  CaptureWriter{path, DLT_IPV6}.frame(1s, kSyn6);
  const Replayed six = run_replay(path);
  REQUIRE(six.flows.size() == 1);
  CHECK(six.flows[0].source == "2001:db8::1");
}

TEST_CASE("A link type that is not known is an error that names file and type", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("capture.pcap");
  CaptureWriter{path, DLT_IEEE802_11}.frame(1s, kSyn4);
  const Replayed said = run_replay(path);
  CHECK(said.error == path + ": link type IEEE802_11 is not supported");
  CHECK(said.flows.empty());
}

TEST_CASE("Frames without IP are counted apart", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("capture.pcap");
  Bytes arp = ethernet_frame(kSyn4);
  arp.at(12) = 0x08;
  arp.at(13) = 0x06;
  CaptureWriter{path, DLT_EN10MB}.frame(1s, arp).frame(2s, ethernet_frame(kSyn4));
  const Replayed said = run_replay(path);
  CHECK(said.summary.other_frames == 1);
  CHECK(said.summary.packets == 1);
  CHECK(said.flows.size() == 1);
}

// draft-ietf-opsawg-pcapng: blocks with their length in front and behind, padded to four bytes.
class PcapNg {
 public:
  PcapNg() { block(0x0a0d0d0a, little(0x1a2b3c4d) + Bytes{1, 0, 0, 0} + Bytes(8, 0xff)); }
  PcapNg& interface(std::uint16_t link_type, std::uint8_t if_tsresol) {
    Bytes body = little16(link_type) + Bytes{0, 0} + little(0);
    body = body + little16(9) + little16(1) + Bytes{if_tsresol, 0, 0, 0} + little(0);
    return block(1, body);
  }
  PcapNg& packet(std::uint64_t stamp, const Bytes& bytes) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    Bytes body = little(0) + little(static_cast<std::uint32_t>(stamp >> 32)) +
                 little(static_cast<std::uint32_t>(stamp)) + little(size) + little(size) + bytes;
    return block(6, body);
  }
  PcapNg& unknown_block() { return block(0x0badcafe, Bytes(12, 7)); }
  const Bytes& bytes() const { return bytes_; }

 private:
  static Bytes little16(std::uint16_t value) {
    return {static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8)};
  }
  static Bytes little(std::uint32_t value) {
    return little16(static_cast<std::uint16_t>(value)) + little16(static_cast<std::uint16_t>(value >> 16));
  }
  PcapNg& block(std::uint32_t type, Bytes body) {
    body.resize((body.size() + 3) / 4 * 4);
    const Bytes length = little(static_cast<std::uint32_t>(body.size() + 12));
    bytes_ = bytes_ + little(type) + length + body + length;
    return *this;
  }
  Bytes bytes_;
};

TEST_CASE("pcapng is read, with the resolution that it says", "[replay]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("capture.pcapng");
  PcapNg file;
  file.interface(101, 9).packet(1'700'000'000'000'000'001, kSyn4).unknown_block();
  file.packet(1'700'000'001'500'000'000, kSyn6);
  write_file(path, file.bytes());
  const Replayed said = run_replay(path);
  check_both(said);
  CHECK(std::abs(said.flows[0].first_seen - 1'700'000'000.0) < 1e-6);
  CHECK(std::abs(said.flows[1].first_seen - 1'700'000'001.5) < 1e-6);
}

}  // namespace
}  // namespace tollgate::test
