/* bfgs.c: BFGS with a dense inverse Hessian (Nocedal & Wright, algorithm 6.1; scaled before its first update, 6.20). */
#include "optimize/optimize.h"

#include <math.h>
#include <string.h>

#define MOST 20000 /* parameters: 3.2 GB */

typedef struct state {
  nv_line line;
  double *h;                 /* the inverse Hessian [n, n] */
  double *s, *y, *hy, *next; /* vectors [n]; next: the direction that follows */
  bool known;                /* h is more than the identity */
  bool ready;                /* next is -h g */
} state;

static nv_status prepare(nv_minimizer *m) {
  state *b = m->state = nv_pool_alloc(&m->memory, sizeof *b);
  size_t n = (size_t)m->n;
  if (!b) return NV_ERR_MEMORY;
  if (m->n > MOST)
    return nv_fail(NV_ERR_VALUE, "bfgs takes at most %d parameters, since its matrix is dense, not %lld: use lbfgs",
                   MOST, (long long)m->n);
  NV_TRY(nv_line_prepare(m, &b->line, NV_LINE_WOLFE, 0.9));
  double **all[] = {&b->s, &b->y, &b->hy, &b->next};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    if (!(*all[k] = nv_pool_alloc(&m->memory, (n + 1) * sizeof(double)))) return NV_ERR_MEMORY;
  b->h = nv_pool_alloc(&m->memory, (n * n + 1) * sizeof(double));
  return b->h ? NV_OK : NV_ERR_MEMORY;
}

static void reset(nv_minimizer *m) {
  state *b = m->state;
  b->ready = false;
  if (m->iterations == 0) b->known = false;
}

static void identity(double *h, int64_t n, double scale) {
  memset(h, 0, (size_t)(n * n) * sizeof *h);
  for (int64_t i = 0; i < n; i++) h[i * n + i] = scale;
}

/* H += (1 + y'Hy / s'y) ss' / s'y - (Hy s' + s y'H) / s'y, and while a row is at hand its product with g. */
static void update(nv_minimizer *m, state *b) {
  int64_t n = m->n;
  nv_combine(n, 1, m->gt, -1, m->g, b->y);
  double sy = nv_combine_dot(n, 1, m->xt, -1, m->x, b->s, b->y), yy = nv_dot(n, b->y, b->y);
  bool curved = sy > 1e-10 * nv_norm(n, b->s) * sqrt(yy);
  b->ready = b->known || curved;
  if (curved && !b->known) identity(b->h, n, sy / yy), b->known = true;
  for (int64_t i = 0; i < n && curved; i++) b->hy[i] = nv_dot(n, b->h + i * n, b->y);
  double scale = curved ? (1 + nv_dot(n, b->y, b->hy) / sy) / sy : 0;
  for (int64_t i = 0; i < n && b->ready; i++) {
    double *row = b->h + i * n;
    if (curved) {
      nv_axpy(n, scale * b->s[i] - b->hy[i] / sy, b->s, row);
      b->next[i] = -nv_combine_dot(n, 1, row, -b->s[i] / sy, b->hy, row, m->gt);
    } else {
      b->next[i] = -nv_dot(n, row, m->gt);
    }
  }
}

static void direction(nv_minimizer *m, state *b) {
  int64_t n = m->n;
  if (b->ready)
    nv_copy(n, b->next, m->d);
  else if (!b->known)
    nv_scale(n, -1, m->g, m->d);
  else
    for (int64_t i = 0; i < n; i++) m->d[i] = -nv_dot(n, b->h + i * n, m->g);
  b->ready = false;
}

static nv_status step(nv_minimizer *m) {
  state *b = m->state;
  for (;;) {
    direction(m, b);
    b->line.first = b->known ? 1 : nv_line_begin(m, &b->line);
    NV_TRY(nv_line_search(m, &b->line));
    if (b->line.found) break;
    if (!b->known || b->line.spent) return nv_line_failed(m, &b->line), NV_OK;
    b->known = false; /* once more, along steepest descent */
  }
  update(m, b);
  m->parameter = b->line.step;
  nv_accept(m);
  return NV_OK;
}

const nv_method nv_bfgs = {.name = "bfgs", .prepare = prepare, .reset = reset, .step = step};
