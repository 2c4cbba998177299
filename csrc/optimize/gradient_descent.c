/* gradient_descent.c: steepest descent with a line search (Nocedal & Wright, "Numerical Optimization", ch. 3). */
#include "optimize/optimize.h"

typedef struct state {
  nv_line line;
  double next; /* the first step to try; 0: nothing is known */
} state;

static nv_status prepare(nv_minimizer *m) {
  state *d = m->state = nv_pool_alloc(&m->memory, sizeof *d);
  if (!d) return NV_ERR_MEMORY;
  return nv_line_prepare(m, &d->line, NV_LINE_WOLFE, 0.9);
}

static void reset(nv_minimizer *m) {
  state *d = m->state;
  if (m->iterations == 0) d->next = 0;
}

/* The first trial is s's / s'y of the step s before (J. Barzilai and J. M. Borwein, "Two-point step size gradient
 * methods", IMA J. Numer. Anal. 8, 1988): with s = a d, d = -g it is a times d'g / (d'g - d'g+). */
static nv_status step(nv_minimizer *m) {
  state *d = m->state;
  nv_scale(m->n, -1, m->g, m->d);
  d->line.first = d->next > 0 ? d->next : nv_line_begin(m, &d->line);
  NV_TRY(nv_line_search(m, &d->line));
  if (!d->line.found) return nv_line_failed(m, &d->line), NV_OK;
  double slope = d->line.slope, after = nv_dot(m->n, m->d, m->gt);
  d->next = d->line.step * (after > 0.5 * slope ? slope / (slope - after) : 2);
  m->parameter = d->line.step;
  nv_accept(m);
  return NV_OK;
}

const nv_method nv_gradient_descent = {.name = "gradient_descent", .prepare = prepare, .reset = reset, .step = step};
