// SPDX-License-Identifier: GPL-2.0-or-later
// A million events of a kernel that is late, forgetful and never quite the same.
#include "kernel_model.hpp"

#include "catch.hpp"
#include "engine_policies.hpp"

using namespace tollgate;
using namespace tollgate::test;
using namespace std::chrono_literals;

namespace {

EngineOptions options(std::uint32_t seed) {
  EngineOptions options;
  options.flows.max_flows = 4000;
  options.flows.end_linger = 20s;
  options.flows.udp_idle_timeout = 1min;
  options.pending = {32, 3, 15s};
  options.nameserver4 = options.nameserver6 = true;
  if (seed % 2 == 0) options.in_reauthorization = AskAgain::block;
  return options;
}

KernelModel model(std::uint32_t seed) {
  KernelTraits traits;
  traits.tells_ids = seed % 3 != 0;
  traits.starts = seed % 4 != 0;
  traits.accounting = seed % 5 != 0;
  traits.segments = seed / 2 % 2 == 0;
  traits.loses = seed % 2 != 0;
  std::vector<PolicyPointer> policies;
  for (std::size_t i = 0; i < kEnginePolicyCount; ++i) policies.push_back(engine_policy(i));
  return {seed, traits, options(seed), std::move(policies), &decide_or_ask};
}

}  // namespace

TEST_CASE("a million events, and cache and kernel agree") {
  std::uint64_t events = 0, overruns = 0, torn = 0, authorized = 0, compared = 0, probed = 0, vanished = 0;
  std::uint64_t inspected = 0;
  for (std::uint32_t seed = 1; events < 1'000'000; ++seed) {
    INFO("seed " << seed);
    KernelModel kernel = model(seed);
    for (int part = 0; part < 10; ++part) {
      REQUIRE_NOTHROW(kernel.run(5'000));
      REQUIRE_NOTHROW(kernel.settle());
    }
    events += kernel.counts().events;
    overruns += kernel.counts().overruns;
    torn += kernel.counts().torn;
    authorized += kernel.counts().authorized;
    compared += kernel.counts().compared;
    probed += kernel.checker().engine().counters().probed;
    inspected += kernel.checker().engine().counters().inspected;
    vanished += kernel.checker().engine().counters().vanished;
  }
  // The world has to have been busy, or it proves nothing.
  CHECK(overruns > 5);
  CHECK(torn > 100);
  CHECK(authorized > 10);
  CHECK(compared > 1000);
  CHECK(probed > 100);
  CHECK(vanished > 10);
  CHECK(inspected > 1000);
}

TEST_CASE("the same seed gives the same trace of a kernel, too") {
  KernelModel one = model(42), other = model(42), third = model(43);
  one.run(3000);
  other.run(3000);
  third.run(3000);
  CHECK(one.checker().trace() == other.checker().trace());
  CHECK(one.checker().trace() != third.checker().trace());
}
