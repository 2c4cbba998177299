/* pace.c: a team, or one thread by itself? See nv_pace in plan.h. */
#include "graph/plan.h"

#define STRETCH_TRIAL 2e-3 /* seconds: long enough to see some steps */
#define STRETCH_LEAST 20e-3
#define STRETCH_MOST 0.5
#define LOSS 0.2 /* of a stretch: more is trouble */

int nv_pace_next(nv_plan *p, double *seconds) {
  nv_pace *a = &p->pace;
  *seconds = 0;
  if (p->max_threads == 1 || nv_threads() == 1) return 1;
  if (a->stretch == 0) a->stretch = STRETCH_LEAST;
  *seconds = a->trial ? STRETCH_TRIAL : a->stretch;
  return a->prefer_alone != a->trial ? 1 : p->max_threads;
}

void nv_pace_saw(nv_plan *p, int threads, int64_t steps, double seconds, double lost) {
  nv_pace *a = &p->pace;
  if (steps <= 0 || p->max_threads == 1) return;
  bool alone = threads == 1;
  *(alone ? &a->alone : &a->team) = seconds / (double)steps;
  if (!alone && !a->prefer_alone && lost < LOSS * seconds) { /* as it should be */
    a->trial = false, a->stretch = STRETCH_LEAST;
    return;
  }
  bool was_trial = a->trial;
  if (!was_trial && a->prefer_alone) { /* many short runs make up a stretch */
    a->spent += seconds;
    if (a->spent < a->stretch) return;
    a->spent = 0;
  }
  a->trial = !was_trial; /* trouble, or alone: the other way is tried after each stretch */
  if (!was_trial) return;
  bool prefer_alone = a->alone > 0 && a->alone < a->team;
  a->stretch = prefer_alone == a->prefer_alone ? 2 * a->stretch : STRETCH_LEAST;
  if (a->stretch > STRETCH_MOST) a->stretch = STRETCH_MOST;
  a->prefer_alone = prefer_alone;
}
