/* check.c: the checks that infer functions share. Messages name the op, the rule and what came. */
#include "ops/ops.h"

static const char *allowed_text(unsigned allowed) {
  switch (allowed) {
  case NV_FLOATS:
    return "float32 or float64";
  case NV_INTS:
    return "int32 or int64";
  case NV_NUMBERS:
    return "floats or integers";
  case NV_BOOLS:
    return "bool";
  case NV_DTYPE_BIT(NV_I64):
    return "int64";
  default:
    return "another dtype";
  }
}

nv_status nv_check_dtype(const nv_node *n, int input, unsigned allowed) {
  nv_dtype d = n->in[input]->type.dtype;
  if (allowed >> d & 1u) return NV_OK;
  return nv_fail(NV_ERR_TYPE, "%s: input %d must be %s, got %s", n->op->name, input, allowed_text(allowed),
                 nv_dtype_name(d));
}

nv_status nv_check_ints(const nv_node *n, int count, const char *what) {
  if (n->attrs.n_i == count) return NV_OK;
  return nv_fail(NV_ERR_VALUE, "%s: expected %d integers (%s), got %d", n->op->name, count, what, n->attrs.n_i);
}

nv_status nv_check_axis(const nv_node *n, int64_t axis, int ndim) {
  if (axis >= 0 && axis < ndim) return NV_OK;
  return nv_fail(NV_ERR_VALUE, "%s: axis %" PRId64 " is out of range for %d dimensions", n->op->name, axis, ndim);
}

nv_status nv_check_flag(const nv_node *n, int k, const char *what) {
  if (n->attrs.i[k] == 0 || n->attrs.i[k] == 1) return NV_OK;
  return nv_fail(NV_ERR_VALUE, "%s: %s must be 0 or 1, got %" PRId64, n->op->name, what, n->attrs.i[k]);
}

nv_status nv_check_shape_attr(const nv_node *n, int first) {
  if (n->attrs.n_i < first || n->attrs.n_i - first > NV_MAX_DIMS)
    return nv_fail(NV_ERR_VALUE, "%s: a shape has 0 to %d dimensions, got %d", n->op->name, NV_MAX_DIMS,
                   n->attrs.n_i - first);
  for (int k = first; k < n->attrs.n_i; k++)
    if (n->attrs.i[k] < 0)
      return nv_fail(NV_ERR_VALUE, "%s: extents cannot be negative, got %" PRId64, n->op->name, n->attrs.i[k]);
  return NV_OK;
}

nv_status nv_check_last_axis(const nv_node *n) {
  if (n->in[0]->type.ndim > 0) return NV_OK;
  return nv_fail(NV_ERR_VALUE, "%s: works along the last axis, but the input is a scalar", n->op->name);
}

nv_status nv_shape_mismatch(const nv_node *n, const char *rule) {
  char a[NV_SHAPE_TEXT], b[NV_SHAPE_TEXT];
  return nv_fail(NV_ERR_VALUE, "%s: %s: %s and %s", n->op->name, rule, nv_shape_text(&n->in[0]->type, a),
                 nv_shape_text(&n->in[1]->type, b));
}

nv_axis nv_axis_of(const nv_type *t, int first, int last) {
  nv_axis a = {1, 1, 1};
  for (int k = 0; k < t->ndim; k++) *(k < first ? &a.outer : k <= last ? &a.n : &a.inner) *= t->shape[k];
  return a;
}

nv_status nv_grad_zero(nv_graph *g, nv_node *n, nv_node *dy, nv_node **dx) {
  (void)g, (void)n, (void)dy, (void)dx;
  return NV_OK;
}
