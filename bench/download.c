// One client of the load: requests a file, acknowledges each window (RFC 7440), compares every byte
// with the expected file. Each transfer has a port of its own. Knows nothing of the other clients.
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { RRQ = 1, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 };
enum { BATCH = 32, BUFFER = 65536 };

static uint8_t buffers[BATCH][BUFFER];
static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];
static struct sockaddr_storage senders[BATCH];
static char controls[BATCH][CMSG_SPACE(sizeof(int))];

void open_client(struct client *client) {
  int blocking = set.clients == 1 ? 0 : SOCK_NONBLOCK;
  int fd = socket(set.server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | blocking, 0);
  if (fd < 0) {
    perror("load: socket");
    exit(1);
  }
  int one = 1, bytes = set.clients > 1000 ? 1 << 18 : 1 << 23;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  if (set.gro && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one) != 0) {
    perror("load: UDP_GRO");
    exit(1);
  }
  if (!blocking) { // One client waits in recvmmsg itself, for as long as its timer is coarse.
    struct timeval wait = {.tv_usec = 20000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  }
  client->fd = fd;
}

static void arm(struct client *client, nanos now) { client->due = now + set.timeout; }

static void send_request(struct client *client) {
  char packet[768];
  int size = snprintf(packet, 512, "%c%c%s%coctet", 0, RRQ, set.file, 0) + 1;
  if (set.options) {
    size += snprintf(packet + size, 64, "tsize%c0", 0) + 1;
    size += snprintf(packet + size, 64, "blksize%c%d", 0, set.blksize) + 1;
    if (set.windowsize > 1)
      size += snprintf(packet + size, 64, "windowsize%c%d", 0, set.windowsize) + 1;
  }
  sendto(client->fd, packet, size, 0, (struct sockaddr *)&set.server, set.server_size);
}

void begin_transfer(struct client *client, nanos now) {
  // Gives up the port: the kernel chooses a new one at the next send.
  struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  connect(client->fd, &nobody, sizeof nobody);
  uint8_t late; // What still came for the last transfer must not answer this one.
  while (recv(client->fd, &late, 1, MSG_DONTWAIT) >= 0) {}
  client->state = ASKING;
  client->stored = client->acked = client->bytes = 0;
  client->tries = 0;
  client->complained = client->last_stored = false;
  client->blksize = 512;
  client->windowsize = 1;
  client->begun = now;
  client->ack_at = 0;
  if (client->first_begun == 0) client->first_begun = now;
  if (run.first == 0) run.first = now;
  run.started++;
  send_request(client);
  arm(client, now);
}

static void rest(struct client *client, nanos now) {
  client->state = RESTING;
  client->due = client->ack_at = 0;
  client->last_ended = run.last = now;
}

void fail(struct client *client, int64_t *counter, const char *why) {
  (*counter)++;
  run.failed++;
  if (run.error[0] == 0) snprintf(run.error, sizeof run.error, "%s", why);
  rest(client, now_nanos());
}

static void end_transfer(struct client *client, nanos now) {
  if ((size_t)client->bytes != set.expected_bytes)
    return fail(client, &run.corrupt, "the file came shorter or longer than it is");
  if (run.done == run.latencies_room) {
    run.latencies_room = run.latencies_room * 2 + 1024;
    run.latencies = realloc(run.latencies, run.latencies_room * sizeof *run.latencies);
    if (run.latencies == NULL) abort();
  }
  run.latencies[run.done++] = (now - client->begun) / 1e6f;
  run.agreed_blksize = client->blksize;
  run.agreed_windowsize = client->windowsize;
  client->all_bytes += client->bytes;
  rest(client, now);
}

static void send_ack(struct client *client, nanos now) {
  uint8_t packet[4] = {0, ACK, client->stored >> 8, client->stored};
  sendto(client->fd, packet, 4, 0, (struct sockaddr *)&client->tid, set.server_size);
  client->acked = client->stored;
  client->ack_at = 0;
  arm(client, now);
  if (client->last_stored) end_transfer(client, now);
}

/** Now, or when a client of that rate would have taken so many bytes. */
static void acknowledge(struct client *client, nanos now) {
  if (set.rate > 0) {
    nanos at = client->begun + (nanos)(client->bytes * 1e9 / set.rate);
    if (at > now) {
      client->ack_at = at;
      client->due = 0;
      return;
    }
  }
  send_ack(client, now);
}

static void take_oack(struct client *client, const uint8_t *packet, size_t size, nanos now) {
  if (client->stored > 0) return;
  const char *at = (const char *)packet + 2, *end = (const char *)packet + size;
  while (at < end) {
    const char *value = memchr(at, 0, end - at);
    const char *next = value ? memchr(value + 1, 0, end - value - 1) : NULL;
    if (!next) break;
    if (strcasecmp(at, "blksize") == 0) client->blksize = atoi(value + 1);
    if (strcasecmp(at, "windowsize") == 0) client->windowsize = atoi(value + 1);
    at = next + 1;
  }
  if (client->blksize < 8 || client->blksize > set.blksize || client->windowsize < 1 ||
      client->windowsize > set.windowsize)
    return fail(client, &run.refused, "the OACK offers more than was asked");
  send_ack(client, now);
}

/** True when the block is the next one. Anything else is a duplicate or tells of a gap. */
static bool is_next(struct client *client, uint16_t wire, nanos now) {
  int ahead = (int16_t)(wire - (uint16_t)(client->stored + 1));
  if (ahead == 0) return true;
  if (ahead < 0) {
    run.duplicates++;
    // Our last ACK was lost, or the block was slow: RFC 1350 acknowledges it again.
    bool ours = wire == (uint16_t)client->acked && client->acked == client->stored;
    if (ours && client->ack_at == 0) run.repeats++, send_ack(client, now);
    return false;
  }
  run.gaps++;
  if (!client->complained && client->ack_at == 0) { // RFC 7440 4: once for each gap
    client->complained = true;
    run.repeats++;
    send_ack(client, now);
  }
  return false;
}

static void take_data(struct client *client, const uint8_t *packet, size_t size, nanos now) {
  if (client->last_stored || !is_next(client, packet[2] << 8 | packet[3], now)) return;
  size_t bytes = size - 4;
  if (bytes > (size_t)client->blksize) return fail(client, &run.corrupt, "a block is too long");
  if (client->bytes + bytes > set.expected_bytes ||
      memcmp(packet + 4, set.expected + client->bytes, bytes) != 0)
    return fail(client, &run.corrupt, "a block holds other bytes than the file");
  client->stored++;
  client->bytes += bytes;
  client->tries = 0;
  client->complained = false;
  run.blocks++;
  run.bytes += bytes;
  client->last_stored = bytes < (size_t)client->blksize;
  if (client->last_stored || client->stored - client->acked >= client->windowsize)
    acknowledge(client, now);
}

static void take(struct client *client, const uint8_t *packet, size_t size, nanos now) {
  if (client->state == RESTING || size < 4 || packet[0] != 0) return;
  if (packet[1] == DATA) return take_data(client, packet, size, now);
  if (packet[1] == OACK) return take_oack(client, packet, size, now);
  if (packet[1] != ERROR) return;
  char why[120];
  snprintf(why, sizeof why, "ERROR %d %.*s", packet[2] << 8 | packet[3], (int)(size - 4),
           (const char *)packet + 4);
  fail(client, &run.refused, why);
}

static size_t joined_size(struct msghdr *message, size_t size) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
    if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) return *(int *)CMSG_DATA(c);
  return size;
}

/** False for what no server says to a request: the port may have had another owner before, to whom
 * a server still repeats a block. */
static bool may_answer(const uint8_t *packet, size_t size) {
  if (size < 4 || packet[0] != 0) return false;
  if (packet[1] == DATA) return packet[2] == 0 && packet[3] == 1 && size <= 516;
  return packet[1] == OACK || packet[1] == ERROR;
}

bool receive(struct client *client) {
  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){buffers[i], BUFFER};
    messages[i].msg_hdr = (struct msghdr){
        .msg_iov = &vectors[i], .msg_iovlen = 1,
        .msg_name = &senders[i], .msg_namelen = sizeof senders[i],
        .msg_control = set.gro ? controls[i] : NULL,
        .msg_controllen = set.gro ? sizeof controls[i] : 0};
  }
  int flags = set.clients == 1 ? MSG_WAITFORONE : MSG_DONTWAIT;
  int count = recvmmsg(client->fd, messages, BATCH, flags, NULL);
  if (count < 0) return false;
  nanos now = now_nanos();
  for (int i = 0; i < count && client->state != RESTING; i++) {
    if (client->state == ASKING) { // The first answer's port is the server's TID (RFC 1350 4).
      if (!may_answer(buffers[i], messages[i].msg_len)) continue;
      client->tid = senders[i];
      client->state = RECEIVING;
    }
    if (memcmp(&senders[i], &client->tid, set.server_size) != 0) continue;
    size_t size = messages[i].msg_len, step = joined_size(&messages[i].msg_hdr, size);
    for (size_t at = 0; at < size; at += step)
      take(client, buffers[i] + at, size - at < step ? size - at : step, now);
  }
  return count == BATCH;
}

void tick(struct client *client, nanos now) {
  if (client->ack_at != 0 && now >= client->ack_at) return send_ack(client, now);
  if (client->due == 0 || now < client->due) return;
  if (client->tries++ >= set.retries)
    return fail(client, &run.timed_out, "no answer to all repeats");
  run.repeats++;
  if (client->state == ASKING) {
    send_request(client);
    arm(client, now);
  } else {
    send_ack(client, now);
  }
}
