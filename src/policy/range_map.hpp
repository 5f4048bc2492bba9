// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "address_key.hpp"
#include "sorted_keys.hpp"

namespace tollgate {

using RuleIds = std::span<const std::uint32_t>;  // ascending: in the order of the rules

// Ranges of keys, each with the rules that are filed under it. Of two ranges that meet, one lies
// within the other (as with networks). A lookup costs one search, however deep they are nested: a
// range has the rules of those around it with its own, in one list, as long as they are few. The first
// of them that matches is the answer, so the others are not even looked at.
template <class Key>
class RangeMap {
 public:
  struct Entry {
    Key first;
    Key last;
    std::uint32_t rule;
  };

  RangeMap() = default;
  explicit RangeMap(std::vector<Entry> entries) {
    // Outer ranges before those inside them; the rules of one range in order.
    std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
      if (a.first != b.first) return a.first < b.first;
      if (a.last != b.last) return b.last < a.last;
      return a.rule < b.rule;
    });
    Builder build{*this};
    for (const Entry& entry : entries) build.add(entry);
    build.finish();
  }

  bool empty() const { return nodes_.empty(); }

  // Calls visit(RuleIds) with the rules of every range that holds the key, in one call or a few.
  template <class Visit>
  void each(const Key& key, Visit&& visit) const {
    const std::size_t at = starts_.last_not_above(key);
    if (at == SortedKeys<Key>::kNone) return;
    for (std::uint32_t index = innermost_[at]; index != kNoNode; index = nodes_[index].outer) {
      const Node& node = nodes_[index];
      // Most ranges have one rule: it stands in the node and saves a look elsewhere.
      visit(node.count == 1 ? RuleIds{&node.first, 1} : RuleIds{rules_.data() + node.begin, node.count});
    }
  }
  // How many rules `each` would come upon.
  std::size_t count(const Key& key) const {
    std::size_t total = 0;
    each(key, [&](RuleIds ids) { total += ids.size(); });
    return total;
  }

 private:
  static constexpr std::uint32_t kNoNode = 0xffffffff;
  // Rules that a range takes over from those around it, which bounds the memory.
  static constexpr std::size_t kMostInherited = 12;
  struct Node {
    std::uint32_t outer = kNoNode;  // the next that holds rules which are not in this one's list
    std::uint32_t begin = 0;        // in rules_
    std::uint32_t count = 0;
    std::uint32_t first = 0;  // rules_[begin]
  };

  // Sweeps over the key space: wherever the innermost range changes, a start is noted.
  class Builder {
   public:
    explicit Builder(RangeMap& map) : map_{map} {}

    void add(const Entry& entry) {
      const bool same =
          !open_.empty() && open_.back().first == entry.first && open_.back().last == entry.last;
      if (!same) open(entry);
      Node& node = map_.nodes_[open_.back().node];
      if (node.count > 0 && map_.rules_.back() == entry.rule) return;  // named twice
      map_.rules_.push_back(entry.rule);
      ++node.count;
    }
    void finish() {
      inherit();
      while (!open_.empty()) close();
      map_.starts_ = SortedKeys<Key>{std::move(starts_)};
    }

   private:
    struct Open {
      Key first;
      Key last;
      std::uint32_t node;
    };

    void open(const Entry& entry) {
      inherit();
      while (!open_.empty() && open_.back().last < entry.first) close();
      assert(open_.empty() || entry.last <= open_.back().last);
      const auto node = static_cast<std::uint32_t>(map_.nodes_.size());
      const std::uint32_t outer = open_.empty() ? kNoNode : open_.back().node;
      map_.nodes_.push_back({outer, static_cast<std::uint32_t>(map_.rules_.size()), 0, entry.rule});
      open_.push_back({entry.first, entry.last, node});
      start(entry.first, node);
    }
    // The range that was opened last has all its own rules: those around it join them.
    void inherit() {
      if (map_.nodes_.empty()) return;
      Node& node = map_.nodes_.back();
      if (node.outer != kNoNode) {
        const Node& outer = map_.nodes_[node.outer];
        if (outer.count > kMostInherited) return;
        const std::vector<std::uint32_t> own(map_.rules_.begin() + node.begin, map_.rules_.end());
        const std::vector<std::uint32_t> around(map_.rules_.begin() + outer.begin,
                                                map_.rules_.begin() + outer.begin + outer.count);
        map_.rules_.resize(node.begin);
        std::ranges::set_union(own, around, std::back_inserter(map_.rules_));
        node.outer = outer.outer;
      }
      node.count = static_cast<std::uint32_t>(map_.rules_.size()) - node.begin;
      node.first = map_.rules_[node.begin];
    }
    void close() {
      const Key last = open_.back().last;
      open_.pop_back();
      if (last == last_of_network(Key{}, 0)) return;  // nothing comes after the greatest key
      start(successor(last), open_.empty() ? kNoNode : open_.back().node);
    }
    void start(const Key& key, std::uint32_t node) {
      if (!starts_.empty() && starts_.back() == key) {
        map_.innermost_.back() = node;
        return;
      }
      starts_.push_back(key);
      map_.innermost_.push_back(node);
    }

    RangeMap& map_;
    std::vector<Key> starts_;
    std::vector<Open> open_;
  };

  SortedKeys<Key> starts_;
  std::vector<std::uint32_t> innermost_;  // node from starts_[i] up to the next start
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> rules_;
};

}  // namespace tollgate
