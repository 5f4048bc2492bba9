// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "domain_set.hpp"
#include "tollgate/config/toml_reader.hpp"

namespace tollgate {

// A list of domains, each line in any of these forms:
//   0.0.0.0 ads.example       hosts file: the names, not what is below them; those that every hosts file has
//                             (localhost, ip6-loopback, …) are left out
//   ads.example               the name alone
//   *.ads.example             what is below it
//   ||ads.example^            itself and what is below it;  @@||ads.example^ excepts both
//   address=/ads.example/     dnsmasq (also server=, local=): itself and what is below it; with # behind the
//                             last slash it excepts both, as dnsmasq has it
//   ads.example CNAME .       RPZ (also A, AAAA): the name alone, CNAME rpz-passthru. excepts it; names are
//                             relative to $ORIGIN
// Comments begin with #, ! or ; and a header with [. Lines of any other form are reported.
// `all_except`: whatever a line names is an exception.
void parse_domain_list(std::string_view text, bool all_except, DomainSet::Builder& set,
                       FileDiagnostics& found);

}  // namespace tollgate
