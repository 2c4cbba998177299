/* order.c: ranks along the last axis. */
#include "ops/ops.h"

static nv_status infer(const nv_node *n, nv_type *out) {
  const nv_type *x = &n->in[0]->type;
  NV_TRY(nv_check_ints(n, 1, "k"));
  NV_TRY(nv_check_dtype(n, 0, NV_NUMBERS));
  NV_TRY(nv_check_last_axis(n));
  int64_t k = n->attrs.i[0], width = x->shape[x->ndim - 1];
  if (k < 0 || k > width)
    return nv_fail(NV_ERR_VALUE, "top_k_indices: k must be between 0 and the last axis's %" PRId64 ", got %" PRId64,
                   width, k);
  if (width > INT32_MAX) return nv_fail(NV_ERR_VALUE, "top_k_indices: an axis of more than 2^31 - 1 elements");
  *out = *x;
  out->dtype = NV_I32;
  out->shape[x->ndim - 1] = k;
  return NV_OK;
}

typedef void (*rank_fn)(const void *x, int32_t *out, int32_t *work, int64_t n, int64_t k);
typedef struct order_params {
  rank_fn fn;
  int64_t n, k;
  size_t item;
} order_params;

#define FEW 16 /* for so few, insertion in one pass; else a merge sort of all indices in work[2 n] */

/* Descending, NaN above all numbers, the lower index first among equals (so both ways are stable). */
#define RANK(name, type)                                                                                               \
  static inline bool name##_above(type a, type b) { return a > b || (a != a && b == b); }                              \
  static void name(const void *data, int32_t *out, int32_t *work, int64_t n, int64_t k) {                              \
    const type *x = data;                                                                                              \
    if (k <= FEW) {                                                                                                    \
      int64_t held = 0;                                                                                                \
      for (int64_t i = 0; i < n && k > 0; i++) {                                                                       \
        if (held == k && !name##_above(x[i], x[out[k - 1]])) continue;                                                 \
        int64_t at = held < k ? held++ : k - 1;                                                                        \
        for (; at > 0 && name##_above(x[i], x[out[at - 1]]); at--) out[at] = out[at - 1];                              \
        out[at] = (int32_t)i;                                                                                          \
      }                                                                                                                \
      return;                                                                                                          \
    }                                                                                                                  \
    int32_t *from = work, *to = work + n;                                                                              \
    for (int64_t i = 0; i < n; i++) from[i] = (int32_t)i;                                                              \
    for (int64_t run = 1; run < n; run *= 2) {                                                                         \
      for (int64_t lo = 0; lo < n; lo += 2 * run) {                                                                    \
        int64_t mid = lo + run < n ? lo + run : n, hi = mid + run < n ? mid + run : n, a = lo, b = mid;                \
        for (int64_t at = lo; at < hi; at++)                                                                           \
          to[at] = b >= hi || (a < mid && !name##_above(x[from[b]], x[from[a]])) ? from[a++] : from[b++];              \
      }                                                                                                                \
      int32_t *swap = from;                                                                                            \
      from = to, to = swap;                                                                                            \
    }                                                                                                                  \
    memcpy(out, from, (size_t)k * sizeof *out);                                                                        \
  }
RANK(rank_f32, float)
RANK(rank_f64, double)
RANK(rank_i32, int32_t)
RANK(rank_i64, int64_t)

static nv_status run(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const order_params *p = instr->params;
  const char *x = ptr[instr->n_out];
  int32_t *out = ptr[0];
  int64_t lo, hi;
  nv_share(ctx, instr->rows, &lo, &hi);
  for (int64_t r = lo; r < hi && !nv_poll_now(ctx); r++)
    p->fn(x + (size_t)(r * p->n) * p->item, out + r * p->k, ctx->scratch, p->n, p->k);
  return NV_OK;
}

static nv_status lower(nv_builder *b, const nv_node *n, nv_instr *instr) {
  static const rank_fn fns[NV_GRAPH_DTYPES] = {rank_f32, rank_f64, rank_i32, rank_i64};
  order_params *p = nv_builder_alloc(b, sizeof *p);
  if (!p) return NV_ERR_MEMORY;
  const nv_type *x = &n->in[0]->type;
  nv_axis a = nv_axis_of(x, x->ndim - 1, x->ndim - 1);
  *p = (order_params){fns[x->dtype], a.n, n->attrs.i[0], nv_dtype_size(x->dtype)};
  double steps = 1;
  for (int64_t run_length = 1; p->k > FEW && run_length < a.n; run_length *= 2) steps++;
  instr->run = run;
  instr->params = p;
  instr->rows = a.outer;
  instr->scratch = p->k > FEW ? 2 * (size_t)a.n * sizeof(int32_t) : 0;
  instr->cost = 4.0 * steps * (double)nv_type_size(x);
  instr->operand[0].access = instr->operand[1].access = NV_ROWS;
  return NV_OK;
}

const nv_op nv_order_ops[] = {
    {.name = "top_k_indices",
     .min_in = 1,
     .max_in = 1,
     .attrs = "k:k",
     .doc = "where the k largest of the last axis are (int32), descending; the lower index first among equals, NaN "
            "above all",
     .domain = "d",
     .infer = infer,
     .grad = nv_grad_zero,
     .lower = lower},
    {0},
};
