// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as an IP packet. The first two bytes say how much of it the copy range left.
#include "tollgate/wire/packet.hpp"

#include <cstdlib>
#include <functional>

#include "tollgate/base/reader.hpp"

namespace {

using namespace tollgate;

void require(bool holds) {
  if (!holds) std::abort();
}

bool lies_within(std::span<const std::uint8_t> part, std::span<const std::uint8_t> whole) {
  if (part.empty()) return true;
  const std::less_equal<const std::uint8_t*> before;
  return before(whole.data(), part.data()) && before(part.data() + part.size(), whole.data() + whole.size());
}

bool same(const Endpoints& a, const Endpoints& b) {
  return a.source == b.source && a.destination == b.destination && a.protocol == b.protocol &&
         a.source_port == b.source_port && a.destination_port == b.destination_port &&
         a.icmp.type == b.icmp.type && a.icmp.code == b.icmp.code && a.icmp.id == b.icmp.id;
}

void check_endpoints(const Endpoints& endpoints) {
  require(endpoints.source.family() == endpoints.destination.family());
  if (!has_ports(endpoints.protocol)) require(endpoints.source_port == 0 && endpoints.destination_port == 0);
  if (!is_icmp(endpoints.protocol)) require(endpoints.icmp.type == 0 && endpoints.icmp.id == 0);
}

void check_packet(const Packet& packet, std::span<const std::uint8_t> bytes, std::size_t wire_length) {
  check_endpoints(packet.endpoints);
  check_endpoints(packet.inner);
  require(lies_within(packet.payload, bytes));
  require(packet.length >= 20 && packet.length <= wire_length);
  require(packet.payload.size() <= packet.length);
  if (packet.endpoints.protocol != Protocol::tcp) require(packet.tcp_flags == 0 && packet.tcp_sequence == 0);
  if (packet.fragment == Fragment::later) {
    require(packet.endpoints.source_port == 0 && packet.endpoints.destination_port == 0 &&
            !packet.icmp_error);
  }
  require(packet.icmp_error || !packet.has_inner);
  if (!packet.has_inner) require(same(packet.inner, Endpoints{}));
}

// A copy that was cut says the same as the whole, or less: it never makes sense of what has none,
// and it names the cut only when the whole is fine.
void check_cut(const Parsed<Packet>& whole, const Parsed<Packet>& cut) {
  if (cut) {
    require(whole.ok());
    require(same(whole->endpoints, cut->endpoints));
    require(whole->length == cut->length && whole->fragment == cut->fragment);
    require(whole->tcp_flags == cut->tcp_flags && whole->tcp_sequence == cut->tcp_sequence);
    require(whole->has_inner || !cut->has_inner);
    if (cut->has_inner) require(same(whole->inner, cut->inner));
    require(cut->payload.size() <= whole->payload.size());
  } else if (cut.error() != ParseError::beyond_copy_range) {
    require(!whole && whole.error() == cut.error());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader in{{data, size}};
  std::uint16_t range = 0;
  if (!in.u16(range)) return 0;
  const std::span<const std::uint8_t> bytes = in.rest();
  const Parsed<Packet> whole = parse_packet(bytes);
  if (whole) check_packet(*whole, bytes, bytes.size());
  if (!whole) require(whole.error() != ParseError::beyond_copy_range);

  const auto copied = bytes.first(bytes.empty() ? 0 : range % (bytes.size() + 1));
  const Parsed<Packet> cut = parse_packet(copied, bytes.size());
  if (cut) check_packet(*cut, copied, bytes.size());
  check_cut(whole, cut);

  // The same bytes as the head of a packet that is longer than IP can say.
  const std::size_t gso = std::size_t{70000} + range;
  const Parsed<Packet> big = parse_packet(bytes, gso);
  if (big) check_packet(*big, bytes, gso);
  return 0;
}
