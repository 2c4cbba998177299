/* least_squares.c: f = 1/2 |r|^2 by Levenberg-Marquardt in a trust region (J. J. More, "The Levenberg-Marquardt
 * Algorithm: Implementation and Theory", Numerical Analysis, Lecture Notes in Mathematics 630, 1978).
 *
 * A step is least |J p + r| with |D p| <= radius, D the largest norms so far of J's columns. In q = D p it is a sphere,
 * and the columns of J D^-1, at most 1 long, are what is factored. Bounds: what presses against one is left out, what a
 * step would push through one is set on it, and the rest is solved again; where that promises too little the step goes
 * along the projected gradient, as far as the model falls. */
#include "optimize/optimize.h"

#include <math.h>
#include <string.h>
#include <stdlib.h>

#define FIRST_RADIUS 100.0 /* times |D x|, or |r| where that is 0; More has 100, which may jump where r is flat */
#define NEAR 0.1           /* |q| may differ from the radius by so much of it */
#define EPS 0x1p-52
#define IDLE 5  /* steps in a row that change f by no more than rounding */
#define SLACK 8 /* of rounding, see noise() */

typedef struct state {
  double *r, *j;        /* at x; j [m, n] */
  double *rt;           /* r at a trial point, also J p */
  double *columns, *qr; /* J D^-1 of the free parameters, by columns; its R */
  double *qtr;          /* Q' r */
  double *work, *row;   /* [n, n] and [n] for nv_qr_damped */
  double *q, *w;        /* the scaled step, in the order of its columns */
  double *norm, *scale; /* of J's columns; D */
  double *cauchy;       /* a step along the projected gradient */
  int64_t *order, *free, n_free, rank;
  bool *fixed;
  double radius, lambda;
  double length, promised, newton; /* |D p|, what the step and one without a radius promise */
  double polished;                 /* length of the last step taken where f is flat to rounding */
  int idle;                        /* taken in a row that changed f by no more than rounding */
  bool fresh, first;               /* r and j are those of x; no step has been tried yet */
} state;

/* ---- preparing ---- */

static nv_status prepare(nv_minimizer *m) {
  const nv_objective *o = m->objective;
  const size_t n = (size_t)m->n + 1, rows = (size_t)o->m + 1;
  if (!o->residuals || !o->jacobian)
    return nv_fail(NV_ERR_VALUE, "%s needs residuals and their Jacobian, which this function does not give",
                   m->method->name);
  if (n > SIZE_MAX / 64 / (rows > n ? rows : n)) return NV_NOMEM("preparing least squares");
  state *s = m->state = nv_pool_alloc(&m->memory, sizeof *s);
  if (!s) return NV_ERR_MEMORY;
  const struct {
    void *at;
    size_t bytes;
  } rooms[] = {{&s->r, rows * 8},
               {&s->j, rows * n * 8},
               {&s->rt, rows * 8},
               {&s->columns, rows * n * 8},
               {&s->qtr, (rows + n) * 8},
               {&s->qr, n * n * 8},
               {&s->work, n * n * 8},
               {&s->row, n * 8},
               {&s->q, n * 8},
               {&s->w, n * 8},
               {&s->scale, n * 8},
               {&s->norm, n * 8},
               {&s->cauchy, n * 8},
               {&s->order, n * 8},
               {&s->free, n * 8},
               {&s->fixed, n}};
  for (size_t k = 0; k < sizeof rooms / sizeof *rooms; k++) {
    void *p = nv_pool_alloc(&m->memory, rooms[k].bytes);
    if (!p) return NV_ERR_MEMORY;
    memcpy(rooms[k].at, &p, sizeof p);
  }
  return NV_OK;
}

static void reset(nv_minimizer *m) {
  state *s = m->state;
  s->fresh = false, s->first = true, s->polished = INFINITY, s->lambda = 0, s->idle = 0;
  memset(s->scale, 0, (size_t)m->n * sizeof *s->scale);
}

/* ---- J at x ---- */

static void note_columns(nv_minimizer *m, state *s) {
  const int64_t n = m->n, rows = m->objective->m;
  double *norm = s->norm;
  memset(norm, 0, (size_t)n * sizeof *norm);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t k = 0; k < n; k++) norm[k] += s->j[i * n + k] * s->j[i * n + k];
  for (int64_t k = 0; k < n; k++) {
    if (!(norm[k] > 1e-290 && norm[k] < 1e290)) { /* its squares have left the range of numbers */
      double largest = 0, sum = 0;
      for (int64_t i = 0; i < rows; i++) largest = fmax(largest, fabs(s->j[i * n + k]));
      for (int64_t i = 0; i < rows && largest > 0; i++)
        sum += (s->j[i * n + k] / largest) * (s->j[i * n + k] / largest);
      norm[k] = largest * sqrt(sum);
    } else
      norm[k] = sqrt(norm[k]);
    s->scale[k] = fmax(s->scale[k], norm[k]);
  }
  for (int64_t k = 0; k < n; k++)
    if (s->scale[k] == 0) s->scale[k] = 1; /* r does not depend on it */
}

static void gradient(int64_t rows, int64_t n, const double *j, const double *r, double *g) {
  memset(g, 0, (size_t)n * sizeof *g);
  for (int64_t i = 0; i < rows; i++) nv_axpy(n, r[i], j + i * n, g);
}

static double scaled_norm(const nv_minimizer *m, const state *s, const double *x) {
  double sum = 0;
  for (int64_t k = 0; k < m->n; k++) sum += (s->scale[k] * x[k]) * (s->scale[k] * x[k]);
  return sqrt(sum);
}

/* What rounding x and r may change f by, to first order. A step that promises less is judged by its length. */
static double noise(const nv_minimizer *m, const state *s) {
  double size = sqrt(2 * m->f);
  return SLACK * EPS * size * (size + scaled_norm(m, s, m->x));
}

/* ---- the step in a sphere ---- */

/* Factors J D^-1 of the free parameters, and r after what the others do (rt: J p for these). */
static void factor(nv_minimizer *m, state *s, const double *moved) {
  const int64_t n = m->n, rows = m->objective->m;
  s->n_free = 0;
  for (int64_t k = 0; k < n; k++)
    if (!s->fixed[k]) s->free[s->n_free++] = k;
  for (int64_t c = 0; c < s->n_free; c++) {
    const int64_t k = s->free[c];
    for (int64_t i = 0; i < rows; i++) s->columns[c * rows + i] = s->j[i * n + k] / s->scale[k];
  }
  if (moved)
    nv_combine(rows, 1, s->r, 1, moved, s->qtr);
  else
    nv_copy(rows, s->r, s->qtr);
  for (int64_t k = rows; k < n; k++) s->qtr[k] = 0;
  s->rank = nv_qr(rows, s->n_free, s->columns, s->qtr, s->qr, s->order);
  nv_scale(n, -1, s->qtr, s->qtr);
  s->newton = 0.5 * nv_dot(s->rank, s->qtr, s->qtr);
}

/* More's iteration for the lambda with |q(lambda)| = radius (his section 5, algorithm 5.5): Newton's on 1/radius -
 * 1/|q|, between bounds. */
static void in_sphere(state *s) {
  const int64_t n = s->n_free;
  double lower = 0, upper = 0, slope, size;
  memset(s->q, 0, (size_t)n * sizeof *s->q);
  nv_copy(s->rank, s->qtr, s->q);
  nv_upper_solve(s->rank, n, s->qr, s->q);
  size = nv_norm(n, s->q);
  if (size <= (1 + NEAR) * s->radius) {
    s->lambda = 0;
    return;
  }
  if (s->rank == n && isfinite(size)) {
    nv_scale(n, 1 / size, s->q, s->w);
    nv_upper_transposed_solve(n, n, s->qr, s->w);
    slope = nv_dot(n, s->w, s->w); /* minus the derivative of |q|, by |q| */
    lower = (size - s->radius) / s->radius / slope;
    if (!isfinite(lower)) lower = 0;
  }
  for (int64_t k = 0; k < n; k++) { /* the scaled gradient R' Q'r */
    double sum = 0;
    for (int64_t i = 0; i <= k; i++) sum += s->qr[i * n + k] * s->qtr[i];
    s->w[k] = sum;
  }
  upper = fmax(nv_norm(n, s->w) / s->radius, 0x1p-1000);
  double lambda = fmin(fmax(s->lambda, lower), upper);
  for (int k = 0; k < 10; k++) {
    if (!(lambda > 0)) lambda = fmax(1e-3 * upper, sqrt(lower * upper));
    nv_qr_damped(n, s->qr, s->qtr, lambda, s->work, s->row, s->q);
    size = nv_norm(n, s->q);
    if (fabs(size - s->radius) <= NEAR * s->radius || !isfinite(size) || !(size > 0)) break;
    nv_scale(n, 1 / size, s->q, s->w);
    nv_upper_transposed_solve(n, n, s->work, s->w);
    slope = nv_dot(n, s->w, s->w);
    if (size > s->radius)
      lower = fmax(lower, lambda);
    else
      upper = fmin(upper, lambda);
    lambda = fmax(lower, lambda + (size - s->radius) / s->radius / slope);
  }
  s->lambda = lambda;
}

/* m->d, of the free parameters. */
static void unscale(nv_minimizer *m, state *s) {
  for (int64_t c = 0; c < s->n_free; c++) {
    const int64_t k = s->free[s->order[c]];
    m->d[k] = s->q[c] / s->scale[k];
  }
}

/* J p, and what the model falls by: -(g'p + 1/2 |J p|^2). */
static double model(nv_minimizer *m, const state *s, const double *p) {
  const int64_t n = m->n, rows = m->objective->m;
  for (int64_t i = 0; i < rows; i++) s->rt[i] = nv_dot(n, s->j + i * n, p);
  return -nv_dot(n, m->g, p) - 0.5 * nv_dot(rows, s->rt, s->rt);
}

static void free_step(nv_minimizer *m, state *s) {
  const int64_t n = s->n_free;
  in_sphere(s);
  unscale(m, s);
  s->length = nv_norm(n, s->q);
  double fall = 0; /* 1/2 |R q|^2 + lambda |q|^2, where nothing cancels */
  for (int64_t k = 0; k < s->rank; k++) {
    double t = nv_dot(n - k, s->qr + k * n + k, s->q + k);
    fall += t * t;
  }
  s->promised = 0.5 * fall + s->lambda * s->length * s->length;
}

/* ---- bounds ---- */

static double into(const nv_minimizer *m, int64_t k, double x) { return fmin(fmax(x, m->lower[k]), m->upper[k]); }

/* Along the projected gradient, from the radius on back to where the model falls enough (Nocedal & Wright 16.7). */
static double cauchy_step(nv_minimizer *m, state *s) {
  double steep = 0, fall = 0;
  for (int64_t k = 0; k < m->n; k++) {
    double t = m->g[k] / s->scale[k];
    steep += t * t;
  }
  double t = steep > 0 ? s->radius / sqrt(steep) : 0;
  for (int tries = 0; tries < 60 && t > 0; tries++, t *= 0.25) {
    double slope = 0;
    for (int64_t k = 0; k < m->n; k++) {
      s->cauchy[k] = into(m, k, m->x[k] - t * m->g[k] / (s->scale[k] * s->scale[k])) - m->x[k];
      slope += m->g[k] * s->cauchy[k];
    }
    fall = model(m, s, s->cauchy);
    if (fall >= -0.1 * slope) return fall;
  }
  return 0;
}

static void bounded_step(nv_minimizer *m, state *s) {
  const int64_t n = m->n;
  bool whole = true; /* nothing has been set on a bound */
  memset(m->d, 0, (size_t)n * sizeof *m->d);
  for (int64_t k = 0; k < n; k++)
    s->fixed[k] = (m->x[k] <= m->lower[k] && m->g[k] >= 0) || (m->x[k] >= m->upper[k] && m->g[k] <= 0);
  factor(m, s, NULL);
  for (;;) {
    bool hit = false;
    free_step(m, s);
    for (int64_t k = 0; k < n; k++) {
      double to = m->x[k] + m->d[k];
      if (s->fixed[k] || (to >= m->lower[k] && to <= m->upper[k])) continue;
      m->d[k] = into(m, k, to) - m->x[k];
      s->fixed[k] = hit = true, whole = false;
    }
    if (!hit) break;
    nv_copy(n, m->d, s->cauchy);
    for (int64_t c = 0; c < s->n_free; c++)
      if (!s->fixed[s->free[c]]) s->cauchy[s->free[c]] = 0;
    model(m, s, s->cauchy);
    factor(m, s, s->rt);
  }
  if (whole) return;
  double along = cauchy_step(m, s);
  s->promised = model(m, s, m->d);
  if (!(s->promised >= 0.1 * along)) nv_copy(n, s->cauchy, m->d), s->promised = along;
  s->length = scaled_norm(m, s, m->d);
  s->newton = s->promised;
}

/* ---- trying it ---- */

static nv_status refresh(nv_minimizer *m, state *s) {
  nv_objective *o = m->objective;
  if (s->fresh) return NV_OK;
  NV_TRY(o->jacobian(o, m->x, s->r, s->j, m->poll));
  if (!nv_finite(o->m, s->r) || !nv_finite(o->m * m->n, s->j)) {
    m->stop = NV_STOP_START;
    return NV_OK;
  }
  gradient(o->m, m->n, s->j, s->r, m->g);
  m->f = 0.5 * nv_dot(o->m, s->r, s->r);
  note_columns(m, s);
  if (!m->lower) factor(m, s, NULL);
  if (s->first) {
    double size = scaled_norm(m, s, m->x);
    const char *e = getenv("NV_R");
    s->radius = (e ? atof(e) : FIRST_RADIUS) * (size > 0 ? size : m->f > 0 ? sqrt(2 * m->f) : 1);
  }
  s->fresh = true;
  return NV_OK;
}

static nv_status evaluate(nv_minimizer *m, state *s) {
  nv_objective *o = m->objective;
  if (o->single) nv_round_single(m->n, m->xt);
  NV_TRY(o->residuals(o, m->xt, s->rt, m->poll));
  m->values++;
  m->ft = 0.5 * nv_dot(o->m, s->rt, s->rt);
  if (!isfinite(m->ft)) m->ft = INFINITY;
  return NV_OK;
}

/* More 1978, section 7: the radius shrinks to where the parabola through f, its slope and ft is least. */
static void shrink(nv_minimizer *m, state *s) {
  double slope = nv_dot(m->n, m->g, m->d), factor = 0.1;
  if (isfinite(m->ft)) {
    factor = 0.5;
    if (m->ft > m->f) factor = fmin(fmax(0.5 * slope / (slope + m->f - m->ft), 0.1), 0.5);
  }
  s->radius = factor * fmin(s->radius, 10 * s->length);
  s->lambda /= factor;
}

static bool plateau(const nv_minimizer *m, const state *s) {
  const int64_t n = m->n, rows = m->objective->m;
  const char *e = getenv("NV_C");
  double share = e ? atof(e) : 0;
  for (int64_t k = 0; k < n; k++) {
    double most = 0;
    for (int64_t i = 0; i < rows; i++) most = fmax(most, fabs(s->j[i * n + k]));
    if (most < share * s->norm[k]) return true;
  }
  return false;
}

/* Takes the trial point, unless its Jacobian is not finite. */
static nv_status take(nv_minimizer *m, state *s, double ratio) {
  nv_objective *o = m->objective;
  s->fresh = false; /* until it is whole */
  NV_TRY(o->jacobian(o, m->xt, s->rt, s->j, m->poll));
  m->gradients++;
  if (!nv_finite(o->m, s->rt) || !nv_finite(o->m * m->n, s->j) || plateau(m, s)) {
    m->ft = INFINITY;
    shrink(m, s);
    return refresh(m, s);
  }
  double *r = s->r;
  s->r = s->rt, s->rt = r;
  gradient(o->m, m->n, s->j, s->r, m->gt);
  if (ratio <= 0.25)
    shrink(m, s);
  else if (s->lambda == 0 || ratio >= 0.75)
    s->radius = 2 * s->length, s->lambda *= 0.5;
  s->idle = fabs(m->f - m->ft) <= noise(m, s) ? s->idle + 1 : 0;
  nv_accept(m);
  note_columns(m, s);
  if (!m->lower) factor(m, s, NULL);
  s->fresh = true;
  return NV_OK;
}

/* Where f is flat to rounding the steps themselves must go on getting shorter. So must they where f has been flat for
 * some steps though the model goes on promising more: with large residuals Gauss-Newton steps may jump to and fro. */
static bool polishing(nv_minimizer *m, state *s, double flat) {
  if (s->newton > flat && s->idle < IDLE) {
    s->polished = INFINITY;
    return true;
  }
  if (!(s->length < 0.9 * s->polished) || s->length <= EPS * scaled_norm(m, s, m->x)) return false;
  s->polished = s->length;
  return true;
}

static nv_status try_step(nv_minimizer *m, state *s) {
  const double flat = noise(m, s);
  if (m->lower)
    bounded_step(m, s);
  else
    free_step(m, s);
  if (!nv_finite(m->n, m->d) || !isfinite(s->length)) { /* R all but singular */
    s->radius *= 0.1, s->lambda = 0;
    if (!(s->radius > 0x1p-1000)) m->stop = NV_STOP_RADIUS;
    return NV_OK;
  }
  if (!polishing(m, s, flat)) {
    m->stop = NV_STOP_FTOL;
    return NV_OK;
  }
  nv_combine(m->n, 1, m->x, 1, m->d, m->xt);
  for (int64_t k = 0; m->lower && k < m->n; k++) m->xt[k] = into(m, k, m->xt[k]);
  if (s->length <= EPS * scaled_norm(m, s, m->x) || memcmp(m->x, m->xt, (size_t)m->n * sizeof *m->x) == 0) {
    m->stop = NV_STOP_XTOL;
    return NV_OK;
  }
  NV_TRY(evaluate(m, s));
  if (s->first) s->radius = fmin(s->radius, s->length);
  s->first = false;
  /* Both with what rounding may be added (Conn, Gould & Toint, "Trust-Region Methods", 17.4.2). */
  double ratio = (m->f - m->ft + flat) / (s->promised + flat);
  if (ratio >= 1e-4) return take(m, s, ratio);
  shrink(m, s);
  if (s->promised <= m->ftol * m->f && fabs(m->f - m->ft) <= m->ftol * m->f)
    m->stop = NV_STOP_FTOL;
  else if (m->xtol > 0 && nv_norm(m->n, m->d) <= m->xtol * (nv_norm(m->n, m->x) + m->xtol))
    m->stop = NV_STOP_XTOL;
  return NV_OK;
}

static nv_status step(nv_minimizer *m) {
  state *s = m->state;
  NV_TRY(refresh(m, s));
  while (!m->moved && m->stop == NV_STOP_NONE) {
    if (nv_spent(m))
      m->stop = NV_STOP_EVALS;
    else
      NV_TRY(try_step(m, s));
  }
  m->parameter = s->lambda;
  return NV_OK;
}

const nv_method nv_least_squares = {
    .name = "least_squares", .bounds = true, .prepare = prepare, .reset = reset, .step = step};
