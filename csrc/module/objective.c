/* objective.c: the Objective type: passes of loops over data as a function of a flat vector. */
#include "module/module.h"

#include <unistd.h>

static const char *const pass_names[NV_PASSES] = {"value",  "gradient",  "hessian_product", "gauss_product",
                                                  "normal", "residuals", "jacobian"};

/* The variables, in groups: each is a tuple of Variables, and beside it what the core reads. */
enum { WEIGHTS, DIRECTIONS, VALUE, GRADIENT, PRODUCT, MATRIX, RESIDUALS, JACOBIAN, CHUNK, GROUPS };
static const char *const group_names[GROUPS] = {"weights", "directions", "value",    "gradient", "product",
                                                "matrix",  "residuals",  "jacobian", "chunk"};

typedef struct nv_py_objective {
  PyObject_HEAD nv_objective *objective;
  PyObject *groups[GROUPS]; /* tuples */
  nv_variable **variables[GROUPS];
  PyObject *loops[NV_PASSES]; /* or NULL */
  PyObject *order;            /* the array of the window, or NULL */
  long running;               /* the process that runs it, or 0 */
} nv_py_objective;

static nv_py_objective *objective_at(PyObject *self) { return (nv_py_objective *)self; }
nv_objective *nv_py_objective_of(PyObject *self) { return objective_at(self)->objective; }

/* ---- making ---- */

static bool read_group(nv_py_objective *o, const nv_py_state *state, int k, PyObject *given) {
  bool one = k == VALUE || k == RESIDUALS || k == JACOBIAN || k == CHUNK; /* a Variable or None */
  if (!given || given == Py_None)
    o->groups[k] = PyTuple_New(0);
  else
    o->groups[k] = one ? PyTuple_Pack(1, given) : nv_py_tuple(given, group_names[k]);
  if (!o->groups[k]) return false;
  Py_ssize_t n = PyTuple_Size(o->groups[k]);
  o->variables[k] = PyMem_Calloc((size_t)n + 1, sizeof *o->variables[k]);
  if (!o->variables[k] || n > INT32_MAX) {
    PyErr_NoMemory();
    return false;
  }
  for (Py_ssize_t j = 0; j < n; j++) {
    PyObject *v = PyTuple_GetItem(o->groups[k], j);
    if (!Py_IS_TYPE(v, state->variable)) {
      PyErr_Format(PyExc_TypeError, "objective's %s: expected a Variable, got %.200R", group_names[k], v);
      return false;
    }
    o->variables[k][j] = ((nv_py_variable *)v)->variable;
  }
  return true;
}

static bool read_loops(nv_py_objective *o, const nv_py_state *state, PyObject *loops) {
  PyObject *name, *loop;
  Py_ssize_t at = 0;
  if (!PyDict_Check(loops)) {
    PyErr_Format(PyExc_TypeError, "objective's loops: expected a dict, got %.200R", loops);
    return false;
  }
  while (PyDict_Next(loops, &at, &name, &loop)) {
    int k = 0;
    while (k < NV_PASSES && !(PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, pass_names[k]) == 0)) k++;
    if (k == NV_PASSES) {
      PyErr_Format(PyExc_ValueError, "objective: there is no pass %.200R", name);
      return false;
    }
    if (!Py_IS_TYPE(loop, state->loop)) {
      PyErr_Format(PyExc_TypeError, "objective's %U: expected a Loop, got %.200R", name, loop);
      return false;
    }
    o->loops[k] = Py_NewRef(loop);
  }
  return true;
}

static bool create(nv_py_objective *o, bool adds) {
  Py_ssize_t n = PyTuple_Size(o->groups[WEIGHTS]);
  Py_ssize_t gradient = PyTuple_Size(o->groups[GRADIENT]), product = PyTuple_Size(o->groups[PRODUCT]);
  if ((gradient && gradient != n) || (product && product != n) ||
      (product && PyTuple_Size(o->groups[DIRECTIONS]) != n)) {
    PyErr_SetString(PyExc_ValueError, "objective: gradient, product and directions need one Variable a weight");
    return false;
  }
  nv_objective_spec spec = {.weights = o->variables[WEIGHTS],
                            .n_weights = (int)n,
                            .directions = product ? o->variables[DIRECTIONS] : NULL,
                            .value = o->variables[VALUE][0],
                            .gradient = o->variables[GRADIENT],
                            .product = o->variables[PRODUCT],
                            .matrix = o->variables[MATRIX],
                            .n_matrix = (int)PyTuple_Size(o->groups[MATRIX]),
                            .residuals = o->variables[RESIDUALS][0],
                            .jacobian = o->variables[JACOBIAN][0],
                            .chunk = o->variables[CHUNK][0],
                            .adds = adds};
  for (int k = 0; k < NV_PASSES; k++)
    if (o->loops[k]) spec.passes[k] = *nv_py_loop_spec_of(o->loops[k]);
  nv_status status = nv_objective_new(&spec, &o->objective);
  if (status != NV_OK) nv_py_raise(status);
  return status == NV_OK;
}

static PyObject *objective_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *keywords[] = {"weights", "loops",     "directions", "value", "gradient", "product",
                             "matrix",  "residuals", "jacobian",   "chunk", "adds",     NULL};
  static const int order[GROUPS] = {WEIGHTS, DIRECTIONS, VALUE, GRADIENT, PRODUCT, MATRIX, RESIDUALS, JACOBIAN, CHUNK};
  PyObject *loops, *given[GROUPS] = {NULL};
  int adds = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|$OOOOOOOOp:Objective", keywords, &given[0], &loops, &given[1],
                                   &given[2], &given[3], &given[4], &given[5], &given[6], &given[7], &given[8], &adds))
    return NULL;
  PyObject *self = PyType_GenericAlloc(type, 0);
  if (!self) return NULL;
  nv_py_objective *o = objective_at(self);
  const nv_py_state *state = PyType_GetModuleState(type);
  bool good = read_loops(o, state, loops);
  for (int k = 0; good && k < GROUPS; k++) good = read_group(o, state, order[k], given[k]);
  if (good && create(o, adds != 0)) return self;
  Py_DECREF(self);
  return NULL;
}

static int objective_traverse(PyObject *self, visitproc visit, void *arg) {
  nv_py_objective *o = objective_at(self);
  for (int k = 0; k < GROUPS; k++) Py_VISIT(o->groups[k]);
  for (int k = 0; k < NV_PASSES; k++) Py_VISIT(o->loops[k]);
  Py_VISIT(o->order);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

/* No tp_clear: as for Loop, what it refers to is older than it. */
static void objective_dealloc(PyObject *self) {
  nv_py_objective *o = objective_at(self);
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  nv_objective_free(o->objective);
  for (int k = 0; k < GROUPS; k++) Py_XDECREF(o->groups[k]), PyMem_Free(o->variables[k]);
  for (int k = 0; k < NV_PASSES; k++) Py_XDECREF(o->loops[k]);
  Py_XDECREF(o->order);
  PyObject_GC_Del(self);
  Py_DECREF((PyObject *)type);
}

/* ---- running ---- */

void nv_py_objective_exit(PyObject *self) {
  nv_py_objective *o = objective_at(self);
  o->running = 0;
  for (int k = 0; k < NV_PASSES; k++)
    if (o->loops[k]) nv_py_loop_exit(o->loops[k]);
}

bool nv_py_objective_enter(PyObject *self) {
  nv_py_objective *o = objective_at(self);
  if (o->running == (long)getpid()) {
    PyErr_SetString(PyExc_RuntimeError, "this objective is running already");
    return false;
  }
  for (int k = 0; k < NV_PASSES; k++)
    if (o->loops[k] && !nv_py_loop_enter(o->loops[k])) {
      while (k-- > 0)
        if (o->loops[k]) nv_py_loop_exit(o->loops[k]);
      return false;
    }
  o->running = (long)getpid();
  return true;
}

const double *nv_py_vector(PyObject *x, int64_t n, const char *role, PyObject **held) {
  nv_py_slot slot = {.type = {.dtype = NV_F64, .ndim = 1, .shape = {n}}, .role = role, .name = NULL};
  return nv_py_array_read(x, &slot, held);
}

/* The pass at x (and v); its results as arrays, or a float: what `want` says: 'f', 'a', 'b' in the order to return. */
static PyObject *run(PyObject *self, nv_pass pass, const char *want, PyObject *x, PyObject *v) {
  nv_objective *objective = nv_py_objective_of(self);
  if (!nv_objective_has(objective, pass))
    return PyErr_Format(PyExc_ValueError, "this objective has no pass '%s'", pass_names[pass]);
  int64_t n = nv_objective_size(objective), m = nv_objective_residuals(objective);
  bool squares = pass == NV_PASS_RESIDUALS || pass == NV_PASS_JACOBIAN, a = false, b = false;
  for (const char *c = want; *c; c++) a |= *c == 'a', b |= *c == 'b';
  nv_type vector = {.dtype = NV_F64, .ndim = 1, .shape = {squares ? m : n}};
  nv_type matrix = {.dtype = NV_F64, .ndim = 2, .shape = {squares ? m : n, n}};
  PyObject *held[2] = {NULL, NULL}, *arrays[2] = {NULL, NULL}, *result = NULL;
  void *data[2] = {NULL, NULL};
  const double *point = nv_py_vector(x, n, "x", &held[0]);
  const double *along = point && v ? nv_py_vector(v, n, "v", &held[1]) : NULL;
  double f = 0;
  bool good = point && (!v || along);
  if (good && a) good = (arrays[0] = nv_py_array_new(&vector, &data[0])) != NULL;
  if (good && b) good = (arrays[1] = nv_py_array_new(&matrix, &data[1])) != NULL;
  if (good && nv_py_objective_enter(self)) {
    nv_py_away away;
    nv_py_leave(&away, nv_py_state_at(self));
    nv_status status = nv_objective_run(objective, pass, point, along, &f, data[0], data[1], &away.poll);
    nv_py_return(&away);
    nv_py_objective_exit(self);
    if (status != NV_OK) {
      nv_py_raise(status);
    } else if (!want[1]) {
      result = *want == 'f' ? PyFloat_FromDouble(f) : Py_NewRef(arrays[0]);
    } else {
      PyObject *parts[3];
      Py_ssize_t count = 0;
      for (const char *c = want; *c; c++)
        parts[count++] = *c == 'f' ? PyFloat_FromDouble(f) : Py_NewRef(arrays[*c == 'b']);
      result = PyTuple_New(count);
      for (Py_ssize_t k = 0; k < count; k++)
        if (!result || !parts[k])
          Py_XDECREF(parts[k]);
        else
          PyTuple_SetItem(result, k, parts[k]);
      if (PyErr_Occurred()) Py_CLEAR(result);
    }
  }
  for (int k = 0; k < 2; k++) Py_XDECREF(held[k]), Py_XDECREF(arrays[k]);
  return result;
}

static PyObject *at_x(PyObject *self, nv_pass pass, const char *want, PyObject *x) {
  return run(self, pass, want, x, NULL);
}
static PyObject *along_v(PyObject *self, nv_pass pass, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  nv_py_signature signature = {pass_names[pass], 2, 2, {"x", "v"}};
  PyObject *a[2];
  return nv_py_args(&signature, args, n, names, a) ? run(self, pass, "a", a[0], a[1]) : NULL;
}

static PyObject *objective_value(PyObject *self, PyObject *x) { return at_x(self, NV_PASS_VALUE, "f", x); }
static PyObject *objective_gradient(PyObject *self, PyObject *x) { return at_x(self, NV_PASS_GRADIENT, "fa", x); }
static PyObject *objective_normal(PyObject *self, PyObject *x) { return at_x(self, NV_PASS_NORMAL, "fab", x); }
static PyObject *objective_residuals(PyObject *self, PyObject *x) { return at_x(self, NV_PASS_RESIDUALS, "a", x); }
static PyObject *objective_jacobian(PyObject *self, PyObject *x) { return at_x(self, NV_PASS_JACOBIAN, "ab", x); }
static PyObject *objective_hessian(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  return along_v(self, NV_PASS_HESSIAN, args, n, names);
}
static PyObject *objective_gauss(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  return along_v(self, NV_PASS_GAUSS, args, n, names);
}

static PyObject *objective_window(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names) {
  static const nv_py_signature signature = {"window", 2, 4, {"first", "last", "order", "at"}};
  nv_py_objective *o = objective_at(self);
  PyObject *a[4];
  int64_t first, last, at = 0;
  const int64_t *order = NULL;
  const nv_loop_spec *loop = NULL;
  if (!nv_py_args(&signature, args, n, names, a) || !nv_py_int(a[0], "window's first", &first) ||
      !nv_py_int(a[1], "window's last", &last) || (a[3] && !nv_py_int(a[3], "window's at", &at)))
    return NULL;
  for (int k = 0; k < NV_PASSES && !loop; k++)
    if (o->loops[k]) loop = nv_py_loop_spec_of(o->loops[k]);
  int64_t steps = loop ? loop->n / loop->batch + (loop->n % loop->batch > 0) : 0;
  if (first < 0 || last < first || last > steps)
    return PyErr_Format(PyExc_ValueError, "window: expected 0 <= first <= last <= %lld, got %lld, %lld",
                        (long long)steps, (long long)first, (long long)last);
  if (a[2] && a[2] != Py_None) {
    int64_t end = last < steps ? last * loop->batch : loop->n;
    if (!(order = nv_py_array_order(a[2], loop->n, at, first * loop->batch, end))) return NULL;
  }
  Py_XSETREF(o->order, order ? Py_NewRef(a[2]) : NULL);
  nv_objective_window(o->objective, order, at, first, last);
  Py_RETURN_NONE;
}

static PyObject *objective_size(PyObject *self, void *Py_UNUSED(closure)) {
  return PyLong_FromLongLong(nv_objective_size(nv_py_objective_of(self)));
}
static PyObject *objective_m(PyObject *self, void *Py_UNUSED(closure)) {
  return PyLong_FromLongLong(nv_objective_residuals(nv_py_objective_of(self)));
}
static PyObject *objective_passes(PyObject *self, void *Py_UNUSED(closure)) {
  PyObject *list = PyList_New(0);
  for (int k = 0; list && k < NV_PASSES; k++) {
    if (!nv_objective_has(nv_py_objective_of(self), (nv_pass)k)) continue;
    PyObject *name = PyUnicode_FromString(pass_names[k]);
    if (!name || PyList_Append(list, name) < 0) Py_CLEAR(list);
    Py_XDECREF(name);
  }
  return list;
}

#define X_DOC(name, what) name "($self, x, /)\n--\n\n" what
#define KEYWORDS METH_FASTCALL | METH_KEYWORDS
static PyMethodDef objective_methods[] = {
    {"value", objective_value, METH_O, X_DOC("value", "f(x).")},
    {"gradient", objective_gradient, METH_O, X_DOC("gradient", "(f, gradient).")},
    {"normal", objective_normal, METH_O, X_DOC("normal", "(f, gradient, Gauss-Newton matrix).")},
    {"residuals", objective_residuals, METH_O, X_DOC("residuals", "r, of f = 1/2 sum r^2.")},
    {"jacobian", objective_jacobian, METH_O, X_DOC("jacobian", "(r, dr/dx).")},
    {"hessian_product", (PyCFunction)(void (*)(void))objective_hessian, KEYWORDS,
     "hessian_product($self, /, x, v)\n--\n\nThe Hessian at x times v."},
    {"gauss_product", (PyCFunction)(void (*)(void))objective_gauss, KEYWORDS,
     "gauss_product($self, /, x, v)\n--\n\nThe Gauss-Newton matrix at x times v."},
    {"window", (PyCFunction)(void (*)(void))objective_window, KEYWORDS,
     "window($self, /, first, last, order=None, at=0)\n--\n\n"
     "From now on passes make steps first..last-1 of their loops only, with rows in that order (as in Loop.run)."},
    {0},
};

static PyGetSetDef objective_getset[] = {
    {"size", objective_size, NULL, "How many numbers x has.", NULL},
    {"n_residuals", objective_m, NULL, "How many residuals there are; 0 if it is no sum of squares.", NULL},
    {"passes", objective_passes, NULL, "The names of the passes it has.", NULL},
    {0},
};

static PyType_Slot objective_slots[] = {
    {Py_tp_doc,
     "Objective(weights, loops, *, directions=(), value=None, gradient=(), product=(), matrix=(), residuals=None, "
     "jacobian=None, chunk=None, adds=False)\n--\n\n"
     "Loops over data as a function of a flat float64 vector x: `weights`, one after the other.\n\n"
     "`loops` by name: value, gradient, hessian_product, gauss_product, normal, residuals, jacobian. Their plans read\n"
     "`weights` (and `directions`) and leave results in the other Variables, which are float64. With `adds` they add\n"
     "to them, and a pass of many steps gives the sum. Raises ValueError for Variables that do not fit."},
    {Py_tp_new, objective_new},
    {Py_tp_dealloc, objective_dealloc},
    {Py_tp_traverse, objective_traverse},
    {Py_tp_methods, objective_methods},
    {Py_tp_getset, objective_getset},
    {0, NULL},
};

PyType_Spec nv_py_objective_spec = {
    .name = "nervure._core.Objective",
    .basicsize = sizeof(nv_py_objective),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = objective_slots,
};
