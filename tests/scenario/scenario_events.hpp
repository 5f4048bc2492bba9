// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "packet_builder.hpp"
#include "tollgate/engine/event.hpp"

namespace tollgate::test {

// The words of steps as what the engine is told (README.md in this folder has the language).

// "10.0.0.1:80", "[2001:db8::1]:80", "10.0.0.1".
std::pair<std::string, std::uint16_t> end_of(const std::string& word);
FiveTuple tuple_of(const std::string& protocol, const std::string& source, const std::string& destination);
// words[at] on: PROTOCOL SOURCE > DESTINATION.
FiveTuple tuple_at(const std::vector<std::string>& words, std::size_t at);
std::string word_of(FlowMark mark);
FlowMark mark_of(const std::string& word);

// A packet and what owns its bytes and names.
struct QueuedPacket {
  PacketQueued queued;
  Bytes bytes;
  std::string interface;
};
QueuedPacket packet_of(const std::vector<std::string>& words);  // `packet …`
QueuedPacket error_of(const std::vector<std::string>& words);   // `error …`
QueuedPacket bytes_of(const std::vector<std::string>& words);   // `bytes …`

// words[at] on: PROTOCOL SOURCE > DESTINATION and the words of an entry.
ConntrackEntry entry_of(const std::vector<std::string>& words, std::size_t at);
ConntrackChanged conntrack_of(const std::vector<std::string>& words);  // `conntrack …`
ConntrackSeen seen_of(const std::vector<std::string>& words);          // `seen …`
SocketGone socket_of(const std::vector<std::string>& words);           // `socket …`
TcpClosing closing_of(const std::vector<std::string>& words);          // `closing …`

}  // namespace tollgate::test
