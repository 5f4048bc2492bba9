// SPDX-License-Identifier: GPL-2.0-or-later
// The daemon's life under systemd. The machine boots with a broken policy and fail = "open".
#include <sys/stat.h>

#include <boost/json/serialize.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "catch.hpp"
#include "kernel_queues.hpp"
#include "machine.hpp"
#include "process.hpp"
#include "topology.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

constexpr std::array kTransports = {Transport::tcp, Transport::udp, Transport::icmp};

// All pass, but what goes to the world's second name has this verdict.
std::string policy(const std::string& verdict) {
  return "[default]\noutbound = \"permanent-accept\"\ninbound = \"permanent-accept\"\n"
         "[[rule]]\nname = \"the other name\"\naddress = [\"10.77.0.3\", \"fd77::3\"]\nverdict = \"" +
         verdict + "\"\n";
}

std::map<std::string, std::string> process_status(int pid) {
  std::map<std::string, std::string> fields;
  std::istringstream lines{read_file("/proc/" + std::to_string(pid) + "/status")};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(":\t");
    if (colon != std::string::npos) fields[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return fields;
}

// Both families, to the world's second name.
void require_refused(const Cable& cable) {
  for (const std::string& address : kOther.both()) {
    INFO(address);
    REQUIRE(cable.out(Transport::tcp, address) == ECONNREFUSED);
  }
}

void require_passing(const Cable& cable) {
  for (const std::string& address : kPeer.both()) {
    INFO(address);
    for (const Transport transport : kTransports) REQUIRE(cable.out(transport, address) == 0);
  }
  for (const std::string& address : kHost.both()) {
    INFO("from the world to " << address);
    for (const Transport transport : kTransports) REQUIRE(cable.in(transport, address) == 0);
  }
}

TEST_CASE("a broken policy at boot, fail open: the unit has failed and everything passes", "[live]") {
  auto daemon = unit(kUnit, "ActiveState,Result,ExecMainStatus,NRestarts");
  CHECK(daemon["ActiveState"] == "failed");
  CHECK(daemon["Result"] == "exit-code");
  CHECK(daemon["ExecMainStatus"] == "78");
  CHECK(daemon["NRestarts"] == "0");
  CHECK(unit_state(kBaseUnit) == "active");
  CHECK(unit_state("network-pre.target") == "active");
  CHECK(daemon_log().find(std::string{kSlip} + ":3:11: ") != std::string::npos);
  REQUIRE(has_our_table());
  CHECK(seen_by_world("early") == 2);
  CHECK(seen_by_world("late") == 2);
  const Cable cable{80};
  require_passing(cable);
  require_passing(cable);
}

TEST_CASE("disable --now: neither unit is there any more, the rules go on request", "[live]") {
  must("systemctl disable --now tollgated tollgate-base");
  CHECK(unit_state(kBaseUnit) == "inactive");
  must("tollgate ruleset remove");
  REQUIRE(!has_our_table());
  std::filesystem::remove(kSlip);
  must("systemctl reset-failed tollgated");
}

TEST_CASE("enable --now returns when rules are live and queues are bound", "[live]") {
  write_file(kPolicy, policy("permanent-block"));
  const Cable cable{80};
  REQUIRE(cable.out(Transport::tcp, kOther.v4) == 0);
  must("systemctl enable --now tollgated");
  require_refused(cable);
  require_passing(cable);
  REQUIRE(kernel_queues().size() == 6);
  auto state = unit(kUnit, "ActiveState,SubState,StatusText,UnitFileState");
  CHECK(state["SubState"] == "running");
  CHECK(state["UnitFileState"] == "enabled");
  CHECK(state["StatusText"] == "1 rule, backend nft, mark path conntrack");
}

TEST_CASE("status: a stock kernel gives nft and verdicts by conntrack", "[live]") {
  const Status status = daemon_status();
  CHECK(status.backend == "nft");
  CHECK(status.mark_path == "conntrack");
  CHECK(status.fail == "open");
  CHECK(status.queue.received > 0);
  const Said said = say("tollgate status");
  INFO(said.text);
  REQUIRE(said.status == 0);
}

TEST_CASE("while the rules are not loaded the unit is not active", "[live]") {
  must("systemctl stop tollgated");
  // An nft that waits until it is told to go on: /run/tollgate is the daemon's own.
  std::filesystem::rename("/usr/sbin/nft", "/usr/sbin/nft.real");
  write_file("/usr/sbin/nft",
             "#!/bin/sh\n: >/run/tollgate/asked\nuntil [ -e /run/nft-may-go-on ]; do sleep 0.1; done\n"
             "exec /usr/sbin/nft.real \"$@\"\n");
  std::filesystem::permissions("/usr/sbin/nft", std::filesystem::perms{0755});
  must("systemctl start --no-block tollgated");
  wait_until("the start of nft", [] { return std::filesystem::exists("/run/tollgate/asked"); });
  auto state = unit(kUnit, "ActiveState,SubState");
  CHECK(state["ActiveState"] == "activating");
  CHECK(state["SubState"] == "start");
  CHECK(kernel_queues().size() == 6);
  write_file("/run/nft-may-go-on", "");
  wait_until("the unit's activity", [] { return unit_state(kUnit) == "active"; });
  REQUIRE(has_our_table());
  std::filesystem::rename("/usr/sbin/nft.real", "/usr/sbin/nft");
}

TEST_CASE("the daemon is not root and has one capability", "[live]") {
  auto status = process_status(main_pid());
  const std::string uid = must("id -u tollgate"), gid = must("id -g tollgate");
  const auto four = [](std::string id) {
    id.pop_back();
    return id + "\t" + id + "\t" + id + "\t" + id;
  };
  REQUIRE(uid != "0\n");
  CHECK(status["Uid"] == four(uid));
  CHECK(status["Gid"] == four(gid));
  const std::string net_admin = "0000000000001000";
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    INFO(set);
    // The bounding set keeps what loaded the eBPF programs (CAP_BPF, CAP_PERFMON): to shrink it takes a
    // privilege that the daemon never had, and without new privileges it bounds nothing.
    CHECK(status[set] == (set == std::string{"CapBnd"} ? "000000c000001000" : net_admin));
  }
  CHECK(status["NoNewPrivs"] == "1");
  CHECK(status["Seccomp"] == "2");

  struct stat socket {};
  REQUIRE(stat("/run/tollgate/tollgate.sock", &socket) == 0);
  CHECK(std::to_string(socket.st_uid) + "\n" == uid);
  CHECK(std::to_string(socket.st_gid) + "\n" == gid);
}

TEST_CASE("reload: a good policy is in force when it returns, a bad one changes nothing", "[live]") {
  const Cable cable{80};
  require_refused(cable);
  const auto pid = main_pid();
  const auto generation = daemon_status().policy.generation;

  write_file(kPolicy, policy("permanent-accept"));
  must("systemctl reload tollgated");
  CHECK(daemon_status().policy.generation == generation + 1);
  for (const std::string& address : kOther.both()) REQUIRE(cable.out(Transport::tcp, address) == 0);

  write_file(kPolicy, policy("permanent-open"));
  const Said refused = say("systemctl reload tollgated");
  INFO(refused.text);
  CHECK(refused.status != 0);
  CHECK(unit_state(kUnit) == "active");
  CHECK(main_pid() == pid);
  CHECK(daemon_status().policy.generation == generation + 1);
  CHECK(daemon_log().find(std::string{kPolicy} + ":7:11: ") != std::string::npos);
  for (const std::string& address : kOther.both()) REQUIRE(cable.out(Transport::tcp, address) == 0);

  write_file(kPolicy, policy("block"));
  must("systemctl reload tollgated");
  require_refused(cable);
}

TEST_CASE("SIGHUP reloads as well", "[live]") {
  const auto generation = daemon_status().policy.generation;
  must("systemctl kill -s HUP tollgated");
  wait_until("the reload", [&] { return daemon_status().policy.generation != generation; });
  wait_until("the unit's activity", [] { return unit_state(kUnit) == "active"; });
  REQUIRE(daemon_status().policy.generation == generation + 1);
}

TEST_CASE("a rule at run time: added by the group, kept in the unit's state, gone when it is removed",
          "[live]") {
  const Cable cable{80};
  for (const std::string& address : kPeer.both()) REQUIRE(cable.out(Transport::tcp, address) == 0);
  must("setpriv --reuid nobody --regid tollgate --clear-groups tollgate rule add \"name=not now\" address=" +
       kPeer.v4 + " address=" + kPeer.v6 + " verdict=permanent-block");
  for (const std::string& address : kPeer.both()) REQUIRE(cable.out(Transport::tcp, address) == ECONNREFUSED);
  CHECK(must("stat -c '%U %a' /var/lib/tollgate/rules.toml") == "tollgate 600\n");
  must("systemctl restart tollgated");
  CHECK(must("tollgate rule list").find("not now") != std::string::npos);
  for (const std::string& address : kPeer.both()) REQUIRE(cable.out(Transport::tcp, address) == ECONNREFUSED);
  must("tollgate check");
  must("tollgate rule remove \"not now\"");
  for (const std::string& address : kPeer.both()) REQUIRE(cable.out(Transport::tcp, address) == 0);
}

TEST_CASE("the journal has every decision with its fields", "[live]") {
  const Cable cable{80};
  require_refused(cable);
  wait_until("the records", [] { return journal("-u tollgated TOLLGATE_VERDICT=block").size() >= 2; });
  const std::string user = must("id -u tollgate");
  const auto entries = journal("-u tollgated TOLLGATE_VERDICT=block");
  for (const auto& entry : entries) {
    INFO(boost::json::serialize(entry));
    CHECK(text_of(entry, "_SYSTEMD_UNIT") == kUnit);
    CHECK(text_of(entry, "_UID") + "\n" == user);
    CHECK(text_of(entry, "SYSLOG_IDENTIFIER") == "tollgated");
    CHECK(text_of(entry, "PRIORITY") == "5");
    CHECK(text_of(entry, "TOLLGATE_RULE") == "the other name");
    CHECK(text_of(entry, "TOLLGATE_DIRECTION") == "outbound");
    CHECK(text_of(entry, "TOLLGATE_PROTOCOL") == "tcp");
    CHECK(text_of(entry, "TOLLGATE_DESTINATION_PORT") == "80");
    CHECK(text_of(entry, "TOLLGATE_INTERFACE") == "up0");
    CHECK(text_of(entry, "TOLLGATE_UID") == "0");
    CHECK(text_of(entry, "TOLLGATE_GID") == "0");
    for (const char* field : {"MESSAGE_ID", "TOLLGATE_SOURCE_PORT", "TOLLGATE_STAGE", "TOLLGATE_REASON",
                              "TOLLGATE_FLOW", "TOLLGATE_GENERATION"}) {
      INFO(field);
      CHECK(!text_of(entry, field).empty());
    }
    const std::string source = text_of(entry, "TOLLGATE_SOURCE"), to = text_of(entry, "TOLLGATE_DESTINATION");
    CHECK((source == kHost.v4 || source == kHost.v6));
    CHECK((to == kOther.v4 || to == kOther.v6));
    // Readable on its own: who, to whom, what became of it, why.
    const std::string message = text_of(entry, "MESSAGE");
    for (const std::string& part :
         {std::string{"block outbound"}, source, to, std::string{"80"}, std::string{"the other name"}}) {
      CHECK(message.find(part) != std::string::npos);
    }
  }
}

TEST_CASE("others may look and may not change", "[live]") {
  const Said change = say("setpriv --reuid nobody --regid nogroup --clear-groups tollgate reload");
  INFO(change.text);
  CHECK(change.status != 0);
  const auto generation = daemon_status().policy.generation;
  must("setpriv --reuid nobody --regid tollgate --clear-groups tollgate reload");
  CHECK(daemon_status().policy.generation == generation + 1);
}

TEST_CASE("killed: systemd starts it again, and connections live", "[live]") {
  const Cable cable{80};
  std::vector<Socket> streams;
  for (const std::string& address : kPeer.both()) streams.push_back(cable.connect_out(address));
  for (const std::string& address : kHost.both()) streams.push_back(cable.connect_in(address));
  const int before = main_pid();
  must("systemctl kill -s KILL tollgated");
  for (const Socket& stream : streams) REQUIRE(goes_on(stream));
  wait_until("the next daemon", [&] {
    auto state = unit(kUnit, "ActiveState,MainPID");
    return state["ActiveState"] == "active" && state["MainPID"] != std::to_string(before);
  });
  CHECK(unit(kUnit, "NRestarts")["NRestarts"] == "1");
  for (const Socket& stream : streams) REQUIRE(goes_on(stream));
  CHECK(daemon_status().queue.received == 0);
  require_refused(cable);
}

TEST_CASE("stopped by a signal: the watchdog ends it, systemd starts it again, connections live", "[live]") {
  const Cable cable{80};
  std::vector<Socket> streams;
  for (const std::string& address : kPeer.both()) streams.push_back(cable.connect_out(address));
  for (const std::string& address : kHost.both()) streams.push_back(cable.connect_in(address));
  const int before = main_pid();
  REQUIRE(kill(before, SIGSTOP) == 0);
  wait_until("the watchdog", [&] {
    for (const Socket& stream : streams) REQUIRE(goes_on(stream));
    auto state = unit(kUnit, "ActiveState,MainPID");
    return state["ActiveState"] == "active" && state["MainPID"] != std::to_string(before);
  });
  CHECK(journal("-u tollgated _PID=1 UNIT_RESULT=watchdog").size() == 1);
  for (const Socket& stream : streams) REQUIRE(goes_on(stream));
  require_refused(cable);
}

TEST_CASE("backend iptables under the unit: the same user can load it", "[live]") {
  {
    const Rewritten config{kConfig, read_file(kConfig) + "backend = \"iptables\"\n"};
    must("systemctl restart tollgated");
    CHECK(daemon_status().backend == "iptables");
    CHECK(daemon_status().mark_path == "conntrack");
    const Cable cable{80};
    require_refused(cable);
    require_passing(cable);
    must("systemctl stop tollgated");
    CHECK(unit(kUnit, "Result")["Result"] == "success");
    const std::string left = must("iptables-save; ip6tables-save; nft list ruleset");
    INFO(left);
    CHECK(left.find("TOLLGATE") == std::string::npos);
  }
  must("systemctl start tollgated");
  CHECK(daemon_status().backend == "nft");
}

TEST_CASE("the statistics of the queues reach the daemon", "[live]") {
  // What the file says is what status says: it can be read without root.
  std::uint64_t dropped = 0;
  for (const KernelQueue& queue : kernel_queues()) dropped += queue.kernel_dropped;
  CHECK(daemon_status().queue.kernel_dropped == dropped);
  const std::string pid = std::to_string(main_pid());
  CHECK(must("ls -l /proc/" + pid + "/fd").find("nfnetlink_queue") != std::string::npos);
}

TEST_CASE("stop takes our rules away and leaves others' alone", "[live]") {
  must(
      "nft 'table inet somebody { chain c { type filter hook output priority 0; ip daddr 192.0.2.77 counter "
      "drop; }; }'");
  const std::string theirs = must("nft list table inet somebody");
  const Cable cable{80};
  require_refused(cable);
  must("systemctl stop tollgated");
  CHECK(unit(kUnit, "Result")["Result"] == "success");
  CHECK(!has_our_table());
  CHECK(must("nft list table inet somebody") == theirs);
  CHECK(cable.out(Transport::tcp, kOther.v4) == 0);
  CHECK(kernel_queues().size() == 0);
  CHECK(!std::filesystem::exists("/run/tollgate"));
  must("nft delete table inet somebody");
}

}  // namespace
