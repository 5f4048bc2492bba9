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

// What it means, and what it would mean if it also listed this name.
DomainSet read(std::string_view text, const std::string* also = nullptr) {
  DomainSet::Builder builder;
  FileDiagnostics found{"list"};
  parse_domain_list(text, false, builder, found);
  for (const Diagnostic& diagnostic : found.take()) {
    require(diagnostic.line > 0 && diagnostic.column > 0);
    require(diagnostic.message.find('\n') == std::string::npos);
  }
  if (also != nullptr) builder.add({*also, true, false});
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
  for (const std::string& name : names_in(text)) {
    bool listed = false, excepted = false;
    for (const std::string_view line : lines) {
      listed = listed || read(line).contains(name);
      excepted = excepted || !read(line, &name).contains(name);
    }
    require(whole.contains(name) == (listed && !excepted));
  }
  return 0;
}
