/* op.h: what an op is. One row of one table; the graph, the autodiff, the planner, the Python names, the gradient
 * checks and the docs know an op only through its row. Rows live in ops/<family>.c, gathered in ops/table.c, which
 * hands the table to each new graph. */
#ifndef NV_OP_H
#define NV_OP_H

#include "graph/graph.h"
#include "graph/instr.h"

enum {
  NV_OP_ELEMENTWISE = 1 << 0, /* out[i] = f(in0[i], in1[i], ..) after broadcasting; row->block says which kernel */
  NV_OP_LEAF = 1 << 1,        /* elementwise with no array input: the value follows from attributes and index (iota,
                                 full, random_uniform): made inside a fused loop, never stored for its own sake */
  NV_OP_VIEW = 1 << 2, /* same memory, other offset and strides (reshape, transpose, slice, broadcast_to): row->view */
  NV_OP_RANDOM = 1 << 3, /* reads a generator's state: hash-consed like others, since the state is an input */
  NV_OP_HIDDEN = 1 << 4, /* no Python name of its own (input, constant, variable, the *_grad helpers) */
};

struct nv_op {
  const char *name; /* Keras's name where it has one */
  int min_in, max_in;
  unsigned flags;
  /* The attributes, for people, tests and bindings: name:kind, in the order of attrs.i, then of attrs.f, then the
   * dtype. Kinds: axis, axes, perm (of input 0's axes); shape (any), reshape (of input 0's elements), target (input 0
   * broadcasts to it); begins, sizes, steps, counts (one an axis of input 0); flag (0 or 1), size, k (at most the last
   * axis); float; dtype. Tests sample attributes by kind; what infer rejects is not a sample. */
  const char *attrs;
  const char *doc; /* one line: the formula, then the convention at kinks */
  /* Where tests may sample each input, one letter an input, the last repeats: 'r' any real, 'p' positive, 'u' inside
   * (-1, 1), 'g' > 1, 'n' nonzero, 'f' away from integers and halves, 'w' whole and nonzero, 'd' distinct values (no
   * ties); not differentiated: 'i' an index (int32 or int64), 'b' bool, 's' a generator's state (int64[2]: seed,
   * counter). Shapes: elementwise inputs broadcast, others have one shape, unless letters in brackets name the extents:
   * "r(*mk)r(*kn)", * being any leading extents. */
  const char *domain;
  /* Fills *out from n->in and n->attrs, or fails naming the op, the rule and the types that came. */
  nv_status (*infer)(const nv_node *n, nv_type *out);
  /* Optional: an older or newly built, simpler node with the same type and (up to rounding of constants) value, in
   * *out; leaves *out NULL if there is none. Called once when n is built, before it is interned. */
  nv_status (*simplify)(nv_graph *g, const nv_node *n, nv_node **out);
  /* dx[k] = gradient for input k given dy (same type as n); leave NULL for no dependence. dx[k] may have n's broadcast
   * shape: the autodiff sums it back to the input's. NULL with float inputs: not differentiable, an error by name.
   * The maths stands beside each. */
  nv_status (*grad)(nv_graph *g, nv_node *n, nv_node *dy, nv_node **dx);
  /* Elementwise and leaves: the block kernel (kernels/kernels.h). */
  int block; /* nv_block_op */
  /* Views: offset (elements) and strides of n in terms of its input seen with `in_strides`; false where the input must
   * be made contiguous first. */
  bool (*view)(const nv_node *n, const int64_t *in_strides, int64_t *offset, int64_t *strides);
  /* All others: fill the instruction's run, params (allocated from the plan's pool), rows, scratch and access modes.
   * Inputs will be contiguous unless lower says otherwise through instr->in[k].strided. graph/instr.h */
  nv_status (*lower)(nv_builder *b, const nv_node *n, nv_instr *instr);
};

/* The table: rows of all families, found by name. */
typedef struct nv_op_table {
  const nv_op *const *rows;
  int n;
} nv_op_table;
const nv_op *nv_op_find(const nv_graph *g, const char *name);          /* in the graph's table; NULL if unknown */
nv_status nv_graph_new_with(const nv_op_table *table, nv_graph **out); /* nv_graph_new (ops/table.c) calls it */

#endif
