// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "tollgate/inspect/findings.hpp"
#include "tollgate/inspect/stream_head.hpp"

namespace tollgate {

// The ClientHello of DTLS 1.0 to 1.3 (RFC 6347 §4.2, RFC 9147 §5): in fragments, over several records
// and datagrams, in any order.
class DtlsInspector {
 public:
  // One datagram of the client's.
  Finding on_client(std::span<const std::uint8_t> datagram, Findings& out);

 private:
  struct Message {
    std::uint16_t sequence = 0;
    std::uint32_t length = 0;
    StreamHead body;
  };
  std::optional<Message> hello_;
};

}  // namespace tollgate
