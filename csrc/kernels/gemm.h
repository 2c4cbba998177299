/* gemm.h: C[m, n] = op(A) op(B), row-major, accumulated over k in one order (acc = 0; acc = fma(a, b, acc) for
 * k = 0, 1, ..): no bit depends on tiles, threads or vector width. */
#ifndef NV_GEMM_H
#define NV_GEMM_H

#include "runtime/runtime.h"

typedef struct nv_gemm {
  nv_dtype dtype; /* NV_F32 or NV_F64 */
  bool ta, tb;    /* A is stored [k, m] if ta, else [m, k]; B is [n, k] if tb, else [k, n] */
  int64_t m, n, k;
  int64_t lda, ldb, ldc; /* elements between stored rows */
  /* decided by nv_gemm_prepare */
  bool by_rows; /* thread t does rows nv_share(ctx, m) of C (and reads only its rows of A if !ta); else columns */
  size_t scratch, shared; /* bytes for each thread, for the team */
  bool inner_barrier;     /* run meets inside */
  double cost;            /* ns on one core */
  int path;               /* which kernel: gemm.c's own */
} nv_gemm;
/* Called for each finished tile of C (all of k done), by the thread that owns it, while it is in cache. */
typedef void (*nv_gemm_tile_fn)(void *arg, int64_t r0, int64_t r1, int64_t c0, int64_t c1);

void nv_gemm_prepare(nv_gemm *g, int max_threads);
/* All threads of ctx's team call it. m, n or k may be 0 (k = 0: C = 0). tile may be NULL. Returns NV_CANCELLED if the
 * poll asked (thread 0 looks between cache blocks). */
nv_status nv_gemm_run(nv_ctx *ctx, const nv_gemm *g, const void *a, const void *b, void *c, nv_gemm_tile_fn tile,
                      void *arg);

/* ---- for each instruction set (gemm.inc); gemm.c cuts a product into blocks for these ---- */
/* C[m, n] = A B, or C += A B continuing each element's chain where `add`. Strides are in elements. */
typedef struct nv_gemm_block {
  const void *a;
  int64_t a_row, a_col; /* A[i, p] is a[i * a_row + p * a_col] */
  const void *b;
  int64_t b_row; /* B[p, j] is b[p * b_row + j] */
  void *c;
  int64_t c_row;
  int64_t m, n, k;
  bool add;
  const void *ahead; /* NULL, or the panel of B that comes next (its rows b_row apart too): fetched into L2 meanwhile */
  void *pack; /* NULL, or room for k rows of n (at most `columns`) rounded up to `lanes`: the first rows of A copy B
                 there while they use it, the others read the copy */
} nv_gemm_block;
typedef struct nv_gemm_kernels {
  int lanes, rows, columns; /* elements in a register; the usual tile of C */
  void (*multiply)(const nv_gemm_block *block);
  void (*multiply_upper)(const nv_gemm_block *block); /* m = n, no pack, no ahead: of each tile the columns from that
                                                         of its first row's register on; the rest is left alone */
  /* dst[j * dst_row + i] = src[i * src_row + j] for i < rows, j < cols; 0 for i from rows up to a multiple of lanes */
  void (*transpose)(const void *src, int64_t src_row, int64_t rows, int64_t cols, void *dst, int64_t dst_row);
} nv_gemm_kernels;

#endif
