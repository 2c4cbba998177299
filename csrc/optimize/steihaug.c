/* steihaug.c: conjugate gradients on a quadratic model, ended by the trust region, by negative curvature or when they
 * are good enough (Steihaug 1983; Toint 1981; Nocedal & Wright, "Numerical Optimization", Alg. 7.2 and 7.1).
 *
 * The book's forcing term is min(1/2, sqrt |g|). With 1/10 the standard problems take a tenth to a half fewer
 * evaluations, and about as many products. */
#include "optimize/quadratic.h"

#include <math.h>
#include <string.h>

nv_status nv_steihaug_make(nv_minimizer *m, nv_steihaug *s, bool marks) {
  double hessian = nv_option(m, "hessian", 0), most = nv_option(m, "max_cg", 0);
  s->forcing = nv_option(m, "forcing", 0.1);
  const char *name = m->method->name;
  size_t bytes = ((size_t)m->n + 1) * sizeof(double);
  if (hessian != 0 && hessian != 1)
    return nv_fail(NV_ERR_VALUE, "%s: hessian must be 0 (exact) or 1 (Gauss-Newton), got %g", name, hessian);
  if (!(most >= 0)) return nv_fail(NV_ERR_VALUE, "%s: max_cg must be at least 1, or 0 for n, got %g", name, most);
  if (!(s->forcing >= 0 && s->forcing < 1))
    return nv_fail(NV_ERR_VALUE, "%s: forcing must be at least 0 and below 1, got %g", name, s->forcing);
  s->gauss = hessian == 1;
  s->max_cg = most >= 1 && most < 1e18 ? (int64_t)most : m->n;
  if (s->gauss ? !m->objective->gauss_product : !m->objective->hessian_product)
    return nv_fail(NV_ERR_VALUE, "%s needs products with the %s, which this function does not give", name,
                   s->gauss ? "Gauss-Newton matrix" : "Hessian");
  double **all[] = {&s->r, &s->v, &s->hv};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++)
    if (!(*all[k] = nv_pool_alloc(&m->memory, bytes))) return NV_ERR_MEMORY;
  for (int k = 0; marks && k < NV_MARKS; k++)
    if (!(s->mark[k] = nv_pool_alloc(&m->memory, bytes))) return NV_ERR_MEMORY;
  return NV_OK;
}

/* By the largest element first, so that |g|^2 neither overflows nor vanishes. Where q is not convex along g and there
 * is no radius, g'g / |g'Hg| is as good a length as any, and -g is if nothing is known. */
void nv_steihaug_cauchy(nv_minimizer *m, nv_steihaug *s, double radius) {
  double most = nv_largest(m->n, m->g), kappa = s->rayleigh;
  for (int64_t k = 0; k < m->n; k++) m->d[k] = m->g[k] / most;
  double norm = nv_norm(m->n, m->d), slope = most * norm;
  double lowest = kappa != 0 ? slope / fabs(kappa) : slope;
  s->length = kappa > 0 || isinf(radius) ? fmin(lowest, radius) : radius;
  s->decrease = s->length * (slope - 0.5 * s->length * kappa);
  s->boundary = s->length >= radius;
  nv_scale(m->n, -s->length / norm, m->d, m->d);
}

static double level_radius(const nv_steihaug *s, int level) { return ldexp(s->radius, -2 * level); }

double nv_steihaug_back(nv_minimizer *m, nv_steihaug *s) {
  do s->levels++;
  while (level_radius(s, s->levels) > 0.5 * s->length); /* a step much like the last one would fail like it */
  double radius = level_radius(s, s->levels);
  int slot = s->levels % NV_MARKS;
  if (s->mark_level[slot] == s->levels) {
    nv_copy(m->n, s->mark[slot], m->d);
    s->decrease = s->mark_decrease[slot], s->length = radius, s->boundary = true;
  } else
    nv_steihaug_cauchy(m, s, radius); /* the path begins with it; past the marks it is still steep enough */
  return radius;
}

/* The path from p on along v: squares of lengths, -q at p, -slope and curvature of q. */
typedef struct segment {
  double pp, pv, vv, decrease, slope, curvature;
} segment;

static double decrease_at(const segment *a, double t) { return a->decrease + t * (a->slope - 0.5 * t * a->curvature); }

/* t >= 0 with |p + t v| = radius, or the t < 0. */
static double reach(const segment *a, double radius, bool back) {
  double room = fmax(radius * radius - a->pp, 0), root = sqrt(a->pv * a->pv + a->vv * room);
  if (back) return -(a->pv + root) / a->vv;
  return a->pv > 0 ? room / (a->pv + root) : (root - a->pv) / a->vv;
}

/* Keeps where the path crosses the smaller radii on its way to p + t v. Lengths grow along it (Steihaug, Thm. 2.1). */
static void keep_marks(nv_minimizer *m, nv_steihaug *s, const segment *a, double end, int *level) {
  for (; *level > 0 && level_radius(s, *level) <= end; --*level) {
    int slot = *level % NV_MARKS;
    double t = reach(a, level_radius(s, *level), false);
    s->mark_level[slot] = *level, s->mark_decrease[slot] = decrease_at(a, t);
    nv_combine(m->n, 1, m->d, t, s->v, s->mark[slot]);
  }
}

/* On the straight first part of the path nothing need be kept. */
static void skip_marks(const nv_steihaug *s, double end, int *level) {
  for (*level = 0; level_radius(s, *level + 1) > end; ++*level) {
  }
}

static void to_boundary(nv_minimizer *m, nv_steihaug *s, const segment *a) {
  double t = reach(a, s->radius, false), other = reach(a, s->radius, true);
  if (a->curvature < 0 && decrease_at(a, other) > decrease_at(a, t)) t = other;
  nv_axpy(m->n, t, s->v, m->d);
  s->decrease = decrease_at(a, t), s->length = s->radius, s->boundary = true;
}

nv_status nv_steihaug_solve(nv_minimizer *m, nv_steihaug *s, double radius) {
  nv_status (*product)(nv_minimizer *, const double *, double *) = s->gauss ? nv_gauss_product : nv_hessian_product;
  int64_t n = m->n, k = 0;
  int level = 0;
  double rr = nv_dot(n, m->g, m->g), norm = sqrt(rr), enough = fmin(s->forcing, sqrt(norm)) * norm;
  memset(m->d, 0, (size_t)n * sizeof(double));
  for (int j = 0; j < NV_MARKS; j++) s->mark_level[j] = -1;
  s->radius = radius, s->rayleigh = 0, s->levels = 0;
  s->decrease = s->length = 0, s->boundary = false;
  nv_copy(n, m->g, s->r);
  nv_scale(n, -1, m->g, s->v);
  for (; k < s->max_cg && isfinite(rr) && (k == 0 || sqrt(rr) > enough); k++) {
    NV_TRY(product(m, s->v, s->hv));
    segment a = {.pp = s->length * s->length, .decrease = s->decrease, .slope = rr};
    a.pv = nv_dot(n, m->d, s->v), a.vv = nv_dot(n, s->v, s->v), a.curvature = nv_dot(n, s->v, s->hv);
    if (!isfinite(a.curvature) || !(a.vv > 0)) break; /* what is not known is not used */
    if (k == 0) s->rayleigh = a.curvature / a.vv;
    double t = rr / a.curvature, length = sqrt(a.pp + t * (2 * a.pv + t * a.vv));
    bool within = a.curvature > 0 && length < radius;
    if (!within && isinf(radius)) break;
    if (k > 0 && s->mark[0]) keep_marks(m, s, &a, within ? length : radius, &level);
    if (!within) {
      to_boundary(m, s, &a);
      return NV_OK;
    }
    if (k == 0 && s->mark[0]) skip_marks(s, length, &level);
    nv_axpy(n, t, s->v, m->d);
    s->decrease = decrease_at(&a, t), s->length = length;
    nv_axpy(n, t, s->hv, s->r);
    double last = rr;
    rr = nv_dot(n, s->r, s->r);
    nv_combine(n, -1, s->r, rr / last, s->v, s->v);
  }
  if (!(s->length > 0)) nv_steihaug_cauchy(m, s, radius);
  return NV_OK;
}
