// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dns_query.hpp"
#include "tollgate/config/nameserver_options.hpp"

namespace tollgate {

// No answer by UDP is larger (bytes): it shall not be cut into fragments on its way
// (draft-ietf-dnsop-avoid-fragmentation). What is larger is to be had by TCP.
inline constexpr std::size_t kMaxUdpAnswer = 1232;
inline constexpr std::size_t kMaxTcpAnswer = 65535;

// Extended DNS Errors (RFC 8914 §4) that are given here.
enum class ExtendedError : std::uint16_t {
  other = 0,
  dnssec_bogus = 6,
  not_ready = 14,
  blocked = 15,
  no_reachable_authority = 22,
};

// What is answered, besides what the resolver's own message says.
struct AnswerSays {
  DnsRcode rcode = DnsRcode::no_error;
  bool authentic = false;  // the resolver has validated it
  std::optional<ExtendedError> error = std::nullopt;
  std::string text = {};  // with `error`, for people
};

// The longest answer to this query that its asker takes by UDP.
std::size_t udp_limit(const DnsQuery& query);

// An answer without records.
std::vector<std::uint8_t> empty_answer(const DnsQuery& query, const AnswerSays& says);

// The same, and that the answer is to be had by TCP.
std::vector<std::uint8_t> truncated_answer(const DnsQuery& query, const AnswerSays& says);

// That a rule refuses it, as configured; `why` is for people.
std::vector<std::uint8_t> refused_answer(const DnsQuery& query, RefusedNames how, const std::string& why);

// The answer that `resolved` (a whole message with the same question, as a resolver gives it) is to this
// query: its records, in no more than `limit` bytes, else none of them and the bit that says so (TC).
// DNSSEC's records are left out where the asker does not want them (RFC 4035 §3.2.1). nullopt: `resolved`
// makes no sense.
std::optional<std::vector<std::uint8_t>> answer_with(const DnsQuery& query, const AnswerSays& says,
                                                     std::span<const std::uint8_t> resolved,
                                                     std::size_t limit);

}  // namespace tollgate
