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
  NV_TRY(nv_line_prepare(m, &s->line, NV_LINE_WOLFE, 0.9));
  return nv_steihaug_make(m, &s->path, false);
}

static nv_status step(nv_minimizer *m) {
  state *s = m->state;
  nv_line *line = &s->line;
  NV_TRY(nv_steihaug_solve(m, &s->path, (double)INFINITY));
  line->first = 1;
  NV_TRY(nv_line_search(m, line));
  if (!line->found && !line->spent) { /* rounding in the products may be to blame */
    nv_scale(m->n, -1, m->g, m->d);
    line->first = nv_line_begin(m, line);
    NV_TRY(nv_line_search(m, line));
  }
  if (!line->found) return nv_line_failed(m, line), NV_OK;
  m->parameter = line->step;
  nv_accept(m);
  return NV_OK;
}

const nv_method nv_newton_cg = {.name = "newton_cg", .prepare = prepare, .step = step};
