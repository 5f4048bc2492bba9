// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "catch.hpp"
#include "netns.hpp"

namespace tollgate::test {

// The local route of a new IPv6 address is the work of a thread of the kernel, a moment later: until then
// the network is unreachable.
inline void wait_for_route(const std::string& address) {
  for (int tries = 0; run_command("ip -6 route get " + address) != 0; ++tries) {
    if (tries == 1000) throw std::runtime_error{"no route to " + address};
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
}

// A namespace with loopback and one more address of each family; skipped, visibly, without the rights.
inline void in_addressed_netns(const std::function<void()>& body) {
  if (const char* why = no_netns()) {
    WARN("SKIPPED: " << why);
    return;
  }
  in_netns([&] {
    must_run("ip link set lo up");
    must_run("ip address add 192.0.2.1/32 dev lo");
    must_run("ip address add 2001:db8::1/128 dev lo nodad");
    wait_for_route("2001:db8::1");
    body();
  });
}

}  // namespace tollgate::test
