// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace tollgate {

// A classic socket filter (linux/filter.h), written from its top to its end: every step goes on with
// the next one or leaves the message out, and a message that passes all of them is let through.
// Offsets count from the netlink header. Numbers wider than a byte are compared in network byte order,
// as packets have them; what netlink has in host byte order is said so.
//
// The kernel's netlink attributes are found by their type (SKF_AD_NLATTR), never by a place.
class SocketFilter {
 public:
  // Bytes 4 and 5 of every netlink message: nlmsg_type, in host byte order.
  void load_message_type();
  void load_message_flags();  // bytes 6 and 7, likewise
  void load_byte(std::uint32_t offset);
  void load_half(std::uint32_t offset);
  void load_word(std::uint32_t offset);

  // Stands on the attribute of that type among those that begin at `offset`, or inside the one it
  // stands on: left out when there is none.
  void enter(std::uint32_t offset, std::uint16_t type);
  void enter_nested(std::uint16_t type);
  // The value of the attribute it stands on, or a part of it.
  void load_value_byte();
  void load_value_word(std::uint32_t offset = 0);

  void mask(std::uint32_t bits);
  void only(std::uint32_t value);
  void only_between(std::uint32_t lowest, std::uint32_t highest);
  void leave_out(std::uint32_t value);

  // A jump over what follows, ended by `land`. Jumps may be nested, and are short (255 steps).
  using Jump = std::size_t;
  Jump jump_unless(std::uint32_t value);
  Jump jump_if(std::uint32_t value);
  Jump jump();
  void land(Jump jump);
  void let_through();

  // Attaches it; false when the kernel refuses.
  bool attach(int socket);

 private:
  void put(std::uint16_t code, std::uint32_t k, std::uint8_t if_true = 0, std::uint8_t if_false = 0);
  void find(std::uint32_t how);
  std::vector<sock_filter> program_;
};

}  // namespace tollgate
