/* transcendental.c: elementwise rows of exponentials, logarithms, trigonometric, hyperbolic and error functions. Below,
 * y is the node's value, x its input, d its gradient. */
#include "ops/ops.h"

#define GRAD(name, formula)                                                                                            \
  static nv_status name##_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {                                    \
    nv_node *x = n->in[0], *y = n;                                                                                     \
    (void)x, (void)y;                                                                                                  \
    return nv_built(dx[0] = (formula));                                                                                \
  }
#define F(op, a) nv_op1(g, op, a)

#define LN2 0.69314718055994530942
#define LN10 2.30258509299404568402
#define TWO_OVER_SQRT_PI 1.12837916709551257390
#define HALF_SQRT_PI 0.88622692545275801365

static nv_node *one_minus_square(nv_graph *g, nv_node *x) { return minus_from(g, 1, square(g, x)); }
static nv_node *square_plus_one(nv_graph *g, nv_node *x) { return shift(g, square(g, x), 1); }

/* (x - 1)(x + 1): accurate near 1, where x^2 - 1 cancels */
static nv_node *square_minus_one(nv_graph *g, nv_node *x) { return mul(g, shift(g, x, -1), shift(g, x, 1)); }

GRAD(exp, mul(g, d, y))                                                            /* d e^x = d y */
GRAD(expm1, mul(g, d, shift(g, y, 1)))                                             /* d e^x = d (y + 1) */
GRAD(log, quo(g, d, x))                                                            /* d / x */
GRAD(log1p, quo(g, d, shift(g, x, 1)))                                             /* d / (1 + x) */
GRAD(log2, quo(g, d, scale(g, x, LN2)))                                            /* d / (x ln 2) */
GRAD(log10, quo(g, d, scale(g, x, LN10)))                                          /* d / (x ln 10) */
GRAD(sin, mul(g, d, F("cos", x)))                                                  /* d cos x */
GRAD(cos, neg(g, mul(g, d, F("sin", x))))                                          /* -d sin x */
GRAD(tan, mul(g, d, square_plus_one(g, y)))                                        /* d (1 + y^2) */
GRAD(arcsin, mul(g, d, F("rsqrt", one_minus_square(g, x))))                        /* d / sqrt(1 - x^2) */
GRAD(arccos, neg(g, mul(g, d, F("rsqrt", one_minus_square(g, x)))))                /* -d / sqrt(1 - x^2) */
GRAD(arctan, quo(g, d, square_plus_one(g, x)))                                     /* d / (1 + x^2) */
GRAD(sinh, mul(g, d, F("cosh", x)))                                                /* d cosh x */
GRAD(cosh, mul(g, d, F("sinh", x)))                                                /* d sinh x */
GRAD(tanh, mul(g, d, one_minus_square(g, y)))                                      /* d (1 - y^2) */
GRAD(arcsinh, mul(g, d, F("rsqrt", square_plus_one(g, x))))                        /* d / sqrt(x^2 + 1) */
GRAD(arccosh, mul(g, d, F("rsqrt", square_minus_one(g, x))))                       /* d / sqrt(x^2 - 1) */
GRAD(arctanh, quo(g, d, one_minus_square(g, x)))                                   /* d / (1 - x^2) */
GRAD(sigmoid, mul(g, d, mul(g, y, minus_from(g, 1, y))))                           /* d y (1 - y) */
GRAD(softplus, mul(g, d, F("sigmoid", x)))                                         /* d e^x / (1 + e^x) */
GRAD(erf, scale(g, mul(g, d, F("exp", neg(g, square(g, x)))), TWO_OVER_SQRT_PI))   /* d 2/sqrt(pi) e^(-x^2) */
GRAD(erfc, scale(g, mul(g, d, F("exp", neg(g, square(g, x)))), -TWO_OVER_SQRT_PI)) /* its negative */
GRAD(erfinv, scale(g, mul(g, d, F("exp", square(g, y))), HALF_SQRT_PI))            /* d sqrt(pi)/2 e^(y^2) */

/* y = atan2(a, b): (b, -a) d / (a^2 + b^2) */
static nv_status arctan2_grad(nv_graph *g, nv_node *n, nv_node *d, nv_node **dx) {
  nv_node *a = n->in[0], *b = n->in[1], *e = quo(g, d, add(g, square(g, a), square(g, b)));
  dx[0] = mul(g, e, b);
  dx[1] = neg(g, mul(g, e, a));
  return nv_built2(dx[0], dx[1]);
}

/* The logarithm of a probability, from what the probability was made of: log softmax(x), log sigmoid(x) =
 * -softplus(-x), log(1 - sigmoid(x)) = -softplus(x). Finite where the probability underflows. */
static nv_status simplify_log(nv_graph *g, const nv_node *n, nv_node **out) {
  nv_node *p = n->in[0];
  if (nv_is(p, "softmax")) return nv_becomes(out, F("log_softmax", p->in[0]));
  if (nv_is(p, "sigmoid")) return nv_becomes(out, neg(g, F("softplus", neg(g, p->in[0]))));
  if (nv_is(p, "subtract") && nv_is_value(p->in[0], 1) && nv_is(p->in[1], "sigmoid") &&
      nv_same_shape(&p->type, &p->in[1]->type))
    return nv_becomes(out, neg(g, F("softplus", p->in[1]->in[0])));
  return nv_simplify_elementwise(g, n, out);
}

#define ROW(name, domain, doc) NV_ROW(#name, name, 1, domain, doc, nv_infer_float, nv_simplify_elementwise, name##_grad)
const nv_op nv_transcendental_ops[] = {
    ROW(exp, "r", "e^x"),
    ROW(expm1, "r", "e^x - 1, accurate near 0"),
    NV_ROW("log", log, 1, "p", "natural logarithm", nv_infer_float, simplify_log, log_grad),
    ROW(log1p, "p", "log(1 + x), accurate near 0"),
    ROW(log2, "p", "logarithm to base 2"),
    ROW(log10, "p", "logarithm to base 10"),
    ROW(sin, "r", "sine"),
    ROW(cos, "r", "cosine"),
    ROW(tan, "u", "tangent"),
    ROW(arcsin, "u", "inverse sine"),
    ROW(arccos, "u", "inverse cosine"),
    ROW(arctan, "r", "inverse tangent"),
    ROW(sinh, "r", "hyperbolic sine"),
    ROW(cosh, "r", "hyperbolic cosine"),
    ROW(tanh, "r", "hyperbolic tangent"),
    ROW(arcsinh, "r", "inverse hyperbolic sine"),
    ROW(arccosh, "g", "inverse hyperbolic cosine"),
    ROW(arctanh, "u", "inverse hyperbolic tangent"),
    ROW(sigmoid, "r", "1 / (1 + e^-x)"),
    ROW(softplus, "r", "log(1 + e^x)"),
    ROW(erf, "r", "error function"),
    ROW(erfc, "r", "1 - erf(x), accurate for large x"),
    ROW(erfinv, "u", "inverse error function"),
    NV_ROW("arctan2", arctan2, 2, "nn", "the angle of the point (b, a)", nv_infer_float, nv_simplify_elementwise,
           arctan2_grad),
    {0},
};
