/* test_dense.c: factorizations against what they factor, and Newton's method, which stands on them. */
#include "check.h"

#include "kernels/kernels.h"
#include "optimize/optimize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 88172645463325252u;
static double uniform(void) { /* in [-1, 1) */
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (double)(int64_t)seed * 0x1p-63;
}
static double *room(int64_t n) {
  double *p = nv_calloc(((size_t)n + 1) * sizeof *p);
  if (!p) abort();
  return p;
}
static double *random_matrix(int64_t n) {
  double *a = room(n * n);
  for (int64_t k = 0; k < n * n; k++) a[k] = uniform();
  return a;
}
/* M M'/n + I/10, both triangles */
static double *positive(int64_t n) {
  double *b = random_matrix(n), *a = room(n * n);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++)
      a[i * n + j] = a[j * n + i] = nv_dot(n, b + i * n, b + j * n) / (double)n + (i == j ? 0.1 : 0);
  nv_free(b);
  return a;
}
static double error_of(int64_t n, const double *l, const double *a) { /* of L L' */
  double worst = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++) worst = fmax(worst, fabs(nv_dot(j + 1, l + i * n, l + j * n) - a[i * n + j]));
  return worst;
}

static void test_cholesky(void) {
  const int64_t sizes[] = {0, 1, 2, 31, 63, 64, 65, 100, 129, 256, 257, 400};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    int64_t n = sizes[k], pivot = 7;
    double *a = positive(n), *l = room(n * n), *one = room(n * n), *b = room(n), *diagonal = room(n), *w = room(n * n);
    double trace, sum = 0;
    nv_copy(n * n, a, l);
    nv_copy(n * n, a, one);
    CHECK(nv_cholesky(n, l, &pivot, NULL) == NV_OK && pivot == -1, "n %d pivot %d", (int)n, (int)pivot);
    CHECK(error_of(n, l, a) < 1e-14, "n %d: %g", (int)n, error_of(n, l, a));
    nv_set_threads(2);
    CHECK(nv_cholesky(n, one, &pivot, NULL) == NV_OK, "two threads");
    CHECK(memcmp(l, one, (size_t)(n * n) * sizeof *l) == 0, "n %d: threads change bits", (int)n);
    nv_cholesky_inverse_diagonal(n, l, w, diagonal, &trace, NULL);
    nv_set_threads(1);
    for (int64_t i = 0; i < n; i++) { /* the inverse by columns */
      memset(b, 0, (size_t)n * sizeof *b);
      b[i] = 1;
      nv_cholesky_solve(n, l, b);
      double back = nv_dot(n, a + i * n, b);
      CHECK(fabs(back - 1) < 1e-12, "n %d column %d: %g", (int)n, (int)i, back);
      CHECK(fabs(b[i] - diagonal[i]) < 1e-11 * b[i], "n %d: %g, not %g", (int)n, diagonal[i], b[i]);
      sum += b[i];
    }
    CHECK(fabs(trace - sum) <= 1e-11 * sum, "n %d: trace %g, not %g", (int)n, trace, sum);
    nv_free(a), nv_free(l), nv_free(one), nv_free(b), nv_free(diagonal), nv_free(w);
  }
}

/* (A + D) x = b to rounding, with the same bits from every set. Nothing is solved where a pivot is not positive. */
static void test_small_solve(void) {
  const nv_kernels *chosen = nv_k;
  static const char *const isas[] = {"portable", "avx2", "avx512", "neon"};
  for (int64_t n = 1; n <= NV_SMALL; n += n < 40 ? 1 : 11) {
    double *a = positive(n), *d = room(n), *b = room(n), *x = room(n), *first = room(n),
           *w = room(nv_small_work(n) + 1);
    for (int64_t k = 0; k < n; k++) d[k] = 0.5 + 0.5 * uniform(), b[k] = uniform();
    for (size_t s = 0; s < sizeof isas / sizeof *isas; s++) {
      if (!nv_kernels_for(isas[s])) continue;
      nv_k = nv_kernels_for(isas[s]);
      memset(x, 0, (size_t)n * sizeof *x);
      CHECK(nv_small_solve(n, a, d, b, w + s % 2, x), "n %d", (int)n);
      if (s == 0) nv_copy(n, x, first);
      CHECK(memcmp(x, first, (size_t)n * sizeof *x) == 0, "n %d: %s has other bits", (int)n, isas[s]);
      for (int64_t k = 0; k < n; k++) {
        double left = nv_dot(n, a + k * n, x) + d[k] * x[k] - b[k];
        CHECK(fabs(left) < 1e-14, "n %d, row %d: %g", (int)n, (int)k, left);
      }
      for (int64_t bad = 0; bad < n; bad += n / 3 + 1) {
        const double values[] = {-3, (double)NAN, (double)INFINITY}, good = d[bad];
        for (int k = 0; k < 3; k++) {
          d[bad] = values[k];
          CHECK(!nv_small_solve(n, a, d, b, w, x) && memcmp(x, first, (size_t)n * sizeof *x) == 0, "n %d, %g at %d",
                (int)n, values[k], (int)bad);
        }
        d[bad] = good;
      }
    }
    nv_free(a), nv_free(d), nv_free(b), nv_free(x), nv_free(first), nv_free(w);
  }
  nv_k = chosen;
}

static void test_pivot(void) {
  for (int64_t n = 5; n <= 205; n += 100)
    for (int64_t bad = 0; bad < n; bad += n / 5) {
      double *a = positive(n), *l = room(n * n), *v = room(n), *hv = room(n), shift;
      int64_t pivot;
      a[bad * n + bad] = -1;
      nv_copy(n * n, a, l);
      CHECK(nv_cholesky(n, l, &pivot, NULL) == NV_OK && pivot == bad, "%d, not %d", (int)pivot, (int)bad);
      CHECK(nv_cholesky_shifted(n, a, l, &shift, v, NULL) == NV_OK && shift >= 1 && shift < 100, "shift %g", shift);
      for (int64_t i = 0; i < n; i++) hv[i] = nv_dot(n, a + i * n, v);
      CHECK(nv_dot(n, v, hv) < 0, "curvature %g", nv_dot(n, v, hv));
      for (int64_t i = 0; i < n; i++) a[i * n + i] += shift;
      CHECK(error_of(n, l, a) < 1e-13, "n %d: %g", (int)n, error_of(n, l, a));
      nv_free(a), nv_free(l), nv_free(v), nv_free(hv);
    }
}

/* A P = Q R: R'R = P'A'A P, and R x = Q'b solves the normal equations. */
static void test_qr(int64_t m, int64_t n, int64_t rank) {
  double *a = room(m * n), *c = room(m * n), *b = room(m + n), *keep = room(m), *r = room(n * n);
  int64_t *order = (int64_t *)(void *)room(n);
  for (int64_t k = 0; k < n; k++) /* column k of A */
    for (int64_t i = 0; i < m; i++)
      a[k * m + i] = k < rank ? ldexp(uniform(), (int)(k % 5) * 4) : 3 * a[(k - rank) * m + i];
  for (int64_t i = 0; i < m; i++) b[i] = keep[i] = uniform();
  nv_copy(m * n, a, c);
  int64_t found = nv_qr(m, n, c, b, r, order);
  CHECK(found == rank, "%d x %d: rank %d", (int)m, (int)n, (int)found);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i; j < n; j++) {
      double want = nv_dot(m, a + order[i] * m, a + order[j] * m), got = 0;
      double scale = nv_norm(m, a + order[i] * m) * nv_norm(m, a + order[j] * m);
      for (int64_t k = 0; k <= i; k++) got += r[k * n + i] * r[k * n + j];
      CHECK(fabs(got - want) <= 1e-13 * scale, "%d x %d: %g, not %g", (int)m, (int)n, got, want);
    }
  nv_upper_solve(found, n, r, b);
  for (int64_t k = 0; k < found; k++) nv_axpy(m, -b[k], a + order[k] * m, keep);
  for (int64_t k = 0; k < n; k++) {
    double left = nv_dot(m, a + k * m, keep) / nv_norm(m, a + k * m);
    CHECK(fabs(left) < 1e-12, "%d x %d: %g is left", (int)m, (int)n, left);
  }
  nv_free(a), nv_free(c), nv_free(b), nv_free(keep), nv_free(r), nv_free(order);
}

/* ---- Newton ---- */

/* sum (exp(x) - 1 - x) + (sum x)^2/2: convex, its minimum at 0; and sum (x^2 - 1)^2/4, a maximum at 0 */
static bool wells;
static nv_status gradient(nv_objective *o, const double *x, double *f, double *g, const nv_poll *poll) {
  double sum = 0;
  (void)poll;
  *f = 0;
  for (int64_t k = 0; k < o->n; k++) sum += x[k];
  for (int64_t k = 0; k < o->n; k++) {
    double t = x[k] * x[k] - 1;
    *f += wells ? t * t / 4 : exp(x[k]) - 1 - x[k];
    g[k] = wells ? x[k] * t : exp(x[k]) - 1 + sum;
  }
  if (!wells) *f += sum * sum / 2;
  return NV_OK;
}
static nv_status value(nv_objective *o, const double *x, double *f, const nv_poll *poll) {
  double g[16];
  return gradient(o, x, f, g, poll);
}
static nv_status product(nv_objective *o, const double *x, const double *v, double *hv, const nv_poll *poll) {
  double sum = 0;
  (void)poll;
  for (int64_t k = 0; k < o->n; k++) sum += v[k];
  for (int64_t k = 0; k < o->n; k++) hv[k] = wells ? (3 * x[k] * x[k] - 1) * v[k] : exp(x[k]) * v[k] + sum;
  return NV_OK;
}

static void test_newton(void) {
  nv_objective o = {.n = 6, .value = value, .gradient = gradient, .hessian_product = product};
  const struct nv_setting tight = {.name = "gtol", .value = 1e-14}, few = {.name = "max_parameters", .value = 5};
  double x[6] = {1, -0.5, 0.3, 0.7, -1, 0.2}, records[50 * NV_RECORD];
  int64_t done;
  nv_minimizer *m = NULL;
  wells = false;
  CHECK(nv_minimizer_make(&o, "newton", &few, 1, &m) == NV_ERR_VALUE && strstr(nv_error(), "lbfgs"), "%s", nv_error());
  CHECK(nv_minimizer_make(&o, "newton", &tight, 1, &m) == NV_OK, "%s", nv_error());
  nv_minimizer_start(m, x, NULL);
  nv_minimizer_run(m, 50, 0, records, &done, NULL);
  CHECK(m->stop == NV_STOP_GTOL && nv_largest(6, m->x) < 1e-14, "stop %d, x %g", (int)m->stop, nv_largest(6, m->x));
  CHECK(done <= 8, "%d iterations", (int)done);
  for (int64_t k = 1; k < done; k++) { /* twice the digits in each iteration */
    double before = records[(k - 1) * NV_RECORD + 1], after = records[k * NV_RECORD + 1];
    if (before < 0.1) CHECK(after <= 10 * before * before + 1e-14, "%g after %g", after, before);
  }
  nv_minimizer_free(m);

  wells = true; /* from the maximum, where the gradient is 0: gtol below 0 would be needed to move; from beside it */
  for (int k = 0; k < 6; k++) x[k] = k == 3 ? 1e-9 : 0;
  CHECK(nv_minimizer_make(&o, "newton", &tight, 1, &m) == NV_OK, "%s", nv_error());
  nv_minimizer_start(m, x, NULL);
  nv_minimizer_run(m, 100, 0, NULL, &done, NULL);
  CHECK(m->f < 1.26, "stays at f %g, stop %d", m->f,
        (int)m->stop); /* 1.5 at the maximum, 1/4 less for each that leaves */
  nv_minimizer_free(m);
}

int main(void) {
  if (nv_init() != NV_OK) return 1;
  nv_set_threads(1);
  test_cholesky();
  test_small_solve();
  test_pivot();
  test_qr(1, 1, 1), test_qr(40, 7, 7), test_qr(300, 30, 30), test_qr(5, 9, 5), test_qr(50, 8, 6), test_qr(9, 9, 9);
  test_newton();
  return check_done();
}
