// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tollgate/base/ip.hpp"
#include "tollgate/base/reader.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/wire/dns_error.hpp"
#include "tollgate/wire/dns_name.hpp"

namespace tollgate {

inline constexpr std::uint16_t kDnsPort = 53, kMdnsPort = 5353, kLlmnrPort = 5355;

// IANA "Domain Name System (DNS) Parameters", RR types; those that are read here. Any other number is
// a type too.
enum class DnsType : std::uint16_t {
  a = 1,
  cname = 5,
  ptr = 12,
  aaaa = 28,
  srv = 33,
  dname = 39,
  opt = 41,
  svcb = 64,
  https = 65,
  any = 255,
};

// "A", "AAAA", "HTTPS", …; "TYPE65280" (RFC 3597 §5) for those that have no name here.
std::string to_string(DnsType type);
// The inverse, in any case of letters.
std::optional<DnsType> parse_dns_type(std::string_view text);

inline constexpr unsigned kMaxDnsQuestions = 16;
inline constexpr unsigned kMaxDnsRecords = 1024;  // of one message, all sections
inline constexpr unsigned kMaxDnsHints = 16;      // of one record; more are not read

struct DnsHeader {
  std::uint16_t id = 0;
  bool response = false;
  std::uint8_t opcode = 0;  // 0: a standard query
  bool truncated = false;   // TC: the whole is to be had by TCP
  bool recursion_desired = false;
  bool authentic_data = false;     // RFC 4035 §3.1.6; in a question: the answer's bit is of interest
  bool checking_disabled = false;  // RFC 4035 §3.1.6: the asker validates by itself
  std::uint8_t rcode = 0;
  std::uint16_t questions = 0, answers = 0, authorities = 0, additionals = 0;
};

struct DnsQuestion {
  DnsName name;
  DnsType type = DnsType::a;
  bool internet = true;  // class IN; mDNS' wish for a unicast answer (RFC 6762 §5.4) is taken off
};

enum class DnsSection : std::uint8_t { answer, authority, additional };

// One record. What its type does not have is empty.
struct DnsRecord {
  DnsSection section = DnsSection::answer;
  DnsName name;
  DnsType type = DnsType::a;
  bool internet = true;   // as in DnsQuestion; mDNS' cache flush bit (RFC 6762 §10.2) is taken off
  std::uint32_t ttl = 0;  // seconds; what is over 2^31 - 1 counts as 0 (RFC 2181 §8)
  DnsName target;         // CNAME, DNAME, SRV, SVCB, HTTPS
  // A, AAAA: one. SVCB and HTTPS: the hints of RFC 9460 §7.3, which are of the target.
  std::array<IpAddress, kMaxDnsHints> addresses;
  std::uint8_t address_count = 0;
  std::uint16_t priority = 0;           // SVCB, HTTPS: 0 is AliasMode
  bool encrypted_client_hello = false;  // SVCB, HTTPS: has an ECH configuration (RFC 9460 §14.3.2)
  std::uint16_t edns_payload = 0;       // OPT (RFC 6891 §6.1.2)
  std::uint8_t edns_version = 0;        // OPT
  bool dnssec_ok = false;               // OPT: DO (RFC 3225)
};

// Reads a DNS message (RFC 1035 §4) from its beginning to its end: the header, then every question,
// then every record. Allocates nothing. After a read has returned false, error() says whether the
// message ended there or stopped making sense; what was read before stands.
class DnsReader {
 public:
  // `message` without the two bytes of length that TCP puts in front; must outlive the reader.
  static Result<DnsReader, DnsError> open(std::span<const std::uint8_t> message);

  const DnsHeader& header() const { return header_; }
  bool next_question(DnsQuestion& out);
  // Passes over questions that were not read.
  bool next_record(DnsRecord& out);
  std::optional<DnsError> error() const { return error_; }

 private:
  explicit DnsReader(Reader whole) : whole_{whole}, in_{whole} {}
  std::size_t position() const { return whole_.remaining() - in_.remaining(); }
  bool fail(DnsError error);
  bool read_data(std::size_t length, DnsRecord& out);
  bool read_target(std::size_t position, Reader& data, DnsRecord& out);
  bool read_service(std::size_t position, Reader& data, DnsRecord& out);

  Reader whole_;
  Reader in_;
  DnsHeader header_;
  unsigned questions_read_ = 0;
  unsigned records_read_ = 0;
  std::optional<DnsError> error_;
};

}  // namespace tollgate
