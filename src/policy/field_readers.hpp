// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>
#include <vector>

#include "rule_reader.hpp"

namespace tollgate {

// "unknown": the empty field.
inline constexpr std::string_view kUnknown = "unknown";

// The list that "@NAME" means. Null: there is none, or it is not of addresses or (`domains`) of domains; that
// has been reported then.
const NamedList* find_list(const TomlValue& value, std::string_view text, const ListNames& lists,
                           bool domains);

// The fields of a [[rule]], each a value or an array of values. Bad values are reported and left out.
DirectionSet read_directions(const TomlValue& value);
std::vector<Protocol> read_protocols(const TomlValue& value);
std::vector<PortRange> read_ports(const TomlValue& value);
FieldMatch<Country> read_countries(const TomlValue& value);
FieldMatch<std::uint32_t> read_asns(const TomlValue& value);
std::vector<Scope> read_scopes(const TomlValue& value);
AddressMatch read_addresses(const TomlValue& value, const ListNames& lists);
FieldMatch<std::string> read_interfaces(const TomlValue& value);
// The texts of one field of a process.
FieldMatch<std::string> read_texts(const TomlValue& value, ProcessField field);
FieldMatch<std::uint32_t> read_users(const TomlValue& value, PolicySources& sources);
FieldMatch<std::uint32_t> read_groups(const TomlValue& value, PolicySources& sources);

}  // namespace tollgate
