/* gemm.c: cuts a product into blocks that fit the caches and hands them to the kernels of the instruction set.
 *
 * Each thread owns a rectangle of C and works alone: no barrier, nothing shared but what is read. Inside, blocks of `mc`
 * rows, `kc` steps of k and one panel of columns:
 *
 *   for rows (mc)                  A's block [mc, kc] stays in L2
 *     for k (kc)                   C holds the partial sums in between: exact, since they are stored unrounded
 *       for columns (a panel)      B's panel [kc, panel] stays in L2, its rows side by side
 *
 * B's panel is copied by the first rows of A that use it, while they use it; a transposed B is turned into it. Few rows
 * use B where it lies. One column is a row: C' = B' A'. */
#include "kernels/gemm.h"

#include "kernels/kernels.h"

#include <string.h>

/* The operands after op(), as strides. */
typedef struct product {
  const char *a, *b;
  char *c;
  int64_t m, n, k, a_row, a_col, b_row, c_row;
  bool turned;  /* B is stored [n, k] */
  bool swapped; /* computes C' */
} product;

static product normal(const nv_gemm *g, const void *a, const void *b, void *c) {
  product p = {.a = a, .b = b, .c = c, .m = g->m, .n = g->n, .k = g->k, .b_row = g->ldb, .c_row = g->ldc, .turned = g->tb};
  p.a_row = g->ta ? 1 : g->lda;
  p.a_col = g->ta ? g->lda : 1;
  if (g->n == 1 && g->m > 1 && g->ldc == 1) {
    p = (product){.a = b, .b = a, .c = c, .m = 1, .n = g->m, .k = g->k, .b_row = g->lda, .turned = !g->ta, .swapped = true};
    p.a_col = g->tb ? 1 : g->ldb;
  }
  if (p.turned && (p.n == 1 || (p.k == 1 && p.b_row == 1))) { /* a vector is its own transpose */
    p.b_row = 1;
    p.turned = false;
  }
  return p;
}

typedef struct cut {
  int64_t mc, kc, panel;
  bool pack_a;
} cut;

#include <stdlib.h>
static int64_t env(const char*n,int64_t d){const char*s=getenv(n);return s?atoll(s):d;}
static cut cut_for(const product *p, const nv_gemm_kernels *kernels, size_t size) {
  static int64_t KC,MC,PA; if(!KC){KC=env("KC",2048);MC=env("MC",512<<10);PA=env("PA",0);}
  cut s = {.panel = p->m > 3 || env("NW",0) ? kernels->columns : kernels->wide};
  int64_t limit = KC / (int64_t)size;
  int64_t parts = (p->k + limit - 1) / limit;
  s.kc = (p->k + parts - 1) / parts;
  int64_t rows = MC / (s.kc * (int64_t)size);
  parts = (p->m + rows - 1) / rows;
  s.mc = (p->m + parts - 1) / parts;
  s.pack_a=PA;
  return s;
}
static int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

void nv_gemm_prepare(nv_gemm *g, int max_threads) {
  product p = normal(g, NULL, NULL, NULL);
  size_t size = nv_dtype_size(g->dtype);
  g->by_rows = true;
  g->scratch = g->shared = 0;
  g->inner_barrier = false;
  g->path = 0;
  g->cost = 20;
  if (p.m == 0 || p.n == 0) return;
  if (p.k == 0) { g->cost += (double)p.m * (double)p.n * .1; return; }
  const nv_gemm_kernels *kernels = nv_k->gemm[g->dtype];
  cut s = cut_for(&p, kernels, size);
  g->by_rows = env("ROWS",1);
  g->scratch = (size_t)(s.kc * s.panel) * size + (size_t)(s.mc*(s.kc+16+16))*size;
  g->cost += 2. * (double)p.m * (double)p.n * (double)p.k / 100;
}

/* Does rows [r0, r1) and columns [c0, c1) of p. */
static nv_status region(nv_ctx *ctx, const product *p, const cut *s, const nv_gemm_kernels *kernels, size_t size, int64_t r0,
                        int64_t r1, int64_t c0, int64_t c1, nv_gemm_tile_fn tile, void *arg) {
  static int64_t PB=-1,CB; if(PB<0){PB=env("PB",1);CB=env("CB",256<<10);}
  char *panel = ctx->scratch;
  char *apack = panel + (size_t)(s->kc*s->panel)*size;
  const bool pack = !p->turned && PB && r1 - r0 > kernels->rows;
  nv_gemm_block block = {.c_row = p->c_row, .a_row=p->a_row,.a_col=p->a_col};
  for (int64_t i = r0; i < r1; i += s->mc) {
    block.m = r1 - i < s->mc ? r1 - i : s->mc;
    for (int64_t k = 0; k < p->k; k += s->kc) {
      block.k = p->k - k < s->kc ? p->k - k : s->kc;
      block.add = k > 0;
      block.a = p->a + (size_t)(i * p->a_row + k * p->a_col) * size;
      if (s->pack_a) {
        int64_t ld=(s->kc+15)/16*16+16;
        if (p->a_col==1) for(int64_t x=0;x<block.m;x++) memcpy(apack+x*ld*size, (char*)block.a+x*p->a_row*size, block.k*size);
        else kernels->transpose(block.a,p->a_col,block.k,block.m,apack,ld);
        block.a=apack;block.a_row=ld;block.a_col=1;
      }
      const bool done = k + block.k == p->k;
      int64_t told = c0;
      for (int64_t j = c0; j < c1; j += block.n) {
        block.n = pack || p->turned ? s->panel : c1;
        if (c1 - j < block.n) block.n = c1 - j;
        if (p->turned) {
          block.b_row = round_up(block.n, kernels->lanes);
          kernels->transpose(p->b + (size_t)(j * p->b_row + k) * size, p->b_row, block.n, block.k, panel, block.b_row);
          block.b = panel;
        } else {
          block.b = p->b + (size_t)(k * p->b_row + j) * size;
          block.b_row = p->b_row;
          block.pack = pack ? panel : NULL;
          static int AH=-1; if(AH<0)AH=(int)env("AH",1);
          block.ahead = NULL; if(AH) block.ahead = j+block.n<c1? (char*)block.b+block.n*size : k+block.k<p->k ? p->b + ((size_t)(k+block.k)*p->b_row+c0)*size: NULL;
        }
        block.c = p->c + (size_t)(i * p->c_row + j) * size;
        kernels->multiply(&block);
        int64_t now = j + block.n;
        if (done && tile && (now == c1 || (now - told) * block.m * (int64_t)size >= CB)) {
          if (p->swapped) tile(arg, told, now, i, i + block.m);
          else tile(arg, i, i + block.m, told, now);
          told = now;
        }
        if (nv_poll_now(ctx)) return NV_CANCELLED;
      }
    }
  }
  return NV_OK;
}

static void zero(const product *p, size_t size, int64_t r0, int64_t r1, int64_t c0, int64_t c1, nv_gemm_tile_fn tile, void *arg) {
  for (int64_t i = r0; i < r1; i++) memset(p->c + (size_t)(i * p->c_row + c0) * size, 0, (size_t)(c1 - c0) * size);
  if (!tile) return;
  if (p->swapped) tile(arg, c0, c1, r0, r1);
  else tile(arg, r0, r1, c0, c1);
}

nv_status nv_gemm_run(nv_ctx *ctx, const nv_gemm *g, const void *a, const void *b, void *c, nv_gemm_tile_fn tile, void *arg) {
  const nv_gemm_kernels *kernels = nv_k->gemm[g->dtype];
  const size_t size = nv_dtype_size(g->dtype);
  product p = normal(g, a, b, c);
  int64_t r0 = 0, r1 = p.m, c0 = 0, c1 = p.n;
  if (g->by_rows) {
    if (p.swapped) nv_share(ctx, p.n, &c0, &c1);
    else nv_share(ctx, p.m, &r0, &r1);
  } else {
    nv_share(ctx, (p.n + kernels->lanes - 1) / kernels->lanes, &c0, &c1);
    c0 *= kernels->lanes;
    c1 = c1 * kernels->lanes < p.n ? c1 * kernels->lanes : p.n;
  }
  if (r0 >= r1 || c0 >= c1) return NV_OK;
  if (p.k == 0) {
    zero(&p, size, r0, r1, c0, c1, tile, arg);
    return NV_OK;
  }
  cut s = cut_for(&p, kernels, size);
  return region(ctx, &p, &s, kernels, size, r0, r1, c0, c1, tile, arg);
}
