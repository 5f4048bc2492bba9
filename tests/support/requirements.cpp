// SPDX-License-Identifier: GPL-2.0-or-later
#define CATCH_CONFIG_EXTERNAL_INTERFACES  // Catch2 v2: the listener's interface
#include "requirements.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "network_namespace.hpp"
#include "process.hpp"

namespace tollgate::test {
namespace {

constexpr int kSkipped = 77;  // SKIP_RETURN_CODE in tests/netns/CMakeLists.txt
constexpr rlim_t kOpenFiles = 65536;

// Empty when namespaces can be had.
std::string why_not() {
  if (::geteuid() != 0) return "network namespaces need root";
  try {
    const NetworkNamespace probe;
    must_run({"ip", "link"});
  } catch (const std::exception& problem) {
    return problem.what();
  }
  return "";
}

#if __has_include(<catch2/catch_all.hpp>)
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

// Without namespaces no test of these programs can run: the program says so once, and ends.
class NeedsNamespaces : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;
  void testRunStarting(const Catch::TestRunInfo& run_info) override {
    ListenerBase::testRunStarting(run_info);
    const rlimit many{kOpenFiles, kOpenFiles};
    ::setrlimit(RLIMIT_NOFILE, &many);
    remove_leftovers();
    const std::string why = why_not();
    if (why.empty()) return;
    std::cerr << "skipped: " << why << std::endl;
    std::_Exit(skipping_allowed() ? kSkipped : EXIT_FAILURE);
  }
};

CATCH_REGISTER_LISTENER(NeedsNamespaces)

}  // namespace

std::string missing_programs(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!find_program(name)) return "no " + name + " here";
  }
  return "";
}

bool skipping_allowed() { return std::getenv("TOLLGATE_NO_SKIP") == nullptr; }

}  // namespace tollgate::test
