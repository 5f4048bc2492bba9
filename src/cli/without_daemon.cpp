// SPDX-License-Identifier: GPL-2.0-or-later
// Commands that work without a daemon.
#include <net/if.h>
#include <unistd.h>

#include "failure.hpp"
#include "invocation.hpp"
#include "linux/ruleset_apply.hpp"
#include "linux/state_file.hpp"
#include "linux/system_sources.hpp"
#include "output.hpp"
#include "tollgate/engine/configured.hpp"
#include "tollgate/replay/replay.hpp"
#include "tollgate/ruleset/interface_slots.hpp"
#include "tollgate/ruleset/ruleset.hpp"
#include "words.hpp"

namespace tollgate::cli {

namespace {

std::string counted(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

void add(Diagnostics& to, const Diagnostics& more) { to.insert(to.end(), more.begin(), more.end()); }

void check_policy(const std::string& path, const PolicyFeatures& features, CheckResult& result,
                  const PolicyText& added = {}) {
  SystemSources sources;
  const Result<PolicyPointer, Diagnostics> policy = load_policy(path, features, sources, added);
  std::string contents;
  if (policy) {
    const auto skipped = (*policy)->skipped();
    result.skipped.insert(result.skipped.end(), skipped.begin(), skipped.end());
    contents = counted((*policy)->rules().size(), "rule", "rules") + ", " +
               counted((*policy)->lists().size(), "list", "lists");
  } else {
    add(result.diagnostics, policy.error());
  }
  result.files.push_back({"policy", path, contents});
}

// The rules that were added at run time, where we may look.
PolicyText added_text(const Config& config) {
  const std::string path = added_rules_file(config.state);
  if (access(path.c_str(), R_OK) != 0) return {};
  const auto text = SystemSources{}.read(path);
  return text ? PolicyText{path, *text} : PolicyText{};
}

// What the policies may speak of. Files that are checked on a machine without our configuration may
// speak of everything; a configuration that was asked for has to be good.
PolicyFeatures features_to_check(const Invocation& asked, CheckResult& result) {
  const Result<Config, Diagnostics> config = load_config(asked.config);
  if (config) return policy_features(*config);
  if (asked.config_given) add(result.diagnostics, config.error());
  return all_features();
}

CheckResult check_files(const Invocation& asked) {
  CheckResult result;
  const PolicyFeatures features = features_to_check(asked, result);
  for (const std::string& file : asked.files) check_policy(file, features, result);
  return result;
}

CheckResult check_configuration(const std::string& path) {
  CheckResult result;
  const Result<Config, Diagnostics> config = load_config(path);
  result.files.push_back({"configuration", path, config ? "good" : ""});
  if (config) {
    check_policy(config->policy, policy_features(*config), result, added_text(*config));
  } else {
    add(result.diagnostics, config.error());
  }
  return result;
}

[[noreturn]] void ruleset_failed(const ApplyError& error) {
  // Who is not root is most likely refused for that, whatever the tools say.
  if (geteuid() != 0)
    throw Failure{Exit::not_permitted, error.message + "\ntollgate: changing the rules needs root"};
  throw Failure{Exit::refused, error.message};
}

// Before there is any configuration the rules of the initial one can be looked at.
Config config_to_print(const Invocation& asked, Page& page) {
  if (!asked.config_given && access(asked.config.c_str(), F_OK) != 0) return Config{};
  return config_or_refuse(page, asked.config);
}

Backend backend_to_print(const Invocation& asked, const Config& config) {
  if (asked.backend) return *asked.backend == "nft" ? Backend::nft : Backend::iptables;
  return config.backend == Backend::iptables ? Backend::iptables : Backend::nft;
}

}  // namespace

int run_check(const Invocation& asked, Page& page) {
  const CheckResult result = asked.files.empty() ? check_configuration(asked.config) : check_files(asked);
  output(asked.json).checked(page, result);
  return static_cast<int>(result.diagnostics.empty() ? Exit::done : Exit::refused);
}

int run_ruleset_print(const Invocation& asked, Page& page) {
  const Config config = config_to_print(asked, page);
  if (backend_to_print(asked, config) == Backend::nft) {
    if (asked.family) throw Failure{Exit::usage, "--family: nft rules serve both families; leave it out"};
    page.out << render_nft(config);
    return 0;
  }
  if (asked.family) {
    page.out << render_iptables(config, *asked.family == "ipv4" ? Family::ipv4 : Family::ipv6);
    return 0;
  }
  // To be read; to be loaded they are wanted one by one.
  page.out << "# IPv4, for iptables-restore --noflush (--family ipv4 prints these alone)\n"
           << render_iptables(config, Family::ipv4)
           << "\n# IPv6, for ip6tables-restore --noflush (--family ipv6 prints these alone)\n"
           << render_iptables(config, Family::ipv6);
  return 0;
}

namespace {

// What a daemon would put in at its start.
LiveRules live_rules(const Config& config) {
  if (config.arrival_interface != ArrivalInterface::reauthorize) return {};
  std::vector<std::string> names;
  if (struct if_nameindex* const all = ::if_nameindex(); all != nullptr) {
    for (const struct if_nameindex* one = all; one->if_name != nullptr; ++one)
      names.emplace_back(one->if_name);
    ::if_freenameindex(all);
  }
  InterfaceSlots slots{config.interface_mask};
  slots.update(names);
  return {{}, slots.present()};
}

}  // namespace

int run_ruleset_apply(const Invocation& asked, Page& page) {
  Config config = config_or_refuse(page, asked.config);
  if (asked.backend) config.backend = *asked.backend == "nft" ? Backend::nft : Backend::iptables;
  const Result<Backend, ApplyError> applied = apply_ruleset(config, live_rules(config));
  if (!applied) ruleset_failed(applied.error());
  page.out << "the rules are in place (" << to_string(*applied) << ")\n";
  return 0;
}

int run_ruleset_remove(const Invocation&, Page& page) {
  const Result<bool, ApplyError> removed = remove_ruleset();
  if (!removed) ruleset_failed(removed.error());
  page.out << (*removed ? "the rules are removed\n" : "there were no rules of tollgate's\n");
  return 0;
}

int run_replay(const Invocation& asked, Page& page) {
  ReplayOptions options;
  options.capture = asked.capture;
  for (const std::string& text : asked.local) {
    const std::optional<Prefix> network = Prefix::parse(text);
    if (!network) {
      throw Failure{Exit::usage, "--local: \"" + text +
                                     "\" is not an address, nor a network like 10.0.0.0/8 without host bits"};
    }
    options.local.push_back(*network);
  }
  // A policy by itself may speak of everything; every reroute counts as having somewhere to go.
  options.engine.nameserver4 = options.engine.nameserver6 = true;
  options.engine.tunnel4 = options.engine.tunnel6 = true;
  PolicyFeatures features = all_features();
  std::string path = asked.policy.value_or("");
  if (!asked.policy || asked.config_given) {
    const Config config = config_or_refuse(page, asked.config);
    options.engine = engine_options(config);
    features = policy_features(config);
    if (!asked.policy) path = config.policy;
  }
  const std::unique_ptr<FlowList> list = output(asked.json).replayed(page);
  const Result<ReplaySummary, std::string> summary = replay(options, policy_or_refuse(page, path, features),
                                                            [&](const FlowEntry& flow) { list->add(flow); });
  list->finish();
  if (!summary) throw Failure{Exit::refused, summary.error()};
  output(asked.json).summary(page, *summary);
  return 0;
}

int run_version(const Invocation&, Page& page) {
  page.out << "tollgate " TOLLGATE_VERSION "\n";
  return 0;
}

}  // namespace tollgate::cli
