/* line_hager_zhang.c: a step that fulfils the Wolfe conditions or, within rounding of f, the approximate ones, by W. W.
 * Hager and H. Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line search", SIAM J.
 * Optim. 16 (2005), section 4. */
#include "optimize/line_search.h"

#include <math.h>

#define GAMMA 0.66 /* the interval must shrink by so much, or it is halved */
#define RHO 5      /* how fast steps grow until a minimizer is bracketed */

/* phi falls at a, which is low enough, and rises at b: (4.3) and (4.4). Where f is INFINITY at b, a wall is there. */
typedef struct bracket {
  nv_trial a, b;
  bool done; /* the last trial is the one */
} bracket;

static bool low(const nv_search *s, const nv_trial *t) { return t->f <= s->start.f + s->rounding; }

/* (4.1), and by way of what nv_search_try makes of f near f0 the approximate conditions too */
static bool fulfils(const nv_search *s, const nv_trial *t) {
  return isfinite(t->f) && nv_search_fell(s, t) && t->slope >= s->line->c2 * s->start.slope;
}

static nv_status try(nv_search *s, double step, nv_trial *t, bracket *k) {
  NV_TRY(nv_search_try(s, step, t));
  k->done = fulfils(s, t);
  return NV_OK;
}

/* U3: halves the interval until its upper end rises. */
static nv_status halve(nv_search *s, bracket *k) {
  while (!k->done && !nv_search_over(s)) {
    nv_trial t;
    double middle = 0.5 * (k->a.step + k->b.step);
    if (!(middle > k->a.step && middle < k->b.step)) break;
    bool wall = !isfinite(k->b.f);
    NV_TRY(try(s, middle, &t, k));
    if (wall && isfinite(t.f) && nv_search_fell(s, &t)) k->done = true; /* as far as half of the way to the wall */
    if (isfinite(t.f) && t.slope >= 0) {
      k->b = t;
      break;
    }
    *(low(s, &t) ? &k->a : &k->b) = t;
  }
  return NV_OK;
}

/* U0 to U3: the interval with c in the place of one end. */
static nv_status update(nv_search *s, bracket *k, double c, nv_trial *t) {
  t->step = (double)NAN;
  if (!(c > k->a.step && c < k->b.step)) return NV_OK;
  NV_TRY(try(s, c, t, k));
  if (isfinite(t->f) && t->slope >= 0)
    k->b = *t;
  else if (low(s, t))
    k->a = *t;
  else {
    k->b = *t;
    return halve(s, k);
  }
  return NV_OK;
}

static double secant(const nv_trial *a, const nv_trial *b) {
  return (a->step * b->slope - b->step * a->slope) / (b->slope - a->slope);
}

/* S1 to S4: two secant steps, the second from the end that the first has moved. */
static nv_status secant2(nv_search *s, bracket *k) {
  bracket old = *k;
  nv_trial t;
  double c = secant(&k->a, &k->b);
  NV_TRY(update(s, k, c, &t));
  if (k->done || nv_search_over(s)) return NV_OK;
  if (c == k->b.step)
    c = secant(&old.b, &k->b);
  else if (c == k->a.step)
    c = secant(&old.a, &k->a);
  else
    return NV_OK;
  return update(s, k, c, &t);
}

/* B0 to B3: longer and longer steps until there is an interval. */
static nv_status enclose(nv_search *s, bracket *k, bool *enclosed) {
  double step = fmin(s->line->first, s->line->longest);
  *enclosed = false;
  while (!nv_search_over(s)) {
    nv_trial t;
    NV_TRY(try(s, step, &t, k));
    if (k->done) return NV_OK;
    *enclosed = !low(s, &t) || t.slope >= 0;
    if (*enclosed) {
      k->b = t;
      return isfinite(t.f) && t.slope >= 0 ? NV_OK : halve(s, k);
    }
    k->a = t;
    if (step >= s->line->longest) { /* it still falls where it must end */
      k->done = nv_search_fell(s, &t);
      return NV_OK;
    }
    step = fmin(RHO * step, s->line->longest);
  }
  return NV_OK;
}

nv_status nv_line_hager_zhang(nv_search *s) {
  bracket k = {.a = s->start};
  bool enclosed;
  NV_TRY(enclose(s, &k, &enclosed));
  while (enclosed && !k.done && !nv_search_over(s) && k.b.slope >= 0) {
    double width = k.b.step - k.a.step;
    nv_trial t;
    NV_TRY(secant2(s, &k));
    if (k.done || nv_search_over(s)) break;
    if (k.b.step - k.a.step > GAMMA * width) NV_TRY(update(s, &k, 0.5 * (k.a.step + k.b.step), &t));
    if (!(k.b.step - k.a.step < width)) break; /* nothing is between */
  }
  return k.done ? nv_search_take(s) : NV_OK;
}
