// SPDX-License-Identifier: GPL-2.0-or-later
#include "scenario_events.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "client_hello.hpp"
#include "dns_builder.hpp"
#include "scenario_words.hpp"

namespace tollgate::test {

std::pair<std::string, std::uint16_t> end_of(const std::string& word) {
  const bool bracket = word.front() == '[';
  const std::size_t close = bracket ? word.find(']') : 0;
  const std::size_t colon = bracket ? word.find(':', close) : word.find(':');
  const bool bare = !bracket && colon != word.rfind(':');  // IPv6 without a port
  if (bare || colon == std::string::npos) return {word, std::uint16_t{0}};
  const std::string address = bracket ? word.substr(1, close - 1) : word.substr(0, colon);
  return {address, static_cast<std::uint16_t>(std::stoul(word.substr(colon + 1)))};
}

FiveTuple tuple_of(const std::string& protocol, const std::string& source, const std::string& destination) {
  Endpoints ends;
  const auto [from, from_port] = end_of(source);
  const auto [to, to_port] = end_of(destination);
  ends.protocol = *parse_protocol(protocol);
  ends.source = *IpAddress::parse(from);
  ends.destination = *IpAddress::parse(to);
  ends.source_port = from_port;
  ends.destination_port = to_port;
  return FiveTuple::of(ends);
}

FiveTuple tuple_at(const std::vector<std::string>& words, std::size_t at) {
  return tuple_of(words.at(at), words.at(at + 1), words.at(at + 3));
}

std::string word_of(FlowMark mark) {
  switch (mark) {
    case FlowMark::undecided:
      return "undecided";
    case FlowMark::accept:
      return "accept";
    case FlowMark::block:
      return "block";
    case FlowMark::drop:
      return "drop";
    case FlowMark::inspect:
      return "inspect";
    case FlowMark::nameserver:
      return "nameserver";
    case FlowMark::tunnel:
      return "tunnel";
    case FlowMark::block_packet:
      return "block-packet";
    case FlowMark::drop_packet:
      return "drop-packet";
  }
  return "";
}

FlowMark mark_of(const std::string& word) {
  for (const FlowMark mark : {FlowMark::undecided, FlowMark::accept, FlowMark::block, FlowMark::drop,
                              FlowMark::inspect, FlowMark::nameserver, FlowMark::tunnel}) {
    if (word_of(mark) == word) return mark;
  }
  throw std::runtime_error{"not a mark: " + word};
}

namespace {

Hook hook_of(const std::string& word) {
  static const std::map<std::string, Hook> kHooks = {{"output", Hook::output},
                                                     {"input", Hook::input},
                                                     {"forward", Hook::forward},
                                                     {"prerouting", Hook::prerouting}};
  return kHooks.at(word);
}

// A text in one word: _ is a blank, | the end of a line.
Bytes text_of(const std::string& word) {
  Bytes bytes;
  for (const char c : word) {
    if (c == '|') bytes.push_back('\r');
    bytes.push_back(static_cast<std::uint8_t>(c == '|' ? '\n' : c == '_' ? ' ' : c));
  }
  return bytes;
}

// A packet step's words, read one after another.
struct PacketWords {
  QueuedPacket packet;
  std::uint8_t flags = 0;
  std::map<std::string, std::uint64_t> numbers;
  std::map<std::string, std::string> texts;
  Bytes said;

  std::uint64_t number(const std::string& name, std::uint64_t otherwise = 0) const {
    const auto found = numbers.find(name);
    return found == numbers.end() ? otherwise : found->second;
  }

  bool says(const std::string& name, const std::string& value) {
    if (name == "hello") {
      said = HelloBuilder{}.server_name(value).alpn({"h2", "http/1.1"}).records();
    } else if (name == "says") {
      said = text_of(value);
    } else {
      return false;
    }
    return true;
  }

  void read(const std::vector<std::string>& words, std::size_t at, const std::string& protocol) {
    static const std::map<std::string, std::uint8_t> kFlags = {
        {"syn", tcp_flag::syn}, {"ack", tcp_flag::ack}, {"fin", tcp_flag::fin}, {"rst", tcp_flag::rst}};
    PacketQueued& queued = packet.queued;
    for (; at < words.size(); ++at) {
      const std::string& word = words[at];
      if (const auto flag = kFlags.find(word); flag != kFlags.end())
        flags = static_cast<std::uint8_t>(flags | flag->second);
      else if (word == "reply")
        queued.reply = true;
      else if (word == "transit")
        queued.transit = true;
      else if (word == "foreign")
        queued.foreign_mark = true;
      else if (word == "on")
        packet.interface = words.at(++at);
      else if (word == "ct") {
        queued.conntrack = tuple_of(protocol, words.at(at + 1), words.at(at + 3));
        at += 3;
      } else if (word == "master") {
        queued.master = tuple_at(words, at + 1);
        at += 4;
      } else {
        const auto [name, value] = setting(word);
        if (name == "asks" || name == "answers") {
          texts[name] = value;
        } else if (!says(name, value)) {
          numbers[name] = std::stoull(value);
        }
      }
    }
    said.resize(std::min<std::size_t>(said.size(), number("to", said.size())));
    said.erase(said.begin(), said.begin() + static_cast<std::ptrdiff_t>(number("from")));
    if (numbers.contains("uid")) queued.uid = static_cast<std::uint32_t>(numbers["uid"]);
    if (numbers.contains("gid")) queued.gid = static_cast<std::uint32_t>(numbers["gid"]);
    queued.conntrack_id = static_cast<std::uint32_t>(number("ctid"));
  }
};

QueuedPacket started(const std::vector<std::string>& words) {
  QueuedPacket packet;
  packet.queued.id = {0, static_cast<std::uint32_t>(std::stoul(words.at(1)))};
  packet.queued.hook = hook_of(words.at(2));
  return packet;
}

}  // namespace

// asks=NAME, or answers=NAME=ADDRESS, of IPv4.
static Bytes payload_of(const PacketWords& read) {
  const auto id = static_cast<std::size_t>(read.number("id"));
  if (const auto asks = read.texts.find("asks"); asks != read.texts.end())
    return DnsBuilder{id}.question(asks->second).build();
  if (const auto answers = read.texts.find("answers"); answers != read.texts.end()) {
    const auto [name, address] = setting(answers->second);
    return DnsBuilder{id, true}.question(name).a(name, address).build();
  }
  return Bytes(read.number("size"));
}

QueuedPacket packet_of(const std::vector<std::string>& words) {
  const std::string& protocol = words.at(3);
  PacketWords read;
  read.packet = started(words);
  read.read(words, 7, protocol);
  const auto [source, source_port] = end_of(words.at(4));
  const auto [destination, destination_port] = end_of(words.at(6));
  PacketBuilder builder{source, destination};
  if (protocol == "tcp") {
    builder.tcp(source_port, destination_port, read.flags, static_cast<std::uint32_t>(read.number("seq")));
  } else if (protocol == "udp") {
    builder.udp(source_port, destination_port);
  } else if (protocol == "icmp" || protocol == "icmpv6") {
    builder.icmp(static_cast<std::uint8_t>(read.number("type")),
                 static_cast<std::uint8_t>(read.number("code")),
                 static_cast<std::uint16_t>(read.number("id")));
  } else {
    builder.protocol(*parse_protocol(protocol));
  }
  QueuedPacket& packet = read.packet;
  packet.bytes = builder.payload(read.said.empty() ? payload_of(read) : read.said).build();
  packet.queued.wire_length = packet.bytes.size();
  packet.bytes.resize(
      std::min(packet.bytes.size(), static_cast<std::size_t>(read.number("cut", packet.bytes.size()))));
  return std::move(packet);
}

QueuedPacket error_of(const std::vector<std::string>& words) {
  const auto [source, port] = end_of(words.at(3));
  const auto [destination, other_port] = end_of(words.at(5));
  const FiveTuple about = tuple_at(words, 7);
  PacketBuilder inner{about.source_address().to_string(), about.destination_address().to_string()};
  if (about.protocol == Protocol::tcp)
    inner.tcp(about.source_port, about.destination_port);
  else
    inner.udp(about.source_port, about.destination_port);
  const bool v4 = about.family == Family::ipv4;
  QueuedPacket packet = started(words);
  packet.bytes = PacketBuilder{source, destination}.icmp_error(v4 ? 3 : 1, v4 ? 1 : 3, inner.build()).build();
  packet.queued.wire_length = packet.bytes.size();
  return packet;
}

QueuedPacket bytes_of(const std::vector<std::string>& words) {
  QueuedPacket packet = started(words);
  const std::string hex = words.size() > 3 ? words[3] : "";
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    packet.bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  packet.queued.wire_length = packet.bytes.size();
  return packet;
}

ConntrackEntry entry_of(const std::vector<std::string>& words, std::size_t at) {
  static const std::map<std::string, TcpState> kStates = {
      {"syn-sent", TcpState::syn_sent}, {"established", TcpState::established},
      {"fin-wait", TcpState::fin_wait}, {"close-wait", TcpState::close_wait},
      {"last-ack", TcpState::last_ack}, {"time-wait", TcpState::time_wait},
      {"close", TcpState::close}};
  ConntrackEntry entry;
  entry.original = tuple_at(words, at);
  entry.reply = entry.original.reversed();
  for (std::size_t i = at + 4; i < words.size(); ++i) {
    if (words[i] == "nat") {  // the reply tuple
      entry.reply = tuple_of(words.at(at), words.at(i + 1), words.at(i + 3));
      i += 3;
      continue;
    }
    const auto [name, value] = setting(words[i]);
    if (name == "id") entry.id = static_cast<std::uint32_t>(std::stoul(value));
    if (name == "tcp") entry.tcp = kStates.at(value);
    if (name == "mark") entry.mark = mark_of(value);
    if (name == "packets") entry.packets = std::stoull(value);
    if (name == "bytes") entry.bytes = std::stoull(value);
    if (name == "expires") entry.expires_in = duration(value);
    if (name == "direction") entry.direction = parse_direction(value).value();
  }
  return entry;
}

ConntrackChanged conntrack_of(const std::vector<std::string>& words) {
  static const std::map<std::string, ConntrackChanged::Kind> kKinds = {
      {"started", ConntrackChanged::Kind::started},
      {"updated", ConntrackChanged::Kind::updated},
      {"destroyed", ConntrackChanged::Kind::destroyed}};
  return {kKinds.at(words.at(1)), entry_of(words, 2)};
}

ConntrackSeen seen_of(const std::vector<std::string>& words) {
  ConntrackSeen seen;
  seen.entry = entry_of(words, 1);
  for (std::size_t i = 5; i < words.size(); ++i) {
    if (words[i].find('=') == std::string::npos) continue;
    const auto [name, value] = setting(words[i]);
    if (name == "uid") seen.uid = static_cast<std::uint32_t>(std::stoul(value));
    if (name == "socket") seen.socket = std::stoull(value);
  }
  return seen;
}

SocketGone socket_of(const std::vector<std::string>& words) {
  SocketGone gone;
  gone.protocol = parse_protocol(words.at(1)).value();
  const auto [local, local_port] = end_of(words.at(2));
  gone.local = IpAddress::parse(local).value();
  gone.local_port = local_port;
  for (std::size_t i = 3; i < words.size(); ++i) {
    const auto [name, value] = setting(words[i]);
    if (name == "cookie") gone.cookie = std::stoull(value);
    if (name != "remote") continue;
    const auto [remote, remote_port] = end_of(value);
    gone.remote = IpAddress::parse(remote).value();
    gone.remote_port = remote_port;
  }
  return gone;
}

TcpClosing closing_of(const std::vector<std::string>& words) {
  return {tuple_of("tcp", words.at(1), words.at(3)), words.at(4) == "rst"};
}

}  // namespace tollgate::test
