// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/wire/ports.hpp"

namespace tollgate {

Parsed<Ports> parse_ports(CutReader& in) {
  Reader bytes;
  if (!in.take(kPortsLength, bytes)) return in.lacking(kPortsLength);
  Ports ports;
  bytes.u16(ports.source);
  bytes.u16(ports.destination);
  return ports;
}

}  // namespace tollgate
