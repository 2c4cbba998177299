/* methods.c: the methods by name. */
#include "optimize/optimize.h"

#include <string.h>

extern const nv_method nv_bfgs;
extern const nv_method nv_conjugate_gradient;
extern const nv_method nv_gradient_descent;
extern const nv_method nv_lbfgs;

static const nv_method *const methods[] = {
    &nv_bfgs,
    &nv_conjugate_gradient,
    &nv_gradient_descent,
    &nv_lbfgs,
};

const nv_method *nv_method_find(const char *name) {
  for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
    if (strcmp(methods[k]->name, name) == 0) return methods[k];
  return NULL;
}
