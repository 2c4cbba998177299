/* arithmetic.c: elementwise rows of exact operations: signs, sums, products, roots, rounding, choices. Below, y is the
 * node's value, d its gradient. */
#include "ops/ops.h"

#include <float.h>
#include <math.h>

/* The operand of `n` if it is op(operand), else NULL. */
static nv_node *under(const nv_node *n, const char *op) { return nv_is(n, op) ? n->in[0] : NULL; }

/* Half the gradient to each of two equal operands, all of it to the chosen one. */
static nv_node *share(nv_graph *g, const char *wins, nv_node *a, nv_node *b, nv_node *d) {
  nv_node *tie = where(g, nv_op2(g, "equal", a, b), scale(g, d, 0.5), scalar(g, d, 0));
  return where(g, nv_op2(g, wins, a, b), d, tie);
}

/* ---- gradients ---- */

static nv_status neg_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  (void)n;
  return nv_built(dx[0] = neg(g, d));
}

static nv_status abs_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* d sign(x), 0 at 0 */
  return nv_built(dx[0] = mul(g, d, nv_op1(g, "sign", n->in[0])));
}

static nv_status square_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* 2 x d */
  return nv_built(dx[0] = mul(g, d, scale(g, n->in[0], 2)));
}

static nv_status reciprocal_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* -d / x^2 = -d y^2 */
  return nv_built(dx[0] = neg(g, mul(g, d, square(g, n))));
}

static nv_status sqrt_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* d / (2 y) */
  return nv_built(dx[0] = quo(g, scale(g, d, 0.5), n));
}

static nv_status rsqrt_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* -d x^(-3/2) / 2 = -d y^3 / 2 */
  return nv_built(dx[0] = mul(g, scale(g, d, -0.5), mul(g, n, square(g, n))));
}

static nv_status relu_backward(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* d where y > 0: 0 at 0 */
  return nv_built(dx[0] = nv_op2(g, "relu_grad", n, d));
}

static nv_status relu_grad_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* linear in its second input */
  return nv_built(dx[1] = nv_op2(g, "relu_grad", n->in[0], d));
}

static nv_status add_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  (void)g, (void)n;
  dx[0] = dx[1] = d;
  return NV_OK;
}

static nv_status subtract_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  (void)n;
  dx[0] = d;
  return nv_built(dx[1] = neg(g, d));
}

static nv_status multiply_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  dx[0] = mul(g, d, n->in[1]);
  dx[1] = mul(g, d, n->in[0]);
  return nv_built2(dx[0], dx[1]);
}

static nv_status divide_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* d / b, -d a / b^2 = -(d / b) y */
  dx[0] = quo(g, d, n->in[1]);
  dx[1] = neg(g, mul(g, dx[0], n));
  return nv_built2(dx[0], dx[1]);
}

static nv_status mod_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* y = a - b floor(a / b) */
  dx[0] = d;
  return nv_built(dx[1] = neg(g, mul(g, d, nv_op2(g, "floor_divide", n->in[0], n->in[1]))));
}

/* d/dx x^p = p x^(p-1), 0 where p = 0 (so no 0 * inf at x = 0). d/dp x^p = y log x where x > 0, else 0: the limit at 0
 * for p > 0, and no NaN from the logarithm. */
static nv_status power_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  nv_node *x = n->in[0], *p = n->in[1];
  double c;
  if (nv_is_full(p, &c)) {
    dx[0] = mul(g, d, scale(g, nv_op2(g, "power", x, scalar(g, p, c - 1)), c));
  } else {
    nv_node *flat = nv_op2(g, "equal", p, scalar(g, p, 0));
    nv_node *slope = mul(g, p, nv_op2(g, "power", x, where(g, flat, scalar(g, p, 1), shift(g, p, -1))));
    dx[0] = mul(g, d, where(g, flat, scalar(g, p, 0), slope));
  }
  nv_node *positive = nv_op2(g, "greater", x, scalar(g, x, 0));
  nv_node *log = nv_op1(g, "log", where(g, positive, x, scalar(g, x, 1)));
  dx[1] = mul(g, d, where(g, positive, mul(g, n, log), scalar(g, x, 0)));
  return nv_built2(dx[0], dx[1]);
}

static nv_status maximum_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  dx[0] = share(g, "greater", n->in[0], n->in[1], d);
  dx[1] = share(g, "greater", n->in[1], n->in[0], d);
  return nv_built2(dx[0], dx[1]);
}

static nv_status minimum_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  dx[0] = share(g, "less", n->in[0], n->in[1], d);
  dx[1] = share(g, "less", n->in[1], n->in[0], d);
  return nv_built2(dx[0], dx[1]);
}

static nv_status where_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  dx[1] = where(g, n->in[0], d, scalar(g, d, 0));
  dx[2] = where(g, n->in[0], scalar(g, d, 0), d);
  return nv_built2(dx[1], dx[2]);
}

static nv_status fma_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* a b + c */
  dx[0] = mul(g, d, n->in[1]);
  dx[1] = mul(g, d, n->in[0]);
  dx[2] = d;
  return nv_built2(dx[0], dx[1]);
}

static nv_status cast_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) { /* linear between floats, else a step */
  if (!nv_is_float(n->in[0]->type.dtype)) return NV_OK;
  return nv_built(dx[0] = nv_cast(g, d, n->in[0]->type.dtype));
}

/* ---- simplifications. No infinity, NaN or sign of a zero changes by one: x + 0 is not x at -0, 0 - x not -x at 0,
 * -(a - b) not b - a where they are equal, x 0 not 0, and constant factors wait for their turn to overflow. ---- */

/* Whether `n` is 0 everywhere: for floats, the zero of that sign. */
static bool is_zero(const nv_node *n, bool negative) {
  double v;
  return nv_is_full(n, &v) && v == 0 && (!nv_is_float(n->type.dtype) || !!signbit(v) == negative);
}

static nv_status simplify_neg(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *x = n->in[0];
  if (nv_is(x, "neg")) return nv_becomes(out, x->in[0]);
  return nv_simplify_elementwise(g, n, out);
}

static nv_status simplify_even(nv_graph *g, const nv_node *n, nv_node **out) { /* f(-x) = f(|x|) = f(x) */
  nv_node *x = under(n->in[0], "neg");
  if (!x) x = under(n->in[0], "abs");
  if (x) return nv_becomes(out, nv_op1(g, n->op->name, x));
  return nv_simplify_elementwise(g, n, out);
}

static nv_status simplify_idempotent(nv_graph *g, const nv_node *n, nv_node **out) { /* f(f(x)) = f(x) */
  if (n->in[0]->op == n->op) return nv_becomes(out, n->in[0]);
  return nv_simplify_elementwise(g, n, out);
}

static nv_status simplify_reciprocal(nv_graph *g, const nv_node *n, nv_node **out) {
  if (nv_is(n->in[0], "sqrt")) return nv_becomes(out, nv_op1(g, "rsqrt", n->in[0]->in[0]));
  return nv_simplify_elementwise(g, n, out);
}

static nv_status simplify_add(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *a = n->in[0], *b = n->in[1];
  if (is_zero(b, true)) return nv_becomes(out, broadcast_as(g, a, &n->type));
  if (is_zero(a, true)) return nv_becomes(out, broadcast_as(g, b, &n->type));
  if (nv_is(b, "neg")) return nv_becomes(out, sub(g, a, b->in[0]));
  if (nv_is(a, "neg")) return nv_becomes(out, sub(g, b, a->in[0]));
  return nv_simplify_commutative(g, n, out);
}

static nv_status simplify_subtract(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *a = n->in[0], *b = n->in[1];
  if (is_zero(b, false)) return nv_becomes(out, broadcast_as(g, a, &n->type));
  if (nv_is(b, "neg")) return nv_becomes(out, add(g, a, b->in[0]));
  return nv_simplify_elementwise(g, n, out);
}

static bool normal(nv_dtype dtype, double c) {
  return dtype == NV_F32   ? fabs(c) >= (double)FLT_MIN && fabs(c) <= (double)FLT_MAX
         : dtype == NV_F64 ? fabs(c) >= DBL_MIN && fabs(c) <= DBL_MAX
                           : false;
}

/* x a b is x (a b) if no x overflows or underflows on the way only: both factors enlarge, or neither does. */
static bool mergeable(nv_dtype dtype, double a, double b) {
  return normal(dtype, a * b) && (fabs(a) >= 1) == (fabs(b) >= 1);
}

static nv_status simplify_multiply(nv_graph *g, const nv_node *n, nv_node **out) {
  NV_TRY(nv_simplify_commutative(g, n, out)); /* from here a constant is in[1] */
  nv_node *a = n->in[0], *b = n->in[1];
  double c, c0;
  if (*out) return NV_OK;
  if (a == b) return nv_becomes(out, square(g, a));
  if (nv_is(a, "neg") && nv_is(b, "neg")) return nv_becomes(out, mul(g, a->in[0], b->in[0]));
  if (!nv_is_full(b, &c)) return NV_OK;
  if (c == 1) return nv_becomes(out, broadcast_as(g, a, &n->type));
  if (c == -1) return nv_becomes(out, broadcast_as(g, neg(g, a), &n->type));
  if (b->type.ndim > 0) return NV_OK;
  if (nv_is(a, "neg") && nv_round_to(n->type.dtype, -c, &c0)) return nv_becomes(out, scale(g, a->in[0], -c));
  if (nv_is(a, "multiply") && nv_is_full(a->in[1], &c0) && a->in[1]->type.ndim == 0 && mergeable(n->type.dtype, c0, c))
    return nv_becomes(out, scale(g, a->in[0], c0 * c));
  return NV_OK;
}

static nv_status simplify_divide(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *a = n->in[0], *b = n->in[1];
  double c;
  int exponent;
  NV_TRY(nv_simplify_elementwise(g, n, out));
  if (*out) return NV_OK;
  if (nv_is_full(b, &c)) {
    if (c == 1) return nv_becomes(out, broadcast_as(g, a, &n->type));
    if (normal(n->type.dtype, c) && normal(n->type.dtype, 1 / c) && fabs(frexp(c, &exponent)) == 0.5)
      return nv_becomes(out, mul(g, a, nv_full_like(g, b, 1 / c))); /* exact for powers of two */
  }
  if (nv_is_value(a, 1)) return nv_becomes(out, broadcast_as(g, nv_op1(g, "reciprocal", b), &n->type));
  return NV_OK;
}

/* Small constant exponents are products and roots, as in NumPy. */
static nv_status simplify_power(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *x = n->in[0], *y = NULL;
  double p;
  if (nv_is_full(n->in[1], &p)) {
    bool real = nv_is_float(n->type.dtype);
    if (p == 0) return nv_becomes(out, nv_full(g, &n->type, 1));
    if (p == 1)
      y = x;
    else if (p == 2)
      y = square(g, x);
    else if (p == 3)
      y = mul(g, x, square(g, x));
    else if (p == 4)
      y = square(g, square(g, x));
    else if (real && p == 0.5)
      y = nv_op1(g, "sqrt", x);
    else if (real && p == -0.5)
      y = nv_op1(g, "rsqrt", x);
    else if (real && p == -1)
      y = nv_op1(g, "reciprocal", x);
    else
      return nv_simplify_elementwise(g, n, out);
    return nv_becomes(out, broadcast_as(g, y, &n->type));
  }
  return nv_simplify_elementwise(g, n, out);
}

static nv_status simplify_extremum(nv_graph *g, const nv_node *n, nv_node **out) {
  if (n->in[0] == n->in[1]) return nv_becomes(out, n->in[0]);
  return nv_simplify_elementwise(g, n, out);
}

static nv_status simplify_relu_grad(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *d = n->in[1];
  if (nv_is(d, "relu_grad") && d->in[0] == n->in[0]) return nv_becomes(out, d); /* masked twice */
  return nv_simplify_elementwise(g, n, out);
}

static nv_status simplify_where(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *c = n->in[0], *a = n->in[1], *b = n->in[2];
  double v;
  if (nv_is_full(c, &v)) return nv_becomes(out, broadcast_as(g, v != 0 ? a : b, &n->type));
  if (a == b) return nv_becomes(out, broadcast_as(g, a, &n->type));
  if (nv_is(a, "where") && a->in[0] == c)
    return nv_becomes(out, broadcast_as(g, where(g, c, a->in[1], b), &n->type)); /* what falls away may be the widest */
  if (nv_is(b, "where") && b->in[0] == c) return nv_becomes(out, broadcast_as(g, where(g, c, a, b->in[2]), &n->type));
  return nv_simplify_elementwise(g, n, out);
}

static bool widens(nv_dtype from, nv_dtype to) { /* every value of `from` is one of `to` */
  return from == NV_BOOL || (from == NV_I32 && (to == NV_I64 || to == NV_F64)) || (from == NV_F32 && to == NV_F64);
}

static nv_status simplify_cast(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *x = n->in[0];
  if (x->type.dtype == n->type.dtype) return nv_becomes(out, x);
  if (nv_is(x, "cast") && widens(x->in[0]->type.dtype, x->type.dtype))
    return nv_becomes(out, nv_cast(g, x->in[0], n->type.dtype));
  if (nv_is(x, "iota") && n->type.dtype != NV_BOOL && x->type.shape[x->attrs.i[0]] <= 1 << 24)
    return nv_becomes(out, nv_opx(g, "iota", NULL, 0, x->attrs.i, x->attrs.n_i, 0, 0, n->type.dtype));
  double v;
  if (nv_is_full(x, &v) && nv_round_to(n->type.dtype, nv_is_int(n->type.dtype) ? trunc(v) : v, &v))
    return nv_becomes(out, nv_full(g, &n->type, v));
  return NV_OK;
}

/* ---- types ---- */

static nv_status infer_where(const nv_node *n, nv_type *out) {
  const nv_type *a = &n->in[1]->type, *b = &n->in[2]->type;
  NV_TRY(nv_check_dtype(n, 0, NV_BOOLS));
  if (a->dtype != b->dtype)
    return nv_fail(NV_ERR_TYPE, "where: the two choices must have one dtype, got %s and %s", nv_dtype_name(a->dtype),
                   nv_dtype_name(b->dtype));
  NV_TRY(nv_broadcast("where", a, b, out));
  return nv_broadcast("where", out, &n->in[0]->type, out);
}

static nv_status infer_cast(const nv_node *n, nv_type *out) {
  *out = n->in[0]->type;
  out->dtype = n->attrs.dtype;
  return NV_OK;
}

#define ANY nv_simplify_elementwise
const nv_op nv_arithmetic_ops[] = {
    NV_ROW("neg", neg, 1, "r", "-x", nv_infer_number, simplify_neg, neg_grad),
    NV_ROW("abs", abs, 1, "n", "|x|; derivative 0 at 0", nv_infer_number, simplify_even, abs_grad),
    NV_ROW("sign", sign, 1, "n", "-1, 0 or 1; NaN of NaN; derivative 0", nv_infer_number, simplify_idempotent,
           nv_grad_zero),
    NV_ROW("square", square, 1, "r", "x x", nv_infer_number, simplify_even, square_grad),
    NV_ROW("reciprocal", reciprocal, 1, "n", "1 / x", nv_infer_float, simplify_reciprocal, reciprocal_grad),
    NV_ROW("sqrt", sqrt, 1, "p", "square root", nv_infer_float, ANY, sqrt_grad),
    NV_ROW("rsqrt", rsqrt, 1, "p", "1 / sqrt(x)", nv_infer_float, ANY, rsqrt_grad),
    NV_ROW("relu", relu, 1, "n", "max(x, 0); derivative 0 at 0", nv_infer_number, simplify_idempotent, relu_backward),
    NV_ROW("floor", floor, 1, "f", "the integer at or below x; derivative 0", nv_infer_float, simplify_idempotent,
           nv_grad_zero),
    NV_ROW("ceil", ceil, 1, "f", "the integer at or above x; derivative 0", nv_infer_float, simplify_idempotent,
           nv_grad_zero),
    NV_ROW("round", round, 1, "f", "the nearest integer, halves to even; derivative 0", nv_infer_float,
           simplify_idempotent, nv_grad_zero),
    NV_ROW("trunc", trunc, 1, "f", "the integer towards zero; derivative 0", nv_infer_float, simplify_idempotent,
           nv_grad_zero),
    NV_ROW("add", add, 2, "rr", "a + b", nv_infer_number, simplify_add, add_grad),
    NV_ROW("subtract", subtract, 2, "rr", "a - b", nv_infer_number, simplify_subtract, subtract_grad),
    NV_ROW("multiply", multiply, 2, "rr", "a b", nv_infer_number, simplify_multiply, multiply_grad),
    NV_ROW("divide", divide, 2, "rn", "a / b", nv_infer_float, simplify_divide, divide_grad),
    NV_ROW("floor_divide", floor_divide, 2, "fw", "floor(a / b); derivative 0", nv_infer_number, ANY, nv_grad_zero),
    NV_ROW("mod", mod, 2, "fw", "a - b floor(a / b): the sign of b", nv_infer_number, ANY, mod_grad),
    NV_ROW("power", power, 2, "pr", "a^b; derivative for b is 0 where a <= 0", nv_infer_number, simplify_power,
           power_grad),
    NV_ROW("maximum", maximum, 2, "dd", "the larger, NaN if either is; equal operands share the gradient",
           nv_infer_number, simplify_extremum, maximum_grad),
    NV_ROW("minimum", minimum, 2, "dd", "the smaller, NaN if either is; equal operands share the gradient",
           nv_infer_number, simplify_extremum, minimum_grad),
    NV_ROW("where", select, 3, "brr", "c ? a : b", infer_where, simplify_where, where_grad),
    NV_ROW("fma", fma, 3, "rrr", "a b + c with one rounding", nv_infer_float, ANY, fma_grad),
    {.name = "relu_grad",
     .min_in = 2,
     .max_in = 2,
     .flags = NV_OP_ELEMENTWISE | NV_OP_HIDDEN,
     .attrs = "",
     .doc = "a > 0 ? b : 0",
     .domain = "nr",
     .infer = nv_infer_float,
     .simplify = simplify_relu_grad,
     .grad = relu_grad_grad,
     .block = NV_BLOCK_relu_grad},
    {.name = "cast",
     .min_in = 1,
     .max_in = 1,
     .flags = NV_OP_ELEMENTWISE,
     .attrs = "dtype:dtype",
     .doc = "to another dtype; float to int truncates, saturates, NaN gives 0; the gradient passes between floats",
     .domain = "r",
     .infer = infer_cast,
     .simplify = simplify_cast,
     .grad = cast_grad,
     .block = NV_BLOCK_copy},
    {0},
};
