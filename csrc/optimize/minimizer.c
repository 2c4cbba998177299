/* minimizer.c: the loop that all methods share: start, iterate, judge whether it is over, count, record. */
#include "optimize/optimize.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- making ---- */

double nv_option(nv_minimizer *m, const char *name, double otherwise) {
  for (int k = 0; k < m->n_settings; k++)
    if (strcmp(m->settings[k].name, name) == 0) {
      m->settings[k].used = true;
      return m->settings[k].value;
    }
  return otherwise;
}

static nv_status read_limits(nv_minimizer *m) {
  m->goal = nv_option(m, "goal", -(double)INFINITY);
  m->gtol = nv_option(m, "gtol", 1e-5);
  m->ftol = nv_option(m, "ftol", 0);
  m->xtol = nv_option(m, "xtol", 0);
  double patience = nv_option(m, "patience", 1), most = nv_option(m, "max_evals", (double)INFINITY);
  if (!(m->gtol >= 0 && m->ftol >= 0 && m->xtol >= 0 && patience >= 1 && most >= 1) || isnan(m->goal))
    return nv_fail(NV_ERR_VALUE,
                   "%s: gtol, ftol and xtol must be at least 0, patience and max_evals at least 1, goal a number",
                   m->method->name);
  m->patience = patience < 1e9 ? (int)patience : 1000000000;
  m->max_seconds = nv_option(m, "max_seconds", (double)INFINITY);
  if (!(m->max_seconds > 0)) return nv_fail(NV_ERR_VALUE, "%s: max_seconds must be above 0", m->method->name);
  m->max_evals = most < 1e18 ? (int64_t)most : INT64_MAX;
  return NV_OK;
}

static nv_status make_vectors(nv_minimizer *m) {
  double **all[] = {&m->x, &m->g, &m->xt, &m->gt, &m->d};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    if (!(*all[k] = nv_pool_alloc(&m->memory, ((size_t)m->n + 1) * sizeof(double)))) return NV_ERR_MEMORY;
  return NV_OK;
}

static nv_status make(nv_minimizer *m, const char *method, const nv_setting *settings, int n) {
  m->method = nv_method_find(method);
  if (!m->method) return nv_fail(NV_ERR_VALUE, "there is no method '%s'", method);
  m->n = m->objective->n, m->n_settings = n;
  m->settings = nv_pool_alloc(&m->memory, ((size_t)n + 1) * sizeof *m->settings);
  if (!m->settings) return NV_ERR_MEMORY;
  for (int k = 0; k < n; k++) m->settings[k] = settings[k], m->settings[k].used = false;
  NV_TRY(read_limits(m));
  NV_TRY(make_vectors(m));
  NV_TRY(m->method->prepare(m));
  for (int k = 0; k < n; k++)
    if (!m->settings[k].used) return nv_fail(NV_ERR_VALUE, "%s has no option '%s'", method, m->settings[k].name);
  return NV_OK;
}

nv_status nv_minimizer_make(nv_objective *o, const char *method, const nv_setting *settings, int n,
                            nv_minimizer **out) {
  nv_minimizer *m = nv_calloc(sizeof *m);
  if (!m) return NV_ERR_MEMORY;
  m->objective = o, m->stop = NV_STOP_START; /* nothing can run before it has a start */
  nv_status status = make(m, method, settings, n);
  if (status == NV_OK)
    *out = m;
  else
    nv_minimizer_free(m);
  return status;
}

void nv_minimizer_free(nv_minimizer *m) {
  if (!m) return;
  nv_pool_free(&m->memory);
  nv_free(m);
}

nv_status nv_minimizer_penalize(nv_minimizer *m, const double *l1) {
  if (l1 && !m->method->l1)
    return nv_fail(NV_ERR_VALUE, "%s cannot minimize sums with absolute values; lbfgs can", m->method->name);
  m->l1 = l1;
  return NV_OK;
}

nv_status nv_minimizer_confine(nv_minimizer *m, const double *lower, const double *upper) {
  if ((lower || upper) && !m->method->bounds)
    return nv_fail(NV_ERR_VALUE, "%s takes no bounds; least_squares does", m->method->name);
  m->lower = lower, m->upper = upper;
  return NV_OK;
}

nv_minimizer_state nv_minimizer_get(const nv_minimizer *m) {
  return (nv_minimizer_state){.n = m->n,
                              .x = m->x,
                              .g = m->g,
                              .f = m->f,
                              .gradient_norm = m->gradient_norm,
                              .parameter = m->parameter,
                              .stop = m->stop,
                              .idle = m->idle,
                              .iterations = m->iterations,
                              .values = m->values,
                              .gradients = m->gradients,
                              .products = m->products,
                              .matrices = m->matrices};
}

/* ---- evaluating ---- */

/* What cannot be minimized further must not look like a minimum. */
static double or_infinite(double f) { return isfinite(f) ? f : (double)INFINITY; }

static double l1_term(const nv_minimizer *m, const double *x) {
  double sum = 0;
  for (int64_t k = 0; m->l1 && k < m->n; k++) sum += m->l1[k] * fabs(x[k]);
  return sum;
}

nv_status nv_eval(nv_minimizer *m, double *x, double *f, double *g) {
  nv_objective *o = m->objective;
  double value;
  if (o->single) nv_round_single(m->n, x);
  if (g)
    NV_TRY(o->gradient(o, x, &value, g, m->poll));
  else
    NV_TRY(o->value(o, x, &value, m->poll));
  m->values++;
  m->gradients += g != NULL;
  if (g && !nv_finite(m->n, g)) value = INFINITY;
  *f = or_infinite(value + l1_term(m, x));
  return NV_OK;
}

static nv_status lacks(const nv_minimizer *m, const char *what) {
  return nv_fail(NV_ERR_VALUE, "%s needs %s, which this function does not give", m->method->name, what);
}

nv_status nv_hessian_product(nv_minimizer *m, const double *v, double *hv) {
  nv_objective *o = m->objective;
  if (!o->hessian_product) return lacks(m, "products with the Hessian");
  m->products++;
  return o->hessian_product(o, m->x, v, hv, m->poll);
}

nv_status nv_gauss_product(nv_minimizer *m, const double *v, double *gv) {
  nv_objective *o = m->objective;
  if (!o->gauss_product) return lacks(m, "products with the Gauss-Newton matrix");
  m->products++;
  return o->gauss_product(o, m->x, v, gv, m->poll);
}

/* Column j is the product with the j-th unit vector; what rounding makes of the symmetry is evened out. */
static nv_status by_columns(nv_minimizer *m, nv_status (*product)(nv_minimizer *, const double *, double *),
                            double *matrix) {
  int64_t n = m->n;
  double *unit = m->xt;
  memset(unit, 0, (size_t)n * sizeof *unit);
  for (int64_t j = 0; j < n; j++) {
    unit[j] = 1;
    NV_TRY(product(m, unit, matrix + j * n));
    unit[j] = 0;
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++)
      matrix[i * n + j] = matrix[j * n + i] = 0.5 * (matrix[i * n + j] + matrix[j * n + i]);
  return NV_OK;
}

nv_status nv_gauss_matrix(nv_minimizer *m, double *matrix) {
  nv_objective *o = m->objective;
  double f;
  m->matrices++;
  if (!o->normal) return by_columns(m, nv_gauss_product, matrix);
  return o->normal(o, m->x, &f, m->gt, matrix, m->poll);
}

nv_status nv_hessian_matrix(nv_minimizer *m, double *matrix) {
  m->matrices++;
  return by_columns(m, nv_hessian_product, matrix);
}

/* ---- moving ---- */

void nv_accept(nv_minimizer *m) {
  double *x = m->x, *g = m->g;
  m->step_length = nv_distance(m->n, m->xt, x);
  m->x = m->xt, m->g = m->gt, m->f = m->ft;
  m->xt = x, m->gt = g;
  m->moved = true;
}

/* With L1, of the subgradient closest to zero; with bounds, of what does not point out of them. */
static double gradient_norm(const nv_minimizer *m) {
  double most = 0;
  if (!m->l1 && !m->lower) return nv_largest(m->n, m->g);
  for (int64_t k = 0; k < m->n; k++) {
    double g = m->g[k], x = m->x[k];
    if (m->l1) g = x > 0 ? g + m->l1[k] : x < 0 ? g - m->l1[k] : copysign(fmax(fabs(g) - m->l1[k], 0), g);
    if (m->lower && ((x <= m->lower[k] && g > 0) || (x >= m->upper[k] && g < 0))) g = 0;
    most = fmax(most, fabs(g));
  }
  return most;
}

/* ---- the loop ---- */

static void judge(nv_minimizer *m, double before) {
  double drop = fabs(before - m->f), scale = fmax(fabs(before), fabs(m->f));
  m->gradient_norm = gradient_norm(m);
  m->flat = m->moved && m->ftol > 0 && drop <= m->ftol * scale ? m->flat + 1 : 0;
  if (m->f <= m->goal)
    m->stop = NV_STOP_GOAL;
  else if (m->gradient_norm <= m->gtol)
    m->stop = NV_STOP_GTOL;
  else if (m->moved && m->xtol > 0 && m->step_length <= m->xtol * (nv_norm(m->n, m->x) + m->xtol))
    m->stop = NV_STOP_XTOL;
  else if (m->flat >= m->patience)
    m->stop = NV_STOP_FTOL;
  else if (m->stop == NV_STOP_NONE && nv_spent(m))
    m->stop = NV_STOP_EVALS;
  else if (m->stop == NV_STOP_NONE && m->max_seconds < (double)INFINITY && nv_now() - m->began >= m->max_seconds)
    m->stop = NV_STOP_SECONDS;
}

/* From xt on. A failure leaves what was there. */
static nv_status begin(nv_minimizer *m, const nv_poll *poll) {
  double f, *x = m->x, *g = m->g;
  m->poll = poll, m->torn = true;
  nv_status status = nv_eval(m, m->xt, &f, m->gt);
  m->poll = NULL;
  if (status != NV_OK) return status;
  m->x = m->xt, m->g = m->gt, m->f = f;
  m->xt = x, m->gt = g;
  m->stop = NV_STOP_NONE, m->flat = 0, m->moved = m->idle = false, m->step_length = 0;
  judge(m, f);
  if (!isfinite(f)) m->stop = NV_STOP_START;
  return NV_OK;
}

nv_status nv_minimizer_renew(nv_minimizer *m, const nv_poll *poll) {
  nv_copy(m->n, m->x, m->xt);
  return begin(m, poll);
}

nv_status nv_minimizer_start(nv_minimizer *m, const double *x, const nv_poll *poll) {
  nv_copy(m->n, x, m->xt);
  m->began = nv_now();
  m->iterations = m->values = m->gradients = m->products = m->matrices = 0;
  return begin(m, poll);
}

static void record(const nv_minimizer *m, double *to) {
  const double row[NV_RECORD] = {m->f,
                                 m->gradient_norm,
                                 m->step_length,
                                 m->parameter,
                                 (double)m->values,
                                 (double)m->gradients,
                                 (double)m->products,
                                 (double)m->matrices};
  memcpy(to, row, sizeof row);
}

static nv_status iterate(nv_minimizer *m, double *to, int64_t *done) {
  double before = m->f;
  if (m->torn && m->method->reset) m->method->reset(m);
  m->torn = true, m->moved = false, m->step_length = 0;
  nv_status status = m->method->step(m);
  if (status != NV_OK && !m->moved) return status;
  m->torn = status != NV_OK; /* where it has moved, that was a whole step: what came after it is made again */
  m->idle = m->stop != NV_STOP_NONE && !m->moved;
  if (m->idle) return NV_OK;
  judge(m, before);
  m->iterations++;
  if (to) record(m, to + *done * NV_RECORD);
  ++*done;
  return status;
}

nv_status nv_minimizer_run(nv_minimizer *m, int64_t iterations, double seconds, double *records, int64_t *done,
                           const nv_poll *poll) {
  double until = seconds > 0 ? nv_now() + seconds : 0;
  nv_status status = NV_OK;
  *done = 0;
  m->poll = poll;
  while (status == NV_OK && *done < iterations && m->stop == NV_STOP_NONE) {
    status = iterate(m, records, done);
    if (until > 0 && nv_now() >= until) break;
  }
  m->poll = NULL;
  return status;
}
