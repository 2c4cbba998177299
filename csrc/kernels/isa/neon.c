/* neon.c: kernels for 64-bit Arm. */
#define NV_ISA_NEON
#include "kernels/set.inc"

extern const nv_kernels nv_kernels_neon;
const nv_kernels nv_kernels_neon = NV_KERNEL_SET("neon");
