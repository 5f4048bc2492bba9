// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/inspect/inspectors.hpp"
#include "tollgate/wire/dns.hpp"

namespace tollgate {

bool is_dns(std::span<const std::uint8_t> datagram) {
  Result<DnsReader, DnsError> message = DnsReader::open(datagram);
  if (!message) return false;
  DnsQuestion question;
  if (message->next_question(question)) return true;
  // mDNS answers repeat no question (RFC 6762 §6).
  return !message->error() && message->header().response;
}

Inspected inspect_dns(StreamBytes client, Findings& out) {
  constexpr std::size_t kLength = 2, kHeader = 12;
  Reader in{client};
  std::uint16_t length = 0;
  if (!in.u16(length)) return {Finding::need_more, kLength};
  if (length < kHeader) return {Finding::not_this, 0};
  Reader message;
  if (!in.sub(length, message)) {
    // Other protocols show by their header that they are not this one.
    const auto start = DnsReader::open(in.rest());
    const bool may = !start || (!start->header().response && start->header().opcode == 0 &&
                                start->header().questions == 1 && start->header().answers == 0);
    return {may ? Finding::need_more : Finding::not_this, kLength + length};
  }
  if (!is_dns(message.rest())) return {Finding::not_this, 0};
  out.protocol = Spoken::dns;
  out.encrypted = false;
  return {Finding::found, 0};
}

}  // namespace tollgate
