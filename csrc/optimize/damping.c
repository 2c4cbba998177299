/* damping.c: how the damping of Levenberg-Marquardt methods follows their success (H. B. Nielsen, "Damping Parameter
 * in Marquardt's Method", IMM-REP-1999-05, 1999, eq. 2.5). mu is relative to the matrix. */
#include "optimize/optimize.h"

#include <math.h>

void nv_damping_accepted(nv_damping *d, double ratio) {
  double t = 2 * ratio - 1;
  d->mu = fmax(d->mu * fmax(1.0 / 3, 1 - t * t * t), 0x1p-53); /* less is rounding, and long to grow from */
  d->growth = 2;
}

void nv_damping_refused(nv_damping *d) {
  d->mu *= d->growth;
  d->growth = fmin(2 * d->growth, 0x1p200);
}
