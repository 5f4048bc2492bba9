// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "address_list.hpp"
#include "domain_set.hpp"
#include "tollgate/config/toml_reader.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

// Why `text` is no address and no network, for a message: `"x" is not an address or a network`.
std::string why_not_a_prefix(std::string_view text);

// An address, a network, or a range of addresses, which is several networks. nullopt: none of them.
std::optional<std::vector<Prefix>> parse_addresses(std::string_view text);

// A list file: one of these a line; `#` begins a comment; blank lines are fine.
std::vector<Prefix> parse_list_file(std::string_view text, FileDiagnostics& found);

// What stands under one name. Which of the two it was written for counts, not whether anything is in it:
// what fills it may have had nothing to say today.
struct PolicyList {
  AddressList addresses;
  DomainSet domains;
  bool of_addresses = false;
  bool of_domains = false;
};

// One [list.NAME]. What is wrong with lines of the files that it names goes to `broken`, or, where the list
// says that they are to be skipped, to `skipped`.
PolicyList read_list(TomlTable table, PolicySources& sources, Diagnostics& broken, Diagnostics& skipped);

}  // namespace tollgate
