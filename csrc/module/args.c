/* args.c: Python's arguments to C: strict about kinds, so that a mistake is an exception that names the argument. */
#include "module/module.h"

#include <string.h>

static bool keyword(const nv_py_signature *s, PyObject *name, PyObject *value, PyObject **slots) {
  for (int k = 0; k < s->count; k++) {
    if (PyUnicode_CompareWithASCIIString(name, s->names[k]) != 0) continue;
    if (slots[k]) {
      PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%s'", s->function, s->names[k]);
      return false;
    }
    slots[k] = value;
    return true;
  }
  PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", s->function, name);
  return false;
}

bool nv_py_args(const nv_py_signature *s, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, PyObject **slots) {
  if (n > s->count) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most %d arguments (%zd given)", s->function, s->count, n);
    return false;
  }
  for (int k = 0; k < s->count; k++) slots[k] = k < n ? args[k] : NULL;
  Py_ssize_t n_keywords = kwnames ? PyTuple_Size(kwnames) : 0;
  for (Py_ssize_t k = 0; k < n_keywords; k++)
    if (!keyword(s, PyTuple_GetItem(kwnames, k), args[n + k], slots)) return false;
  for (int k = 0; k < s->required; k++)
    if (!slots[k]) {
      PyErr_Format(PyExc_TypeError, "%s() is missing the argument '%s'", s->function, s->names[k]);
      return false;
    }
  return true;
}

/* An int, or what says it is one (NumPy's integers), as an exact int: new reference. */
static PyObject *index_of(PyObject *x, const char *what) {
  PyObject *i = PyBool_Check(x) || !PyIndex_Check(x) ? NULL : PyNumber_Index(x);
  if (!i && !PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "%s: expected an int, got %.200R", what, x);
  return i;
}

bool nv_py_int(PyObject *x, const char *what, int64_t *out) {
  PyObject *i = index_of(x, what);
  if (!i) return false;
  int overflow = 0;
  long long value = PyLong_AsLongLongAndOverflow(i, &overflow);
  Py_DECREF(i);
  if (overflow) {
    PyErr_Format(PyExc_ValueError, "%s: the int does not fit in 64 bits", what);
    return false;
  }
  *out = value;
  return true;
}

bool nv_py_uint64(PyObject *x, const char *what, uint64_t *out) {
  PyObject *i = index_of(x, what);
  if (!i) return false;
  unsigned long long value = PyLong_AsUnsignedLongLong(i);
  Py_DECREF(i);
  if (PyErr_Occurred()) {
    PyErr_Format(PyExc_ValueError, "%s: expected an int in 0..2**64-1, got %.200R", what, x);
    return false;
  }
  *out = value;
  return true;
}

bool nv_py_text(PyObject *x, const char *what, const char **out) {
  if (!PyUnicode_Check(x)) {
    PyErr_Format(PyExc_TypeError, "%s: expected a str, got %.200R", what, x);
    return false;
  }
  Py_ssize_t length;
  const char *text = PyUnicode_AsUTF8AndSize(x, &length);
  if (!text) return false;
  if (strlen(text) != (size_t)length) {
    PyErr_Format(PyExc_ValueError, "%s: a NUL character in %.200R", what, x);
    return false;
  }
  *out = text;
  return true;
}

bool nv_py_dtype(const nv_py_state *state, PyObject *x, const char *what, nv_dtype *out) {
  for (int k = 0; k < NV_GRAPH_DTYPES; k++) /* interned: usually the same object */
    if (x == state->dtypes[k]) return *out = (nv_dtype)k, true;
  if (!PyUnicode_Check(x)) {
    PyErr_Format(PyExc_TypeError, "%s: expected a dtype's name as a str, got %.200R", what, x);
    return false;
  }
  for (int k = 0; k < NV_GRAPH_DTYPES; k++)
    if (PyUnicode_Compare(x, state->dtypes[k]) == 0) return *out = (nv_dtype)k, true;
  PyErr_Format(PyExc_ValueError, "%s: dtype %.200R is not supported; use float32, float64, int32, int64 or bool", what,
               x);
  return false;
}

PyObject *nv_py_tuple(PyObject *sequence, const char *what) {
  if (PyTuple_CheckExact(sequence)) return Py_NewRef(sequence);
  if (!PySequence_Check(sequence) || PyUnicode_Check(sequence) || PyBytes_Check(sequence)) {
    PyErr_Format(PyExc_TypeError, "%s: expected a sequence, got %.200R", what, sequence);
    return NULL;
  }
  return PySequence_Tuple(sequence);
}

bool nv_py_ints_read(PyObject *sequence, const char *what, nv_py_ints *out) {
  *out = (nv_py_ints){.at = out->few};
  if (!sequence) return true;
  PyObject *tuple = nv_py_tuple(sequence, what);
  if (!tuple) return false;
  Py_ssize_t n = PyTuple_Size(tuple);
  if (n > INT32_MAX) {
    PyErr_Format(PyExc_ValueError, "%s: %zd ints are too many", what, n);
    goto fail;
  }
  if (n > (Py_ssize_t)(sizeof out->few / sizeof *out->few)) {
    out->at = PyMem_Malloc((size_t)n * sizeof *out->at);
    if (!out->at) {
      PyErr_NoMemory();
      goto fail;
    }
  }
  for (Py_ssize_t k = 0; k < n; k++)
    if (!nv_py_int(PyTuple_GetItem(tuple, k), what, &out->at[k])) goto fail;
  out->n = (int)n;
  Py_DECREF(tuple);
  return true;
fail:
  nv_py_ints_free(out);
  Py_DECREF(tuple);
  return false;
}

void nv_py_ints_free(nv_py_ints *ints) {
  if (ints->at != ints->few) PyMem_Free(ints->at);
  ints->at = ints->few;
}

bool nv_py_type(const nv_py_state *state, PyObject *shape, PyObject *dtype, const char *what, nv_type *out) {
  nv_py_ints dims;
  *out = (nv_type){.dtype = NV_F32};
  if (dtype && !nv_py_dtype(state, dtype, what, &out->dtype)) return false;
  if (!nv_py_ints_read(shape, what, &dims)) return false;
  /* As in NumPy, what counts against the limit is the size with empty extents taken as 1. */
  int64_t bytes = (int64_t)nv_dtype_size(out->dtype);
  const char *wrong = dims.n > NV_MAX_DIMS ? "too many dimensions" : NULL;
  for (int k = 0; k < dims.n && !wrong; k++) {
    out->shape[k] = dims.at[k];
    if (dims.at[k] < 0)
      wrong = "a negative extent";
    else if (__builtin_mul_overflow(bytes, dims.at[k] ? dims.at[k] : 1, &bytes) || bytes > INT64_MAX / 4)
      wrong = "too large";
  }
  out->ndim = dims.n;
  nv_py_ints_free(&dims);
  if (wrong) PyErr_Format(PyExc_ValueError, "%s: shape %.200R: %s", what, shape, wrong);
  return !wrong;
}

PyObject *nv_py_shape(const nv_type *t) {
  PyObject *tuple = PyTuple_New(t->ndim);
  for (int k = 0; tuple && k < t->ndim; k++) {
    PyObject *extent = PyLong_FromLongLong(t->shape[k]);
    if (!extent || PyTuple_SetItem(tuple, k, extent) < 0) Py_CLEAR(tuple);
  }
  return tuple;
}
