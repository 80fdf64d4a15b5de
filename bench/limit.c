// The physical limit: the same datagrams, sent by next to nothing. Serves the files of one folder
// on one port, each encoded once for one block size and kept; a window leaves through UDP_SEGMENT
// in as few calls as the kernel takes. No server to use: it trusts its clients and knows
// 127.0.0.0/8 only by their ports.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RRQ = 1, ACK = 4, OACK = 6 };
enum { BATCH = 64, IMAGES = 64, LARGEST_SEND = 65507, MOST_SEGMENTS = 64, REPEAT_MILLIS = 1000 };

struct image {
  char name[128];
  int blksize;
  int64_t blocks, bytes; // of the encoded blocks, headers included
  uint8_t *encoded;
};

struct transfer {
  const struct image *image; // NULL: none
  struct sockaddr_in client;
  int windowsize, oack_size;
  int64_t acked, sent;
  int64_t heard; // milliseconds
  char oack[128];
};

static struct image images[IMAGES];
static struct transfer transfers[65536]; // by the client's port
static int udp;

static int64_t now_millis(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static bool encode(struct image *image) {
  struct stat about;
  int fd = open(image->name, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &about) != 0) return false;
  image->blocks = about.st_size / image->blksize + 1;
  image->bytes = about.st_size + image->blocks * 4;
  image->encoded = malloc(image->bytes);
  uint8_t *at = image->encoded;
  for (int64_t block = 1; block <= image->blocks; block++) {
    uint8_t header[4] = {0, 3, block >> 8, block};
    memcpy(at, header, 4);
    ssize_t read_bytes = read(fd, at + 4, image->blksize);
    if (read_bytes < 0) return false;
    at += 4 + read_bytes;
  }
  close(fd);
  return at == image->encoded + image->bytes;
}

static const struct image *find_image(const char *name, int blksize) {
  while (*name == '/') name++;
  for (int i = 0; i < IMAGES; i++) {
    if (images[i].encoded == NULL) {
      images[i].blksize = blksize;
      snprintf(images[i].name, sizeof images[i].name, "%s", name);
      return encode(&images[i]) ? &images[i] : NULL;
    }
    if (images[i].blksize == blksize && strcmp(images[i].name, name) == 0) return &images[i];
  }
  return NULL;
}

static void send_blocks(struct transfer *transfer, int64_t first, int64_t last) {
  const struct image *image = transfer->image;
  int stride = image->blksize + 4, most = LARGEST_SEND / stride;
  if (most > MOST_SEGMENTS) most = MOST_SEGMENTS;
  if (most < 1) most = 1;
  for (int64_t block = first; block <= last; block += most) {
    int64_t end = block + most - 1 < last ? block + most - 1 : last;
    int64_t from = (block - 1) * stride, to = end * stride;
    struct iovec run = {image->encoded + from, (to < image->bytes ? to : image->bytes) - from};
    char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct msghdr message = {.msg_name = &transfer->client,
                             .msg_namelen = sizeof transfer->client,
                             .msg_iov = &run, .msg_iovlen = 1};
    if (end > block) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      struct cmsghdr *c = CMSG_FIRSTHDR(&message);
      c->cmsg_level = IPPROTO_UDP;
      c->cmsg_type = UDP_SEGMENT;
      c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
      *(uint16_t *)CMSG_DATA(c) = stride;
    }
    sendmsg(udp, &message, 0);
  }
}

static void send_window(struct transfer *transfer, int64_t first) {
  int64_t last = transfer->acked + transfer->windowsize;
  if (last > transfer->image->blocks) last = transfer->image->blocks;
  if (first <= last) send_blocks(transfer, first, last);
  transfer->sent = last;
}

static void send_oack(struct transfer *transfer) {
  sendto(udp, transfer->oack, transfer->oack_size, 0, (struct sockaddr *)&transfer->client,
         sizeof transfer->client);
}

static void refuse(const struct sockaddr_in *client) {
  static const char error[] = "\0\5\0\1no such file";
  sendto(udp, error, sizeof error, 0, (const struct sockaddr *)client, sizeof *client);
}

static void take_request(struct transfer *transfer, char *packet,
                         const struct sockaddr_in *client) {
  const char *name = packet + 2, *end = packet + 1024; // the buffer behind the packet is zeros
  const char *at = name + strlen(name) + 1;
  int blksize = 512;
  transfer->windowsize = 1;
  for (at += strlen(at) + 1; at < end && *at;) {
    const char *value = at + strlen(at) + 1;
    if (strcasecmp(at, "blksize") == 0) blksize = atoi(value);
    if (strcasecmp(at, "windowsize") == 0) transfer->windowsize = atoi(value);
    at = value + strlen(value) + 1;
  }
  const struct image *image = blksize >= 8 ? find_image(name, blksize) : NULL;
  if (image == NULL) return refuse(client);
  transfer->image = image;
  transfer->client = *client;
  transfer->acked = 0;
  transfer->sent = -1; // the OACK is unanswered
  transfer->heard = now_millis();
  transfer->oack_size = snprintf(transfer->oack, sizeof transfer->oack,
                                 "%c%cblksize%c%d%cwindowsize%c%d", 0, OACK, 0, blksize, 0, 0,
                                 transfer->windowsize) + 1;
  send_oack(transfer);
}

static void take_ack(struct transfer *transfer, uint16_t wire, int64_t now) {
  transfer->heard = now;
  if (transfer->sent < 0) {
    if (wire == 0) send_window(transfer, 1);
    return;
  }
  int64_t block = transfer->sent - (uint16_t)(transfer->sent - wire);
  if (block < transfer->acked || (block == transfer->acked && transfer->windowsize == 1)) return;
  transfer->acked = block;
  if (block == transfer->image->blocks) transfer->image = NULL;
  else send_window(transfer, block + 1);
}

static void repeat(int64_t now) {
  for (int port = 0; port < 65536; port++) {
    struct transfer *transfer = &transfers[port];
    if (transfer->image == NULL || now - transfer->heard < REPEAT_MILLIS) continue;
    transfer->heard = now;
    if (transfer->sent < 0) send_oack(transfer);
    else send_window(transfer, transfer->acked + 1);
  }
}

int main(int argc, char **argv) {
  static char buffers[BATCH][1024];
  static struct mmsghdr messages[BATCH];
  static struct iovec vectors[BATCH];
  static struct sockaddr_in clients[BATCH];
  if (argc != 3 || chdir(argv[1]) != 0) {
    fputs("Usage: limit DIR PORT\n", stderr);
    return 2;
  }
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int bytes = 1 << 22;
  struct timeval wait = {.tv_usec = 200000};
  setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  setsockopt(udp, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  if (udp < 0 || bind(udp, (struct sockaddr *)&local, sizeof local) != 0) {
    perror("limit: bind");
    return 1;
  }
  for (int64_t repeated = 0;;) {
    for (int i = 0; i < BATCH; i++) {
      vectors[i] = (struct iovec){buffers[i], 512};
      messages[i].msg_hdr = (struct msghdr){.msg_name = &clients[i],
          .msg_namelen = sizeof clients[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(udp, messages, BATCH, MSG_WAITFORONE, NULL);
    int64_t now = now_millis();
    for (int i = 0; i < count; i++) {
      uint8_t *packet = (uint8_t *)buffers[i];
      if (messages[i].msg_len < 4) continue;
      struct transfer *transfer = &transfers[ntohs(clients[i].sin_port)];
      memset(packet + messages[i].msg_len, 0, packet[1] == RRQ ? 64 : 0);
      if (packet[1] == RRQ) take_request(transfer, buffers[i], &clients[i]);
      else if (packet[1] == ACK && transfer->image)
        take_ack(transfer, packet[2] << 8 | packet[3], now);
    }
    if (now - repeated < 200) continue;
    repeated = now;
    repeat(now);
  }
}
