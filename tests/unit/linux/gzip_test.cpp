// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/gzip.hpp"

#include <zlib.h>

#include "catch.hpp"

namespace tollgate {
namespace {

std::string packed(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string in = text, out(deflateBound(&stream, static_cast<uLong>(text.size())) + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST_CASE("gzip: all members, one after the other") {
  const std::string large(200'000, 'x');
  CHECK(*unpack_gzip(packed("10.0.0.1\n"), 100) == "10.0.0.1\n");
  CHECK(*unpack_gzip(packed("a") + packed("") + packed(large), 1'000'000) == "a" + large);
  CHECK(*unpack_gzip(packed(""), 0) == "");
}

TEST_CASE("gzip: what is cut, changed, or too large") {
  const std::string good = packed("10.0.0.1\n");
  for (std::size_t size = 0; size < good.size(); ++size) {
    INFO(size);
    CHECK(unpack_gzip(good.substr(0, size), 100).error() == GzipError::broken);
  }
  CHECK(unpack_gzip(good + "x", 100).error() == GzipError::broken);
  std::string changed = good;
  changed[changed.size() - 6] = static_cast<char>(changed[changed.size() - 6] ^ 1);  // the checksum
  CHECK(unpack_gzip(changed, 100).error() == GzipError::broken);
  CHECK(unpack_gzip("plain text", 100).error() == GzipError::broken);
  CHECK(unpack_gzip(packed(std::string(1'000'000, 'x')), 999'999).error() == GzipError::too_large);
}

}  // namespace
}  // namespace tollgate
