/* node.c: graphs and their nodes: typed when built, interned (the same computation is the same node), never changed. */
#include "graph/op.h"

#include <stdatomic.h>
#include <string.h>

struct nv_named {
  const char *name;
  nv_node *node;
  struct nv_named *next;
};

/* ---- ops by name: open addressing, filled when the graph is made ---- */

static unsigned slot_of(const char *name) {
  uint32_t h = 2166136261u; /* FNV-1a */
  for (; *name; name++) h = (h ^ (uint8_t)*name) * 16777619u;
  return h % NV_OP_SLOTS;
}

static nv_status index_ops(nv_graph *g) {
  if (g->ops->n > NV_OP_SLOTS / 2) return nv_fail(NV_ERR_INTERNAL, "the op table has outgrown NV_OP_SLOTS");
  for (int k = 0; k < g->ops->n; k++) {
    unsigned s = slot_of(g->ops->rows[k]->name);
    while (g->op_slots[s]) s = (s + 1) % NV_OP_SLOTS;
    g->op_slots[s] = g->ops->rows[k];
  }
  return NV_OK;
}

const nv_op *nv_op_find(const nv_graph *g, const char *name) {
  unsigned s = slot_of(name);
  while (g->op_slots[s] && strcmp(g->op_slots[s]->name, name) != 0) s = (s + 1) % NV_OP_SLOTS;
  return g->op_slots[s];
}

nv_status nv_graph_new_with(const nv_op_table *table, nv_graph **out) {
  nv_graph *g = nv_calloc(sizeof *g);
  if (!g) return NV_ERR_MEMORY;
  *g = (nv_graph){.refs = 1, .ops = table, .n_buckets = 256};
  nv_status status = index_ops(g);
  if (status == NV_OK && !(g->buckets = nv_calloc((size_t)g->n_buckets * sizeof *g->buckets))) status = NV_ERR_MEMORY;
  if (status == NV_OK)
    *out = g;
  else
    nv_graph_release(g);
  return status;
}

nv_graph *nv_graph_retain(nv_graph *g) {
  __atomic_add_fetch(&g->refs, 1, __ATOMIC_RELAXED);
  return g;
}

void nv_graph_release(nv_graph *g) {
  if (!g || __atomic_sub_fetch(&g->refs, 1, __ATOMIC_ACQ_REL) != 0) return;
  for (int64_t k = 0; k < g->n_nodes; k++)
    if (g->nodes[k]->flags & NV_NODE_VARIABLE) nv_variable_release(nv_node_variable(g->nodes[k]));
  nv_free(g->nodes);
  nv_free(g->buckets);
  nv_pool_free(&g->pool);
  nv_free(g);
}

nv_variable *nv_node_variable(const nv_node *n) { return n->flags & NV_NODE_VARIABLE ? n->data : NULL; }

/* ---- interning ---- */

static uint64_t mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9E3779B97F4A7C15u;
  return h ^ h >> 29;
}

static uint64_t hash_of(const nv_node *n) {
  uint64_t h = mix((uintptr_t)n->op, (uintptr_t)n->data), f[2];
  memcpy(f, n->attrs.f, sizeof f);
  h = mix(mix(mix(h, f[0]), f[1]), (uint64_t)n->attrs.dtype);
  for (int k = 0; k < n->attrs.n_i; k++) h = mix(h, (uint64_t)n->attrs.i[k]);
  for (int k = 0; k < n->n_in; k++) h = mix(h, (uint64_t)n->in[k]->id);
  return h;
}

static bool same(const nv_node *a, const nv_node *b) {
  return a->hash == b->hash && a->op == b->op && a->data == b->data && a->n_in == b->n_in &&
         a->attrs.n_i == b->attrs.n_i && a->attrs.dtype == b->attrs.dtype &&
         memcmp(a->attrs.f, b->attrs.f, sizeof a->attrs.f) == 0 &&
         (a->n_in == 0 || memcmp(a->in, b->in, (size_t)a->n_in * sizeof *a->in) == 0) &&
         (a->attrs.n_i == 0 || memcmp(a->attrs.i, b->attrs.i, (size_t)a->attrs.n_i * sizeof *a->attrs.i) == 0);
}

static nv_node *interned(const nv_graph *g, const nv_node *n) {
  nv_node *c = g->buckets[n->hash % (uint64_t)g->n_buckets];
  while (c && !same(c, n)) c = c->chain;
  return c;
}

static nv_status grow(nv_graph *g) {
  if (g->n_nodes == g->cap_nodes) {
    int64_t cap = g->cap_nodes ? 2 * g->cap_nodes : 256;
    nv_node **nodes = nv_alloc((size_t)cap * sizeof *nodes);
    if (!nodes) return NV_ERR_MEMORY;
    if (g->n_nodes) memcpy(nodes, g->nodes, (size_t)g->n_nodes * sizeof *nodes);
    nv_free(g->nodes);
    g->nodes = nodes, g->cap_nodes = cap;
  }
  if (g->n_nodes > 2 * g->n_buckets) {
    int64_t n_buckets = 4 * g->n_buckets;
    nv_node **buckets = nv_calloc((size_t)n_buckets * sizeof *buckets);
    if (!buckets) return NV_ERR_MEMORY;
    for (int64_t k = 0; k < g->n_nodes; k++) {
      nv_node *n = g->nodes[k], **head = &buckets[n->hash % (uint64_t)n_buckets];
      n->chain = *head, *head = n;
    }
    nv_free(g->buckets);
    g->buckets = buckets, g->n_buckets = n_buckets;
  }
  return NV_OK;
}

/* Copies `draft` (typed, hashed) into the graph as its newest node. */
static nv_status intern(nv_graph *g, const nv_node *draft, nv_node **out) {
  NV_TRY(grow(g));
  size_t in_bytes = (size_t)draft->n_in * sizeof *draft->in,
         i_bytes = (size_t)draft->attrs.n_i * sizeof *draft->attrs.i;
  nv_node *n = nv_pool_alloc(&g->pool, sizeof *n + in_bytes + i_bytes);
  if (!n) return NV_ERR_MEMORY;
  *n = *draft;
  n->in = (nv_node **)(n + 1);
  if (in_bytes) memcpy(n->in, draft->in, in_bytes);
  int64_t *i = (int64_t *)((char *)(n + 1) + in_bytes);
  if (i_bytes) memcpy(i, draft->attrs.i, i_bytes);
  n->attrs.i = i;
  nv_node **head = &g->buckets[n->hash % (uint64_t)g->n_buckets];
  n->id = g->n_nodes, n->chain = *head, *head = n;
  g->nodes[g->n_nodes++] = n;
  *out = n;
  return NV_OK;
}

/* ---- building ---- */

static nv_status structural(nv_graph *g, const char *name, nv_node *draft) {
  draft->op = nv_op_find(g, name);
  return draft->op ? NV_OK : nv_fail(NV_ERR_INTERNAL, "the op table has no row '%s'", name);
}

static nv_status check_type(const char *what, const nv_type *t) {
  char text[NV_SHAPE_TEXT];
  if (t->ndim < 0 || t->ndim > NV_MAX_DIMS)
    return nv_fail(NV_ERR_VALUE, "%s: %d dimensions; at most %d are supported", what, t->ndim, NV_MAX_DIMS);
  if ((int)t->dtype < 0 || (int)t->dtype >= NV_GRAPH_DTYPES)
    return nv_fail(NV_ERR_TYPE, "%s: dtype %s is not supported; use float32, float64, int32, int64 or bool", what,
                   (int)t->dtype >= 0 && (int)t->dtype < NV_DTYPE_COUNT ? nv_dtype_name(t->dtype) : "unknown");
  int64_t size = (int64_t)nv_dtype_size(t->dtype);
  for (int k = 0; k < t->ndim; k++)
    if (t->shape[k] < 0) return nv_fail(NV_ERR_VALUE, "%s: negative extent in shape %s", what, nv_shape_text(t, text));
  for (int k = 0; k < t->ndim; k++)
    if (__builtin_mul_overflow(size, t->shape[k] ? t->shape[k] : 1, &size) || size > INT64_MAX / 4)
      return nv_fail(NV_ERR_VALUE, "%s: shape %s is too large", what, nv_shape_text(t, text));
  return NV_OK;
}

nv_status nv_graph_input(nv_graph *g, const nv_type *type, const char *name, nv_node **out) {
  nv_node draft = {.type = *type}, *n;
  NV_TRY(structural(g, "input", &draft));
  NV_TRY(check_type(name ? name : "input", type));
  draft.hash = (uint64_t)g->n_nodes; /* each input is a node of its own: never looked up */
  draft.data = &g->nodes;            /* and never equal to a node built by nv_graph_op */
  NV_TRY(intern(g, &draft, &n));
  if (name) NV_TRY(nv_graph_set_name(g, n, name));
  *out = n;
  return NV_OK;
}

nv_status nv_graph_constant(nv_graph *g, const nv_type *type, const void *data, nv_node **out) {
  nv_node draft = {.type = *type};
  NV_TRY(structural(g, "constant", &draft));
  NV_TRY(check_type("constant", type));
  size_t bytes = (size_t)nv_type_size(type) * nv_dtype_size(type->dtype);
  char *copy = nv_pool_alloc(&g->pool, bytes + 64);
  if (!copy) return NV_ERR_MEMORY;
  copy += 64 - (uintptr_t)copy % 64;
  if (bytes) memcpy(copy, data, bytes);
  draft.data = copy;
  draft.hash = hash_of(&draft);
  return intern(g, &draft, out);
}

nv_status nv_graph_variable(nv_graph *g, nv_variable *v, nv_node **out) {
  nv_node draft = {.type = *nv_variable_type(v), .data = v, .flags = NV_NODE_VARIABLE};
  NV_TRY(structural(g, "variable", &draft));
  draft.hash = hash_of(&draft);
  nv_node *old = interned(g, &draft);
  if (!old) {
    NV_TRY(intern(g, &draft, &old));
    nv_variable_retain(v);
  }
  *out = old;
  return NV_OK;
}

static nv_status make(nv_graph *g, const nv_op *op, nv_node *const *in, int n_in, const nv_attrs *attrs,
                      nv_node **out) {
  nv_node draft = {.op = op, .in = (nv_node **)in, .n_in = n_in}, *simpler = NULL;
  if (attrs) draft.attrs = *attrs;
  draft.hash = hash_of(&draft);
  nv_node *old = interned(g, &draft);
  if (old) {
    *out = old;
    return NV_OK;
  }
  NV_TRY(op->infer(&draft, &draft.type));
  NV_TRY(check_type(op->name, &draft.type));
  draft.id = g->n_nodes;
  if (op->simplify) NV_TRY(op->simplify(g, &draft, &simpler));
  if (simpler) {
    if (simpler->type.dtype != draft.type.dtype || !nv_same_shape(&simpler->type, &draft.type))
      return nv_fail(NV_ERR_INTERNAL, "%s: simplified to another type", op->name);
    *out = simpler;
    return NV_OK;
  }
  return intern(g, &draft, out);
}

nv_status nv_graph_op(nv_graph *g, const char *name, nv_node *const *in, int n_in, const nv_attrs *attrs,
                      nv_node **out) {
  const nv_op *op = nv_op_find(g, name);
  if (!op) return nv_fail(NV_ERR_VALUE, "there is no op called '%s'", name);
  if (!op->infer) return nv_fail(NV_ERR_VALUE, "%s: cannot be applied as an op", name);
  if (n_in < op->min_in || n_in > op->max_in) {
    if (op->min_in == op->max_in) return nv_fail(NV_ERR_VALUE, "%s: takes %d inputs, got %d", name, op->min_in, n_in);
    return nv_fail(NV_ERR_VALUE, "%s: takes %d to %d inputs, got %d", name, op->min_in, op->max_in, n_in);
  }
  return make(g, op, in, n_in, attrs, out);
}

nv_status nv_graph_set_name(nv_graph *g, nv_node *n, const char *name) {
  size_t length = strlen(name) + 1;
  struct nv_named *entry = nv_pool_alloc(&g->pool, sizeof *entry);
  char *copy = entry ? nv_pool_alloc(&g->pool, length) : NULL;
  if (!copy) return NV_ERR_MEMORY;
  memcpy(copy, name, length);
  *entry = (struct nv_named){copy, n, g->names};
  g->names = entry;
  n->name = copy;
  return NV_OK;
}

nv_node *nv_graph_find(nv_graph *g, const char *name) {
  for (const struct nv_named *e = g->names; e; e = e->next)
    if (strcmp(e->name, name) == 0) return e->node;
  return NULL;
}

/* ---- looking at nodes ---- */

const nv_type *nv_node_type(const nv_node *n) { return &n->type; }
const char *nv_node_op(const nv_node *n) { return n->op->name; }
const char *nv_node_name(const nv_node *n) { return n->name; }
int64_t nv_node_id(const nv_node *n) { return n->id; }
nv_attrs nv_node_attrs(const nv_node *n) { return n->attrs; }
int nv_node_inputs(const nv_node *n, nv_node *const **in) {
  *in = n->in;
  return n->n_in;
}
