/* levenberg_marquardt.h: the step that levenberg_marquardt.c and bayesian_regularization.c share: on f + ridge |x|^2,
 * ridge being 0 in the first. */
#ifndef NV_LEVENBERG_MARQUARDT_H
#define NV_LEVENBERG_MARQUARDT_H

#include "optimize/optimize.h"

typedef struct nv_lm {
  double mu_first, mu_max;
  bool marquardt, dense;
  int64_t max_cg;
  double ridge;
  nv_damping damping;
  double *matrix;         /* G at x (its lower triangle) .. */
  double *other, *factor; /* .. and at a trial point; of the damped one; all three only if dense */
  double *diagonal;       /* D; not dense: all alike */
  double *added, *work;   /* dense: to the matrix's diagonal; for nv_small_solve, or NULL */
  double *b, *r, *p, *ap; /* minus the gradient with ridge; of conjugate gradients */
  double steepest;        /* |b| where learning began */
  bool fresh;             /* matrix and diagonal are those of x */
} nv_lm;

nv_status nv_lm_prepare(nv_minimizer *m, nv_lm *s, bool dense); /* dense: in any case */
void nv_lm_reset(nv_minimizer *m, nv_lm *s);
nv_status nv_lm_step(nv_minimizer *m, nv_lm *s);
nv_status nv_lm_matrix(nv_minimizer *m, nv_lm *s); /* makes s->matrix that of m->x, if it is not; it is dense */

#endif
