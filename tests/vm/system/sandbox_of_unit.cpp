// SPDX-License-Identifier: GPL-2.0-or-later
// What somebody who has taken over the daemon could do: the unit's own settings, another program.
#include <unistd.h>

#include <cerrno>
#include <map>
#include <sstream>

#include "catch.hpp"
#include "daemon_under_test.hpp"
#include "machine.hpp"

using namespace tollgate::test;

namespace {

constexpr const char* kOutput = "/run/intruder.said";

// The installed unit with the intruder in the daemon's place. What is about starting, stopping and
// ordering goes, all the rest stays.
std::string intruders_unit() {
  std::string text = "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\n";
  std::istringstream lines{read_file("/lib/systemd/system/tollgated.service")};
  bool in_service = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[')) in_service = line == "[Service]";
    bool about_life = false;
    for (const char* key : {"[", "Type=", "NotifyAccess=", "Exec", "Restart", "Watchdog", "Timeout",
                            "RuntimeDirectory", "StateDirectory"}) {
      about_life = about_life || line.starts_with(key);
    }
    // What loads the eBPF programs is given up before anything is read that a stranger sent.
    if (line.starts_with("AmbientCapabilities=")) line = "AmbientCapabilities=CAP_NET_ADMIN";
    if (in_service && !about_life) text += line + "\n";
  }
  return text + "StandardOutput=file:" + kOutput + "\nExecStart=" + our_program("vm_intruder") + " " +
         std::to_string(getpid()) + "\n";
}

std::map<std::string, int> outcomes(const std::string& text) {
  std::map<std::string, int> found;
  std::istringstream lines{text};
  std::string what;
  for (int error = 0; lines >> what >> error;) found[what] = error;
  return found;
}

TEST_CASE("whoever takes over the daemon gets nothing but the network's settings", "[live]") {
  write_file("/run/systemd/system/intruder.service", intruders_unit());
  must("systemctl daemon-reload");
  must("systemctl start intruder");
  auto inside = outcomes(read_file(kOutput));
  // The same tries without the sandbox, so that nothing counts as forbidden that never works.
  auto outside = outcomes(must("exec " + our_program("vm_intruder") + " " + std::to_string(getpid())));
  REQUIRE(inside.size() == outside.size());
  REQUIRE(inside.size() > 20);
  for (const auto& [what, error] : outside) {
    INFO(what << ": " << inside[what] << " inside, " << error << " outside");
    CHECK(error == 0);
    if (what.starts_with("own-")) {
      CHECK(inside[what] == 0);
    } else {
      CHECK(inside[what] != 0);
    }
  }
}

TEST_CASE("systemd-analyze security: 2.5 or less", "[live]") {
  const std::string text = must("systemd-analyze security --no-pager tollgated");
  const std::string words = "Overall exposure level for tollgated.service: ";
  const std::size_t at = text.find(words);
  REQUIRE(at != std::string::npos);
  const double exposure = std::stod(text.substr(at + words.size()));
  WARN("exposure " << exposure);
  CHECK(exposure > 0.0);
  CHECK(exposure <= 2.5);
}

}  // namespace
