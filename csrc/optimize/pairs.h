/* pairs.h: steps s = x+ - x and changes of the gradient y = g+ - g: all that L-BFGS knows of the Hessian. */
#ifndef NV_PAIRS_H
#define NV_PAIRS_H

#include "optimize/optimize.h"

typedef struct nv_pairs {
  int64_t n, apart; /* from one vector to the next */
  int room, count, next;
  double *vectors; /* s and y of room + 1 pairs, so that one that is not kept costs none that is */
  double *rho;     /* 1 / s'y */
  double *alpha;   /* working memory */
  double gamma;    /* s'y / y'y of the newest: the scale of the inverse Hessian */
} nv_pairs;

nv_status nv_pairs_make(nv_minimizer *m, int room, nv_pairs *p);
static inline void nv_pairs_forget(nv_pairs *p) { p->count = 0; }
/* From m->x, g to m->xt, gt; kept if curvature along it is positive. */
void nv_pairs_add(nv_pairs *p, const nv_minimizer *m);
/* d = -H v, H the inverse Hessian by the pairs (-v without any). */
void nv_pairs_direction(nv_pairs *p, const double *v, double *d);

/* owlqn.c: one iteration of L-BFGS where m->l1 is given. */
nv_status nv_owlqn_step(nv_minimizer *m, nv_pairs *pairs, nv_line *line);

#endif
