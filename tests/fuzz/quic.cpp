// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a QUIC datagram, then as the frames of an Initial packet whose protection was taken off.
#include "tollgate/wire/quic.hpp"

#include <cstdlib>

#include "tollgate/inspect/quic_inspector.hpp"

namespace {

using namespace tollgate;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes{data, size};
  Reader packets{bytes};
  while (!packets.empty()) {
    const std::size_t before = packets.remaining();
    const auto packet = parse_quic_packet(packets);
    if (!packet) break;
    require(packets.remaining() < before);
    require(packet->payload.size() <= before);
  }
  Reader frames{bytes};
  while (true) {
    const std::size_t before = frames.remaining();
    const auto crypto = next_quic_crypto(frames);
    if (!crypto || !*crypto) break;
    require(frames.remaining() < before && (*crypto)->bytes.size() < before);
  }
  QuicInspector inspector;
  Findings found;
  const Finding said = inspector.on_client(bytes, found);
  require(said != Finding::found || (found.protocol == Spoken::quic && found.encrypted == true));
  // The same datagram again says nothing new, unless it was refused.
  if (said == Finding::need_more) require(inspector.on_client(bytes, found) == Finding::need_more);
  return 0;
}
