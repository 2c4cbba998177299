/* error.c: the last error of each thread, and small texts about dtypes and shapes that errors need. */
#include "runtime/runtime.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[1024];

const char *nv_error(void) { return message; }

nv_status nv_fail(nv_status status, const char *format, ...) {
  /* Written aside first: an argument may be the old message. */
  char text[sizeof message];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  snprintf(message, sizeof message, "%s", text);
  return status;
}

static const struct {
  const char *name;
  size_t size;
} dtypes[NV_DTYPE_COUNT] = {
    [NV_F32] = {"float32", 4}, [NV_F64] = {"float64", 8}, [NV_I32] = {"int32", 4},  [NV_I64] = {"int64", 8},
    [NV_BOOL] = {"bool", 1},   [NV_I8] = {"int8", 1},     [NV_U8] = {"uint8", 1},   [NV_I16] = {"int16", 2},
    [NV_U16] = {"uint16", 2},  [NV_U32] = {"uint32", 4},  [NV_U64] = {"uint64", 8},
};

size_t nv_dtype_size(nv_dtype d) { return dtypes[d].size; }
const char *nv_dtype_name(nv_dtype d) { return dtypes[d].name; }

int64_t nv_type_size(const nv_type *t) {
  int64_t size = 1;
  for (int k = 0; k < t->ndim; k++) size *= t->shape[k];
  return size;
}

const char *nv_shape_text(const nv_type *t, char *buf) {
  size_t at = (size_t)snprintf(buf, NV_SHAPE_TEXT, "(");
  for (int k = 0; k < t->ndim && at < NV_SHAPE_TEXT; k++)
    at += (size_t)snprintf(buf + at, NV_SHAPE_TEXT - at, k ? ", %lld" : "%lld", (long long)t->shape[k]);
  if (at < NV_SHAPE_TEXT) snprintf(buf + at, NV_SHAPE_TEXT - at, t->ndim == 1 ? ",)" : ")");
  return buf;
}
