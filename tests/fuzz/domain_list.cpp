// SPDX-License-Identifier: GPL-2.0-or-later
// A list of domains. Every name that is in the text is in the whole list exactly when a line of it, read by
// itself, lists it and none excepts it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "../../src/policy/domain_list_reader.hpp"
#include "tollgate/names/domain.hpp"

namespace {

using namespace tollgate;

constexpr std::size_t kMost = 64;  // names and lines that are held against each other

void require(bool holds) {
  if (!holds) std::abort();
}

// What it means, and what it would mean if it also listed these names.
DomainSet read(std::string_view text, const std::vector<std::string>& also = {}) {
  DomainSet::Builder builder;
  FileDiagnostics found{"list"};
  parse_domain_list(text, false, builder, found);
  for (const Diagnostic& diagnostic : found.take()) {
    require(diagnostic.line > 0 && diagnostic.column > 0);
    require(diagnostic.message.find('\n') == std::string::npos);
  }
  for (const std::string& name : also) builder.add({name, true, false});
  return std::move(builder).build();
}

// Pieces of the text that are names, and what is below them.
std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty() && names.size() < kMost) {
    const std::size_t end = std::min(text.find_first_of(" \t\r\n\v\f/|^*#"), text.size());
    if (const auto name = canonical_domain(text.substr(0, end))) {
      names.push_back(*name);
      if (name->size() + 2 <= kMaxDomain) names.push_back("a." + *name);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const DomainSet whole = read(text);
  require(whole == read(text));
  const std::vector<std::string_view> lines = lines_of(text);
  // $ORIGIN and parentheses make a line depend on those before it; a byte order mark has to be the first.
  if (text.find_first_of("$(") != std::string_view::npos || lines.size() > kMost) return 0;
  if (text.find("\xef\xbb\xbf", 1) != std::string_view::npos) return 0;
  const std::vector<std::string> names = names_in(text);
  std::vector<bool> listed(names.size()), excepted(names.size());
  for (const std::string_view line : lines) {
    const DomainSet alone = read(line), with_all = read(line, names);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (alone.contains(names[i])) listed[i] = true;
      if (!with_all.contains(names[i])) excepted[i] = true;
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    require(whole.contains(names[i]) == (listed[i] && !excepted[i]));
  return 0;
}
