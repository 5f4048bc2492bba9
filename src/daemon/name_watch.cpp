// SPDX-License-Identifier: GPL-2.0-or-later
#include "name_watch.hpp"

#include <utility>

#include "tollgate/wire/dns.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {
namespace {

// Taken before anything else gets its turn.
constexpr unsigned kBudget = 256;
constexpr std::size_t kLongestPacket = 0xffff;  // how long it was before it was cut nobody says

}  // namespace

NameWatch::NameWatch(boost::asio::io_context& loop, const Parts& parts, Turn turn)
    : parts_{parts}, turn_{std::move(turn)}, bell_{loop, parts.copies.fd(), kRest, [this] {
                                                     return look();
                                                   }} {}

Doorbell::Left NameWatch::take(const Deliver& deliver) {
  const NetlinkBatch::Drained received =
      parts_.copies.receive(kBudget, [&](std::span<const std::uint8_t> packet) {
        ++counters_.copies;
        deliver(NamesCopied{packet, asker(packet)});
      });
  if (received.overrun) {
    ++counters_.overruns;
    parts_.log.trouble("names-enobufs", LogLevel::warning,
                       "the socket with copies of DNS overran: some names are not known", parts_.clock.now());
  }
  return received.more ? Doorbell::Left::more : Doorbell::Left::nothing;
}

Doorbell::Left NameWatch::look() {
  Doorbell::Left left = Doorbell::Left::nothing;
  turn_([&](const Deliver& deliver) { left = take(deliver); });
  return left;
}

// Of a question over loopback, which no flow tells of. Its socket may be gone by now: only who saw it being
// opened knows.
ProcessPointer NameWatch::asker(std::span<const std::uint8_t> bytes) {
  if (parts_.attribution == nullptr) return nullptr;
  const Parsed<Packet> packet = parse_packet(bytes, kLongestPacket);
  if (!packet || packet->endpoints.destination_port != kDnsPort) return nullptr;
  if (!packet->endpoints.destination.is_loopback()) return nullptr;
  return parts_.attribution->seen(FiveTuple::of(packet->endpoints));
}

}  // namespace tollgate
