// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/proc_files.hpp"

#include <algorithm>
#include <charconv>

#include "tollgate/process/process.hpp"

namespace tollgate {
namespace {

// linux/sched.h: PF_EXITING, PF_KTHREAD, PF_FORKNOEXEC
constexpr std::uint32_t kExiting = 0x00000004;
constexpr std::uint32_t kKernelThread = 0x00200000;
constexpr std::uint32_t kForkedOnly = 0x00000040;

// The next word, up to a blank; "" at the end.
std::string_view take_word(std::string_view& text) {
  const std::size_t begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) {
    text = {};
    return {};
  }
  text.remove_prefix(begin);
  const std::string_view word = text.substr(0, text.find_first_of(" \t\n"));
  text.remove_prefix(word.size());
  return word;
}

template <class Number>
bool take_number(std::string_view& text, Number& out) {
  const std::string_view word = take_word(text);
  Number number{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (word.empty() || error != std::errc{} || end != word.data() + word.size()) return false;
  out = number;
  return true;
}

// The second number of the line that begins with `key`: real, then effective.
std::optional<std::uint32_t> effective(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    std::uint32_t real = 0, id = 0;
    if (!take_number(line, real) || !take_number(line, id)) return std::nullopt;
    return id;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> parse_proc_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ProcStat> parse_proc_stat(std::string_view text) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  ProcStat stat;
  std::string_view before = text.substr(0, open);
  if (!take_number(before, stat.pid)) return std::nullopt;
  stat.name = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 1);
  const std::string_view state = take_word(rest);
  if (state.size() != 1) return std::nullopt;
  stat.state = state.front();
  // Fields 4 … 22: parent, group, session, terminal, its group, flags, …, start time.
  constexpr int kParent = 4, kFlags = 9, kStart = 22;
  for (int field = kParent; field < kStart; ++field) {
    std::int64_t value = 0;
    if (!take_number(rest, value)) return std::nullopt;
    if (field == kParent) stat.parent = static_cast<std::uint32_t>(value);
    if (field == kFlags) {
      stat.kernel = (static_cast<std::uint64_t>(value) & kKernelThread) != 0;
      stat.executed = (static_cast<std::uint64_t>(value) & kForkedOnly) == 0;
      stat.exiting = (static_cast<std::uint64_t>(value) & kExiting) != 0;
    }
  }
  if (!take_number(rest, stat.start)) return std::nullopt;
  return stat;
}

std::optional<ProcOwner> parse_proc_status(std::string_view text) {
  const auto uid = effective(text, "Uid:");
  const auto gid = effective(text, "Gid:");
  if (!uid || !gid) return std::nullopt;
  return ProcOwner{*uid, *gid};
}

std::optional<std::string> parse_proc_cgroup(std::string_view text) {
  constexpr std::string_view kUnified = "0::";
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(kUnified)) return std::string{line.substr(kUnified.size())};
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return std::nullopt;
}

std::vector<std::string> split_arguments(std::string_view bytes) {
  std::vector<std::string> arguments;
  while (!bytes.empty() && arguments.size() < kMaxArguments) {
    const std::string_view one = bytes.substr(0, bytes.find('\0'));
    arguments.emplace_back(one);
    bytes.remove_prefix(std::min(one.size() + 1, bytes.size()));
  }
  return arguments;
}

std::string command_text(const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) {
    if (text.size() >= kMaxCommand) break;
    if (!text.empty()) text += ' ';
    text += argument;
  }
  if (text.size() > kMaxCommand) text.resize(kMaxCommand);
  return text;
}

std::optional<std::uint64_t> parse_socket_link(std::string_view target) {
  constexpr std::string_view kSocket = "socket:[";
  if (!target.starts_with(kSocket) || !target.ends_with(']')) return std::nullopt;
  target.remove_prefix(kSocket.size());
  target.remove_suffix(1);
  std::uint64_t inode = 0;
  if (!take_number(target, inode) || !target.empty()) return std::nullopt;
  return inode;
}

bool take_deleted_mark(std::string& path) {
  constexpr std::string_view kMark = " (deleted)";
  if (!path.ends_with(kMark)) return false;
  path.resize(path.size() - kMark.size());
  return true;
}

}  // namespace tollgate
