/* module.h: what the files of the extension share. The extension is a door without logic: it checks what came from
 * Python, turns it into the C API's terms, and turns results and errors back.
 *
 * - Types are heap types kept in the module's state; nothing Python lives in a C global. Only array.c knows NumPy.
 * - The GIL is the lock of graphs and of the objects' own fields. It is released while plans and loops run. */
#ifndef NV_MODULE_H
#define NV_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "nervure.h"

typedef struct nv_py_state {
  PyTypeObject *graph, *node, *variable, *plan, *loop, *bound, *objective, *minimizer;
  PyObject *dtypes[NV_DTYPE_COUNT]; /* NumPy's names, interned */
  unsigned long main_thread;        /* where Python handles signals, in the process `pid` */
  long pid;
} nv_py_state;

nv_py_state *nv_py_state_of(PyObject *module);
/* The state of an object of one of the module's types (they are final). */
static inline nv_py_state *nv_py_state_at(PyObject *self) { return PyType_GetModuleState(Py_TYPE(self)); }

/* ---- errors.c ---- */
/* Raises the exception for a failed status with the core's message; returns NULL. */
PyObject *nv_py_raise(nv_status status);

/* ---- signals.c: running C without the GIL, Python's signals still answered ---- */
typedef struct nv_py_away {
  const nv_py_state *state;
  PyThreadState *thread;
  nv_poll poll; /* for nv_plan_run and nv_loop_run */
} nv_py_away;
void nv_py_leave(nv_py_away *away, const nv_py_state *state); /* releases the GIL */
void nv_py_return(nv_py_away *away);                          /* takes it again */

/* ---- args.c: from Python's arguments to C ---- */
#define NV_PY_MAX_ARGS 8
typedef struct nv_py_signature {
  const char *function;
  int required, count;
  const char *names[NV_PY_MAX_ARGS];
} nv_py_signature;
/* Spreads the arguments of a METH_FASTCALL | METH_KEYWORDS call over slots; an optional one not given is NULL. */
bool nv_py_args(const nv_py_signature *s, PyObject *const *args, Py_ssize_t n, PyObject *kwnames, PyObject **slots);

/* `what` names the argument in messages. Each returns false with an exception set. bool is not an int here. */
bool nv_py_int(PyObject *x, const char *what, int64_t *out);
bool nv_py_uint64(PyObject *x, const char *what, uint64_t *out);
bool nv_py_text(PyObject *x, const char *what, const char **out); /* borrowed from x; no NUL inside */
bool nv_py_dtype(const nv_py_state *state, PyObject *x, const char *what, nv_dtype *out); /* a graph's dtype */
bool nv_py_type(const nv_py_state *state, PyObject *shape, PyObject *dtype, const char *what, nv_type *out);

typedef struct nv_py_ints {
  int n;
  int64_t *at, few[2 * NV_MAX_DIMS];
} nv_py_ints;
bool nv_py_ints_read(PyObject *sequence, const char *what, nv_py_ints *out);
void nv_py_ints_free(nv_py_ints *ints);

PyObject *nv_py_shape(const nv_type *t); /* a tuple */
/* Any sequence but a string as a tuple (new reference), so that it cannot change underfoot. */
PyObject *nv_py_tuple(PyObject *sequence, const char *what);

/* ---- array.c: NumPy ---- */
int nv_py_array_init(void);
/* What a plan or loop wants of an array, and how to call it in messages. */
typedef struct nv_py_slot {
  nv_type type;
  const char *role; /* "input" or "source" */
  int index;
  PyObject *name; /* str, or None; borrowed */
} nv_py_slot;
/* The data of `x` as the slot wants it: in place (*held stays NULL; x must outlive the use), or converted (*held is a
 * new reference that owns the data). NULL with an exception set if x does not fit. */
const void *nv_py_array_read(PyObject *x, const nv_py_slot *slot, PyObject **held);
/* The data of an ndarray that lies in memory as C has it, with its dtype and size; NULL without an exception if not. */
const void *nv_py_array_plain(PyObject *x, nv_dtype *dtype, int64_t *size);
PyObject *nv_py_array_new(const nv_type *type, void **data);                  /* uninitialised, owns its memory */
PyObject *nv_py_array_view(const nv_type *type, void *data, PyObject *owner); /* writable; keeps owner alive */
/* The array's type and data, C-contiguous; *held (new reference) owns them. */
bool nv_py_array_constant(PyObject *x, nv_type *type, const void **data, PyObject **held);
/* `x` seen as rows to feed `slot` (whose first extent is the batch's): fits or raises. */
bool nv_py_array_source(PyObject *x, const nv_py_slot *slot, int64_t n, nv_source *out);
bool nv_py_array_sink(PyObject *x, const nv_py_slot *slot, int64_t n, nv_sink *out);
/* `x` as row numbers for places at, at + 1, .. of 0..n-1: those for [from, to) are there and lie in 0..n-1. */
const int64_t *nv_py_array_order(PyObject *x, int64_t n, int64_t at, int64_t from, int64_t to);

/* ---- the types ---- */
typedef struct nv_py_graph {
  PyObject_HEAD nv_graph *graph;
  struct nv_py_node **nodes; /* by id: the node's one living Python object, borrowed, or NULL */
  int64_t n_nodes;
  PyObject *weakrefs;
} nv_py_graph;

typedef struct nv_py_node {
  PyObject_HEAD nv_node *node;
  nv_py_graph *graph;
} nv_py_node;

typedef struct nv_py_variable {
  PyObject_HEAD nv_variable *variable;
  PyObject *weakrefs;
} nv_py_variable;

typedef struct nv_py_runner { /* a thread that runs, or waits to run, a plan */
  unsigned long thread;
  long pid;
} nv_py_runner;

typedef struct nv_py_plan {
  PyObject_HEAD nv_plan *plan;
  nv_py_slot *slots; /* inputs, then outputs */
  int n_inputs, n_outputs;
  PyObject *names;   /* of the inputs: a tuple of str or None */
  nv_type gradients; /* 1-d; size 0 if there are none */
  bool light;        /* so short that releasing the GIL would cost more than it gives */
  nv_py_runner *runners;
  int n_runners, cap_runners;
  PyObject *weakrefs;
} nv_py_plan;

extern PyType_Spec nv_py_graph_spec, nv_py_node_spec, nv_py_variable_spec, nv_py_plan_spec, nv_py_loop_spec,
    nv_py_bound_spec, nv_py_objective_spec, nv_py_minimizer_spec;

/* ---- graph.c, node.c ---- */
PyObject *nv_py_node_wrap(nv_py_graph *g, nv_node *n); /* new reference; NULL with an exception set */
/* The C nodes of a sequence of Nodes of this graph. `out` is freed by PyMem_Free. */
bool nv_py_nodes(nv_py_graph *g, PyObject *sequence, const char *what, nv_node ***out, int *n);
/* The C node of a Node of this graph. */
bool nv_py_node_of(const nv_py_state *state, nv_py_graph *g, PyObject *x, const char *what, nv_node **out);

/* ---- plan.c ---- */
PyObject *nv_py_plan_new(nv_py_graph *g, PyObject *inputs, PyObject *outputs, PyObject *updates, PyObject *gradients);
/* Before and after a run, with the GIL. A thread that already runs this plan (in a signal's handler) would wait for
 * itself: it gets a RuntimeError. */
bool nv_py_plan_enter(nv_py_plan *p);
void nv_py_plan_exit(nv_py_plan *p);

/* ---- loop.c ---- */
const nv_loop_spec *nv_py_loop_spec_of(PyObject *loop); /* borrowed from the Loop */
bool nv_py_loop_enter(PyObject *loop);                  /* as nv_py_plan_enter, for its plans */
void nv_py_loop_exit(PyObject *loop);

/* ---- objective.c ---- */
nv_objective *nv_py_objective_of(PyObject *objective); /* borrowed */
/* Around a run, with the GIL: one at a time, RuntimeError otherwise. */
bool nv_py_objective_enter(PyObject *objective);
void nv_py_objective_exit(PyObject *objective);
/* x as n doubles: in place, or converted into *held (new reference). NULL with an exception set if it does not fit. */
const double *nv_py_vector(PyObject *x, int64_t n, const char *role, PyObject **held);

#endif
