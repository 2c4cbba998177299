/* reduce.c: many elements to one. Reduced axes stay, with one element. The order of a sum is fixed by the shape alone:
 * the kernel's for n elements, or, for a long reduction, chunks of fixed size whose results are reduced in turn. */
#include "ops/ops.h"

/* ---- types ---- */

static nv_status infer_axes(const nv_node *n, unsigned allowed, nv_type *out) {
  const nv_type *x = &n->in[0]->type;
  unsigned seen = 0;
  NV_TRY(nv_check_dtype(n, 0, allowed));
  *out = *x;
  for (int k = 0; k < n->attrs.n_i; k++) {
    int64_t axis = n->attrs.i[k];
    NV_TRY(nv_check_axis(n, axis, x->ndim));
    if (seen >> axis & 1u) return nv_fail(NV_ERR_VALUE, "%s: axis %" PRId64 " appears twice", n->op->name, axis);
    seen |= 1u << axis;
    out->shape[axis] = 1;
  }
  return NV_OK;
}

static nv_status nothing_to_choose(const nv_node *n) {
  char a[NV_SHAPE_TEXT];
  return nv_fail(NV_ERR_VALUE, "%s: an empty axis has none, in shape %s", n->op->name,
                 nv_shape_text(&n->in[0]->type, a));
}

static nv_status infer_total(const nv_node *n, nv_type *out) { return infer_axes(n, NV_NUMBERS, out); }
static nv_status infer_bools(const nv_node *n, nv_type *out) { return infer_axes(n, NV_BOOLS, out); }

static nv_status infer_extremum(const nv_node *n, nv_type *out) {
  NV_TRY(infer_axes(n, NV_NUMBERS, out));
  for (int k = 0; k < n->attrs.n_i; k++)
    if (n->in[0]->type.shape[n->attrs.i[k]] == 0) return nothing_to_choose(n);
  return NV_OK;
}

static nv_status infer_arg(const nv_node *n, nv_type *out) {
  NV_TRY(nv_check_ints(n, 1, "axis"));
  NV_TRY(infer_extremum(n, out));
  if (n->in[0]->type.shape[n->attrs.i[0]] > INT32_MAX)
    return nv_fail(NV_ERR_VALUE, "%s: an axis of more than 2^31 - 1 elements", n->op->name);
  out->dtype = NV_I32;
  return NV_OK;
}

/* ---- gradients ---- */

static nv_status sum_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* each term gets all of d */
  return nv_built(dx[0] = broadcast_as(g, d, &n->in[0]->type));
}

static nv_node *over_axes(nv_graph *g, const nv_node *n, const char *op, nv_node *x) { /* as n does */
  return nv_opx(g, op, &x, 1, n->attrs.i, n->attrs.n_i, 0, 0, 0);
}

/* d times the product of the others: of those before and those after, so that zeros need no care. The reduced axes are
 * neighbours: x as [outer, n, inner], its n moved last. */
static nv_status prod_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  const nv_type *t = &n->in[0]->type;
  nv_axis a = nv_axis_of(t, (int)n->attrs.i[0], (int)n->attrs.i[n->attrs.n_i - 1]);
  const int64_t swap[3] = {0, 2, 1};
  nv_node *x = nv_transpose(g, nv_reshape(g, n->in[0], 3, (int64_t[]){a.outer, a.n, a.inner}), swap);
  nv_node *after = nv_reversed(g, nv_products_before(g, nv_reversed(g, x)));
  nv_node *others = nv_transpose(g, mul(g, nv_products_before(g, x), after), swap);
  return nv_built(dx[0] = mul(g, d, reshape_as(g, others, t)));
}

/* The elements that equal the extremum share d equally. */
static nv_status extremum_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  nv_node *x = n->in[0], *chosen = nv_cast(g, nv_op2(g, "equal", x, n), n->type.dtype);
  return nv_built(dx[0] = mul(g, chosen, quo(g, d, over_axes(g, n, "sum", chosen))));
}

/* ---- simplifications ---- */

typedef enum repeats { REPEATS_CHANGE_NOTHING, REPEATS_ADD_UP, REPEATS_MATTER } repeats;

/* Axes along which x was broadcast are not read: op(x) from what x was made of, or NULL. */
static nv_status without_copies(nv_graph *g, const nv_node *n, const int64_t *axes, int m, repeats what,
                                nv_node **out) {
  const nv_node *x = n->in[0];
  if (!nv_is(x, "broadcast_to") || nv_type_size(&x->type) == 0 || what == REPEATS_MATTER) return NV_OK;
  const nv_type *t = &x->type, *source = &x->in[0]->type;
  int64_t shape[NV_MAX_DIMS], kept[NV_MAX_DIMS];
  int extra = t->ndim - source->ndim, left = 0;
  double count = 1;
  for (int k = 0; k < t->ndim; k++) shape[k] = k < extra ? 1 : source->shape[k - extra];
  for (int k = 0; k < m; k++)
    if (shape[axes[k]] == 1)
      count *= (double)t->shape[axes[k]];
    else
      kept[left++] = axes[k];
  if (left == m || (what == REPEATS_ADD_UP && !nv_round_to(n->type.dtype, count, &count))) return NV_OK;
  nv_node *y = nv_reshape(g, x->in[0], t->ndim, shape);
  y = nv_opx(g, n->op->name, &y, 1, kept, left, 0, 0, 0);
  if (what == REPEATS_ADD_UP) y = scale(g, y, count);
  return nv_becomes(out, broadcast_as(g, y, &n->type));
}

/* Axes of one element need no work; an empty reduction is the operation's neutral element; axes that are not neighbours
 * are reduced one group after the other, the last first, so that an instruction sees [outer, n, inner]. */
static nv_status simplify(nv_graph *g, const nv_node *n, double neutral, repeats what, nv_node **out) {
  const nv_type *t = &n->in[0]->type;
  int64_t axes[NV_MAX_DIMS];
  bool reduced[NV_MAX_DIMS] = {0}, listed = true;
  int m = 0, group = 0;
  for (int k = 0; k < n->attrs.n_i; k++) reduced[n->attrs.i[k]] = true;
  for (int k = 0; k < t->ndim; k++) {
    if (!reduced[k] || t->shape[k] == 1) continue;
    if (t->shape[k] == 0) return nv_becomes(out, nv_full(g, &n->type, neutral));
    listed &= m < n->attrs.n_i && n->attrs.i[m] == k;
    axes[m++] = k;
  }
  if (m == 0) return nv_becomes(out, n->in[0]);
  NV_TRY(without_copies(g, n, axes, m, what, out));
  if (*out) return NV_OK;
  for (int k = m - 1; k > 0 && group == 0; k--)
    for (int64_t between = axes[k - 1] + 1; between < axes[k]; between++)
      if (t->shape[between] != 1) group = k;
  if (group == 0 && listed && m == n->attrs.n_i) return NV_OK;
  nv_node *y = nv_opx(g, n->op->name, n->in, 1, axes + group, m - group, 0, 0, 0);
  if (group) y = nv_opx(g, n->op->name, &y, 1, axes, group, 0, 0, 0);
  return nv_becomes(out, y);
}

static nv_status simplify_sum(nv_graph *g, const nv_node *n, nv_node **out) {
  double v, terms = (double)nv_type_size(&n->in[0]->type) / (double)nv_type_size(&n->type);
  if (nv_is_full(n->in[0], &v) && nv_type_size(&n->type) > 0 && nv_round_to(n->type.dtype, v * terms, &v))
    return nv_becomes(out, nv_full(g, &n->type, v));
  return simplify(g, n, 0, REPEATS_ADD_UP, out);
}

static nv_status simplify_prod(nv_graph *g, const nv_node *n, nv_node **out) {
  return simplify(g, n, 1, REPEATS_MATTER, out);
}

static nv_status simplify_choice(nv_graph *g, const nv_node *n, nv_node **out) { /* max, min, any, all */
  double v;
  if (nv_is_full(n->in[0], &v) && nv_type_size(&n->in[0]->type) > 0) return nv_becomes(out, nv_full(g, &n->type, v));
  return simplify(g, n, strcmp(n->op->name, "all") == 0, REPEATS_CHANGE_NOTHING, out);
}

static nv_status simplify_arg(nv_graph *g, const nv_node *n, nv_node **out) {
  if (n->in[0]->type.shape[n->attrs.i[0]] == 1) return nv_becomes(out, nv_full(g, &n->type, 0));
  return NV_OK;
}

/* ---- running ---- */

#define CHUNK 16384 /* elements of one partial result */
#define FEW_RESULTS                                                                                                    \
  16 /* with more outer rows, or as many inner columns as WIDE, there is enough to share without chunks */
#define WIDE 1024

typedef struct reduce_params {
  nv_reduce_fn fn;
  nv_axis a;
  int64_t chunk, chunks; /* steps along n of a partial result, and their number */
  int64_t in_item;
} reduce_params;

/* Results lo..hi-1 of the outer * inner. */
static void reduce_results(const reduce_params *p, const void *x, void *out, int64_t lo, int64_t hi, int64_t n) {
  int64_t inner = p->a.inner;
  while (lo < hi) {
    int64_t o = lo / inner, i = lo % inner, rows = (hi - lo) / inner;
    if (i == 0 && rows > 0) {
      p->fn(x, out, o, o + rows, n, inner, 0, inner);
      lo += rows * inner;
    } else {
      int64_t end = i + hi - lo < inner ? i + hi - lo : inner;
      p->fn(x, out, o, o + 1, n, inner, i, end);
      lo += end - i;
    }
  }
}

static nv_status run_reduce(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const reduce_params *p = instr->params;
  int64_t lo, hi, per_row = p->a.outer * p->a.inner / (instr->rows ? instr->rows : 1);
  nv_share(ctx, instr->rows, &lo, &hi);
  int64_t step = NV_POLL_ITEMS / (p->a.n * per_row + 1) + 1;
  if (instr->operand[1].access == NV_WHOLE) step = hi; /* narrow strips of columns would be slow to read */
  while (lo < hi) {
    int64_t end = hi - lo < step ? hi : lo + step;
    reduce_results(p, ptr[instr->n_out], ptr[0], lo * per_row, end * per_row, p->a.n);
    if ((lo = end) < hi && nv_poll_now(ctx)) break;
  }
  return NV_OK;
}

static nv_status run_chunks(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const reduce_params *p = instr->params;
  const char *x = ptr[instr->n_out];
  char *partial = ctx->shared;
  int64_t lo, hi, inner = p->a.inner;
  nv_share(ctx, instr->rows, &lo, &hi);
  for (int64_t k = lo; k < hi; k++) {
    int64_t o = k / p->chunks, first = k % p->chunks * p->chunk;
    int64_t n = p->a.n - first < p->chunk ? p->a.n - first : p->chunk;
    p->fn(x + (o * p->a.n + first) * inner * p->in_item, partial + k * inner * p->in_item, 0, 1, n, inner, 0, inner);
    if (nv_poll_now(ctx)) break; /* the team hears of it at the barrier */
  }
  nv_barrier(ctx);
  nv_share(ctx, p->a.outer * inner, &lo, &hi);
  reduce_results(p, partial, ptr[0], lo, hi, p->chunks);
  return NV_OK;
}

static nv_status lower(nv_builder *b, const nv_node *n, nv_instr *instr, nv_reduce_op op) {
  reduce_params *p = nv_builder_alloc(b, sizeof *p);
  if (!p) return NV_ERR_MEMORY;
  const nv_type *t = &n->in[0]->type;
  bool arg = op == NV_REDUCE_ARGMAX || op == NV_REDUCE_ARGMIN;
  p->fn = nv_k->reduce[op][t->dtype];
  p->a = nv_axis_of(t, (int)n->attrs.i[0], (int)n->attrs.i[n->attrs.n_i - 1]);
  p->in_item = (int64_t)nv_dtype_size(t->dtype);
  p->chunk = CHUNK / (p->a.inner ? p->a.inner : 1);
  if (p->chunk == 0) p->chunk = 1;
  p->chunks = (p->a.n + p->chunk - 1) / p->chunk;
  instr->params = p;
  instr->cost = 20.0 + (arg ? 0.04 : 0.012) * (double)nv_type_size(t) * (double)p->in_item +
                (p->a.inner == 1 ? 2.0 : 0.2) * (double)(p->a.outer * p->a.inner);
  if (!arg && p->a.outer < FEW_RESULTS && p->a.inner < WIDE && p->chunks >= 4) {
    instr->run = run_chunks;
    instr->rows = p->a.outer * p->chunks;
    instr->shared = (size_t)(instr->rows * p->a.inner * p->in_item);
    instr->inner_barrier = true;
    return NV_OK;
  }
  instr->run = run_reduce;
  bool by_columns = p->a.inner > 1 && p->a.outer < FEW_RESULTS;
  instr->rows = by_columns ? p->a.outer * p->a.inner : p->a.outer;
  instr->operand[0].access = NV_ROWS;
  instr->operand[1].access = by_columns ? NV_WHOLE : NV_ROWS;
  return NV_OK;
}

#define LOWER(name, op)                                                                                                \
  static nv_status lower_##name(nv_builder *b, const nv_node *n, nv_instr *instr) { return lower(b, n, instr, op); }
LOWER(sum, NV_REDUCE_SUM)
LOWER(prod, NV_REDUCE_PROD)
LOWER(max, NV_REDUCE_MAX)
LOWER(min, NV_REDUCE_MIN)
LOWER(any, NV_REDUCE_ANY)
LOWER(all, NV_REDUCE_ALL)
LOWER(argmax, NV_REDUCE_ARGMAX)
LOWER(argmin, NV_REDUCE_ARGMIN)

#define ROW(name_, attrs_, domain_, doc_, infer_, simplify_, grad_)                                                    \
  {.name = #name_,                                                                                                     \
   .min_in = 1,                                                                                                        \
   .max_in = 1,                                                                                                        \
   .attrs = attrs_,                                                                                                    \
   .doc = doc_,                                                                                                        \
   .domain = domain_,                                                                                                  \
   .infer = infer_,                                                                                                    \
   .simplify = simplify_,                                                                                              \
   .grad = grad_,                                                                                                      \
   .lower = lower_##name_}
const nv_op nv_reduce_ops[] = {
    ROW(sum, "axes:axes", "r", "sum; 0 of nothing", infer_total, simplify_sum, sum_grad),
    ROW(prod, "axes:axes", "n", "product; 1 of nothing", infer_total, simplify_prod, prod_grad),
    ROW(max, "axes:axes", "d", "the largest, NaN if there is one; equal elements share the gradient", infer_extremum,
        simplify_choice, extremum_grad),
    ROW(min, "axes:axes", "d", "the smallest, NaN if there is one; equal elements share the gradient", infer_extremum,
        simplify_choice, extremum_grad),
    ROW(any, "axes:axes", "b", "whether one is true; false of nothing", infer_bools, simplify_choice, nv_grad_zero),
    ROW(all, "axes:axes", "b", "whether none is false; true of nothing", infer_bools, simplify_choice, nv_grad_zero),
    ROW(argmax, "axis:axis", "d", "where the largest is (int32): the first of equals, the first NaN", infer_arg,
        simplify_arg, nv_grad_zero),
    ROW(argmin, "axis:axis", "d", "where the smallest is (int32): the first of equals, the first NaN", infer_arg,
        simplify_arg, nv_grad_zero),
    {0},
};
