/* gradient_descent.c: steepest descent with a line search (Nocedal & Wright, "Numerical Optimization", ch. 3). */
#include "optimize/optimize.h"

#include <math.h>

static nv_status prepare(nv_minimizer *m) {
  m->state = nv_pool_alloc(&m->memory, sizeof(double));
  return m->state ? NV_OK : NV_ERR_MEMORY;
}

static nv_status step(nv_minimizer *m) {
  double t = 1 / fmax(nv_norm(m->n, m->g), 1), slope = -nv_dot(m->n, m->g, m->g);
  for (int k = 0; k < 60; k++, t *= 0.5) {
    nv_combine(m->n, 1, m->x, -t, m->g, m->xt);
    NV_TRY(nv_eval(m, m->xt, &m->ft, m->gt));
    if (m->ft <= m->f + 1e-4 * t * slope) {
      m->parameter = t;
      nv_accept(m);
      return NV_OK;
    }
  }
  m->stop = NV_STOP_LINE_SEARCH;
  return NV_OK;
}

const nv_method nv_gradient_descent = {.name = "gradient_descent", .prepare = prepare, .step = step};
