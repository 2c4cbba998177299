/* avx512.c: kernels for x86-64 with AVX-512 F, BW, DQ and VL. */
#define NV_ISA_AVX512
#include "kernels/set.inc"

extern const nv_kernels nv_kernels_avx512;
const nv_kernels nv_kernels_avx512 = NV_KERNEL_SET("avx512");
