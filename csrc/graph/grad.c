/* grad.c: reverse-mode differentiation, from a graph to more of the same graph (Griewank & Walther, "Evaluating
 * Derivatives", ch. 3). So gradients are differentiated, fused and planned like everything else.
 *
 * For a scalar L = sum(y * dy), walk from y to its inputs in decreasing id. dL/dn is complete when n is reached, since
 * every user of n has a larger id; then n's row says what it contributes to each of its inputs. */
#include "graph/op.h"

#include <string.h>

typedef struct reverse {
  nv_graph *g;
  bool *needed;      /* [id]: some wrt[k] is reached through this node */
  nv_node **adjoint; /* [id]: dL/dnode so far, NULL for zero */
} reverse;

static nv_status accumulate(reverse *r, const nv_node *n, int k, nv_node *dx) {
  nv_node *x = n->in[k], **sum = &r->adjoint[x->id];
  dx = nv_sum_to(r->g, dx, x->type.ndim, x->type.shape);
  if (dx && *sum) dx = nv_op2(r->g, "add", *sum, dx);
  if (!dx) return nv_build_status();
  if (dx->type.dtype != x->type.dtype || !nv_same_shape(&dx->type, &x->type))
    return nv_fail(NV_ERR_INTERNAL, "%s: the gradient for input %d has another type than the input", n->op->name, k);
  *sum = dx;
  return NV_OK;
}

static nv_status step(reverse *r, nv_node *n) {
  nv_node *few[8] = {0}, **dx = few;
  nv_status status = NV_OK;
  if (!n->op->grad)
    return nv_fail(NV_ERR_NOT_DIFFERENTIABLE,
                   "%s has no gradient%s%s%s; put stop_gradient around it, or use another op", n->op->name,
                   n->name ? " (in '" : "", n->name ? n->name : "", n->name ? "')" : "");
  if (n->n_in > 8 && !(dx = nv_calloc((size_t)n->n_in * sizeof *dx))) return NV_ERR_MEMORY;
  status = n->op->grad(r->g, n, r->adjoint[n->id], dx);
  for (int k = 0; k < n->n_in && status == NV_OK; k++)
    if (dx[k] && r->needed[n->in[k]->id]) status = accumulate(r, n, k, dx[k]);
  if (dx != few) nv_free(dx);
  return status;
}

static nv_status sweep(reverse *r, nv_node *y, nv_node *dy, nv_node *const *wrt, int n, nv_node **out) {
  for (int k = 0; k < n; k++)
    if (wrt[k]->id <= y->id && nv_is_float(wrt[k]->type.dtype)) r->needed[wrt[k]->id] = true;
  for (int64_t id = 0; id <= y->id; id++) {
    const nv_node *node = r->g->nodes[id];
    for (int k = 0; k < node->n_in && nv_is_float(node->type.dtype); k++) r->needed[id] |= r->needed[node->in[k]->id];
  }
  if (!dy && !(dy = nv_full_like(r->g, y, 1.0))) return nv_build_status();
  r->adjoint[y->id] = dy;
  for (int64_t id = y->id; id >= 0; id--) {
    nv_node *node = r->g->nodes[id];
    bool through = false; /* leaves, and nodes all of whose inputs lead nowhere, end the walk */
    for (int k = 0; k < node->n_in; k++) through |= r->needed[node->in[k]->id];
    if (through && r->adjoint[id]) NV_TRY(step(r, node));
  }
  for (int k = 0; k < n; k++) {
    nv_node *d = wrt[k]->id <= y->id ? r->adjoint[wrt[k]->id] : NULL;
    if (!d && !(d = nv_full_like(r->g, wrt[k], 0.0))) return nv_build_status();
    out[k] = d;
  }
  return NV_OK;
}

nv_status nv_graph_grad(nv_graph *g, nv_node *y, nv_node *dy, nv_node *const *wrt, int n, nv_node **out) {
  char a[NV_SHAPE_TEXT], b[NV_SHAPE_TEXT];
  if (!nv_is_float(y->type.dtype))
    return nv_fail(NV_ERR_TYPE, "grad: only float32 and float64 values have gradients, got %s",
                   nv_dtype_name(y->type.dtype));
  if (dy && (dy->type.dtype != y->type.dtype || !nv_same_shape(&dy->type, &y->type)))
    return nv_fail(NV_ERR_VALUE, "grad: dy must have y's type, %s %s, got %s %s", nv_dtype_name(y->type.dtype),
                   nv_shape_text(&y->type, a), nv_dtype_name(dy->type.dtype), nv_shape_text(&dy->type, b));
  for (int k = 0; k < n; k++)
    if (!nv_is_float(wrt[k]->type.dtype))
      return nv_fail(NV_ERR_TYPE, "grad: cannot differentiate with respect to %s values",
                     nv_dtype_name(wrt[k]->type.dtype));
  size_t nodes = (size_t)y->id + 1;
  reverse r = {.g = g, .needed = nv_calloc(nodes * sizeof(bool)), .adjoint = nv_calloc(nodes * sizeof(nv_node *))};
  nv_node **found = nv_alloc((size_t)n * sizeof *found); /* `out` stays untouched on failure */
  nv_status status = NV_ERR_MEMORY;
  if (r.needed && r.adjoint && found) status = sweep(&r, y, dy, wrt, n, found);
  if (status == NV_OK && n) memcpy(out, found, (size_t)n * sizeof *out);
  nv_free(found);
  nv_free(r.adjoint);
  nv_free(r.needed);
  return status;
}
