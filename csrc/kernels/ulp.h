/* ulp.h: how far each elementary function may be from the true value, in units of its last place. tests/c/test_math.c
 * measures it; the portable kernels, without fma, are held to twice that and 1 more. exp to rsqrt have code of their
 * own for float32; the others are computed in float64 there and rounded once more. */
#ifndef NV_ULP_H
#define NV_ULP_H

/* X(name, float32, float64), by number of arguments */
/* clang-format off */
#define NV_ULP_1(X) \
  X(exp, 1.0, 1.0)         X(expm1, 1.5, 2.0)       X(log, 1.0, 1.0)         X(log1p, 1.5, 1.5) \
  X(tanh, 2.5, 2.5)        X(sigmoid, 2.0, 2.5)     X(softplus, 2.0, 2.0)    X(erf, 1.5, 2.0) \
  X(rsqrt, 1.5, 1.5)       X(log2, 0.6, 1.0)        X(log10, 0.6, 1.0)       X(sin, 0.6, 1.0) \
  X(cos, 0.6, 1.0)         X(tan, 0.6, 2.5)         X(arcsin, 0.6, 1.5)      X(arccos, 0.6, 1.0) \
  X(arctan, 0.6, 1.5)      X(sinh, 0.6, 2.5)        X(cosh, 0.6, 1.5)        X(arcsinh, 0.6, 3.0) \
  X(arccosh, 0.6, 3.0)     X(arctanh, 0.6, 3.0)     X(erfc, 0.6, 4.0)        X(erfinv, 0.6, 3.0)
#define NV_ULP_2(X) X(power, 0.6, 1.5) X(arctan2, 0.6, 2.0)

#endif
