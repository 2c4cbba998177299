/* graph.c: the Graph type: building nodes. Checks kinds and owners; what an op accepts is the core's to say. */
#include "module/module.h"

#include "graph/graph.h"

#include <stddef.h>
#include <structmember.h>

static nv_py_graph *graph_at(PyObject *self) { return (nv_py_graph *)self; }

static PyObject *graph_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  static char *names[] = {NULL};
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Graph", names)) return NULL;
  PyObject *self = PyType_GenericAlloc(type, 0);
  if (!self) return NULL;
  nv_status status = nv_graph_new(&graph_at(self)->graph);
  if (status == NV_OK) return self;
  nv_py_raise(status);
  Py_DECREF(self);
  return NULL;
}

static int graph_traverse(PyObject *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  return 0;
}

static void graph_dealloc(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (graph_at(self)->weakrefs) PyObject_ClearWeakRefs(self);
  nv_graph_release(graph_at(self)->graph);
  PyMem_Free(graph_at(self)->nodes);
  PyObject_GC_Del(self);
  Py_DECREF((PyObject *)type);
}

/* The node is passed by its address, since it is set by the call that gives the status. */
static PyObject *wrap(nv_py_graph *g, nv_status status, nv_node *const *node) {
  return status == NV_OK ? nv_py_node_wrap(g, *node) : nv_py_raise(status);
}

static PyObject *graph_input(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
  static const nv_py_signature signature = {"input", 2, 3, {"shape", "dtype", "name"}};
  PyObject *a[3];
  nv_type type;
  nv_node *node = NULL;
  const char *name = NULL;
  if (!nv_py_args(&signature, args, n, kwnames, a)) return NULL;
  if (a[2] && a[2] != Py_None && !nv_py_text(a[2], "input's name", &name)) return NULL;
  if (!nv_py_type(nv_py_state_at(self), a[0], a[1], name ? name : "input", &type)) return NULL;
  return wrap(graph_at(self), nv_graph_input(graph_at(self)->graph, &type, name, &node), &node);
}

static PyObject *graph_constant(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
  static const nv_py_signature signature = {"constant", 1, 1, {"array"}};
  PyObject *a[1], *held;
  nv_type type;
  const void *data;
  nv_node *node = NULL;
  if (!nv_py_args(&signature, args, n, kwnames, a)) return NULL;
  if (!nv_py_array_constant(a[0], &type, &data, &held)) return NULL;
  nv_status status = nv_graph_constant(graph_at(self)->graph, &type, data, &node);
  Py_DECREF(held);
  return wrap(graph_at(self), status, &node);
}

static PyObject *graph_variable(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
  static const nv_py_signature signature = {"variable", 1, 1, {"variable"}};
  PyObject *a[1];
  nv_node *node = NULL;
  if (!nv_py_args(&signature, args, n, kwnames, a)) return NULL;
  if (!Py_IS_TYPE(a[0], nv_py_state_at(self)->variable))
    return PyErr_Format(PyExc_TypeError, "variable: expected a Variable, got %.200R", a[0]);
  nv_status status = nv_graph_variable(graph_at(self)->graph, ((nv_py_variable *)a[0])->variable, &node);
  return wrap(graph_at(self), status, &node);
}

/* The op's two floats. */
static bool floats_read(PyObject *sequence, const char *op, double *out) {
  PyObject *tuple = nv_py_tuple(sequence, op);
  if (!tuple) return false;
  Py_ssize_t n = PyTuple_Size(tuple);
  bool ok = n <= 2;
  if (!ok) PyErr_Format(PyExc_ValueError, "%s: at most 2 floats, got %zd", op, n);
  for (Py_ssize_t k = 0; ok && k < n; k++) {
    out[k] = PyFloat_AsDouble(PyTuple_GetItem(tuple, k));
    ok = !(out[k] == -1.0 && PyErr_Occurred());
  }
  Py_DECREF(tuple);
  return ok;
}

static PyObject *graph_op(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
  static const nv_py_signature signature = {"op", 1, 5, {"name", "inputs", "ints", "floats", "dtype"}};
  nv_py_graph *g = graph_at(self);
  const nv_py_state *state = nv_py_state_at(self);
  PyObject *a[5], *inputs = NULL, *result = NULL;
  const char *op;
  nv_py_ints ints;
  nv_attrs attrs = {0};
  nv_node *few[8], **in = few, *node = NULL;
  if (!nv_py_args(&signature, args, n, kwnames, a) || !nv_py_text(a[0], "op's name", &op)) return NULL;
  if (a[3] && !floats_read(a[3], op, attrs.f)) return NULL;
  if (a[4] && a[4] != Py_None && !nv_py_dtype(state, a[4], op, &attrs.dtype)) return NULL;
  if (!nv_py_ints_read(a[2], op, &ints)) return NULL;
  attrs.i = ints.at, attrs.n_i = ints.n;

  int n_in = 0;
  if (a[1]) {
    if (!(inputs = nv_py_tuple(a[1], op))) goto done;
    Py_ssize_t size = PyTuple_Size(inputs);
    if (size > (Py_ssize_t)(sizeof few / sizeof *few)) {
      if (!nv_py_nodes(g, inputs, op, &in, &n_in)) goto done;
    } else {
      for (; n_in < (int)size; n_in++)
        if (!nv_py_node_of(state, g, PyTuple_GetItem(inputs, n_in), op, &in[n_in])) goto done;
    }
  }
  result = wrap(g, nv_graph_op(g->graph, op, in, n_in, &attrs, &node), &node);
done:
  if (in != few) PyMem_Free(in);
  Py_XDECREF(inputs);
  nv_py_ints_free(&ints);
  return result;
}

static PyObject *graph_grad(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
  static const nv_py_signature signature = {"grad", 2, 3, {"y", "wrt", "dy"}};
  nv_py_graph *g = graph_at(self);
  const nv_py_state *state = nv_py_state_at(self);
  PyObject *a[3], *list = NULL;
  nv_node *y, *dy = NULL, **wrt;
  int count;
  if (!nv_py_args(&signature, args, n, kwnames, a) || !nv_py_node_of(state, g, a[0], "grad's y", &y)) return NULL;
  if (a[2] && a[2] != Py_None && !nv_py_node_of(state, g, a[2], "grad's dy", &dy)) return NULL;
  if (!nv_py_nodes(g, a[1], "grad's wrt", &wrt, &count)) return NULL;
  nv_node **out = PyMem_Calloc((size_t)count, sizeof *out);
  if (!out) {
    PyErr_NoMemory();
    goto done;
  }
  nv_status status = nv_graph_grad(g->graph, y, dy, wrt, count, out);
  if (status != NV_OK) {
    nv_py_raise(status);
    goto done;
  }
  list = PyList_New(count);
  for (int k = 0; list && k < count; k++) {
    PyObject *node = nv_py_node_wrap(g, out[k]);
    if (!node || PyList_SetItem(list, k, node) < 0) Py_CLEAR(list);
  }
done:
  PyMem_Free(out);
  PyMem_Free(wrt);
  return list;
}

static PyObject *graph_set_name(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
  static const nv_py_signature signature = {"set_name", 2, 2, {"node", "name"}};
  nv_py_graph *g = graph_at(self);
  PyObject *a[2];
  nv_node *node;
  const char *name;
  if (!nv_py_args(&signature, args, n, kwnames, a) || !nv_py_text(a[1], "set_name's name", &name) ||
      !nv_py_node_of(nv_py_state_at(self), g, a[0], "set_name's node", &node))
    return NULL;
  nv_status status = nv_graph_set_name(g->graph, node, name);
  return status == NV_OK ? Py_NewRef(Py_None) : nv_py_raise(status);
}

static PyObject *graph_find(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
  static const nv_py_signature signature = {"find", 1, 1, {"name"}};
  PyObject *a[1];
  const char *name;
  if (!nv_py_args(&signature, args, n, kwnames, a) || !nv_py_text(a[0], "find's name", &name)) return NULL;
  nv_node *node = nv_graph_find(graph_at(self)->graph, name);
  return node ? nv_py_node_wrap(graph_at(self), node) : Py_NewRef(Py_None);
}

static PyObject *graph_plan(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *kwnames) {
  static const nv_py_signature signature = {"plan", 1, 4, {"inputs", "outputs", "updates", "gradients"}};
  PyObject *a[4];
  if (!nv_py_args(&signature, args, n, kwnames, a)) return NULL;
  return nv_py_plan_new(graph_at(self), a[0], a[1], a[2], a[3]);
}

static Py_ssize_t graph_length(PyObject *self) { return (Py_ssize_t)graph_at(self)->graph->n_nodes; }

#define METHOD(name, doc) {#name, (PyCFunction)(void (*)(void))graph_##name, METH_FASTCALL | METH_KEYWORDS, doc}
static PyMethodDef graph_methods[] = {
    METHOD(input, "input($self, /, shape, dtype, name=None)\n--\n\n"
                  "A value given to each run of a plan."),
    METHOD(constant, "constant($self, /, array)\n--\n\n"
                     "A copy of a float32, float64, int32, int64 or bool array."),
    METHOD(variable, "variable($self, /, variable)\n--\n\n"
                     "The variable's value before the plan's updates."),
    METHOD(op, "op($self, /, name, inputs=(), ints=(), floats=(), dtype=None)\n--\n\n"
               "The op `name` of the table applied to nodes of this graph; attributes as its row says (`op_table`).\n"
               "The result may be an older node that is the same computation, or a simpler one.\n"
               "Raises ValueError or TypeError, naming the op, for inputs or attributes that it does not take."),
    METHOD(grad,
           "grad($self, /, y, wrt, dy=None)\n--\n\n"
           "d sum(y * dy) / d w for each w of `wrt`, as nodes; dy None means ones; zeros where y does not depend\n"
           "on w. Raises ValueError naming an op on the path that has no gradient."),
    METHOD(set_name, "set_name($self, /, node, name)\n--\n\n"
                     "Names a node, so that `find` gives it."),
    METHOD(find, "find($self, /, name)\n--\n\n"
                 "The last node given that name, or None."),
    METHOD(plan, "plan($self, /, inputs, outputs=(), updates=(), gradients=())\n--\n\n"
                 "Compiles what `outputs`, `updates` [(variable, new value)] and `gradients` need; `inputs` are the\n"
                 "input nodes in the order `Plan.run` takes them."),
    {0},
};

static PyMemberDef graph_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(nv_py_graph, weakrefs), READONLY, NULL},
    {0},
};

static PyType_Slot graph_slots[] = {
    {Py_tp_doc, "Graph()\n--\n\nImmutable typed nodes. One thread at a time; nodes keep their graph alive."},
    {Py_tp_new, graph_new},
    {Py_tp_dealloc, graph_dealloc},
    {Py_tp_traverse, graph_traverse},
    {Py_tp_methods, graph_methods},
    {Py_tp_members, graph_members},
    {Py_sq_length, graph_length},
    {0, NULL},
};

PyType_Spec nv_py_graph_spec = {
    .name = "nervure._core.Graph",
    .basicsize = sizeof(nv_py_graph),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = graph_slots,
};
