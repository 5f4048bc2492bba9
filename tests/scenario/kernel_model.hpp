// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine_checker.hpp"
#include "packet_builder.hpp"

namespace tollgate::test {

// How a modelled kernel differs from others.
struct KernelTraits {
  bool tells_ids = true;    // conntrack data in queue messages
  bool starts = true;       // events of new entries are listened to
  bool accounting = true;   // packet counters
  bool segments = false;    // the end of TCP comes by copies of its segments, not from conntrack
  bool loses = true;        // events past the bound, and answers now and then
  std::size_t events = 64;  // that the socket of events holds; past it they are lost, and that is told
};

// A kernel as an engine sees it, in virtual time: conntrack's table, sockets, rules, and queues between
// them and the daemon, each in order and none in step with the others. Programs open, speak and close at
// random. The shell's part is played as well: what the engine wants is done, and what the kernel says
// comes late, or never.
class KernelModel {
 public:
  KernelModel(std::uint32_t seed, const KernelTraits& traits, const EngineOptions& options,
              std::vector<PolicyPointer> policies, Engine::Decide decide);

  void run(std::uint64_t steps);
  // Everything that is on its way arrives, conntrack's table is read from end to end, and cache and
  // table are held against each other; where nothing was lost, before the reading as well. Throws
  // std::logic_error at a difference.
  void settle();

  EngineChecker& checker() { return checker_; }
  struct Counts {
    std::uint64_t events = 0, overruns = 0, carried = 0, torn = 0, readings = 0, authorized = 0, compared = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  struct Entry {
    std::uint32_t id = 0;
    FiveTuple tuple;  // original direction
    Direction direction = Direction::outbound;
    FlowMark mark = FlowMark::undecided;
    TcpState tcp = TcpState::syn_sent;
    std::uint64_t packets = 0;
    Time expires{};
  };
  // A packet that waits, with the entry that it has or would begin.
  struct Queued {
    PacketId id;
    FiveTuple flow;
    Direction direction = Direction::outbound;
    bool reply = false;
    std::uint32_t entry = 0;
    std::uint32_t sequence = 0;
    std::uint8_t flags = 0;
    std::uint8_t says = 0;  // what(), 0: nothing
  };
  struct Socket {
    std::uint64_t cookie = 0;
    Protocol protocol = Protocol::udp;
    std::uint16_t port = 0;
    std::optional<FiveTuple> flow;  // of TCP, in its flow's direction
  };
  using Key = std::string;

  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
  template <class Map>
  auto any(Map& map) {
    auto at = map.begin();
    std::advance(at, pick(static_cast<std::uint32_t>(map.size())));
    return at;
  }

  // The world.
  void step();
  void program_opens();
  void program_speaks();
  void stranger_speaks();
  void socket_closes();
  void tcp_goes_on();
  void entry_expires();
  void by_hand();
  void send(const FiveTuple& flow, Direction direction, bool reply, std::uint8_t flags);
  FiveTuple peer_tuple(Protocol protocol, std::uint16_t local_port, bool inbound);

  // The kernel.
  static bool is_tcp(const FiveTuple& tuple) { return tuple.protocol == Protocol::tcp; }
  static std::string local_key(Protocol protocol, Direction direction, const IpAddress& address,
                               std::uint16_t port);
  Entry* find(const FiveTuple& tuple);
  bool has_socket(const FiveTuple& flow) const;
  std::uint32_t sequence_of(const FiveTuple& flow) const;
  static Bytes what(std::uint8_t says);
  void confirm(const Queued& packet, FlowMark mark);
  void destroy(const FiveTuple& tuple);
  void changed(ConntrackChanged::Kind kind, const Entry& entry);
  void tell_end(const Entry& entry, const FiveTuple& travels, bool reset);
  void close_socket(std::map<std::uint64_t, Socket>::iterator socket);
  ConntrackEntry told(const Entry& entry) const;
  bool authorized(const FiveTuple& flow, Direction direction) const;

  // The shell.
  void deliver();
  void deliver_packet();
  void deliver_event();
  void deliver_segments(Duration late);
  void answer_question();
  void deliver_sockets(Duration late);
  void read_table();
  void read_on(std::size_t entries);
  void tell(const Event& event);
  void carry_out(const Effects& effects);
  void arrive();
  void compare(bool read);

  std::mt19937 random_;
  KernelTraits traits_;
  std::vector<PolicyPointer> policies_;
  EngineChecker checker_;
  Time now_{std::chrono::hours{1}};
  std::uint32_t last_entry_ = 0, last_packet_ = 0;
  std::uint64_t last_cookie_ = 0;
  std::map<Key, Entry> table_;
  std::map<std::uint64_t, Socket> sockets_;
  std::set<std::string> authorized_;
  std::map<std::pair<std::uint16_t, std::uint32_t>, Queued> waiting_;  // for verdicts
  std::deque<Queued> packets_;                                         // for the daemon to read
  std::deque<Event> events_;
  std::deque<std::pair<Time, TcpClosing>> segments_;
  std::deque<ProbeFlow> questions_;
  std::deque<std::pair<Time, SocketGone>> socket_events_;
  bool lost_ = false;
  std::optional<std::deque<Entry>> reading_;  // what the dump has still to say
  Counts counts_;
};

}  // namespace tollgate::test
