// SPDX-License-Identifier: GPL-2.0-or-later
#include "gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

namespace tollgate {
namespace {

constexpr int kOnlyGzip = 16 + MAX_WBITS;  // zlib.h, inflateInit2

// One run of zlib, ended whatever happens.
class Inflation {
 public:
  Inflation() : good_{inflateInit2(&stream_, kOnlyGzip) == Z_OK} {}
  Inflation(const Inflation&) = delete;
  Inflation& operator=(const Inflation&) = delete;
  ~Inflation() { inflateEnd(&stream_); }

  bool good() const { return good_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool good_;
};

}  // namespace

Result<std::string, GzipError> unpack_gzip(std::string_view packed, std::size_t limit) {
  Inflation inflation;
  if (!inflation.good() || packed.size() > std::numeric_limits<uInt>::max()) return GzipError::broken;
  z_stream& stream = inflation.stream();
  // zlib does not write there (zlib.h: "z_const").
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string text;
  std::array<char, 65536> part{};
  while (true) {
    stream.next_out = reinterpret_cast<Bytef*>(part.data());
    stream.avail_out = static_cast<uInt>(part.size());
    const int said = inflate(&stream, Z_NO_FLUSH);
    if (said != Z_OK && said != Z_STREAM_END) return GzipError::broken;
    text.append(part.data(), part.size() - stream.avail_out);
    if (text.size() > limit) return GzipError::too_large;
    if (said != Z_STREAM_END) continue;
    if (stream.avail_in == 0) return text;
    if (inflateReset(&stream) != Z_OK) return GzipError::broken;
  }
}

}  // namespace tollgate
