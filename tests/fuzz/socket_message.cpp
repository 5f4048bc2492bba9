// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as a message of sock_diag, of an answer and of a destroyed socket; and as the copy of a segment.
#include "linux/socket_message.hpp"

#include <cstdlib>
#include <span>

#include "linux/segment_message.hpp"

using namespace tollgate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> message{data, size};
  const auto told = decode_socket(message);
  const auto answered = decode_socket(message, Protocol::udp);
  // What says its protocol itself is a message all the same where it is known from elsewhere.
  if (told && !answered) std::abort();
  if (answered && answered->tuple.protocol != Protocol::udp) std::abort();
  const auto closing = decode_segment(message);
  if (closing && closing->tuple.protocol != Protocol::tcp) std::abort();
  return 0;
}
