// SPDX-License-Identifier: GPL-2.0-or-later
#include "nameserver/unbound_events.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "catch.hpp"

namespace tollgate {
namespace {

struct Pair {
  Pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    for (const int end : ends) ::close(end);
  }
  void write() const { REQUIRE(::write(ends[1], "x", 1) == 1); }
  void read() const {
    char byte = 0;
    REQUIRE(::read(ends[0], &byte, 1) == 1);
  }
  std::array<int, 2> ends{};
};

struct Seen {
  static void call(int fd, short bits, void* seen) { static_cast<Seen*>(seen)->calls.emplace_back(fd, bits); }
  std::vector<std::pair<int, short>> calls;
};

// As libunbound calls it.
struct Rig {
  ub_event* event(int fd, short bits, Seen& seen) {
    return events.base()->vmt->new_event(events.base(), fd, bits, &Seen::call, &seen);
  }
  bool ready(int milliseconds = 0) const {
    pollfd one{events.fd(), POLLIN, 0};
    return ::poll(&one, 1, milliseconds) == 1;
  }
  UnboundEvents events{[](const FiveTuple&, bool) {}};
};

TEST_CASE("a socket that is readable is told of, again and again with PERSIST") {
  Rig rig;
  const Pair pair;
  Seen seen;
  ub_event* const event = rig.event(pair.ends[0], UB_EV_READ | UB_EV_PERSIST, seen);
  REQUIRE(event->vmt->add(event, nullptr) == 0);
  CHECK_FALSE(rig.ready());
  rig.events.process();
  CHECK(seen.calls.empty());
  pair.write();
  CHECK(rig.ready());
  rig.events.process();
  rig.events.process();
  REQUIRE(seen.calls.size() == 2);
  CHECK(seen.calls[0] == std::pair<int, short>{pair.ends[0], UB_EV_READ});
  event->vmt->del(event);
  CHECK_FALSE(rig.ready());
  event->vmt->free(event);
}

TEST_CASE("without PERSIST it is told once") {
  Rig rig;
  const Pair pair;
  Seen seen;
  ub_event* const event = rig.event(pair.ends[0], UB_EV_READ, seen);
  pair.write();
  event->vmt->add(event, nullptr);
  rig.events.process();
  rig.events.process();
  CHECK(seen.calls.size() == 1);
  event->vmt->free(event);
}

TEST_CASE("bits and descriptor may change between") {
  Rig rig;
  const Pair pair, other;
  Seen seen;
  ub_event* const event = rig.event(pair.ends[0], UB_EV_READ | UB_EV_PERSIST, seen);
  event->vmt->add_bits(event, UB_EV_WRITE);
  event->vmt->add(event, nullptr);
  rig.events.process();
  REQUIRE(seen.calls.size() == 1);
  CHECK(seen.calls[0].second == UB_EV_WRITE);
  event->vmt->del(event);
  event->vmt->del_bits(event, UB_EV_WRITE);
  event->vmt->set_fd(event, other.ends[0]);
  event->vmt->add(event, nullptr);
  pair.write();
  rig.events.process();
  CHECK(seen.calls.size() == 1);
  other.write();
  rig.events.process();
  REQUIRE(seen.calls.size() == 2);
  CHECK(seen.calls[1].first == other.ends[0]);
  event->vmt->free(event);
}

TEST_CASE("a timer wakes whoever waits for the descriptor, and is told once") {
  Rig rig;
  Seen seen, never;
  ub_event* const event = rig.event(-1, UB_EV_TIMEOUT, never);
  timeval soon{0, 1000};
  event->vmt->add_timer(event, rig.events.base(), &Seen::call, &seen, &soon);
  REQUIRE(rig.ready(60'000));
  rig.events.process();
  REQUIRE(seen.calls.size() == 1);
  CHECK(seen.calls[0] == std::pair<int, short>{-1, UB_EV_TIMEOUT});
  CHECK(never.calls.empty());
  CHECK_FALSE(rig.ready());
  event->vmt->free(event);
}

TEST_CASE("an event that is freed by another's call is not called any more") {
  struct Freeing {
    static void call(int, short, void* self) {
      auto* const me = static_cast<Freeing*>(self);
      ++me->calls;
      if (me->victim == nullptr) return;
      std::exchange(me->victim, nullptr)->vmt->free(me->freed);
    }
    ub_event* victim = nullptr;
    ub_event* freed = nullptr;
    int calls = 0;
  };
  Rig rig;
  const Pair one, two;
  one.write();
  two.write();
  Freeing first, second;
  ub_event_base* const base = rig.events.base();
  ub_event* const a = base->vmt->new_event(base, one.ends[0], UB_EV_READ, &Freeing::call, &first);
  ub_event* const b = base->vmt->new_event(base, two.ends[0], UB_EV_READ, &Freeing::call, &second);
  first.victim = first.freed = b;
  second.victim = second.freed = a;
  a->vmt->add(a, nullptr);
  b->vmt->add(b, nullptr);
  rig.events.process();
  rig.events.process();
  CHECK(first.calls + second.calls == 1);
  if (first.calls == 1) a->vmt->free(a);
  if (second.calls == 1) b->vmt->free(b);
}

}  // namespace
}  // namespace tollgate
