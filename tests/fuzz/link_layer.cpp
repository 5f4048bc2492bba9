// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a frame. The first two bytes are the link type's number.
#include "tollgate/wire/link_layer.hpp"

#include <cstdlib>

#include "tollgate/base/reader.hpp"
#include "tollgate/wire/packet.hpp"

namespace {

using namespace tollgate;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t kLongestHeader = 20 + 4 * kMaxVlanTags;  // Linux cooked 2, tagged

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader in{{data, size}};
  std::uint16_t number = 0;
  if (!in.u16(number)) return 0;
  const auto type = link_type(number);
  if (!type) return 0;
  const std::span<const std::uint8_t> frame = in.rest();
  const auto packet = ip_bytes(*type, frame);
  if (!packet) return 0;
  // The packet is the frame's end, behind a header that is no longer than can be.
  require(packet->size() <= frame.size());
  require(packet->data() + packet->size() == frame.data() + frame.size());
  require(frame.size() - packet->size() <= kLongestHeader);
  const auto parsed = parse_packet(*packet);
  if (parsed) require(parsed->payload.size() <= packet->size());
  return 0;
}
