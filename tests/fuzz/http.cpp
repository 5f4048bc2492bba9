// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as the head of an HTTP/1 request: what is known of a part stays true of the whole.
#include "tollgate/wire/http.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tollgate;
  const std::span<const std::uint8_t> all{data, size};
  const auto whole = parse_http_request(all);
  const std::size_t step = size / 24 + 1;
  for (std::size_t cut = 0; cut < size; cut += step) {
    const auto part = parse_http_request(all.first(cut));
    if (!part && part.error() == HttpError::need_more) continue;
    if (part.ok() != whole.ok()) std::abort();
    if (part && (part->host != whole->host || part->connect != whole->connect)) std::abort();
    if (!part && part.error() != whole.error()) std::abort();
  }
  return 0;
}
