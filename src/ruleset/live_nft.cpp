// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <map>
#include <string>

#include "ruleset/live.hpp"
#include "tollgate/ruleset/ruleset.hpp"

namespace tollgate {

std::vector<InterfaceSlot> interfaces_in_rules(const LiveRules& live) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '@';
  };
  std::vector<InterfaceSlot> named;
  for (const InterfaceSlot& interface : live.interfaces) {
    const std::string& name = interface.name;
    if (!name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), plain)) {
      named.push_back(interface);
    }
  }
  return named;
}

namespace {

class Writer {
 public:
  Writer(const Config& config, const LiveRules& live, std::string& text)
      : config_{config}, live_{live}, field_{mark_field(config)}, text_{text} {}

  void write() {
    for (const char* set : {"reached4", "reached6", "sending4", "sending6"}) command("flush set", set);
    for (const SocketInRules& socket : sockets_in_rules(live_)) element(socket);
    if (checks_arrival(config_)) arrivals();
  }

 private:
  void command(const std::string& verb, const std::string& what) {
    text_ += verb + " inet " + kNftTable + " " + what + "\n";
  }
  void rule(const std::string& chain, const std::string& what) { command("add rule", chain + " " + what); }
  void empty_chain(const std::string& chain) {
    command("add chain", chain);
    command("flush chain", chain);
  }

  void element(const SocketInRules& socket) {
    const std::string set = socket.direction == Direction::outbound ? "sending" : "reached";
    const std::string family = socket.address.family() == Family::ipv4 ? "4" : "6";
    command("add element", set + family + " { " + to_string(socket.protocol) + " . " +
                               socket.address.to_string() + " . " + std::to_string(socket.port) + " }");
  }

  // From the interface to its number in one step, however many there are.
  void arrivals() {
    std::map<std::uint32_t, bool> slots;
    std::string arrived, stamped;
    for (const InterfaceSlot& interface : interfaces_in_rules(live_)) {
      const std::string slot = std::to_string(interface.slot), comma = arrived.empty() ? "" : ", ";
      arrived += comma + "\"" + interface.name + "\" : goto arrived_" + slot;
      stamped += comma + "\"" + interface.name + "\" : goto stamp_" + slot;
      if (slots.emplace(interface.slot, true).second) slot_chains(interface.slot);
    }
    for (const char* chain : {"arrived", "stamp_in", "stamp_out"}) command("flush chain", chain);
    if (!arrived.empty()) {
      rule("arrived", "iifname vmap { " + arrived + " }");
      rule("stamp_in", "iifname vmap { " + stamped + " }");
      rule("stamp_out", "oifname vmap { " + stamped + " }");
    }
    rule("arrived", "goto ask");
  }

  void slot_chains(std::uint32_t slot) {
    const std::string arrived = "arrived_" + std::to_string(slot), stamp = "stamp_" + std::to_string(slot);
    empty_chain(arrived);
    rule(arrived, "ct mark & " + field_.both() + " == " + field_.accepted_by(slot) + " accept");
    rule(arrived, "goto ask");
    empty_chain(stamp);
    rule(stamp, "ct mark set ct mark & " + field_.other_than_interface() + " | " + field_.slot(slot));
    rule(stamp, "accept");
  }

  const Config& config_;
  const LiveRules& live_;
  MarkField field_;
  std::string& text_;
};

}  // namespace

void append_nft_live(const Config& config, const LiveRules& live, std::string& text) {
  Writer{config, live, text}.write();
}

std::string render_nft_live(const Config& config, const LiveRules& live) {
  std::string text;
  append_nft_live(config, live, text);
  return text;
}

}  // namespace tollgate
