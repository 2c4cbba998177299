/* node.c: the Node type: a node of the core and the Graph that keeps it alive.
 *
 * A C node has at most one living Node, found in the graph's table by id; so `is`, == and hash mean the same
 * computation. A Node is not tracked by the garbage collector: its one reference leads to a Graph, which leads nowhere.
 */
#include "module/module.h"

PyObject *nv_py_node_wrap(nv_py_graph *g, nv_node *n) {
  int64_t id = nv_node_id(n);
  if (id >= g->n_nodes) {
    int64_t size = id + 1 > 2 * g->n_nodes ? id + 65 : 2 * g->n_nodes;
    nv_py_node **nodes = PyMem_Realloc(g->nodes, (size_t)size * sizeof *nodes);
    if (!nodes) return PyErr_NoMemory();
    for (int64_t k = g->n_nodes; k < size; k++) nodes[k] = NULL;
    g->nodes = nodes, g->n_nodes = size;
  }
  if (g->nodes[id]) return Py_NewRef((PyObject *)g->nodes[id]);
  nv_py_node *self = PyObject_New(nv_py_node, nv_py_state_at((PyObject *)g)->node);
  if (!self) return NULL;
  self->node = n;
  self->graph = (nv_py_graph *)Py_NewRef((PyObject *)g);
  g->nodes[id] = self;
  return (PyObject *)self;
}

static void node_dealloc(PyObject *object) {
  nv_py_node *self = (nv_py_node *)object;
  PyTypeObject *type = Py_TYPE(object);
  self->graph->nodes[nv_node_id(self->node)] = NULL;
  Py_DECREF((PyObject *)self->graph);
  PyObject_Free(self);
  Py_DECREF((PyObject *)type);
}

bool nv_py_node_of(const nv_py_state *state, nv_py_graph *g, PyObject *x, const char *what, nv_node **out) {
  if (!Py_IS_TYPE(x, state->node)) {
    PyErr_Format(PyExc_TypeError, "%s: expected a Node, got %.200R", what, x);
    return false;
  }
  nv_py_node *node = (nv_py_node *)x;
  if (node->graph != g) {
    PyErr_Format(PyExc_ValueError, "%s: %R belongs to another graph", what, x);
    return false;
  }
  *out = node->node;
  return true;
}

bool nv_py_nodes(nv_py_graph *g, PyObject *sequence, const char *what, nv_node ***out, int *n) {
  *out = NULL, *n = 0;
  if (!sequence) return true;
  const nv_py_state *state = nv_py_state_at((PyObject *)g);
  PyObject *tuple = nv_py_tuple(sequence, what);
  if (!tuple) return false;
  Py_ssize_t size = PyTuple_Size(tuple);
  nv_node **nodes = size <= INT32_MAX ? PyMem_Malloc((size_t)size * sizeof *nodes) : NULL;
  bool ok = nodes != NULL;
  if (!ok) PyErr_NoMemory();
  for (Py_ssize_t k = 0; ok && k < size; k++) ok = nv_py_node_of(state, g, PyTuple_GetItem(tuple, k), what, &nodes[k]);
  Py_DECREF(tuple); /* the nodes live as long as their graph */
  if (!ok) {
    PyMem_Free(nodes);
    return false;
  }
  *out = nodes, *n = (int)size;
  return true;
}

static nv_py_node *node_at(PyObject *self) { return (nv_py_node *)self; }

static PyObject *node_graph(PyObject *self, void *Py_UNUSED(closure)) {
  return Py_NewRef((PyObject *)node_at(self)->graph);
}
static PyObject *node_shape(PyObject *self, void *Py_UNUSED(closure)) {
  return nv_py_shape(nv_node_type(node_at(self)->node));
}
static PyObject *node_dtype(PyObject *self, void *Py_UNUSED(closure)) {
  return Py_NewRef(nv_py_state_at(self)->dtypes[nv_node_type(node_at(self)->node)->dtype]);
}
static PyObject *node_op(PyObject *self, void *Py_UNUSED(closure)) {
  return PyUnicode_FromString(nv_node_op(node_at(self)->node));
}
static PyObject *node_name(PyObject *self, void *Py_UNUSED(closure)) {
  const char *name = nv_node_name(node_at(self)->node);
  return name ? PyUnicode_FromString(name) : Py_NewRef(Py_None);
}
static PyObject *node_inputs(PyObject *self, void *Py_UNUSED(closure)) {
  nv_node *const *in;
  int n = nv_node_inputs(node_at(self)->node, &in);
  PyObject *tuple = PyTuple_New(n);
  for (int k = 0; tuple && k < n; k++) {
    PyObject *input = nv_py_node_wrap(node_at(self)->graph, in[k]);
    if (!input || PyTuple_SetItem(tuple, k, input) < 0) Py_CLEAR(tuple);
  }
  return tuple;
}
static PyObject *node_ints(PyObject *self, void *Py_UNUSED(closure)) {
  nv_attrs attrs = nv_node_attrs(node_at(self)->node);
  PyObject *tuple = PyTuple_New(attrs.n_i);
  for (int k = 0; tuple && k < attrs.n_i; k++) {
    PyObject *i = PyLong_FromLongLong(attrs.i[k]);
    if (!i || PyTuple_SetItem(tuple, k, i) < 0) Py_CLEAR(tuple);
  }
  return tuple;
}
static PyObject *node_floats(PyObject *self, void *Py_UNUSED(closure)) {
  nv_attrs attrs = nv_node_attrs(node_at(self)->node);
  return Py_BuildValue("(dd)", attrs.f[0], attrs.f[1]);
}

static PyObject *node_repr(PyObject *self) {
  const nv_node *n = node_at(self)->node;
  const char *name = nv_node_name(n);
  PyObject *shape = node_shape(self, NULL), *text = NULL;
  if (shape)
    text = PyUnicode_FromFormat("<Node %lld: %s %s%s%s%S>", (long long)nv_node_id(n), nv_node_op(n), name ? name : "",
                                name ? " " : "", nv_dtype_name(nv_node_type(n)->dtype), shape);
  Py_XDECREF(shape);
  return text;
}

static PyGetSetDef node_getset[] = {
    {"graph", node_graph, NULL, "The graph it belongs to.", NULL},
    {"shape", node_shape, NULL, "Its extents.", NULL},
    {"dtype", node_dtype, NULL, "Its dtype's name.", NULL},
    {"op", node_op, NULL, "The name of the op that computes it.", NULL},
    {"name", node_name, NULL, "Its own name, or None.", NULL},
    {"inputs", node_inputs, NULL, "The nodes it is computed from.", NULL},
    {"ints", node_ints, NULL, "The op's integer attributes.", NULL},
    {"floats", node_floats, NULL, "The op's two float attributes.", NULL},
    {0},
};

static PyType_Slot node_slots[] = {
    {Py_tp_doc, "A value in a graph. The same computation in the same graph is the same Node."},
    {Py_tp_dealloc, node_dealloc},
    {Py_tp_repr, node_repr},
    {Py_tp_getset, node_getset},
    {0, NULL},
};

PyType_Spec nv_py_node_spec = {
    .name = "nervure._core.Node",
    .basicsize = sizeof(nv_py_node),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = node_slots,
};
