// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "nameserver.hpp"
#include "scene.hpp"

// The world's DNS, for tests of the daemon's nameserver.
namespace tollgate::test {

// Documentation addresses (RFC 5737, RFC 3849): routed to the peer, where nobody has them.
inline const Addresses kNobody{"192.0.2.53", "2001:db8::53"};
inline constexpr std::uint16_t kOwnPort = 5300;

// Of a daemon's tables, where it matters who asks: whatever TOLLGATE_TEST_LOOKUP says owners are looked for,
// and found also where everything is slow.
inline const std::string kOwnersMatter = "\n[process]\nlookup = \"auto\"\ndeadline = \"10s\"\n";

inline std::string own_nameserver(const std::string& more) {
  return "[nameserver]\nenabled = true\naddress4 = \"" + kLoopback.v4 + "\"\naddress6 = \"" + kLoopback.v6 +
         "\"\nport = " + std::to_string(kOwnPort) + "\n" + more;
}

inline std::string dig(const NetworkNamespace& from, const std::string& server,
                       std::vector<std::string> what) {
  std::vector<std::string> command{"dig", "@" + server, "+tries=2", "+time=30"};
  command.insert(command.end(), what.begin(), what.end());
  return in(from, [&] { return run(command).output; });
}

inline std::string dig_short(const NetworkNamespace& from, const std::string& server,
                             std::vector<std::string> what) {
  what.push_back("+short");
  return dig(from, server, std::move(what));
}

// The configuration of nsd for one zone, with everything in `folder`.
inline std::string nsd_config(const std::string& folder, const Addresses& listen, std::uint16_t port,
                              const std::string& zone, const std::string& file) {
  return "server:\n ip-address: " + listen.v4 + "\n ip-address: " + listen.v6 +
         "\n port: " + std::to_string(port) + "\n username: \"\"\n zonesdir: \"" + folder +
         "\"\n pidfile: \"" + folder + "/pid\"\n database: \"\"\n zonelistfile: \"" + folder +
         "/zones\"\n xfrdfile: \"" + folder + "/xfrd\"\n xfrdir: \"" + folder +
         "\"\nremote-control:\n control-enable: no\nzone:\n name: " + zone + "\n zonefile: " + file + "\n";
}

// nsd with the zone example.org.
class AuthoritativeServer {
 public:
  AuthoritativeServer(const NetworkNamespace& where, const Addresses& listen, std::uint16_t port = 53)
      : server_{start(where, listen, port)} {
    wait_until("nsd's start", [&] {
      if (!server_.running()) throw std::runtime_error{"nsd ended: " + server_.errors() + server_.output()};
      return dig_short(where, listen.v4, {"-p", std::to_string(port), "www.example.org", "+time=1"}) ==
             "192.0.2.80\n";
    });
  }

 private:
  static std::string zone() {
    std::string text =
        "$ORIGIN example.org.\n$TTL 300\n"
        "@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\nns A 10.77.0.2\n"
        "www A 192.0.2.80\nwww AAAA 2001:db8::80\nalias CNAME www\n*.many A 192.0.2.90\n"
        "router A 192.168.1.1\nnas.home A 192.168.1.2\nindirect CNAME x.ads\nx.ads A 192.0.2.81\n"
        "listed A 203.0.113.5\n";
    for (int i = 0; i < 20; ++i) text += "long TXT \"" + std::to_string(i) + std::string(220, 'x') + "\"\n";
    return text;
  }
  Process start(const NetworkNamespace& where, const Addresses& listen, std::uint16_t port) {
    files_.write("example.org.zone", zone());
    const std::string config = nsd_config(files_.path(), listen, port, "example.org", "example.org.zone");
    const std::string file = files_.write("nsd.conf", config);
    return in(where, [&] { return Process{{"nsd", "-d", "-c", file}}; });
  }

  TemporaryDirectory files_;
  Process server_;
};

}  // namespace tollgate::test
