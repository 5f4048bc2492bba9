// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/process_events.hpp"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

#include "catch.hpp"

using namespace tollgate;

namespace {

std::vector<std::uint8_t> message(const proc_event& event, std::uint32_t index = CN_IDX_PROC) {
  nlmsghdr header{};
  header.nlmsg_len = NLMSG_LENGTH(sizeof(cn_msg) + sizeof event);
  header.nlmsg_type = NLMSG_DONE;
  cn_msg connector{};
  connector.id = {index, CN_VAL_PROC};
  connector.len = sizeof event;
  std::vector<std::uint8_t> bytes(header.nlmsg_len);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &connector, sizeof connector);
  std::memcpy(bytes.data() + sizeof header + sizeof connector, &event, sizeof event);
  return bytes;
}

using Kind = ProcessEvent::Kind;

// linux/cn_proc.h, which names them in two ways.
constexpr std::uint32_t kFork = 1, kExec = 2, kUser = 4, kGroup = 0x40, kSession = 0x80, kName = 0x200,
                        kExit = 0x80000000;

proc_event of(std::uint32_t what) {
  proc_event event{};
  event.what = static_cast<decltype(event.what)>(what);
  return event;
}

}  // namespace

TEST_CASE("process events: what begins, becomes another program, changes and ends") {
  proc_event event = of(kExec);
  event.event_data.exec.process_pid = 8;
  event.event_data.exec.process_tgid = 7;
  CHECK(decode_process_event(message(event)) == ProcessEvent{Kind::became, 7});
  event = of(kFork);
  event.event_data.fork.parent_tgid = 5;
  event.event_data.fork.child_pid = event.event_data.fork.child_tgid = 6;
  CHECK(decode_process_event(message(event)) == ProcessEvent{Kind::began, 6});
  for (const std::uint32_t what : {kUser, kGroup}) {
    event = of(what);
    event.event_data.id.process_pid = event.event_data.id.process_tgid = 9;
    CHECK(decode_process_event(message(event)) == ProcessEvent{Kind::changed, 9});
  }
  event = of(kName);
  event.event_data.comm.process_pid = event.event_data.comm.process_tgid = 10;
  CHECK(decode_process_event(message(event)) == ProcessEvent{Kind::changed, 10});
  event = of(kExit);
  event.event_data.exit.process_pid = event.event_data.exit.process_tgid = 11;
  CHECK(decode_process_event(message(event)) == ProcessEvent{Kind::ended, 11});
}

TEST_CASE("process events: threads are no processes") {
  proc_event event = of(kFork);
  event.event_data.fork.child_pid = 8;
  event.event_data.fork.child_tgid = 7;
  CHECK_FALSE(decode_process_event(message(event)));
  event = of(kExit);
  event.event_data.exit.process_pid = 8;
  event.event_data.exit.process_tgid = 7;
  CHECK_FALSE(decode_process_event(message(event)));
}

TEST_CASE("process events: what is of another kind or cut says nothing") {
  proc_event event = of(kSession);
  CHECK_FALSE(decode_process_event(message(event)));
  event = of(kExec);
  CHECK_FALSE(decode_process_event(message(event, CN_IDX_PROC + 1)));
  const std::vector<std::uint8_t> whole = message(event);
  const std::size_t needed = sizeof(nlmsghdr) + sizeof(cn_msg) + 24;
  for (std::size_t size = 0; size < needed; ++size) {
    CHECK_FALSE(decode_process_event(std::span{whole}.first(size)));
  }
}

TEST_CASE("process events: of a process that begins, executes and ends") {
  auto events = ProcessEvents::open();
  if (!events.ok()) {
    WARN("skipped: " << events.error());
    return;
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/true", "true", nullptr);
    ::_exit(1);
  }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  // All of it happened before, and so it is there.
  std::vector<Kind> seen;
  REQUIRE_FALSE(events
                    ->receive(1'000'000,
                              [&](const ProcessEvent& event) {
                                if (event.pid == static_cast<std::uint32_t>(child))
                                  seen.push_back(event.kind);
                              })
                    .overrun);
  std::erase(seen, Kind::changed);  // its name
  CHECK(seen == std::vector{Kind::began, Kind::became, Kind::ended});
}
