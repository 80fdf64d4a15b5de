// A TFTP load: many clients in one thread, each of which fetches a file again and again and
// compares every byte. Prints one JSON object. It shares no code with the servers that it
// measures.
#include "load.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct settings set = {.blksize = 512, .windowsize = 1, .clients = 1, .retries = 5,
                       .timeout = 1000000000, .deadline = 60000000000, .options = true};
struct counters run;

static const nanos coarse = 5000000; // how often the timers are looked at

nanos now_nanos(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * (nanos)1000000000 + time.tv_nsec;
}

static void stop(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void map_expected(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat about;
  if (fd < 0 || fstat(fd, &about) != 0) stop(path);
  set.expected_bytes = about.st_size;
  if (about.st_size == 0) return;
  set.expected = mmap(NULL, about.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (set.expected == MAP_FAILED) stop(path);
  close(fd);
}

static void resolve(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV}, *found;
  int error = getaddrinfo(host, port, &hints, &found);
  if (error != 0) {
    fprintf(stderr, "load: %s: %s\n", host, gai_strerror(error));
    exit(1);
  }
  memcpy(&set.server, found->ai_addr, found->ai_addrlen);
  set.server_size = found->ai_addrlen;
  freeaddrinfo(found);
}

static void usage(void) {
  fputs("Usage: load --port N --file NAME --expect PATH [--host ADDR] [--blksize N]\n"
        "  [--windowsize N] [--clients N] [--transfers N | --seconds S] [--arrive MILLIS]\n"
        "  [--rate BYTES] [--timeout MILLIS] [--retries N] [--deadline SECONDS]\n"
        "  [--no-options] [--gro]\n",
        stderr);
  exit(2);
}

static void read_arguments(int argc, char **argv) {
  static const struct option names[] = {
      {"host", 1, 0, 'h'},    {"port", 1, 0, 'p'},     {"file", 1, 0, 'f'},
      {"expect", 1, 0, 'e'},  {"blksize", 1, 0, 'b'},  {"windowsize", 1, 0, 'w'},
      {"clients", 1, 0, 'c'}, {"transfers", 1, 0, 'n'}, {"seconds", 1, 0, 's'},
      {"arrive", 1, 0, 'a'},  {"rate", 1, 0, 'r'},     {"timeout", 1, 0, 't'},
      {"retries", 1, 0, 'R'}, {"deadline", 1, 0, 'd'}, {"no-options", 0, 0, 'o'},
      {"gro", 0, 0, 'g'},     {0, 0, 0, 0}};
  const char *host = "127.0.0.1", *port = NULL, *expect = NULL;
  for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    switch (c) {
      case 'h': host = optarg; break;
      case 'p': port = optarg; break;
      case 'f': set.file = optarg; break;
      case 'e': expect = optarg; break;
      case 'b': set.blksize = atoi(optarg); break;
      case 'w': set.windowsize = atoi(optarg); break;
      case 'c': set.clients = atoi(optarg); break;
      case 'n': set.transfers = atoll(optarg); break;
      case 's': set.seconds = atof(optarg); break;
      case 'a': set.arrive = atof(optarg) * 1e6; break;
      case 'r': set.rate = atoll(optarg); break;
      case 't': set.timeout = atof(optarg) * 1e6; break;
      case 'R': set.retries = atoi(optarg); break;
      case 'd': set.deadline = atof(optarg) * 1e9; break;
      case 'o': set.options = false; break;
      case 'g': set.gro = true; break;
      default: usage();
    }
  }
  if (!port || !set.file || strlen(set.file) > 400 || !expect || set.clients < 1) usage();
  if (set.blksize < 8 || set.blksize > 65464 || set.windowsize < 1) usage();
  if (set.transfers == 0 && set.seconds == 0) set.transfers = set.clients;
  resolve(host, port);
  map_expected(expect);
}

static bool may_begin(nanos now) {
  if (set.transfers > 0) return run.started < set.transfers;
  return run.first == 0 || now - run.first < set.seconds * 1e9;
}

/** Lets a client that rests begin its next transfer; false: it has nothing left to do. */
static bool go_on(struct client *client, nanos now) {
  if (client->state != RESTING) return true;
  if (!may_begin(now)) return false;
  if (now >= client->begins_at) begin_transfer(client, now);
  return true;
}

static void serve_one(struct client *client, nanos give_up) {
  nanos looked = 0;
  while (go_on(client, now_nanos())) {
    receive(client);
    nanos now = now_nanos();
    if (now - looked < coarse) continue;
    looked = now;
    tick(client, now);
    if (now > give_up) return;
  }
}

static void serve_many(struct client *clients, nanos give_up) {
  enum { EVENTS = 256 };
  struct epoll_event events[EVENTS];
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < set.clients; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &event) != 0) stop("epoll_ctl");
  }
  nanos looked = 0;
  for (bool busy = true; busy;) {
    int count = epoll_wait(epoll, events, EVENTS, coarse / 1000000);
    nanos now = now_nanos();
    for (int i = 0; i < count; i++) {
      struct client *client = events[i].data.ptr;
      receive(client);
      if (client->state == RESTING) go_on(client, now_nanos());
    }
    if (now - looked < coarse) continue;
    looked = now;
    busy = false;
    for (int i = 0; i < set.clients; i++) {
      if (clients[i].state != RESTING) tick(&clients[i], now);
      if (go_on(&clients[i], now)) busy = true;
    }
    if (now > give_up) break;
  }
  close(epoll);
}

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static float quantile(double part) {
  if (run.done == 0) return 0;
  return run.latencies[(int64_t)ceil(part * (run.done - 1))];
}

/** Jain's index over the rates of clients that began in [from, to): 1 when all are equal, 1/n when
 * one has everything. A client that failed has the rate 0. */
static double fairness(const struct client *clients, nanos from, nanos to, int *count) {
  double sum = 0, squares = 0;
  *count = 0;
  for (int i = 0; i < set.clients; i++) {
    if (clients[i].first_begun < from || clients[i].first_begun >= to) continue;
    double seconds = (clients[i].last_ended - clients[i].first_begun) / 1e9;
    double rate = seconds > 0 ? clients[i].all_bytes / seconds : 0;
    ++*count;
    sum += rate;
    squares += rate * rate;
  }
  return squares > 0 ? sum * sum / (*count * squares) : 0;
}

/** The same among clients that came within the same 100 ms, so that who came to an idle server is
 * not compared with who came to a busy one; the mean over such groups. */
static double fairness_of_groups(const struct client *clients) {
  const nanos step = 100000000;
  double sum = 0;
  int64_t all = 0;
  for (nanos from = run.first; from <= run.first + set.arrive + step; from += step) {
    int count;
    double index = fairness(clients, from, from + step, &count);
    sum += index * count;
    all += count;
  }
  return all > 0 ? sum / all : 0;
}

static void report(const struct client *clients) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
               (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  double seconds = run.last > run.first ? (run.last - run.first) / 1e9 : 0;
  double per = seconds > 0 ? 1 / seconds : 0;
  qsort(run.latencies, run.done, sizeof *run.latencies, by_value);
  for (char *c = run.error; *c; c++)
    if (*c < ' ' || *c == '"' || *c == '\\' || *c == 127) *c = ' ';
  printf("{\"transfers\":%ld,\"failures\":%ld,\"corrupt\":%ld,\"refused\":%ld,\"timedOut\":%ld,"
         "\"unfinished\":%ld,\"error\":\"%s\",", run.done, run.failed, run.corrupt, run.refused,
         run.timed_out, run.unfinished, run.error);
  printf("\"bytes\":%ld,\"blocks\":%ld,\"seconds\":%.6f,\"megabytesPerSecond\":%.3f,"
         "\"blocksPerSecond\":%.1f,\"transfersPerSecond\":%.2f,", run.bytes, run.blocks, seconds,
         run.bytes * per / 1e6, run.blocks * per, run.done * per);
  printf("\"latency\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f},\"quantiles\":[", quantile(0.5),
         quantile(0.99), quantile(1));
  for (int i = 0; i <= 100; i++) printf("%s%.3f", i ? "," : "", quantile(i / 100.0));
  int all;
  double even = fairness(clients, 0, INT64_MAX, &all);
  printf("],\"fairness\":%.4f,\"fairnessOfGroups\":%.4f,", even, fairness_of_groups(clients));
  printf("\"duplicates\":%ld,\"gaps\":%ld,\"repeats\":%ld,\"agreed\":{\"blksize\":%d,"
         "\"windowsize\":%d},\"loadCpuSeconds\":%.3f}\n", run.duplicates,
         run.gaps, run.repeats, run.agreed_blksize, run.agreed_windowsize, cpu);
}

int main(int argc, char **argv) {
  read_arguments(argc, argv);
  struct rlimit files = {set.clients + 64, set.clients + 64}, had;
  getrlimit(RLIMIT_NOFILE, &had);
  if (had.rlim_cur < files.rlim_cur) {
    if (had.rlim_max > files.rlim_max) files.rlim_max = had.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) stop("setrlimit");
  }
  struct client *clients = calloc(set.clients, sizeof *clients);
  if (clients == NULL) stop("calloc");
  nanos start = now_nanos();
  for (int i = 0; i < set.clients; i++) {
    open_client(&clients[i]);
    clients[i].begins_at = start + set.arrive * i / set.clients;
  }
  if (set.clients == 1) serve_one(clients, start + set.deadline);
  else serve_many(clients, start + set.deadline);
  for (int i = 0; i < set.clients; i++)
    if (clients[i].state != RESTING) fail(&clients[i], &run.unfinished, "still open at the end");
  if (set.transfers > run.started) { // The deadline came first.
    run.unfinished += set.transfers - run.started;
    run.failed += set.transfers - run.started;
  }
  report(clients);
}
