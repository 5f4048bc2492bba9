// SPDX-License-Identifier: GPL-2.0-or-later
#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <string>

#include "daemon.hpp"
#include "linux/state_file.hpp"
#include "linux/system_sources.hpp"
#include "log_sink.hpp"

namespace {

constexpr int kExitTrouble = 1;
constexpr int kExitUsage = 2;
constexpr int kExitBadFiles = 78;  // sysexits.h, EX_CONFIG: trying again is of no use

int refuse(tollgate::LogSink& log, const tollgate::Diagnostics& problems) {
  std::string text = "not started:";
  for (const tollgate::Diagnostic& problem : problems) text += "\n" + problem.to_string();
  log.message(tollgate::LogLevel::error, text);
  return kExitBadFiles;
}

int serve(const std::string& path, const std::string& base, tollgate::LogOptions log_options) {
  const auto config = tollgate::load_config(path);
  if (config.ok()) {
    log_options.rate = config->log.rate;
    log_options.burst = config->log.burst;
  }
  tollgate::LogSink log{log_options};
  if (!config.ok()) return refuse(log, config.error());
  tollgate::SystemSources sources;
  const std::string state = tollgate::added_rules_file(config->state);
  auto added = tollgate::read_added_rules(state);
  if (!added.ok()) return refuse(log, added.error());
  added->drop_expired(sources.now());
  // The places that diagnostics name are those in that file as long as nobody wrote into it by hand.
  const auto policy = tollgate::load_policy(config->policy, tollgate::policy_features(*config), sources,
                                            {state, added->to_text()});
  if (!policy.ok()) return refuse(log, policy.error());
  try {
    tollgate::Daemon daemon{path, base, *config, *policy, *std::move(added), sources.lists(), log};
    return daemon.run();
  } catch (const std::exception& problem) {
    log.message(tollgate::LogLevel::error, std::string{"not started: "} + problem.what());
    return kExitTrouble;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"The tollgate daemon: decides about connections that the kernel hands up."};
  std::string config = "/etc/tollgate/tollgate.toml";
  std::string base;
  bool to_stderr = false;
  app.add_option("--config", config, "The configuration; paths in it are relative to it")
      ->capture_default_str();
  app.add_option("--keep-rules-while", base, "While this path exists the rules stay when the daemon stops")
      ->type_name("PATH");
  app.add_flag("--log-stderr", to_stderr, "Log to standard error, also where there is a journal");
  app.set_version_flag("--version", "tollgated " TOLLGATE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  tollgate::LogOptions log;
  if (to_stderr) log.target = tollgate::LogOptions::Target::standard_error;
  return serve(config, base, log);
}
