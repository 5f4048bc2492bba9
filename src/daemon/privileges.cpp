// SPDX-License-Identifier: GPL-2.0-or-later
#include "privileges.hpp"

#include <sys/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace tollgate {
namespace {

constexpr std::array<cap_value_t, 2> kInherited = {CAP_NET_ADMIN, CAP_NET_RAW};

std::vector<cap_value_t> to_keep(const AttributionNeeds& needs) {
  std::vector<cap_value_t> kept{kInherited.begin(), kInherited.end()};
  if (needs.bpf) kept.push_back(CAP_BPF);
  if (needs.proc) kept.insert(kept.end(), {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH});
  return kept;
}

std::string failure(const char* what) { return std::string{what} + ": " + std::strerror(errno); }

using Capabilities = std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)>;

bool permitted(const Capabilities& now, cap_value_t capability) {
  cap_flag_value_t value = CAP_CLEAR;
  return cap_get_flag(now.get(), capability, CAP_PERMITTED, &value) == 0 && value == CAP_SET;
}

}  // namespace

std::optional<std::string> give_up_privileges(const AttributionNeeds& needs) {
  const std::vector<cap_value_t> kept = to_keep(needs);
  const Capabilities now{cap_get_proc(), &cap_free};
  const Capabilities wanted{cap_init(), &cap_free};
  if (!now || !wanted) return failure("capabilities");

  // The bounding set first: it needs CAP_SETPCAP, which goes with the rest. Without it the set is
  // already what somebody else made it.
  if (permitted(now, CAP_SETPCAP)) {
    for (cap_value_t capability = 0; capability <= CAP_LAST_CAP; ++capability) {
      if (std::ranges::find(kept, capability) != kept.end() || cap_get_bound(capability) <= 0) continue;
      if (cap_drop_bound(capability) != 0) return failure("bounding set");
    }
  }
  for (const cap_value_t capability : kept) {
    if (!permitted(now, capability)) continue;
    const bool inherited = std::ranges::find(kInherited, capability) != kInherited.end();
    for (const cap_flag_t set : {CAP_PERMITTED, CAP_EFFECTIVE, CAP_INHERITABLE}) {
      if (set == CAP_INHERITABLE && !inherited) continue;
      if (cap_set_flag(wanted.get(), set, 1, &capability, CAP_SET) != 0) return failure("capability set");
    }
  }
  if (cap_set_proc(wanted.get()) != 0) return failure("capset");
  for (const cap_value_t capability : kInherited) {
    if (permitted(now, capability) && cap_set_ambient(capability, CAP_SET) != 0)
      return failure("ambient set");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failure("no new privileges");
  return std::nullopt;
}

}  // namespace tollgate
