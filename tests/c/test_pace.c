/* test_pace.c: a team stays while it loses no time; when it does, one thread is tried, and the faster way goes on. */
#include "check.h"

#include "graph/plan.h"

typedef struct world {
  double team, alone; /* seconds a step */
  double lost;        /* share of a team's time */
} world;

/* One stretch in such a world; returns by how many threads. */
static int stretch(nv_plan *p, world w, double *seconds) {
  int threads = nv_pace_next(p, seconds);
  double step = threads == 1 ? w.alone : w.team;
  int64_t steps = (int64_t)(*seconds / step) + 1;
  nv_pace_saw(p, threads, steps, step * (double)steps, threads == 1 ? 0 : w.lost * step * (double)steps);
  return threads;
}

int main(void) {
  const world calm = {50e-6, 80e-6, 0}, crowded = {500e-6, 90e-6, 0.9}, uneven = {50e-6, 80e-6, 0.5};
  nv_plan p = {.max_threads = 2};
  double seconds, longest = 0;
  CHECK(nv_init() == NV_OK, "%s", nv_error());
  CHECK(nv_set_threads(2) == NV_OK, "%s", nv_error());
  for (int k = 0; k < 5; k++) CHECK(stretch(&p, calm, &seconds) == 2 && seconds > 0, "calm: stretch %d alone", k);

  CHECK(stretch(&p, crowded, &seconds) == 2, "trouble shows only when it is there");
  double usual = seconds;
  CHECK(stretch(&p, crowded, &seconds) == 1 && seconds < usual, "one thread is tried, for %g s", seconds);
  for (int k = 0; k < 20; k++) { /* alone, and now and then a short trial of the team */
    int threads = stretch(&p, crowded, &seconds);
    if (threads == 1 && seconds > longest) longest = seconds;
    CHECK(threads == 1 || seconds < usual, "crowded: %d threads for %g s", threads, seconds);
  }
  CHECK(longest > usual && longest < 1, "the longest stretch alone is %g s", longest);

  for (int k = 0; k < 2; k++) stretch(&p, calm, &seconds); /* a trial sees that the team is faster again */
  for (int k = 0; k < 5; k++) CHECK(stretch(&p, calm, &seconds) == 2, "calm again: stretch %d alone", k);

  for (int k = 0; k < 20; k++) { /* a team that loses time but is faster all the same goes on */
    int threads = stretch(&p, uneven, &seconds);
    CHECK(threads == 2 || seconds < usual, "uneven: one thread for %g s", seconds);
  }

  nv_plan runs = {.max_threads = 2}; /* of one step each, as a full-batch method makes them */
  int teams = 0;
  for (int k = 0; k < 1000; k++) {
    int threads = nv_pace_next(&runs, &seconds);
    double step = threads == 1 ? crowded.alone : crowded.team;
    nv_pace_saw(&runs, threads, 1, step, threads == 1 ? 0 : crowded.lost * step);
    teams += threads == 2;
  }
  CHECK(teams > 0 && teams < 10, "crowded, in short runs: %d by a team", teams);

  nv_plan small = {.max_threads = 1};
  CHECK(stretch(&small, crowded, &seconds) == 1 && seconds == 0, "a plan for one thread has no stretches");
  CHECK(nv_set_threads(1) == NV_OK, "%s", nv_error());
  CHECK(nv_pace_next(&p, &seconds) == 1 && seconds == 0, "one thread allowed: %g s", seconds);
  return check_done();
}
