/* dispatch.c: which kernels this process runs: the best the CPU has, or those NERVURE_ISA names. */
#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

/* kernels/isa/, each where the build says it is there */
extern const nv_kernels nv_kernels_portable, nv_kernels_avx2, nv_kernels_avx512, nv_kernels_neon;

const nv_kernels *nv_k;

/* The k-th best set that this build has and this CPU runs; NULL past the last. */
static const nv_kernels *available(int k) {
  const nv_kernels *sets[] = {
#ifdef NV_HAVE_AVX512
      nv_cpu_has_avx512() ? &nv_kernels_avx512 : NULL,
#endif
#ifdef NV_HAVE_AVX2
      nv_cpu_has_avx2() ? &nv_kernels_avx2 : NULL,
#endif
#ifdef NV_HAVE_NEON
      &nv_kernels_neon,
#endif
      &nv_kernels_portable,
  };
  for (size_t j = 0; j < sizeof sets / sizeof *sets; j++)
    if (sets[j] && k-- == 0) return sets[j];
  return NULL;
}

const nv_kernels *nv_kernels_for(const char *isa) {
  const nv_kernels *set;
  for (int k = 0; (set = available(k)) && strcmp(set->isa, isa) != 0; k++) {
  }
  return set;
}

static char names[64];
const char *nv_kernels_isas(void) { return names; }

nv_status nv_kernels_init(void) {
  const char *isa = getenv("NERVURE_ISA");
  const nv_kernels *set;
  char *end = names;
  for (int k = 0; (set = available(k)); k++) {
    if (k) *end++ = ',';
    for (const char *c = set->isa; *c;) *end++ = *c++;
  }
  *end = 0;
  set = isa && *isa ? nv_kernels_for(isa) : available(0);
  if (!set) return nv_fail(NV_ERR_VALUE, "NERVURE_ISA is '%s'; this build and CPU can run: %s", isa, names);
  nv_k = set;
  return NV_OK;
}
