// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine.hpp"

#include <boost/json/parse.hpp>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "netns.hpp"
#include "topology.hpp"

namespace tollgate::test {
namespace {

// The world has two names, and is the first one unless something else is said.
Endpoint first_name(const std::string& to) { return {to == kHost.v4 ? kPeer.v4 : kPeer.v6, 0}; }

}  // namespace

Said say(const std::string& command) {
  Said said;
  said.status = run_command(command, &said.text);
  return said;
}

std::string must(const std::string& command) {
  Said said = say(command);
  if (said.status != 0) {
    throw std::runtime_error{command + ": status " + std::to_string(said.status) + ": " + said.text};
  }
  return said.text;
}

std::map<std::string, std::string> unit(const std::string& name, const std::string& properties) {
  std::map<std::string, std::string> known;
  std::istringstream lines{must("systemctl show -p " + properties + " " + name)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos) known[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return known;
}

std::string unit_state(const std::string& name) { return unit(name, "ActiveState")["ActiveState"]; }

int main_pid() { return std::stoi(unit(kUnit, "MainPID").at("MainPID")); }

std::vector<boost::json::object> journal(const std::string& matches) {
  must("journalctl --sync");
  std::vector<boost::json::object> entries;
  std::istringstream lines{must("journalctl -q --no-pager -o json " + matches)};
  for (std::string line; std::getline(lines, line);) {
    entries.push_back(boost::json::parse(line).as_object());
  }
  return entries;
}

std::string text_of(const boost::json::object& entry, const char* field) {
  const auto* value = entry.if_contains(field);
  return value != nullptr && value->is_string() ? std::string{value->as_string()} : std::string{};
}

std::string daemon_log() {
  std::string text;
  for (const auto& entry : journal("-u tollgated")) text += text_of(entry, "MESSAGE") + "\n";
  return text;
}

std::string read_file(const std::string& path) {
  std::ifstream file{path};
  if (!file) throw std::runtime_error{path + " cannot be read"};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file{path};
  file << text << std::flush;
  if (!file) throw std::runtime_error{path + " cannot be written"};
}

Status daemon_status() {
  ControlClient client{"/run/tollgate/tollgate.sock"};
  const auto replies = client.call("io.tollgate.Status");
  if (!replies.at(0).error.empty()) throw std::runtime_error{replies[0].error};
  auto status = status_from_json(replies[0].parameters);
  if (!status) throw std::runtime_error{status.error()};
  return std::move(*status);
}

bool has_our_table() { return say("nft list table inet tollgate").status == 0; }

std::uint64_t seen_by_world(const std::string& counter) {
  const std::string text = must("ip netns exec world nft list counter inet seen " + counter);
  const std::size_t at = text.find("packets ");
  if (at == std::string::npos) throw std::runtime_error{"no counter: " + text};
  return std::stoull(text.substr(at + 8));
}

Cable::Cable(std::uint16_t number)
    : port{number},
      there{world, {kPeer.v4, kPeer.v6, kOther.v4, kOther.v6}, number},
      here{machine, {kHost.v4, kHost.v6}, number} {}

int Cable::out(Transport transport, const std::string& address) const {
  return talk(transport, {address, port});
}

int Cable::in(Transport transport, const std::string& address) const {
  const Inside inside{world};
  return talk(transport, {address, port}, first_name(address));
}

Socket Cable::connect(const std::string& address, const std::optional<Endpoint>& from) const {
  Socket socket = begin(Transport::tcp, {address, port}, from);
  if (const int error = finish_connect(socket); error != 0) {
    throw std::runtime_error{"no connection to " + address + ": " + std::to_string(error)};
  }
  return socket;
}

Socket Cable::connect_out(const std::string& address) const { return connect(address, {}); }

Socket Cable::connect_in(const std::string& address) const {
  const Inside inside{world};
  return connect(address, first_name(address));
}

bool goes_on(const Socket& stream) { return exchange(stream, Transport::tcp, 64 * 1024) == 0; }

}  // namespace tollgate::test
