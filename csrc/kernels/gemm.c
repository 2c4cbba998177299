/* gemm.c: cuts a product into blocks that fit the caches and hands them to the kernels of the instruction set.
 *
 * Each thread owns a rectangle of C and works alone: no barrier, nothing shared but what is read. Inside it:
 *
 *   for rows (BLOCK_BYTES)         A's block stays in L2, read where it lies
 *     for k (DEPTH_BYTES)          C holds the partial sums in between: exact, since they are stored as they are
 *       for columns (a panel)      B's panel stays in L2, its rows side by side
 *
 * A large B is copied panel by panel by the first rows of A that use it, while they use it and while the next panel is
 * fetched, so packing costs next to nothing; a B of [n, k] is turned into its panel; a small B is read where it lies.
 * One column is one row: C' = B' A'. None of it can change a bit. */
#include "kernels/gemm.h"

#include "kernels/kernels.h"

#include <string.h>

enum { B_IN_PLACE, B_COPIED, B_TURNED }; /* nv_gemm.path */

#define DEPTH_BYTES 2048        /* of k in a block: 512 or 256 steps */
#define BLOCK_BYTES (512 << 10) /* of A in a block: half of a usual L2 */
#define SMALL_B (1 << 20)       /* bytes of B that are read in place: about L2 */
#define FAR_B (16 << 20)        /* bytes of B that no cache keeps */
#define SHARED_B (256 << 10)    /* bytes of B that each thread may as well read whole */
#define TILE_BYTES (256 << 10)  /* of C handed to the tile function at once, at least */
#define MOST_SQUARE 256         /* columns of A for which A'A is half the work */
#define POLL_WORK (4 << 20)     /* multiplications between polls, about: 0.1 ms */

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t parts_of(int64_t n, int64_t unit) { return (n + unit - 1) / unit; }
/* Parts of even size, none above `limit`. */
static int64_t even(int64_t n, int64_t limit) { return parts_of(n, parts_of(n, limit)); }

/* The operands after op(), as strides. */
typedef struct product {
  const char *a, *b;
  char *c;
  int64_t m, n, k, a_row, a_col, b_row, c_row;
  bool turned;  /* B is stored [n, k] */
  bool swapped; /* computes C' */
} product;

static product normal(const nv_gemm *g, const void *a, const void *b, void *c) {
  product p = {
      .a = a, .b = b, .c = c, .m = g->m, .n = g->n, .k = g->k, .b_row = g->ldb, .c_row = g->ldc, .turned = g->tb};
  p.a_row = g->ta ? 1 : g->lda;
  p.a_col = g->ta ? g->lda : 1;
  if (g->n == 1 && g->m > 1 && g->ldc == 1) {
    p = (product){
        .a = b, .b = a, .c = c, .m = 1, .n = g->m, .k = g->k, .b_row = g->lda, .turned = !g->ta, .swapped = true};
    p.a_col = g->tb ? 1 : g->ldb;
  }
  if (p.turned && (p.n == 1 || (p.k == 1 && p.b_row == 1))) { /* a vector is its own transpose */
    p.b_row = 1;
    p.turned = false;
  }
  return p;
}

/* Few rows wait for B. Where it comes from memory, a few of its rows are read side by side along their whole length,
 * which is what prefetchers follow; from a cache, deep narrow columns, which keep the sums in registers. */
static int64_t depth(const product *p, const nv_gemm_kernels *kernels, size_t size) {
  const bool far = !p->turned && p->m <= kernels->rows && (double)p->k * (double)p->n * (double)size > FAR_B;
  return even(p->k, far ? 8 : DEPTH_BYTES / (int64_t)size);
}

void nv_gemm_prepare(nv_gemm *g, int max_threads) {
  const nv_gemm_kernels *kernels = nv_k->gemm[g->dtype];
  const size_t size = nv_dtype_size(g->dtype);
  const product p = normal(g, NULL, NULL, NULL);
  const double b_bytes = (double)p.k * (double)p.n * (double)size;
  g->path = p.turned ? B_TURNED : p.m > kernels->rows && b_bytes > SMALL_B ? B_COPIED : B_IN_PLACE;
  /* By rows where it costs nothing, for then a chain of layers need not meet. */
  const int64_t threads = least(max_threads, nv_threads());
  if (threads <= 1 || p.swapped || p.n < threads * kernels->lanes)
    g->by_rows = true;
  else if (p.m < 4 * threads)
    g->by_rows = false;
  else
    g->by_rows = b_bytes <= SHARED_B || p.m >= (p.turned ? 256 : 64) * threads;
  g->scratch = g->shared = 0;
  g->inner_barrier = false;
  if (g->path != B_IN_PLACE && p.k > 0) {
    int64_t panel = least(parts_of(p.n, kernels->lanes) * kernels->lanes, kernels->columns);
    g->scratch = (size_t)(depth(&p, kernels, size) * panel) * size;
  }
  /* A core multiplies 200 bytes a ns, reads 80 of B, turns 30. */
  const double products = (double)p.m * (double)p.k * (double)(parts_of(p.n, kernels->lanes) * kernels->lanes);
  const double arithmetic = products * (double)size / 200, reading = b_bytes / 80;
  g->cost = 50 + (arithmetic > reading ? arithmetic : reading) + (p.turned ? b_bytes / 30 : 0);
}

typedef struct rectangle {
  int64_t r0, r1, c0, c1;
} rectangle;

static void finished(const product *p, nv_gemm_tile_fn tile, void *arg, rectangle r) {
  if (!tile) return;
  if (p->swapped)
    tile(arg, r.c0, r.c1, r.r0, r.r1);
  else
    tile(arg, r.r0, r.r1, r.c0, r.c1);
}

static nv_status multiply(nv_ctx *ctx, const product *p, const nv_gemm_kernels *kernels, int path, size_t size,
                          rectangle r, nv_gemm_tile_fn tile, void *arg) {
  const int64_t bytes = (int64_t)size, rows = r.r1 - r.r0, steps = depth(p, kernels, size);
  const int64_t height = even(rows, BLOCK_BYTES / (steps * bytes));
  if (path == B_COPIED && rows <= kernels->rows) path = B_IN_PLACE; /* read once */
  int64_t width = kernels->columns;
  if (path == B_IN_PLACE) width *= parts_of(POLL_WORK, height * steps * width);
  nv_gemm_block block = {.a_row = p->a_row, .a_col = p->a_col, .b_row = p->b_row, .c_row = p->c_row};
  for (int64_t i = r.r0; i < r.r1; i += block.m) {
    block.m = least(height, r.r1 - i);
    for (int64_t k = 0; k < p->k; k += block.k) {
      block.k = least(steps, p->k - k);
      block.add = k > 0;
      block.a = p->a + (i * p->a_row + k * p->a_col) * bytes;
      int64_t told = r.c0;
      for (int64_t j = r.c0; j < r.c1; j += block.n) {
        block.n = least(width, r.c1 - j);
        block.c = p->c + (i * p->c_row + j) * bytes;
        if (path == B_TURNED) {
          block.b = ctx->scratch;
          block.b_row = parts_of(block.n, kernels->lanes) * kernels->lanes;
          kernels->transpose(p->b + (j * p->b_row + k) * bytes, p->b_row, block.n, block.k, ctx->scratch, block.b_row);
        } else {
          block.b = p->b + (k * p->b_row + j) * bytes;
          if (path == B_COPIED) {
            block.pack = ctx->scratch;
            block.ahead = NULL;
            if (j + block.n < r.c1)
              block.ahead = (const char *)block.b + block.n * bytes;
            else if (k + block.k < p->k)
              block.ahead = p->b + ((k + block.k) * p->b_row + r.c0) * bytes;
          }
        }
        kernels->multiply(&block);
        const int64_t now = j + block.n;
        if (k + block.k == p->k && (now == r.c1 || (now - told) * block.m * bytes >= TILE_BYTES)) {
          finished(p, tile, arg, (rectangle){i, i + block.m, told, now});
          told = now;
        }
        if (now < r.c1 || i + block.m < r.r1 || k + block.k < p->k)
          if (nv_poll_now(ctx)) return NV_CANCELLED;
      }
    }
  }
  return NV_OK;
}

/* A'A, for one thread and few columns: C is symmetric to the last bit, so the part left of the diagonal's registers is
 * the other one turned. */
static nv_status square(nv_ctx *ctx, const product *p, const nv_gemm_kernels *kernels, size_t size) {
  const int64_t bytes = (int64_t)size, steps = depth(p, kernels, size), lanes = kernels->lanes, n = p->n;
  nv_gemm_block block = {.a_row = p->a_row, .a_col = p->a_col, .b_row = p->b_row, .c_row = p->c_row, .m = n, .n = n};
  block.c = p->c;
  for (int64_t k = 0; k < p->k; k += block.k) {
    if (k > 0 && nv_poll_now(ctx)) return NV_CANCELLED;
    block.k = least(steps, p->k - k);
    block.add = k > 0;
    block.a = p->a + k * p->a_col * bytes;
    block.b = p->b + k * p->b_row * bytes;
    kernels->multiply_upper(&block);
  }
  for (int64_t i = 0; i + lanes < n; i += lanes)
    kernels->transpose(p->c + (i * p->c_row + i + lanes) * bytes, p->c_row, lanes, n - i - lanes,
                       p->c + ((i + lanes) * p->c_row + i) * bytes, p->c_row);
  return NV_OK;
}

static bool is_square(const nv_ctx *ctx, const nv_gemm *g, const void *a, const void *b) {
  return a == b && g->ta && !g->tb && g->m == g->n && g->n > 1 && g->n <= MOST_SQUARE && g->lda == g->ldb && g->k > 0 &&
         g->path == B_IN_PLACE && ctx->n_threads == 1;
}

nv_status nv_gemm_run(nv_ctx *ctx, const nv_gemm *g, const void *a, const void *b, void *c, nv_gemm_tile_fn tile,
                      void *arg) {
  const nv_gemm_kernels *kernels = nv_k->gemm[g->dtype];
  const size_t size = nv_dtype_size(g->dtype);
  const product p = normal(g, a, b, c);
  rectangle r = {0, p.m, 0, p.n};
  if (!g->by_rows) {
    nv_share(ctx, parts_of(p.n, kernels->lanes), &r.c0, &r.c1);
    r.c0 *= kernels->lanes;
    r.c1 = least(r.c1 * kernels->lanes, p.n);
  } else if (p.swapped) {
    nv_share(ctx, p.n, &r.c0, &r.c1);
  } else {
    nv_share(ctx, p.m, &r.r0, &r.r1);
  }
  if (r.r0 >= r.r1 || r.c0 >= r.c1) return NV_OK;
  if (is_square(ctx, g, a, b)) {
    NV_TRY(square(ctx, &p, kernels, size));
    finished(&p, tile, arg, r);
    return NV_OK;
  }
  if (p.k > 0) return multiply(ctx, &p, kernels, g->path, size, r, tile, arg);
  for (int64_t i = r.r0; i < r.r1; i++)
    memset(p.c + (i * p.c_row + r.c0) * (int64_t)size, 0, (size_t)(r.c1 - r.c0) * size);
  finished(&p, tile, arg, r);
  return NV_OK;
}
