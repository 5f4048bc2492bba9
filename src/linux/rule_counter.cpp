// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/rule_counter.hpp"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <array>
#include <span>
#include <string_view>

#include "linux/netlink_reader.hpp"
#include "linux/netlink_socket.hpp"

namespace tollgate {
namespace {

struct Chain {
  std::uint8_t family;
  const char* table;
  const char* chain;
};
constexpr std::uint8_t kInet = 1;  // NFPROTO_INET: linux/netfilter.h does not go with the C library's headers
using Chains = std::array<Chain, 3>;
constexpr Chains kInvalid{{{kInet, "tollgate", "invalid"},
                           {AF_INET, "mangle", "TOLLGATE-INVALID"},
                           {AF_INET6, "mangle", "TOLLGATE-INVALID"}}};
constexpr Chains kUntracked{{{kInet, "tollgate", "untracked"},
                             {AF_INET, "mangle", "TOLLGATE-UNTRACKED"},
                             {AF_INET6, "mangle", "TOLLGATE-UNTRACKED"}}};

const Chains& chains_of(CountedPackets which) {
  switch (which) {
    case CountedPackets::invalid:
      return kInvalid;
    case CountedPackets::untracked:
      break;
  }
  return kUntracked;
}

// NFTA_EXPR_DATA of a counter.
std::optional<std::uint64_t> read_packets(Reader data) {
  NetlinkAttributes attributes{data};
  std::uint16_t type = 0;
  Reader value;
  while (attributes.next(type, value)) {
    std::uint32_t high = 0, low = 0;
    if (type == NFTA_COUNTER_PACKETS && value.u32(high) && value.u32(low)) {
      return std::uint64_t{high} << 32 | low;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> read_expression(Reader expression) {
  NetlinkAttributes attributes{expression};
  std::uint16_t type = 0;
  Reader value;
  bool counter = false;
  while (attributes.next(type, value)) {
    if (type == NFTA_EXPR_NAME) {
      const auto name = value.rest();
      counter =
          std::string_view{reinterpret_cast<const char*>(name.data()), name.size()}.starts_with("counter");
    } else if (type == NFTA_EXPR_DATA && counter) {
      return read_packets(value);
    }
  }
  return std::nullopt;
}

// The counter of one rule.
std::optional<std::uint64_t> read_rule(std::span<const std::uint8_t> message) {
  Reader in{message};
  if (!in.skip(sizeof(nlmsghdr) + sizeof(nfgenmsg))) return std::nullopt;
  NetlinkAttributes rule{in};
  std::uint16_t type = 0;
  Reader value;
  while (rule.next(type, value)) {
    if (type != NFTA_RULE_EXPRESSIONS) continue;
    NetlinkAttributes expressions{value};
    Reader expression;
    while (expressions.next(type, expression)) {
      if (const auto packets = read_expression(expression)) return packets;
    }
  }
  return std::nullopt;
}

// Of the chain's last rule that counts.
std::optional<std::uint64_t> last_counter(NetlinkSocket& socket, const Chain& of) {
  alignas(8) std::array<char, 128> bytes{};
  nlmsghdr* const message = mnl_nlmsg_put_header(bytes.data());
  message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* const header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  header->nfgen_family = of.family;
  header->version = NFNETLINK_V0;
  mnl_attr_put_strz(message, NFTA_RULE_TABLE, of.table);
  mnl_attr_put_strz(message, NFTA_RULE_CHAIN, of.chain);
  std::optional<std::uint64_t> last;
  const int error = socket.dump({reinterpret_cast<const std::uint8_t*>(message), message->nlmsg_len},
                                [&](const nlmsghdr&, std::span<const std::uint8_t> rule) {
                                  if (const auto packets = read_rule(rule)) last = packets;
                                });
  return error == 0 ? last : std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> counted_packets(CountedPackets which, Backend backend) {
  Result<NetlinkSocket, std::string> socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return std::nullopt;
  std::optional<std::uint64_t> packets;
  for (const Chain& chain : chains_of(which)) {
    const bool nft = chain.family == kInet;
    if (backend != Backend::automatic && nft != (backend == Backend::nft)) continue;
    if (const auto counted = last_counter(*socket, chain)) packets = packets.value_or(0) + *counted;
  }
  return packets;
}

}  // namespace tollgate
