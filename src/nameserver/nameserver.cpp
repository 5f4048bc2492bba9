// SPDX-License-Identifier: GPL-2.0-or-later
#include "nameserver/nameserver.hpp"

#include <algorithm>
#include <utility>

#include "dns_answer.hpp"
#include "dns_query.hpp"
#include "listener.hpp"
#include "resolver.hpp"
#include "tls_relay.hpp"

namespace tollgate {
namespace {

template <class Each>
void for_each_upstream(const NameserverOptions& options, Each&& each) {
  for (const Upstream& upstream : options.upstreams) each(upstream);
  for (const ForwardZone& zone : options.zones) {
    for (const Upstream& upstream : zone.upstreams) each(upstream);
  }
}

std::string shown(const Upstream& upstream) {
  return "tls://" + upstream.address.to_string() + " port " + std::to_string(upstream.port) + " (" +
         upstream.name + ")";
}

// Every name on the way, and every address: what does not belong to the question was not asked for, and
// nobody shall get it without a look at it either.
AnsweredName read_answer(const DnsName& name, std::span<const std::uint8_t> message) {
  AnsweredName answered;
  const auto add = [&](const DnsName& alias) {
    if (alias == name || alias.is_root()) return;
    std::string text = alias.text();
    if (std::ranges::find(answered.aliases, text) == answered.aliases.end())
      answered.aliases.push_back(std::move(text));
  };
  auto in = DnsReader::open(message);
  if (!in.ok()) return answered;
  for (DnsRecord record; in->next_record(record);) {
    if (record.section != DnsSection::answer) continue;
    add(record.name);
    if (record.type == DnsType::cname || record.type == DnsType::https || record.type == DnsType::svcb)
      add(record.target);
    const std::span<const IpAddress> addresses{record.addresses.data(), record.address_count};
    answered.addresses.insert(answered.addresses.end(), addresses.begin(), addresses.end());
  }
  return answered;
}

DnsRcode rcode_of(std::span<const std::uint8_t> message) {
  const auto in = DnsReader::open(message);
  return in.ok() ? DnsRcode{in->header().rcode} : DnsRcode::server_failure;
}

}  // namespace

Nameserver::Nameserver(boost::asio::io_context& loop, const Config& config, World world)
    : options_{config.resolver}, world_{std::move(world)} {
  open_relays(loop);
  resolver_ = std::make_unique<Resolver>(
      loop, options_, [this](const Upstream& upstream) { return relay_port(upstream); },
      [this](const FiveTuple& tuple, bool open) { own(tuple, open); });
  for (const auto& address : {config.nameserver.address4, config.nameserver.address6}) {
    if (!address) continue;
    listeners_.push_back(
        std::make_unique<Listener>(loop, *address, config.nameserver.port, options_.max_clients,
                                   [this](std::span<const std::uint8_t> message, const FiveTuple& from,
                                          DnsReply reply) { on_message(message, from, std::move(reply)); }));
  }
}

Nameserver::~Nameserver() = default;

void Nameserver::open_relays(boost::asio::io_context& loop) {
  const OwnConnections connections{[this](const FiveTuple& tuple, bool open) { own(tuple, open); },
                                   [this](const FiveTuple& tuple) { return own_.contains(tuple); }};
  for_each_upstream(options_, [&](const Upstream& upstream) {
    if (upstream.transport != UpstreamTransport::tls) return;
    const bool known =
        std::ranges::any_of(relays_, [&](const auto& relay) { return relay->upstream() == upstream; });
    if (known) return;
    if (!authorities_) authorities_ = std::make_unique<TlsAuthorities>(options_.tls_ca);
    const std::string name = shown(upstream);
    relays_.push_back(std::make_unique<TlsRelay>(loop, upstream, *authorities_, connections,
                                                 [this, name](const std::string& why) {
                                                   ++counted_.tls_failed;
                                                   world_.trouble(name, "nameserver: " + name + ": " + why);
                                                 }));
  });
}

std::uint16_t Nameserver::relay_port(const Upstream& upstream) const {
  const auto found =
      std::ranges::find_if(relays_, [&](const auto& relay) { return relay->upstream() == upstream; });
  return (*found)->port();
}

void Nameserver::own(const FiveTuple& tuple, bool open) {
  if (open) {
    own_.insert(tuple);
  } else {
    own_.erase(tuple);
  }
  world_.own(tuple, open);
}

struct Nameserver::Question {
  AskedName asked;
  DnsQuery query;
  std::vector<std::uint8_t> message;
  Reply reply;
};

void Nameserver::on_message(std::span<const std::uint8_t> message, const FiveTuple& from, Reply reply) {
  ++counted_.queries;
  auto parsed = parse_dns_query(message);
  if (!parsed.ok()) {
    ++counted_.dropped;
    return reply({});
  }
  if (parsed->rcode != DnsRcode::no_error) {
    ++(parsed->rcode == DnsRcode::format_error ? counted_.malformed : counted_.refused);
    return reply(empty_answer(parsed->query, {parsed->rcode}));
  }
  const DnsQuery& query = parsed->query;
  Question question{
      {from, query.name.text(), query.type}, query, {message.begin(), message.end()}, std::move(reply)};
  if (const auto why = world_.refuses(question.asked)) return question.reply(refuse(query, *why));
  ask(std::move(question));
}

std::vector<std::uint8_t> Nameserver::refuse(const DnsQuery& query, const std::string& why) {
  ++counted_.blocked;
  return refused_answer(query, options_.refused_names, why);
}

void Nameserver::ask(Question question) {
  if (resolver_->in_flight() >= options_.max_queries) {
    ++counted_.overload;
    return question.reply(empty_answer(
        question.query,
        {DnsRcode::server_failure, false, ExtendedError::not_ready, "too many questions at once"}));
  }
  const DnsName name = question.query.name;
  const DnsType type = question.query.type;
  resolver_->resolve(name, type, [this, question = std::move(question)](const Resolution& resolution) {
    question.reply(answer(question, resolution));
  });
}

std::vector<std::uint8_t> Nameserver::answer(const Question& question, const Resolution& resolution) {
  const DnsQuery& query = question.query;
  if (resolution.bogus && !query.checking_disabled) {
    ++counted_.bogus;
    return empty_answer(
        query, {DnsRcode::server_failure, false, ExtendedError::dnssec_bogus, std::string{resolution.why}});
  }
  const AnswerSays says{rcode_of(resolution.message), resolution.secure};
  // Whether it is for the asker is seen from all of it, also where it is too long for UDP.
  auto whole = resolution.failed ? std::nullopt : answer_with(query, says, resolution.message, kMaxTcpAnswer);
  if (!whole) {
    ++counted_.failed;
    return empty_answer(query, {DnsRcode::server_failure, false, ExtendedError::no_reachable_authority, ""});
  }
  AnsweredName answered = read_answer(query.name, *whole);
  answered.query = question.message;
  answered.answer = *whole;
  if (const auto why = world_.refuses_answer(question.asked, answered)) return refuse(query, *why);
  ++counted_.answered;
  const bool udp = question.asked.from.protocol == Protocol::udp;
  if (!udp || whole->size() <= udp_limit(query)) return *std::move(whole);
  ++counted_.truncated;
  return truncated_answer(query, says);
}

std::map<std::string, std::uint64_t> Nameserver::counters() const {
  ListenerCounters listeners;
  for (const auto& listener : listeners_) {
    const ListenerCounters one = listener->counters();
    listeners.clients += one.clients;
    listeners.clients_refused += one.clients_refused;
    listeners.unsent += one.unsent;
  }
  return {
      {"queries", counted_.queries},         {"answered", counted_.answered},
      {"failed", counted_.failed},           {"bogus", counted_.bogus},
      {"truncated", counted_.truncated},     {"blocked", counted_.blocked},
      {"malformed", counted_.malformed},     {"refused", counted_.refused},
      {"dropped", counted_.dropped},         {"overload", counted_.overload},
      {"in_flight", resolver_->in_flight()}, {"tls_failed", counted_.tls_failed},
      {"clients", listeners.clients},        {"clients_refused", listeners.clients_refused},
      {"unsent", listeners.unsent},
  };
}

}  // namespace tollgate
