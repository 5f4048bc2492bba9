// SPDX-License-Identifier: GPL-2.0-or-later
// Conversations of real programs (tests/data/captures), cut and reordered at every byte: what is found
// is the same.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "catch.hpp"
#include "inspection_seed.hpp"
#include "packet_builder.hpp"

namespace tollgate::test {
namespace {

const InspectionLimits kPatient{.max_bytes = 16'384 + 512, .max_packets = 100'000};

struct Seed {
  std::string name;
  Conversation conversation;
};

std::vector<Seed> seeds() {
  std::vector<Seed> all;
  for (const auto& entry :
       std::filesystem::directory_iterator{TOLLGATE_SOURCE_DIR "/tests/fuzz/corpus/inspection"}) {
    std::ifstream file{entry.path(), std::ios::binary};
    const Bytes bytes{std::istreambuf_iterator<char>{file}, {}};
    all.push_back({entry.path().filename().string(), read_conversation(bytes)});
  }
  REQUIRE(all.size() > 30);
  return all;
}

Findings found(const Teller& teller) { return teller.inspection().findings(); }

Findings whole(const Conversation& conversation) {
  Teller teller{conversation, kPatient};
  teller.syn();
  for (const Said& said : conversation.said) teller.next(said.client, said.bytes);
  return found(teller);
}

enum class Order { cut, reversed, overlapping };

// The `which`-th payload in two pieces, the others as they were.
Findings with_cut(const Conversation& conversation, std::size_t which, std::size_t at, Order order) {
  Teller teller{conversation, kPatient};
  teller.syn();
  std::uint64_t told[2] = {0, 0};
  for (std::size_t i = 0; i < conversation.said.size(); ++i) {
    const auto& [client, bytes] = conversation.said[i];
    const std::span<const std::uint8_t> all{bytes};
    std::uint64_t& from = told[client ? 0 : 1];
    if (i != which) {
      teller.at(client, from, all);
    } else if (order == Order::cut) {
      teller.at(client, from, all.first(at));
      teller.at(client, from + at, all.subspan(at));
    } else if (order == Order::reversed) {
      teller.at(client, from + at, all.subspan(at));
      teller.at(client, from, all.first(at));
    } else {
      teller.at(client, from, all.first(at));
      teller.at(client, from, all.first(at));
      teller.at(client, from + at / 2, all.subspan(at / 2));
    }
    from += bytes.size();
  }
  return found(teller);
}

TEST_CASE("Streams cut at every byte, in order, reversed and overlapping", "[inspect]") {
  std::size_t streams = 0;
  for (const Seed& seed : seeds()) {
    if (seed.conversation.protocol != Protocol::tcp) continue;
    INFO(seed.name);
    ++streams;
    const Findings expected = whole(seed.conversation);
    for (std::size_t which = 0; which < seed.conversation.said.size(); ++which) {
      const std::size_t size = seed.conversation.said[which].bytes.size();
      for (std::size_t at = 1; at < size; ++at) {
        for (const Order order : {Order::cut, Order::reversed, Order::overlapping}) {
          if (with_cut(seed.conversation, which, at, order) == expected) continue;
          FAIL_CHECK("payload " << which << " cut at " << at << ", order " << static_cast<int>(order));
        }
      }
    }
  }
  CHECK(streams > 15);
}

TEST_CASE("Streams byte by byte", "[inspect]") {
  for (const Seed& seed : seeds()) {
    if (seed.conversation.protocol != Protocol::tcp) continue;
    INFO(seed.name);
    Teller teller{seed.conversation, kPatient};
    teller.syn();
    for (const Said& said : seed.conversation.said) {
      for (const std::uint8_t& byte : said.bytes) teller.next(said.client, {&byte, 1});
    }
    CHECK(found(teller) == whole(seed.conversation));
  }
}

TEST_CASE("Datagrams of one side swapped, and sent twice", "[inspect]") {
  for (const Seed& seed : seeds()) {
    if (seed.conversation.protocol != Protocol::udp) continue;
    INFO(seed.name);
    const Findings expected = whole(seed.conversation);
    Conversation twice = seed.conversation;
    twice.said.clear();
    for (const Said& said : seed.conversation.said) twice.said.insert(twice.said.end(), 2, said);
    CHECK(whole(twice) == expected);
  }
}

}  // namespace
}  // namespace tollgate::test
