// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/dns_listener.hpp"

#include <span>
#include <utility>

#include "tollgate/wire/dns.hpp"

namespace tollgate {
namespace {

bool is_name_port(std::uint16_t port) { return port == kDnsPort || port == kMdnsPort || port == kLlmnrPort; }

}  // namespace

bool DnsListener::concerns(const Packet& packet) {
  const Endpoints& ends = packet.endpoints;
  return is_name_port(ends.destination_port) || is_name_port(ends.source_port);
}

void DnsListener::on_packet(const Packet& packet, ProgramKey program, Time now, NameStore& names) {
  if (packet.fragment != Fragment::none || packet.icmp_error || !concerns(packet)) return;
  const Endpoints& ends = packet.endpoints;
  const auto on_message = [&](std::span<const std::uint8_t> message) {
    questions_.on_message(ends, program, message, now, names);
  };
  if (ends.protocol == Protocol::udp) {
    if (!packet.payload.empty()) on_message(packet.payload);
    return;
  }
  if (ends.protocol != Protocol::tcp) return;
  const FlowKey key{FiveTuple::of(ends)};
  Sides& stream = sides(key);
  const bool asks = is_name_port(ends.destination_port);
  (asks ? stream.client : stream.server).add(packet, on_message);
  if ((packet.tcp_flags & tcp_flag::rst) != 0) forget(key);
}

void DnsListener::on_exchange(const Endpoints& asker, std::span<const std::uint8_t> query,
                              std::span<const std::uint8_t> answer, ProgramKey program, Time now,
                              NameStore& names) {
  questions_.on_message(asker, program, query, now, names);
  Endpoints back = asker;
  std::swap(back.source, back.destination);
  std::swap(back.source_port, back.destination_port);
  questions_.on_message(back, program, answer, now, names);
}

DnsListener::Sides& DnsListener::sides(const FlowKey& key) {
  const auto [place, is_new] = streams_.try_emplace(key);
  if (!is_new) return *place->second;
  place->second = std::make_unique<Sides>();
  Sides& made = *place->second;
  order_.push_back(key);
  if (streams_.size() > max_streams_) forget(FlowKey{order_.front()});
  return made;
}

void DnsListener::forget(const FlowKey& key) {
  streams_.erase(key);
  std::erase(order_, key);
}

}  // namespace tollgate
