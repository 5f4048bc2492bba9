// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/engine/configured.hpp"

namespace tollgate {

EngineOptions engine_options(const Config& config) {
  EngineOptions options;
  options.flows = {config.flow.max_flows,        config.flow.end_linger,        config.flow.idle_timeout,
                   config.flow.udp_idle_timeout, config.flow.icmp_idle_timeout, config.flow.idle_times,
                   config.flow.pressure};
  options.pending = {config.pending.max_packets, config.pending.max_packets_per_flow,
                     config.pending.deadline};
  options.unparsed = config.unparsed;
  options.on_deadline = config.pending.on_deadline;
  options.on_overload = config.pending.on_overload;
  options.nameserver4 = config.nameserver.address4.has_value();
  options.nameserver6 = config.nameserver.address6.has_value();
  options.tunnel4 = config.tunnel.address4.has_value();
  options.tunnel6 = config.tunnel.address6.has_value();
  options.icmp = config.icmp;
  options.icmp_errors = config.icmp_errors;
  options.other = config.other;
  options.related = config.related;
  options.arrival_interface = config.arrival_interface;
  options.multicast_answers = config.multicast_answers;
  options.answer_window = config.flow.answer_window;
  options.attribution_deadline = config.process.deadline;
  options.observer.inspection = {config.inspection.max_bytes, config.inspection.max_packets};
  options.observer.inspection_deadline = config.inspection.deadline;
  options.observer.max_inspections = config.inspection.max_flows;
  options.in_reauthorization = config.pending.in_reauthorization;
  return options;
}

PolicyFeatures policy_features(const Config& config) {
  PolicyFeatures features;
  features.reroute_arriving = config.reroute_arriving;
  features.forward = config.forward;
  features.nameserver = config.nameserver.configured();
  features.questions = config.resolver.enabled;
  features.tunnel = config.tunnel.configured();
  return features;
}

}  // namespace tollgate
