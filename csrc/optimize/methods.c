/* methods.c: the methods by name. */
#include "optimize/optimize.h"

#include <string.h>

extern const nv_method nv_gradient_descent;

static const nv_method *const methods[] = {
    &nv_gradient_descent,
};

const nv_method *nv_method_find(const char *name) {
  for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
    if (strcmp(methods[k]->name, name) == 0) return methods[k];
  return NULL;
}
