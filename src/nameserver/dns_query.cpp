// SPDX-License-Identifier: GPL-2.0-or-later
#include "dns_query.hpp"

#include <algorithm>

namespace tollgate {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint16_t kFirstMetaType = 249;  // TKEY, TSIG, IXFR, AXFR, MAILB, MAILA: RFC 6895 §3.1
constexpr std::uint16_t kLastMetaType = 254;

// Transfers and transactions: nothing that a resolver could ask on.
bool is_meta(DnsType type) {
  const auto number = static_cast<std::uint16_t>(type);
  return number == 0 || type == DnsType::opt || (number >= kFirstMetaType && number <= kLastMetaType);
}

std::uint8_t lower(std::uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte + ('a' - 'A')) : byte;
}

// The bytes of the one question; empty when its name is compressed: it is the first of the message, there is
// nothing that it could point to.
std::vector<std::uint8_t> question_bytes(std::span<const std::uint8_t> message, const DnsName& name) {
  const std::size_t length = name.bytes().size();
  if (message.size() < kHeader + length + 4) return {};
  const std::span<const std::uint8_t> asked = message.subspan(kHeader, length + 4);
  if (!std::ranges::equal(asked.first(length), name.bytes(), {}, lower)) return {};
  return {asked.begin(), asked.end()};
}

DnsRcode read_extension(DnsReader& in, DnsQuery& query) {
  DnsRecord record;
  DnsRcode rcode = DnsRcode::no_error;
  while (in.next_record(record)) {
    if (record.type != DnsType::opt || record.section != DnsSection::additional) continue;
    if (query.edns || !record.name.is_root()) return DnsRcode::format_error;
    query.edns = DnsQuery::Edns{record.edns_payload, record.dnssec_ok};
    if (record.edns_version > 0) rcode = DnsRcode::bad_version;
  }
  return in.error() ? DnsRcode::format_error : rcode;
}

DnsRcode read_rest(std::span<const std::uint8_t> message, DnsReader& in, DnsQuery& query) {
  if (query.opcode != 0) return DnsRcode::not_implemented;
  if (in.header().questions != 1 || in.header().truncated) return DnsRcode::format_error;
  DnsQuestion question;
  if (!in.next_question(question)) return DnsRcode::format_error;
  query.name = question.name;
  query.type = question.type;
  query.question = question_bytes(message, question.name);
  if (query.question.empty()) return DnsRcode::format_error;
  const DnsRcode rcode = read_extension(in, query);
  if (rcode != DnsRcode::no_error) return rcode;
  // The class of a question by unicast has no other meaning in its first bit (RFC 6762 §5.4 is mDNS').
  const bool internet = question.internet && (query.question[query.question.size() - 2] & 0x80) == 0;
  return internet && !is_meta(query.type) ? DnsRcode::no_error : DnsRcode::refused;
}

}  // namespace

Result<ParsedQuery, NoQuery> parse_dns_query(std::span<const std::uint8_t> message) {
  auto in = DnsReader::open(message);
  if (!in.ok()) return NoQuery::too_short;
  const DnsHeader& header = in->header();
  if (header.response) return NoQuery::response;
  ParsedQuery parsed;
  DnsQuery& query = parsed.query;
  query.id = header.id;
  query.opcode = header.opcode;
  query.recursion_desired = header.recursion_desired;
  query.authentic_data = header.authentic_data;
  query.checking_disabled = header.checking_disabled;
  parsed.rcode = read_rest(message, *in, query);
  return parsed;
}

}  // namespace tollgate
