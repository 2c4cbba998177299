/* newton_cg.c: truncated Newton with a line search (Dembo & Steihaug 1983; Nocedal & Wright, "Numerical Optimization",
 * Alg. 7.1): conjugate gradients on H p = -g until |r| <= min(forcing, sqrt |g|) |g| or the curvature is not
 * positive. */
#include "optimize/quadratic.h"

#include <math.h>

typedef struct state {
  nv_steihaug path;
  nv_line line;
} state;

static nv_status prepare(nv_minimizer *m) {
  state *s = m->state = nv_pool_alloc(&m->memory, sizeof *s);
  if (!s) return NV_ERR_MEMORY;
  double kind = nv_option(m, "line_search", 0);
  s->line.c1 = nv_option(m, "c1", 1e-4);
  s->line.c2 = nv_option(m, "c2", 0.9);
  s->line.longest = (double)INFINITY;
  if (kind != 0 && kind != 1 && kind != 2)
    return nv_fail(NV_ERR_VALUE,
                   "newton_cg: line_search must be 0 (strong Wolfe), 1 (Hager-Zhang) or 2 (Armijo), got %g", kind);
  s->line.kind = (nv_line_kind)(int)kind;
  if (!(s->line.c1 > 0 && s->line.c1 < s->line.c2 && s->line.c2 < 1))
    return nv_fail(NV_ERR_VALUE, "newton_cg: 0 < c1 < c2 < 1 must hold, got c1 %g and c2 %g", s->line.c1, s->line.c2);
  return nv_steihaug_make(m, &s->path, false);
}

static nv_status search(nv_minimizer *m, nv_line *line) {
  double t = line->first, slope = nv_dot(m->n, m->g, m->d);
  line->found = false;
  for (int k = 0; k < 60 && !line->found && !nv_spent(m); k++, t *= 0.5) {
    nv_combine(m->n, 1, m->x, t, m->d, m->xt);
    NV_TRY(nv_eval(m, m->xt, &m->ft, m->gt));
    line->step = t;
    line->found = m->ft <= m->f + line->c1 * t * slope;
  }
  return NV_OK;
}

static nv_status step(nv_minimizer *m) {
  state *s = m->state;
  nv_line *line = &s->line;
  NV_TRY(nv_steihaug_solve(m, &s->path, (double)INFINITY));
  line->first = 1;
  if (nv_dot(m->n, m->g, m->d) < 0)
    NV_TRY(search(m, line));
  else
    line->found = false;
  if (!line->found && !nv_spent(m)) { /* rounding in the products may be to blame */
    nv_scale(m->n, -1, m->g, m->d);
    line->first = 1 / fmax(nv_norm(m->n, m->g), 1);
    NV_TRY(search(m, line));
  }
  if (line->found) {
    m->parameter = line->step;
    nv_accept(m);
  } else
    m->stop = nv_spent(m) ? NV_STOP_EVALS : NV_STOP_LINE_SEARCH;
  return NV_OK;
}

const nv_method nv_newton_cg = {.name = "newton_cg", .prepare = prepare, .step = step};
