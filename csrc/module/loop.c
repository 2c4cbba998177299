/* loop.c: the Loop type: an epoch in C over arrays that it keeps alive. */
#include "module/module.h"

#include <stddef.h>
#include <structmember.h>
#include <unistd.h>

typedef struct nv_py_loop {
  PyObject_HEAD nv_py_plan *plan, *tail; /* or NULL */
  PyObject *arrays[2];                   /* tuples: sources, sinks */
  nv_source *sources;
  nv_sink *sinks;
  nv_loop_spec spec;
  int64_t steps, step;
  long running; /* the process that runs it (a forked child does not), or 0 */
} nv_py_loop;

static nv_py_loop *loop_at(PyObject *self) { return (nv_py_loop *)self; }

/* ---- making ---- */

/* Checks that the arrays can feed (take) every input (output) of `plan`, made for `rows` rows. */
static bool fits(nv_py_loop *l, const nv_py_plan *plan, int64_t rows, PyObject *names) {
  int n_sources = l->spec.n_sources, n_sinks = l->spec.n_sinks;
  if (plan->n_inputs != n_sources || plan->n_outputs != n_sinks) {
    PyErr_Format(PyExc_ValueError, "loop: the plan has %d inputs and %d outputs, got %d sources and %d sinks",
                 plan->n_inputs, plan->n_outputs, n_sources, n_sinks);
    return false;
  }
  for (int k = 0; k < n_sources + n_sinks; k++) {
    bool source = k < n_sources;
    nv_py_slot slot = plan->slots[k];
    if (slot.type.ndim == 0 || slot.type.shape[0] != rows) {
      PyObject *shape = nv_py_shape(&slot.type);
      if (shape)
        PyErr_Format(PyExc_ValueError, "loop: %s %d of the plan must have %lld rows, it has shape %S", slot.role,
                     slot.index, (long long)rows, shape);
      Py_XDECREF(shape);
      return false;
    }
    PyObject *array = PyTuple_GetItem(l->arrays[!source], source ? k : k - n_sources);
    slot.role = source ? "source" : "sink";
    if (source && k < PyTuple_Size(names)) slot.name = PyTuple_GetItem(names, k);
    if (!(source ? nv_py_array_source(array, &slot, l->spec.n, &l->sources[k])
                 : nv_py_array_sink(array, &slot, l->spec.n, &l->sinks[k - n_sources])))
      return false;
  }
  return true;
}

/* None or a Plan, which must be there if it is `needed`. */
static bool plan_of(const nv_py_state *state, PyObject *x, bool needed, const char *what, nv_py_plan **out) {
  if (x == Py_None && !needed) return true;
  if (x == Py_None) {
    PyErr_Format(PyExc_ValueError, "loop: n and batch leave work for `%s`, which is None", what);
    return false;
  }
  if (!Py_IS_TYPE(x, state->plan)) {
    PyErr_Format(PyExc_TypeError, "loop's %s: expected a Plan or None, got %.200R", what, x);
    return false;
  }
  *out = (nv_py_plan *)Py_NewRef(x);
  return true;
}

static bool fill(nv_py_loop *l, const nv_py_state *state, PyObject *plan, PyObject *tail, PyObject *names) {
  int64_t n = l->spec.n, batch = l->spec.batch, left = n % batch;
  Py_ssize_t n_sources = PyTuple_Size(l->arrays[0]), n_sinks = PyTuple_Size(l->arrays[1]);
  if (n_sources > INT32_MAX || n_sinks > INT32_MAX ||
      !(l->sources = PyMem_Calloc((size_t)n_sources, sizeof *l->sources)) ||
      !(l->sinks = PyMem_Calloc((size_t)n_sinks, sizeof *l->sinks))) {
    PyErr_NoMemory();
    return false;
  }
  l->spec.sources = l->sources, l->spec.n_sources = (int)n_sources;
  l->spec.sinks = l->sinks, l->spec.n_sinks = (int)n_sinks;
  for (Py_ssize_t k = 0; k < PyTuple_Size(names); k++)
    if (!PyUnicode_Check(PyTuple_GetItem(names, k))) {
      PyErr_Format(PyExc_TypeError, "loop's names: expected str, got %.200R", PyTuple_GetItem(names, k));
      return false;
    }
  if (!plan_of(state, plan, n >= batch, "plan", &l->plan) || !plan_of(state, tail, left != 0, "tail", &l->tail))
    return false;
  if (n < batch) Py_CLEAR(l->plan);
  if (left == 0) Py_CLEAR(l->tail);
  if (l->plan && !fits(l, l->plan, batch, names)) return false;
  if (l->tail && !fits(l, l->tail, left, names)) return false;
  l->spec.plan = l->plan ? l->plan->plan : NULL;
  l->spec.tail = l->tail ? l->tail->plan : NULL;
  l->steps = n / batch + (left != 0);
  return true;
}

static PyObject *loop_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *keywords[] = {"plan", "tail", "sources", "n", "batch", "sinks", "names", NULL};
  PyObject *plan, *tail, *sources, *n, *batch, *sinks = NULL, *names = NULL, *names_tuple = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOOO|OO:Loop", keywords, &plan, &tail, &sources, &n, &batch, &sinks,
                                   &names))
    return NULL;
  PyObject *self = PyType_GenericAlloc(type, 0);
  if (!self) return NULL;
  nv_py_loop *l = loop_at(self);
  if (!nv_py_int(n, "loop's n", &l->spec.n) || !nv_py_int(batch, "loop's batch", &l->spec.batch)) goto fail;
  if (l->spec.n < 0 || l->spec.batch < 1) {
    PyErr_Format(PyExc_ValueError, "loop: expected n >= 0 and batch >= 1, got n=%lld, batch=%lld", (long long)l->spec.n,
                 (long long)l->spec.batch);
    goto fail;
  }
  if (!(l->arrays[0] = nv_py_tuple(sources, "loop's sources")) ||
      !(l->arrays[1] = sinks ? nv_py_tuple(sinks, "loop's sinks") : PyTuple_New(0)) ||
      !(names_tuple = names ? nv_py_tuple(names, "loop's names") : PyTuple_New(0)) ||
      !fill(l, PyType_GetModuleState(type), plan, tail, names_tuple))
    goto fail;
  Py_DECREF(names_tuple);
  return self;
fail:
  Py_XDECREF(names_tuple);
  Py_DECREF(self);
  return NULL;
}

static int loop_traverse(PyObject *self, visitproc visit, void *arg) {
  nv_py_loop *l = loop_at(self);
  Py_VISIT((PyObject *)l->plan);
  Py_VISIT((PyObject *)l->tail);
  Py_VISIT(l->arrays[0]);
  Py_VISIT(l->arrays[1]);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

/* No tp_clear: what a Loop refers to is older than it, so a cycle through it also passes through something that can be
 * cleared (the attributes of an ndarray subclass). */
static void loop_dealloc(PyObject *self) {
  nv_py_loop *l = loop_at(self);
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_XDECREF((PyObject *)l->plan);
  Py_XDECREF((PyObject *)l->tail);
  Py_XDECREF(l->arrays[0]);
  Py_XDECREF(l->arrays[1]);
  PyMem_Free(l->sources);
  PyMem_Free(l->sinks);
  PyObject_GC_Del(self);
  Py_DECREF((PyObject *)type);
}

/* ---- running ---- */

bool nv_py_loop_enter(PyObject *self) {
  nv_py_loop *l = loop_at(self);
  if (l->running == (long)getpid()) {
    PyErr_SetString(PyExc_RuntimeError, "this loop is running already");
    return false;
  }
  if (l->plan && !nv_py_plan_enter(l->plan)) return false;
  if (l->tail && l->tail != l->plan && !nv_py_plan_enter(l->tail)) {
    if (l->plan) nv_py_plan_exit(l->plan);
    return false;
  }
  l->running = (long)getpid();
  return true;
}

void nv_py_loop_exit(PyObject *self) {
  nv_py_loop *l = loop_at(self);
  l->running = 0;
  if (l->plan) nv_py_plan_exit(l->plan);
  if (l->tail && l->tail != l->plan) nv_py_plan_exit(l->tail);
}

const nv_loop_spec *nv_py_loop_spec_of(PyObject *self) { return &loop_at(self)->spec; }

static PyObject *loop_run(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
  static const nv_py_signature signature = {"run", 2, 5, {"first", "last", "seconds", "order", "at"}};
  nv_py_loop *l = loop_at(self);
  PyObject *a[5];
  int64_t first, last;
  double seconds = 0.0;
  if (!nv_py_args(&signature, args, n, kwnames, a)) return NULL;
  if (!nv_py_int(a[0], "run's first", &first) || !nv_py_int(a[1], "run's last", &last)) return NULL;
  if (a[2]) {
    seconds = PyFloat_AsDouble(a[2]);
    if (seconds == -1.0 && PyErr_Occurred()) return NULL;
  }
  if (first < 0 || last < first || last > l->steps)
    return PyErr_Format(PyExc_ValueError,
                        "run: expected 0 <= first <= last <= %lld (the number of steps), got %lld, %lld",
                        (long long)l->steps, (long long)first, (long long)last);
  nv_loop_spec spec = l->spec;
  if (a[4] && !nv_py_int(a[4], "run's at", &spec.order_at)) return NULL;
  if (a[3] && a[3] != Py_None) {
    int64_t end = last < l->steps ? last * spec.batch : spec.n;
    if (!(spec.order = nv_py_array_order(a[3], spec.n, spec.order_at, first * spec.batch, end))) return NULL;
  }
  nv_py_away away;
  if (!nv_py_loop_enter(self)) return NULL;
  l->step = first;
  nv_py_leave(&away, nv_py_state_at(self));
  nv_status status = first < last ? nv_loop_run(&spec, &first, last, seconds, &away.poll) : NV_OK;
  nv_py_return(&away);
  l->step = first;
  nv_py_loop_exit(self);
  return status == NV_OK ? PyLong_FromLongLong(first) : nv_py_raise(status);
}

static PyObject *loop_step(PyObject *self, void *Py_UNUSED(closure)) {
  return PyLong_FromLongLong(loop_at(self)->step);
}

static PyObject *loop_plans(PyObject *self, void *Py_UNUSED(closure)) {
  const nv_py_loop *l = loop_at(self);
  return PyTuple_Pack(2, l->plan ? (PyObject *)l->plan : Py_None, l->tail ? (PyObject *)l->tail : Py_None);
}

static PyMethodDef loop_methods[] = {
    {"run", (PyCFunction)(void (*)(void))loop_run, METH_FASTCALL | METH_KEYWORDS,
     "run($self, /, first, last, seconds=0.0, order=None, at=0)\n--\n\n"
     "Runs steps first..last-1 and returns the next step; stops early once `seconds` have passed (0: no limit), after "
     "one\n"
     "step at least. Step k takes rows order[k*batch - at], .. of the sources (None: 0, 1, ..); `order` is an int64 "
     "array\n"
     "of row numbers that covers these steps at least, and must not change meanwhile. Releases the GIL. Ctrl-C and "
     "other errors leave everything as after "
     "the\n"
     "last whole step, and `step` says which is next. Raises ValueError for steps or rows out of range."},
    {0},
};

static PyGetSetDef loop_getset[] = {
    {"step", loop_step, NULL, "The first step not yet completed, also after an exception.", NULL},
    {"plans", loop_plans, NULL, "(plan, tail) that it runs; None for one that it has no use for.", NULL},
    {0},
};

static PyType_Slot loop_slots[] = {
    {Py_tp_doc,
     "Loop(plan, tail, sources, n, batch, sinks=(), names=())\n--\n\n"
     "An epoch in C: for every batch gather its rows from `sources`, run the plan, put its outputs in `sinks`.\n\n"
     "`plan` is made for `batch` rows, `tail` for the n % batch left over. Sources are arrays of n rows of any real\n"
     "dtype and row stride, read row by row and converted then; `names` call them in messages. Raises TypeError\n"
     "for a dtype that does not fit (float16 and foreign byte orders must be converted first) and ValueError for\n"
     "another shape or rows that are not C-contiguous."},
    {Py_tp_new, loop_new},
    {Py_tp_dealloc, loop_dealloc},
    {Py_tp_traverse, loop_traverse},
    {Py_tp_methods, loop_methods},
    {Py_tp_getset, loop_getset},
    {0, NULL},
};

PyType_Spec nv_py_loop_spec = {
    .name = "nervure._core.Loop",
    .basicsize = sizeof(nv_py_loop),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = loop_slots,
};
