/* runtime.h: what every folder stands on: memory, errors, threads, random numbers, CPU features. Depends on nothing. */
#ifndef NV_RUNTIME_H
#define NV_RUNTIME_H

#include "nervure.h"

/* ---- memory (alloc.c): every allocation of the core goes through here and may fail ---- */
void *nv_alloc(size_t bytes);  /* 64-byte aligned, uninitialised; NULL on failure (message set); bytes may be 0 */
void *nv_calloc(size_t bytes); /* the same, zeroed (pages come lazily from the OS where large) */
void nv_free(void *p);         /* NULL is fine */

/* A growing bump allocator: blocks are freed all at once. For graphs and for building plans. */
typedef struct nv_pool {
  struct nv_pool_block *head;
} nv_pool;
void *nv_pool_alloc(nv_pool *pool, size_t bytes); /* 16-byte aligned, zeroed; NULL on failure */
void nv_pool_free(nv_pool *pool);

/* ---- errors (error.c) ---- */
nv_status nv_fail(nv_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define NV_NOMEM(what) nv_fail(NV_ERR_MEMORY, "out of memory while %s", what)
#define NV_TRY(expr)                                                                                                   \
  do {                                                                                                                 \
    nv_status nv_try_ = (expr);                                                                                        \
    if (nv_try_ != NV_OK) return nv_try_;                                                                              \
  } while (0)
/* "(32, 10)" into a caller's buffer of NV_SHAPE_TEXT bytes; returns buf. */
#define NV_SHAPE_TEXT 192
const char *nv_shape_text(const nv_type *t, char *buf);

/* ---- threads (threads.c) ----
 * One pool for the process, started at the first parallel run, as many threads as config.threads, the caller being
 * thread 0. All members of a team run the same function (SPMD) and meet at barriers. A waiting member spins for a few
 * microseconds, then sleeps. A second caller while the pool is busy gets a team of one, at once. After fork() the
 * child starts a new pool. Results never depend on the team's size. */
typedef struct nv_team nv_team;
typedef struct nv_ctx {
  int thread, n_threads;
  void *scratch; /* this thread's own, 64-byte aligned, as large as the plan's instructions asked for */
  void *shared;  /* one for the team, likewise */
  nv_team *team; /* NULL in a team of one */
  const nv_poll *poll;
  double poll_next; /* thread 0 only */
  bool stopped;     /* poll has asked to stop: what was being computed is not whole */
  bool writing;     /* behind a commit, where what has begun is brought to its end whatever fails elsewhere */
} nv_ctx;
typedef void (*nv_team_fn)(nv_ctx *ctx, void *arg);
/* Runs fn on up to `want` threads and returns when all are done. ctx->scratch/shared/poll are fn's to set. Returns what
 * a member passed to nv_team_fail, with its message in the caller's nv_error(); in a team of one always NV_OK (fn
 * tells). */
nv_status nv_team_run(int want, nv_team_fn fn, void *arg);
/* The same for work so short that waking sleeping workers would cost more than they give: alone, unless the last team
 * or short run ended just now, so that they are awake or soon will be. */
nv_status nv_team_run_short(int want, nv_team_fn fn, void *arg);
/* All members must call it the same number of times. Full memory fence. Free in a team of one. */
void nv_barrier(nv_ctx *ctx);
/* Seconds that members of this team, all together, have slept at barriers, waiting longer than any share's unevenness
 * explains: a sign that other processes want the processors too. */
double nv_team_lost(const nv_ctx *ctx);
/* A member that fails, or is asked to stop, says so here; every member sees it after the next barrier, and all alike:
 * so it goes on to that barrier like the others. The lowest thread's status and message win; nv_team_status gives it.
 */
void nv_team_fail(nv_ctx *ctx, nv_status status);
nv_status nv_team_status(const nv_ctx *ctx);
/* Some member has failed: what this one computes until the barrier will not be used. Seen sooner or later, not by all
 * alike. */
bool nv_team_failing(const nv_ctx *ctx);
/* Seconds between two calls of poll, to the few milliseconds of a cheap clock. Tests set it to less. */
extern double nv_poll_every;
/* Thread 0: calls poll if ~20 ms have passed; true if the run must stop, and from then on. Others: true once some
 * member has failed, unless they are writing. A kernel then just returns: the executor sees ctx->stopped. Cheap enough
 * for a loop over cache-sized blocks. */
bool nv_poll_now(nv_ctx *ctx);
/* The share of [0, n) of this thread, in units that do not depend on anything but n and n_threads. */
static inline void nv_share(const nv_ctx *ctx, int64_t n, int64_t *lo, int64_t *hi) {
  *lo = n * ctx->thread / ctx->n_threads;
  *hi = n * (ctx->thread + 1) / ctx->n_threads;
}
double nv_now(void);             /* monotonic seconds */
nv_status nv_threads_init(void); /* reads NERVURE_NUM_THREADS and the affinity mask; idempotent; nv_init calls it */
int nv_threads(void);            /* how many a team may have; nv_set_threads changes it */

typedef struct nv_mutex nv_mutex; /* heap mutex for plans: fork-aware users only hold it while running */
nv_mutex *nv_mutex_new(void);     /* NULL on failure */
void nv_mutex_free(nv_mutex *m);
/* While it waits it calls poll (may be NULL) now and then; non-zero: NV_CANCELLED, and the mutex is not held. */
nv_status nv_mutex_lock(nv_mutex *m, const nv_poll *poll);
void nv_mutex_unlock(nv_mutex *m);

/* ---- random numbers (philox.c): the scalar reference; kernels have the vector form with the same bits ---- */
void nv_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* ---- CPU features (cpu.c) ---- */
bool nv_cpu_has_avx2(void);   /* AVX2 and FMA, and the OS saves the registers */
bool nv_cpu_has_avx512(void); /* F, BW, DQ, VL and the OS */
int nv_cpu_affinity(void);    /* CPUs this process may use */
typedef struct nv_cache {
  size_t l1d, l2, l3;
} nv_cache;
nv_cache nv_cpu_cache(void); /* bytes; sensible guesses if unknown. May steer blocking, never results */

#endif
