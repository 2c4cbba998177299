/* minimize_problems.h: functions of known minima: sums of squares of J. J. More, B. S. Garbow and K. E. Hillstrom,
 * "Testing unconstrained optimization software", ACM TOMS 7 (1981), by their numbers there, each with its gradient. */
#ifndef NV_MINIMIZE_PROBLEMS_H
#define NV_MINIMIZE_PROBLEMS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { MOST = 100 };
typedef struct problem {
  const char *name;
  int n;
  void (*residuals)(int n, const double *x, double *r, double j[][MOST], int *m); /* j is zeroed */
  void (*start)(int n, double *x);
  double optimum; /* of the sum of squares */
} problem;

static inline double sum_of_squares(const problem *p, const double *x, double *g) {
  static double r[MOST], j[MOST][MOST];
  int m;
  double f = 0;
  memset(j, 0, sizeof j);
  p->residuals(p->n, x, r, j, &m);
  memset(g, 0, (size_t)p->n * sizeof *g);
  for (int i = 0; i < m; i++) {
    f += r[i] * r[i];
    for (int k = 0; k < p->n; k++) g[k] += 2 * r[i] * j[i][k];
  }
  return f;
}

/* 1, 21 */
static void rosenbrock(int n, const double *x, double *r, double j[][MOST], int *m) {
  for (int k = 0; k < n; k += 2) {
    r[k] = 10 * (x[k + 1] - x[k] * x[k]), j[k][k] = -20 * x[k], j[k][k + 1] = 10;
    r[k + 1] = 1 - x[k], j[k + 1][k] = -1;
  }
  *m = n;
}
static void start_rosenbrock(int n, double *x) {
  for (int k = 0; k < n; k += 2) x[k] = -1.2, x[k + 1] = 1;
}
/* 5 */
static void beale(int n, const double *x, double *r, double j[][MOST], int *m) {
  (void)n;
  const double y[] = {1.5, 2.25, 2.625};
  double power = 1;
  for (int i = 0; i < 3; i++) {
    j[i][1] = x[0] * (i + 1) * power, power *= x[1];
    r[i] = y[i] - x[0] * (1 - power), j[i][0] = power - 1;
  }
  *m = 3;
}
static void start_ones(int n, double *x) {
  for (int k = 0; k < n; k++) x[k] = 1;
}
/* 7 */
static void helical(int n, const double *x, double *r, double j[][MOST], int *m) {
  (void)n;
  double pi = 3.14159265358979323846, q = x[0] * x[0] + x[1] * x[1], s = sqrt(q);
  double turn = atan(x[1] / x[0]) / (2 * pi) + (x[0] < 0 ? 0.5 : 0);
  r[0] = 10 * (x[2] - 10 * turn), r[1] = 10 * (s - 1), r[2] = x[2];
  j[0][0] = 100 * x[1] / (2 * pi * q), j[0][1] = -100 * x[0] / (2 * pi * q), j[0][2] = 10;
  j[1][0] = 10 * x[0] / s, j[1][1] = 10 * x[1] / s, j[2][2] = 1;
  *m = 3;
}
static void start_helical(int n, double *x) { memset(x, 0, (size_t)n * sizeof *x), x[0] = -1; }
/* 13, 22 */
static void powell(int n, const double *x, double *r, double j[][MOST], int *m) {
  for (int k = 0; k < n; k += 4) {
    double a = x[k + 1] - 2 * x[k + 2], b = x[k] - x[k + 3];
    r[k] = x[k] + 10 * x[k + 1], j[k][k] = 1, j[k][k + 1] = 10;
    r[k + 1] = sqrt(5) * (x[k + 2] - x[k + 3]), j[k + 1][k + 2] = sqrt(5), j[k + 1][k + 3] = -sqrt(5);
    r[k + 2] = a * a, j[k + 2][k + 1] = 2 * a, j[k + 2][k + 2] = -4 * a;
    r[k + 3] = sqrt(10) * b * b, j[k + 3][k] = 2 * sqrt(10) * b, j[k + 3][k + 3] = -2 * sqrt(10) * b;
  }
  *m = n;
}
static void start_powell(int n, double *x) {
  for (int k = 0; k < n; k += 4) x[k] = 3, x[k + 1] = -1, x[k + 2] = 0, x[k + 3] = 1;
}
/* 14 */
static void wood(int n, const double *x, double *r, double j[][MOST], int *m) {
  (void)n;
  r[0] = 10 * (x[1] - x[0] * x[0]), j[0][0] = -20 * x[0], j[0][1] = 10;
  r[1] = 1 - x[0], j[1][0] = -1;
  r[2] = sqrt(90) * (x[3] - x[2] * x[2]), j[2][2] = -2 * sqrt(90) * x[2], j[2][3] = sqrt(90);
  r[3] = 1 - x[2], j[3][2] = -1;
  r[4] = sqrt(10) * (x[1] + x[3] - 2), j[4][1] = j[4][3] = sqrt(10);
  r[5] = (x[1] - x[3]) / sqrt(10), j[5][1] = 1 / sqrt(10), j[5][3] = -1 / sqrt(10);
  *m = 6;
}
static void start_wood(int n, double *x) {
  for (int k = 0; k < n; k += 2) x[k] = -3, x[k + 1] = -1;
}
/* 16 */
static void brown_dennis(int n, const double *x, double *r, double j[][MOST], int *m) {
  (void)n;
  for (int i = 0; i < 20; i++) {
    double t = (i + 1) / 5.0, a = x[0] + t * x[1] - exp(t), b = x[2] + x[3] * sin(t) - cos(t);
    r[i] = a * a + b * b;
    j[i][0] = 2 * a, j[i][1] = 2 * a * t, j[i][2] = 2 * b, j[i][3] = 2 * b * sin(t);
  }
  *m = 20;
}
static void start_brown_dennis(int n, double *x) { (void)n, x[0] = 25, x[1] = 5, x[2] = -5, x[3] = -1; }
/* 23 */
static void penalty(int n, const double *x, double *r, double j[][MOST], int *m) {
  r[n] = -0.25;
  for (int k = 0; k < n; k++) {
    r[k] = sqrt(1e-5) * (x[k] - 1), j[k][k] = sqrt(1e-5);
    r[n] += x[k] * x[k], j[n][k] = 2 * x[k];
  }
  *m = n + 1;
}
static void start_penalty(int n, double *x) {
  for (int k = 0; k < n; k++) x[k] = k + 1;
}
/* 25 */
static void variable_dimension(int n, const double *x, double *r, double j[][MOST], int *m) {
  double sum = 0;
  for (int k = 0; k < n; k++) r[k] = x[k] - 1, j[k][k] = 1, sum += (k + 1) * (x[k] - 1);
  r[n] = sum, r[n + 1] = sum * sum;
  for (int k = 0; k < n; k++) j[n][k] = k + 1, j[n + 1][k] = 2 * sum * (k + 1);
  *m = n + 2;
}
static void start_variable(int n, double *x) {
  for (int k = 0; k < n; k++) x[k] = 1 - (k + 1.0) / n;
}
/* 26 */
static void trigonometric(int n, const double *x, double *r, double j[][MOST], int *m) {
  double sum = 0;
  for (int k = 0; k < n; k++) sum += cos(x[k]);
  for (int i = 0; i < n; i++) {
    r[i] = n - sum + (i + 1) * (1 - cos(x[i])) - sin(x[i]);
    for (int k = 0; k < n; k++) j[i][k] = sin(x[k]);
    j[i][i] += (i + 1) * sin(x[i]) - cos(x[i]);
  }
  *m = n;
}
static void start_trigonometric(int n, double *x) {
  for (int k = 0; k < n; k++) x[k] = 1.0 / n;
}
/* 30 */
static void broyden(int n, const double *x, double *r, double j[][MOST], int *m) {
  for (int k = 0; k < n; k++) {
    r[k] = (3 - 2 * x[k]) * x[k] + 1, j[k][k] = 3 - 4 * x[k];
    if (k > 0) r[k] -= x[k - 1], j[k][k - 1] = -1;
    if (k < n - 1) r[k] -= 2 * x[k + 1], j[k][k + 1] = -2;
  }
  *m = n;
}
static void start_broyden(int n, double *x) {
  for (int k = 0; k < n; k++) x[k] = -1;
}
/* A quadratic: eigenvalues 1 .. 1e4, evenly in their logarithms for all but rounding; no number of theirs */
static void quadratic(int n, const double *x, double *r, double j[][MOST], int *m) {
  double root = 1;
  for (int k = 0; k < n; k++, root *= n > 40 ? 1.0986 : 1.5) r[k] = root * (x[k] - 1), j[k][k] = root;
  *m = n;
}

static const problem problems[] = {
    {"rosenbrock", 2, rosenbrock, start_rosenbrock, 0},
    {"extended rosenbrock", 100, rosenbrock, start_rosenbrock, 0},
    {"beale", 2, beale, start_ones, 0},
    {"helical valley", 3, helical, start_helical, 0},
    {"powell singular", 4, powell, start_powell, 0},
    {"extended powell", 40, powell, start_powell, 0},
    {"wood", 4, wood, start_wood, 0},
    {"brown and dennis", 4, brown_dennis, start_brown_dennis, 85822.2016263},
    {"penalty", 4, penalty, start_penalty, 2.24997750e-5},
    {"penalty, n = 10", 10, penalty, start_penalty, 7.08765146e-5},
    {"variably dimensioned", 10, variable_dimension, start_variable, 0},
    {"trigonometric", 10, trigonometric, start_trigonometric, -1}, /* 0, or 2.79506e-5: a local one */
    {"broyden tridiagonal", 30, broyden, start_broyden, 0},
    {"quadratic", 10, quadratic, start_helical, 0},
    {"ill-conditioned quadratic", 50, quadratic, start_helical, 0},
};
enum { PROBLEMS = sizeof problems / sizeof *problems };

#endif
