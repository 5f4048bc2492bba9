// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tollgate {

// What an inspector says after each packet.
enum class Finding : std::uint8_t {
  need_more,  // what came so far may still be this protocol
  found,      // it is, and all that was wanted of it is known
  not_this,   // it is another protocol
  malformed,  // it begins as this protocol does, and then breaks its rules
};
std::string_view to_string(Finding finding);

// What the first bytes of a flow speak.
enum class Spoken : std::uint8_t {
  dns,
  mdns,
  llmnr,
  tls,
  dtls,
  quic,
  http,
  http2,  // in clear; over TLS it is ALPN's to say
  ssh,
  wireguard,
  smtp,
  imap,
  pop3,
  xmpp,
  postgresql,
  count_,
};
// "tls", "postgresql", …: the enumerator's name.
std::string_view to_string(Spoken spoken);
std::optional<Spoken> parse_spoken(std::string_view text);

// What the first bytes of a flow say. What they do not say is empty.
struct Findings {
  std::optional<Spoken> protocol;
  // The name in the TLS or QUIC ClientHello, in lower case, without a dot at the end.
  std::string sni;
  // The name in an HTTP request: Host, or the target's authority. The same form.
  std::string http_host;
  std::vector<std::string> alpn;  // kMaxAlpn at most; bytes that are not printable as "\x1f"
  bool encrypted_client_hello = false;
  bool http_connect = false;
  bool malformed = false;  // begins as `protocol` does and then breaks its rules
  // TLS, DTLS, QUIC, SSH, WireGuard, and what has started TLS: true; anything else that carried a
  // payload: false. Empty until a payload has told.
  std::optional<bool> encrypted;
  friend bool operator==(const Findings&, const Findings&) = default;
};

inline constexpr std::size_t kMaxAlpn = 8;

}  // namespace tollgate
