/* index.c: reading and adding at places given by an index array: take, take_along_axis, and their adjoints scatter_add
 * and put_along_axis_add. An index i in [-n, n) counts from the end if negative; any other stops the run with an
 * IndexError. Sums are made in the order of the indices, by the thread that owns the destination. */
#include "ops/ops.h"

static nv_status check_index(const nv_node *n, int input) { return nv_check_dtype(n, input, NV_INTS); }

static inline int64_t index_at(const void *idx, bool wide, int64_t k) {
  return wide ? ((const int64_t *)idx)[k] : ((const int32_t *)idx)[k];
}

static nv_status out_of_range(nv_ctx *ctx, const nv_instr *instr, int64_t i, int64_t k, int64_t n) {
  nv_status status = nv_fail(
      NV_ERR_INDEX, "%s: index %" PRId64 " at position %" PRId64 " is out of range for an axis of %" PRId64 " elements",
      instr->op->name, i, k, n);
  nv_team_fail(ctx, status);
  return status;
}

#define POLL_PLACES 4096 /* indices between two looks at the clock: each may miss every cache */

typedef struct index_params {
  int64_t outer, n, inner; /* the array that is indexed: n is the axis's size */
  int64_t m;               /* indices (take), or indices along the axis */
  nv_dtype dtype;
  size_t item;
  bool wide; /* int64 indices */
  bool put;  /* along an axis: add at the places, else read there */
} index_params;

static index_params *params(nv_builder *b, const nv_type *array, const nv_type *idx, int axis, int64_t m) {
  index_params *p = nv_builder_alloc(b, sizeof *p);
  if (!p) return NULL;
  nv_axis a = nv_axis_of(array, axis, axis);
  *p = (index_params){a.outer, a.n, a.inner, m, array->dtype, nv_dtype_size(array->dtype), idx->dtype == NV_I64, false};
  return p;
}

/* ---- take(x, idx; axis): idx's shape takes axis's place ---- */

static nv_status infer_take(const nv_node *n, nv_type *out) {
  const nv_type *x = &n->in[0]->type, *idx = &n->in[1]->type;
  NV_TRY(nv_check_ints(n, 1, "axis"));
  NV_TRY(nv_check_axis(n, n->attrs.i[0], x->ndim));
  NV_TRY(check_index(n, 1));
  int axis = (int)n->attrs.i[0], ndim = x->ndim - 1 + idx->ndim;
  if (ndim > NV_MAX_DIMS)
    return nv_fail(NV_ERR_VALUE, "take: a result of %d dimensions; at most %d are supported", ndim, NV_MAX_DIMS);
  *out = (nv_type){.dtype = x->dtype, .ndim = ndim};
  for (int k = 0; k < ndim; k++)
    out->shape[k] = k < axis ? x->shape[k] : k < axis + idx->ndim ? idx->shape[k - axis] : x->shape[k - idx->ndim + 1];
  return NV_OK;
}

static nv_status take_grad(nv_graph *g, nv_node *n, nv_node *d,
                           nv_node **dx) { /* each element gets what was read of it */
  int64_t i[2] = {n->attrs.i[0], n->in[0]->type.shape[n->attrs.i[0]]};
  return nv_built(dx[0] = nv_opx(g, "scatter_add", (nv_node *[]){n->in[1], d}, 2, i, 2, 0, 0, 0));
}

static nv_status run_take(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const index_params *p = instr->params;
  const char *x = ptr[instr->n_out];
  const void *idx = ptr[instr->n_out + 1];
  char *out = ptr[0];
  size_t width = (size_t)p->inner * p->item;
  int64_t lo, hi;
  nv_share(ctx, instr->rows, &lo, &hi);
  for (int64_t r = lo; r < hi; r++) {
    if (r % POLL_PLACES == POLL_PLACES - 1 && nv_poll_now(ctx)) break;
    int64_t o = r / p->m, k = r % p->m, i = index_at(idx, p->wide, k), at = i < 0 ? i + p->n : i;
    if (at < 0 || at >= p->n) return out_of_range(ctx, instr, i, k, p->n);
    const char *from = x + (size_t)(o * p->n + at) * width;
    switch (width) { /* single elements without a call */
    case 4:
      memcpy(out + r * 4, from, 4);
      break;
    case 8:
      memcpy(out + r * 8, from, 8);
      break;
    default:
      memcpy(out + (size_t)r * width, from, width);
    }
  }
  return NV_OK;
}

static nv_status lower_take(nv_builder *b, const nv_node *n, nv_instr *instr) {
  index_params *p = params(b, &n->in[0]->type, &n->in[1]->type, (int)n->attrs.i[0], nv_type_size(&n->in[1]->type));
  if (!p) return NV_ERR_MEMORY;
  instr->run = run_take;
  instr->params = p;
  instr->rows = p->outer * p->m;
  instr->cost = (double)instr->rows * (2.0 + 0.05 * (double)p->inner * (double)p->item);
  instr->operand[0].access = NV_ROWS;
  if (p->outer == 1) instr->operand[2].access = NV_ROWS;
  return NV_OK;
}

/* ---- adding ---- */

#define ADD(type)                                                                                                      \
  do {                                                                                                                 \
    type *to = (type *)out;                                                                                            \
    const type *from = (const type *)x;                                                                                \
    for (int64_t k = 0; k < n; k++) to[k] += from[k];                                                                  \
  } while (0)

static void accumulate(nv_dtype dtype, void *out, const void *x, int64_t n) {
  switch (dtype) {
  case NV_F32:
    ADD(float);
    break;
  case NV_F64:
    ADD(double);
    break;
  case NV_I32:
    ADD(uint32_t);
    break; /* wraps */
  default:
    ADD(uint64_t);
  }
}

/* ---- scatter_add(idx, updates; axis, size) ---- */

static nv_status infer_scatter(const nv_node *n, nv_type *out) {
  const nv_type *idx = &n->in[0]->type, *u = &n->in[1]->type;
  NV_TRY(nv_check_ints(n, 2, "axis and size"));
  NV_TRY(check_index(n, 0));
  NV_TRY(nv_check_dtype(n, 1, NV_NUMBERS));
  int ndim = u->ndim - idx->ndim + 1;
  if (ndim > NV_MAX_DIMS)
    return nv_fail(NV_ERR_VALUE, "scatter_add: a result of %d dimensions; at most %d are supported", ndim, NV_MAX_DIMS);
  int64_t axis = n->attrs.i[0], size = n->attrs.i[1];
  NV_TRY(nv_check_axis(n, axis, ndim));
  if (size < 0) return nv_fail(NV_ERR_VALUE, "scatter_add: size cannot be negative, got %" PRId64, size);
  if (idx->ndim && memcmp(idx->shape, u->shape + axis, (size_t)idx->ndim * sizeof *idx->shape) != 0)
    return nv_shape_mismatch(n, "the shape of the indices must be that of the updates from axis on");
  *out = (nv_type){.dtype = u->dtype, .ndim = ndim};
  for (int k = 0; k < ndim; k++)
    out->shape[k] = k < axis ? u->shape[k] : k == axis ? size : u->shape[k + idx->ndim - 1];
  return NV_OK;
}

static nv_status simplify_scatter(nv_graph *g, const nv_node *n, nv_node **out) {
  if (nv_type_size(&n->in[1]->type) > 0) return NV_OK;
  return nv_becomes(out, nv_full(g, &n->type, 0)); /* a sum of nothing is 0 */
}

static nv_status scatter_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* linear: the adjoint is take */
  return nv_built(dx[1] = nv_opx(g, "take", (nv_node *[]){d, n->in[0]}, 2, n->attrs.i, 1, 0, 0, 0));
}

static nv_status run_scatter(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const index_params *p = instr->params;
  const void *idx = ptr[instr->n_out];
  const char *updates = ptr[instr->n_out + 1];
  char *out = ptr[0];
  size_t width = (size_t)p->inner * p->item;
  int64_t lo, hi;
  nv_share(ctx, instr->rows, &lo, &hi); /* destinations */
  for (int64_t o = 0; o < p->outer; o++) memset(out + (size_t)(o * p->n + lo) * width, 0, (size_t)(hi - lo) * width);
  for (int64_t k = 0; k < p->m; k++) {
    if (k % POLL_PLACES == POLL_PLACES - 1 && nv_poll_now(ctx)) break;
    int64_t i = index_at(idx, p->wide, k), at = i < 0 ? i + p->n : i;
    if (at < 0 || at >= p->n) return out_of_range(ctx, instr, i, k, p->n);
    for (int64_t o = 0; o < p->outer && at >= lo && at < hi; o++)
      accumulate(p->dtype, out + (size_t)(o * p->n + at) * width, updates + (size_t)(o * p->m + k) * width, p->inner);
  }
  return NV_OK;
}

static nv_status lower_scatter(nv_builder *b, const nv_node *n, nv_instr *instr) {
  index_params *p = params(b, &n->type, &n->in[0]->type, (int)n->attrs.i[0], nv_type_size(&n->in[0]->type));
  if (!p) return NV_ERR_MEMORY;
  instr->run = run_scatter;
  instr->params = p;
  instr->rows = p->n;
  instr->cost = (double)p->m * (1.0 + (double)p->outer * (2.0 + 0.3 * (double)p->inner)) +
                0.05 * (double)nv_type_size(&n->type) * (double)p->item;
  if (p->outer == 1) instr->operand[0].access = NV_ROWS;
  return NV_OK;
}

/* ---- take_along_axis(x, idx; axis) and put_along_axis_add(idx, updates; axis, size) ---- */

static nv_status along_axis(const nv_node *n, const nv_type *a, const nv_type *b) { /* same but on the axis */
  int64_t axis = n->attrs.i[0];
  NV_TRY(nv_check_axis(n, axis, a->ndim));
  bool fits = a->ndim == b->ndim;
  for (int k = 0; k < a->ndim && fits; k++) fits = k == axis || a->shape[k] == b->shape[k];
  return fits ? NV_OK : nv_shape_mismatch(n, "shapes may differ on the axis only");
}

static nv_status infer_take_along(const nv_node *n, nv_type *out) {
  NV_TRY(nv_check_ints(n, 1, "axis"));
  NV_TRY(check_index(n, 1));
  NV_TRY(along_axis(n, &n->in[0]->type, &n->in[1]->type));
  *out = n->in[1]->type;
  out->dtype = n->in[0]->type.dtype;
  return NV_OK;
}

static nv_status infer_put_along(const nv_node *n, nv_type *out) {
  const nv_type *idx = &n->in[0]->type, *u = &n->in[1]->type;
  NV_TRY(nv_check_ints(n, 2, "axis and size"));
  NV_TRY(check_index(n, 0));
  NV_TRY(nv_check_dtype(n, 1, NV_NUMBERS));
  NV_TRY(nv_check_axis(n, n->attrs.i[0], u->ndim));
  if (!nv_same_shape(idx, u)) return nv_shape_mismatch(n, "indices and updates must have one shape");
  if (n->attrs.i[1] < 0)
    return nv_fail(NV_ERR_VALUE, "put_along_axis_add: size cannot be negative, got %" PRId64, n->attrs.i[1]);
  *out = *u;
  out->shape[n->attrs.i[0]] = n->attrs.i[1];
  return NV_OK;
}

static nv_status take_along_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  int64_t i[2] = {n->attrs.i[0], n->in[0]->type.shape[n->attrs.i[0]]};
  return nv_built(dx[0] = nv_opx(g, "put_along_axis_add", (nv_node *[]){n->in[1], d}, 2, i, 2, 0, 0, 0));
}

static nv_status put_along_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* linear: the adjoint reads */
  return nv_built(dx[1] = nv_opx(g, "take_along_axis", (nv_node *[]){d, n->in[0]}, 2, n->attrs.i, 1, 0, 0, 0));
}

/* Threads split the outer * inner lanes; along a lane, m indices into n elements. */
static nv_status run_along(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const index_params *p = instr->params;
  const void *idx = ptr[instr->n_out + !p->put];
  const char *in = ptr[instr->n_out + p->put];
  char *out = ptr[0];
  int64_t lo, hi, end;
  nv_share(ctx, instr->rows, &lo, &hi);
  for (int64_t lane = lo; lane < hi; lane += end) {
    int64_t o = lane / p->inner, first = lane % p->inner; /* neighbours: `end` lanes from `first` */
    end = p->inner - first < hi - lane ? p->inner - first : hi - lane;
    if (lane > lo && nv_poll_now(ctx)) break;
    for (int64_t k = 0; p->put && k < p->n; k++)
      memset(out + (size_t)((o * p->n + k) * p->inner + first) * p->item, 0, (size_t)end * p->item);
    for (int64_t k = 0; k < p->m; k++) {
      for (int64_t c = first; c < first + end; c++) {
        int64_t place = (o * p->m + k) * p->inner + c, i = index_at(idx, p->wide, place), at = i < 0 ? i + p->n : i;
        if (at < 0 || at >= p->n) return out_of_range(ctx, instr, i, place, p->n);
        int64_t there = (o * p->n + at) * p->inner + c;
        if (p->put)
          accumulate(p->dtype, out + (size_t)there * p->item, in + (size_t)place * p->item, 1);
        else
          memcpy(out + (size_t)place * p->item, in + (size_t)there * p->item, p->item);
      }
    }
  }
  return NV_OK;
}

static nv_status lower_along(nv_builder *b, const nv_node *n, nv_instr *instr, const nv_type *array, const nv_type *idx,
                             bool put) {
  int axis = (int)n->attrs.i[0];
  index_params *p = params(b, array, idx, axis, idx->shape[axis]);
  if (!p) return NV_ERR_MEMORY;
  p->put = put;
  instr->run = run_along;
  instr->params = p;
  instr->rows = p->outer * p->inner;
  instr->cost = 3.0 * (double)nv_type_size(idx) + 1.0 * (double)nv_type_size(&n->type);
  for (int k = 0; k < 3 && p->inner == 1; k++) instr->operand[k].access = NV_ROWS;
  return NV_OK;
}

static nv_status lower_take_along(nv_builder *b, const nv_node *n, nv_instr *instr) {
  return lower_along(b, n, instr, &n->in[0]->type, &n->in[1]->type, false);
}

static nv_status lower_put_along(nv_builder *b, const nv_node *n, nv_instr *instr) {
  return lower_along(b, n, instr, &n->type, &n->in[0]->type, true);
}

#define ROW(name_, attrs_, domain_, doc_, infer_, simplify_, grad_, lower_)                                            \
  {.name = name_,                                                                                                      \
   .min_in = 2,                                                                                                        \
   .max_in = 2,                                                                                                        \
   .attrs = attrs_,                                                                                                    \
   .doc = doc_,                                                                                                        \
   .domain = domain_,                                                                                                  \
   .infer = infer_,                                                                                                    \
   .simplify = simplify_,                                                                                              \
   .grad = grad_,                                                                                                      \
   .lower = lower_}
const nv_op nv_index_ops[] = {
    ROW("take", "axis:axis", "ri(jk)", "x at the indices along axis", infer_take, NULL, take_grad, lower_take),
    ROW("scatter_add", "axis:axis,size:size", "i(j)r(ajb)", "zeros of `size` along axis, plus each update at its index",
        infer_scatter, simplify_scatter, scatter_grad, lower_scatter),
    ROW("take_along_axis", "axis:axis", "ri", "x at the indices of each lane along axis", infer_take_along, NULL,
        take_along_grad, lower_take_along),
    ROW("put_along_axis_add", "axis:axis,size:size", "ir",
        "zeros of `size` along axis, plus each update at its index in its lane", infer_put_along, simplify_scatter,
        put_along_grad, lower_put_along),
    {0},
};
