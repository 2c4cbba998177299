/* test_ops.c: the op table by itself: what infer rejects and says, what simplify finds, the shape of gradient graphs,
 * and that every allocation may fail. Numbers are checked from Python (tests/test_op_table.py). */
#include "ops/ops.h"

#include <stdio.h>
#include <stdlib.h>

static int failures;
#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      failures++;                                                                                                      \
      fprintf(stderr, "%s:%d: failed: %s   [last error: %s]\n", __FILE__, __LINE__, #condition, nv_error());           \
    }                                                                                                                  \
  } while (0)

/* ---- short names for building ---- */

static nv_graph *g;

static void fresh(void) {
  nv_graph_release(g);
  g = NULL;
  if (nv_graph_new(&g) != NV_OK) {
    fprintf(stderr, "no graph: %s\n", nv_error());
    exit(1);
  }
}

static nv_type type(nv_dtype dtype, int ndim, int64_t a, int64_t b, int64_t c) {
  return (nv_type){.dtype = dtype, .ndim = ndim, .shape = {a, b, c}};
}

static nv_node *input(nv_dtype dtype, int ndim, int64_t a, int64_t b, int64_t c) {
  nv_type t = type(dtype, ndim, a, b, c);
  nv_node *n = NULL;
  CHECK(nv_graph_input(g, &t, NULL, &n) == NV_OK);
  return n;
}

#define INTS(...) (const int64_t[]){__VA_ARGS__}, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
static nv_node *op1i(const char *op, nv_node *a, const int64_t *i, int n_i) {
  return nv_opx(g, op, &a, 1, i, n_i, 0, 0, 0);
}
static nv_node *op2i(const char *op, nv_node *a, nv_node *b, const int64_t *i, int n_i) {
  return nv_opx(g, op, (nv_node *[]){a, b}, 2, i, n_i, 0, 0, 0);
}
static nv_node *full(nv_node *like, double v) { return nv_full_like(g, like, v); }
static nv_node *one(const char *op, nv_node *a) { return nv_op1(g, op, a); }
static nv_node *two(const char *op, nv_node *a, nv_node *b) { return nv_op2(g, op, a, b); }
static bool shape_is(const nv_node *n, int ndim, int64_t a, int64_t b, int64_t c) {
  nv_type t = type(NV_F32, ndim, a, b, c);
  return n && nv_same_shape(&n->type, &t);
}

/* ---- the table ---- */

static void test_rows(void) {
  CHECK(nv_op_count() > 90);
  for (int k = 0; k < nv_op_count(); k++) {
    nv_op_info a = nv_op_at(k);
    CHECK(a.name && a.attrs && a.doc && a.domain && a.doc[0]);
    for (int j = 0; j < k; j++) CHECK(strcmp(a.name, nv_op_at(j).name) != 0);
    const nv_op *row = nv_op_find(g, a.name);
    CHECK(row != NULL);
    bool source = strcmp(a.name, "input") == 0 || strcmp(a.name, "constant") == 0 || strcmp(a.name, "variable") == 0;
    CHECK(source || row->infer);
    CHECK(source || row->grad); /* none is without a gradient: some are zero */
    int kinds = (row->flags & (NV_OP_ELEMENTWISE | NV_OP_LEAF) ? 1 : 0) + (row->view ? 1 : 0) + (row->lower ? 1 : 0);
    CHECK(kinds == !source);
  }
#define X(name, inputs)                                                                                                \
  if (NV_BLOCK_##name != NV_BLOCK_copy) {                                                                              \
    const nv_op *row = nv_op_find(g, strcmp(#name, "select") == 0 ? "where" : #name);                                  \
    CHECK(row && row->block == NV_BLOCK_##name && row->min_in == inputs && row->max_in == inputs);                     \
  }
  NV_BLOCK_OPS(X)
#undef X
}

/* A kernel exists for every dtype that infer accepts. */
static void test_kernels_exist(void) {
  CHECK(nv_init() == NV_OK);
  for (int k = 0; k < nv_op_count(); k++) {
    const nv_op *row = nv_op_find(g, nv_op_at(k).name);
    if (!(row->flags & NV_OP_ELEMENTWISE) || strcmp(row->name, "cast") == 0) continue;
    for (int d = 0; d < NV_GRAPH_DTYPES; d++) {
      nv_node *x = input((nv_dtype)d, 1, 3, 0, 0), *y = input((nv_dtype)d, 1, 3, 0, 0), *c = input(NV_BOOL, 1, 3, 0, 0),
              *out;
      nv_node *in[3] = {x, y, y};
      if (row->block == NV_BLOCK_select) in[0] = c, in[1] = x;
      if (nv_graph_op(g, row->name, in, row->min_in, NULL, &out) != NV_OK) continue;
      if (!nv_k->block[row->block][d]) {
        failures++;
        fprintf(stderr, "%s accepts %s, but there is no kernel\n", row->name, nv_dtype_name((nv_dtype)d));
      }
    }
  }
}

/* ---- infer ---- */

static void rejects(int line, nv_node *n, nv_status status, const char *text) {
  if (!n && nv_build_status() == status && strcmp(nv_error(), text) == 0) return;
  failures++;
  fprintf(stderr, "line %d: expected status %d, \"%s\", got %d, \"%s\"\n", line, (int)status, text,
          n ? 0 : (int)nv_build_status(), n ? "a node" : nv_error());
}
#define REJECTS(node, status, text) rejects(__LINE__, node, status, text)

static void test_infer(void) {
  fresh();
  nv_node *a = input(NV_F32, 2, 32, 10, 0), *b = input(NV_F32, 2, 12, 5, 0), *d = input(NV_F64, 2, 32, 10, 0);
  nv_node *i = input(NV_I32, 1, 32, 0, 0), *v = input(NV_F32, 1, 7, 0, 0), *s = input(NV_F32, 0, 0, 0, 0);
  nv_node *e = input(NV_F32, 2, 0, 4, 0), *t = input(NV_BOOL, 1, 32, 0, 0);
  REJECTS(op2i("matmul", a, b, INTS(0, 0)), NV_ERR_VALUE, "matmul: inner dimensions differ: (32, 10) x (12, 5)");
  REJECTS(op2i("matmul", a, b, INTS(1, 0)), NV_ERR_VALUE,
          "matmul: inner dimensions differ: (32, 10) transposed x (12, 5)");
  REJECTS(op2i("matmul", a, v, INTS(0, 0)), NV_ERR_VALUE,
          "matmul: inputs must have 2 or more dimensions: (32, 10) and (7,)");
  REJECTS(op2i("matmul", a, b, INTS(2, 0)), NV_ERR_VALUE, "matmul: ta must be 0 or 1, got 2");
  REJECTS(op2i("matmul", a, b, NULL, 0), NV_ERR_VALUE, "matmul: expected 2 integers (ta and tb), got 0");
  REJECTS(op2i("matmul", a, d, INTS(0, 1)), NV_ERR_TYPE, "matmul: inputs must have one dtype, got float32 and float64");
  REJECTS(two("add", a, b), NV_ERR_VALUE, "add: shapes (32, 10) and (12, 5) cannot be broadcast together");
  REJECTS(two("add", a, d), NV_ERR_TYPE, "add: inputs must have one dtype, got float32 and float64");
  REJECTS(two("add", t, t), NV_ERR_TYPE, "add: input 0 must be floats or integers, got bool");
  REJECTS(one("exp", i), NV_ERR_TYPE, "exp: input 0 must be float32 or float64, got int32");
  REJECTS(two("logical_and", t, i), NV_ERR_TYPE, "logical_and: inputs must have one dtype, got bool and int32");
  REJECTS(nv_op3(g, "where", a, a, a), NV_ERR_TYPE, "where: input 0 must be bool, got float32");
  REJECTS(two("exp", a, a), NV_ERR_VALUE, "exp: takes 1 inputs, got 2");
  REJECTS(nv_reshape(g, a, 1, (int64_t[]){321}), NV_ERR_VALUE,
          "reshape: 320 elements of shape (32, 10) do not fill shape (321,)");
  REJECTS(nv_reshape(g, a, 2, (int64_t[]){-1, 10}), NV_ERR_VALUE, "reshape: extents cannot be negative, got -1");
  REJECTS(nv_reshape(g, a, 2, (int64_t[]){(int64_t)1 << 62, 8}), NV_ERR_VALUE,
          "reshape: 320 elements of shape (32, 10) do not fill shape (4611686018427387904, 8)");
  REJECTS(nv_reshape(g, a, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 320}), NV_ERR_VALUE,
          "reshape: a shape has 0 to 8 dimensions, got 9");
  REJECTS(nv_transpose(g, a, (int64_t[]){0, 0}), NV_ERR_VALUE, "transpose: axis 0 appears twice");
  REJECTS(nv_transpose(g, a, (int64_t[]){0, -1}), NV_ERR_VALUE, "transpose: axis -1 is out of range for 2 dimensions");
  REJECTS(nv_broadcast_to(g, a, 2, (int64_t[]){32, 20}), NV_ERR_VALUE,
          "broadcast_to: shape (32, 10) cannot be broadcast to (32, 20)");
  REJECTS(nv_broadcast_to(g, a, 1, (int64_t[]){10}), NV_ERR_VALUE,
          "broadcast_to: shape (32, 10) cannot be broadcast to (10,)");
  REJECTS(op1i("slice", v, INTS(5, 3, 1)), NV_ERR_VALUE,
          "slice: begin 5, size 3, step 1 on axis 0 does not fit shape (7,)");
  REJECTS(op1i("slice", v, INTS(1, 3, -1)), NV_ERR_VALUE,
          "slice: begin 1, size 3, step -1 on axis 0 does not fit shape (7,)");
  REJECTS(op1i("slice", v, INTS(0, INT64_MAX, INT64_MAX)), NV_ERR_VALUE,
          "slice: begin 0, size 9223372036854775807, step 9223372036854775807 on axis 0 does not fit shape (7,)");
  REJECTS(op1i("pad", v, INTS(-1, 0, 0)), NV_ERR_VALUE, "pad: widths cannot be negative, got -1, 0, 0 on axis 0");
  REJECTS(op1i("pad", v, INTS(INT64_MAX, 1, 0)), NV_ERR_VALUE, "pad: the result is too large");
  REJECTS(op2i("concatenate", a, b, INTS(0)), NV_ERR_VALUE,
          "concatenate: shapes may differ on axis 0 only: input 0 is (32, 10), input 1 is (12, 5)");
  REJECTS(op1i("sum", a, INTS(2)), NV_ERR_VALUE, "sum: axis 2 is out of range for 2 dimensions");
  REJECTS(op1i("sum", a, INTS(1, 1)), NV_ERR_VALUE, "sum: axis 1 appears twice");
  REJECTS(op1i("sum", t, INTS(0)), NV_ERR_TYPE, "sum: input 0 must be floats or integers, got bool");
  REJECTS(op1i("max", e, INTS(0)), NV_ERR_VALUE, "max: an empty axis has none, in shape (0, 4)");
  REJECTS(op1i("argmax", e, INTS(0)), NV_ERR_VALUE, "argmax: an empty axis has none, in shape (0, 4)");
  REJECTS(op1i("argmax", a, NULL, 0), NV_ERR_VALUE, "argmax: expected 1 integers (axis), got 0");
  REJECTS(one("softmax", s), NV_ERR_VALUE, "softmax: works along the last axis, but the input is a scalar");
  REJECTS(two("sparse_softmax_cross_entropy", a, v), NV_ERR_TYPE,
          "sparse_softmax_cross_entropy: input 1 must be int32 or int64, got float32");
  REJECTS(two("sparse_softmax_cross_entropy", b, i), NV_ERR_VALUE,
          "sparse_softmax_cross_entropy: labels must have the logits' shape without the last axis: (12, 5) and (32,)");
  REJECTS(op2i("take", a, v, INTS(0)), NV_ERR_TYPE, "take: input 1 must be int32 or int64, got float32");
  REJECTS(op2i("take_along_axis", a, i, INTS(0)), NV_ERR_VALUE,
          "take_along_axis: shapes may differ on the axis only: (32, 10) and (32,)");
  REJECTS(op2i("scatter_add", i, b, INTS(0, 9)), NV_ERR_VALUE,
          "scatter_add: the shape of the indices must be that of the updates from axis on: (32,) and (12, 5)");
  REJECTS(op2i("scatter_add", i, a, INTS(0, -9)), NV_ERR_VALUE, "scatter_add: size cannot be negative, got -9");
  REJECTS(op1i("top_k_indices", v, INTS(8)), NV_ERR_VALUE,
          "top_k_indices: k must be between 0 and the last axis's 7, got 8");
  REJECTS(nv_opx(g, "full", NULL, 0, INTS(2), 2.5, 0, NV_I32), NV_ERR_VALUE, "full: 2.5 is not a value of dtype int32");
  REJECTS(nv_opx(g, "full", NULL, 0, INTS((int64_t)1 << 40, (int64_t)1 << 40), 0, 0, NV_F32), NV_ERR_VALUE,
          "full: shape (1099511627776, 1099511627776) is too large");
  REJECTS(nv_opx(g, "iota", NULL, 0, INTS(0), 0, 0, NV_I32), NV_ERR_VALUE,
          "iota: needs an axis and a shape of 1 or more dimensions");
  REJECTS(nv_opx(g, "iota", NULL, 0, INTS(1, 4), 0, 0, NV_I32), NV_ERR_VALUE,
          "iota: axis 1 is out of range for 1 dimensions");
  REJECTS(nv_opx(g, "random_uniform", &i, 1, INTS(4), 0, 1, NV_F32), NV_ERR_TYPE,
          "random_uniform: input 0 must be int64, got int32");
  REJECTS(nv_opx(g, "cast", &i, 1, NULL, 0, 0, 0, (nv_dtype)99), NV_ERR_TYPE,
          "cast: dtype unknown is not supported; use float32, float64, int32, int64 or bool");
  REJECTS(nv_opx(g, "input", NULL, 0, NULL, 0, 0, 0, 0), NV_ERR_VALUE, "input: cannot be applied as an op");

  nv_type deep = {NV_F32, 8, {1, 1, 1, 1, 1, 1, 1, 2}}, single = {NV_I32, 0, {0}};
  nv_node *eight, *index;
  CHECK(nv_graph_input(g, &deep, NULL, &eight) == NV_OK && nv_graph_input(g, &single, NULL, &index) == NV_OK);
  REJECTS(op2i("scatter_add", index, eight, INTS(0, 3)), NV_ERR_VALUE,
          "scatter_add: a result of 9 dimensions; at most 8 are supported");
  REJECTS(op2i("take", eight, input(NV_I32, 2, 2, 2, 0), INTS(0)), NV_ERR_VALUE,
          "take: a result of 9 dimensions; at most 8 are supported");

  nv_node *u = input(NV_F32, 3, 2, 3, 4), *w = input(NV_F32, 3, 1, 4, 5);
  CHECK(shape_is(op2i("matmul", u, w, INTS(0, 0)), 3, 2, 3, 5));
  CHECK(shape_is(two("add", u, input(NV_F32, 2, 3, 1, 0)), 3, 2, 3, 4));
  CHECK(shape_is(op1i("sum", u, INTS(0, 2)), 3, 1, 3, 1));
  CHECK(shape_is(op2i("take", u, input(NV_I64, 1, 9, 0, 0), INTS(1)), 3, 2, 9, 4));
  CHECK(shape_is(op2i("concatenate", u, u, INTS(1)), 3, 2, 6, 4));
  CHECK(shape_is(op1i("pad", v, INTS(1, 2, 3)), 1, 1 + 7 + 6 * 3 + 2, 0, 0));
  CHECK(shape_is(op1i("sum", e, INTS(0)), 2, 1, 4, 0));
  CHECK(shape_is(two("sparse_softmax_cross_entropy", a, i), 1, 32, 0, 0));
  CHECK(shape_is(op2i("scatter_add", i, a, INTS(0, 9)), 2, 9, 10, 0));
}

/* ---- simplify: pointer equality with the simpler graph ---- */

static void test_simplify_arithmetic(void) {
  fresh();
  nv_node *x = input(NV_F32, 2, 3, 4, 0), *y = input(NV_F32, 2, 3, 4, 0), *row = input(NV_F32, 1, 4, 0, 0);
  nv_node *c = input(NV_BOOL, 2, 3, 4, 0), *d = input(NV_F32, 2, 3, 4, 0);
  CHECK(two("add", x, full(x, -0.0)) == x && two("add", full(x, -0.0), x) == x && two("subtract", x, full(x, 0)) == x);
  CHECK(nv_is(two("add", x, full(x, 0)), "add") && nv_is(two("subtract", x, full(x, -0.0)), "subtract")); /* at -0 */
  CHECK(two("multiply", x, full(x, 1)) == x && two("multiply", full(x, 1), x) == x &&
        two("divide", x, full(x, 1)) == x);
  CHECK(two("multiply", x, nv_scalar(g, NV_F32, 1)) == x);
  CHECK(two("add", row, full(x, -0.0)) == nv_broadcast_to(g, row, 2, x->type.shape));
  CHECK(nv_is(two("multiply", x, full(x, 0)), "multiply")); /* never 0: x may be NaN */
  CHECK(nv_is(two("subtract", x, x), "subtract"));
  CHECK(two("add", x, y) == two("add", y, x) && two("multiply", x, y) == two("multiply", y, x));
  CHECK(two("equal", x, y) == two("equal", y, x) && two("less", x, y) != two("less", y, x));
  CHECK(two("multiply", x, full(x, 3)) == two("multiply", x, nv_scalar(g, NV_F32, 3)));
  CHECK(one("neg", one("neg", x)) == x);
  CHECK(nv_is(one("neg", two("subtract", x, y)), "neg")); /* -(x - x) is -0 */
  CHECK(two("add", x, one("neg", y)) == two("subtract", x, y) && two("subtract", x, one("neg", y)) == two("add", x, y));
  CHECK(nv_is(two("subtract", full(x, 0), x), "subtract") && two("multiply", x, full(x, -1)) == one("neg", x));
  CHECK(two("multiply", x, x) == one("square", x) && one("square", one("neg", x)) == one("square", x));
  CHECK(one("abs", one("abs", x)) == one("abs", x) && one("relu", one("relu", x)) == one("relu", x));
  CHECK(two("multiply", two("multiply", x, full(x, 2)), full(x, 3)) == two("multiply", x, full(x, 6)));
  CHECK(nv_is(two("multiply", two("multiply", x, full(x, 1e-30)), full(x, 1e-30))->in[0],
              "multiply"));                                                                       /* would underflow */
  CHECK(nv_is(two("multiply", two("multiply", x, full(x, 8)), full(x, 0.5))->in[0], "multiply")); /* 8 x may overflow */
  CHECK(two("divide", x, full(x, 4)) == two("multiply", x, full(x, 0.25)) &&
        nv_is(two("divide", x, full(x, 3)), "divide"));
  CHECK(two("divide", full(x, 1), x) == one("reciprocal", x));
  CHECK(two("power", x, full(x, 0)) == full(x, 1) && two("power", x, full(x, 1)) == x);
  CHECK(two("power", x, full(x, 2)) == one("square", x) && two("power", x, full(x, 0.5)) == one("sqrt", x));
  CHECK(nv_is(two("power", x, full(x, 2.5)), "power"));
  CHECK(nv_cast(g, x, NV_F32) == x && nv_cast(g, nv_cast(g, x, NV_F64), NV_F32) == x);
  CHECK(nv_is(nv_cast(g, nv_cast(g, x, NV_I32), NV_F32), "cast"));
  CHECK(nv_op3(g, "where", full(c, 1), x, y) == x && nv_op3(g, "where", full(c, 0), x, y) == y);
  CHECK(nv_op3(g, "where", c, x, x) == x);
  CHECK(nv_op3(g, "where", c, nv_op3(g, "where", c, x, y), d) == nv_op3(g, "where", c, x, d));
  CHECK(nv_op3(g, "where", c, d, nv_op3(g, "where", c, x, y)) == nv_op3(g, "where", c, d, y));
  nv_node *yes = input(NV_BOOL, 0, 0, 0, 0),
          *s = input(NV_F32, 0, 0, 0, 0); /* the shape may be that of what falls away */
  CHECK(nv_op3(g, "where", yes, nv_op3(g, "where", yes, s, x), s) == nv_broadcast_to(g, s, 2, x->type.shape));
  nv_node *k = input(NV_I32, 1, 3, 0, 0);
  CHECK(nv_is(two("multiply", one("neg", k), full(k, INT32_MIN)), "multiply")); /* 2^31 is no int32 */
  CHECK(one("logical_not", one("logical_not", c)) == c && two("logical_and", c, c) == c);
  CHECK(one("log", one("softmax", x)) == one("log_softmax", x));
  CHECK(one("log", one("sigmoid", x)) == one("neg", one("softplus", one("neg", x))));
  CHECK(one("log", two("subtract", full(x, 1), one("sigmoid", x))) == one("neg", one("softplus", x)));
  CHECK(nv_is(one("log", one("exp", x)), "log") && nv_is(one("exp", one("log", x)), "exp"));
}

static void test_folding(void) {
  fresh();
  nv_node *x = input(NV_F32, 1, 3, 0, 0), *k = input(NV_I32, 1, 3, 0, 0);
  double v = 0;
  CHECK(two("add", full(x, 0.1), full(x, 0.2)) == full(x, (double)(0.1f + 0.2f)));
  CHECK(two("multiply", full(x, 0.1), full(x, 0.3)) == full(x, (double)(0.1f * 0.3f)));
  CHECK(nv_is_full(full(x, 0.1), &v) && v == (double)0.1f);
  CHECK(two("add", full(k, 2), full(k, 3)) == full(k, 5));
  CHECK(!nv_is_full(two("add", full(k, 2147483647), full(k, 1)), &v)); /* wraps when run */
  CHECK(one("sqrt", full(x, 2)) == full(x, (double)__builtin_sqrtf(2)));
  CHECK(nv_is(one("exp", full(x, 1)), "exp")); /* a libm has no say in the bits */
  CHECK(nv_is_full(two("less", full(x, 1), full(x, 2)), &v) && v == 1);
  CHECK(nv_cast(g, full(x, 2.7), NV_I32) == nv_full_like(g, full(k, 2), 2));
  CHECK(nv_is(nv_cast(g, full(x, 1e20), NV_I32), "cast"));
  CHECK(op1i("sum", full(x, 2), INTS(0)) == nv_full(g, &(nv_type){NV_F32, 1, {1}}, 6));
}

static void test_simplify_places(void) {
  fresh();
  nv_node *x = input(NV_F32, 3, 2, 3, 4), *m = input(NV_F32, 2, 3, 4, 0), *w = input(NV_F32, 2, 3, 5, 0);
  nv_node *col = input(NV_F32, 2, 5, 1, 0), *e = input(NV_F32, 2, 0, 4, 0), *s = input(NV_F32, 0, 0, 0, 0);
  CHECK(nv_reshape(g, x, 3, x->type.shape) == x);
  CHECK(nv_reshape(g, nv_reshape(g, x, 1, (int64_t[]){24}), 2, (int64_t[]){6, 4}) ==
        nv_reshape(g, x, 2, (int64_t[]){6, 4}));
  CHECK(nv_transpose(g, x, (int64_t[]){0, 1, 2}) == x);
  CHECK(nv_transpose(g, nv_transpose(g, x, (int64_t[]){1, 2, 0}), (int64_t[]){2, 0, 1}) == x);
  CHECK(nv_transpose(g, col, (int64_t[]){1, 0}) == nv_reshape(g, col, 2, (int64_t[]){1, 5})); /* nothing moves */
  CHECK(nv_broadcast_to(g, x, 3, x->type.shape) == x);
  CHECK(op1i("slice", m, INTS(0, 0, 3, 4, 1, 1)) == m);
  CHECK(op1i("slice", op1i("slice", m, INTS(0, 1, 3, 2, 1, 2)), INTS(2, 1, 2, 1, -1, 1)) ==
        op1i("slice", m, INTS(2, 3, 2, 1, -1, 1)));
  nv_node *joined = op2i("concatenate", x, x, INTS(1));
  CHECK(op1i("slice", joined, INTS(0, 3, 0, 2, 3, 4, 1, 1, 1)) == x);
  CHECK(op1i("concatenate", x, INTS(2)) == x && op2i("concatenate", e, m, INTS(0)) == m);
  CHECK(op1i("pad", m, INTS(0, 0, 0, 0, 0, 0)) == m);
  CHECK(op1i("sum", x, NULL, 0) == x && op1i("sum", col, INTS(1)) == col && op1i("prod", col, INTS(1)) == col);
  CHECK(op1i("sum", x, INTS(0, 2)) == op1i("sum", op1i("sum", x, INTS(2)), INTS(0))); /* one group after the other */
  CHECK(op1i("sum", x, INTS(2, 1)) == op1i("sum", x, INTS(1, 2)) && nv_is(op1i("sum", x, INTS(1, 2))->in[0], "input"));
  CHECK(op1i("sum", e, INTS(0)) == nv_full(g, &(nv_type){NV_F32, 2, {1, 4}}, 0));
  CHECK(op1i("prod", e, INTS(0)) == nv_full(g, &(nv_type){NV_F32, 2, {1, 4}}, 1));
  nv_node *repeated = nv_broadcast_to(g, s, 2, (int64_t[]){3, 4});
  CHECK(op1i("sum", repeated, INTS(0, 1)) ==
            nv_reshape(g, two("multiply", s, nv_scalar(g, NV_F32, 12)), 2, (int64_t[]){1, 1}) ||
        op1i("sum", repeated, INTS(0, 1)) ==
            two("multiply", nv_reshape(g, s, 2, (int64_t[]){1, 1}), nv_scalar(g, NV_F32, 12)));
  CHECK(op1i("max", repeated, INTS(0, 1)) == nv_reshape(g, s, 2, (int64_t[]){1, 1}));
  CHECK(nv_is(op1i("prod", repeated, INTS(0, 1)), "prod"));

  nv_node *mt = nv_transpose(g, m, (int64_t[]){1, 0});
  CHECK(op2i("matmul", mt, w, INTS(0, 0)) == op2i("matmul", m, w, INTS(1, 0)));
  CHECK(op2i("matmul", nv_transpose(g, w, (int64_t[]){1, 0}), m, INTS(0, 0)) == op2i("matmul", w, m, INTS(1, 0)));
  CHECK(op2i("matmul", m, mt, INTS(0, 0)) == op2i("matmul", m, m, INTS(0, 1)));
  nv_node *xt = nv_transpose(g, x, (int64_t[]){0, 2, 1});
  CHECK(op2i("matmul", x, xt, INTS(0, 0)) == op2i("matmul", x, x, INTS(0, 1)));
  nv_node *kn = input(NV_F32, 2, 4, 5, 0), *flat = nv_reshape(g, x, 2, (int64_t[]){6, 4});
  CHECK(op2i("matmul", x, kn, INTS(0, 0)) ==
        nv_reshape(g, op2i("matmul", flat, kn, INTS(0, 0)), 3, (int64_t[]){2, 3, 5}));
  CHECK(op2i("matmul", input(NV_F32, 2, 3, 0, 0), input(NV_F32, 2, 0, 5, 0), INTS(0, 0)) ==
        nv_full(g, &(nv_type){NV_F32, 2, {3, 5}}, 0));
}

/* ---- views: strides against the definition ---- */

static void test_views(void) {
  fresh();
  nv_node *x = input(NV_F32, 3, 2, 3, 4);
  int64_t contiguous[3] = {12, 4, 1}, turned[3] = {1, 2, 6}, offset = 9, strides[NV_MAX_DIMS];
  nv_node *r = nv_reshape(g, x, 2, (int64_t[]){6, 4});
  CHECK(r->op->view(r, contiguous, &offset, strides) && offset == 0 && strides[0] == 4 && strides[1] == 1);
  CHECK(!r->op->view(r, turned, &offset, strides));
  r = nv_reshape(g, x, 5, (int64_t[]){2, 1, 3, 2, 2});
  CHECK(r->op->view(r, turned, &offset, strides) && strides[0] == 1 && strides[2] == 2 && strides[3] == 12 &&
        strides[4] == 6);
  r = op1i("slice", x, INTS(1, 2, 3, 1, 2, 2, 1, -2, -3));
  CHECK(r->op->view(r, contiguous, &offset, strides) && offset == 12 + 8 + 3 && strides[1] == -8 && strides[2] == -3);
  r = nv_transpose(g, x, (int64_t[]){2, 0, 1});
  CHECK(r->op->view(r, contiguous, &offset, strides) && strides[0] == 1 && strides[1] == 12 && strides[2] == 4);
  r = nv_broadcast_to(g, input(NV_F32, 2, 3, 1, 0), 3, (int64_t[]){2, 3, 4});
  CHECK(r->op->view(r, (int64_t[]){1, 1}, &offset, strides) && strides[0] == 0 && strides[1] == 1 && strides[2] == 0);
}

/* ---- gradients ---- */

static nv_node *grad_of(nv_node *y, nv_node *x, nv_node *dy) {
  nv_node *d = NULL;
  CHECK(y && nv_graph_grad(g, y, dy, &x, 1, &d) == NV_OK);
  return d;
}

static void test_gradients(void) {
  fresh();
  nv_node *x = input(NV_F32, 2, 6, 4, 0), *d = input(NV_F32, 2, 6, 4, 0), *y;
  y = one("relu", x);
  CHECK(grad_of(y, x, d) == two("relu_grad", y, d)); /* in terms of the output */
  y = one("exp", x);
  CHECK(grad_of(y, x, d) == two("multiply", d, y));
  y = one("tanh", x);
  CHECK(grad_of(y, x, d) == two("multiply", d, two("subtract", nv_scalar(g, NV_F32, 1), one("square", y))));
  y = one("floor", x);
  CHECK(grad_of(y, x, d) == full(x, 0) && grad_of(one("stop_gradient", x), x, d) == full(x, 0));
  y = nv_cast(g, op1i("argmax", x, INTS(1)), NV_F32);
  CHECK(grad_of(y, x, NULL) == full(x, 0));
  y = one("square", x);
  CHECK(grad_of(grad_of(y, x, NULL), x, NULL) == full(x, 2));
  y = op1i("sum", x, INTS(0, 1));
  CHECK(grad_of(y, x, NULL) == full(x, 1));

  nv_node *w = input(NV_F32, 2, 4, 5, 0), *labels = input(NV_I32, 1, 6, 0, 0), *b = input(NV_F32, 1, 5, 0, 0);
  nv_node *z = op2i("matmul", x, w, INTS(0, 0)), *dz = input(NV_F32, 2, 6, 5, 0);
  CHECK(grad_of(z, x, dz) == op2i("matmul", dz, w, INTS(0, 1)) &&
        grad_of(z, w, dz) == op2i("matmul", x, dz, INTS(1, 0)));
  CHECK(grad_of(two("add", z, b), b, dz) == nv_reshape(g, op1i("sum", dz, INTS(0)), 1, (int64_t[]){5}));

  /* one row pass for the loss and its gradient: e^l - one_hot, l = log_softmax(z) */
  nv_node *loss = two("sparse_softmax_cross_entropy", z, labels), *l = one("log_softmax", z),
          *dl = input(NV_F32, 1, 6, 0, 0);
  CHECK(loss->n_in == 3 && loss->in[2] == l);
  nv_node *class = nv_opx(g, "iota", NULL, 0, INTS(0, 5), 0, 0, NV_I32);
  nv_node *hot = nv_cast(g, two("equal", class, nv_reshape(g, labels, 2, (int64_t[]){6, 1})), NV_F32);
  CHECK(grad_of(loss, z, dl) ==
        two("multiply", two("subtract", one("exp", l), hot), nv_reshape(g, dl, 2, (int64_t[]){6, 1})));
  nv_node *part = op1i("slice", x, INTS(5, 0, 3, 4, -2, 1)), *dpart = input(NV_F32, 2, 3, 4, 0);
  nv_node *back = op1i("slice", dpart, INTS(2, 0, 3, 4, -1, 1));
  CHECK(grad_of(part, x, dpart) == op1i("pad", back, INTS(1, 0, 0, 0, 1, 0)));
}

/* ---- the n-th allocation fails ---- */

static nv_status build_much(nv_graph *graph) {
  nv_node *x, *w, *y, *labels, *d[2], *dd[2], *many[40];
  nv_type tx = type(NV_F64, 2, 6, 4, 0), tw = type(NV_F64, 2, 4, 5, 0), tl = type(NV_I64, 1, 6, 0, 0);
  NV_TRY(nv_graph_input(graph, &tx, "x", &x));
  NV_TRY(nv_graph_input(graph, &tw, "w", &w));
  NV_TRY(nv_graph_input(graph, &tl, NULL, &labels));
  y = nv_opx(graph, "matmul", (nv_node *[]){x, w}, 2, (int64_t[]){0, 0}, 2, 0, 0, 0);
  for (int k = 0; k < 40; k++) many[k] = y ? scale(graph, y, k + 2) : NULL;
  y = nv_opx(graph, "concatenate", many, 40, (int64_t[]){1}, 1, 0, 0, 0);
  y = nv_op1(graph, "cumprod", nv_op1(graph, "softplus", y));
  y = nv_op2(graph, "sparse_softmax_cross_entropy", y, labels);
  y = nv_opx(graph, "prod", &y, 1, (int64_t[]){0}, 1, 0, 0, 0);
  if (!y) return nv_build_status();
  NV_TRY(nv_graph_grad(graph, y, NULL, (nv_node *[]){x, w}, 2, d));
  NV_TRY(nv_graph_grad(graph, d[1], NULL, (nv_node *[]){x, w}, 2, dd));
  return NV_OK;
}

static void test_allocations(void) {
  fresh();
  int64_t live = nv_alloc_live();
  int n = 1;
  for (;; n++) {
    nv_graph *graph = NULL;
    nv_alloc_fail_at(n);
    nv_status status = nv_graph_new(&graph);
    if (status == NV_OK) status = build_much(graph);
    nv_alloc_fail_at(0);
    CHECK(status == NV_OK || status == NV_ERR_MEMORY);
    if (graph && status != NV_OK) CHECK(build_much(graph) == NV_OK); /* the graph is usable afterwards */
    nv_graph_release(graph);
    CHECK(nv_alloc_live() == live);
    if (status == NV_OK) break;
  }
  CHECK(n > 10);
}

int main(void) {
  fresh();
  test_rows();
  test_kernels_exist();
  test_infer();
  test_simplify_arithmetic();
  test_folding();
  test_simplify_places();
  test_views();
  test_gradients();
  test_allocations();
  nv_graph_release(g);
  CHECK(nv_alloc_live() == 0);
  if (failures == 0) printf("test_ops: ok\n");
  return failures != 0;
}
