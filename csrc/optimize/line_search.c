/* line_search.c: how far to go along a direction: trials, their bookkeeping, and backtracking. */
#include "optimize/line_search.h"

#include <math.h>

#define TRIALS 40 /* doubling or halving gets to the end of what a double distinguishes */

nv_status nv_line_prepare(nv_minimizer *m, nv_line *line, nv_line_kind kind, double c2) {
  const char *name = m->method->name;
  double chosen = nv_option(m, "line_search", (double)kind);
  if (!(chosen == NV_LINE_WOLFE || chosen == NV_LINE_HAGER_ZHANG || chosen == NV_LINE_ARMIJO))
    return nv_fail(NV_ERR_VALUE, "%s: line_search must be 0 (strong Wolfe), 1 (Hager-Zhang) or 2 (Armijo), not %g",
                   name, chosen);
  line->kind = (nv_line_kind)chosen;
  line->c1 = nv_option(m, "c1", line->kind == NV_LINE_HAGER_ZHANG ? fmin(0.1, 0.5 * c2) : 1e-4);
  line->c2 = nv_option(m, "c2", c2);
  line->longest = nv_option(m, "max_step", (double)INFINITY);
  if (!(line->c1 > 0 && line->c1 < line->c2 && line->c2 < 1))
    return nv_fail(NV_ERR_VALUE, "%s: 0 < c1 < c2 < 1 must hold, not c1 = %g, c2 = %g", name, line->c1, line->c2);
  if (!(line->longest > 0)) return nv_fail(NV_ERR_VALUE, "%s: max_step must be positive, not %g", name, line->longest);
  line->begin = nv_option(m, "first_step", 0);
  if (!(line->begin >= 0 && isfinite(line->begin)))
    return nv_fail(NV_ERR_VALUE, "%s: first_step must be at least 0, not %g", name, line->begin);
  line->best = nv_pool_alloc(&m->memory, ((size_t)m->n + 1) * sizeof(double));
  line->best_g = nv_pool_alloc(&m->memory, ((size_t)m->n + 1) * sizeof(double));
  return line->best && line->best_g ? NV_OK : NV_ERR_MEMORY;
}

/* ---- trials ---- */

bool nv_search_fell(const nv_search *s, const nv_trial *t) {
  return t->f <= s->start.f + s->line->c1 * t->step * s->start.slope;
}

bool nv_search_over(const nv_search *s) { return s->left <= 0 || nv_spent(s->m); }

static void exchange(double **a, double **b) {
  double *c = *a;
  *a = *b, *b = c;
}

/* Only a fall that f itself shows is worth keeping: one that slopes promise may be no step at all. */
static void keep_last(nv_search *s) {
  bool better = s->last.step > 0 && s->last_f < s->start.f && nv_search_fell(s, &s->last) &&
                (s->best.step == 0 || s->last_f < s->best_f);
  if (!better || !s->line->best) return;
  exchange(&s->m->xt, &s->line->best), exchange(&s->m->gt, &s->line->best_g);
  s->best = s->last, s->best_f = s->last_f, s->last.step = 0;
}

/* The value of f as it is judged. */
static double judged(const nv_search *s, double f, double step, double slope) {
  return fabs(f - s->start.f) <= s->rounding ? s->start.f + 0.5 * step * (s->start.slope + slope) : f;
}

nv_status nv_search_try(nv_search *s, double step, nv_trial *t) {
  nv_minimizer *m = s->m;
  keep_last(s);
  s->left--, s->last.step = 0;
  nv_combine(m->n, 1, m->x, step, m->d, m->xt);
  NV_TRY(nv_eval(m, m->xt, &m->ft, m->gt));
  t->step = step, t->f = (double)INFINITY, t->slope = nv_dot(m->n, m->d, m->gt);
  if (!isfinite(m->ft) || !isfinite(t->slope)) return NV_OK;
  t->f = judged(s, m->ft, step, t->slope);
  s->last = *t, s->last_f = m->ft;
  return NV_OK;
}

nv_status nv_search_take(nv_search *s) {
  s->line->step = s->last.step, s->line->found = true;
  return NV_OK;
}

/* ---- backtracking until f falls enough (Nocedal & Wright, section 3.5) ---- */

/* The minimizer of the parabola through phi(0), phi'(0) and phi(a), or with the trial before that of the cubic through
 * both, no farther from a than to a tenth, no closer than to a half. */
static double shorter(const nv_search *s, double a, double f, double before, double f_before) {
  double slope = s->start.slope, r = f - s->start.f - slope * a, next = -slope * a * a / (2 * r);
  if (before > 0 && isfinite(f_before)) {
    double q = f_before - s->start.f - slope * before, scale = 1 / (a - before);
    double p3 = scale * (r / (a * a) - q / (before * before));
    double p2 = scale * (a * q / (before * before) - before * r / (a * a));
    double root = p2 * p2 - 3 * p3 * slope;
    if (root >= 0 && p3 != 0) next = (sqrt(root) - p2) / (3 * p3);
  }
  return next >= 0.1 * a && next <= 0.5 * a ? next : next < 0.1 * a ? 0.1 * a : 0.5 * a;
}

/* Where only the slopes say that f has fallen, they must be other than they were: else it is a step that does nothing,
 * or the gradient is wrong. */
static bool enough(const nv_search *s, const nv_trial *t) {
  if (!isfinite(t->f) || !nv_search_fell(s, t)) return false;
  bool by_itself = s->last_f <= s->start.f + s->line->c1 * t->step * s->start.slope && s->last_f < s->start.f;
  return by_itself || t->slope >= s->line->c2 * s->start.slope;
}

/* The first trial, mostly the only one, comes with its gradient; those after it without until one has fallen enough,
 * or as near to f0 that only slopes can tell. */
nv_status nv_line_armijo(nv_search *s) {
  nv_minimizer *m = s->m;
  double a = fmin(s->line->first, s->line->longest), before = 0, f_before = 0, f;
  nv_trial t;
  NV_TRY(nv_search_try(s, a, &t));
  f = t.f;
  if (enough(s, &t)) return nv_search_take(s);
  while (!nv_search_over(s)) {
    if (m->values + 2 > m->max_evals) return s->line->spent = true, NV_OK; /* f and then the gradient */
    double next = isfinite(f) ? shorter(s, a, f, before, f_before) : 0.5 * a;
    before = a, f_before = f, a = next;
    s->left--, s->last.step = 0;
    nv_combine(m->n, 1, m->x, a, m->d, m->xt);
    NV_TRY(nv_eval(m, m->xt, &f, NULL));
    t = (nv_trial){a, f, 0};
    if (!nv_search_fell(s, &t) && !(fabs(f - s->start.f) <= s->rounding)) continue;
    NV_TRY(nv_search_try(s, a, &t));
    f = t.f;
    if (enough(s, &t)) return nv_search_take(s);
  }
  return NV_OK;
}

/* ---- the door ---- */

double nv_line_begin(const nv_minimizer *m, const nv_line *line) {
  if (line->begin > 0) return line->begin;
  return fmin(1, 1 / nv_norm(m->n, m->g));
}

void nv_line_failed(nv_minimizer *m, const nv_line *line) {
  m->stop = line->spent ? NV_STOP_EVALS : NV_STOP_LINE_SEARCH;
}

nv_status nv_line_search(nv_minimizer *m, nv_line *line) {
  nv_status (*const by[])(nv_search *) = {nv_line_more_thuente, nv_line_hager_zhang, nv_line_armijo};
  double slope = nv_dot(m->n, m->d, m->g);
  nv_search s = {.m = m, .line = line, .start = {0, m->f, slope}, .left = TRIALS};
  s.rounding = (m->objective->single ? 1e-6 : 1e-12) * fabs(m->f);
  line->found = false, line->step = 0, line->slope = slope, line->spent = nv_spent(m);
  if (!(slope < 0 && isfinite(slope)) || nv_search_over(&s)) return NV_OK;
  NV_TRY(by[line->kind](&s));
  line->spent |= nv_spent(m);
  if (line->found) return NV_OK;
  keep_last(&s);
  if (s.best.step > 0) {
    exchange(&m->xt, &line->best), exchange(&m->gt, &line->best_g);
    m->ft = s.best_f, s.last = s.best;
    return nv_search_take(&s);
  }
  return NV_OK;
}
