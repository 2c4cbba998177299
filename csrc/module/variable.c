/* variable.c: the Variable type: the core's memory as arrays that keep it alive. */
#include "module/module.h"

#include <stddef.h>
#include <structmember.h>

static nv_py_variable *variable_at(PyObject *self) { return (nv_py_variable *)self; }

static PyObject *variable_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"shape", "dtype", NULL};
  PyObject *shape, *dtype = NULL;
  nv_type t;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:Variable", names, &shape, &dtype)) return NULL;
  if (!nv_py_type(PyType_GetModuleState(type), shape, dtype, "variable", &t)) return NULL;
  PyObject *self = PyType_GenericAlloc(type, 0);
  if (!self) return NULL;
  nv_status status = nv_variable_new(&t, &variable_at(self)->variable);
  if (status == NV_OK) return self;
  nv_py_raise(status);
  Py_DECREF(self);
  return NULL;
}

static int variable_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void variable_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (variable_at(self)->weakrefs) PyObject_ClearWeakRefs(self);
  nv_variable_release(variable_at(self)->variable);
  PyObject_GC_Del(self);
  Py_DECREF((PyObject *)type);
}

static PyObject *variable_array(PyObject *self, void *Py_UNUSED(closure)) {
  nv_variable *v = variable_at(self)->variable;
  return nv_py_array_view(nv_variable_type(v), nv_variable_data(v), self);
}
static PyObject *variable_shape(PyObject *self, void *Py_UNUSED(closure)) {
  return nv_py_shape(nv_variable_type(variable_at(self)->variable));
}
static PyObject *variable_dtype(PyObject *self, void *Py_UNUSED(closure)) {
  return Py_NewRef(nv_py_state_at(self)->dtypes[nv_variable_type(variable_at(self)->variable)->dtype]);
}

/* Calls the method of the view, which is what knows NumPy's rules. */
static PyObject *of_array(PyObject *self, const char *method, PyObject *args, PyObject *kwargs) {
  PyObject *array = variable_array(self, NULL);
  PyObject *bound = array ? PyObject_GetAttrString(array, method) : NULL;
  PyObject *result = bound ? PyObject_Call(bound, args, kwargs) : NULL;
  Py_XDECREF(bound);
  Py_XDECREF(array);
  return result;
}
/* The dtype is always given: where it is not, NumPy up to 2.2 loses a reference to its own for each copy=True. */
static PyObject *variable_as_array(PyObject *self, PyObject *args, PyObject *kwargs) {
  bool given = PyTuple_Size(args) > 0 || (kwargs && PyDict_GetItemString(kwargs, "dtype"));
  PyObject *all = given ? Py_NewRef(args) : PyTuple_Pack(1, Py_None);
  PyObject *result = all ? of_array(self, "__array__", all, kwargs) : NULL;
  Py_XDECREF(all);
  return result;
}
static PyObject *variable_dlpack(PyObject *self, PyObject *args, PyObject *kwargs) {
  return of_array(self, "__dlpack__", args, kwargs);
}
static PyObject *variable_dlpack_device(PyObject *self, PyObject *args) {
  return of_array(self, "__dlpack_device__", args, NULL);
}

static PyObject *variable_repr(PyObject *self) {
  PyObject *shape = variable_shape(self, NULL), *dtype = variable_dtype(self, NULL), *text = NULL;
  if (shape) text = PyUnicode_FromFormat("<Variable %U%S>", dtype, shape);
  Py_XDECREF(shape);
  Py_DECREF(dtype);
  return text;
}

static PyMethodDef variable_methods[] = {
    {"__array__", (PyCFunction)(void (*)(void))variable_as_array, METH_VARARGS | METH_KEYWORDS,
     "__array__($self, /, dtype=None, copy=None)\n--\n\n"
     "The memory itself, or a copy if another dtype or a copy is asked for."},
    {"__dlpack__", (PyCFunction)(void (*)(void))variable_dlpack, METH_VARARGS | METH_KEYWORDS,
     "__dlpack__($self, /, **kwargs)\n--\n\n"
     "The memory itself as a DLPack capsule; keywords as for `numpy.ndarray.__dlpack__`."},
    {"__dlpack_device__", variable_dlpack_device, METH_VARARGS,
     "__dlpack_device__($self, /)\n--\n\n"
     "The CPU, as DLPack names it."},
    {0},
};

static PyGetSetDef variable_getset[] = {
    {"array", variable_array, NULL, "A writable view of the memory, which keeps it alive.", NULL},
    {"shape", variable_shape, NULL, "Its extents.", NULL},
    {"dtype", variable_dtype, NULL, "Its dtype's name.", NULL},
    {0},
};

static PyMemberDef variable_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(nv_py_variable, weakrefs), READONLY, NULL},
    {0},
};

static PyType_Slot variable_slots[] = {
    {Py_tp_doc, "Variable(shape, dtype='float32')\n--\n\n"
                "Memory that never moves, filled with zeros. Graphs read and update it; `array` is a view of it."},
    {Py_tp_new, variable_new},
    {Py_tp_dealloc, variable_dealloc},
    {Py_tp_traverse, variable_traverse},
    {Py_tp_repr, variable_repr},
    {Py_tp_methods, variable_methods},
    {Py_tp_getset, variable_getset},
    {Py_tp_members, variable_members},
    {0, NULL},
};

PyType_Spec nv_py_variable_spec = {
    .name = "nervure._core.Variable",
    .basicsize = sizeof(nv_py_variable),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = variable_slots,
};
