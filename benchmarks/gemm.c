/* gemm.c: the core's GEMM for benchmarks/gemm.py. Reads lines "dtype ta tb m n k repeats" (dtype 0: float32, 1:
 * float64) and answers each with the seconds the repeats took, on the threads the library would use. */
#include "kernels/gemm.h"

#include <stdio.h>

#define ALONE 3e3 /* ns: products that cost less stay with one thread, as in a plan */

typedef struct work {
  nv_gemm g;
  char *a, *b, *c;
  int repeats;
  double seconds;
} work;

/* As in a plan: the members stay together and meet after each product. */
static void member(nv_ctx *ctx, void *arg) {
  work *w = arg;
  ctx->scratch = nv_alloc(w->g.scratch);
  nv_barrier(ctx);
  const double start = nv_now();
  for (int r = 0; r < w->repeats; r++) {
    if (ctx->scratch) nv_gemm_run(ctx, &w->g, w->a, w->b, w->c, NULL, NULL);
    nv_barrier(ctx);
  }
  if (ctx->thread == 0) w->seconds = nv_now() - start;
  nv_free(ctx->scratch);
}

static char *numbers(nv_dtype dtype, int64_t n) {
  char *p = nv_alloc((size_t)n * nv_dtype_size(dtype));
  for (int64_t i = 0; p && i < n; i++) {
    const double v = (double)(i * 7919 % 65537) / 65537 - 0.5;
    if (dtype == NV_F32)
      ((float *)(void *)p)[i] = (float)v;
    else
      ((double *)(void *)p)[i] = v;
  }
  return p;
}

int main(void) {
  if (nv_init() != NV_OK) {
    fprintf(stderr, "%s\n", nv_error());
    return 1;
  }
  const nv_config config = nv_get_config();
  work w = {0};
  int last[6] = {-1}, now[6];
  printf("%s %d\n", config.isa, config.threads);
  fflush(stdout);
  while (scanf("%d %d %d %d %d %d %d", &now[0], &now[1], &now[2], &now[3], &now[4], &now[5], &w.repeats) == 7) {
    bool same = true;
    for (int i = 0; i < 6; i++) same &= now[i] == last[i];
    if (!same) {
      for (int i = 0; i < 6; i++) last[i] = now[i];
      const nv_dtype dtype = now[0] ? NV_F64 : NV_F32;
      const int64_t m = now[3], n = now[4], k = now[5];
      w.g = (nv_gemm){.dtype = dtype, .ta = now[1], .tb = now[2], .m = m, .n = n, .k = k, .ldc = n};
      w.g.lda = w.g.ta ? m : k;
      w.g.ldb = w.g.tb ? k : n;
      nv_gemm_prepare(&w.g, config.threads);
      nv_free(w.a);
      nv_free(w.b);
      nv_free(w.c);
      w.a = numbers(dtype, m * k);
      w.b = numbers(dtype, k * n);
      w.c = numbers(dtype, m * n);
      if (!w.a || !w.b || !w.c) return 1;
    }
    nv_team_run(w.g.cost < ALONE ? 1 : config.threads, member, &w);
    printf("%.9f\n", w.seconds);
    fflush(stdout);
  }
  return 0;
}
