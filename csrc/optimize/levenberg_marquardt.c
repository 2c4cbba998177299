/* levenberg_marquardt.c: (G + mu D) d = -g with the Gauss-Newton matrix G of any loss (Levenberg 1944, Marquardt 1963;
 * Nocedal & Wright, section 10.3), D the largest diagonal of G so far (More 1978, section 6) or a multiple of the
 * identity, and mu by Nielsen's rule. By Cholesky; for very many parameters by conjugate gradients on products with G.
 */
#include "optimize/levenberg_marquardt.h"

#include <math.h>

#define DENSE 5000  /* parameters up to which solver 0 takes the matrix */
#define AT_ONCE 256 /* parameters up to which a trial point is evaluated with its gradient and matrix */
#define FLOOR 1e-8  /* of D, relative to its largest element: what no data moves must not move freely */

/* ---- preparing ---- */

static nv_status room(nv_minimizer *m, int64_t elements, double **out) {
  *out = nv_pool_alloc(&m->memory, ((size_t)elements + 1) * sizeof **out);
  return *out ? NV_OK : NV_ERR_MEMORY;
}

static nv_status read_options(nv_minimizer *m, nv_lm *s, bool dense) {
  const nv_objective *o = m->objective;
  double scaling = nv_option(m, "scaling", 1), solver = dense ? 1 : nv_option(m, "solver", 0);
  double max_cg = dense ? 1 : nv_option(m, "max_cg", fmax(100, fmin((double)m->n, 1000)));
  s->mu_first = nv_option(m, "mu", 1e-3), s->mu_max = nv_option(m, "mu_max", 1e10);
  if (!(s->mu_first > 0 && s->mu_max >= s->mu_first))
    return nv_fail(NV_ERR_VALUE, "%s: mu must be positive and mu_max no less than mu", m->method->name);
  if ((scaling != 0 && scaling != 1) || (solver != 0 && solver != 1 && solver != 2) || !(max_cg >= 1))
    return nv_fail(NV_ERR_VALUE, "%s: scaling must be 0 or 1, solver 0, 1 or 2, max_cg at least 1", m->method->name);
  if (!o->gauss_product && (!o->normal || solver == 2))
    return nv_fail(NV_ERR_VALUE, "%s needs %s, which this function does not give", m->method->name,
                   solver == 2 ? "products with the Gauss-Newton matrix" : "the Gauss-Newton matrix");
  s->marquardt = scaling == 1, s->max_cg = (int64_t)fmin(max_cg, 1e15);
  s->dense = solver == 1 || (solver == 0 && (m->n <= DENSE || !o->gauss_product));
  s->damping.mu = s->mu_first, s->damping.growth = 2;
  return NV_OK;
}

nv_status nv_lm_prepare(nv_minimizer *m, nv_lm *s, bool dense) {
  const int64_t n = m->n;
  NV_TRY(read_options(m, s, dense));
  NV_TRY(room(m, n, &s->diagonal));
  NV_TRY(room(m, n, &s->b));
  if (s->dense) {
    NV_TRY(room(m, n * n, &s->matrix));
    NV_TRY(room(m, n * n, &s->factor));
    NV_TRY(room(m, n, &s->added));
    if (n <= NV_SMALL) NV_TRY(room(m, nv_small_work(n), &s->work));
    s->other = s->factor;
    return n <= AT_ONCE ? room(m, n * n, &s->other) : NV_OK;
  }
  NV_TRY(room(m, n, &s->r));
  NV_TRY(room(m, n, &s->p));
  return room(m, n, &s->ap);
}

void nv_lm_reset(nv_minimizer *m, nv_lm *s) {
  s->fresh = false, s->steepest = 0;
  s->damping.mu = fmin(s->damping.mu, s->mu_first), s->damping.growth = 2;
  for (int64_t k = 0; k < m->n; k++) s->diagonal[k] = 0;
}

/* ---- G and D ---- */

/* Positive semidefinite, so finite if its diagonal is. */
static bool finite_matrix(int64_t n, const double *a) {
  double sum = 0;
  for (int64_t k = 0; k < n; k++) sum += 0 * a[k * n + k];
  return sum == 0;
}

static void note_diagonal(nv_minimizer *m, nv_lm *s) {
  const int64_t n = m->n;
  double most = 0;
  for (int64_t k = 0; k < n; k++) {
    double t = s->matrix[k * n + k];
    s->diagonal[k] = t > s->diagonal[k] ? t : s->diagonal[k];
    most = s->diagonal[k] > most ? s->diagonal[k] : most;
  }
  if (!(most > 0)) most = 1;
  double least = s->marquardt ? FLOOR * most : most;
  for (int64_t k = 0; k < n; k++) s->diagonal[k] = s->diagonal[k] > least ? s->diagonal[k] : least;
}

nv_status nv_lm_matrix(nv_minimizer *m, nv_lm *s) {
  if (s->fresh) return NV_OK;
  NV_TRY(nv_gauss_matrix(m, s->matrix));
  note_diagonal(m, s);
  s->fresh = true;
  return NV_OK;
}

/* Without the matrix D is the largest curvature seen, the same in all directions. */
static nv_status note_curvature(nv_minimizer *m, nv_lm *s) {
  if (s->fresh) return NV_OK;
  double length = nv_dot(m->n, s->b, s->b);
  NV_TRY(nv_gauss_product(m, s->b, s->ap));
  double curvature = length > 0 ? nv_dot(m->n, s->b, s->ap) / length : 0;
  for (int64_t k = 0; k < m->n; k++) s->diagonal[k] = curvature > 0 && isfinite(curvature) ? curvature : 1;
  s->steepest = sqrt(length), s->fresh = true;
  return NV_OK;
}

/* ---- the step: d of (G + 2 ridge I + mu D) d = b; *found is false where mu must grow first ---- */

static nv_status by_factoring(nv_minimizer *m, nv_lm *s, bool *found) {
  const int64_t n = m->n;
  const double mu = s->damping.mu;
  int64_t pivot;
  for (int64_t k = 0; k < n; k++) s->added[k] = 2 * s->ridge + mu * s->diagonal[k];
  if (s->work) {
    *found = nv_small_solve(n, s->matrix, s->added, s->b, s->work, m->d);
    return NV_OK;
  }
  for (int64_t i = 0; i < n; i++) {
    nv_copy(i + 1, s->matrix + i * n, s->factor + i * n);
    s->factor[i * n + i] += s->added[i];
  }
  NV_TRY(nv_cholesky(n, s->factor, &pivot, m->poll));
  *found = pivot < 0;
  if (!*found) return NV_OK;
  nv_copy(n, s->b, m->d);
  nv_cholesky_solve(n, s->factor, m->d);
  return NV_OK;
}

/* Conjugate gradients from 0 (Nocedal & Wright, algorithm 5.2): wherever they end, d lowers the damped model by 1/2
 * b'd. The closer to the end, the more exactly (their section 7.1). */
static nv_status by_products(nv_minimizer *m, nv_lm *s, bool *found) {
  const int64_t n = m->n;
  nv_copy(n, s->b, s->r);
  nv_copy(n, s->b, s->p);
  nv_scale(n, 0, s->b, m->d);
  double rr = nv_dot(n, s->r, s->r), size = sqrt(rr);
  double enough = size * fmax(1e-8, fmin(0.1, sqrt(size / fmax(s->steepest, size))));
  for (int64_t k = 0; k < s->max_cg && sqrt(rr) > enough; k++) {
    NV_TRY(nv_gauss_product(m, s->p, s->ap));
    nv_axpy(n, 2 * s->ridge + s->damping.mu * s->diagonal[0], s->p, s->ap);
    double curvature = nv_dot(n, s->p, s->ap);
    if (!(curvature > 0) || !isfinite(curvature)) break;
    double t = rr / curvature, before = rr;
    nv_axpy(n, t, s->p, m->d);
    nv_axpy(n, -t, s->ap, s->r);
    rr = nv_dot(n, s->r, s->r);
    nv_combine(n, 1, s->r, rr / before, s->p, s->p);
  }
  *found = true;
  return NV_OK;
}

/* f at the trial point; where it is cheap, or at once to be had, the gradient and the matrix with it. */
static bool at_once(const nv_minimizer *m, const nv_lm *s) {
  return s->dense && m->objective->normal && m->n <= AT_ONCE;
}

static nv_status evaluate_all(nv_minimizer *m, nv_lm *s) { /* the matrix into s->other */
  nv_objective *o = m->objective;
  NV_TRY(o->normal(o, m->xt, &m->ft, m->gt, s->other, m->poll));
  m->gradients++, m->matrices++;
  if (!isfinite(m->ft) || !nv_finite(m->n, m->gt) || !finite_matrix(m->n, s->other)) m->ft = INFINITY;
  return NV_OK;
}

static nv_status evaluate(nv_minimizer *m, nv_lm *s) {
  if (m->objective->single) nv_round_single(m->n, m->xt);
  if (!at_once(m, s)) return nv_eval(m, m->xt, &m->ft, NULL);
  m->values++;
  return evaluate_all(m, s);
}

/* What is still missing at a trial point that will be accepted if it is finite. */
static nv_status complete(nv_minimizer *m, nv_lm *s) {
  if (at_once(m, s)) return NV_OK;
  if (s->dense && m->objective->normal) return evaluate_all(m, s);
  NV_TRY(nv_eval(m, m->xt, &m->ft, m->gt));
  m->values--; /* the same point */
  return NV_OK;
}

static void accept(nv_minimizer *m, nv_lm *s) {
  nv_accept(m);
  if (!s->dense) return;
  s->fresh = m->objective->normal != NULL;
  if (!s->fresh) return;
  double *matrix = s->matrix;
  s->matrix = s->other, s->other = matrix;
  if (m->n > AT_ONCE) s->factor = s->other;
  note_diagonal(m, s);
}

/* What f + ridge |x|^2 falls by from x to xt = x + d as rounded. */
static double fall(const nv_minimizer *m, const nv_lm *s) {
  double sum = 0;
  if (s->ridge > 0)
    for (int64_t k = 0; k < m->n; k++) sum += (m->x[k] - m->xt[k]) * (m->x[k] + m->xt[k]);
  return m->f - m->ft + s->ridge * sum;
}

static double promised(const nv_minimizer *m, const nv_lm *s) { /* 1/2 (b'd + mu d'D d) */
  double sum = 0;
  for (int64_t k = 0; k < m->n; k++) sum += m->d[k] * (s->b[k] + s->damping.mu * s->diagonal[k] * m->d[k]);
  return 0.5 * sum;
}

static nv_status try_step(nv_minimizer *m, nv_lm *s) {
  bool found;
  NV_TRY(s->dense ? by_factoring(m, s, &found) : by_products(m, s, &found));
  if (!found || !nv_finite(m->n, m->d)) return nv_damping_refused(&s->damping), NV_OK;
  nv_combine(m->n, 1, m->x, 1, m->d, m->xt);
  NV_TRY(evaluate(m, s));
  double down = fall(m, s);
  if (down > 0) { /* not if NaN */
    NV_TRY(complete(m, s));
    down = fall(m, s);
  }
  if (!(down > 0)) return nv_damping_refused(&s->damping), NV_OK;
  nv_damping_accepted(&s->damping, down / promised(m, s));
  accept(m, s);
  return NV_OK;
}

nv_status nv_lm_step(nv_minimizer *m, nv_lm *s) {
  nv_combine(m->n, -1, m->g, -2 * s->ridge, m->x, s->b);
  NV_TRY(s->dense ? nv_lm_matrix(m, s) : note_curvature(m, s));
  while (!m->moved && m->stop == NV_STOP_NONE) {
    if (s->damping.mu > s->mu_max)
      m->stop = NV_STOP_DAMPING;
    else if (nv_spent(m))
      m->stop = NV_STOP_EVALS;
    else
      NV_TRY(try_step(m, s));
  }
  m->parameter = s->damping.mu;
  return NV_OK;
}

/* ---- the method ---- */

static nv_status prepare(nv_minimizer *m) {
  m->state = nv_pool_alloc(&m->memory, sizeof(nv_lm));
  return m->state ? nv_lm_prepare(m, m->state, false) : NV_ERR_MEMORY;
}
static void reset(nv_minimizer *m) { nv_lm_reset(m, m->state); }
static nv_status step(nv_minimizer *m) { return nv_lm_step(m, m->state); }

const nv_method nv_levenberg_marquardt = {
    .name = "levenberg_marquardt", .prepare = prepare, .reset = reset, .step = step};
