/* minimizer.c: the Minimizer type: a method at work on an Objective. */
#include "module/module.h"

#include <string.h>

static const char *const stop_names[NV_STOP_COUNT] = {
    NULL, "goal", "gtol", "ftol", "xtol", "max_evals", "max_seconds", "line_search", "damping", "radius", "start"};

typedef struct nv_py_minimizer {
  PyObject_HEAD nv_minimizer *minimizer;
  PyObject *objective;
  double *limits; /* l1, lower and upper: [n] each, where they are */
} nv_py_minimizer;

static nv_py_minimizer *minimizer_at(PyObject *self) { return (nv_py_minimizer *)self; }

/* ---- making ---- */

static bool read_settings(PyObject *dict, nv_setting **out, int *n) {
  PyObject *name, *value;
  Py_ssize_t at = 0, k = 0;
  if (!PyDict_Check(dict)) {
    PyErr_Format(PyExc_TypeError, "minimizer's settings: expected a dict, got %.200R", dict);
    return false;
  }
  *out = PyMem_Calloc((size_t)PyDict_Size(dict) + 1, sizeof **out);
  if (!*out) return PyErr_NoMemory() != NULL;
  while (PyDict_Next(dict, &at, &name, &value)) {
    const char *text;
    if (!nv_py_text(name, "minimizer's settings", &text)) return false;
    if (strlen(text) >= sizeof(*out)->name) {
      PyErr_Format(PyExc_ValueError, "minimizer: there is no setting %.200R", name);
      return false;
    }
    memcpy((*out)[k].name, text, strlen(text) + 1);
    (*out)[k].value = PyFloat_AsDouble(value);
    if (PyErr_Occurred()) return false;
    k++;
  }
  *n = (int)k;
  return true;
}

/* A copy of an array of n numbers that lasts as long as the minimizer; None: NULL. */
static bool read_limit(PyObject *x, int64_t n, const char *role, double *to, const double **out) {
  PyObject *held = NULL;
  if (!x || x == Py_None) return true;
  const double *data = nv_py_vector(x, n, role, &held);
  if (data) memcpy(to, data, (size_t)n * sizeof *to), *out = to;
  Py_XDECREF(held);
  return data != NULL;
}

static bool create(nv_py_minimizer *m, const char *method, PyObject *settings, PyObject *l1, PyObject *lower,
                   PyObject *upper) {
  nv_objective *o = nv_py_objective_of(m->objective);
  int64_t n = nv_objective_size(o);
  const double *at[3] = {NULL, NULL, NULL};
  nv_setting *list = NULL;
  int count = 0;
  bool good = false;
  if (!(m->limits = PyMem_Calloc(3 * (size_t)n + 1, sizeof *m->limits))) {
    PyErr_NoMemory();
  } else if (read_limit(l1, n, "l1", m->limits, &at[0]) && read_limit(lower, n, "lower", m->limits + n, &at[1]) &&
             read_limit(upper, n, "upper", m->limits + 2 * n, &at[2]) && read_settings(settings, &list, &count)) {
    nv_status status = nv_minimizer_make(o, method, list, count, &m->minimizer);
    bool confined = at[1] && at[2];
    if (status == NV_OK) status = nv_minimizer_penalize(m->minimizer, at[0]);
    if (status == NV_OK && confined) status = nv_minimizer_confine(m->minimizer, at[1], at[2]);
    if (status != NV_OK) nv_py_raise(status);
    good = status == NV_OK;
  }
  PyMem_Free(list);
  return good;
}

static PyObject *minimizer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *keywords[] = {"objective", "method", "settings", "l1", "lower", "upper", NULL};
  PyObject *objective, *settings, *l1 = NULL, *lower = NULL, *upper = NULL;
  const char *method;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OsO|OOO:Minimizer", keywords, &objective, &method, &settings, &l1,
                                   &lower, &upper))
    return NULL;
  const nv_py_state *state = PyType_GetModuleState(type);
  if (!Py_IS_TYPE(objective, state->objective))
    return PyErr_Format(PyExc_TypeError, "minimizer: expected an Objective, got %.200R", objective);
  PyObject *self = PyType_GenericAlloc(type, 0);
  if (!self) return NULL;
  minimizer_at(self)->objective = Py_NewRef(objective);
  if (create(minimizer_at(self), method, settings, l1, lower, upper)) return self;
  Py_DECREF(self);
  return NULL;
}

static int minimizer_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(minimizer_at(self)->objective);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void minimizer_dealloc(PyObject *self) {
  nv_py_minimizer *m = minimizer_at(self);
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  nv_minimizer_free(m->minimizer);
  PyMem_Free(m->limits);
  Py_XDECREF(m->objective);
  PyObject_GC_Del(self);
  Py_DECREF((PyObject *)type);
}

/* ---- running ---- */

static PyObject *minimizer_start(PyObject *self, PyObject *x) {
  nv_py_minimizer *m = minimizer_at(self);
  PyObject *held = NULL;
  const double *point = nv_py_vector(x, nv_objective_size(nv_py_objective_of(m->objective)), "x", &held);
  if (!point || !nv_py_objective_enter(m->objective)) {
    Py_XDECREF(held);
    return NULL;
  }
  nv_py_away away;
  nv_py_leave(&away, nv_py_state_at(self));
  nv_status status = nv_minimizer_start(m->minimizer, point, &away.poll);
  nv_py_return(&away);
  nv_py_objective_exit(m->objective);
  Py_XDECREF(held);
  return status == NV_OK ? Py_NewRef(Py_None) : nv_py_raise(status);
}

static PyObject *minimizer_renew(PyObject *self, PyObject *Py_UNUSED(none)) {
  nv_py_minimizer *m = minimizer_at(self);
  if (!nv_py_objective_enter(m->objective)) return NULL;
  nv_py_away away;
  nv_py_leave(&away, nv_py_state_at(self));
  nv_status status = nv_minimizer_renew(m->minimizer, &away.poll);
  nv_py_return(&away);
  nv_py_objective_exit(m->objective);
  return status == NV_OK ? Py_NewRef(Py_None) : nv_py_raise(status);
}

static PyObject *minimizer_run(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  static const nv_py_signature signature = {"run", 1, 3, {"iterations", "seconds", "records"}};
  nv_py_minimizer *m = minimizer_at(self);
  PyObject *a[3];
  int64_t iterations, done = 0;
  double seconds = 0;
  nv_sink sink = {NULL};
  if (!nv_py_args(&signature, args, n, names, a) || !nv_py_int(a[0], "run's iterations", &iterations)) return NULL;
  if (a[1]) seconds = PyFloat_AsDouble(a[1]);
  if (PyErr_Occurred()) return NULL;
  if (a[2] && a[2] != Py_None) {
    nv_py_slot slot = {.type = {.dtype = NV_F64, .ndim = 2, .shape = {0, NV_RECORD}}, .role = "records"};
    if (!nv_py_array_sink(a[2], &slot, iterations, &sink)) return NULL;
  }
  if (!nv_py_objective_enter(m->objective)) return NULL;
  nv_py_away away;
  nv_py_leave(&away, nv_py_state_at(self));
  nv_status status = nv_minimizer_run(m->minimizer, iterations, seconds, sink.data, &done, &away.poll);
  nv_py_return(&away);
  nv_py_objective_exit(m->objective);
  return status == NV_OK ? PyLong_FromLongLong(done) : nv_py_raise(status);
}

/* ---- looking ---- */

/* In one call, so that no signal comes in between. */
static PyObject *minimizer_store(PyObject *self, PyObject *sequence) {
  const nv_py_state *state = nv_py_state_at(self);
  nv_minimizer_state now = nv_minimizer_get(minimizer_at(self)->minimizer);
  PyObject *tuple = nv_py_tuple(sequence, "store");
  int64_t total = 0;
  for (Py_ssize_t k = 0; tuple && k < PyTuple_Size(tuple); k++) {
    PyObject *v = PyTuple_GetItem(tuple, k);
    const nv_type *t = Py_IS_TYPE(v, state->variable) ? nv_variable_type(((nv_py_variable *)v)->variable) : NULL;
    if (!t || (t->dtype != NV_F32 && t->dtype != NV_F64)) {
      PyErr_Format(PyExc_TypeError, "store: expected Variables of floats, got %.200R", v);
      Py_CLEAR(tuple);
    } else {
      total += nv_type_size(t);
    }
  }
  if (!tuple) return NULL;
  if (total != now.n) {
    Py_DECREF(tuple);
    return PyErr_Format(PyExc_ValueError, "store: expected Variables of %lld numbers in all, got %lld",
                        (long long)now.n, (long long)total);
  }
  const double *x = now.x;
  for (Py_ssize_t k = 0; k < PyTuple_Size(tuple); k++) {
    nv_variable *v = ((nv_py_variable *)PyTuple_GetItem(tuple, k))->variable;
    nv_variable_put(v, x);
    x += nv_type_size(nv_variable_type(v));
  }
  Py_DECREF(tuple);
  Py_RETURN_NONE;
}

static nv_minimizer_state state_of(PyObject *self) { return nv_minimizer_get(minimizer_at(self)->minimizer); }

static PyObject *copy_of(const double *x, int64_t n) {
  nv_type type = {.dtype = NV_F64, .ndim = 1, .shape = {n}};
  void *data;
  PyObject *array = nv_py_array_new(&type, &data);
  if (array) memcpy(data, x, (size_t)n * sizeof *x);
  return array;
}

static PyObject *get_x(PyObject *self, void *Py_UNUSED(closure)) { return copy_of(state_of(self).x, state_of(self).n); }
static PyObject *get_g(PyObject *self, void *Py_UNUSED(closure)) { return copy_of(state_of(self).g, state_of(self).n); }
static PyObject *get_f(PyObject *self, void *Py_UNUSED(closure)) { return PyFloat_FromDouble(state_of(self).f); }
static PyObject *get_norm(PyObject *self, void *Py_UNUSED(closure)) {
  return PyFloat_FromDouble(state_of(self).gradient_norm);
}
static PyObject *get_parameter(PyObject *self, void *Py_UNUSED(closure)) {
  return PyFloat_FromDouble(state_of(self).parameter);
}
static PyObject *get_stop(PyObject *self, void *Py_UNUSED(closure)) {
  const char *name = stop_names[state_of(self).stop];
  return name ? PyUnicode_FromString(name) : Py_NewRef(Py_None);
}
static PyObject *get_idle(PyObject *self, void *Py_UNUSED(closure)) { return PyBool_FromLong(state_of(self).idle); }
static PyObject *get_counts(PyObject *self, void *Py_UNUSED(closure)) {
  nv_minimizer_state s = state_of(self);
  return Py_BuildValue("{s:L,s:L,s:L,s:L,s:L}", "iterations", (long long)s.iterations, "values", (long long)s.values,
                       "gradients", (long long)s.gradients, "products", (long long)s.products, "matrices",
                       (long long)s.matrices);
}

static PyMethodDef minimizer_methods[] = {
    {"start", minimizer_start, METH_O,
     "start($self, x, /)\n--\n\nBegins at x: evaluates f and its gradient. Where they are not finite, `stop` says so."},
    {"renew", minimizer_renew, METH_NOARGS,
     "renew($self, /)\n--\n\nThe objective has changed: evaluates f and its gradient anew where it is."},
    {"store", minimizer_store, METH_O,
     "store($self, variables, /)\n--\n\nWrites x into these Variables, one after the other. Raises ValueError unless "
     "it has\nas many numbers as they do."},
    {"run", (PyCFunction)(void (*)(void))minimizer_run, METH_FASTCALL | METH_KEYWORDS,
     "run($self, /, iterations, seconds=0.0, records=None)\n--\n\n"
     "Makes at most so many iterations, for about `seconds` (0: no limit); returns how many it made. `stop` says why "
     "if\n"
     "they were fewer. `records`, a float64 array (iterations, 8), gets a row for each: f, the gradient's largest "
     "element,\n"
     "the step's length, the method's parameter, and the counts of values, gradients, products and matrices. Releases "
     "the\n"
     "GIL. An exception leaves x, f and g as after the last whole iteration."},
    {0},
};

static PyGetSetDef minimizer_getset[] = {
    {"x", get_x, NULL, "Where it is, a copy.", NULL},
    {"g", get_g, NULL, "The gradient there, without the L1 term, a copy.", NULL},
    {"f", get_f, NULL, "The value there.", NULL},
    {"gradient_norm", get_norm, NULL, "The gradient's largest element as `gtol` sees it.", NULL},
    {"parameter", get_parameter, NULL, "The method's own number: step length, damping, radius, ..", NULL},
    {"stop", get_stop, NULL, "Why it stopped, a word; None if it has not.", NULL},
    {"idle", get_idle, NULL, "Has the last iteration found nothing to do but stop? It is not counted.", NULL},
    {"counts", get_counts, NULL, "iterations, values, gradients, products, matrices: a dict.", NULL},
    {0},
};

static PyType_Slot minimizer_slots[] = {
    {Py_tp_doc, "Minimizer(objective, method, settings, l1=None, lower=None, upper=None)\n--\n\n"
                "A method at work on an Objective; `settings` are its options as numbers. f includes sum l1 |x|, which "
                "the\n"
                "objective leaves out; x stays from lower to upper. Raises ValueError for what it does not know."},
    {Py_tp_new, minimizer_new},
    {Py_tp_dealloc, minimizer_dealloc},
    {Py_tp_traverse, minimizer_traverse},
    {Py_tp_methods, minimizer_methods},
    {Py_tp_getset, minimizer_getset},
    {0, NULL},
};

PyType_Spec nv_py_minimizer_spec = {
    .name = "nervure._core.Minimizer",
    .basicsize = sizeof(nv_py_minimizer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = minimizer_slots,
};
