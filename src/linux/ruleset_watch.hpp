// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>

#include "tollgate/base/result.hpp"

namespace tollgate {

// Tells that somebody changed the rules of this network namespace: every nf_tables transaction, also
// iptables-nft's, announces its generation (linux/netfilter/nf_tables.h, NFT_MSG_NEWGEN;
// NFNLGRP_NFTABLES). Who it was and what they did is not said. iptables-legacy announces nothing.
class RulesetWatch {
 public:
  // Needs CAP_NET_ADMIN.
  static Result<std::unique_ptr<RulesetWatch>, std::string> open();
  virtual ~RulesetWatch() = default;
  virtual int fd() const = 0;  // non-blocking
  // Takes all that is there. True when the rules changed since the last call, or may have (overrun).
  virtual bool changed() = 0;
};

}  // namespace tollgate
