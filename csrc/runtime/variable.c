/* variable.c: memory that outlives graphs and never moves, so a view of it is never stale. */
#include "runtime/runtime.h"

#include <stdatomic.h>
#include <string.h>

struct nv_variable {
  atomic_int_fast64_t refs;
  nv_type type;
  void *data;
};

nv_status nv_variable_new(const nv_type *type, nv_variable **out) {
  char text[NV_SHAPE_TEXT];
  if ((int)type->dtype < 0 || (int)type->dtype >= NV_GRAPH_DTYPES)
    return nv_fail(NV_ERR_TYPE, "variable: this dtype is not supported; use float32, float64, int32, int64 or bool");
  size_t bytes = nv_dtype_size(type->dtype);
  for (int k = 0; k < type->ndim; k++)
    if (type->shape[k] < 0 || __builtin_mul_overflow(bytes, (size_t)type->shape[k], &bytes))
      return nv_fail(NV_ERR_VALUE, "variable: shape %s has a negative or too large extent", nv_shape_text(type, text));
  nv_variable *v = nv_alloc(sizeof *v);
  if (!v) return NV_ERR_MEMORY;
  *v = (nv_variable){.type = *type, .data = nv_calloc(bytes)};
  atomic_init(&v->refs, 1);
  if (!v->data) {
    nv_free(v);
    return NV_ERR_MEMORY;
  }
  *out = v;
  return NV_OK;
}

nv_variable *nv_variable_retain(nv_variable *v) {
  atomic_fetch_add(&v->refs, 1);
  return v;
}

void nv_variable_release(nv_variable *v) {
  if (!v || atomic_fetch_sub(&v->refs, 1) != 1) return;
  nv_free(v->data);
  nv_free(v);
}

void *nv_variable_data(nv_variable *v) { return v->data; }
const nv_type *nv_variable_type(const nv_variable *v) { return &v->type; }

void nv_variable_put(nv_variable *v, const double *x) {
  int64_t size = nv_type_size(&v->type);
  if (v->type.dtype == NV_F64) {
    memcpy(v->data, x, (size_t)size * sizeof *x);
  } else {
    float *data = v->data;
    for (int64_t k = 0; k < size; k++) data[k] = (float)x[k];
  }
}
