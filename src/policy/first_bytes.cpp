// SPDX-License-Identifier: GPL-2.0-or-later
#include "first_bytes.hpp"

#include <algorithm>
#include <string_view>

#include "explain_rule.hpp"
#include "tollgate/base/glob.hpp"
#include "tollgate/names/domain.hpp"
#include "tollgate/wire/text.hpp"

namespace tollgate {
namespace {

constexpr std::string_view kUnknown = "unknown";  // the empty field

std::optional<std::string> pattern_of(std::string_view text) {
  std::string pattern{text};
  for (char& c : pattern) c = ascii_lower(c);
  const auto in_pattern = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view{"-_.*?"}.find(c) != std::string_view::npos;
  };
  if (pattern.size() > kMaxDomain || !std::ranges::all_of(pattern, in_pattern)) return std::nullopt;
  return pattern;
}

void read_sni(const TomlValue& value, FieldMatch<std::string>& names) {
  const auto text = value.string();
  if (!text) return;
  if (*text == kUnknown) {
    names.unknown = true;
    return;
  }
  std::optional<std::string> name = is_glob(*text) ? pattern_of(*text) : canonical_domain(*text);
  if (!name) return value.wrong(R"(a domain, a pattern of one in ASCII (IDNA as xn--…), or "unknown")");
  names.values.push_back(*std::move(name));
}

void read_alpn(const TomlValue& value, FieldMatch<std::string>& protocols) {
  const auto text = value.string();
  if (!text) return;
  if (*text == kUnknown) {
    protocols.unknown = true;
  } else {
    protocols.values.emplace_back(*text);
  }
}

void read_spoken(const TomlValue& value, FieldMatch<Spoken>& protocols) {
  const std::string_view text = value.is_string() ? value.string_value() : std::string_view{};
  if (text == kUnknown) {
    protocols.unknown = true;
  } else if (const auto spoken = parse_spoken(text)) {
    protocols.values.push_back(*spoken);
  } else {
    std::vector<std::string_view> words;
    for (std::uint8_t i = 0; i < static_cast<std::uint8_t>(Spoken::count_); ++i)
      words.push_back(to_string(Spoken{i}));
    words.push_back(kUnknown);
    value.wrong_word(words);
  }
}

bool matches_name(const FieldMatch<std::string>& wanted, std::string_view name) {
  if (name.empty()) return wanted.unknown;
  return std::ranges::any_of(wanted.values,
                             [&](const std::string& glob) { return glob_matches(glob, name); });
}

bool matches_alpn(const FieldMatch<std::string>& wanted, const std::vector<std::string>& offered) {
  if (offered.empty()) return wanted.unknown;
  return std::ranges::any_of(offered, [&](const std::string& name) { return matches_name(wanted, name); });
}

bool matches_spoken(const FieldMatch<Spoken>& wanted, const std::optional<Spoken>& spoken) {
  if (!spoken) return wanted.unknown;
  return std::ranges::find(wanted.values, *spoken) != wanted.values.end();
}

// A field that is true or false. Where `either` will do it has to be known all the same.
Match match_flag(const std::optional<bool>& wanted, const Known<bool>& flag, bool either) {
  if (!wanted) return Match::yes;
  if (flag.is_awaited()) return Match::inspects;
  return flag.is_known() && (either || *flag == *wanted) ? Match::yes : Match::no;
}

bool asks_for_findings(const FirstBytesMatch& wanted) {
  return !wanted.sni.any() || !wanted.alpn.any() || !wanted.protocol.any();
}

const Findings& findings_of(const Evidence& seen) {
  static const Findings kNone;
  return seen.findings.is_known() ? **seen.findings : kNone;
}

std::string none_of(std::vector<std::string> wanted, bool unknown) {
  if (unknown) wanted.emplace_back(kUnknown);
  return is_not(wanted);
}

class Explainer {
 public:
  Explainer(const FirstBytesTest& test, const Evidence& seen)
      : wanted_{test.wanted}, either_{test.demands_encryption}, seen_{seen}, found_{findings_of(seen)} {}

  FirstBytesAnswer explain() {
    flag("encrypted", wanted_.encrypted, seen_.encrypted, either_);
    flag("name_mismatch", wanted_.name_mismatch, seen_.name_mismatch, false);
    if (asks(wanted_.sni, "sni") && !matches_name(wanted_.sni, found_.sni))
      no("sni", found_.sni, none_of(wanted_.sni.values, wanted_.sni.unknown));
    if (asks(wanted_.alpn, "alpn") && !matches_alpn(wanted_.alpn, found_.alpn))
      no("alpn", offered(), none_of(wanted_.alpn.values, wanted_.alpn.unknown));
    if (asks(wanted_.protocol, "protocol_seen") && !matches_spoken(wanted_.protocol, found_.protocol)) {
      std::vector<std::string> words;
      for (const Spoken spoken : wanted_.protocol.values) words.emplace_back(to_string(spoken));
      no("protocol_seen", found_.protocol ? std::string{to_string(*found_.protocol)} : std::string{},
         none_of(std::move(words), wanted_.protocol.unknown));
    }
    return std::move(answer_);
  }

 private:
  void no(const std::string& field, const std::string& value, const std::string& why) {
    if (!answer_.no.empty()) return;
    answer_.no = value.empty() ? field + " is unknown" : field + ' ' + value + ' ' + why;
  }
  void waits(const char* field) {
    if (answer_.waits.empty()) answer_.waits = field;
  }
  // Whether the rule speaks of it and it is there to be looked at.
  template <class T>
  bool asks(const FieldMatch<T>& field, const char* name) {
    if (field.any()) return false;
    if (!seen_.findings.is_awaited()) return true;
    waits(name);
    return false;
  }
  void flag(const char* name, const std::optional<bool>& wanted, const Known<bool>& value, bool either) {
    if (!wanted) return;
    if (value.is_awaited()) return waits(name);
    if (value.is_empty()) return no(name, "", "");
    if (!either && *value != *wanted)
      no(name, *value ? "true" : "false", *wanted ? "is not true" : "is not false");
  }
  std::string offered() const {
    std::string text;
    for (const std::string& name : found_.alpn) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  const FirstBytesMatch& wanted_;
  bool either_;
  const Evidence& seen_;
  const Findings& found_;
  FirstBytesAnswer answer_;
};

}  // namespace

FirstBytesMatch read_first_bytes(TomlTable& table) {
  FirstBytesMatch wanted;
  const auto each = [&](const char* key, const auto& read) {
    if (const auto values = table.take(key)) {
      for (const TomlValue& value : values->each()) read(value);
    }
  };
  each("sni", [&](const TomlValue& value) { read_sni(value, wanted.sni); });
  each("alpn", [&](const TomlValue& value) { read_alpn(value, wanted.alpn); });
  each("protocol_seen", [&](const TomlValue& value) { read_spoken(value, wanted.protocol); });
  if (const auto value = table.take("encrypted")) wanted.encrypted = value->boolean();
  if (const auto value = table.take("name_mismatch")) wanted.name_mismatch = value->boolean();
  return wanted;
}

Match match_first_bytes(const FirstBytesTest& test, const Evidence& seen) {
  const FirstBytesMatch& wanted = test.wanted;
  const Match encrypted = match_flag(wanted.encrypted, seen.encrypted, test.demands_encryption);
  const Match mismatch = match_flag(wanted.name_mismatch, seen.name_mismatch, false);
  if (encrypted == Match::no || mismatch == Match::no) return Match::no;
  const bool inspects = encrypted == Match::inspects || mismatch == Match::inspects;
  if (asks_for_findings(wanted)) {
    if (seen.findings.is_awaited()) return Match::inspects;
    const Findings& found = findings_of(seen);
    const bool matches = (wanted.sni.any() || matches_name(wanted.sni, found.sni)) &&
                         (wanted.alpn.any() || matches_alpn(wanted.alpn, found.alpn)) &&
                         (wanted.protocol.any() || matches_spoken(wanted.protocol, found.protocol));
    if (!matches) return Match::no;
  }
  return inspects ? Match::inspects : Match::yes;
}

FirstBytesAnswer explain_first_bytes(const FirstBytesTest& test, const Evidence& seen) {
  return Explainer{test, seen}.explain();
}

Verdict given_verdict(const Rule& rule, const Evidence& seen) {
  const bool in_clear = rule.demands_encryption() && seen.encrypted.is_known() && !*seen.encrypted;
  return in_clear ? Verdict::permanent_block : rule.verdict;
}

bool asks_for_first_bytes(const Policy& policy) {
  return std::ranges::any_of(policy.rules(), [](const Rule& rule) { return !rule.first_bytes.any(); });
}

}  // namespace tollgate
