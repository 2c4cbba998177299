/* expr.c: a fused chain of elementwise nodes, run block by block so that everything between its first read and its last
 * write stays in L1.
 *
 * A program's space, with neighbouring dimensions merged wherever all operands allow, is [rows, cols]. Operands that
 * are contiguous are used where they lie; a row that is repeated (a bias) is used in place where blocks are parts of a
 * row and laid out once, repeated, where blocks hold several rows; a scalar is spread over one block, once a run, a
 * constant once a plan; the rest is gathered block by block. The order of blocks and their size change no bit. */
#include "graph/plan.h"

#include <string.h>

#define SLOTS 256
#define L1_BYTES (24u << 10) /* of 32 or 48 KiB: kernels and stacks want some too */
#define BLOCK_LEAST 128
#define BLOCK_MOST 2048

typedef enum slot_kind {
  SLOT_REGISTER, /* in scratch */
  SLOT_CONSTANT, /* spread at plan time */
  SLOT_SCALAR,   /* a register, filled by nv_expr_begin */
  SLOT_WHOLE,    /* ptr[ptr] */
  SLOT_FULL,     /* ptr[ptr] + linear index */
  SLOT_ROW,      /* one row for all rows: ptr[ptr] + column; or a register with copies of it */
  SLOT_GATHER,   /* a register, filled for each block */
} slot_kind;

typedef struct slot {
  uint8_t kind, ptr, size; /* size of an item */
  size_t at;               /* registers: byte offset in the program's scratch */
  const void *data;        /* constants */
  const int64_t *strides;  /* SLOT_GATHER: over the merged shape */
} slot;

typedef void (*chain_fn)(void *const *at, int64_t n);

typedef struct step {
  nv_block_fn fn;
  const void *params;
  chain_fn chain; /* takes the place of fn, on the slots at[..] */
  const uint8_t *at;
  uint8_t out, in[3], n_at;
} step;

struct nv_expr {
  int ndim;
  int64_t shape[NV_MAX_DIMS]; /* merged */
  int64_t total, cols;        /* cols = shape[ndim - 1] */
  int64_t last;               /* nv_expr_tile's columns */
  int64_t rows;               /* shares of the instruction */
  int64_t block;              /* elements, most */
  int64_t block_rows;         /* >= 1 where blocks hold whole rows; 0 where they are parts of a row */
  int64_t segment;            /* block_rows == 0: elements of a part */
  int n_slots, n_steps;
  int n_ops; /* an element: steps may hold several */
  int n_full;
  uint8_t full[NV_MAX_OPERANDS * 2]; /* slots that move with the block */
  slot *slots;
  step *steps;
  bool gathers;
  size_t scratch_at, scratch;
  double cost;
  char *names;
};

size_t nv_expr_scratch(const nv_expr *e) { return e->scratch; }
double nv_expr_cost(const nv_expr *e) { return e->cost; }
double nv_expr_flops(const nv_expr *e) { return (double)e->n_ops * (double)e->total; }
const char *nv_expr_names(const nv_expr *e) { return e->names; }

/* ---- building ---- */

typedef struct shape_of {
  int ndim;
  int64_t shape[NV_MAX_DIMS];
  int64_t (*strides)[NV_MAX_DIMS]; /* of inputs */
} shape_of;

/* Drops extents of 1 and merges dimensions d, d + 1 where every input steps over both as over one. */
static void merge(const nv_expr_spec *spec, shape_of *m) {
  m->ndim = 0;
  for (int d = 0; d < spec->ndim; d++) {
    if (spec->shape[d] == 1) continue;
    int last = m->ndim - 1;
    bool joins = last >= 0;
    for (int v = 0; v < spec->n_values && joins; v++)
      if (spec->value[v].kind == NV_EXPR_INPUT)
        joins = m->strides[v][last] == spec->value[v].strides[d] * spec->shape[d];
    int to = joins ? last : m->ndim++;
    m->shape[to] = joins ? m->shape[to] * spec->shape[d] : spec->shape[d];
    for (int v = 0; v < spec->n_values; v++)
      if (spec->value[v].kind == NV_EXPR_INPUT) m->strides[v][to] = spec->value[v].strides[d];
  }
  if (m->ndim == 0) {
    m->ndim = 1, m->shape[0] = 1;
    for (int v = 0; v < spec->n_values; v++) m->strides[v][0] = 0;
  }
}

static slot_kind classify(const nv_expr *e, const int64_t *strides) {
  bool zero = true, full = true, row = strides[e->ndim - 1] == 1 && e->ndim > 1;
  int64_t expect = 1;
  for (int d = e->ndim - 1; d >= 0; d--) {
    zero &= strides[d] == 0;
    full &= strides[d] == expect;
    row &= d == e->ndim - 1 || strides[d] == 0;
    expect *= e->shape[d];
  }
  if (e->total == 1) return SLOT_FULL;
  return full ? SLOT_FULL : zero ? SLOT_SCALAR : row ? SLOT_ROW : SLOT_GATHER;
}

static void fill(void *to, const void *item, int size, int64_t n) {
  if (size == 4) {
    uint32_t x, *p = to;
    memcpy(&x, item, 4);
    for (int64_t k = 0; k < n; k++) p[k] = x;
  } else if (size == 8) {
    uint64_t x, *p = to;
    memcpy(&x, item, 8);
    for (int64_t k = 0; k < n; k++) p[k] = x;
  } else
    memset(to, *(const uint8_t *)item, (size_t)n);
}

/* A block is as large as keeps all slots in L1, then cut to rows or to equal parts of a row. */
static void choose_block(nv_expr *e, size_t bytes_an_element, bool flat) {
  int64_t most = (int64_t)(L1_BYTES / (bytes_an_element ? bytes_an_element : 1)) / 64 * 64;
  most = most < BLOCK_LEAST ? BLOCK_LEAST : most > BLOCK_MOST ? BLOCK_MOST : most;
  e->cols = flat ? e->total : e->shape[e->ndim - 1];
  if (e->total == 0) { /* an epilogue of an empty op: never run */
    e->cols = e->block_rows = e->block = 1;
    return;
  }
  if (e->cols <= most) {
    int64_t n_rows = e->total / e->cols;
    e->block_rows = most / e->cols < n_rows ? most / e->cols : n_rows;
    e->block = e->block_rows * e->cols;
  } else {
    int64_t parts = (e->cols + most - 1) / most;
    e->block = e->segment = (e->cols + parts * 64 - 1) / (parts * 64) * 64;
  }
}

/* Steps that one kernel does (chain.c): all up to its last, whose results nothing else needs. */
typedef struct piece {
  const nv_chain *chain; /* at the last step; NULL elsewhere */
  int leaves[NV_CHAIN_LEAVES + NV_MAX_OPERANDS], n_leaves;
  bool member; /* of a piece: no step of its own */
} piece;

typedef struct building {
  const nv_expr_spec *spec;
  nv_expr *e;
  piece *pieces; /* one a value, if any */
  int slot_of[NV_EXPR_VALUES];
  int last_use[NV_EXPR_VALUES]; /* last step that reads the value; n_values: needed to the end */
  int store_of[NV_EXPR_VALUES]; /* the store that takes the value straight from its step, or -1 */
  bool busy[SLOTS];             /* registers holding a live value */
} building;

static int add_slot(building *w, slot s) {
  w->e->slots[w->e->n_slots] = s;
  return w->e->n_slots++;
}

static int take_register(building *w, int size) {
  for (int k = 0; k < w->e->n_slots; k++)
    if (w->e->slots[k].kind == SLOT_REGISTER && w->e->slots[k].size == size && !w->busy[k]) {
      w->busy[k] = true;
      return k;
    }
  int k = add_slot(w, (slot){.kind = SLOT_REGISTER, .size = (uint8_t)size});
  w->busy[k] = true;
  return k;
}

/* What step v reads. */
static const int *inputs_of(const building *w, int v, int *n) {
  const piece *p = w->pieces ? &w->pieces[v] : NULL;
  *n = p && p->chain ? p->n_leaves : w->spec->value[v].n_in;
  return p && p->chain ? p->leaves : w->spec->value[v].in;
}

/* Uses and destinations. A step writes straight to memory unless that memory is also an input which a later step reads;
 * then it goes to a register, and is copied when all is done. */
static void plan_stores(building *w) {
  const nv_expr_spec *s = w->spec;
  for (int v = 0; v < s->n_values; v++) w->last_use[v] = w->store_of[v] = -1;
  for (int v = 0; v < s->n_values; v++)
    if (s->value[v].kind == NV_EXPR_STEP) {
      int n;
      const int *in = inputs_of(w, v, &n);
      for (int k = 0; k < n; k++) w->last_use[in[k]] = v;
    }
  for (int j = 0; j < s->n_stores; j++) {
    int v = s->store[j].value, alias = s->store[j].alias;
    if (w->store_of[v] < 0 && (alias < 0 || w->last_use[alias] <= v))
      w->store_of[v] = j;
    else
      w->last_use[v] = s->n_values;
  }
}

static nv_status place_inputs(building *w, nv_builder *b, const shape_of *m) {
  const nv_expr_spec *s = w->spec;
  nv_expr *e = w->e;
  for (int v = 0; v < s->n_values; v++) {
    const nv_expr_value *x = &s->value[v];
    int size = (int)nv_dtype_size(x->dtype);
    slot t = {.ptr = (uint8_t)x->ptr, .size = (uint8_t)size};
    if (x->kind == NV_EXPR_STEP || x->kind == NV_EXPR_PAIRED) continue;
    if (x->kind == NV_EXPR_WHOLE) t.kind = SLOT_WHOLE;
    if (x->kind == NV_EXPR_CONSTANT) {
      void *data = nv_builder_alloc(b, (size_t)e->block * (size_t)size);
      if (!data) return NV_ERR_MEMORY;
      fill(data, &x->bits, size, e->block);
      t.kind = SLOT_CONSTANT, t.data = data;
    }
    if (x->kind == NV_EXPR_INPUT) {
      t.kind = (uint8_t)classify(e, m->strides[v]);
      if (t.kind == SLOT_GATHER) {
        int64_t *strides = nv_builder_alloc(b, (size_t)e->ndim * sizeof *strides);
        if (!strides) return NV_ERR_MEMORY;
        memcpy(strides, m->strides[v], (size_t)e->ndim * sizeof *strides);
        t.strides = strides, e->gathers = true;
      }
    }
    w->slot_of[v] = add_slot(w, t);
    if (t.kind == SLOT_FULL) e->full[e->n_full++] = (uint8_t)w->slot_of[v];
  }
  return NV_OK;
}

static int store_slot(building *w, int j) {
  const nv_expr_store *t = &w->spec->store[j];
  int size = (int)nv_dtype_size(w->spec->value[t->value].dtype);
  int k = add_slot(w, (slot){.kind = SLOT_FULL, .ptr = (uint8_t)t->ptr, .size = (uint8_t)size});
  w->e->full[w->e->n_full++] = (uint8_t)k;
  return k;
}

static nv_status place_steps(building *w, nv_builder *b) {
  const nv_expr_spec *s = w->spec;
  nv_expr *e = w->e;
  for (int v = 0; v < s->n_values; v++) {
    const nv_expr_value *x = &s->value[v];
    if (x->kind != NV_EXPR_STEP) continue;
    step *t = &e->steps[e->n_steps++];
    int n;
    const int *in = inputs_of(w, v, &n);
    const nv_chain *chain = w->pieces ? w->pieces[v].chain : NULL;
    *t = (step){.fn = x->fn, .params = x->params};
    uint8_t *at = chain ? nv_builder_alloc(b, (size_t)n + 1) : t->in;
    if (!at) return NV_ERR_MEMORY;
    for (int k = 0; k < n; k++) at[k] = (uint8_t)w->slot_of[in[k]];
    /* Freed before the result is placed: a kernel may write over an input of the same size. */
    for (int k = 0; k < n; k++)
      if (w->last_use[in[k]] == v) w->busy[at[k]] = false;
    w->slot_of[v] =
        w->store_of[v] >= 0 ? store_slot(w, w->store_of[v]) : take_register(w, (int)nv_dtype_size(x->dtype));
    t->out = (uint8_t)w->slot_of[v];
    if (chain) at[n] = t->out, t->chain = chain->run[x->dtype], t->at = at, t->n_at = (uint8_t)(n + 1);
    if (w->last_use[v] < 0) w->busy[t->out] = false;
  }
  for (int j = 0; j < s->n_stores; j++) {
    int v = s->store[j].value;
    if (w->store_of[v] == j) continue;
    step *t = &e->steps[e->n_steps++];
    *t = (step){.fn = nv_k->block[NV_BLOCK_copy][s->value[v].dtype], .in = {(uint8_t)w->slot_of[v]}};
    t->out = (uint8_t)store_slot(w, j);
  }
  return NV_OK;
}

/* ns: the steps' work, and the traffic where operands are too large for the cache. */
static double estimate(const nv_expr_spec *s, const nv_expr *e) {
  double element = 0, n = (double)e->total;
  for (int v = 0; v < s->n_values; v++) {
    if (s->value[v].kind == NV_EXPR_STEP) element += s->value[v].cost;
    if (s->value[v].kind == NV_EXPR_INPUT) element += 0.01 * (double)nv_dtype_size(s->value[v].dtype);
  }
  for (int j = 0; j < s->n_stores; j++) element += 0.02 * (double)nv_dtype_size(s->value[s->store[j].value].dtype);
  if (n * 4 > (1 << 20)) element *= 2;
  return 30 + element * n + (double)e->n_steps * 6 * (n / (double)e->block + 1);
}

/* What people read: the name of the kernel that does the step, NULL where another names it. */
static const char *name_of(const building *w, int v) {
  const nv_expr_value *x = &w->spec->value[v];
  const piece *p = w->pieces ? &w->pieces[v] : NULL;
  if (p && p->member) return p->chain ? p->chain->name : NULL;
  return x->kind == NV_EXPR_STEP || x->kind == NV_EXPR_PAIRED ? x->name : NULL;
}

static nv_status name_steps(nv_builder *b, const building *w, const nv_chain *chain) {
  size_t bytes = chain ? strlen(chain->name) + 1 : 1, at = 0;
  int n = chain ? 0 : w->spec->n_values;
  for (int v = 0; v < n; v++)
    if (name_of(w, v)) bytes += strlen(name_of(w, v)) + 1;
  if (!(w->e->names = nv_builder_alloc(b, bytes))) return NV_ERR_MEMORY;
  if (chain) memcpy(w->e->names, chain->name, bytes);
  for (int v = 0; v < n; v++) {
    const char *name = name_of(w, v);
    if (!name) continue;
    if (at) w->e->names[at++] = ' ';
    memcpy(w->e->names + at, name, strlen(name));
    at += strlen(name);
  }
  return NV_OK;
}

/* The whole program is one kernel's work: the pointers it takes, leaves first. */
static nv_status place_chain(building *w, nv_builder *b, const nv_chain *chain, const int *leaves) {
  const nv_expr_spec *s = w->spec;
  step *t = &w->e->steps[w->e->n_steps++];
  int n = 0;
  for (int v = 0; v < s->n_values; v++) n += s->value[v].kind != NV_EXPR_STEP;
  uint8_t *at = nv_builder_alloc(b, (size_t)(n + s->n_stores));
  if (!at) return NV_ERR_MEMORY;
  *t = (step){.chain = chain->run[s->value[0].dtype], .at = at, .n_at = (uint8_t)(n + s->n_stores)};
  for (int k = 0; k < n; k++) at[k] = (uint8_t)w->slot_of[leaves[k]];
  for (int k = 0; k < s->n_stores; k++)
    for (int j = 0; j < s->n_stores; j++)
      if (s->store[j].value == leaves[n + k]) at[n + k] = (uint8_t)store_slot(w, j);
  return NV_OK;
}

/* ---- pieces ---- */

#define PIECE_LEAST 3 /* steps; pairs are made of two */

typedef struct cutting {
  const nv_expr_spec *spec;
  nv_expr_spec *part; /* the expression below a step, down to what others need as well */
  const piece *pieces;
  const bool *uniform;
  const int *uses;
  int n_steps, from[NV_EXPR_VALUES]; /* values of the whole */
  bool uniform_part[NV_EXPR_VALUES];
} cutting;

/* Adds value v to the part, with what is below it if v is the part's alone; returns its number there, or -1. */
static int add_to_part(cutting *c, int v, bool top) {
  const nv_expr_value *x = &c->spec->value[v];
  nv_expr_value y = *x;
  bool alone = x->kind == NV_EXPR_STEP && nv_expr_op(x) != NV_BLOCK_COUNT && x->n_in > 0 && !c->pieces[v].member;
  if (top || (alone && c->uses[v] == 1)) {
    c->n_steps++;
    for (int k = 0; k < x->n_in; k++)
      if ((y.in[k] = add_to_part(c, x->in[k], false)) < 0) return -1;
  } else {
    for (int k = 0; k < c->part->n_values; k++)
      if (c->from[k] == v) return k;
    if (y.kind == NV_EXPR_STEP) y.kind = NV_EXPR_INPUT;
  }
  if (c->part->n_values == 2 * NV_CHAIN_LEAVES) return -1;
  c->from[c->part->n_values] = v, c->uniform_part[c->part->n_values] = c->uniform[v];
  c->part->value[c->part->n_values] = y;
  return c->part->n_values++;
}

static void join_members(cutting *c, piece *pieces) {
  for (int k = 0; k < c->part->n_values; k++)
    if (c->part->value[k].kind == NV_EXPR_STEP) pieces[c->from[k]].member = true;
}

/* Finds the steps that kernels of chain.c do together, the last ones first, and joins pairs of the others. */
static nv_status find_pieces(building *w, nv_builder *b, nv_expr_spec *s, const bool *uniform) {
  int uses[NV_EXPR_VALUES] = {0}, n_pieces = 0;
  cutting *c = nv_pool_alloc(&b->temp, sizeof *c);
  if (!c || !(c->part = nv_pool_alloc(&b->temp, sizeof *c->part)) ||
      !(w->pieces = nv_pool_alloc(&b->temp, (size_t)s->n_values * sizeof *w->pieces)))
    return NV_ERR_MEMORY;
  for (int v = 0; v < s->n_values; v++)
    for (int k = 0; k < s->value[v].n_in && s->value[v].kind == NV_EXPR_STEP; k++) uses[s->value[v].in[k]]++;
  for (int k = 0; k < s->n_stores; k++) uses[s->store[k].value] += 2; /* others need it */
  for (int v = s->n_values - 1; v >= 0; v--) {
    piece *p = &w->pieces[v];
    if (s->value[v].kind != NV_EXPR_STEP || s->value[v].dtype > NV_F64 || s->value[v].n_in == 0 || p->member) continue;
    c->spec = s, c->pieces = w->pieces, c->uniform = uniform, c->uses = uses, c->n_steps = 0;
    c->part->n_values = 0;
    int top = add_to_part(c, v, true);
    if (top < 0 || c->n_steps < PIECE_LEAST) continue;
    c->part->n_stores = 1, c->part->store[0] = (nv_expr_store){.value = top, .alias = -1};
    const nv_chain *chain = nv_expr_chain(c->part, c->uniform_part, p->leaves);
    if (!chain) continue;
    for (int k = 0; k < c->part->n_values; k++) p->n_leaves += c->part->value[k].kind != NV_EXPR_STEP;
    for (int k = 0; k < p->n_leaves; k++) p->leaves[k] = c->from[p->leaves[k]];
    p->chain = chain, n_pieces++;
    join_members(c, w->pieces);
  }
  for (int v = 0; v < s->n_values; v++)
    if (w->pieces[v].member) s->value[v].fn = NULL; /* so that no pair takes it */
  nv_expr_pair(s);
  for (int v = 0; v < s->n_values; v++)
    if (w->pieces[v].member && !w->pieces[v].chain) s->value[v].kind = NV_EXPR_PAIRED;
  return NV_OK;
}

nv_status nv_expr_new(nv_builder *b, nv_expr_spec *s, size_t scratch_at, nv_expr **out) {
  nv_expr *e = nv_builder_alloc(b, sizeof *e);
  shape_of *m = nv_pool_alloc(&b->temp, sizeof *m);
  building *w = nv_pool_alloc(&b->temp, sizeof *w);
  if (!e || !m || !w || !(m->strides = nv_pool_alloc(&b->temp, (size_t)s->n_values * sizeof *m->strides)))
    return NV_ERR_MEMORY;
  merge(s, m);
  e->ndim = m->ndim, e->total = 1, e->rows = s->rows, e->scratch_at = scratch_at;
  e->last = s->last;
  bool flat = true, uniform[NV_EXPR_VALUES] = {false};
  int leaves[NV_CHAIN_LEAVES + NV_MAX_OPERANDS];
  size_t bytes = 0;
  for (int d = 0; d < m->ndim; d++) e->total *= e->shape[d] = m->shape[d];
  int max_slots = s->n_values + s->n_stores, max_steps = s->n_stores + 1;
  for (int v = 0; v < s->n_values; v++) {
    if (s->value[v].kind == NV_EXPR_STEP) max_steps++, e->n_ops++;
    uniform[v] = s->value[v].kind == NV_EXPR_CONSTANT;
    if (s->value[v].kind != NV_EXPR_INPUT) continue;
    slot_kind kind = classify(e, m->strides[v]);
    flat &= kind == SLOT_FULL || kind == SLOT_SCALAR;
    uniform[v] = kind == SLOT_SCALAR;
  }
  const nv_chain *chain = nv_expr_chain(s, uniform, leaves);
  *w = (building){.spec = s, .e = e};
  if (!chain) NV_TRY(find_pieces(w, b, s, uniform));
  for (int v = 0; v < s->n_values; v++)
    if (s->value[v].kind != NV_EXPR_PAIRED) bytes += nv_dtype_size(s->value[v].dtype);
  if (max_slots > SLOTS - 1) return nv_fail(NV_ERR_INTERNAL, "an elementwise program has too many values");
  e->slots = nv_builder_alloc(b, (size_t)max_slots * sizeof *e->slots);
  e->steps = nv_builder_alloc(b, (size_t)max_steps * sizeof *e->steps);
  if (!e->slots || !e->steps) return NV_ERR_MEMORY;
  /* Steps share registers: about half of them live at a time is a fair guess for the choice of the block. */
  choose_block(e, bytes > 64 ? 32 + bytes / 2 : bytes, flat);
  plan_stores(w);
  NV_TRY(place_inputs(w, b, m));
  NV_TRY(chain ? place_chain(w, b, chain, leaves) : place_steps(w, b));
  size_t at = (sizeof(void *) * (size_t)e->n_slots + 63) / 64 * 64;
  for (int k = 0; k < e->n_slots; k++) {
    slot *t = &e->slots[k];
    bool in_scratch = t->kind == SLOT_REGISTER || t->kind == SLOT_SCALAR || t->kind == SLOT_GATHER ||
                      (t->kind == SLOT_ROW && e->block_rows > 1);
    if (!in_scratch) continue;
    t->at = at;
    at += ((size_t)e->block * t->size + 63) / 64 * 64;
  }
  e->scratch = at;
  NV_TRY(name_steps(b, w, chain));
  e->cost = estimate(s, e);
  *out = e;
  return NV_OK;
}

/* ---- running ---- */

static inline char **table_of(const nv_expr *e, const nv_ctx *ctx) {
  return (char **)(void *)((char *)ctx->scratch + e->scratch_at);
}

/* Element offset of row `r` (of the merged space's outer dimensions) in an operand. */
static int64_t row_offset(const nv_expr *e, const int64_t *strides, int64_t r) {
  int64_t offset = 0;
  for (int d = e->ndim - 2; d > 0; d--) {
    offset += r % e->shape[d] * strides[d];
    r /= e->shape[d];
  }
  return e->ndim > 1 ? offset + r * strides[0] : 0;
}

/* Copies of `row`, one after the other, by doubling. */
static void repeat(char *to, const void *row, size_t bytes, size_t total) {
  memcpy(to, row, bytes);
  for (size_t done = bytes; done < total; done += bytes) {
    bytes = total - done < done ? total - done : done;
    memcpy(to + done, to, bytes);
  }
}

void nv_expr_begin(const nv_expr *e, nv_ctx *ctx, void *const *ptr) {
  char **p = table_of(e, ctx), *base = (char *)(void *)p;
  for (int k = 0; k < e->n_slots; k++) {
    const slot *s = &e->slots[k];
    switch ((slot_kind)s->kind) {
    case SLOT_CONSTANT:
      memcpy(&p[k], &s->data, sizeof p[k]);
      break;
    case SLOT_WHOLE:
      p[k] = ptr[s->ptr];
      break;
    case SLOT_SCALAR:
      p[k] = base + s->at;
      fill(p[k], ptr[s->ptr], s->size, e->block);
      break;
    case SLOT_ROW:
      if (e->block_rows <= 1) break;
      p[k] = base + s->at;
      repeat(p[k], ptr[s->ptr], (size_t)(e->cols * s->size), (size_t)(e->block * s->size));
      break;
    case SLOT_REGISTER:
    case SLOT_GATHER:
      p[k] = base + s->at;
      break;
    case SLOT_FULL:
      break;
    }
  }
}

static void gather(const nv_expr *e, const slot *s, const char *from, char *to, int64_t row, int64_t col,
                   int64_t n_rows, int64_t width) {
  int64_t inner = s->strides[e->ndim - 1], size = s->size;
  for (int64_t r = row; r < row + n_rows; r++, to += width * size) {
    const char *x = from + (row_offset(e, s->strides, r) + col * inner) * size;
    if (inner == 1)
      memcpy(to, x, (size_t)(width * size));
    else if (inner == 0)
      fill(to, x, (int)size, width);
    else if (size == 4)
      for (int64_t k = 0; k < width; k++) memcpy(to + 4 * k, x + 4 * k * inner, 4);
    else if (size == 8)
      for (int64_t k = 0; k < width; k++) memcpy(to + 8 * k, x + 8 * k * inner, 8);
    else
      for (int64_t k = 0; k < width; k++) to[k] = x[k * inner];
  }
}

/* n_rows > 1: whole rows from `row`; else `width` elements of one row from `col`. */
static inline void do_block(const nv_expr *e, char **p, void *const *ptr, int64_t row, int64_t col, int64_t n_rows,
                            int64_t width, bool flat) {
  int64_t index = row * e->cols + col, n = n_rows * width;
  for (int k = 0; k < e->n_full; k++) {
    const slot *s = &e->slots[e->full[k]];
    p[e->full[k]] = (char *)ptr[s->ptr] + index * s->size;
  }
  if (!flat)
    for (int k = 0; k < e->n_slots; k++) {
      const slot *s = &e->slots[k];
      if (s->kind == SLOT_ROW) {
        bool repeated = e->block_rows > 1 && width == e->cols;
        p[k] = repeated ? (char *)(void *)p + s->at : (char *)ptr[s->ptr] + col * s->size;
      } else if (s->kind == SLOT_GATHER)
        gather(e, s, ptr[s->ptr], (char *)(void *)p + s->at, row, col, n_rows, width);
    }
  for (const step *s = e->steps, *end = s + e->n_steps; s < end; s++) {
    if (s->chain) {
      void *at[NV_CHAIN_LEAVES + NV_MAX_OPERANDS];
      for (int k = 0; k < s->n_at; k++) at[k] = p[s->at[k]];
      s->chain(at, n);
      continue;
    }
    nv_block b = {
        .out = p[s->out], .in = {p[s->in[0]], p[s->in[1]], p[s->in[2]]}, .n = n, .index = index, .params = s->params};
    s->fn(&b);
  }
}

/* Part of one row: [col, col + n) of `row`. */
static void do_part(const nv_expr *e, char **p, void *const *ptr, int64_t row, int64_t col, int64_t n) {
  int64_t most = e->block_rows ? e->cols : e->segment;
  for (int64_t c = 0; c < n; c += most) do_block(e, p, ptr, row, col + c, 1, n - c < most ? n - c : most, false);
}

/* Elements [lo, hi) of the space. */
static void do_range(const nv_expr *e, char **p, void *const *ptr, int64_t lo, int64_t hi) {
  if (lo >= hi) return;
  if (e->cols == e->total && !e->gathers) { /* no rows to mind */
    for (int64_t i = lo; i < hi; i += e->block)
      do_block(e, p, ptr, 0, i, 1, hi - i < e->block ? hi - i : e->block, true);
    return;
  }
  int64_t row = lo / e->cols, col = lo % e->cols;
  if (col) {
    int64_t n = e->cols - col < hi - lo ? e->cols - col : hi - lo;
    do_part(e, p, ptr, row, col, n);
    lo += n, row++;
  }
  int64_t rows_end = hi / e->cols;
  if (e->block_rows)
    for (int64_t k; row < rows_end; row += k) {
      k = rows_end - row < e->block_rows ? rows_end - row : e->block_rows;
      do_block(e, p, ptr, row, 0, k, e->cols, false);
    }
  else
    for (; row < rows_end; row++) do_part(e, p, ptr, row, 0, e->cols);
  if (rows_end * e->cols >= lo && hi > rows_end * e->cols) do_part(e, p, ptr, rows_end, 0, hi - rows_end * e->cols);
}

nv_status nv_expr_run(nv_ctx *ctx, const nv_instr *instr, void *const *ptr) {
  const nv_expr *e = instr->params;
  int64_t lo, hi;
  nv_share(ctx, e->rows, &lo, &hi);
  if (lo == hi) return NV_OK;
  nv_expr_begin(e, ctx, ptr);
  int64_t size = e->total / e->rows, most = size < NV_POLL_ITEMS ? NV_POLL_ITEMS / size : 1;
  do {
    int64_t rows = hi - lo < most ? hi - lo : most;
    do_range(e, table_of(e, ctx), ptr, lo * size, (lo + rows) * size);
    lo += rows;
  } while (lo < hi && !nv_poll_now(ctx));
  return NV_OK;
}

void nv_expr_tile(const nv_expr *e, nv_ctx *ctx, void *const *ptr, int64_t r0, int64_t r1, int64_t c0, int64_t c1) {
  char **p = table_of(e, ctx);
  if (c0 == 0 && c1 == e->last) {
    do_range(e, p, ptr, r0 * e->last, r1 * e->last);
    return;
  }
  for (int64_t r = r0; r < r1; r++) do_range(e, p, ptr, r * e->last + c0, r * e->last + c1);
}
