/* vectors.c: operations on vectors of doubles, each in one fixed order: kernels/vectors.inc. */
#include "optimize/optimize.h"

#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

double nv_dot(int64_t n, const double *a, const double *b) { return nv_k->vector.dot(n, a, b); }

double nv_norm(int64_t n, const double *a) { return sqrt(nv_dot(n, a, a)); }

double nv_distance(int64_t n, const double *a, const double *b) { return sqrt(nv_k->vector.distance(n, a, b)); }

double nv_largest(int64_t n, const double *a) { return nv_k->vector.largest(n, a); }

void nv_axpy(int64_t n, double s, const double *x, double *y) { nv_k->vector.combine(n, 1, y, s, x, y); }

void nv_combine(int64_t n, double s, const double *a, double t, const double *b, double *out) {
  nv_k->vector.combine(n, s, a, t, b, out);
}

double nv_combine_dot(int64_t n, double s, const double *a, double t, const double *b, double *out, const double *z) {
  return nv_k->vector.combine_dot(n, s, a, t, b, out, z);
}

void nv_scale(int64_t n, double s, const double *a, double *out) {
  for (int64_t k = 0; k < n; k++) out[k] = s * a[k];
}

void nv_copy(int64_t n, const double *a, double *out) { memcpy(out, a, (size_t)n * sizeof *a); }

bool nv_finite(int64_t n, const double *a) { return nv_k->vector.finite(n, a); }

void nv_round_single(int64_t n, double *x) {
  for (int64_t k = 0; k < n; k++) x[k] = (double)(float)x[k];
}
