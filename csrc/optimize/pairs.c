/* pairs.c: the pairs of L-BFGS and its two loops (Nocedal & Wright, "Numerical Optimization", algorithm 7.4). */
#include "optimize/pairs.h"

#include <math.h>

nv_status nv_pairs_make(nv_minimizer *m, int room, nv_pairs *p) {
  enum { LINE = 8 }; /* doubles of a cache line, where each vector begins */
  *p = (nv_pairs){.n = m->n, .apart = (m->n + LINE - 1) / LINE * LINE, .room = room};
  double *all = nv_pool_alloc(&m->memory, (2 * ((size_t)room + 1) * (size_t)p->apart + LINE) * sizeof(double));
  p->rho = nv_pool_alloc(&m->memory, ((size_t)room + 1) * sizeof(double));
  p->alpha = nv_pool_alloc(&m->memory, ((size_t)room + 1) * sizeof(double));
  if (!all || !p->rho || !p->alpha) return NV_ERR_MEMORY;
  p->vectors = all + (64 - (uintptr_t)all % 64) % 64 / sizeof(double);
  return NV_OK;
}

static double *vector_s(const nv_pairs *p, int k) { return p->vectors + 2 * k * p->apart; }
static double *vector_y(const nv_pairs *p, int k) { return p->vectors + (2 * k + 1) * p->apart; }

void nv_pairs_add(nv_pairs *p, const nv_minimizer *m) {
  double *s = vector_s(p, p->next), *y = vector_y(p, p->next);
  nv_combine(m->n, 1, m->gt, -1, m->g, y);
  double sy = nv_combine_dot(m->n, 1, m->xt, -1, m->x, s, y), yy = nv_dot(m->n, y, y), ss = nv_dot(m->n, s, s);
  if (!(sy > 1e-10 * sqrt(ss) * sqrt(yy))) return;
  p->rho[p->next] = 1 / sy, p->gamma = sy / yy;
  p->next = (p->next + 1) % (p->room + 1);
  if (p->count < p->room) p->count++;
}

/* Each pass over d also makes the product that the next pass needs. */
void nv_pairs_direction(nv_pairs *p, const double *v, double *d) {
  int ring = p->room + 1, newest = (p->next + ring - 1) % ring, k = newest;
  if (p->count == 0) {
    nv_scale(p->n, -1, v, d);
    return;
  }
  double product = -nv_dot(p->n, vector_s(p, k), v);
  for (int j = 0; j < p->count; j++) { /* d = -v; then from the newest on: alpha = rho s'd, d -= alpha y */
    bool last = j == p->count - 1;
    int older = (k + ring - 1) % ring;
    p->alpha[k] = p->rho[k] * product;
    product = nv_combine_dot(p->n, j ? 1 : -1, j ? d : v, -p->alpha[k], vector_y(p, k), d,
                             last ? vector_y(p, k) : vector_s(p, older));
    if (!last) k = older;
  }
  product *= p->gamma;
  for (int j = 0; j < p->count; j++) { /* d *= gamma; then from the oldest on: d += (alpha - rho y'd) s */
    double scale = j ? 1 : p->gamma, t = p->alpha[k] - p->rho[k] * product;
    int newer = (k + 1) % ring;
    if (j == p->count - 1)
      nv_combine(p->n, scale, d, t, vector_s(p, k), d);
    else
      product = nv_combine_dot(p->n, scale, d, t, vector_s(p, k), d, vector_y(p, newer));
    k = newer;
  }
}
