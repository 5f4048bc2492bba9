// SPDX-License-Identifier: GPL-2.0-or-later
// Any datagrams as DTLS: each with its length in two bytes in front.
#include <algorithm>
#include <cstdlib>

#include "tollgate/base/reader.hpp"
#include "tollgate/inspect/dtls_inspector.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tollgate;
  // The seeds are datagrams as they were sent.
  DtlsInspector one;
  Findings found;
  if (one.on_client({data, size}, found) == Finding::found && found.encrypted != true) std::abort();

  DtlsInspector many;
  Findings all;
  Reader in{{data, size}};
  std::uint16_t length = 0;
  for (Finding said = Finding::need_more; said == Finding::need_more && in.u16(length);) {
    Reader datagram;
    in.sub(std::min<std::size_t>(length, in.remaining()), datagram);
    said = many.on_client(datagram.rest(), all);
    if (said == Finding::malformed && !all.malformed) std::abort();
  }
  return 0;
}
