// SPDX-License-Identifier: GPL-2.0-or-later
// Any DNS, mDNS and LLMNR messages between a few ends, in any order: tables stay within their bounds.
// Each message has one byte in front (which ends, which way, how long after the one before) and two of
// length.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "tollgate/base/reader.hpp"
#include "tollgate/names/dns_watch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tollgate;
  constexpr NameLimits kNames{.max_names = 8, .max_names_per_address = 2};
  constexpr DnsWatchLimits kQuestions{.max_questions = 4, .patience = std::chrono::seconds{10}};
  NameStore names{kNames, 1};
  DnsWatch watch{kQuestions, 2};
  Time now{};
  Reader in{{data, size}};
  std::uint8_t how = 0;
  std::uint16_t length = 0;
  while (in.u8(how) && in.u16(length)) {
    Reader message;
    in.sub(std::min<std::size_t>(length, in.remaining()), message);
    constexpr std::uint16_t kPorts[] = {kDnsPort, kMdnsPort, kLlmnrPort, 99};
    Endpoints ends;
    ends.protocol = Protocol::udp;
    ends.source = IpAddress::v4({10, 0, 0, 1});
    ends.destination = IpAddress::v4({10, 0, 0, static_cast<std::uint8_t>(how >> 6)});
    ends.source_port = 4711;
    ends.destination_port = kPorts[how & 3];
    if ((how & 4) != 0) {
      std::swap(ends.source, ends.destination);
      std::swap(ends.source_port, ends.destination_port);
    }
    now += std::chrono::seconds{how >> 3 & 7};
    watch.on_message(ends, ProgramKey{how & 1U}, message.rest(), now, names);
    if (watch.questions() > kQuestions.max_questions) std::abort();
    if (names.size() > kNames.max_names + kNames.max_names_per_address) std::abort();
    const auto known = names.find(ProgramKey{1}, ends.destination, now);
    if (known && !names.knows(ProgramKey{1}, ends.destination, known->name, now)) std::abort();
  }
  return 0;
}
