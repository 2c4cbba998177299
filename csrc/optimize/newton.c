/* newton.c: Newton's method with the exact dense Hessian (Nocedal & Wright, section 3.4): (H + shift I) d = -g with the
 * shift that makes it positive definite (nv_cholesky_shifted), and a line search; near a minimum the shift is 0, the
 * step 1, and each iteration doubles the digits. Where the gradient vanishes on a saddle or is tiny beside the negative
 * curvature, d goes along that instead (their section 6.3; More & Sorensen 1979). */
#include "optimize/optimize.h"

#include <math.h>

typedef struct state {
  nv_line line;
  double *h, *l, *curved;
} state;

static nv_status prepare(nv_minimizer *m) {
  state *s = m->state = nv_pool_alloc(&m->memory, sizeof *s);
  double most = nv_option(m, "max_parameters", 2000);
  const size_t n = (size_t)m->n;
  if (!s) return NV_ERR_MEMORY;
  if (!m->objective->hessian_product)
    return nv_fail(NV_ERR_VALUE, "newton needs products with the Hessian, which this function does not give");
  if ((double)m->n > most)
    return nv_fail(NV_ERR_VALUE,
                   "newton: a dense Hessian of %lld parameters is more than max_parameters = %g allow; "
                   "trust_region needs only products with it, lbfgs only gradients",
                   (long long)m->n, most);
  NV_TRY(nv_line_prepare(m, &s->line, NV_LINE_WOLFE, 0.9));
  s->h = nv_pool_alloc(&m->memory, (n * n + 1) * sizeof(double));
  s->l = nv_pool_alloc(&m->memory, (n * n + 1) * sizeof(double));
  s->curved = nv_pool_alloc(&m->memory, (n + 1) * sizeof(double));
  return s->h && s->l && s->curved ? NV_OK : NV_ERR_MEMORY;
}

static double curvature(const nv_minimizer *m, const state *s) { /* v'H v */
  double sum = 0;
  for (int64_t i = 0; i < m->n; i++) sum += s->curved[i] * nv_dot(m->n, s->h + i * m->n, s->curved);
  return sum;
}

/* Without slope there is nothing for a line search to go by: twice as far, as long as f falls. */
static nv_status leave_saddle(nv_minimizer *m, const state *s) {
  const int64_t n = m->n;
  double t = fmax(1, nv_norm(n, m->x)) / nv_norm(n, s->curved);
  nv_scale(n, nv_dot(n, m->g, s->curved) > 0 ? -1 : 1, s->curved, m->d);
  for (int k = 0; k < 60 && !nv_spent(m); k++, t *= 0.5) {
    nv_combine(n, 1, m->x, t, m->d, m->xt);
    NV_TRY(nv_eval(m, m->xt, &m->ft, m->gt));
    if (m->ft < m->f) {
      m->parameter = t;
      nv_accept(m);
      return NV_OK;
    }
  }
  m->stop = nv_spent(m) ? NV_STOP_EVALS : NV_STOP_LINE_SEARCH;
  return NV_OK;
}

static void downhill(nv_minimizer *m) { nv_scale(m->n, -1, m->g, m->d); }

static nv_status search(nv_minimizer *m, state *s) {
  nv_line *line = &s->line;
  line->first = 1;
  NV_TRY(nv_line_search(m, line));
  if (!line->found && !line->spent) { /* once more, along steepest descent */
    downhill(m);
    line->first = nv_line_begin(m, line);
    NV_TRY(nv_line_search(m, line));
  }
  if (!line->found) {
    nv_line_failed(m, line);
    return NV_OK;
  }
  m->parameter = line->step;
  nv_accept(m);
  return NV_OK;
}

static nv_status step(nv_minimizer *m) {
  state *s = m->state;
  const int64_t n = m->n;
  double shift = 0;
  NV_TRY(nv_hessian_matrix(m, s->h));
  downhill(m);
  if (nv_finite(n * n, s->h)) {
    NV_TRY(nv_cholesky_shifted(n, s->h, s->l, &shift, s->curved, m->poll));
    if (isfinite(shift)) nv_cholesky_solve(n, s->l, m->d);
    double down = shift > 0 ? curvature(m, s) / nv_dot(n, s->curved, s->curved) : 0;
    /* What the slope promises against what the curvature does, both of a step as long as d. */
    double slope = -nv_dot(n, m->g, m->d), length = nv_dot(n, m->d, m->d);
    if (down < 0 && (!(slope > 0) || slope < -1e-3 * down * fmax(length, 1e-12 * fmax(1, nv_dot(n, m->x, m->x)))))
      return leave_saddle(m, s);
  }
  if (!(nv_dot(n, m->g, m->d) < 0) || !nv_finite(n, m->d)) downhill(m);
  return search(m, s);
}

const nv_method nv_newton = {.name = "newton", .prepare = prepare, .step = step};
