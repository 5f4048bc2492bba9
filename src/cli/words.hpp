// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "page.hpp"
#include "tollgate/config/config.hpp"
#include "tollgate/policy/policy.hpp"

namespace tollgate::cli {

// Words of the command line as values. All throw Failure{Exit::usage} that names the option.
std::uint16_t port_number(const std::string& option, const std::string& text);
std::string domain_name(const std::string& option, const std::string& text);  // canonical
std::uint32_t pid_number(const std::string& text);
std::uint64_t seconds(const std::string& option, const std::string& text);  // "90s", "10m", "1h", "7d"
std::uint32_t user_number(const std::string& text);                         // a name or a uid
std::uint32_t group_number(const std::string& text);                        // a name or a gid

// Prints the diagnostics and throws Failure{Exit::refused} that counts them.
[[noreturn]] void refuse(Page& page, const Diagnostics& diagnostics, const std::string& what);

// The configuration, or refuse().
Config config_or_refuse(Page& page, const std::string& path);
PolicyPointer policy_or_refuse(Page& page, const std::string& path, const PolicyFeatures& features);
// Everything a policy may speak of: for policies that are looked at away from their configuration.
PolicyFeatures all_features();

// A domain as people write it: IDNA (RFC 5891) in letters instead of "xn--"; as it was where that is
// not possible, or would not come back to the same name.
std::string readable_domain(const std::string& domain);

}  // namespace tollgate::cli
