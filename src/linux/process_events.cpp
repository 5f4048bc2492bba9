// SPDX-License-Identifier: GPL-2.0-or-later
#include "process_events.hpp"

#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "netlink_reader.hpp"

namespace tollgate {
namespace {

constexpr std::uint32_t kSocketBuffer = 4 << 20;  // doubled by the kernel: some 10,000 messages
constexpr unsigned kBatch = 32;
constexpr std::size_t kMessageRoom = 256;  // they take 76 bytes
constexpr unsigned kMostBeforeAnswer = 10'000;

// The kernel's first network namespace, as far as one can tell, for as long as this lives. A socket stays
// in the namespace where it was made.
class FirstNetwork {
 public:
  FirstNetwork()
      : before_{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)},
        first_{::open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC)},
        entered_{before_.valid() && first_.valid() && ::setns(first_.get(), CLONE_NEWNET) == 0} {}
  FirstNetwork(const FirstNetwork&) = delete;
  FirstNetwork& operator=(const FirstNetwork&) = delete;
  ~FirstNetwork() {
    // Everything else would go on in the wrong network.
    if (entered_ && ::setns(before_.get(), CLONE_NEWNET) != 0) std::abort();
  }

 private:
  FileDescriptor before_;
  FileDescriptor first_;
  bool entered_;
};

// The kernel's headers name the kinds within proc_event up to Linux 6.5, and beside it since.
struct What : proc_event {
  static constexpr std::uint32_t kAnswer = PROC_EVENT_NONE, kFork = PROC_EVENT_FORK, kExec = PROC_EVENT_EXEC,
                                 kUser = PROC_EVENT_UID, kGroup = PROC_EVENT_GID, kName = PROC_EVENT_COMM,
                                 kExit = PROC_EVENT_EXIT;
};

// Where in the event the pids are, and what it means. A thread's own id differs from its process's.
struct Place {
  ProcessEvent::Kind kind;
  std::size_t thread, process;
};

std::optional<Place> place_of(std::uint32_t what) {
  using Kind = ProcessEvent::Kind;
  switch (what) {
    case What::kFork:
      return Place{Kind::began, offsetof(proc_event, event_data.fork.child_pid),
                   offsetof(proc_event, event_data.fork.child_tgid)};
    case What::kExec:
      return Place{Kind::became, offsetof(proc_event, event_data.exec.process_tgid),
                   offsetof(proc_event, event_data.exec.process_tgid)};
    case What::kUser:
    case What::kGroup:
      return Place{Kind::changed, offsetof(proc_event, event_data.id.process_pid),
                   offsetof(proc_event, event_data.id.process_tgid)};
    case What::kName:
      return Place{Kind::changed, offsetof(proc_event, event_data.comm.process_pid),
                   offsetof(proc_event, event_data.comm.process_tgid)};
    case What::kExit:
      return Place{Kind::ended, offsetof(proc_event, event_data.exit.process_pid),
                   offsetof(proc_event, event_data.exit.process_tgid)};
    default:  // not an enumeration of ours
      return std::nullopt;
  }
}

// A word of the event that `in` stands at the beginning of.
bool word_at(Reader in, std::size_t offset, std::uint32_t& value) {
  std::array<std::uint8_t, 4> word{};
  if (!in.skip(offset) || !in.copy(word)) return false;
  std::memcpy(&value, word.data(), sizeof value);
  return true;
}

// Leaves `in` at the event; the message's acknowledgement number.
std::optional<std::uint32_t> connector_of(std::span<const std::uint8_t> datagram, Reader& in) {
  NetlinkMessages messages{datagram};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  if (!messages.next(header, message) || header.nlmsg_type != NLMSG_DONE) return std::nullopt;
  in = Reader{message};
  std::array<std::uint8_t, sizeof(cn_msg)> about{};
  cn_msg connector{};
  if (!in.skip(sizeof header) || !in.copy(about)) return std::nullopt;
  std::memcpy(&connector, about.data(), sizeof connector);
  if (connector.id.idx != CN_IDX_PROC || connector.id.val != CN_VAL_PROC) return std::nullopt;
  return connector.ack;
}

using Request = std::array<std::uint8_t, NLMSG_LENGTH(sizeof(cn_msg) + sizeof(proc_cn_mcast_op))>;

Request request(std::uint32_t number) {
  Request bytes{};
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(bytes.size());
  header.nlmsg_type = NLMSG_DONE;
  cn_msg connector{};
  connector.id = {CN_IDX_PROC, CN_VAL_PROC};
  connector.ack = number;
  connector.len = sizeof(proc_cn_mcast_op);
  const proc_cn_mcast_op listen = PROC_CN_MCAST_LISTEN;
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &connector, sizeof connector);
  std::memcpy(bytes.data() + sizeof header + sizeof connector, &listen, sizeof listen);
  return bytes;
}

// The errno of the answer to the request with that number, 0 when it was granted; the answer's is the next
// one. From other namespaces requests are not even answered (cn_proc_mcast_ctl).
std::optional<std::uint32_t> answer_in(std::span<const std::uint8_t> datagram, std::uint32_t number) {
  Reader in{datagram};
  std::uint32_t what = 0, error = 0;
  if (connector_of(datagram, in) != number + 1) return std::nullopt;
  if (!word_at(in, offsetof(proc_event, what), what) || what != What::kAnswer) return std::nullopt;
  if (!word_at(in, offsetof(proc_event, event_data.ack.err), error)) return std::nullopt;
  return error;
}

}  // namespace

std::optional<ProcessEvent> decode_process_event(std::span<const std::uint8_t> datagram) {
  Reader in{datagram};
  if (!connector_of(datagram, in)) return std::nullopt;
  std::uint32_t what = 0, thread = 0, process = 0;
  if (!word_at(in, offsetof(proc_event, what), what)) return std::nullopt;
  const std::optional<Place> place = place_of(what);
  if (!place || !word_at(in, place->thread, thread) || !word_at(in, place->process, process))
    return std::nullopt;
  if (thread != process) return std::nullopt;
  return ProcessEvent{place->kind, process};
}

ProcessEvents::ProcessEvents(NetlinkSocket socket)
    : socket_{std::move(socket)}, batch_{kBatch, kMessageRoom} {}

Result<ProcessEvents, std::string> ProcessEvents::open() {
  Result<NetlinkSocket, std::string> socket = [] {
    const FirstNetwork first;
    return NetlinkSocket::open(NETLINK_CONNECTOR);
  }();
  if (!socket) return socket.error();
  socket->set_receive_buffer(kSocketBuffer);
  if (!socket->join(CN_IDX_PROC)) return "process events: " + error_text(errno);
  // The answer, if there is one, is there when this returns; whoever listens hears it.
  const auto mine = static_cast<std::uint32_t>(::getpid());
  if (const int error = socket->send(request(mine))) return "process events: " + error_text(error);
  ProcessEvents events{std::move(*socket)};
  std::optional<std::uint32_t> answer;
  events.batch_.drain(events.socket_, kMostBeforeAnswer, [&](std::span<const std::uint8_t> datagram) {
    if (const auto refused = answer_in(datagram, mine)) answer = refused;
  });
  if (!answer) return std::string{"process events: only for the machine's first process namespace"};
  if (*answer != 0) return "process events: " + error_text(static_cast<int>(*answer));
  return events;
}

ProcessEvents::Received ProcessEvents::receive(unsigned budget,
                                               const std::function<void(const ProcessEvent&)>& each) {
  const NetlinkBatch::Drained drained =
      batch_.drain(socket_, budget, [&](std::span<const std::uint8_t> datagram) {
        if (const auto event = decode_process_event(datagram)) each(*event);
      });
  return {drained.more, drained.overrun};
}

}  // namespace tollgate
