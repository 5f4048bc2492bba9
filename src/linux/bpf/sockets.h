// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// Sockets as the maps know them: who uses one, and between which addresses.

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "kernel.h"
#include "maps.h"
#include "owner.h"
#include "programs.h"

#define AF_INET 2
#define AF_INET6 10

static __always_inline int same_process(const struct tollgate_process_key* a,
                                        const struct tollgate_process_key* b) {
  return a->start == b->start && a->pid == b->pid && a->exec == b->exec;
}

static __always_inline void put_owner(const struct tollgate_owner* owner, int is_new) {
  const long error = bpf_map_update_elem(&owners, &owner->cookie, owner, BPF_ANY);
  if (error) {
    count(TOLLGATE_OWNERS_LOST);
  } else if (is_new) {
    count(TOLLGATE_OWNERS_ADDED);
  }
}

// Writes down that the current process uses the socket, and returns it. Most uses of a socket come from
// the process that used it before: then only the time is new.
static __always_inline struct tollgate_owner use_socket(__u64 cookie, __u64 network, int kernel_socket) {
  struct task_struct* const task = (void*)bpf_get_current_task();
  struct tollgate_owner owner = {
      .process = key_of(task),
      .cookie = cookie,
      .network = network,
      .when = bpf_ktime_get_ns(),
  };
  struct tollgate_owner* const known = bpf_map_lookup_elem(&owners, &cookie);
  if (known && known->holders == 0 && same_process(&known->process, &owner.process)) {
    known->when = owner.when;
    return *known;
  }
  tell_with_ancestors(task);
  owner.kernel = kernel_socket || (BPF_CORE_READ(task, flags) & PF_KTHREAD) != 0;
  put_owner(&owner, known == 0);
  return owner;
}

static __always_inline void put_flow(const struct tollgate_flow_key* key,
                                     const struct tollgate_owner* owner) {
  if (bpf_map_update_elem(&flows, key, owner, BPF_NOEXIST) == 0) {
    count(TOLLGATE_FLOWS_ADDED);
  } else if (bpf_map_update_elem(&flows, key, owner, BPF_ANY) != 0) {
    count(TOLLGATE_OWNERS_LOST);
  }
}

static __always_inline int is_kernels(struct sock* sk) {
  return sk && BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock);
}

static __always_inline void set_ipv4(__u8* bytes, __u32 address) { __builtin_memcpy(bytes, &address, 4); }

static __always_inline void set_ipv6(__u8* bytes, const __u32* words) { __builtin_memcpy(bytes, words, 16); }

// Fields of a hook's context may only be read as they are declared; the compiler likes to read two of
// them at once.
static __always_inline __u32 word(const volatile __u32* field) { return *field; }

static __always_inline int is_mapped(const __u32* words) {
  return words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff);
}

static __always_inline __u64 network_of(struct sock* sk) {
  return BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
}

// Of a socket that knows both its ends.
static __always_inline struct tollgate_flow_key socket_key(struct sock* sk) {
  struct tollgate_flow_key key = {.protocol = (__u8)BPF_CORE_READ(sk, sk_protocol), .family = 4};
  key.network = network_of(sk);
  key.local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
  key.remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
  struct in6_addr_of_kernel remote = {}, local = {};
  if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
    bpf_core_read(&remote, sizeof(remote), &sk->__sk_common.skc_v6_daddr);
    bpf_core_read(&local, sizeof(local), &sk->__sk_common.skc_v6_rcv_saddr);
  }
  if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6 &&
      !is_mapped((const __u32*)(void*)remote.bytes)) {
    key.family = 6;
    __builtin_memcpy(key.remote, remote.bytes, 16);
    __builtin_memcpy(key.local, local.bytes, 16);
  } else {
    set_ipv4(key.remote, BPF_CORE_READ(sk, __sk_common.skc_daddr));
    set_ipv4(key.local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
  }
  return key;
}
