/* trust_region.c: Newton's method within a trust region (Nocedal & Wright, "Numerical Optimization", Alg. 4.1), the
 * step from truncated conjugate gradients (Alg. 7.2). */
#include "optimize/quadratic.h"

#include <math.h>

typedef struct state {
  nv_steihaug path;
  double radius, first, most, eta;
} state;

static nv_status prepare(nv_minimizer *m) {
  state *s = m->state = nv_pool_alloc(&m->memory, sizeof *s);
  if (!s) return NV_ERR_MEMORY;
  s->first = nv_option(m, "radius", 1);
  s->most = nv_option(m, "max_radius", 1000);
  s->eta = nv_option(m, "eta", 0.15);
  if (!(s->first > 0 && s->first <= s->most && isfinite(s->most)))
    return nv_fail(NV_ERR_VALUE, "trust_region: 0 < radius <= max_radius must hold, got radius %g and max_radius %g",
                   s->first, s->most);
  if (!(s->eta >= 0 && s->eta < 0.25))
    return nv_fail(NV_ERR_VALUE, "trust_region: eta must be at least 0 and below 0.25, got %g", s->eta);
  return nv_steihaug_make(m, &s->path, true);
}

static void reset(nv_minimizer *m) {
  state *s = m->state;
  s->radius = s->first;
}

/* Tries the step, then those of smaller radii along the same path, until one is good enough. Most are: so the gradient
 * comes with the value. */
static nv_status step(nv_minimizer *m) {
  state *s = m->state;
  nv_steihaug *path = &s->path;
  double radius = s->radius, shortest = nv_shortest(m);
  NV_TRY(nv_steihaug_solve(m, path, radius));
  for (; m->stop == NV_STOP_NONE; radius = nv_steihaug_back(m, path)) {
    if (nv_spent(m)) m->stop = NV_STOP_EVALS;
    if (path->length <= shortest) m->stop = NV_STOP_RADIUS;
    if (m->stop != NV_STOP_NONE) break;
    nv_combine(m->n, 1, m->x, 1, m->d, m->xt);
    NV_TRY(nv_eval(m, m->xt, &m->ft, m->gt));
    double ratio = nv_agreement(m, path->decrease, 1);
    if (!(ratio > s->eta)) continue;
    if (ratio < 0.25)
      radius *= 0.25;
    else if (ratio > 0.75 && path->boundary)
      radius = fmin(2 * radius, s->most);
    nv_accept(m);
    break;
  }
  s->radius = m->parameter = radius;
  return NV_OK;
}

const nv_method nv_trust_region = {.name = "trust_region", .prepare = prepare, .reset = reset, .step = step};
