/* bayesian_regularization.c: how much to regularize, from the data themselves (D. MacKay, "Bayesian Interpolation",
 * Neural Computation 4, 1992; F. D. Foresee & M. T. Hagan, "Gauss-Newton Approximation to Bayesian Learning", 1997).
 *
 * F = beta E_D + alpha E_W with E_D = N f, f the mean of N squares, and E_W = |w|^2 is minimized by
 * Levenberg-Marquardt; where it has settled gamma = p - 2 alpha tr H^-1, H = beta N G + 2 alpha I with f's Gauss-Newton
 * matrix G, counts the parameters that the data determine, and alpha = gamma/(2 E_W), beta = (N - gamma)/(2 E_D).
 *
 * F/(beta N) = f + c |w|^2 has the same minimum, with c = alpha/(beta N) = gamma f/((N - gamma) |w|^2): this is what
 * the code has, and gamma = p - 2c tr (G + 2c I)^-1. */
#include "optimize/levenberg_marquardt.h"

#include <math.h>

#define SETTLED 1e-3 /* of F: a step that gains no more has come near the minimum */

typedef struct state {
  nv_lm lm; /* lm.ridge is c */
  double residuals, tolerance, gamma;
  bool settled; /* F has nearly its minimum for this c */
  double *work;
} state;

static nv_status prepare(nv_minimizer *m) {
  state *s = m->state = nv_pool_alloc(&m->memory, sizeof *s);
  if (!s) return NV_ERR_MEMORY;
  s->residuals = nv_option(m, "residuals", (double)m->objective->m);
  s->tolerance = nv_option(m, "tolerance", 1e-6);
  if (!(s->residuals >= 1) || !(s->tolerance >= 0))
    return nv_fail(NV_ERR_VALUE, "%s: residuals, the number of data values, must be at least 1, tolerance at least 0",
                   m->method->name);
  s->work = nv_pool_alloc(&m->memory, (size_t)(m->n * m->n) * sizeof(double));
  return s->work ? nv_lm_prepare(m, &s->lm, true) : NV_ERR_MEMORY;
}

/* c of gamma at x; 0 where nothing is left to explain. */
static double ridge(const nv_minimizer *m, const state *s) {
  double weights = fmax(nv_dot(m->n, m->x, m->x), 0x1p-500);
  double c = s->gamma * m->f / (fmax(s->residuals - s->gamma, 1) * weights);
  return c > 0 && isfinite(c) ? c : 0;
}

static void reset(nv_minimizer *m) {
  state *s = m->state;
  nv_lm_reset(m, &s->lm);
  /* Nothing is known yet, and a misfit that is only a bad start must not look like noise: hardly any penalty. */
  s->gamma = 1e-3 * fmin((double)m->n, s->residuals);
  s->lm.ridge = ridge(m, s), s->settled = false;
}

/* gamma and c anew; *change is how much gamma changed, relatively. */
static nv_status estimate(nv_minimizer *m, state *s, double *change) {
  const int64_t n = m->n;
  const double before = s->gamma, c = s->lm.ridge;
  double *l = s->lm.factor, trace;
  int64_t pivot = -1;
  NV_TRY(nv_lm_matrix(m, &s->lm));
  for (int64_t i = 0; i < n; i++) {
    nv_copy(i + 1, s->lm.matrix + i * n, l + i * n);
    l[i * n + i] += 2 * c;
  }
  NV_TRY(nv_cholesky(n, l, &pivot, m->poll));
  if (pivot < 0 && c > 0) {
    NV_TRY(nv_cholesky_inverse_diagonal(n, l, s->work, NULL, &trace, m->poll));
    s->gamma = fmax(0, fmin((double)n - 2 * c * trace, fmin((double)n, s->residuals)));
  }
  s->lm.ridge = ridge(m, s);
  *change = fabs(s->gamma - before) / fmax(before, 1);
  return NV_OK;
}

/* The gradients of f and c |w|^2 cancel. */
static bool balanced(const nv_minimizer *m, const state *s) {
  double most = 0, scale = nv_largest(m->n, m->g);
  for (int64_t k = 0; k < m->n; k++) most = fmax(most, fabs(m->g[k] + 2 * s->lm.ridge * m->x[k]));
  return most <= s->tolerance * scale;
}

static double penalized(const nv_minimizer *m, const state *s) { return m->f + s->lm.ridge * nv_dot(m->n, m->x, m->x); }

static nv_status step(nv_minimizer *m) {
  state *s = m->state;
  double change = (double)INFINITY, before;
  if (s->settled) NV_TRY(estimate(m, s, &change));
  m->parameter = s->gamma, before = penalized(m, s);
  if (change <= s->tolerance && balanced(m, s)) {
    m->stop = NV_STOP_GTOL;
    return NV_OK;
  }
  NV_TRY(nv_lm_step(m, &s->lm));
  m->parameter = s->gamma;
  s->settled = penalized(m, s) > (1 - SETTLED) * before;
  return NV_OK;
}

const nv_method nv_bayesian_regularization = {
    .name = "bayesian_regularization", .prepare = prepare, .reset = reset, .step = step};
