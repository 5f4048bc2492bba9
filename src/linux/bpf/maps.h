// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// What the programs write down, for the daemon to look up.

#include <bpf/bpf_helpers.h>

#include "kernel.h"
#include "owner.h"

// By socket cookie, of closed sockets too: the oldest go when it is full.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, TOLLGATE_MOST_OWNERS);
  __type(key, __u64);
  __type(value, struct tollgate_owner);
} owners SEC(".maps");

// By tuple, as long as there is room: a socket may be closed before its packet is looked at.
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, TOLLGATE_MOST_FLOWS);
  __type(key, struct tollgate_flow_key);
  __type(value, struct tollgate_owner);
} flows SEC(".maps");

// Room for some 200 programs. Whoever maps a ring has it in its memory, twice in its address space.
#define RING_BYTES (1 << 19)

// The programs that `images` was told of, each with the cgroup that it was in.
#define TOLD_WITHOUT_COMMAND ((__u64)1 << 63)
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, TOLLGATE_MOST_PROGRAMS);
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
