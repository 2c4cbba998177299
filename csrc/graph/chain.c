/* chain.c: recognises a program that has a kernel of its own (kernels/chains.inc) by what it computes. */
#include "graph/expr.h"

#include <stdio.h>
#include <string.h>

#define TEXT 256 /* longer programs have none */

static const char *const names[] = {
#define X(name, inputs) #name,
    NV_BLOCK_OPS(X)
#undef X
};

nv_block_op nv_expr_op(const nv_expr_value *v) {
  int op = 0;
  while (op < NV_BLOCK_COUNT && v->fn != nv_k->block[op][v->dtype]) op++;
  return (nv_block_op)op;
}

typedef struct text {
  char at[TEXT];
  size_t n;
} text;

static void say(text *t, const char *before, const char *word, int number) {
  if (t->n >= TEXT) return;
  if (word)
    t->n += (size_t)snprintf(t->at + t->n, TEXT - t->n, "%s%s", before, word);
  else
    t->n += (size_t)snprintf(t->at + t->n, TEXT - t->n, "%s%d", before, number);
}

/* The order of operands that may change places: later steps, earlier steps, arrays, numbers. */
static bool goes_first(const nv_expr_spec *s, const bool *uniform, int a, int b) {
  bool step_a = s->value[a].kind == NV_EXPR_STEP, step_b = s->value[b].kind == NV_EXPR_STEP;
  if (step_a || step_b) return step_a && (!step_b || a > b);
  return !uniform[a] && uniform[b];
}

/* The program as text: each step's kernel and operands, then what is stored. Steps are numbers; what comes from
 * outside is a letter, in the order of first use, a capital where it is one number for all elements. */
static bool write_program(const nv_expr_spec *s, const bool *uniform, int *leaves, text *t) {
  int number[NV_EXPR_VALUES], n_steps = 0, n_leaves = 0;
  for (int v = 0; v < s->n_values; v++) number[v] = -1;
  for (int v = 0; v < s->n_values; v++) {
    const nv_expr_value *x = &s->value[v];
    if (x->kind == NV_EXPR_WHOLE || x->dtype != s->value[0].dtype) return false;
    if (x->kind != NV_EXPR_STEP) continue;
    nv_block_op op = nv_expr_op(x);
    if (op == NV_BLOCK_COUNT) return false;
    say(t, n_steps ? ", " : "", names[op], 0);
    bool swap = (op == NV_BLOCK_add || op == NV_BLOCK_multiply) && goes_first(s, uniform, x->in[1], x->in[0]);
    for (int k = 0; k < x->n_in; k++) {
      int in = x->in[swap ? 1 - k : k];
      bool step = s->value[in].kind == NV_EXPR_STEP;
      if (!step && number[in] < 0) {
        if (n_leaves == NV_CHAIN_LEAVES) return false;
        leaves[n_leaves] = in, number[in] = n_leaves++;
      }
      char letter[2] = {(char)((uniform[in] ? 'A' : 'a') + number[in]), 0};
      say(t, " ", step ? NULL : letter, number[in]);
    }
    number[v] = n_steps++;
    if (t->n >= TEXT) return false;
  }
  for (int v = 0, any = 0; v < s->n_values; v++)
    for (int k = 0; k < s->n_stores; k++)
      if (s->store[k].value == v) say(t, any++ ? " " : " > ", NULL, number[v]);
  return t->n < TEXT;
}

const nv_chain *nv_expr_chain(const nv_expr_spec *s, const bool *uniform, int *leaves) {
  text t = {.n = 0};
  if (s->value[0].dtype > NV_F64 || !write_program(s, uniform, leaves, &t)) return NULL;
  for (int k = 0; k < NV_CHAINS; k++)
    if (strcmp(nv_k->chain[k].program, t.at) == 0) return &nv_k->chain[k];
  return NULL;
}
