// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/protocol.hpp"

#include <array>
#include <charconv>

namespace tollgate {
namespace {

struct Name {
  Protocol protocol;
  std::string_view text;
};

constexpr std::array kNames = {
    Name{Protocol::icmp, "icmp"}, Name{Protocol::igmp, "igmp"},       Name{Protocol::tcp, "tcp"},
    Name{Protocol::udp, "udp"},   Name{Protocol::dccp, "dccp"},       Name{Protocol::gre, "gre"},
    Name{Protocol::esp, "esp"},   Name{Protocol::ah, "ah"},           Name{Protocol::icmpv6, "icmpv6"},
    Name{Protocol::sctp, "sctp"}, Name{Protocol::udplite, "udplite"},
};

}  // namespace

std::string to_string(Protocol protocol) {
  for (const Name& name : kNames) {
    if (name.protocol == protocol) return std::string{name.text};
  }
  return std::to_string(static_cast<unsigned>(protocol));
}

std::optional<Protocol> parse_protocol(std::string_view text) {
  for (const Name& name : kNames) {
    if (name.text == text) return name.protocol;
  }
  if (text.size() > 1 && text[0] == '0') return {};
  std::uint8_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return {};
  return Protocol{number};
}

}  // namespace tollgate
