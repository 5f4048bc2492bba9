// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "network_namespace.hpp"
#include "process.hpp"
#include "topology.hpp"

namespace tollgate::test {

inline const Addresses kLoopback{"127.0.0.1", "::1"};

// dnsmasq, with what it is to know as its own options.
inline Process nameserver(const NetworkNamespace& where, const Addresses& listen, std::uint16_t port,
                          const std::vector<std::string>& knows) {
  std::vector<std::string> command{"dnsmasq",
                                   "--keep-in-foreground",
                                   "--conf-file=/dev/null",
                                   "--no-resolv",
                                   "--no-hosts",
                                   "--user=root",
                                   "--pid-file=",
                                   "--log-facility=-",
                                   "--bind-interfaces",
                                   "--port=" + std::to_string(port),
                                   "--listen-address=" + listen.v4 + "," + listen.v6};
  command.insert(command.end(), knows.begin(), knows.end());
  Process server = in(where, [&] { return Process{command}; });
  wait_until("dnsmasq's start", [&] {
    if (!server.running()) throw std::runtime_error{"dnsmasq ended: " + server.errors()};
    return server.errors().find("started") != std::string::npos;
  });
  return server;
}

// Every name of this domain has these addresses.
inline std::vector<std::string> answers(const std::string& domain, const Addresses& with) {
  return {"--address=/" + domain + "/" + with.v4, "--address=/" + domain + "/" + with.v6};
}

}  // namespace tollgate::test
