/* order.c: in which order the units run. Any topological order is right; among the units that are ready
 * - those that need no barrier go first while the plan is small: all of the backward pass's row-wise chain before the
 *   products over the batch, which then share one meeting;
 * - then the one that frees most memory beyond what it takes.
 * Updates come last. */
#include "graph/plan.h"

#include <string.h>

#define FLOW 4e6 /* ns: plans below it prefer few barriers to little memory */

typedef struct ordering {
  nv_builder *b;
  int *waiting;             /* [unit]: units it still needs */
  int *remaining;           /* [value]: references not yet run */
  int *counted;             /* [value]: scratch, 0 between calls */
  bool *fresh;              /* [value]: written since the last barrier .. */
  int64_t *rows;            /* .. by shares of so many rows; 0: otherwise */
  int *first, *next, *head; /* users of each unit: lists of edges */
} ordering;

static bool has_instruction(const nv_builder *b, const nv_unit *u) {
  if (u->op >= 0) return true;
  return u->n_members > 0 && b->values[u->members[0]].count > 0;
}

/* The values of a unit: its op's, then its members'. */
static int size_of(const nv_unit *u) { return u->n_members + (u->op >= 0); }
static int value_at(const nv_unit *u, int k) {
  return u->op >= 0 ? (k == 0 ? u->op : u->members[k - 1]) : u->members[k];
}

static bool meets(const ordering *o, const nv_unit *u) {
  int64_t rows = nv_unit_rows(o->b, u);
  for (int k = 0; k < size_of(u); k++) {
    const nv_value *v = &o->b->values[value_at(u, k)];
    for (int j = 0; j < v->n_in; j++) {
      int x = v->in[j].value;
      if (!o->fresh[x] || o->b->values[x].unit == v->unit) continue;
      if (o->rows[x] != rows || nv_access_in(o->b, u, v, j, rows) != NV_ROWS) return true;
    }
  }
  return false;
}

static double memory_change(ordering *o, const nv_unit *u) {
  double bytes = 0;
  for (int k = 0; k < size_of(u); k++) {
    const nv_value *v = &o->b->values[value_at(u, k)];
    if (v->stored && v->pin == NV_PIN_NONE) bytes += (double)v->count * (double)nv_dtype_size(v->node->type.dtype);
    for (int j = 0; j < v->n_in; j++) {
      int x = v->in[j].value;
      const nv_value *in = &o->b->values[x];
      if (in->unit >= 0 && in->unit != v->unit && in->pin == NV_PIN_NONE && ++o->counted[x] == o->remaining[x])
        bytes -= (double)in->count * (double)nv_dtype_size(in->node->type.dtype);
    }
  }
  for (int k = 0; k < size_of(u); k++) {
    const nv_value *v = &o->b->values[value_at(u, k)];
    for (int j = 0; j < v->n_in; j++) o->counted[v->in[j].value] = 0;
  }
  return bytes;
}

/* Returns whether a barrier comes before it. */
static bool run(ordering *o, int unit, int *ready, int *n_ready) {
  nv_builder *b = o->b;
  const nv_unit *u = &b->units[unit];
  bool meeting = meets(o, u);
  if (meeting) memset(o->fresh, 0, (size_t)b->n_values);
  int64_t rows = nv_unit_rows(b, u);
  for (int k = 0; k < size_of(u); k++) {
    int v = value_at(u, k);
    o->fresh[v] = true;
    o->rows[v] = u->op < 0 || b->values[u->op].instr->operand[0].access == NV_ROWS ? rows : 0;
    for (int j = 0; j < b->values[v].n_in; j++) o->remaining[b->values[v].in[j].value]--;
  }
  for (int e = o->first[unit]; e >= 0; e = o->next[e])
    if (--o->waiting[o->head[e]] == 0) ready[(*n_ready)++] = o->head[e];
  return meeting;
}

/* The edges, without duplicates from one unit: o->counted marks (by unit + 1) are over units here. */
static nv_status find_edges(ordering *o, int *mark) {
  nv_builder *b = o->b;
  int edges = 0, most = 0;
  for (int u = 0; u < b->n_units; u++)
    for (int k = 0; k < size_of(&b->units[u]); k++) most += b->values[value_at(&b->units[u], k)].n_in;
  o->next = nv_pool_alloc(&b->temp, ((size_t)most + 1) * sizeof *o->next);
  o->head = nv_pool_alloc(&b->temp, ((size_t)most + 1) * sizeof *o->head);
  if (!o->next || !o->head) return NV_ERR_MEMORY;
  for (int u = 0; u < b->n_units; u++) o->first[u] = mark[u] = -1;
  for (int u = 0; u < b->n_units; u++)
    for (int k = 0; k < size_of(&b->units[u]); k++) {
      const nv_value *v = &b->values[value_at(&b->units[u], k)];
      for (int j = 0; j < v->n_in; j++) {
        int from = b->values[v->in[j].value].unit;
        o->remaining[v->in[j].value]++;
        if (from < 0 || from == u || mark[from] == u) continue;
        mark[from] = u;
        o->head[edges] = u, o->next[edges] = o->first[from], o->first[from] = edges++;
        o->waiting[u]++;
      }
    }
  return NV_OK;
}

static double cost_of(const nv_builder *b, const nv_unit *u) {
  double cost = u->op >= 0 ? b->values[u->op].instr->cost : 0;
  for (int k = 0; k < u->n_members; k++) {
    const nv_value *v = &b->values[u->members[k]];
    cost += v->cost * (double)v->count;
  }
  return cost;
}

nv_status nv_order(nv_builder *b) {
  ordering o = {.b = b};
  size_t units = (size_t)b->n_units + 1, values = (size_t)b->n_values + 1;
  int *ready = nv_pool_alloc(&b->temp, units * sizeof *ready), n_ready = 0, n = 0, *mark, barriers = 0;
  int *window = nv_pool_alloc(&b->temp, units * sizeof *window);
  b->order = nv_pool_alloc(&b->temp, units * sizeof *b->order);
  o.waiting = nv_pool_alloc(&b->temp, units * sizeof *o.waiting);
  o.first = nv_pool_alloc(&b->temp, units * sizeof *o.first);
  mark = nv_pool_alloc(&b->temp, units * sizeof *mark);
  o.remaining = nv_pool_alloc(&b->temp, values * sizeof *o.remaining);
  o.counted = nv_pool_alloc(&b->temp, values * sizeof *o.counted);
  o.fresh = nv_pool_alloc(&b->temp, values);
  o.rows = nv_pool_alloc(&b->temp, values * sizeof *o.rows);
  if (!ready || !window || !b->order || !o.waiting || !o.first || !mark || !o.remaining || !o.counted || !o.fresh ||
      !o.rows)
    return NV_ERR_MEMORY;
  NV_TRY(find_edges(&o, mark));
  double total = 0;
  for (int u = 0; u < b->n_units; u++) {
    total += cost_of(b, &b->units[u]);
    if (o.waiting[u] == 0) ready[n_ready++] = u;
  }
  b->commit = -1;
  while (n_ready > 0) {
    int best = -1;
    double best_bytes = 0;
    bool best_meets = false;
    for (int k = 0; k < n_ready; k++) {
      const nv_unit *u = &b->units[ready[k]];
      int phase = best < 0 ? u->phase : b->units[ready[best]].phase;
      if (u->phase > phase) continue;
      bool meeting = total < FLOW && meets(&o, u);
      double bytes = memory_change(&o, u);
      bool better = best < 0 || u->phase < phase || meeting < best_meets ||
                    (meeting == best_meets && (bytes < best_bytes || (bytes == best_bytes && ready[k] < ready[best])));
      if (better) best = k, best_bytes = bytes, best_meets = meeting;
    }
    int unit = ready[best];
    ready[best] = ready[--n_ready];
    bool starts = b->units[unit].phase > 0 && b->commit < 0, does = has_instruction(b, &b->units[unit]);
    if (starts && does) b->commit = n;
    barriers += run(&o, unit, ready, &n_ready) || (starts && does);
    if (does) window[n] = barriers, b->order[n++] = unit;
  }
  b->window = total < FLOW ? window : NULL;
  b->n_ordered = n;
  return NV_OK;
}
