// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// What the eBPF programs of owner.bpf.c and the daemon say to each other, in C and C++ alike. All
// numbers are in host byte order, addresses are bytes as on the wire.

#include <linux/types.h>

#define TOLLGATE_PATH_BYTES 512     // the end of a longer path is kept, and `cut` set
#define TOLLGATE_COMMAND_BYTES 768  // the beginning of a longer command line is kept
#define TOLLGATE_CGROUP_BYTES 512
#define TOLLGATE_DIRECTORY_BYTES 256
#define TOLLGATE_ANCESTORS 8  // that are captured with a process
// Entries of the maps; past them the kernel forgets those that were not used for the longest time (LRU).
#define TOLLGATE_MOST_OWNERS 65536
#define TOLLGATE_MOST_FLOWS 65536
#define TOLLGATE_MOST_PROGRAMS 32768

// One program in one process: `exec` counts the process's exec calls, so that a process that turns
// into another program is another one here.
struct tollgate_process_key {
  __u64 start;  // of the process: nanoseconds since boot, suspended time included
  __u32 pid;    // of its first thread, as the initial process namespace counts
  __u32 exec;
};

// Who used a socket last to connect, send, bind, listen or accept.
struct tollgate_owner {
  struct tollgate_process_key process;
  __u64 cookie;   // of the socket
  __u64 network;  // cookie of its network namespace
  __u64 when;     // nanoseconds since boot (CLOCK_MONOTONIC): what came later is more true
  __u8 kernel;   // the kernel's own socket, or a thread of the kernel
  __u8 holders;  // found when the daemon started, and held by so many processes; 0: seen in use
  __u8 closed;   // the socket is, for what UDP says of it
  __u8 pad[5];
};

// A flow as its local end sees it. What a protocol does not have, and what the hook cannot know, is 0.
struct tollgate_flow_key {
  __u64 network;  // cookie of the network namespace
  __u8 local[16];
  __u8 remote[16];
  __u16 local_port;  // ICMP echo: the identifier
  __u16 remote_port;
  __u8 protocol;
  __u8 family;  // 4, 6
  __u8 pad[2];
};

enum tollgate_image_flag {
  TOLLGATE_IMAGE_KERNEL = 1,    // a thread of the kernel: it has no program
  TOLLGATE_IMAGE_DELETED = 2,   // the file has no name any more
  TOLLGATE_IMAGE_PATH_CUT = 4,  // the path's beginning is missing
  TOLLGATE_IMAGE_COMMAND = 8,   // `command` was read, from the process's own memory
  TOLLGATE_IMAGE_CGROUP_CUT = 16,
  TOLLGATE_IMAGE_DIRECTORY_CUT = 32,
};

// A program as it was when its process first used a socket (or a descendant of it did).
struct tollgate_image {
  struct tollgate_process_key process;
  struct tollgate_process_key parent;  // all 0: has none
  __u64 inode;
  __u64 size;
  __u64 cgroup;  // id in the cgroup v2 hierarchy
  __u32 device;  // dev_t of the kernel: major << 20 | minor
  __u32 uid;     // effective
  __u32 gid;
  __u32 flags;
  // Bytes used of the texts below, which have no NUL at their end.
  __u16 path_length;
  __u16 command_length;  // arguments, each ended by a NUL
  __u16 cgroup_length;
  __u16 directory_length;
  __u32 at;       // where the text begins that is being put together: the programs' own
  __u32 cut;      // its beginning did not fit
  char name[16];  // comm
  char path[TOLLGATE_PATH_BYTES];
  char command[TOLLGATE_COMMAND_BYTES];
  char cgroup_path[TOLLGATE_CGROUP_BYTES];
  char directory[TOLLGATE_DIRECTORY_BYTES];  // working directory
  // Room for a name that is written too far: texts are put together from their end.
  char slack[256];
};

// That a process holds a socket, as the census writes it (tollgate_census).
struct tollgate_holding {
  struct tollgate_process_key process;
  __u64 cookie;
};

enum tollgate_bpf_counter {
  TOLLGATE_IMAGES_LOST,  // the ring was full
  TOLLGATE_OWNERS_LOST,  // a map refused
  // Entries that were new: what a map cannot hold of them it has forgotten.
  TOLLGATE_OWNERS_ADDED,
  TOLLGATE_FLOWS_ADDED,
  TOLLGATE_PROGRAMS_ADDED,
  TOLLGATE_BPF_COUNTERS,
};
