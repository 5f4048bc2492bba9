// SPDX-License-Identifier: GPL-2.0-or-later
// Whose socket is it? Programs that run where a process uses a socket, in that process's own context,
// and write down who it is, so that nobody has to be looked for when the packet comes up.
//
// The hooks of cgroups come first: they are an interface. What they do not see (accept, ICMP and raw
// sockets, a connected UDP socket's port) functions of the kernel tell, by fentry/fexit; on a kernel
// that has not got them the rest works on. No kprobes.

#include "owner.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "kernel.h"
#include "sockets.h"

char LICENSE[] SEC("license") = "GPL";

#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ICMPV6 58

// ---- Functions of the kernel ---------------------------------------------------------------------

// Whoever accepts a connection owns it, and uses the socket that listens: another has opened that one,
// maybe (systemd.socket(5)), and the next connection is looked up by it.
SEC("fexit/inet_accept")
int BPF_PROG(tollgate_accept, struct socket* listening, struct socket* accepted) {
  struct sock* const sk = accepted->sk;
  if (!sk) return 0;
  use_socket(bpf_get_socket_cookie(sk), network_of(sk), is_kernels(sk));
  struct sock* const listener = listening->sk;
  if (listener) use_socket(bpf_get_socket_cookie(listener), network_of(listener), is_kernels(listener));
  return 0;
}

// A socket that knows both its ends, in the context of whoever connects it.
static __always_inline int on_connected(struct sock* sk) {
  const struct tollgate_flow_key key = socket_key(sk);
  const struct tollgate_owner owner = use_socket(bpf_get_socket_cookie(sk), key.network, is_kernels(sk));
  put_flow(&key, &owner);
  return 0;
}

// Right before the SYN is sent.
SEC("fentry/tcp_connect")
int BPF_PROG(tollgate_tcp_connect, struct sock* sk) { return on_connected(sk); }

SEC("fentry/inet_csk_listen_start")
int BPF_PROG(tollgate_tcp_listen, struct sock* sk) {
  use_socket(bpf_get_socket_cookie(sk), network_of(sk), is_kernels(sk));
  return 0;
}

// A UDP (or ping) socket has its addresses and ports once this has returned.
SEC("fexit/__ip4_datagram_connect")
int BPF_PROG(tollgate_datagram_connect4, struct sock* sk) { return on_connected(sk); }
SEC("fexit/__ip6_datagram_connect")
int BPF_PROG(tollgate_datagram_connect6, struct sock* sk) { return on_connected(sk); }

// Packets of raw and ping sockets, with all their headers, once they are put together. (Where they are
// sent, ip_send_skb, is often inlined.) UDP comes this way too and is known.
static __always_inline void on_packet(struct sk_buff* skb, struct tollgate_flow_key* key,
                                      const __u8* transport) {
  struct sock* const sk = skb->sk;
  if (!sk || is_kernels(sk)) return;  // the kernel answers pings in whatever context it happens to be
  if (key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6) {
    __u8 header[8] = {};
    bpf_probe_read_kernel(header, sizeof(header), transport);
    const int echo = key->protocol == IPPROTO_ICMP ? header[0] == 8 : header[0] == 128;
    if (echo) key->local_port = (__u16)(header[4] << 8 | header[5]);
  }
  key->network = network_of(sk);
  const struct tollgate_owner owner = use_socket(bpf_get_socket_cookie(sk), key->network, 0);
  put_flow(key, &owner);
}

SEC("fexit/__ip_make_skb")
int BPF_PROG(tollgate_packet4, struct sock* sk, void* flow, void* queue, void* cork, struct sk_buff* skb) {
  if (!skb) return 0;
  __u8 header[20];
  const __u8* const at = skb->head + skb->network_header;
  if (bpf_probe_read_kernel(header, sizeof(header), at) != 0) return 0;
  struct tollgate_flow_key key = {.protocol = header[9], .family = 4};
  if (key.protocol == IPPROTO_UDP || key.protocol == IPPROTO_TCP) return 0;
  __builtin_memcpy(key.local, header + 12, 4);
  __builtin_memcpy(key.remote, header + 16, 4);
  on_packet(skb, &key, at + (header[0] & 15) * 4);
  return 0;
}

SEC("fexit/__ip6_make_skb")
int BPF_PROG(tollgate_packet6, struct sock* sk, void* queue, void* cork, void* cork6, struct sk_buff* skb) {
  if (!skb) return 0;
  __u8 header[40];
  const __u8* const at = skb->head + skb->network_header;
  if (bpf_probe_read_kernel(header, sizeof(header), at) != 0) return 0;
  struct tollgate_flow_key key = {.protocol = header[6], .family = 6};
  if (key.protocol == IPPROTO_UDP || key.protocol == IPPROTO_TCP) return 0;
  __builtin_memcpy(key.local, header + 8, 16);
  __builtin_memcpy(key.remote, header + 24, 16);
  on_packet(skb, &key, at + 40);
  return 0;
}

// ---- Cgroup hooks --------------------------------------------------------------------------------

// A TCP socket is of nobody's interest before it connects, is bound or listens.
SEC("cgroup/sock_create")
int tollgate_create(struct bpf_sock* ctx) {
  if (ctx->protocol == IPPROTO_TCP) return 1;
  use_socket(bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx), 0);
  return 1;
}

static __always_inline int on_bind(struct bpf_sock* ctx) {
  use_socket(bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx),
             is_kernels((struct sock*)(void*)ctx));
  return 1;
}

SEC("cgroup/post_bind4")
int tollgate_bind4(struct bpf_sock* ctx) { return on_bind(ctx); }
SEC("cgroup/post_bind6")
int tollgate_bind6(struct bpf_sock* ctx) { return on_bind(ctx); }

// A UDP socket goes: the next one may have its tuple. A connected one goes maybe before its only packet is
// looked at. The hook is given the socket itself: what the interface does not show of it is read as the kernel
// has it.
SEC("cgroup/sock_release")
int tollgate_release(struct bpf_sock* ctx) {
  if (ctx->protocol != IPPROTO_UDP) return 1;
  struct sock* const sk = (void*)ctx;
  const __u64 cookie = bpf_get_socket_cookie(ctx);
  struct tollgate_owner* const owner = bpf_map_lookup_elem(&owners, &cookie);
  if (!owner) return 1;
  owner->closed = 1;
  if (BPF_CORE_READ(sk, __sk_common.skc_dport) == 0) return 1;
  const struct tollgate_flow_key key = socket_key(sk);
  struct tollgate_owner copy = *owner;
  put_flow(&key, &copy);
  return 1;
}

static __always_inline int on_connect(struct bpf_sock_addr* ctx) {
  use_socket(bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx), 0);
  return 1;
}

SEC("cgroup/connect4")
int tollgate_connect4(struct bpf_sock_addr* ctx) { return on_connect(ctx); }
SEC("cgroup/connect6")
int tollgate_connect6(struct bpf_sock_addr* ctx) { return on_connect(ctx); }

// A datagram of a socket that is not connected. Its local port is chosen by now; its local address is
// known when it was bound to one.
static __always_inline void on_datagram(struct bpf_sock_addr* ctx, struct tollgate_flow_key* key) {
  struct bpf_sock* const sk = ctx->sk;
  if (!sk) return;
  key->network = bpf_get_netns_cookie(ctx);
  key->local_port = (__u16)sk->src_port;
  key->remote_port = bpf_ntohs((__u16)ctx->user_port);
  key->protocol = (__u8)ctx->protocol;
  struct tollgate_process_key process = key_of((struct task_struct*)bpf_get_current_task());
  struct tollgate_owner* const known = bpf_map_lookup_elem(&flows, key);
  if (known && same_process(&known->process, &process)) {
    known->when = bpf_ktime_get_ns();
    return;
  }
  const struct tollgate_owner owner = use_socket(bpf_get_socket_cookie(ctx), key->network, 0);
  put_flow(key, &owner);
}

SEC("cgroup/sendmsg4")
int tollgate_datagram4(struct bpf_sock_addr* ctx) {
  struct tollgate_flow_key key = {.family = 4};
  set_ipv4(key.remote, ctx->user_ip4);
  if (ctx->sk && ctx->sk->family == AF_INET) set_ipv4(key.local, ctx->sk->src_ip4);
  on_datagram(ctx, &key);
  return 1;
}

SEC("cgroup/sendmsg6")
int tollgate_datagram6(struct bpf_sock_addr* ctx) {
  struct tollgate_flow_key key = {.family = 6};
  const __u32 remote[4] = {word(&ctx->user_ip6[0]), word(&ctx->user_ip6[1]), word(&ctx->user_ip6[2]),
                           word(&ctx->user_ip6[3])};
  set_ipv6(key.remote, remote);
  struct bpf_sock* const sk = ctx->sk;
  if (sk) {
    const __u32 local[4] = {word(&sk->src_ip6[0]), word(&sk->src_ip6[1]), word(&sk->src_ip6[2]),
                            word(&sk->src_ip6[3])};
    set_ipv6(key.local, local);
  }
  on_datagram(ctx, &key);
  return 1;
}

static __always_inline struct tollgate_flow_key tcp_key(struct bpf_sock_ops* ctx) {
  struct tollgate_flow_key key = {.protocol = IPPROTO_TCP, .family = 4};
  key.network = bpf_get_netns_cookie(ctx);
  key.local_port = (__u16)ctx->local_port;
  key.remote_port = (__u16)bpf_ntohl(ctx->remote_port);
  if (ctx->family == AF_INET6) {
    const __u32 remote[4] = {word(&ctx->remote_ip6[0]), word(&ctx->remote_ip6[1]), word(&ctx->remote_ip6[2]),
                             word(&ctx->remote_ip6[3])};
    const __u32 local[4] = {word(&ctx->local_ip6[0]), word(&ctx->local_ip6[1]), word(&ctx->local_ip6[2]),
                            word(&ctx->local_ip6[3])};
    if (!is_mapped(remote)) {
      key.family = 6;
      set_ipv6(key.remote, remote);
      set_ipv6(key.local, local);
      return key;
    }
    set_ipv4(key.remote, remote[3]);
    set_ipv4(key.local, local[3]);
    return key;
  }
  set_ipv4(key.remote, ctx->remote_ip4);
  set_ipv4(key.local, ctx->local_ip4);
  return key;
}

// For kernels without fentry: it is called nine times for a connection, most of them for nothing.
// Right before the SYN is sent, and right after listen(2): in the context of whoever does it.
SEC("sockops")
int tollgate_tcp(struct bpf_sock_ops* ctx) {
  if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ctx->op != BPF_SOCK_OPS_TCP_LISTEN_CB) return 1;
  const struct tollgate_owner owner = use_socket(bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx), 0);
  if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
    const struct tollgate_flow_key key = tcp_key(ctx);
    put_flow(&key, &owner);
  }
  return 1;
}

// ---- What is there ---------------------------------------------------------------------------------

// The socket of IPv4 or IPv6 that a process holds by this descriptor; threads share their process's.
static __always_inline struct sock* held_socket(struct bpf_iter__task_file* ctx) {
  struct task_struct* const task = ctx->task;
  struct file* const file = ctx->file;
  if (!task || !file || task->pid != task->tgid) return 0;
  struct socket* const socket = bpf_sock_from_file(file);
  if (!socket) return 0;
  struct sock* const sk = socket->sk;
  if (!sk) return 0;
  const __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  return family == AF_INET || family == AF_INET6 ? sk : 0;
}

static __always_inline void tell_of_holder(struct bpf_iter__task_file* ctx) {
  __u64 address = 0;  // as a number: that is what tell() takes
  bpf_probe_read_kernel(&address, sizeof(address), &ctx->task);
  tell(address, 0);
}

// Sockets that are open when the daemon starts. Of several holders the one that came last is the
// most likely to use it: a service, rather than systemd which opened the socket for it.
SEC("iter/task_file")
int tollgate_holders(struct bpf_iter__task_file* ctx) {
  struct sock* const sk = held_socket(ctx);
  struct task_struct* const task = ctx->task;
  if (!sk || !task) return 0;
  const __u64 cookie = bpf_get_socket_cookie(sk);
  struct tollgate_owner owner = {
      .process = key_of(task),
      .cookie = cookie,
      .network = network_of(sk),
      .holders = 1,
  };
  const struct tollgate_owner* const known = bpf_map_lookup_elem(&owners, &cookie);
  if (known) {
    if (known->holders == 0) return 0;  // was seen in use meanwhile
    if (!same_process(&known->process, &owner.process)) {
      owner.holders = known->holders == 255 ? 255 : known->holders + 1;
      if (known->process.start > owner.process.start) owner.process = known->process;
    } else {
      owner.holders = known->holders;
    }
  }
  tell_of_holder(ctx);
  put_owner(&owner, known == 0);
  return 0;
}

// Everybody who holds a socket, whenever somebody asks: read by another thread than the loop's.
SEC("iter/task_file")
int tollgate_census(struct bpf_iter__task_file* ctx) {
  struct sock* const sk = held_socket(ctx);
  struct task_struct* const task = ctx->task;
  if (!sk || !task) return 0;
  struct tollgate_holding holding = {
      .process = key_of(task),
      .cookie = bpf_get_socket_cookie(sk),
  };
  tell_of_holder(ctx);
  bpf_seq_write(ctx->meta->seq, &holding, sizeof(holding));
  return 0;
}
