// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tollgate/base/ip.hpp"
#include "tollgate/base/result.hpp"

namespace tollgate {

// Interfaces and local addresses of the network namespace, kept up to date by rtnetlink
// (linux/rtnetlink.h: RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR).
class Interfaces {
 public:
  static Result<std::unique_ptr<Interfaces>, std::string> open();
  virtual ~Interfaces() = default;
  virtual int fd() const = 0;  // non-blocking
  virtual void receive() = 0;  // on ENOBUFS reads everything anew
  // "" when there is none. An index that is not known yet is asked for once, then remembered. The view is
  // good until the next `receive`.
  virtual std::string_view name(std::uint32_t index) = 0;
  // Of all that are there, in order of their indices.
  virtual std::vector<std::string> names() const = 0;
  virtual bool is_local(const IpAddress& address) const = 0;
  // What means everybody on a network of this machine (IFA_BROADCAST), each once; not 255.255.255.255.
  virtual std::vector<IpAddress> broadcasts() const = 0;
};

}  // namespace tollgate
