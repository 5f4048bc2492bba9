// SPDX-License-Identifier: GPL-2.0-or-later
#include <string>
#include <string_view>

#include "ruleset/live.hpp"
#include "tollgate/ruleset/ruleset.hpp"

namespace tollgate {
namespace {

std::string name(std::string_view chain) { return kChainPrefix + std::string{chain}; }

// To declare a chain that is there is to flush it.
void declare(std::string& text, std::string_view chain) { text += ":" + name(chain) + " - [0:0]\n"; }

void rule(std::string& text, std::string_view chain, const std::string& what) {
  text += "-A " + name(chain) + " " + what + "\n";
}

void socket_rule(const SocketInRules& socket, std::string& text) {
  const std::string protocol = to_string(socket.protocol);
  const std::string of = "-p " + protocol + " -m " + protocol, port = std::to_string(socket.port);
  const std::string address = socket.address.to_string() + " ", to = " -g " + name("AUTHORIZED");
  if (socket.direction == Direction::outbound) {
    rule(text, "SENDING", "-s " + address + of + " --sport " + port + to);
  } else {
    rule(text, "REACHED", "-d " + address + of + " --dport " + port + to);
  }
}

}  // namespace

void append_mangle_live(const Config& config, Family family, const LiveRules& live, std::string& text) {
  declare(text, "REACHED");
  declare(text, "SENDING");
  if (checks_arrival(config)) declare(text, "ARRIVED");
  for (const SocketInRules& socket : sockets_in_rules(live)) {
    if (socket.address.family() == family) socket_rule(socket, text);
  }
  if (!checks_arrival(config)) return;
  const MarkField field = mark_field(config);
  for (const InterfaceSlot& interface : interfaces_in_rules(live)) {
    rule(text, "ARRIVED",
         "-i " + interface.name + " -m connmark --mark " + field.accepted_by(interface.slot) + "/" +
             field.both() + " -j RETURN");
  }
  rule(text, "ARRIVED", "-g " + name("ASK"));
}

void append_filter_live(const Config& config, const LiveRules& live, std::string& text) {
  if (!checks_arrival(config)) return;
  declare(text, "STAMP-IN");
  declare(text, "STAMP-OUT");
  const MarkField field = mark_field(config);
  for (const InterfaceSlot& interface : interfaces_in_rules(live)) {
    const std::string stamp = interface.name + " -j CONNMARK --set-xmark " + field.slot(interface.slot) +
                              "/" + field.interface_mask();
    rule(text, "STAMP-IN", "-i " + stamp);
    rule(text, "STAMP-OUT", "-o " + stamp);
  }
}

// What stamps comes first: nothing is to be asked about whose answer would not be remembered.
std::string render_iptables_live(const Config& config, Family family, const LiveRules& live) {
  std::string text;
  if (checks_arrival(config)) {
    text += "*filter\n";
    append_filter_live(config, live, text);
    text += "COMMIT\n";
  }
  text += "*mangle\n";
  append_mangle_live(config, family, live, text);
  return text + "COMMIT\n";
}

}  // namespace tollgate
