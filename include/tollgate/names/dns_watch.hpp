// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tollgate/base/time.hpp"
#include "tollgate/names/name_store.hpp"
#include "tollgate/wire/dns.hpp"
#include "tollgate/wire/packet.hpp"

namespace tollgate {

struct DnsWatchLimits {
  std::uint32_t max_questions = 8192;            // that are remembered; past it, the oldest is forgotten
  Duration patience = std::chrono::seconds{30};  // how long an answer may take
};

struct DnsWatchCounters {
  std::uint64_t questions = 0;  // seen in queries
  std::uint64_t answers = 0;    // that fit a question
  std::uint64_t unasked = 0;    // answers that fit none: nothing was learned from them
  std::uint64_t malformed = 0;  // messages, from some point on
  std::uint64_t names = 0;      // learned
};

// Listens to DNS, mDNS and LLMNR, and puts what is answered into a NameStore. An answer counts only
// when it fits a question that was asked: of DNS the two ends, protocol, id, name and type; of LLMNR
// the asker, id, name and type, for it was asked of everybody; of mDNS name and type, for it is also
// answered to everybody (RFC 6762 §6). A question of DNS or LLMNR is answered once.
class DnsWatch {
 public:
  // `seed` is secret: questions are remembered as hashes of 64 bits, which strangers cannot aim at.
  DnsWatch(const DnsWatchLimits& limits, std::uint64_t seed) : limits_{limits}, seed_{seed} {}

  // One message, without TCP's length, and who sent it to whom. `program` is the asker's, as far as it is
  // known with the query or, better, with the answer.
  void on_message(const Endpoints& ends, ProgramKey program, std::span<const std::uint8_t> message, Time now,
                  NameStore& names);

  const DnsWatchCounters& counters() const { return counters_; }
  std::size_t questions() const { return asked_.size(); }

 private:
  struct Asked {
    ProgramKey program;
    Time when{};
    bool answered = false;
  };
  struct Exchange;
  // A name that an address may be learned for, and why: how it came from the question.
  struct Link {
    DnsName name;
    std::string shown;  // the name that is learned
    std::uint32_t ttl = 0;
  };

  void on_query(const Exchange& exchange, DnsReader& message, Time now);
  void on_answer(const Exchange& exchange, DnsReader message, Time now, NameStore& names);
  std::optional<ProgramKey> take_question(const Exchange& exchange, const DnsQuestion& question, Time now);
  void forget_old(Time now);
  void follow(const Exchange& exchange, const DnsReader& message, ProgramKey program, Time now,
              NameStore& names);
  bool read_record(const DnsRecord& record, NameSource source, ProgramKey program, Time now,
                   NameStore& names);
  bool add_link(const DnsName& name, std::string shown, std::uint32_t ttl);
  const Link* link(const DnsName& name) const;

  DnsWatchLimits limits_;
  std::uint64_t seed_;
  DnsWatchCounters counters_;
  boost::unordered_flat_map<std::uint64_t, Asked> asked_;
  struct Remembered {
    std::uint64_t question;
    Time when;
  };
  std::deque<Remembered> order_;  // one for each of asked_, the oldest in front
  std::vector<Link> chain_;       // of the answer at hand
};

}  // namespace tollgate
