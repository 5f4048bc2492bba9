// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon_under_test.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>

namespace tollgate::test {
namespace {

std::string setting(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? value : "auto";
}

// Unless the test itself says how owners are looked for. On a machine as slow as an emulated one whoever is
// found late was nobody: that is for the tests of the deadline.
std::string lookup(const std::string& tables) {
  if (tables.find("[process]") != std::string::npos) return "";
  return "\n[process]\nlookup = \"" + setting("TOLLGATE_TEST_LOOKUP") + "\"\ndeadline = \"10s\"\n";
}

std::string config_text(const DaemonFiles& files) {
  return "policy = \"policy.d\"\nsocket = \"tollgate.sock\"\nstate = \"state\"\nbackend = \"" +
         setting("TOLLGATE_TEST_BACKEND") + "\"\nmark_path = \"" + setting("TOLLGATE_TEST_MARK_PATH") +
         "\"\n" + files.keys + "\n" + files.tables + lookup(files.tables);
}

template <class T>
T understood(Result<T, std::string> result) {
  if (!result) throw std::runtime_error{"a reply that makes no sense: " + result.error()};
  return std::move(*result);
}

}  // namespace

std::string our_program(const std::string& name) {
  const char* given = std::getenv("TOLLGATE_BIN_DIR");
  const std::filesystem::path folder = given != nullptr
                                           ? std::filesystem::path{given}
                                           : std::filesystem::read_symlink("/proc/self/exe").parent_path();
  return folder / name;
}

DaemonUnderTest::DaemonUnderTest(const NetworkNamespace& where, const DaemonFiles& files, Start when,
                                 const SpawnOptions& options)
    : where_{where}, options_{options}, failures_before_{std::uncaught_exceptions()} {
  files_.write("tollgate.toml", config_text(files));
  write_policy(files.policy);
  if (when == Start::now) start();
}

DaemonUnderTest::~DaemonUnderTest() {
  if (std::uncaught_exceptions() > failures_before_) std::cerr << "--- tollgated said:\n" << log() << "---\n";
}

std::vector<std::string> DaemonUnderTest::command() const {
  return {our_program("tollgated"), "--config", config_file(), "--log-stderr"};
}

void DaemonUnderTest::start() {
  if (process_) earlier_log_ += process_->errors();
  in(where_, [&] { process_.emplace(command(), options_); });
  wait_until("the daemon's start", [&] {
    if (!process_->running()) throw std::runtime_error{"tollgated ended: " + process_->errors()};
    if (process_->errors().find("ready: ") == std::string::npos) return false;  // what lives is being read
    try {
      connect().call("io.tollgate.Status");
      return true;
    } catch (const std::exception&) {
      return false;  // not there yet
    }
  });
}

Finished DaemonUnderTest::start_refused() {
  return in(where_, [&] { return run(command()); });
}

Finished DaemonUnderTest::stop() {
  process_->signal(SIGTERM);
  return process_->wait();
}

void DaemonUnderTest::kill() {
  process_->signal(SIGKILL);
  process_->wait();
}

void DaemonUnderTest::pause() { process_->signal(SIGSTOP); }
void DaemonUnderTest::go_on() { process_->signal(SIGCONT); }

// Whatever comes of it, it is logged: as a generation, or as a refusal.
void DaemonUnderTest::hang_up() {
  const auto size_before = process_->errors().size();
  process_->signal(SIGHUP);
  wait_until("the reload", [&] {
    const std::string since = process_->errors().substr(size_before);
    return since.find("policy generation") != std::string::npos || since.find("refused") != std::string::npos;
  });
}

bool DaemonUnderTest::running() { return process_->running(); }

Status DaemonUnderTest::status() const {
  const auto replies = connect().call("io.tollgate.Status");
  if (!replies.at(0).error.empty()) throw std::runtime_error{replies[0].error};
  return understood(status_from_json(replies[0].parameters));
}

std::vector<FlowEntry> DaemonUnderTest::flows(const FlowFilter& filter) const {
  std::vector<FlowEntry> result;
  for (const VarlinkReply& reply :
       connect().call("io.tollgate.ListFlows", {{"filter", to_json(filter)}}, true)) {
    if (!reply.error.empty()) throw std::runtime_error{reply.error};
    const auto* flow = reply.parameters.if_contains("flow");
    if (flow != nullptr && !flow->is_null()) result.push_back(understood(flow_from_json(*flow)));
  }
  return result;
}

FlowEntry DaemonUnderTest::flow_to(std::uint16_t port) const {
  std::vector<FlowEntry> found;
  for (FlowEntry& flow : flows()) {
    if (flow.destination_port == port) found.push_back(std::move(flow));
  }
  if (found.size() != 1) throw std::runtime_error{std::to_string(found.size()) + " flows to that port"};
  return found[0];
}

std::string DaemonUnderTest::log() const { return earlier_log_ + (process_ ? process_->errors() : ""); }

Finished DaemonUnderTest::tollgate(std::vector<std::string> arguments, const SpawnOptions& options) const {
  std::string program = our_program("tollgate");
  if (options.uid) {  // who may not be let into the folder where it was built
    const std::string copy = files_.path() + "/tollgate-of-" + std::to_string(*options.uid);
    std::filesystem::copy_file(program, copy, std::filesystem::copy_options::skip_existing);
    program = copy;
  }
  std::vector<std::string> all{program, "--socket", socket_path()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return in(where_, [&] { return run(all, options); });
}

void DaemonUnderTest::write_policy(const std::string& text) const {
  files_.write("policy.d/10-test.toml", text);
}

void DaemonUnderTest::write_list(const std::string& name, const std::string& text) const {
  files_.write("policy.d/" + name, text);
}

}  // namespace tollgate::test
