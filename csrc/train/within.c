/* within.c: are all numbers of an array within limits? For targets, before a step takes them. */
#include "nervure.h"

/* NaN is within nothing. */
#define WITHIN(dtype, type)                                                                                            \
  static bool within_##dtype(const type *x, int64_t n, double low, double high) {                                      \
    int bad = 0;                                                                                                       \
    for (int64_t k = 0; k < n; k++) bad |= !((double)x[k] >= low) | !((double)x[k] <= high);                           \
    return !bad;                                                                                                       \
  }
/* Of numbers that an int64 holds. */
#define WHOLE(dtype, type)                                                                                             \
  static bool whole_##dtype(const type *x, int64_t n) {                                                                \
    int bad = 0;                                                                                                       \
    for (int64_t k = 0; k < n; k++) bad |= (type)(int64_t)x[k] != x[k];                                                \
    return !bad;                                                                                                       \
  }
#define TYPES(X)                                                                                                       \
  X(NV_F32, float)                                                                                                     \
  X(NV_F64, double)                                                                                                    \
  X(NV_I32, int32_t)                                                                                                   \
  X(NV_I64, int64_t)                                                                                                   \
  X(NV_BOOL, uint8_t)                                                                                                  \
  X(NV_I8, int8_t)                                                                                                     \
  X(NV_U8, uint8_t)                                                                                                    \
  X(NV_I16, int16_t)                                                                                                   \
  X(NV_U16, uint16_t)                                                                                                  \
  X(NV_U32, uint32_t)                                                                                                  \
  X(NV_U64, uint64_t)
TYPES(WITHIN)
WHOLE(NV_F32, float)
WHOLE(NV_F64, double)

bool nv_within(nv_dtype dtype, const void *data, int64_t n, double low, double high, bool whole) {
  bool fits = false;
  switch (dtype) {
#define CASE(dtype, type)                                                                                              \
  case dtype:                                                                                                          \
    fits = within_##dtype(data, n, low, high);                                                                         \
    break;
    TYPES(CASE)
  case NV_DTYPE_COUNT:
    break;
  }
  if (!fits || !whole) return fits;
  return dtype == NV_F32 ? whole_NV_F32(data, n) : dtype != NV_F64 || whole_NV_F64(data, n);
}
