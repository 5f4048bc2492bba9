// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tollgate/base/result.hpp"
#include "tollgate/wire/dns.hpp"

namespace tollgate {

// Response codes (IANA "Domain Name System (DNS) Parameters", DNS RCODEs) that are given here. Those past 15
// go by EDNS.
enum class DnsRcode : std::uint16_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  no_such_name = 3,
  not_implemented = 4,
  refused = 5,
  bad_version = 16,
};

// What somebody asks of the nameserver.
struct DnsQuery {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;
  bool recursion_desired = false;
  bool authentic_data = false;
  bool checking_disabled = false;
  // The question as it was asked, letter for letter (some askers hide a secret in upper and lower case);
  // empty when there was none that could be read.
  std::vector<std::uint8_t> question;
  DnsName name;
  DnsType type = DnsType::a;
  // EDNS (RFC 6891); nullopt: the asker does not know it.
  struct Edns {
    std::uint16_t payload = 512;
    bool dnssec_ok = false;
  };
  std::optional<Edns> edns;
};

// Why a message gets no answer at all: it says that it is one itself, or has not even a header.
enum class NoQuery : std::uint8_t { response, too_short };

struct ParsedQuery {
  DnsQuery query;
  DnsRcode rcode = DnsRcode::no_error;  // else: to be answered with this, without asking anybody
};

// Reads a message as RFC 1035 §4.1 and RFC 6891 have queries: one question of class IN, no more than one OPT.
// Zone transfers are refused, other opcodes than QUERY not implemented.
Result<ParsedQuery, NoQuery> parse_dns_query(std::span<const std::uint8_t> message);

}  // namespace tollgate
