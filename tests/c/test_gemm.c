/* test_gemm.c: every kernel set against the definition, c = fma(a, b, c) for k = 0, 1, ..: bit for bit where there is
 * an fma, close where there is none. All transpositions, sizes around registers and tiles, padded rows, 1 to 3 threads.
 */
#include "check.h"

#include "kernels/gemm.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const isas[] = {"portable", "avx2", "avx512", "neon"};

/* ---- one problem and its answer ---- */

typedef struct problem {
  nv_gemm g;
  size_t size;
  char *a, *b, *c, *want;
  int64_t c_size; /* elements of c, its rows padded */
  uint8_t *told;  /* how often the tile function saw each element */
  bool exact;
} problem;

static double get(nv_dtype d, const char *p, int64_t i) {
  return d == NV_F32 ? (double)((const float *)(const void *)p)[i] : ((const double *)(const void *)p)[i];
}
static void put(nv_dtype d, char *p, int64_t i, double v) {
  if (d == NV_F32)
    ((float *)(void *)p)[i] = (float)v;
  else
    ((double *)(void *)p)[i] = v;
}
static void *room(size_t bytes) {
  void *p = nv_alloc(bytes);
  if (!p) abort();
  return p;
}

static uint64_t state = 88172645463325252u;
static double uniform(void) { /* in [-1, 1), all bits of a double in use */
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (double)(int64_t)state * 0x1p-63;
}

/* rows x cols numbers, `row` apart; NaN between them, and nothing after the last. */
static char *matrix(nv_dtype d, int64_t rows, int64_t cols, int64_t row) {
  int64_t n = rows > 0 ? (rows - 1) * row + cols : 0;
  char *p = room((size_t)n * nv_dtype_size(d));
  for (int64_t i = 0; i < n; i++) put(d, p, i, i % row < cols ? uniform() : (double)NAN);
  return p;
}

/* What comes out, one product after the other. */
static void expect(problem *p) {
  const nv_dtype d = p->g.dtype;
  for (int64_t i = 0; i < p->c_size; i++) put(d, p->want, i, -7);
  for (int64_t i = 0; i < p->g.m; i++)
    for (int64_t j = 0; j < p->g.n; j++) {
      const int64_t a0 = p->g.ta ? i : i * p->g.lda, da = p->g.ta ? p->g.lda : 1, b0 = p->g.tb ? j * p->g.ldb : j,
                    db = p->g.tb ? 1 : p->g.ldb;
      if (d == NV_F32) {
        const float *x = (const float *)(const void *)p->a, *y = (const float *)(const void *)p->b;
        float acc = 0;
        for (int64_t q = 0; q < p->g.k; q++) acc = fmaf(x[a0 + q * da], y[b0 + q * db], acc);
        ((float *)(void *)p->want)[i * p->g.ldc + j] = acc;
      } else {
        const double *x = (const double *)(const void *)p->a, *y = (const double *)(const void *)p->b;
        double acc = 0;
        for (int64_t q = 0; q < p->g.k; q++) acc = fma(x[a0 + q * da], y[b0 + q * db], acc);
        ((double *)(void *)p->want)[i * p->g.ldc + j] = acc;
      }
    }
}

static problem problem_new(nv_dtype d, bool ta, bool tb, int64_t m, int64_t n, int64_t k, int64_t pad) {
  problem p = {.size = nv_dtype_size(d)};
  p.g = (nv_gemm){.dtype = d, .ta = ta, .tb = tb, .m = m, .n = n, .k = k};
  p.g.lda = (ta ? m : k) + pad;
  p.g.ldb = (tb ? k : n) + pad;
  p.g.ldc = n + pad;
  if (p.g.lda == 0) p.g.lda = 1; /* a matrix without columns still has a stride */
  if (p.g.ldb == 0) p.g.ldb = 1;
  if (p.g.ldc == 0) p.g.ldc = 1;
  p.a = ta ? matrix(d, k, m, p.g.lda) : matrix(d, m, k, p.g.lda);
  p.b = tb ? matrix(d, n, k, p.g.ldb) : matrix(d, k, n, p.g.ldb);
  p.c_size = m > 0 ? (m - 1) * p.g.ldc + n : 0;
  p.c = room((size_t)p.c_size * p.size);
  p.want = room((size_t)p.c_size * p.size);
  p.told = room((size_t)(m * n));
  expect(&p);
  return p;
}
static void problem_free(problem *p) {
  nv_free(p->a);
  nv_free(p->b);
  nv_free(p->c);
  nv_free(p->want);
  nv_free(p->told);
}

static bool right(const problem *p, int64_t i) {
  if (p->exact) return memcmp(p->c + (size_t)i * p->size, p->want + (size_t)i * p->size, p->size) == 0;
  const double k = (double)p->g.k, eps = p->g.dtype == NV_F32 ? 0x1p-23 : 0x1p-52;
  return fabs(get(p->g.dtype, p->c, i) - get(p->g.dtype, p->want, i)) <= eps * k * (1 + sqrt(k));
}

static const char *text(const problem *p) {
  static char s[128];
  snprintf(s, sizeof s, "%s %s ta=%d tb=%d m=%d n=%d k=%d ldc=%d path=%d by_rows=%d", nv_k->isa,
           nv_dtype_name(p->g.dtype), p->g.ta, p->g.tb, (int)p->g.m, (int)p->g.n, (int)p->g.k, (int)p->g.ldc, p->g.path,
           p->g.by_rows);
  return s;
}

/* A tile is announced once, when it is done. */
static void on_tile(void *arg, int64_t r0, int64_t r1, int64_t c0, int64_t c1) {
  problem *p = arg;
  if (!CHECK(0 <= r0 && r0 < r1 && r1 <= p->g.m && 0 <= c0 && c0 < c1 && c1 <= p->g.n, "%s", text(p))) return;
  for (int64_t i = r0; i < r1; i++)
    for (int64_t j = c0; j < c1; j++) {
      p->told[i * p->g.n + j]++;
      if (!right(p, i * p->g.ldc + j)) p->told[i * p->g.n + j] = 99;
    }
}

static void begin(problem *p) {
  for (int64_t i = 0; i < p->c_size; i++) put(p->g.dtype, p->c, i, i % p->g.ldc < p->g.n ? (double)NAN : -7);
  memset(p->told, 0, (size_t)(p->g.m * p->g.n));
}
static void end(const problem *p, int threads, bool tiles) {
  int64_t wrong = 0, untold = 0;
  for (int64_t i = 0; i < p->c_size; i++)
    wrong += i % p->g.ldc < p->g.n ? !right(p, i) : get(p->g.dtype, p->c, i) != -7;
  CHECK(wrong == 0, "%d elements, %s, threads=%d", (int)wrong, text(p), threads);
  if (!tiles) return;
  for (int64_t i = 0; i < p->g.m * p->g.n; i++) untold += p->told[i] != 1;
  CHECK(untold == 0, "%d elements, %s, threads=%d", (int)untold, text(p), threads);
}

/* Members one after the other: run has no barrier, so this is what a team does. */
static void run(problem *p, int threads, int planned) {
  p->exact = strcmp(nv_k->isa, "portable") != 0;
  nv_gemm_prepare(&p->g, planned);
  CHECK(!p->g.inner_barrier && p->g.shared == 0 && p->g.cost > 0, "%s", text(p));
  begin(p);
  for (int t = 0; t < threads; t++) {
    nv_ctx ctx = {.thread = t, .n_threads = threads, .scratch = room(p->g.scratch)};
    CHECK(nv_gemm_run(&ctx, &p->g, p->a, p->b, p->c, on_tile, p) == NV_OK, "%s", text(p));
    nv_free(ctx.scratch);
  }
  end(p, threads, true);
}

static void all_sets(problem *p, bool quick) {
  for (size_t s = 0; s < sizeof isas / sizeof *isas; s++) {
    if (!nv_kernels_for(isas[s])) continue;
    nv_k = nv_kernels_for(isas[s]);
    run(p, 1, 1);
    run(p, 2, 2);
    if (quick) continue;
    run(p, 3, 3);
    run(p, 1, 3); /* a busy pool gives fewer than planned */
    run(p, 3, 1);
  }
}

/* ---- what is tried ---- */

static void each_form(int64_t m, int64_t n, int64_t k, int64_t pad, bool quick) {
  for (int form = 0; form < 8; form++) {
    problem p = problem_new(form & 1 ? NV_F64 : NV_F32, form & 2, form & 4, m, n, k, pad);
    all_sets(&p, quick);
    problem_free(&p);
  }
}

static void test_small(void) { /* around tiles of 6 or 7 rows, registers of 2 to 16, panels of 4 to 64 */
  static const int m[] = {0, 1, 2, 3, 4, 7, 8, 13, 15}, n[] = {0, 1, 2, 3, 8, 15, 17, 31, 64, 65, 130},
                   k[] = {0, 1, 2, 7, 16, 33};
  for (size_t x = 0; x < sizeof m / sizeof *m; x++)
    for (size_t y = 0; y < sizeof n / sizeof *n; y++)
      for (size_t z = 0; z < sizeof k / sizeof *k; z++) each_form(m[x], n[y], k[z], (int64_t)((x + y + z) % 3), true);
}

static void test_shapes(void) { /* more rows, many panels, several blocks of k, vectors */
  static const int s[][3] = {{32, 32, 8},   {32, 1, 32},    {64, 10, 64},  {128, 10, 70}, {1, 700, 300}, {2, 300, 90},
                             {3, 530, 130}, {4, 260, 1100}, {700, 1, 600}, {1, 1, 2000},  {90, 70, 530}, {29, 515, 9}};
  for (size_t x = 0; x < sizeof s / sizeof *s; x++) each_form(s[x][0], s[x][1], s[x][2], (int64_t)x % 3, false);
}

static void
test_blocks(void) { /* B above SMALL_B and FAR_B, A above BLOCK_BYTES, C above TILE_BYTES: all cuts are taken */
  static const int s[][3] = {{23, 620, 520}, {600, 130, 700}, {300, 700, 640}, {2, 2100, 2101}};
  for (size_t x = 0; x < sizeof s / sizeof *s; x++) each_form(s[x][0], s[x][1], s[x][2], 1, x > 0);
}

/* A'A: half of it is computed. Sizes around registers, tiles and what square() takes. */
static void test_square(void) {
  static const int n[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 256, 257}, k[] = {1, 5, 94, 600};
  for (size_t x = 0; x < 2 * (sizeof n / sizeof *n); x++)
    for (size_t y = 0; y < sizeof k / sizeof *k; y++) {
      problem p = problem_new(x % 2 ? NV_F64 : NV_F32, true, false, n[x / 2], n[x / 2], k[y], (int64_t)y % 3);
      problem square = p; /* of A alone */
      square.b = square.a;
      expect(&square);
      all_sets(&square, true);
      problem_free(&p);
    }
}

static void member(nv_ctx *ctx, void *arg) {
  problem *p = arg;
  ctx->scratch = room(p->g.scratch);
  CHECK(nv_gemm_run(ctx, &p->g, p->a, p->b, p->c, NULL, NULL) == NV_OK, "%s", text(p));
  nv_free(ctx->scratch);
}
static void test_team(void) { /* real threads */
  for (int form = 0; form < 8; form++) {
    problem p = problem_new(form & 1 ? NV_F64 : NV_F32, form & 2, form & 4, 150, 520, 540, 0);
    p.exact = strcmp(nv_k->isa, "portable") != 0;
    for (int threads = 1; threads <= 3; threads++) {
      nv_gemm_prepare(&p.g, threads);
      begin(&p);
      nv_team_run(threads, member, &p);
      end(&p, threads, false);
    }
    problem_free(&p);
  }
}

static double asked;
static int stop(void *arg) {
  (void)arg;
  asked = nv_now();
  return 1;
}
static void test_cancel(void) {
  const int64_t m = 512, n = 2048, k = 4096;
  nv_gemm g = {.dtype = NV_F64, .m = m, .n = n, .k = k, .lda = k, .ldb = n, .ldc = n};
  nv_gemm_prepare(&g, 1);
  void *a = nv_calloc((size_t)(m * k) * 8), *b = nv_calloc((size_t)(k * n) * 8), *c = nv_calloc((size_t)(m * n) * 8);
  if (!a || !b || !c) abort();
  nv_poll poll = {stop, NULL};
  nv_ctx ctx = {.n_threads = 1, .scratch = room(g.scratch), .poll = &poll};
  nv_status status = NV_OK;
  for (int k_again = 0; k_again < 20 && status == NV_OK; k_again++) status = nv_gemm_run(&ctx, &g, a, b, c, NULL, NULL);
  CHECK(status == NV_CANCELLED, "status %d", (int)status);
  CHECK(nv_now() - asked < 5e-3, "returned %g s after it was asked to", nv_now() - asked);
  nv_free(ctx.scratch);
  nv_free(a);
  nv_free(b);
  nv_free(c);
}

int main(void) {
  if (nv_kernels_init() != NV_OK || nv_set_threads(3) != NV_OK) {
    fprintf(stderr, "%s\n", nv_error());
    return 1;
  }
  const nv_kernels *chosen = nv_k;
  test_small();
  test_shapes();
  test_blocks();
  test_square();
  nv_k = chosen;
  test_team();
  test_cancel();
  return check_done();
}
