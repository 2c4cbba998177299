/* errors.c: a status of the core becomes a Python exception. */
#include "module/module.h"

PyObject *nv_py_raise(nv_status status) {
  PyObject *kind = PyExc_RuntimeError;
  switch (status) {
  case NV_CANCELLED:
    if (PyErr_Occurred()) return NULL; /* what the signal's handler raised: KeyboardInterrupt, usually */
    break;
  case NV_ERR_MEMORY:
    kind = PyExc_MemoryError;
    break;
  case NV_ERR_VALUE:
  case NV_ERR_NOT_DIFFERENTIABLE:
    kind = PyExc_ValueError;
    break;
  case NV_ERR_TYPE:
    kind = PyExc_TypeError;
    break;
  case NV_ERR_INDEX:
    kind = PyExc_IndexError;
    break;
  case NV_OK:
  case NV_ERR_INTERNAL:
    break;
  }
  PyErr_SetString(kind, nv_error());
  return NULL;
}
