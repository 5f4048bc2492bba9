// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/names/domain.hpp"
#include "tollgate/policy/domains.hpp"

namespace tollgate {

std::optional<DomainPattern> DomainPattern::parse(std::string_view text) {
  DomainPattern pattern;
  if (text.starts_with("*.")) {
    pattern.exact = false;
    pattern.below = true;
    text.remove_prefix(2);
  }
  auto name = canonical_domain(text);
  if (!name) return {};
  pattern.name = std::move(*name);
  return pattern;
}

bool DomainPattern::matches(std::string_view domain) const {
  if (!domain.ends_with(name)) return false;
  if (domain.size() == name.size()) return exact;
  return below && domain[domain.size() - name.size() - 1] == '.';
}

std::string DomainPattern::to_string() const { return exact ? name : "*." + name; }

}  // namespace tollgate
