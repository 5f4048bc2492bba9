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
  std::uint64_t turns() const { return turns_; }

 private:
  void go_on() {
    try {
      while (!ending_ && wrong_.empty()) {
        if (const int error = exchange(socket_, transport_, transport_ == Transport::tcp ? 8192 : 512)) {
          wrong_ = "errno " + std::to_string(error) + " after " + std::to_string(turns_);
        }
        ++turns_;
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
  std::atomic<std::uint64_t> turns_{0};
  std::string wrong_;
  std::thread thread_;
};

int turns_wanted() {
  const char* given = std::getenv("TOLLGATE_TURNS");
  return given != nullptr ? std::atoi(given) : 100;
}

TEST_CASE("a hundred restarts, reloads and new rules under traffic: nothing is lost, nothing breaks",
          "[live][turns]") {
  write_file(kPolicy, kPolicyText);
  std::filesystem::remove(kSlip);
  must("systemctl restart tollgated");
  const Cable carried{80}, asked{7000};
  std::vector<std::unique_ptr<Talk>> talks;
  const auto talk = [&](Transport transport, Socket socket) {
    talks.push_back(std::make_unique<Talk>(transport, std::move(socket)));
  };
  talk(Transport::tcp, carried.connect_out(kPeer.v4));
  talk(Transport::tcp, carried.connect_in(kHost.v6));
  talk(Transport::udp, begin(Transport::udp, {kPeer.v4, asked.port}));
  talk(Transport::udp, begin(Transport::udp, {kPeer.v6, asked.port}));

  std::uint64_t lost = 0;
  for (int turn = 1; turn <= turns_wanted(); ++turn) {
    INFO("turn " << turn);
    if (turn % 4 == 0) {
      lost += daemon_status().queue.kernel_dropped + daemon_status().queue.user_dropped;
      must("systemctl restart tollgated");
      REQUIRE(asked.out(Transport::tcp, kPeer.v6) == 0);
    } else if (turn % 4 == 2) {
      must("tollgate ruleset apply");
    } else {
      must("systemctl reload tollgated");
    }
  }
  const Status status = daemon_status();
  CHECK(lost + status.queue.kernel_dropped + status.queue.user_dropped == 0);
  CHECK(status.queue.enobufs == 0);
  CHECK(status.queue.received > 0);
  for (const auto& one : talks) {
    const std::string wrong = one->stop();
    CHECK(wrong == "");
    CHECK(one->turns() > static_cast<std::uint64_t>(turns_wanted()));
    WARN("exchanges: " << one->turns());
  }
}

}  // namespace
