// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// Packets and frames for tests, as a real stack would send them: lengths and checksums are right
// unless a test says otherwise.
//
//   const Bytes syn = PacketBuilder{"10.0.0.1", "10.0.0.2"}.tcp(4711, 443).build();
//   const Bytes query = PacketBuilder{"2001:db8::1", "2001:db8::53"}.udp(5353, 53).payload("…").build();
//   const Bytes gone = PacketBuilder{"10.0.0.2", "10.0.0.1"}.icmp_error(3, 1, syn).build();
//   const Bytes frame = ethernet_frame(syn);
//
// Calls may come in any order, except that IPv6 extension headers (extension(), and fragment(), which
// makes one) stand in the packet in the order of their calls. Mistakes in a test's own addresses throw
// std::invalid_argument.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tollgate/base/ip.hpp"
#include "tollgate/wire/protocol.hpp"
#include "tollgate/wire/tcp.hpp"

namespace tollgate::test {

using Bytes = std::vector<std::uint8_t>;

inline Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

// Appends numbers in network byte order.
class ByteWriter {
 public:
  ByteWriter& u8(std::size_t value) {
    bytes_.push_back(static_cast<std::uint8_t>(value & 0xff));
    return *this;
  }
  ByteWriter& u16(std::size_t value) { return u8(value >> 8).u8(value); }
  ByteWriter& u32(std::size_t value) { return u16(value >> 16).u16(value); }
  ByteWriter& add(std::span<const std::uint8_t> more) {
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    return *this;
  }
  ByteWriter& zeros(std::size_t count) {
    bytes_.insert(bytes_.end(), count, 0);
    return *this;
  }
  ByteWriter& pad_to(std::size_t multiple) { return zeros((multiple - bytes_.size() % multiple) % multiple); }
  ByteWriter& patch_u16(std::size_t at, std::size_t value) {
    bytes_.at(at) = static_cast<std::uint8_t>(value >> 8 & 0xff);
    bytes_.at(at + 1) = static_cast<std::uint8_t>(value & 0xff);
    return *this;
  }
  std::size_t size() const { return bytes_.size(); }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

// RFC 1071.
inline std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8 : static_cast<std::uint32_t>(bytes[i]);
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum & 0xffff);
}

class PacketBuilder {
 public:
  PacketBuilder(std::string_view source, std::string_view destination)
      : source_{address(source)}, destination_{address(destination)} {
    if (source_.family() != destination_.family()) throw std::invalid_argument{"two families"};
  }

  // The upper layer: the last of these calls counts. Without one the packet is IP with `payload`.
  PacketBuilder& tcp(std::uint16_t source_port, std::uint16_t destination_port,
                     std::uint8_t flags = tcp_flag::syn, std::uint32_t sequence = 0,
                     std::uint32_t acknowledgment = 0) {
    Bytes header = ByteWriter{}
                       .u16(source_port)
                       .u16(destination_port)
                       .u32(sequence)
                       .u32(acknowledgment)
                       .u8(5 << 4)
                       .u8(flags)
                       .u16(64240)  // window
                       .u32(0)      // checksum, urgent pointer
                       .bytes();
    return upper(Protocol::tcp, std::move(header), 16);
  }
  PacketBuilder& udp(std::uint16_t source_port, std::uint16_t destination_port) {
    return upper(Protocol::udp, ByteWriter{}.u16(source_port).u16(destination_port).u32(0).bytes(), 6);
  }
  // The checksum covers all.
  PacketBuilder& udplite(std::uint16_t source_port, std::uint16_t destination_port) {
    return upper(Protocol::udplite, ByteWriter{}.u16(source_port).u16(destination_port).u32(0).bytes(), 6);
  }
  // The common header; chunks are the payload. Its checksum (CRC32c) stays 0.
  PacketBuilder& sctp(std::uint16_t source_port, std::uint16_t destination_port, std::uint32_t tag = 0) {
    return upper(Protocol::sctp, ByteWriter{}.u16(source_port).u16(destination_port).u32(tag).u32(0).bytes(),
                 {});
  }
  // A request (RFC 4340 §5.1): the generic header with long sequence numbers, and a service code.
  PacketBuilder& dccp(std::uint16_t source_port, std::uint16_t destination_port) {
    Bytes header = ByteWriter{}
                       .u16(source_port)
                       .u16(destination_port)
                       .u8(5)     // data offset
                       .u8(0)     // CCVal, checksum coverage: all
                       .u16(0)    // checksum
                       .u8(1)     // type request, X = 1
                       .zeros(7)  // reserved, sequence
                       .u32(0)    // service code
                       .bytes();
    return upper(Protocol::dccp, std::move(header), 6);
  }
  // ICMP or ICMPv6, by the addresses.
  PacketBuilder& icmp(std::uint8_t type, std::uint8_t code = 0, std::uint16_t id = 0,
                      std::uint16_t sequence = 0) {
    const Protocol protocol = is_v4() ? Protocol::icmp : Protocol::icmpv6;
    return upper(protocol, ByteWriter{}.u8(type).u8(code).u16(0).u16(id).u16(sequence).bytes(), 2);
  }
  PacketBuilder& echo_request(std::uint16_t id) { return icmp(is_v4() ? 8 : 128, 0, id); }
  PacketBuilder& echo_reply(std::uint16_t id) { return icmp(is_v4() ? 0 : 129, 0, id); }
  PacketBuilder& icmp_error(std::uint8_t type, std::uint8_t code, std::span<const std::uint8_t> quoted) {
    return icmp(type, code).payload(Bytes(quoted.begin(), quoted.end()));
  }
  // Any protocol: its header is in the payload.
  PacketBuilder& protocol(Protocol protocol) { return upper(protocol, {}, {}); }
  PacketBuilder& protocol(std::uint8_t number) { return protocol(Protocol{number}); }

  PacketBuilder& payload(Bytes bytes) {
    payload_ = std::move(bytes);
    return *this;
  }
  PacketBuilder& payload(std::string_view text) { return payload(bytes_of(text)); }
  PacketBuilder& hop_limit(std::uint8_t value) {
    hop_limit_ = value;
    return *this;
  }
  // TCP options, padded to four bytes. Call it after tcp().
  PacketBuilder& tcp_options(Bytes options) {
    upper_.resize(kTcpHeaderMin);
    upper_ = ByteWriter{}.add(upper_).add(options).pad_to(4).bytes();
    upper_.at(12) = static_cast<std::uint8_t>(upper_.size() / 4 << 4);
    return *this;
  }
  // IPv4 options, padded to four bytes.
  PacketBuilder& ip_options(Bytes options) {
    options_ = ByteWriter{}.add(options).pad_to(4).bytes();
    return *this;
  }
  // An IPv6 extension header: `body` is what follows its next header and length bytes, padded as that
  // length wants it. For AH (51) give ten bytes or more.
  PacketBuilder& extension(std::uint8_t number, Bytes body = {}) {
    const bool ah = number == static_cast<std::uint8_t>(Protocol::ah);
    ByteWriter header;
    header.u16(0).add(body).pad_to(ah ? 4 : 8);
    const std::size_t units = ah ? header.size() / 4 - 2 : header.size() / 8 - 1;
    return raw_extension(number, header.patch_u16(0, units).bytes());
  }
  // The same with all its bytes as given, but for the next header, which is the first.
  PacketBuilder& raw_extension(std::uint8_t number, Bytes header) {
    extensions_.emplace_back(number, std::move(header));
    return *this;
  }
  // A piece of a datagram. With offset 0 it holds the upper layer's header and the payload; with
  // another the payload alone. `offset` is in bytes, a multiple of 8.
  PacketBuilder& fragment(std::uint16_t offset, bool more, std::uint32_t id = 1) {
    offset_ = offset;
    fragmented_ = true;
    fragment_field_ = static_cast<std::uint16_t>(offset / 8 | (more ? 0x2000 : 0));
    if (is_v4()) return *this;
    const std::size_t field = offset | (more ? 1U : 0U);
    return raw_extension(44, ByteWriter{}.u16(0).u16(field).u32(id).bytes());
  }

  // Lies: the field says this instead of the truth.
  PacketBuilder& ip_length(std::uint16_t value) {  // IPv4 total length, IPv6 payload length
    ip_length_ = value;
    return *this;
  }
  PacketBuilder& ip_header_words(std::uint8_t value) {  // IPv4 IHL
    ip_header_words_ = value;
    return *this;
  }
  PacketBuilder& udp_length(std::uint16_t value) {  // UDP-Lite: coverage
    udp_length_ = value;
    return *this;
  }

  Bytes build() const { return is_v4() ? build_v4() : build_v6(); }

 private:
  static IpAddress address(std::string_view text) {
    const auto parsed = IpAddress::parse(text);
    if (!parsed) throw std::invalid_argument{"no address: " + std::string{text}};
    return *parsed;
  }

  bool is_v4() const { return source_.family() == Family::ipv4; }

  std::span<const std::uint8_t> raw(const IpAddress& which) const {
    return std::span{which.bytes()}.first(which.bits() / 8);
  }

  PacketBuilder& upper(Protocol protocol, Bytes header, std::optional<std::size_t> checksum_at) {
    protocol_ = protocol;
    upper_ = std::move(header);
    checksum_at_ = checksum_at;
    return *this;
  }

  // Everything above IP and its extension headers.
  Bytes body() const {
    if (offset_ != 0) return payload_;
    ByteWriter body;
    body.add(upper_).add(payload_);
    if (protocol_ == Protocol::udp) body.patch_u16(4, udp_length_.value_or(body.size() & 0xffff));
    if (protocol_ == Protocol::udplite) body.patch_u16(4, udp_length_.value_or(0));
    if (checksum_at_ && !fragmented_) body.patch_u16(*checksum_at_, checksum(body.bytes()));
    return body.bytes();
  }

  // Of all but ICMP it covers a pseudo header (RFC 9293 §3.1, RFC 8200 §8.1).
  std::uint16_t checksum(const Bytes& body) const {
    ByteWriter covered;
    if (protocol_ != Protocol::icmp) {
      covered.add(raw(source_)).add(raw(destination_)).u32(body.size());
      covered.u32(static_cast<std::uint8_t>(protocol_));
    }
    const std::uint16_t sum = internet_checksum(covered.add(body).bytes());
    return sum == 0 && protocol_ != Protocol::tcp ? 0xffff : sum;
  }

  Bytes build_v4() const {
    const Bytes above = body();
    const std::size_t header = 20 + options_.size();
    ByteWriter out;
    out.u8(0x40U | ip_header_words_.value_or(static_cast<std::uint8_t>(header / 4))).u8(0);
    out.u16(ip_length_.value_or((header + above.size()) & 0xffff));
    out.u16(1).u16(fragment_field_).u8(hop_limit_).u8(static_cast<std::uint8_t>(protocol_)).u16(0);
    out.add(raw(source_)).add(raw(destination_)).add(options_);
    out.patch_u16(10, internet_checksum(out.bytes()));
    return out.add(above).bytes();
  }

  Bytes build_v6() const {
    ByteWriter chain;
    for (std::size_t i = 0; i < extensions_.size(); ++i) {
      Bytes header = extensions_[i].second;
      header.at(0) = i + 1 < extensions_.size() ? extensions_[i + 1].first : number();
      chain.add(header);
    }
    chain.add(body());
    ByteWriter out;
    out.u32(0x60000000).u16(ip_length_.value_or(chain.size() & 0xffff));
    out.u8(extensions_.empty() ? number() : extensions_.front().first).u8(hop_limit_);
    return out.add(raw(source_)).add(raw(destination_)).add(chain.bytes()).bytes();
  }

  std::uint8_t number() const { return static_cast<std::uint8_t>(protocol_); }

  IpAddress source_, destination_;
  Protocol protocol_ = Protocol{253};  // RFC 3692: for experiments
  Bytes upper_, payload_, options_;
  std::optional<std::size_t> checksum_at_;
  std::vector<std::pair<std::uint8_t, Bytes>> extensions_;
  std::uint8_t hop_limit_ = 64;
  std::uint16_t offset_ = 0, fragment_field_ = 0;
  bool fragmented_ = false;
  std::optional<std::size_t> ip_length_, udp_length_;
  std::optional<std::uint8_t> ip_header_words_;
};

// The EtherType of an IP packet, by its version nibble.
inline std::uint16_t ethertype_of(const Bytes& packet) {
  return !packet.empty() && packet[0] >> 4 == 6 ? 0x86dd : 0x0800;
}

// An Ethernet frame around `packet`, with a VLAN tag for each of `tags` (its EtherType), padded to the
// 60 bytes that Ethernet has at least.
inline Bytes ethernet_frame(const Bytes& packet, std::initializer_list<std::uint16_t> tags = {}) {
  ByteWriter out;
  out.add(Bytes{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1});
  for (const std::uint16_t tag : tags) out.u16(tag).u16(7);
  out.u16(ethertype_of(packet)).add(packet);
  if (out.size() < 60) out.zeros(60 - out.size());
  return out.bytes();
}

}  // namespace tollgate::test
