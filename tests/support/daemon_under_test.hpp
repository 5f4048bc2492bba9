// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control_client.hpp"
#include "network_namespace.hpp"
#include "process.hpp"
#include "tollgate/control/messages.hpp"

namespace tollgate::test {

// The texts of its two files. The rest of the configuration (paths; backend, mark_path and
// process.lookup from TOLLGATE_TEST_BACKEND, TOLLGATE_TEST_MARK_PATH and TOLLGATE_TEST_LOOKUP) is
// DaemonUnderTest's.
struct DaemonFiles {
  std::string policy;
  std::string keys = {};    // top level lines of tollgate.toml
  std::string tables = {};  // what follows them
};

// Where our programs are: TOLLGATE_BIN_DIR, or beside the test program.
std::string our_program(const std::string& name);

// The real tollgated in a namespace, with files of its own. When a test fails while it runs, what it
// logged is shown. Its rules die with the namespace.
class DaemonUnderTest {
 public:
  enum class Start { now, later };
  DaemonUnderTest(const NetworkNamespace& where, const DaemonFiles& files, Start when = Start::now,
                  const SpawnOptions& options = {});
  ~DaemonUnderTest();

  // Returns once it answers `status`; throws what it said when it ends instead.
  void start();
  // For what must be refused: runs it to its end.
  Finished start_refused();
  Finished stop();  // SIGTERM, to its end
  void kill();      // SIGKILL
  void pause();     // SIGSTOP
  void go_on();     // SIGCONT
  void hang_up();   // SIGHUP; returns once the reload was tried
  bool running();
  pid_t pid() const { return process_->pid(); }

  Status status() const;
  std::uint64_t received() const { return status().queue.received; }
  std::uint64_t verdicts(const std::string& word) const { return status().queue.verdicts.at(word); }
  std::vector<FlowEntry> flows(const FlowFilter& filter = {}) const;
  // The only flow whose destination is that port; throws when there is not exactly one.
  FlowEntry flow_to(std::uint16_t port) const;
  ControlClient connect() const { return ControlClient{socket_path()}; }
  std::string log() const;

  // The command line, with --socket, in the daemon's namespace.
  Finished tollgate(std::vector<std::string> arguments, const SpawnOptions& options = {}) const;

  void write_policy(const std::string& text) const;
  // A file that the policy names, relative to the policy's folder.
  void write_list(const std::string& name, const std::string& text) const;
  std::string policy_folder() const { return files_.path() + "/policy.d"; }
  std::string policy_file() const { return policy_folder() + "/10-test.toml"; }
  std::string config_file() const { return files_.path() + "/tollgate.toml"; }
  std::string socket_path() const { return files_.path() + "/tollgate.sock"; }

 private:
  std::vector<std::string> command() const;
  const NetworkNamespace& where_;
  TemporaryDirectory files_;
  SpawnOptions options_;
  std::optional<Process> process_;
  std::string earlier_log_;  // of runs that have ended
  int failures_before_;
};

}  // namespace tollgate::test
