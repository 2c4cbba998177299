/* plan.c: the Plan type. `run` is the hot path of a small predict: it allocates the results and nothing else. */
#include "module/module.h"

#include <stddef.h>
#include <structmember.h>
#include <unistd.h>

#define FEW 16          /* inputs and outputs whose pointers fit on the stack */
#define LIGHT_COST 50e3 /* nanoseconds: a shorter run keeps the GIL */

static nv_py_plan *plan_at(PyObject *self) { return (nv_py_plan *)self; }

/* ---- one run at a time, and never waiting for oneself ---- */

bool nv_py_plan_enter(nv_py_plan *p) {
  unsigned long me = PyThread_get_thread_ident();
  long pid = (long)getpid();
  for (int k = p->n_runners - 1; k >= 0; k--) {
    if (p->runners[k].pid != pid) { /* forked while it ran: that thread does not exist here, and its lock is free */
      p->runners[k] = p->runners[--p->n_runners];
    } else if (p->runners[k].thread == me) {
      PyErr_SetString(PyExc_RuntimeError, "this plan is being run by this thread already (from a signal's handler?)");
      return false;
    }
  }
  if (p->n_runners == p->cap_runners) {
    int cap = 2 * p->cap_runners + 4;
    nv_py_runner *runners = PyMem_Realloc(p->runners, (size_t)cap * sizeof *runners);
    if (!runners) {
      PyErr_NoMemory();
      return false;
    }
    p->runners = runners, p->cap_runners = cap;
  }
  p->runners[p->n_runners++] = (nv_py_runner){me, pid};
  return true;
}

void nv_py_plan_exit(nv_py_plan *p) {
  unsigned long me = PyThread_get_thread_ident();
  int k = 0;
  while (k < p->n_runners && p->runners[k].thread != me) k++;
  if (k < p->n_runners) p->runners[k] = p->runners[--p->n_runners]; /* gone if a handler forked and ran it there */
}

/* ---- making ---- */

static nv_py_slot slot_of(const nv_node *n, const char *role, int index) {
  return (nv_py_slot){.type = *nv_node_type(n), .role = role, .index = index};
}

/* A tuple of (Variable, Node), which keeps the variables alive, as the core's updates, freed by PyMem_Free. */
static bool read_updates(nv_py_graph *g, PyObject *tuple, nv_update **out, int *n) {
  const nv_py_state *state = nv_py_state_at((PyObject *)g);
  Py_ssize_t size = PyTuple_Size(tuple);
  if (size > INT32_MAX || !(*out = PyMem_Malloc((size_t)size * sizeof **out))) {
    PyErr_NoMemory();
    return false;
  }
  for (Py_ssize_t k = 0; k < size; k++) {
    PyObject *pair = PyTuple_GetItem(tuple, k), *variable;
    if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2 ||
        !Py_IS_TYPE(variable = PyTuple_GetItem(pair, 0), state->variable)) {
      PyErr_Format(PyExc_TypeError, "plan's updates: expected (Variable, Node), got %.200R", pair);
      return false;
    }
    (*out)[k].variable = ((nv_py_variable *)variable)->variable;
    if (!nv_py_node_of(state, g, PyTuple_GetItem(pair, 1), "plan's updates", &(*out)[k].value)) return false;
  }
  *n = (int)size;
  return true;
}

/* Fills the object from what the C plan was made of. */
static bool describe(nv_py_plan *p, const nv_plan_spec *spec) {
  p->n_inputs = spec->n_inputs, p->n_outputs = spec->n_outputs;
  p->slots = PyMem_Calloc((size_t)spec->n_inputs + (size_t)spec->n_outputs, sizeof *p->slots);
  p->names = PyTuple_New(spec->n_inputs);
  if (!p->slots) PyErr_NoMemory();
  if (!p->slots || !p->names) return false;
  nv_plan_stats stats = nv_plan_get_stats(p->plan);
  for (int k = 0; k < p->n_inputs; k++) {
    const char *name = nv_node_name(spec->inputs[k]);
    PyObject *text = name ? PyUnicode_FromString(name) : Py_NewRef(Py_None);
    if (!text || PyTuple_SetItem(p->names, k, text) < 0) return false;
    p->slots[k] = slot_of(spec->inputs[k], "input", k);
    p->slots[k].name = text;
  }
  for (int k = 0; k < p->n_outputs; k++) p->slots[p->n_inputs + k] = slot_of(spec->outputs[k], "output", k);
  if (spec->n_gradients) {
    nv_dtype dtype = nv_node_type(spec->gradients[0])->dtype;
    p->gradients = (nv_type){.dtype = dtype, .ndim = 1};
    p->gradients.shape[0] = (int64_t)(stats.gradient_bytes / nv_dtype_size(dtype));
  }
  p->light = stats.cost < LIGHT_COST;
  return true;
}

PyObject *nv_py_plan_new(nv_py_graph *g, PyObject *inputs, PyObject *outputs, PyObject *updates, PyObject *gradients) {
  nv_node **in = NULL, **out = NULL, **grads = NULL;
  nv_update *ups = NULL;
  nv_plan_spec spec = {0};
  PyObject *self = NULL, *pairs = updates ? nv_py_tuple(updates, "plan's updates") : PyTuple_New(0);
  if (!pairs || !nv_py_nodes(g, inputs, "plan's inputs", &in, &spec.n_inputs) ||
      !nv_py_nodes(g, outputs, "plan's outputs", &out, &spec.n_outputs) ||
      !nv_py_nodes(g, gradients, "plan's gradients", &grads, &spec.n_gradients) ||
      !read_updates(g, pairs, &ups, &spec.n_updates) ||
      !(self = PyType_GenericAlloc(nv_py_state_at((PyObject *)g)->plan, 0)))
    goto done;
  PyObject_GC_UnTrack(self); /* what the garbage collector calls must not find it before it is whole */
  spec.inputs = in, spec.outputs = out, spec.gradients = grads, spec.updates = ups;
  nv_status status = nv_plan_new(g->graph, &spec, &plan_at(self)->plan);
  if (status != NV_OK) nv_py_raise(status);
  if (status != NV_OK || !describe(plan_at(self), &spec))
    Py_CLEAR(self);
  else
    PyObject_GC_Track(self);
done:
  Py_XDECREF(pairs);
  PyMem_Free(in);
  PyMem_Free(out);
  PyMem_Free(grads);
  PyMem_Free(ups);
  return self;
}

static int plan_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(plan_at(self)->names);
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void plan_dealloc(PyObject *self) {
  nv_py_plan *p = plan_at(self);
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (p->weakrefs) PyObject_ClearWeakRefs(self);
  nv_plan_free(p->plan);
  PyMem_Free(p->slots);
  PyMem_Free(p->runners);
  Py_XDECREF(p->names);
  PyObject_GC_Del(self);
  Py_DECREF((PyObject *)type);
}

/* ---- running ---- */

/* A light plan runs with the GIL in hand, which is safe only if its lock cannot be held: all runs pass here or through
 * a Loop with the GIL, so no runner means a free lock. Releasing the GIL for microseconds would, in a process with busy
 * Python threads, cost a switch interval (5 ms) each time. */
static bool run(nv_py_plan *p, const void *const *in, void *const *out) {
  nv_status status;
  if (p->light && p->n_runners == 0) {
    status = nv_plan_run(p->plan, in, out, NULL);
  } else {
    nv_py_away away;
    if (!nv_py_plan_enter(p)) return false;
    nv_py_leave(&away, nv_py_state_at((PyObject *)p));
    status = nv_plan_run(p->plan, in, out, &away.poll);
    nv_py_return(&away);
    nv_py_plan_exit(p);
  }
  if (status != NV_OK) nv_py_raise(status);
  return status == NV_OK;
}

static PyObject *wrong_count(const nv_py_plan *p, Py_ssize_t got) {
  return PyErr_Format(PyExc_TypeError, "run() takes %d inputs %.300R, got %zd", p->n_inputs, p->names, got);
}

static PyObject *plan_run(PyObject *self, PyObject *const *args, Py_ssize_t n) {
  nv_py_plan *p = plan_at(self);
  if (n != p->n_inputs) return wrong_count(p, n);
  void *few[2 * FEW], **pointers = few;
  int n_in = p->n_inputs, n_out = p->n_outputs;
  if (n_in + n_out > FEW && !(pointers = PyMem_Malloc(2 * (size_t)(n_in + n_out) * sizeof *pointers)))
    return PyErr_NoMemory();
  const void **in = (const void **)pointers;
  void **out = pointers + n_in;
  PyObject **held = (PyObject **)(out + n_out), *result = NULL; /* held: what was converted; args are the caller's */
  bool ok = true;
  for (int k = 0; k < n_in; k++) held[k] = NULL;
  for (int k = 0; ok && k < n_in; k++) ok = (in[k] = nv_py_array_read(args[k], &p->slots[k], &held[k])) != NULL;
  ok = ok && (result = PyList_New(n_out));
  for (int k = 0; ok && k < n_out; k++) {
    const nv_py_slot *slot = &p->slots[n_in + k];
    PyObject *array = nv_py_array_new(&slot->type, &out[k]);
    ok = array && PyList_SetItem(result, k, array) == 0;
  }
  if (!ok || !run(p, in, out)) Py_CLEAR(result);
  for (int k = 0; k < n_in; k++) Py_XDECREF(held[k]);
  if (pointers != few) PyMem_Free(pointers);
  return result;
}

/* ---- looking ---- */

static PyObject *plan_stats(PyObject *self, void *Py_UNUSED(closure)) {
  nv_plan_stats s = nv_plan_get_stats(plan_at(self)->plan);
  return Py_BuildValue("{s:n,s:n,s:n,s:i,s:i,s:i,s:d,s:d}", "arena_bytes", (Py_ssize_t)s.arena_bytes, "gradient_bytes",
                       (Py_ssize_t)s.gradient_bytes, "scratch_bytes", (Py_ssize_t)s.scratch_bytes, "n_instructions",
                       s.n_instructions, "n_nodes", s.n_nodes, "n_barriers", s.n_barriers, "flops", s.flops, "cost",
                       s.cost);
}

static PyObject *plan_text(PyObject *self, void *Py_UNUSED(closure)) {
  size_t size = nv_plan_describe(plan_at(self)->plan, NULL, 0) + 1;
  char *text = PyMem_Malloc(size);
  if (!text) return PyErr_NoMemory();
  nv_plan_describe(plan_at(self)->plan, text, size);
  PyObject *result = PyUnicode_FromString(text);
  PyMem_Free(text);
  return result;
}

static PyObject *plan_gradients(PyObject *self, void *Py_UNUSED(closure)) {
  nv_py_plan *p = plan_at(self);
  size_t bytes;
  void *data = nv_plan_gradients(p->plan, &bytes);
  return data && p->gradients.ndim ? nv_py_array_view(&p->gradients, data, self) : Py_NewRef(Py_None);
}

static PyMethodDef plan_methods[] = {
    {"run", (PyCFunction)(void (*)(void))plan_run, METH_FASTCALL,
     "run($self, /, *inputs)\n--\n\n"
     "Runs the plan and returns its outputs: new arrays that own their memory, 0-d for scalars.\n\n"
     "An input that is C-contiguous, aligned and of the right dtype is read in place. Another of the same shape is\n"
     "converted once: real numbers and bools to floats, bools and ints that fit to ints. Raises ValueError for "
     "another\n"
     "shape or an int that does not fit, TypeError for any other kind of dtype, naming the input.\n"
     "The GIL is released (but for runs of microseconds) and signals are answered; a second thread waits."},
    {0},
};

static PyGetSetDef plan_getset[] = {
    {"stats", plan_stats, NULL, "Sizes and counts: arena_bytes, gradient_bytes, n_instructions, flops...", NULL},
    {"text", plan_text, NULL, "The instructions, one a line.", NULL},
    {"gradients", plan_gradients, NULL, "A 1-d view of the contiguous gradients of the last run, or None.", NULL},
    {0},
};

static PyMemberDef plan_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(nv_py_plan, weakrefs), READONLY, NULL},
    {0},
};

static PyType_Slot plan_slots[] = {
    {Py_tp_doc, "A compiled graph, made by `Graph.plan`."},
    {Py_tp_dealloc, plan_dealloc},
    {Py_tp_traverse, plan_traverse},
    {Py_tp_methods, plan_methods},
    {Py_tp_getset, plan_getset},
    {Py_tp_members, plan_members},
    {0, NULL},
};

PyType_Spec nv_py_plan_spec = {
    .name = "nervure._core.Plan",
    .basicsize = sizeof(nv_py_plan),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = plan_slots,
};
