/* array.c: the one file that knows NumPy. What is read in place, what is converted, and what is refused by name.
 *
 * Kinds: real numbers and bools may become floats, bools and ints may become ints (if the values fit), bools stay
 * bools. A float never becomes an int, and objects, strings, complex numbers and dates become nothing. */
#include "module/module.h"

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>
#include <numpy/npy_2_compat.h>

_Static_assert(sizeof(npy_intp) == sizeof(int64_t), "shapes are passed to NumPy as they are");

int nv_py_array_init(void) { return PyArray_ImportNumPyAPI(); }

/* ---- dtypes ---- */

static const int typenums[NV_DTYPE_COUNT] = {
    [NV_F32] = NPY_FLOAT32, [NV_F64] = NPY_FLOAT64, [NV_I32] = NPY_INT32,  [NV_I64] = NPY_INT64,
    [NV_BOOL] = NPY_BOOL,   [NV_I8] = NPY_INT8,     [NV_U8] = NPY_UINT8,   [NV_I16] = NPY_INT16,
    [NV_U16] = NPY_UINT16,  [NV_U32] = NPY_UINT32,  [NV_U64] = NPY_UINT64,
};

/* NV_DTYPE_COUNT if the core has no such dtype. NumPy has two 64-bit ints (long and long long): both are one here. */
static nv_dtype dtype_of(PyArrayObject *a) {
  switch (PyArray_TYPE(a)) {
  case NPY_FLOAT:
    return NV_F32;
  case NPY_DOUBLE:
    return NV_F64;
  case NPY_BOOL:
    return NV_BOOL;
  case NPY_BYTE:
    return NV_I8;
  case NPY_UBYTE:
    return NV_U8;
  case NPY_SHORT:
    return NV_I16;
  case NPY_USHORT:
    return NV_U16;
  case NPY_INT:
    return NV_I32;
  case NPY_UINT:
    return NV_U32;
  case NPY_LONG:
    return sizeof(long) == 8 ? NV_I64 : NV_I32;
  case NPY_ULONG:
    return sizeof(long) == 8 ? NV_U64 : NV_U32;
  case NPY_LONGLONG:
    return NV_I64;
  case NPY_ULONGLONG:
    return NV_U64;
  default:
    return NV_DTYPE_COUNT;
  }
}

static bool kind_fits(PyArrayObject *a, nv_dtype want) {
  int type = PyArray_TYPE(a);
  if (PyTypeNum_ISBOOL(type)) return true;
  if (want == NV_BOOL) return false;
  return PyTypeNum_ISINTEGER(type) || (PyTypeNum_ISFLOAT(type) && (want == NV_F32 || want == NV_F64));
}

/* ---- messages ---- */

static PyObject *label(const nv_py_slot *s) {
  return s->name && s->name != Py_None ? PyUnicode_FromFormat("%s %R", s->role, s->name)
                                       : PyUnicode_FromFormat("%s %d", s->role, s->index);
}

static PyObject *shape_of(PyArrayObject *a) { return PyArray_IntTupleFromIntp(PyArray_NDIM(a), PyArray_DIMS(a)); }

/* "input 'x': expected shape (32, 8), got (32, 9)"; any of the parts may be NULL after a failure. Steals both. */
static bool wrong(PyObject *kind, const nv_py_slot *slot, const char *what, PyObject *expected, PyObject *got) {
  PyObject *name = label(slot);
  if (name && expected && got) PyErr_Format(kind, "%U: expected %s %S, got %S", name, what, expected, got);
  Py_XDECREF(name);
  Py_XDECREF(expected);
  Py_XDECREF(got);
  return false;
}

static bool wrong_dtype(const nv_py_slot *slot, PyArrayObject *a) {
  return wrong(PyExc_TypeError, slot, "dtype", PyUnicode_FromString(nv_dtype_name(slot->type.dtype)),
               Py_NewRef((PyObject *)PyArray_DESCR(a)));
}

static bool not_an_array(const nv_py_slot *slot, PyObject *x) {
  return wrong(PyExc_TypeError, slot, "a", PyUnicode_FromString("NumPy array"), PyUnicode_FromFormat("%.100R", x));
}

static bool refuse(PyObject *kind, const nv_py_slot *slot, const char *why) {
  PyObject *name = label(slot);
  if (name) PyErr_Format(kind, "%U: %s", name, why);
  Py_XDECREF(name);
  return false;
}

const void *nv_py_array_plain(PyObject *x, nv_dtype *dtype, int64_t *size) {
  if (!PyArray_Check(x)) return NULL;
  PyArrayObject *a = (PyArrayObject *)x;
  *dtype = dtype_of(a), *size = PyArray_SIZE(a);
  return *dtype != NV_DTYPE_COUNT && PyArray_ISCARRAY_RO(a) ? PyArray_DATA(a) : NULL;
}

/* ---- a plan's inputs ---- */

static bool same_shape(PyArrayObject *a, const nv_type *t) {
  if (PyArray_NDIM(a) != t->ndim) return false;
  for (int k = 0; k < t->ndim; k++)
    if (PyArray_DIM(a, k) != t->shape[k]) return false;
  return true;
}

/* a.min() or a.max(), false if it is outside int64 or an exception is set. */
static bool extreme(PyObject *a, const char *method, long long *out) {
  PyObject *scalar = PyObject_CallMethod(a, method, NULL), *value = scalar ? PyNumber_Index(scalar) : NULL;
  int overflow = 0;
  if (value) *out = PyLong_AsLongLongAndOverflow(value, &overflow);
  Py_XDECREF(value);
  Py_XDECREF(scalar);
  return value && !overflow;
}

/* Ints that become ints keep their values: those of a wider (or unsigned) dtype are looked at. */
static bool values_fit(PyArrayObject *a, const nv_py_slot *slot) {
  nv_dtype want = slot->type.dtype;
  npy_intp from = PyArray_ITEMSIZE(a), to = (npy_intp)nv_dtype_size(want);
  bool keeps = from < to || (from == to && !PyTypeNum_ISUNSIGNED(PyArray_TYPE(a)));
  if ((want != NV_I32 && want != NV_I64) || !PyTypeNum_ISINTEGER(PyArray_TYPE(a)) || keeps || PyArray_SIZE(a) == 0)
    return true;
  PyObject *plain = PyArray_View(a, NULL, &PyArray_Type); /* a masked array's extremes leave values out */
  if (!plain) return false;
  long long least = 0, most = 0;
  bool fit = extreme(plain, "min", &least) && extreme(plain, "max", &most) &&
             (want == NV_I64 || (least >= INT32_MIN && most <= INT32_MAX));
  Py_DECREF(plain);
  if (fit || PyErr_Occurred()) return fit;
  return refuse(PyExc_ValueError, slot,
                want == NV_I32 ? "a value does not fit in int32" : "a value does not fit in int64");
}

static PyArrayObject *convert(PyObject *x, const nv_py_slot *slot) {
  nv_dtype want = slot->type.dtype;
  PyArrayObject *a = (PyArrayObject *)PyArray_FromAny(x, NULL, 0, 0, 0, NULL), *b = NULL;
  if (!a) return NULL;
  if (!kind_fits(a, want)) {
    wrong_dtype(slot, a);
  } else if (!same_shape(a, &slot->type)) {
    wrong(PyExc_ValueError, slot, "shape", nv_py_shape(&slot->type), shape_of(a));
  } else if (values_fit(a, slot)) {
    b = (PyArrayObject *)PyArray_FromArray(a, PyArray_DescrFromType(typenums[want]),
                                           NPY_ARRAY_CARRAY_RO | NPY_ARRAY_FORCECAST | NPY_ARRAY_ENSUREARRAY);
  }
  Py_DECREF(a);
  return b;
}

const void *nv_py_array_read(PyObject *x, const nv_py_slot *slot, PyObject **held) {
  if (PyArray_Check(x)) {
    PyArrayObject *a = (PyArrayObject *)x;
    if (dtype_of(a) == slot->type.dtype && PyArray_ISCARRAY_RO(a) && same_shape(a, &slot->type)) return PyArray_DATA(a);
  }
  PyArrayObject *a = convert(x, slot);
  *held = (PyObject *)a;
  return a ? PyArray_DATA(a) : NULL;
}

/* ---- arrays out ----
 * NumPy's own allocator: the array owns its memory like any other, large ones get huge pages, and results aligned to 64
 * bytes by a handler of our own were not measurably faster at any size. */

PyObject *nv_py_array_new(const nv_type *type, void **data) {
  PyObject *a = PyArray_SimpleNew(type->ndim, (const npy_intp *)type->shape, typenums[type->dtype]);
  if (a) *data = PyArray_DATA((PyArrayObject *)a);
  return a;
}

PyObject *nv_py_array_view(const nv_type *type, void *data, PyObject *owner) {
  PyObject *a = PyArray_SimpleNewFromData(type->ndim, (const npy_intp *)type->shape, typenums[type->dtype], data);
  if (a && PyArray_SetBaseObject((PyArrayObject *)a, Py_NewRef(owner)) < 0) Py_CLEAR(a);
  return a;
}

bool nv_py_array_constant(PyObject *x, nv_type *type, const void **data, PyObject **held) {
  PyArrayObject *a = (PyArrayObject *)PyArray_FromAny(x, NULL, 0, 0, 0, NULL), *b = NULL;
  if (!a) return false;
  nv_dtype dtype = dtype_of(a);
  if (dtype >= NV_GRAPH_DTYPES) {
    PyErr_Format(PyExc_TypeError, "constant: dtype %S is not supported; use float32, float64, int32, int64 or bool",
                 PyArray_DESCR(a));
  } else if (PyArray_NDIM(a) > NV_MAX_DIMS) {
    PyErr_Format(PyExc_ValueError, "constant: %d dimensions; at most %d are supported", PyArray_NDIM(a), NV_MAX_DIMS);
  } else {
    b = (PyArrayObject *)PyArray_FromArray(a, PyArray_DescrFromType(typenums[dtype]),
                                           NPY_ARRAY_CARRAY_RO | NPY_ARRAY_ENSUREARRAY);
  }
  Py_DECREF(a);
  if (!b) return false;
  *type = (nv_type){.dtype = dtype, .ndim = PyArray_NDIM(b)};
  for (int k = 0; k < type->ndim; k++) type->shape[k] = PyArray_DIM(b, k);
  *data = PyArray_DATA(b);
  *held = (PyObject *)b;
  return true;
}

/* ---- what a loop reads and writes ---- */

/* An array of n rows, each of the shape of one of the slot's. */
static bool rows_fit(PyArrayObject *a, const nv_py_slot *slot, int64_t n) {
  nv_type want = slot->type;
  want.shape[0] = n;
  return same_shape(a, &want) || wrong(PyExc_ValueError, slot, "shape", nv_py_shape(&want), shape_of(a));
}

static bool rows_contiguous(PyArrayObject *a) {
  npy_intp stride = PyArray_ITEMSIZE(a);
  if (PyArray_SIZE(a) == 0) return true;
  for (int k = PyArray_NDIM(a) - 1; k > 0; k--) {
    if (PyArray_DIM(a, k) != 1 && PyArray_STRIDE(a, k) != stride) return false;
    stride *= PyArray_DIM(a, k);
  }
  return true;
}

bool nv_py_array_source(PyObject *x, const nv_py_slot *slot, int64_t n, nv_source *out) {
  if (!PyArray_Check(x)) return not_an_array(slot, x);
  PyArrayObject *a = (PyArrayObject *)x;
  nv_dtype dtype = dtype_of(a);
  if (!kind_fits(a, slot->type.dtype)) return wrong_dtype(slot, a);
  if (dtype == NV_DTYPE_COUNT || !PyArray_ISNOTSWAPPED(a) || !PyArray_ISALIGNED(a)) {
    PyObject *name = label(slot);
    if (name)
      PyErr_Format(PyExc_TypeError, "%U: %sdtype %S cannot be read row by row; convert it with astype('%s')", name,
                   PyArray_ISALIGNED(a) ? "" : "unaligned ", PyArray_DESCR(a), nv_dtype_name(slot->type.dtype));
    Py_XDECREF(name);
    return false;
  }
  if (!rows_fit(a, slot, n)) return false;
  if (!rows_contiguous(a))
    return refuse(PyExc_ValueError, slot, "its rows are not C-contiguous; pass numpy.ascontiguousarray of it");
  if (!values_fit(a, slot)) return false;
  *out = (nv_source){PyArray_DATA(a), dtype, PyArray_STRIDE(a, 0)};
  return true;
}

bool nv_py_array_sink(PyObject *x, const nv_py_slot *slot, int64_t n, nv_sink *out) {
  if (!PyArray_Check(x)) return not_an_array(slot, x);
  PyArrayObject *a = (PyArrayObject *)x;
  if (dtype_of(a) != slot->type.dtype || !PyArray_ISNOTSWAPPED(a)) return wrong_dtype(slot, a);
  if (!rows_fit(a, slot, n)) return false;
  if (!PyArray_ISCARRAY(a)) return refuse(PyExc_ValueError, slot, "must be C-contiguous, aligned and writable");
  out->data = PyArray_DATA(a);
  return true;
}

const int64_t *nv_py_array_order(PyObject *x, int64_t n, int64_t at, int64_t from, int64_t to) {
  PyArrayObject *a = (PyArrayObject *)x;
  if (!PyArray_Check(x) || dtype_of(a) != NV_I64 || !PyArray_ISNOTSWAPPED(a)) {
    PyErr_Format(PyExc_TypeError, "order: expected an int64 array, got %.200R", x);
    return NULL;
  }
  if (PyArray_NDIM(a) != 1 || !PyArray_ISCARRAY_RO(a)) {
    PyObject *shape = shape_of(a);
    if (shape) PyErr_Format(PyExc_ValueError, "order: expected a contiguous array of rank 1, got shape %S", shape);
    Py_XDECREF(shape);
    return NULL;
  }
  int64_t size = PyArray_DIM(a, 0);
  if (at < 0 || at > from || size < to - at || size > n - at) {
    PyErr_Format(PyExc_ValueError,
                 "order: expected row numbers for the places %lld..%lld, or more up to %lld, got %lld from place %lld "
                 "on",
                 (long long)from, (long long)to - 1, (long long)n - 1, (long long)size, (long long)at);
    return NULL;
  }
  const int64_t *order = PyArray_DATA(a);
  uint64_t outside = 0;
  for (int64_t k = from - at; k < to - at; k++) outside |= (uint64_t)((uint64_t)order[k] >= (uint64_t)n);
  for (int64_t k = from - at; outside && k < to - at; k++)
    if ((uint64_t)order[k] >= (uint64_t)n) {
      PyErr_Format(PyExc_ValueError, "order[%lld] is %lld, outside 0..%lld", (long long)k, (long long)order[k],
                   (long long)n - 1);
      return NULL;
    }
  return order;
}
