// SPDX-License-Identifier: GPL-2.0-or-later
#include "linux/ruleset_apply.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <regex>
#include <string>

#include "catch.hpp"
#include "linux/command.hpp"
#include "linux/rule_counter.hpp"
#include "tollgate/ruleset/ruleset.hpp"

using namespace tollgate;
using namespace std::chrono_literals;

namespace {

// A network namespace without anything in it, for this thread, as long as it lives.
class EmptyNamespace {
 public:
  EmptyNamespace() : outside_{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)} {
    entered_ = outside_ >= 0 && ::unshare(CLONE_NEWNET) == 0;
  }
  EmptyNamespace(const EmptyNamespace&) = delete;
  EmptyNamespace& operator=(const EmptyNamespace&) = delete;
  ~EmptyNamespace() {
    // Going on in the wrong namespace could load rules where nobody wants them.
    if (entered_ && ::setns(outside_, CLONE_NEWNET) != 0) std::abort();
    if (outside_ >= 0) ::close(outside_);
  }
  bool entered() const { return entered_; }

 private:
  int outside_;
  bool entered_ = false;
};

#define REQUIRE_NAMESPACE(name)                                      \
  const EmptyNamespace name;                                         \
  if (!name.entered()) {                                             \
    WARN("skipped: a network namespace needs root (CAP_SYS_ADMIN)"); \
    return;                                                          \
  }

CommandOutput run(const std::vector<std::string>& argv, const std::string& input = {}) {
  auto result = run_command(argv, input, 20s);
  INFO(argv.front() << ": " << (result.ok() ? result->err : result.error()));
  REQUIRE(result.ok());
  REQUIRE(result->ok());
  return *result;
}

std::string rules() { return run({"nft", "list", "ruleset"}).out; }

bool kernel_has_nft_queue() {
  const auto tried =
      run_command({"nft", "-c", "-f", "-"}, "table inet probe { chain c { queue num 1; }; }\n", 20s);
  return tried.ok() && tried->ok();
}

Config with(Backend backend) {
  Config config;
  config.backend = backend;
  config.forward = config.reroute_arriving = true;
  config.nameserver.address4 = IpAddress::parse("127.0.0.1");
  config.nameserver.address6 = IpAddress::parse("::1");
  return config;
}

void apply(const Config& config, Backend expected) {
  const auto applied = apply_ruleset(config);
  INFO((applied.ok() ? "" : applied.error().message));
  REQUIRE(applied.ok());
  CHECK(*applied == expected);
}

void remove(bool expected) {
  const auto removed = remove_ruleset();
  INFO((removed.ok() ? "" : removed.error().message));
  REQUIRE(removed.ok());
  CHECK(*removed == expected);
}

// Echo replies that nobody asked for: the rules in OUTPUT drop them, so each is met once.
void send_invalid(int count) {
  REQUIRE(run({"ip", "link", "set", "lo", "up"}).ok());
  const int fd = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  REQUIRE(fd >= 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < count; ++i) {
    const std::array<unsigned char, 8> reply{0, 0, 0xff, 0xff, 0, 0, 0, 0};
    ::sendto(fd, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  ::close(fd);
}

constexpr const char* kForeign4 =
    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OTHERS - [0:0]\n-A INPUT -j OTHERS\n"
    "-A OTHERS -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n";
constexpr const char* kForeignNft =
    "table inet others {\n\tset s { type ipv4_addr; elements = { 192.0.2.1 }; }\n"
    "\tchain c { type filter hook output priority 5; policy accept; ip daddr @s drop; }\n}\n";

}  // namespace

TEST_CASE("iptables: applied twice is applied once, and removal leaves nothing") {
  REQUIRE_NAMESPACE(inside);
  CHECK_FALSE(ruleset_present(Backend::automatic));
  apply(with(Backend::iptables), Backend::iptables);
  CHECK(ruleset_present(Backend::iptables));
  CHECK_FALSE(ruleset_present(Backend::nft));
  const std::string once = rules();
  apply(with(Backend::iptables), Backend::iptables);
  CHECK(rules() == once);
  remove(true);
  CHECK(rules().empty());
  CHECK_FALSE(ruleset_present(Backend::automatic));
  remove(false);
}

LiveRules live_rules() {
  LiveRules live;
  live.sockets = {{Direction::inbound, Protocol::udp, *IpAddress::parse("192.0.2.1"), 53},
                  {Direction::outbound, Protocol::tcp, *IpAddress::parse("2001:db8::1"), 6881}};
  live.interfaces = {{"lo", 1}, {"eth0", 2}, {"wg0", 2}};
  return live;
}

void update(Backend backend, const Config& config, const LiveRules& live) {
  const auto updated = update_live_rules(backend, config, live);
  INFO((updated.ok() ? "" : updated.error().message));
  REQUIRE(updated.ok());
}

// What is changed while the daemon runs, and what somebody else's loading takes away again.
void check_live_rules(Backend backend) {
  Config config = with(backend);
  config.arrival_interface = ArrivalInterface::reauthorize;
  const LiveRules wanted = live_rules();
  apply(config, backend);
  const std::string without = rules();
  CHECK(live_rules_present(backend, config, {}));
  CHECK_FALSE(live_rules_present(backend, config, wanted));
  update(backend, config, wanted);
  CHECK(live_rules_present(backend, config, wanted));
  CHECK(live_rules_present(Backend::automatic, config, wanted));
  CHECK_FALSE(live_rules_present(backend, config, {}));
  const std::string with_all = rules();
  update(Backend::automatic, config, wanted);
  CHECK(rules() == with_all);
  apply(config, backend);
  CHECK_FALSE(live_rules_present(backend, config, wanted));
  REQUIRE(apply_ruleset(config, wanted).ok());
  CHECK(rules() == with_all);
  update(backend, config, {});
  CHECK(live_rules_present(backend, config, {}));
  if (backend == Backend::iptables) CHECK(rules() == without);  // nft keeps the chains of numbers
  remove(true);
  CHECK(rules().empty());
}

TEST_CASE("iptables: what lives in the rules is replaced, and nothing else") {
  REQUIRE_NAMESPACE(inside);
  check_live_rules(Backend::iptables);
}

TEST_CASE("iptables: packets that the rule for INVALID met are counted from its loading on") {
  REQUIRE_NAMESPACE(inside);
  CHECK(counted_packets(CountedPackets::invalid, Backend::automatic) == std::nullopt);
  Config config = with(Backend::iptables);
  config.loopback = LoopbackHandling::decide;
  config.log_invalid = true;
  apply(config, Backend::iptables);
  CHECK(counted_packets(CountedPackets::invalid, Backend::iptables) == 0U);
  CHECK(counted_packets(CountedPackets::invalid, Backend::nft) == std::nullopt);
  send_invalid(7);
  CHECK(counted_packets(CountedPackets::invalid, Backend::iptables) == 7U);
  CHECK(counted_packets(CountedPackets::invalid, Backend::automatic) == 7U);
  apply(config, Backend::iptables);
  CHECK(counted_packets(CountedPackets::invalid, Backend::iptables) == 0U);
  remove(true);
}

TEST_CASE("iptables: a smaller configuration takes the larger one's chains away") {
  REQUIRE_NAMESPACE(inside);
  Config small;
  small.backend = Backend::iptables;
  apply(with(Backend::iptables), Backend::iptables);
  apply(small, Backend::iptables);
  CHECK(ruleset_present(Backend::iptables));
  for (const char* save : {"iptables-save", "ip6tables-save"}) {
    const std::string saved = run({save}).out;
    CHECK(saved.find("TOLLGATE-FORWARD") == std::string::npos);
    CHECK(saved.find("TOLLGATE-PREROUTING") == std::string::npos);
    CHECK(saved.find("DNAT") == std::string::npos);
    CHECK(saved.find("-A OUTPUT -j TOLLGATE-OUTPUT") != std::string::npos);
  }
  remove(true);
  CHECK(rules().empty());
}

TEST_CASE("iptables: what is others' stays as it was") {
  REQUIRE_NAMESPACE(inside);
  run({"iptables-restore"}, kForeign4);
  run({"nft", "-f", "-"}, kForeignNft);
  const std::string before = rules();
  apply(with(Backend::iptables), Backend::iptables);
  apply(with(Backend::iptables), Backend::iptables);
  remove(true);
  CHECK(rules() == before);
}

TEST_CASE("iptables: a jump that somebody took away is missed, and set again") {
  REQUIRE_NAMESPACE(inside);
  apply(with(Backend::iptables), Backend::iptables);
  const std::string whole = rules();
  run({"iptables", "-t", "mangle", "-D", "FORWARD", "-j", "TOLLGATE-FORWARD"});
  CHECK_FALSE(ruleset_present(Backend::iptables));
  apply(with(Backend::iptables), Backend::iptables);
  CHECK(ruleset_present(Backend::iptables));
  CHECK(rules() == whole);
}

TEST_CASE("automatic takes nft where the kernel has its queue, iptables where not") {
  REQUIRE_NAMESPACE(inside);
  const Backend expected = kernel_has_nft_queue() ? Backend::nft : Backend::iptables;
  apply(with(Backend::automatic), expected);
  CHECK(ruleset_present(expected));
  remove(true);
  CHECK(rules().empty());
}

TEST_CASE("nft: applied twice is applied once, beside others, and taken away whole") {
  REQUIRE_NAMESPACE(inside);
  if (!kernel_has_nft_queue()) {
    const auto refused = apply_ruleset(with(Backend::nft));
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find("queue num") != std::string::npos);
    CHECK(rules().empty());
    WARN("the load itself skipped: this kernel has no nft queue (CONFIG_NFT_QUEUE)");
    return;
  }
  run({"nft", "-f", "-"}, kForeignNft);
  const std::string before = rules();
  apply(with(Backend::iptables), Backend::iptables);
  apply(with(Backend::nft), Backend::nft);  // replaces the other dialect
  CHECK_FALSE(ruleset_present(Backend::iptables));
  const std::string once = rules();
  apply(with(Backend::nft), Backend::nft);
  CHECK(rules() == once);
  remove(true);
  CHECK(rules() == before);
}

// Everything but the queue statement loads on any kernel, so every other line is held to its syntax.
std::string without_queues(const std::string& text) {
  return std::regex_replace(text, std::regex{"queue num [0-9]+( bypass)?"}, "return");
}

TEST_CASE("nft: what lives in the rules is replaced, and nothing else") {
  REQUIRE_NAMESPACE(inside);
  if (kernel_has_nft_queue()) check_live_rules(Backend::nft);
  Config config = with(Backend::nft);
  config.arrival_interface = ArrivalInterface::reauthorize;
  run({"nft", "-f", "-"}, without_queues(render_nft(config)));
  const LiveRules wanted = live_rules();
  CHECK_FALSE(live_rules_present(Backend::nft, config, wanted));
  update(Backend::automatic, config, wanted);
  CHECK(live_rules_present(Backend::nft, config, wanted));
  const std::string updated = rules();
  update(Backend::nft, config, wanted);
  CHECK(rules() == updated);
  run({"nft", "-f", "-"}, without_queues(render_nft(config)));
  CHECK(live_rules_present(Backend::nft, config, {}));
  run({"nft", "-f", "-"}, without_queues(render_nft(config, wanted)));
  CHECK(rules() == updated);
  remove(true);
}

TEST_CASE("nft: packets that the rule for INVALID met are counted from its loading on") {
  REQUIRE_NAMESPACE(inside);
  Config config = with(Backend::nft);
  config.loopback = LoopbackHandling::decide;
  config.log_invalid = true;
  run({"nft", "-f", "-"}, without_queues(render_nft(config)));
  CHECK(counted_packets(CountedPackets::invalid, Backend::nft) == 0U);
  send_invalid(5);
  CHECK(counted_packets(CountedPackets::invalid, Backend::nft) == 5U);
  CHECK(counted_packets(CountedPackets::invalid, Backend::iptables) == std::nullopt);
  remove(true);
}

TEST_CASE("nft: the text without its queue statements loads, and again") {
  REQUIRE_NAMESPACE(inside);
  Config config = with(Backend::nft);
  config.loopback = LoopbackHandling::decide;
  config.log_invalid = true;
  config.fail = FailMode::open;
  config.related = RelatedHandling::decide;
  config.icmp_errors = IcmpErrors::decide;
  const std::string text = without_queues(render_nft(config));
  run({"nft", "-f", "-"}, text);
  const std::string once = rules();
  run({"nft", "-f", "-"}, text);
  CHECK(rules() == once);
  CHECK(ruleset_present(Backend::nft));
  remove(true);
  CHECK(rules().empty());
}
