/* gemm.h: C[m, n] = op(A) op(B), row-major, accumulated over k in one order (acc = 0; acc = fma(a, b, acc) for
 * k = 0, 1, ..): no bit depends on tiles, threads or vector width. */
#ifndef NV_GEMM_H
#define NV_GEMM_H

#include "runtime/runtime.h"

typedef struct nv_gemm {
  nv_dtype dtype;        /* NV_F32 or NV_F64 */
  bool ta, tb;           /* A is stored [k, m] if ta, else [m, k]; B is [n, k] if tb, else [k, n] */
  int64_t m, n, k;
  int64_t lda, ldb, ldc; /* elements between stored rows */
  /* decided by nv_gemm_prepare */
  bool by_rows;          /* threads split the rows of C (then a thread reads only its rows of A if !ta), else the columns */
  size_t scratch, shared;/* bytes for each thread, for the team */
  bool inner_barrier;    /* run meets inside */
  double cost;           /* ns on one core */
  int path;              /* which kernel: gemm.c's own */
} nv_gemm;
/* Called for each finished tile of C (all of k done), by the thread that owns it, while it is in cache. */
typedef void (*nv_gemm_tile_fn)(void *arg, int64_t r0, int64_t r1, int64_t c0, int64_t c1);

void nv_gemm_prepare(nv_gemm *g, int max_threads);
/* All threads of ctx's team call it. m, n or k may be 0 (k = 0: C = 0). tile may be NULL. Returns NV_CANCELLED if the poll
 * asked (thread 0 looks between cache blocks). */
nv_status nv_gemm_run(nv_ctx *ctx, const nv_gemm *g, const void *a, const void *b, void *c, nv_gemm_tile_fn tile, void *arg);

#endif
