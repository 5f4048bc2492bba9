// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control_client.hpp"
#include "echo_server.hpp"
#include "network_namespace.hpp"
#include "tollgate/control/messages.hpp"
#include "traffic.hpp"

// The machine that a test runs in: systemd, the journal, and the world at the other end of its cables
// (machines/all/root/vm/world).
namespace tollgate::test {

inline constexpr const char* kUnit = "tollgated.service";
inline constexpr const char* kBaseUnit = "tollgate-base.service";
inline constexpr const char* kConfig = "/etc/tollgate/tollgate.toml";
inline constexpr const char* kPolicy = "/etc/tollgate/policy.d/10-server.toml";
inline constexpr const char* kSlip = "/etc/tollgate/policy.d/20-broken.toml";

// A shell command: its exit status, and all that it said.
struct Said {
  int status = 0;
  std::string text;
};
Said say(const std::string& command);
// Throws what it said when it fails.
std::string must(const std::string& command);

// What systemd knows of a unit (systemctl show).
std::map<std::string, std::string> unit(const std::string& name, const std::string& properties);
std::string unit_state(const std::string& name);  // active, failed, …
int main_pid();                                   // of the daemon
// The journal's entries that fit, oldest first: journalctl's own words.
std::vector<boost::json::object> journal(const std::string& matches);
std::string text_of(const boost::json::object& entry, const char* field);  // "" when it has none
// All messages of the daemon's unit, a line each.
std::string daemon_log();

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

Status daemon_status();
bool has_our_table();
// Packets that the world has counted under that name.
std::uint64_t seen_by_world(const std::string& counter);

// Servers at both ends of the cable up0, and talk between them.
struct Cable {
  explicit Cable(std::uint16_t port);
  std::uint16_t port;
  NetworkNamespace machine{"/proc/self/ns/net"};
  NetworkNamespace world{"/run/netns/world"};
  EchoServer there;
  EchoServer here;

  // 0, or the errno of the program that began; to the world by address, or from it.
  int out(Transport transport, const std::string& address) const;
  int in(Transport transport, const std::string& address) const;
  // A TCP connection; throws when there is none.
  Socket connect_out(const std::string& address) const;
  Socket connect_in(const std::string& address) const;

 private:
  Socket connect(const std::string& address, const std::optional<Endpoint>& from) const;
};

// A file that has another text for as long as this lives.
class Rewritten {
 public:
  Rewritten(std::string path, const std::string& text) : path_{std::move(path)}, before_{read_file(path_)} {
    write_file(path_, text);
  }
  Rewritten(const Rewritten&) = delete;
  Rewritten& operator=(const Rewritten&) = delete;
  ~Rewritten() { write_file(path_, before_); }

 private:
  std::string path_;
  std::string before_;
};

// A lot of bytes there and back, each compared.
bool goes_on(const Socket& stream);

}  // namespace tollgate::test
