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

nv_node *nv_reversed(nv_graph *g, nv_node *x) {
  if (!x) return NULL;
  int ndim = x->type.ndim;
  int64_t i[3 * NV_MAX_DIMS];
  for (int k = 0; k < ndim; k++) i[k] = 0, i[ndim + k] = x->type.shape[k], i[2 * ndim + k] = 1;
  i[ndim - 1] = x->type.shape[ndim - 1] > 0 ? x->type.shape[ndim - 1] - 1 : 0;
  i[3 * ndim - 1] = -1;
  return nv_opx(g, "slice", &x, 1, i, 3 * ndim, 0, 0, 0);
}

/* y[i] = x[i - by], and `fill` where the last axis has no such element. */
static nv_node *moved(nv_graph *g, nv_node *x, int64_t by, double fill) {
  if (!x) return NULL;
  int ndim = x->type.ndim;
  int64_t slice[3 * NV_MAX_DIMS], pad[3 * NV_MAX_DIMS] = {0}, far = by < 0 ? -by : by, n = x->type.shape[ndim - 1];
  if (far > n) far = n;
  for (int k = 0; k < ndim; k++) slice[k] = 0, slice[ndim + k] = x->type.shape[k], slice[2 * ndim + k] = 1;
  slice[ndim - 1] = by < 0 && far < n ? far : 0;
  slice[2 * ndim - 1] = n - far;
  pad[by < 0 ? 2 * ndim - 1 : ndim - 1] = far;
  nv_node *kept = nv_opx(g, "slice", &x, 1, slice, 3 * ndim, 0, 0, 0);
  return nv_opx(g, "pad", &kept, 1, pad, 3 * ndim, fill, 0, 0);
}

nv_node *nv_products_before(nv_graph *g, nv_node *x) { return nv_op1(g, "cumprod", moved(g, x, 1, 1)); }

static nv_status cumsum_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* x_j is in y_j, y_j+1, .. */
  (void)n;
  return nv_built(dx[0] = nv_reversed(g, nv_op1(g, "cumsum", nv_reversed(g, d))));
}

/* d y_i / d x_j is the product of x_0 .. x_i without x_j, so dx_j = (x_0 .. x_j-1) s_j with s_j = d_j + x_j+1 s_j+1: no
 * division, hence right for zeros and to any order. The recurrence in log2(n) steps (Hillis & Steele, 1986): when s
 * holds the terms of s_j up to d_j+m-1, and a the factor x_j+1 .. x_j+m before those that follow, s_j + a_j s_j+m and
 * a_j a_j+m are both for 2 m. */
static nv_status cumprod_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  nv_node *a = moved(g, n->in[0], -1, 0), *s = d;
  for (int64_t m = 1; m < n->type.shape[n->type.ndim - 1]; m *= 2) {
    s = add(g, s, mul(g, a, moved(g, s, -m, 0)));
    a = mul(g, a, moved(g, a, -m, 0));
  }
  return nv_built(dx[0] = mul(g, nv_products_before(g, n->in[0]), s));
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
