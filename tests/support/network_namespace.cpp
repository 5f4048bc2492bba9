// SPDX-License-Identifier: GPL-2.0-or-later
#include "network_namespace.hpp"

#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>

namespace tollgate::test {
namespace {

constexpr const char* kThisNamespace = "/proc/thread-self/ns/net";

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error{errno, std::generic_category(), what};
}

int open_this_namespace() {
  const int fd = ::open(kThisNamespace, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(kThisNamespace);
  return fd;
}

void set_loopback_up() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_UP;
  const int result = ::ioctl(fd, SIOCSIFFLAGS, &request);
  ::close(fd);
  if (result != 0) fail("lo up");
}

}  // namespace

NetworkNamespace::NetworkNamespace() {
  const int before = open_this_namespace();
  if (::unshare(CLONE_NEWNET) != 0) {
    ::close(before);
    fail("unshare(CLONE_NEWNET)");
  }
  fd_ = open_this_namespace();
  // No waiting for duplicate address detection, and no packets that a test did not send.
  for (const char* which : {"all", "default"}) {
    const std::string settings = std::string{"/proc/sys/net/ipv6/conf/"} + which;
    try_setting(settings + "/accept_dad", "0");
    try_setting(settings + "/router_solicitations", "0");
    try_setting(settings + "/accept_ra", "0");
    try_setting(settings + "/mldv2_unsolicited_report_interval", "1");
  }
  try_setting("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
  set_loopback_up();
  const int back = ::setns(before, CLONE_NEWNET);
  ::close(before);
  if (back != 0) fail("setns back");
}

NetworkNamespace::NetworkNamespace(const std::string& path)
    : fd_{::open(path.c_str(), O_RDONLY | O_CLOEXEC)} {
  if (fd_ < 0) fail(path);
}

NetworkNamespace::~NetworkNamespace() { ::close(fd_); }

std::string NetworkNamespace::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_);
}

Inside::Inside(const NetworkNamespace& there) : before_{open_this_namespace()} {
  if (::setns(there.fd(), CLONE_NEWNET) != 0) {
    ::close(before_);
    fail("setns");
  }
}

// To go on in the wrong namespace would be worse than to end.
Inside::~Inside() {
  if (::setns(before_, CLONE_NEWNET) != 0) std::abort();
  ::close(before_);
}

void write_setting(const std::string& path, const std::string& value) {
  std::ofstream file{path};
  file << value << std::flush;
  if (!file) fail(path + " = " + value);
}

void try_setting(const std::string& path, const std::string& value) { std::ofstream{path} << value; }

// The system calls themselves: glibc's wrappers change every thread.
AsUser::AsUser(unsigned uid, unsigned gid) {
  const gid_t only = gid;
  if (::syscall(SYS_setgroups, 1, &only) != 0 || ::syscall(SYS_setresgid, -1, gid, -1) != 0 ||
      ::syscall(SYS_setresuid, -1, uid, -1) != 0) {
    fail("become another user");
  }
}

AsUser::~AsUser() {
  if (::syscall(SYS_setresuid, -1, 0, -1) != 0 || ::syscall(SYS_setresgid, -1, 0, -1) != 0 ||
      ::syscall(SYS_setgroups, 0, nullptr) != 0) {
    std::abort();
  }
}

}  // namespace tollgate::test
