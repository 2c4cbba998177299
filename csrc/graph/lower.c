/* lower.c: from nodes to values. Views become strides, elementwise nodes block kernels, the others instructions that
 * their rows fill in; a value is copied only where a consumer needs it contiguous and it is not. Then the roots: each
 * is told where it must end up. */
#include "graph/plan.h"

#include <string.h>

void *nv_builder_alloc(nv_builder *b, size_t bytes) { return nv_pool_alloc(&b->plan->keep, bytes); }

/* ---- values ---- */

static int new_value(nv_builder *b, nv_value_kind kind, const nv_node *node, int n_in) {
  if (b->n_values == b->max_values) {
    int most = 2 * b->max_values + 64;
    nv_value *more = nv_pool_alloc(&b->temp, (size_t)most * sizeof *more);
    if (!more) return -1;
    if (b->n_values) memcpy(more, b->values, (size_t)b->n_values * sizeof *more);
    b->values = more, b->max_values = most;
  }
  nv_ref *in = n_in ? nv_pool_alloc(&b->temp, (size_t)n_in * sizeof *in) : NULL;
  if (n_in && !in) return -1;
  nv_value *v = &b->values[b->n_values];
  *v = (nv_value){.kind = kind, .node = node, .n_in = n_in, .in = in, .unit = -1, .slot = -1, .aliases = -1};
  nv_squeeze(&node->type, NULL, v, NULL);
  return b->n_values++;
}

static void see(nv_builder *b, const nv_node *n, int value) {
  nv_ref *r = &b->refs[n->id];
  *r = (nv_ref){.value = value};
  if (b->values[value].kind != NV_VALUE_SCALAR) nv_contiguous(&n->type, r->strides);
}

/* Nanoseconds an element in float32; twice that in float64. Guesses: they weigh work, they decide no result. */
static double cost_of(const nv_node *n) {
  double wide = n->type.dtype == NV_F64 ? 2 : 1;
  switch (n->op->block) {
  case NV_BLOCK_divide:
  case NV_BLOCK_reciprocal:
  case NV_BLOCK_sqrt:
  case NV_BLOCK_rsqrt:
    return 0.15 * wide;
  case NV_BLOCK_exp:
  case NV_BLOCK_log:
  case NV_BLOCK_log2:
  case NV_BLOCK_tanh:
  case NV_BLOCK_sigmoid:
  case NV_BLOCK_random_uniform:
    return 0.5 * wide;
  case NV_BLOCK_iota:
  case NV_BLOCK_floor_divide:
  case NV_BLOCK_mod:
    return 1;
  default:
    break;
  }
  bool plain = n->op->block <= NV_BLOCK_square ||
               (n->op->block >= NV_BLOCK_relu && n->op->block <= NV_BLOCK_multiply) || n->op->block >= NV_BLOCK_maximum;
  return (plain ? 0.05 : 1.0) * wide;
}

/* ---- leaves are made where they are used ---- */

/* An iota seen through broadcasting is an iota of the consumer's space, if one dimension at most walks along it. */
static bool iota_in(const nv_value *leaf, const nv_value *consumer, const nv_ref *r, int64_t *params) {
  const int64_t *own = leaf->params;
  int64_t inner = 1, below = 0;
  bool found = false;
  if (r->offset != 0 || own[0] * own[1] == 0) return false; /* an empty iota */
  params[0] = params[1] = 1, params[2] = own[2];
  for (int d = consumer->ndim - 1; d >= 0; d--) {
    int64_t s = r->strides[d], n = consumer->shape[d];
    if (s == own[0] && n <= own[1] && !found && own[1] > 1)
      found = true, params[0] = inner, params[1] = n;
    else if (s >= 0 && s < own[0])
      below += (n - 1) * s;
    else if (s < 0 || s % (own[0] * own[1]) != 0)
      return false;
    inner *= n;
  }
  return below < own[0];
}

/* What `r`, over the space of a consumer to be, sees there: a leaf becomes one of the consumer's own. */
static nv_status resolve(nv_builder *b, const nv_value *consumer, nv_ref r, nv_ref *out) {
  const nv_value *u = &b->values[r.value];
  int64_t iota[3];
  r.aligned = u->kind != NV_VALUE_SCALAR && nv_ref_aligned(b, consumer, &r);
  bool is_iota = u->leaf && u->node->op->block == NV_BLOCK_iota && iota_in(u, consumer, &r, iota);
  if (u->leaf && (r.aligned || is_iota)) {
    int leaf = r.value, clone = new_value(b, NV_VALUE_ELEM, u->node, u->n_in);
    if (clone < 0) return NV_ERR_MEMORY;
    nv_value *c = &b->values[clone];
    u = &b->values[leaf];
    c->ndim = consumer->ndim, c->count = consumer->count;
    memcpy(c->shape, consumer->shape, sizeof c->shape);
    c->fn = u->fn, c->cost = u->cost, c->leaf = true, c->params = u->params, c->param_bytes = u->param_bytes;
    if (u->n_in) memcpy(c->in, u->in, (size_t)u->n_in * sizeof *c->in);
    if (is_iota) {
      void *params = nv_builder_alloc(b, sizeof iota);
      if (!params) return NV_ERR_MEMORY;
      c->params = memcpy(params, iota, sizeof iota);
    }
    r = (nv_ref){.value = clone, .aligned = true};
    nv_aligned_strides(c, r.strides);
  }
  *out = r;
  return NV_OK;
}

/* An elementwise value for `n`, made by `fn` of `refs` (over n's space). */
static nv_status new_elem(nv_builder *b, const nv_node *n, nv_block_fn fn, const nv_ref *refs, int n_in, int *out) {
  int v = new_value(b, NV_VALUE_ELEM, n, n_in);
  if (v < 0) return NV_ERR_MEMORY;
  b->values[v].fn = fn;
  b->values[v].cost = 0.05;
  b->values[v].copies = fn == nv_k->block[NV_BLOCK_copy][n->type.dtype];
  if (n_in) memcpy(b->values[v].in, refs, (size_t)n_in * sizeof *refs);
  *out = v;
  return NV_OK;
}

/* `from` seen over `to`'s shape, then over its space. */
static nv_ref over(const nv_builder *b, const nv_node *from, const nv_type *to, nv_value *space) {
  const nv_ref *r = &b->refs[from->id];
  nv_ref out = {.value = r->value, .offset = r->offset};
  int64_t strides[NV_MAX_DIMS];
  nv_broadcast_strides(&from->type, r->strides, to, strides);
  nv_squeeze(to, strides, space, out.strides);
  return out;
}

/* What holds n contiguously: its own value, or a copy made for those who need one. */
static nv_status contiguous(nv_builder *b, const nv_node *n, nv_ref *out) {
  const nv_ref *r = &b->refs[n->id];
  if (b->values[r->value].kind != NV_VALUE_SCALAR && nv_ref_contiguous(r, &n->type)) {
    *out = *r;
    return NV_OK;
  }
  int *copy = &b->contiguous[n->id];
  if (*copy < 0) {
    nv_value space;
    nv_ref in = over(b, n, &n->type, &space);
    NV_TRY(resolve(b, &space, in, &in));
    NV_TRY(new_elem(b, n, nv_k->block[NV_BLOCK_copy][n->type.dtype], &in, 1, copy));
  }
  *out = (nv_ref){.value = *copy};
  nv_contiguous(&n->type, out->strides);
  return NV_OK;
}

int nv_copy_of(nv_builder *b, int value) {
  nv_ref in = {.value = value, .aligned = true};
  const nv_value *u = &b->values[value];
  nv_aligned_strides(u, in.strides);
  int v;
  if (new_elem(b, u->node, nv_k->block[NV_BLOCK_copy][u->node->type.dtype], &in, 1, &v) != NV_OK) return -1;
  nv_value *c = &b->values[v];
  u = &b->values[value];
  c->ndim = u->ndim, c->count = u->count;
  memcpy(c->shape, u->shape, sizeof c->shape);
  return v;
}

/* ---- nodes ---- */

static nv_status lower_input(nv_builder *b, const nv_node *n) {
  for (int k = 0; k < b->spec->n_inputs; k++) {
    if (b->spec->inputs[k] != n) continue;
    int v = new_value(b, NV_VALUE_INPUT, n, 0);
    if (v < 0) return NV_ERR_MEMORY;
    b->values[v].index = k;
    see(b, n, v);
    return NV_OK;
  }
  return nv_fail(NV_ERR_VALUE, "the plan needs the input '%s', which is not among its inputs", n->name ? n->name : "?");
}

static nv_status lower_scalar(nv_builder *b, const nv_node *n, uint64_t bits) {
  int v = new_value(b, NV_VALUE_SCALAR, n, 0);
  if (v < 0) return NV_ERR_MEMORY;
  b->values[v].bits = bits;
  see(b, n, v);
  return NV_OK;
}

static uint64_t bits_of(nv_dtype dtype, double x) {
  uint64_t bits = 0;
  float f = (float)x;
  int32_t i = (int32_t)x;
  int64_t l = (int64_t)x;
  bool t = x != 0;
  switch (dtype) {
  case NV_F32:
    memcpy(&bits, &f, sizeof f);
    break;
  case NV_F64:
    memcpy(&bits, &x, sizeof x);
    break;
  case NV_I32:
    memcpy(&bits, &i, sizeof i);
    break;
  case NV_I64:
    memcpy(&bits, &l, sizeof l);
    break;
  default:
    memcpy(&bits, &t, sizeof t);
    break;
  }
  return bits;
}

static nv_status lower_constant(nv_builder *b, const nv_node *n) {
  uint64_t bits = 0;
  if (nv_type_size(&n->type) == 1) {
    memcpy(&bits, n->data, nv_dtype_size(n->type.dtype));
    return lower_scalar(b, n, bits);
  }
  int v = new_value(b, NV_VALUE_ARRAY, n, 0);
  if (v < 0) return NV_ERR_MEMORY;
  see(b, n, v);
  return NV_OK;
}

static nv_status lower_view(nv_builder *b, const nv_node *n) {
  nv_ref in = b->refs[n->in[0]->id], out = {0};
  int64_t offset = 0;
  if (b->values[in.value].kind == NV_VALUE_SCALAR) { /* one number, however it is seen */
    b->refs[n->id] = (nv_ref){.value = in.value};
    return NV_OK;
  }
  if (!n->op->view(n, in.strides, &offset, out.strides)) {
    NV_TRY(contiguous(b, n->in[0], &in));
    if (!n->op->view(n, in.strides, &offset, out.strides))
      return nv_fail(NV_ERR_INTERNAL, "%s: not a view of a contiguous input", n->op->name);
  }
  out.value = in.value, out.offset = in.offset + offset;
  b->refs[n->id] = out;
  return NV_OK;
}

static nv_status lower_leaf(nv_builder *b, const nv_node *n, nv_block_fn fn) {
  nv_ref in[3];
  int v;
  for (int k = 0; k < n->n_in; k++) NV_TRY(contiguous(b, n->in[k], &in[k]));
  NV_TRY(new_elem(b, n, fn, in, n->n_in, &v));
  nv_value *x = &b->values[v];
  x->leaf = true, x->cost = cost_of(n);
  if (n->op->block == NV_BLOCK_iota) {
    int64_t *params = nv_builder_alloc(b, 3 * sizeof *params), axis = n->attrs.i[0];
    if (!params) return NV_ERR_MEMORY;
    params[0] = 1, params[1] = n->type.shape[axis];
    for (int d = (int)axis + 1; d < n->type.ndim; d++) params[0] *= n->type.shape[d];
    x->params = params, x->param_bytes = 3 * sizeof *params;
  } else
    x->params = n->attrs.f, x->param_bytes = sizeof n->attrs.f;
  see(b, n, v);
  return NV_OK;
}

static nv_status lower_elementwise(nv_builder *b, const nv_node *n) {
  bool cast = n->op == b->cast_op;
  nv_dtype from = n->n_in == 0 ? n->type.dtype : n->in[n->op->block == NV_BLOCK_select && !cast]->type.dtype;
  if (n->op->flags & NV_OP_LEAF) from = n->type.dtype;
  nv_block_fn fn = cast ? nv_k->cast[from][n->type.dtype] : nv_k->block[n->op->block][from];
  if (cast && from == n->type.dtype) fn = nv_k->block[NV_BLOCK_copy][from];
  if (!fn) return nv_fail(NV_ERR_TYPE, "%s: not defined for %s", n->op->name, nv_dtype_name(from));
  if (n->op->flags & NV_OP_LEAF) return lower_leaf(b, n, fn);
  nv_ref in[3];
  nv_value space;
  int v;
  for (int k = 0; k < n->n_in; k++) {
    in[k] = over(b, n->in[k], &n->type, &space);
    NV_TRY(resolve(b, &space, in[k], &in[k]));
  }
  NV_TRY(new_elem(b, n, fn, in, n->n_in, &v));
  b->values[v].cost = cast ? 0.1 : cost_of(n);
  see(b, n, v);
  return NV_OK;
}

static nv_status lower_op(nv_builder *b, const nv_node *n) {
  if (n->n_in + 1 > NV_MAX_OPERANDS)
    return nv_fail(NV_ERR_VALUE, "%s: at most %d inputs, got %d", n->op->name, NV_MAX_OPERANDS - 1, n->n_in);
  if (!n->op->lower) return nv_fail(NV_ERR_INTERNAL, "%s: an op that cannot be lowered", n->op->name);
  nv_instr *instr = nv_builder_alloc(b, sizeof *instr);
  if (!instr) return NV_ERR_MEMORY;
  *instr = (nv_instr){.op = n->op, .n_out = 1, .n_in = n->n_in, .rows = 1};
  for (int k = 0; k <= n->n_in; k++) {
    instr->operand[k].node = k ? n->in[k - 1] : n;
    nv_contiguous(&instr->operand[k].node->type, instr->operand[k].strides);
  }
  NV_TRY(n->op->lower(b, n, instr));
  nv_ref *in = nv_pool_alloc(&b->temp, ((size_t)n->n_in + 1) * sizeof *in);
  if (!in) return NV_ERR_MEMORY;
  for (int k = 0; k < n->n_in; k++) {
    in[k] = b->refs[n->in[k]->id];
    if (instr->operand[1 + k].strided && b->values[in[k].value].kind != NV_VALUE_SCALAR) continue;
    NV_TRY(contiguous(b, n->in[k], &in[k]));
  }
  int v = new_value(b, NV_VALUE_OP, n, 0);
  if (v < 0) return NV_ERR_MEMORY;
  b->values[v].instr = instr;
  b->values[v].in = in, b->values[v].n_in = n->n_in;
  see(b, n, v);
  return NV_OK;
}

static nv_status lower_node(nv_builder *b, const nv_node *n) {
  double x;
  if (n->op == b->input_op) return lower_input(b, n);
  if (n->op == b->constant_op) return lower_constant(b, n);
  if (nv_node_variable(n)) {
    int v = new_value(b, NV_VALUE_VARIABLE, n, 0);
    if (v < 0) return NV_ERR_MEMORY;
    see(b, n, v);
    return NV_OK;
  }
  if (nv_is_full(n, &x)) return lower_scalar(b, n, bits_of(n->type.dtype, x));
  if (n->op->flags & NV_OP_VIEW) return lower_view(b, n);
  if (n->op->flags & (NV_OP_ELEMENTWISE | NV_OP_LEAF) || n->op == b->cast_op) return lower_elementwise(b, n);
  return lower_op(b, n);
}

/* ---- roots ---- */

/* The value is made straight in the root's place if it is made whole, by us, and has no other place yet. */
static nv_status pin(nv_builder *b, const nv_node *n, nv_pin where, int index) {
  const nv_ref *r = &b->refs[n->id];
  nv_value *v = &b->values[r->value];
  bool ours = where == NV_PIN_VARIABLE ? v->kind == NV_VALUE_ELEM : v->kind == NV_VALUE_ELEM || v->kind == NV_VALUE_OP;
  if (!ours || v->pin != NV_PIN_NONE || r->offset != 0 || !nv_ref_contiguous(r, &n->type) ||
      v->count != nv_type_size(&n->type)) {
    nv_value space;
    nv_ref in = over(b, n, &n->type, &space);
    int copy;
    NV_TRY(resolve(b, &space, in, &in));
    NV_TRY(new_elem(b, n, nv_k->block[NV_BLOCK_copy][n->type.dtype], &in, 1, &copy));
    v = &b->values[copy];
  }
  v->pin = where, v->pin_index = index;
  return NV_OK;
}

static nv_status check_spec(const nv_builder *b) {
  const nv_plan_spec *s = b->spec;
  char text[2][NV_SHAPE_TEXT];
  for (int k = 0; k < s->n_inputs; k++) {
    if (s->inputs[k]->op != b->input_op)
      return nv_fail(NV_ERR_VALUE, "input %d of the plan is not an input of the graph but a '%s'", k,
                     s->inputs[k]->op->name);
    for (int j = 0; j < k; j++)
      if (s->inputs[j] == s->inputs[k]) return nv_fail(NV_ERR_VALUE, "inputs %d and %d of the plan are the same", j, k);
  }
  for (int k = 0; k < s->n_updates; k++) {
    const nv_type *t = nv_variable_type(s->updates[k].variable), *u = &s->updates[k].value->type;
    if (t->dtype != u->dtype || !nv_same_shape(t, u))
      return nv_fail(t->dtype != u->dtype ? NV_ERR_TYPE : NV_ERR_VALUE,
                     "update %d: the variable is %s %s, its new value %s %s", k, nv_dtype_name(t->dtype),
                     nv_shape_text(t, text[0]), nv_dtype_name(u->dtype), nv_shape_text(u, text[1]));
    for (int j = 0; j < k; j++)
      if (s->updates[j].variable == s->updates[k].variable)
        return nv_fail(NV_ERR_VALUE, "updates %d and %d are of the same variable", j, k);
  }
  for (int k = 0; k < s->n_gradients; k++)
    if (!nv_is_float(s->gradients[k]->type.dtype) || s->gradients[k]->type.dtype != s->gradients[0]->type.dtype)
      return nv_fail(NV_ERR_TYPE, "gradients must be float32 or float64, all alike; gradient %d is %s", k,
                     nv_dtype_name(s->gradients[k]->type.dtype));
  return NV_OK;
}

static void need(nv_builder *b, const nv_node *n) { b->refs[n->id].value = 0; }

nv_status nv_lower(nv_builder *b) {
  const nv_plan_spec *s = b->spec;
  size_t n_nodes = (size_t)b->g->n_nodes;
  b->input_op = nv_op_find(b->g, "input"), b->constant_op = nv_op_find(b->g, "constant");
  b->cast_op = nv_op_find(b->g, "cast");
  NV_TRY(check_spec(b));
  b->refs = nv_pool_alloc(&b->temp, n_nodes * sizeof *b->refs);
  b->contiguous = nv_pool_alloc(&b->temp, n_nodes * sizeof *b->contiguous);
  if (!b->refs || !b->contiguous) return NV_ERR_MEMORY;
  for (size_t k = 0; k < n_nodes; k++) b->refs[k].value = b->contiguous[k] = -1;
  for (int k = 0; k < s->n_outputs; k++) need(b, s->outputs[k]);
  for (int k = 0; k < s->n_updates; k++) need(b, s->updates[k].value);
  for (int k = 0; k < s->n_gradients; k++) need(b, s->gradients[k]);
  for (int64_t id = b->g->n_nodes - 1; id >= 0; id--) {
    const nv_node *n = b->g->nodes[id];
    for (int k = 0; k < n->n_in && b->refs[id].value == 0; k++) need(b, n->in[k]);
  }
  for (int64_t id = 0; id < b->g->n_nodes; id++)
    if (b->refs[id].value == 0) {
      NV_TRY(lower_node(b, b->g->nodes[id]));
      b->plan->n_nodes++;
    }
  for (int k = 0; k < s->n_updates; k++) NV_TRY(pin(b, s->updates[k].value, NV_PIN_VARIABLE, k));
  for (int k = 0; k < s->n_gradients; k++) NV_TRY(pin(b, s->gradients[k], NV_PIN_GRADIENT, k));
  for (int k = 0; k < s->n_outputs; k++) NV_TRY(pin(b, s->outputs[k], NV_PIN_OUTPUT, k));
  return NV_OK;
}

/* ---- uses ---- */

nv_status nv_find_uses(nv_builder *b) {
  for (int v = 0; v < b->n_values; v++) b->values[v].dead = b->values[v].pin == NV_PIN_NONE;
  for (int v = b->n_values - 1; v >= 0; v--)
    for (int k = 0; k < b->values[v].n_in && !b->values[v].dead; k++) {
      nv_value *u = &b->values[b->values[v].in[k].value];
      u->dead = false, u->n_uses++;
    }
  for (int v = 0; v < b->n_values; v++) {
    nv_value *u = &b->values[v];
    int n = u->n_uses;
    u->n_uses = 0;
    if (u->dead || u->kind == NV_VALUE_SCALAR) continue;
    /* Two more: fusing may add copies of a value that updates a variable. */
    if (!(u->uses = nv_pool_alloc(&b->temp, ((size_t)n + 2) * sizeof *u->uses))) return NV_ERR_MEMORY;
  }
  for (int v = 0; v < b->n_values; v++)
    for (int k = 0; k < b->values[v].n_in && !b->values[v].dead; k++) {
      const nv_ref *r = &b->values[v].in[k];
      nv_value *u = &b->values[r->value];
      if (u->uses) u->uses[u->n_uses++] = (nv_use){v, r->aligned && b->values[v].kind == NV_VALUE_ELEM};
    }
  return NV_OK;
}
