// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/log_sink.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "catch.hpp"
#include "temporary_folder.hpp"

namespace tollgate {
namespace {

using namespace std::chrono_literals;
using Entry = std::map<std::string, std::string>;

Entry decode(std::string_view bytes) {
  Entry entry;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find_first_of("=\n");
    REQUIRE(end != std::string_view::npos);
    const std::string name{bytes.substr(0, end)};
    std::size_t length = 0;
    std::size_t start = end + 1;
    if (bytes[end] == '=') {
      length = bytes.find('\n', start) - start;
    } else {
      for (unsigned i = 0; i < 8; ++i) {
        length |= std::size_t{static_cast<unsigned char>(bytes.at(start + i))} << (8 * i);
      }
      start += 8;
    }
    REQUIRE(start + length < bytes.size());
    REQUIRE(bytes[start + length] == '\n');
    REQUIRE(entry.emplace(name, bytes.substr(start, length)).second);
    bytes.remove_prefix(start + length + 1);
  }
  return entry;
}

// The journal's end of its socket.
class Journal {
 public:
  explicit Journal(const std::string& path) : fd_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)} {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    ::unlink(path.c_str());
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal() { ::close(fd_); }

  std::vector<Entry> read() {
    std::vector<Entry> entries;
    std::vector<char> bytes(1 << 18);
    for (ssize_t got = 0; (got = ::recv(fd_, bytes.data(), bytes.size(), 0)) >= 0;) {
      entries.push_back(decode({bytes.data(), static_cast<std::size_t>(got)}));
    }
    return entries;
  }

 private:
  int fd_;
};

// Puts another file in the place of stderr while it lives.
class StderrIs {
 public:
  explicit StderrIs(int fd) : kept_{::dup(STDERR_FILENO)} {
    if (fd < 0) {
      ::close(STDERR_FILENO);
    } else {
      ::dup2(fd, STDERR_FILENO);
    }
  }
  StderrIs(const StderrIs&) = delete;
  StderrIs& operator=(const StderrIs&) = delete;
  ~StderrIs() {
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
  }

 private:
  int kept_;
};

class Pipe {
 public:
  Pipe() {
    REQUIRE(::pipe(ends_.data()) == 0);
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_reader();
    ::close(ends_[1]);
  }
  int write_end() const { return ends_[1]; }
  void close_reader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  std::string read() {
    std::string text(1 << 17, '\0');
    const ssize_t got = ::read(ends_[0], text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

LogOptions to_stderr() {
  LogOptions options;
  options.target = LogOptions::Target::standard_error;
  return options;
}

Record blocked(Time when) {
  Endpoints ends;
  ends.source = IpAddress::v4({10, 0, 0, 1});
  ends.destination = IpAddress::v4({10, 0, 0, 2});
  ends.source_port = 4711;
  ends.destination_port = 80;
  Record record;
  record.time = when;
  record.tuple = FiveTuple::of(ends);
  record.verdict = Verdict::block;
  record.stage = Stage::link;
  record.rule = "no web";
  return record;
}

TEST_CASE("A record goes to the journal with its fields", "[log]") {
  const test::TemporaryFolder folder;
  LogOptions options;
  options.journal = folder.file("journal");
  Journal journal{options.journal};
  LogSink log{options};
  REQUIRE(log.to_journal());
  log.record(blocked(Time{1s}));
  const auto entries = journal.read();
  REQUIRE(entries.size() == 1);
  const Entry& entry = entries[0];
  CHECK(entry.at("MESSAGE") == "block outbound tcp 10.0.0.1:4711 > 10.0.0.2:80, rule \"no web\" (link)");
  CHECK(entry.at("MESSAGE_ID") == kDecisionMessageId);
  CHECK(entry.at("PRIORITY") == "5");
  CHECK(entry.at("SYSLOG_IDENTIFIER") == "tollgated");
  CHECK(entry.at("TOLLGATE_VERDICT") == "block");
  CHECK(entry.at("TOLLGATE_DESTINATION_PORT") == "80");
  CHECK(log.written() == 1);
  CHECK(log.lost() == 0);
}

TEST_CASE("Values with line feeds reach the journal whole", "[log]") {
  const test::TemporaryFolder folder;
  LogOptions options;
  options.journal = folder.file("journal");
  Journal journal{options.journal};
  LogSink log{options};
  log.message(LogLevel::error, "first\nPRIORITY=0\n");
  const auto entries = journal.read();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].at("MESSAGE") == "first\nPRIORITY=0\n");
  CHECK(entries[0].at("PRIORITY") == "3");
}

TEST_CASE("A very long message is cut, not lost", "[log]") {
  const test::TemporaryFolder folder;
  LogOptions options;
  options.journal = folder.file("journal");
  Journal journal{options.journal};
  LogSink log{options};
  log.message(LogLevel::info, std::string(std::size_t{1} << 20, 'x'));
  const auto entries = journal.read();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].at("MESSAGE") == std::string(std::size_t{32} << 10, 'x'));
}

TEST_CASE("A journal that does not keep up loses entries, and they are counted", "[log]") {
  const test::TemporaryFolder folder;
  LogOptions options;
  options.journal = folder.file("journal");
  Journal journal{options.journal};
  LogSink log{options};
  for (int i = 0; i < 5000; ++i) log.message(LogLevel::info, "again");
  CHECK(log.lost() > 0);
  CHECK(log.written() + log.lost() == 5000);
  CHECK(journal.read().size() == log.written());
}

TEST_CASE("A journal that was restarted is found again", "[log]") {
  const test::TemporaryFolder folder;
  LogOptions options;
  options.journal = folder.file("journal");
  std::optional<Journal> journal{std::in_place, options.journal};
  LogSink log{options};
  journal.reset();
  log.message(LogLevel::info, "nobody is there");
  CHECK(log.lost() == 1);
  journal.emplace(options.journal);
  log.message(LogLevel::info, "somebody is");
  const auto entries = journal->read();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].at("MESSAGE") == "somebody is");
}

TEST_CASE("Without a journal text goes to stderr", "[log]") {
  const test::TemporaryFolder folder;
  LogOptions options;
  options.journal = folder.file("nothing");
  Pipe pipe;
  const StderrIs redirected{pipe.write_end()};
  LogSink log{options};
  CHECK_FALSE(log.to_journal());
  log.record(blocked(Time{1s}));
  log.message(LogLevel::error, "two\nlines \x1b[31m");
  log.message(LogLevel::info, "ready");
  CHECK(pipe.read() ==
        "tollgated: block outbound tcp 10.0.0.1:4711 > 10.0.0.2:80, rule \"no web\" (link)\n"
        "tollgated: error: two\n"
        "tollgated: error: lines ?[31m\n"
        "tollgated: ready\n");
}

TEST_CASE("A file that is no socket is no journal", "[log]") {
  LogOptions options;
  options.journal = "/dev/null";
  CHECK_FALSE(LogSink{options}.to_journal());
  options.journal = std::string(500, 'x');
  CHECK_FALSE(LogSink{options}.to_journal());
}

TEST_CASE("Stderr is used when asked for, journal or not", "[log]") {
  const test::TemporaryFolder folder;
  LogOptions options = to_stderr();
  options.journal = folder.file("journal");
  Journal journal{options.journal};
  Pipe pipe;
  const StderrIs redirected{pipe.write_end()};
  LogSink log{options};
  log.message(LogLevel::info, "here");
  CHECK(pipe.read() == "tollgated: here\n");
  CHECK(journal.read().empty());
}

TEST_CASE("A stderr that nobody reads does not hold the caller", "[log]") {
  Pipe pipe;
  const StderrIs redirected{pipe.write_end()};
  LogSink log{to_stderr()};
  for (int i = 0; i < 5000; ++i) log.message(LogLevel::info, std::string(100, 'x'));
  CHECK(log.lost() > 0);
  CHECK(log.written() + log.lost() == 5000);
  const std::string text = pipe.read();
  CHECK(text.size() == log.written() * (100 + std::strlen("tollgated: \n")));
}

TEST_CASE("A stderr whose reader has gone, or that is closed, does no harm", "[log]") {
  SECTION("the reader has gone") {
    Pipe pipe;
    pipe.close_reader();
    const StderrIs redirected{pipe.write_end()};
    LogSink log{to_stderr()};
    log.message(LogLevel::info, "into the void");
    CHECK(log.lost() == 1);
  }
  SECTION("closed, and its number is something else's later") {
    const StderrIs redirected{-1};
    LogSink log{to_stderr()};
    Pipe pipe;
    const StderrIs reused{pipe.write_end()};
    log.message(LogLevel::info, "into the void");
    CHECK(log.lost() == 1);
    CHECK(pipe.read().empty());
  }
  SECTION("/dev/null") {
    const int null = ::open("/dev/null", O_WRONLY);
    REQUIRE(null >= 0);
    const StderrIs redirected{null};
    ::close(null);
    LogSink log{to_stderr()};
    log.message(LogLevel::info, "into the void");
    CHECK(log.written() == 1);
  }
}

TEST_CASE("Suppressed records are counted and told when records flow again", "[log]") {
  const test::TemporaryFolder folder;
  LogOptions options;
  options.journal = folder.file("journal");
  options.rate = 1;
  options.burst = 2;
  Journal journal{options.journal};
  LogSink log{options};
  const Time start{1000s};
  for (int i = 0; i < 10; ++i) log.record(blocked(start));
  CHECK(journal.read().size() == 2);
  CHECK(log.suppressed() == 8);

  log.record(blocked(start + 1s));
  auto entries = journal.read();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].at("MESSAGE_ID") == kSuppressedMessageId);
  CHECK(entries[0].at("TOLLGATE_SUPPRESSED") == "8");
  CHECK(entries[0].at("MESSAGE") == "8 records suppressed: more than [log] rate allows");

  // While the flood lasts the number is not said for every record that gets through.
  for (int i = 0; i < 5; ++i) log.record(blocked(start + 2s));
  CHECK(journal.read().size() == 1);
  log.record(blocked(start + 1s + LogSink::kQuiet));
  entries = journal.read();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].at("TOLLGATE_SUPPRESSED") == "4");
}

TEST_CASE("The same trouble is said once in a while, with a count", "[log]") {
  const test::TemporaryFolder folder;
  LogOptions options;
  options.journal = folder.file("journal");
  Journal journal{options.journal};
  LogSink log{options};
  const Time start{1000s};
  for (int i = 0; i < 4; ++i) log.trouble("enobufs", LogLevel::warning, "the queue overran", start);
  log.trouble("marks", LogLevel::error, "a mark was refused", start);
  auto entries = journal.read();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].at("MESSAGE") == "the queue overran");
  CHECK(entries[0].at("TOLLGATE_TROUBLE") == "enobufs");
  CHECK(entries[0].at("MESSAGE_ID") == kTroubleMessageId);
  CHECK(entries[1].at("MESSAGE") == "a mark was refused");

  log.trouble("enobufs", LogLevel::warning, "the queue overran", start + LogSink::kQuiet);
  entries = journal.read();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].at("MESSAGE") == "the queue overran (4 times since it was last said)");
}

TEST_CASE("What was not said is said at the end", "[log]") {
  const test::TemporaryFolder folder;
  LogOptions options;
  options.journal = folder.file("journal");
  options.rate = 0;
  options.burst = 1;
  Journal journal{options.journal};
  LogSink log{options};
  const Time start{1000s};
  for (int i = 0; i < 3; ++i) log.trouble("enobufs", LogLevel::warning, "the queue overran", start);
  for (int i = 0; i < 3; ++i) log.record(blocked(start));
  CHECK(journal.read().size() == 2);
  log.settle(start);
  auto entries = journal.read();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].at("TOLLGATE_SUPPRESSED") == "2");
  CHECK(entries[1].at("MESSAGE") == "the queue overran (2 times since it was last said)");
  log.settle(start);
  CHECK(journal.read().empty());
}

TEST_CASE("Troubles past the bound share one place", "[log]") {
  Pipe pipe;
  const StderrIs redirected{pipe.write_end()};
  LogSink log{to_stderr()};
  const Time start{1000s};
  for (std::size_t i = 0; i < LogSink::kMaxTroubles + 50; ++i) {
    log.trouble("key " + std::to_string(i), LogLevel::warning, "text", start);
  }
  CHECK(log.written() == LogSink::kMaxTroubles + 1);
}

}  // namespace
}  // namespace tollgate
