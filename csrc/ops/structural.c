/* structural.c: where values come from (input, constant, variable, full, iota) and where gradients stop. */
#include "ops/ops.h"

static nv_status infer_shape(const nv_node *n, int first, nv_type *out) {
  NV_TRY(nv_check_shape_attr(n, first));
  *out = (nv_type){.dtype = n->attrs.dtype, .ndim = n->attrs.n_i - first};
  if (out->ndim) memcpy(out->shape, n->attrs.i + first, (size_t)out->ndim * sizeof *out->shape);
  return NV_OK;
}

static nv_status infer_full(const nv_node *n, nv_type *out) {
  double v;
  NV_TRY(infer_shape(n, 0, out));
  if (!nv_round_to(out->dtype, n->attrs.f[0], &v))
    return nv_fail(NV_ERR_VALUE, "full: %g is not a value of dtype %s", n->attrs.f[0], nv_dtype_name(out->dtype));
  return NV_OK;
}

/* The attribute is the value as stored: 0.1 as float32 is 0.1f, so equal constants are one node. */
static nv_status simplify_full(nv_graph *g, const nv_node *n, nv_node **out) {
  double v;
  nv_round_to(n->type.dtype, n->attrs.f[0], &v);
  if (v == n->attrs.f[0] || v != v) return NV_OK;
  return nv_becomes(out, nv_full(g, &n->type, v));
}

static nv_status infer_iota(const nv_node *n, nv_type *out) {
  if (n->attrs.n_i < 2) return nv_fail(NV_ERR_VALUE, "iota: needs an axis and a shape of 1 or more dimensions");
  NV_TRY(infer_shape(n, 1, out));
  if (out->dtype == NV_BOOL) return nv_fail(NV_ERR_TYPE, "iota: dtype must be a float or an integer, got bool");
  NV_TRY(nv_check_axis(n, n->attrs.i[0], out->ndim));
  if (out->dtype == NV_I32 && out->shape[n->attrs.i[0]] > (int64_t)1 << 31)
    return nv_fail(NV_ERR_VALUE, "iota: int32 cannot count to %" PRId64, out->shape[n->attrs.i[0]]);
  return NV_OK;
}

static nv_status simplify_iota(nv_graph *g, const nv_node *n, nv_node **out) {
  if (n->type.shape[n->attrs.i[0]] > 1) return NV_OK;
  return nv_becomes(out, nv_full(g, &n->type, 0));
}

static nv_status simplify_stop(nv_graph *g, const nv_node *n, nv_node **out) {
  (void)g;
  double v;
  if (nv_is(n->in[0], "stop_gradient") || nv_is_full(n->in[0], &v)) *out = n->in[0];
  return NV_OK;
}

static nv_status infer_identity(const nv_node *n, nv_type *out) {
  NV_TRY(nv_check_ints(n, 1, "id"));
  return nv_infer_like(n, out);
}

static nv_status identity_grad(nv_graph *g, nv_node *n, nv_node *dy, nv_node **dx) { /* dx = dy */
  (void)g, (void)n;
  dx[0] = dy;
  return NV_OK;
}

static bool view_same(const nv_node *n, const int64_t *in_strides, int64_t *offset, int64_t *strides) {
  *offset = 0;
  memcpy(strides, in_strides, (size_t)n->type.ndim * sizeof *strides);
  return true;
}

const nv_op nv_structural_ops[] = {
    {.name = "input", .flags = NV_OP_HIDDEN, .attrs = "", .doc = "an array given when the plan runs", .domain = ""},
    {.name = "constant",
     .flags = NV_OP_HIDDEN,
     .attrs = "",
     .doc = "an array known when the graph is built",
     .domain = ""},
    {.name = "variable",
     .flags = NV_OP_HIDDEN,
     .attrs = "",
     .doc = "a variable's value before the plan's updates",
     .domain = ""},
    {.name = "full",
     .flags = NV_OP_LEAF,
     .attrs = "shape:shape,value:float,dtype:dtype",
     .doc = "the same value everywhere",
     .domain = "",
     .infer = infer_full,
     .simplify = simplify_full,
     .grad = nv_grad_zero,
     .block = NV_BLOCK_copy},
    {.name = "iota",
     .flags = NV_OP_LEAF,
     .attrs = "axis:axis,shape:shape,dtype:dtype",
     .doc = "the index along an axis",
     .domain = "",
     .infer = infer_iota,
     .simplify = simplify_iota,
     .grad = nv_grad_zero,
     .block = NV_BLOCK_iota},
    {.name = "stop_gradient",
     .min_in = 1,
     .max_in = 1,
     .flags = NV_OP_VIEW,
     .attrs = "",
     .doc = "x, taken as a constant by the autodiff",
     .domain = "r",
     .infer = nv_infer_like,
     .simplify = simplify_stop,
     .grad = nv_grad_zero,
     .view = view_same},
    {.name = "identity",
     .min_in = 1,
     .max_in = 1,
     .flags = NV_OP_VIEW | NV_OP_HIDDEN,
     .attrs = "id:size",
     .doc = "x as a node of its own: what is differentiated by it need not be differentiated by x",
     .domain = "r",
     .infer = infer_identity,
     .grad = identity_grad,
     .view = view_same},
    {0},
};
