/* test_newton_cg.c: the methods that go by products with the Hessian: trust_region, newton_cg and
 * scaled_conjugate_gradient, on functions whose minima are known and on those that go wrong. */
#include "check.h"
#include "problems.h"

#include "optimize/quadratic.h"

static const char *const methods[] = {"trust_region", "newton_cg", "scaled_conjugate_gradient"};
#define METHODS 3

static nv_minimizer *begin(problem *p, const char *method, const nv_setting *settings, int n) {
  nv_minimizer *m = NULL;
  CHECK(nv_minimizer_make(&p->o, method, settings, n, &m) == NV_OK, "%s: %s", method, nv_error());
  CHECK(nv_minimizer_start(m, p->start, NULL) == NV_OK, "%s: %s", method, nv_error());
  return m;
}

static int64_t run(nv_minimizer *m, int64_t iterations) {
  int64_t done;
  CHECK(nv_minimizer_run(m, iterations, 0, NULL, &done, NULL) == NV_OK, "%s", nv_error());
  return done;
}

/* x, f and g belong together, and f is finite. */
static void check_whole(problem *p, const nv_minimizer *m, const char *what) {
  double g[PROBLEM_N], f = problem_all(p, m->x, g, NULL, false);
  CHECK(isfinite(m->f) && f == m->f && memcmp(g, m->g, (size_t)m->n * sizeof(double)) == 0, "%s: %s is torn", what,
        p->name);
}

static double distance(const problem *p, const nv_minimizer *m) {
  double most = 0;
  for (int64_t k = 0; k < m->n; k++) most = fmax(most, fabs(m->x[k] - p->best[k]));
  return most;
}

/* The problems themselves: derivatives against central differences. */
static void test_problems(void) {
  problem all[PROBLEM_STANDARD + 2];
  double spectrum[6] = {1, 2, 5, 7, 0.5, -3};
  int count = problem_standard(all);
  all[count++] = problem_quadratic(6, spectrum);
  all[count++] = problem_saddle(0.3, 0.4);
  for (int k = 0; k < count; k++) {
    problem *p = &all[k];
    int64_t n = p->o.n;
    double x[PROBLEM_N], g[PROBLEM_N], up[PROBLEM_N], down[PROBLEM_N];
    static double h[PROBLEM_N * PROBLEM_N];
    for (int64_t a = 0; a < n; a++) x[a] = p->start[a] + 0.01 * (double)(a + 1);
    problem_all(p, x, g, h, false);
    double size = nv_largest(n, g) + 1, bent = nv_largest(n * n, h) + 1;
    for (int64_t a = 0; a < n; a++) {
      double at = x[a], e = 1e-5;
      x[a] = at + e;
      double high = problem_all(p, x, up, NULL, false);
      x[a] = at - e;
      double low = problem_all(p, x, down, NULL, false);
      x[a] = at;
      CHECK(fabs((high - low) / (2 * e) - g[a]) < 1e-5 * size, "%s: gradient %d", p->name, (int)a);
      for (int64_t b = 0; b < n; b++)
        CHECK(fabs((up[b] - down[b]) / (2 * e) - h[a * n + b]) < 1e-6 * bent, "%s: Hessian %d %d: %g, %g", p->name,
              (int)a, (int)b, (up[b] - down[b]) / (2 * e), h[a * n + b]);
    }
  }
}

/* Going back along the path gives the step that a solve with the smaller radius gives, and its decrease of q. */
static void test_smaller_radii(void) {
  const double convex[] = {1, 3, 10, 40, 0.1, 100}, bent[] = {1, 3, 10, 40, -0.1, 100};
  for (int i = 0; i < 2; i++) {
    problem p = problem_quadratic(6, i ? bent : convex);
    nv_setting settings[] = {{.name = "forcing", .value = 1e-8}};
    nv_minimizer *m = begin(&p, "trust_region", settings, 1);
    nv_steihaug s = {0}, again = {0};
    double step[6], first = i ? 5 : 1000, shortest = INFINITY; /* radii of the convex one are beyond the whole step */
    CHECK(nv_steihaug_make(m, &s, true) == NV_OK && nv_steihaug_make(m, &again, false) == NV_OK, "%s", nv_error());
    s.forcing = again.forcing = 1e-8;
    CHECK(nv_steihaug_solve(m, &s, first) == NV_OK, "%s", nv_error());
    CHECK(s.boundary == (i == 1), "the whole step");
    for (int k = 0; k < 8; k++) {
      int64_t products = m->products;
      double radius = nv_steihaug_back(m, &s), decrease = s.decrease;
      CHECK(m->products == products && radius < shortest && nv_norm(6, m->d) <= radius * (1 + 1e-12), "radius %g",
            radius);
      shortest = radius;
      nv_copy(6, m->d, step);
      CHECK(nv_steihaug_solve(m, &again, radius) == NV_OK, "%s", nv_error());
      nv_combine(6, 1, m->d, -1, step, m->d);
      CHECK(decrease > 0 && decrease <= again.decrease * (1 + 1e-9), "radius %g: decrease", radius);
      if (k < 3 || radius < 0.01) /* then marks; at last the path's straight beginning */
        CHECK(nv_norm(6, m->d) <= 1e-9 * radius && fabs(decrease - again.decrease) <= 1e-9 * decrease,
              "spectrum %d, radius %g: off by %g", i, radius, nv_norm(6, m->d));
    }
    nv_minimizer_free(m);
  }
}

static void test_minima(void) {
  for (int i = 0; i < METHODS; i++) {
    problem all[PROBLEM_STANDARD];
    int count = problem_standard(all);
    for (int k = 0; k < count; k++) {
      problem *p = &all[k];
      nv_setting settings[] = {{.name = "gtol", .value = 1e-8 * fmax(1, p->optimum)}};
      nv_minimizer *m = begin(p, methods[i], settings, 1);
      run(m, 2000);
      CHECK(m->stop == NV_STOP_GTOL, "%s on %s: stop %d after %d, g %g", methods[i], p->name, (int)m->stop,
            (int)m->iterations, m->gradient_norm);
      CHECK(fabs(m->f - p->optimum) <= 1e-9 * fmax(1, p->optimum), "%s on %s: %.12g", methods[i], p->name, m->f);
      CHECK(!p->unique || distance(p, m) < 1e-5, "%s on %s: off by %g", methods[i], p->name, distance(p, m));
      check_whole(p, m, methods[i]);
      nv_minimizer_free(m);
    }
  }
}

/* As many digits of the gradient as there are, although f = -2 has none left near the minimum. */
static void test_last_digits(void) {
  const double spectrum[] = {1, 3, 10, 40, 0.1, 100};
  for (int i = 0; i < METHODS; i++) {
    problem p = problem_quadratic(6, spectrum);
    nv_setting settings[] = {{.name = "gtol", .value = 1e-10}};
    nv_minimizer *m = begin(&p, methods[i], settings, 1);
    run(m, 100);
    CHECK(m->stop == NV_STOP_GTOL && distance(&p, m) < 1e-8, "%s: stop %d, g %g", methods[i], (int)m->stop,
          m->gradient_norm);
    nv_minimizer_free(m);
  }
}

/* Conjugate gradients end within n steps on a quadratic, and then one Newton iteration is all. */
static void test_quadratic(void) {
  const double spectrum[] = {1, 2, 3, 5, 8, 13, 21, 34};
  problem p = problem_quadratic(8, spectrum), q = p, r = p;
  nv_setting settings[] = {
      {.name = "forcing", .value = 0}, {.name = "gtol", .value = 1e-9}, {.name = "radius", .value = 100}};
  nv_minimizer *m = begin(&p, "trust_region", settings, 3);
  CHECK(run(m, 10) == 1 && m->stop == NV_STOP_GTOL && m->products <= 8, "trust_region: %d iterations, %d products",
        (int)m->iterations, (int)m->products);
  nv_minimizer_free(m);
  m = begin(&q, "newton_cg", settings, 2);
  CHECK(run(m, 10) == 1 && m->stop == NV_STOP_GTOL && m->products <= 8, "newton_cg: %d iterations, %d products",
        (int)m->iterations, (int)m->products);
  nv_minimizer_free(m);
  nv_setting loose[] = {{.name = "gtol", .value = 1e-5}, {.name = "lambda", .value = 1e-12}};
  m = begin(&r, "scaled_conjugate_gradient", loose, 2);
  CHECK(run(m, 10) <= 8 && m->stop == NV_STOP_GTOL && m->values == m->iterations + 1,
        "scaled_conjugate_gradient: %d iterations, %d values", (int)m->iterations, (int)m->values);
  nv_minimizer_free(m);
}

/* Newton's method: the number of right digits doubles. */
static void test_digits_double(void) {
  for (int i = 0; i < 2; i++) {
    problem p = problem_saddle(0.3, 0.75);
    p.best[1] = sqrt(0.5);
    nv_setting settings[] = {{.name = "forcing", .value = 0}, {.name = "gtol", .value = 1e-14}};
    nv_minimizer *m = begin(&p, methods[i], settings, 2);
    double before = distance(&p, m);
    for (int k = 0; k < 8 && before > 1e-8; k++) {
      run(m, 1);
      double now = distance(&p, m);
      CHECK(now <= 3 * before * before, "%s: %g after %g", methods[i], now, before);
      before = now;
    }
    CHECK(before <= 1e-8 && m->iterations <= 5, "%s: %g after %d", methods[i], before, (int)m->iterations);
    nv_minimizer_free(m);
  }
}

static void test_gauss_newton(void) {
  const double spectrum[] = {1, 4, 0.25, 100};
  for (int i = 0; i < 2; i++) {
    nv_minimizer *m[2];
    problem p[2] = {problem_linear(4, spectrum), problem_linear(4, spectrum)};
    for (int k = 0; k < 2; k++) {
      nv_setting settings[] = {{.name = "hessian", .value = k}, {.name = "gtol", .value = 1e-12}};
      m[k] = begin(&p[k], methods[i], settings, 2);
      run(m[k], 50);
    }
    CHECK(m[0]->stop == NV_STOP_GTOL && m[0]->iterations == m[1]->iterations && m[0]->products == m[1]->products &&
              memcmp(m[0]->x, m[1]->x, 4 * sizeof(double)) == 0,
          "%s: not the same steps", methods[i]);
    for (int k = 0; k < 2; k++) nv_minimizer_free(m[k]);
    problem wood = problem_wood(); /* zero residuals: as good as the Hessian in the end */
    nv_setting settings[] = {{.name = "hessian", .value = 1}, {.name = "gtol", .value = 1e-9}};
    m[0] = begin(&wood, methods[i], settings, 2);
    run(m[0], 500);
    CHECK(m[0]->stop == NV_STOP_GTOL && distance(&wood, m[0]) < 1e-6, "%s: Gauss-Newton on Wood", methods[i]);
    nv_minimizer_free(m[0]);
  }
}

/* All but on the ridge towards the saddle: the curvature leads away from it. */
static void test_saddle(void) {
  for (int i = 0; i < METHODS; i++) {
    problem p = problem_saddle(1, 1e-8);
    nv_setting settings[] = {{.name = "gtol", .value = 1e-10}};
    nv_minimizer *m = begin(&p, methods[i], settings, 1);
    run(m, 200);
    CHECK(m->stop == NV_STOP_GTOL && fabs(m->f + 0.25) < 1e-12, "%s: f %g, stop %d after %d", methods[i], m->f,
          (int)m->stop, (int)m->iterations);
    CHECK(m->iterations < 60, "%s: %d iterations", methods[i], (int)m->iterations);
    nv_minimizer_free(m);
    p = problem_saddle(0, 0);
    m = begin(&p, methods[i], NULL, 0);
    CHECK(run(m, 10) == 0 && m->stop == NV_STOP_GTOL, "%s: the gradient is 0", methods[i]);
    nv_minimizer_free(m);
    p = problem_flat(3);
    m = begin(&p, methods[i], NULL, 0);
    CHECK(run(m, 10) == 0 && m->stop == NV_STOP_GTOL && m->f == 3, "%s: flat", methods[i]);
    nv_minimizer_free(m);
  }
}

static nv_status no_product(nv_objective *o, const double *x, const double *v, double *hv, const nv_poll *poll) {
  (void)x, (void)v, (void)poll;
  for (int64_t k = 0; k < o->n; k++) hv[k] = (double)NAN;
  return NV_OK;
}

static nv_status sick_product(nv_objective *o, const double *x, const double *v, double *hv, const nv_poll *poll) {
  NV_TRY(problem_hessian_product(o, x, v, hv, poll));
  if (((problem *)o)->calls % 3 == 0) hv[o->n - 1] = (double)INFINITY;
  return NV_OK;
}

static void test_not_finite(void) {
  for (int i = 0; i < METHODS; i++) {
    problem p = problem_cliff();
    nv_minimizer *m = begin(&p, methods[i], NULL, 0);
    run(m, 100);
    CHECK(m->f < -0.999 && m->f >= -1 && m->stop != NV_STOP_START, "%s: %.17g at the cliff, stop %d after %d",
          methods[i], m->f, (int)m->stop, (int)m->iterations);
    CHECK(m->stop != NV_STOP_NONE || m->iterations == 100, "%s: no reason", methods[i]);
    check_whole(&p, m, methods[i]);
    nv_minimizer_free(m);

    p = problem_quadratic(3, (double[]){1, 2, 3});
    p.o.hessian_product = no_product;
    m = begin(&p, methods[i], NULL, 0);
    run(m, 300);
    CHECK(m->stop == NV_STOP_GTOL, "%s: without products: g %g, stop %d", methods[i], m->gradient_norm, (int)m->stop);
    nv_minimizer_free(m);

    p = problem_rosenbrock(2);
    p.o.hessian_product = sick_product;
    m = begin(&p, methods[i], NULL, 0);
    run(m, 3000);
    CHECK(distance(&p, m) < 1e-2, "%s: sick products: off by %g, stop %d", methods[i], distance(&p, m), (int)m->stop);
    check_whole(&p, m, methods[i]);
    nv_minimizer_free(m);

    p = problem_quadratic(3, (double[]){1, 2, 3}); /* |g|^2 overflows */
    p.start[1] = 1e200;
    m = begin(&p, methods[i], NULL, 0);
    run(m, 20);
    if (isfinite(m->f)) check_whole(&p, m, methods[i]);
    nv_minimizer_free(m);
  }
}

/* Every call in turn fails once; x, f and g stay whole, and going on reaches the minimum. */
static void test_failures(void) {
  for (int i = 0; i < METHODS; i++)
    for (int64_t at = 2; at < 40; at++) {
      problem p = problem_beale();
      nv_minimizer *m = begin(&p, methods[i], NULL, 0);
      int64_t done;
      p.fails_at = at, p.failure = at % 2 ? NV_CANCELLED : NV_ERR_INTERNAL;
      nv_status status = nv_minimizer_run(m, 1000, 0, NULL, &done, NULL);
      CHECK(status == (p.calls >= at && m->stop == NV_STOP_NONE ? p.failure : NV_OK), "%s: call %d: status %d",
            methods[i], (int)at, (int)status);
      check_whole(&p, m, methods[i]);
      run(m, 1000);
      CHECK(m->stop == NV_STOP_GTOL && distance(&p, m) < 1e-3, "%s: after a failure at %d: stop %d", methods[i],
            (int)at, (int)m->stop);
      nv_minimizer_free(m);
    }
}

static void test_limits(void) {
  for (int i = 0; i < METHODS; i++)
    for (int most = 1; most < 30; most++) {
      problem p = problem_wood();
      nv_setting settings[] = {{.name = "max_evals", .value = most}};
      nv_minimizer *m = begin(&p, methods[i], settings, 1);
      double first = m->f;
      run(m, 1000);
      CHECK(m->values <= most && (m->stop == NV_STOP_EVALS || m->stop == NV_STOP_GTOL) && m->f <= first,
            "%s: %d values of %d, stop %d", methods[i], (int)m->values, most, (int)m->stop);
      check_whole(&p, m, methods[i]);
      nv_minimizer_free(m);
    }
}

static void test_single(void) {
  for (int i = 0; i < METHODS; i++) {
    problem p = problem_rosenbrock(2);
    p.o.single = true;
    nv_minimizer *m = begin(&p, methods[i], NULL, 0);
    run(m, 1000);
    for (int k = 0; k < 2; k++) CHECK(m->x[k] == (double)(float)m->x[k], "%s: x %d is not float32", methods[i], k);
    CHECK(distance(&p, m) < 1e-3 && m->stop != NV_STOP_NONE, "%s: off by %g, stop %d", methods[i], distance(&p, m),
          (int)m->stop);
    nv_minimizer_free(m);
  }
}

static void test_options(void) {
  const struct {
    const char *method;
    nv_setting option;
  } bad[] = {{"trust_region", {.name = "radius", .value = 0}},
             {"trust_region", {.name = "radius", .value = 2000}},
             {"trust_region", {.name = "eta", .value = 0.3}},
             {"trust_region", {.name = "hessian", .value = 1}}, /* no sum of squares */
             {"trust_region", {.name = "hessian", .value = 2}},
             {"trust_region", {.name = "max_cg", .value = -1}},
             {"trust_region", {.name = "forcing", .value = 1}},
             {"trust_region", {.name = "c1", .value = 0.1}},
             {"newton_cg", {.name = "c1", .value = 0.95}},
             {"newton_cg", {.name = "line_search", .value = 3}},
             {"newton_cg", {.name = "hessian", .value = 1}},
             {"scaled_conjugate_gradient", {.name = "lambda", .value = 0}},
             {"scaled_conjugate_gradient", {.name = "sigma", .value = 1}}};
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    problem p = problem_saddle(1, 1);
    nv_minimizer *m = NULL;
    CHECK(nv_minimizer_make(&p.o, bad[k].method, &bad[k].option, 1, &m) == NV_ERR_VALUE && !m, "%s takes %s",
          bad[k].method, bad[k].option.name);
  }
  for (int i = 0; i < METHODS; i++) {
    problem p = problem_saddle(1, 1);
    nv_minimizer *m = NULL;
    p.o.hessian_product = NULL;
    CHECK(nv_minimizer_make(&p.o, methods[i], NULL, 0, &m) == NV_ERR_VALUE && !m, "%s without products", methods[i]);
  }
}

int main(void) {
  CHECK(nv_init() == NV_OK, "%s", nv_error());
  test_problems();
  test_smaller_radii();
  test_minima();
  test_last_digits();
  test_quadratic();
  test_digits_double();
  test_gauss_newton();
  test_saddle();
  test_not_finite();
  test_failures();
  test_limits();
  test_single();
  test_options();
  return check_done();
}
