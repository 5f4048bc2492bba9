// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// Which program runs in a process, told of when it first uses a socket: so it has a name also when it has
// exited. What became another program by exec is another one (self_exec_id), and told of anew.

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "kernel.h"
#include "maps.h"
#include "owner.h"
#include "texts.h"

#define PF_KTHREAD 0x00200000

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
// told before, 1 when it is new. Of an ancestor nobody can tell its command line: it is told of once more
// when it uses a socket itself. A function of its own, so that it is verified once.
__noinline int tell(__u64 task_address, __u32 is_current) {
  struct task_struct* const task = (void*)task_address;
  struct tollgate_process_key key = key_of(task);
  struct kernfs_node* const group = group_of(task);
  const __u64 group_id = BPF_CORE_READ(group, id);
  const __u64 as_told = is_current ? group_id : group_id ^ TOLD_WITHOUT_COMMAND;
  const __u64* const known = bpf_map_lookup_elem(&told, &key);
  if (known && (*known == group_id || *known == as_told)) return 0;

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
  if (bpf_map_update_elem(&told, &key, &as_told, BPF_ANY) == 0 && !known) count(TOLLGATE_PROGRAMS_ADDED);
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
