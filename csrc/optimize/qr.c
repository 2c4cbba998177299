/* qr.c: least squares with few unknowns by orthogonal matrices, which do not square the condition as J'J would
 * (Golub & Van Loan, "Matrix Computations", 5.2 to 5.4). Serial, and in one fixed order. */
#include "optimize/optimize.h"

#include <math.h>
#include <string.h>

static void swap(int64_t n, double *a, double *b) {
  for (int64_t k = 0; k < n; k++) {
    double t = a[k];
    a[k] = b[k], b[k] = t;
  }
}

/* |a|, even if its squares overflow or underflow. */
static double length(int64_t n, const double *a) {
  double plain = nv_dot(n, a, a);
  if (plain > 1e-290 && plain < 1e290) return sqrt(plain);
  double most = nv_largest(n, a), sum = 0;
  if (!(most > 0) || !isfinite(most)) return most;
  for (int64_t k = 0; k < n; k++) sum += (a[k] / most) * (a[k] / most);
  return most * sqrt(sum);
}

/* a := (I - 2 v v'/v'v) a for v scaled so that v[0] = 1 and beta = 2/v'v. */
static void reflect(int64_t n, double beta, const double *v, double *a) { nv_axpy(n, -beta * nv_dot(n, v, a), v, a); }

/* The Householder vector of a (Golub & Van Loan 5.1.3): returns beta and what a[0] becomes; a becomes v. */
static double householder(int64_t n, double *a, double norm, double *first) {
  double head = a[0] + copysign(norm, a[0]);
  *first = -copysign(norm, a[0]);
  for (int64_t k = 1; k < n; k++) a[k] /= head;
  a[0] = 1;
  return 2 / nv_dot(n, a, a);
}

int64_t nv_qr(int64_t m, int64_t n, double *columns, double *b, double *r, int64_t *order) {
  int64_t most = m < n ? m : n, rank = 0;
  double largest = 0;
  for (int64_t k = 0; k < n; k++) order[k] = k;
  memset(r, 0, (size_t)(n * n) * sizeof *r);
  for (int64_t k = 0; k < most; k++) {
    double norm = -1;
    int64_t pivot = k;
    for (int64_t j = k; j < n; j++) { /* of what is left of each column; anew, for updated norms lose their digits */
      double left = length(m - k, columns + j * m + k);
      if (left > norm) norm = left, pivot = j;
    }
    if (k == 0) largest = norm;
    /* What is left is rounding: its rank ends here. */
    if (!(norm > (double)(m > n ? m : n) * 0x1p-53 * largest)) break;
    rank = k + 1;
    if (pivot != k) {
      swap(m, columns + k * m, columns + pivot * m);
      int64_t t = order[k];
      order[k] = order[pivot], order[pivot] = t;
    }
    double *v = columns + k * m + k, first;
    double beta = householder(m - k, v, norm, &first);
    for (int64_t j = k + 1; j < n; j++) reflect(m - k, beta, v, columns + j * m + k);
    reflect(m - k, beta, v, b + k);
    v[0] = first;
  }
  for (int64_t j = 0; j < n; j++)
    for (int64_t k = 0; k <= j && k < rank; k++) r[k * n + j] = columns[j * m + k];
  return rank;
}

void nv_upper_solve(int64_t n, int64_t row, const double *r, double *x) {
  for (int64_t k = n - 1; k >= 0; k--) {
    double sum = x[k];
    for (int64_t j = k + 1; j < n; j++) sum -= r[k * row + j] * x[j];
    x[k] = sum / r[k * row + k];
  }
}

void nv_upper_transposed_solve(int64_t n, int64_t row, const double *r, double *x) {
  for (int64_t k = 0; k < n; k++) {
    x[k] /= r[k * row + k];
    for (int64_t j = k + 1; j < n; j++) x[j] -= r[k * row + j] * x[k];
  }
}

/* Each row sqrt(lambda) e_k is rotated into R, from its diagonal on (More 1978, section 5: R is kept for other
 * lambdas). */
void nv_qr_damped(int64_t n, const double *r, const double *b, double lambda, double *s, double *row, double *q) {
  double damping = sqrt(lambda);
  nv_copy(n * n, r, s);
  nv_copy(n, b, q);
  for (int64_t k = 0; k < n; k++) {
    double rest = 0; /* the row's right-hand side */
    memset(row, 0, (size_t)n * sizeof *row);
    row[k] = damping;
    for (int64_t j = k; j < n; j++) {
      if (row[j] == 0) continue;
      double *to = s + j * n, t = sqrt(to[j] * to[j] + row[j] * row[j]), c = to[j] / t, d = row[j] / t;
      for (int64_t i = j; i < n; i++) {
        double up = c * to[i] + d * row[i];
        row[i] = c * row[i] - d * to[i], to[i] = up;
      }
      double up = c * q[j] + d * rest;
      rest = c * rest - d * q[j], q[j] = up;
    }
  }
  nv_upper_solve(n, n, s, q);
}
