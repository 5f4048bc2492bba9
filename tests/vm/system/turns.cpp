// SPDX-License-Identifier: GPL-2.0-or-later
// Rules replaced, policy reloaded, daemon restarted, again and again, under traffic.
#include <atomic>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <thread>

#include "catch.hpp"
#include "machine.hpp"
#include "topology.hpp"

using namespace tollgate;
using namespace tollgate::test;

namespace {

// Everything to and from port 80 is carried by the kernel; each packet of the rest is asked about.
constexpr const char* kPolicyText =
    "[default]\noutbound = \"accept\"\ninbound = \"accept\"\n"
    "[[rule]]\nname = \"carried\"\nport = \"tcp/80\"\nverdict = \"permanent-accept\"\n";

// Talks without a pause until it is told to stop. A lost datagram, or a byte that is not what was
// sent, ends it.
class Talk {
 public:
  Talk(Transport transport, Socket socket)
      : transport_{transport}, socket_{std::move(socket)}, thread_{[this] { go_on(); }} {}
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;
  ~Talk() { stop(); }
  // What went wrong; "" for nothing.
  std::string stop() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
    return wrong_;
  }
  std::uint64_t exchanges() const { return exchanges_; }

 private:
  void go_on() {
    try {
      while (!ending_ && wrong_.empty()) {
        if (const int error = exchange(socket_, transport_, transport_ == Transport::tcp ? 8192 : 512)) {
          wrong_ = "errno " + std::to_string(error) + " after " + std::to_string(exchanges_);
        }
        ++exchanges_;
        // Leaves the emulated processors something for the programs that are being started.
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
      }
    } catch (const std::exception& problem) {
      wrong_ = problem.what();
    }
  }
  Transport transport_;
  Socket socket_;
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> exchanges_{0};
  std::string wrong_;
  std::thread thread_;
};

// What is lost when nobody is there to answer: nothing with fail open; with fail closed a datagram, which
// nobody sends again, but no stream.
std::vector<std::unique_ptr<Talk>> start_talks(const Cable& carried, const Cable& asked, bool fail_open) {
  std::vector<std::unique_ptr<Talk>> talks;
  const auto talk = [&](Transport transport, Socket socket) {
    talks.push_back(std::make_unique<Talk>(transport, std::move(socket)));
  };
  talk(Transport::tcp, carried.connect_out(kPeer.v4));
  talk(Transport::tcp, carried.connect_in(kHost.v6));
  talk(Transport::tcp, asked.connect_out(kPeer.v6));
  if (fail_open) {
    talk(Transport::udp, begin(Transport::udp, {kPeer.v4, asked.port}));
    talk(Transport::udp, begin(Transport::udp, {kPeer.v6, asked.port}));
  }
  return talks;
}

std::uint64_t lost_packets() {
  const auto queue = daemon_status().queue;
  return queue.kernel_dropped + queue.user_dropped;
}

void reload_by_socket() {
  ControlClient client{"/run/tollgate/tollgate.sock"};
  const auto replies = client.call("io.tollgate.Reload");
  REQUIRE(replies.at(0).error.empty());
}

// Of ten turns one restarts the daemon, two replace the rules, seven reload: once as a user does it (in the
// emulated machine systemd takes a second for that), else as systemd's command in the end does.
void turn(int number, const std::string& backend, std::uint64_t& lost) {
  switch (number % 10) {
    case 3:
    case 7:
      must("tollgate ruleset apply --backend " + backend);
      return;
    case 5:
      must("systemctl reload tollgated");
      return;
    case 0:
      lost += lost_packets();  // the next daemon counts from zero
      must("systemctl restart tollgated");
      return;
    default:
      reload_by_socket();
  }
}

// The machine's own configuration, but for one key of its first lines.
std::string config_with(const std::string& key, const std::string& word) {
  const std::string start = key + " = ", value = "\"" + word + "\"";
  std::string text = read_file(kConfig);
  const std::size_t at = text.find("\n" + start);
  if (at == std::string::npos) return start + value + "\n" + text;
  const std::size_t from = at + 1 + start.size();
  return text.replace(from, text.find_first_of(" \n", from) - from, value);
}

int turns_wanted(int usually) {
  const char* given = std::getenv("TOLLGATE_TURNS");
  return given != nullptr ? std::atoi(given) : usually;
}

// With the machine's own `fail`, and that backend.
void take_turns(int count, const std::string& backend) {
  const Rewritten policy{kPolicy, kPolicyText};
  const Rewritten config{kConfig, config_with("backend", backend)};
  must("systemctl restart tollgated");
  const bool fail_open = daemon_status().fail == "open";
  REQUIRE(daemon_status().backend == backend);
  const Cable carried{80}, asked{7000};
  const auto talks = start_talks(carried, asked, fail_open);
  std::uint64_t lost = 0;
  for (int number = 1; number <= count; ++number) {
    INFO("turn " << number);
    turn(number, backend, lost);
    if (number % 10 == 0) REQUIRE(asked.out(Transport::tcp, kPeer.v6) == 0);
  }
  const Status status = daemon_status();
  CHECK(lost + lost_packets() == 0);
  CHECK(status.queue.enobufs == 0);
  CHECK(status.queue.received > 0);
  CHECK(status.fail == (fail_open ? "open" : "closed"));
  for (const auto& one : talks) {
    const std::string wrong = one->stop();
    CHECK(wrong == "");
    CHECK(one->exchanges() > static_cast<std::uint64_t>(count));
    WARN("exchanges: " << one->exchanges());
  }
}

TEST_CASE("a hundred reloads, new rules and restarts under traffic: nothing is lost, nothing breaks",
          "[live][turns]") {
  std::filesystem::remove(kSlip);
  take_turns(turns_wanted(100), "nft");
}

TEST_CASE("the same with the iptables dialect", "[live][turns]") {
  take_turns(turns_wanted(20), "iptables");
  must("systemctl stop tollgated");
  const std::string left = must("iptables-save; ip6tables-save; nft list ruleset");
  INFO(left);
  CHECK(left.find("TOLLGATE") == std::string::npos);
}

TEST_CASE("the same with fail closed and the base ruleset", "[closed][turns]") {
  take_turns(turns_wanted(30), "nft");
}

TEST_CASE("the same with fail closed, the base ruleset and the iptables dialect", "[closed][turns]") {
  must("systemctl stop tollgated tollgate-base; tollgate ruleset remove");
  {
    const Rewritten config{kConfig, config_with("backend", "iptables")};
    must("systemctl start tollgate-base tollgated");
  }
  take_turns(turns_wanted(20), "iptables");
  must("systemctl stop tollgated tollgate-base; tollgate ruleset remove");
}

// Which iptables the machine's commands are: by nftables, or as of old.
void use_iptables(const std::string& kind) {
  for (const std::string tool : {"iptables", "ip6tables"}) {
    must("update-alternatives --quiet --set " + tool + " /usr/sbin/" + tool + "-" + kind);
  }
}

TEST_CASE(
    "legacy iptables: root's base ruleset loads; the daemon says what it lacks, or leaves the rules alone",
    "[closed]") {
  const Rewritten config{kConfig, config_with("backend", "iptables")};
  use_iptables("legacy");
  std::filesystem::remove("/run/xtables.lock");  // as at boot
  must("systemctl start tollgate-base");
  for (const char* tool : {"iptables-legacy-save", "ip6tables-legacy-save"}) {
    const std::string rules = must(tool);
    INFO(rules);
    CHECK(rules.find("-A OUTPUT -j TOLLGATE-OUTPUT") != std::string::npos);
  }
  REQUIRE(say("systemctl start tollgated").status != 0);
  CHECK(daemon_log().find("the rules could not be loaded: ") != std::string::npos);
  CHECK(daemon_log().find("this iptables is the legacy one, which only root can use") != std::string::npos);
  const Cable web{80};
  REQUIRE(nothing_came(begin(Transport::tcp, {kPeer.v4, web.port}), Transport::tcp));
  // As systemd/README.md says: root's unit loads the rules, the daemon leaves them alone.
  {
    const Rewritten left_alone{kConfig, config_with("ruleset", "none")};
    // Stopped first: systemd may be about to try once more, with what was configured before.
    must(
        "systemctl stop tollgated; systemctl restart tollgate-base; systemctl reset-failed tollgated; "
        "systemctl "
        "start tollgated");
    const Cable other{7000};
    for (const std::string& address : kPeer.both()) {
      REQUIRE(web.out(Transport::tcp, address) == 0);
      REQUIRE(other.out(Transport::tcp, address) == ECONNREFUSED);
    }
    for (const std::string& address : kHost.both()) REQUIRE(web.in(Transport::tcp, address) == 0);
  }
  must("systemctl stop tollgated tollgate-base; tollgate ruleset remove");
  CHECK(must("iptables-legacy-save; ip6tables-legacy-save").find("TOLLGATE") == std::string::npos);
  REQUIRE(web.out(Transport::tcp, kPeer.v4) == 0);
  use_iptables("nft");
}

}  // namespace
