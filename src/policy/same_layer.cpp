// SPDX-License-Identifier: GPL-2.0-or-later
// What of a policy a change leaves as it was.
#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "compiled_policy.hpp"

namespace tollgate {
namespace {

// The rules of one policy that one direction and family can meet, in order.
class Layer {
 public:
  Layer(std::span<const Rule> rules, std::span<const PolicyList> lists, const SuffixList* suffixes,
        Direction direction, Family family)
      : lists_{lists}, suffixes_{suffixes == nullptr ? "" : suffixes->edition()}, family_{family} {
    for (const Rule& rule : rules) {
      const bool meets = rule.directions.contains(direction) && !rule.for_names() &&
                         has_family(rule.source) && has_family(rule.destination) && has_family(rule.address);
      if (meets) rules_.push_back(&rule);
    }
  }

  friend bool operator==(const Layer& a, const Layer& b) {
    return std::ranges::equal(a.rules_, b.rules_,
                              [&](const Rule* x, const Rule* y) { return alike(a, *x, b, *y); });
  }

 private:
  bool of_family(const Prefix& prefix) const { return prefix.address.family() == family_; }

  bool has_family(const AddressMatch& match) const {
    if (match.any()) return true;
    return std::ranges::any_of(match.prefixes, [this](const Prefix& prefix) { return of_family(prefix); }) ||
           std::ranges::any_of(match.lists, [this](ListId id) { return list(id).addresses.has(family_); });
  }

  std::vector<Prefix> prefixes_of(const AddressMatch& match) const {
    std::vector<Prefix> mine;
    std::ranges::copy_if(match.prefixes, std::back_inserter(mine),
                         [this](const Prefix& prefix) { return of_family(prefix); });
    return mine;
  }

  const PolicyList& list(ListId id) const { return lists_[id.value]; }

  static bool alike(const Layer& a, const AddressMatch& x, const Layer& b, const AddressMatch& y) {
    return x.any() == y.any() && a.prefixes_of(x) == b.prefixes_of(y) &&
           std::ranges::equal(x.lists, y.lists, [&](ListId left, ListId right) {
             const AddressList &mine = a.list(left).addresses, &theirs = b.list(right).addresses;
             return &mine == &theirs || mine.same(theirs, a.family_);
           });
  }

  // Names are of no family: a list that changed touches both.
  static bool alike(const Layer& a, const DomainMatch& x, const Layer& b, const DomainMatch& y) {
    return x.patterns == y.patterns && x.unknown == y.unknown &&
           std::ranges::equal(x.lists, y.lists, [&](ListId left, ListId right) {
             const DomainSet &mine = a.list(left).domains, &theirs = b.list(right).domains;
             return &mine == &theirs || mine == theirs;
           });
  }

  static bool alike(const Layer& a, const Rule& x, const Layer& b, const Rule& y) {
    return alike(a, x.source, b, y.source) && alike(a, x.destination, b, y.destination) &&
           alike(a, x.address, b, y.address) && alike(a, x.domains, b, y.domains) &&
           alike(a, x.registrable_domains, b, y.registrable_domains) &&
           (x.registrable_domains.any() || a.suffixes_ == b.suffixes_) && rest_of(x) == rest_of(y);
  }

  // Everything of a rule that counts, but what is compared above and what the layer has in common: a
  // field that is added to Rule counts until somebody says here that it does not. One that speaks of
  // lists by their number has to be compared like the addresses and the domains.
  static Rule rest_of(Rule rule) {
    rule.file.clear();
    rule.line = 0;
    rule.added = false;
    rule.expires.reset();
    rule.directions = {};
    rule.source = rule.destination = rule.address = {};
    rule.domains = rule.registrable_domains = {};
    return rule;
  }

  std::span<const PolicyList> lists_;
  std::string suffixes_;  // their edition
  Family family_;
  std::vector<const Rule*> rules_;
};

bool same_edition(const std::shared_ptr<const PlaceDatabase>& a,
                  const std::shared_ptr<const PlaceDatabase>& b) {
  return (a == nullptr) == (b == nullptr) && (a == nullptr || a->edition() == b->edition());
}

}  // namespace

bool CompiledPolicy::same_layer(const Policy& other, Direction direction, Family family) const {
  const auto* compiled = dynamic_cast<const CompiledPolicy*>(&other);
  if (compiled == nullptr || default_verdict(direction) != other.default_verdict(direction)) return false;
  const bool same_places = same_edition(parts_->country_places, compiled->parts_->country_places) &&
                           same_edition(parts_->asn_places, compiled->parts_->asn_places);
  // Rules that speak of places are the same only where the places are.
  if ((asks_countries_ || asks_asns_) && !same_places) return false;
  return Layer{rules_, parts_->lists, suffixes_.get(), direction, family} ==
         Layer{compiled->rules_, compiled->parts_->lists, compiled->suffixes_.get(), direction, family};
}

LayerSet touched_layers(const Policy& before, const Policy& after) {
  LayerSet touched;
  for (std::size_t i = 0; i < kDirections; ++i) {
    const auto direction = static_cast<Direction>(i);
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      if (!after.same_layer(before, direction, family)) touched.add(direction, family);
    }
  }
  return touched;
}

}  // namespace tollgate
