/* scaled_conjugate_gradient.c: conjugate gradients whose step length comes from the curvature along the direction, made
 * positive by a scale lambda that follows how well the quadratic model does; no line search (Moller 1993, "A scaled
 * conjugate gradient algorithm for fast supervised learning"). The product with the Hessian is exact, where the paper
 * has a difference of gradients: its constant sigma is not needed. */
#include "optimize/quadratic.h"

#include <math.h>

#define LAMBDA_MIN 1e-20
#define LAMBDA_MAX 1e20

typedef struct state {
  double lambda, first; /* first: where it starts */
  double beta;          /* the next direction is -g + beta d */
  int64_t since;        /* iterations since the direction was -g; -1: it is to be */
  double *hp;
} state;

static nv_status prepare(nv_minimizer *m) {
  state *s = m->state = nv_pool_alloc(&m->memory, sizeof *s);
  if (!s || !(s->hp = nv_pool_alloc(&m->memory, ((size_t)m->n + 1) * sizeof(double)))) return NV_ERR_MEMORY;
  s->first = nv_option(m, "lambda", 5e-7);
  if (!(s->first > 0 && s->first <= LAMBDA_MAX))
    return nv_fail(NV_ERR_VALUE, "scaled_conjugate_gradient: lambda must be positive, got %g", s->first);
  if (!m->objective->hessian_product)
    return nv_fail(NV_ERR_VALUE,
                   "scaled_conjugate_gradient needs products with the Hessian, which this function does not give");
  return NV_OK;
}

static void reset(nv_minimizer *m) {
  state *s = m->state;
  s->lambda = s->first, s->since = -1;
}

static void turn(nv_minimizer *m, state *s) {
  bool again = s->since < 0 || s->since + 1 >= m->n;
  if (!again) {
    nv_combine(m->n, -1, m->g, s->beta, m->d, m->d);
    again = !(nv_dot(m->n, m->g, m->d) < 0); /* a step that is not exact along the last direction may turn uphill */
  }
  if (again) nv_scale(m->n, -1, m->g, m->d);
  s->since = again ? 0 : s->since + 1;
}

/* From the curvature along d alone: lambda is raised until a step along it lowers f. */
static nv_status along(nv_minimizer *m, state *s) {
  double pp = nv_dot(m->n, m->d, m->d), mu = -nv_dot(m->n, m->d, m->g), shortest = nv_shortest(m);
  NV_TRY(nv_hessian_product(m, m->d, s->hp));
  double curvature = nv_dot(m->n, m->d, s->hp);
  if (!isfinite(curvature)) curvature = 0; /* unknown: lambda alone decides */
  while (!nv_spent(m)) {
    double delta = curvature + s->lambda * pp;
    if (delta <= 0) { /* the paper's step 4 makes it -curvature */
      s->lambda = 2 * (s->lambda - delta / pp);
      delta = curvature + s->lambda * pp;
    }
    double t = mu / delta;
    if (!(t * sqrt(pp) > shortest) || s->lambda > LAMBDA_MAX) return NV_OK;
    nv_combine(m->n, 1, m->x, t, m->d, m->xt);
    NV_TRY(nv_eval(m, m->xt, &m->ft, m->gt));
    double ratio = nv_agreement(m, 0.5 * mu * t, t);
    /* The paper's steps 7 and 8. What a ratio far below zero says of the curvature is no more than "much higher". */
    if (ratio >= 0.75) s->lambda = fmax(0.25 * s->lambda, LAMBDA_MIN);
    if (ratio < 0.25) s->lambda += delta * (1 - fmax(ratio, -8)) / pp;
    if (!(ratio > 0)) continue;
    nv_accept(m);
    /* Now m->gt is the gradient before. */
    s->beta = (nv_dot(m->n, m->g, m->g) - nv_dot(m->n, m->g, m->gt)) / mu;
    return NV_OK;
  }
  m->stop = NV_STOP_EVALS;
  return NV_OK;
}

static nv_status step(nv_minimizer *m) {
  state *s = m->state;
  turn(m, s);
  NV_TRY(along(m, s));
  if (!m->moved && m->stop == NV_STOP_NONE && s->since > 0) { /* -g is left to try */
    s->since = -1, s->lambda = s->first;
    turn(m, s);
    NV_TRY(along(m, s));
  }
  if (!m->moved && m->stop == NV_STOP_NONE) m->stop = NV_STOP_DAMPING;
  m->parameter = s->lambda;
  return NV_OK;
}

const nv_method nv_scaled_conjugate_gradient = {
    .name = "scaled_conjugate_gradient", .prepare = prepare, .reset = reset, .step = step};
