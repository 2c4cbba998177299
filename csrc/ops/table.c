/* table.c: all rows of all families, gathered once. */
#include "ops/ops.h"

#include <pthread.h>

static const nv_op *const families[] = {
    nv_structural_ops, nv_arithmetic_ops, nv_transcendental_ops, nv_compare_ops, nv_view_ops,
    nv_join_ops,       nv_reduce_ops,     nv_matmul_ops,         nv_index_ops,   nv_order_ops,
    nv_softmax_ops,    nv_scan_ops,       nv_random_ops,
};
static const nv_op *rows[NV_OP_SLOTS / 2];
static nv_op_table table = {rows, 0};
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void gather(void) {
  for (size_t f = 0; f < sizeof families / sizeof *families; f++)
    for (const nv_op *row = families[f]; row->name && table.n < NV_OP_SLOTS / 2; row++) rows[table.n++] = row;
}

static const nv_op_table *all(void) {
  pthread_once(&once, gather);
  return &table;
}

nv_status nv_graph_new(nv_graph **out) { return nv_graph_new_with(all(), out); }

int nv_op_count(void) { return all()->n; }

nv_op_info nv_op_at(int k) {
  const nv_op *op = all()->rows[k];
  return (nv_op_info){
      .name = op->name,
      .attrs = op->attrs,
      .doc = op->doc,
      .domain = op->domain,
      .min_in = op->min_in,
      .max_in = op->max_in,
      .elementwise = (op->flags & NV_OP_ELEMENTWISE) != 0,
      .differentiable = op->grad != NULL,
      .hidden = (op->flags & NV_OP_HIDDEN) != 0,
  };
}
