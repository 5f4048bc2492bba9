// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>

#include "catch.hpp"
#include "netns.hpp"

namespace tollgate::test {

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
    body();
  });
}

}  // namespace tollgate::test
