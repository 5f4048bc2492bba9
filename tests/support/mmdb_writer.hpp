// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "packet_builder.hpp"

namespace tollgate::test {

// Writes databases of MaxMind's format (maxmind.github.io/MaxMind-DB, "Specification"): records of 24 bits,
// IPv6 with IPv4 in ::/96.
class MmdbWriter {
 public:
  MmdbWriter() { nodes_.push_back({kNothing, kNothing}); }

  MmdbWriter& country(std::string_view network, std::string_view code) {
    return add(network, ByteWriter{}
                            .add(map(1))
                            .add(text("country"))
                            .add(map(1))
                            .add(text("iso_code"))
                            .add(text(code))
                            .bytes());
  }
  MmdbWriter& asn(std::string_view network, std::size_t number) {
    return add(
        network,
        ByteWriter{}.add(map(1)).add(text("autonomous_system_number")).u8(6U << 5 | 4).u32(number).bytes());
  }

  Bytes build() const {
    constexpr std::string_view kMarker = "\xab\xcd\xefMaxMind.com";
    ByteWriter out;
    for (const Node& node : nodes_) {
      for (const std::uint32_t record : {node.zero, node.one}) {
        const std::size_t value = record == kNothing      ? nodes_.size()
                                  : (record & kLeaf) != 0 ? nodes_.size() + 16 + (record & ~kLeaf)
                                                          : record;
        out.u8(value >> 16).u16(value);
      }
    }
    out.zeros(16).add(data_.bytes()).add(bytes_of(kMarker)).add(map(9));
    number16(out, "node_count", 6, nodes_.size());
    number16(out, "record_size", 5, 24);
    number16(out, "ip_version", 5, 6);
    out.add(text("database_type")).add(text("Test"));
    out.add(text("languages")).u8(0).u8(11 - 7);
    number16(out, "binary_format_major_version", 5, 2);
    number16(out, "binary_format_minor_version", 5, 0);
    out.add(text("build_epoch")).u8(4).u8(9 - 7).u32(1'700'000'000);
    out.add(text("description")).add(map(0));
    return out.bytes();
  }

 private:
  static constexpr std::uint32_t kNothing = 0xffffffff, kLeaf = 0x80000000;
  struct Node {
    std::uint32_t zero, one;
  };

  static Bytes map(std::size_t size) { return ByteWriter{}.u8(7U << 5 | size).bytes(); }
  static Bytes text(std::string_view value) {
    return ByteWriter{}.u8(2U << 5 | value.size()).add(bytes_of(value)).bytes();
  }
  static void number16(ByteWriter& out, std::string_view key, std::size_t type, std::size_t value) {
    out.add(text(key)).u8(type << 5 | 2).u16(value);
  }

  MmdbWriter& add(std::string_view network, const Bytes& data) {
    const auto prefix = Prefix::parse(network);
    if (!prefix) throw std::invalid_argument{"not a network"};
    const bool narrow = prefix->address.family() == Family::ipv4;
    const std::size_t skipped = narrow ? 96 : 0, length = prefix->length + skipped;
    std::uint32_t at = 0;
    for (std::size_t bit = 0; bit < length; ++bit) {
      const std::size_t place = bit - std::min(bit, skipped);
      const bool one = bit >= skipped && (prefix->address.bytes()[place / 8] >> (7 - place % 8) & 1) != 0;
      const auto child = [&]() -> std::uint32_t& { return one ? nodes_[at].one : nodes_[at].zero; };
      if (bit + 1 == length) {
        child() = kLeaf | static_cast<std::uint32_t>(data_.size());
      } else {
        if (child() == kNothing) {
          const auto next = static_cast<std::uint32_t>(nodes_.size());
          nodes_.push_back({kNothing, kNothing});
          child() = next;
        }
        at = child();
      }
    }
    data_.add(data);
    return *this;
  }

  std::vector<Node> nodes_;
  ByteWriter data_;
};

}  // namespace tollgate::test
