// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/socket_census.hpp"

#include "catch.hpp"

using namespace tollgate;

TEST_CASE("a census tells every holder of a socket once, the eldest first") {
  SocketCensus census{SocketCensus::Key::cookie};
  const ProcessId young{7, 1, 900}, old{8, 1, 100}, other{9, 1, 50};
  census.add(5, young);
  census.add(5, young);  // two descriptors
  census.add(6, other);
  census.add(5, old);
  census.add(5, young);
  census.describe(old, "web", "/usr/sbin/web");
  census.finish();
  CHECK(census.whole());
  CHECK(census.holders(5) == std::vector<SocketHolder>{{old, "web", "/usr/sbin/web"}, {young, "", ""}});
  CHECK(census.holders(6) == std::vector<SocketHolder>{{other, "", ""}});
  CHECK(census.holders(4).empty());
  CHECK(census.holders(7).empty());
}

TEST_CASE("a census that is full says that it is not whole") {
  SocketCensus census{SocketCensus::Key::inode};
  for (std::size_t i = 0; i < SocketCensus::kMostHoldings; ++i) census.add(i, {1, 0, 1});
  CHECK(census.whole());
  census.add(SocketCensus::kMostHoldings, {1, 0, 1});
  CHECK_FALSE(census.whole());
  census.finish();
  CHECK(census.holders(SocketCensus::kMostHoldings).empty());
}
