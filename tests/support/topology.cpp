// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology.hpp"

namespace tollgate::test {
namespace {

// For `ip -batch`. The first of them is the machine's own: by the others it is spoken to, but it does
// not speak first.
std::string addresses(const std::string& link, const std::vector<Addresses>& all) {
  std::string text;
  for (const Addresses& one : all) {
    text += "addr add " + one.v4 + "/24 dev " + link + "\n";
    const bool first = &one == &all.front();
    text += "addr add " + one.v6 + "/64 dev " + link + " nodad" + (first ? "" : " preferred_lft 0") + "\n";
  }
  return text;
}

std::string up(const std::string& link) { return "link set " + link + " up\n"; }

std::string pair(const std::string& link, const NetworkNamespace& other) {
  return "link add " + link + " type veth peer name eth0 netns " + other.path() + "\n";
}

std::string default_routes(const Addresses& gateway) {
  return "route add default via " + gateway.v4 + "\nroute add ::/0 via " + gateway.v6 + "\n";
}

// The kernel tells of few refusals a second; a test that tries until something changes has to hear of each.
void tell_of_every_refusal() {
  write_setting("/proc/sys/net/ipv4/icmp_ratelimit", "0");
  write_setting("/proc/sys/net/ipv6/icmp/ratelimit", "0");
}

}  // namespace

Topology::Topology(Machines machines) {
  if (machines == Machines::three) inner.emplace();
  for (const NetworkNamespace* machine : {&host, &peer}) in(*machine, tell_of_every_refusal);
  std::string on_host = pair(kHostLink, peer) + up(kHostLink) + addresses(kHostLink, {kHost});
  if (inner) on_host += pair(kInnerLink, *inner) + up(kInnerLink) + addresses(kInnerLink, {kRouter});
  configure(host, on_host);
  configure(peer, up("eth0") + addresses("eth0", {kPeer, kOther}) + default_routes(kHost));
  configure(host, default_routes(kPeer));
  if (!inner) return;
  configure(*inner, up("eth0") + addresses("eth0", {kInner}) + default_routes(kRouter));
  in(host, [] {
    write_setting("/proc/sys/net/ipv4/ip_forward", "1");
    write_setting("/proc/sys/net/ipv6/conf/all/forwarding", "1");
  });
}

void Topology::configure(const NetworkNamespace& machine, const std::string& commands) const {
  const std::string file = files_.write("commands", commands);
  in(machine, [&] { must_run({"ip", "-batch", file}); });
}

}  // namespace tollgate::test
