// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/inspect/findings.hpp"

namespace tollgate {

std::string_view to_string(Finding finding) {
  switch (finding) {
    case Finding::need_more:
      return "need_more";
    case Finding::found:
      return "found";
    case Finding::not_this:
      return "not_this";
    case Finding::malformed:
      return "malformed";
  }
  return "";
}

std::string_view to_string(Spoken spoken) {
  switch (spoken) {
    case Spoken::dns:
      return "dns";
    case Spoken::mdns:
      return "mdns";
    case Spoken::llmnr:
      return "llmnr";
    case Spoken::tls:
      return "tls";
    case Spoken::dtls:
      return "dtls";
    case Spoken::quic:
      return "quic";
    case Spoken::http:
      return "http";
    case Spoken::http2:
      return "http2";
    case Spoken::ssh:
      return "ssh";
    case Spoken::wireguard:
      return "wireguard";
    case Spoken::smtp:
      return "smtp";
    case Spoken::imap:
      return "imap";
    case Spoken::pop3:
      return "pop3";
    case Spoken::xmpp:
      return "xmpp";
    case Spoken::postgresql:
      return "postgresql";
    case Spoken::count_:
      break;
  }
  return "";
}

std::optional<Spoken> parse_spoken(std::string_view text) {
  for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(Spoken::count_); ++i) {
    if (to_string(Spoken{i}) == text) return Spoken{i};
  }
  return {};
}

}  // namespace tollgate
