// SPDX-License-Identifier: GPL-2.0-or-later
#include "gate_variants.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <thread>
#include <type_traits>

namespace tollgate::bench {
namespace {

using namespace test;

void wait_for_output(Process& process, const std::string& words) {
  wait_until("\"" + words + "\"", [&] {
    if (!process.running()) throw std::runtime_error{"it ended: " + process.output() + process.errors()};
    return (process.output() + process.errors()).find(words) != std::string::npos;
  });
}

Process start(const NetworkNamespace& where, const std::vector<std::string>& command,
              const std::string& ready) {
  Process process = in(where, [&] { return Process{command}; });
  wait_for_output(process, ready);
  return process;
}

std::string policy_of(std::size_t rules) {
  std::string text = "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-block\"\n";
  for (std::size_t i = 1; i < rules; ++i) {
    text += "[[rule]]\nname = \"other " + std::to_string(i) +
            "\"\ndirection = \"outbound\"\ndestination = \"198.51." + std::to_string(i / 250) + "." +
            std::to_string(i % 250 + 1) + "\"\nport = \"tcp/" + std::to_string(1000 + i) +
            "\"\nverdict = \"permanent-block\"\n";
  }
  return text +
         "[[rule]]\nname = \"the load\"\ndirection = \"outbound\"\nport = [\"tcp/7000\", \"tcp/5201\", "
         "\"udp/53\"]\n"
         "verdict = \"permanent-accept\"\n";
}

std::string policy_by_path() {
  return "[default]\noutbound = \"permanent-block\"\ninbound = \"permanent-block\"\n"
         "[[rule]]\nname = \"the load\"\ndirection = \"outbound\"\nprocess = [\"" +
         our_program("connect_load") + "\", \"" + our_program("query_load") + "\", \"" +
         find_program("iperf3").value_or("/usr/bin/iperf3") + "\"]\nverdict = \"permanent-accept\"\n";
}

// Its rules ask about first packets that leave, and save the mark: nothing else.
class BareLoop : public Variant {
 public:
  BareLoop()
      : Variant{"bare loop, fewest rules"}, loop_{start(host(), {our_program("nfqueue_loop")}, "ready")} {
    const std::string accept = "0x1000000/0xf000000";
    in(host(), [&] {
      for (const char* program : {"iptables", "ip6tables"}) {
        must_run({program, "-t", "mangle", "-A", "OUTPUT", "!", "-o", "lo", "-m", "conntrack", "--ctstate",
                  "NEW", "-j", "NFQUEUE", "--queue-num", "4200"});
        must_run({program, "-A", "OUTPUT", "-m", "mark", "--mark", accept, "-j", "CONNMARK", "--save-mark",
                  "--nfmask", "0xf000000", "--ctmask", "0xf000000"});
        must_run({program, "-A", "OUTPUT", "-m", "mark", "--mark", accept, "-j", "MARK", "--set-xmark",
                  "0/0xf000000"});
      }
    });
  }
  std::optional<pid_t> daemon() const override { return loop_.pid(); }

 private:
  Process loop_;
};

class BareLoopSameRules : public Variant {
 public:
  BareLoopSameRules()
      : Variant{"bare loop, tollgate's rules"},
        files_{host(), {policy_of(1)}, DaemonUnderTest::Start::later},
        loop_{start(host(), {our_program("nfqueue_loop")}, "ready")} {
    const Finished applied = files_.tollgate({"ruleset", "apply", "--config", files_.config_file()});
    if (applied.status != 0) throw std::runtime_error{applied.errors};
  }
  std::optional<pid_t> daemon() const override { return loop_.pid(); }

 private:
  DaemonUnderTest files_;
  Process loop_;
};

class Tollgate : public Variant {
 public:
  Tollgate(const std::string& name, const std::string& policy, const std::string& lookup)
      : Variant{"tollgated, " + name},
        daemon_{
            host(), {policy, "", "[process]\nlookup = \"" + lookup + "\"\n"}, DaemonUnderTest::Start::later} {
  }
  std::optional<pid_t> daemon() const override { return daemon_.pid(); }
  void begin() override { daemon_.start(); }
  void end() override {
    if (daemon_.stop().status != 0) throw std::runtime_error{daemon_.log()};
  }

 private:
  DaemonUnderTest daemon_;
};

// Processes that hold open files and do nothing.
class ManyProcesses {
 public:
  ManyProcesses(std::size_t count, std::size_t descriptors) {
    for (std::size_t i = 0; i < count; ++i) {
      const pid_t child = ::fork();
      if (child < 0) throw std::runtime_error{"fork: " + std::string{std::strerror(errno)}};
      if (child > 0) {
        children_.push_back(child);
        continue;
      }
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      while (descriptors-- > 0) ::socket(AF_UNIX, SOCK_DGRAM, 0);
      ::pause();
      ::_exit(0);
    }
  }
  ManyProcesses(const ManyProcesses&) = delete;
  ManyProcesses& operator=(const ManyProcesses&) = delete;
  ~ManyProcesses() {
    for (const pid_t child : children_) ::kill(child, SIGKILL);
    for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
  }

 private:
  std::vector<pid_t> children_;
};

class BesideManyProcesses : public Tollgate {
 public:
  using Tollgate::Tollgate;
  void begin() override {
    others_.emplace(2000, 100);
    Tollgate::begin();
  }
  void end() override {
    Tollgate::end();
    others_.reset();
  }

 private:
  std::optional<ManyProcesses> others_;
};

// OpenSnitch with a rule by path for the load's client and for iperf3, without a user interface.
class OpenSnitch : public Variant {
 public:
  explicit OpenSnitch(const std::string& program)
      : Variant{"OpenSnitch, rule by path"}, daemon_{in(host(), [&] { return Process{command(program)}; })} {
    // It says nothing that can be relied on; that its rules are there can be seen.
    wait_until("OpenSnitch's rules", [&] {
      if (!daemon_.running())
        throw std::runtime_error{"OpenSnitch ended: " + daemon_.output() + daemon_.errors()};
      return in(host(),
                [] {
                  return must_run({"nft", "list", "ruleset"}) + must_run({"iptables-save"});
                }).find("queue") != std::string::npos ||
             in(host(), [] { return must_run({"iptables-save"}); }).find("NFQUEUE") != std::string::npos;
    });
  }
  std::optional<pid_t> daemon() const override { return daemon_.pid(); }

 private:
  std::vector<std::string> command(const std::string& program) const {
    rule("load", our_program("connect_load"));
    rule("queries", our_program("query_load"));
    rule("iperf", find_program("iperf3").value_or(""));
    return {program,
            "-rules-path",
            files_.path() + "/rules",
            "-process-monitor-method",
            "proc",
            "-ui-socket",
            "unix://" + files_.path() + "/no-interface",
            "-queue-num",
            "100"};
  }
  void rule(const std::string& name, const std::string& path) const {
    files_.write(
        "rules/" + name + ".json",
        "{\"name\": \"" + name +
            "\", \"enabled\": true, \"precedence\": false, \"action\": \"allow\", "
            "\"duration\": \"always\", \"operator\": {\"type\": \"simple\", \"operand\": \"process.path\", "
            "\"sensitive\": false, \"data\": \"" +
            path + "\", \"list\": []}}");
  }
  TemporaryDirectory files_;
  Process daemon_;
};

template <class Make>
void add(std::vector<std::unique_ptr<Variant>>& all, const std::string& what, Make make) {
  try {
    all.push_back(make());
  } catch (const std::exception& problem) {
    std::cerr << what << " is left out: " << problem.what() << '\n';
  }
}

}  // namespace

Variant::Variant(std::string name)
    : name_{std::move(name)},
      connections_{start(net_.peer, {our_program("connect_load"), "server", "::", std::to_string(kLoadPort)},
                         "ready")},
      queries_{start(net_.peer, {our_program("query_load"), "server", kPeer.v4, std::to_string(kQueryPort)},
                     "ready")},
      throughput_{start(net_.peer, {"iperf3", "-s", "--forceflush"}, "listening")} {
  in(net_.host, [] { write_setting("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535"); });
}

std::vector<std::unique_ptr<Variant>> all_variants(const std::vector<std::string>& parts) {
  std::vector<std::unique_ptr<Variant>> all;
  const auto wanted = [&](const std::string& name) {
    return parts.empty() ||
           std::ranges::any_of(parts, [&](const auto& part) { return name.find(part) != std::string::npos; });
  };
  const auto tollgate = [&]<class Kind>(std::type_identity<Kind>, const std::string& name,
                                        const std::string& policy, const std::string& lookup) {
    if (wanted(name)) all.push_back(std::make_unique<Kind>(name, policy, lookup));
  };
  all.push_back(std::make_unique<Variant>("no firewall"));
  all.push_back(std::make_unique<BareLoop>());
  if (wanted("tollgate's rules")) all.push_back(std::make_unique<BareLoopSameRules>());
  constexpr std::type_identity<Tollgate> kAlone;
  tollgate(kAlone, "10 rules", policy_of(10), "auto");
  tollgate(kAlone, "1,000 rules", policy_of(1000), "auto");
  tollgate(kAlone, "1,000, no eBPF", policy_of(1000), "proc");
  tollgate(kAlone, "1,000, no look-up", policy_of(1000), "off");
  tollgate(kAlone, "path, eBPF", policy_by_path(), "auto");
  tollgate(kAlone, "path, /proc", policy_by_path(), "proc");
  tollgate(std::type_identity<BesideManyProcesses>{}, "path, /proc, 2,000", policy_by_path(), "proc");
  const char* given = std::getenv("TOLLGATE_OPENSNITCHD");
  const auto open_snitch = find_program(given != nullptr ? given : "opensnitchd");
  if (!wanted("OpenSnitch")) return all;
  if (!open_snitch) {
    std::cerr << "OpenSnitch is left out: no opensnitchd here (Debian: apt-get install opensnitch)\n";
    return all;
  }
  add(all, "OpenSnitch", [&] { return std::make_unique<OpenSnitch>(*open_snitch); });
  return all;
}

}  // namespace tollgate::bench
