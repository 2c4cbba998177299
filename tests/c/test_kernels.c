/* test_kernels.c: block, cast, reduction and row kernels of every instruction set against plain scalar code: all small
 * sizes, arrays that end with their page, in place, special values; and the same bits from every set with fma. `--hash`
 * prints a hash for each kernel, to compare machines. Accuracy of the elementary functions: test_math.c. */
#include "kernel_fixture.h"

static const nv_kernels *k;

/* ---- blocks: one element by the definition ---- */

#define REF_FLOAT(T, F)                                                                                                \
  static T sign_##F(T a) { return isnan(a) ? a : (T)((a > 0) - (a < 0)); }                                             \
  static T max_##F(T a, T b) { return isnan(a) ? a : isnan(b) ? b : a > b ? a : b; }                                   \
  static T min_##F(T a, T b) { return isnan(a) ? a : isnan(b) ? b : a < b ? a : b; }                                   \
  static T mod_##F(T a, T b) {                                                                                         \
    T r = (T)fmodl((long double)a, (long double)b);                                                                    \
    if (r != 0 && (r < 0) != (b < 0)) r += b;                                                                          \
    return r == 0 ? (T)copysign(0, (double)b) : r;                                                                     \
  }                                                                                                                    \
  static T floor_divide_##F(T a, T b) { /* NumPy's npy_divmod */                                                       \
    if (b == 0) return a / b;                                                                                          \
    T r = (T)fmodl((long double)a, (long double)b), q = (a - r) / b;                                                   \
    if (r != 0 && (r < 0) != (b < 0)) q -= 1;                                                                          \
    if (q == 0) return (T)copysign(0, (double)(a / b));                                                                \
    T w = (T)floor((double)q);                                                                                         \
    return q - w > (T)0.5 ? w + 1 : w;                                                                                 \
  }                                                                                                                    \
  static bool ref_##F(nv_block_op op, T a, T b, T c, T *o) {                                                           \
    switch (op) {                                                                                                      \
    case NV_BLOCK_copy:                                                                                                \
      return *o = a, true;                                                                                             \
    case NV_BLOCK_neg:                                                                                                 \
      return *o = -a, true;                                                                                            \
    case NV_BLOCK_abs:                                                                                                 \
      return *o = (T)fabs((double)a), true;                                                                            \
    case NV_BLOCK_sign:                                                                                                \
      return *o = sign_##F(a), true;                                                                                   \
    case NV_BLOCK_square:                                                                                              \
      return *o = a * a, true;                                                                                         \
    case NV_BLOCK_reciprocal:                                                                                          \
      return *o = 1 / a, true;                                                                                         \
    case NV_BLOCK_sqrt:                                                                                                \
      return *o = sizeof(T) == 4 ? (T)sqrtf((float)a) : (T)sqrt((double)a), true;                                      \
    case NV_BLOCK_rsqrt:                                                                                               \
      return *o = 1 / (sizeof(T) == 4 ? (T)sqrtf((float)a) : (T)sqrt((double)a)), true;                                \
    case NV_BLOCK_relu:                                                                                                \
      return *o = a < 0 ? 0 : a, true;                                                                                 \
    case NV_BLOCK_floor:                                                                                               \
      return *o = (T)floor((double)a), true;                                                                           \
    case NV_BLOCK_ceil:                                                                                                \
      return *o = (T)ceil((double)a), true;                                                                            \
    case NV_BLOCK_round:                                                                                               \
      return *o = (T)nearbyint((double)a), true;                                                                       \
    case NV_BLOCK_trunc:                                                                                               \
      return *o = (T)trunc((double)a), true;                                                                           \
    case NV_BLOCK_add:                                                                                                 \
      return *o = a + b, true;                                                                                         \
    case NV_BLOCK_subtract:                                                                                            \
      return *o = a - b, true;                                                                                         \
    case NV_BLOCK_multiply:                                                                                            \
      return *o = a * b, true;                                                                                         \
    case NV_BLOCK_divide:                                                                                              \
      return *o = a / b, true;                                                                                         \
    case NV_BLOCK_floor_divide:                                                                                        \
      return *o = floor_divide_##F(a, b), true;                                                                        \
    case NV_BLOCK_mod:                                                                                                 \
      return *o = mod_##F(a, b), true;                                                                                 \
    case NV_BLOCK_maximum:                                                                                             \
      return *o = max_##F(a, b), true;                                                                                 \
    case NV_BLOCK_minimum:                                                                                             \
      return *o = min_##F(a, b), true;                                                                                 \
    case NV_BLOCK_relu_grad:                                                                                           \
      return *o = a > 0 ? b : 0, true;                                                                                 \
    case NV_BLOCK_fma:                                                                                                 \
      *o = k->vector_bytes == 16 && strcmp(k->isa, "portable") == 0 ? (T)(a * b) + c                                   \
           : sizeof(T) == 4                                         ? (T)fmaf((float)a, (float)b, (float)c)            \
                                                                    : (T)fma((double)a, (double)b, (double)c);         \
      return true;                                                                                                     \
    default:                                                                                                           \
      return false;                                                                                                    \
    }                                                                                                                  \
  }
REF_FLOAT(float, f32)
REF_FLOAT(double, f64)

#define REF_INT(T, U, F)                                                                                               \
  static T power_##F(T a, T b) {                                                                                       \
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;                                                     \
    U r = 1;                                                                                                           \
    for (T j = 0; j < b && j < 100000; j++) r *= (U)a;                                                                 \
    return (T)r;                                                                                                       \
  }                                                                                                                    \
  static bool ref_##F(nv_block_op op, T a, T b, T c, T *o) {                                                           \
    T q = b == 0 ? 0 : b == -1 ? (T)(0 - (U)a) : a / b, r = b == 0 || b == -1 ? 0 : a % b;                             \
    bool adjust = r != 0 && (r < 0) != (b < 0);                                                                        \
    switch (op) {                                                                                                      \
    case NV_BLOCK_copy:                                                                                                \
    case NV_BLOCK_floor:                                                                                               \
    case NV_BLOCK_ceil:                                                                                                \
    case NV_BLOCK_round:                                                                                               \
    case NV_BLOCK_trunc:                                                                                               \
      return *o = a, true;                                                                                             \
    case NV_BLOCK_neg:                                                                                                 \
      return *o = (T)(0 - (U)a), true;                                                                                 \
    case NV_BLOCK_abs:                                                                                                 \
      return *o = a < 0 ? (T)(0 - (U)a) : a, true;                                                                     \
    case NV_BLOCK_sign:                                                                                                \
      return *o = (T)((a > 0) - (a < 0)), true;                                                                        \
    case NV_BLOCK_square:                                                                                              \
      return *o = (T)((U)a * (U)a), true;                                                                              \
    case NV_BLOCK_relu:                                                                                                \
      return *o = a > 0 ? a : 0, true;                                                                                 \
    case NV_BLOCK_add:                                                                                                 \
      return *o = (T)((U)a + (U)b), true;                                                                              \
    case NV_BLOCK_subtract:                                                                                            \
      return *o = (T)((U)a - (U)b), true;                                                                              \
    case NV_BLOCK_multiply:                                                                                            \
      return *o = (T)((U)a * (U)b), true;                                                                              \
    case NV_BLOCK_floor_divide:                                                                                        \
      return *o = adjust ? q - 1 : q, true;                                                                            \
    case NV_BLOCK_mod:                                                                                                 \
      return *o = adjust ? r + b : r, true;                                                                            \
    case NV_BLOCK_power:                                                                                               \
      return *o = power_##F(a, b), b < 100000;                                                                         \
    case NV_BLOCK_maximum:                                                                                             \
      return *o = a > b ? a : b, true;                                                                                 \
    case NV_BLOCK_minimum:                                                                                             \
      return *o = a < b ? a : b, true;                                                                                 \
    case NV_BLOCK_relu_grad:                                                                                           \
      return *o = a > 0 ? b : 0, true;                                                                                 \
    case NV_BLOCK_fma:                                                                                                 \
      return *o = (T)((U)a * (U)b + (U)c), true;                                                                       \
    default:                                                                                                           \
      return false;                                                                                                    \
    }                                                                                                                  \
  }
REF_INT(int32_t, uint32_t, i32)
REF_INT(int64_t, uint64_t, i64)

/* Those that give a bool; -1 for the others. */
#define REF_BOOLS(T, F)                                                                                                \
  static int ref_bool_##F(nv_block_op op, T a, T b) {                                                                  \
    bool x = a != 0, y = b != 0;                                                                                       \
    switch (op) {                                                                                                      \
    case NV_BLOCK_isnan:                                                                                               \
      return isnan((double)a);                                                                                         \
    case NV_BLOCK_isinf:                                                                                               \
      return isinf((double)a) != 0;                                                                                    \
    case NV_BLOCK_isfinite:                                                                                            \
      return isfinite((double)a);                                                                                      \
    case NV_BLOCK_equal:                                                                                               \
      return a == b;                                                                                                   \
    case NV_BLOCK_not_equal:                                                                                           \
      return a != b;                                                                                                   \
    case NV_BLOCK_less:                                                                                                \
      return a < b;                                                                                                    \
    case NV_BLOCK_less_equal:                                                                                          \
      return a <= b;                                                                                                   \
    case NV_BLOCK_greater:                                                                                             \
      return a > b;                                                                                                    \
    case NV_BLOCK_greater_equal:                                                                                       \
      return a >= b;                                                                                                   \
    case NV_BLOCK_logical_not:                                                                                         \
      return !x;                                                                                                       \
    case NV_BLOCK_logical_and:                                                                                         \
      return x && y;                                                                                                   \
    case NV_BLOCK_logical_or:                                                                                          \
      return x || y;                                                                                                   \
    case NV_BLOCK_logical_xor:                                                                                         \
      return x != y;                                                                                                   \
    default:                                                                                                           \
      return -1;                                                                                                       \
    }                                                                                                                  \
  }
REF_BOOLS(float, f32)
REF_BOOLS(double, f64)
REF_BOOLS(int32_t, i32)
REF_BOOLS(int64_t, i64)
REF_BOOLS(bool, b8)

static bool gives_bool(nv_block_op op) { return ref_bool_f64(op, 1, 1) >= 0; }

/* True if there is a definition here for op, and then its value in *o. */
static bool reference(nv_block_op op, nv_dtype d, const void *a, const void *b, const void *c, int64_t i, void *o) {
  if (op == NV_BLOCK_select) {
    size_t size = nv_dtype_size(d), at = (size_t)i * size;
    memcpy(o, ((const uint8_t *)a)[i] ? (const char *)b + at : (const char *)c + at, size);
    return true;
  }
#define CASE(D, T, F)                                                                                                  \
  case D: {                                                                                                            \
    T x = ((const T *)a)[i], y = ((const T *)b)[i], z = ((const T *)c)[i];                                             \
    int v = ref_bool_##F(op, x, y);                                                                                    \
    if (v >= 0) return *(uint8_t *)o = (uint8_t)v, true;                                                               \
    return ref_##F(op, x, y, z, o);                                                                                    \
  }
  switch (d) {
    CASE(NV_F32, float, f32)
    CASE(NV_F64, double, f64)
    CASE(NV_I32, int32_t, i32)
    CASE(NV_I64, int64_t, i64)
  default:
    break;
  }
  uint8_t raw = ((const uint8_t *)a)[i];
  bool x = raw != 0, y = ((const uint8_t *)b)[i] != 0;
  int v = ref_bool_b8(op, x, y);
  if (v < 0)
    v = op == NV_BLOCK_add || op == NV_BLOCK_maximum        ? x || y
        : op == NV_BLOCK_multiply || op == NV_BLOCK_minimum ? x && y
                                                            : raw;
  return *(uint8_t *)o = (uint8_t)v, true;
}

#define NAME(name, inputs) {#name, inputs},
static const struct {
  const char *name;
  int inputs;
} block_op[] = {NV_BLOCK_OPS(NAME)};

static void check_block(nv_block_op op, nv_dtype d) {
  enum { N = 1500 };
  static uint64_t source[3][N], full[N], whole[N];
  const char *name = block_op[op].name;
  int inputs = block_op[op].inputs;
  nv_dtype in[3] = {op == NV_BLOCK_select ? NV_BOOL : d, d, d}, out = gives_bool(op) ? NV_BOOL : d;
  size_t size = nv_dtype_size(out);
  results(name, nv_dtype_name(d));
  for (int j = 0; j < 3; j++) fill(in[j], source[j], N);
  if (op == NV_BLOCK_power && d == NV_I32)
    for (int i = 0; i < N; i++) ((int32_t *)source[1])[i] %= 1000;
  if (op == NV_BLOCK_power && d == NV_I64)
    for (int i = 0; i < N; i++) ((int64_t *)source[1])[i] %= 1000;
  nv_block b = {.out = full, .in = {source[0], source[1], source[2]}, .n = N};
  k->block[op][d](&b);
  hash(out, full, N);
  for (int64_t i = 0; i < N; i++)
    if (reference(op, d, source[0], source[1], source[2], i, &whole[0]))
      CHECK(same(out, (char *)full + (size_t)i * size, whole, 0), "%s %s %s: f(%g, %g, %g) = %g, want %g", k->isa, name,
            nv_dtype_name(d), number(in[0], source[0], i), number(in[1], source[1], i), number(in[2], source[2], i),
            number(out, full, i), number(out, whole, 0));
  for (int64_t n = 0; n <= 140; n++) {
    int64_t at = n * 7 % 300;
    for (int place = -1; place < inputs; place++) { /* where the result goes: an array of its own, or an input */
      if (place >= 0 && nv_dtype_size(in[place]) != size) continue;
      b.n = n;
      for (int j = 0; j < inputs; j++) {
        size_t item = nv_dtype_size(in[j]);
        b.in[j] = memcpy(array(j, (size_t)n * item), (char *)source[j] + (size_t)at * item, (size_t)n * item);
      }
      b.out = place < 0 ? array(3, (size_t)n * size) : array_begin[place];
      k->block[op][d](&b);
      int64_t bad = first_difference(out, b.out, (char *)full + (size_t)at * size, n);
      CHECK(bad < 0, "%s %s %s: n %d, in place %d, differs at %d", k->isa, name, nv_dtype_name(d), (int)n, place,
            (int)bad);
      CHECK(array_intact(place < 0 ? 3 : place), "%s %s: wrote before the array", k->isa, name);
    }
  }
}

/* ---- leaves ---- */

static void check_iota(nv_dtype d) {
  static const int64_t params[][3] = {{1, 10, 0}, {1, 1000, -5}, {3, 4, 2}, {1, 1, 7}, {100, 3, 0}, {5, 1, 1}};
  results("iota", nv_dtype_name(d));
  for (size_t p = 0; p < sizeof params / sizeof *params; p++)
    for (int64_t index = 0; index < 40; index += 13)
      for (int64_t n = 0; n <= 300; n += n < 40 ? 1 : 67) {
        nv_block b = {.out = array(0, (size_t)n * nv_dtype_size(d)), .n = n, .index = index, .params = params[p]};
        k->block[NV_BLOCK_iota][d](&b);
        hash(d, b.out, n);
        for (int64_t i = 0; i < n; i++)
          CHECK(number(d, b.out, i) == (double)(params[p][2] + (index + i) / params[p][0] % params[p][1]), "%s iota %s",
                k->isa, nv_dtype_name(d));
      }
}

static void check_random(nv_dtype d) {
  static const double range[][2] = {{0, 1}, {-1, 1}, {2.5, 2.75}, {1, 1 + 0x1p-23}, {-0x1p-20, 3e5}};
  static const int64_t first[] = {0, 1, 2, 3, 5, 62, 64, 127, 0x3fffffff0, 0x400000000 - 37, 0x7ffffffffff};
  const int64_t state[2] = {(int64_t)0x9a3cf00dbeefcafe, 0x123456789abc};
  const uint32_t key[2] = {(uint32_t)state[0], (uint32_t)((uint64_t)state[0] >> 32)};
  results("random_uniform", nv_dtype_name(d));
  for (size_t f = 0; f < sizeof first / sizeof *first; f++)
    for (size_t r = 0; r < sizeof range / sizeof *range; r++)
      for (int64_t n = 0; n <= 700; n += n < 70 ? 1 : 133) {
        nv_block b = {.out = array(0, (size_t)n * nv_dtype_size(d)),
                      .in = {state},
                      .n = n,
                      .index = first[f],
                      .params = range[r]};
        k->block[NV_BLOCK_random_uniform][d](&b);
        hash(d, b.out, n);
        for (int64_t i = 0; i < n; i++) {
          uint64_t e = (uint64_t)(first[f] + i), group = d == NV_F32 ? e / 4 : e / 2;
          uint32_t w[4],
              counter[4] = {(uint32_t)group, (uint32_t)(group >> 32), (uint32_t)state[1], (uint32_t)(state[1] >> 32)};
          nv_philox4x32(counter, key, w);
          double want;
          if (d == NV_F32) {
            float low = (float)range[r][0], high = (float)range[r][1], u = (float)(w[e % 4] >> 8) * 0x1p-24f;
            float v = low + (float)(u * (high - low));
            want = (double)(v < high ? v : nextafterf(high, low));
          } else {
            double low = range[r][0], high = range[r][1];
            double u = (double)(((uint64_t)w[e % 2 * 2 + 1] << 32 | w[e % 2 * 2]) >> 12) * 0x1p-52,
                   v = low + u * (high - low);
            want = v < high ? v : nextafter(high, low);
          }
          CHECK(number(d, b.out, i) == want, "%s random_uniform %s: %.17g, want %.17g", k->isa, nv_dtype_name(d),
                number(d, b.out, i), want);
        }
      }
}

/* ---- casts ---- */

static int64_t saturated(double v, double limit, int64_t least, int64_t most) {
  return isnan(v) ? 0 : v >= limit ? most : v < -limit ? least : (int64_t)v;
}
static void cast_reference(nv_dtype from, nv_dtype to, const void *p, int64_t i, void *o) {
  double v = 0;
  int64_t w = 0;
  bool unsigned64 = from == NV_U64, real = from == NV_F32 || from == NV_F64;
  switch (from) {
  case NV_I8:
    w = ((const int8_t *)p)[i];
    break;
  case NV_U8:
    w = ((const uint8_t *)p)[i];
    break;
  case NV_I16:
    w = ((const int16_t *)p)[i];
    break;
  case NV_U16:
    w = ((const uint16_t *)p)[i];
    break;
  case NV_U32:
    w = ((const uint32_t *)p)[i];
    break;
  case NV_BOOL:
    w = ((const uint8_t *)p)[i] != 0;
    break;
  case NV_I32:
    w = ((const int32_t *)p)[i];
    break;
  case NV_I64:
  case NV_U64:
    w = ((const int64_t *)p)[i];
    break;
  default:
    v = number(from, p, i);
  }
  switch (to) {
  case NV_F32:
    *(float *)o = real ? (float)v : unsigned64 ? (float)(uint64_t)w : (float)w;
    break;
  case NV_F64:
    *(double *)o = real ? v : unsigned64 ? (double)(uint64_t)w : (double)w;
    break;
  case NV_I32:
    *(int32_t *)o = (int32_t)(real ? saturated(v, 0x1p31, INT32_MIN, INT32_MAX) : w);
    break;
  case NV_I64:
    *(int64_t *)o = real ? saturated(v, 0x1p63, INT64_MIN, INT64_MAX) : w;
    break;
  default:
    *(uint8_t *)o = real ? v != 0 : w != 0;
  }
}
static void check_cast(nv_dtype from, nv_dtype to) {
  char name[32];
  snprintf(name, sizeof name, "cast %s", nv_dtype_name(from));
  results(name, nv_dtype_name(to));
  for (int64_t n = 0; n <= 1300; n += n < 70 ? 1 : 123) {
    nv_block b = {
        .out = array(1, (size_t)n * nv_dtype_size(to)), .in = {array(0, (size_t)n * nv_dtype_size(from))}, .n = n};
    fill(from, array_begin[0], n);
    k->cast[from][to](&b);
    hash(to, b.out, n);
    for (int64_t i = 0; i < n; i++) {
      uint64_t want = 0;
      cast_reference(from, to, b.in[0], i, &want);
      CHECK(same(to, (char *)b.out + (size_t)i * nv_dtype_size(to), &want, 0), "%s cast %s to %s at %d: %.17g", k->isa,
            nv_dtype_name(from), nv_dtype_name(to), (int)i, number(to, b.out, i));
    }
    if (nv_dtype_size(from) != nv_dtype_size(to)) continue;
    void *own = array_begin[1];
    b.out = array_begin[0];
    k->cast[from][to](&b);
    CHECK(first_difference(to, b.out, own, n) < 0, "%s cast %s to %s in place", k->isa, nv_dtype_name(from),
          nv_dtype_name(to));
  }
}

/* ---- reductions ---- */

static const char *const reduce_name[] = {"sum", "prod", "max", "min", "any", "all", "argmax", "argmin"};

static void put(nv_dtype d, void *p, double v) { /* the nearest value of the dtype */
  nv_block b = {.out = p, .in = {&v}, .n = 1};
  k->cast[NV_F64][d](&b);
}
/* a <op> b by the kernels' own block ops, which have been checked. */
static void combine(nv_reduce_op op, nv_dtype d, void *a, const void *b) {
  static const nv_block_op by[] = {NV_BLOCK_add,     NV_BLOCK_multiply,   NV_BLOCK_maximum,
                                   NV_BLOCK_minimum, NV_BLOCK_logical_or, NV_BLOCK_logical_and};
  nv_block x = {.out = a, .in = {a, b}, .n = 1};
  k->block[by[op]][d](&x);
}
/* The n elements at p, `step` apart: in 256 bytes of virtual lanes folded in halves if step is 1, else one by one. */
static void reduce_reference(nv_reduce_op op, nv_dtype d, const char *p, int64_t n, int64_t step, void *o) {
  size_t size = nv_dtype_size(d);
  bool arg = op == NV_REDUCE_ARGMAX || op == NV_REDUCE_ARGMIN;
  if (arg) {
    int32_t best = 0;
    for (int64_t i = 1; i < n; i++) {
      const char *x = p + (size_t)(i * step) * size, *y = p + (size_t)(best * step) * size;
      double a = number(d, x, 0), b = number(d, y, 0);
      bool wins = d == NV_I64 ? (op == NV_REDUCE_ARGMAX ? *(const int64_t *)x > *(const int64_t *)y
                                                        : *(const int64_t *)x < *(const int64_t *)y)
                              : !isnan(b) && (isnan(a) || (op == NV_REDUCE_ARGMAX ? a > b : a < b));
      if (wins) best = (int32_t)i;
    }
    memcpy(o, &best, 4);
    return;
  }
  uint64_t lane[64] = {0};
  int64_t lanes = step == 1 ? 256 / (int64_t)size : 1;
  if (d == NV_BOOL) lanes = 1;
  double neutral[] = {0, 1, (double)-INFINITY, (double)INFINITY, 0, 1};
  for (int64_t j = 0; j < lanes; j++) {
    put(d, &lane[j], d == NV_BOOL && op == NV_REDUCE_MAX ? 0 : neutral[op]);
    if (d == NV_I64 && op == NV_REDUCE_MAX) lane[j] = (uint64_t)INT64_MIN;
    if (d == NV_I64 && op == NV_REDUCE_MIN) lane[j] = INT64_MAX;
  }
  for (int64_t i = 0; i < n; i++) combine(op, d, &lane[i % lanes], p + (size_t)(i * step) * size);
  for (int64_t h = lanes / 2; h; h /= 2)
    for (int64_t j = 0; j < h; j++) combine(op, d, &lane[j], &lane[j + h]);
  memcpy(o, lane, size);
}
static void check_reduce(nv_reduce_op op, nv_dtype d) {
  static const int64_t inners[] = {1, 2, 3, 7, 8, 10, 16, 17, 33, 64, 65, 131};
  bool arg = op == NV_REDUCE_ARGMAX || op == NV_REDUCE_ARGMIN;
  nv_dtype out = arg ? NV_I32 : d;
  size_t size = nv_dtype_size(d), out_size = nv_dtype_size(out);
  results(reduce_name[op], nv_dtype_name(d));
  for (size_t s = 0; s < sizeof inners / sizeof *inners; s++)
    for (int64_t n = 1; n <= 1100; n += inners[s] > 1 ? 1 + n / 2 : n < 140 ? 1 : 87) {
      int64_t inner = inners[s], outer = 1 + n % 3, total = outer * n * inner;
      char *x = array(0, (size_t)total * size);
      fill(d, x, total);
      for (int64_t i = 0; n % 5 && i < total; i++) { /* mostly without NaN and infinity */
        double v = number(d, x, i);
        if (d == NV_F32 && !isfinite(v)) ((float *)x)[i] = 1;
        if (d == NV_F64 && !isfinite(v)) ((double *)x)[i] = 1;
      }
      char *o = array(1, (size_t)(outer * inner) * out_size), *parts = array(2, (size_t)(outer * inner) * out_size);
      memset(o, 0x5a, (size_t)(outer * inner) * out_size);
      memset(parts, 0x5a, (size_t)(outer * inner) * out_size);
      k->reduce[op][d](x, o, 0, outer, n, inner, 0, inner);
      hash(out, o, outer * inner);
      for (int64_t r = 0; r < outer; r++)
        for (int64_t i = 0; i < inner; i++) {
          uint64_t want = 0;
          reduce_reference(op, d, x + (size_t)(r * n * inner + i) * size, n, inner, &want);
          CHECK(same(out, o + (size_t)(r * inner + i) * out_size, &want, 0),
                "%s %s %s: [%d, %d, %d] at (%d, %d): %.9g, want %.9g", k->isa, reduce_name[op], nv_dtype_name(d),
                (int)outer, (int)n, (int)inner, (int)r, (int)i, number(out, o, r * inner + i), number(out, &want, 0));
        }
      int64_t a = (outer + 1) / 2, c = inner / 3; /* four parts, made in another order */
      k->reduce[op][d](x, parts, a, outer, n, inner, c, inner);
      k->reduce[op][d](x, parts, 0, a, n, inner, c, inner);
      k->reduce[op][d](x, parts, 0, a, n, inner, 0, c);
      k->reduce[op][d](x, parts, a, outer, n, inner, 0, c);
      CHECK(first_difference(out, o, parts, outer * inner) < 0, "%s %s %s: parts differ", k->isa, reduce_name[op],
            nv_dtype_name(d));
      CHECK(array_intact(1) && array_intact(2), "%s %s: wrote before the array", k->isa, reduce_name[op]);
    }
}

/* ---- rows ---- */

static const char *const row_name[] = {"softmax", "log_softmax", "logsumexp", "cumsum", "cumprod"};

static void check_softmax(nv_row_op op, nv_dtype d) {
  long double eps = d == NV_F32 ? 0x1p-23L : 0x1p-52L;
  size_t size = nv_dtype_size(d);
  results(row_name[op], nv_dtype_name(d));
  for (int64_t n = 1; n <= 1100; n += n < 70 ? 1 : 97)
    for (int64_t rows = 1; rows <= 35; rows += 17) {
      void *x = array(0, (size_t)(rows * n) * size);
      int64_t per_row = op == NV_ROW_LOGSUMEXP ? 1 : n;
      double scale = n % 3 ? 4 : 400;
      for (int64_t i = 0; i < rows * n; i++) {
        double v = random_between(-scale, scale);
        if (random_bits() % 50 == 0) v = (double)-INFINITY;
        if (d == NV_F32)
          ((float *)x)[i] = (float)v;
        else
          ((double *)x)[i] = v;
      }
      void *o = array(1, (size_t)(rows * per_row) * size);
      k->row[op][d](x, o, 0, rows, n);
      hash(d, o, rows * per_row);
      CHECK(array_intact(1), "%s %s: wrote before the array", k->isa, row_name[op]);
      for (int64_t r = 0; r < rows; r++) {
        long double m = (long double)-INFINITY, s = 0;
        for (int64_t i = 0; i < n; i++) m = fmaxl(m, (long double)number(d, x, r * n + i));
        for (int64_t i = 0; i < n; i++) s += isinf(m) ? 0 : expl((long double)number(d, x, r * n + i) - m);
        for (int64_t i = 0; i < per_row; i++) {
          long double v = (long double)number(d, x, r * n + i), got = (long double)number(d, o, r * per_row + i);
          long double want = op == NV_ROW_SOFTMAX       ? expl(v - m) / s
                             : op == NV_ROW_LOG_SOFTMAX ? v - m - logl(s)
                                                        : m + logl(s);
          if (op == NV_ROW_LOGSUMEXP && isinf(m)) want = m;
          bool ok = isnan(want)   ? isnan(got)
                    : isinf(want) ? got == want
                                  : fabsl(got - want) <=
                                        eps * (op == NV_ROW_SOFTMAX
                                                   ? want * (12 + (want > 0 ? fabsl(v - m) : 0)) + (long double)0x1p-126
                                                   : 4 + fabsl(want) + fabsl(m));
          CHECK(ok, "%s %s %s n %d: %.9Lg, want %.9Lg", k->isa, row_name[op], nv_dtype_name(d), (int)n, got, want);
        }
      }
      void *parts = array(2, (size_t)(rows * per_row) * size);
      k->row[op][d](x, parts, rows / 2, rows, n);
      k->row[op][d](x, parts, 0, rows / 2, n);
      CHECK(first_difference(d, o, parts, rows * per_row) < 0, "%s %s: parts differ", k->isa, row_name[op]);
      if (op != NV_ROW_LOGSUMEXP) k->row[op][d](x, x, 0, rows, n);
      CHECK(op == NV_ROW_LOGSUMEXP || first_difference(d, o, x, rows * n) < 0, "%s %s: in place", k->isa, row_name[op]);
    }
}
static void check_scan(nv_row_op op, nv_dtype d) {
  size_t size = nv_dtype_size(d);
  results(row_name[op], nv_dtype_name(d));
  for (int64_t n = 0; n <= 300; n += n < 40 ? 1 : 65) {
    int64_t rows = 1 + n % 3;
    char *x = array(0, (size_t)(rows * n) * size), *o = array(1, (size_t)(rows * n) * size);
    fill(d, x, rows * n);
    k->row[op][d](x, o, 0, rows, n);
    hash(d, o, rows * n);
    for (int64_t r = 0; r < rows; r++) {
      uint64_t v = 0;
      put(d, &v, op == NV_ROW_CUMPROD);
      for (int64_t i = 0; i < n; i++) {
        combine(op == NV_ROW_CUMSUM ? NV_REDUCE_SUM : NV_REDUCE_PROD, d, &v, x + (size_t)(r * n + i) * size);
        CHECK(same(d, o + (size_t)(r * n + i) * size, &v, 0), "%s %s %s", k->isa, row_name[op], nv_dtype_name(d));
      }
    }
    k->row[op][d](x, x, 0, rows, n);
    CHECK(first_difference(d, x, o, rows * n) < 0, "%s %s: in place", k->isa, row_name[op]);
  }
}

static void run(const nv_kernels *set) {
  k = set;
  for (int d = 0; d < NV_GRAPH_DTYPES; d++) {
    for (int op = 0; op < NV_BLOCK_COUNT; op++)
      if (k->block[op][d] && op != NV_BLOCK_iota && op != NV_BLOCK_random_uniform) check_block(op, d);
    if (d != NV_BOOL) check_iota(d);
    if (d == NV_F32 || d == NV_F64) check_random(d);
    for (int from = 0; from < NV_DTYPE_COUNT; from++) check_cast(from, d);
    for (int op = 0; op < NV_REDUCE_COUNT; op++)
      if (k->reduce[op][d]) check_reduce(op, d);
    for (int op = 0; op < NV_ROW_COUNT; op++) {
      if (!k->row[op][d]) continue;
      if (op <= NV_ROW_LOGSUMEXP)
        check_softmax(op, d);
      else
        check_scan(op, d);
    }
  }
}
int main(int argc, char **argv) { return for_every_set(argc, argv, run); }
