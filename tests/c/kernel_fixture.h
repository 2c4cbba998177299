/* kernel_fixture.h: what the kernel tests share: arrays that end where memory ends, numbers that look for trouble, and
 * a hash of every kernel's results, to be compared between instruction sets. */
#ifndef NV_KERNEL_FIXTURE_H
#define NV_KERNEL_FIXTURE_H

#include "check.h"

#include "kernels/kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- arrays: the last byte is the last of a page, the next page cannot be touched; 64 bytes before it are watched
 * ---- */
enum { ARRAYS = 12, ARRAY_BYTES = 4 << 20, WATCHED = 64 };
static uint8_t *array_end[ARRAYS], *array_begin[ARRAYS];

static inline void *array(int k, size_t bytes) {
  if (!array_end[k]) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (ARRAY_BYTES + page - 1) / page * page;
    uint8_t *p = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + size, page, PROT_NONE)) abort();
    array_end[k] = p + size;
  }
  if (bytes + WATCHED > ARRAY_BYTES) abort();
  array_begin[k] = array_end[k] - bytes;
  memset(array_begin[k] - WATCHED, 0xA5, WATCHED);
  return array_begin[k];
}
static inline bool array_intact(int k) {
  for (int j = 1; j <= WATCHED; j++)
    if (array_begin[k][-j] != 0xA5) return false;
  return true;
}

/* ---- numbers ---- */
static uint64_t random_state;
static inline uint64_t random_bits(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}
static inline double random_between(double low, double high) {
  return low + (high - low) * ((double)(random_bits() >> 11) * 0x1p-53);
}
static const double special[] = {0,
                                 -0.0,
                                 1,
                                 -1,
                                 0.5,
                                 -0.5,
                                 1.5,
                                 2.5,
                                 -2.5,
                                 2,
                                 -2,
                                 3,
                                 -3,
                                 7,
                                 0.1,
                                 -0.1,
                                 1e-5,
                                 1e5,
                                 -1e5,
                                 10,
                                 -10,
                                 88,
                                 -88,
                                 89,
                                 -104,
                                 709,
                                 -745,
                                 710,
                                 1e-39,
                                 -1e-39,
                                 0x1p-126,
                                 0x1p-149,
                                 -0x1p-149,
                                 0x1p127,
                                 -0x1p127,
                                 8388607.5,
                                 16777215,
                                 2147483648.0,
                                 2147483647.0,
                                 -2147483648.0,
                                 -2147483904.0,
                                 0x1p63,
                                 -0x1p63,
                                 0x1p62,
                                 1e10,
                                 3.14159265358979,
                                 0x1.fffffep127,
                                 0x1p-1074,
                                 1e-310,
                                 0x1p-1022,
                                 1e300,
                                 -1e300,
                                 0x1.fffffffffffffp1023,
                                 (double)INFINITY,
                                 (double)-INFINITY,
                                 (double)NAN};
enum { SPECIALS = sizeof special / sizeof *special };

static inline double random_number(void) {
  switch (random_bits() % 8) {
  case 0:
  case 1:
    return special[random_bits() % SPECIALS];
  case 2:
    return (double)(int64_t)(random_bits() % 21) - 10;
  case 3: {
    int e = (int)(random_bits() % 260) - 130;
    return ldexp(random_between(-1, 1), e);
  }
  default:
    return random_between(-4, 4);
  }
}
static inline void fill(nv_dtype d, void *p, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    uint64_t bits = random_bits();
    int shift = (int)(random_bits() % 64);
    int64_t whole = random_bits() % 4 ? (int64_t)(bits % 21) - 10 : (int64_t)bits >> shift;
    switch (d) {
    case NV_F32:
      ((float *)p)[i] = (float)random_number();
      break;
    case NV_F64:
      ((double *)p)[i] = random_number();
      break;
    case NV_I32:
      ((int32_t *)p)[i] = (int32_t)(random_bits() % 16 ? whole : INT32_MIN);
      break;
    case NV_I64:
      ((int64_t *)p)[i] = random_bits() % 16 ? whole : INT64_MIN;
      break;
    case NV_BOOL:
      ((uint8_t *)p)[i] = (uint8_t)(bits % 3 ? bits % 2 : bits);
      break;
    default:
      memcpy((char *)p + (size_t)i * nv_dtype_size(d), &whole, nv_dtype_size(d)); /* little-endian */
    }
  }
}

/* The same value: the same bits, or both NaN. */
static inline bool same(nv_dtype d, const void *a, const void *b, int64_t i) {
  size_t size = nv_dtype_size(d);
  const char *x = (const char *)a + (size_t)i * size, *y = (const char *)b + (size_t)i * size;
  if (memcmp(x, y, size) == 0) return true;
  if (d == NV_F32) {
    float f, g;
    return memcpy(&f, x, 4), memcpy(&g, y, 4), isnan(f) && isnan(g);
  }
  double f, g;
  return d == NV_F64 && (memcpy(&f, x, 8), memcpy(&g, y, 8), isnan(f) && isnan(g));
}
static inline int64_t first_difference(nv_dtype d, const void *a, const void *b, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (!same(d, a, b, i)) return i;
  return -1;
}
static inline double number(nv_dtype d, const void *p, int64_t i) {
  switch (d) {
  case NV_F32:
    return (double)((const float *)p)[i];
  case NV_F64:
    return ((const double *)p)[i];
  case NV_I32:
    return ((const int32_t *)p)[i];
  case NV_I64:
    return (double)((const int64_t *)p)[i];
  default:
    return ((const uint8_t *)p)[i];
  }
}

/* ---- hashes: results(name) begins a kernel, hash adds to it; the same order for every set ---- */
static const char *const isas[] = {"avx512", "avx2", "neon", "portable"};
enum { ISAS = 4, PORTABLE = 3, MAX_RESULTS = 1024 };
static struct {
  char name[48];
  uint64_t hash;
} result[ISAS][MAX_RESULTS];
static int results_of, n_results;

static inline void results(const char *name, const char *dtype) {
  if (n_results >= MAX_RESULTS) abort();
  snprintf(result[results_of][n_results].name, sizeof result[0][0].name, "%s %s", name, dtype);
  result[results_of][n_results++].hash = 0xcbf29ce484222325u;
  random_state = 88172645463325252u; /* every set sees the same numbers */
}
static inline void hash(nv_dtype d, const void *p, int64_t n) {
  uint64_t h = result[results_of][n_results - 1].hash;
  size_t size = nv_dtype_size(d);
  for (int64_t i = 0; i < n; i++) {
    uint64_t v = 0;
    memcpy(&v, (const char *)p + (size_t)i * size, size);
    if ((d == NV_F32 || d == NV_F64) && isnan(number(d, p, i))) v = 1; /* NaNs differ in sign and payload */
    h = (h ^ v) * 0x100000001b3u;
    h ^= h >> 32;
  }
  result[results_of][n_results - 1].hash = h;
}
/* Runs `run` on every set there is. With --hash prints the results of the best set; else compares all that have fma. */
static inline int for_every_set(int argc, char **argv, void (*run)(const nv_kernels *k)) {
  int best = -1, best_results = 0;
  for (int s = 0; s < ISAS; s++) {
    const nv_kernels *k = nv_kernels_for(isas[s]);
    if (!k) continue;
    results_of = s, n_results = 0;
    run(k);
    if (best < 0) best = s, best_results = n_results;
    for (int r = 0; r < n_results && s != PORTABLE; r++)
      CHECK(result[s][r].hash == result[best][r].hash, "%s: %s and %s differ", result[s][r].name, isas[s], isas[best]);
  }
  for (int r = 0; argc > 1 && strcmp(argv[1], "--hash") == 0 && r < best_results; r++)
    printf("%016llx %s\n", (unsigned long long)result[best][r].hash, result[best][r].name);
  return check_done();
}

#endif
