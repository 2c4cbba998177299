/* agreement.c: how well f does what a model of it said, also where differences of f have no digits left. */
#include "optimize/quadratic.h"

#include <float.h>
#include <math.h>

static double epsilon(const nv_minimizer *m) { return m->objective->single ? (double)FLT_EPSILON : DBL_EPSILON; }

double nv_shortest(const nv_minimizer *m) {
  double eps = epsilon(m);
  return eps * (nv_norm(m->n, m->x) + eps);
}

/* Near a minimum f is known to about eps |f| while what a step gains goes to zero with its square (Conn, Gould & Toint,
 * "Trust-Region Methods", 17.4.2). The gradient still has its digits there: the trapezoidal rule on the slopes at both
 * ends, -(g + g_t)'p / 2, is exact if f is quadratic. That the gradient falls keeps such steps from going in circles.
 */
double nv_agreement(const nv_minimizer *m, double predicted, double scale) {
  if (!isfinite(m->ft)) return -(double)INFINITY;
  double drop = m->f - m->ft, noise = 10 * epsilon(m) * fabs(m->f);
  if (predicted > noise || fabs(drop) > noise) return drop / predicted;
  if (!(nv_norm(m->n, m->gt) < nv_norm(m->n, m->g))) return -1;
  return -0.5 * scale * (nv_dot(m->n, m->g, m->d) + nv_dot(m->n, m->gt, m->d)) / predicted;
}
