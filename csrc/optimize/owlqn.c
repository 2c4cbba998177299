/* owlqn.c: L-BFGS for f(x) + sum l1 |x| (G. Andrew and J. Gao, "Scalable training of L1-regularized log-linear models",
 * ICML 2007). In one orthant the sum is linear: a step stays in the orthant where it begins, and what would leave it
 * becomes exactly 0. */
#include "optimize/pairs.h"

#include <math.h>

/* The subgradient closest to 0: (4) of the paper. */
static void pseudo_gradient(const nv_minimizer *m, double *v) {
  for (int64_t k = 0; k < m->n; k++) {
    double g = m->g[k], c = m->l1[k], x = m->x[k];
    v[k] = x > 0 ? g + c : x < 0 ? g - c : copysign(fmax(fabs(g) - c, 0), g);
  }
}

/* The sign of x in the orthant of the step. */
static double side(double x, double v) { return x > 0 || (x == 0 && v < 0) ? 1 : x < 0 || v > 0 ? -1 : 0; }

static void move(nv_minimizer *m, const double *v, double a) {
  for (int64_t k = 0; k < m->n; k++) {
    double x = m->x[k] + a * m->d[k];
    m->xt[k] = x * side(m->x[k], v[k]) > 0 ? x : 0;
  }
}

/* Has f fallen enough? Within rounding slopes tell, as in nv_search_try: along the step in its orthant f is smooth. */
static bool fell(const nv_minimizer *m, const nv_line *line, const double *v) {
  double slope = 0, end = 0;
  for (int64_t k = 0; k < m->n; k++) {
    double s = m->xt[k] - m->x[k];
    slope += v[k] * s;
    end += (m->gt[k] + side(m->x[k], v[k]) * m->l1[k]) * s;
  }
  if (!isfinite(m->ft) || !(slope < 0)) return false;
  if (m->ft <= m->f + line->c1 * slope && m->ft < m->f) return true;
  bool rounding = fabs(m->ft - m->f) <= (m->objective->single ? 1e-6 : 1e-12) * fabs(m->f);
  return rounding && end <= (2 * line->c1 - 1) * slope && end >= line->c2 * slope;
}

static nv_status backtrack(nv_minimizer *m, nv_line *line, const double *v, double first) {
  double a = fmin(first, line->longest);
  line->found = line->spent = false;
  for (int k = 0; k < 40 && !line->found && !nv_spent(m); k++, a *= 0.5) {
    move(m, v, a);
    NV_TRY(nv_eval(m, m->xt, &m->ft, m->gt));
    line->found = fell(m, line, v), line->step = a;
  }
  line->spent = nv_spent(m);
  return NV_OK;
}

nv_status nv_owlqn_step(nv_minimizer *m, nv_pairs *pairs, nv_line *line) {
  double *v = line->best;
  pseudo_gradient(m, v);
  for (;;) {
    double first = pairs->count ? 1 : line->begin > 0 ? line->begin : fmin(1, 1 / nv_norm(m->n, v));
    nv_pairs_direction(pairs, v, m->d);
    for (int64_t k = 0; k < m->n; k++)
      if (m->d[k] * v[k] >= 0) m->d[k] = 0; /* only where it descends */
    NV_TRY(backtrack(m, line, v, first));
    if (line->found) break;
    if (pairs->count == 0 || line->spent) return nv_line_failed(m, line), NV_OK;
    nv_pairs_forget(pairs);
  }
  nv_pairs_add(pairs, m);
  m->parameter = line->step;
  nv_accept(m);
  return NV_OK;
}
