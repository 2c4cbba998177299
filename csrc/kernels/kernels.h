/* kernels.h: the SIMD loops, compiled once for each instruction set from the same source and picked when the library
 * loads. Kernels know memory and numbers only: no nodes, no allocation, no errors but those a result says.
 *
 * Same bits on AVX2, AVX-512 and NEON: a fused multiply-add is written nv_v..fma and nothing else is contracted
 * (-ffp-contract=off); a reduction's order is fixed in terms of 256 bytes of virtual lanes, not of the register's
 * width; tails take the same path as full vectors. */
#ifndef NV_KERNELS_H
#define NV_KERNELS_H

#include "runtime/runtime.h"

/* ---- blocks: what elementwise programs are made of ---- */
/* All block kernels, by name: X(name, inputs). The table below has a NULL where a dtype makes no sense. The dtype
 * index is that of in[0] (of in[1] for select; of the output for leaves). Comparisons, logicals and is* write bool
 * (uint8 0/1). */
/* clang-format off */
#define NV_BLOCK_OPS(X)                                                                                                \
  X(copy, 1) X(neg, 1) X(abs, 1) X(sign, 1) X(square, 1) X(reciprocal, 1) X(sqrt, 1) X(rsqrt, 1)                       \
  X(exp, 1) X(expm1, 1) X(log, 1) X(log1p, 1) X(log2, 1) X(log10, 1) X(sin, 1) X(cos, 1) X(tan, 1) X(arcsin, 1)        \
  X(arccos, 1) X(arctan, 1) X(sinh, 1) X(cosh, 1) X(tanh, 1) X(arcsinh, 1) X(arccosh, 1) X(arctanh, 1)                 \
  X(sigmoid, 1) X(softplus, 1) X(erf, 1) X(erfc, 1) X(erfinv, 1) X(relu, 1) X(floor, 1) X(ceil, 1) X(round, 1)         \
  X(trunc, 1) X(isnan, 1) X(isinf, 1) X(isfinite, 1) X(logical_not, 1)                                                 \
  X(add, 2) X(subtract, 2) X(multiply, 2) X(divide, 2) X(floor_divide, 2) X(mod, 2) X(power, 2) X(maximum, 2)          \
  X(minimum, 2) X(arctan2, 2) X(equal, 2) X(not_equal, 2) X(less, 2) X(less_equal, 2) X(greater, 2)                    \
  X(greater_equal, 2) X(logical_and, 2) X(logical_or, 2) X(logical_xor, 2)                                             \
  X(relu_grad, 2) /* in[0] > 0 ? in[1] : 0 */                                                                          \
  X(select, 3)    /* in[0] (bool) ? in[1] : in[2] */                                                                   \
  X(fma, 3)       /* in0 * in1 + in2, one rounding: only where the graph asks for it */                                \
  X(iota, 0)      /* params int64_t[3] {inner, extent, start}: value = start + (index / inner) % extent */              \
  X(random_uniform, 1) /* in[0] = int64_t[2] {seed, counter} (not advanced by element); params double[2] {low, high} */

typedef enum nv_block_op {
#define X(name, inputs) NV_BLOCK_##name,
  NV_BLOCK_OPS(X)
#undef X
  NV_BLOCK_COUNT,
} nv_block_op;
/* clang-format on */

typedef struct nv_block {
  void *out;         /* n items; may be one of the inputs exactly */
  const void *in[3]; /* n items each, contiguous, any alignment that suits the item */
  int64_t n;
  int64_t index; /* leaves: linear index of out[0] in the whole array */
  const void *params;
} nv_block;
typedef void (*nv_block_fn)(const nv_block *b);

/* Pairs of them in one pass (pairs.inc): out = second(first(in[0], in[1]), in[2]); the same bits as one after the
 * other. relu has no in[2]; relu_grad lets pass what first makes where in[2] > 0. float32 and float64. */
typedef enum nv_pair_first {
  NV_FIRST_add,
  NV_FIRST_subtract,
  NV_FIRST_multiply,
  NV_FIRST_divide,
  NV_FIRST_COUNT
} nv_pair_first;
typedef enum nv_pair_second {
  NV_SECOND_add,
  NV_SECOND_subtract,      /* first - in[2] */
  NV_SECOND_subtract_from, /* in[2] - first */
  NV_SECOND_multiply,
  NV_SECOND_divide,      /* first / in[2] */
  NV_SECOND_divide_into, /* in[2] / first */
  NV_SECOND_relu_grad,
  NV_SECOND_relu,
  NV_SECOND_COUNT
} nv_pair_second;

/* Whole programs in one pass (chains.inc). at: the leaves, then what is stored, n items each; a leaf that is one number
 * for all items is read once. A result may be written over a leaf exactly. The bits are those of the block kernels. */
#define NV_CHAIN_LEAVES 12
#define NV_CHAINS 15
typedef struct nv_chain {
  const char *name, *program; /* the text of chain.c */
  void (*run[2])(void *const *at, int64_t n);
} nv_chain;

/* ---- reductions ---- */
typedef enum nv_reduce_op {
  NV_REDUCE_SUM,
  NV_REDUCE_PROD,
  NV_REDUCE_MAX,
  NV_REDUCE_MIN,
  NV_REDUCE_ANY,
  NV_REDUCE_ALL,
  NV_REDUCE_ARGMAX,
  NV_REDUCE_ARGMIN,
  NV_REDUCE_COUNT
} nv_reduce_op;
/* x is [outer, n, inner], contiguous; out is [outer, inner] (int32 for arg*; first of equals; NaN wins in max, min and
 * arg*, as in NumPy). Does outer rows [o0, o1) and inner columns [i0, i1) only: disjoint calls give the same bits as
 * one. */
typedef void (*nv_reduce_fn)(const void *x, void *out, int64_t o0, int64_t o1, int64_t n, int64_t inner, int64_t i0,
                             int64_t i1);

/* ---- rows: x and out are [rows, n]; does rows [r0, r1) ---- */
typedef enum nv_row_op {
  NV_ROW_SOFTMAX,
  NV_ROW_LOG_SOFTMAX,
  NV_ROW_LOGSUMEXP /* out [rows] */,
  NV_ROW_CUMSUM,
  NV_ROW_CUMPROD,
  NV_ROW_COUNT
} nv_row_op;
typedef void (*nv_row_fn)(const void *x, void *out, int64_t r0, int64_t r1, int64_t n);

/* ---- vectors of doubles (vectors.inc), for optimize/: the same bits from every set, the portable one too ---- */
typedef struct nv_vectors {
  double (*dot)(int64_t n, const double *a, const double *b);
  void (*combine)(int64_t n, double s, const double *a, double t, const double *b, double *out); /* s a + t b */
  double (*combine_dot)(int64_t n, double s, const double *a, double t, const double *b, double *out,
                        const double *z);                          /* likewise; its dot product with z */
  double (*distance)(int64_t n, const double *a, const double *b); /* |a - b|^2 */
  double (*largest)(int64_t n, const double *a);                   /* of the absolute values; NaN if there is one */
  bool (*finite)(int64_t n, const double *a);
} nv_vectors; /* out may be one of the inputs exactly */

/* (A + diag(added)) x = b by definite.inc, likewise the same from every set; false where a pivot is not positive, and x
 * is as it was. a [n, n] is symmetric, all of it finite; n >= 1. work: room for NV_DEFINITE_WORK(n) doubles. */
typedef bool (*nv_definite_fn)(int64_t n, const double *a, const double *added, const double *b, double *work,
                               double *x);
#define NV_DEFINITE_WORK(n) (((n) + 9) * ((n) + 8) + 8)

/* ---- strips ---- */
/* Rows of `bytes` that follow each other, to places out_row bytes apart. For short ones. */
typedef void (*nv_strips_fn)(void *out, int64_t out_row, const void *in, int64_t bytes, int64_t rows);

/* ---- the table ---- */
struct nv_gemm;
typedef struct nv_kernels {
  const char *isa;
  int vector_bytes;
  nv_block_fn block[NV_BLOCK_COUNT][NV_GRAPH_DTYPES];
  nv_block_fn pair[NV_FIRST_COUNT][NV_SECOND_COUNT][2];
  nv_chain chain[NV_CHAINS];
  nv_block_fn cast[NV_DTYPE_COUNT]
                  [NV_GRAPH_DTYPES]; /* [from][to]; float -> int truncates, out of range saturates, NaN -> 0 */
  nv_reduce_fn reduce[NV_REDUCE_COUNT][NV_GRAPH_DTYPES];
  nv_row_fn row[NV_ROW_COUNT][NV_GRAPH_DTYPES];
  const struct nv_gemm_kernels *gemm[2]; /* NV_F32, NV_F64: kernels/gemm.h */
  nv_vectors vector;
  nv_definite_fn definite;
  nv_strips_fn strips;
} nv_kernels;
extern const nv_kernels *nv_k;                     /* the chosen one; set by nv_init */
const nv_kernels *nv_kernels_for(const char *isa); /* NULL if this build or CPU has it not; for tests */
const char *nv_kernels_isas(void);                 /* "avx512,avx2,portable": what can run here, best first */
nv_status nv_kernels_init(void);                   /* dispatch.c: reads NERVURE_ISA; idempotent; nv_init calls it */

#endif
