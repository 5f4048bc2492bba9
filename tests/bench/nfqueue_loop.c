// SPDX-License-Identifier: GPL-2.0-or-later
// The least that a program on NFQUEUE can do, to compare with: receive one packet, accept it and
// mark its flow, send one verdict, and so on. No decision, no table, no batch.
//
//   nfqueue_loop [FIRST-QUEUE [COUNT]]        (4200 6, the queues that tollgated binds)
//
// The mark is value 1 (accept) in 0x0f000000: by NFQA_CT where the kernel takes it, so that no rule
// has to save it, else as the packet's mark, for the same rules that tollgate loads. Says on standard
// output which, when it is ready. Ends on SIGTERM and SIGINT and then says how many packets it saw.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { kBuffer = 0xffff + 8192, kCopyRange = 192, kMaxLength = 4096, kSocketBuffer = 8 << 20 };
static const uint32_t kMask = 0x0f000000;
static const uint32_t kAccept = 0x01000000;

static char buffer[kBuffer];
static volatile sig_atomic_t stop;

static void on_signal(int number) {
  (void)number;
  stop = 1;
}

// Sends one configuration message and waits for its acknowledgement. The errno, 0 when it was done.
// Packets that come in between are lost to this program: it is to be started before the traffic.
static int configure(struct mnl_socket* socket, struct nlmsghdr* message) {
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0) return errno;
  for (;;) {
    const ssize_t size = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
    if (size < 0) return errno;
    const struct nlmsghdr* const answer = (const struct nlmsghdr*)buffer;
    if (answer->nlmsg_type != NLMSG_ERROR) continue;
    return -((const struct nlmsgerr*)mnl_nlmsg_get_payload(answer))->error;
  }
}

static int set_flags(struct mnl_socket* socket, uint16_t queue, uint32_t flags) {
  char room[256];
  struct nlmsghdr* const message = nfq_nlmsg_put(room, NFQNL_MSG_CONFIG, queue);
  mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(flags));
  mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_CONNTRACK));
  nfq_nlmsg_cfg_put_qmaxlen(message, kMaxLength);
  return configure(socket, message);
}

// Binds one queue. `conntrack`: on the way in whether to try NFQA_CT, on the way out whether it is.
static int open_queue(struct mnl_socket* socket, uint16_t queue, bool* conntrack) {
  char room[256];
  struct nlmsghdr* message = nfq_nlmsg_put(room, NFQNL_MSG_CONFIG, queue);
  nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
  int error = configure(socket, message);
  if (error != 0) return error;
  if (*conntrack) {
    error = set_flags(socket, queue, NFQA_CFG_F_GSO | NFQA_CFG_F_CONNTRACK);
    if (error == EAGAIN) error = set_flags(socket, queue, NFQA_CFG_F_GSO | NFQA_CFG_F_CONNTRACK);
    if (error == EOPNOTSUPP) *conntrack = false;
  }
  if (!*conntrack) error = set_flags(socket, queue, NFQA_CFG_F_GSO);
  if (error != 0) return error;
  message = nfq_nlmsg_put(room, NFQNL_MSG_CONFIG, queue);
  nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, kCopyRange);
  return configure(socket, message);
}

static void accept_packet(struct mnl_socket* socket, uint16_t queue, uint32_t id, bool conntrack) {
  char room[256];
  struct nlmsghdr* const message = nfq_nlmsg_put(room, NFQNL_MSG_VERDICT, queue);
  nfq_nlmsg_verdict_put(message, (int)id, NF_ACCEPT);
  if (conntrack) {
    struct nlattr* const nest = mnl_attr_nest_start(message, NFQA_CT);
    mnl_attr_put_u32(message, CTA_MARK, htonl(kAccept));
    mnl_attr_put_u32(message, CTA_MARK_MASK, htonl(kMask));
    mnl_attr_nest_end(message, nest);
  } else {
    nfq_nlmsg_verdict_put_mark(message, kAccept);
  }
  if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0) perror("send");
}

// Receives one message; true when it was a packet and got its verdict.
static bool serve_one(struct mnl_socket* socket, bool conntrack) {
  const ssize_t size = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
  if (size < 0) {
    if (errno == EINTR || errno == EAGAIN || errno == ENOBUFS) return false;
    perror("receive");
    exit(1);
  }
  const struct nlmsghdr* const message = (const struct nlmsghdr*)buffer;
  struct nlattr* attributes[NFQA_MAX + 1] = {0};
  if (message->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)) return false;
  if (nfq_nlmsg_parse(message, attributes) < 0 || attributes[NFQA_PACKET_HDR] == NULL) return false;
  const struct nfgenmsg* const family = mnl_nlmsg_get_payload(message);
  const struct nfqnl_msg_packet_hdr* const packet = mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]);
  accept_packet(socket, ntohs(family->res_id), ntohl(packet->packet_id), conntrack);
  return true;
}

static long number_argument(const char* text, long largest) {
  char* end = NULL;
  const long number = strtol(text, &end, 10);
  if (*text == '\0' || *end != '\0' || number < 0 || number > largest) {
    fprintf(stderr, "nfqueue_loop: %s is no number from 0 to %ld\n", text, largest);
    exit(2);
  }
  return number;
}

int main(int argc, char** argv) {
  const long first = argc > 1 ? number_argument(argv[1], 65535) : 4200;
  const long count = argc > 2 ? number_argument(argv[2], 65536 - first) : 6;
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);

  struct mnl_socket* const socket = mnl_socket_open(NETLINK_NETFILTER);
  if (socket == NULL || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
    perror("netlink socket");
    return 1;
  }
  const int size = kSocketBuffer;
  setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  // Looks for a signal once a second: one may come just before the program waits.
  const struct timeval patience = {.tv_sec = 1};
  setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  bool conntrack = true;
  for (long queue = first; queue < first + count; ++queue) {
    errno = open_queue(socket, (uint16_t)queue, &conntrack);
    if (errno != 0) {
      fprintf(stderr, "queue %ld: %m\n", queue);
      return 1;
    }
  }
  printf("ready, marks by %s\n", conntrack ? "conntrack" : "packet");
  fflush(stdout);

  unsigned long packets = 0;
  while (!stop) packets += serve_one(socket, conntrack);
  printf("%lu packets\n", packets);
  mnl_socket_close(socket);
  return 0;
}
