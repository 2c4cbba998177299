/* fuse.c: which elementwise values share a program, and which programs run on the tiles of an op.
 *
 * Stages make it legal. An elementwise value has a stage not below that of any value it reads aligned (item by item),
 * above that of an elementwise value it reads otherwise, and above that of an op's result; an op has a stage not below
 * that of its inputs. Then between two values of one stage and one space no path leads through anything else (it would
 * raise the stage), so any set of them may become one program. Values whose earliest user is one stage's program sink
 * into it: what was a long-lived result becomes a register.
 *
 * Values that only updates need, item by item, are late: their stages come after all others, which puts the updates of
 * all parameters behind the commit, and those of small ones of a kind into one program. */
#include "graph/plan.h"

#include <string.h>

#define SMALL 256 /* elements: unrelated values of one space share a program, to save instructions */
#define STEPS 56  /* members of a program, at most */

static bool is_elem(const nv_value *v) { return v->kind == NV_VALUE_ELEM && !v->dead; }
static bool is_made(const nv_value *v) { return !v->dead && (v->kind == NV_VALUE_ELEM || v->kind == NV_VALUE_OP); }

/* ---- what comes after the commit ---- */

static void find_late(nv_builder *b) {
  for (int k = b->n_values - 1; k >= 0; k--) {
    nv_value *v = &b->values[k];
    v->late = is_elem(v) && (v->pin == NV_PIN_VARIABLE || v->n_uses > 0);
    for (int j = 0; j < v->n_uses && v->late; j++) v->late = v->uses[j].aligned && b->values[v->uses[j].by].late;
  }
}

/* Makes `value` (pinned to a variable) end up there through a copy of its own. */
static int detach(nv_builder *b, int value) {
  int c = nv_copy_of(b, value);
  nv_use *uses = nv_pool_alloc(&b->temp, sizeof *uses); /* the copy may be detached in its turn */
  if (c < 0 || !uses) return -1;
  nv_value *v = &b->values[value], *copy = &b->values[c];
  copy->pin = v->pin, copy->pin_index = v->pin_index, copy->late = true, copy->uses = uses;
  v->pin = NV_PIN_NONE;
  v->uses[v->n_uses++] = (nv_use){c, true};
  return c;
}

/* ---- stages ---- */

static int after(const nv_builder *b, const nv_value *v, const nv_ref *r) {
  const nv_value *u = &b->values[r->value];
  if (u->kind == NV_VALUE_OP) return u->stage + 1;
  if (u->kind != NV_VALUE_ELEM) return 0;
  return v->kind == NV_VALUE_ELEM && !r->aligned ? u->stage + 1 : u->stage;
}

static void number(nv_builder *b, bool late, int least) {
  for (int k = 0; k < b->n_values; k++) {
    nv_value *v = &b->values[k];
    if (!is_made(v) || v->late != late) continue;
    v->stage = least;
    for (int j = 0; j < v->n_in; j++) {
      int s = after(b, v, &v->in[j]);
      if (s > v->stage) v->stage = s;
    }
  }
}

static void sink(nv_builder *b) {
  for (int k = b->n_values - 1; k >= 0; k--) {
    nv_value *v = &b->values[k];
    int earliest = -1;
    bool joins = false;
    if (!is_elem(v)) continue;
    for (int j = 0; j < v->n_uses; j++) {
      const nv_value *u = &b->values[v->uses[j].by];
      int s = u->kind == NV_VALUE_ELEM && !v->uses[j].aligned ? u->stage - 1 : u->stage;
      if (earliest >= 0 && s > earliest) continue;
      if (s != earliest) joins = false;
      earliest = s;
      joins |= u->kind == NV_VALUE_ELEM && v->uses[j].aligned;
    }
    if (joins && earliest > v->stage) v->stage = earliest;
  }
}

/* ---- groups ---- */

static int root_of(int *parent, int k) {
  while (parent[k] != k) k = parent[k] = parent[parent[k]];
  return k;
}

static void join(int *parent, int a, int b) {
  a = root_of(parent, a), b = root_of(parent, b);
  if (a < b)
    parent[b] = a;
  else
    parent[a] = b;
}

/* Values of one stage and space belong together if one reads the other, if both read the same array, or if they are
 * small. */
static nv_status group(nv_builder *b, int *parent, int stages) {
  int *last = nv_pool_alloc(&b->temp, (size_t)stages * sizeof *last);
  int *chain = nv_pool_alloc(&b->temp, (size_t)b->n_values * sizeof *chain);
  if (!last || !chain) return NV_ERR_MEMORY;
  for (int k = 0; k < b->n_values; k++) parent[k] = k;
  for (int k = 0; k < stages; k++) last[k] = -1;
  for (int k = 0; k < b->n_values; k++) {
    nv_value *u = &b->values[k];
    if (u->dead) continue;
    int previous[2] = {-1, -1}; /* users at the two stages seen last: users come in order, mostly */
    for (int j = 0; j < u->n_uses; j++) {
      if (!u->uses[j].aligned) continue;
      int by = u->uses[j].by;
      const nv_value *v = &b->values[by];
      if (is_elem(u) && u->stage == v->stage) join(parent, k, by);
      for (int p = 0; p < 2; p++)
        if (previous[p] >= 0 && b->values[previous[p]].stage == v->stage && nv_same_space(&b->values[previous[p]], v))
          join(parent, previous[p], by);
      if (previous[0] < 0 || b->values[previous[0]].stage != v->stage) previous[1] = previous[0];
      previous[0] = by;
    }
    if (!is_elem(u) || u->count > SMALL) continue;
    /* The newest small value of each space of a stage hangs in the stage's chain. */
    int *at = &last[u->stage];
    while (*at >= 0 && !nv_same_space(&b->values[*at], u)) at = &chain[*at];
    if (*at >= 0) {
      join(parent, *at, k);
      chain[k] = chain[*at];
    } else
      chain[k] = -1;
    *at = k;
  }
  return NV_OK;
}

/* ---- units ---- */

static bool same_ref(const nv_ref *a, const nv_ref *b, int ndim) {
  return a->value == b->value && a->offset == b->offset &&
         (ndim == 0 || memcmp(a->strides, b->strides, (size_t)ndim * sizeof *a->strides) == 0);
}

/* Operands the members would need as one program: distinct outside inputs and stored results. */
static int operands_of(const nv_builder *b, const int *members, int n, int unit) {
  const nv_ref *seen[NV_MAX_OPERANDS];
  int n_seen = 0, n_stored = 0;
  for (int k = 0; k < n; k++) {
    const nv_value *v = &b->values[members[k]];
    bool stored = v->pin != NV_PIN_NONE;
    for (int j = 0; j < v->n_uses; j++) stored |= b->values[v->uses[j].by].unit != unit;
    n_stored += stored;
    for (int j = 0; j < v->n_in; j++) {
      const nv_value *u = &b->values[v->in[j].value];
      int s = 0;
      if (u->kind == NV_VALUE_SCALAR || u->unit == unit) continue;
      while (s < n_seen && !same_ref(seen[s], &v->in[j], v->ndim)) s++;
      if (s == NV_MAX_OPERANDS) return s + 1;
      if (s == n_seen) seen[n_seen++] = &v->in[j];
    }
  }
  return n_seen + n_stored;
}

static nv_unit *new_unit(nv_builder *b) {
  b->units[b->n_units] = (nv_unit){.op = -1};
  return &b->units[b->n_units++];
}

static void add_program(nv_builder *b, int *members, int n) {
  for (int k = 0; k < n; k++) b->values[members[k]].unit = b->n_units;
  if (n > 1 && (n > STEPS || operands_of(b, members, n, b->n_units) > NV_MAX_OPERANDS)) {
    for (int k = n / 2; k < n; k++) b->values[members[k]].unit = -1;
    add_program(b, members, n / 2); /* members are in topological order: the first half never reads the second */
    add_program(b, members + n / 2, n - n / 2);
    return;
  }
  nv_unit *u = new_unit(b);
  u->members = members, u->n_members = n, u->stage = b->values[members[0]].stage;
  u->phase = b->values[members[0]].late;
}

static nv_status make_units(nv_builder *b) {
  int stages = 1, *parent = nv_pool_alloc(&b->temp, (size_t)b->n_values * sizeof *parent);
  int *count = nv_pool_alloc(&b->temp, (size_t)b->n_values * sizeof *count);
  int *members = nv_pool_alloc(&b->temp, (size_t)b->n_values * sizeof *members);
  /* Each value at most one unit, and one more for each update that phase 2 copies. */
  b->units = nv_pool_alloc(&b->temp, (size_t)(b->n_values + b->spec->n_updates) * sizeof *b->units);
  if (!parent || !count || !members || !b->units) return NV_ERR_MEMORY;
  for (int k = 0; k < b->n_values; k++)
    if (is_made(&b->values[k]) && b->values[k].stage >= stages) stages = b->values[k].stage + 1;
  NV_TRY(group(b, parent, stages));
  for (int k = 0; k < b->n_values; k++)
    if (is_elem(&b->values[k])) count[root_of(parent, k)]++;
  int *next = nv_pool_alloc(&b->temp, (size_t)b->n_values * sizeof *next), at = 0;
  if (!next) return NV_ERR_MEMORY;
  for (int k = 0; k < b->n_values; k++) next[k] = at, at += count[k];
  for (int k = 0; k < b->n_values; k++)
    if (is_elem(&b->values[k])) members[next[root_of(parent, k)]++] = k;
  for (int k = 0; k < b->n_values; k++) {
    nv_value *v = &b->values[k];
    if (is_elem(v) && parent[k] == k) add_program(b, members + next[k] - count[k], count[k]);
    if (v->dead || v->kind != NV_VALUE_OP) continue;
    v->unit = b->n_units;
    nv_unit *u = new_unit(b);
    u->op = k, u->stage = v->stage;
  }
  return NV_OK;
}

/* ---- epilogues ---- */

/* Whether unit `from` needs unit `to`, by a path through units of stages from `least` on. */
static bool needs(const nv_builder *b, int from, int to, int least, bool *visited) {
  if (from == to) return true;
  if (visited[from]) return false;
  visited[from] = true;
  const nv_unit *u = &b->units[from];
  for (int m = -1; m < u->n_members; m++) {
    if (m < 0 && u->op < 0) continue;
    const nv_value *v = &b->values[m < 0 ? u->op : u->members[m]];
    for (int k = 0; k < v->n_in; k++) {
      const nv_value *x = &b->values[v->in[k].value];
      if (x->unit >= 0 && x->unit != from && x->stage >= least && needs(b, x->unit, to, least, visited)) return true;
    }
  }
  return false;
}

/* The program can run on the op's tiles: all else it reads is there before, and the operands suffice. */
static bool can_follow(const nv_builder *b, int op, int program, bool *visited) {
  const nv_unit *p = &b->units[program];
  const nv_value *z = &b->values[op];
  const nv_value *first = &b->values[p->members[0]];
  if (!z->instr->accepts_epilogue || b->units[z->unit].n_members > 0 || z->count != first->count) return false;
  if (operands_of(b, p->members, p->n_members, program) + 1 + z->n_in > NV_MAX_OPERANDS) return false;
  memset(visited, 0, (size_t)b->n_units * sizeof *visited);
  visited[program] = true;
  for (int m = 0; m < p->n_members; m++) {
    const nv_value *v = &b->values[p->members[m]];
    for (int k = 0; k < v->n_in; k++) {
      const nv_value *x = &b->values[v->in[k].value];
      if (x == z && !v->in[k].aligned) return false;
      if (x != z && x->unit >= 0 && x->unit != program && needs(b, x->unit, z->unit, z->stage, visited)) return false;
    }
  }
  return true;
}

static nv_status attach(nv_builder *b) {
  bool *visited = nv_pool_alloc(&b->temp, (size_t)b->n_units);
  if (!visited) return NV_ERR_MEMORY;
  for (int k = 0; k < b->n_units; k++) {
    nv_unit *p = &b->units[k];
    int best = -1;
    if (p->op >= 0 || p->phase > 0 || p->n_members == 0) continue;
    for (int m = 0; m < p->n_members; m++) {
      const nv_value *v = &b->values[p->members[m]];
      for (int j = 0; j < v->n_in; j++) {
        int z = v->in[j].value;
        if (b->values[z].kind == NV_VALUE_OP && v->in[j].aligned && z > best && can_follow(b, z, k, visited)) best = z;
      }
    }
    if (best < 0) continue;
    int host = b->values[best].unit;
    b->units[host].members = p->members, b->units[host].n_members = p->n_members;
    for (int m = 0; m < p->n_members; m++) b->values[p->members[m]].unit = host;
    p->members = NULL, p->n_members = 0;
  }
  return NV_OK;
}

/* ---- updates ---- */

/* A program may write a variable in place if nothing else after the commit reads it, and it reads it item by item. */
static bool in_place(const nv_builder *b, const nv_value *v) {
  const nv_variable *target = b->spec->updates[v->pin_index].variable;
  for (int k = 0; k < b->n_values; k++) {
    const nv_value *u = &b->values[k];
    if (u->dead || u->kind != NV_VALUE_VARIABLE || nv_node_variable(u->node) != target) continue;
    for (int j = 0; j < u->n_uses; j++) {
      const nv_value *by = &b->values[u->uses[j].by];
      if (by->late && (by->unit != v->unit || !u->uses[j].aligned)) return false;
    }
    return true; /* a variable is one node */
  }
  return true;
}

static nv_status protect(nv_builder *b) {
  int n = b->n_values;
  for (int k = 0; k < n; k++) {
    if (!is_elem(&b->values[k]) || b->values[k].pin != NV_PIN_VARIABLE || in_place(b, &b->values[k])) continue;
    int copy = detach(b, k), *member = nv_pool_alloc(&b->temp, sizeof *member);
    if (copy < 0 || !member) return NV_ERR_MEMORY;
    *member = copy;
    b->values[copy].unit = b->n_units;
    nv_unit *u = new_unit(b);
    u->members = member, u->n_members = 1, u->phase = 2;
  }
  return NV_OK;
}

nv_status nv_fuse(nv_builder *b) {
  int n = b->n_values, last = 0;
  find_late(b);
  for (int k = 0; k < n; k++)
    if (b->values[k].pin == NV_PIN_VARIABLE && !b->values[k].late && detach(b, k) < 0) return NV_ERR_MEMORY;
  number(b, false, 0);
  for (int k = 0; k < b->n_values; k++)
    if (is_made(&b->values[k]) && !b->values[k].late && b->values[k].stage > last) last = b->values[k].stage;
  number(b, true, last + 2); /* above any op's result */
  sink(b);
  NV_TRY(make_units(b));
  NV_TRY(attach(b));
  NV_TRY(protect(b));
  for (int k = 0; k < b->n_values; k++) {
    nv_value *v = &b->values[k];
    v->stored = is_made(v) && v->pin != NV_PIN_NONE;
    for (int j = 0; j < v->n_uses && is_made(v); j++) v->stored |= b->values[v->uses[j].by].unit != v->unit;
  }
  return NV_OK;
}
