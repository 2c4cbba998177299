/* conjugate_gradient.c: nonlinear conjugate gradients, d = -g + beta d (Nocedal & Wright, section 5.2; W. W. Hager and
 * H. Zhang, "A survey of nonlinear conjugate gradient methods", Pacific J. Optim. 2, 2006). */
#include "optimize/optimize.h"

#include <math.h>

typedef enum variant { POLAK_RIBIERE, FLETCHER_REEVES, HESTENES_STIEFEL, DAI_YUAN, HAGER_ZHANG, VARIANTS } variant;

typedef struct state {
  nv_line line;
  variant variant;
  double restart;               /* Powell's */
  double last_step, last_slope; /* of the last search */
  bool fresh;                   /* m->d holds no direction */
} state;

static nv_status prepare(nv_minimizer *m) {
  state *c = m->state = nv_pool_alloc(&m->memory, sizeof *c);
  if (!c) return NV_ERR_MEMORY;
  double chosen = nv_option(m, "variant", POLAK_RIBIERE);
  if (!(chosen >= 0 && chosen < VARIANTS && chosen == floor(chosen)))
    return nv_fail(NV_ERR_VALUE,
                   "conjugate_gradient: variant must be 0 (Polak-Ribiere+), 1 (Fletcher-Reeves), 2 (Hestenes-Stiefel), "
                   "3 (Dai-Yuan) or 4 (Hager-Zhang), not %g",
                   chosen);
  c->variant = (variant)chosen, c->fresh = true;
  bool hz = c->variant == HAGER_ZHANG;
  c->restart = nv_option(m, "restart", hz ? (double)INFINITY : 0.2);
  if (!(c->restart > 0))
    return nv_fail(NV_ERR_VALUE, "conjugate_gradient: restart must be positive, not %g", c->restart);
  return nv_line_prepare(m, &c->line, hz ? NV_LINE_HAGER_ZHANG : NV_LINE_WOLFE, hz ? 0.9 : 0.1);
}

static void reset(nv_minimizer *m) {
  state *c = m->state;
  c->fresh = true;
  if (m->iterations == 0) c->last_step = 0;
}

/* beta of the direction after the one from g along d to gt; y = gt - g. */
static double beta(const nv_minimizer *m, const state *c) {
  int64_t n = m->n;
  double gg = nv_dot(n, m->g, m->g), tt = nv_dot(n, m->gt, m->gt), tg = nv_dot(n, m->gt, m->g);
  double td = nv_dot(n, m->gt, m->d), dy = td - c->line.slope, yt = tt - tg, value = 0;
  if (fabs(tg) >= c->restart * tt) return 0; /* consecutive gradients are far from orthogonal (Powell 1977) */
  switch (c->variant) {
  case POLAK_RIBIERE:
    value = fmax(yt / gg, 0);
    break;
  case FLETCHER_REEVES:
    value = tt / gg;
    break;
  case HESTENES_STIEFEL:
    value = yt / dy;
    break;
  case DAI_YUAN:
    value = tt / dy;
    break;
  default: { /* Hager & Zhang 2005, (1.3), and truncated as in (1.6) and (1.7) with eta = 0.01 */
    double y = nv_distance(n, m->gt, m->g), least = -1 / (nv_norm(n, m->d) * fmin(0.01, sqrt(gg)));
    value = fmax((yt - 2 * y * (y / dy) * td) / dy, least);
  }
  }
  return isfinite(value) ? value : 0;
}

/* The step that would lower f, to first order, by as much as the last one did (Nocedal & Wright, section 3.5). Far too
 * long a step costs Hager and Zhang's search more trials than the other. */
static double first_step(const nv_minimizer *m, const state *c, double slope) {
  if (!(c->last_step > 0)) return nv_line_begin(m, &c->line);
  return c->last_step * fmin(c->last_slope / slope, c->variant == HAGER_ZHANG ? 10 : 1000);
}

static nv_status step(nv_minimizer *m) {
  state *c = m->state;
  for (;;) {
    bool steepest = c->fresh || !(nv_dot(m->n, m->d, m->g) < 0);
    if (steepest) nv_scale(m->n, -1, m->g, m->d);
    c->fresh = true;
    c->line.first = first_step(m, c, nv_dot(m->n, m->d, m->g));
    NV_TRY(nv_line_search(m, &c->line));
    if (c->line.found) break;
    if (steepest || c->line.spent) return nv_line_failed(m, &c->line), NV_OK;
  }
  nv_combine(m->n, -1, m->gt, beta(m, c), m->d, m->d);
  c->fresh = false, c->last_step = c->line.step, c->last_slope = c->line.slope;
  m->parameter = c->line.step;
  nv_accept(m);
  return NV_OK;
}

const nv_method nv_conjugate_gradient = {
    .name = "conjugate_gradient", .prepare = prepare, .reset = reset, .step = step};
