/* cpu.c: what the processor and the operating system let us use. */
#define _GNU_SOURCE
#include "runtime/runtime.h"

#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

/* __builtin_cpu_supports asks XGETBV too: a feature counts only if the OS saves its registers. */
#if defined(__x86_64__) || defined(__i386__)
bool nv_cpu_has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}
bool nv_cpu_has_avx512(void) {
  __builtin_cpu_init();
  return nv_cpu_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#else
bool nv_cpu_has_avx2(void) { return false; }
bool nv_cpu_has_avx512(void) { return false; }
#endif

int nv_cpu_affinity(void) {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n > 0 ? (int)n : 1;
}

static size_t cache_or(int name, size_t guess) {
  long n = name >= 0 ? sysconf(name) : 0;
  return n > 0 ? (size_t)n : guess;
}

nv_cache nv_cpu_cache(void) {
#ifdef _SC_LEVEL1_DCACHE_SIZE
  return (nv_cache){cache_or(_SC_LEVEL1_DCACHE_SIZE, 32 << 10), cache_or(_SC_LEVEL2_CACHE_SIZE, 512 << 10),
                    cache_or(_SC_LEVEL3_CACHE_SIZE, 8 << 20)};
#else
  return (nv_cache){cache_or(-1, 32 << 10), 512 << 10, 8 << 20};
#endif
}
