// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "rule_reader.hpp"

namespace tollgate {

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
