// SPDX-License-Identifier: GPL-2.0-or-later
// Any conversation (tests/support/inspection_seed.hpp), told as it was and, where it is a stream, with
// every payload cut in two and told backwards: what is found is the same.
#include <cstdlib>

#include "inspection_seed.hpp"

namespace {

using namespace tollgate;
using namespace tollgate::test;

// Cut or not, nothing comes near the bound on packets.
constexpr InspectionLimits kLimits{.max_bytes = 2048, .max_packets = 1'000'000};
constexpr std::size_t kMost = 4096;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kMost) return 0;
  const Conversation conversation = read_conversation({data, size});
  Teller whole{conversation, kLimits}, cut{conversation, kLimits};
  whole.syn();
  cut.syn();
  std::uint64_t told[2] = {0, 0};
  for (const auto& [client, bytes] : conversation.said) {
    whole.next(client, bytes);
    const std::span<const std::uint8_t> all{bytes};
    std::uint64_t& from = told[client ? 0 : 1];
    cut.at(client, from + bytes.size() / 2, all.subspan(bytes.size() / 2));
    cut.at(client, from, all.first(bytes.size() / 2));
    from += bytes.size();
  }
  const FlowInspection& seen = whole.inspection();
  if (seen.finished() != seen.findings().encrypted.has_value() && seen.finished()) std::abort();
  if (seen.findings().malformed && seen.findings().encrypted == true) std::abort();
  const bool stream = conversation.protocol == Protocol::tcp;
  if (stream && seen.findings() != cut.inspection().findings()) std::abort();
  return 0;
}
