// What the load client's two halves share: the settings, one client, and the counters of a run.
#pragma once
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

typedef int64_t nanos;

struct settings {
  struct sockaddr_storage server;
  socklen_t server_size;
  const char *file;
  const uint8_t *expected;
  size_t expected_bytes;
  int blksize, windowsize, clients, retries;
  int64_t transfers;       // in all; 0: as many as start within `seconds`
  double seconds;
  nanos arrive, timeout, deadline;
  int64_t rate;            // bytes a second for each client; 0: as fast as it goes
  bool gro, options;
};

enum state { RESTING, ASKING, RECEIVING };

struct client {
  int fd;
  struct sockaddr_storage tid;
  enum state state;
  bool complained;         // an ACK already told of this gap
  bool last_stored;        // the short block is here; its ACK may still wait for the rate
  int blksize, windowsize, tries;
  int64_t stored;          // blocks received in order
  int64_t acked;           // of these, acknowledged
  int64_t bytes;           // of this transfer
  nanos begun, due;        // due: when to repeat; 0: never
  nanos ack_at;            // a slow client's next ACK; 0: none waits
  nanos begins_at;         // of its first request, in a storm
  // Of all its transfers, for fairness.
  nanos first_begun, last_ended;
  int64_t all_bytes;
};

struct counters {
  int64_t started, done, failed, corrupt, refused, timed_out, unfinished;
  int64_t bytes, blocks, duplicates, gaps, repeats;
  int agreed_blksize, agreed_windowsize;
  nanos first, last;
  float *latencies;        // milliseconds, `done` of them
  int64_t latencies_room;
  char error[128];         // the first failure, in words
};

extern struct settings set;
extern struct counters run;

nanos now_nanos(void);
void open_client(struct client *client);
void begin_transfer(struct client *client, nanos now);
/** Takes what has arrived, at most one batch; true: there may be more. */
bool receive(struct client *client);
/** Repeats, gives up, or sends an ACK that the rate held back. */
void tick(struct client *client, nanos now);
void fail(struct client *client, int64_t *counter, const char *why);
