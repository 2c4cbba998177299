/* avx2.c: kernels for x86-64 with AVX2 and FMA. */
#define NV_ISA_AVX2
#include "kernels/set.inc"

extern const nv_kernels nv_kernels_avx2;
const nv_kernels nv_kernels_avx2 = NV_KERNEL_SET("avx2");
