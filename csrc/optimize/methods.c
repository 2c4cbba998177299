/* methods.c: the methods by name. */
#include "optimize/optimize.h"

#include <string.h>

extern const nv_method nv_gradient_descent, nv_lbfgs, nv_bfgs, nv_conjugate_gradient, nv_scaled_conjugate_gradient,
    nv_newton_cg, nv_trust_region, nv_newton, nv_levenberg_marquardt, nv_bayesian_regularization, nv_least_squares;

static const nv_method *const methods[] = {
    &nv_gradient_descent, &nv_lbfgs,        &nv_bfgs,   &nv_conjugate_gradient,  &nv_scaled_conjugate_gradient,
    &nv_newton_cg,        &nv_trust_region, &nv_newton, &nv_levenberg_marquardt, &nv_bayesian_regularization,
    &nv_least_squares,
};

const nv_method *nv_method_find(const char *name) {
  for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
    if (strcmp(methods[k]->name, name) == 0) return methods[k];
  return NULL;
}
