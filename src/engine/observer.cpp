// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/observer.hpp"

#include "tollgate/wire/dns.hpp"

namespace tollgate {
namespace {

constexpr ProgramKey kMachine;

NameSource source_of(const Findings& findings) {
  if (findings.sni.empty()) return NameSource::http_host;
  return findings.protocol == Spoken::quic ? NameSource::quic_sni : NameSource::tls_sni;
}

// What the flow itself asked for, when that is a name.
std::string spoken_name(const Findings& findings) {
  const std::string& name = findings.sni.empty() ? findings.http_host : findings.sni;
  return IpAddress::parse(name) ? std::string{} : name;
}

}  // namespace

template <class Has, class Drop>
void Observer::Turns::add(FlowId flow, std::uint32_t limit, const Has& has, const Drop& drop) {
  flows_.push_back(flow.value);
  if (flows_.size() <= limit) return;
  std::erase_if(flows_, [&](std::uint64_t id) { return !has(id); });
  for (; flows_.size() > limit; flows_.pop_front()) drop(flows_.front());
}

Observer::Watched* Observer::known(FlowId flow) {
  const auto found = flows_.find(flow.value);
  return found == flows_.end() ? nullptr : found->second.get();
}

Observer::Watched& Observer::watched(FlowId flow) {
  std::unique_ptr<Watched>& place = flows_[flow.value];
  if (!place) place = std::make_unique<Watched>();
  return *place;
}

const Observed* Observer::find(FlowId flow) const {
  const auto found = flows_.find(flow.value);
  return found == flows_.end() ? nullptr : &found->second->observed;
}

void Observer::forget(FlowId flow) {
  if (!flows_.empty()) flows_.erase(flow.value);
}

void Observer::on_opened(const Flow& flow, Time now) { on_owner(flow, kMachine, now); }

void Observer::on_owner(const Flow& flow, ProgramKey program, Time now) {
  // The far end of an inbound flow is a client: nobody resolved it to reach it.
  if (flow.direction == Direction::inbound) return;
  const auto name = names_.find(program, flow.tuple.destination_address(), now);
  if (!name) return;
  Watched& seen = watched(flow.id);
  if (seen.observed.looked && !seen.observed.domain.empty()) return;
  seen.observed.domain = name->name;
  seen.observed.domain_source = name->source;
  seen.named_by_dns = true;
}

void Observer::on_answered(const Endpoints& asker, std::span<const std::uint8_t> query,
                           std::span<const std::uint8_t> answer, ProgramKey program, Time now) {
  dns_.on_exchange(asker, query, answer, program, now, names_);
}

bool Observer::depends_on_owner(const Flow& flow, Time now) const {
  if (flow.direction == Direction::inbound) return false;
  return names_.has_several(flow.tuple.destination_address(), now);
}

void Observer::on_packet(const Flow& flow, const Packet& packet, bool reply, bool whole, ProgramKey program,
                         Time now) {
  if (whole) {
    dns_.on_packet(packet, program, now, names_);
    look(flow, packet, reply, now);
  } else if (Watched* const seen = known(flow.id)) {
    seen->inspection.reset();
    seen->observed.looked = true;
  }
}

void Observer::on_copy(const Packet& packet, bool whole, ProgramKey program, Time now) {
  if (whole) dns_.on_packet(packet, program, now, names_);
}

// A SYN alone begins nothing: most flows show no more than that.
void Observer::look(const Flow& flow, const Packet& packet, bool reply, Time now) {
  Watched* seen = known(flow.id);
  if (seen != nullptr && seen->observed.looked) return;
  if (seen != nullptr && seen->inspection) {
    if (seen->spoke && now - *seen->spoke > limits_.inspection_deadline) seen->inspection->give_up();
    if (!seen->spoke && !packet.payload.empty()) seen->spoke = now;
    seen->inspection->on_packet(packet, !reply);
    return take_findings(flow, *seen, *seen->inspection, now);
  }
  const bool tcp = flow.tuple.protocol == Protocol::tcp;
  const bool opens = tcp && (packet.tcp_flags & (tcp_flag::syn | tcp_flag::ack)) == tcp_flag::syn;
  if (packet.payload.empty() && (!tcp || opens)) return;
  // Answers to a question that went to everybody are flows of their own.
  const bool answers = flow.tuple.source_port == kMdnsPort || flow.tuple.source_port == kLlmnrPort;
  const std::uint16_t port = answers ? flow.tuple.source_port : flow.tuple.destination_port;
  auto inspection = std::make_unique<FlowInspection>(flow.tuple.protocol, port, limits_.inspection);
  if (tcp && !flow.picked_up) inspection->opened_by(flow.tcp_sequence);
  inspection->on_packet(packet, !reply);
  seen = &watched(flow.id);
  take_findings(flow, *seen, *inspection, now);
  if (seen->observed.looked) return;
  seen->inspection = std::move(inspection);
  if (!packet.payload.empty()) seen->spoke = now;
  inspections_.add(
      flow.id, limits_.max_inspections,
      [this](std::uint64_t id) { return flows_.contains(id) && flows_.at(id)->inspection; },
      [this](std::uint64_t id) {
        flows_.at(id)->inspection.reset();
        flows_.at(id)->observed.looked = true;
      });
}

void Observer::take_findings(const Flow& flow, Watched& seen, const FlowInspection& inspection, Time now) {
  Observed& observed = seen.observed;
  const Findings& findings = inspection.findings();
  if (!observed.findings || !(*observed.findings == findings)) {
    observed.findings = std::make_shared<const Findings>(findings);
  }
  if (!inspection.finished()) return;
  observed.looked = true;
  const std::string name = spoken_name(*observed.findings);
  seen.inspection.reset();  // which `inspection` may be
  if (name.empty()) return;
  if (!seen.named_by_dns) {
    observed.domain = name;
    observed.domain_source = source_of(*observed.findings);
  } else if (names_.knows(kMachine, flow.tuple.destination_address(), name, now)) {
    observed.domain = name;
  } else {
    observed.name_mismatch = true;
  }
}

}  // namespace tollgate
