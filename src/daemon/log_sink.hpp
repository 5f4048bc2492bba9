// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/journal_socket.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/record/record.hpp"

namespace tollgate {

// syslog(3) priorities.
enum class LogLevel : std::uint8_t { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

// MESSAGE_ID of what is in the journal (journalctl MESSAGE_ID=…). They never change.
inline constexpr std::string_view kDecisionMessageId = "9cdeb261427b442b9ed6ea6ac23173b9";  // a Record
inline constexpr std::string_view kSuppressedMessageId =
    "302e0c3797ce4bf48cd273812d54de67";  // TOLLGATE_SUPPRESSED
inline constexpr std::string_view kTroubleMessageId =
    "429807f8d5e4407ebd7e15247fa2988a";  // TOLLGATE_TROUBLE: the key

struct LogOptions {
  enum class Target : std::uint8_t { automatic, journal, standard_error };
  Target target = Target::automatic;  // automatic: the journal where there is one
  std::uint32_t rate = 100;           // records a second, on average
  std::uint32_t burst = 1000;         // records at once
  std::string journal = "/run/systemd/journal/socket";
};

// Where decisions and the daemon's own messages go: the journal, or lines of text on stderr. Decided
// once, here; make it before anything else is opened, so that a closed stderr is seen as closed.
//
// Nothing here waits or throws. What cannot be written at once (journal or pipe full, disk gone) is
// lost and counted. The caller ignores SIGPIPE.
class LogSink {
 public:
  // How often at most the same trouble, or the number of suppressed records, is said.
  static constexpr Duration kQuiet = std::chrono::seconds{10};
  // Of keys that `trouble` tells apart; all further ones share one.
  static constexpr std::size_t kMaxTroubles = 128;

  explicit LogSink(const LogOptions& options);
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  ~LogSink();

  // Of the daemon itself; not limited. The text may have several lines.
  void message(LogLevel level, std::string_view text) noexcept;
  // Something that may happen again and again: the first one is said, then at most one in kQuiet
  // for each key, with the number of those that were not.
  void trouble(std::string_view key, LogLevel level, std::string_view text, Time now) noexcept;
  // One decision; limited to rate and burst by the record's own time. When records flow again the
  // number of the suppressed ones is said, at most once in kQuiet.
  void record(const Record& record) noexcept;
  // Says all numbers that have not been said yet. For the end.
  void settle(Time now) noexcept;

  bool to_journal() const { return journal_.has_value(); }
  std::uint64_t written() const { return written_; }                        // entries, of all kinds
  std::uint64_t suppressed() const { return limiter_.suppressed_total(); }  // records
  std::uint64_t lost() const { return lost_; }                              // entries that nobody took

 private:
  struct Trouble {
    LogLevel level = LogLevel::warning;
    std::string text;
    Time said{};
    std::uint64_t unsaid = 0;
  };

  template <class Function>
  void guarded(Function&& function) noexcept;
  void write(LogLevel level, std::string_view text, std::vector<JournalField> fields);
  bool write_lines(LogLevel level, std::string_view text);
  bool write_line(std::string_view line);
  void write_trouble(std::string_view key, Trouble& trouble, Time now);
  void write_suppressed(Time now);
  Trouble& find_trouble(std::string_view key, bool& added);

  std::optional<JournalSocket> journal_;
  int stderr_ = -1;  // our own copy: 2 may be closed and become something else
  RecordLimiter limiter_;
  std::uint64_t unsaid_suppressed_ = 0;
  std::optional<Time> suppressed_said_;
  std::map<std::string, Trouble, std::less<>> troubles_;
  std::uint64_t written_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace tollgate
