// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <memory>
#include <optional>

#include "compiled_policy.hpp"
#include "list_reader.hpp"
#include "rule_reader.hpp"
#include "tollgate/config/path.hpp"
#include "tollgate/config/toml_reader.hpp"

namespace tollgate {
namespace {

// One file while it is read. The document owns what the values point into.
struct PolicyFile {
  PolicyFile(const std::string& path, TomlDocument parsed) : document{std::move(parsed)}, found{path} {}

  TomlDocument document;
  FileDiagnostics found;
  Diagnostics list_files;  // what is wrong with the list files that it names
  std::vector<TomlTable> rules;
};

std::string at(const std::string& file, Place place) {
  return file + ':' + std::to_string(place.line) + ':' + std::to_string(place.column);
}

// The rules of one file, behind those that are there. No name may be used twice, nor be one of `others`.
void read_rules(std::vector<TomlTable>& tables, const RuleContext& context, const RulePlaces* others,
                RulePlaces& places, std::vector<Rule>& rules) {
  for (TomlTable& table : tables) {
    const auto name_value = table.take("name");
    Rule rule = read_rule(table, context);
    const Place place = name_value ? name_value->place() : table.place();
    const auto [own, first] = places.try_emplace(rule.name, Definition{table.found().file(), place});
    const Definition* before = first ? nullptr : &own->second;
    if (first && others != nullptr) {
      if (const auto other = others->find(rule.name); other != others->end()) before = &other->second;
    }
    if (before != nullptr && !rule.name.empty()) {
      table.found().add(place, "the rule name " + in_quotes(rule.name) + " is already used at " +
                                   at(before->file, before->place));
    }
    rules.push_back(std::move(rule));
  }
}

Result<std::vector<Rule>, Diagnostics> read_added(const PolicyText& added, const PolicyParts& parts,
                                                  const PolicyFeatures& features, PolicySources& sources,
                                                  std::shared_ptr<const SuffixList>& suffixes) {
  std::vector<Rule> rules;
  if (added.text.empty()) return rules;
  const auto document = TomlDocument::parse(added.text, added.file);
  if (!document) return Diagnostics{document.error()};
  FileDiagnostics found{added.file};
  TomlTable root = document->root(found);
  std::vector<TomlTable> tables;
  if (const auto value = root.take("rule")) tables = value->tables();
  root.refuse_rest();
  const RuleContext context{features,
                            sources,
                            suffixes,
                            parts.lists_by_name,
                            parts.country_places != nullptr,
                            parts.asn_places != nullptr};
  RulePlaces places;
  read_rules(tables, context, &parts.rule_places, places, rules);
  for (Rule& rule : rules) rule.added = true;
  if (!found.empty()) return found.take();
  return rules;
}

// Added rules first; what has expired is left out.
Result<PolicyPointer, Diagnostics> put_together(const std::shared_ptr<const PolicyParts>& parts,
                                                const PolicyText& added, const PolicyFeatures& features,
                                                PolicySources& sources) {
  std::shared_ptr<const SuffixList> suffixes = parts->suffixes;
  auto rules = read_added(added, *parts, features, sources, suffixes);
  if (!rules) return rules.error();
  rules->insert(rules->end(), parts->rules.begin(), parts->rules.end());
  const Time now = sources.now();
  std::erase_if(*rules, [now](const Rule& rule) { return rule.expires && *rule.expires <= now; });
  return PolicyPointer{std::make_shared<const CompiledPolicy>(parts, std::move(suffixes), std::move(*rules))};
}

class PolicyLoader {
 public:
  PolicyLoader(const PolicyFeatures& features, PolicySources& sources)
      : features_{features}, sources_{sources} {}

  // The files alone.
  Result<std::shared_ptr<const PolicyParts>, Diagnostics> load(const std::string& path) {
    const auto files = sources_.policy_files(path);
    if (!files) return Diagnostics{files.error()};
    // The defaults alone would cut off whoever is logged in by the network: nobody means that by an
    // empty directory.
    if (files->empty()) return Diagnostics{{path, 0, 0, "holds no policy: not one *.toml file is there"}};
    for (const std::string& file : *files) open(file);
    // Every list of every file is known before the first rule that may name it is read.
    for (const Opened& opened : files_) {
      if (opened.file) read_file(*opened.file);
    }
    for (const Opened& opened : files_) {
      if (opened.file) read_rules(*opened.file);
    }
    Diagnostics found = diagnostics();
    if (!found.empty()) return found;
    return std::make_shared<const PolicyParts>(std::move(parts_));
  }

 private:
  struct Opened {
    std::unique_ptr<PolicyFile> file;  // null: see `failed`
    std::optional<Diagnostic> failed;
  };
  void open(const std::string& path) {
    const auto text = sources_.read(path);
    if (!text) {
      files_.push_back({nullptr, text.error()});
      return;
    }
    auto document = TomlDocument::parse(*text, path);
    if (!document) {
      files_.push_back({nullptr, document.error()});
      return;
    }
    files_.push_back({std::make_unique<PolicyFile>(path, std::move(*document)), std::nullopt});
  }

  void read_file(PolicyFile& file) {
    TomlTable root = file.document.root(file.found);
    if (auto defaults = root.take_table("default")) read_defaults(*std::move(defaults));
    if (auto places = root.take_table("places")) read_places(*std::move(places));
    if (auto lists = root.take_table("list")) read_lists(*std::move(lists), file);
    if (const auto rules = root.take("rule")) file.rules = rules->tables();
    root.refuse_rest();
  }

  void read_defaults(TomlTable table) {
    for (std::size_t i = 0; i < kDirections; ++i) {
      const auto direction = static_cast<Direction>(i);
      if (const auto value = table.take(to_string(direction))) read_default(*value, direction);
    }
    table.refuse_rest();
  }

  void read_default(const TomlValue& value, Direction direction) {
    const auto index = static_cast<std::size_t>(direction);
    if (const auto& before = default_places_[index]) {
      value.error(value.name() + " is already set at " + at(before->file, before->place));
      return;
    }
    default_places_[index] = Definition{value.file(), value.place()};
    const auto verdict = read_verdict(value, features_);
    if (!verdict) return;
    DirectionSet only;
    only.add(direction);
    check_reroute(value, *verdict, only, features_);
    parts_.defaults[index] = *verdict;
  }

  void read_places(TomlTable table) {
    if (const auto value = table.take("country")) open_places(*value, country_place_, parts_.country_places);
    if (const auto value = table.take("asn")) open_places(*value, asn_place_, parts_.asn_places);
    table.refuse_rest();
  }

  void open_places(const TomlValue& value, std::optional<Definition>& before,
                   std::shared_ptr<const PlaceDatabase>& places) {
    const auto name = value.string();
    if (!name) return;
    if (before) return value.error(value.name() + " is already set at " + at(before->file, before->place));
    before = Definition{value.file(), value.place()};
    const std::string path = path_beside(value.file(), *name);
    auto opened = sources_.places(path);
    if (!opened) return value.error("cannot use " + in_quotes(path) + ": " + opened.error().message);
    places = std::move(*opened);
  }

  void read_lists(TomlTable table, PolicyFile& file) {
    auto lists = table.take_all();
    // In the order in which they are written.
    std::ranges::sort(lists, {}, [](const auto& list) { return list.second.place(); });
    for (const auto& [name, value] : lists) {
      if (auto definition = value.table()) define_list(name, value, *std::move(definition), file);
    }
  }

  void define_list(const std::string& name, const TomlValue& value, TomlTable table, PolicyFile& file) {
    if (name.empty() || name.find_first_not_of(kNameBytes) != std::string::npos) {
      value.error("the list's name " + in_quotes(name) + " must be of letters, digits, - and _");
      return;
    }
    if (const auto before = parts_.lists_by_name.find(name); before != parts_.lists_by_name.end()) {
      value.error(value.name() + " is already defined at " + at(before->second.file, before->second.place));
      return;
    }
    const std::size_t errors_before = file.found.size() + file.list_files.size();
    PolicyList list = read_list(std::move(table), sources_, file.list_files, parts_.skipped);
    const bool complete = file.found.size() + file.list_files.size() == errors_before;
    const ListId id{static_cast<std::uint32_t>(parts_.lists.size())};
    parts_.lists_by_name[name] = {id,
                                  list.of_addresses,
                                  list.of_domains,
                                  list.addresses.has(Family::ipv4),
                                  list.addresses.has(Family::ipv6),
                                  complete,
                                  value.place(),
                                  value.file()};
    parts_.list_names.push_back(name);
    parts_.lists.push_back(std::move(list));
  }

  void read_rules(PolicyFile& file) {
    const RuleContext context{features_,
                              sources_,
                              parts_.suffixes,
                              parts_.lists_by_name,
                              country_place_.has_value(),
                              asn_place_.has_value()};
    tollgate::read_rules(file.rules, context, nullptr, parts_.rule_places, parts_.rules);
  }

  Diagnostics diagnostics() {
    Diagnostics all;
    const auto append = [&](const Diagnostics& more) { all.insert(all.end(), more.begin(), more.end()); };
    for (const Opened& opened : files_) {
      if (opened.failed) append({*opened.failed});
      if (!opened.file) continue;
      append(opened.file->found.take());
      append(opened.file->list_files);
    }
    return all;
  }

  static constexpr std::string_view kNameBytes =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

  const PolicyFeatures& features_;
  PolicySources& sources_;
  std::vector<Opened> files_;
  std::array<std::optional<Definition>, kDirections> default_places_;
  std::optional<Definition> country_place_, asn_place_;
  PolicyParts parts_;
};

}  // namespace

Result<PolicyPointer, Diagnostics> load_policy(const std::string& path, const PolicyFeatures& features,
                                               PolicySources& sources, const PolicyText& added) {
  const auto parts = PolicyLoader{features, sources}.load(path);
  if (!parts) return parts.error();
  return put_together(*parts, added, features, sources);
}

Result<PolicyPointer, Diagnostics> CompiledPolicy::with_added(const PolicyText& added,
                                                              const PolicyFeatures& features,
                                                              PolicySources& sources) const {
  return put_together(parts_, added, features, sources);
}

}  // namespace tollgate
