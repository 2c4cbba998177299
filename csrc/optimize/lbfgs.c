/* lbfgs.c: limited-memory BFGS (D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale
 * optimization", Math. Programming 45, 1989; Nocedal & Wright, section 7.2). With L1 each step is owlqn.c's. */
#include "optimize/pairs.h"

#include <math.h>

typedef struct state {
  nv_line line;
  nv_pairs pairs;
} state;

static nv_status prepare(nv_minimizer *m) {
  state *l = m->state = nv_pool_alloc(&m->memory, sizeof *l);
  if (!l) return NV_ERR_MEMORY;
  double size = nv_option(m, "history_size", 10);
  if (!(size >= 1 && size <= 1000 && size == floor(size)))
    return nv_fail(NV_ERR_VALUE, "lbfgs: history_size must be a whole number from 1 to 1000, not %g", size);
  NV_TRY(nv_line_prepare(m, &l->line, NV_LINE_WOLFE, 0.9));
  return nv_pairs_make(m, (int)size, &l->pairs);
}

/* Another function of the same weights has much the same Hessian. No pair spans the change: each is made of the points
 * of one step. */
static void reset(nv_minimizer *m) {
  state *l = m->state;
  if (m->iterations == 0) nv_pairs_forget(&l->pairs);
}

static nv_status step(nv_minimizer *m) {
  state *l = m->state;
  if (m->l1) return nv_owlqn_step(m, &l->pairs, &l->line);
  for (;;) {
    nv_pairs_direction(&l->pairs, m->g, m->d);
    l->line.first = l->pairs.count ? 1 : nv_line_begin(m, &l->line);
    NV_TRY(nv_line_search(m, &l->line));
    if (l->line.found) break;
    if (l->pairs.count == 0 || l->line.spent) return nv_line_failed(m, &l->line), NV_OK;
    nv_pairs_forget(&l->pairs); /* once more, along steepest descent */
  }
  nv_pairs_add(&l->pairs, m);
  m->parameter = l->line.step;
  nv_accept(m);
  return NV_OK;
}

const nv_method nv_lbfgs = {.name = "lbfgs", .l1 = true, .prepare = prepare, .reset = reset, .step = step};
