/* dense.c: Cholesky factorizations of symmetric matrices (Golub & Van Loan, "Matrix Computations", 4.2) and what is
 * solved with them. Large ones go by block columns: what the columns before take away is one product of matrices. */
#include "kernels/gemm.h"
#include "kernels/kernels.h"
#include "optimize/optimize.h"

#include <math.h>
#include <string.h>

#define BLOCK 64       /* columns; part of the result, for it decides where products end and plain loops begin */
#define ALONE 256      /* up to so many rows one thread is faster */
#define STRIP 16       /* rows solved together */
#define MAX_THREADS 64 /* more than pay for themselves */

/* ---- one block ---- */

/* n <= BLOCK, rows `row` apart: column by column, each taken from what is right of it at once. */
static int64_t factor_block(int64_t n, int64_t row, double *a) {
  double column[BLOCK];
  for (int64_t k = 0; k < n; k++) {
    double pivot = a[k * row + k];
    if (!(pivot > 0) || pivot > 0x1p1023) return k;
    double diagonal = sqrt(pivot), inverse = 1 / diagonal;
    a[k * row + k] = diagonal;
    for (int64_t i = k + 1; i < n; i++) column[i] = a[i * row + k] *= inverse;
    for (int64_t i = k + 1; i < n; i++) {
      double *to = a + i * row, t = column[i];
      for (int64_t j = k + 1; j <= i; j++) to[j] -= t * column[j];
    }
  }
  return -1;
}

/* X L' = A in place for the rows [first, last) of A, `row` apart, and l [n, n]: some rows beside each other in `strip`
 * [BLOCK, STRIP], so that each operation has a register full of them. */
static void solve_rows(int64_t n, int64_t row, const double *l, double *a, int64_t first, int64_t last) {
  double strip[BLOCK][STRIP], inverse[BLOCK];
  for (int64_t k = 0; k < n; k++) inverse[k] = 1 / l[k * row + k];
  for (int64_t i = first; i < last; i += STRIP) {
    int64_t rows = last - i < STRIP ? last - i : STRIP;
    if (rows < STRIP) memset(strip, 0, sizeof strip);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t k = 0; k < n; k++) strip[k][r] = a[(i + r) * row + k];
    for (int64_t k = 0; k < n; k++) {
      double sum[STRIP];
      for (int r = 0; r < STRIP; r++) sum[r] = strip[k][r];
      for (int64_t j = 0; j < k; j++) {
        double t = l[k * row + j];
        for (int r = 0; r < STRIP; r++) sum[r] -= t * strip[j][r];
      }
      for (int r = 0; r < STRIP; r++) strip[k][r] = sum[r] * inverse[k];
    }
    for (int64_t r = 0; r < rows; r++)
      for (int64_t k = 0; k < n; k++) a[(i + r) * row + k] = strip[k][r];
  }
}

/* ---- a team at work on a product after the other ---- */

typedef struct job {
  int64_t n;
  double *a;       /* the matrix that is factored; NULL: l is inverted */
  const double *l; /* L */
  double *w;       /* its inverse */
  double *product; /* [n, BLOCK], or [BLOCK, n] */
  char *scratch;   /* each thread's, `each` bytes apart */
  size_t each;
  char *shared;
  int64_t pivot;
  const nv_poll *poll;
  nv_status alone; /* what a team of one has to tell */
} job;

static nv_gemm factor_gemm(const job *j, int64_t k) { /* rows from k on of L[:, :k] times those of this block */
  int64_t columns = j->n - k < BLOCK ? j->n - k : BLOCK;
  nv_gemm g = {NV_F64, .tb = true, .m = j->n - k, .n = columns, .k = k, .lda = j->n, .ldb = j->n, .ldc = BLOCK};
  nv_gemm_prepare(&g, MAX_THREADS);
  return g;
}

static nv_gemm inverse_gemm(const job *j, int64_t k) { /* this block's rows of L[:, :k] times those before of W */
  int64_t rows = j->n - k < BLOCK ? j->n - k : BLOCK;
  nv_gemm g = {NV_F64, .m = rows, .n = k, .k = k, .lda = j->n, .ldb = j->n, .ldc = j->n};
  nv_gemm_prepare(&g, MAX_THREADS);
  return g;
}

static void stop(nv_ctx *ctx, job *j, nv_status status) {
  if (ctx->team)
    nv_team_fail(ctx, status);
  else
    j->alone = status;
}

static bool stopped(const nv_ctx *ctx, const job *j) {
  return ctx->team ? nv_team_status(ctx) != NV_OK : j->alone != NV_OK;
}

typedef struct taken {
  double *a;
  const double *product;
  int64_t n;
} taken;

static void take(void *arg, int64_t r0, int64_t r1, int64_t c0, int64_t c1) {
  const taken *t = arg;
  for (int64_t i = r0; i < r1; i++)
    for (int64_t k = c0; k < c1; k++) t->a[i * t->n + k] -= t->product[i * BLOCK + k];
}

/* Left-looking: a block column is written once, and its product is long. */
static void factor(nv_ctx *ctx, void *arg) {
  job *j = arg;
  int64_t n = j->n;
  ctx->scratch = j->scratch + (size_t)ctx->thread * j->each, ctx->shared = j->shared, ctx->poll = j->poll;
  for (int64_t k = 0; k < n; k += BLOCK) {
    nv_gemm g = factor_gemm(j, k);
    double *block = j->a + k * n + k;
    if (k > 0) {
      taken t = {block, j->product, n};
      nv_status status = nv_gemm_run(ctx, &g, j->a + k * n, j->a + k * n, j->product, take, &t);
      if (status != NV_OK) stop(ctx, j, status);
    }
    nv_barrier(ctx);
    if (ctx->thread == 0 && !stopped(ctx, j)) {
      int64_t pivot = factor_block(g.n, n, block);
      if (pivot >= 0) j->pivot = k + pivot;
    }
    nv_barrier(ctx);
    if (stopped(ctx, j) || j->pivot >= 0) return; /* all alike */
    int64_t lo, hi;
    nv_share(ctx, g.m - g.n, &lo, &hi);
    solve_rows(g.n, n, block, block, g.n + lo, g.n + hi);
    nv_barrier(ctx);
  }
}

/* L_kk W_k = E_k - product for the rows [k, k + rows) of W = L^-1, which hold the product; columns [lo, hi). */
static void invert_rows(int64_t n, const double *l, double *w, int64_t k, int64_t rows, int64_t lo, int64_t hi) {
  if (hi <= lo) return;
  for (int64_t r = k; r < k + rows; r++) {
    double *to = w + r * n, inverse = 1 / l[r * n + r];
    for (int64_t c = lo; c < hi; c++) to[c] = c < k ? -to[c] : c == r ? 1 : 0;
    for (int64_t s = k; s < r; s++) nv_axpy(hi - lo, -l[r * n + s], w + s * n + lo, to + lo);
    for (int64_t c = lo; c < hi; c++) to[c] *= inverse;
  }
}

static void invert(nv_ctx *ctx, void *arg) {
  job *j = arg;
  int64_t n = j->n, lo, hi;
  ctx->scratch = j->scratch + (size_t)ctx->thread * j->each, ctx->shared = j->shared, ctx->poll = j->poll;
  nv_share(ctx, n, &lo, &hi);
  for (int64_t k = 0; k < n; k += BLOCK) {
    nv_gemm g = inverse_gemm(j, k);
    if (k > 0) {
      nv_status status = nv_gemm_run(ctx, &g, j->l + k * n, j->w, j->w + k * n, NULL, NULL);
      if (status != NV_OK) stop(ctx, j, status);
    }
    nv_barrier(ctx);
    if (stopped(ctx, j)) return;
    invert_rows(n, j->l, j->w, k, g.m, lo, hi); /* right of the diagonal too: products read whole rows of W */
    nv_barrier(ctx);
  }
}

static nv_status run(job *j, nv_team_fn fn, nv_gemm (*gemm)(const job *j, int64_t k)) {
  int threads = j->n <= ALONE ? 1 : nv_threads() < MAX_THREADS ? nv_threads() : MAX_THREADS;
  size_t shared = 0;
  for (int64_t k = 0; k < j->n; k += BLOCK) {
    nv_gemm g = gemm(j, k);
    if (g.scratch > j->each) j->each = g.scratch;
    if (g.shared > shared) shared = g.shared;
  }
  j->each = (j->each + 127) / 64 * 64, shared = (shared + 63) / 64 * 64;
  size_t product = j->a ? (size_t)j->n * BLOCK * sizeof(double) : 0;
  char *memory = nv_alloc(product + shared + (size_t)threads * j->each);
  if (!memory) return NV_ERR_MEMORY;
  j->product = (double *)(void *)memory, j->shared = memory + product, j->scratch = j->shared + shared;
  nv_status status = nv_team_run(threads, fn, j);
  nv_free(memory);
  return status != NV_OK ? status : j->alone;
}

nv_status nv_cholesky(int64_t n, double *a, int64_t *pivot, const nv_poll *poll) {
  job j = {.n = n, .a = a, .pivot = -1, .poll = poll};
  if (n <= BLOCK) {
    *pivot = factor_block(n, n, a);
    return NV_OK;
  }
  NV_TRY(run(&j, factor, factor_gemm));
  *pivot = j.pivot;
  return NV_OK;
}

/* ---- solving ---- */

/* nv_dot keeps more sums than a short row has elements. */
static double short_dot(int64_t n, const double *a, const double *b) {
  double sum[8] = {0};
  int64_t k = 0;
  for (; k + 8 <= n; k += 8)
    for (int i = 0; i < 8; i++) sum[i] += a[k + i] * b[k + i];
  for (int i = 0; k < n; k++, i++) sum[i] += a[k] * b[k];
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

static void forward(int64_t n, int64_t row, const double *l, double *b) {
  for (int64_t i = 0; i < n; i++)
    b[i] = (b[i] - (i < 256 ? short_dot(i, l + i * row, b) : nv_dot(i, l + i * row, b))) / l[i * row + i];
}

static void backward(int64_t n, int64_t row, const double *l, double *b) { /* L' x = b, by rows of L */
  for (int64_t i = n - 1; i >= 0; i--) {
    b[i] /= l[i * row + i];
    nv_axpy(i, -b[i], l + i * row, b);
  }
}

void nv_cholesky_solve(int64_t n, const double *l, double *b) {
  forward(n, n, l, b);
  backward(n, n, l, b);
}

int64_t nv_small_work(int64_t n) { return NV_DEFINITE_WORK(n); }

bool nv_small_solve(int64_t n, const double *a, const double *added, const double *b, double *work, double *x) {
  return n == 0 || nv_k->definite(n, a, added, b, work, x);
}

/* (L L')^-1 = W'W with W = L^-1: its diagonal is the squares in each column of W, added up row by row. */
nv_status nv_cholesky_inverse_diagonal(int64_t n, const double *l, double *work, double *diagonal, double *trace,
                                       const nv_poll *poll) {
  job j = {.n = n, .l = l, .w = work, .poll = poll};
  if (n <= BLOCK)
    invert_rows(n, l, work, 0, n, 0, n);
  else
    NV_TRY(run(&j, invert, inverse_gemm));
  *trace = 0;
  if (diagonal) memset(diagonal, 0, (size_t)n * sizeof *diagonal);
  for (int64_t i = 0; i < n; i++) {
    *trace += nv_dot(i + 1, work + i * n, work + i * n);
    for (int64_t k = 0; diagonal && k <= i; k++) diagonal[k] += work[i * n + k] * work[i * n + k];
  }
  return NV_OK;
}

/* ---- what is not positive definite ---- */

/* Row k of L L' = A is whole and its pivot A_kk - w'w, w = L_k1 the row left of it, is not positive: v = (-L_11^-T w,
 * 1) has v'A v = that pivot (Conn, Gould & Toint, "Trust-Region Methods", 7.3.9). Returns v'A v/v'v, no less than A's
 * least eigenvalue. */
static double curve_down(int64_t n, int64_t k, const double *l, double *v) {
  memset(v, 0, (size_t)n * sizeof *v);
  for (int64_t j = 0; j < k; j++) v[j] = -l[k * n + j];
  v[k] = 1;
  backward(k, n, l, v);
  return l[k * n + k] / nv_dot(k + 1, v, v);
}

/* Cholesky with added multiple of the identity (Nocedal & Wright, algorithm 3.3). Of the modifications in their section
 * 3.4 this one keeps the eigenvectors, so that its step is that of a trust region, and it factors at the speed of
 * nv_cholesky; a failed attempt tells by curve_down how much more is needed at least. */
nv_status nv_cholesky_shifted(int64_t n, const double *a, double *l, double *shift, double *curved,
                              const nv_poll *poll) {
  double largest = 0x1p-1000;
  for (int64_t i = 0; i < n; i++) largest = fmax(largest, nv_largest(i + 1, a + i * n));
  memset(curved, 0, (size_t)n * sizeof *curved);
  for (*shift = 0; isfinite(*shift);) {
    int64_t pivot;
    for (int64_t i = 0; i < n; i++) {
      nv_copy(i + 1, a + i * n, l + i * n);
      l[i * n + i] += *shift;
    }
    NV_TRY(nv_cholesky(n, l, &pivot, poll));
    if (pivot < 0) break;
    double needed = *shift - curve_down(n, pivot, l, curved);
    *shift = fmax(fmax(4 * *shift, 2 * needed), 1e-7 * largest);
  }
  return NV_OK;
}
