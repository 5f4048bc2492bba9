// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tollgate/base/result.hpp"

namespace tollgate {

enum class HttpError : std::uint8_t {
  need_more,  // what is here may be the beginning of a request
  not_http,   // does not begin with a method and a target
  malformed,  // begins so, then breaks the rules that two readers must agree on (RFC 9112 §3, §5)
};

// The head of an HTTP/1 request as far as it says who is meant. Views point into the bytes.
struct HttpRequest {
  std::string_view method;
  std::string_view host;  // without port; of the target where that names it (RFC 9112 §3.2), else Host
  bool connect = false;   // a tunnel to `host` (RFC 9110 §9.3.6)
};

// The request that `bytes` begin with. Answers as soon as the answer cannot change any more: a target
// with an authority settles it, otherwise the end of the head does (a second Host is an attack,
// RFC 9112 §3.2).
Result<HttpRequest, HttpError> parse_http_request(std::span<const std::uint8_t> bytes);

// The connection preface of HTTP/2 in clear (RFC 9113 §3.4).
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace tollgate
