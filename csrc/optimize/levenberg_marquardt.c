/* levenberg_marquardt.c: (G + mu D) d = -g with the Gauss-Newton matrix G of any loss (Levenberg 1944, Marquardt 1963;
 * Nocedal & Wright, section 10.3), D the largest diagonal of G so far (More 1978, section 6) or the identity, and mu by
 * Nielsen's rule. Small problems by Cholesky; large ones by conjugate gradients on products with G. */
#include "optimize/optimize.h"

#include <math.h>
#include <string.h>

#define DENSE 5000   /* parameters up to which solver 0 takes the matrix */
#define AT_ONCE 256  /* parameters up to which a trial point is evaluated with its gradient and matrix */
#define FLOOR 1e-8   /* of D, relative to its largest element: what no data moves must not move freely */
#define FORCING 1e-1 /* conjugate gradients end when the residual is below this times the gradient .. */

typedef struct state {
  double mu_first, mu_max;
  bool marquardt, dense;
  int64_t max_cg;
  nv_damping damping;
  double *matrix, *other; /* G at x (its lower triangle), and at a trial point; dense only */
  double *factor;
  double *diagonal;        /* D */
  double *r, *p, *ap, *z;  /* conjugate gradients */
  bool fresh;              /* matrix and diagonal are those of x; dense only */
  bool begun;              /* damping has been chosen */
} state;

static bool yes(double option) { return option != 0; }

static nv_status room(nv_minimizer *m, int64_t elements, double **out) {
  *out = nv_pool_alloc(&m->memory, ((size_t)elements + 1) * sizeof **out);
  return *out ? NV_OK : NV_ERR_MEMORY;
}

static nv_status prepare(nv_minimizer *m) {
  state *s = m->state = nv_pool_alloc(&m->memory, sizeof *s);
  const nv_objective *o = m->objective;
  if (!s) return NV_ERR_MEMORY;
  s->mu_first = nv_option(m, "mu", 1e-3), s->mu_max = nv_option(m, "mu_max", 1e10);
  double scaling = nv_option(m, "scaling", 1), solver = nv_option(m, "solver", 0);
  double max_cg = nv_option(m, "max_cg", fmax(100, fmin((double)m->n, 1000)));
  if (!(s->mu_first > 0 && s->mu_max >= s->mu_first))
    return nv_fail(NV_ERR_VALUE, "%s: mu must be positive and mu_max no less than mu", m->method->name);
  if ((scaling != 0 && scaling != 1) || (solver != 0 && solver != 1 && solver != 2) || !(max_cg >= 1))
    return nv_fail(NV_ERR_VALUE, "%s: scaling must be 0 or 1, solver 0, 1 or 2, max_cg at least 1", m->method->name);
  if (!o->normal && !o->gauss_product)
    return nv_fail(NV_ERR_VALUE, "%s needs the Gauss-Newton matrix of the function, or products with it",
                   m->method->name);
  s->marquardt = yes(scaling), s->max_cg = (int64_t)fmin(max_cg, 1e15);
  s->dense = solver == 1 || (solver == 0 && m->n <= DENSE) || !o->gauss_product;
  NV_TRY(room(m, m->n, &s->diagonal));
  if (s->dense) {
    NV_TRY(room(m, m->n * m->n, &s->matrix));
    NV_TRY(room(m, m->n * m->n, &s->factor));
    if (o->normal) NV_TRY(room(m, m->n * m->n, &s->other));
    return NV_OK;
  }
  NV_TRY(room(m, m->n, &s->r));
  NV_TRY(room(m, m->n, &s->p));
  NV_TRY(room(m, m->n, &s->ap));
  return room(m, m->n, &s->z);
}

static void reset(nv_minimizer *m) {
  state *s = m->state;
  s->fresh = false;
  for (int64_t k = 0; k < m->n; k++) s->diagonal[k] = 0;
}

/* ---- D ---- */

static void note_diagonal(nv_minimizer *m) {
  state *s = m->state;
  double most = 0;
  for (int64_t k = 0; k < m->n; k++) {
    s->diagonal[k] = fmax(s->diagonal[k], s->matrix[k * m->n + k]);
    most = fmax(most, s->diagonal[k]);
  }
  if (!s->marquardt || most == 0) most = most > 0 ? most : 1;
  for (int64_t k = 0; k < m->n; k++) s->diagonal[k] = s->marquardt ? fmax(s->diagonal[k], FLOOR * most) : most;
}
