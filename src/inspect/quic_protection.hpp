// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "tollgate/wire/quic.hpp"

namespace tollgate {

// The protection of a client's Initial packets: AEAD_AES_128_GCM with keys that anybody who sees the
// connection id can derive (RFC 9001 §5.2).
struct QuicKeys {
  std::array<std::uint8_t, 16> key{};
  std::array<std::uint8_t, 12> iv{};
  std::array<std::uint8_t, 16> header{};
};

// `id` is the destination connection id of the client's first Initial. False: OpenSSL refused.
bool client_initial_keys(QuicVersion version, std::span<const std::uint8_t> id, QuicKeys& out);

// Takes the protection off (RFC 9001 §5.3, §5.4); `out` is then the frames. False: it is not protected
// with these keys.
bool open_initial(const QuicKeys& keys, const QuicPacket& packet, std::vector<std::uint8_t>& out);

}  // namespace tollgate
