/* bound.c: an attribute that holds another value inside a `with`. In C, so that no signal handler and no tracer can
 * come between entering or leaving and the attribute: what is going on in a thread is never left as if it still were.
 */
#include "module/module.h"

typedef struct bound {
  PyObject_HEAD PyObject *owner, *name, *value,
      *outer; /* outer: what the attribute held before; NULL outside of the `with` */
} bound;

static PyObject *bound_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"owner", "name", "value", NULL};
  PyObject *owner, *name, *value;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OUO:Bound", names, &owner, &name, &value)) return NULL;
  bound *self = (bound *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
  if (!self) return NULL;
  self->owner = Py_NewRef(owner), self->name = Py_NewRef(name), self->value = Py_NewRef(value);
  return (PyObject *)self;
}

static PyObject *enter(PyObject *object, PyObject *Py_UNUSED(none)) {
  bound *self = (bound *)object;
  if (self->outer) return PyErr_Format(PyExc_RuntimeError, "a Bound can be entered once at a time");
  PyObject *outer = PyObject_GetAttr(self->owner, self->name);
  if (!outer) return NULL;
  if (PyObject_SetAttr(self->owner, self->name, self->value) < 0) {
    Py_DECREF(outer);
    return NULL;
  }
  self->outer = outer;
  return Py_NewRef(self->value);
}

static PyObject *leave(PyObject *object, PyObject *Py_UNUSED(args)) {
  bound *self = (bound *)object;
  if (!self->outer) return PyErr_Format(PyExc_RuntimeError, "a Bound that was not entered cannot be left");
  int failed = PyObject_SetAttr(self->owner, self->name, self->outer);
  Py_CLEAR(self->outer);
  return failed ? NULL : Py_NewRef(Py_None);
}

static int bound_traverse(PyObject *object, visitproc visit, void *arg) {
  bound *self = (bound *)object;
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self->owner);
  Py_VISIT(self->value);
  Py_VISIT(self->outer);
  return 0;
}

static int bound_clear(PyObject *object) {
  bound *self = (bound *)object;
  Py_CLEAR(self->owner);
  Py_CLEAR(self->name);
  Py_CLEAR(self->value);
  Py_CLEAR(self->outer);
  return 0;
}

static void bound_dealloc(PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  bound_clear(object);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"__enter__", enter, METH_NOARGS, "__enter__($self, /)\n--\n\nSets the attribute; gives its value."},
    {"__exit__", leave, METH_VARARGS, "__exit__($self, /, *exc)\n--\n\nGives the attribute back what it held."},
    {0},
};

PyType_Spec nv_py_bound_spec = {
    .name = "nervure._core.Bound",
    .basicsize = sizeof(bound),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = (PyType_Slot[]){{Py_tp_doc, "Bound(owner, name, value)\n--\n\n"
                                         "Inside a `with`, `owner.name` is `value`."},
                             {Py_tp_new, bound_new},
                             {Py_tp_dealloc, bound_dealloc},
                             {Py_tp_traverse, bound_traverse},
                             {Py_tp_clear, bound_clear},
                             {Py_tp_methods, methods},
                             {0, NULL}},
};
