// SPDX-License-Identifier: GPL-2.0-or-later
#include "interfaces.hpp"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "netlink_reader.hpp"
#include "netlink_socket.hpp"

namespace tollgate {

namespace {

constexpr std::size_t kReceiveBuffer = 64 * 1024;
constexpr std::uint32_t kSocketBuffer = 1 << 20;
// Names asked for one by one and remembered, also those that do not exist. Past it they are
// forgotten and asked for again.
constexpr std::size_t kMaxNames = 65'536;

std::optional<IpAddress> address_of(std::uint8_t family, Reader value) {
  if (family == AF_INET) {
    std::array<std::uint8_t, 4> bytes{};
    if (value.copy(bytes)) return IpAddress::v4(bytes);
  } else if (family == AF_INET6) {
    std::array<std::uint8_t, 16> bytes{};
    if (value.copy(bytes)) return IpAddress::v6(bytes);
  }
  return std::nullopt;
}

class RoutingSocket final : public Interfaces {
 public:
  explicit RoutingSocket(NetlinkSocket socket) : socket_{std::move(socket)}, buffer_(kReceiveBuffer) {}

  std::optional<std::string> start();
  int fd() const override { return socket_.fd(); }
  void receive() override;
  std::string_view name(std::uint32_t index) override;
  std::vector<std::string> names() const override;
  bool is_local(const IpAddress& address) const override;
  std::vector<IpAddress> broadcasts() const override;

 private:
  int read_anew();
  int dump(std::uint16_t type);
  void on_datagram(std::span<const std::uint8_t> datagram);
  void on_message(const nlmsghdr& header, std::span<const std::uint8_t> message);
  void on_link(std::uint16_t type, Reader in);
  void on_address(std::uint16_t type, Reader in);

  NetlinkSocket socket_;
  std::vector<std::uint8_t> buffer_;
  std::unordered_map<std::uint32_t, std::string> names_;
  std::unordered_map<std::uint32_t, std::string> forgotten_;
  std::map<std::pair<IpAddress, std::uint32_t>, IpAddress> broadcasts_;  // by the address that has it
  std::set<std::pair<IpAddress, std::uint32_t>> addresses_;  // with the interface: one may be on two
};

std::optional<std::string> RoutingSocket::start() {
  socket_.set_receive_buffer(kSocketBuffer);
  // First the events, then the state: what changes in between comes twice and not never.
  for (const unsigned group :
       {unsigned{RTNLGRP_LINK}, unsigned{RTNLGRP_IPV4_IFADDR}, unsigned{RTNLGRP_IPV6_IFADDR}}) {
    if (!socket_.join(group)) return "rtnetlink group " + std::to_string(group) + ": " + error_text(errno);
  }
  if (const int error = read_anew(); error != 0) {
    return "reading interfaces and addresses: " + error_text(error);
  }
  return std::nullopt;
}

int RoutingSocket::dump(std::uint16_t type) {
  alignas(8) std::array<char, 128> bytes{};
  nlmsghdr* const message = mnl_nlmsg_put_header(bytes.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  // Zero is any family and any interface for both.
  mnl_nlmsg_put_extra_header(message, type == RTM_GETLINK ? sizeof(ifinfomsg) : sizeof(ifaddrmsg));
  // On a socket of its own, so that events do not stand between its parts.
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return EMFILE;
  return socket->dump(
      {reinterpret_cast<const std::uint8_t*>(message), message->nlmsg_len},
      [this](const nlmsghdr& header, std::span<const std::uint8_t> part) { on_message(header, part); });
}

int RoutingSocket::read_anew() {
  names_.clear();
  addresses_.clear();
  broadcasts_.clear();
  const int error = dump(RTM_GETLINK);
  return error != 0 ? error : dump(RTM_GETADDR);
}

void RoutingSocket::on_message(const nlmsghdr& header, std::span<const std::uint8_t> message) {
  Reader in{message};
  if (!in.skip(sizeof(nlmsghdr))) return;
  if (header.nlmsg_type == RTM_NEWLINK || header.nlmsg_type == RTM_DELLINK) on_link(header.nlmsg_type, in);
  if (header.nlmsg_type == RTM_NEWADDR || header.nlmsg_type == RTM_DELADDR) on_address(header.nlmsg_type, in);
}

void RoutingSocket::on_link(std::uint16_t type, Reader in) {
  ifinfomsg link{};
  // Bridges announce their ports in AF_BRIDGE too, and take that back while the port stays.
  if (!read_struct(in, link) || link.ifi_family != AF_UNSPEC) return;
  const auto index = static_cast<std::uint32_t>(link.ifi_index);
  if (type == RTM_DELLINK) {
    names_.erase(index);
    std::erase_if(addresses_, [index](const auto& address) { return address.second == index; });
    std::erase_if(broadcasts_, [index](const auto& address) { return address.first.second == index; });
    return;
  }
  NetlinkAttributes attributes{in};
  std::uint16_t attribute = 0;
  Reader value;
  while (attributes.next(attribute, value)) {
    if (attribute != IFLA_IFNAME) continue;
    const auto end = std::find(value.rest().begin(), value.rest().end(), std::uint8_t{0});
    names_[index].assign(value.rest().begin(), end);
  }
}

void RoutingSocket::on_address(std::uint16_t type, Reader in) {
  ifaddrmsg about{};
  if (!read_struct(in, about)) return;
  std::optional<IpAddress> local, address, broadcast;
  NetlinkAttributes attributes{in};
  std::uint16_t attribute = 0;
  Reader value;
  while (attributes.next(attribute, value)) {
    if (attribute == IFA_LOCAL) local = address_of(about.ifa_family, value);
    if (attribute == IFA_ADDRESS) address = address_of(about.ifa_family, value);
    if (attribute == IFA_BROADCAST) broadcast = address_of(about.ifa_family, value);
  }
  // On point-to-point links IFA_ADDRESS is the other end; without IFA_LOCAL it is ours (IPv6).
  const std::optional<IpAddress>& ours = local ? local : address;
  if (!ours) return;
  if (type == RTM_NEWADDR) {
    addresses_.emplace(*ours, about.ifa_index);
    if (broadcast) broadcasts_.insert_or_assign({*ours, about.ifa_index}, *broadcast);
  } else {
    addresses_.erase({*ours, about.ifa_index});
    broadcasts_.erase({*ours, about.ifa_index});
  }
}

void RoutingSocket::on_datagram(std::span<const std::uint8_t> datagram) {
  NetlinkMessages messages{datagram};
  nlmsghdr header{};
  std::span<const std::uint8_t> message;
  while (messages.next(header, message)) on_message(header, message);
}

// After an overrun the socket still holds what came before it. That has to be out of the way before
// everything is read anew, or it would bring back what has gone since.
void RoutingSocket::receive() {
  bool overrun = false;
  for (;;) {
    const NetlinkSocket::Received received = socket_.receive(buffer_);
    switch (received.read) {
      case NetlinkSocket::Read::datagram:
        on_datagram(received.bytes);
        break;
      case NetlinkSocket::Read::overrun:
        overrun = true;
        break;
      case NetlinkSocket::Read::ignored:
        break;
      case NetlinkSocket::Read::empty:
      case NetlinkSocket::Read::failed:
        if (overrun) read_anew();  // if that fails, names are asked for one by one
        return;
    }
  }
}

std::string_view RoutingSocket::name(std::uint32_t index) {
  if (index == 0) return {};
  const auto known = names_.find(index);
  if (known != names_.end()) return known->second;
  // Names that were given out a moment ago are still looked at.
  if (names_.size() >= kMaxNames) forgotten_ = std::exchange(names_, {});
  std::array<char, IF_NAMESIZE> text{};
  const bool found = ::if_indextoname(index, text.data()) != nullptr;
  return names_.emplace(index, found ? text.data() : "").first->second;
}

std::vector<std::string> RoutingSocket::names() const {
  const std::map<std::uint32_t, std::string> by_index{names_.begin(), names_.end()};
  std::vector<std::string> names;
  for (const auto& [index, name] : by_index) {
    if (!name.empty()) names.push_back(name);  // asked for, and not there
  }
  return names;
}

bool RoutingSocket::is_local(const IpAddress& address) const {
  if (address.is_loopback()) return true;  // 127.0.0.0/8 is, whichever of it lo carries
  const auto found = addresses_.lower_bound({address, 0});
  return found != addresses_.end() && found->first == address;
}

std::vector<IpAddress> RoutingSocket::broadcasts() const {
  std::set<IpAddress> all;
  for (const auto& [place, broadcast] : broadcasts_) all.insert(broadcast);
  return {all.begin(), all.end()};
}

}  // namespace

Result<std::unique_ptr<Interfaces>, std::string> Interfaces::open() {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return socket.error();
  auto interfaces = std::make_unique<RoutingSocket>(std::move(*socket));
  if (std::optional<std::string> error = interfaces->start()) return *error;
  return std::unique_ptr<Interfaces>{std::move(interfaces)};
}

}  // namespace tollgate
