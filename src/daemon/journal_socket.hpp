// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tollgate {

using JournalField = std::pair<std::string_view, std::string>;

// Sends entries to the journal by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one
// datagram an entry. sd_journal_sendv(3) would do the same, but it waits when the journal does not
// keep up, and the loop must not wait.
class JournalSocket {
 public:
  // nullopt when there is no journal at `path`.
  static std::optional<JournalSocket> open(const std::string& path);
  JournalSocket(JournalSocket&& other) noexcept;
  JournalSocket& operator=(JournalSocket&& other) noexcept;
  ~JournalSocket();

  // False when the journal did not take it: its queue is full, it is gone, the entry is too long.
  // Tries again with the next entry, so that a journal that was restarted is found again.
  bool send(std::span<const JournalField> fields);

 private:
  JournalSocket(int fd, std::string path);

  int fd_ = -1;
  std::string path_;
  std::string datagram_;  // keeps its capacity
};

// One entry as bytes. Values may hold any byte; names are ours.
void encode_journal_entry(std::span<const JournalField> fields, std::string& out);

}  // namespace tollgate
