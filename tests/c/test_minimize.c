/* test_minimize.c: methods along lines (steepest descent, L-BFGS, BFGS, conjugate gradients) on functions of known
 * minima, and on what goes wrong: walls, wrong gradients, failures, limits. */
#include "check.h"
#include "minimize_problems.h"

#include "optimize/optimize.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- objectives ---- */
typedef struct objective {
  nv_objective base;
  const problem *problem;
  double (*f)(int64_t n, const double *x, double *g); /* instead of a problem */
  int64_t calls, fail_at;
} objective;

static nv_status gradient(nv_objective *base, const double *x, double *f, double *g, const nv_poll *poll) {
  objective *o = (objective *)base;
  (void)poll;
  if (++o->calls == o->fail_at) return nv_fail(NV_ERR_INTERNAL, "it broke");
  *f = o->f ? o->f(base->n, x, g) : sum_of_squares(o->problem, x, g);
  return NV_OK;
}
static nv_status value(nv_objective *base, const double *x, double *f, const nv_poll *poll) {
  double g[MOST];
  return gradient(base, x, f, g, poll);
}
static objective of_problem(const problem *p) {
  return (objective){.base = {.n = p->n, .value = value, .gradient = gradient}, .problem = p};
}
static objective of_function(int64_t n, double (*f)(int64_t, const double *, double *)) {
  return (objective){.base = {.n = n, .value = value, .gradient = gradient}, .f = f};
}

/* A minimizer with options "name", value, .., NULL; aborts the test where that fails. */
static nv_minimizer *make(objective *o, const char *method, ...) {
  nv_setting settings[16];
  nv_minimizer *m = NULL;
  va_list list;
  int n = 0;
  va_start(list, method);
  for (const char *name; (name = va_arg(list, const char *)); n++) {
    snprintf(settings[n].name, sizeof settings[n].name, "%s", name);
    settings[n].value = va_arg(list, double);
  }
  va_end(list);
  nv_status status = nv_minimizer_make(&o->base, method, settings, n, &m);
  return status == NV_OK ? m : NULL;
}
static int64_t run(nv_minimizer *m, int64_t iterations) {
  int64_t done = 0;
  CHECK(nv_minimizer_run(m, iterations, 0, NULL, &done, NULL) == NV_OK, "%s", nv_error());
  return done;
}

/* ---- known minima ---- */
static void check_problem(const problem *p, const char *method, double line_search, const char *option, double with) {
  objective o = of_problem(p);
  nv_minimizer *m = make(&o, method, "gtol", 1e-7, "line_search", line_search, option, with, NULL);
  double x[MOST];
  p->start(p->n, x);
  CHECK(nv_minimizer_start(m, x, NULL) == NV_OK, "%s", nv_error());
  run(m, 10000);
  double optimum = p->optimum < 0 ? (m->f > 1e-5 ? 2.79506e-5 : 0) : p->optimum;
  /* where the Hessian is singular f is as small as the gradient allows */
  double slack = strstr(p->name, "powell") || strstr(p->name, "penalty") ? 2e-7 : 1e-10 + 1e-9 * optimum;
  CHECK(fabs(m->f - optimum) <= slack, "%s %s=%g: %s: f = %.10g, not %.10g; stop %d", method, option, with, p->name,
        m->f, optimum, m->stop);
  CHECK(m->stop == NV_STOP_GTOL || (m->stop == NV_STOP_LINE_SEARCH && p->optimum > 1),
        "%s line_search=%g %s=%g: %s: %d", method, line_search, option, with, p->name, m->stop);
  CHECK(m->values == o.calls, "%d of %d evaluations are counted", (int)m->values, (int)o.calls);
  nv_minimizer_free(m);
}
static void known_minima(void) {
  for (int k = 0; k < PROBLEMS; k++)
    for (int line = 0; line < 3; line++) {
      check_problem(&problems[k], "lbfgs", line, "history_size", 10);
      check_problem(&problems[k], "bfgs", line, "c1", 1e-4);
      for (int variant = 0; variant < 5 && line < 2; variant++)
        if (line == 1 || variant < 4) check_problem(&problems[k], "conjugate_gradient", line, "variant", variant);
    }
  check_problem(&problems[0], "lbfgs", 0, "history_size", 1);
  check_problem(&problems[1], "lbfgs", 0, "history_size", 50);
  for (int line = 0; line < 3; line++) check_problem(&problems[12], "gradient_descent", line, "c1", 1e-4);
}

/* With exact line searches on a quadratic of n eigenvalues conjugate gradients end after n steps, and so does BFGS. */
static void quadratic_ends(void) {
  for (int variant = 0; variant < 6; variant++) {
    const problem small = {"five eigenvalues", 5, quadratic, start_helical, 0};
    objective o = of_problem(&small);
    nv_minimizer *m = variant < 5 ? make(&o, "conjugate_gradient", "variant", (double)variant, "line_search", 0.0, "c1",
                                         1e-10, "c2", 1e-9, "restart", (double)INFINITY, "gtol", 1e-5, NULL)
                                  : make(&o, "bfgs", "c1", 1e-10, "c2", 1e-9, "gtol", 1e-5, NULL);
    double x[MOST] = {-1};
    nv_minimizer_start(m, x, NULL);
    CHECK(run(m, 100) <= 5 && m->stop == NV_STOP_GTOL, "variant %d: %d steps", variant, (int)m->iterations);
    nv_minimizer_free(m);
  }
}

/* ---- the conditions of a step, from however short or long a first trial ---- */
static void conditions(void) {
  for (int k = 0; k < PROBLEMS; k++)
    for (int line = 0; line < 3; line++)
      for (double first = 1e-10; first < 1e6; first *= 13) {
        objective o = of_problem(&problems[k]);
        nv_minimizer *m =
            make(&o, "gradient_descent", "line_search", (double)line, "c1", 1e-4, "c2", 0.4, "first_step", first, NULL);
        double x[MOST], g[MOST], s[MOST];
        problems[k].start(problems[k].n, x);
        nv_minimizer_start(m, x, NULL);
        double f = m->f;
        nv_copy(m->n, m->g, g);
        CHECK(run(m, 1) == 1, "%s: no step from %g", problems[k].name, first);
        nv_combine(m->n, 1, m->x, -1, x, s);
        double before = nv_dot(m->n, s, g), after = nv_dot(m->n, s, m->g);
        CHECK(m->f <= f + 1e-4 * before, "%s, %d: not enough", problems[k].name, line);
        CHECK(line == 2 || after >= 0.4000001 * before, "%s, %d: too short", problems[k].name, line);
        CHECK(line != 0 || fabs(after) <= 0.4000001 * fabs(before), "%s: not strong", problems[k].name);
        nv_minimizer_free(m);
      }
  objective o = of_problem(&problems[0]); /* no step is longer than max_step */
  nv_minimizer *m = make(&o, "gradient_descent", "max_step", 1e-6, "first_step", 1e-8, NULL);
  nv_minimizer_start(m, (const double[]){-1.2, 1}, NULL);
  CHECK(run(m, 3) == 3 && m->parameter == 1e-6, "%g", m->parameter);
  nv_minimizer_free(m);
}

/* ---- L1 ---- */
/* 1/2 sum w (x - a)^2 + c sum |x|: x is a moved towards 0 by c / w, or exactly 0. */
static double weight(int64_t k) { return 1 + (double)(k * 7 % 11); }
static double target(int64_t k) { return 0.3 * (double)(k % 9 - 4); }
static double separable(int64_t n, const double *x, double *g) {
  double f = 0;
  for (int64_t k = 0; k < n; k++) g[k] = weight(k) * (x[k] - target(k)), f += 0.5 * g[k] * (x[k] - target(k));
  return f;
}
static void l1_gives_zeros(void) {
  objective o = of_function(60, separable);
  for (int single = 0; single < 2; single++) {
    double l1[60], x[60];
    o.base.single = single;
    nv_minimizer *m = make(&o, "lbfgs", "gtol", single ? 1e-5 : 1e-9, NULL);
    for (int k = 0; k < 60; k++) l1[k] = 2, x[k] = k % 3 - 1;
    nv_minimizer_penalize(m, l1);
    nv_minimizer_start(m, x, NULL);
    run(m, 200);
    CHECK(m->stop == NV_STOP_GTOL, "stop %d after %d, |g| = %g", m->stop, (int)m->iterations, m->gradient_norm);
    for (int k = 0; k < 60; k++) {
      double expected = copysign(fmax(fabs(target(k)) - 2 / weight(k), 0), target(k));
      CHECK(expected == 0 ? m->x[k] == 0 : fabs(m->x[k] - expected) < (single ? 1e-5 : 1e-8), "x[%d] = %g, not %g", k,
            m->x[k], expected);
    }
    nv_minimizer_free(m);
  }
}

/* ---- what goes wrong ---- */
static double flat(int64_t n, const double *x, double *g) {
  for (int64_t k = 0; k < n; k++) g[k] = 0 * x[k];
  return 5;
}
static double barrier(int64_t n, const double *x, double *g) { /* sum x - sqrt(x): NaN for x < 0, minimum -n/4 */
  double f = 0;
  for (int64_t k = 0; k < n; k++) f += x[k] - sqrt(x[k]), g[k] = 1 - 0.5 / sqrt(x[k]);
  return f;
}
static double downhill(int64_t n, const double *x, double *g) { /* to a wall, where it ends; nothing is lowest */
  for (int64_t k = 0; k < n; k++) g[k] = k ? 0 : -1;
  return x[0] < 3 ? -x[0] : (double)NAN;
}
static double wrong(int64_t n, const double *x, double *g) {
  double f = separable(n, x, g);
  for (int64_t k = 0; k < n; k++) g[k] = -g[k];
  return f;
}
static double rounded(int64_t n, const double *x, double *g) { /* seven digits: 1 + a valley that is 1e-5 deep */
  double f = 0;
  for (int64_t k = 0; k < n; k++) f += 1e-5 * weight(k) * (x[k] - 1) * (x[k] - 1), g[k] = 2e-5 * weight(k) * (x[k] - 1);
  return (double)(float)(1 + f);
}
static const struct {
  const char *method, *option;
  double value;
} methods[] = {{"lbfgs", "line_search", 0},
               {"lbfgs", "line_search", 1},
               {"lbfgs", "line_search", 2},
               {"bfgs", "line_search", 0},
               {"conjugate_gradient", "variant", 0},
               {"conjugate_gradient", "variant", 4},
               {"gradient_descent", "line_search", 0},
               {"gradient_descent", "line_search", 1},
               {"gradient_descent", "line_search", 2}};

static void troubles(void) {
  for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
    const char *name = methods[k].method, *option = methods[k].option;
    double with = methods[k].value, x[8] = {9, 9, 9, 9, 9, 9, 9, 9};

    objective o = of_function(8, flat);
    nv_minimizer *m = make(&o, name, option, with, NULL);
    nv_minimizer_start(m, x, NULL);
    CHECK(run(m, 10) == 0 && m->stop == NV_STOP_GTOL, "%s: flat", name);
    nv_minimizer_free(m);

    o = of_function(8, barrier);
    m = make(&o, name, option, with, "first_step", 1e3, NULL);
    nv_minimizer_start(m, x, NULL);
    run(m, 500);
    CHECK(m->stop == NV_STOP_GTOL && fabs(m->f + 2) < 1e-8, "%s %g: wall: f = %g, stop %d", name, with, m->f, m->stop);
    nv_minimizer_free(m);

    o = of_function(2, downhill);
    m = make(&o, name, option, with, NULL);
    nv_minimizer_start(m, (const double[]){0, 0}, NULL);
    run(m, 300);
    CHECK(m->f <= -2.999 && m->x[0] < 3, "%s %g: stands at %g, stop %d", name, with, m->x[0], m->stop);
    nv_minimizer_free(m);

    o = of_function(8, wrong);
    m = make(&o, name, option, with, NULL);
    nv_minimizer_start(m, x, NULL);
    double f = m->f;
    CHECK(run(m, 10) == 0 && m->stop == NV_STOP_LINE_SEARCH, "%s %g: wrong gradient: %d", name, with, m->stop);
    CHECK(m->f == f && memcmp(m->x, x, sizeof x) == 0 && m->values < 100, "%s: x has moved", name);
    CHECK(nv_minimizer_get(m).idle, "%s: idle", name);
    nv_minimizer_free(m);

    o = of_function(8, rounded), o.base.single = true;
    m = make(&o, name, option, with, "gtol", 1e-8, NULL);
    for (int j = 0; j < 8; j++) x[j] = 1.5 + 0.125 * j;
    nv_minimizer_start(m, x, NULL);
    run(m, 500);
    CHECK(m->stop == NV_STOP_GTOL, "%s %g: single: |g| = %g, stop %d", name, with, m->gradient_norm, m->stop);
    nv_minimizer_free(m);

    for (int64_t most = 1; most < 30; most += 3) {
      double start[2] = {-1.2, 1};
      o = of_problem(&problems[0]);
      m = make(&o, name, option, with, "max_evals", (double)most, NULL);
      nv_minimizer_start(m, start, NULL);
      f = m->f;
      run(m, 100);
      CHECK(m->stop == NV_STOP_EVALS && m->values <= most && m->f <= f, "%s: %d of %d, stop %d", name, (int)m->values,
            (int)most, m->stop);
      nv_minimizer_free(m);
    }
  }
}

/* A failure in the middle leaves a whole point, and the next run goes on from there. */
static void failures(void) {
  for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
    for (int64_t at = 2; at < 25; at++) {
      objective o = of_problem(&problems[2]);
      nv_minimizer *m = make(&o, methods[k].method, methods[k].option, methods[k].value, "max_evals", 1e4, NULL);
      double x[2] = {1, 1}, g[2];
      int64_t done;
      o.fail_at = at;
      nv_minimizer_start(m, x, NULL);
      nv_status status = nv_minimizer_run(m, 2000, 0, NULL, &done, NULL);
      CHECK(status == NV_ERR_INTERNAL || m->stop == NV_STOP_GTOL, "%s: status %d", methods[k].method, status);
      CHECK(sum_of_squares(o.problem, m->x, g) == m->f && memcmp(g, m->g, sizeof g) == 0, "%s: torn at %d",
            methods[k].method, (int)at);
      run(m, 2000);
      CHECK(m->stop == NV_STOP_GTOL && m->f < 1e-8, "%s: f = %g, stop %d", methods[k].method, m->f, m->stop);
      nv_minimizer_free(m);
    }
}

/* Begun once more, a minimizer does what a new one does. */
static void starts_again(void) {
  for (size_t k = 0; k < sizeof methods / sizeof *methods; k++) {
    objective o = of_problem(&problems[0]);
    nv_minimizer *m = make(&o, methods[k].method, methods[k].option, methods[k].value, NULL);
    double x[2] = {-1.2, 1}, first[2];
    for (int again = 0; again < 2; again++) {
      nv_minimizer_start(m, x, NULL);
      run(m, 20);
      if (again == 0) nv_copy(2, m->x, first);
    }
    CHECK(memcmp(first, m->x, sizeof first) == 0, "%s %g", methods[k].method, methods[k].value);
    nv_minimizer_free(m);
  }
}

static void options(void) {
  const struct {
    const char *method, *option;
    double value;
  } bad[] = {{"lbfgs", "history_size", 0},
             {"lbfgs", "history_size", 2.5},
             {"lbfgs", "line_search", 3},
             {"lbfgs", "c1", 0.95},
             {"lbfgs", "c2", 1},
             {"lbfgs", "first_step", -1},
             {"lbfgs", "max_step", 0},
             {"lbfgs", "variant", 0},
             {"bfgs", "history_size", 3},
             {"conjugate_gradient", "variant", 5},
             {"conjugate_gradient", "restart", 0},
             {"gradient_descent", "c1", (double)NAN}};
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    objective o = of_problem(&problems[0]);
    nv_minimizer *m = make(&o, bad[k].method, bad[k].option, bad[k].value, NULL);
    CHECK(!m && strstr(nv_error(), bad[k].option), "%s %s: %s", bad[k].method, bad[k].option, nv_error());
    nv_minimizer_free(m);
  }
  objective o = of_function(20001, flat);
  CHECK(!make(&o, "bfgs", NULL) && strstr(nv_error(), "20001"), "%s", nv_error());
}

/* Whichever allocation fails, nothing is lost; and steps make none. */
static void memory(void) {
  for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
    for (int64_t at = 1;; at++) {
      objective o = of_problem(&problems[0]);
      nv_alloc_fail_at(at);
      nv_minimizer *m = make(&o, methods[k].method, methods[k].option, methods[k].value, NULL);
      if (m) {
        nv_alloc_fail_at(1);
        nv_minimizer_start(m, (const double[]){-1.2, 1}, NULL);
        CHECK(run(m, 30) > 20, "%s", methods[k].method);
      }
      nv_alloc_fail_at(0);
      nv_minimizer_free(m);
      if (m) break;
      CHECK(at < 100, "%s", methods[k].method);
    }
}

int main(void) {
  if (!CHECK(nv_init() == NV_OK, "%s", nv_error())) return 1;
  known_minima();
  quadratic_ends();
  conditions();
  l1_gives_zeros();
  troubles();
  failures();
  starts_again();
  options();
  memory();
  return check_done();
}
