/* softmax.c: the softmax family, along the last axis. Each subtracts the row's largest element first, so that no
 * exponential overflows (Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and softmax functions").
 */
#include "ops/ops.h"

static nv_status infer_row(const nv_node *n, nv_type *out) {
  NV_TRY(nv_check_dtype(n, 0, NV_FLOATS));
  NV_TRY(nv_check_last_axis(n));
  *out = n->in[0]->type;
  return NV_OK;
}

static nv_status infer_logsumexp(const nv_node *n, nv_type *out) {
  NV_TRY(infer_row(n, out));
  if (out->shape[out->ndim - 1] == 0) return nv_fail(NV_ERR_VALUE, "logsumexp: the last axis is empty");
  out->shape[out->ndim - 1] = 1;
  return NV_OK;
}

/* ---- gradients ---- */

static nv_status softmax_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* y (d - sum(y d)) */
  return nv_built(dx[0] = mul(g, n, sub(g, d, sum_last(g, mul(g, n, d)))));
}

static nv_status log_softmax_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* d - e^y sum(d) */
  return nv_built(dx[0] = sub(g, d, mul(g, nv_op1(g, "exp", n), sum_last(g, d))));
}

static nv_status logsumexp_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* softmax(x) d = e^(x - y) d */
  return nv_built(dx[0] = mul(g, nv_op1(g, "exp", sub(g, n->in[0], n)), d));
}

/* ---- running ---- */

typedef struct row_params {
  nv_row_fn fn;
  int64_t n;
} row_params;
#define ROWS_AT_ONCE(n) (4096 / ((n) + 1) + 1) /* so that what follows finds them in L1 */

static nv_status run_rows(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const row_params *p = instr->params;
  int64_t lo, hi, step = ROWS_AT_ONCE(p->n);
  nv_share(ctx, instr->rows, &lo, &hi);
  for (int64_t r = lo; r < hi && !nv_poll_now(ctx); r += step) {
    int64_t end = r + step < hi ? r + step : hi;
    p->fn(ptr[instr->n_out], ptr[0], r, end, p->n);
    if (instr->epilogue) nv_expr_tile(instr->epilogue, ctx, ptr, r, end, 0, p->n);
  }
  return NV_OK;
}

nv_status nv_lower_rows(nv_builder *b, const nv_node *n, nv_instr *instr, nv_row_op op, double ns) {
  row_params *p = nv_builder_alloc(b, sizeof *p);
  if (!p) return NV_ERR_MEMORY;
  const nv_type *x = &n->in[0]->type;
  nv_axis a = nv_axis_of(x, x->ndim - 1, x->ndim - 1);
  *p = (row_params){nv_k->row[op][x->dtype], a.n};
  instr->run = run_rows;
  instr->params = p;
  instr->rows = a.outer;
  instr->cost = (double)a.outer * (10.0 + ns * (x->dtype == NV_F64 ? 2.0 : 1.0) * (double)a.n);
  instr->accepts_epilogue = nv_same_shape(x, &n->type);
  instr->operand[0].access = instr->operand[1].access = NV_ROWS;
  return NV_OK;
}

static nv_status lower_softmax(nv_builder *b, const nv_node *n, nv_instr *instr) {
  return nv_lower_rows(b, n, instr, NV_ROW_SOFTMAX, 0.35);
}
static nv_status lower_log_softmax(nv_builder *b, const nv_node *n, nv_instr *instr) {
  return nv_lower_rows(b, n, instr, NV_ROW_LOG_SOFTMAX, 0.35);
}
static nv_status lower_logsumexp(nv_builder *b, const nv_node *n, nv_instr *instr) {
  return nv_lower_rows(b, n, instr, NV_ROW_LOGSUMEXP, 0.3);
}

/* ---- sparse_softmax_cross_entropy(x, labels): -log_softmax(x) at the label. The third input is log_softmax(x), added
 * when the node is built: its row pass is then shared with the gradient, e^l - one_hot. ---- */

static nv_status infer_cross_entropy(const nv_node *n, nv_type *out) {
  const nv_type *x = &n->in[0]->type, *labels = &n->in[1]->type;
  NV_TRY(infer_row(n, out));
  NV_TRY(nv_check_dtype(n, 1, NV_INTS));
  out->ndim--;
  if (!nv_same_shape(out, labels))
    return nv_shape_mismatch(n, "labels must have the logits' shape without the last axis");
  if (n->n_in == 3 && (n->in[2]->type.dtype != x->dtype || !nv_same_shape(&n->in[2]->type, x)))
    return nv_fail(NV_ERR_VALUE, "sparse_softmax_cross_entropy: input 2 must be log_softmax of input 0");
  return NV_OK;
}

static nv_status simplify_cross_entropy(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *x = n->in[0];
  if (n->n_in == 3) return NV_OK;
  return nv_becomes(out, nv_op3(g, n->op->name, x, n->in[1], nv_op1(g, "log_softmax", x)));
}

/* d (softmax(x) - one_hot(label)). All of it goes to x: the third input is a function of x, so accounted for. */
static nv_status cross_entropy_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  nv_node *x = n->in[0], *labels = n->in[1];
  int ndim = x->type.ndim;
  int64_t shape[NV_MAX_DIMS], classes[2] = {0, x->type.shape[ndim - 1]};
  memcpy(shape, x->type.shape, sizeof shape);
  shape[ndim - 1] = 1;
  nv_node *label = nv_reshape(g, labels, ndim, shape);
  nv_node *class = nv_opx(g, "iota", NULL, 0, classes, 2, 0, 0, labels->type.dtype);
  nv_node *one_hot = nv_cast(g, nv_op2(g, "equal", class, label), x->type.dtype);
  nv_node *slope = sub(g, nv_op1(g, "exp", n->in[2]), one_hot);
  return nv_built(dx[0] = mul(g, slope, nv_reshape(g, d, ndim, shape)));
}

typedef struct pick_params {
  int64_t classes;
  nv_dtype dtype;
  bool wide;
} pick_params;

static nv_status run_pick(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const pick_params *p = instr->params;
  const void *labels = ptr[instr->n_out + 1], *l = ptr[instr->n_out + 2];
  int64_t lo, hi;
  nv_share(ctx, instr->rows, &lo, &hi);
  for (int64_t r = lo; r < hi; r++) {
    int64_t label = p->wide ? ((const int64_t *)labels)[r] : ((const int32_t *)labels)[r];
    if (label < 0 || label >= p->classes) {
      nv_status status =
          nv_fail(NV_ERR_VALUE, "%s: label %" PRId64 " at position %" PRId64 " is outside [0, %" PRId64 ")",
                  instr->op->name, label, r, p->classes);
      nv_team_fail(ctx, status);
      return status;
    }
    if (p->dtype == NV_F32)
      ((float *)ptr[0])[r] = -((const float *)l)[r * p->classes + label];
    else
      ((double *)ptr[0])[r] = -((const double *)l)[r * p->classes + label];
  }
  return NV_OK;
}

static nv_status lower_cross_entropy(nv_builder *b, const nv_node *n, nv_instr *instr) {
  pick_params *p = nv_builder_alloc(b, sizeof *p);
  if (!p) return NV_ERR_MEMORY;
  const nv_type *x = &n->in[0]->type;
  *p = (pick_params){x->shape[x->ndim - 1], x->dtype, n->in[1]->type.dtype == NV_I64};
  instr->run = run_pick;
  instr->params = p;
  instr->rows = nv_type_size(&n->type);
  instr->cost = 2.0 * (double)instr->rows;
  for (int k = 0; k < 4; k++) instr->operand[k].access = NV_ROWS;
  return NV_OK;
}

#define ROW(name_, doc_, infer_)                                                                                       \
  {.name = #name_,                                                                                                     \
   .min_in = 1,                                                                                                        \
   .max_in = 1,                                                                                                        \
   .attrs = "",                                                                                                        \
   .doc = doc_,                                                                                                        \
   .domain = "r",                                                                                                      \
   .infer = infer_,                                                                                                    \
   .grad = name_##_grad,                                                                                               \
   .lower = lower_##name_}
const nv_op nv_softmax_ops[] = {
    ROW(softmax, "e^x / sum(e^x) along the last axis", infer_row),
    ROW(log_softmax, "x - log(sum(e^x)) along the last axis", infer_row),
    ROW(logsumexp, "log(sum(e^x)) along the last axis, which stays with one element", infer_logsumexp),
    {.name = "sparse_softmax_cross_entropy",
     .min_in = 2,
     .max_in = 3,
     .attrs = "",
     .doc = "-log_softmax(x) at the label; a label outside [0, classes) stops the run",
     .domain = "r(*c)i(*)",
     .infer = infer_cross_entropy,
     .simplify = simplify_cross_entropy,
     .grad = cross_entropy_grad,
     .lower = lower_cross_entropy},
    {0},
};
