/* vectors.c: operations on vectors of doubles, each in one fixed order. */
#include "optimize/optimize.h"

#include <math.h>
#include <string.h>

#define LANES 32 /* running sums, folded in one tree: as kernels/reduce.inc does */

double nv_dot(int64_t n, const double *a, const double *b) {
  double sum[LANES] = {0};
  int64_t k = 0;
  for (; k + LANES <= n; k += LANES)
    for (int j = 0; j < LANES; j++) sum[j] += a[k + j] * b[k + j];
  for (int j = 0; k < n; k++, j++) sum[j] += a[k] * b[k];
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int j = 0; j < half; j++) sum[j] += sum[j + half];
  return sum[0];
}

double nv_norm(int64_t n, const double *a) { return sqrt(nv_dot(n, a, a)); }

double nv_largest(int64_t n, const double *a) {
  double most = 0;
  for (int64_t k = 0; k < n; k++) most = fabs(a[k]) <= most ? most : fabs(a[k]);
  return most;
}

void nv_axpy(int64_t n, double s, const double *x, double *y) {
  for (int64_t k = 0; k < n; k++) y[k] += s * x[k];
}

void nv_combine(int64_t n, double s, const double *a, double t, const double *b, double *out) {
  for (int64_t k = 0; k < n; k++) out[k] = s * a[k] + t * b[k];
}

void nv_scale(int64_t n, double s, const double *a, double *out) {
  for (int64_t k = 0; k < n; k++) out[k] = s * a[k];
}

void nv_copy(int64_t n, const double *a, double *out) { memcpy(out, a, (size_t)n * sizeof *a); }

bool nv_finite(int64_t n, const double *a) {
  double sum = 0; /* 0 * x is 0 unless x is not finite */
  for (int64_t k = 0; k < n; k++) sum += a[k] * 0;
  return sum == 0;
}

void nv_round_single(int64_t n, double *x) {
  for (int64_t k = 0; k < n; k++) x[k] = (double)(float)x[k];
}
