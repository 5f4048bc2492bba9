// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tollgate {

// Where a name was seen.
enum class NameSource : std::uint8_t {
  dns,        // an answer to a question that was asked
  mdns,       // the same by multicast, RFC 6762
  llmnr,      // RFC 4795
  tls_sni,    // a ClientHello, over TLS or DTLS
  quic_sni,   // a ClientHello in QUIC Initial packets
  http_host,  // a request of HTTP/1
  count_,
};
// "dns", "tls-sni", …
std::string_view to_string(NameSource source);
std::optional<NameSource> parse_name_source(std::string_view text);

}  // namespace tollgate
