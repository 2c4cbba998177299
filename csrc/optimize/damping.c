/* damping.c: how the damping of Levenberg-Marquardt methods follows their success (H. B. Nielsen, "Damping Parameter
 * in Marquardt's Method", IMM-REP-1999-05, 1999, eq. 2.5). */
#include "optimize/optimize.h"

#include <math.h>

void nv_damping_accepted(nv_damping *d, double ratio) {
  double t = 2 * fmin(ratio, 1) - 1; /* better than promised: the least factor, no less */
  d->mu = fmax(d->mu * fmax(1.0 / 3, 1 - t * t * t), 0x1p-1000);
  d->growth = 2;
}

void nv_damping_refused(nv_damping *d) {
  d->mu *= d->growth;
  d->growth = fmin(2 * d->growth, 0x1p200);
}
