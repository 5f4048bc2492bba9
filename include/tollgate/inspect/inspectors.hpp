// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tollgate/inspect/findings.hpp"

// The inspectors of streams. Each looks at the first bytes of a side, all that are there, and says what
// they are; given more of the same bytes it says the same or more. What is found goes into `out`.
namespace tollgate {

struct Inspected {
  Finding finding = Finding::not_this;
  std::size_t wanted = 0;  // with need_more: the answer stays before so many bytes are there; 0: no idea
  friend bool operator==(const Inspected&, const Inspected&) = default;
};

using StreamBytes = std::span<const std::uint8_t>;

// A ClientHello in TLS records, one or many (RFC 8446 §5.1). Longer than 16 KiB is malformed.
Inspected inspect_tls(StreamBytes client, Findings& out);
// The head of an HTTP/1 request, or the preface of HTTP/2.
Inspected inspect_http(StreamBytes client, Findings& out);
// The identification of either side (RFC 4253 §4.2), whichever spoke.
Inspected inspect_ssh(StreamBytes client, StreamBytes server, Findings& out);
// SMTP (RFC 3207), IMAP (RFC 9051 §6.2.1), POP3 (RFC 2595), XMPP (RFC 6120 §5) and PostgreSQL (its
// SSLRequest): found when TLS has started, and then `encrypted`; or when something was said that may
// not be said before, and then not.
Inspected inspect_starttls(StreamBytes client, StreamBytes server, Findings& out);

// A query of DNS over TCP (RFC 1035 §4.2.2). Only for what goes to DNS' port: it has no other sign.
Inspected inspect_dns(StreamBytes client, Findings& out);
// Whether a datagram is a message of DNS, mDNS or LLMNR.
bool is_dns(std::span<const std::uint8_t> datagram);

}  // namespace tollgate
