// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tollgate {

// A domain as rules and lists name it. The name is canonical (canonical_domain).
struct DomainPattern {
  std::string name;
  bool exact = true;   // the name itself
  bool below = false;  // every name under it
  friend bool operator==(const DomainPattern&, const DomainPattern&) = default;

  // "example.org": itself; "*.example.org": what is below it, not itself. Letters of any language and case.
  static std::optional<DomainPattern> parse(std::string_view text);
  bool matches(std::string_view domain) const;  // a canonical one
  std::string to_string() const;                // of one that parse() gave: as it takes it, canonical
};

// Which part of a name somebody has registered: the public suffix list (publicsuffix.org) and one label
// more. Never allocates on a look-up, never throws.
class SuffixList {
 public:
  virtual ~SuffixList() = default;
  // "example.co.uk" of "www.example.co.uk": the end of a canonical domain, a view into it. "" of what is
  // itself a suffix ("co.uk"), or has no label more ("localhost").
  virtual std::string_view registrable(std::string_view domain) const = 0;
  // Two that say the same here say the same of every name.
  virtual std::string edition() const = 0;
};

}  // namespace tollgate
