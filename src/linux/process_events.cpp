// SPDX-License-Identifier: GPL-2.0-or-later
#include "process_events.hpp"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "netlink_reader.hpp"

namespace tollgate {
namespace {

constexpr std::uint32_t kSocketBuffer = 1 << 20;
constexpr std::size_t kMessageRoom = 1024;

}  // namespace

std::optional<std::uint32_t> decode_process_event(std::span<const std::uint8_t> datagram) {
  NetlinkMessages messages{datagram};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  if (!messages.next(header, message) || header.nlmsg_type != NLMSG_DONE) return std::nullopt;
  Reader in{message};
  if (!in.skip(sizeof(nlmsghdr))) return std::nullopt;
  std::array<std::uint8_t, sizeof(cn_msg)> about{};
  cn_msg connector{};
  if (!in.copy(about)) return std::nullopt;
  std::memcpy(&connector, about.data(), sizeof connector);
  if (connector.id.idx != CN_IDX_PROC || connector.id.val != CN_VAL_PROC) return std::nullopt;
  // struct proc_event: what, cpu, time; then the pids of the event.
  std::uint32_t what = 0;
  std::array<std::uint8_t, 4> word{};
  if (!in.copy(word)) return std::nullopt;
  std::memcpy(&what, word.data(), sizeof what);
  std::size_t to_process = 0;
  if (what == static_cast<std::uint32_t>(proc_event::PROC_EVENT_EXEC)) {
    to_process = offsetof(proc_event, event_data.exec.process_tgid);
  } else if (what == static_cast<std::uint32_t>(proc_event::PROC_EVENT_FORK)) {
    to_process = offsetof(proc_event, event_data.fork.child_tgid);
  } else {
    return std::nullopt;
  }
  std::uint32_t pid = 0;
  if (!in.skip(to_process - sizeof what) || !in.copy(word)) return std::nullopt;
  std::memcpy(&pid, word.data(), sizeof pid);
  return pid;
}

Result<ProcessEvents, std::string> ProcessEvents::open() {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_CONNECTOR);
  if (!socket) return socket.error();
  socket->set_receive_buffer(kSocketBuffer);
  if (!socket->join(CN_IDX_PROC)) return "process events: " + error_text(errno);
  std::array<std::uint8_t, NLMSG_LENGTH(sizeof(cn_msg) + sizeof(proc_cn_mcast_op))> request{};
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(request.size());
  header.nlmsg_type = NLMSG_DONE;
  header.nlmsg_pid = static_cast<std::uint32_t>(::getpid());
  cn_msg connector{};
  connector.id = {CN_IDX_PROC, CN_VAL_PROC};
  connector.len = sizeof(proc_cn_mcast_op);
  const proc_cn_mcast_op listen = PROC_CN_MCAST_LISTEN;
  std::memcpy(request.data(), &header, sizeof header);
  std::memcpy(request.data() + sizeof header, &connector, sizeof connector);
  std::memcpy(request.data() + sizeof header + sizeof connector, &listen, sizeof listen);
  if (const int error = socket->send(request)) return "process events: " + error_text(error);
  return ProcessEvents{std::move(*socket)};
}

void ProcessEvents::receive(unsigned budget, const std::function<void(std::uint32_t pid)>& each) {
  std::array<std::uint8_t, kMessageRoom> room{};
  for (; budget > 0; --budget) {
    const NetlinkSocket::Received received = socket_.receive(room);
    if (received.read == NetlinkSocket::Read::empty || received.read == NetlinkSocket::Read::failed) return;
    if (received.read != NetlinkSocket::Read::datagram) continue;
    if (const auto pid = decode_process_event(received.bytes)) each(*pid);
  }
}

}  // namespace tollgate
