/* threads.c: one pool of worker threads for the process, teams that run one function on several threads (SPMD),
 * barriers, a mutex that survives fork, the clock.
 *
 * Waiting is always on one 32-bit word (a gate): a few microseconds of spinning, then sleep in the kernel. Whoever
 * changes the word wakes sleepers only if there are any, so a busy team makes no system calls and an idle pool uses no
 * CPU. Workers are never joined: at exit they are asleep and touch static memory only. */
#define _GNU_SOURCE
#include "runtime/runtime.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define MAX_THREADS 256
#define SPIN_BARRIER 100e-6 /* seconds a member spins for its team: phases of a step are shorter */
#define SPIN_IDLE 150e-6    /* seconds a worker spins for the next team */
/* Seconds within which a second short run finds it worth having workers: they still spin then. */
#define RECENT 100e-6
#define STACK_BYTES (2u << 20)

double nv_poll_every = 20e-3;

/* ---- clocks ---- */

static double seconds_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double nv_now(void) { return seconds_of(CLOCK_MONOTONIC); }

/* To a few milliseconds, several times cheaper. */
static double coarse_now(void) {
#ifdef CLOCK_MONOTONIC_COARSE
  return seconds_of(CLOCK_MONOTONIC_COARSE);
#else
  return nv_now();
#endif
}

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* ---- sleeping until a word changes ---- */

/* At most `seconds`; 0: no limit. */
#ifdef __linux__
static void sleep_while(_Atomic uint32_t *word, uint32_t value, double seconds) {
  struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, seconds > 0 ? &t : NULL, NULL, 0);
}
static void wake(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0); }
static void reset_sleep(void) {}
#else
static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sleep_changed = PTHREAD_COND_INITIALIZER;
static void sleep_while(_Atomic uint32_t *word, uint32_t value, double seconds) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  double until = (double)t.tv_nsec * 1e-9 + seconds;
  t.tv_sec += (time_t)until, t.tv_nsec = (long)(1e9 * (until - (double)(time_t)until));
  pthread_mutex_lock(&sleep_lock);
  if (atomic_load(word) == value) {
    if (seconds > 0)
      pthread_cond_timedwait(&sleep_changed, &sleep_lock, &t);
    else
      pthread_cond_wait(&sleep_changed, &sleep_lock);
  }
  pthread_mutex_unlock(&sleep_lock);
}
static void wake(_Atomic uint32_t *word) {
  (void)word;
  pthread_mutex_lock(&sleep_lock);
  pthread_cond_broadcast(&sleep_changed);
  pthread_mutex_unlock(&sleep_lock);
}
static void reset_sleep(void) {
  pthread_mutex_init(&sleep_lock, NULL);
  pthread_cond_init(&sleep_changed, NULL);
}
#endif

typedef struct gate {
  _Atomic uint32_t value, sleepers;
} gate;

/* Returns once the value is no longer `old`: the seconds it took beyond the spinning. */
static double gate_wait(gate *g, uint32_t old, double spin) {
  double until = 0;
  for (unsigned k = 1; atomic_load_explicit(&g->value, memory_order_acquire) == old; k++) {
    relax();
    if (k % 32) continue;
    double now = nv_now();
    if (until == 0) until = now + spin;
    if (now >= until) break;
  }
  if (atomic_load_explicit(&g->value, memory_order_acquire) != old) return 0;
  while (atomic_load(&g->value) == old) {
    atomic_fetch_add(&g->sleepers, 1); /* announced before the value is looked at for the last time, by the kernel */
    sleep_while(&g->value, old, 0);
    atomic_fetch_sub(&g->sleepers, 1);
  }
  return nv_now() - until;
}

static void gate_set(gate *g, uint32_t value) {
  atomic_store(&g->value, value); /* seq_cst, as the load below: a sleeper is seen, or sees the value */
  if (atomic_load(&g->sleepers)) wake(&g->value);
}

/* ---- the pool ---- */

struct nv_team {
  int n;
  nv_team_fn fn;
  void *arg;
  _Alignas(64) gate phase;
  _Alignas(64) _Atomic int arrived;
  _Alignas(64) _Atomic int remaining; /* workers still inside fn */
  gate done;
  _Atomic uint32_t lock; /* of the three below */
  _Atomic nv_status failed;
  int failed_thread;
  char message[1024];
  _Atomic int64_t lost; /* nanoseconds that members slept at barriers, all together */
  nv_status seen;       /* `failed` as of the last barrier: alike for all members */
};

typedef struct worker {
  _Alignas(64) gate start; /* counts the teams this worker has been called to */
} worker;

static struct {
  _Atomic int busy;
  int n_workers;       /* owned by whoever holds busy */
  _Atomic double last; /* when a team or a short run ended */
  struct nv_team team;
  worker workers[MAX_THREADS];
} pool;

static _Atomic int threads = 1;
static _Atomic uint32_t fork_epoch;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Only the forking thread lives on in the child: the workers are gone and whatever they held is free. If it has forked
 * inside a team (poll ran a signal's handler that did), it goes on alone, and what its team computed is lost. */
static void after_fork(void) {
  memset(&pool, 0, sizeof pool);
  struct nv_team *t = &pool.team;
  t->n = 1;
  t->failed = t->seen = NV_CANCELLED;
  t->done.value = 1;
  snprintf(t->message, sizeof t->message, "the process was forked in the middle of this run");
  atomic_fetch_add(&fork_epoch, 1);
  reset_sleep();
}

static void register_fork(void) { pthread_atfork(NULL, NULL, after_fork); }

static void *work(void *arg) {
  int k = (int)(intptr_t)arg;
  for (uint32_t round = 0;; round++) {
    gate_wait(&pool.workers[k].start, round, SPIN_IDLE);
    struct nv_team *t = &pool.team;
    nv_ctx ctx = {.thread = k + 1, .n_threads = t->n, .team = t};
    t->fn(&ctx, t->arg);
    if (atomic_fetch_sub(&t->remaining, 1) == 1) gate_set(&t->done, 1);
  }
  return NULL;
}

/* Signals are for the host's threads: workers block them all. */
static void hire(int want) {
  pthread_attr_t attr;
  sigset_t all, old;
  if (pool.n_workers >= want || pthread_attr_init(&attr) != 0) return;
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attr, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  while (pool.n_workers < want) {
    pthread_t id;
    pool.workers[pool.n_workers] = (worker){0};
    if (pthread_create(&id, &attr, work, (void *)(intptr_t)pool.n_workers) != 0) break; /* a smaller team will do */
    pool.n_workers++;
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attr);
}

nv_status nv_team_run_short(int want, nv_team_fn fn, void *arg) {
  if (want <= 1 || nv_threads() <= 1) return nv_team_run(1, fn, arg);
  if (nv_now() - pool.last < RECENT) return nv_team_run(want, fn, arg);
  nv_status status = nv_team_run(1, fn, arg);
  pool.last = nv_now();
  return status;
}

nv_status nv_team_run(int want, nv_team_fn fn, void *arg) {
  int most = atomic_load_explicit(&threads, memory_order_relaxed);
  if (want > most) want = most;
  if (want <= 1 || atomic_exchange(&pool.busy, 1)) {
    fn(&(nv_ctx){.n_threads = 1}, arg);
    return NV_OK;
  }
  hire(want - 1);
  struct nv_team *t = &pool.team;
  t->n = pool.n_workers + 1 < want ? pool.n_workers + 1 : want;
  t->fn = fn, t->arg = arg;
  atomic_store(&t->failed, NV_OK);
  atomic_store(&t->lost, 0);
  t->seen = NV_OK;
  atomic_store(&t->arrived, 0);
  atomic_store(&t->remaining, t->n - 1);
  atomic_store(&t->done.value, t->n == 1);
  for (int k = 0; k < t->n - 1; k++) gate_set(&pool.workers[k].start, atomic_load(&pool.workers[k].start.value) + 1);
  fn(&(nv_ctx){.n_threads = t->n, .team = t->n > 1 ? t : NULL}, arg);
  gate_wait(&t->done, 0, SPIN_BARRIER);
  nv_status status = t->failed;
  if (status != NV_OK) nv_fail(status, "%s", t->message);
  pool.last = nv_now();
  atomic_store(&pool.busy, 0);
  return status;
}

void nv_barrier(nv_ctx *ctx) {
  struct nv_team *t = ctx->team;
  if (!t) return;
  uint32_t phase = atomic_load_explicit(&t->phase.value, memory_order_relaxed); /* cannot change before we arrive */
  if (atomic_fetch_add(&t->arrived, 1) == t->n - 1) {
    atomic_store_explicit(&t->arrived, 0, memory_order_relaxed);
    t->seen = t->failed;
    gate_set(&t->phase, phase + 1);
    return;
  }
  double slept = gate_wait(&t->phase, phase, SPIN_BARRIER);
  if (slept > 0) atomic_fetch_add_explicit(&t->lost, (int64_t)(1e9 * (slept + SPIN_BARRIER)), memory_order_relaxed);
}

double nv_team_lost(const nv_ctx *ctx) {
  return ctx->team ? 1e-9 * (double)atomic_load_explicit(&ctx->team->lost, memory_order_relaxed) : 0;
}

/* The lowest thread's failure wins: with rows shared in order that is the first bad row, for any number of threads. */
void nv_team_fail(nv_ctx *ctx, nv_status status) {
  struct nv_team *t = ctx->team;
  if (!t) return; /* alone: what fn returns is enough */
  while (atomic_exchange_explicit(&t->lock, 1, memory_order_acquire)) relax();
  if (t->failed == NV_OK || ctx->thread < t->failed_thread) {
    atomic_store(&t->failed, status);
    t->failed_thread = ctx->thread;
    snprintf(t->message, sizeof t->message, "%s", nv_error());
  }
  atomic_store_explicit(&t->lock, 0, memory_order_release);
}

nv_status nv_team_status(const nv_ctx *ctx) { return ctx->team ? ctx->team->seen : NV_OK; }

bool nv_team_failing(const nv_ctx *ctx) {
  return ctx->team && atomic_load_explicit(&ctx->team->failed, memory_order_relaxed) != NV_OK;
}

bool nv_poll_now(nv_ctx *ctx) {
  if (ctx->thread != 0) return !ctx->writing && nv_team_failing(ctx);
  if (!ctx->poll) return false;
  if (ctx->stopped || nv_team_failing(ctx)) return true;
  double now = coarse_now();
  if (ctx->poll_next == 0) ctx->poll_next = now + nv_poll_every;
  if (now < ctx->poll_next) return false;
  ctx->poll_next = now + nv_poll_every;
  if (!ctx->poll->call(ctx->poll->arg)) return false;
  nv_team_fail(ctx, nv_fail(NV_CANCELLED, "interrupted"));
  return ctx->stopped = true;
}

/* ---- how many ---- */

int nv_threads(void) { return atomic_load_explicit(&threads, memory_order_relaxed); }

nv_status nv_set_threads(int n) {
  if (n < 1 || n > MAX_THREADS)
    return nv_fail(NV_ERR_VALUE, "the number of threads must be from 1 to %d, got %d", MAX_THREADS, n);
  atomic_store(&threads, n);
  return NV_OK;
}

nv_status nv_threads_init(void) {
  static _Atomic int done;
  pthread_once(&once, register_fork);
  if (atomic_load(&done)) return NV_OK;
  const char *text = getenv("NERVURE_NUM_THREADS");
  int cpus = nv_cpu_affinity();
  long n = cpus < MAX_THREADS ? cpus : MAX_THREADS;
  if (text && *text) {
    char *end;
    errno = 0;
    n = strtol(text, &end, 10);
    if (*end || errno || n < 1 || n > MAX_THREADS)
      return nv_fail(NV_ERR_VALUE, "NERVURE_NUM_THREADS must be a whole number from 1 to %d, got '%s'", MAX_THREADS,
                     text);
  }
  if (!atomic_exchange(&done, 1)) return nv_set_threads((int)n);
  return NV_OK;
}

/* ---- a mutex whose holder may have stayed behind in the parent of a fork ---- */

struct nv_mutex {
  _Atomic uint32_t state; /* fork epoch * 4 + {0 free, 1 held, 2 held and waited for}; of an older epoch: free */
};

nv_mutex *nv_mutex_new(void) {
  nv_mutex *m = nv_calloc(sizeof *m);
  return m;
}

void nv_mutex_free(nv_mutex *m) { nv_free(m); }

nv_status nv_mutex_lock(nv_mutex *m, const nv_poll *poll) {
  uint32_t epoch = atomic_load(&fork_epoch) << 2, take = epoch | 1;
  for (;;) {
    uint32_t s = atomic_load(&m->state);
    if (s == epoch || (s & ~3u) != epoch) {
      if (atomic_compare_exchange_strong(&m->state, &s, take)) return NV_OK;
      continue;
    }
    if (s == (epoch | 1) && !atomic_compare_exchange_strong(&m->state, &s, epoch | 2)) continue;
    sleep_while(&m->state, epoch | 2, poll ? nv_poll_every : 0);
    take = epoch | 2; /* others may still sleep: whoever unlocks must wake them */
    if (poll && poll->call(poll->arg)) return nv_fail(NV_CANCELLED, "interrupted");
  }
}

void nv_mutex_unlock(nv_mutex *m) {
  uint32_t old = atomic_exchange(&m->state, atomic_load(&fork_epoch) << 2);
  if ((old & 3) == 2) wake(&m->state);
}
