// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/dns.hpp"

namespace tollgate {
namespace {

constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kMdnsBit = 0x8000;
constexpr std::uint32_t kGreatestTtl = 0x7fffffff;
// RFC 9460 §14.3.2.
constexpr std::uint16_t kHint4 = 4, kEch = 5, kHint6 = 6;

bool add_address4(Reader& data, DnsRecord& out) {
  std::array<std::uint8_t, 4> bytes{};
  if (!data.copy(bytes)) return false;
  if (out.address_count < kMaxDnsHints) out.addresses[out.address_count++] = IpAddress::v4(bytes);
  return true;
}

bool add_address6(Reader& data, DnsRecord& out) {
  std::array<std::uint8_t, 16> bytes{};
  if (!data.copy(bytes)) return false;
  if (out.address_count < kMaxDnsHints) out.addresses[out.address_count++] = IpAddress::v6(bytes);
  return true;
}

bool read_hints(std::uint16_t key, Reader value, DnsRecord& out) {
  if (value.empty()) return false;
  while (!value.empty()) {
    if (key == kHint4 ? !add_address4(value, out) : !add_address6(value, out)) return false;
  }
  return true;
}

}  // namespace

Result<DnsReader, DnsError> DnsReader::open(std::span<const std::uint8_t> message) {
  DnsReader reader{Reader{message}};
  Reader& in = reader.in_;
  DnsHeader& header = reader.header_;
  std::uint16_t flags = 0;
  if (!(in.u16(header.id) && in.u16(flags) && in.u16(header.questions) && in.u16(header.answers) &&
        in.u16(header.authorities) && in.u16(header.additionals))) {
    return DnsError::truncated;
  }
  header.response = (flags & 0x8000) != 0;
  header.opcode = static_cast<std::uint8_t>(flags >> 11 & 0xf);
  header.truncated = (flags & 0x0200) != 0;
  header.recursion_desired = (flags & 0x0100) != 0;
  header.authentic_data = (flags & 0x0020) != 0;
  header.checking_disabled = (flags & 0x0010) != 0;
  header.rcode = static_cast<std::uint8_t>(flags & 0xf);
  return reader;
}

bool DnsReader::fail(DnsError error) {
  // A message that says that it was cut may end anywhere.
  const bool cut = error == DnsError::truncated && header_.truncated;
  if (!cut) error_ = error;
  in_ = Reader{};
  header_.questions = header_.answers = header_.authorities = header_.additionals = 0;
  return false;
}

bool DnsReader::next_question(DnsQuestion& out) {
  if (questions_read_ >= header_.questions) return false;
  if (questions_read_ == kMaxDnsQuestions) return fail(DnsError::too_many);
  if (const auto error = read_dns_name(whole_, position(), in_, out.name)) return fail(*error);
  std::uint16_t type = 0, klass = 0;
  if (!in_.u16(type) || !in_.u16(klass)) return fail(DnsError::truncated);
  out.type = DnsType{type};
  out.internet = (klass & ~kMdnsBit) == kInternet;
  ++questions_read_;
  return true;
}

bool DnsReader::next_record(DnsRecord& out) {
  DnsQuestion passed;
  while (next_question(passed)) continue;
  const unsigned answers = header_.answers, authorities = header_.authorities;
  if (records_read_ >= answers + authorities + header_.additionals) return false;
  if (records_read_ == kMaxDnsRecords) return fail(DnsError::too_many);
  out = DnsRecord{};
  if (const auto error = read_dns_name(whole_, position(), in_, out.name)) return fail(*error);
  std::uint16_t type = 0, klass = 0, length = 0;
  if (!(in_.u16(type) && in_.u16(klass) && in_.u32(out.ttl) && in_.u16(length))) {
    return fail(DnsError::truncated);
  }
  if (in_.remaining() < length) return fail(DnsError::truncated);
  out.section = records_read_ < answers                 ? DnsSection::answer
                : records_read_ < answers + authorities ? DnsSection::authority
                                                        : DnsSection::additional;
  out.type = DnsType{type};
  out.internet = (klass & ~kMdnsBit) == kInternet;
  if (out.type == DnsType::opt) {  // RFC 6891 §6.1.3: the time to live has other things in it
    out.edns_payload = klass;
    out.edns_version = static_cast<std::uint8_t>(out.ttl >> 16);
    out.dnssec_ok = (out.ttl & 0x8000) != 0;
  }
  if (out.ttl > kGreatestTtl || out.type == DnsType::opt) out.ttl = 0;
  ++records_read_;
  return read_data(length, out);
}

bool DnsReader::read_data(std::size_t length, DnsRecord& out) {
  std::size_t at = position();
  Reader data;
  in_.sub(length, data);
  if (!out.internet) return true;
  bool good = true;
  switch (out.type) {
    case DnsType::a:
      good = add_address4(data, out) && data.empty();
      break;
    case DnsType::aaaa:
      good = add_address6(data, out) && data.empty();
      break;
    case DnsType::cname:
    case DnsType::dname:
      return read_target(at, data, out) && (data.empty() || fail(DnsError::bad_data));
    case DnsType::srv:  // RFC 2782: priority, weight, port, target
      if (!data.skip(6)) return fail(DnsError::bad_data);
      return read_target(at + 6, data, out) && (data.empty() || fail(DnsError::bad_data));
    case DnsType::svcb:
    case DnsType::https:
      return read_service(at, data, out);
    case DnsType::ptr:
    case DnsType::opt:
    case DnsType::any:
      break;
  }
  return good || fail(DnsError::bad_data);
}

bool DnsReader::read_target(std::size_t position, Reader& data, DnsRecord& out) {
  const auto error = read_dns_name(whole_, position, data, out.target);
  if (!error) return true;
  // What ends before the record does is the record's fault, not the message's.
  return fail(*error == DnsError::truncated ? DnsError::bad_data : *error);
}

// RFC 9460 §2.2.
bool DnsReader::read_service(std::size_t position, Reader& data, DnsRecord& out) {
  if (!data.u16(out.priority)) return fail(DnsError::bad_data);
  if (!read_target(position + 2, data, out)) return false;
  while (!data.empty()) {
    std::uint16_t key = 0, length = 0;
    Reader value;
    if (!(data.u16(key) && data.u16(length) && data.sub(length, value))) return fail(DnsError::bad_data);
    if (key == kEch) out.encrypted_client_hello = true;
    const bool hints = key == kHint4 || key == kHint6;
    if (hints && !read_hints(key, value, out)) return fail(DnsError::bad_data);
  }
  return true;
}

}  // namespace tollgate
