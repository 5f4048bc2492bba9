// SPDX-License-Identifier: GPL-2.0-or-later
#include "dns_answer.hpp"

#include <algorithm>

#include "message_records.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kLeastUdp = 512;  // RFC 1035 §4.2.1
constexpr std::size_t kCountsAt = 6;    // of answers, authorities, additionals
constexpr std::uint16_t kExtendedErrorOption = 15;
constexpr std::size_t kLongestText = 120;  // bytes of what an error says for people

namespace flag {
constexpr std::uint16_t response = 0x8000, truncated = 0x0200, recursion_desired = 0x0100,
                        recursion_available = 0x0080, authentic = 0x0020, checking_disabled = 0x0010;
}  // namespace flag

std::uint16_t flags_of(const DnsQuery& query, const AnswerSays& says) {
  unsigned flags = flag::response | flag::recursion_available | unsigned{query.opcode} << 11 |
                   (static_cast<unsigned>(says.rcode) & 0xf);
  if (query.recursion_desired) flags |= flag::recursion_desired;
  if (query.checking_disabled) flags |= flag::checking_disabled;
  // RFC 6840 §5.8: whoever says that they understand it is told.
  const bool wants = query.authentic_data || (query.edns && query.edns->dnssec_ok);
  if (says.authentic && wants) flags |= flag::authentic;
  return static_cast<std::uint16_t>(flags);
}

void begin(const DnsQuery& query, std::uint16_t flags, MessageWriter& out) {
  out.u16(query.id).u16(flags).u16(query.question.empty() ? 0 : 1).u16(0).u16(0).u16(0);
  out.add(query.question);
}

// RFC 6891 §6.1.2, RFC 8914 §2.
void add_extension(const DnsQuery& query, const AnswerSays& says, MessageWriter& out) {
  const std::string_view text = std::string_view{says.text}.substr(0, kLongestText);
  const auto rcode = static_cast<std::uint32_t>(says.rcode);
  out.u8(0).u16(static_cast<std::uint16_t>(DnsType::opt)).u16(kMaxUdpAnswer);
  out.u32(rcode >> 4 << 24 | (query.edns->dnssec_ok ? 0x8000U : 0U));
  if (!says.error) {
    out.u16(0);
    return;
  }
  out.u16(static_cast<std::uint16_t>(text.size() + 6));
  out.u16(kExtendedErrorOption).u16(static_cast<std::uint16_t>(text.size() + 2));
  out.u16(static_cast<std::uint16_t>(*says.error));
  for (const char c : text) out.u8(static_cast<std::uint8_t>(c));
}

bool is_of_dnssec(DnsType type) {
  constexpr std::uint16_t kRrsig = 46, kNsec = 47, kNsec3 = 50;
  const auto number = static_cast<std::uint16_t>(type);
  return number == kRrsig || number == kNsec || number == kNsec3;
}

bool is_wanted(const DnsQuery& query, const RawRecord& record) {
  if (record.type == DnsType::opt) return false;  // ours takes its place
  if (query.edns && query.edns->dnssec_ok) return true;
  return !is_of_dnssec(record.type) || record.type == query.type || query.type == DnsType::any;
}

constexpr std::uint32_t kZeroTtl = 10;  // seconds: rules change

// 0.0.0.0 or ::, for the name that was asked for.
std::vector<std::uint8_t> zero_answer(const DnsQuery& query, const AnswerSays& says) {
  constexpr std::array<std::uint8_t, 16> kZero{};
  const std::size_t size = query.type == DnsType::a ? 4 : 16;
  MessageWriter out;
  begin(query, flags_of(query, says), out);
  out.u16(0xc00c).u16(static_cast<std::uint16_t>(query.type)).u16(1).u32(kZeroTtl);
  out.u16(static_cast<std::uint16_t>(size)).add(std::span{kZero}.first(size));
  out.set_u16(kCountsAt, 1);
  if (query.edns) {
    add_extension(query, says, out);
    out.set_u16(kCountsAt + 4, 1);
  }
  return out.take();
}

struct Survey {
  std::array<std::uint16_t, 3> counts{};  // of what is wanted, by section
  bool whole = true;                      // nothing that is wanted stands behind something that is not
  std::size_t end = 0;                    // of the records that can be taken as they are
};

std::optional<Survey> survey(const DnsQuery& query, std::span<const std::uint8_t> message,
                             std::size_t& records_at) {
  RecordWalk walk{message};
  const auto first = walk.open();
  if (!first) return std::nullopt;
  records_at = *first;
  Survey found;
  found.end = *first;
  bool gap = false;
  for (RawRecord record; walk.next(record);) {
    if (!is_wanted(query, record)) {
      gap = true;
      continue;
    }
    ++found.counts[static_cast<std::size_t>(record.section)];
    if (gap) found.whole = false;
    found.end = record.end;
  }
  if (!walk.good()) return std::nullopt;
  return found;
}

bool copy_wanted(const DnsQuery& query, std::span<const std::uint8_t> message, MessageWriter& out) {
  RecordWalk walk{message};
  if (!walk.open()) return false;
  for (RawRecord record; walk.next(record);) {
    if (is_wanted(query, record) && !walk.copy(record, out)) return false;
  }
  return true;
}

}  // namespace

std::size_t udp_limit(const DnsQuery& query) {
  if (!query.edns) return kLeastUdp;
  return std::clamp<std::size_t>(query.edns->payload, kLeastUdp, kMaxUdpAnswer);
}

std::vector<std::uint8_t> empty_answer(const DnsQuery& query, const AnswerSays& says) {
  MessageWriter out;
  begin(query, flags_of(query, says), out);
  if (query.edns) {
    add_extension(query, says, out);
    out.set_u16(kCountsAt + 4, 1);
  }
  return out.take();
}

std::vector<std::uint8_t> truncated_answer(const DnsQuery& query, const AnswerSays& says) {
  std::vector<std::uint8_t> cut = empty_answer(query, says);
  cut[2] = static_cast<std::uint8_t>(cut[2] | flag::truncated >> 8);
  return cut;
}

std::vector<std::uint8_t> refused_answer(const DnsQuery& query, RefusedNames how, const std::string& why) {
  AnswerSays says{DnsRcode::no_error, false, ExtendedError::blocked, why};
  switch (how) {
    case RefusedNames::nxdomain:
      says.rcode = DnsRcode::no_such_name;
      break;
    case RefusedNames::refused:
      says.rcode = DnsRcode::refused;
      break;
    case RefusedNames::zero:
      if (query.type == DnsType::a || query.type == DnsType::aaaa) return zero_answer(query, says);
      break;
  }
  return empty_answer(query, says);
}

std::optional<std::vector<std::uint8_t>> answer_with(const DnsQuery& query, const AnswerSays& says,
                                                     std::span<const std::uint8_t> resolved,
                                                     std::size_t limit) {
  std::size_t records_at = 0;
  const auto found = survey(query, resolved, records_at);
  if (!found) return std::nullopt;
  MessageWriter out;
  const std::uint16_t flags = flags_of(query, says);
  begin(query, flags, out);
  // Pointers in the records count from the beginning: they hold as long as nothing before them moves.
  if (found->whole && out.size() == records_at) {
    out.add(resolved.subspan(records_at, found->end - records_at));
  } else if (!copy_wanted(query, resolved, out)) {
    return std::nullopt;
  }
  std::array<std::uint16_t, 3> counts = found->counts;
  if (query.edns) {
    add_extension(query, says, out);
    ++counts[2];
  }
  if (out.size() > limit) return truncated_answer(query, says);
  for (std::size_t i = 0; i < counts.size(); ++i) out.set_u16(kCountsAt + 2 * i, counts[i]);
  return out.take();
}

}  // namespace tollgate
