// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "child_task.hpp"
#include "clock.hpp"
#include "control_server.hpp"
#include "gate.hpp"
#include "holder_finder.hpp"
#include "linux/attribution.hpp"
#include "linux/huge_pages.hpp"
#include "linux/interfaces.hpp"
#include "linux/queue.hpp"
#include "list_watch.hpp"
#include "live_parts.hpp"
#include "live_policy.hpp"
#include "log_sink.hpp"
#include "nameserver/nameserver.hpp"
#include "ruleset_keeper.hpp"
#include "service_manager.hpp"
#include "tollgate/config/config.hpp"
#include "tollgate/control/service.hpp"
#include "tollgate/engine/configured.hpp"
#include "tollgate/engine/engine.hpp"
#include "tracking_watch.hpp"

namespace tollgate {

// tollgated, from a checked configuration and policy to its end. Nothing in the kernel is touched
// before both are good, and the rules come last of all: whatever fails on the way leaves none behind.
class Daemon final : public ControlService {
 public:
  // Opens everything in order: queues, conntrack, sockets, control socket; gives up privileges; loads
  // the rules. Throws std::runtime_error that says what could not be done.
  // `base`: while this path exists the rules are not only ours and stay when we go; "" for never.
  // `added`: the rules that were added at run time, which the policy has; `lists`: the files that it read,
  // to be watched.
  Daemon(std::string config_path, std::string base, const Config& config, PolicyPointer policy,
         AddedRules added, const std::set<std::string>& lists, LogSink& log);
  ~Daemon() override;

  // Reads what lives already, a slice at a time while packets are answered, says that it is ready, and
  // runs until SIGTERM or SIGINT. Returns the exit status.
  int run();

  Status status() override;
  std::optional<std::uint32_t> flows(std::uint32_t from, std::uint32_t limit, const EachFlow& each) override;
  void take_census(std::function<void(const CensusPointer&)> done) override;
  void add_holders(const SocketCensus& census, const FlowRef& where, FlowEntry& flow) override;
  Acted act(Action action, const FlowFilter& filter, std::uint32_t from, std::uint32_t limit) override;
  PolicyPointer policy() override;
  std::optional<std::uint64_t> hits(const PolicyPointer& policy, std::uint32_t rule) override;
  void reload(Done done) override;
  void add_rule(AddedRule rule, Added told) override;
  void remove_rule(const std::string& name, Done done) override;
  Explanation explain(const ExplainRequest& request) override;
  void watch(bool on) override;

 private:
  void open_kernel();
  void open_attribution();
  void open_nameserver();
  AttributionNeeds needs() const;
  void on_adopted(bool whole);
  void apply_rules();
  std::vector<std::string> lacking() const;
  std::optional<TrackingWatch::Seen> conntrack_load();
  void keep_rules(const LiveRules& loaded);
  void say_skipped();
  void swap_policy(const LivePolicy::Swap& swap);
  bool rules_stay() const;
  void watch_lists(const std::set<std::string>& lists);
  void wait_for_signal();
  void keep_watchdog_quiet();
  void stop();
  void left_behind(const std::string& problem);
  void finish();

  std::string config_path_;
  std::string base_;
  Config config_;
  LogSink& log_;
  Clock clock_;
  Time started_;
  Time policy_loaded_;
  ServiceManager service_manager_;
  Backend backend_ = Backend::automatic;  // automatic: the rules are somebody else's business
  int exit_status_ = 0;

  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_;
  boost::asio::steady_timer watchdog_;
  HugePageMemory flow_memory_;
  Engine engine_;
  std::unique_ptr<Interfaces> interfaces_;
  std::unique_ptr<PacketQueue> queue_;
  std::optional<Conntrack> conntrack_;
  std::optional<ConntrackEvents> conntrack_events_;
  std::optional<SocketEvents> socket_events_;
  std::optional<ClosingSegments> segments_;
  std::optional<NameCopies> names_;
  std::optional<SocketDiag> sockets_;
  std::unique_ptr<Attribution> attribution_;
  std::optional<HolderFinder> holders_;  // as long as there is an attribution
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Nameserver> nameserver_;  // while it is enabled
  std::unique_ptr<LivePolicy> live_policy_;
  std::unique_ptr<ControlServer> control_;
  LiveParts live_parts_;
  std::unique_ptr<TrackingWatch> tracking_;
  std::unique_ptr<RulesetKeeper> rules_;  // from the loading of the rules to the stop
  std::unique_ptr<ListWatch> lists_;
  std::unique_ptr<ChildTask> removal_;
};

}  // namespace tollgate
