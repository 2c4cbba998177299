/* views.c: the same elements at other places: reshape, transpose, slice, broadcast_to. Strides, not copies. */
#include "ops/ops.h"

/* ---- reshape ---- */

static nv_status infer_reshape(const nv_node *n, nv_type *out) {
  const nv_type *x = &n->in[0]->type;
  NV_TRY(nv_check_shape_attr(n, 0));
  *out = (nv_type){.dtype = x->dtype, .ndim = n->attrs.n_i};
  int64_t size = 1;
  bool fits = true, empty = false;
  for (int k = 0; k < out->ndim; k++) {
    empty |= (out->shape[k] = n->attrs.i[k]) == 0;
    fits &= !__builtin_mul_overflow(size, out->shape[k], &size);
  }
  if (empty ? nv_type_size(x) != 0 : !fits || size != nv_type_size(x)) {
    char a[NV_SHAPE_TEXT], b[NV_SHAPE_TEXT];
    return nv_fail(NV_ERR_VALUE, "reshape: %" PRId64 " elements of shape %s do not fill shape %s", nv_type_size(x),
                   nv_shape_text(x, a), nv_shape_text(out, b));
  }
  return NV_OK;
}

static nv_status simplify_reshape(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *x = n->in[0];
  double v;
  if (nv_same_shape(&x->type, &n->type)) return nv_becomes(out, x);
  if (nv_is_full(x, &v)) return nv_becomes(out, nv_full(g, &n->type, v));
  if (nv_is(x, "reshape")) return nv_becomes(out, reshape_as(g, x->in[0], &n->type));
  return NV_OK;
}

static nv_status reshape_grad(nv_graph *g, nv_node *n, nv_node *dy, nv_node **dx) {
  return nv_built(dx[0] = reshape_as(g, dy, &n->in[0]->type));
}

/* Groups of axes of equal size on both sides can share memory if the group on the input's side is evenly strided. */
static bool view_reshape(const nv_node *n, const int64_t *in_strides, int64_t *offset, int64_t *strides) {
  const nv_type *from = &n->in[0]->type, *to = &n->type;
  int64_t stride = 1, shape[NV_MAX_DIMS], step[NV_MAX_DIMS];
  int m = 0, j = 0;
  *offset = 0;
  for (int k = to->ndim - 1; k >= 0; k--) {
    strides[k] = stride;
    stride *= to->shape[k];
  }
  if (nv_type_size(to) == 0) return true;
  for (int k = 0; k < from->ndim; k++)
    if (from->shape[k] != 1) shape[m] = from->shape[k], step[m++] = in_strides[k];
  for (int k = 0; k < to->ndim;) {
    if (to->shape[k] == 1) { /* an axis of one element may have any stride */
      k++;
      continue;
    }
    int k0 = k, j0 = j;
    int64_t out_size = to->shape[k++], in_size = shape[j++];
    while (out_size != in_size) {
      if (out_size < in_size)
        out_size *= to->shape[k++];
      else
        in_size *= shape[j++];
    }
    for (int i = j0; i + 1 < j; i++)
      if (step[i] != shape[i + 1] * step[i + 1]) return false;
    stride = step[j - 1];
    for (int i = k - 1; i >= k0; i--) {
      strides[i] = stride;
      stride *= to->shape[i];
    }
  }
  return true;
}

/* ---- transpose ---- */

static nv_status infer_transpose(const nv_node *n, nv_type *out) {
  const nv_type *x = &n->in[0]->type;
  unsigned seen = 0;
  NV_TRY(nv_check_ints(n, x->ndim, "a permutation of the axes"));
  *out = *x;
  for (int k = 0; k < x->ndim; k++) {
    int64_t p = n->attrs.i[k];
    NV_TRY(nv_check_axis(n, p, x->ndim));
    if (seen >> p & 1u) return nv_fail(NV_ERR_VALUE, "transpose: axis %" PRId64 " appears twice", p);
    seen |= 1u << p;
    out->shape[k] = x->shape[p];
  }
  return NV_OK;
}

static nv_status simplify_transpose(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *x = n->in[0];
  const int64_t *perm = n->attrs.i;
  int64_t composed[NV_MAX_DIMS], last = -1;
  double v;
  if (nv_is_full(x, &v)) return nv_becomes(out, nv_full(g, &n->type, v));
  if (nv_is(x, "transpose")) {
    for (int k = 0; k < n->type.ndim; k++) composed[k] = x->attrs.i[perm[k]];
    return nv_becomes(out, nv_transpose(g, x->in[0], composed));
  }
  for (int k = 0; k < n->type.ndim; k++) { /* axes of one element may go anywhere: if the others keep their order, */
    if (n->type.shape[k] == 1) continue;   /* no element moves */
    if (perm[k] < last) return NV_OK;
    last = perm[k];
  }
  return nv_becomes(out, reshape_as(g, x, &n->type));
}

static nv_status transpose_grad(nv_graph *g, nv_node *n, nv_node *dy, nv_node **dx) { /* the inverse permutation */
  int64_t inverse[NV_MAX_DIMS];
  for (int k = 0; k < n->type.ndim; k++) inverse[n->attrs.i[k]] = k;
  return nv_built(dx[0] = nv_transpose(g, dy, inverse));
}

static bool view_transpose(const nv_node *n, const int64_t *in_strides, int64_t *offset, int64_t *strides) {
  *offset = 0;
  for (int k = 0; k < n->type.ndim; k++) strides[k] = in_strides[n->attrs.i[k]];
  return true;
}

/* ---- broadcast_to ---- */

static nv_status infer_broadcast(const nv_node *n, nv_type *out) {
  const nv_type *x = &n->in[0]->type;
  NV_TRY(nv_check_shape_attr(n, 0));
  *out = (nv_type){.dtype = x->dtype, .ndim = n->attrs.n_i};
  if (out->ndim) memcpy(out->shape, n->attrs.i, (size_t)out->ndim * sizeof *out->shape);
  int extra = out->ndim - x->ndim;
  bool fits = extra >= 0;
  for (int k = 0; k < x->ndim && fits; k++) fits = x->shape[k] == 1 || x->shape[k] == out->shape[k + extra];
  if (!fits) {
    char a[NV_SHAPE_TEXT], b[NV_SHAPE_TEXT];
    return nv_fail(NV_ERR_VALUE, "broadcast_to: shape %s cannot be broadcast to %s", nv_shape_text(x, a),
                   nv_shape_text(out, b));
  }
  return NV_OK;
}

static nv_status simplify_broadcast(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *x = n->in[0];
  double v;
  if (nv_same_shape(&x->type, &n->type)) return nv_becomes(out, x);
  if (nv_is_full(x, &v)) return nv_becomes(out, nv_full(g, &n->type, v));
  if (nv_is(x, "broadcast_to")) return nv_becomes(out, broadcast_as(g, x->in[0], &n->type));
  if (nv_type_size(&x->type) == nv_type_size(&n->type)) return nv_becomes(out, reshape_as(g, x, &n->type));
  return NV_OK;
}

static nv_status broadcast_grad(nv_graph *g, nv_node *n, nv_node *dy, nv_node **dx) {
  (void)g, (void)n;
  dx[0] = dy; /* the autodiff sums it to the input's shape */
  return NV_OK;
}

static bool view_broadcast(const nv_node *n, const int64_t *in_strides, int64_t *offset, int64_t *strides) {
  const nv_type *x = &n->in[0]->type;
  int extra = n->type.ndim - x->ndim;
  *offset = 0;
  for (int k = 0; k < n->type.ndim; k++) strides[k] = k < extra || x->shape[k - extra] == 1 ? 0 : in_strides[k - extra];
  return true;
}

/* ---- slice: begin[n], size[n], step[n] ---- */

static nv_status infer_slice(const nv_node *n, nv_type *out) {
  const nv_type *x = &n->in[0]->type;
  NV_TRY(nv_check_ints(n, 3 * x->ndim, "begin, size and step of each axis"));
  const int64_t *begin = n->attrs.i, *size = begin + x->ndim, *step = size + x->ndim;
  *out = *x;
  for (int k = 0; k < x->ndim; k++) {
    int64_t reach = 0; /* from the first element read to the last */
    bool fits = step[k] != 0 && size[k] >= 0;
    if (fits && size[k] > 0)
      fits = begin[k] >= 0 && begin[k] < x->shape[k] && !__builtin_mul_overflow(size[k] - 1, step[k], &reach) &&
             reach >= -begin[k] && reach < x->shape[k] - begin[k];
    if (!fits) {
      char a[NV_SHAPE_TEXT];
      return nv_fail(NV_ERR_VALUE,
                     "slice: begin %" PRId64 ", size %" PRId64 ", step %" PRId64 " on axis %d does not fit shape %s",
                     begin[k], size[k], step[k], k, nv_shape_text(x, a));
    }
    out->shape[k] = size[k];
  }
  return NV_OK;
}

static nv_status simplify_slice(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *x = n->in[0];
  const nv_type *t = &x->type;
  const int64_t *begin = n->attrs.i, *size = begin + t->ndim, *step = size + t->ndim;
  int64_t i[3 * NV_MAX_DIMS];
  double v;
  bool all = true;
  for (int k = 0; k < t->ndim; k++) all &= size[k] == t->shape[k] && (step[k] > 0 || size[k] < 2);
  if (all) return nv_becomes(out, x);
  if (nv_is_full(x, &v)) return nv_becomes(out, nv_full(g, &n->type, v));
  if (nv_type_size(&n->type) == 0) return nv_becomes(out, nv_full(g, &n->type, 0));
  if (nv_is(x, "slice")) {
    const int64_t *begin0 = x->attrs.i, *step0 = begin0 + 2 * t->ndim;
    for (int k = 0; k < t->ndim; k++) {
      i[k] = begin0[k] + begin[k] * step0[k];
      i[t->ndim + k] = size[k];
      i[2 * t->ndim + k] = size[k] < 2 ? 1 : step[k] * step0[k];
    }
    return nv_becomes(out, nv_opx(g, "slice", x->in, 1, i, 3 * t->ndim, 0, 0, 0));
  }
  if (nv_is(x, "concatenate")) { /* of one part only */
    int64_t axis = x->attrs.i[0], at = 0, first = begin[axis], last = first + (size[axis] - 1) * step[axis];
    for (int k = 0; k < x->n_in; at += x->in[k++]->type.shape[axis]) {
      int64_t end = at + x->in[k]->type.shape[axis];
      if (first < at || last < at || first >= end || last >= end) continue;
      memcpy(i, n->attrs.i, (size_t)n->attrs.n_i * sizeof *i);
      i[axis] -= at;
      return nv_becomes(out, nv_opx(g, "slice", &x->in[k], 1, i, n->attrs.n_i, 0, 0, 0));
    }
  }
  return NV_OK;
}

/* The adjoint puts each element back where it was read, zeros elsewhere: pad, after reversing axes read backwards. */
static nv_status slice_grad(nv_graph *g, nv_node *n, nv_node *dy, nv_node **dx) {
  const nv_type *x = &n->in[0]->type;
  const int64_t *begin = n->attrs.i, *size = begin + x->ndim, *step = size + x->ndim;
  int64_t turn[3 * NV_MAX_DIMS], pad[3 * NV_MAX_DIMS];
  for (int k = 0; k < x->ndim; k++) {
    bool back = step[k] < 0;
    int64_t lo = back ? begin[k] + (size[k] - 1) * step[k] : begin[k], by = back ? -step[k] : step[k];
    if (size[k] < 2) by = 1;
    turn[k] = back && size[k] ? size[k] - 1 : 0;
    turn[x->ndim + k] = size[k];
    turn[2 * x->ndim + k] = back ? -1 : 1;
    pad[k] = lo;
    pad[x->ndim + k] = x->shape[k] - (lo + (size[k] - 1) * by + 1);
    pad[2 * x->ndim + k] = by - 1;
  }
  dy = nv_opx(g, "slice", &dy, 1, turn, 3 * x->ndim, 0, 0, 0);
  return nv_built(dx[0] = nv_opx(g, "pad", &dy, 1, pad, 3 * x->ndim, 0, 0, 0));
}

static bool view_slice(const nv_node *n, const int64_t *in_strides, int64_t *offset, int64_t *strides) {
  const int64_t *begin = n->attrs.i, *step = begin + 2 * n->type.ndim;
  bool empty = nv_type_size(&n->type) == 0;
  *offset = 0;
  for (int k = 0; k < n->type.ndim; k++) {
    *offset += empty ? 0 : begin[k] * in_strides[k];
    strides[k] = step[k] * in_strides[k];
  }
  return true;
}

#define VIEW(name_, attrs_, doc_, infer_, simplify_, grad_, view_)                                                     \
  {.name = name_,                                                                                                      \
   .min_in = 1,                                                                                                        \
   .max_in = 1,                                                                                                        \
   .flags = NV_OP_VIEW,                                                                                                \
   .attrs = attrs_,                                                                                                    \
   .doc = doc_,                                                                                                        \
   .domain = "r",                                                                                                      \
   .infer = infer_,                                                                                                    \
   .simplify = simplify_,                                                                                              \
   .grad = grad_,                                                                                                      \
   .view = view_}
const nv_op nv_view_ops[] = {
    VIEW("reshape", "shape:reshape", "the same elements in row-major order, in another shape", infer_reshape,
         simplify_reshape, reshape_grad, view_reshape),
    VIEW("transpose", "perm:perm", "out axis k is in axis perm[k]", infer_transpose, simplify_transpose, transpose_grad,
         view_transpose),
    VIEW("broadcast_to", "shape:target", "repeated along new axes and axes of one element", infer_broadcast,
         simplify_broadcast, broadcast_grad, view_broadcast),
    VIEW("slice", "begin:begins,size:sizes,step:steps",
         "elements begin, begin + step, .. of each axis; steps may be negative", infer_slice, simplify_slice,
         slice_grad, view_slice),
    {0},
};
