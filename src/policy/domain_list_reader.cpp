// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain_list_reader.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tollgate/base/ip.hpp"
#include "tollgate/names/domain.hpp"

namespace tollgate {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// The first word; `text` is left behind it.
std::string_view take_word(std::string_view& text) {
  text = trimmed(text);
  const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

bool is_word(std::string_view text, std::string_view upper) {
  return std::ranges::equal(text, upper,
                            [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - ('a' - 'A') : a) == b; });
}

// What every hosts file has, and nobody means to be listed.
bool is_of_every_host(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames{
      "localhost",    "localhost.localdomain", "local",          "broadcasthost",
      "0.0.0.0",      "ip6-localhost",         "ip6-loopback",   "ip6-localnet",
      "ip6-allnodes", "ip6-mcastprefix",       "ip6-allrouters", "ip6-allhosts"};
  return std::ranges::find(kNames, name) != kNames.end();
}

bool is_comment(std::string_view line) {
  return line.empty() || line[0] == '#' || line[0] == '!' || line[0] == ';' || line[0] == '[';
}

// Behind a blank, for a name may be followed by anything that makes it a form of its own.
std::string_view without_comment(std::string_view rest) {
  return trimmed(rest.substr(0, rest.find_first_of("#;")));
}

class DomainLines {
 public:
  DomainLines(bool all_except, DomainSet::Builder& set) : all_except_{all_except}, set_{set} {}

  // One line without blanks around it. False: it has none of the forms.
  bool read(std::string_view line) {
    if (in_parentheses_) {  // a record that goes over several lines: SOA
      in_parentheses_ = line.find(')') == std::string_view::npos;
      return true;
    }
    if (is_comment(line)) return true;
    names_.clear();
    if (line[0] == '$') return directive(line);
    if (line.starts_with("@@||")) return blocker(line.substr(4), true);
    if (line.starts_with("||")) return blocker(line.substr(2), false);
    for (const std::string_view option : {"address=/", "server=/", "local=/"}) {
      if (line.starts_with(option)) return dnsmasq(line.substr(option.size()));
    }
    std::string_view rest = line;
    const std::string_view first = take_word(rest);
    rest = without_comment(rest);
    if (rest.empty()) return pattern(first, false);
    const bool address = IpAddress::parse(first.substr(0, first.find('%'))).has_value();  // fe80::1%lo0
    return address ? hosts(rest) : record(first, rest);
  }
  bool unfinished() const { return in_parentheses_; }

 private:
  // The names of one line: all of them, or the line is broken and none is.
  bool add(bool exact, bool below, bool exception) {
    for (std::string& name : names_) set_.add({std::move(name), exact, below}, exception || all_except_);
    return true;
  }
  bool take(std::string_view name) {
    auto canonical = canonical_domain(name);
    if (canonical) names_.push_back(std::move(*canonical));
    return canonical.has_value();
  }

  bool pattern(std::string_view text, bool exception) {
    const bool below = text.starts_with("*.");
    return take(below ? text.substr(2) : text) && add(!below, below, exception);
  }

  // What stands behind ^ narrows the rule to requests that nobody here sees.
  bool blocker(std::string_view text, bool exception) {
    return text.ends_with('^') && take(text.substr(0, text.size() - 1)) && add(true, true, exception);
  }

  // Domains between slashes, and what is answered behind the last.
  bool dnsmasq(std::string_view text) {
    const std::size_t last = text.rfind('/');
    if (last == std::string_view::npos || last == 0) return false;
    const bool exception = text.substr(last + 1) == "#";  // "as if it were not listed"
    text = text.substr(0, last + 1);
    for (std::size_t slash = text.find('/'); slash != std::string_view::npos; slash = text.find('/')) {
      if (!take(text.substr(0, slash))) return false;
      text.remove_prefix(slash + 1);
    }
    return add(true, true, exception);
  }

  bool hosts(std::string_view names) {
    for (; !names.empty(); names = trimmed(names)) {
      const std::string_view name = take_word(names);
      if (!is_of_every_host(name) && !take(name)) return false;
    }
    return add(true, false, false);
  }

  // Of a zone's directives, RFC 1035 §5.1 and RFC 2308 §4, one says something about names.
  bool directive(std::string_view line) {
    const std::string_view what = take_word(line);
    if (!is_word(what, "$ORIGIN")) return is_word(what, "$TTL");
    origin_ = canonical_domain(take_word(line)).value_or("");
    return true;
  }

  // "NAME [TTL] [IN] TYPE DATA". A zone's own records say nothing about others.
  bool record(std::string_view name, std::string_view rest) {
    std::string_view words = rest;
    for (int i = 0; i < 3 && !words.empty(); ++i) {
      const std::string_view word = take_word(words);
      if (is_word(word, "SOA")) {
        in_parentheses_ =
            rest.find('(') != std::string_view::npos && rest.find(')') == std::string_view::npos;
        return true;
      }
      if (is_word(word, "NS")) return true;
      if (is_word(word, "A") || is_word(word, "AAAA")) return trigger(name, false);
      if (is_word(word, "CNAME")) return trigger(name, is_word(take_word(words), "RPZ-PASSTHRU."));
      const bool ttl = word[0] >= '0' && word[0] <= '9';  // "300", "1h30m"
      if (!ttl && !is_word(word, "IN")) break;
    }
    // The owner of the record before: only that of the zone has more than one.
    return is_word(name, "NS") || (is_word(name, "IN") && is_word(take_word(rest), "NS"));
  }

  // Other triggers of RPZ than names (draft-vixie-dnsop-dns-rpz) are no domains.
  bool trigger(std::string_view name, bool exception) {
    if (!origin_.empty() && name.ends_with('.')) {
      name.remove_suffix(1);
      if (name.size() > origin_.size() && name.ends_with(origin_) &&
          name[name.size() - origin_.size() - 1] == '.')
        name.remove_suffix(origin_.size() + 1);
    }
    for (const std::string_view other : {".rpz-ip", ".rpz-nsip", ".rpz-nsdname", ".rpz-client-ip"}) {
      if (name.ends_with(other)) return false;
    }
    return pattern(name, exception);
  }

  bool all_except_;
  DomainSet::Builder& set_;
  bool in_parentheses_ = false;
  std::string origin_;
  std::vector<std::string> names_;
};

}  // namespace

void parse_domain_list(std::string_view text, bool all_except, DomainSet::Builder& set,
                       FileDiagnostics& found) {
  DomainLines reader{all_except, set};
  std::uint32_t number = 0, began = 0;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    const std::string_view whole = text.substr(0, end), line = trimmed(whole);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!reader.unfinished()) began = number;
    if (reader.read(line)) continue;
    const auto column = static_cast<std::uint32_t>(line.data() - whole.data()) + 1;
    found.add({number, column}, in_quotes(line) + " is not a domain in any form that lists have");
  }
  if (reader.unfinished()) found.add({began, 1}, "the parenthesis that opens here is not closed");
}

}  // namespace tollgate
