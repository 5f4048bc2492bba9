// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <utility>

namespace tollgate::test {

// A network namespace that has no name: it ends with the last descriptor, socket and process in it,
// also when the test program is killed. Loopback is up.
class NetworkNamespace {
 public:
  NetworkNamespace();
  // One that is there, by its path: "/run/netns/NAME".
  explicit NetworkNamespace(const std::string& path);
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;
  ~NetworkNamespace();

  int fd() const { return fd_; }
  // A name that a child of this process can open ("ip link set … netns PATH").
  std::string path() const;

 private:
  int fd_ = -1;
};

// While it lives, the calling thread is in that namespace: what it opens, and what it starts, is
// there. Nests.
class Inside {
 public:
  explicit Inside(const NetworkNamespace& there);
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside();

 private:
  int before_ = -1;
};

// Calls `what` inside, on the calling thread.
template <class Function>
decltype(auto) in(const NetworkNamespace& there, Function&& what) {
  const Inside inside{there};
  return std::forward<Function>(what)();
}

// Writes a file, as a shell's `echo VALUE > PATH`. Throws when it cannot. For /proc/sys/net, whose
// contents are those of the thread's namespace.
void write_setting(const std::string& path, const std::string& value);
// As above, where a kernel may lack the setting.
void try_setting(const std::string& path, const std::string& value);

// While it lives, the calling thread is that user and group and nobody else: so are its sockets, to
// the kernel's eye. Other threads stay who they are.
class AsUser {
 public:
  AsUser(unsigned uid, unsigned gid);
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;
  ~AsUser();
};

}  // namespace tollgate::test
