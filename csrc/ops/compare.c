/* compare.c: elementwise rows whose value is a bool. Nothing here carries a gradient. */
#include "ops/ops.h"

static nv_status simplify_not(nv_graph *g, const nv_node *n, nv_node **out) {
  if (nv_is(n->in[0], "logical_not")) return nv_becomes(out, n->in[0]->in[0]);
  return nv_simplify_elementwise(g, n, out);
}

static nv_status simplify_and(nv_graph *g, const nv_node *n, nv_node **out) {
  NV_TRY(nv_simplify_commutative(g, n, out)); /* from here a constant is in[1] */
  if (*out) return NV_OK;
  if (n->in[0] == n->in[1] || nv_is_value(n->in[1], 1)) return nv_becomes(out, broadcast_as(g, n->in[0], &n->type));
  if (nv_is_value(n->in[1], 0)) return nv_becomes(out, nv_full(g, &n->type, 0));
  return NV_OK;
}

static nv_status simplify_or(nv_graph *g, const nv_node *n, nv_node **out) {
  NV_TRY(nv_simplify_commutative(g, n, out));
  if (*out) return NV_OK;
  if (n->in[0] == n->in[1] || nv_is_value(n->in[1], 0)) return nv_becomes(out, broadcast_as(g, n->in[0], &n->type));
  if (nv_is_value(n->in[1], 1)) return nv_becomes(out, nv_full(g, &n->type, 1));
  return NV_OK;
}

#define TEST(name, doc) NV_ROW(#name, name, 1, "r", doc, nv_infer_test, nv_simplify_elementwise, nv_grad_zero)
#define COMPARE(name, doc) NV_ROW(#name, name, 2, "dd", doc, nv_infer_compare, nv_simplify_elementwise, nv_grad_zero)
#define SYMMETRIC(name, doc) NV_ROW(#name, name, 2, "dd", doc, nv_infer_compare, nv_simplify_commutative, nv_grad_zero)
const nv_op nv_compare_ops[] = {
    TEST(isnan, "x is not a number"),
    TEST(isinf, "x is infinite"),
    TEST(isfinite, "x is neither infinite nor NaN"),
    SYMMETRIC(equal, "a = b"),
    SYMMETRIC(not_equal, "a != b"),
    COMPARE(less, "a < b"),
    COMPARE(less_equal, "a <= b"),
    COMPARE(greater, "a > b"),
    COMPARE(greater_equal, "a >= b"),
    NV_ROW("logical_not", logical_not, 1, "b", "not a", nv_infer_logical, simplify_not, nv_grad_zero),
    NV_ROW("logical_and", logical_and, 2, "bb", "a and b", nv_infer_logical, simplify_and, nv_grad_zero),
    NV_ROW("logical_or", logical_or, 2, "bb", "a or b", nv_infer_logical, simplify_or, nv_grad_zero),
    NV_ROW("logical_xor", logical_xor, 2, "bb", "one of a and b", nv_infer_logical, nv_simplify_commutative,
           nv_grad_zero),
    {0},
};
