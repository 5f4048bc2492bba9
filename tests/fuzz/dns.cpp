// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a DNS message.
#include "tollgate/wire/dns.hpp"

#include <cstdlib>

namespace {

using namespace tollgate;

void require(bool holds) {
  if (!holds) std::abort();
}

// A name is what its text says, whatever its bytes are.
void check_name(const DnsName& name) {
  require(name.bytes().size() <= kMaxDnsName && name.bytes().back() == 0);
  const auto again = DnsName::parse(name.text());
  require(again && *again == name);
  require(name.is_within(name) && name.is_within(name.parent()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto message = DnsReader::open({data, size});
  if (!message) return 0;
  unsigned questions = 0, records = 0;
  DnsQuestion question;
  for (; message->next_question(question); ++questions) check_name(question.name);
  DnsRecord record;
  for (; message->next_record(record); ++records) {
    check_name(record.name);
    check_name(record.target);
    require(record.address_count <= kMaxDnsHints);
    require(record.ttl <= 0x7fffffff);
  }
  require(questions <= kMaxDnsQuestions && records <= kMaxDnsRecords);
  require(!message->next_question(question) && !message->next_record(record));
  return 0;
}
