// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/ipv6.hpp"

#include <cassert>
#include <optional>

namespace tollgate {
namespace {

// IANA "IPv6 Extension Header Types".
constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51, kNoNext = 59,
                       kDestinationOptions = 60, kMobility = 135, kHip = 139, kShim6 = 140;
constexpr std::uint8_t kPad1 = 0, kJumboOption = 0xc2;  // RFC 8200 §4.2, RFC 2675 §2
constexpr std::size_t kSmallestExtension = 8;

bool is_extension(std::uint8_t number) {
  switch (number) {
    case kHopByHop:
    case kRouting:
    case kFragment:
    case kAuthentication:
    case kDestinationOptions:
    case kMobility:
    case kHip:
    case kShim6:
      return true;
    default:
      return false;
  }
}

// A message of its own when nothing follows; otherwise it goes with what follows.
bool is_message(std::uint8_t number) { return number == kMobility || number == kHip || number == kShim6; }

// One walk along the extension headers.
class Chain {
 public:
  Chain(CutReader& in, IpHeader& ip, std::size_t body, std::uint8_t next)
      : in_{in}, ip_{ip}, wire_{in.on_wire()}, body_{body}, next_{next} {}

  std::optional<ParseError> walk() {
    for (unsigned count = 0; is_extension(next_) && ip_.fragment != Fragment::later; ++count) {
      if (count == kMaxExtensionHeaders) return ParseError::extension_chain;
      if (next_ == kHopByHop && count != 0) return ParseError::extension_chain;
      const std::uint8_t current = next_;
      if (const auto error = step(current)) return error;
      if (next_ == kNoNext && is_message(current)) {
        next_ = current;
        break;
      }
    }
    ip_.protocol = Protocol{next_};
    return {};
  }

 private:
  std::optional<ParseError> step(std::uint8_t current) {
    Reader start;
    std::uint8_t units = 0;
    if (!in_.peek(2, start)) return in_.lacking(2);
    start.u8(next_);
    start.u8(units);
    if (current == kFragment) return fragment();
    // RFC 4302 §2.2 counts in four bytes less two, the others in eight less one.
    const std::size_t length =
        current == kAuthentication ? (std::size_t{units} + 2) * 4 : (std::size_t{units} + 1) * 8;
    if (length < kSmallestExtension + (current == kAuthentication ? 4 : 0)) return ParseError::bad_length;
    if (current == kHopByHop) return hop_by_hop(length);
    if (!in_.skip(length)) return ParseError::truncated;
    return {};
  }

  std::optional<ParseError> fragment() {
    if (fragmented_) return ParseError::bad_fragment;
    fragmented_ = true;
    Reader header;
    std::uint16_t offset_and_more = 0;
    if (!in_.take(kSmallestExtension, header)) return in_.lacking(kSmallestExtension);
    header.skip(2);
    header.u16(offset_and_more);
    const std::size_t passed = wire_ - in_.on_wire();
    assert(passed <= body_);  // parse_ipv6() ended `in` there
    const Piece piece{offset_and_more & 0xfff8U, body_ - passed, 0, (offset_and_more & 1) != 0};
    const Parsed<Fragment> place = classify_fragment(piece, Protocol{next_});
    if (!place) return place.error();
    ip_.fragment = *place;
    return {};
  }

  // The options matter only for the jumbo option, which makes a length of what has none.
  std::optional<ParseError> hop_by_hop(std::size_t length) {
    Reader header;
    if (!in_.take(length, header)) return in_.lacking(length);
    header.skip(2);
    const bool gso = body_ > kMaxIpLength;
    for (bool first = true; !header.empty(); first = false) {
      std::uint8_t type = 0, size = 0;
      header.u8(type);
      if (type == kPad1) continue;
      if (!header.u8(size) || !header.skip(size)) return ParseError::bad_length;
      if (type != kJumboOption) continue;
      const bool as_the_kernel_does =
          gso && first && size == 4 && header.empty() && Protocol{next_} == Protocol::tcp;
      if (!as_the_kernel_does) return ParseError::jumbo;
    }
    if (body_ == 0) return ParseError::bad_length;
    return {};
  }

  CutReader& in_;
  IpHeader& ip_;
  std::size_t wire_;  // bytes on the wire behind the fixed header
  std::size_t body_;  // the same as the header says
  std::uint8_t next_;
  bool fragmented_ = false;
};

IpAddress read_address(Reader& in) {
  std::array<std::uint8_t, 16> bytes{};
  in.copy(bytes);
  return IpAddress::v6(bytes);
}

}  // namespace

Parsed<IpHeader> parse_ipv6(CutReader& in) {
  Reader fixed;
  if (!in.take(kIpv6HeaderLength, fixed)) return in.lacking(kIpv6HeaderLength);
  std::uint8_t next = 0;
  std::uint16_t payload_length = 0;
  IpHeader ip;
  fixed.skip(4);  // version, traffic class, flow label
  fixed.u16(payload_length);
  fixed.u8(next);
  fixed.u8(ip.hop_limit);
  ip.source = read_address(fixed);
  ip.destination = read_address(fixed);
  ip.protocol = Protocol{next};

  const bool gso = payload_length == 0 && in.on_wire() > kMaxIpLength;
  const std::size_t body = gso ? in.on_wire() : payload_length;
  ip.length = static_cast<std::uint32_t>(kIpv6HeaderLength + body);
  // Of a length of 0 in front of a hop-by-hop header the jumbo option has to tell first.
  if (body != 0 || next != kHopByHop) in.end_at(body);
  if (!is_extension(next)) return ip;
  if (const auto error = Chain{in, ip, body, next}.walk()) return *error;
  return ip;
}

}  // namespace tollgate
