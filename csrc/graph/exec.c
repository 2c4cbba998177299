/* exec.c: runs a plan. SPMD: each member of a team walks all instructions and does its share of each. */
#include "graph/plan.h"

#include <string.h>

#define POLL_NS 200e3 /* of estimated work between two looks at the clock */

void nv_exec_bind(nv_plan *p, const void *const *inputs, void *const *outputs) {
  bool changed = false;
  for (int k = 0; k < p->n_inputs; k++) {
    void *base;
    memcpy(&base, &inputs[k], sizeof base); /* inputs are only read: the tables know no const */
    changed |= p->slots[p->first_input + k].base != base;
    p->slots[p->first_input + k].base = base;
  }
  for (int k = 0; k < p->n_outputs; k++) {
    changed |= p->slots[p->first_output + k].base != outputs[k];
    p->slots[p->first_output + k].base = outputs[k];
  }
  for (int k = 0; k < p->n_patches && changed; k++)
    p->pointers[p->patches[k].at] = (char *)p->slots[p->patches[k].slot].base + p->patches[k].offset;
}

/* After a barrier all members read the same status, so all leave at the same place. Until then, members that hear of a
 * failure only leave out work: what they compute is not used. Not so behind the commit, where nothing fails, but thread
 * 0 may already be in the next step. Nor is anybody asked there: what has begun to write is brought to its end. */
nv_status nv_exec(nv_ctx *ctx, const nv_plan *p) {
  const nv_poll *poll = ctx->poll;
  char *shared = p->shared;
  double since_poll = 0;
  for (const nv_item *i = p->items, *end = i + p->n_items; i < end; i++) {
    if (ctx->poll && (i->commit || (since_poll >= POLL_NS && !i->after))) {
      since_poll = 0;
      if (nv_poll_now(ctx) && !ctx->team) return NV_CANCELLED;
    }
    if (i->commit) ctx->poll = NULL, ctx->writing = true;
    since_poll += i->instr->cost;
    if (i->barrier && ctx->team) {
      nv_barrier(ctx);
      nv_status status = nv_team_status(ctx);
      if (status != NV_OK) return status;
    }
    if (i->serial && ctx->thread != 0) continue;
    if (nv_team_failing(ctx) && !i->meets && !i->after) continue;
    ctx->shared = shared + (i->parity ? p->shared_bytes : 0);
    nv_ctx alone, *by = ctx;
    if (i->serial && ctx->team) {
      alone = (nv_ctx){.n_threads = 1,
                       .scratch = ctx->scratch,
                       .shared = ctx->shared,
                       .poll = ctx->poll,
                       .poll_next = ctx->poll_next};
      by = &alone;
    }
    if (i->instr->epilogue) nv_expr_begin(i->instr->epilogue, by, i->ptr);
    nv_status status = i->run(by, i->instr, i->ptr);
    if (status == NV_OK && by->stopped) status = NV_CANCELLED;
    if (status != NV_OK) {
      if (!ctx->team) return status;
      nv_team_fail(ctx, status);
    }
    if (i->meets && ctx->team && (status = nv_team_status(ctx)) != NV_OK) return status;
  }
  ctx->poll = poll, ctx->writing = false;
  return NV_OK;
}

typedef struct one_run {
  nv_plan *plan;
  const nv_poll *poll;
  nv_status status; /* thread 0's */
} one_run;

static void run_member(nv_ctx *ctx, void *arg) {
  one_run *r = arg;
  ctx->scratch = r->plan->scratch + (size_t)ctx->thread * r->plan->scratch_bytes;
  ctx->poll = ctx->thread == 0 ? r->poll : NULL;
  nv_status status = nv_exec(ctx, r->plan);
  if (ctx->thread == 0) r->status = status;
}

nv_status nv_plan_run(nv_plan *p, const void *const *inputs, void *const *outputs, const nv_poll *poll) {
  NV_TRY(nv_mutex_lock(p->lock, poll));
  nv_exec_bind(p, inputs, outputs);
  one_run r = {.plan = p, .poll = poll};
  nv_status status = (p->waking ? nv_team_run : nv_team_run_short)(p->max_threads, run_member, &r);
  nv_mutex_unlock(p->lock);
  return status != NV_OK ? status : r.status;
}
