// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/base/scope.hpp"

#include "catch.hpp"

namespace tollgate {
namespace {

TEST_CASE("How far away an address is") {
  struct Case {
    const char* address;
    const char* scope;
  };
  for (const Case& each : {
           Case{"0.0.0.0", "host"},
           Case{"127.0.0.53", "host"},
           Case{"::", "host"},
           Case{"::1", "host"},
           Case{"9.255.255.255", "internet"},
           Case{"10.0.0.0", "lan"},
           Case{"10.255.255.255", "lan"},
           Case{"11.0.0.0", "internet"},
           Case{"100.63.255.255", "internet"},
           Case{"100.64.0.0", "lan"},
           Case{"100.127.255.255", "lan"},
           Case{"100.128.0.0", "internet"},
           Case{"169.253.255.255", "internet"},
           Case{"169.254.0.1", "lan"},
           Case{"169.255.0.0", "internet"},
           Case{"172.15.255.255", "internet"},
           Case{"172.16.0.0", "lan"},
           Case{"172.31.255.255", "lan"},
           Case{"172.32.0.0", "internet"},
           Case{"192.167.255.255", "internet"},
           Case{"192.168.1.1", "lan"},
           Case{"192.169.0.0", "internet"},
           Case{"223.255.255.255", "internet"},
           Case{"224.0.0.251", "multicast"},
           Case{"239.255.255.255", "multicast"},
           Case{"240.0.0.1", "internet"},
           Case{"255.255.255.254", "internet"},
           Case{"255.255.255.255", "multicast"},
           Case{"::2", "internet"},
           Case{"::ffff:10.0.0.1", "internet"},
           Case{"2001:db8::1", "internet"},
           Case{"fbff::1", "internet"},
           Case{"fc00::1", "lan"},
           Case{"fdff::1", "lan"},
           Case{"fe00::1", "internet"},
           Case{"fe80::1", "lan"},
           Case{"fec0::1", "lan"},
           Case{"ff02::fb", "multicast"},
       }) {
    INFO(each.address);
    CHECK(to_string(scope_of(*IpAddress::parse(each.address))) == each.scope);
  }
}

}  // namespace
}  // namespace tollgate
