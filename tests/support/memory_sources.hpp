// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tollgate/policy/policy.hpp"

namespace tollgate {

// A database of places from text; the first network that has the address tells.
class MemoryPlaces final : public PlaceDatabase {
 public:
  explicit MemoryPlaces(const std::string& text) : text_{text} {
    std::istringstream lines{text};
    for (std::string network, country, asn; lines >> network >> country >> asn;) {
      rows_.push_back(
          {*Prefix::parse(network), Country::parse(country),
           asn == "-" ? std::nullopt : std::optional{static_cast<std::uint32_t>(std::stoul(asn))}});
    }
  }
  std::optional<Country> country(const IpAddress& address) const override {
    const Row* row = find(address);
    return row != nullptr ? row->country : std::nullopt;
  }
  std::optional<std::uint32_t> asn(const IpAddress& address) const override {
    const Row* row = find(address);
    return row != nullptr ? row->asn : std::nullopt;
  }
  std::string edition() const override { return text_; }

 private:
  struct Row {
    Prefix network;
    std::optional<Country> country;
    std::optional<std::uint32_t> asn;
  };
  const Row* find(const IpAddress& address) const {
    for (const Row& row : rows_) {
      if (row.network.contains(address)) return &row;
    }
    return nullptr;
  }
  std::string text_;
  std::vector<Row> rows_;
};

// The suffixes that are in the text, one a word, and no others.
class MemorySuffixes final : public SuffixList {
 public:
  explicit MemorySuffixes(std::string text) : text_{std::move(text)} {}
  std::string_view registrable(std::string_view domain) const override {
    // From the longest on: what is below a suffix by one label.
    for (std::string_view name = domain; !name.empty();) {
      const std::size_t dot = name.find('.');
      if (dot == std::string_view::npos || is_suffix(name)) break;
      if (is_suffix(name.substr(dot + 1))) return name;
      name.remove_prefix(dot + 1);
    }
    return {};
  }
  std::string edition() const override { return text_; }

 private:
  bool is_suffix(std::string_view name) const {
    for (std::size_t at = text_.find(name); at != std::string::npos; at = text_.find(name, at + 1)) {
      const std::size_t end = at + name.size();
      if ((at == 0 || text_[at - 1] == ' ') && (end == text_.size() || text_[end] == ' ')) return true;
    }
    return false;
  }
  std::string text_;
};

// A world of files and accounts that exists in memory only.
class MemorySources : public PolicySources {
 public:
  std::map<std::string, std::string> files;
  std::map<std::string, std::uint32_t> users{{"root", 0}, {"alice", 1000}, {"bob", 1001}};
  std::map<std::string, std::uint32_t> groups{{"root", 0}, {"staff", 50}};
  Time clock{};
  std::optional<std::string> suffix_text = "com org uk co.uk example";  // nullopt: there is no such list

  Result<std::string, Diagnostic> read(const std::string& path) override {
    const auto file = files.find(path);
    if (file == files.end()) return Diagnostic{path, 0, 0, "No such file or directory"};
    return file->second;
  }
  // Every database is one file of lines "NETWORK COUNTRY ASN", either of which may be "-".
  Result<std::shared_ptr<const PlaceDatabase>, Diagnostic> places(const std::string& path) override {
    const auto file = files.find(path);
    if (file == files.end()) return Diagnostic{path, 0, 0, "No such file or directory"};
    return std::shared_ptr<const PlaceDatabase>{std::make_shared<MemoryPlaces>(file->second)};
  }
  Result<std::shared_ptr<const SuffixList>, Diagnostic> suffixes() override {
    if (!suffix_text) return Diagnostic{"", 0, 0, "it is not installed"};
    return std::shared_ptr<const SuffixList>{std::make_shared<MemorySuffixes>(*suffix_text)};
  }
  // A path that ends in a slash is a directory.
  Result<std::vector<std::string>, Diagnostic> policy_files(const std::string& path) override {
    if (!path.ends_with('/')) return std::vector<std::string>{path};
    std::vector<std::string> found;
    for (const auto& [name, text] : files) {
      if (name.starts_with(path) && name.ends_with(".toml")) found.push_back(name);
    }
    if (found.empty()) return Diagnostic{path, 0, 0, "No such file or directory"};
    return found;
  }
  std::optional<std::uint32_t> user_id(const std::string& name) override { return find(users, name); }
  std::optional<std::uint32_t> group_id(const std::string& name) override { return find(groups, name); }
  Time now() override { return clock; }

 private:
  static std::optional<std::uint32_t> find(const std::map<std::string, std::uint32_t>& ids,
                                           const std::string& name) {
    const auto id = ids.find(name);
    return id == ids.end() ? std::nullopt : std::optional{id->second};
  }
};

// A policy of one file, or what is wrong with it.
inline Result<PolicyPointer, Diagnostics> load_text(const std::string& text,
                                                    const PolicyFeatures& features = {}) {
  MemorySources sources;
  sources.files["policy.toml"] = text;
  sources.files["p"] = "10.0.0.0/24 DE 64500\n";  // for [places]
  return load_policy("policy.toml", features, sources);
}

}  // namespace tollgate
