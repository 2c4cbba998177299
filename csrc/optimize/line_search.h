/* line_search.h: what the line searches share: trials along a direction, phi(a) = f(x + a d), and the best of them. */
#ifndef NV_LINE_SEARCH_H
#define NV_LINE_SEARCH_H

#include "optimize/optimize.h"

typedef struct nv_trial {
  double step, f, slope; /* f is INFINITY where phi or its slope is not finite */
} nv_trial;

typedef struct nv_search {
  nv_minimizer *m;
  nv_line *line;
  nv_trial start;
  double rounding; /* f cannot tell apart values that are no farther from start.f */
  int left;        /* trials */
  nv_trial last;   /* is in m->xt, m->ft, m->gt; step 0: none */
  double last_f, best_f;
  nv_trial best; /* of those that fell enough; step 0: none */
} nv_search;

/* Evaluates phi and its slope. Where phi differs from phi(0) by no more than rounding, f is that of the parabola
 * through the two slopes, phi(0) + a (phi'(0) + phi'(a)) / 2. The condition of sufficient decrease is then
 * phi'(a) <= (2 c1 - 1) phi'(0): the approximate Wolfe condition of Hager and Zhang (2005), (4.1), by which a search
 * goes on where differences of f have no correct digit left but slopes have half of them. */
nv_status nv_search_try(nv_search *s, double step, nv_trial *t);
/* f <= f0 + c1 a slope0 */
bool nv_search_fell(const nv_search *s, const nv_trial *t);
/* No further trial is allowed. */
bool nv_search_over(const nv_search *s);
/* Ends it at the last trial. */
nv_status nv_search_take(nv_search *s);

nv_status nv_line_more_thuente(nv_search *s);
nv_status nv_line_hager_zhang(nv_search *s);
nv_status nv_line_armijo(nv_search *s);

#endif
