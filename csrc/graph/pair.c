/* pair.c: steps of a program that are made in one pass over their operands, two at a time (kernels/pairs.inc). */
#include "graph/expr.h"

static nv_pair_first first_of(nv_block_op op) {
  switch (op) {
  case NV_BLOCK_add:
    return NV_FIRST_add;
  case NV_BLOCK_subtract:
    return NV_FIRST_subtract;
  case NV_BLOCK_multiply:
  case NV_BLOCK_square:
    return NV_FIRST_multiply;
  case NV_BLOCK_divide:
    return NV_FIRST_divide;
  default:
    return NV_FIRST_COUNT;
  }
}

/* What `op` does with the first step's result as its input `at`. */
static nv_pair_second second_of(nv_block_op op, int at) {
  switch (op) {
  case NV_BLOCK_add:
    return NV_SECOND_add;
  case NV_BLOCK_subtract:
    return at == 0 ? NV_SECOND_subtract : NV_SECOND_subtract_from;
  case NV_BLOCK_multiply:
    return NV_SECOND_multiply;
  case NV_BLOCK_divide:
    return at == 0 ? NV_SECOND_divide : NV_SECOND_divide_into;
  case NV_BLOCK_relu_grad:
    return at == 1 ? NV_SECOND_relu_grad : NV_SECOND_COUNT;
  case NV_BLOCK_relu:
    return NV_SECOND_relu;
  default:
    return NV_SECOND_COUNT;
  }
}

/* Makes step v do what its input `at` does, too. False if the two are no pair. */
static bool pair(nv_expr_spec *s, int v, int at, const int *uses) {
  nv_expr_value *second = &s->value[v], *first = &s->value[second->in[at]];
  if (first->kind != NV_EXPR_STEP || first->dtype != second->dtype || uses[second->in[at]] != 1) return false;
  nv_pair_first f = first_of(nv_expr_op(first));
  if (f == NV_FIRST_COUNT) return false;
  nv_pair_second t = second_of(nv_expr_op(second), at);
  if (t == NV_SECOND_COUNT) return false;
  int z = second->n_in > 1 ? second->in[1 - at] : -1;
  first->kind = NV_EXPR_PAIRED;
  second->fn = nv_k->pair[f][t][second->dtype];
  second->in[0] = first->in[0], second->in[1] = first->in[first->n_in - 1];
  second->n_in = 2;
  if (z >= 0) second->in[second->n_in++] = z;
  second->cost = 0.7 * (first->cost + second->cost);
  return true;
}

void nv_expr_pair(nv_expr_spec *s) {
  int uses[NV_EXPR_VALUES] = {0};
  for (int v = 0; v < s->n_values; v++)
    for (int k = 0; k < s->value[v].n_in && s->value[v].kind == NV_EXPR_STEP; k++) uses[s->value[v].in[k]]++;
  for (int k = 0; k < s->n_stores; k++) uses[s->store[k].value]++;
  for (int v = 0; v < s->n_values; v++)
    for (int k = 0; k < s->value[v].n_in && k < 2 && s->value[v].dtype <= NV_F64; k++)
      if (s->value[v].kind != NV_EXPR_STEP || pair(s, v, k, uses)) break;
}
