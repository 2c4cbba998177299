/* line_wolfe.c: a step that fulfils the strong Wolfe conditions, f <= f0 + c1 a f0' and |f'| <= c2 |f0'|, by J. J. More
 * and D. J. Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM TOMS 20 (1994). */
#include "optimize/line_search.h"

#include <math.h>

/* The interval of the search: `low` has the lowest value so far and falls towards `other`. Until a minimizer is
 * bracketed there is no other end. */
typedef struct interval {
  nv_trial low, other;
  bool bracketed;
} interval;

/* The local minimizer of the cubic through values and slopes at a and b (Nocedal & Wright, 3.59); NaN if it has none.
 */
static double cubic(const nv_trial *a, const nv_trial *b) {
  double d1 = a->slope + b->slope - 3 * (a->f - b->f) / (a->step - b->step);
  double scale = fmax(fabs(d1), fmax(fabs(a->slope), fabs(b->slope)));
  if (!(scale > 0 && isfinite(scale))) return (double)NAN;
  double root = (d1 / scale) * (d1 / scale) - (a->slope / scale) * (b->slope / scale);
  if (root < 0) return (double)NAN;
  double d2 = copysign(scale * sqrt(root), b->step - a->step);
  return b->step - (b->step - a->step) * ((b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2));
}

/* That of the parabola through the value and slope at a and the value at b; and through the two slopes. */
static double parabola(const nv_trial *a, const nv_trial *b) {
  double h = b->step - a->step;
  return a->step + 0.5 * h * (a->slope / ((a->f - b->f) / h + a->slope));
}
static double secant(const nv_trial *a, const nv_trial *b) {
  return b->step + (a->step - b->step) * (b->slope / (b->slope - a->slope));
}

static double nearer(double to, double a, double b) { return !(fabs(b - to) <= fabs(a - to)) ? a : b; }
static double farther(double from, double a, double b) { return !(fabs(b - from) >= fabs(a - from)) ? a : b; }

/* The next trial from the last one, t: the four cases of section 4. Where nothing is bracketed yet, it is from `least`
 * to `most`. */
static double next_step(const interval *i, const nv_trial *t, double least, double most) {
  const nv_trial *low = &i->low;
  double c = cubic(low, t);
  if (t->f >
      low->f) { /* 1: t is higher: a minimizer between. Closer to low than the parabola says, if the cubic does */
    double q = parabola(low, t);
    return !isfinite(c) ? q : fabs(c - low->step) < fabs(q - low->step) ? c : q + 0.5 * (c - q);
  }
  if (t->slope * low->slope < 0) { /* 2: slopes of different signs */
    double s = secant(low, t);
    return isfinite(c) ? farther(t->step, c, s) : s;
  }
  if (fabs(t->slope) <= fabs(low->slope)) { /* 3: getting flatter: the cubic's minimizer if it lies beyond t */
    double s = secant(low, t);
    bool beyond = isfinite(c) && (c - t->step) * (t->step - low->step) > 0;
    if (!i->bracketed) {
      double far = isfinite(s) ? s : most;
      if (beyond) far = farther(t->step, c, far);
      return fmin(fmax(far, least), most);
    }
    double limit = t->step + 0.66 * (i->other.step - t->step), near = beyond ? nearer(t->step, c, s) : s;
    return t->step > low->step ? fmin(limit, near) : fmax(limit, near);
  }
  if (i->bracketed) { /* 4: getting steeper */
    double u = cubic(t, &i->other);
    return isfinite(u) ? u : 0.5 * (t->step + i->other.step);
  }
  return most;
}

/* Section 2: t takes the place of one end, or it and low of both. */
static void narrow(interval *i, const nv_trial *t) {
  if (t->f > i->low.f) {
    i->other = *t, i->bracketed = true;
    return;
  }
  if (t->slope * (i->low.step - t->step) < 0) i->other = i->low, i->bracketed = true;
  i->low = *t;
}

static nv_trial tilted(nv_trial t, double by) { return (nv_trial){t.step, t.f - by * t.step, t.slope - by}; }

nv_status nv_line_more_thuente(nv_search *s) {
  const nv_line *line = s->line;
  double needed = line->c1 * s->start.slope, longest = line->longest, step = fmin(line->first, longest);
  double width[2] = {(double)INFINITY, (double)INFINITY}; /* of the interval, one and two trials ago */
  bool first_stage = true;
  interval i = {.low = s->start, .other = s->start};
  while (!nv_search_over(s)) {
    nv_trial t;
    NV_TRY(nv_search_try(s, step, &t));
    if (!isfinite(t.f)) { /* a wall: halfway back, and no farther from now on */
      step = 0.5 * (i.low.step + step);
      if (!i.bracketed) longest = step;
      if (step == i.low.step) return NV_OK;
      continue;
    }
    bool fell = nv_search_fell(s, &t);
    if (fell && fabs(t.slope) <= line->c2 * fabs(s->start.slope)) return nv_search_take(s);
    if (fell && t.step == longest && t.slope <= needed) return nv_search_take(s); /* it still falls where it must end */
    /* Until a trial has fallen enough and no longer falls, the search is for a minimizer of psi(a) = phi(a) - phi(0) -
     * c1 phi'(0) a, where phi alone could lead astray: a minimizer of psi's interval fulfils both conditions. */
    if (fell && t.slope >= 0) first_stage = false;
    double tilt = first_stage && t.f <= i.low.f && !fell ? needed : 0, before = i.low.step;
    interval j = {tilted(i.low, tilt), tilted(i.other, tilt), i.bracketed};
    nv_trial u = tilted(t, tilt);
    step = next_step(&j, &u, t.step + 1.1 * (t.step - before), fmin(longest, t.step + 4 * (t.step - before)));
    narrow(&j, &u);
    i = (interval){tilted(j.low, -tilt), tilted(j.other, -tilt), j.bracketed};
    if (i.bracketed) {
      double a = fmin(i.low.step, i.other.step), b = fmax(i.low.step, i.other.step);
      if (b - a >= 0.66 * width[1]) step = 0.5 * (a + b); /* it must shrink by a third in two trials */
      width[1] = width[0], width[0] = b - a;
      if (!(step > a && step < b)) step = 0.5 * (a + b);
      if (!(step > a && step < b)) return NV_OK; /* nothing is between */
    } else {
      step = fmin(step, longest);
      if (!(step > t.step)) return NV_OK;
    }
  }
  return NV_OK;
}
