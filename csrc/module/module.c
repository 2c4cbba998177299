/* module.c: the module itself: types, functions, state. */
#include "module/module.h"

#include <unistd.h>

nv_py_state *nv_py_state_of(PyObject *module) { return PyModule_GetState(module); }

/* ---- functions ---- */

static PyObject *op_table(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
  int n = nv_op_count();
  PyObject *list = PyList_New(n);
  for (int k = 0; list && k < n; k++) {
    nv_op_info op = nv_op_at(k);
    PyObject *row =
        Py_BuildValue("{s:s,s:s,s:s,s:s,s:i,s:i,s:O,s:O,s:O}", "name", op.name, "attrs", op.attrs ? op.attrs : "",
                      "doc", op.doc ? op.doc : "", "domain", op.domain ? op.domain : "", "min_in", op.min_in, "max_in",
                      op.max_in, "elementwise", op.elementwise ? Py_True : Py_False, "differentiable",
                      op.differentiable ? Py_True : Py_False, "hidden", op.hidden ? Py_True : Py_False);
    if (!row || PyList_SetItem(list, k, row) < 0) Py_CLEAR(list);
  }
  return list;
}

static PyObject *permutation(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *kwnames) {
  static const nv_py_signature signature = {"permutation", 3, 3, {"seed", "stream", "n"}};
  PyObject *a[3];
  uint64_t seed, stream;
  nv_type type = {.dtype = NV_I64, .ndim = 1};
  void *data;
  if (!nv_py_args(&signature, args, n_args, kwnames, a) || !nv_py_uint64(a[0], "permutation's seed", &seed) ||
      !nv_py_uint64(a[1], "permutation's stream", &stream) || !nv_py_int(a[2], "permutation's n", &type.shape[0]))
    return NULL;
  if (type.shape[0] < 0)
    return PyErr_Format(PyExc_ValueError, "permutation: n must not be negative, got %lld", (long long)type.shape[0]);
  PyObject *array = nv_py_array_new(&type, &data);
  if (!array) return NULL;
  nv_py_away away;
  nv_py_leave(&away, nv_py_state_of(module));
  nv_status status = nv_permutation(seed, stream, type.shape[0], data, &away.poll);
  nv_py_return(&away);
  if (status == NV_OK) return array;
  Py_DECREF(array);
  return nv_py_raise(status);
}

static PyObject *within(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t n_args, PyObject *kwnames) {
  static const nv_py_signature signature = {"within", 3, 4, {"array", "low", "high", "whole"}};
  PyObject *a[4] = {NULL};
  if (!nv_py_args(&signature, args, n_args, kwnames, a)) return NULL;
  double low = PyFloat_AsDouble(a[1]), high = PyFloat_AsDouble(a[2]);
  int whole = a[3] ? PyObject_IsTrue(a[3]) : 0;
  if (whole < 0 || PyErr_Occurred()) return NULL;
  nv_dtype dtype;
  int64_t size;
  const void *data = nv_py_array_plain(a[0], &dtype, &size);
  if (!data) Py_RETURN_NONE;
  return PyBool_FromLong(nv_within(dtype, data, size, low, high, whole));
}

static PyObject *permutation_slice(PyObject *module, PyObject *const *args, Py_ssize_t n_args, PyObject *kwnames) {
  static const nv_py_signature signature = {"permutation_slice", 5, 5, {"seed", "stream", "n", "first", "last"}};
  PyObject *a[5];
  uint64_t seed, stream;
  int64_t n, first, last;
  nv_type type = {.dtype = NV_I64, .ndim = 1};
  void *data;
  if (!nv_py_args(&signature, args, n_args, kwnames, a) || !nv_py_uint64(a[0], "permutation_slice's seed", &seed) ||
      !nv_py_uint64(a[1], "permutation_slice's stream", &stream) || !nv_py_int(a[2], "permutation_slice's n", &n) ||
      !nv_py_int(a[3], "permutation_slice's first", &first) || !nv_py_int(a[4], "permutation_slice's last", &last))
    return NULL;
  if (first < 0 || last < first || n < last)
    return PyErr_Format(PyExc_ValueError,
                        "permutation_slice: expected 0 <= first <= last <= n, got first=%lld, last=%lld, n=%lld",
                        (long long)first, (long long)last, (long long)n);
  type.shape[0] = last - first;
  PyObject *array = nv_py_array_new(&type, &data);
  if (!array) return NULL;
  nv_py_away away;
  nv_py_leave(&away, nv_py_state_of(module));
  nv_status status = nv_permutation_slice(seed, stream, n, first, last, data, &away.poll);
  nv_py_return(&away);
  if (status == NV_OK) return array;
  Py_DECREF(array);
  return nv_py_raise(status);
}

static PyObject *config(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
  nv_config c = nv_get_config();
  return Py_BuildValue("{s:s,s:s,s:i,s:i,s:s}", "isa", c.isa, "isas", c.isas, "threads", c.threads, "cpus", c.cpus,
                       "compiler", c.compiler);
}

static PyObject *set_threads(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t n_args, PyObject *kwnames) {
  static const nv_py_signature signature = {"set_threads", 1, 1, {"n"}};
  PyObject *a[1];
  int64_t n;
  if (!nv_py_args(&signature, args, n_args, kwnames, a) || !nv_py_int(a[0], "set_threads's n", &n)) return NULL;
  if (n < 1 || n > 256) return PyErr_Format(PyExc_ValueError, "set_threads: expected 1..256, got %lld", (long long)n);
  nv_status status = nv_set_threads((int)n);
  return status == NV_OK ? Py_NewRef(Py_None) : nv_py_raise(status);
}

static PyObject *alloc_count(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
  return PyLong_FromLongLong(nv_alloc_count());
}

static PyObject *alloc_live(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none)) {
  return PyLong_FromLongLong(nv_alloc_live());
}

static PyObject *alloc_fail_at(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t n_args,
                               PyObject *kwnames) {
  static const nv_py_signature signature = {"alloc_fail_at", 1, 1, {"n"}};
  PyObject *a[1];
  int64_t n;
  if (!nv_py_args(&signature, args, n_args, kwnames, a) || !nv_py_int(a[0], "alloc_fail_at's n", &n)) return NULL;
  nv_alloc_fail_at(n);
  return Py_NewRef(Py_None);
}

static PyObject *from_dlpack(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t n_args, PyObject *kwnames) {
  static const nv_py_signature signature = {"from_dlpack", 1, 1, {"x"}};
  PyObject *a[1];
  if (!nv_py_args(&signature, args, n_args, kwnames, a)) return NULL;
  PyObject *numpy = PyImport_ImportModule("numpy");
  PyObject *array = numpy ? PyObject_CallMethod(numpy, "from_dlpack", "O", a[0]) : NULL;
  Py_XDECREF(numpy);
  return array;
}

#define FUNCTION(name, flags, doc) {#name, (PyCFunction)(void (*)(void))name, flags, doc}
static PyMethodDef functions[] = {
    FUNCTION(op_table, METH_NOARGS,
             "op_table()\n--\n\n"
             "The ops, one dict each: name, attrs, doc, domain, min_in, max_in, elementwise, differentiable, hidden."),
    FUNCTION(permutation, METH_FASTCALL | METH_KEYWORDS,
             "permutation(seed, stream, n)\n--\n\n"
             "A permutation of 0..n-1 as int64: Fisher-Yates on Philox, the same everywhere for the same arguments."),
    FUNCTION(
        within, METH_FASTCALL | METH_KEYWORDS,
        "within(array, low, high, whole=False)\n--\n\n"
        "True if all numbers of an ndarray are from low to high and, if `whole`, without a fraction (the limits must\n"
        "then be inside of int64); NaN is not. None if they do not lie in memory one after the other."),
    FUNCTION(permutation_slice, METH_FASTCALL | METH_KEYWORDS,
             "permutation_slice(seed, stream, n, first, last)\n--\n\n"
             "Entries first..last-1 of a random permutation of 0..n-1, another than `permutation`'s, as int64: made\n"
             "without the rest, by a Feistel network. The same everywhere for the same seed, stream and n."),
    FUNCTION(config, METH_NOARGS,
             "config()\n--\n\n"
             "What runs here: isa, isas (all that could), threads, cpus, compiler."),
    FUNCTION(set_threads, METH_FASTCALL | METH_KEYWORDS,
             "set_threads(n)\n--\n\n"
             "Computes with n threads, 1..256, from the next run on; results do not depend on it."),
    FUNCTION(alloc_count, METH_NOARGS,
             "alloc_count()\n--\n\n"
             "Allocations of the core since the process began."),
    FUNCTION(alloc_live, METH_NOARGS,
             "alloc_live()\n--\n\n"
             "Allocations of the core not yet freed."),
    FUNCTION(alloc_fail_at, METH_FASTCALL | METH_KEYWORDS,
             "alloc_fail_at(n)\n--\n\n"
             "Makes the n-th allocation of the core from now fail, once (1: the next; 0: none). For tests."),
    FUNCTION(from_dlpack, METH_FASTCALL | METH_KEYWORDS,
             "from_dlpack(x)\n--\n\n"
             "`x`'s memory as an array, by `numpy.from_dlpack`."),
    {0},
};

/* ---- state ---- */

/* Python runs signal handlers on this thread. */
static int find_main_thread(nv_py_state *state) {
  PyObject *threading = PyImport_ImportModule("threading");
  PyObject *thread = threading ? PyObject_CallMethod(threading, "main_thread", NULL) : NULL;
  PyObject *ident = thread ? PyObject_GetAttrString(thread, "ident") : NULL;
  if (ident) state->main_thread = PyLong_AsUnsignedLongMask(ident);
  state->pid = (long)getpid();
  Py_XDECREF(ident);
  Py_XDECREF(thread);
  Py_XDECREF(threading);
  return PyErr_Occurred() ? -1 : 0;
}

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **out) {
  *out = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
  return *out ? PyModule_AddType(module, *out) : -1;
}

static int module_exec(PyObject *module) {
  nv_py_state *state = nv_py_state_of(module);
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) { /* older Pythons do not look at the slot below */
    PyErr_SetString(PyExc_ImportError, "nervure._core does not support subinterpreters");
    return -1;
  }
  if (nv_py_array_init() < 0 || find_main_thread(state) < 0) return -1;
  nv_status status = nv_init();
  if (status != NV_OK) {
    nv_py_raise(status);
    return -1;
  }
  for (int k = 0; k < NV_DTYPE_COUNT; k++)
    if (!(state->dtypes[k] = PyUnicode_InternFromString(nv_dtype_name((nv_dtype)k)))) return -1;
  if (add_type(module, &nv_py_graph_spec, &state->graph) < 0 || add_type(module, &nv_py_node_spec, &state->node) < 0 ||
      add_type(module, &nv_py_variable_spec, &state->variable) < 0 ||
      add_type(module, &nv_py_plan_spec, &state->plan) < 0 || add_type(module, &nv_py_loop_spec, &state->loop) < 0 ||
      add_type(module, &nv_py_bound_spec, &state->bound) < 0 ||
      add_type(module, &nv_py_objective_spec, &state->objective) < 0 ||
      add_type(module, &nv_py_minimizer_spec, &state->minimizer) < 0)
    return -1;
  return 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
  nv_py_state *state = nv_py_state_of(module);
  Py_VISIT((PyObject *)state->graph);
  Py_VISIT((PyObject *)state->node);
  Py_VISIT((PyObject *)state->variable);
  Py_VISIT((PyObject *)state->plan);
  Py_VISIT((PyObject *)state->loop);
  Py_VISIT((PyObject *)state->bound);
  Py_VISIT((PyObject *)state->objective);
  Py_VISIT((PyObject *)state->minimizer);
  return 0;
}

static int module_clear(PyObject *module) {
  nv_py_state *state = nv_py_state_of(module);
  Py_CLEAR(state->graph);
  Py_CLEAR(state->node);
  Py_CLEAR(state->variable);
  Py_CLEAR(state->plan);
  Py_CLEAR(state->loop);
  Py_CLEAR(state->bound);
  Py_CLEAR(state->objective);
  Py_CLEAR(state->minimizer);
  for (int k = 0; k < NV_DTYPE_COUNT; k++) Py_CLEAR(state->dtypes[k]);
  return 0;
}

static void module_free(void *module) { module_clear(module); }

/* Py_mod_gil is left out: graphs and the objects' fields count on the GIL, so a free-threaded Python keeps it on. */
static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED}, /* as NumPy */
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "nervure._core",
    .m_doc = "The C core as Python sees it: graphs, plans, variables and the epoch loop.",
    .m_size = sizeof(nv_py_state),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&definition); }
