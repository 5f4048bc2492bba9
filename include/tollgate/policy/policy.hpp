// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tollgate/base/diagnostic.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/base/time.hpp"
#include "tollgate/policy/domains.hpp"
#include "tollgate/policy/evidence.hpp"
#include "tollgate/policy/places.hpp"
#include "tollgate/policy/rule.hpp"

namespace tollgate {

enum class Match : std::uint8_t {
  no,
  yes,
  unknown,   // waits for evidence that is not yet there
  inspects,  // waits for nothing but what the flow's first bytes say
};

// How far the rules got: the first rule that is not `no`.
struct FirstMatch {
  Match match = Match::no;  // no: nothing matched, the default decides
  std::uint32_t rule = 0;   // index into Policy::rules(), valid unless `no`
};

// One line of an explanation.
struct TriedRule {
  std::uint32_t rule = 0;
  Match match = Match::no;
  std::string why;  // "direction is inbound", "port 80 is not 443", "matches"
};

// What the policy compiler asks of the world. Paths are absolute or as the caller resolved them.
class PolicySources {
 public:
  virtual ~PolicySources() = default;
  // The whole file, or why it cannot be read ("No such file or directory").
  virtual Result<std::string, Diagnostic> read(const std::string& path) = 0;
  // `path` itself when it is a file; when it is a directory its *.toml in byte order of the names.
  virtual Result<std::vector<std::string>, Diagnostic> policy_files(const std::string& path) = 0;
  // A database of places (MaxMind's format), or why it cannot be used.
  virtual Result<std::shared_ptr<const PlaceDatabase>, Diagnostic> places(const std::string& path) = 0;
  // The public suffix list of this machine, or why there is none. Asked when the first rule needs it.
  virtual Result<std::shared_ptr<const SuffixList>, Diagnostic> suffixes() = 0;
  virtual std::optional<std::uint32_t> user_id(const std::string& name) = 0;
  virtual std::optional<std::uint32_t> group_id(const std::string& name) = 0;
  // What the clock on the wall says: rules that have expired by then are left out.
  virtual Time now() = 0;
};

// A text in the policy's language, and what diagnostics call it.
struct PolicyText {
  std::string file;
  std::string text;
};

// What a policy may speak of on this machine. Rules that need what is switched off are errors.
struct PolicyFeatures {
  bool reroute_arriving = false;  // reroute verdicts for inbound and forward rules
  bool forward = false;           // forward rules decide anything at all
  bool nameserver = false;        // [nameserver] is configured
  bool tunnel = false;            // [tunnel] is configured
  bool questions = false;         // [nameserver] is enabled: questions for names are decided
};

class Policy;
using PolicyPointer = std::shared_ptr<const Policy>;

// An immutable, compiled policy: rules in order, lists, defaults, and an index that makes the cost
// of a decision nearly independent of the number of rules. Shared by whoever decides; swapped whole.
class Policy {
 public:
  virtual ~Policy() = default;

  virtual std::span<const Rule> rules() const = 0;
  virtual Verdict default_verdict(Direction direction) const = 0;
  // The names of the lists, as in [list.NAME].
  virtual std::vector<std::string> lists() const = 0;

  // When the first of its rules expires (PolicySources::now's clock): from then on another policy has to
  // be made of it. nullopt: none does.
  virtual std::optional<Time> next_expiry() const = 0;
  // The policy of the same files, read by now, but with these added rules and without those that have
  // expired meanwhile. Opens nothing but, for the first rule that needs it, the public suffix list. `added`
  // holds [[rule]] and nothing else; its rules come first.
  virtual Result<PolicyPointer, Diagnostics> with_added(const PolicyText& added,
                                                        const PolicyFeatures& features,
                                                        PolicySources& sources) const = 0;

  // Lines of lists that were skipped, as the list allows (broken_lines = "skip"), in order of files.
  virtual std::span<const Diagnostic> skipped() const = 0;

  // First match wins; a rule that waits for evidence hides those below it. Never allocates, never
  // throws.
  virtual FirstMatch match(const Evidence& seen) const = 0;
  // Whether a question for a name, or one of the names and addresses that answer it, is refused (`seen.at`):
  // yes and the rule, or no. A rule refuses it that would refuse whatever the asker could do with the answer:
  // it speaks of names (after resolving: or of addresses), and none above it might let some of that pass.
  virtual FirstMatch match_name(const Evidence& seen) const = 0;
  // Whether both policies decide every flow of this direction and family alike and by the same rules
  // (names count, files and lines do not). May say no where a careful look would say yes.
  virtual bool same_layer(const Policy& other, Direction direction, Family family) const = 0;
  // The same answer the slow way: every rule up to and including the one that decides, in order.
  virtual std::vector<TriedRule> explain(const Evidence& seen) const = 0;
};

// What a rule that matches gives to this flow: its verdict or, where it demands encryption and there is
// none, permanent_block.
Verdict given_verdict(const Rule& rule, const Evidence& seen);

// Whether any of its rules speaks of the first bytes of flows.
bool asks_for_first_bytes(const Policy& policy);
// Whether any of its rules speaks of that field of a process.
bool asks_for(const Policy& policy, ProcessField field);

// Layers: directions × families.
class LayerSet {
 public:
  void add(Direction direction, Family family) { bits_ |= bit(direction, family); }
  bool contains(Direction direction, Family family) const { return (bits_ & bit(direction, family)) != 0; }
  bool empty() const { return bits_ == 0; }
  friend bool operator==(const LayerSet&, const LayerSet&) = default;

 private:
  static std::uint8_t bit(Direction direction, Family family) {
    const unsigned place = static_cast<unsigned>(direction) * 2 + (family == Family::ipv6 ? 1 : 0);
    return static_cast<std::uint8_t>(1U << place);
  }
  std::uint8_t bits_ = 0;
};

// The layers of which the policies are not the same. Takes time with many rules, and no memory.
LayerSet touched_layers(const Policy& before, const Policy& after);

// Parse → check → compile. Every error of every file is in the diagnostics, in file and line order;
// those of added rules (Policy::with_added) when the files have none.
Result<PolicyPointer, Diagnostics> load_policy(const std::string& path, const PolicyFeatures& features,
                                               PolicySources& sources, const PolicyText& added = {});

}  // namespace tollgate
