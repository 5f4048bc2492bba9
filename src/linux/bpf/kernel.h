// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// The few of the kernel's structures that the programs look into, each with the fields that they
// read and no other. Where a field really is, is put in when the programs are loaded, from the BTF of
// the running kernel (CO-RE); so no header of any particular kernel is needed to build.

#include <linux/bpf.h>

#define TOLLGATE_KERNEL __attribute__((preserve_access_index))

struct list_head;
struct super_block {
  unsigned int s_dev;
} TOLLGATE_KERNEL;

struct inode {
  unsigned long i_ino;
  long long i_size;
  unsigned int i_nlink;
  struct super_block* i_sb;
} TOLLGATE_KERNEL;

struct qstr {
  unsigned int len;
  const unsigned char* name;
} TOLLGATE_KERNEL;

struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
  struct inode* d_inode;
} TOLLGATE_KERNEL;

struct vfsmount {
  struct dentry* mnt_root;
} TOLLGATE_KERNEL;

struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
} TOLLGATE_KERNEL;

struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
} TOLLGATE_KERNEL;

struct file {
  struct path f_path;
  struct inode* f_inode;
} TOLLGATE_KERNEL;

struct mm_struct {
  struct file* exe_file;
  unsigned long arg_start;
  unsigned long arg_end;
} TOLLGATE_KERNEL;

struct fs_struct {
  struct path pwd;
} TOLLGATE_KERNEL;

struct cred {
  struct {
    unsigned int val;
  } euid, egid;
} TOLLGATE_KERNEL;

struct kernfs_node {
  const char* name;
  struct kernfs_node* parent;  // up to 6.14
  unsigned long long id;
} TOLLGATE_KERNEL;

struct kernfs_node___since_6_15 {
  struct kernfs_node* __parent;
} TOLLGATE_KERNEL;

struct cgroup {
  struct kernfs_node* kn;
} TOLLGATE_KERNEL;

struct css_set {
  struct cgroup* dfl_cgrp;
} TOLLGATE_KERNEL;

struct task_struct {
  unsigned int flags;
  int pid;
  int tgid;
  unsigned long long start_boottime;
  unsigned long long self_exec_id;
  char comm[16];
  struct mm_struct* mm;
  struct fs_struct* fs;
  const struct cred* cred;
  struct css_set* cgroups;
  struct task_struct* group_leader;
  struct task_struct* real_parent;
} TOLLGATE_KERNEL;

struct net {
  unsigned long long net_cookie;
} TOLLGATE_KERNEL;

struct in6_addr_of_kernel {
  unsigned char bytes[16];
};

struct sock_common {
  unsigned int skc_daddr;
  unsigned int skc_rcv_saddr;
  unsigned short skc_dport;
  unsigned short skc_num;
  unsigned short skc_family;
  struct {
    struct net* net;
  } skc_net;
  struct in6_addr_of_kernel skc_v6_daddr;
  struct in6_addr_of_kernel skc_v6_rcv_saddr;
} TOLLGATE_KERNEL;

struct sock {
  struct sock_common __sk_common;
  unsigned char sk_kern_sock : 1;
  unsigned short sk_protocol;
} TOLLGATE_KERNEL;

struct socket {
  struct sock* sk;
} TOLLGATE_KERNEL;

struct sk_buff {
  struct sock* sk;
  unsigned short network_header;
  unsigned char* head;
} TOLLGATE_KERNEL;

struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
} TOLLGATE_KERNEL;

struct bpf_iter__task_file {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  unsigned int fd;
  struct file* file;
} TOLLGATE_KERNEL;
