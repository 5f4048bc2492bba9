// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/process_events.hpp"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

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

}  // namespace

TEST_CASE("process events: fork and exec name the process") {
  proc_event event{};
  event.what = proc_event::PROC_EVENT_EXEC;
  event.event_data.exec.process_pid = 8;
  event.event_data.exec.process_tgid = 7;
  CHECK(decode_process_event(message(event)) == 7U);
  event = {};
  event.what = proc_event::PROC_EVENT_FORK;
  event.event_data.fork.parent_tgid = 5;
  event.event_data.fork.child_tgid = 6;
  CHECK(decode_process_event(message(event)) == 6U);
}

TEST_CASE("process events: what is of another kind or cut says nothing") {
  proc_event event{};
  event.what = proc_event::PROC_EVENT_EXIT;
  CHECK_FALSE(decode_process_event(message(event)));
  event.what = proc_event::PROC_EVENT_EXEC;
  CHECK_FALSE(decode_process_event(message(event, CN_IDX_PROC + 1)));
  const std::vector<std::uint8_t> whole = message(event);
  const std::size_t needed = sizeof(nlmsghdr) + sizeof(cn_msg) + 24;
  for (std::size_t size = 0; size < needed; ++size) {
    CHECK_FALSE(decode_process_event(std::span{whole}.first(size)));
  }
}
