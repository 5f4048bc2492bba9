// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/names/dns_watch.hpp"

#include <algorithm>
#include <array>

#include "tollgate/base/seeded_hash.hpp"

namespace tollgate {
namespace {

// CNAMEs, aliases and targets of one answer; resolvers follow fewer.
constexpr std::size_t kMaxChain = 16;

std::optional<NameSource> source_of(std::uint16_t server_port) {
  if (server_port == kDnsPort) return NameSource::dns;
  if (server_port == kMdnsPort) return NameSource::mdns;
  if (server_port == kLlmnrPort) return NameSource::llmnr;
  return {};
}

// "_8443._https.www.example.org" asks about www.example.org (RFC 9460 §9.1).
DnsName host_of(DnsName name) {
  while (!name.is_root() && name.first_label().front() == '_') name = name.parent();
  return name;
}

// The name of which the answer's addresses are: HTTPS questions put a port in front.
std::string shown_name(const DnsQuestion& question) {
  const bool service = question.type == DnsType::https || question.type == DnsType::svcb;
  return (service ? host_of(question.name) : question.name).text();
}

}  // namespace

// Who asks whom, whichever way the message went.
struct DnsWatch::Exchange {
  NameSource source = NameSource::dns;
  const Endpoints& ends;
  bool response = false;
  std::uint16_t id = 0;
  ProgramKey program;

  std::uint64_t key(const DnsQuestion& question, std::uint64_t seed) const {
    SeededHash hash{seed};
    hash.add(static_cast<std::uint64_t>(source)).add(static_cast<std::uint64_t>(question.type));
    hash.add(question.name.bytes());
    if (source == NameSource::mdns) return hash.value();
    const IpAddress& asker = response ? ends.destination : ends.source;
    const IpAddress& server = response ? ends.source : ends.destination;
    hash.add(id).add(response ? ends.destination_port : ends.source_port);
    hash.add(std::span{asker.bytes()}).add(static_cast<std::uint64_t>(ends.protocol));
    if (source == NameSource::dns) hash.add(std::span{server.bytes()});
    return hash.value();
  }
};

void DnsWatch::on_message(const Endpoints& ends, ProgramKey program, std::span<const std::uint8_t> message,
                          Time now, NameStore& names) {
  Result<DnsReader, DnsError> reader = DnsReader::open(message);
  if (!reader) {
    ++counters_.malformed;
    return;
  }
  const DnsHeader& header = reader->header();
  const auto source = source_of(header.response ? ends.source_port : ends.destination_port);
  if (!source || header.opcode != 0) return;
  const Exchange exchange{*source, ends, header.response, header.id, program};
  if (header.response) {
    on_answer(exchange, *reader, now, names);
  } else {
    on_query(exchange, *reader, now);
    if (reader->error()) ++counters_.malformed;
  }
}

void DnsWatch::on_query(const Exchange& exchange, DnsReader& message, Time now) {
  forget_old(now);
  DnsQuestion question;
  while (message.next_question(question)) {
    if (!question.internet) continue;
    ++counters_.questions;
    const std::uint64_t key = exchange.key(question, seed_);
    const auto [place, is_new] = asked_.insert_or_assign(key, Asked{exchange.program, now});
    if (is_new) order_.push_back({key, now});
    while (asked_.size() > limits_.max_questions) {
      asked_.erase(order_.front().question);
      order_.pop_front();
    }
  }
}

// What was asked again goes to the back.
void DnsWatch::forget_old(Time now) {
  while (!order_.empty() && order_.front().when + limits_.patience <= now) {
    const Remembered oldest = order_.front();
    order_.pop_front();
    const auto asked = asked_.find(oldest.question);
    if (asked->second.when + limits_.patience <= now) {
      asked_.erase(asked);
    } else {
      order_.push_back({oldest.question, asked->second.when});
    }
  }
}

std::optional<ProgramKey> DnsWatch::take_question(const Exchange& exchange, const DnsQuestion& question,
                                                  Time now) {
  const auto asked = asked_.find(exchange.key(question, seed_));
  if (asked == asked_.end() || asked->second.answered || asked->second.when + limits_.patience <= now)
    return {};
  const bool known = exchange.program != ProgramKey{} && exchange.source == NameSource::dns;
  const ProgramKey program = known ? exchange.program : asked->second.program;
  asked->second.answered = exchange.source != NameSource::mdns;
  return program;
}

void DnsWatch::on_answer(const Exchange& exchange, DnsReader message, Time now, NameStore& names) {
  const DnsReader from_start = message;
  bool fits = false;
  const auto begin_with = [&](const DnsQuestion& question, std::uint32_t ttl) {
    const auto program = take_question(exchange, question, now);
    if (!program) return;
    fits = true;
    chain_.clear();
    add_link(question.name, shown_name(question), ttl);
    follow(exchange, from_start, *program, now, names);
  };
  constexpr std::uint32_t kForever = 0xffffffff;
  DnsQuestion question;
  while (message.next_question(question)) begin_with(question, kForever);
  if (exchange.source == NameSource::mdns) {
    // Answers to everybody repeat no question: each record answers one of its own.
    DnsRecord record;
    while (message.next_record(record)) begin_with({record.name, record.type, true}, kForever);
  } else {
    DnsRecord passed;
    while (message.next_record(passed)) continue;
  }
  if (message.error()) ++counters_.malformed;
  ++(fits ? counters_.answers : counters_.unasked);
}

// Records come in the order of the chain from nearly every server: one pass does, unless one of them was
// met before what leads to it.
void DnsWatch::follow(const Exchange& exchange, const DnsReader& message, ProgramKey program, Time now,
                      NameStore& names) {
  for (std::size_t pass = 0; pass < kMaxChain; ++pass) {
    const std::size_t before = chain_.size();
    bool missed = false;
    DnsReader records = message;
    DnsRecord record;
    while (records.next_record(record)) {
      if (!record.internet || record.section == DnsSection::authority) continue;
      if (!read_record(record, exchange.source, program, now, names)) missed = true;
    }
    if (!missed || chain_.size() == before) break;
  }
}

// False: its owner is not, or not yet, part of the chain.
bool DnsWatch::read_record(const DnsRecord& record, NameSource source, ProgramKey program, Time now,
                           NameStore& names) {
  const Link* owner = link(record.name);
  if (record.type == DnsType::dname) {
    // RFC 6672 §3.2: of all names below the owner.
    for (std::size_t i = 0; i < chain_.size(); ++i) {
      const Link below = chain_[i];
      if (below.name == record.name) continue;
      const auto changed = below.name.with_suffix_replaced(record.name, record.target);
      if (changed) add_link(*changed, below.shown, std::min(below.ttl, record.ttl));
    }
    return owner != nullptr;
  }
  if (owner == nullptr) return false;
  const std::uint32_t ttl = std::min(owner->ttl, record.ttl);
  const std::string shown = owner->shown;  // the chain may grow below
  switch (record.type) {
    case DnsType::cname:
      add_link(record.target, shown, ttl);
      break;
    case DnsType::srv:
      // What runs there is reached under its own name.
      if (!record.target.is_root()) add_link(record.target, record.target.text(), ttl);
      break;
    case DnsType::svcb:
    case DnsType::https:
      if (!record.target.is_root()) add_link(record.target, shown, ttl);
      break;
    case DnsType::a:
    case DnsType::aaaa:
    case DnsType::ptr:
    case DnsType::dname:
    case DnsType::opt:
    case DnsType::any:
      break;
  }
  for (std::size_t i = 0; i < record.address_count; ++i) {
    names.learn(program, record.addresses[i], shown, source, std::chrono::seconds{ttl}, now);
    ++counters_.names;
  }
  return true;
}

bool DnsWatch::add_link(const DnsName& name, std::string shown, std::uint32_t ttl) {
  if (chain_.size() == kMaxChain || link(name) != nullptr) return false;
  chain_.push_back({name, std::move(shown), ttl});
  return true;
}

const DnsWatch::Link* DnsWatch::link(const DnsName& name) const {
  const auto found = std::ranges::find(chain_, name, &Link::name);
  return found == chain_.end() ? nullptr : &*found;
}

}  // namespace tollgate
