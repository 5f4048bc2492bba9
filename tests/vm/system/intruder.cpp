// SPDX-License-Identifier: GPL-2.0-or-later
// Somebody who has taken over the daemon: tries what the unit must make impossible, and says of each
// try what came of it, as "NAME ERRNO", 0 when it worked. Argument: a process of root's.
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

int outcome(long result) { return result < 0 ? errno : 0; }

int opens(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC, 0600);
  const int result = outcome(fd);
  if (fd >= 0) close(fd);
  if (fd >= 0 && (flags & O_CREAT) != 0) unlink(path);
  return result;
}

int has_socket(int family, int type, int protocol) {
  const int fd = socket(family, type | SOCK_CLOEXEC, protocol);
  const int result = outcome(fd);
  if (fd >= 0) close(fd);
  return result;
}

int maps_code() {
  void* const memory =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? errno : 0;
}

int makes_suid() {
  const char* const path = "/tmp/suid";
  const int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  const int result = outcome(fchmod(fd, 04755));
  close(fd);
  unlink(path);
  return result;
}

int loads_bpf() {
  union bpf_attr attributes {};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 4;
  attributes.max_entries = 1;
  return outcome(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

int gets_realtime() {
  sched_param parameters{};
  parameters.sched_priority = 1;
  return outcome(sched_setscheduler(0, SCHED_FIFO, &parameters));
}

void tried(const char* what, int result) { std::printf("%s %d\n", what, result); }

}  // namespace

int main(int argc, char** argv) {
  const pid_t victim = argc > 1 ? std::atoi(argv[1]) : 1;
  // What the daemon lives by, so that a sandbox in which nothing works is noticed.
  tried("own-netlink", has_socket(AF_NETLINK, SOCK_RAW, 12));
  tried("own-tmp", opens("/tmp/mine", O_CREAT | O_WRONLY));

  tried("write-etc", opens("/etc/intruder", O_CREAT | O_WRONLY));
  tried("write-policy", opens("/etc/tollgate/policy.d/99-intruder.toml", O_CREAT | O_WRONLY));
  tried("write-usr", opens("/usr/intruder", O_CREAT | O_WRONLY));
  tried("write-run", opens("/run/intruder", O_CREAT | O_WRONLY));
  tried("write-sysctl", opens("/proc/sys/net/ipv4/ip_forward", O_WRONLY));
  tried("read-root", opens("/root", O_RDONLY | O_DIRECTORY));
  tried("read-shadow", opens("/etc/shadow", O_RDONLY));
  tried("read-kmsg", opens("/dev/kmsg", O_RDONLY));
  tried("read-disk", opens("/dev/vda", O_RDONLY));
  tried("signal", outcome(kill(victim, 0)));
  tried("ptrace", outcome(ptrace(PTRACE_SEIZE, victim, nullptr, nullptr)));
  tried("inet-socket", has_socket(AF_INET, SOCK_STREAM, 0));
  tried("inet6-socket", has_socket(AF_INET6, SOCK_DGRAM, 0));
  tried("packet-socket", has_socket(AF_PACKET, SOCK_RAW, 0));
  tried("map-code", maps_code());
  tried("suid", makes_suid());
  tried("bpf", loads_bpf());
  tried("realtime", gets_realtime());
  tried("become-root", outcome(syscall(SYS_setresuid, 0, 0, 0)));
  tried("user-namespace", outcome(unshare(CLONE_NEWUSER)));
  tried("net-namespace", outcome(unshare(CLONE_NEWNET)));
  tried("mount-namespace", outcome(unshare(CLONE_NEWNS)));
  tried("mount", outcome(mount("tmpfs", "/mnt", "tmpfs", 0, nullptr)));
  tried("chroot", outcome(chroot("/tmp")));
  return 0;
}
