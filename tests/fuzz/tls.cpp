// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as the beginning of a TLS stream: more of them never takes back what was said.
#include <cstdlib>

#include "tollgate/inspect/inspectors.hpp"

namespace {

using namespace tollgate;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const StreamBytes all{data, size};
  Findings whole;
  const Inspected said = inspect_tls(all, whole);
  require(said.finding != Finding::found || whole.encrypted == true);
  require(said.finding == Finding::need_more || said.wanted == 0);
  require(said.wanted == 0 || said.wanted > size);
  require(whole.alpn.size() <= kMaxAlpn);
  // Every step that cuts costs a look at all before it: a few will do.
  const std::size_t step = size / 24 + 1;
  for (std::size_t cut = 0; cut < size; cut += step) {
    Findings part;
    const Inspected before = inspect_tls(all.first(cut), part);
    if (before.finding == Finding::need_more) {
      require(before.wanted > cut);
      require(said.finding == Finding::need_more || before.wanted <= size || said.finding != Finding::found);
      continue;
    }
    require(before.finding == said.finding && part == whole);
  }
  return 0;
}
