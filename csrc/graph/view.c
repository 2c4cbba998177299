/* view.c: arithmetic of strides: how a consumer sees a value through views and broadcasting. */
#include "graph/plan.h"

#include <string.h>

void nv_contiguous(const nv_type *t, int64_t *strides) {
  int64_t step = 1;
  for (int d = t->ndim - 1; d >= 0; d--) {
    strides[d] = step;
    step *= t->shape[d];
  }
}

bool nv_ref_contiguous(const nv_ref *r, const nv_type *t) {
  int64_t step = 1;
  for (int d = t->ndim - 1; d >= 0; d--) {
    if (t->shape[d] != 1 && r->strides[d] != step) return false;
    step *= t->shape[d];
  }
  return true;
}

/* Extents of 1 say nothing: a space is a shape without them, and so are strides over it. */
void nv_squeeze(const nv_type *t, const int64_t *strides, nv_value *v, int64_t *squeezed) {
  v->ndim = 0, v->count = 1;
  for (int d = 0; d < t->ndim; d++) {
    v->count *= t->shape[d];
    if (t->shape[d] == 1) continue;
    if (strides) squeezed[v->ndim] = strides[d];
    v->shape[v->ndim++] = t->shape[d];
  }
}

void nv_broadcast_strides(const nv_type *from, const int64_t *strides, const nv_type *to, int64_t *out) {
  int missing = to->ndim - from->ndim;
  for (int d = 0; d < to->ndim; d++) {
    bool repeated = d < missing || (from->shape[d - missing] == 1 && to->shape[d] != 1);
    out[d] = repeated ? 0 : strides[d - missing];
  }
}

bool nv_same_space(const nv_value *a, const nv_value *b) {
  return a->ndim == b->ndim && (a->ndim == 0 || memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0);
}

void nv_aligned_strides(const nv_value *space, int64_t *strides) {
  int64_t step = 1;
  for (int d = space->ndim - 1; d >= 0; step *= space->shape[d--]) strides[d] = step;
}

bool nv_ref_aligned(const nv_builder *b, const nv_value *consumer, const nv_ref *r) {
  const nv_value *u = &b->values[r->value];
  int64_t strides[NV_MAX_DIMS];
  if (r->offset != 0 || u->count != consumer->count) return false;
  if (u->kind == NV_VALUE_ELEM && !nv_same_space(u, consumer)) return false; /* one program has one space */
  nv_aligned_strides(consumer, strides);
  return consumer->ndim == 0 || memcmp(strides, r->strides, (size_t)consumer->ndim * sizeof *strides) == 0;
}
