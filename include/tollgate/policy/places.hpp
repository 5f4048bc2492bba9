// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tollgate/base/ip.hpp"

namespace tollgate {

// ISO 3166-1 alpha-2: two capital letters, as a number that compares.
struct Country {
  std::uint16_t value = 0;
  static std::optional<Country> parse(std::string_view text);  // letters in any case
  std::string to_string() const;
  friend bool operator==(Country, Country) = default;
};

// Where addresses are: a database that somebody else keeps (maxmind.github.io/MaxMind-DB). What it does not
// say is nullopt. Never allocates on a look-up, never throws.
class PlaceDatabase {
 public:
  virtual ~PlaceDatabase() = default;
  virtual std::optional<Country> country(const IpAddress& address) const = 0;
  virtual std::optional<std::uint32_t> asn(const IpAddress& address) const = 0;  // RFC 6793
  // Of what kind it is, and which edition: two that say the same here say the same of every address.
  virtual std::string edition() const = 0;
};

}  // namespace tollgate
