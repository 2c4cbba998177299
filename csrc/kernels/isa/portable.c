/* portable.c: kernels for 16-byte GNU vectors and no fma, for any CPU. */
#define NV_ISA_PORTABLE
#include "kernels/set.inc"

extern const nv_kernels nv_kernels_portable;
const nv_kernels nv_kernels_portable = NV_KERNEL_SET("portable");
