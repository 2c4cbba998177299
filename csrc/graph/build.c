/* build.c: short calls for building nodes, for gradients and simplifications. They nest: a call with a NULL argument
 * fails quietly, since the first failure has been reported. */
#include "graph/op.h"

#include <string.h>

static _Thread_local nv_status last_failure;

nv_status nv_build_status(void) { return last_failure; }

nv_node *nv_opx(nv_graph *g, const char *op, nv_node *const *in, int n_in, const int64_t *i, int n_i, double f0,
                double f1, nv_dtype dtype) {
  nv_node *out;
  for (int k = 0; k < n_in; k++)
    if (!in[k]) return NULL;
  nv_attrs attrs = {.n_i = n_i, .i = i, .f = {f0, f1}, .dtype = dtype};
  nv_status status = nv_graph_op(g, op, in, n_in, &attrs, &out);
  if (status == NV_OK) return out;
  last_failure = status;
  return NULL;
}

nv_node *nv_op1(nv_graph *g, const char *op, nv_node *a) {
  return nv_opx(g, op, (nv_node *[]){a}, 1, NULL, 0, 0, 0, 0);
}

nv_node *nv_op2(nv_graph *g, const char *op, nv_node *a, nv_node *b) {
  return nv_opx(g, op, (nv_node *[]){a, b}, 2, NULL, 0, 0, 0, 0);
}

nv_node *nv_op3(nv_graph *g, const char *op, nv_node *a, nv_node *b, nv_node *c) {
  return nv_opx(g, op, (nv_node *[]){a, b, c}, 3, NULL, 0, 0, 0, 0);
}

nv_node *nv_full(nv_graph *g, const nv_type *type, double value) {
  return nv_opx(g, "full", NULL, 0, type->shape, type->ndim, value, 0, type->dtype);
}

nv_node *nv_scalar(nv_graph *g, nv_dtype dtype, double value) { return nv_full(g, &(nv_type){.dtype = dtype}, value); }

nv_node *nv_full_like(nv_graph *g, const nv_node *like, double value) {
  return like ? nv_full(g, &like->type, value) : NULL;
}

nv_node *nv_reshape(nv_graph *g, nv_node *a, int ndim, const int64_t *shape) {
  return nv_opx(g, "reshape", &a, 1, shape, ndim, 0, 0, 0);
}

nv_node *nv_broadcast_to(nv_graph *g, nv_node *a, int ndim, const int64_t *shape) {
  return nv_opx(g, "broadcast_to", &a, 1, shape, ndim, 0, 0, 0);
}

nv_node *nv_transpose(nv_graph *g, nv_node *a, const int64_t *perm) {
  return a ? nv_opx(g, "transpose", &a, 1, perm, a->type.ndim, 0, 0, 0) : NULL;
}

nv_node *nv_cast(nv_graph *g, nv_node *a, nv_dtype dtype) { return nv_opx(g, "cast", &a, 1, NULL, 0, 0, 0, dtype); }

/* Broadcasting repeats a value; its adjoint sums the gradients of the copies. */
nv_node *nv_sum_to(nv_graph *g, nv_node *a, int ndim, const int64_t *shape) {
  if (!a) return NULL;
  int64_t axes[NV_MAX_DIMS];
  int n = 0, extra = a->type.ndim - ndim;
  for (int k = 0; k < a->type.ndim; k++)
    if (k < extra || (shape[k - extra] == 1 && a->type.shape[k] != 1)) axes[n++] = k;
  if (n) a = nv_opx(g, "sum", &a, 1, axes, n, 0, 0, 0);
  return extra ? nv_reshape(g, a, ndim, shape) : a;
}

bool nv_is_full(const nv_node *n, double *value) {
  while (n->op->flags & NV_OP_VIEW && !(n->op->flags & NV_OP_HIDDEN)) n = n->in[0]; /* identity is not looked through */
  if (strcmp(n->op->name, "full") != 0) return false;
  *value = n->attrs.f[0];
  return true;
}

bool nv_same_shape(const nv_type *a, const nv_type *b) {
  return a->ndim == b->ndim && (a->ndim == 0 || memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0);
}

nv_status nv_broadcast(const char *op, const nv_type *a, const nv_type *b, nv_type *out) {
  char ta[NV_SHAPE_TEXT], tb[NV_SHAPE_TEXT];
  nv_type r = {.dtype = a->dtype, .ndim = a->ndim > b->ndim ? a->ndim : b->ndim};
  for (int k = 0; k < r.ndim; k++) {
    int ka = k - (r.ndim - a->ndim), kb = k - (r.ndim - b->ndim);
    int64_t na = ka < 0 ? 1 : a->shape[ka], nb = kb < 0 ? 1 : b->shape[kb];
    if (na != nb && na != 1 && nb != 1)
      return nv_fail(NV_ERR_VALUE, "%s: shapes %s and %s cannot be broadcast together", op, nv_shape_text(a, ta),
                     nv_shape_text(b, tb));
    r.shape[k] = na == 1 ? nb : na;
  }
  *out = r;
  return NV_OK;
}
