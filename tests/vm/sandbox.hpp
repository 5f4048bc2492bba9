// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace tollgate::vm {

// Puts the process into a fresh network namespace with nothing in it but a loopback interface that
// is up. The namespace goes when the process enters the next one or ends. Throws when refused.
void enter_fresh_namespace();

struct Output {
  int status = -1;   // exit status; 128 + signal
  std::string text;  // stdout and stderr together
};
// Runs by sh; `input` is its stdin.
Output run(const std::string& command, const std::string& input = {});
// For set-up: throws with what the command said when it fails.
std::string must(const std::string& command, const std::string& input = {});

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_{fd} {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return fd_; }

 private:
  int fd_;
};

// A UDP socket bound to a loopback port; receiving gives up after `kPatience`.
Descriptor udp_receiver(int family, std::uint16_t port);
// A UDP socket connected to a loopback port.
Descriptor udp_sender(int family, std::uint16_t port);
// A TCP socket listening on a loopback port.
Descriptor tcp_listener(int family, std::uint16_t port);
// errno of connect() to a loopback port, 0 when it worked. Waits at most `kPatience`.
int tcp_connect(int family, std::uint16_t port);
// errno of send(), 0 when it worked.
int send_byte(const Descriptor& socket);
// True when a datagram came in time.
bool receives(const Descriptor& socket);
// True when none is there now: for use after everything else that had to happen has happened.
bool receives_nothing(const Descriptor& socket);

// How long something that must happen may take in an emulated machine; never a measure of anything.
inline constexpr int kPatienceSeconds = 20;

}  // namespace tollgate::vm
