// SPDX-License-Identifier: GPL-2.0-or-later
#include "socket_filter.hpp"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstddef>

namespace tollgate {
namespace {

// Stands for "to the end that leaves out" until the length is known.
constexpr std::uint8_t kOut = 0xff;
constexpr std::uint32_t kWhole = 0xffffffff;

}  // namespace

void SocketFilter::put(std::uint16_t code, std::uint32_t k, std::uint8_t if_true, std::uint8_t if_false) {
  program_.push_back({code, if_true, if_false, k});
}

// The load is big-endian whatever the machine, the field is not: the caller compares with htons.
void SocketFilter::load_message_type() { load_half(offsetof(nlmsghdr, nlmsg_type)); }
void SocketFilter::load_message_flags() { load_half(offsetof(nlmsghdr, nlmsg_flags)); }
void SocketFilter::load_byte(std::uint32_t offset) { put(BPF_LD | BPF_B | BPF_ABS, offset); }
void SocketFilter::load_half(std::uint32_t offset) { put(BPF_LD | BPF_H | BPF_ABS, offset); }
void SocketFilter::load_word(std::uint32_t offset) { put(BPF_LD | BPF_W | BPF_ABS, offset); }

// A holds where to look, X the type; the kernel puts the attribute's place into A, 0 for none. It is
// kept in X, where the next look and the loads of its value take it from.
void SocketFilter::find(std::uint32_t how) {
  put(BPF_LD | BPF_B | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF) + how);
  put(BPF_JMP | BPF_JEQ | BPF_K, 0, kOut, 0);
}

void SocketFilter::enter(std::uint32_t offset, std::uint16_t type) {
  put(BPF_LDX | BPF_IMM, type);
  put(BPF_LD | BPF_IMM, offset);
  find(SKF_AD_NLATTR);
  put(BPF_MISC | BPF_TAX, 0);
}

void SocketFilter::enter_nested(std::uint16_t type) {
  put(BPF_MISC | BPF_TXA, 0);
  put(BPF_LDX | BPF_IMM, type);
  find(SKF_AD_NLATTR_NEST);
  put(BPF_MISC | BPF_TAX, 0);
}

void SocketFilter::load_value_byte() { put(BPF_LD | BPF_B | BPF_IND, sizeof(nlattr)); }
void SocketFilter::load_value_word(std::uint32_t offset) {
  put(BPF_LD | BPF_W | BPF_IND, static_cast<std::uint32_t>(sizeof(nlattr)) + offset);
}

void SocketFilter::mask(std::uint32_t bits) { put(BPF_ALU | BPF_AND | BPF_K, bits); }
void SocketFilter::only(std::uint32_t value) { put(BPF_JMP | BPF_JEQ | BPF_K, value, 0, kOut); }
void SocketFilter::only_between(std::uint32_t lowest, std::uint32_t highest) {
  put(BPF_JMP | BPF_JGE | BPF_K, lowest, 0, kOut);
  put(BPF_JMP | BPF_JGT | BPF_K, highest, kOut, 0);
}
void SocketFilter::leave_out(std::uint32_t value) { put(BPF_JMP | BPF_JEQ | BPF_K, value, kOut, 0); }

SocketFilter::Jump SocketFilter::jump_unless(std::uint32_t value) {
  put(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
  return jump();
}
SocketFilter::Jump SocketFilter::jump_if(std::uint32_t value) {
  put(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
  return jump();
}
SocketFilter::Jump SocketFilter::jump() {
  put(BPF_JMP | BPF_JA, 0);
  return program_.size();
}
void SocketFilter::land(Jump jump) {
  program_[jump - 1].k = static_cast<std::uint32_t>(program_.size() - jump);
}
void SocketFilter::let_through() { put(BPF_RET | BPF_K, kWhole); }

bool SocketFilter::attach(int socket) {
  let_through();
  const std::size_t out = program_.size();
  put(BPF_RET | BPF_K, 0);
  for (std::size_t i = 0; i < out; ++i) {
    sock_filter& step = program_[i];
    if (BPF_CLASS(step.code) != BPF_JMP || BPF_OP(step.code) == BPF_JA) continue;
    const std::size_t distance = out - i - 1;
    if (distance >= kOut) return false;  // it has grown too long: a test tells
    if (step.jt == kOut) step.jt = static_cast<std::uint8_t>(distance);
    if (step.jf == kOut) step.jf = static_cast<std::uint8_t>(distance);
  }
  sock_fprog program{static_cast<unsigned short>(program_.size()), program_.data()};
  return ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

}  // namespace tollgate
