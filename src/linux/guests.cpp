// SPDX-License-Identifier: GPL-2.0-or-later
#include "guests.hpp"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "netlink_reader.hpp"
#include "proc_reader.hpp"
#include "tollgate/process/cgroup_path.hpp"
#include "tollgate/process/proc_files.hpp"

namespace tollgate {
namespace {

namespace files = std::filesystem;

constexpr const char* kNamespaces = "/run/netns";  // ip-netns(8)

// A request with room for what it says.
struct Request {
  alignas(8) std::array<char, 256> bytes{};
  nlmsghdr* header = nullptr;

  template <class Body>
  Request(std::uint16_t type, const Body& body) {
    header = mnl_nlmsg_put_header(bytes.data());
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    *static_cast<Body*>(mnl_nlmsg_put_extra_header(header, sizeof(Body))) = body;
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  void put(std::uint16_t type, const IpAddress& address) const {
    const bool narrow = address.family() == Family::ipv4;
    mnl_attr_put(header, type, narrow ? 4 : 16, address.bytes().data());
  }
};

std::uint8_t family_of(const IpAddress& address) {
  return address.family() == Family::ipv4 ? AF_INET : AF_INET6;
}

std::uint32_t number(Reader value) {
  std::uint32_t read = 0;
  return read_struct(value, read) ? read : 0;
}

std::string text(Reader value) {
  const auto end = std::find(value.rest().begin(), value.rest().end(), std::uint8_t{0});
  return {value.rest().begin(), end};
}

template <class Function>
void each_attribute(Reader in, Function&& function) {
  NetlinkAttributes attributes{in};
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) function(type, value);
}

template <class Function>
void each_process(Function&& function) {
  std::error_code error;
  for (files::directory_iterator at{"/proc", error}, end; !error && at != end; at.increment(error)) {
    if (const auto pid = parse_proc_number(at->path().filename().native())) function(*pid);
  }
}

std::string link_text(const std::string& path) {
  std::error_code error;
  return files::read_symlink(path, error).string();
}

std::string whole(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::optional<std::string> group_of(std::uint32_t pid) {
  return parse_proc_cgroup(whole("/proc/" + std::to_string(pid) + "/cgroup"));
}

// drivers/net/tun.c, tun_chr_show_fdinfo.
bool is_of_tap(const std::string& fdinfo, const std::string& name) {
  const std::string said = whole(fdinfo);
  return said.find("iff:\t" + name + '\n') != std::string::npos;
}

}  // namespace

std::string common_group(std::span<const std::string> paths) {
  if (paths.empty()) return {};
  std::string_view common = paths.front();
  for (const std::string& path : paths) {
    const auto differs = std::ranges::mismatch(common, path);
    const bool inside = differs.in1 == common.end() &&
                        (differs.in2 == path.end() || *differs.in2 == '/' || common.ends_with('/'));
    if (inside) continue;
    common = common.substr(0, static_cast<std::size_t>(differs.in1 - common.begin()));
    // "/a/b" of "/a/b" and "/a/b/c" the other way round; else only whole names count.
    const bool whole_name = differs.in2 == path.end() && *differs.in1 == '/';
    if (!whole_name) common = common.substr(0, common.rfind('/'));
    if (common.empty()) common = "/";
  }
  return std::string{common};
}

Result<Guests, std::string> Guests::open() {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket.ok()) return socket.error();
  return Guests{std::move(socket.value()), link_text("/proc/thread-self/ns/net")};
}

bool Guests::ask(const nlmsghdr* request, const Answer& answer) {
  const auto each = [&](std::span<const std::uint8_t> datagram) {
    NetlinkMessages messages{datagram};
    nlmsghdr one{};
    std::span<const std::uint8_t> all;
    while (messages.next(one, all)) {
      if (one.nlmsg_type != NLMSG_ERROR) answer(all.subspan(sizeof(nlmsghdr)));
    }
  };
  return socket_.ask({reinterpret_cast<const std::uint8_t*>(request), request->nlmsg_len}, buffer_, each) ==
         0;
}

// The interface on whose network the address is; 0 where it is behind somebody else.
std::uint32_t Guests::leads_to(const IpAddress& address) {
  rtmsg route{};
  route.rtm_family = family_of(address);
  route.rtm_dst_len = address.family() == Family::ipv4 ? 32 : 128;
  const Request request{RTM_GETROUTE, route};
  request.put(RTA_DST, address);
  std::uint32_t interface = 0;
  bool behind = false;
  ask(request.header, [&](std::span<const std::uint8_t> body) {
    Reader in{body};
    rtmsg found{};
    if (!read_struct(in, found) || found.rtm_type != RTN_UNICAST) return;
    each_attribute(in, [&](std::uint16_t type, Reader value) {
      if (type == RTA_OIF) interface = number(value);
      if (type == RTA_GATEWAY || type == RTA_VIA) behind = true;
    });
  });
  return behind ? 0 : interface;
}

std::optional<Guests::Link> Guests::link(std::uint32_t index) {
  ifinfomsg about{};
  about.ifi_index = static_cast<int>(index);
  const Request request{RTM_GETLINK, about};
  std::optional<Link> link;
  ask(request.header, [&](std::span<const std::uint8_t> body) {
    Reader in{body};
    ifinfomsg found{};
    if (!read_struct(in, found)) return;
    link.emplace();
    each_attribute(in, [&](std::uint16_t type, Reader value) {
      if (type == IFLA_IFNAME) link->name = text(value);
      if (type == IFLA_LINK_NETNSID) link->namespace_of_peer = static_cast<std::int32_t>(number(value));
      if (type != IFLA_LINKINFO) return;
      each_attribute(value, [&](std::uint16_t info, Reader kind) {
        if (info == IFLA_INFO_KIND) link->kind = text(kind);
      });
    });
  });
  return link;
}

std::vector<std::uint8_t> Guests::hardware_address(std::uint32_t interface, const IpAddress& address) {
  ndmsg about{};
  about.ndm_family = family_of(address);
  about.ndm_ifindex = static_cast<int>(interface);
  const Request request{RTM_GETNEIGH, about};
  request.put(NDA_DST, address);
  std::vector<std::uint8_t> found;
  ask(request.header, [&](std::span<const std::uint8_t> body) {
    Reader in{body};
    if (!in.skip(sizeof(ndmsg))) return;
    each_attribute(in, [&](std::uint16_t type, Reader value) {
      if (type == NDA_LLADDR) found.assign(value.rest().begin(), value.rest().end());
    });
  });
  return found;
}

// The bridge's port behind which the address is; 0 when the bridge has not learnt it.
std::uint32_t Guests::port_of(std::uint32_t bridge, const IpAddress& address) {
  const std::vector<std::uint8_t> hardware = hardware_address(bridge, address);
  if (hardware.empty()) return 0;
  ndmsg about{};
  about.ndm_family = AF_BRIDGE;
  const Request request{RTM_GETNEIGH, about};
  mnl_attr_put(request.header, NDA_LLADDR, hardware.size(), hardware.data());
  mnl_attr_put_u32(request.header, NDA_MASTER, bridge);
  std::uint32_t port = 0;
  ask(request.header, [&](std::span<const std::uint8_t> body) {
    Reader in{body};
    ndmsg found{};
    if (read_struct(in, found)) port = static_cast<std::uint32_t>(found.ndm_ifindex);
  });
  return port;
}

// `by` is NETNSA_PID or NETNSA_FD.
std::optional<std::int32_t> Guests::number_of_namespace(std::uint16_t by, std::uint32_t value) {
  const Request request{RTM_GETNSID, rtgenmsg{AF_UNSPEC}};
  mnl_attr_put_u32(request.header, by, value);
  std::optional<std::int32_t> found;
  ask(request.header, [&](std::span<const std::uint8_t> body) {
    Reader in{body};
    if (!in.skip(NLMSG_ALIGN(sizeof(rtgenmsg)))) return;
    each_attribute(in, [&](std::uint16_t type, Reader nsid) {
      if (type == NETNSA_NSID) found = static_cast<std::int32_t>(number(nsid));
    });
  });
  return found;
}

// By its link, where that may be read; else by the pid, if that means the same to the kernel as in /proc.
std::optional<std::int32_t> Guests::number_of_namespace_of(std::uint32_t pid) {
  const FileDescriptor file{
      ::open(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.valid()) return number_of_namespace(NETNSA_FD, static_cast<std::uint32_t>(file.get()));
  static const bool same_pids = link_text("/proc/self") == std::to_string(::getpid());
  return same_pids ? number_of_namespace(NETNSA_PID, pid) : std::nullopt;
}

std::string Guests::name_of_namespace(std::int32_t wanted) {
  std::error_code error;
  for (files::directory_iterator at{kNamespaces, error}, end; !error && at != end; at.increment(error)) {
    const FileDescriptor file{::open(at->path().c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file.valid()) continue;
    if (number_of_namespace(NETNSA_FD, static_cast<std::uint32_t>(file.get())) == wanted)
      return at->path().filename().string();
  }
  return {};
}

void Guests::look_at_namespaces() {
  namespaces_.clear();
  each_process([&](std::uint32_t pid) {
    const std::optional<std::int32_t> number = number_of_namespace_of(pid);
    const std::optional<ProcessId> process = number ? process_id(pid) : std::nullopt;
    if (!process || *number < 0) return;  // none: nobody has given it a number here
    std::optional<std::string> group = group_of(pid);
    Namespace& there = namespaces_[*number];
    if (there.witness.pid == 0) {
      there.witness = *process;
      there.group_of_witness = group.value_or("");
    }
    if (group) there.groups.push_back(std::move(*group));
  });
  looked_ = Clock::now();
}

// A number is given out again when its namespace is gone, which it is not while somebody is in there.
bool Guests::is_still(const Namespace& known, std::int32_t number) {
  const std::uint32_t pid = known.witness.pid;
  return process_id(pid) == known.witness && number_of_namespace_of(pid) == number &&
         group_of(pid).value_or("") == known.group_of_witness;
}

// nullptr: none is in there.
const Guests::Namespace* Guests::processes_in(std::int32_t wanted) {
  const auto known = namespaces_.find(wanted);
  if (known != namespaces_.end() && Clock::now() < looked_ + kGood && is_still(known->second, wanted))
    return &known->second;
  look_at_namespaces();
  const auto found = namespaces_.find(wanted);
  return found == namespaces_.end() ? nullptr : &found->second;
}

// Which of its programs it was nobody here has seen.
std::optional<Process> Guests::in_namespace(std::int32_t wanted) {
  const Namespace* const there = processes_in(wanted);
  const std::vector<std::string> groups = there != nullptr ? there->groups : std::vector<std::string>{};
  const std::string name = name_of_namespace(wanted);
  if (groups.empty() && name.empty()) return std::nullopt;
  Process guest;
  guest.source = ProcessSource::network_namespace;
  guest.cgroup = common_group(groups);
  complete(guest, {}, {});
  if (guest.group.container.empty() && !name.empty()) guest.group.container = "netns:" + name;
  return guest;
}

std::optional<Guests::Holder> Guests::find_holder(const std::string& name) {
  std::optional<Holder> found;
  each_process([&](std::uint32_t pid) {
    if (found) return;
    const std::string folder = "/proc/" + std::to_string(pid);
    // Another namespace has its own interfaces, by the same names maybe.
    if (here_.empty() || link_text(folder + "/ns/net") != here_) return;
    std::error_code error;
    for (files::directory_iterator at{folder + "/fd", error}, end; !error && at != end; at.increment(error)) {
      if (link_text(at->path().string()) != "/dev/net/tun") continue;
      const std::string fdinfo = folder + "/fdinfo/" + at->path().filename().string();
      const std::optional<ProcessId> process = process_id(pid);
      if (process && is_of_tap(fdinfo, name)) found = Holder{*process, fdinfo};
    }
  });
  return found;
}

std::optional<Process> Guests::at_tap(const std::string& name) {
  auto known = holders_.find(name);
  const bool holds = known != holders_.end() && is_of_tap(known->second.fdinfo, name) &&
                     process_id(known->second.process.pid) == known->second.process;
  if (!holds) {
    if (known != holders_.end()) holders_.erase(known);
    if (holders_.size() >= kMostTaps) holders_.clear();
    const std::optional<Holder> holder = find_holder(name);
    if (holder) known = holders_.emplace(name, *holder).first;
    if (!holder) {
      Process machine;
      machine.source = ProcessSource::tap;
      machine.group.container = "tap:" + name;
      return machine;
    }
  }
  std::optional<Process> machine = read_process(known->second.process.pid, {});
  if (!machine || machine->id != known->second.process) return std::nullopt;
  machine->source = ProcessSource::tap;
  if (machine->group.container.empty()) machine->group.container = "tap:" + name;
  return machine;
}

std::optional<Process> Guests::behind(const IpAddress& address, std::uint32_t arrival) {
  std::uint32_t index = leads_to(address);
  if (index == 0 || (arrival != 0 && arrival != index)) return std::nullopt;
  std::optional<Link> leads = link(index);
  if (leads && leads->kind == "bridge") {
    index = port_of(index, address);
    if (index == 0) return std::nullopt;
    leads = link(index);
  }
  if (!leads) return std::nullopt;
  if (leads->kind == "tun") return at_tap(leads->name);
  if (leads->kind != "veth" || !leads->namespace_of_peer) return std::nullopt;
  return in_namespace(*leads->namespace_of_peer);
}

}  // namespace tollgate
