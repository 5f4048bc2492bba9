// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "rule_reader.hpp"

namespace tollgate {

// The fields of a [[rule]] that speak of names, each a value or an array of values. Bad values are reported
// and left out.
DomainMatch read_domains(const TomlValue& value, const ListNames& lists);
// Only what somebody can register, by the public suffix list, which this is the reason to ask for.
DomainMatch read_registrable_domains(const TomlValue& value, const RuleContext& context);
FieldMatch<NameSource> read_name_sources(const TomlValue& value);
// "AAAA", "HTTPS", 65.
std::vector<std::uint16_t> read_query_types(const TomlValue& value);

}  // namespace tollgate
