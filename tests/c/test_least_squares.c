/* test_least_squares.c: least squares and Levenberg-Marquardt on problems whose answers are known. */
#include "check.h"

#include "optimize/optimize.h"

#include <math.h>
#include <string.h>

/* ---- problems: residuals and their Jacobian ---- */

typedef struct problem {
  nv_objective o;
  void (*fn)(const double *x, double *r, double *j); /* j [m, n] may be NULL */
  int calls, fail_at;                                /* which Jacobian or matrix fails; 0: none */
} problem;

static void rosenbrock(const double *x, double *r, double *j) {
  r[0] = 10 * (x[1] - x[0] * x[0]), r[1] = 1 - x[0];
  if (j) j[0] = -20 * x[0], j[1] = 10, j[2] = -1, j[3] = 0;
}
static void linear(const double *x, double *r, double *j) { /* 12 x 3 */
  for (int i = 0; i < 12; i++) {
    double t = i / 11.0;
    r[i] = x[0] + x[1] * t + x[2] * t * t - sqrt(1 + t);
    if (j) j[3 * i] = 1, j[3 * i + 1] = t, j[3 * i + 2] = t * t;
  }
}
static void deficient(const double *x, double *r, double *j) { /* only x0 + x1 matters, x2 not at all */
  for (int i = 0; i < 4; i++) {
    r[i] = (i + 1) * (x[0] + x[1]) - i;
    if (j) j[3 * i] = j[3 * i + 1] = i + 1, j[3 * i + 2] = 0;
  }
}
static void wide(const double *x, double *r, double *j) { /* more parameters than residuals */
  r[0] = x[0] * x[0] + x[1] + x[2] + x[3] - 5, r[1] = x[0] - x[1] * x[2] + 1;
  if (!j) return;
  j[0] = 2 * x[0], j[1] = j[2] = j[3] = 1;
  j[4] = 1, j[5] = -x[2], j[6] = -x[1], j[7] = 0;
}
static void wall(const double *x, double *r, double *j) { /* sqrt(x) = 0.1 and NaN below 0 */
  r[0] = sqrt(x[0]) - 0.1;
  if (j) j[0] = 0.5 / sqrt(x[0]);
}

/* NIST's BoxBOD: where x1 is large the second column of J is 0, and f lower than at the start. */
static void boxbod(const double *x, double *r, double *j) {
  static const double t[] = {1, 2, 3, 5, 7, 10}, y[] = {109, 149, 149, 191, 213, 224};
  for (int i = 0; i < 6; i++) {
    double e = exp(-x[1] * t[i]);
    r[i] = x[0] * (1 - e) - y[i];
    if (j) j[2 * i] = 1 - e, j[2 * i + 1] = x[0] * t[i] * e;
  }
}
/* Freudenstein and Roth's: at (11.4, -0.9) r is so large and bent that steps without a radius lead away. */
static void freudenstein_roth(const double *x, double *r, double *j) {
  double b = x[1];
  r[0] = -13 + x[0] + ((5 - b) * b - 2) * b, r[1] = -29 + x[0] + ((b + 1) * b - 14) * b;
  if (j) j[0] = j[2] = 1, j[1] = (10 - 3 * b) * b - 2, j[3] = (3 * b + 2) * b - 14;
}
static void badly_scaled(const double *x, double *r, double *j) { /* Powell's */
  r[0] = 1e4 * x[0] * x[1] - 1, r[1] = exp(-x[0]) + exp(-x[1]) - 1.0001;
  if (j) j[0] = 1e4 * x[1], j[1] = 1e4 * x[0], j[2] = -exp(-x[0]), j[3] = -exp(-x[1]);
}

static void squares(const problem *p, const double *x, double *f, double *g, double *matrix) {
  double r[16], j[64];
  const int64_t n = p->o.n, m = p->o.m;
  p->fn(x, r, j);
  *f = 0.5 * nv_dot(m, r, r);
  for (int64_t k = 0; k < n; k++) {
    if (g) g[k] = 0;
    for (int64_t i = 0; i < m && g; i++) g[k] += j[i * n + k] * r[i];
    for (int64_t l = 0; l < n && matrix; l++) {
      matrix[k * n + l] = 0;
      for (int64_t i = 0; i < m; i++) matrix[k * n + l] += j[i * n + k] * j[i * n + l];
    }
  }
}
static nv_status value(nv_objective *o, const double *x, double *f, const nv_poll *poll) {
  (void)poll;
  squares((problem *)(void *)o, x, f, NULL, NULL);
  return NV_OK;
}
static nv_status gradient(nv_objective *o, const double *x, double *f, double *g, const nv_poll *poll) {
  (void)poll;
  squares((problem *)(void *)o, x, f, g, NULL);
  return NV_OK;
}
static nv_status normal(nv_objective *o, const double *x, double *f, double *g, double *matrix, const nv_poll *poll) {
  problem *p = (problem *)(void *)o;
  (void)poll;
  if (++p->calls == p->fail_at) return NV_ERR_INTERNAL;
  squares(p, x, f, g, matrix);
  return NV_OK;
}
static nv_status product(nv_objective *o, const double *x, const double *v, double *gv, const nv_poll *poll) {
  double f, g[16], matrix[64];
  (void)poll;
  squares((problem *)(void *)o, x, &f, g, matrix);
  for (int64_t k = 0; k < o->n; k++) gv[k] = nv_dot(o->n, matrix + k * o->n, v);
  return NV_OK;
}
static nv_status residuals(nv_objective *o, const double *x, double *r, const nv_poll *poll) {
  (void)poll;
  ((problem *)(void *)o)->fn(x, r, NULL);
  return NV_OK;
}
static nv_status jacobian(nv_objective *o, const double *x, double *r, double *j, const nv_poll *poll) {
  problem *p = (problem *)(void *)o;
  (void)poll;
  if (++p->calls == p->fail_at) return NV_ERR_INTERNAL;
  p->fn(x, r, j);
  return NV_OK;
}
static problem make(int64_t m, int64_t n, void (*fn)(const double *, double *, double *)) {
  return (problem){{n, m, false, value, gradient, NULL, product, normal, residuals, jacobian}, fn, 0, 0};
}

/* ---- running ---- */

static nv_minimizer *start(problem *p, const char *method, const double *x, double gtol, const char *option,
                           double value_of) {
  struct nv_setting settings[2] = {{.name = "gtol", .value = gtol}, {.value = value_of}};
  nv_minimizer *m = NULL;
  if (option) strcpy(settings[1].name, option);
  CHECK(nv_minimizer_make(&p->o, method, settings, option ? 2 : 1, &m) == NV_OK, "%s", nv_error());
  if (m) nv_minimizer_start(m, x, NULL);
  return m;
}
static int64_t run(nv_minimizer *m, int64_t iterations) {
  int64_t done;
  CHECK(nv_minimizer_run(m, iterations, 0, NULL, &done, NULL) == NV_OK, "%s", nv_error());
  return done;
}

static const char *const both[] = {"least_squares", "levenberg_marquardt"};

static void test_zero_residuals(const char *method) {
  problem p = make(2, 2, rosenbrock);
  nv_minimizer *m = start(&p, method, (double[]){-1.2, 1}, 1e-13, NULL, 0);
  int64_t done = run(m, 200);
  CHECK(m->f < 1e-25 && fabs(m->x[0] - 1) < 1e-12, "%s: f %g after %d, stop %d", method, m->f, (int)done, (int)m->stop);
  nv_minimizer_free(m);
  p = make(2, 4, wide);
  m = start(&p, method, (double[]){1, 1, 1, 1}, 1e-13, NULL, 0);
  run(m, 200);
  CHECK(m->f < 1e-25, "%s: f %g, stop %d", method, m->f, (int)m->stop);
  nv_minimizer_free(m);
}

/* The line through (i + 1, i): s = sum i (i + 1)/sum (i + 1)^2 = 20/30, whatever the parts. */
static void test_deficient(const char *method) {
  problem p = make(4, 3, deficient);
  nv_minimizer *m = start(&p, method, (double[]){5, -1, 7}, 1e-13, NULL, 0);
  run(m, 300);
  CHECK(fabs(m->x[0] + m->x[1] - 2.0 / 3) < 1e-9 && m->x[2] == 7, "%s: %g + %g, %g", method, m->x[0], m->x[1], m->x[2]);
  nv_minimizer_free(m);
}

static void test_wall(const char *method) {
  problem p = make(1, 1, wall);
  nv_minimizer *m = start(&p, method, (double[]){4}, 1e-13, NULL, 0); /* the first step lands at -3.6 */
  run(m, 200);
  CHECK(fabs(m->x[0] - 0.01) < 1e-10, "%s: x %g, stop %d", method, m->x[0], (int)m->stop);
  nv_minimizer_free(m);
  m = start(&p, method, (double[]){-1}, 1e-13, NULL, 0);
  CHECK(m->stop == NV_STOP_START && run(m, 5) == 0, "%s: starts from NaN", method);
  nv_minimizer_free(m);
}

static void test_failure(const char *method) {
  for (int at = 1; at < 6; at++) {
    problem p = make(2, 2, rosenbrock);
    nv_minimizer *m = start(&p, method, (double[]){-1.2, 1}, 1e-13, NULL, 0);
    int64_t done;
    p.fail_at = at;
    CHECK(nv_minimizer_run(m, 100, 0, NULL, &done, NULL) == NV_ERR_INTERNAL, "%s: no failure", method);
    double f, g[2];
    squares(&p, m->x, &f, g, NULL);
    CHECK(fabs(f - m->f) <= 1e-15 * f && fabs(g[0] - m->g[0]) <= 1e-13 * fabs(g[0]), "%s: f %g, not %g", method, m->f,
          f);
    p.fail_at = 0;
    run(m, 100);
    CHECK(m->f < 1e-25, "%s: does not go on, f %g", method, m->f);
    nv_minimizer_free(m);
  }
}

static void test_linear(void) {
  problem p = make(12, 3, linear);
  nv_minimizer *m = start(&p, "least_squares", (double[]){0, 0, 0}, 1e-12, NULL, 0);
  int64_t done = run(m, 50);
  double x[3] = {m->x[0], m->x[1], m->x[2]};
  CHECK(done <= 2, "%d steps for a linear problem", (int)done);
  nv_minimizer_free(m);
  m = start(&p, "levenberg_marquardt", (double[]){0, 0, 0}, 1e-10, "mu", 1e-14);
  done = run(m, 50);
  CHECK(done == 1, "%d steps as mu -> 0", (int)done);
  for (int k = 0; k < 3; k++) CHECK(fabs(m->x[k] - x[k]) < 1e-9, "%g, not %g", m->x[k], x[k]);
  nv_minimizer_free(m);
  m = start(&p, "levenberg_marquardt", (double[]){0, 0, 0}, 1e-10, "solver", 2);
  run(m, 500);
  for (int k = 0; k < 3; k++) CHECK(fabs(m->x[k] - x[k]) < 1e-7, "products: %g, not %g", m->x[k], x[k]);
  CHECK(m->products > 0 && m->matrices == 0, "%d matrices", (int)m->matrices);
  nv_minimizer_free(m);
}

/* Rosenbrock's valley x1 = x0^2 cut off at x0 <= 0.5: the least along it is (0.5, 0.25). */
static void test_bounds(void) {
  const double lower[] = {-2, -2}, upper[] = {0.5, 5};
  problem p = make(2, 2, rosenbrock);
  nv_minimizer *m = start(&p, "least_squares", (double[]){-1.2, 1}, 1e-12, NULL, 0);
  m->lower = lower, m->upper = upper;
  run(m, 200);
  CHECK(m->x[0] == 0.5 && fabs(m->x[1] - 0.25) < 1e-12, "%g, %g, stop %d", m->x[0], m->x[1], (int)m->stop);
  nv_minimizer_free(m);
}

static void test_plateau(void) {
  problem p = make(6, 2, boxbod);
  nv_minimizer *m = start(&p, "least_squares", (double[]){1, 1}, 0, NULL, 0);
  run(m, 200);
  CHECK(fabs(m->x[0] - 213.80940889) < 1e-7 && fabs(m->x[1] - 0.54723748542) < 1e-10, "%g, %g, stop %d", m->x[0],
        m->x[1], (int)m->stop);
  nv_minimizer_free(m);
}

/* With all tolerances 0 it comes to an end, where g is 0 to rounding. */
static void test_last_digits(void) {
  problem p = make(2, 2, freudenstein_roth);
  nv_minimizer *m = start(&p, "least_squares", (double[]){0.5, -2}, 0, NULL, 0);
  run(m, 1000);
  CHECK(m->stop != NV_STOP_NONE && m->values < 200, "stop %d after %d", (int)m->stop, (int)m->values);
  CHECK(fabs(m->f - 0.5 * 48.9842536792) < 1e-9 && nv_largest(2, m->g) < 1e-11, "f %.12g, g %g", m->f,
        nv_largest(2, m->g));
  nv_minimizer_free(m);
}

/* MINPACK, More's own program, needs 17. */
static void test_evaluations(void) {
  problem p = make(2, 2, badly_scaled);
  nv_minimizer *m = start(&p, "least_squares", (double[]){0, 1}, 0, "goal", 0.5e-10);
  run(m, 100);
  CHECK(m->stop == NV_STOP_GOAL && m->values <= 17, "stop %d after %d", (int)m->stop, (int)m->values);
  nv_minimizer_free(m);
}

/* gtol is about angles: r and x in other units end after as many steps. */
static void large_linear(const double *x, double *r, double *j) {
  linear(x, r, j);
  for (int i = 0; i < 12; i++) r[i] *= 1e9;
  for (int i = 0; i < 36 && j; i++) j[i] *= 1e9;
}
static void test_cosine(void) {
  problem p = make(12, 3, large_linear);
  nv_minimizer *m = start(&p, "least_squares", (double[]){0, 0, 0}, 1e-8, NULL, 0);
  int64_t done = run(m, 50);
  CHECK(m->stop == NV_STOP_GTOL && done == 1, "stop %d after %d", (int)m->stop, (int)done);
  nv_minimizer_free(m);
}

/* On a polynomial with noise of a fixed pattern: gamma is between 0 and p, and at the end alpha and beta are those that
 * gamma gives: beta N g + 2 alpha w = 0, which is g = -2 c w with c = gamma f/((N - gamma) w'w). */
static void test_bayesian(void) {
  problem p = make(12, 3, linear);
  nv_minimizer *m = start(&p, "bayesian_regularization", (double[]){0.1, 0.1, 0.1}, 0, "residuals", 12);
  run(m, 500);
  double gamma = m->parameter, c = gamma * m->f / ((12 - gamma) * nv_dot(3, m->x, m->x));
  CHECK(m->stop == NV_STOP_GTOL && gamma > 0 && gamma < 3, "stop %d, gamma %g", (int)m->stop, gamma);
  for (int k = 0; k < 3; k++)
    CHECK(fabs(m->g[k] + 2 * c * m->x[k]) <= 1e-5 * nv_largest(3, m->g), "%g and %g", m->g[k], 2 * c * m->x[k]);
  nv_minimizer_free(m);
}

static void test_options(void) {
  problem p = make(2, 2, rosenbrock);
  struct nv_setting bad = {.name = "mu", .value = -1};
  nv_minimizer *m = NULL;
  CHECK(nv_minimizer_make(&p.o, "levenberg_marquardt", &bad, 1, &m) == NV_ERR_VALUE, "mu = -1 is taken");
  p.o.jacobian = NULL;
  CHECK(nv_minimizer_make(&p.o, "least_squares", NULL, 0, &m) == NV_ERR_VALUE, "no Jacobian is needed");
}

int main(void) {
  if (nv_init() != NV_OK) return 1;
  for (int k = 0; k < 2; k++) {
    test_zero_residuals(both[k]);
    test_deficient(both[k]);
    test_wall(both[k]);
    test_failure(both[k]);
  }
  test_linear();
  test_bounds();
  test_plateau();
  test_last_digits();
  test_evaluations();
  test_cosine();
  test_bayesian();
  test_options();
  return check_done();
}
