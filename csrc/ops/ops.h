/* ops.h: what the families of the op table share: the list of families, checks, and short calls for the maths of
 * gradients. */
#ifndef NV_OPS_H
#define NV_OPS_H

#include "graph/op.h"
#include "kernels/kernels.h"

#include <inttypes.h>
#include <string.h>

/* Each family is an array of rows that ends with a row without a name. */
extern const nv_op nv_structural_ops[], nv_arithmetic_ops[], nv_transcendental_ops[], nv_compare_ops[], nv_view_ops[],
    nv_join_ops[], nv_reduce_ops[], nv_matmul_ops[], nv_index_ops[], nv_order_ops[], nv_softmax_ops[], nv_scan_ops[],
    nv_random_ops[];

/* ---- checks (check.c): each fails naming the op ---- */
#define NV_DTYPE_BIT(d) (1u << (d))
enum {
  NV_FLOATS = 1u << NV_F32 | 1u << NV_F64,
  NV_INTS = 1u << NV_I32 | 1u << NV_I64,
  NV_NUMBERS = NV_FLOATS | NV_INTS,
  NV_BOOLS = 1u << NV_BOOL,
  NV_ANYTHING = NV_NUMBERS | NV_BOOLS,
};
nv_status nv_check_dtype(const nv_node *n, int input, unsigned allowed);
nv_status nv_check_ints(const nv_node *n, int count, const char *what); /* exactly `count` integer attributes */
nv_status nv_check_axis(const nv_node *n, int64_t axis, int ndim);
nv_status nv_check_flag(const nv_node *n, int k, const char *what);
nv_status nv_check_shape_attr(const nv_node *n, int first); /* attrs.i[first..] is a shape: rank and extents */
nv_status nv_check_last_axis(const nv_node *n);             /* input 0 has one */
nv_status nv_shape_mismatch(const nv_node *n,
                            const char *rule); /* "op: rule: (2, 3) and (4,)" of the first two inputs */

/* An array seen as [outer, n, inner] around one axis, or around axes first..last. */
typedef struct nv_axis {
  int64_t outer, n, inner;
} nv_axis;
nv_axis nv_axis_of(const nv_type *t, int first, int last);

/* No input matters to first order: the derivative is zero wherever it exists. */
nv_status nv_grad_zero(nv_graph *g, nv_node *n, nv_node *dy, nv_node **dx);

/* ---- elementwise rows (elementwise.c) ---- */
nv_status nv_infer_float(const nv_node *n, nv_type *out);   /* floats of one dtype, broadcast */
nv_status nv_infer_number(const nv_node *n, nv_type *out);  /* floats or ints of one dtype */
nv_status nv_infer_logical(const nv_node *n, nv_type *out); /* bools */
nv_status nv_infer_compare(const nv_node *n, nv_type *out); /* anything of one dtype -> bool */
nv_status nv_infer_test(const nv_node *n, nv_type *out);    /* floats -> bool */
nv_status nv_infer_like(const nv_node *n, nv_type *out);    /* input 0's type */
/* What all elementwise ops have in common: constants are folded, a `full` operand that only broadcasts becomes 0-d. */
nv_status nv_simplify_elementwise(nv_graph *g, const nv_node *n, nv_node **out);
nv_status nv_simplify_commutative(nv_graph *g, const nv_node *n, nv_node **out); /* and a fixed order of operands */
/* The value a dtype holds after `v` is stored in it; false if an integer type cannot hold it exactly. */
bool nv_round_to(nv_dtype dtype, double v, double *out);

#define NV_ROW(name_, block_, n_in_, domain_, doc_, infer_, simplify_, grad_)                                          \
  {.name = name_,                                                                                                      \
   .min_in = n_in_,                                                                                                    \
   .max_in = n_in_,                                                                                                    \
   .flags = NV_OP_ELEMENTWISE,                                                                                         \
   .attrs = "",                                                                                                        \
   .doc = doc_,                                                                                                        \
   .domain = domain_,                                                                                                  \
   .infer = infer_,                                                                                                    \
   .simplify = simplify_,                                                                                              \
   .grad = grad_,                                                                                                      \
   .block = NV_BLOCK_##block_}

/* ---- ops along rows (softmax.c): x is [rows, n], the kernel does rows [r0, r1) at `ns` nanoseconds a float32 ---- */
nv_status nv_lower_rows(nv_builder *b, const nv_node *n, nv_instr *instr, nv_row_op op, double ns);

/* ---- along the last axis (scan.c) ---- */
nv_node *nv_reversed(nv_graph *g, nv_node *x);        /* y[i] = x[n - 1 - i] */
nv_node *nv_products_before(nv_graph *g, nv_node *x); /* y[i] = x[0] .. x[i - 1] */

/* ---- building ---- */
static inline nv_status nv_built(nv_node *n) { return n ? NV_OK : nv_build_status(); }
static inline nv_status nv_built2(nv_node *a, nv_node *b) { return a && b ? NV_OK : nv_build_status(); }
/* For simplify: the answer is `n`, or the build of it failed. */
static inline nv_status nv_becomes(nv_node **out, nv_node *n) {
  *out = n;
  return nv_built(n);
}
static inline bool nv_is(const nv_node *n, const char *op) { return strcmp(n->op->name, op) == 0; }
static inline bool nv_is_value(const nv_node *n, double value) {
  double v;
  return nv_is_full(n, &v) && v == value;
}

/* The maths of gradients reads better in short names. */
static inline nv_node *add(nv_graph *g, nv_node *a, nv_node *b) { return nv_op2(g, "add", a, b); }
static inline nv_node *sub(nv_graph *g, nv_node *a, nv_node *b) { return nv_op2(g, "subtract", a, b); }
static inline nv_node *mul(nv_graph *g, nv_node *a, nv_node *b) { return nv_op2(g, "multiply", a, b); }
static inline nv_node *quo(nv_graph *g, nv_node *a, nv_node *b) { return nv_op2(g, "divide", a, b); }
static inline nv_node *neg(nv_graph *g, nv_node *a) { return nv_op1(g, "neg", a); }
static inline nv_node *square(nv_graph *g, nv_node *a) { return nv_op1(g, "square", a); }
static inline nv_node *scalar(nv_graph *g, const nv_node *like, double v) {
  return like ? nv_scalar(g, like->type.dtype, v) : NULL;
}
static inline nv_node *scale(nv_graph *g, nv_node *a, double c) { return mul(g, a, scalar(g, a, c)); }      /* a c */
static inline nv_node *shift(nv_graph *g, nv_node *a, double c) { return add(g, a, scalar(g, a, c)); }      /* a + c */
static inline nv_node *minus_from(nv_graph *g, double c, nv_node *a) { return sub(g, scalar(g, a, c), a); } /* c - a */
static inline nv_node *where(nv_graph *g, nv_node *c, nv_node *a, nv_node *b) { return nv_op3(g, "where", c, a, b); }
static inline nv_node *broadcast_as(nv_graph *g, nv_node *a, const nv_type *t) {
  return nv_broadcast_to(g, a, t->ndim, t->shape);
}
static inline nv_node *reshape_as(nv_graph *g, nv_node *a, const nv_type *t) {
  return nv_reshape(g, a, t->ndim, t->shape);
}
static inline nv_node *on_axis(nv_graph *g, const char *op, nv_node *a, int64_t axis) {
  return nv_opx(g, op, &a, 1, &axis, 1, 0, 0, 0);
}
static inline nv_node *sum_last(nv_graph *g, nv_node *a) { return a ? on_axis(g, "sum", a, a->type.ndim - 1) : NULL; }

#endif
