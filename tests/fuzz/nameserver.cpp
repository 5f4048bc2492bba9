// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a question to the nameserver and as its resolver's message. The input is two bytes of length,
// a question of that length, and the message.
#include <cstdlib>
#include <span>

#include "nameserver/dns_answer.hpp"

namespace {

using namespace tollgate;

void require(bool holds) {
  if (!holds) std::abort();
}

// What we say makes sense to whoever reads it, and no more than they asked for.
void check(const DnsQuery& query, std::span<const std::uint8_t> answer, std::size_t limit) {
  require(answer.size() <= limit);
  auto in = DnsReader::open(answer);
  require(in.ok() && in->header().response && in->header().id == query.id);
  require(in->header().questions == (query.question.empty() ? 0 : 1));
  DnsQuestion question;
  while (in->next_question(question)) require(question.name == query.name && question.type == query.type);
  unsigned extensions = 0;
  for (DnsRecord record; in->next_record(record);) {
    if (record.type == DnsType::opt) ++extensions;
  }
  if (!in->error()) require(extensions == (query.edns ? 1U : 0U));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader in{{data, size}};
  std::uint16_t length = 0;
  Reader question;
  if (!in.u16(length) || !in.sub(length, question)) return 0;
  const auto parsed = parse_dns_query(question.rest());
  if (!parsed.ok()) return 0;
  const DnsQuery& query = parsed->query;
  const AnswerSays refused{parsed->rcode, false, ExtendedError::other, "no"};
  check(query, empty_answer(query, refused), udp_limit(query));
  if (parsed->rcode != DnsRcode::no_error) return 0;
  for (const std::size_t limit : {udp_limit(query), kMaxTcpAnswer}) {
    const auto answer = answer_with(query, {}, in.rest(), limit);
    if (answer) check(query, *answer, limit);
  }
  return 0;
}
