/* peak.c: the machine's FMA rate in float32, GFLOP/s, on as many threads as the argument says: what a GEMM is held to.
 * Twelve independent chains of the widest vectors keep both FMA units busy for the latency of four cycles. The best of
 * several short runs counts, since others use the machine too. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX2__)
#define BYTES 32
#else
#define BYTES 16
#endif
typedef float vec __attribute__((vector_size(BYTES)));
enum { CHAINS = 12, ROUNDS = 2000000, RUNS = 150, THREADS = 256 };

static void *work(void *sum) {
  vec a[CHAINS], x = {0}, y = {0};
  x += 0.999f;
  y += 0.001f;
  for (int c = 0; c < CHAINS; c++) a[c] = y * (float)c;
  for (long r = 0; r < ROUNDS; r++)
    for (int c = 0; c < CHAINS; c++) a[c] = a[c] * x + y;
  for (int c = 1; c < CHAINS; c++) a[0] += a[c];
  *(float *)sum = a[0][0];
  return NULL;
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 1;
  pthread_t threads[THREADS];
  float sums[THREADS];
  double best = 1e9;
  if (n < 1 || n > THREADS) return 1;
  for (int run = 0; run < RUNS; run++) {
    double start = seconds();
    for (int t = 0; t < n; t++)
      if (pthread_create(&threads[t], NULL, work, &sums[t])) return 1;
    for (int t = 0; t < n; t++) pthread_join(threads[t], NULL);
    double taken = seconds() - start;
    if (taken < best) best = taken;
  }
  printf("%.1f\n", 2.0 * CHAINS * ROUNDS * (BYTES / 4) * n / best / 1e9);
  return 0;
}
