// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// Paths of files and of cgroups: texts that are put together from their end, since the kernel knows of
// each name only the one above it.

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "kernel.h"
#include "owner.h"

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
