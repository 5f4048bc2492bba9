// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/names/name_source.hpp"

namespace tollgate {

std::string_view to_string(NameSource source) {
  switch (source) {
    case NameSource::dns:
      return "dns";
    case NameSource::mdns:
      return "mdns";
    case NameSource::llmnr:
      return "llmnr";
    case NameSource::tls_sni:
      return "tls-sni";
    case NameSource::quic_sni:
      return "quic-sni";
    case NameSource::http_host:
      return "http-host";
    case NameSource::count_:
      break;
  }
  return "";
}

std::optional<NameSource> parse_name_source(std::string_view text) {
  for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(NameSource::count_); ++i) {
    if (to_string(NameSource{i}) == text) return NameSource{i};
  }
  return {};
}

}  // namespace tollgate
