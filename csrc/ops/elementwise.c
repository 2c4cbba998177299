/* elementwise.c: what elementwise rows share: typing by dtype class, folding of constants, a canonical form. */
#include "ops/ops.h"

#include <math.h>

/* ---- types ---- */

static nv_status infer(const nv_node *n, int first, unsigned allowed, nv_type *out) {
  NV_TRY(nv_check_dtype(n, first, allowed));
  nv_type t = n->in[first]->type;
  for (int k = first + 1; k < n->n_in; k++) {
    const nv_type *u = &n->in[k]->type;
    if (u->dtype != t.dtype)
      return nv_fail(NV_ERR_TYPE, "%s: inputs must have one dtype, got %s and %s", n->op->name, nv_dtype_name(t.dtype),
                     nv_dtype_name(u->dtype));
    NV_TRY(nv_broadcast(n->op->name, &t, u, &t));
  }
  *out = t;
  return NV_OK;
}

nv_status nv_infer_float(const nv_node *n, nv_type *out) { return infer(n, 0, NV_FLOATS, out); }
nv_status nv_infer_number(const nv_node *n, nv_type *out) { return infer(n, 0, NV_NUMBERS, out); }
nv_status nv_infer_logical(const nv_node *n, nv_type *out) { return infer(n, 0, NV_BOOLS, out); }

nv_status nv_infer_compare(const nv_node *n, nv_type *out) {
  NV_TRY(infer(n, 0, NV_ANYTHING, out));
  out->dtype = NV_BOOL;
  return NV_OK;
}

nv_status nv_infer_test(const nv_node *n, nv_type *out) {
  NV_TRY(infer(n, 0, NV_FLOATS, out));
  out->dtype = NV_BOOL;
  return NV_OK;
}

nv_status nv_infer_like(const nv_node *n, nv_type *out) {
  *out = n->in[0]->type;
  return NV_OK;
}

/* ---- constants ---- */

bool nv_round_to(nv_dtype dtype, double v, double *out) {
  switch (dtype) {
  case NV_F64:
    *out = v;
    return true;
  case NV_F32:
    *out = (double)(float)v;
    return true;
  case NV_BOOL:
    *out = v != 0;
    return true;
  case NV_I32:
    *out = v;
    return v == trunc(v) && v >= INT32_MIN && v <= INT32_MAX;
  default:
    *out = v;
    return v == trunc(v) && fabs(v) < 9007199254740992.0; /* 2^53: every integer below is a double */
  }
}

static double maximum(double a, double b) { return isnan(a) || a > b ? a : b; }
static double minimum(double a, double b) { return isnan(a) || a < b ? a : b; }

/* op(v) for operations that IEEE 754 rounds exactly, in double: rounding to float32 afterwards gives the float32 result
 * (double has more than 2p + 2 bits). Others are left to the kernels, so that no bit depends on a libm. */
static bool fold(int block, const double *v, double *r) {
  switch (block) {
  case NV_BLOCK_copy:
    *r = v[0];
    return true;
  case NV_BLOCK_neg:
    *r = -v[0];
    return true;
  case NV_BLOCK_abs:
    *r = fabs(v[0]);
    return true;
  case NV_BLOCK_sign:
    *r = isnan(v[0]) ? v[0] : (v[0] > 0) - (v[0] < 0);
    return true;
  case NV_BLOCK_square:
    *r = v[0] * v[0];
    return true;
  case NV_BLOCK_reciprocal:
    *r = 1 / v[0];
    return true;
  case NV_BLOCK_sqrt:
    *r = sqrt(v[0]);
    return true;
  case NV_BLOCK_relu:
    *r = maximum(v[0], 0);
    return true;
  case NV_BLOCK_floor:
    *r = floor(v[0]);
    return true;
  case NV_BLOCK_ceil:
    *r = ceil(v[0]);
    return true;
  case NV_BLOCK_round:
    *r = rint(v[0]);
    return true;
  case NV_BLOCK_trunc:
    *r = trunc(v[0]);
    return true;
  case NV_BLOCK_isnan:
    *r = isnan(v[0]);
    return true;
  case NV_BLOCK_isinf:
    *r = isinf(v[0]) != 0;
    return true;
  case NV_BLOCK_isfinite:
    *r = isfinite(v[0]);
    return true;
  case NV_BLOCK_logical_not:
    *r = v[0] == 0;
    return true;
  case NV_BLOCK_add:
    *r = v[0] + v[1];
    return true;
  case NV_BLOCK_subtract:
    *r = v[0] - v[1];
    return true;
  case NV_BLOCK_multiply:
    *r = v[0] * v[1];
    return true;
  case NV_BLOCK_divide:
    *r = v[0] / v[1];
    return true;
  case NV_BLOCK_maximum:
    *r = maximum(v[0], v[1]);
    return true;
  case NV_BLOCK_minimum:
    *r = minimum(v[0], v[1]);
    return true;
  case NV_BLOCK_equal:
    *r = v[0] == v[1];
    return true;
  case NV_BLOCK_not_equal:
    *r = v[0] != v[1];
    return true;
  case NV_BLOCK_less:
    *r = v[0] < v[1];
    return true;
  case NV_BLOCK_less_equal:
    *r = v[0] <= v[1];
    return true;
  case NV_BLOCK_greater:
    *r = v[0] > v[1];
    return true;
  case NV_BLOCK_greater_equal:
    *r = v[0] >= v[1];
    return true;
  case NV_BLOCK_logical_and:
    *r = v[0] != 0 && v[1] != 0;
    return true;
  case NV_BLOCK_logical_or:
    *r = v[0] != 0 || v[1] != 0;
    return true;
  case NV_BLOCK_logical_xor:
    *r = (v[0] != 0) != (v[1] != 0);
    return true;
  default:
    return false;
  }
}

nv_status nv_simplify_elementwise(nv_graph *g, const nv_node *n, nv_node **out) {
  double v[3], r;
  bool is_full[3] = {0}, all_full = true;
  for (int k = 0; k < n->n_in; k++) all_full &= is_full[k] = nv_is_full(n->in[k], &v[k]);
  if (all_full && n->n_in > 0 && fold(n->op->block, v, &r) && nv_round_to(n->type.dtype, r, &r))
    return nv_becomes(out, nv_full(g, &n->type, r));
  for (int k = 0; k < n->n_in && n->n_in > 1; k++) {
    if (!is_full[k] || n->in[k]->type.ndim == 0) continue;
    nv_type rest = {.ndim = 0};
    for (int j = 0; j < n->n_in; j++)
      if (j != k) NV_TRY(nv_broadcast(n->op->name, &rest, &n->in[j]->type, &rest));
    if (!nv_same_shape(&rest, &n->type)) continue;
    nv_node *in[3];
    memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    in[k] = scalar(g, n->in[k], v[k]);
    return nv_becomes(out, nv_opx(g, n->op->name, in, n->n_in, NULL, 0, 0, 0, 0));
  }
  return NV_OK;
}

nv_status nv_simplify_commutative(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *a = n->in[0], *b = n->in[1];
  double v;
  NV_TRY(nv_simplify_elementwise(g, n, out));
  if (*out) return NV_OK;
  bool full_a = nv_is_full(a, &v), full_b = nv_is_full(b, &v);
  if (full_a != full_b ? full_a : a->id > b->id) return nv_becomes(out, nv_op2(g, n->op->name, b, a));
  return NV_OK;
}
