// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

namespace tollgate {

// Why a DNS message has no meaning from some point on.
enum class DnsError : std::uint8_t {
  truncated,    // ends before what it announces does, though it does not say so (TC)
  bad_label,    // neither a label nor a pointer (RFC 1035 §4.1.4, RFC 6891 §5)
  bad_pointer,  // does not point lower than the one before, or there are more than kMaxDnsPointers
  long_name,    // over 255 bytes
  bad_data,     // a record's data contradicts its type
  too_many,     // questions or records, see dns.hpp
};
// "bad_label", …: the enumerator's name.
std::string_view to_string(DnsError error);

}  // namespace tollgate
