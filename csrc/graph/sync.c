/* sync.c: where the threads of a team must meet, what thread 0 does alone, and how many threads a plan is worth.
 *
 * Since the last barrier, instructions have touched memory: ranges of bytes, read or written, each by its share of
 * rows, by thread 0, or by anyone. A new instruction needs a barrier if it overlaps one of these, one of the two
 * writes, and it is not sure that the same thread touches the same rows of the same range. */
#include "graph/plan.h"

#include <string.h>

nv_thresholds nv_worth = {.meeting = 1500, .team = 12e3, .waking = 60e3};

typedef struct touch {
  int slot;
  int64_t at, bytes;
  int64_t rows; /* 0: not by rows */
  bool writes, serial;
} touch;

typedef struct window {
  touch *touches;
  int n;
} window;

#define SHARED_SLOT (-2) /* and the one below: the team's shared memory, two buffers used in turn */

static touch touch_of(const nv_builder *b, const nv_unit *u, int k, bool serial) {
  const nv_operand *o = &u->instr->operand[k];
  const nv_value *v = &b->values[u->values[k]];
  return (touch){.slot = v->slot,
                 .at = v->at,
                 .bytes = v->count * (int64_t)nv_dtype_size(v->node->type.dtype),
                 .rows = o->access == NV_ROWS ? u->instr->rows : 0,
                 .writes = k < u->instr->n_out,
                 .serial = serial};
}

static bool conflict(const touch *a, const touch *b) {
  if (a->slot != b->slot || !(a->writes || b->writes) || a->at >= b->at + b->bytes || b->at >= a->at + a->bytes)
    return false;
  if (a->serial || b->serial) return !(a->serial && b->serial);
  return !(a->rows > 0 && a->rows == b->rows && a->at == b->at && a->bytes == b->bytes);
}

static bool meets(const window *w, const touch *t) {
  for (int k = 0; k < w->n; k++)
    if (conflict(&w->touches[k], t)) return true;
  return false;
}

static bool must_meet(const nv_builder *b, const window *w, const nv_unit *u, bool serial, int parity) {
  for (int k = 0; k < u->instr->n_out + u->instr->n_in; k++) {
    touch t = touch_of(b, u, k, serial);
    if (meets(w, &t)) return true;
  }
  touch shared = {.slot = SHARED_SLOT - parity, .bytes = 1, .writes = true, .serial = serial};
  return u->instr->shared > 0 && meets(w, &shared);
}

static void remember(const nv_builder *b, window *w, const nv_unit *u, bool serial, int parity) {
  for (int k = 0; k < u->instr->n_out + u->instr->n_in; k++) w->touches[w->n++] = touch_of(b, u, k, serial);
  w->touches[w->n++] =
      (touch){.slot = SHARED_SLOT - parity, .bytes = u->instr->shared > 0, .writes = true, .serial = serial};
}

/* What an instruction touches beyond the caches comes at some 50 GB/s, whatever it computes. */
static double cost_of(const nv_builder *b, const nv_unit *u) {
  double bytes = 0;
  for (int k = 0; k < u->instr->n_out + u->instr->n_in; k++) {
    const nv_value *v = &b->values[u->values[k]];
    bytes += (double)v->count * (double)nv_dtype_size(v->node->type.dtype);
  }
  double traffic = bytes > 256e3 ? 0.02 * bytes : 0;
  return u->instr->cost > traffic ? u->instr->cost : traffic;
}

static nv_status find_barriers(nv_builder *b) {
  nv_plan *p = b->plan;
  size_t most = 0;
  for (int k = 0; k < b->n_ordered; k++) {
    const nv_instr *i = b->units[b->order[k]].instr;
    most += (size_t)(i->n_out + i->n_in) + 1;
  }
  window w = {nv_pool_alloc(&b->temp, (most + 1) * sizeof *w.touches), 0};
  if (!w.touches) return NV_ERR_MEMORY;
  int parity = 0;
  for (int k = 0; k < b->n_ordered; k++) {
    const nv_unit *u = &b->units[b->order[k]];
    nv_instr *i = u->instr;
    parity ^= i->shared > 0;
    i->cost = cost_of(b, u);
    bool can = !i->inner_barrier, serial = can && i->rows <= 1;
    bool together = must_meet(b, &w, u, false, parity), alone = can && must_meet(b, &w, u, true, parity);
    if (can && i->cost < nv_worth.meeting) serial |= together == alone ? i->cost < nv_worth.meeting / 4 : together;
    i->serial = serial;
    i->barrier = k > 0 && (k == b->commit || (serial ? alone : together));
    if (i->barrier) w.n = 0, p->n_barriers++;
    remember(b, &w, u, serial, parity);
    nv_item *item = &p->items[k];
    *item = (nv_item){.run = i->run, .instr = i, .barrier = i->barrier, .serial = serial, .meets = i->inner_barrier};
    item->commit = k == b->commit, item->after = b->commit >= 0 && k >= b->commit, item->parity = (uint8_t)parity;
  }
  return NV_OK;
}

nv_status nv_synchronise(nv_builder *b) {
  nv_plan *p = b->plan;
  p->n_items = b->n_ordered;
  if (!(p->items = nv_builder_alloc(b, ((size_t)p->n_items + 1) * sizeof *p->items))) return NV_ERR_MEMORY;
  NV_TRY(find_barriers(b));
  double shared_work = 0;
  p->loose = b->commit > 0;
  for (int k = 0; k < p->n_items; k++) {
    const nv_instr *i = p->items[k].instr;
    p->cost += i->cost, p->flops += i->flops;
    if (!i->serial) shared_work += i->cost;
    for (int j = 0; j < i->n_out + i->n_in && p->items[k].after; j++) {
      nv_slot_kind kind = p->slots[i->operand[j].slot].kind;
      p->loose &= kind != NV_SLOT_INPUT && kind != NV_SLOT_OUTPUT;
    }
    if (i->scratch > p->scratch_bytes) p->scratch_bytes = i->scratch;
    if (i->shared > p->shared_bytes) p->shared_bytes = i->shared;
  }
  if (shared_work < nv_worth.team) p->max_threads = 1;
  p->waking = shared_work >= nv_worth.waking;
  return NV_OK;
}
