// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "linux/netlink_socket.hpp"
#include "tollgate/base/ip.hpp"
#include "tollgate/base/result.hpp"
#include "tollgate/process/process.hpp"

namespace tollgate {

// Containers and virtual machines whose packets this machine forwards, told by where an address is: the
// interface that leads there (rtnetlink(7)), through a bridge if need be; at a veth's other end the network
// namespace, and what its processes have in common; at a tap whoever holds its other end (/proc/PID/fdinfo).
// Asks the kernel some times and goes past all processes: not for the loop.
class Guests {
 public:
  // In the network namespace of the calling thread; may be asked in another thread.
  static Result<Guests, std::string> open();

  // nullopt: nobody on this machine, as far as it can be known. Of a container only the group is known (pid
  // 0), of a virtual machine the program that runs it. `arrival`: the interface by which a packet of that
  // address came; where the address is somewhere else it was made up. 0: not known.
  std::optional<Process> behind(const IpAddress& address, std::uint32_t arrival);

 private:
  struct Link {
    std::string name, kind;
    std::optional<std::int32_t> namespace_of_peer;  // as this one numbers them
  };
  // A descriptor of a tap.
  struct Holder {
    ProcessId process;
    std::string fdinfo;
  };
  // The processes of a network namespace: their groups, and the first of them, to know it again by.
  struct Namespace {
    std::vector<std::string> groups;
    ProcessId witness;
    std::string group_of_witness;
  };
  Guests(NetlinkSocket socket, std::string here)
      : socket_{std::move(socket)}, here_{std::move(here)}, buffer_(32 * 1024) {}

  // What is answered, without the header of its message. False when the kernel refuses.
  using Answer = std::function<void(std::span<const std::uint8_t> body)>;
  bool ask(const nlmsghdr* request, const Answer& answer);
  std::uint32_t leads_to(const IpAddress& address);
  std::optional<Link> link(std::uint32_t index);
  std::uint32_t port_of(std::uint32_t bridge, const IpAddress& address);
  std::vector<std::uint8_t> hardware_address(std::uint32_t interface, const IpAddress& address);
  std::optional<std::int32_t> number_of_namespace(std::uint16_t by, std::uint32_t value);
  std::optional<std::int32_t> number_of_namespace_of(std::uint32_t pid);
  bool is_still(const Namespace& known, std::int32_t number);
  const Namespace* processes_in(std::int32_t number);
  void look_at_namespaces();
  std::optional<Process> in_namespace(std::int32_t number);
  std::string name_of_namespace(std::int32_t number);
  std::optional<Process> at_tap(const std::string& name);
  std::optional<Holder> find_holder(const std::string& name);

  NetlinkSocket socket_;
  std::string here_;  // "net:[INODE]", this network namespace
  std::vector<std::uint8_t> buffer_;
  // As they were when all processes were looked at last. That takes tens of milliseconds where there are
  // thousands: it is done again when a number is not there or its witness has gone, else twice a minute.
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kGood{30};
  std::map<std::int32_t, Namespace> namespaces_;
  Clock::time_point looked_;
  std::map<std::string, Holder, std::less<>> holders_;  // of taps; looked at again before they count
  static constexpr std::size_t kMostTaps = 1024;        // when it is full all are forgotten
};

// What all of these cgroups are in: "/a/b" of "/a/b/c" and "/a/b/d". "" of none.
std::string common_group(std::span<const std::string> paths);

}  // namespace tollgate
