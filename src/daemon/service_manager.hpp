// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace tollgate {

// What systemd is told (sd_notify(3)); all of it does nothing when nobody asked (NOTIFY_SOCKET).
class ServiceManager {
 public:
  void ready(const std::string& status) const;
  // Monotonic time goes along, as Type=notify-reload wants.
  void reloading() const;
  void stopping() const;
  void alive() const;
  // How often `alive` has to be called at least, halved for safety (sd_watchdog_enabled(3)).
  std::optional<std::chrono::microseconds> watchdog_interval() const;
};

}  // namespace tollgate
