// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "tollgate/config/toml_reader.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate {

struct NamedList {
  ListId id;
  bool of_addresses = false;  // what it was written for
  bool of_domains = false;
  bool has4 = false;
  bool has6 = false;
  bool complete = true;  // nothing of it was refused: what it has is all that it has
  Place place;           // where it is defined
  std::string file;
};
using ListNames = std::map<std::string, NamedList, std::less<>>;

// Where a name was given.
struct Definition {
  std::string file;
  Place place;
};
using RulePlaces = std::map<std::string, Definition>;

struct RuleContext {
  const PolicyFeatures& features;
  PolicySources& sources;
  std::shared_ptr<const SuffixList>& suffixes;  // filled when the first rule asks for it
  const ListNames& lists;
  bool countries = false;  // there is a database that tells them
  bool asns = false;
};

// One [[rule]]. What is wrong with it is reported; what is read then is of no use.
Rule read_rule(TomlTable table, const RuleContext& context);

// A verdict by its word, of a rule or a default; says so when it needs what is not configured.
std::optional<Verdict> read_verdict(const TomlValue& value, const PolicyFeatures& features);
// Rerouting flows that arrive has to be switched on.
void check_reroute(const TomlValue& verdict_value, Verdict verdict, const DirectionSet& directions,
                   const PolicyFeatures& features);

}  // namespace tollgate
