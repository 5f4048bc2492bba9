// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/log_sink.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <climits>
#include <utility>

namespace tollgate {
namespace {

constexpr std::string_view kProgram = "tollgated";
constexpr std::size_t kMaxJournalMessage = 32 << 10;  // well below what a datagram holds

std::string_view prefix(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "tollgated: error: ";
    case LogLevel::warning:
      return "tollgated: warning: ";
    case LogLevel::notice:
    case LogLevel::info:
    case LogLevel::debug:
      break;
  }
  return "tollgated: ";
}

// What somebody else wrote into a text may not steer the terminal that it ends up on.
std::string printable(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) c = '?';
  }
  return out;
}

std::string counted(std::uint64_t count, std::string_view what) {
  return std::to_string(count) + ' ' + std::string{what} + (count == 1 ? "" : "s");
}

}  // namespace

LogSink::LogSink(const LogOptions& options) : limiter_{options.rate, options.burst} {
  if (options.target != LogOptions::Target::standard_error) journal_ = JournalSocket::open(options.journal);
  stderr_ = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

LogSink::~LogSink() {
  if (stderr_ >= 0) ::close(stderr_);
}

template <class Function>
void LogSink::guarded(Function&& function) noexcept {
  try {
    function();
  } catch (...) {  // no memory for a line of text
    ++lost_;
  }
}

void LogSink::message(LogLevel level, std::string_view text) noexcept {
  guarded([&] { write(level, text, {}); });
}

void LogSink::trouble(std::string_view key, LogLevel level, std::string_view text, Time now) noexcept {
  guarded([&] {
    bool added = false;
    Trouble& trouble = find_trouble(key, added);
    trouble.level = level;
    trouble.text = text;
    ++trouble.unsaid;
    if (added || now - trouble.said >= kQuiet) write_trouble(key, trouble, now);
  });
}

void LogSink::record(const Record& record) noexcept {
  guarded([&] {
    if (!limiter_.admit(record.time)) return;
    unsaid_suppressed_ += limiter_.take_suppressed();
    const bool quiet = suppressed_said_ && record.time - *suppressed_said_ < kQuiet;
    if (unsaid_suppressed_ > 0 && !quiet) write_suppressed(record.time);
    std::vector<JournalField> fields = to_fields(record);
    fields.emplace_back("MESSAGE_ID", kDecisionMessageId);
    write(lets_pass(record.verdict) ? LogLevel::info : LogLevel::notice, to_line(record), std::move(fields));
  });
}

void LogSink::settle(Time now) noexcept {
  guarded([&] {
    unsaid_suppressed_ += limiter_.take_suppressed();
    if (unsaid_suppressed_ > 0) write_suppressed(now);
    for (auto& [key, trouble] : troubles_) {
      if (trouble.unsaid > 0) write_trouble(key, trouble, now);
    }
    if (lost_ > 0) {
      write(LogLevel::warning, "log entries lost: " + std::to_string(lost_), {});
    }
  });
}

LogSink::Trouble& LogSink::find_trouble(std::string_view key, bool& added) {
  auto found = troubles_.find(key);
  if (found == troubles_.end() && troubles_.size() >= kMaxTroubles) found = troubles_.find("");
  added = found == troubles_.end();
  if (added) {
    const bool full = troubles_.size() >= kMaxTroubles;
    found = troubles_.emplace(full ? std::string{} : std::string{key}, Trouble{}).first;
  }
  return found->second;
}

void LogSink::write_trouble(std::string_view key, Trouble& trouble, Time now) {
  std::string text = trouble.text;
  if (trouble.unsaid > 1) text += " (" + counted(trouble.unsaid, "time") + " since it was last said)";
  trouble.said = now;
  trouble.unsaid = 0;
  std::vector<JournalField> fields;
  fields.emplace_back("MESSAGE_ID", kTroubleMessageId);
  fields.emplace_back("TOLLGATE_TROUBLE", key);
  write(trouble.level, text, std::move(fields));
}

void LogSink::write_suppressed(Time now) {
  const std::uint64_t count = std::exchange(unsaid_suppressed_, 0);
  suppressed_said_ = now;
  std::vector<JournalField> fields;
  fields.emplace_back("MESSAGE_ID", kSuppressedMessageId);
  fields.emplace_back("TOLLGATE_SUPPRESSED", std::to_string(count));
  write(LogLevel::warning, counted(count, "record") + " suppressed: more than [log] rate allows",
        std::move(fields));
}

void LogSink::write(LogLevel level, std::string_view text, std::vector<JournalField> fields) {
  bool taken = false;
  if (journal_) {
    fields.emplace_back("MESSAGE", text.substr(0, kMaxJournalMessage));
    fields.emplace_back("PRIORITY", std::to_string(static_cast<unsigned>(level)));
    fields.emplace_back("SYSLOG_IDENTIFIER", kProgram);
    taken = journal_->send(fields);
  } else {
    taken = write_lines(level, text);
  }
  ++(taken ? written_ : lost_);
}

bool LogSink::write_lines(LogLevel level, std::string_view text) {
  bool all = true;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string line{prefix(level)};
    line += printable(text.substr(0, end));
    all = write_line(line) && all;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return all;
}

// A pipe that polls as writable has room for PIPE_BUF bytes (pipe(7)), so that the write does not
// wait. O_NONBLOCK would be set for everybody who shares this stderr.
bool LogSink::write_line(std::string_view line) {
  std::string bytes{line.substr(0, PIPE_BUF - 1)};
  bytes += '\n';
  pollfd ready{stderr_, POLLOUT, 0};
  if (stderr_ < 0 || ::poll(&ready, 1, 0) != 1) return false;
  if ((ready.revents & POLLOUT) == 0 || (ready.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return false;
  return ::write(stderr_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

}  // namespace tollgate
