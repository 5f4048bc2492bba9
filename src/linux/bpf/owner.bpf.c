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

char LICENSE[] SEC("license") = "GPL";

#define AF_INET 2
#define AF_INET6 10
#define PF_KTHREAD 0x00200000
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ICMPV6 58

// ---- What is written down ------------------------------------------------------------------------

// By socket cookie, of closed sockets too: the oldest go when it is full.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, __u64);
  __type(value, struct tollgate_owner);
} owners SEC(".maps");

// By tuple, as long as there is room: a socket may be closed before its packet is looked at.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 65536);
  __type(key, struct tollgate_flow_key);
  __type(value, struct tollgate_owner);
} flows SEC(".maps");

// Room for some 430 programs. Whoever maps a ring has it twice in its address space.
#define RING_BYTES (1 << 20)

// The programs that `images` was told of, each with the cgroup that it was in.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 32768);
  __type(key, struct tollgate_process_key);
  __type(value, __u64);
} told SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, RING_BYTES);
} images SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, TOLLGATE_BPF_COUNTERS);
  __type(key, __u32);
  __type(value, __u64);
} counters SEC(".maps");

static __always_inline void count(__u32 which) {
  __u64* const counter = bpf_map_lookup_elem(&counters, &which);
  if (counter) __sync_fetch_and_add(counter, 1);
}

// ---- Texts that are put together from their end ----------------------------------------------------

#define MAX_NAMES 40  // of a path: directories and mount points

// `name` and a slash before it, in front of what stands from image->at on in text[0 … size). The room
// for a name that begins near the end is behind the text: whatever stands there is written again later.
// The place is kept in memory, about which the verifier of old kernels does not think too long.
static __always_inline int put_before(struct tollgate_image* image, char* text, __u32 size, const void* name,
                                      __u32 length) {
  __u32 at = *(volatile __u32*)&image->at;
  if (length > 255 || length + 1 > at || at > size) return 0;
  at -= length;
  bpf_probe_read_kernel(text + (at & (size - 1)), length & 0xff, name);
  at -= 1;
  text[at & (size - 1)] = '/';
  *(volatile __u32*)&image->at = at;
  return 1;
}

static __always_inline int put_dentry(struct tollgate_image* image, char* text, __u32 size,
                                      struct dentry* dentry) {
  return put_before(image, text, size, BPF_CORE_READ(dentry, d_name.name), BPF_CORE_READ(dentry, d_name.len));
}

// The text's length; image->cut tells whether its beginning did not fit.
static __always_inline __u16 walk_path(struct tollgate_image* image, char* text, __u32 size,
                                       const struct path* path) {
  struct dentry* dentry = BPF_CORE_READ(path, dentry);
  struct vfsmount* const in = BPF_CORE_READ(path, mnt);
  struct mount* mount = (void*)in - bpf_core_field_offset(struct mount, mnt);
  struct dentry* root = BPF_CORE_READ(in, mnt_root);
  image->at = size;
  image->cut = 1;
  for (int i = 0; i < MAX_NAMES; ++i) {
    if (dentry == root) {
      struct mount* const parent = BPF_CORE_READ(mount, mnt_parent);
      if (parent == mount) {
        image->cut = 0;
        break;
      }
      dentry = BPF_CORE_READ(mount, mnt_mountpoint);
      root = BPF_CORE_READ(parent, mnt.mnt_root);
      mount = parent;
      continue;
    }
    if (!put_dentry(image, text, size, dentry)) break;
    struct dentry* const up = BPF_CORE_READ(dentry, d_parent);
    if (up == dentry) {  // the root of a file system that is mounted nowhere: memfd
      image->cut = 0;
      break;
    }
    dentry = up;
  }
  return (__u16)(size - image->at);
}

static __always_inline struct kernfs_node* parent_of(struct kernfs_node* node) {
  struct kernfs_node___since_6_15* const newer = (void*)node;
  if (bpf_core_field_exists(newer->__parent)) return BPF_CORE_READ(newer, __parent);
  return BPF_CORE_READ(node, parent);
}

#define MAX_GROUPS 16
static __always_inline __u16 walk_cgroup(struct tollgate_image* image, struct kernfs_node* node) {
  image->at = TOLLGATE_CGROUP_BYTES;
  image->cut = 1;
  for (int i = 0; i < MAX_GROUPS; ++i) {
    struct kernfs_node* const up = parent_of(node);
    if (!up) {
      image->cut = 0;
      break;
    }
    // The names of groups do not say how long they are, but go up to 255 bytes.
    const long length =
        bpf_probe_read_kernel_str(image->slack, sizeof(image->slack), BPF_CORE_READ(node, name));
    if (length <= 1) break;
    if (!put_before(image, image->cgroup_path, TOLLGATE_CGROUP_BYTES, image->slack, (__u32)length - 1)) break;
    node = up;
  }
  return (__u16)(TOLLGATE_CGROUP_BYTES - image->at);
}

// ---- Programs ------------------------------------------------------------------------------------

static __always_inline struct tollgate_process_key key_of(struct task_struct* task) {
  struct task_struct* const leader = BPF_CORE_READ(task, group_leader);
  struct tollgate_process_key key = {
      .start = BPF_CORE_READ(leader, start_boottime),
      .pid = (__u32)BPF_CORE_READ(task, tgid),
      .exec = (__u32)BPF_CORE_READ(leader, self_exec_id),
  };
  return key;
}

static __always_inline struct kernfs_node* group_of(struct task_struct* task) {
  return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);
}

static __always_inline void fill_texts(struct tollgate_image* image, struct task_struct* task) {
  struct file* const file = BPF_CORE_READ(task, mm, exe_file);
  struct inode* const inode = BPF_CORE_READ(file, f_inode);
  image->inode = BPF_CORE_READ(inode, i_ino);
  image->size = (__u64)BPF_CORE_READ(inode, i_size);
  image->device = BPF_CORE_READ(inode, i_sb, s_dev);
  if (BPF_CORE_READ(inode, i_nlink) == 0) image->flags |= TOLLGATE_IMAGE_DELETED;

  image->path_length = walk_path(image, image->path, TOLLGATE_PATH_BYTES, &file->f_path);
  if (image->cut) image->flags |= TOLLGATE_IMAGE_PATH_CUT;
  struct fs_struct* const fs = BPF_CORE_READ(task, fs);
  image->directory_length = walk_path(image, image->directory, TOLLGATE_DIRECTORY_BYTES, &fs->pwd);
  if (image->cut) image->flags |= TOLLGATE_IMAGE_DIRECTORY_CUT;
}

static __always_inline void fill_command(struct tollgate_image* image, struct task_struct* task) {
  const unsigned long start = BPF_CORE_READ(task, mm, arg_start);
  unsigned long length = BPF_CORE_READ(task, mm, arg_end) - start;
  if (length > TOLLGATE_COMMAND_BYTES) length = TOLLGATE_COMMAND_BYTES;
  if (length == 0 || bpf_probe_read_user(image->command, (__u32)length, (void*)start) != 0) return;
  image->command_length = (__u16)length;
  image->flags |= TOLLGATE_IMAGE_COMMAND;
}

// Tells of the program that runs in the task, and nothing of its ancestors. Returns 0 when that was
// told before, 1 when it is new. A function of its own, so that it is verified once.
__noinline int tell(__u64 task_address, __u32 is_current) {
  struct task_struct* const task = (void*)task_address;
  struct tollgate_process_key key = key_of(task);
  struct kernfs_node* const group = group_of(task);
  const __u64 group_id = BPF_CORE_READ(group, id);
  const __u64* const known = bpf_map_lookup_elem(&told, &key);
  if (known && *known == group_id) return 0;

  struct tollgate_image* const image = bpf_ringbuf_reserve(&images, sizeof(*image), 0);
  if (!image) {
    count(TOLLGATE_IMAGES_LOST);
    return 1;
  }
  image->process = key;
  struct task_struct* const parent = BPF_CORE_READ(task, group_leader, real_parent);
  image->parent = key_of(parent);
  image->inode = 0;
  image->size = 0;
  image->device = 0;
  image->cgroup = group_id;
  image->uid = BPF_CORE_READ(task, cred, euid.val);
  image->gid = BPF_CORE_READ(task, cred, egid.val);
  image->flags = 0;
  image->path_length = 0;
  image->command_length = 0;
  image->directory_length = 0;
  BPF_CORE_READ_STR_INTO(&image->name, task, group_leader, comm);
  if (BPF_CORE_READ(task, flags) & PF_KTHREAD) {
    image->flags |= TOLLGATE_IMAGE_KERNEL;
  } else {
    fill_texts(image, task);
    if (is_current) fill_command(image, task);
  }
  image->cgroup_length = walk_cgroup(image, group);
  if (image->cut) image->flags |= TOLLGATE_IMAGE_CGROUP_CUT;
  // The daemon looks when it needs to know; it is only woken when the ring fills.
  const __u64 waiting = bpf_ringbuf_query(&images, BPF_RB_AVAIL_DATA);
  bpf_ringbuf_submit(image, waiting > RING_BYTES / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
  bpf_map_update_elem(&told, &key, &group_id, BPF_ANY);
  return 1;
}

static __always_inline void tell_with_ancestors(struct task_struct* task) {
  if (!tell((__u64)task, 1)) return;
  for (int i = 0; i < TOLLGATE_ANCESTORS; ++i) {
    task = BPF_CORE_READ(task, group_leader, real_parent);
    if (!task || BPF_CORE_READ(task, tgid) == 0) return;
    if (!tell((__u64)task, 0)) return;
  }
}

static __always_inline struct tollgate_owner current_owner(__u64 cookie, __u64 network, int kernel_socket) {
  struct task_struct* const task = (void*)bpf_get_current_task();
  tell_with_ancestors(task);
  struct tollgate_owner owner = {
      .process = key_of(task),
      .cookie = cookie,
      .network = network,
      .when = bpf_ktime_get_ns(),
      .uid = BPF_CORE_READ(task, cred, euid.val),
      .gid = BPF_CORE_READ(task, cred, egid.val),
      .kernel = kernel_socket || (BPF_CORE_READ(task, flags) & PF_KTHREAD) != 0,
  };
  return owner;
}

static __always_inline int same_process(const struct tollgate_process_key* a,
                                        const struct tollgate_process_key* b) {
  return a->start == b->start && a->pid == b->pid && a->exec == b->exec;
}

static __always_inline void put_owner(const struct tollgate_owner* owner) {
  if (bpf_map_update_elem(&owners, &owner->cookie, owner, BPF_ANY) != 0) count(TOLLGATE_OWNERS_LOST);
}

static __always_inline void put_flow(const struct tollgate_flow_key* key,
                                     const struct tollgate_owner* owner) {
  if (bpf_map_update_elem(&flows, key, owner, BPF_ANY) != 0) count(TOLLGATE_OWNERS_LOST);
}

static __always_inline int is_kernels(struct sock* sk) {
  return sk && BPF_CORE_READ_BITFIELD_PROBED(sk, sk_kern_sock);
}

// ---- Addresses -----------------------------------------------------------------------------------

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

// ---- Functions of the kernel ---------------------------------------------------------------------

// Whoever accepts a connection owns it.
SEC("fexit/inet_accept")
int BPF_PROG(tollgate_accept, struct socket* listening, struct socket* accepted) {
  struct sock* const sk = accepted->sk;
  if (!sk) return 0;
  const struct tollgate_owner owner =
      current_owner(bpf_get_socket_cookie(sk), network_of(sk), is_kernels(sk));
  put_owner(&owner);
  return 0;
}

// A connected UDP (or ping) socket has its addresses and ports once this has returned.
static __always_inline int on_datagram_connected(struct sock* sk) {
  const struct tollgate_flow_key key = socket_key(sk);
  const struct tollgate_owner owner = current_owner(bpf_get_socket_cookie(sk), key.network, is_kernels(sk));
  put_owner(&owner);
  put_flow(&key, &owner);
  return 0;
}

SEC("fexit/__ip4_datagram_connect")
int BPF_PROG(tollgate_datagram_connect4, struct sock* sk) { return on_datagram_connected(sk); }
SEC("fexit/__ip6_datagram_connect")
int BPF_PROG(tollgate_datagram_connect6, struct sock* sk) { return on_datagram_connected(sk); }

// Packets of raw and ping sockets, with all their headers. UDP comes this way too and is known.
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
  const struct tollgate_owner owner = current_owner(bpf_get_socket_cookie(sk), key->network, 0);
  put_owner(&owner);
  put_flow(key, &owner);
}

SEC("fentry/ip_send_skb")
int BPF_PROG(tollgate_packet4, struct net* net, struct sk_buff* skb) {
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

SEC("fentry/ip6_send_skb")
int BPF_PROG(tollgate_packet6, struct sk_buff* skb) {
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

SEC("cgroup/sock_create")
int tollgate_create(struct bpf_sock* ctx) {
  const struct tollgate_owner owner = current_owner(bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx), 0);
  put_owner(&owner);
  return 1;
}

static __always_inline int on_bind(struct bpf_sock* ctx) {
  const struct tollgate_owner owner = current_owner(bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx),
                                                    is_kernels((struct sock*)(void*)ctx));
  put_owner(&owner);
  return 1;
}

SEC("cgroup/post_bind4")
int tollgate_bind4(struct bpf_sock* ctx) { return on_bind(ctx); }
SEC("cgroup/post_bind6")
int tollgate_bind6(struct bpf_sock* ctx) { return on_bind(ctx); }

// A connected UDP socket goes, maybe before its only packet is looked at. The hook is given the socket
// itself: what the interface does not show of it is read as the kernel has it.
SEC("cgroup/sock_release")
int tollgate_release(struct bpf_sock* ctx) {
  if (ctx->protocol != IPPROTO_UDP) return 1;
  struct sock* const sk = (void*)ctx;
  const __u64 cookie = bpf_get_socket_cookie(ctx);
  const struct tollgate_owner* const owner = bpf_map_lookup_elem(&owners, &cookie);
  if (!owner || BPF_CORE_READ(sk, __sk_common.skc_dport) == 0) return 1;
  const struct tollgate_flow_key key = socket_key(sk);
  struct tollgate_owner copy = *owner;
  put_flow(&key, &copy);
  return 1;
}

static __always_inline int on_connect(struct bpf_sock_addr* ctx) {
  const struct tollgate_owner owner = current_owner(bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx), 0);
  put_owner(&owner);
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
  const struct tollgate_owner owner = current_owner(bpf_get_socket_cookie(ctx), key->network, 0);
  put_owner(&owner);
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

// Right before the SYN is sent, and right after listen(2): in the context of whoever does it.
SEC("sockops")
int tollgate_tcp(struct bpf_sock_ops* ctx) {
  if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ctx->op != BPF_SOCK_OPS_TCP_LISTEN_CB) return 1;
  const struct tollgate_owner owner = current_owner(bpf_get_socket_cookie(ctx), bpf_get_netns_cookie(ctx), 0);
  // The kernel's own sockets are known by their creation (bind, or nobody's); a thread of the kernel
  // tells by itself.
  put_owner(&owner);
  if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
    const struct tollgate_flow_key key = tcp_key(ctx);
    put_flow(&key, &owner);
  }
  return 1;
}

// ---- What was there before -------------------------------------------------------------------------

// Sockets that are open when the daemon starts. Of several holders the one that came last is the
// most likely to use it: a service, rather than systemd which opened the socket for it.
SEC("iter/task_file")
int tollgate_holders(struct bpf_iter__task_file* ctx) {
  struct task_struct* const task = ctx->task;
  struct file* const file = ctx->file;
  if (!task || !file || task->pid != task->tgid) return 0;
  struct socket* const socket = bpf_sock_from_file(file);
  if (!socket) return 0;
  struct sock* const sk = socket->sk;
  if (!sk) return 0;
  const __u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  if (family != AF_INET && family != AF_INET6) return 0;
  const __u64 cookie = bpf_get_socket_cookie(sk);
  struct tollgate_owner owner = {
      .process = key_of(task),
      .cookie = cookie,
      .network = network_of(sk),
      .uid = BPF_CORE_READ(task, cred, euid.val),
      .gid = BPF_CORE_READ(task, cred, egid.val),
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
  __u64 address = 0;  // as a number: that is what tell() takes
  bpf_probe_read_kernel(&address, sizeof(address), &ctx->task);
  tell(address, 0);
  put_owner(&owner);
  return 0;
}
