/* problems.h: functions with known minima, for tests of methods that minimize.
 *
 * The standard problems and starts are those of More, Garbow & Hillstrom 1981, "Testing unconstrained optimization
 * software", ACM TOMS 7(1). A sum of squares is f = 1/2 sum r^2, half of theirs; its optimum here is halved too. */
#ifndef NV_PROBLEMS_H
#define NV_PROBLEMS_H

#include "optimize/optimize.h"

#include <math.h>
#include <string.h>

#define PROBLEM_N 64 /* most parameters */
#define PROBLEM_M 64 /* most residuals */

typedef struct problem problem;
struct problem {
  nv_objective o; /* first: &p.o is what a minimizer takes */
  const char *name;
  double start[PROBLEM_N];
  double optimum, best[PROBLEM_N]; /* f at the minimum; where it is, if `unique` */
  bool unique;
  double spectrum[PROBLEM_N]; /* quadratic() */
  /* A sum of squares: residuals, j [m, n] of zeros to be filled; then h [n, n] += sum_i r_i (Hessian of r_i). */
  void (*terms)(const problem *p, const double *x, double *r, double *j);
  void (*bend)(const problem *p, const double *x, const double *r, double *h);
  /* Any other function: f, g and h [n, n] of zeros to be filled. */
  double (*direct)(const problem *p, const double *x, double *g, double *h);
  int64_t calls, fails_at; /* the call so numbered fails, if > 0 */
  nv_status failure;
};

/* ---- the objective ---- */

static inline nv_status problem_call(problem *p) {
  return ++p->calls == p->fails_at ? nv_fail(p->failure, "call %lld fails", (long long)p->calls) : NV_OK;
}

/* f; g and h if not NULL. */
static inline double problem_all(const problem *p, const double *x, double *g, double *h, bool gauss) {
  static _Thread_local double j[PROBLEM_M * PROBLEM_N], hs[PROBLEM_N * PROBLEM_N];
  double r[PROBLEM_M], gs[PROBLEM_N];
  int64_t n = p->o.n, m = p->o.m;
  double *gradient = g ? g : gs, *hessian = h ? h : hs, f = 0;
  memset(hessian, 0, (size_t)(n * n) * sizeof(double));
  memset(gradient, 0, (size_t)n * sizeof(double));
  if (p->direct) return p->direct(p, x, gradient, hessian);
  memset(j, 0, (size_t)(m * n) * sizeof(double));
  p->terms(p, x, r, j);
  for (int64_t i = 0; i < m; i++) {
    f += 0.5 * r[i] * r[i];
    for (int64_t a = 0; a < n; a++) gradient[a] += j[i * n + a] * r[i];
    for (int64_t a = 0; h && a < n; a++)
      for (int64_t b = 0; b < n; b++) hessian[a * n + b] += j[i * n + a] * j[i * n + b];
  }
  if (h && !gauss && p->bend) p->bend(p, x, r, hessian);
  return f;
}

static inline nv_status problem_value(nv_objective *o, const double *x, double *f, const nv_poll *poll) {
  problem *p = (problem *)o;
  (void)poll;
  NV_TRY(problem_call(p));
  *f = problem_all(p, x, NULL, NULL, false);
  return NV_OK;
}

static inline nv_status problem_gradient(nv_objective *o, const double *x, double *f, double *g, const nv_poll *poll) {
  problem *p = (problem *)o;
  (void)poll;
  NV_TRY(problem_call(p));
  *f = problem_all(p, x, g, NULL, false);
  return NV_OK;
}

static inline nv_status problem_product(nv_objective *o, const double *x, const double *v, double *hv, bool gauss) {
  static _Thread_local double h[PROBLEM_N * PROBLEM_N];
  problem *p = (problem *)o;
  NV_TRY(problem_call(p));
  problem_all(p, x, NULL, h, gauss);
  for (int64_t a = 0; a < o->n; a++) hv[a] = nv_dot(o->n, h + a * o->n, v);
  return NV_OK;
}

static inline nv_status problem_hessian_product(nv_objective *o, const double *x, const double *v, double *hv,
                                                const nv_poll *poll) {
  (void)poll;
  return problem_product(o, x, v, hv, false);
}

static inline nv_status problem_gauss_product(nv_objective *o, const double *x, const double *v, double *gv,
                                              const nv_poll *poll) {
  (void)poll;
  return problem_product(o, x, v, gv, true);
}

static inline nv_status problem_normal(nv_objective *o, const double *x, double *f, double *g, double *matrix,
                                       const nv_poll *poll) {
  problem *p = (problem *)o;
  (void)poll;
  NV_TRY(problem_call(p));
  *f = problem_all(p, x, g, matrix, true);
  return NV_OK;
}

static inline nv_status problem_jacobian(nv_objective *o, const double *x, double *r, double *j, const nv_poll *poll) {
  problem *p = (problem *)o;
  (void)poll;
  NV_TRY(problem_call(p));
  memset(j, 0, (size_t)(o->m * o->n) * sizeof(double));
  p->terms(p, x, r, j);
  return NV_OK;
}

static inline nv_status problem_residuals(nv_objective *o, const double *x, double *r, const nv_poll *poll) {
  static _Thread_local double j[PROBLEM_M * PROBLEM_N];
  return problem_jacobian(o, x, r, j, poll);
}

static inline problem problem_squares(const char *name, int n, int m, double optimum) {
  return (problem){.name = name,
                   .optimum = optimum,
                   .o = {.n = n,
                         .m = m,
                         .value = problem_value,
                         .gradient = problem_gradient,
                         .hessian_product = problem_hessian_product,
                         .gauss_product = problem_gauss_product,
                         .normal = problem_normal,
                         .residuals = problem_residuals,
                         .jacobian = problem_jacobian}};
}

static inline problem problem_direct(const char *name, int n, double optimum) {
  problem p = problem_squares(name, n, 0, optimum);
  p.o.gauss_product = NULL, p.o.normal = NULL, p.o.residuals = NULL, p.o.jacobian = NULL;
  return p;
}

static inline void problem_set(double *to, int n, const double *from) { memcpy(to, from, (size_t)n * sizeof(double)); }

/* ---- sums of squares ---- */

/* Extended Rosenbrock (21): pairs 10 (y - x^2), 1 - x. */
static inline void rosenbrock_terms(const problem *p, const double *x, double *r, double *j) {
  int64_t n = p->o.n;
  for (int64_t k = 0; k < n; k += 2) {
    r[k] = 10 * (x[k + 1] - x[k] * x[k]), r[k + 1] = 1 - x[k];
    j[k * n + k] = -20 * x[k], j[k * n + k + 1] = 10;
    j[(k + 1) * n + k] = -1;
  }
}
static inline void rosenbrock_bend(const problem *p, const double *x, const double *r, double *h) {
  int64_t n = p->o.n;
  (void)x;
  for (int64_t k = 0; k < n; k += 2) h[k * n + k] -= 20 * r[k];
}
static inline problem problem_rosenbrock(int n) {
  problem p = problem_squares("Rosenbrock", n, n, 0);
  p.terms = rosenbrock_terms, p.bend = rosenbrock_bend, p.unique = true;
  for (int k = 0; k < n; k++) p.start[k] = k % 2 ? 1 : -1.2, p.best[k] = 1;
  return p;
}

/* Freudenstein and Roth (2): a zero at (5, 4), and a local minimum at (11.41.., -0.8968..) where the start leads. */
static inline void freudenstein_terms(const problem *p, const double *x, double *r, double *j) {
  double y = x[1];
  (void)p;
  r[0] = -13 + x[0] + ((5 - y) * y - 2) * y, r[1] = -29 + x[0] + ((y + 1) * y - 14) * y;
  j[0] = 1, j[1] = (10 - 3 * y) * y - 2;
  j[2] = 1, j[3] = (3 * y + 2) * y - 14;
}
static inline void freudenstein_bend(const problem *p, const double *x, const double *r, double *h) {
  (void)p;
  h[3] += r[0] * (10 - 6 * x[1]) + r[1] * (6 * x[1] + 2);
}
static inline problem problem_freudenstein_roth(void) {
  problem p = problem_squares("Freudenstein-Roth", 2, 2, 48.98425367924 / 2);
  p.terms = freudenstein_terms, p.bend = freudenstein_bend;
  problem_set(p.start, 2, (double[]){0.5, -2});
  return p;
}

/* Beale (5): y_i - x (1 - y^i). */
static inline void beale_terms(const problem *p, const double *x, double *r, double *j) {
  const double data[] = {1.5, 2.25, 2.625};
  double power = 1;
  (void)p;
  for (int i = 0; i < 3; i++) {
    j[2 * i + 1] = x[0] * (i + 1) * power;
    power *= x[1];
    r[i] = data[i] - x[0] * (1 - power), j[2 * i] = power - 1;
  }
}
static inline void beale_bend(const problem *p, const double *x, const double *r, double *h) {
  const double first[] = {1, 2 * x[1], 3 * x[1] * x[1]}, second[] = {0, 2, 6 * x[1]};
  (void)p;
  for (int i = 0; i < 3; i++) h[1] += r[i] * first[i], h[2] += r[i] * first[i], h[3] += r[i] * x[0] * second[i];
}
static inline problem problem_beale(void) {
  problem p = problem_squares("Beale", 2, 3, 0);
  p.terms = beale_terms, p.bend = beale_bend, p.unique = true;
  problem_set(p.start, 2, (double[]){1, 1}), problem_set(p.best, 2, (double[]){3, 0.5});
  return p;
}

/* Powell's singular function (13): the Hessian at the minimum, 0, has rank 2. */
static inline void powell_terms(const problem *p, const double *x, double *r, double *j) {
  double a = x[1] - 2 * x[2], b = x[0] - x[3], five = sqrt(5.0), ten = sqrt(10.0);
  (void)p;
  r[0] = x[0] + 10 * x[1], r[1] = five * (x[2] - x[3]), r[2] = a * a, r[3] = ten * b * b;
  j[0] = 1, j[1] = 10;
  j[6] = five, j[7] = -five;
  j[9] = 2 * a, j[10] = -4 * a;
  j[12] = 2 * ten * b, j[15] = -2 * ten * b;
}
static inline void powell_bend(const problem *p, const double *x, const double *r, double *h) {
  double b = 2 * sqrt(10.0) * r[3];
  (void)p, (void)x;
  h[5] += 2 * r[2], h[6] -= 4 * r[2], h[9] -= 4 * r[2], h[10] += 8 * r[2];
  h[0] += b, h[3] -= b, h[12] -= b, h[15] += b;
}
static inline problem problem_powell_singular(void) {
  problem p = problem_squares("Powell singular", 4, 4, 0);
  p.terms = powell_terms, p.bend = powell_bend;
  problem_set(p.start, 4, (double[]){3, -1, 0, 1});
  return p;
}

/* Wood (14). */
static inline void wood_terms(const problem *p, const double *x, double *r, double *j) {
  double a = sqrt(90.0), b = sqrt(10.0), c = 1 / sqrt(10.0);
  (void)p;
  r[0] = 10 * (x[1] - x[0] * x[0]), r[1] = 1 - x[0], r[2] = a * (x[3] - x[2] * x[2]), r[3] = 1 - x[2];
  r[4] = b * (x[1] + x[3] - 2), r[5] = c * (x[1] - x[3]);
  j[0] = -20 * x[0], j[1] = 10;
  j[4] = -1;
  j[10] = -2 * a * x[2], j[11] = a;
  j[14] = -1;
  j[17] = b, j[19] = b;
  j[21] = c, j[23] = -c;
}
static inline void wood_bend(const problem *p, const double *x, const double *r, double *h) {
  (void)p, (void)x;
  h[0] -= 20 * r[0], h[10] -= 2 * sqrt(90.0) * r[2];
}
static inline problem problem_wood(void) {
  problem p = problem_squares("Wood", 4, 6, 0);
  p.terms = wood_terms, p.bend = wood_bend, p.unique = true;
  for (int k = 0; k < 4; k++) p.start[k] = k % 2 ? -1 : -3, p.best[k] = 1;
  return p;
}

/* Brown and Dennis (16): (x0 + t x1 - e^t)^2 + (x2 + x3 sin t - cos t)^2 at t = i / 5; the residuals at the minimum are
 * large. */
static inline void brown_dennis_terms(const problem *p, const double *x, double *r, double *j) {
  (void)p;
  for (int i = 0; i < 20; i++) {
    double t = (i + 1) / 5.0, s = sin(t), a = x[0] + t * x[1] - exp(t), b = x[2] + x[3] * s - cos(t);
    const double row[] = {2 * a, 2 * a * t, 2 * b, 2 * b * s};
    r[i] = a * a + b * b;
    problem_set(j + 4 * (ptrdiff_t)i, 4, row);
  }
}
static inline void brown_dennis_bend(const problem *p, const double *x, const double *r, double *h) {
  (void)p, (void)x;
  for (int i = 0; i < 20; i++) {
    double t = (i + 1) / 5.0, s = sin(t);
    h[0] += 2 * r[i], h[1] += 2 * r[i] * t, h[4] += 2 * r[i] * t, h[5] += 2 * r[i] * t * t;
    h[10] += 2 * r[i], h[11] += 2 * r[i] * s, h[14] += 2 * r[i] * s, h[15] += 2 * r[i] * s * s;
  }
}
static inline problem problem_brown_dennis(void) {
  problem p = problem_squares("Brown-Dennis", 4, 20, 85822.20162635 / 2);
  p.terms = brown_dennis_terms, p.bend = brown_dennis_bend;
  problem_set(p.start, 4, (double[]){25, 5, -5, -1});
  return p;
}

/* Residuals c_k (x_k - 1), m >= n of them: linear, so that the Gauss-Newton matrix is the Hessian, diag(spectrum). */
static inline void linear_terms(const problem *p, const double *x, double *r, double *j) {
  for (int64_t k = 0; k < p->o.n; k++) {
    double c = sqrt(p->spectrum[k]);
    r[k] = c * (x[k] - 1), j[k * p->o.n + k] = c;
  }
}
static inline problem problem_linear(int n, const double *spectrum) {
  problem p = problem_squares("linear residuals", n, n, 0);
  p.terms = linear_terms, p.unique = true;
  for (int k = 0; k < n; k++) p.spectrum[k] = spectrum[k], p.best[k] = 1;
  return p;
}

/* ---- others ---- */

/* 1/2 (x - 1)'A(x - 1) - 2 with A = Q diag(spectrum) Q, Q = I - 2 u u' / u'u, u = (1, 2, .. n). */
static inline void reflect(int64_t n, const double *x, double *out) {
  double uu = 0, ux = 0;
  for (int64_t k = 0; k < n; k++) uu += (double)((k + 1) * (k + 1)), ux += (double)(k + 1) * x[k];
  for (int64_t k = 0; k < n; k++) out[k] = x[k] - 2 * (double)(k + 1) * ux / uu;
}
static inline double quadratic(const problem *p, const double *x, double *g, double *h) {
  int64_t n = p->o.n;
  double e[PROBLEM_N] = {0}, q[PROBLEM_N], f = -2;
  for (int64_t a = 0; a < n; a++) {
    e[a] = 1;
    reflect(n, e, q);
    e[a] = 0;
    for (int64_t k = 0; k < n; k++) q[k] *= p->spectrum[k];
    reflect(n, q, h + a * n);
  }
  for (int64_t k = 0; k < n; k++) e[k] = x[k] - 1;
  reflect(n, e, q);
  for (int64_t k = 0; k < n; k++) f += 0.5 * p->spectrum[k] * q[k] * q[k], q[k] *= p->spectrum[k];
  reflect(n, q, g);
  return f;
}
static inline problem problem_quadratic(int n, const double *spectrum) {
  problem p = problem_direct("quadratic", n, -2);
  p.direct = quadratic, p.unique = true;
  for (int k = 0; k < n; k++) p.spectrum[k] = spectrum[k], p.best[k] = 1;
  return p;
}

/* x^2 - y^2 + y^4: a saddle at 0, minima -1/4 at y^2 = 1/2. */
static inline double saddle(const problem *p, const double *x, double *g, double *h) {
  double a = x[0], b = x[1];
  (void)p;
  g[0] = 2 * a, g[1] = -2 * b + 4 * b * b * b;
  h[0] = 2, h[3] = -2 + 12 * b * b;
  return a * a - b * b + b * b * b * b;
}
static inline problem problem_saddle(double x, double y) {
  problem p = problem_direct("saddle", 2, -0.25);
  p.direct = saddle, p.start[0] = x, p.start[1] = y;
  return p;
}

/* 3 everywhere. */
static inline double flat(const problem *p, const double *x, double *g, double *h) {
  (void)p, (void)x, (void)g, (void)h;
  return 3;
}
static inline problem problem_flat(int n) {
  problem p = problem_direct("flat", n, 3);
  p.direct = flat;
  return p;
}

/* (x - 1)^2 + (y - 1)^2, but NaN where x + y > 2.5. */
static inline double wall(const problem *p, const double *x, double *g, double *h) {
  (void)p;
  for (int k = 0; k < 2; k++) g[k] = 2 * (x[k] - 1), h[3 * k] = 2;
  return x[0] + x[1] > 2.5 ? (double)NAN : (x[0] - 1) * (x[0] - 1) + (x[1] - 1) * (x[1] - 1);
}
/* -x - y, but NaN where x + y > 1: no minimum; what a method can do is go on towards the wall. */
static inline double cliff(const problem *p, const double *x, double *g, double *h) {
  (void)p, (void)h;
  g[0] = g[1] = -1;
  return x[0] + x[1] > 1 ? (double)NAN : -x[0] - x[1];
}
static inline problem problem_wall(void) {
  problem p = problem_direct("wall", 2, 0);
  p.direct = wall, p.unique = true;
  problem_set(p.start, 2, (double[]){-3, -1}), problem_set(p.best, 2, (double[]){1, 1});
  return p;
}
static inline problem problem_cliff(void) {
  problem p = problem_direct("cliff", 2, -1);
  p.direct = cliff;
  return p;
}

/* The standard problems, into all[]; returns how many. */
#define PROBLEM_STANDARD 8
static inline int problem_standard(problem *all) {
  int k = 0;
  all[k++] = problem_rosenbrock(2);
  all[k++] = problem_rosenbrock(20);
  all[k++] = problem_freudenstein_roth();
  all[k++] = problem_beale();
  all[k++] = problem_powell_singular();
  all[k++] = problem_wood();
  all[k++] = problem_brown_dennis();
  all[k++] = problem_wall();
  return k;
}

#endif
