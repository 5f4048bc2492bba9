// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/inspect/stream_head.hpp"

#include <algorithm>
#include <random>
#include <string>

#include "catch.hpp"
#include "packet_builder.hpp"
#include "tollgate/inspect/dns_stream.hpp"
#include "tollgate/inspect/tcp_side.hpp"
#include "tollgate/wire/text.hpp"

namespace tollgate::test {
namespace {

using Added = StreamHead::Added;

std::string read(const StreamHead& head) { return std::string{as_text(head.prefix())}; }
Added add(StreamHead& head, std::uint64_t at, std::string_view text) { return head.add(at, bytes_of(text)); }

TEST_CASE("A stream is put together from pieces in any order", "[inspect]") {
  StreamHead head{100};
  CHECK(add(head, 4, "ef") == Added::stored);
  CHECK(add(head, 0, "ab") == Added::grown);
  CHECK(read(head) == "ab");
  CHECK(add(head, 1, "bcde") == Added::grown);
  CHECK(read(head) == "abcdef");
  CHECK(add(head, 0, "abcdef") == Added::stored);
  CHECK(add(head, 6, "") == Added::stored);
  CHECK(read(head) == "abcdef");
}

TEST_CASE("Bytes that were other bytes before are a conflict", "[inspect]") {
  StreamHead head{100};
  add(head, 0, "abc");
  add(head, 6, "gh");
  CHECK(add(head, 2, "cdeXgh") == Added::grown);
  CHECK(add(head, 3, "deX") == Added::stored);
  CHECK(add(head, 5, "f") == Added::conflict);
  CHECK(add(head, 5, "XgY") == Added::conflict);
  CHECK(read(head) == "abcdeXgh");
}

TEST_CASE("What is past the bound is not taken", "[inspect]") {
  StreamHead head{4};
  CHECK(add(head, 4, "x") == Added::beyond);
  CHECK(add(head, 2, "cdef") == Added::beyond);
  CHECK(add(head, 0, "abcdef") == Added::grown);
  CHECK(read(head) == "abcd");
  CHECK(head.full());
}

TEST_CASE("Pieces that lie apart are bounded", "[inspect]") {
  StreamHead head{100};
  for (std::size_t i = 1; i <= StreamHead::kMaxStretches; ++i) CHECK(add(head, i * 2, "x") == Added::stored);
  CHECK(add(head, 90, "x") == Added::beyond);
  CHECK(add(head, 3, "y") == Added::stored);  // joins two
  CHECK(add(head, 90, "x") == Added::stored);
}

TEST_CASE("What was consumed is gone, and may come again", "[inspect]") {
  StreamHead head{6};
  add(head, 0, "abcd");
  add(head, 5, "f");
  head.consume(3);
  CHECK(head.consumed() == 3);
  CHECK(read(head) == "d");
  CHECK(add(head, 0, "XXXd") == Added::stored);  // what was read cannot be held against it
  CHECK(add(head, 4, "efghi") == Added::grown);
  CHECK(read(head) == "defghi");
  head.consume(6);
  CHECK(read(head).empty());
  CHECK(add(head, 9, "j") == Added::grown);
}

TEST_CASE("Any cutting and any order give the same stream", "[inspect]") {
  std::mt19937 random{7};
  std::string text;
  for (int i = 0; i < 200; ++i) text += static_cast<char>('a' + random() % 26);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<std::size_t, std::size_t>> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = std::min<std::size_t>(20 + random() % 40, text.size() - at);
      const std::size_t overlap = std::min<std::size_t>(at, random() % 5);
      pieces.emplace_back(at - overlap, size + overlap);
      at += size;
    }
    std::ranges::shuffle(pieces, random);
    StreamHead head{text.size()};
    for (const auto& [at, size] : pieces) CHECK(add(head, at, text.substr(at, size)) != Added::conflict);
    CHECK(read(head) == text);
  }
}

Packet segment(std::uint32_t sequence, std::span<const std::uint8_t> bytes, std::uint8_t flags = 0) {
  Packet packet;
  packet.tcp_sequence = sequence;
  packet.tcp_flags = flags;
  packet.payload = bytes;
  return packet;
}

TEST_CASE("A side of TCP begins behind its SYN, wherever the numbers wrap", "[inspect]") {
  TcpSide side{100};
  const Bytes ab = bytes_of("ab"), cd = bytes_of("cd"), keep_alive = bytes_of("X");
  side.add(segment(0xfffffffe, {}, tcp_flag::syn));
  CHECK(side.add(segment(1, cd)) == Added::stored);
  CHECK(side.add(segment(0xfffffffe, keep_alive)) == Added::stored);  // before the first byte
  CHECK(side.add(segment(0xffffffff, ab)) == Added::grown);
  CHECK(as_text(side.prefix()) == "abcd");
  side.add(segment(0xfffffffe, {}, tcp_flag::syn));  // a retransmission changes nothing
  CHECK(as_text(side.prefix()) == "abcd");
  side.add(segment(500, ab, tcp_flag::syn));  // another connection, with data in its SYN
  CHECK(as_text(side.prefix()) == "ab");
}

TEST_CASE("A side of TCP that is met in its middle begins there", "[inspect]") {
  TcpSide side{100};
  const Bytes ab = bytes_of("ab"), cd = bytes_of("cd");
  CHECK(side.add(segment(700, ab)) == Added::grown);
  CHECK(side.add(segment(702, cd)) == Added::grown);
  CHECK(as_text(side.prefix()) == "abcd");
}

TEST_CASE("DNS over TCP: messages come out whole, however they were cut", "[inspect]") {
  const Bytes stream = ByteWriter{}.u16(3).add(bytes_of("abc")).u16(0).u16(2).add(bytes_of("de")).bytes();
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    INFO(cut);
    DnsStream dns;
    std::vector<std::string> messages;
    const auto keep = [&](std::span<const std::uint8_t> bytes) { messages.emplace_back(as_text(bytes)); };
    const std::span<const std::uint8_t> all{stream};
    dns.add(segment(9, {}, tcp_flag::syn), keep);
    dns.add(segment(10 + static_cast<std::uint32_t>(cut), all.subspan(cut)), keep);
    dns.add(segment(10, all.first(cut)), keep);
    CHECK(messages == std::vector<std::string>{"abc", "", "de"});
  }
}

}  // namespace
}  // namespace tollgate::test
