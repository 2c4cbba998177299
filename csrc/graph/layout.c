/* layout.c: where each value lives. Inputs, outputs, variables and constants are used in place; the rest shares one
 * arena, by liveness over the order of the units. Gradients come first in it, in the order they were asked for, and
 * stay. A result takes over the memory of an input that dies with it, where both are walked item by item. */
#include "graph/plan.h"

#include <string.h>

#define LINE 64

typedef struct laying {
  nv_builder *b;
  int *position;    /* [unit] in the order, or -1 */
  int *start, *end; /* [value]: positions between which its memory is taken */
  bool *taken;      /* [value]: another value has taken over its memory */
} laying;

static size_t round_up(size_t n) { return (n + LINE - 1) / LINE * LINE; }
static size_t bytes_of(const nv_value *v) { return (size_t)v->count * nv_dtype_size(v->node->type.dtype); }

/* ---- base pointers ---- */

static int slot_of_base(nv_plan *p, nv_slot_kind kind, void *base) {
  for (int k = 0; k < p->n_slots; k++)
    if (p->slots[k].kind == kind && p->slots[k].base == base) return k;
  p->slots[p->n_slots] = (nv_slot){.kind = kind, .base = base};
  return p->n_slots++;
}

static nv_status make_slots(nv_builder *b) {
  nv_plan *p = b->plan;
  const nv_plan_spec *s = b->spec;
  size_t most = 1 + (size_t)s->n_inputs + (size_t)s->n_outputs + (size_t)s->n_updates;
  for (int k = 0; k < b->n_values; k++)
    most += b->values[k].kind == NV_VALUE_VARIABLE || b->values[k].kind == NV_VALUE_ARRAY;
  if (!(p->slots = nv_builder_alloc(b, most * sizeof *p->slots))) return NV_ERR_MEMORY;
  p->slots[p->n_slots++] = (nv_slot){.kind = NV_SLOT_ARENA};
  p->first_input = p->n_slots;
  for (int k = 0; k < s->n_inputs; k++) p->slots[p->n_slots++] = (nv_slot){.kind = NV_SLOT_INPUT, .index = k};
  p->first_output = p->n_slots;
  for (int k = 0; k < s->n_outputs; k++) p->slots[p->n_slots++] = (nv_slot){.kind = NV_SLOT_OUTPUT, .index = k};
  return NV_OK;
}

/* Values whose place does not depend on the order. Returns the bytes that gradients take. */
static nv_status place_fixed(nv_builder *b) {
  nv_plan *p = b->plan;
  size_t *gradient = nv_pool_alloc(&b->temp, ((size_t)b->spec->n_gradients + 1) * sizeof *gradient);
  if (!gradient) return NV_ERR_MEMORY;
  for (int k = 0; k < b->spec->n_gradients; k++) {
    const nv_type *t = &b->spec->gradients[k]->type;
    gradient[k] = p->gradient_bytes;
    p->gradient_bytes += round_up((size_t)nv_type_size(t) * nv_dtype_size(t->dtype));
  }
  for (int k = 0; k < b->n_values; k++) {
    nv_value *v = &b->values[k];
    if (v->dead) continue;
    if (v->kind == NV_VALUE_INPUT) v->slot = p->first_input + v->index;
    if (v->kind == NV_VALUE_ARRAY) v->slot = slot_of_base(p, NV_SLOT_ARRAY, v->node->data);
    if (v->kind == NV_VALUE_VARIABLE) v->slot = slot_of_base(p, NV_SLOT_VARIABLE, v->node->data);
    if (v->pin == NV_PIN_OUTPUT) v->slot = p->first_output + v->pin_index;
    if (v->pin == NV_PIN_VARIABLE) v->slot = slot_of_base(p, NV_SLOT_VARIABLE, b->spec->updates[v->pin_index].variable);
    if (v->pin == NV_PIN_GRADIENT) v->slot = 0, v->at = (int64_t)gradient[v->pin_index];
  }
  for (int k = 0; k < p->n_slots; k++)
    if (p->slots[k].kind == NV_SLOT_VARIABLE) p->slots[k].base = nv_variable_data(p->slots[k].base);
  return NV_OK;
}

/* ---- taking over memory ---- */

/* Whether the members of `u` read value `x` item by item only, none of them after member `last`. */
static bool read_before(const nv_builder *b, const nv_unit *u, int x, int last) {
  bool found = false;
  for (int m = 0; m < u->n_members; m++) {
    const nv_value *v = &b->values[u->members[m]];
    for (int k = 0; k < v->n_in; k++)
      if (v->in[k].value == x) {
        if (!v->in[k].aligned || u->members[m] > last) return false;
        found = true;
      }
  }
  for (int k = 0; u->op >= 0 && k < b->values[u->op].n_in; k++)
    if (b->values[u->op].in[k].value == x) return false;
  return found;
}

/* The result of an op that only its epilogue reads shares the memory of one of the epilogue's results. */
static void share_raw(laying *l, const nv_unit *u) {
  nv_value *z = &l->b->values[u->op];
  if (u->n_members == 0 || z->stored || z->pin != NV_PIN_NONE) return;
  for (int m = u->n_members - 1; m >= 0; m--) {
    const nv_value *v = &l->b->values[u->members[m]];
    if (!v->stored || bytes_of(v) != bytes_of(z) || !read_before(l->b, u, u->op, u->members[m])) continue;
    z->aliases = u->members[m];
    return;
  }
}

static void take_over(laying *l, const nv_unit *u, int position) {
  nv_builder *b = l->b;
  for (int m = 0; m < u->n_members; m++) {
    nv_value *o = &b->values[u->members[m]];
    if (!o->stored || o->pin != NV_PIN_NONE) continue;
    if (u->op >= 0 && b->values[u->op].aliases == u->members[m])
      continue; /* the op writes there before inputs are read */
    for (int i = 0; i < u->n_members && o->aliases < 0; i++) {
      const nv_value *reader = &b->values[u->members[i]];
      for (int k = 0; k < reader->n_in && o->aliases < 0; k++) {
        int x = reader->in[k].value;
        const nv_value *in = &b->values[x];
        if (in->unit < 0 || in->unit == o->unit || in->pin != NV_PIN_NONE || l->taken[x] || l->end[x] != position ||
            bytes_of(in) != bytes_of(o) || !read_before(b, u, x, u->members[m]))
          continue;
        o->aliases = x;
        l->taken[x] = true;
      }
    }
  }
}

/* ---- the arena ---- */

typedef struct block {
  int value;
  int start, end;
  size_t at, bytes;
} block;

/* Largest first, each in the smallest gap between those placed that live at the same time. */
static nv_status place(nv_builder *b, block *blocks, int n) {
  nv_plan *p = b->plan;
  block **placed = nv_pool_alloc(&b->temp, ((size_t)n + 1) * sizeof *placed); /* by offset */
  block **order = nv_pool_alloc(&b->temp, ((size_t)n + 1) * sizeof *order), **merge, **from;
  if (!placed || !order || !(merge = nv_pool_alloc(&b->temp, ((size_t)n + 1) * sizeof *merge))) return NV_ERR_MEMORY;
  for (int k = 0; k < n; k++) order[k] = &blocks[k];
  for (int width = 1; width < n; width *= 2) { /* a merge sort: stable, so the layout is the same everywhere */
    for (int lo = 0; lo < n; lo += 2 * width) {
      int mid = lo + width < n ? lo + width : n, hi = lo + 2 * width < n ? lo + 2 * width : n;
      for (int i = lo, j = mid, k = lo; k < hi; k++)
        merge[k] = j >= hi || (i < mid && order[i]->bytes >= order[j]->bytes) ? order[i++] : order[j++];
    }
    from = order, order = merge, merge = from;
  }
  size_t size = round_up(p->gradient_bytes);
  for (int k = 0; k < n; k++) {
    block *x = order[k];
    size_t at = p->gradient_bytes, best = SIZE_MAX, best_gap = SIZE_MAX;
    for (int j = 0; j < k; j++) {
      const block *y = placed[j];
      if (y->start > x->end || y->end < x->start) continue;
      if (y->at >= at + x->bytes && y->at - at < best_gap) best = at, best_gap = y->at - at;
      if (y->at + y->bytes > at) at = y->at + y->bytes;
    }
    x->at = best != SIZE_MAX ? best : at;
    if (x->at + x->bytes > size) size = x->at + x->bytes;
    int j = k;
    for (; j > 0 && placed[j - 1]->at > x->at; j--) placed[j] = placed[j - 1];
    placed[j] = x;
    b->values[x->value].at = (int64_t)x->at;
  }
  p->arena_bytes = size;
  return NV_OK;
}

static int owner(const nv_builder *b, int v) {
  while (b->values[v].aliases >= 0) v = b->values[v].aliases;
  return v;
}

nv_status nv_layout(nv_builder *b) {
  laying l = {.b = b};
  size_t values = (size_t)b->n_values + 1;
  l.position = nv_pool_alloc(&b->temp, ((size_t)b->n_units + 1) * sizeof *l.position);
  l.start = nv_pool_alloc(&b->temp, values * sizeof *l.start);
  l.end = nv_pool_alloc(&b->temp, values * sizeof *l.end);
  l.taken = nv_pool_alloc(&b->temp, values * sizeof *l.taken);
  block *blocks = nv_pool_alloc(&b->temp, values * sizeof *blocks);
  if (!l.position || !l.start || !l.end || !l.taken || !blocks) return NV_ERR_MEMORY;
  NV_TRY(make_slots(b));
  NV_TRY(place_fixed(b));
  for (int u = 0; u < b->n_units; u++) l.position[u] = -1;
  for (int k = 0; k < b->n_ordered; k++) l.position[b->order[k]] = k;
  for (int k = 0; k < b->n_values; k++) {
    const nv_value *v = &b->values[k];
    if (v->dead || v->unit < 0) continue;
    l.start[k] = l.end[k] = l.position[v->unit];
    for (int j = 0; j < v->n_uses; j++) {
      int at = l.position[b->values[v->uses[j].by].unit];
      if (at > l.end[k]) l.end[k] = at;
    }
  }
  for (int k = 0; k < b->n_ordered; k++) {
    const nv_unit *u = &b->units[b->order[k]];
    if (u->op >= 0) share_raw(&l, u);
    take_over(&l, u, k);
  }
  int n = 0;
  for (int k = 0; k < b->n_values; k++) {
    nv_value *v = &b->values[k];
    bool needs = !v->dead && v->unit >= 0 && l.position[v->unit] >= 0 && (v->stored || v->kind == NV_VALUE_OP);
    if (!needs) continue;
    int o = owner(b, k);
    if (o != k) {
      if (l.start[k] < l.start[o]) l.start[o] = l.start[k];
      if (l.end[k] > l.end[o]) l.end[o] = l.end[k];
    }
  }
  /* Memory given to somebody else before the next barrier would ask for one: where the plan prefers few, it waits. */
  for (int k = 0; k < b->n_values && b->window; k++)
    while (b->values[k].unit >= 0 && l.end[k] >= 0 && l.end[k] + 1 < b->n_ordered &&
           b->window[l.end[k] + 1] == b->window[l.end[k]])
      l.end[k]++;
  for (int k = 0; k < b->n_values; k++) {
    nv_value *v = &b->values[k];
    if (v->dead || v->unit < 0 || v->aliases >= 0 || v->pin != NV_PIN_NONE || !(v->stored || v->kind == NV_VALUE_OP))
      continue;
    v->slot = 0;
    if (v->count > 0) blocks[n++] = (block){k, l.start[k], l.end[k], 0, round_up(bytes_of(v))};
  }
  NV_TRY(place(b, blocks, n));
  for (int k = 0; k < b->n_values; k++) {
    nv_value *v = &b->values[k];
    if (v->aliases < 0) continue;
    v->slot = b->values[owner(b, k)].slot, v->at = b->values[owner(b, k)].at;
  }
  return NV_OK;
}
