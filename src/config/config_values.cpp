// SPDX-License-Identifier: GPL-2.0-or-later
#include "config_values.hpp"

#include <bit>
#include <charconv>
#include <filesystem>

#include "tollgate/config/path.hpp"

namespace tollgate {
namespace {

constexpr Duration kShortestDuration = std::chrono::milliseconds{1};
constexpr Duration kLongestDuration = std::chrono::hours{365 * 24};

std::optional<Duration> unit(std::string_view text) {
  if (text == "ms") return std::chrono::milliseconds{1};
  if (text == "s") return std::chrono::seconds{1};
  if (text == "m") return std::chrono::minutes{1};
  if (text == "h") return std::chrono::hours{1};
  return std::nullopt;
}

std::optional<Duration> times(std::int64_t count, Duration one) {
  if (count < 0 || count > kLongestDuration / one) return std::nullopt;
  const Duration duration = count * one;
  if (duration < kShortestDuration) return std::nullopt;
  return duration;
}

}  // namespace

std::string path_beside(const std::string& file, std::string_view path) {
  return (std::filesystem::path{file}.parent_path() / path).lexically_normal().string();
}

std::optional<Duration> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{}) return std::nullopt;
  const auto one = unit(text.substr(static_cast<std::size_t>(end - text.data())));
  return one ? times(count, *one) : std::nullopt;
}

namespace {

bool is_one_run(std::uint32_t mask) {
  const std::uint32_t field = mask >> std::countr_zero(mask);
  return (field & (field + 1)) == 0;  // ones only, from the lowest bit on
}

}  // namespace

bool is_usable_mark_mask(std::uint32_t mask) { return std::popcount(mask) >= 4 && is_one_run(mask); }

bool is_usable_interface_mask(std::uint32_t mask) {
  return mask != 0 && std::popcount(mask) <= 16 && is_one_run(mask);
}

void read_duration(TomlTable& table, std::string_view key, Duration& out) {
  if (const auto value = table.take(key)) read_duration(*value, out);
}

void read_duration(const TomlValue& value, Duration& out) {
  std::optional<Duration> duration;
  if (value.is_integer()) {
    duration = times(value.integer_value(), std::chrono::seconds{1});
  } else if (value.is_string()) {
    duration = parse_duration(value.string_value());
  }
  if (!duration) {
    value.wrong("a duration from 1ms to a year, like \"250ms\", \"15s\", \"10m\", \"1h\" or whole seconds");
    return;
  }
  out = *duration;
}

void read_temporary_verdict(TomlTable& table, std::string_view key, Verdict& out) {
  read_word(table, key, {Verdict::accept, Verdict::block, Verdict::drop}, out);
}

void read_flag(TomlTable& table, std::string_view key, bool& out) {
  const auto value = table.take(key);
  if (!value) return;
  if (const auto flag = value->boolean()) out = *flag;
}

void read_text(TomlTable& table, std::string_view key, std::string& out) {
  const auto value = table.take(key);
  if (!value) return;
  if (const auto text = value->string()) out = *text;
}

void read_path(TomlTable& table, std::string_view key, const std::string& file, std::string& out) {
  const auto value = table.take(key);
  if (!value) return;
  const auto text = value->string();
  if (!text) return;
  if (text->find('\0') != std::string_view::npos) {
    value->error(value->name() + " must be a path, and no path has a NUL byte");
    return;
  }
  out = path_beside(std::filesystem::absolute(file).string(), *text);
}

void read_address(TomlTable& table, std::string_view key, Family family, std::optional<IpAddress>& out) {
  const auto value = table.take(key);
  if (!value) return;
  const auto text = value->string();
  if (!text) return;
  const auto address = IpAddress::parse(*text);
  if (!address || address->family() != family) {
    value->wrong(family == Family::ipv4 ? "an IPv4 address" : "an IPv6 address");
    return;
  }
  if (address->is_multicast() || address->bytes() == IpAddress{}.bytes()) {
    value->wrong("the address of one host");
    return;
  }
  out = address;
}

}  // namespace tollgate
