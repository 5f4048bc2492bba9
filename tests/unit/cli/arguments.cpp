// SPDX-License-Identifier: GPL-2.0-or-later
// What the command line refuses, and with which words and exit status.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "catch.hpp"
#include "cli/command_line.hpp"
#include "temporary_folder.hpp"

using namespace tollgate::cli;
using tollgate::test::TemporaryFolder;

namespace {

struct Ran {
  int status = 0;
  std::string out, err;
};

Ran tollgate_run(const std::vector<std::string>& arguments) {
  std::ostringstream out, err;
  Page page{out, err, 0, false};
  const int status = run(arguments, page);
  return {status, out.str(), err.str()};
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

TEST_CASE("iptables rules are printed for both families, or for the one that is asked for") {
  const TemporaryFolder files;
  const std::string empty = files.write("empty.toml", "");
  const auto print = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"ruleset", "print", "--config", empty, "--backend", "iptables"};
    words.insert(words.end(), more.begin(), more.end());
    return tollgate_run(words);
  };
  const Ran both = print({}), v4 = print({"--family", "ipv4"}), v6 = print({"--family", "ipv6"});
  CHECK(both.status == 0);
  CHECK(v4.out != v6.out);
  CHECK(both.out.find(v4.out) != std::string::npos);
  CHECK(both.out.find(v6.out) != std::string::npos);
}

TEST_CASE("arguments: usage errors exit 2 and name the option, with no daemon asked") {
  struct Case {
    std::vector<std::string> arguments;
    const char* message;
  };
  const TemporaryFolder files;
  const std::string empty = files.write("empty.toml", "");
  const Case cases[] = {
      {{}, "tollgate: A subcommand is required"},
      {{"ruleset"}, "tollgate: A subcommand is required"},
      {{"flows", "--port", "70000"}, "tollgate: --port: \"70000\" is not a number from 0 to 65535"},
      {{"flows", "--port", "-1"}, "tollgate: --port: \"-1\" is not a number from 0 to 65535"},
      {{"flows", "--port", "80x"}, "tollgate: --port: \"80x\" is not a number from 0 to 65535"},
      {{"flows", "--protocol", "tpc"},
       "tollgate: --protocol: no such protocol (a name like tcp, or a number from 0 to 255)"},
      {{"flows", "--direction", "out"}, "tollgate: --direction: not outbound, inbound or forward"},
      {{"flows", "--verdict", "allow"},
       "tollgate: --verdict: no such verdict (accept, permanent-block, reroute-tunnel, …)"},
      {{"flows", "--state", "open"}, "tollgate: --state: not pending, inspecting, active or ended"},
      {{"flows", "--address", "10.0.0.1/8"},
       "tollgate: --address: not an address, nor a network like 10.0.0.0/8 without host bits"},
      {{"flows", "--user", "no such user"}, "tollgate: --user: there is no user \"no such user\""},
      {{"flows", "--destination", "10.0.0.1:http"},
       "tollgate: --destination: \"http\" is not a number from 0 to 65535"},
      {{"flows", "--destination", "example.com"},
       "tollgate: --destination: not an address, nor a network like 10.0.0.0/8 without host bits"},
      {{"revoke"}, "tollgate: say which flows: by ID, by --destination, --rule, --user, …, or --all"},
      {{"kill", "--json"}, "tollgate: say which flows: by ID, by --destination, --rule, --user, …, or --all"},
      {{"kill", "7", "--all"}, "tollgate: --all goes without anything that selects"},
      {{"explain"}, "tollgate: say who talks to whom: --source ADDRESS, --destination ADDRESS or both"},
      {{"explain", "--destination", "example.com"},
       "tollgate: --destination: \"example.com\" is not an IPv4 or IPv6 address"},
      {{"explain", "--destination", "::1", "--source", "10.0.0.1"},
       "tollgate: --source and --destination are not of the same family (IPv4, IPv6)"},
      {{"explain", "--destination", "10.0.0.1", "--protocol", "icmp", "--port", "7"},
       "tollgate: --port, --source-port: icmp has no ports"},
      {{"explain", "--destination", "10.0.0.1", "--direction", "up"},
       "tollgate: --direction: not outbound, inbound or forward"},
      {{"explain", "--destination", "10.0.0.1", "--group", "no such group"},
       "tollgate: --group: there is no group \"no such group\""},
      {{"explain", "--destination", "10.0.0.1", "--domain", "a b"},
       "tollgate: --domain: \"a b\" is not a domain"},
      {{"explain", "--destination", "10.0.0.1", "--name-source", "rumour"},
       "tollgate: --name-source: no such source of names (dns, mdns, tls-sni, …)"},
      {{"ruleset", "print", "--config", empty, "--family", "ipv4"},
       "tollgate: --family: nft rules serve both families; leave it out"},
      {{"replay", "--local", "10.0.0.1/8", "x.pcap"},
       "tollgate: --local: \"10.0.0.1/8\" is not an address, nor a network like 10.0.0.0/8 without host "
       "bits"},
      {{"replay"}, "tollgate: CAPTURE is required"},
      {{"rule", "add", "verdict"}, "tollgate: \"verdict\" is not KEY=VALUE, like port=tcp/443"},
      {{"rule", "add", "=drop"}, "tollgate: \"=drop\" is not KEY=VALUE, like port=tcp/443"},
      {{"rule", "add", "--for", "10", "verdict=drop"},
       "tollgate: --for: \"10\" is not a time like 90s, 10m, 1h or 7d"},
      {{"rule", "add", "--for", "0s", "verdict=drop"},
       "tollgate: --for: \"0s\" is not a time like 90s, 10m, 1h or 7d"},
      {{"rule", "remove"}, "tollgate: NAME is required"},
  };
  for (const Case& one : cases) {
    INFO(one.message);
    const Ran ran = tollgate_run(one.arguments);
    CHECK(ran.status == 2);
    CHECK(ran.out == "");
    CHECK(first_line(ran.err) == one.message);
    CHECK(ran.err.find("tollgate: see tollgate --help") != std::string::npos);
  }
}

TEST_CASE("arguments: what is no command or option exits 2") {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"flow"},
                                                    {"status", "--colour"},
                                                    {"flows", "extra"},
                                                    {"status", "--watch"},
                                                    {"ruleset", "print", "--backend", "pf"},
                                                    {"--socket"}}) {
    const Ran ran = tollgate_run(arguments);
    CHECK(ran.status == 2);
    CHECK(ran.out == "");
    CHECK(ran.err.starts_with("tollgate: "));
  }
}

TEST_CASE("arguments: help and version go to standard output") {
  CHECK(tollgate_run({"--version"}).out == "tollgate " TOLLGATE_VERSION "\n");
  CHECK(tollgate_run({"version"}).out == "tollgate " TOLLGATE_VERSION "\n");
  for (const char* command :
       {"status", "flows", "rule", "reload", "check", "explain", "ruleset", "replay", "version"}) {
    const Ran ran = tollgate_run({command, "--help"});
    CHECK(ran.status == 0);
    CHECK(ran.err == "");
    CHECK(ran.out.find(std::string{"Usage: tollgate "} + command) != std::string::npos);
    CHECK(tollgate_run({"--help"}).out.find(command) != std::string::npos);
  }
}

TEST_CASE("arguments: without a daemon it is 3, and --socket may stand before or after") {
  const TemporaryFolder files;
  const std::string socket = files.file("sock");
  const std::string wanted =
      "tollgate: cannot reach the daemon at " + socket +
      ": No such file or directory (is tollgated running? --socket names another socket)\n";
  for (const char* command : {"status", "flows", "reload"}) {
    const Ran before = tollgate_run({"--socket", socket, command});
    CHECK(before.status == 3);
    CHECK(before.err == wanted);
    CHECK(tollgate_run({command, "--socket", socket}).err == wanted);
  }
  CHECK(tollgate_run({"explain", "--destination", "10.0.0.1", "--socket", socket}).status == 3);
}

TEST_CASE("check: every error of every file, and what was checked") {
  const TemporaryFolder files;
  const std::string good =
      files.write("good.toml", "[[rule]]\nname = \"web\"\nport = 443\nverdict = \"accept\"\n");
  const std::string bad = files.write("bad.toml", "[[rule]]\nverdict = \"allow\"\n[[rule]]\ncolour = 1\n");
  const Ran one = tollgate_run({"check", good});
  CHECK(one.status == 0);
  CHECK(one.out == "policy " + good + ": 1 rule, 0 lists\n");
  CHECK(one.err == "");

  const Ran two = tollgate_run({"check", bad, good, files.file("missing.toml")});
  CHECK(two.status == 1);
  CHECK(two.out == "policy " + good + ": 1 rule, 0 lists\n");
  CHECK(two.err.find(bad + ":2:") != std::string::npos);
  CHECK(two.err.find(bad + ":4:") != std::string::npos);
  CHECK(two.err.find(files.file("missing.toml") + ": ") != std::string::npos);

  const std::string config = files.write("tollgate.toml", "policy = \"good.toml\"\n");
  const Ran whole = tollgate_run({"check", "--config", config});
  CHECK(whole.status == 0);
  CHECK(whole.out == "configuration " + config + ": good\npolicy " + good + ": 1 rule, 0 lists\n");

  const std::string broken = files.write("broken.toml", "fail = \"ajar\"\ncolour = 1\n");
  const Ran refused = tollgate_run({"check", "--config", broken});
  CHECK(refused.status == 1);
  CHECK(refused.err.find(broken + ":1:") != std::string::npos);
  CHECK(refused.err.find(broken + ":2:") != std::string::npos);
}

TEST_CASE("explain: with a policy no daemon is needed") {
  const TemporaryFolder files;
  const std::string policy = files.write(
      "p.toml",
      "[default]\noutbound = \"drop\"\n[[rule]]\nname = \"web\"\nport = 443\nverdict = \"accept\"\n");
  const Ran web = tollgate_run({"explain", "--policy", policy, "--destination", "10.0.0.2", "--port", "443"});
  CHECK(web.status == 0);
  CHECK(web.out.find("accept, by rule \"web\"") != std::string::npos);
  const Ran other =
      tollgate_run({"explain", "--policy", policy, "--destination", "10.0.0.2", "--port", "80"});
  CHECK(other.out.find("drop, the default: no rule matches") != std::string::npos);
}

TEST_CASE("explain: by the name that a connection is meant for") {
  const TemporaryFolder files;
  files.write("ads.txt", "||ads.example^\n@@||good.ads.example^\n");
  const std::string policy =
      files.write("p.toml",
                  "[list.ads]\ndomains = \"ads.txt\"\n[[rule]]\nname = \"ads\"\ndomain = [\"@ads\", "
                  "\"*.bücher.example\"]\nname_source = [\"dns\", \"mdns\"]\nverdict = \"drop\"\n");
  const auto verdict = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"explain", "--policy", policy, "--destination", "192.0.2.1"};
    words.insert(words.end(), more.begin(), more.end());
    const Ran ran = tollgate_run(words);
    return ran.out.find("drop, by rule \"ads\"") != std::string::npos;
  };
  CHECK(verdict({"--domain", "www.ads.example"}));
  CHECK(verdict({"--domain", "Www.BÜCHER.example."}));
  CHECK(verdict({"--domain", "ads.example", "--name-source", "mdns"}));
  CHECK_FALSE(verdict({"--domain", "ads.example", "--name-source", "tls-sni"}));
  CHECK_FALSE(verdict({"--domain", "good.ads.example"}));
  CHECK_FALSE(verdict({}));
}

TEST_CASE("ruleset print: both dialects of a configuration") {
  const TemporaryFolder files;
  const std::string empty = files.write("empty.toml", "");
  const Ran nft = tollgate_run({"ruleset", "print", "--config", empty});
  CHECK(nft.status == 0);
  CHECK(nft.out.find("table inet tollgate") != std::string::npos);
  const Ran v6 =
      tollgate_run({"ruleset", "print", "--config", empty, "--backend", "iptables", "--family", "ipv6"});
  CHECK(v6.status == 0);
  CHECK(v6.out.find("*mangle") != std::string::npos);
  CHECK(tollgate_run({"ruleset", "print", "--config", "/no/such/file"}).status == 1);
}
