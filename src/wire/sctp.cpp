// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/sctp.hpp"

namespace tollgate {

Parsed<Ports> parse_sctp(CutReader& in) {
  const Parsed<Ports> ports = parse_ports(in);
  if (ports && !in.skip(kSctpHeaderLength - kPortsLength)) return ParseError::truncated;
  return ports;
}

}  // namespace tollgate
