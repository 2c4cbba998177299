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

typedef struct writer {
  const nv_expr_spec *spec;
  const bool *uniform;
  int *leaves, n_leaves, n_steps;
  int number[NV_EXPR_VALUES]; /* of a step or leaf, or -1 */
  uint32_t size[NV_EXPR_VALUES], form[NV_EXPR_VALUES];
  text text;
} writer;

static bool is_step(const writer *w, int v) { return w->spec->value[v].kind == NV_EXPR_STEP; }

static bool commutes(nv_block_op op) { return op == NV_BLOCK_add || op == NV_BLOCK_multiply; }

/* A step's kernel, where x * x is a square. */
static nv_block_op op_of(const nv_expr_value *v, int *n_in) {
  nv_block_op op = nv_expr_op(v);
  bool square = op == NV_BLOCK_multiply && v->in[0] == v->in[1];
  *n_in = square ? 1 : v->n_in;
  return square ? NV_BLOCK_square : op;
}

/* Of operands that may change places the larger expression goes first, then arrays, then numbers; what is left is told
 * apart by its form: size and form know neither names nor places. */
static bool goes_first(const writer *w, int a, int b) {
  return w->size[a] != w->size[b] ? w->size[a] > w->size[b] : w->form[a] > w->form[b];
}

static bool describe(writer *w) {
  const nv_expr_spec *s = w->spec;
  for (int v = 0; v < s->n_values; v++) {
    const nv_expr_value *x = &s->value[v];
    w->number[v] = -1, w->size[v] = 0, w->form[v] = w->uniform[v] ? 1 : 2;
    if (x->kind == NV_EXPR_WHOLE || x->dtype != s->value[0].dtype) return false;
    if (x->kind != NV_EXPR_STEP) continue;
    int n_in;
    nv_block_op op = op_of(x, &n_in);
    if (op == NV_BLOCK_COUNT) return false;
    bool swap = commutes(op) && goes_first(w, x->in[1], x->in[0]);
    w->size[v] = 1, w->form[v] = (uint32_t)op + 3;
    for (int k = 0; k < n_in; k++) {
      int in = x->in[swap ? 1 - k : k];
      w->size[v] += w->size[in];
      w->form[v] = (w->form[v] * 16777619u) ^ w->form[in];
    }
  }
  return true;
}

static bool write_step(writer *w, int v) {
  const nv_expr_value *x = &w->spec->value[v];
  int n_in;
  nv_block_op op = op_of(x, &n_in);
  if (w->number[v] >= 0) return true;
  bool swap = commutes(op) && goes_first(w, x->in[1], x->in[0]);
  for (int k = 0; k < n_in; k++) {
    int in = x->in[swap ? 1 - k : k];
    if (is_step(w, in) && !write_step(w, in)) return false;
  }
  say(&w->text, w->n_steps ? ", " : "", names[op], 0);
  for (int k = 0; k < n_in; k++) {
    int in = x->in[swap ? 1 - k : k];
    if (!is_step(w, in) && w->number[in] < 0) {
      if (w->n_leaves == NV_CHAIN_LEAVES) return false;
      w->leaves[w->n_leaves] = in, w->number[in] = w->n_leaves++;
    }
    char letter[2] = {(char)((w->uniform[in] ? 'A' : 'a') + w->number[in]), 0};
    say(&w->text, " ", is_step(w, in) ? NULL : letter, w->number[in]);
  }
  w->number[v] = w->n_steps++;
  return w->text.n < TEXT;
}

/* The program as text: each step's kernel and operands, then what is stored. Steps are numbers; what comes from
 * outside is a letter, in the order of first use, a capital where it is one number for all elements. How the program
 * was spelled does not matter: what is stored comes smallest first, operands of + and * as they go. */
static bool write_program(writer *w) {
  const nv_expr_spec *s = w->spec;
  int root[NV_MAX_OPERANDS];
  if (!describe(w)) return false;
  for (int k = 0, j; k < s->n_stores; k++) {
    for (j = k; j > 0 && goes_first(w, root[j - 1], s->store[k].value); j--) root[j] = root[j - 1];
    root[j] = s->store[k].value;
  }
  for (int k = 0; k < s->n_stores; k++)
    if (!write_step(w, root[k])) return false;
  for (int k = 0; k < s->n_stores; k++) {
    say(&w->text, k ? " " : " > ", NULL, w->number[root[k]]);
    w->leaves[w->n_leaves + k] = root[k];
  }
  return w->text.n < TEXT;
}

const nv_chain *nv_expr_chain(const nv_expr_spec *s, const bool *uniform, int *leaves) {
  writer w = {.spec = s, .uniform = uniform, .leaves = leaves};
  if (s->value[0].dtype > NV_F64 || !write_program(&w)) return NULL;
  for (int k = 0; k < NV_CHAINS; k++)
    if (strcmp(nv_k->chain[k].program, w.text.at) == 0) return &nv_k->chain[k];
  return NULL;
}
