// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "tollgate/process/process.hpp"

namespace tollgate {

// SHA-256 (FIPS 180-4) of the files that programs were started from. Takes as long as reading them does:
// not for the loop.
class ProgramHashes {
 public:
  static constexpr std::size_t kMost = 4096;  // when it is full all are forgotten
  static constexpr std::uint64_t kLargest = std::uint64_t{4} * 1024 * 1024 * 1024;  // larger files have none

  // 64 small hexadecimal digits; "" when it is not to be had: the file may not be read, is too large, has
  // changed, or is not the one any more that the program was started from. What another program makes up as
  // it is read (FUSE) has none: it may say something else to everybody who asks.
  std::string of(const Process& process);

  std::size_t size() const { return known_.size(); }

 private:
  // A file as it was when it was read: whoever writes to it changes its times.
  struct Edition {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t modified = 0, changed = 0;  // nanoseconds since 1970
    friend auto operator<=>(const Edition&, const Edition&) = default;
  };
  std::string of_file(int fd, const Edition& edition);
  static Edition edition_of(int fd);

  std::map<Edition, std::string> known_;
};

}  // namespace tollgate
