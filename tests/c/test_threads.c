/* test_threads.c: teams, barriers, failures, the mutex, fork, and callers that compete for the pool. */
#include "check.h"
#include "runtime/runtime.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK(expr) CHECK((expr) == NV_OK, "%s", nv_error())
#define MOST 8

/* ---- every member runs, and a barrier is a barrier ---- */

typedef struct ring {
  int rounds;
  _Atomic int members;
  int64_t cell[MOST][64]; /* written by its member before a barrier, read by the others after it */
  _Atomic int errors;
} ring;

static void go_round(nv_ctx *ctx, void *arg) {
  ring *r = arg;
  atomic_fetch_add(&r->members, 1);
  for (int k = 0; k < r->rounds; k++) {
    for (int j = 0; j < 64; j++) r->cell[ctx->thread][j] = k;
    nv_barrier(ctx);
    for (int t = 0; t < ctx->n_threads; t++)
      for (int j = 0; j < 64; j++)
        if (r->cell[t][j] != k) atomic_fetch_add(&r->errors, 1);
    nv_barrier(ctx);
  }
}

static void test_barriers(int threads, int rounds) {
  ring *r = calloc(1, sizeof *r);
  r->rounds = rounds;
  OK(nv_set_threads(threads));
  OK(nv_team_run(threads, go_round, r));
  CHECK(r->members == threads, "%d members of %d", (int)r->members, threads);
  CHECK(r->errors == 0, "%d stale reads", (int)r->errors);
  free(r);
}

/* ---- shares ---- */

static void test_shares(void) {
  for (int threads = 1; threads <= 7; threads++)
    for (int64_t n = 0; n < 40; n++) {
      int64_t next = 0, lo, hi;
      for (int t = 0; t < threads; t++) {
        nv_share(&(nv_ctx){.thread = t, .n_threads = threads}, n, &lo, &hi);
        CHECK(lo == next && hi >= lo, "a share begins at %d, not %d", (int)lo, (int)next);
        next = hi;
      }
      CHECK(next == n, "shares of %d end at %d", (int)n, (int)next);
    }
}

/* ---- failures ---- */

typedef struct failing {
  unsigned who; /* a bit a member */
  _Atomic int before, after, seen;
} failing;

static void fail_some(nv_ctx *ctx, void *arg) {
  failing *f = arg;
  nv_barrier(ctx);
  if (f->who >> ctx->thread & 1) nv_team_fail(ctx, nv_fail(NV_ERR_INDEX, "member %d failed", ctx->thread));
  atomic_fetch_add(&f->before, nv_team_status(ctx) != NV_OK); /* not before the next barrier, whoever was first */
  nv_barrier(ctx);
  if (nv_team_status(ctx) == NV_ERR_INDEX) atomic_fetch_add(&f->seen, 1);
}

static void test_failures(void) {
  OK(nv_set_threads(3));
  for (unsigned who = 1; who < 8; who++) {
    failing f = {.who = who};
    char text[64];
    nv_status status = nv_team_run(3, fail_some, &f);
    CHECK(status == NV_ERR_INDEX && f.before == 0 && f.seen == 3, "status %d, early %d, seen by %d", (int)status,
          (int)f.before, (int)f.seen);
    snprintf(text, sizeof text, "member %d failed", __builtin_ctz(who));
    CHECK(strcmp(nv_error(), text) == 0, "the lowest member's message wins: got '%s', not '%s'", nv_error(), text);
  }
  failing none = {0};
  OK(nv_team_run(3, fail_some, &none)); /* and nothing of it is left */
}

/* ---- two callers at once: one gets the pool, the other goes alone ---- */

typedef struct sums {
  int64_t total;
  int64_t part[MOST];
} sums;

static void add_up(nv_ctx *ctx, void *arg) {
  sums *s = arg;
  int64_t lo, hi;
  nv_share(ctx, 1000, &lo, &hi);
  s->part[ctx->thread] = 0;
  for (int64_t k = lo; k < hi; k++) s->part[ctx->thread] += k;
  nv_barrier(ctx);
  if (ctx->thread == 0)
    for (int t = s->total = 0; t < ctx->n_threads; t++) s->total += s->part[t];
}

static void *compete(void *arg) {
  for (int k = 0; k < 300; k++) {
    sums s = {0};
    nv_team_run(3, add_up, &s);
    if (s.total != 499500) atomic_fetch_add((_Atomic int *)arg, 1);
  }
  return NULL;
}

static void test_callers(void) {
  pthread_t id[3];
  _Atomic int wrong = 0;
  OK(nv_set_threads(3));
  for (int k = 0; k < 3; k++) pthread_create(&id[k], NULL, compete, &wrong);
  for (int k = 0; k < 3; k++) pthread_join(id[k], NULL);
  CHECK(wrong == 0, "%d wrong sums", (int)wrong);
}

/* A run inside a run: the pool is busy, the inner team has one member. */
static void nested(nv_ctx *ctx, void *arg) {
  sums inner = {0};
  nv_team_run(3, add_up, &inner);
  if (inner.total != 499500) atomic_fetch_add((_Atomic int *)arg, 1);
  nv_barrier(ctx);
}

/* ---- the mutex ---- */

typedef struct locked {
  nv_mutex *mutex;
  int64_t count;
} locked;

static void *count_up(void *arg) {
  locked *l = arg;
  for (int k = 0; k < 20000; k++) {
    nv_mutex_lock(l->mutex, NULL);
    l->count++;
    nv_mutex_unlock(l->mutex);
  }
  return NULL;
}

static int third(void *calls) { return ++*(int *)calls >= 3; }

static void test_mutex(void) {
  pthread_t id[4];
  locked l = {nv_mutex_new(), 0};
  for (int k = 0; k < 4; k++) pthread_create(&id[k], NULL, count_up, &l);
  for (int k = 0; k < 4; k++) pthread_join(id[k], NULL);
  CHECK(l.count == 80000, "lost %d of 80000", (int)(80000 - l.count));
  int calls = 0;
  OK(nv_mutex_lock(l.mutex, NULL));
  CHECK(nv_mutex_lock(l.mutex, &(nv_poll){third, &calls}) == NV_CANCELLED && calls == 3, "%d calls while waiting",
        calls);
  nv_mutex_unlock(l.mutex);
  OK(nv_mutex_lock(l.mutex, &(nv_poll){third, &calls}));
  CHECK(calls == 3, "asked though the mutex was free");
  nv_mutex_unlock(l.mutex);
  nv_mutex_free(l.mutex);
}

/* ---- fork ---- */

static void in_child(nv_mutex *held) {
  alarm(20); /* a hang is a failure */
  sums s = {0};
  OK(nv_team_run(3, add_up, &s));
  CHECK(s.total == 499500, "the child adds up to %d", (int)s.total);
  OK(nv_mutex_lock(held, NULL)); /* whoever held it stayed in the parent */
  nv_mutex_unlock(held);
  _exit(check_done());
}

typedef struct forking {
  nv_mutex *mutex;
  _Atomic int stop, taken;
} forking;

static void *keep_busy(void *arg) {
  forking *f = arg;
  sums s;
  nv_mutex_lock(f->mutex, NULL);
  atomic_store(&f->taken, 1);
  while (!atomic_load(&f->stop)) nv_team_run(3, add_up, &s);
  nv_mutex_unlock(f->mutex);
  return NULL;
}

static void test_fork(void) {
  OK(nv_set_threads(3));
  test_barriers(3, 10); /* the pool is up */
  forking f = {.mutex = nv_mutex_new()};
  pthread_t id;
  pthread_create(&id, NULL, keep_busy, &f);
  while (!atomic_load(&f.taken)) usleep(100);
  for (int k = 0; k < 5; k++) { /* while another thread has the pool and the mutex */
    int status = -1;
    pid_t child = fork();
    if (child == 0) in_child(f.mutex);
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %d", status);
  }
  atomic_store(&f.stop, 1);
  pthread_join(id, NULL);
  nv_mutex_free(f.mutex);
  test_barriers(3, 10);
}

/* The child of a fork in the middle of a team is told so at the next barrier, and can make teams of its own. */
static void fork_inside(nv_ctx *ctx, void *arg) {
  nv_barrier(ctx);
  if (ctx->thread == 0) *(pid_t *)arg = fork();
  nv_barrier(ctx);
  if (ctx->thread == 0 && *(pid_t *)arg == 0) CHECK(nv_team_status(ctx) == NV_CANCELLED, "a team of the dead goes on");
  nv_barrier(ctx);
}

static void test_fork_inside(void) {
  pid_t child = -1;
  int ended = -1;
  nv_status status = nv_team_run(3, fork_inside, &child);
  if (child == 0) {
    CHECK(status == NV_CANCELLED && strstr(nv_error(), "fork"), "status %d in the child: '%s'", (int)status,
          nv_error());
    in_child(nv_mutex_new());
  }
  CHECK(status == NV_OK, "status %d in the parent", (int)status);
  for (int k = 0; k < 200 && waitpid(child, &ended, WNOHANG) == 0; k++) usleep(100000);
  if (ended == -1) kill(child, SIGKILL);
  CHECK(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "the child ended with %d", ended);
  test_barriers(3, 10);
}

/* ---- polling ---- */

static int count_calls(void *arg) { return ++*(int *)arg >= 3; }

static void test_poll(void) {
  int calls = 0;
  nv_poll poll = {count_calls, &calls};
  nv_ctx ctx = {.n_threads = 1, .poll = &poll}, worker = {.thread = 1, .n_threads = 2, .poll = &poll};
  double start = nv_now();
  CHECK(!nv_poll_now(&ctx) && calls == 0, "the first look calls at once");
  CHECK(!nv_poll_now(&worker), "a worker polls");
  while (!nv_poll_now(&ctx) && nv_now() - start < 5) usleep(500);
  double took = nv_now() - start;
  CHECK(calls == 3 && took > 0.045 && took < 2, "3 calls took %g s", took);
}

int main(void) {
  OK(nv_threads_init());
  CHECK(nv_threads() >= 1, "%d threads", nv_threads());
  CHECK(nv_set_threads(0) == NV_ERR_VALUE && nv_set_threads(257) == NV_ERR_VALUE,
        "0 and 257 threads are too few and many");
  test_shares();
  for (int threads = 1; threads <= 4; threads++) test_barriers(threads, threads <= 2 ? 3000 : 300);
  test_failures();
  test_callers();
  _Atomic int wrong = 0;
  OK(nv_team_run(3, nested, &wrong));
  CHECK(wrong == 0, "%d wrong sums in inner teams", (int)wrong);
  test_mutex();
  test_fork();
  test_fork_inside();
  test_poll();
  return check_done();
}
