// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/inspect/flow_inspection.hpp"

#include <algorithm>
#include <array>

#include "tollgate/wire/dns.hpp"

namespace tollgate {
namespace {

std::optional<Spoken> name_protocol(std::uint16_t port, std::span<const std::uint8_t> datagram) {
  if (port != kDnsPort && port != kMdnsPort && port != kLlmnrPort) return {};
  if (!is_dns(datagram)) return {};
  return port == kDnsPort ? Spoken::dns : port == kMdnsPort ? Spoken::mdns : Spoken::llmnr;
}

// The messages that begin a session, whole and of their only length (wireguard.com/protocol).
bool is_wireguard(std::span<const std::uint8_t> datagram) {
  constexpr std::size_t kInitiation = 148, kReserved = 3;
  constexpr std::uint8_t kInitiationType = 1;
  Reader in{datagram};
  std::uint8_t type = 0;
  std::array<std::uint8_t, kReserved> reserved{};
  return datagram.size() == kInitiation && in.u8(type) && in.copy(reserved) && type == kInitiationType &&
         std::ranges::all_of(reserved, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

FlowInspection::FlowInspection(Protocol transport, std::uint16_t port, const InspectionLimits& limits)
    : limits_{limits},
      transport_{transport},
      port_{port},
      client_{limits.max_bytes},
      server_{limits.max_bytes} {}

void FlowInspection::on_packet(const Packet& packet, bool from_client) {
  if (finished_ || packet.fragment == Fragment::later || packet.icmp_error) return;
  if (transport_ == Protocol::tcp) {
    on_segment(packet, from_client);
  } else if (!packet.payload.empty()) {
    ++packets_;
    on_datagram(packet, from_client);
  }
  if (!finished_ && packets_ >= limits_.max_packets) settle();
}

void FlowInspection::on_segment(const Packet& packet, bool from_client) {
  if (!packet.payload.empty()) ++packets_;
  switch ((from_client ? client_ : server_).add(packet)) {
    case StreamHead::Added::grown:
      look_at_streams();
      break;
    case StreamHead::Added::conflict:
      // Who receives this may read another name than we do.
      findings_.malformed = true;
      settle();
      break;
    case StreamHead::Added::stored:
    case StreamHead::Added::beyond:
      break;
  }
}

void FlowInspection::look_at_streams() {
  const auto client = client_.prefix(), server = server_.prefix();
  if (client.size() < wanted_ && !client_.full()) return;
  wanted_ = 0;
  Findings seen = findings_;
  unsigned waiting = 0;
  bool may_encrypt = client.empty();
  std::size_t wanted = 0;
  const auto settled_by = [&](const Inspected& said) {
    if (said.finding == Finding::need_more) ++waiting, wanted = said.wanted;
    return said.finding == Finding::found || said.finding == Finding::malformed;
  };
  const auto settled_by_cipher = [&](const Inspected& said) {
    may_encrypt = may_encrypt || said.finding == Finding::need_more;
    return settled_by(said);
  };
  const bool settled = (port_ == kDnsPort && !client.empty() && settled_by(inspect_dns(client, seen))) ||
                       (!client.empty() && (settled_by_cipher(inspect_tls(client, seen)) ||
                                            settled_by(inspect_http(client, seen)))) ||
                       settled_by_cipher(inspect_ssh(client, server, seen)) ||
                       settled_by_cipher(inspect_starttls(client, server, seen));
  if (settled) {
    findings_ = std::move(seen);
    settle();
  } else if (waiting == 0 || client_.full()) {
    settle();
  } else {
    if (waiting == 1) wanted_ = wanted;
    // Whatever it is: the head of an HTTP request has no end yet.
    if (!may_encrypt) findings_.encrypted = false;
  }
}

void FlowInspection::on_datagram(const Packet& packet, bool from_client) {
  if (transport_ != Protocol::udp) return settle();
  const auto bytes = packet.payload;
  if (const auto spoken = name_protocol(port_, bytes)) {
    findings_.protocol = *spoken;
    return settle();
  }
  if (is_wireguard(bytes)) {
    findings_.protocol = Spoken::wireguard;
    findings_.encrypted = true;
    return settle();
  }
  // What a server says to a client that has not been understood yet is waited out.
  if (!from_client) return quic_ || dtls_ ? void() : settle();
  if (!dtls_) {
    if (!quic_) quic_.emplace();
    const Finding quic = quic_->on_client(bytes, findings_);
    if (quic == Finding::found || quic == Finding::malformed) return settle();
    if (quic == Finding::need_more) return;
    quic_.reset();
  }
  if (!dtls_) dtls_.emplace();
  if (dtls_->on_client(bytes, findings_) != Finding::need_more) settle();
}

void FlowInspection::settle() {
  // What breaks its protocol's rules may be anything.
  if (!findings_.encrypted || findings_.malformed) findings_.encrypted = false;
  finished_ = true;
  client_ = server_ = TcpSide{0};
  quic_.reset();
  dtls_.reset();
}

}  // namespace tollgate
