// SPDX-License-Identifier: GPL-2.0-or-later
// Any text is a configuration that can be run with, or errors with their places, in order.
#include "tollgate/config/config.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <tuple>

namespace {

using namespace tollgate;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Diagnostics& diagnostics) {
  require(!diagnostics.empty());
  for (std::size_t i = 0; i < diagnostics.size(); ++i) {
    const Diagnostic& at = diagnostics[i];
    require(at.line > 0 && at.column > 0);
    require(!at.message.empty() && at.message.find('\n') == std::string::npos);
    if (i == 0) continue;
    const Diagnostic& before = diagnostics[i - 1];
    require(std::tie(before.line, before.column) <= std::tie(at.line, at.column));
  }
}

void check(const Config& config) {
  require(config.policy.starts_with('/') && config.socket.starts_with('/') && config.state.starts_with('/'));
  require(config.queue.number <= kMostQueueNumber);
  require(config.pending.max_packets < config.queue.max_length);
  require(is_temporary(config.unparsed) && is_temporary(config.pending.on_deadline));
  require(is_temporary(config.pending.on_overload));
  require(!config.nameserver.configured() || config.nameserver.port > 0);
  require(!config.tunnel.configured() || config.tunnel.port > 0);
  require(config.flow.max_flows > 0 && config.flow.idle_timeout > Duration::zero());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto config = parse_config(text, "/etc/tollgate/tollgate.toml");
  if (config) {
    check(*config);
  } else {
    check(config.error());
  }
  return 0;
}
