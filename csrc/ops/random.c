/* random.c: random numbers as a function of (seed, counter, index): the same on every machine, at every number of
 * threads. */
#include "ops/ops.h"

static nv_status infer(const nv_node *n, nv_type *out) {
  const nv_type *state = &n->in[0]->type;
  double low, high;
  NV_TRY(nv_check_dtype(n, 0, NV_DTYPE_BIT(NV_I64)));
  NV_TRY(nv_check_shape_attr(n, 0));
  if (state->ndim != 1 || state->shape[0] != 2) {
    char a[NV_SHAPE_TEXT];
    return nv_fail(NV_ERR_VALUE, "random_uniform: the state is int64[2] {seed, counter}, got shape %s",
                   nv_shape_text(state, a));
  }
  if (!nv_is_float(n->attrs.dtype)) return nv_fail(NV_ERR_TYPE, "random_uniform: dtype must be float32 or float64");
  *out = (nv_type){.dtype = n->attrs.dtype, .ndim = n->attrs.n_i};
  if (out->ndim) memcpy(out->shape, n->attrs.i, (size_t)out->ndim * sizeof *out->shape);
  nv_round_to(out->dtype, n->attrs.f[0], &low);
  nv_round_to(out->dtype, n->attrs.f[1], &high);
  if (!(low < high) || low - low != 0 || high - high != 0)
    return nv_fail(NV_ERR_VALUE, "random_uniform: low must be below high and both finite, got %g and %g", n->attrs.f[0],
                   n->attrs.f[1]);
  return NV_OK;
}

const nv_op nv_random_ops[] = {
    {.name = "random_uniform",
     .min_in = 1,
     .max_in = 1,
     .flags = NV_OP_LEAF | NV_OP_RANDOM,
     .attrs = "shape:shape,low:float,high:float,dtype:dtype",
     .doc = "uniform in [low, high), from a state int64[2] {seed, counter}",
     .domain = "s",
     .infer = infer,
     .grad = nv_grad_zero,
     .block = NV_BLOCK_random_uniform},
    {0},
};
