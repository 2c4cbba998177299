/* scan.c: running sums and products along the last axis. */
#include "ops/ops.h"

static nv_status infer(const nv_node *n, nv_type *out) {
  NV_TRY(nv_check_dtype(n, 0, NV_NUMBERS));
  NV_TRY(nv_check_last_axis(n));
  *out = n->in[0]->type;
  return NV_OK;
}

static nv_status simplify(nv_graph *g, const nv_node *n, nv_node **out) {
  (void)g;
  if (n->type.shape[n->type.ndim - 1] == 1) *out = n->in[0];
  return NV_OK;
}

static nv_node *reversed(nv_graph *g, nv_node *x) { /* the last axis backwards */
  if (!x) return NULL;
  int ndim = x->type.ndim;
  int64_t i[3 * NV_MAX_DIMS];
  for (int k = 0; k < ndim; k++) i[k] = 0, i[ndim + k] = x->type.shape[k], i[2 * ndim + k] = 1;
  i[ndim - 1] = x->type.shape[ndim - 1] > 0 ? x->type.shape[ndim - 1] - 1 : 0;
  i[3 * ndim - 1] = -1;
  return nv_opx(g, "slice", &x, 1, i, 3 * ndim, 0, 0, 0);
}

static nv_node *sums_to_end(nv_graph *g, nv_node *x) { return reversed(g, nv_op1(g, "cumsum", reversed(g, x))); }

static nv_status cumsum_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* x_j is in y_j, y_j+1, .. */
  (void)n;
  return nv_built(dx[0] = sums_to_end(g, d));
}

/* d y_i / d x_j = y_i / x_j for i >= j. For the first zero of a row, x_j = 0, that is y' with y' the products with this
 * zero left out; for later zeros it is 0. (Second derivatives by two elements that are both zero come out as 0.) */
static nv_status cumprod_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  nv_node *x = n->in[0], *zero = scalar(g, x, 0), *one = scalar(g, x, 1);
  nv_node *is_zero = nv_op2(g, "equal", x, zero), *count = nv_op1(g, "cumsum", nv_cast(g, is_zero, x->type.dtype));
  nv_node *first = nv_op2(g, "logical_and", is_zero, nv_op2(g, "equal", count, one));
  nv_node *others = nv_op1(g, "cumprod", where(g, first, one, x));
  nv_node *at_zero = where(g, first, sums_to_end(g, mul(g, d, others)), zero);
  nv_node *elsewhere = quo(g, sums_to_end(g, mul(g, d, n)), where(g, is_zero, one, x));
  return nv_built(dx[0] = where(g, is_zero, at_zero, elsewhere));
}

static nv_status lower_cumsum(nv_builder *b, const nv_node *n, nv_instr *instr) {
  return nv_lower_rows(b, n, instr, NV_ROW_CUMSUM, 0.8);
}
static nv_status lower_cumprod(nv_builder *b, const nv_node *n, nv_instr *instr) {
  return nv_lower_rows(b, n, instr, NV_ROW_CUMPROD, 0.8);
}

#define ROW(name_, domain_, doc_)                                                                                      \
  {.name = #name_,                                                                                                     \
   .min_in = 1,                                                                                                        \
   .max_in = 1,                                                                                                        \
   .attrs = "",                                                                                                        \
   .doc = doc_,                                                                                                        \
   .domain = domain_,                                                                                                  \
   .infer = infer,                                                                                                     \
   .simplify = simplify,                                                                                               \
   .grad = name_##_grad,                                                                                               \
   .lower = lower_##name_}
const nv_op nv_scan_ops[] = {
    ROW(cumsum, "r", "running sums along the last axis"),
    ROW(cumprod, "n", "running products along the last axis"),
    {0},
};
