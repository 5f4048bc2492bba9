// SPDX-License-Identifier: GPL-2.0-or-later
#include "unbound_events.hpp"

#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "socket_tuple.hpp"

namespace tollgate {
namespace {

constexpr int kBudget = 64;  // events of one process()
constexpr std::uint64_t kTimer = 0;

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error{errno, std::generic_category(), what};
  return result;
}

std::uint32_t epoll_bits(short bits) {
  return ((bits & UB_EV_READ) != 0 ? std::uint32_t{EPOLLIN} : 0U) |
         ((bits & UB_EV_WRITE) != 0 ? std::uint32_t{EPOLLOUT} : 0U);
}

// An error is told by whatever the socket is used for next.
short fired_bits(std::uint32_t told, short wanted) {
  const bool broken = (told & (EPOLLERR | EPOLLHUP)) != 0;
  int bits = 0;
  if (broken || (told & EPOLLIN) != 0) bits |= UB_EV_READ;
  if (broken || (told & EPOLLOUT) != 0) bits |= UB_EV_WRITE;
  return static_cast<short>(bits & wanted);
}

}  // namespace

struct UnboundEvents::Base : ub_event_base {
  UnboundEvents* owner = nullptr;
};

struct UnboundEvents::Event : ub_event {
  UnboundEvents* owner = nullptr;
  int descriptor = -1;
  short bits = 0;
  void (*callback)(int, short, void*) = nullptr;
  void* argument = nullptr;
  std::uint64_t number = 0;  // while it is watched
  std::optional<std::chrono::microseconds> timeout;
  std::optional<Timers::iterator> timer;
  std::optional<FiveTuple> connection;  // that was told of
};

// C calls these: what is thrown may not pass. There is nothing to be done without memory.
struct UnboundEvents::Calls {
  static Event& of(ub_event* event) { return *static_cast<Event*>(event); }

  static ub_event* make(ub_event_base* base, int fd, short bits, void (*callback)(int, short, void*),
                        void* argument) noexcept {
    auto* const event = new Event;
    event->magic = UB_EVENT_MAGIC;
    event->vmt = &event_calls;
    event->owner = static_cast<Base*>(base)->owner;
    event->descriptor = fd;
    event->bits = bits;
    event->callback = callback;
    event->argument = argument;
    return event;
  }
  static int leave(ub_event_base*, timeval*) noexcept { return 0; }

  static void add_bits(ub_event* event, short bits) noexcept {
    of(event).bits = static_cast<short>(of(event).bits | bits);
  }
  static void remove_bits(ub_event* event, short bits) noexcept {
    of(event).bits = static_cast<short>(of(event).bits & ~bits);
  }
  static void set_descriptor(ub_event* event, int fd) noexcept { of(event).descriptor = fd; }
  static void destroy(ub_event* event) noexcept {
    of(event).owner->deactivate(of(event));
    delete &of(event);
  }
  static int add(ub_event* event, timeval* timeout) noexcept {
    return of(event).owner->activate(of(event), timeout) ? 0 : -1;
  }
  static int remove(ub_event* event) noexcept {
    of(event).owner->deactivate(of(event));
    return 0;
  }
  static int add_timer(ub_event* event, ub_event_base*, void (*callback)(int, short, void*), void* argument,
                       timeval* timeout) noexcept {
    of(event).callback = callback;
    of(event).argument = argument;
    return add(event, timeout);
  }

  static ub_event_base_vmt base_calls;
  static ub_event_vmt event_calls;
};

ub_event_base_vmt UnboundEvents::Calls::base_calls = {
    nullptr, nullptr, &Calls::leave, &Calls::make, nullptr, nullptr,
};

ub_event_vmt UnboundEvents::Calls::event_calls = {
    &Calls::add_bits,
    &Calls::remove_bits,
    &Calls::set_descriptor,
    &Calls::destroy,
    &Calls::add,
    &Calls::remove,
    &Calls::add_timer,
    &Calls::remove,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

UnboundEvents::UnboundEvents(Own own)
    : own_{std::move(own)},
      epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll")},
      timer_{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)},
      base_{std::make_unique<Base>()} {
  base_->magic = UB_EVENT_MAGIC;
  base_->vmt = &Calls::base_calls;
  base_->owner = this;
  epoll_event told{};
  told.events = EPOLLIN;
  told.data.u64 = kTimer;
  if (timer_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &told) != 0) {
    const int error = errno;
    if (timer_ >= 0) ::close(timer_);
    ::close(epoll_);
    throw std::system_error{error, std::generic_category(), "timerfd"};
  }
}

UnboundEvents::~UnboundEvents() {
  ::close(timer_);
  ::close(epoll_);
}

ub_event_base* UnboundEvents::base() { return base_.get(); }

bool UnboundEvents::activate(Event& event, const timeval* timeout) {
  deactivate(event);
  event.timeout.reset();
  if (timeout != nullptr) {
    event.timeout = std::chrono::seconds{timeout->tv_sec} + std::chrono::microseconds{timeout->tv_usec};
    set_timer(event);
  }
  if (event.descriptor >= 0) watch(event);
  return event.descriptor < 0 || event.number != 0;
}

void UnboundEvents::deactivate(Event& event) {
  unwatch(event);
  clear_timer(event);
}

void UnboundEvents::watch(Event& event) {
  epoll_event told{};
  told.events = epoll_bits(event.bits);
  told.data.u64 = ++last_number_;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, event.descriptor, &told) != 0) return;
  event.number = last_number_;
  watched_.emplace(event.number, &event);
  tell(event);
}

void UnboundEvents::tell(Event& event) {
  if (event.connection) return;
  event.connection = connected_tuple(event.descriptor);
  if (event.connection) own_(*event.connection, true);
}

void UnboundEvents::unwatch(Event& event) {
  if (event.number == 0) return;
  // Where it is closed already the kernel has forgotten it by itself.
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, event.descriptor, nullptr);
  watched_.erase(std::exchange(event.number, 0));
  if (event.connection) own_(*std::exchange(event.connection, std::nullopt), false);
}

void UnboundEvents::set_timer(Event& event) {
  event.timer = timers_.emplace(std::chrono::steady_clock::now() + *event.timeout, &event);
  if (!armed_ || event.timer.value()->first < *armed_) arm();
}

void UnboundEvents::clear_timer(Event& event) {
  if (event.timer) timers_.erase(*std::exchange(event.timer, std::nullopt));
}

void UnboundEvents::arm() {
  armed_.reset();
  itimerspec when{};
  if (!timers_.empty()) {
    armed_ = timers_.begin()->first;
    const auto since = armed_->time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    when.it_value.tv_sec = seconds.count();
    when.it_value.tv_nsec = std::chrono::nanoseconds{since - seconds}.count();
  }
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

// The event may be gone when this returns.
void UnboundEvents::fire(Event& event, short bits) {
  if ((event.bits & UB_EV_PERSIST) == 0) {
    deactivate(event);
  } else if (event.timeout) {  // as libevent has it: each time it begins anew
    clear_timer(event);
    set_timer(event);
  }
  const std::uint64_t number = event.number;
  event.callback(event.descriptor, bits, event.argument);
  // With TCP Fast Open it is the first writing that connects.
  const auto still = watched_.find(number);
  if (still != watched_.end()) tell(*still->second);
}

void UnboundEvents::run_timers() {
  const SteadyTime now = std::chrono::steady_clock::now();
  for (int left = kBudget; left > 0 && !timers_.empty() && timers_.begin()->first <= now; --left) {
    Event& event = *timers_.begin()->second;
    clear_timer(event);
    fire(event, UB_EV_TIMEOUT);
  }
  arm();
}

void UnboundEvents::process() {
  std::array<epoll_event, kBudget> told;
  const int count = ::epoll_wait(epoll_, told.data(), kBudget, 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& one = told[static_cast<std::size_t>(i)];
    if (one.data.u64 == kTimer) continue;
    const auto found = watched_.find(one.data.u64);
    if (found == watched_.end()) continue;
    const short bits = fired_bits(one.events, found->second->bits);
    if (bits != 0) fire(*found->second, bits);
  }
  std::uint64_t expirations = 0;
  if (::read(timer_, &expirations, sizeof expirations) > 0) run_timers();
}

}  // namespace tollgate
