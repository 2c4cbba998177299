/* plan.c: from a graph to a plan, through the rooms that plan.h lists; what a plan says about itself. */
#include "graph/plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- making ---- */

static nv_status retain_updated(nv_builder *b) {
  nv_plan *p = b->plan;
  int n = b->spec->n_updates;
  if (!(p->updated = nv_builder_alloc(b, ((size_t)n + 1) * sizeof *p->updated))) return NV_ERR_MEMORY;
  for (; p->n_updated < n; p->n_updated++)
    p->updated[p->n_updated] = nv_variable_retain(b->spec->updates[p->n_updated].variable);
  return NV_OK;
}

static nv_status copy_types(nv_builder *b, nv_node *const *nodes, int n, const nv_type **out) {
  nv_type *types = nv_builder_alloc(b, ((size_t)n + 1) * sizeof *types);
  if (!types) return NV_ERR_MEMORY;
  for (int k = 0; k < n; k++) types[k] = nodes[k]->type;
  *out = types;
  return NV_OK;
}

/* The tables of pointers: fixed ones now, those into inputs and outputs whenever these change. */
static nv_status point(nv_builder *b) {
  nv_plan *p = b->plan;
  size_t n = 0, patched = 0;
  for (int k = 0; k < p->n_items; k++) {
    const nv_instr *i = p->items[k].instr;
    for (int j = 0; j < i->n_out + i->n_in; j++, n++)
      patched +=
          p->slots[i->operand[j].slot].kind == NV_SLOT_INPUT || p->slots[i->operand[j].slot].kind == NV_SLOT_OUTPUT;
  }
  p->pointers = nv_builder_alloc(b, (n + 1) * sizeof *p->pointers);
  p->patches = nv_builder_alloc(b, (patched + 1) * sizeof *p->patches);
  if (!p->pointers || !p->patches) return NV_ERR_MEMORY;
  p->slots[0].base = p->arena;
  int at = 0;
  for (int k = 0; k < p->n_items; k++) {
    const nv_instr *i = p->items[k].instr;
    p->items[k].ptr = p->pointers + at;
    for (int j = 0; j < i->n_out + i->n_in; j++, at++) {
      const nv_operand *o = &i->operand[j];
      const nv_slot *s = &p->slots[o->slot];
      if (s->kind == NV_SLOT_INPUT || s->kind == NV_SLOT_OUTPUT)
        p->patches[p->n_patches++] = (nv_patch){at, o->slot, o->offset};
      else
        p->pointers[at] = (char *)s->base + o->offset;
    }
  }
  return NV_OK;
}

static nv_status allocate(nv_plan *p) {
  p->scratch_bytes = (p->scratch_bytes + 255) / 128 * 128; /* threads share no line, nor the pair a prefetcher takes */
  p->shared_bytes = (p->shared_bytes + 63) / 64 * 64;
  p->arena = nv_alloc(p->arena_bytes);
  p->scratch = nv_alloc(p->scratch_bytes * (size_t)p->max_threads);
  p->shared = nv_alloc(2 * p->shared_bytes);
  p->lock = nv_mutex_new();
  return p->arena && p->scratch && p->shared && p->lock ? NV_OK : NV_ERR_MEMORY;
}

static nv_status build(nv_builder *b) {
  nv_plan *p = b->plan;
  p->max_threads = nv_threads();
  p->n_inputs = b->spec->n_inputs, p->n_outputs = b->spec->n_outputs;
  NV_TRY(retain_updated(b));
  NV_TRY(copy_types(b, b->spec->inputs, p->n_inputs, &p->input_types));
  NV_TRY(copy_types(b, b->spec->outputs, p->n_outputs, &p->output_types));
  NV_TRY(nv_lower(b));
  NV_TRY(nv_find_uses(b));
  NV_TRY(nv_fuse(b));
  NV_TRY(nv_order(b));
  NV_TRY(nv_layout(b));
  NV_TRY(nv_emit(b));
  NV_TRY(nv_synchronise(b));
  NV_TRY(allocate(p));
  return point(b);
}

nv_status nv_plan_new(nv_graph *g, const nv_plan_spec *spec, nv_plan **out) {
  nv_plan *p = nv_calloc(sizeof *p);
  if (!p) return NV_ERR_MEMORY;
  p->graph = nv_graph_retain(g);
  nv_builder b = {.g = g, .spec = spec, .plan = p};
  nv_status status = build(&b);
  nv_pool_free(&b.temp);
  if (status != NV_OK) {
    nv_plan_free(p);
    return status;
  }
  *out = p;
  return NV_OK;
}

void nv_plan_free(nv_plan *p) {
  if (!p) return;
  for (int k = 0; k < p->n_updated; k++) nv_variable_release(p->updated[k]);
  nv_free(p->arena);
  nv_free(p->scratch);
  nv_free(p->shared);
  nv_free(p->staging);
  nv_mutex_free(p->lock);
  nv_pool_free(&p->keep);
  nv_graph_release(p->graph);
  nv_free(p);
}

/* ---- what it says ---- */

nv_plan_stats nv_plan_get_stats(const nv_plan *p) {
  return (nv_plan_stats){.arena_bytes = p->arena_bytes,
                         .gradient_bytes = p->gradient_bytes,
                         .scratch_bytes = p->scratch_bytes * (size_t)p->max_threads + 2 * p->shared_bytes,
                         .n_instructions = p->n_items,
                         .n_nodes = p->n_nodes,
                         .n_barriers = p->n_barriers,
                         .flops = p->flops,
                         .cost = p->cost};
}

void *nv_plan_gradients(nv_plan *p, size_t *bytes) {
  *bytes = p->gradient_bytes;
  return p->gradient_bytes ? p->arena : NULL;
}

typedef struct text {
  char *buf;
  size_t size, at;
} text;

__attribute__((format(printf, 2, 3))) static void say(text *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(t->at < t->size ? t->buf + t->at : NULL, t->at < t->size ? t->size - t->at : 0, format, args);
  va_end(args);
  if (n > 0) t->at += (size_t)n;
}

static const char *place_of(const nv_plan *p, const nv_operand *o) {
  static const char *const names[] = {"", "input ", "output ", "variable ", "constant "};
  return names[p->slots[o->slot].kind];
}

static void say_operands(text *t, const nv_plan *p, const nv_instr *i, int from, int to) {
  char shape[NV_SHAPE_TEXT];
  for (int k = from; k < to; k++) {
    const nv_operand *o = &i->operand[k];
    say(t, "%s%s%s%s", k > from ? ", " : "", place_of(p, o), nv_dtype_name(o->node->type.dtype),
        nv_shape_text(&o->node->type, shape));
    if (o->access == NV_ROWS) say(t, "/rows");
  }
}

static bool shares(const nv_instr *i) {
  for (int k = 1; k < i->n_out; k++)
    if (i->operand[k].slot == i->operand[0].slot && i->operand[k].offset == i->operand[0].offset) return true;
  return false;
}

size_t nv_plan_describe(const nv_plan *p, char *buf, size_t size) {
  text t = {buf, size, 0};
  for (int k = 0; k < p->n_items; k++) {
    const nv_item *item = &p->items[k];
    const nv_instr *i = item->instr;
    say(&t, "%3d %s%s", k, item->barrier ? "| " : "  ", item->commit ? "commit " : "");
    const nv_expr *program = i->run == nv_expr_run ? i->params : i->epilogue;
    if (i->run != nv_expr_run) say(&t, "%s", i->op->name);
    if (program) say(&t, "%s%s", i->epilogue ? " + " : "", nv_expr_names(program));
    say(&t, " -> ");
    /* An op's own result that only its epilogue reads lies where one of the epilogue's results will be. */
    say_operands(&t, p, i, i->epilogue && shares(i), i->n_out);
    say(&t, " <- ");
    say_operands(&t, p, i, i->n_out, i->n_out + i->n_in);
    if (item->serial)
      say(&t, " [one thread, ~%.0f ns]\n", i->cost);
    else
      say(&t, " [%" PRId64 " rows, ~%.0f ns]\n", i->rows, i->cost);
  }
  if (size > 0 && t.at == 0) buf[0] = 0;
  return t.at + 1;
}
