/* kernels.c: what the main kernels cost on this machine: clock cycles for an element, for each instruction set, on
 * blocks that fit the L1 cache. The clock is measured too: a chain of dependent additions takes a cycle for each.
 * Minima of many short runs, since others use the machine. After `make ctest`:
 * cc -O2 -Icsrc -Icsrc/include benchmarks/kernels.c build/fast/libnervure.a -lm -pthread -o build/kernels &&
 * build/kernels */
#include "kernels/kernels.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RUNS = 60 };
static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static double clock_ghz(void) {
  double best = 0;
  for (int run = 0; run < RUNS; run++) {
    long x = run, n = 200000;
    double start = seconds();
    for (long k = 0; k < n; k++) {
      x += k; /* one addition waits for the other */
      __asm__ volatile("" : "+r"(x));
    }
    double rate = (double)n / (seconds() - start) / 1e9;
    if (rate > best) best = rate;
  }
  return best;
}

static float x[3][65536], out[65536];
static double wide[3][512];
static double ghz;

typedef struct job {
  const nv_kernels *k;
  int op, kind;
  int64_t n, rows, inner;
} job;
enum { BLOCK, BLOCK_F64, REDUCE, ROW, CAST };
static void once(const job *j) {
  static const int64_t state[2] = {1, 2};
  static const double range[2] = {0, 1};
  nv_block b = {.out = out, .in = {x[0], x[1], x[2]}, .n = j->n, .params = range};
  switch (j->kind) {
  case BLOCK:
  case BLOCK_F64:
    if (j->kind == BLOCK_F64) b.in[0] = wide[0], b.in[1] = wide[1], b.in[2] = wide[2];
    if (j->op == NV_BLOCK_random_uniform) b.in[0] = state;
    j->k->block[j->op][j->kind == BLOCK ? NV_F32 : NV_F64](&b);
    break;
  case REDUCE:
    j->k->reduce[j->op][NV_F32](x[0], out, 0, j->rows, j->n, j->inner, 0, j->inner);
    break;
  case ROW:
    j->k->row[j->op][NV_F32](x[0], out, 0, j->rows, j->n);
    break;
  case CAST:
    j->k->cast[j->op][NV_F32](&b);
  }
}
static double cycles(const job *j) {
  double best = 1e9, elements = (double)j->n * (double)(j->rows ? j->rows * j->inner : 1);
  int times = (int)(20000 / elements) + 1;
  for (int run = 0; run < RUNS; run++) {
    double start = seconds();
    for (int t = 0; t < times; t++) once(j);
    double taken = (seconds() - start) / times;
    if (taken < best) best = taken;
  }
  return best * ghz * 1e9 / elements;
}

static const char *const isas[] = {"avx512", "avx2", "neon", "portable"};
static void row(const char *name, job j) {
  printf("%-28s", name);
  for (int s = 0; s < 4; s++)
    if ((j.k = nv_kernels_for(isas[s]))) printf("%10.3f", cycles(&j));
  putchar('\n');
}
#define BLOCK_ROW(name)                                                                                                \
  row(#name " float32 x 1024", (job){.op = NV_BLOCK_##name, .kind = BLOCK, .n = 1024});                                \
  row(#name " float64 x 512", (job){.op = NV_BLOCK_##name, .kind = BLOCK_F64, .n = 512});

int main(void) {
  for (int j = 0; j < 3; j++)
    for (int i = 0; i < 65536; i++) x[j][i] = (float)((i * 7919 + j * 31) % 2003) / 250 - 3.9f;
  for (int j = 0; j < 3; j++)
    for (int i = 0; i < 512; i++) wide[j][i] = (double)x[j][i];
  ghz = clock_ghz();
  printf("%.2f GHz; cycles an element\n%-28s", ghz, "");
  for (int s = 0; s < 4; s++)
    if (nv_kernels_for(isas[s])) printf("%10s", isas[s]);
  putchar('\n');
  BLOCK_ROW(add)
  BLOCK_ROW(maximum)
  BLOCK_ROW(divide)
  BLOCK_ROW(sqrt)
  BLOCK_ROW(exp)
  BLOCK_ROW(log)
  BLOCK_ROW(tanh)
  BLOCK_ROW(sigmoid)
  BLOCK_ROW(softplus)
  BLOCK_ROW(erf)
  BLOCK_ROW(expm1)
  BLOCK_ROW(log1p)
  BLOCK_ROW(sin)
  BLOCK_ROW(arctan)
  BLOCK_ROW(erfinv)
  BLOCK_ROW(power)
  BLOCK_ROW(less)
  BLOCK_ROW(random_uniform)
  row("add float32 x 8", (job){.op = NV_BLOCK_add, .n = 8});
  row("add float32 x 100", (job){.op = NV_BLOCK_add, .n = 100});
  row("relu float32 x 32", (job){.op = NV_BLOCK_relu, .n = 32});
  row("cast uint8 x 784", (job){.op = NV_U8, .kind = CAST, .n = 784});
  row("sum [1, 4096]", (job){.op = NV_REDUCE_SUM, .kind = REDUCE, .n = 4096, .rows = 1, .inner = 1});
  row("sum [64, 10]", (job){.op = NV_REDUCE_SUM, .kind = REDUCE, .n = 10, .rows = 64, .inner = 1});
  row("sum [64, 100]", (job){.op = NV_REDUCE_SUM, .kind = REDUCE, .n = 100, .rows = 64, .inner = 1});
  row("sum [1, 32]", (job){.op = NV_REDUCE_SUM, .kind = REDUCE, .n = 32, .rows = 1, .inner = 1});
  row("sum [32, 32] over rows", (job){.op = NV_REDUCE_SUM, .kind = REDUCE, .n = 32, .rows = 1, .inner = 32});
  row("sum [128, 512] over rows", (job){.op = NV_REDUCE_SUM, .kind = REDUCE, .n = 128, .rows = 1, .inner = 512});
  row("max [64, 10]", (job){.op = NV_REDUCE_MAX, .kind = REDUCE, .n = 10, .rows = 64, .inner = 1});
  row("argmax [64, 10]", (job){.op = NV_REDUCE_ARGMAX, .kind = REDUCE, .n = 10, .rows = 64, .inner = 1});
  row("argmax [16, 1000]", (job){.op = NV_REDUCE_ARGMAX, .kind = REDUCE, .n = 1000, .rows = 16, .inner = 1});
  row("softmax [64, 10]", (job){.op = NV_ROW_SOFTMAX, .kind = ROW, .n = 10, .rows = 64, .inner = 1});
  row("log_softmax [64, 10]", (job){.op = NV_ROW_LOG_SOFTMAX, .kind = ROW, .n = 10, .rows = 64, .inner = 1});
  row("softmax [16, 1000]", (job){.op = NV_ROW_SOFTMAX, .kind = ROW, .n = 1000, .rows = 16, .inner = 1});
  row("cumsum [16, 100]", (job){.op = NV_ROW_CUMSUM, .kind = ROW, .n = 100, .rows = 16, .inner = 1});
  return 0;
}
