/* test_math.c: the elementary functions of every instruction set: their largest error in units of the last place
 * against the C library in more digits, held to the bounds of kernels/ulp.h; special values; the same bits from every
 * set with fma.
 * `--hash` prints hashes, `--table` the errors found. */
#include "kernel_fixture.h"

#include "kernels/ulp.h"

#include <float.h>

typedef long double wide;

/* ---- the functions, in more digits ---- */

static wide ref_exp(wide x) { return expl(x); }
static wide ref_expm1(wide x) { return expm1l(x); }
static wide ref_log(wide x) { return logl(x); }
static wide ref_log1p(wide x) { return log1pl(x); }
static wide ref_log2(wide x) { return log2l(x); }
static wide ref_log10(wide x) { return log10l(x); }
static wide ref_sin(wide x) { return sinl(x); }
static wide ref_cos(wide x) { return cosl(x); }
static wide ref_tan(wide x) { return tanl(x); }
static wide ref_arcsin(wide x) { return asinl(x); }
static wide ref_arccos(wide x) { return acosl(x); }
static wide ref_arctan(wide x) { return atanl(x); }
static wide ref_sinh(wide x) { return sinhl(x); }
static wide ref_cosh(wide x) { return coshl(x); }
static wide ref_tanh(wide x) { return tanhl(x); }
static wide ref_arcsinh(wide x) { return asinhl(x); }
static wide ref_arccosh(wide x) { return acoshl(x); }
static wide ref_arctanh(wide x) { return atanhl(x); }
static wide ref_sigmoid(wide x) { return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)); }
static wide ref_softplus(wide x) { return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x)); }
static wide ref_erf(wide x) { return erfl(x); }
static wide ref_erfc(wide x) { return erfcl(x); }
static wide ref_rsqrt(wide x) { return 1 / sqrtl(x); }
static wide ref_erfinv(wide x) { /* Halley's method, on erfc where that has more digits */
  wide a = fabsl(x), y = a < 0.9L ? a : sqrtl(-logl(1 - a));
  if (!(a < 1) || a == 0) return a == 0 ? x : a == 1 ? copysignl((wide)INFINITY, x) : (wide)NAN;
  if (a < 1e-20L) return x * 0.886226925452758013649L;
  for (int j = 0; j < 12; j++) {
    wide miss = a < 0.5L ? erfl(y) - a : (1 - a) - erfcl(y);
    wide step = miss / (1.128379167095512573896L * expl(-y * y));
    y -= step / (1 + y * step);
  }
  return copysignl(y, x);
}
static wide ref_power(wide x, wide y) { /* pow knows what infinities give */
  return isinf(x) || isinf(y) || x == 0 ? (wide)pow((double)x, (double)y) : powl(x, y);
}
static wide ref_arctan2(wide y, wide x) { return atan2l(y, x); }

typedef struct function {
  const char *name;
  nv_block_op op;
  wide (*ref1)(wide);
  wide (*ref2)(wide, wide);
  double bound[2]; /* float32, float64 */
} function;
#define ROW1(name, f32, f64) {#name, NV_BLOCK_##name, ref_##name, NULL, {f32, f64}},
#define ROW2(name, f32, f64) {#name, NV_BLOCK_##name, NULL, ref_##name, {f32, f64}},
static const function functions[] = {NV_ULP_1(ROW1) NV_ULP_2(ROW2)};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* ---- samples: computed once, the same for all sets ---- */

enum { N = 60000, SLOW_N = 12000 };
static double in0[FUNCTIONS][2][N];
static double in1[2][2][N];
static wide want[FUNCTIONS][2][N];
static double found[ISAS][FUNCTIONS][2];

static double any_float(nv_dtype d) { /* any bits at all */
  uint64_t bits = random_bits();
  float f;
  double v;
  memcpy(&f, &bits, 4);
  memcpy(&v, &bits, 8);
  return d == NV_F32 ? (double)f : v;
}
/* Where a function has its features. */
static double sample(nv_block_op op, nv_dtype d, int i) {
  double big = d == NV_F32 ? 104 : 746, v;
  if (i < SPECIALS) return special[i];
  if (i % 4 == 0) return any_float(d);
  switch (op) {
  case NV_BLOCK_log:
  case NV_BLOCK_log2:
  case NV_BLOCK_log10:
    v = i % 2 ? random_between(0, 4) : random_between(0.9, 1.1);
    break;
  case NV_BLOCK_log1p:
    v = i % 2 ? random_between(-1, 4) : random_between(-0.01, 0.01);
    break;
  case NV_BLOCK_arcsin:
  case NV_BLOCK_arccos:
  case NV_BLOCK_arctanh:
    v = random_between(-1, 1);
    break;
  case NV_BLOCK_erfinv:
    v = i % 2 ? random_between(-1, 1) : 1 - exp(random_between(-36, 0));
    break;
  case NV_BLOCK_arccosh:
    v = i % 2 ? random_between(1, 5) : 1 + exp(random_between(-30, 30));
    break;
  case NV_BLOCK_sin:
  case NV_BLOCK_cos:
  case NV_BLOCK_tan:
    v = i % 2 ? random_between(-10, 10) : (double)(int)(random_bits() % 2000) * 1.5707963267948966;
    break;
  case NV_BLOCK_erfc:
    v = random_between(-6, d == NV_F32 ? 10.5 : 27.5);
    break;
  case NV_BLOCK_power:
    v = i % 2 ? random_between(0, 3) : exp(random_between(-80, 80));
    break;
  default:
    v = i % 2 ? random_between(-big, big) : random_between(-3, 3);
  }
  return d == NV_F32 ? (double)(float)v : v;
}
static void prepare(void) {
  random_state = 1234567;
  for (int f = 0; f < FUNCTIONS; f++)
    for (int t = 0; t < 2; t++)
      for (int i = 0; i < N; i++) {
        nv_block_op op = functions[f].op;
        bool pair = functions[f].ref2;
        double x = in0[f][t][i] = sample(op, t, pair && i < SPECIALS * SPECIALS ? i / SPECIALS : i), y = 0;
        if (pair) {
          double scale = op == NV_BLOCK_power ? (t ? 600 : 80) / (fabs(log(fabs(x) + 1e-3)) + 0.1) : 4;
          y = i < SPECIALS * SPECIALS ? special[i % SPECIALS]
              : i % 3                 ? random_between(-scale, scale)
              : i % 2                 ? any_float(t)
                                      : (double)(i % 41 - 20);
          if (t == NV_F32) x = in0[f][t][i] = (double)(float)x, y = (double)(float)y;
          in1[f - (FUNCTIONS - 2)][t][i] = y;
        } else if (t == NV_F32)
          x = in0[f][t][i] = (double)(float)x;
        if (t == NV_F64 && i >= SLOW_N && op == NV_BLOCK_erfinv) continue;
        want[f][t][i] = pair ? functions[f].ref2((wide)x, (wide)y) : functions[f].ref1((wide)x);
      }
}

/* |got - want| in units in the last place of want as a number of the dtype. */
static double ulps(nv_dtype d, double got, wide w) {
  double rounded = d == NV_F32 ? (double)(float)w : (double)w, top = d == NV_F32 ? (double)FLT_MAX : DBL_MAX;
  int digits = d == NV_F32 ? 24 : 53, least = d == NV_F32 ? -126 : -1022;
  if (isnan(w) || isnan(got)) return isnan(w) && isnan(got) ? 0 : (double)INFINITY;
  if (isinf(w) || w == 0) return got == (double)w && !signbit(got) == !signbit(w) ? 0 : (double)INFINITY;
  if (isinf(got)) got = copysign(ldexp(top, 0), got), w = isinf(rounded) ? (wide)got : w;
  if (isinf(rounded) && !isinf(got)) w = copysignl((wide)top, w) == (wide)got ? (wide)got : w;
  int e = ilogbl(w) < least ? least : ilogbl(w);
  return (double)(fabsl((wide)got - w) / ldexpl(1, e - digits + 1));
}

static void run(const nv_kernels *k) {
  static double x[N], y[N], o[N]; /* float32 in place of float64 where that is the dtype */
  bool fused = strcmp(k->isa, "portable") != 0;
  for (int f = 0; f < FUNCTIONS; f++)
    for (int t = 0; t < 2; t++) {
      int n = functions[f].op == NV_BLOCK_erfinv && t == NV_F64 ? SLOW_N : N;
      nv_block b = {.out = o, .in = {x, y}, .n = n}, to = {.out = x, .in = {in0[f][t]}, .n = n};
      k->cast[NV_F64][t](&to);
      if (functions[f].ref2) {
        to.out = y, to.in[0] = in1[f - (FUNCTIONS - 2)][t];
        k->cast[NV_F64][t](&to);
      }
      k->block[functions[f].op][t](&b);
      results(functions[f].name, nv_dtype_name(t));
      hash(t, o, n);
      int wrong = 0;
      double worst = 0, bound = fused ? functions[f].bound[t] : 2 * functions[f].bound[t] + 1;
      for (int i = 0; i < n; i++) {
        double e = ulps(t, number(t, o, i), want[f][t][i]);
        wrong += !(e <= bound);
        CHECK(e <= bound || wrong > 3, "%s %s %s(%.17g, %.17g) = %.17g, want %.17Lg: %.2f ulp", k->isa,
              nv_dtype_name(t), functions[f].name, in0[f][t][i], functions[f].ref2 ? in1[f - (FUNCTIONS - 2)][t][i] : 0,
              number(t, o, i), want[f][t][i], e);
        if (e > worst) worst = e;
      }
      found[results_of][f][t] = worst;
    }
}

int main(int argc, char **argv) {
  prepare();
  int failed = for_every_set(argc, argv, run);
  for (int f = 0; f < FUNCTIONS && argc > 1 && strcmp(argv[1], "--table") == 0; f++) {
    printf("%-9s", functions[f].name);
    for (int s = 0; s < ISAS; s++)
      if (nv_kernels_for(isas[s])) printf("  %8s %6.3f %6.3f", isas[s], found[s][f][0], found[s][f][1]);
    putchar('\n');
  }
  return failed;
}
