/* quadratic.h: what methods share that go by a quadratic model of f around x,
 *
 *   q(p) = g'p + 1/2 p'H p,   H the Hessian or the Gauss-Newton matrix, known by its products only. */
#ifndef NV_OPTIMIZE_QUADRATIC_H
#define NV_OPTIMIZE_QUADRATIC_H

#include "optimize/optimize.h"

/* ---- steihaug.c: truncated conjugate gradients on q within |p| <= radius ---- */
#define NV_MARKS 4 /* points of the path that are kept, for smaller radii */
typedef struct nv_steihaug {
  bool gauss;             /* Gauss-Newton products */
  int64_t max_cg;         /* most products in one solve */
  double forcing;         /* they end at |H p + g| <= min(forcing, sqrt |g|) |g| */
  double *r, *v, *hv;     /* q's gradient at p, the direction, its product */
  double *mark[NV_MARKS]; /* where the path crossed radius / 4^level */
  double mark_decrease[NV_MARKS];
  int mark_level[NV_MARKS], levels; /* levels: the radius is divided by 4 so often */
  double radius, rayleigh;          /* g'Hg / g'g */
  double decrease, length;          /* out: -q(p) and |p| of the step p = m->d */
  bool boundary;                    /* out: the step ends at the radius */
} nv_steihaug;
/* Reads the options `hessian` (0 exact, 1 Gauss-Newton), `max_cg` (0: n) and `forcing`; allocates. */
nv_status nv_steihaug_make(nv_minimizer *m, nv_steihaug *s, bool marks);
/* p into m->d. With an infinite radius negative curvature ends the path where it is met. */
nv_status nv_steihaug_solve(nv_minimizer *m, nv_steihaug *s, double radius);
/* The step of a smaller radius, without another product; returns that radius. */
double nv_steihaug_back(nv_minimizer *m, nv_steihaug *s);
/* The lowest point of q along -g within the radius into m->d. */
void nv_steihaug_cauchy(nv_minimizer *m, nv_steihaug *s, double radius);

/* ---- agreement.c ---- */
/* (f(x) - f(x_t)) / predicted for x_t = x + scale * m->d, with f and g known at both; negative if x_t is to be rejected
 * because f is not finite there, or because nothing but rounding is left and the gradient does not fall. */
double nv_agreement(const nv_minimizer *m, double predicted, double scale);
/* Below this length a step from x is rounding. */
double nv_shortest(const nv_minimizer *m);

#endif
