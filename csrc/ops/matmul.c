/* matmul.c: op(A) op(B) over the last two axes, leading axes broadcast. ta and tb say that a matrix is stored
 * transposed. */
#include "kernels/gemm.h"
#include "ops/ops.h"

static int64_t leading(const nv_type *t) { /* matrices */
  int64_t n = 1;
  for (int k = 0; k < t->ndim - 2; k++) n *= t->shape[k];
  return n;
}

static nv_status infer(const nv_node *n, nv_type *out) {
  const nv_type *a = &n->in[0]->type, *b = &n->in[1]->type;
  NV_TRY(nv_check_ints(n, 2, "ta and tb"));
  NV_TRY(nv_check_flag(n, 0, "ta"));
  NV_TRY(nv_check_flag(n, 1, "tb"));
  NV_TRY(nv_check_dtype(n, 0, NV_FLOATS));
  if (a->dtype != b->dtype)
    return nv_fail(NV_ERR_TYPE, "matmul: inputs must have one dtype, got %s and %s", nv_dtype_name(a->dtype),
                   nv_dtype_name(b->dtype));
  if (a->ndim < 2 || b->ndim < 2) return nv_shape_mismatch(n, "inputs must have 2 or more dimensions");
  const int64_t *sa = a->shape + a->ndim - 2, *sb = b->shape + b->ndim - 2;
  int ta = (int)n->attrs.i[0], tb = (int)n->attrs.i[1];
  if (sa[!ta] != sb[tb]) {
    char text_a[NV_SHAPE_TEXT], text_b[NV_SHAPE_TEXT];
    return nv_fail(NV_ERR_VALUE, "matmul: inner dimensions differ: %s%s x %s%s", nv_shape_text(a, text_a),
                   ta ? " transposed" : "", nv_shape_text(b, text_b), tb ? " transposed" : "");
  }
  nv_type lead_a = *a, lead_b = *b;
  lead_a.ndim -= 2, lead_b.ndim -= 2;
  NV_TRY(nv_broadcast("matmul, leading dimensions", &lead_a, &lead_b, out));
  out->shape[out->ndim++] = sa[ta];
  out->shape[out->ndim++] = sb[!tb];
  return NV_OK;
}

static nv_node *matmul(nv_graph *g, nv_node *a, nv_node *b, int64_t ta, int64_t tb) {
  return nv_opx(g, "matmul", (nv_node *[]){a, b}, 2, (int64_t[]){ta, tb}, 2, 0, 0, 0);
}

/* The matrix that n is the transpose of, else NULL. */
static nv_node *transposed(const nv_node *n) {
  int d = n->type.ndim;
  if (!nv_is(n, "transpose")) return NULL;
  for (int k = 0; k < d - 2; k++)
    if (n->attrs.i[k] != k) return NULL;
  return n->attrs.i[d - 1] == d - 2 ? n->in[0] : NULL;
}

static nv_node *flat(nv_graph *g, nv_node *a) { /* [.., r, c] as [rows, c] */
  const nv_type *t = &a->type;
  return nv_reshape(g, a, 2, (int64_t[]){leading(t) * t->shape[t->ndim - 2], t->shape[t->ndim - 1]});
}

/* Transposes become flags, and one matrix B for all of A's makes one larger product. */
static nv_status simplify(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *a = n->in[0], *b = n->in[1], *at = transposed(a), *bt = transposed(b);
  int64_t ta = n->attrs.i[0], tb = n->attrs.i[1];
  if (at || bt) return nv_becomes(out, matmul(g, at ? at : a, bt ? bt : b, at ? !ta : ta, bt ? !tb : tb));
  if (nv_type_size(&n->type) == 0 || nv_type_size(&a->type) == 0)
    return nv_becomes(out, nv_full(g, &n->type, 0)); /* a sum of nothing is 0 */
  if (n->type.ndim > 2 && leading(&b->type) == 1 && (!ta || leading(&a->type) == 1))
    return nv_becomes(out, reshape_as(g, matmul(g, flat(g, a), flat(g, b), ta, tb), &n->type));
  return NV_OK;
}

/* C = op(A) op(B): d op(A) = D op(B)^T, d op(B) = op(A)^T D; transposed once more where A or B is. */
static nv_status grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  nv_node *a = n->in[0], *b = n->in[1];
  int64_t ta = n->attrs.i[0], tb = n->attrs.i[1];
  dx[0] = ta ? matmul(g, b, d, tb, 1) : matmul(g, d, b, 0, !tb);
  dx[1] = tb ? matmul(g, d, a, 1, ta) : matmul(g, a, d, !ta, 0);
  return nv_built2(dx[0], dx[1]);
}

/* ---- running ---- */

typedef struct matmul_params {
  nv_gemm gemm;
  int64_t batch;
  int64_t *a, *b; /* where each product's matrices begin, in bytes; its result follows the one before */
  int64_t c;      /* bytes of a result */
  size_t own;     /* split by products: bytes of this thread's scratch that take the place of the shared memory */
} matmul_params;

typedef struct tile_arg {
  nv_ctx *ctx;
  const nv_instr *instr;
  void *const *ptr;
  int64_t row;
} tile_arg;

static void tile(void *arg, int64_t r0, int64_t r1, int64_t c0, int64_t c1) {
  const tile_arg *t = arg;
  nv_expr_tile(t->instr->epilogue, t->ctx, t->ptr, t->row + r0, t->row + r1, c0, c1);
}

static nv_status product(nv_ctx *team, nv_ctx *whole, const nv_instr *instr, void *const *ptr, int64_t k) {
  const matmul_params *p = instr->params;
  const char *a = ptr[instr->n_out], *b = ptr[instr->n_out + 1];
  tile_arg arg = {whole, instr, ptr, k * p->gemm.m};
  return nv_gemm_run(team, &p->gemm, a + p->a[k], b + p->b[k], (char *)ptr[0] + k * p->c, instr->epilogue ? tile : NULL,
                     &arg);
}

static nv_status run_together(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) { /* all threads in each product */
  const matmul_params *p = instr->params;
  for (int64_t k = 0; k < p->batch; k++) NV_TRY(product(ctx, ctx, instr, ptr, k));
  return NV_OK;
}

static nv_status run_apart(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) { /* each thread its products */
  const matmul_params *p = instr->params;
  nv_ctx alone = *ctx;
  int64_t lo, hi;
  nv_share(ctx, p->batch, &lo, &hi);
  alone.thread = 0, alone.n_threads = 1, alone.team = NULL, alone.poll = NULL;
  alone.shared = (char *)ctx->scratch + p->own;
  for (int64_t k = lo; k < hi && !nv_poll_now(ctx); k++) NV_TRY(product(&alone, ctx, instr, ptr, k));
  return NV_OK;
}

#define MAX_THREADS 256
#define BIG_PRODUCT 2e6 /* ns: enough for a team */

static nv_status lower(nv_builder *builder, const nv_node *n, nv_instr *instr) {
  matmul_params *p = nv_builder_alloc(builder, sizeof *p);
  const nv_type *a = &n->in[0]->type, *b = &n->in[1]->type, *c = &n->type;
  int64_t batch = leading(c), item = (int64_t)nv_dtype_size(c->dtype);
  int64_t *at = nv_builder_alloc(builder, 2 * (size_t)batch * sizeof *at);
  if (!p || !at) return NV_ERR_MEMORY;
  bool ta = n->attrs.i[0], tb = n->attrs.i[1];
  nv_gemm gemm = {.dtype = c->dtype,
                  .ta = ta,
                  .tb = tb,
                  .m = c->shape[c->ndim - 2],
                  .n = c->shape[c->ndim - 1],
                  .k = a->shape[a->ndim - (ta ? 2 : 1)],
                  .lda = a->shape[a->ndim - 1],
                  .ldb = b->shape[b->ndim - 1],
                  .ldc = c->shape[c->ndim - 1]};
  *p = (matmul_params){.gemm = gemm, .batch = batch, .a = at, .b = at + batch, .c = gemm.m * gemm.n * item};
  for (int64_t k = 0; k < batch; k++) { /* leading axes of one matrix are stayed at */
    int64_t rest = k, step_a = gemm.m * gemm.k * item, step_b = gemm.k * gemm.n * item;
    for (int d = c->ndim - 3; d >= 0; d--) {
      int64_t i = rest % c->shape[d];
      int da = d - (c->ndim - a->ndim), db = d - (c->ndim - b->ndim);
      rest /= c->shape[d];
      if (da >= 0 && a->shape[da] != 1) p->a[k] += i * step_a;
      if (db >= 0 && b->shape[db] != 1) p->b[k] += i * step_b;
      if (da >= 0) step_a *= a->shape[da];
      if (db >= 0) step_b *= b->shape[db];
    }
  }
  nv_gemm_prepare(&p->gemm, MAX_THREADS);
  bool apart = batch > 1 && p->gemm.cost < BIG_PRODUCT;
  if (apart) {
    p->gemm = gemm;
    nv_gemm_prepare(&p->gemm, 1);
    p->own = (p->gemm.scratch + 63) / 64 * 64;
  }
  instr->run = apart ? run_apart : run_together;
  instr->params = p;
  instr->cost = p->gemm.cost * (double)batch;
  instr->flops = 2.0 * (double)batch * (double)gemm.m * (double)gemm.n * (double)gemm.k;
  instr->scratch = apart ? p->own + p->gemm.shared : p->gemm.scratch;
  instr->shared = apart ? 0 : p->gemm.shared;
  instr->inner_barrier = !apart && p->gemm.inner_barrier;
  instr->accepts_epilogue = true;
  instr->rows = apart ? batch : p->gemm.by_rows ? gemm.m : gemm.n;
  if (apart || (batch == 1 && p->gemm.by_rows)) instr->operand[0].access = NV_ROWS;
  if (batch == 1 && p->gemm.by_rows && !ta) instr->operand[1].access = NV_ROWS;
  return NV_OK;
}

const nv_op nv_matmul_ops[] = {
    {.name = "matmul",
     .min_in = 2,
     .max_in = 2,
     .attrs = "ta:flag,tb:flag",
     .doc = "matrix product of the last two axes; ta, tb: that input is stored transposed",
     .domain = "r(*mk)r(*kn)",
     .infer = infer,
     .simplify = simplify,
     .grad = grad,
     .lower = lower},
    {0},
};
