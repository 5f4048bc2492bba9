// SPDX-License-Identifier: GPL-2.0-or-later
#include "hello_findings.hpp"

#include "tollgate/wire/text.hpp"

namespace tollgate {
namespace {

std::string printable(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    if (c > ' ' && c <= '~' && c != '\\') {
      text += c;
      continue;
    }
    const auto byte = static_cast<std::uint8_t>(c);
    text += "\\x";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

}  // namespace

std::string plain_host(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string plain{name};
  for (char& c : plain) c = ascii_lower(c);
  return plain;
}

void take_hello(const ClientHello& hello, Findings& out) {
  out.encrypted = true;
  out.sni = plain_host(hello.server_name);
  out.encrypted_client_hello = hello.encrypted_client_hello;
  out.alpn.clear();
  std::string_view name;
  for (Reader names = hello.alpn; out.alpn.size() < kMaxAlpn && next_alpn(names, name);) {
    out.alpn.push_back(printable(name));
  }
}

}  // namespace tollgate
