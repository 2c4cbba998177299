/* optimize.h: minimizing a function of one flat vector of doubles by methods that look at all of the data at once.
 *
 *   objective.c       plans as a function of a flat vector: value, gradient, products, matrices
 *   minimizer.c       the loop: iterations, what ends them, counts, records
 *   vectors.c         dot products and the like, in one fixed order
 *   dense.c           factorizations of small dense matrices
 *   line_search.c     how far to go along a direction: by one of line_*.c
 *   pairs.c           what L-BFGS remembers of the steps before
 *   the rest          one method a file: a row nv_method, found by name in methods.c
 *
 * Vectors are doubles whatever the dtype of the weights: p numbers are little beside p numbers for each row of data,
 * and inner products lose no digits. All is deterministic, whatever the number of threads. */
#ifndef NV_OPTIMIZE_H
#define NV_OPTIMIZE_H

#include "runtime/runtime.h"

/* ---- what is minimized ---- */
/* Each function takes x[n] and may be NULL: what cannot be computed. What comes out may be infinite or NaN; a status
 * other than NV_OK (a failure, or NV_CANCELLED because poll asked) ends the run. They write nothing but their results.
 */
struct nv_objective {
  int64_t n;   /* parameters */
  int64_t m;   /* residuals of a sum of squares f = 1/2 sum r^2; 0 if it is none */
  bool single; /* parameters are float32: only x rounded to it can be evaluated, and f has about 7 digits */
  nv_status (*value)(nv_objective *o, const double *x, double *f, const nv_poll *poll);
  nv_status (*gradient)(nv_objective *o, const double *x, double *f, double *g, const nv_poll *poll);
  nv_status (*hessian_product)(nv_objective *o, const double *x, const double *v, double *hv, const nv_poll *poll);
  nv_status (*gauss_product)(nv_objective *o, const double *x, const double *v, double *gv, const nv_poll *poll);
  /* The Gauss-Newton matrix [n, n], both triangles, with f and g. */
  nv_status (*normal)(nv_objective *o, const double *x, double *f, double *g, double *matrix, const nv_poll *poll);
  nv_status (*residuals)(nv_objective *o, const double *x, double *r, const nv_poll *poll);
  nv_status (*jacobian)(nv_objective *o, const double *x, double *r, double *j, const nv_poll *poll); /* j [m, n] */
};

/* ---- the minimizer ---- */
typedef struct nv_method {
  const char *name;
  bool l1, bounds; /* does it look at m->l1, at m->lower and m->upper? */
  /* Once, before the first iteration: reads options (nv_option), allocates state (nv_pool_alloc on m->memory). Fails
   * with NV_ERR_VALUE naming the option or what the objective lacks. */
  nv_status (*prepare)(nv_minimizer *m);
  /* The function has changed (other rows, another mask of dropout), or x was set from outside: forgets what no longer
   * holds. x, f and g are those of the new function. May be NULL. */
  void (*reset)(nv_minimizer *m);
  /* One iteration from (x, f, g): moves on by nv_accept, or sets m->stop. A status other than NV_OK leaves x, f and g
   * whole; the next step then begins with reset. */
  nv_status (*step)(nv_minimizer *m);
} nv_method;
const nv_method *nv_method_find(const char *name); /* methods.c; NULL if unknown */

struct nv_minimizer {
  nv_objective *objective;
  const nv_method *method;
  void *state; /* the method's */
  nv_pool memory;
  int64_t n;
  double *x, f, *g;              /* where it is: finite; the gradient of the smooth part */
  double *xt, ft, *gt;           /* a trial point; working memory of steps */
  double *d;                     /* the direction of the last step */
  const double *l1;              /* NULL, or [n]: f includes sum l1 |x|, g does not */
  const double *lower, *upper;   /* NULL, or [n]: bounds on x */
  double goal, gtol, ftol, xtol; /* goal -INFINITY: none */
  int64_t max_evals;             /* INT64_MAX: no limit */
  double max_seconds, began;     /* INFINITY: no limit; when it was started */
  double step_length;            /* |x_new - x|, written by nv_accept */
  double parameter;              /* the method's own, for the records: step length, mu, radius .. */
  double gradient_norm;          /* largest element, as gtol sees it; kept by the loop */
  int patience, flat;            /* ftol: so many iterations in a row; those so far */
  bool moved, torn;              /* this iteration has accepted a point; it has not come to its end */
  bool idle;                     /* it has found nothing to do but stop, and is not counted */
  int64_t iterations, values, gradients, products, matrices; /* values: all evaluations of f, with gradient or not */
  nv_stop stop;
  const nv_poll *poll;
  nv_setting *settings;
  int n_settings;
};

/* ---- minimizer.c, for methods ---- */
/* f, and g if not NULL, at x (rounded to float32 first, in place, if the objective is single). Whatever is not finite
 * comes back as f = INFINITY. Counts. Adds the L1 term to f. */
nv_status nv_eval(nv_minimizer *m, double *x, double *f, double *g);
nv_status nv_hessian_product(nv_minimizer *m, const double *v, double *hv); /* at m->x */
nv_status nv_gauss_product(nv_minimizer *m, const double *v, double *gv);
/* The dense matrices at m->x, from the objective's `normal` or column by column from products; symmetric. */
nv_status nv_gauss_matrix(nv_minimizer *m, double *matrix);
nv_status nv_hessian_matrix(nv_minimizer *m, double *matrix);
/* x, f, g become xt, ft, gt (by exchanging pointers). */
void nv_accept(nv_minimizer *m);
/* Are the evaluations used up? Methods ask before another one and come to an end with what they have. */
static inline bool nv_spent(const nv_minimizer *m) { return m->values >= m->max_evals; }
/* The value of an option of the method, or what it is if not given. Each is asked for in prepare, by name. */
double nv_option(nv_minimizer *m, const char *name, double otherwise);

/* ---- vectors.c ---- */
double nv_dot(int64_t n, const double *a, const double *b);
double nv_norm(int64_t n, const double *a); /* Euclidean */
double nv_distance(int64_t n, const double *a, const double *b);
double nv_largest(int64_t n, const double *a);                 /* of the absolute values; NaN if there is one */
void nv_axpy(int64_t n, double s, const double *x, double *y); /* y += s x */
void nv_combine(int64_t n, double s, const double *a, double t, const double *b, double *out); /* out = s a + t b */
double nv_combine_dot(int64_t n, double s, const double *a, double t, const double *b, double *out,
                      const double *z);                           /* out = s a + t b; out'z */
void nv_scale(int64_t n, double s, const double *a, double *out); /* out = s a */
void nv_copy(int64_t n, const double *a, double *out);
bool nv_finite(int64_t n, const double *a);
void nv_round_single(int64_t n, double *x); /* to float32 and back */

/* ---- line_search.c ---- */
typedef enum nv_line_kind { NV_LINE_WOLFE, NV_LINE_HAGER_ZHANG, NV_LINE_ARMIJO } nv_line_kind;
typedef struct nv_line {
  nv_line_kind kind;
  double c1, c2;         /* sufficient decrease, curvature */
  double first;          /* the first step to try, times m->d */
  double longest;        /* no step is longer; INFINITY */
  double begin;          /* the option first_step; 0: see nv_line_begin */
  double *best, *best_g; /* NULL, or room for the lowest point so far, should no point fulfil the conditions */
  double slope;          /* out: d'g */
  double step;           /* out: the step taken */
  bool spent;            /* out: evaluations ran out */
  bool found;            /* out: m->xt, ft, gt is a lower point that fulfils the conditions, or within rounding the
                            approximate ones, or, where trials ran out, at least sufficient decrease */
} nv_line;
/* For prepare: reads the options line_search, c1, c2, max_step and first_step and makes room for the best point. kind
 * and c2 are what they are if not given; c1 is 1e-4 then, or 0.1 by Hager and Zhang. */
nv_status nv_line_prepare(nv_minimizer *m, nv_line *line, nv_line_kind kind, double c2);
/* The first step along -g where nothing is known: first_step, or one no longer than 1. */
double nv_line_begin(const nv_minimizer *m, const nv_line *line);
/* From m->x along m->d, a direction of descent (d'g < 0; else nothing is found). */
nv_status nv_line_search(nv_minimizer *m, nv_line *line);
/* Nothing was found along steepest descent either: sets m->stop. */
void nv_line_failed(nv_minimizer *m, const nv_line *line);

/* ---- dense.c: row-major [n, n] with rows n apart; the lower triangle is read and written ---- */
/* A = L L' in place; *pivot is the first row whose pivot is not positive, or -1 (then row *pivot is whole up to its
 * diagonal, which holds that pivot). poll may be NULL. */
nv_status nv_cholesky(int64_t n, double *a, int64_t *pivot, const nv_poll *poll);
void nv_cholesky_solve(int64_t n, const double *l, double *b); /* b := (L L')^-1 b */
/* x of (A + diag(added)) x = b for a symmetric A of no more than NV_SMALL rows, both triangles given, faster than by
 * nv_cholesky; false, and x as it was, where that matrix is not positive definite. work: nv_small_work(n) doubles. */
#define NV_SMALL 256
int64_t nv_small_work(int64_t n);
bool nv_small_solve(int64_t n, const double *a, const double *added, const double *b, double *work, double *x);
/* diagonal[n] of (L L')^-1 and its sum; work has room for n * n, diagonal may be NULL */
nv_status nv_cholesky_inverse_diagonal(int64_t n, const double *l, double *work, double *diagonal, double *trace,
                                       const nv_poll *poll);
/* L L' = A + shift I, positive definite: *shift is 0 if A is, else what makes it so, INFINITY if no double does.
 * curved[n] is then a direction in which A curves down (curved' A curved < 0, or 0 where A is singular), else all 0. */
nv_status nv_cholesky_shifted(int64_t n, const double *a, double *l, double *shift, double *curved,
                              const nv_poll *poll);

/* ---- qr.c: row-major too ---- */
/* A P = Q R with column pivoting, where row k of columns[n, m] is column k of A, and is used up. r [n, n] is upper
 * triangular, its rows from the rank on 0; column k of A P is order[k] of A; b[m] := Q' b. Returns the rank. */
int64_t nv_qr(int64_t m, int64_t n, double *columns, double *b, double *r, int64_t *order);
/* x := R^-1 x, x := R'^-1 x for the leading [n, n] of r, whose rows are `row` apart. */
void nv_upper_solve(int64_t n, int64_t row, const double *r, double *x);
void nv_upper_transposed_solve(int64_t n, int64_t row, const double *r, double *x);
/* The q of least |R q - b|^2 + lambda |q|^2, lambda > 0. s [n, n] becomes upper triangular: S'S = R'R + lambda I.
 * row[n] is working memory. */
void nv_qr_damped(int64_t n, const double *r, const double *b, double lambda, double *s, double *row, double *q);

/* ---- damping.c: how much Levenberg-Marquardt methods add to the diagonal (Nielsen 1999) ---- */
typedef struct nv_damping {
  double mu, growth;
} nv_damping;
void nv_damping_accepted(nv_damping *d, double ratio); /* of what f fell to what the model promised */
void nv_damping_refused(nv_damping *d);

#endif
