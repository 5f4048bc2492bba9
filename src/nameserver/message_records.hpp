// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "message_writer.hpp"
#include "tollgate/base/reader.hpp"
#include "tollgate/wire/dns.hpp"

namespace tollgate {

// One record of a message, still in its bytes.
struct RawRecord {
  DnsSection section = DnsSection::answer;
  std::size_t begin = 0, end = 0;  // of the whole record in the message
  DnsType type = DnsType::a;
  std::uint16_t record_class = 1;
  std::uint32_t ttl = 0;
  std::size_t data = 0;  // where its data begins, up to `end`
};

// Walks over the records of a message, from the first behind its questions on, and copies them into another
// message. Every name is held to what read_dns_name accepts.
class RecordWalk {
 public:
  explicit RecordWalk(std::span<const std::uint8_t> message) : whole_{message} {}

  // Where the first record begins; nullopt: the message makes no sense up to there.
  std::optional<std::size_t> open();
  bool next(RawRecord& out);
  // Nothing that came up did not make sense.
  bool good() const { return good_; }

  // Writes the record with all names in full, so that it means the same wherever it stands. False: a name in
  // it makes no sense.
  bool copy(const RawRecord& record, MessageWriter& out) const;

 private:
  bool fail() {
    good_ = false;
    return false;
  }
  bool copy_name(std::size_t& at, std::size_t end, MessageWriter& out) const;
  bool copy_data(const RawRecord& record, MessageWriter& out) const;

  std::span<const std::uint8_t> whole_;
  std::size_t at_ = 0;
  std::array<std::uint32_t, 3> left_{};  // by section
  bool good_ = true;
};

}  // namespace tollgate
