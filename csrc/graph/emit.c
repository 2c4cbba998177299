/* emit.c: units become instructions with operands; their members, programs. */
#include "graph/plan.h"

#include <string.h>

/* ---- shares ---- */

/* Programs split over their first dimension, like the ops around them; over more where that is too short to share. */
int64_t nv_unit_rows(const nv_builder *b, const nv_unit *u) {
  if (u->op >= 0) return b->values[u->op].instr->rows;
  const nv_value *v = u->n_members ? &b->values[u->members[0]] : NULL; /* none: a program that became an epilogue */
  if (!v || v->ndim == 0) return 1;
  int64_t rows = v->shape[0];
  for (int d = 1; d < v->ndim && rows < 4 * b->plan->max_threads && v->count >= 4096; d++) rows *= v->shape[d];
  return rows;
}

nv_access nv_access_in(const nv_builder *b, const nv_unit *u, const nv_value *v, int k, int64_t rows) {
  const nv_ref *r = &v->in[k];
  const nv_value *x = &b->values[r->value];
  if (v->kind == NV_VALUE_OP) return v->instr->operand[1 + k].access;
  if (u->op >= 0 && b->values[u->op].instr->operand[0].access != NV_ROWS) return NV_WHOLE;
  if (v->leaf || rows == 0 || x->count == 0) return NV_WHOLE;
  if (r->aligned) return x->count % rows == 0 ? NV_ROWS : NV_WHOLE;
  if (r->offset != 0 || v->ndim == 0 || rows != v->shape[0] || r->strides[0] * rows != x->count) return NV_WHOLE;
  int64_t reach = 0;
  for (int d = 1; d < v->ndim; d++) {
    if (r->strides[d] < 0) return NV_WHOLE;
    reach += (v->shape[d] - 1) * r->strides[d];
  }
  return reach < r->strides[0] ? NV_ROWS : NV_WHOLE;
}

/* ---- programs ---- */

typedef struct emitting {
  nv_builder *b;
  nv_expr_spec spec;
  nv_ref seen[NV_MAX_OPERANDS];    /* outside inputs: distinct ones */
  int seen_value[NV_MAX_OPERANDS]; /* their numbers in the program */
  int n_seen;
  int *number; /* [value] -> its number in the program being made */
} emitting;

static bool same_step(const nv_expr_value *a, const nv_expr_value *b, size_t param_bytes) {
  return a->kind == NV_EXPR_STEP && a->fn == b->fn && a->n_in == b->n_in && a->dtype == b->dtype &&
         memcmp(a->in, b->in, sizeof a->in) == 0 && memcmp(a->params, b->params, param_bytes) == 0;
}

static int constant(nv_expr_spec *s, const nv_value *x) {
  nv_expr_value c = {.kind = NV_EXPR_CONSTANT, .dtype = x->node->type.dtype, .bits = x->bits};
  for (int k = 0; k < s->n_values; k++)
    if (s->value[k].kind == NV_EXPR_CONSTANT && s->value[k].dtype == c.dtype && s->value[k].bits == c.bits) return k;
  s->value[s->n_values] = c;
  return s->n_values++;
}

static nv_operand operand(const nv_builder *b, nv_unit *u, int at, int v, const nv_ref *r, nv_access access) {
  const nv_value *x = &b->values[v];
  u->values[at] = v;
  nv_operand o = {.node = x->node, .slot = x->slot, .offset = x->at, .access = access};
  if (r) {
    o.offset += r->offset * (int64_t)nv_dtype_size(x->node->type.dtype);
    memcpy(o.strides, r->strides, sizeof o.strides);
  }
  return o;
}

/* The number, in the program, of what input k of member v sees. New outside inputs become operands of the instruction.
 */
static int input(emitting *e, nv_unit *u, nv_instr *instr, const nv_value *v, int k) {
  nv_builder *b = e->b;
  const nv_ref *r = &v->in[k];
  const nv_value *x = &b->values[r->value];
  if (x->kind == NV_VALUE_SCALAR) return constant(&e->spec, x);
  bool raw = u->op == r->value;
  nv_expr_kind kind = v->leaf ? NV_EXPR_WHOLE : NV_EXPR_INPUT;
  if (x->unit >= 0 && x->unit == v->unit && !raw) return e->number[r->value];
  for (int s = 0; s < e->n_seen; s++) {
    const nv_ref *t = &e->seen[s];
    if (t->value == r->value && t->offset == r->offset && e->spec.value[e->seen_value[s]].kind == kind &&
        (v->ndim == 0 || memcmp(t->strides, r->strides, (size_t)v->ndim * sizeof *t->strides) == 0))
      return e->seen_value[s];
  }
  int ptr = raw ? 0 : instr->n_out + instr->n_in;
  if (!raw) {
    instr->operand[ptr] = operand(b, u, ptr, r->value, r, nv_access_in(b, u, v, k, instr->rows));
    instr->n_in++;
  }
  e->seen[e->n_seen] = *r;
  e->seen_value[e->n_seen++] = e->spec.n_values;
  e->spec.value[e->spec.n_values] =
      (nv_expr_value){.kind = kind, .dtype = x->node->type.dtype, .ptr = ptr, .strides = r->strides};
  return e->spec.n_values++;
}

static void add_member(emitting *e, nv_unit *u, nv_instr *instr, int member) {
  const nv_value *v = &e->b->values[member];
  nv_expr_value s = {.kind = NV_EXPR_STEP,
                     .dtype = v->node->type.dtype,
                     .fn = v->fn,
                     .n_in = v->n_in,
                     .params = v->params,
                     .name = v->copies ? "copy" : v->node->op->name,
                     .cost = v->cost};
  for (int k = 0; k < v->n_in; k++) s.in[k] = input(e, u, instr, v, k);
  for (int k = 0; k < e->spec.n_values && v->leaf; k++)
    if (same_step(&e->spec.value[k], &s, v->param_bytes)) {
      e->number[member] = k;
      return;
    }
  e->number[member] = e->spec.n_values;
  e->spec.value[e->spec.n_values++] = s;
}

/* The input of the program that lies where value v is to be stored, or -1. */
static int alias_of(const emitting *e, const nv_value *v) {
  for (int s = 0; s < e->n_seen; s++) {
    const nv_value *x = &e->b->values[e->seen[s].value];
    if (x->slot == v->slot && x->at == v->at && e->seen[s].aligned) return e->seen_value[s];
  }
  return -1;
}

/* Adds the members of u, as one program, to `instr`, whose outputs have been laid down. first_store: its first output.
 */
static nv_status add_program(emitting *e, nv_unit *u, nv_instr *instr, int first_store, nv_expr **out) {
  nv_builder *b = e->b;
  const nv_value *first = &b->values[u->members[0]];
  e->spec.ndim = first->ndim, e->spec.rows = instr->rows;
  memcpy(e->spec.shape, first->shape, sizeof e->spec.shape);
  const nv_type *host = u->op >= 0 ? &b->values[u->op].node->type : NULL;
  e->spec.last = host && host->ndim ? host->shape[host->ndim - 1] : 1;
  e->spec.n_values = e->spec.n_stores = e->n_seen = 0;
  for (int m = 0; m < u->n_members; m++) add_member(e, u, instr, u->members[m]);
  for (int m = 0, ptr = first_store; m < u->n_members; m++) {
    const nv_value *v = &b->values[u->members[m]];
    if (v->stored)
      e->spec.store[e->spec.n_stores++] =
          (nv_expr_store){.value = e->number[u->members[m]], .ptr = ptr++, .alias = alias_of(e, v)};
  }
  NV_TRY(nv_expr_new(b, &e->spec, (instr->scratch + 63) / 64 * 64, out));
  instr->scratch = (instr->scratch + 63) / 64 * 64 + nv_expr_scratch(*out);
  instr->cost += nv_expr_cost(*out);
  instr->flops += nv_expr_flops(*out);
  return NV_OK;
}

/* ---- instructions ---- */

static void add_outputs(nv_builder *b, nv_unit *u, nv_instr *instr, nv_access access) {
  for (int m = 0; m < u->n_members; m++)
    if (b->values[u->members[m]].stored)
      instr->operand[instr->n_out] = operand(b, u, instr->n_out, u->members[m], NULL, access), instr->n_out++;
}

static nv_status emit_op(emitting *e, nv_unit *u) {
  nv_builder *b = e->b;
  nv_value *v = &b->values[u->op];
  nv_instr *instr = u->instr = v->instr;
  nv_operand in[NV_MAX_OPERANDS];
  for (int k = 0; k < v->n_in; k++) {
    const nv_ref *r = &v->in[k];
    /* Rows of a part of a value are not the value's rows. */
    bool whole = r->offset == 0 && b->values[r->value].count == nv_type_size(&instr->operand[1 + k].node->type);
    in[k] = operand(b, u, 0, r->value, r, whole ? instr->operand[1 + k].access : NV_WHOLE);
    in[k].node = instr->operand[1 + k].node, in[k].strided = instr->operand[1 + k].strided;
  }
  nv_access access = instr->operand[0].access;
  instr->operand[0] = operand(b, u, 0, u->op, NULL, access);
  nv_contiguous(&v->node->type, instr->operand[0].strides);
  instr->n_out = 1;
  add_outputs(b, u, instr, access);
  if (v->n_in) memcpy(&instr->operand[instr->n_out], in, (size_t)v->n_in * sizeof *in);
  for (int k = 0; k < v->n_in; k++) u->values[instr->n_out + k] = v->in[k].value;
  if (u->n_members > 0) NV_TRY(add_program(e, u, instr, 1, &instr->epilogue));
  return NV_OK;
}

static nv_status emit_program(emitting *e, nv_unit *u) {
  nv_builder *b = e->b;
  nv_instr *instr = u->instr = nv_builder_alloc(b, sizeof *instr);
  nv_expr *program;
  if (!instr) return NV_ERR_MEMORY;
  instr->run = nv_expr_run;
  instr->op = b->values[u->members[u->n_members - 1]].node->op;
  instr->rows = nv_unit_rows(b, u);
  add_outputs(b, u, instr, NV_ROWS);
  NV_TRY(add_program(e, u, instr, 0, &program));
  instr->params = program;
  return NV_OK;
}

nv_status nv_emit(nv_builder *b) {
  emitting *e = nv_pool_alloc(&b->temp, sizeof *e);
  if (!e || !(e->number = nv_pool_alloc(&b->temp, ((size_t)b->n_values + 1) * sizeof *e->number))) return NV_ERR_MEMORY;
  e->b = b;
  for (int k = 0; k < b->n_ordered; k++) {
    nv_unit *u = &b->units[b->order[k]];
    if (!(u->values = nv_pool_alloc(&b->temp, NV_MAX_OPERANDS * sizeof *u->values))) return NV_ERR_MEMORY;
    NV_TRY(u->op >= 0 ? emit_op(e, u) : emit_program(e, u));
  }
  return NV_OK;
}
