/* test_vectors.c: vectors of doubles of every instruction set against plain loops: all small sizes, arrays that end
 * with their page, in place, numbers that are not finite; the same bits from every set, the portable one too. */
#include "kernel_fixture.h"

static const nv_vectors *v;

/* The order that the kernels promise: 32 sums, folded in one tree. */
static double folded(int64_t n, const double *terms) {
  double lane[32] = {0};
  for (int64_t k = 0; k < n; k++) lane[k % 32] += terms[k];
  for (int half = 16; half > 0; half /= 2)
    for (int j = 0; j < half; j++) lane[j] += lane[j + half];
  return lane[0];
}

static void check_size(int64_t n) {
  static double terms[5000], sums[5000];
  double *a = array(0, (size_t)n * 8), *b = array(1, (size_t)n * 8), *z = array(2, (size_t)n * 8);
  double *out = array(3, (size_t)n * 8), s = random_between(-2, 2), t = random_between(-2, 2), most = 0;
  for (int64_t k = 0; k < n; k++)
    a[k] = random_between(-1, 1), b[k] = random_between(-1, 1), z[k] = random_between(-1, 1);
  for (int64_t k = 0; k < n; k++) terms[k] = a[k] * b[k], most = fmax(most, fabs(a[k]));
  CHECK(v->dot(n, a, b) == folded(n, terms), "n = %d", (int)n);
  CHECK(v->largest(n, a) == most, "n = %d", (int)n);
  for (int64_t k = 0; k < n; k++) terms[k] = (a[k] - b[k]) * (a[k] - b[k]);
  CHECK(v->distance(n, a, b) == folded(n, terms), "n = %d", (int)n);
  for (int64_t k = 0; k < n; k++) sums[k] = s * a[k] + t * b[k], terms[k] = sums[k] * z[k];
  v->combine(n, s, a, t, b, out);
  CHECK(memcmp(out, sums, (size_t)n * 8) == 0, "n = %d", (int)n);
  memset(out, 0, (size_t)n * 8);
  CHECK(v->combine_dot(n, s, a, t, b, out, z) == folded(n, terms), "n = %d", (int)n);
  CHECK(memcmp(out, sums, (size_t)n * 8) == 0, "n = %d", (int)n);
  CHECK(v->finite(n, a), "n = %d", (int)n);
  for (int64_t k = 0; k < n; k += n / 7 + 1) {
    const double bad[] = {(double)INFINITY, -(double)INFINITY, (double)NAN}, good = z[k];
    for (int j = 0; j < 3; j++) {
      z[k] = bad[j];
      CHECK(!v->finite(n, z), "n = %d, %g at %d", (int)n, bad[j], (int)k);
      CHECK(j < 2 ? v->largest(n, z) == (double)INFINITY : isnan(v->largest(n, z)), "n = %d", (int)n);
    }
    z[k] = good;
  }
  CHECK(v->combine_dot(n, s, a, t, b, b, z) == folded(n, terms), "n = %d", (int)n);
  CHECK(memcmp(b, sums, (size_t)n * 8) == 0, "in place, n = %d", (int)n);
  for (int k = 0; k < 4; k++) CHECK(array_intact(k), "n = %d: wrote before array %d", (int)n, k);
}

static void run(const nv_kernels *set) {
  v = &set->vector;
  results("vectors", "float64");
  for (int64_t n = 0; n < 140; n++) check_size(n);
  check_size(4999);
}
int main(int argc, char **argv) { return for_every_set(argc, argv, run); }
