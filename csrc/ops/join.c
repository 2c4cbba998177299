/* join.c: arrays put together or surrounded: concatenate, pad. */
#include "ops/ops.h"

#define MAX_PARTS 16 /* of one instruction: well below NV_MAX_OPERANDS */
#define SHORT 256    /* bytes of a row */

/* ---- concatenate(a, b, ...; axis) ---- */

static nv_status infer_concatenate(const nv_node *n, nv_type *out) {
  NV_TRY(nv_check_ints(n, 1, "axis"));
  nv_type t = n->in[0]->type;
  int64_t axis = n->attrs.i[0];
  NV_TRY(nv_check_axis(n, axis, t.ndim));
  for (int k = 1; k < n->n_in; k++) {
    const nv_type *u = &n->in[k]->type;
    bool fits = u->ndim == t.ndim;
    for (int d = 0; d < t.ndim && fits; d++) fits = d == axis || u->shape[d] == t.shape[d];
    if (u->dtype != t.dtype)
      return nv_fail(NV_ERR_TYPE, "concatenate: inputs must have one dtype, got %s and %s", nv_dtype_name(t.dtype),
                     nv_dtype_name(u->dtype));
    if (!fits) {
      char a[NV_SHAPE_TEXT], b[NV_SHAPE_TEXT];
      return nv_fail(NV_ERR_VALUE,
                     "concatenate: shapes may differ on axis %" PRId64 " only: input 0 is %s, input %d is %s", axis,
                     nv_shape_text(&n->in[0]->type, a), k, nv_shape_text(u, b));
    }
    if (__builtin_add_overflow(t.shape[axis], u->shape[axis], &t.shape[axis]))
      return nv_fail(NV_ERR_VALUE, "concatenate: the result is too large");
  }
  *out = t;
  return NV_OK;
}

/* One part is itself, empty parts are left out, and many are joined in groups of at most MAX_PARTS. */
static nv_status simplify_concatenate(nv_graph *g, const nv_node *n, nv_node **out) {
  int64_t axis = n->attrs.i[0];
  int parts = 0;
  if (n->n_in == 1) return nv_becomes(out, n->in[0]);
  for (int k = 0; k < n->n_in; k++) parts += n->in[k]->type.shape[axis] != 0;
  if (parts == 0) return nv_becomes(out, n->in[0]);
  if (parts == n->n_in && parts <= MAX_PARTS) return NV_OK;
  nv_node **in = nv_alloc((size_t)parts * sizeof *in), *joined = NULL;
  if (!in) return NV_ERR_MEMORY;
  parts = 0;
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k]->type.shape[axis] != 0) in[parts++] = n->in[k];
  while (parts > MAX_PARTS) {
    int groups = 0;
    for (int k = 0; k < parts; k += MAX_PARTS) /* a failed group is NULL, and makes the rest fail */
      in[groups++] = nv_opx(g, "concatenate", in + k, parts - k < MAX_PARTS ? parts - k : MAX_PARTS, &axis, 1, 0, 0, 0);
    parts = groups;
  }
  joined = nv_opx(g, "concatenate", in, parts, &axis, 1, 0, 0, 0);
  nv_free(in);
  return nv_becomes(out, joined);
}

static nv_status concatenate_grad(nv_graph *g, nv_node *n, nv_node *dy, nv_node **dx) { /* each takes its part */
  int64_t axis = n->attrs.i[0], at = 0, i[3 * NV_MAX_DIMS] = {0};
  int ndim = n->type.ndim;
  for (int k = 0; k < n->n_in; k++) {
    const nv_type *t = &n->in[k]->type;
    for (int d = 0; d < ndim; d++) i[ndim + d] = t->shape[d], i[2 * ndim + d] = 1;
    i[axis] = at;
    at += t->shape[axis];
    NV_TRY(nv_built(dx[k] = nv_opx(g, "slice", &dy, 1, i, 3 * ndim, 0, 0, 0)));
  }
  return NV_OK;
}

/* Seen as [outer, sum of widths]: each part fills its columns. With one outer row, threads split its elements. */
typedef struct join_params {
  int64_t outer, total;
  int parts;
  int64_t width[MAX_PARTS];
} join_params; /* bytes */

static nv_status run_concatenate(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const join_params *p = instr->params;
  char *out = ptr[0];
  int64_t lo, hi, at = 0;
  nv_share(ctx, instr->rows, &lo, &hi);
  int64_t piece = p->outer == 1 ? p->total / instr->rows : 0;
  for (int k = 0; k < p->parts; at += p->width[k++]) {
    const char *in = ptr[instr->n_out + k];
    int64_t w = p->width[k];
    if (p->outer == 1) {
      int64_t first = lo * piece > at ? lo * piece : at, last = hi * piece < at + w ? hi * piece : at + w;
      if (first < last) memcpy(out + first, in + first - at, (size_t)(last - first));
    } else if (w <= SHORT) {
      nv_k->strips(out + lo * p->total + at, p->total, in + lo * w, w, hi - lo);
    } else {
      for (int64_t r = lo; r < hi; r++) memcpy(out + r * p->total + at, in + r * w, (size_t)w);
    }
  }
  return NV_OK;
}

static nv_status lower_concatenate(nv_builder *b, const nv_node *n, nv_instr *instr) {
  join_params *p = nv_builder_alloc(b, sizeof *p);
  if (!p) return NV_ERR_MEMORY;
  int axis = (int)n->attrs.i[0];
  int64_t item = (int64_t)nv_dtype_size(n->type.dtype);
  nv_axis a = nv_axis_of(&n->type, axis, axis);
  *p = (join_params){.outer = a.outer, .total = a.n * a.inner * item, .parts = n->n_in};
  for (int k = 0; k < n->n_in; k++) p->width[k] = n->in[k]->type.shape[axis] * a.inner * item;
  instr->run = run_concatenate;
  instr->params = p;
  instr->rows = a.outer == 1 ? a.n : a.outer;
  instr->cost = 0.05 * (double)(a.outer * p->total) + 5.0 * (double)(a.outer * n->n_in);
  instr->operand[0].access = NV_ROWS;
  for (int k = 0; k < n->n_in; k++) instr->operand[1 + k].access = a.outer == 1 ? NV_WHOLE : NV_ROWS;
  return NV_OK;
}

/* ---- pad(x; lo[n], hi[n], interior[n]; value) ---- */

static nv_status infer_pad(const nv_node *n, nv_type *out) {
  const nv_type *x = &n->in[0]->type;
  NV_TRY(nv_check_ints(n, 3 * x->ndim, "lo, hi and interior of each axis"));
  const int64_t *lo = n->attrs.i, *hi = lo + x->ndim, *gap = hi + x->ndim;
  double v;
  if (!nv_round_to(x->dtype, n->attrs.f[0], &v))
    return nv_fail(NV_ERR_VALUE, "pad: %g is not a value of dtype %s", n->attrs.f[0], nv_dtype_name(x->dtype));
  *out = *x;
  for (int k = 0; k < x->ndim; k++) {
    int64_t inside = x->shape[k] ? x->shape[k] - 1 : 0, size = 0;
    if (lo[k] < 0 || hi[k] < 0 || gap[k] < 0)
      return nv_fail(NV_ERR_VALUE,
                     "pad: widths cannot be negative, got %" PRId64 ", %" PRId64 ", %" PRId64 " on axis %d", lo[k],
                     hi[k], gap[k], k);
    if (__builtin_mul_overflow(inside, gap[k], &size) || __builtin_add_overflow(size, x->shape[k], &size) ||
        __builtin_add_overflow(size, lo[k], &size) || __builtin_add_overflow(size, hi[k], &size))
      return nv_fail(NV_ERR_VALUE, "pad: the result is too large");
    out->shape[k] = size;
  }
  return NV_OK;
}

static nv_status simplify_pad(nv_graph *g, const nv_node *n, nv_node **out) {
  double v, fill;
  nv_node *x = n->in[0];
  nv_round_to(n->type.dtype, n->attrs.f[0], &fill);
  if (nv_same_shape(&x->type, &n->type)) return nv_becomes(out, x); /* widths are all 0, or between no elements */
  if (nv_type_size(&x->type) == 0 || (nv_is_full(x, &v) && v == fill))
    return nv_becomes(out, nv_full(g, &n->type, fill));
  return NV_OK;
}

static nv_status pad_grad(nv_graph *g, nv_node *n, nv_node *dy, nv_node **dx) { /* the elements that x went to */
  const nv_type *x = &n->in[0]->type;
  int64_t i[3 * NV_MAX_DIMS];
  for (int k = 0; k < x->ndim; k++) {
    i[k] = n->attrs.i[k];
    i[x->ndim + k] = x->shape[k];
    i[2 * x->ndim + k] = n->attrs.i[2 * x->ndim + k] + 1;
  }
  return nv_built(dx[0] = nv_opx(g, "slice", &dy, 1, i, 3 * x->ndim, 0, 0, 0));
}

typedef struct pad_params {
  int ndim;
  size_t item;
  int64_t in[NV_MAX_DIMS], out[NV_MAX_DIMS], lo[NV_MAX_DIMS], step[NV_MAX_DIMS];
  int64_t in_size[NV_MAX_DIMS + 1], out_size[NV_MAX_DIMS + 1]; /* elements of axes k.. */
  uint64_t fill;                                               /* the value's bytes */
} pad_params;

static void fill(char *out, int64_t n, const pad_params *p) {
  switch (p->item) {
  case 1:
    memset(out, (int)(p->fill & 0xff), (size_t)n);
    break;
  case 4:
    for (int64_t k = 0; k < n; k++) ((uint32_t *)(void *)out)[k] = (uint32_t)p->fill;
    break;
  default:
    for (int64_t k = 0; k < n; k++) ((uint64_t *)(void *)out)[k] = p->fill;
  }
}

/* Indices [first, last) of axis k of the block at `out`; x is the block of the input that goes there. */
static void pad_axis(const pad_params *p, int k, const char *x, char *out, int64_t first, int64_t last) {
  size_t in_bytes = (size_t)p->in_size[k + 1] * p->item, out_bytes = (size_t)p->out_size[k + 1] * p->item;
  for (int64_t i = first; i < last;) {
    int64_t from = i - p->lo[k], at = from / p->step[k];
    bool inside = from >= 0 && from % p->step[k] == 0 && at < p->in[k];
    if (inside && k == p->ndim - 1 && p->step[k] == 1) { /* a run of elements */
      int64_t run = p->in[k] - at < last - i ? p->in[k] - at : last - i;
      memcpy(out + (size_t)i * out_bytes, x + (size_t)at * in_bytes, (size_t)run * in_bytes);
      i += run;
    } else if (inside && k == p->ndim - 1) {
      memcpy(out + (size_t)i++ * out_bytes, x + (size_t)at * in_bytes, in_bytes);
    } else if (inside) {
      pad_axis(p, k + 1, x + (size_t)at * in_bytes, out + (size_t)i * out_bytes, 0, p->out[k + 1]);
      i++;
    } else {
      int64_t next = from < 0 ? p->lo[k] : at >= p->in[k] - 1 ? last : i - from % p->step[k] + p->step[k];
      if (next > last) next = last;
      fill(out + (size_t)i * out_bytes, (next - i) * p->out_size[k + 1], p);
      i = next;
    }
  }
}

static nv_status run_pad(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const pad_params *p = instr->params;
  int64_t lo, hi;
  nv_share(ctx, instr->rows, &lo, &hi);
  pad_axis(p, 0, ptr[instr->n_out], ptr[0], lo, hi);
  return NV_OK;
}

static nv_status lower_pad(nv_builder *b, const nv_node *n, nv_instr *instr) {
  pad_params *p = nv_builder_alloc(b, sizeof *p);
  if (!p) return NV_ERR_MEMORY;
  const nv_type *x = &n->in[0]->type;
  int skip = 0, d = 0; /* leading axes of one element are left out, so that rows are the first axis that has some */
  while (skip < x->ndim - 1 && n->type.shape[skip] == 1 && x->shape[skip] == 1) skip++;
  p->item = nv_dtype_size(x->dtype);
  for (int k = skip; k < x->ndim; k++, d++) {
    p->in[d] = x->shape[k], p->out[d] = n->type.shape[k];
    p->lo[d] = n->attrs.i[k], p->step[d] = n->attrs.i[2 * x->ndim + k] + 1;
  }
  p->ndim = d;
  p->in_size[d] = p->out_size[d] = 1;
  while (d--) p->in_size[d] = p->in_size[d + 1] * p->in[d], p->out_size[d] = p->out_size[d + 1] * p->out[d];
  double v = n->attrs.f[0];
  float f = (float)v;
  int32_t i = x->dtype == NV_I32 ? (int32_t)v : 0;
  int64_t l = x->dtype == NV_I64 ? (int64_t)v : 0;
  uint8_t yes = v != 0;
  const void *bytes[NV_GRAPH_DTYPES] = {&f, &v, &i, &l, &yes};
  memcpy(&p->fill, bytes[x->dtype], p->item);
  instr->run = run_pad;
  instr->params = p;
  instr->rows = p->out[0];
  instr->cost = 0.1 * (double)(p->out_size[0]) * (double)p->item;
  instr->operand[0].access = NV_ROWS;
  return NV_OK;
}

const nv_op nv_join_ops[] = {
    {.name = "concatenate",
     .min_in = 1,
     .max_in = 1 << 20,
     .attrs = "axis:axis",
     .doc = "one after the other along axis",
     .domain = "rr",
     .infer = infer_concatenate,
     .simplify = simplify_concatenate,
     .grad = concatenate_grad,
     .lower = lower_concatenate},
    {.name = "pad",
     .min_in = 1,
     .max_in = 1,
     .attrs = "lo:counts,hi:counts,interior:counts,value:float",
     .doc = "value before, after and between the elements of each axis",
     .domain = "r",
     .infer = infer_pad,
     .simplify = simplify_pad,
     .grad = pad_grad,
     .lower = lower_pad},
    {0},
};
