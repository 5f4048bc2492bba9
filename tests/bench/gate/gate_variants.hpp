// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon_under_test.hpp"
#include "topology.hpp"

namespace tollgate::bench {

// One way to guard a host, in namespaces of its own, with the same server on the peer.
class Variant {
 public:
  explicit Variant(std::string name);
  virtual ~Variant() = default;

  const std::string& name() const { return name_; }
  const test::NetworkNamespace& host() const { return net_.host; }
  // The program that decides; none where there is no firewall.
  virtual std::optional<pid_t> daemon() const { return std::nullopt; }
  // Around each round: what watches the whole machine (eBPF) runs only while it is measured.
  virtual void begin() {}
  virtual void end() {}

 protected:
  test::Topology net_;

 private:
  std::string name_;
  test::Process connections_;  // servers on the peer
  test::Process queries_;
  test::Process throughput_;
};

inline constexpr std::uint16_t kLoadPort = 7000;
inline constexpr std::uint16_t kQueryPort = 53;

// No firewall; the bare loop with the fewest rules and with those of tollgate; tollgated with 10 and
// with 1,000 rules, and with a rule by path: by eBPF, by /proc, by /proc beside many processes;
// OpenSnitch where it is installed (or $TOLLGATE_OPENSNITCHD names it). Why one of them is left out is
// said on standard error. Of those past the bare loop only the ones in whose name one of `parts` is,
// where there are any.
std::vector<std::unique_ptr<Variant>> all_variants(const std::vector<std::string>& parts);

}  // namespace tollgate::bench
