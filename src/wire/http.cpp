// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/http.hpp"

#include <algorithm>
#include <optional>

#include "tollgate/wire/text.hpp"

namespace tollgate {
namespace {

constexpr std::size_t kMaxMethod = 24;

// RFC 9110 §5.6.2; methods are in capitals, which tells them from the beginnings of other protocols.
bool is_method_character(char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; }

// "host", "host:port", "[2001:db8::1]:port": what is in front of the port. nullopt: no authority.
std::optional<std::string_view> host_of(std::string_view authority) {
  const std::size_t user = authority.rfind('@');
  if (user != std::string_view::npos) authority.remove_prefix(user + 1);
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return {};
    const std::string_view port = authority.substr(end + 1);
    if (!port.empty() && port[0] != ':') return {};
    return authority.substr(1, end - 1);
  }
  const std::size_t colon = authority.find(':');
  if (colon != std::string_view::npos && authority.find(':', colon + 1) != std::string_view::npos) return {};
  return authority.substr(0, colon);
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

// absolute-form, RFC 9112 §3.2.2: the authority of "http://authority/…".
std::optional<std::string_view> authority_of(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || target.starts_with('/')) return {};
  target.remove_prefix(scheme + 3);
  return target.substr(0, target.find_first_of("/?#"));
}

// The Host of the header lines from `text` on.
Result<std::string_view, HttpError> read_host(std::string_view text) {
  std::optional<std::string_view> host;
  while (true) {
    std::string_view line;
    if (!take_line(text, line)) return HttpError::need_more;
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return HttpError::malformed;
    if (!equals_ignoring_case(line.substr(0, colon), "host")) continue;
    if (host) return HttpError::malformed;
    host = trim(line.substr(colon + 1));
  }
  if (!host) return std::string_view{};  // HTTP/1.0 needs none
  const auto name = host_of(*host);
  if (!name || !is_visible(*name)) return HttpError::malformed;
  return *name;
}

}  // namespace

Result<HttpRequest, HttpError> parse_http_request(std::span<const std::uint8_t> bytes) {
  std::string_view text = as_text(bytes);
  const std::size_t method_end =
      static_cast<std::size_t>(std::ranges::find_if_not(text, is_method_character) - text.begin());
  if (method_end > kMaxMethod) return HttpError::not_http;
  if (method_end == text.size()) return HttpError::need_more;
  if (method_end == 0 || text[method_end] != ' ') return HttpError::not_http;
  HttpRequest request;
  request.method = text.substr(0, method_end);
  request.connect = request.method == "CONNECT";

  std::string_view line;
  if (!take_line(text, line)) {
    // Everything that may stand in a target is visible: other protocols give themselves away.
    return is_visible(line.substr(method_end + 1, line.find(' ', method_end + 1) - method_end - 1))
               ? HttpError::need_more
               : HttpError::not_http;
  }
  line.remove_prefix(method_end + 1);
  const std::size_t target_end = line.find(' ');
  const std::string_view target = line.substr(0, target_end);
  if (target_end == std::string_view::npos || !line.substr(target_end + 1).starts_with("HTTP/1.")) {
    return HttpError::not_http;
  }
  if (target.empty() || !is_visible(target)) return HttpError::not_http;
  const auto authority = request.connect ? std::optional{target} : authority_of(target);
  if (authority) {
    const auto host = host_of(*authority);
    if (!host || host->empty()) return HttpError::malformed;
    request.host = *host;
    return request;
  }
  const Result<std::string_view, HttpError> host = read_host(text);
  if (!host) return host.error();
  request.host = *host;
  return request;
}

}  // namespace tollgate
