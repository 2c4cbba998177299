/* test_minimizer.c: the loop around the methods: beginning, what ends it, counts, records, failures. */
#include "check.h"
#include "problems.h"

static nv_minimizer *make(problem *p, const nv_setting *settings, int n) {
  nv_minimizer *m = NULL;
  CHECK(nv_minimizer_make(&p->o, "trust_region", settings, n, &m) == NV_OK, "%s", nv_error());
  return m;
}

static int64_t run(nv_minimizer *m, int64_t iterations, double *records) {
  int64_t done;
  CHECK(nv_minimizer_run(m, iterations, 0, records, &done, NULL) == NV_OK, "%s", nv_error());
  return done;
}

static void test_settings(void) {
  problem p = problem_beale();
  const nv_setting bad[] = {{.name = "gtol", .value = -1},       {.name = "ftol", .value = (double)NAN},
                            {.name = "patience", .value = 0},    {.name = "patience", .value = (double)NAN},
                            {.name = "max_evals", .value = 0.5}, {.name = "goal", .value = (double)NAN},
                            {.name = "gtoll", .value = 1}};
  nv_minimizer *m = NULL;
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    CHECK(nv_minimizer_make(&p.o, "trust_region", &bad[k], 1, &m) == NV_ERR_VALUE && !m, "%s %g is taken", bad[k].name,
          bad[k].value);
  CHECK(nv_minimizer_make(&p.o, "magic", NULL, 0, &m) == NV_ERR_VALUE && !m, "there is no such method");
  const nv_setting huge[] = {{.name = "patience", .value = 1e300}, {.name = "max_evals", .value = 1e300}};
  m = make(&p, huge, 2);
  CHECK(m->patience == 1000000000 && m->max_evals == INT64_MAX, "patience %d", m->patience);
  nv_minimizer_free(m);
}

static void test_start(void) {
  problem p = problem_beale();
  nv_minimizer *m = make(&p, NULL, 0);
  CHECK(run(m, 5, NULL) == 0 && p.calls == 0, "runs without a start");
  CHECK(nv_minimizer_start(m, p.start, NULL) == NV_OK && m->stop == NV_STOP_NONE, "%s", nv_error());
  CHECK(m->values == 1 && m->gradients == 1 && m->iterations == 0, "%d values at the start", (int)m->values);
  double f = m->f, x = m->x[0], g = m->g[0];
  const double other[] = {5, 5}, wrong[] = {(double)NAN, 1};
  p.fails_at = p.calls + 1, p.failure = NV_ERR_INTERNAL;
  CHECK(nv_minimizer_start(m, other, NULL) == NV_ERR_INTERNAL && m->x[0] == x && m->f == f && m->g[0] == g,
        "a start that fails leaves x, f and g as they were");
  p.fails_at = p.calls + 1, p.failure = NV_CANCELLED;
  CHECK(nv_minimizer_renew(m, NULL) == NV_CANCELLED && m->x[0] == x && m->f == f && m->g[0] == g, "renew tears");
  CHECK(nv_minimizer_start(m, wrong, NULL) == NV_OK && m->stop == NV_STOP_START && !isfinite(m->f), "NaN: stop %d",
        (int)m->stop);
  CHECK(!(m->gradient_norm <= 1) && run(m, 5, NULL) == 0, "NaN: a gradient of %g", m->gradient_norm);
  CHECK(nv_minimizer_start(m, p.start, NULL) == NV_OK && run(m, 100, NULL) > 0 && m->stop == NV_STOP_GTOL,
        "a good start after a bad one: stop %d", (int)m->stop);
  nv_minimizer_free(m);
}

/* The function changes under the minimizer: it goes on from where it is. */
static void test_renew(void) {
  const double spectrum[] = {1, 2, 3};
  problem p = problem_quadratic(3, spectrum);
  nv_minimizer *m = make(&p, NULL, 0);
  CHECK(nv_minimizer_start(m, p.start, NULL) == NV_OK && run(m, 50, NULL) > 0, "%s", nv_error());
  CHECK(m->stop == NV_STOP_GTOL, "stop %d", (int)m->stop);
  m->x[0] += 1; /* set from outside */
  double before = m->f;
  CHECK(nv_minimizer_renew(m, NULL) == NV_OK && m->stop == NV_STOP_NONE && m->f > before, "stop %d", (int)m->stop);
  CHECK(run(m, 50, NULL) > 0 && m->stop == NV_STOP_GTOL && fabs(m->x[0] - 1) < 1e-4, "stop %d", (int)m->stop);
  nv_minimizer_free(m);
}

static void test_stops(void) {
  const struct {
    nv_setting settings[3];
    int count;
    nv_stop stop;
  } cases[] = {{{{.name = "goal", .value = 1}}, 1, NV_STOP_GOAL},
               {{{.name = "gtol", .value = 1e-3}}, 1, NV_STOP_GTOL},
               {{{.name = "gtol", .value = 0}, {.name = "xtol", .value = 1e-3}}, 2, NV_STOP_XTOL},
               {{{.name = "gtol", .value = 0}, {.name = "ftol", .value = 0.9999}}, 2, NV_STOP_FTOL},
               {{{.name = "max_evals", .value = 5}}, 1, NV_STOP_EVALS}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    problem p = problem_rosenbrock(2);
    nv_minimizer *m = make(&p, cases[k].settings, cases[k].count);
    CHECK(nv_minimizer_start(m, p.start, NULL) == NV_OK, "%s", nv_error());
    double first = m->f;
    run(m, 500, NULL);
    CHECK(m->stop == cases[k].stop && m->f < first, "case %d: stop %d at %g", (int)k, (int)m->stop, m->f);
    nv_minimizer_free(m);
  }
  /* Falling by less than ftol once is not enough where patience is three: two more iterations. */
  int64_t took[2];
  for (int k = 0; k < 2; k++) {
    problem p = problem_powell_singular(); /* f falls by about (2/3)^4 = 0.2 times in each */
    const nv_setting settings[] = {
        {.name = "gtol", .value = 0}, {.name = "ftol", .value = 0.9}, {.name = "patience", .value = k ? 3 : 1}};
    nv_minimizer *m = make(&p, settings, 3);
    CHECK(nv_minimizer_start(m, p.start, NULL) == NV_OK, "%s", nv_error());
    took[k] = run(m, 500, NULL);
    CHECK(m->stop == NV_STOP_FTOL, "patience: stop %d", (int)m->stop);
    nv_minimizer_free(m);
  }
  CHECK(took[1] >= took[0] + 2, "%d iterations with patience, %d without", (int)took[1], (int)took[0]);
}

static void test_records(void) {
  problem p = problem_wood(), q = problem_wood();
  static double records[NV_RECORD * 300];
  nv_minimizer *m = make(&p, NULL, 0), *single = make(&q, NULL, 0);
  CHECK(nv_minimizer_start(m, p.start, NULL) == NV_OK && nv_minimizer_start(single, q.start, NULL) == NV_OK, "%s",
        nv_error());
  int64_t done = run(m, 300, records);
  CHECK(m->stop == NV_STOP_GTOL && m->iterations == done, "stop %d", (int)m->stop);
  for (int64_t k = 0; k < done; k++) {
    const double *r = records + k * NV_RECORD;
    CHECK(k == 0 || (r[0] <= r[-NV_RECORD] && r[4] > r[4 - NV_RECORD] && r[6] > r[6 - NV_RECORD]),
          "iteration %d: f or counts", (int)k);
    run(single, 1, NULL); /* the same, one iteration at a time */
    CHECK(r[0] == single->f && r[1] == single->gradient_norm && r[2] == single->step_length &&
              r[3] == single->parameter && r[4] == (double)single->values && r[5] == (double)single->gradients &&
              r[6] == (double)single->products && r[7] == 0,
          "iteration %d differs", (int)k);
  }
  CHECK((double)p.calls == (double)(m->values + m->products), "%d calls", (int)p.calls);
  CHECK(run(m, 10, NULL) == 0, "goes on after its end");
  nv_minimizer_free(m), nv_minimizer_free(single);
}

/* Whichever allocation fails, there is no minimizer and nothing is lost (the sanitizers look for leaks). */
static void test_memory(void) {
  problem p = problem_rosenbrock(PROBLEM_N);
  static const char *const all[] = {"trust_region", "newton_cg", "scaled_conjugate_gradient", "gradient_descent"};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    nv_status status = NV_ERR_MEMORY;
    for (int64_t n = 1; status != NV_OK && n < 100; n++) {
      nv_minimizer *m = NULL;
      nv_alloc_fail_at(n);
      status = nv_minimizer_make(&p.o, all[i], NULL, 0, &m);
      nv_alloc_fail_at(0);
      CHECK(status == NV_OK ? m != NULL : status == NV_ERR_MEMORY && !m, "%s: status %d", all[i], (int)status);
      if (!m) continue;
      CHECK(n > 1, "nothing was allocated");
      CHECK(nv_minimizer_start(m, p.start, NULL) == NV_OK, "%s", nv_error());
      nv_alloc_fail_at(1); /* a step allocates nothing */
      run(m, 3, NULL);
      nv_alloc_fail_at(0);
      nv_minimizer_free(m);
    }
    CHECK(status == NV_OK, "%s is never made", all[i]);
  }
}

int main(void) {
  CHECK(nv_init() == NV_OK, "%s", nv_error());
  test_settings();
  test_start();
  test_renew();
  test_stops();
  test_records();
  test_memory();
  return check_done();
}
