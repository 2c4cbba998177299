/* graph.h: nodes and graphs, inside the core. A node is immutable once interned. */
#ifndef NV_GRAPH_H
#define NV_GRAPH_H

#include "runtime/runtime.h"

typedef struct nv_op nv_op;

struct nv_node {
  const nv_op *op;
  int64_t id; /* position in the graph: inputs come before users */
  nv_type type;
  nv_attrs attrs; /* attrs.i lives in the graph's pool */
  nv_node **in;
  int n_in;
  void *data; /* constant: its bytes (graph's pool). variable: its nv_variable. else NULL */
  const char *name;
  unsigned flags; /* NV_NODE_VARIABLE: data is an nv_variable the graph holds a reference to */
  uint64_t hash;
  nv_node *chain; /* interning */
};
enum { NV_NODE_VARIABLE = 1 };
nv_variable *nv_node_variable(const nv_node *n); /* NULL if it is not a variable's value */

#define NV_OP_SLOTS 512
struct nv_graph {
  int64_t refs;
  const nv_op *op_slots[NV_OP_SLOTS]; /* `ops` by hashed name */
  const struct nv_op_table *ops;      /* handed in: the graph names no op but through it */
  nv_pool pool;
  nv_node **nodes;
  int64_t n_nodes, cap_nodes;
  struct nv_named *names; /* newest first */
  nv_node **buckets;
  int64_t n_buckets; /* hash-consing: same op, inputs, attributes -> same node */
};

/* ---- building, for gradients, simplifications and rewrites. All intern and simplify. A NULL node argument makes the
 * call fail with the status already reported (so calls nest and one check at the end is enough): each returns NULL on
 * failure, the message is in nv_error() and nv_build_status() the status. ---- */
nv_node *nv_op1(nv_graph *g, const char *op, nv_node *a);
nv_node *nv_op2(nv_graph *g, const char *op, nv_node *a, nv_node *b);
nv_node *nv_op3(nv_graph *g, const char *op, nv_node *a, nv_node *b, nv_node *c);
nv_node *nv_opx(nv_graph *g, const char *op, nv_node *const *in, int n_in, const int64_t *i, int n_i, double f0,
                double f1, nv_dtype dtype);
nv_node *nv_full(nv_graph *g, const nv_type *type, double value);      /* the `full` op */
nv_node *nv_scalar(nv_graph *g, nv_dtype dtype, double value);         /* 0-d full */
nv_node *nv_full_like(nv_graph *g, const nv_node *like, double value); /* type of like */
nv_node *nv_reshape(nv_graph *g, nv_node *a, int ndim, const int64_t *shape);
nv_node *nv_broadcast_to(nv_graph *g, nv_node *a, int ndim, const int64_t *shape);
nv_node *nv_sum_to(nv_graph *g, nv_node *a, int ndim, const int64_t *shape); /* the adjoint of broadcasting */
nv_node *nv_transpose(nv_graph *g, nv_node *a, const int64_t *perm);
nv_node *nv_cast(nv_graph *g, nv_node *a, nv_dtype dtype);
nv_status nv_build_status(void); /* status of this thread's last failed build call */

bool nv_is_full(const nv_node *n, double *value); /* a `full`, or a view of one */
bool nv_same_shape(const nv_type *a, const nv_type *b);
/* NumPy broadcasting; names `op` in the error. */
nv_status nv_broadcast(const char *op, const nv_type *a, const nv_type *b, nv_type *out);
static inline bool nv_is_float(nv_dtype d) { return d == NV_F32 || d == NV_F64; }
static inline bool nv_is_int(nv_dtype d) { return d == NV_I32 || d == NV_I64; }

#endif
