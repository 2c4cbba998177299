/* methods.c: the methods by name. */
#include "optimize/optimize.h"

#include <string.h>

extern const nv_method nv_bayesian_regularization;
extern const nv_method nv_gradient_descent;
extern const nv_method nv_least_squares;
extern const nv_method nv_levenberg_marquardt;
extern const nv_method nv_newton;

static const nv_method *const methods[] = {
    &nv_bayesian_regularization,
    &nv_gradient_descent,
    &nv_least_squares,
    &nv_levenberg_marquardt,
    &nv_newton,
};

const nv_method *nv_method_find(const char *name) {
  for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
    if (strcmp(methods[k]->name, name) == 0) return methods[k];
  return NULL;
}
