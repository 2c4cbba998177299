/* test_plan.c: plans against a naive interpreter of graphs, on random graphs of integers small enough that every order
 * of additions gives the same floats; then what plans promise besides numbers. */
#include "check.h"
#include "graph/plan.h"

#include <stdlib.h>
#include <string.h>

#define OK(expr) CHECK((expr) == NV_OK, "%s", nv_error())

static uint64_t seed = 1;
static int64_t pick(int64_t n) { /* 0 .. n-1 */
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (int64_t)(seed >> 33) % n;
}

/* ---- the interpreter: one node at a time, one element at a time, in double ---- */

typedef struct tensor {
  double *x;
} tensor;

static int64_t size_of(const nv_node *n) { return nv_type_size(&n->type); }

/* Row-major index of coordinate c in t, where t may have fewer dimensions or extents of 1 (broadcasting). */
static int64_t at(const nv_type *t, const int64_t *c, int ndim) {
  int64_t i = 0;
  for (int d = 0; d < t->ndim; d++) i = i * t->shape[d] + (t->shape[d] == 1 ? 0 : c[ndim - t->ndim + d]);
  return i;
}

static void coordinates(const nv_type *t, int64_t i, int64_t *c) {
  for (int d = t->ndim - 1; d >= 0; d--) {
    c[d] = i % t->shape[d];
    i /= t->shape[d];
  }
}

static double load(const void *data, nv_dtype dtype, int64_t i) {
  switch (dtype) {
  case NV_F32:
    return (double)((const float *)data)[i];
  case NV_F64:
    return ((const double *)data)[i];
  case NV_I32:
    return ((const int32_t *)data)[i];
  case NV_I64:
    return (double)((const int64_t *)data)[i];
  default:
    return ((const uint8_t *)data)[i];
  }
}

static double elementwise(const char *op, const double *v, bool *known) {
  *known = true;
#define IS(name) (strcmp(op, name) == 0)
  if (IS("add")) return v[0] + v[1];
  if (IS("subtract")) return v[0] - v[1];
  if (IS("multiply")) return v[0] * v[1];
  if (IS("maximum")) return v[0] > v[1] ? v[0] : v[1];
  if (IS("minimum")) return v[0] < v[1] ? v[0] : v[1];
  if (IS("relu")) return v[0] > 0 ? v[0] : 0;
  if (IS("relu_grad")) return v[0] > 0 ? v[1] : 0;
  if (IS("where")) return v[0] != 0 ? v[1] : v[2];
  if (IS("less")) return v[0] < v[1];
  if (IS("greater")) return v[0] > v[1];
  if (IS("neg")) return -v[0];
  if (IS("square")) return v[0] * v[0];
  if (IS("cast")) return v[0];
  *known = false;
  return 0;
}

static double matmul_at(const nv_node *n, const double *a, const double *b, const int64_t *c) {
  const nv_type *ta = &n->in[0]->type, *tb = &n->in[1]->type;
  bool fa = n->attrs.i[0], fb = n->attrs.i[1];
  int64_t ca[2], k = ta->shape[fa ? 0 : 1];
  double sum = 0;
  for (int64_t j = 0; j < k; j++) {
    ca[0] = fa ? j : c[0], ca[1] = fa ? c[0] : j;
    int64_t cb[2] = {fb ? c[1] : j, fb ? j : c[1]};
    sum += a[at(ta, ca, 2)] * b[at(tb, cb, 2)];
  }
  return sum;
}

static void interpret(const nv_node *n, tensor *all) {
  const char *op = n->op->name;
  double *out = all[n->id].x, *in[3] = {0};
  int64_t c[NV_MAX_DIMS], d[NV_MAX_DIMS];
  for (int k = 0; k < n->n_in && k < 3; k++) in[k] = all[n->in[k]->id].x;
  for (int64_t i = 0; i < size_of(n); i++) {
    coordinates(&n->type, i, c);
    const nv_type *t = n->n_in ? &n->in[0]->type : NULL;
    if (IS("constant"))
      out[i] = load(n->data, n->type.dtype, i);
    else if (IS("full"))
      out[i] = n->attrs.f[0];
    else if (IS("iota"))
      out[i] = (double)c[n->attrs.i[0]];
    else if (IS("matmul"))
      out[i] = matmul_at(n, in[0], in[1], c);
    else if (IS("reshape"))
      out[i] = in[0][i];
    else if (IS("broadcast_to"))
      out[i] = in[0][at(t, c, n->type.ndim)];
    else if (IS("transpose")) {
      for (int k = 0; k < n->type.ndim; k++) d[n->attrs.i[k]] = c[k];
      out[i] = in[0][at(t, d, t->ndim)];
    } else if (IS("slice")) {
      int nd = n->type.ndim;
      for (int k = 0; k < nd; k++) d[k] = n->attrs.i[k] + c[k] * n->attrs.i[2 * nd + k];
      out[i] = in[0][at(t, d, nd)];
    } else if (IS("concatenate")) {
      int64_t axis = n->attrs.i[0], p = c[axis];
      int k = 0;
      for (; p >= n->in[k]->type.shape[axis]; k++) p -= n->in[k]->type.shape[axis];
      memcpy(d, c, sizeof d);
      d[axis] = p;
      int64_t index = 0; /* no broadcasting here: an extent of 1 is just that */
      for (int m = 0; m < n->type.ndim; m++) index = index * n->in[k]->type.shape[m] + d[m];
      out[i] = all[n->in[k]->id].x[index];
    } else if (IS("sum") || IS("max")) {
      bool reduced[NV_MAX_DIMS] = {0};
      for (int k = 0; k < n->attrs.n_i; k++) reduced[n->attrs.i[k]] = true;
      out[i] = IS("sum") ? 0 : -1e300;
      for (int64_t j = 0; j < size_of(n->in[0]); j++) {
        bool mine = true;
        coordinates(t, j, d);
        for (int k = 0; k < t->ndim; k++) mine &= reduced[k] || d[k] == c[k];
        if (mine) out[i] = IS("sum") ? out[i] + in[0][j] : in[0][j] > out[i] ? in[0][j] : out[i];
      }
    } else {
      double v[3];
      bool known;
      for (int k = 0; k < n->n_in; k++) v[k] = in[k][at(&n->in[k]->type, c, n->type.ndim)];
      out[i] = elementwise(op, v, &known);
      if (n->type.dtype == NV_BOOL) out[i] = out[i] != 0;
      if (!CHECK(known || IS("stop_gradient"), "the interpreter does not know %s", op)) return;
    }
  }
}

/* ---- random graphs ---- */

#define POOL 160
typedef struct world {
  nv_graph *g;
  nv_node *pool[POOL];
  int n;
  nv_node *inputs[4];
  nv_variable *vars[5];
  nv_node *var_nodes[5];
} world;

static nv_node *keep(world *w, nv_node *n) {
  if (!n) return NULL;
  if (w->n < POOL) w->pool[w->n++] = n;
  return n;
}

/* Keeps numbers small: min(max(x, -6), 6). */
static nv_node *bound(world *w, nv_node *n) {
  if (!n || n->type.dtype == NV_BOOL) return n;
  n = nv_op2(w->g, "maximum", n, nv_scalar(w->g, n->type.dtype, -6));
  return n ? nv_op2(w->g, "minimum", n, nv_scalar(w->g, n->type.dtype, 6)) : NULL;
}

static nv_type type2(nv_dtype dtype, int64_t m, int64_t n) {
  return (nv_type){.dtype = dtype, .ndim = 2, .shape = {m, n}};
}

static nv_node *any(const world *w, nv_dtype dtype, int ndim) {
  for (int tries = 0; tries < 50; tries++) {
    nv_node *n = w->pool[pick(w->n)];
    if (n->type.dtype == dtype && (ndim < 0 || n->type.ndim == ndim)) return n;
  }
  return w->pool[0];
}

static nv_node *fitting(const world *w, const nv_node *to) { /* a float that broadcasts with `to` */
  for (int tries = 0; tries < 60; tries++) {
    nv_node *n = w->pool[pick(w->n)];
    nv_type t;
    if (n->type.dtype == NV_F32 && nv_broadcast("", &to->type, &n->type, &t) == NV_OK && nv_type_size(&t) < 20000)
      return n;
  }
  return NULL;
}

static void grow(world *w) {
  nv_graph *g = w->g;
  nv_node *a = any(w, NV_F32, -1), *b = fitting(w, a), *r = NULL;
  int64_t i[3 * NV_MAX_DIMS], nd = a->type.ndim;
  static const char *const binary[] = {"add", "subtract", "multiply", "maximum", "minimum", "relu_grad"};
  switch (pick(16)) {
  case 0:
  case 1:
  case 2:
  case 3:
  case 4:
    if (b) r = nv_op2(g, binary[pick(6)], a, b);
    break;
  case 5:
    r = nv_op1(g, pick(2) ? "relu" : "neg", a);
    break;
  case 6:
    if (b) r = nv_cast(g, nv_op2(g, "less", a, b), NV_F32);
    break;
  case 7:
    if (b) r = nv_op3(g, "where", nv_op2(g, "less", a, b), b, nv_op2(g, "add", a, b));
    break;
  case 8:
  case 9: {
    nv_node *x = any(w, NV_F32, 2), *y = any(w, NV_F32, 2);
    bool ta = pick(2), tb = pick(2);
    if (x->type.ndim != 2 || y->type.ndim != 2 || x->type.shape[ta ? 0 : 1] != y->type.shape[tb ? 1 : 0]) break;
    i[0] = ta, i[1] = tb;
    r = nv_opx(g, "matmul", (nv_node *[]){x, y}, 2, i, 2, 0, 0, 0);
    break;
  }
  case 10:
    if (nd == 0) break;
    i[0] = pick(nd);
    r = nv_opx(g, pick(2) ? "sum" : "max", &a, 1, i, 1, 0, 0, 0);
    break;
  case 11:
    if (nd < 2) break;
    for (int k = 0; k < nd; k++) i[k] = nd - 1 - k;
    r = nv_transpose(g, a, i);
    break;
  case 12:
    i[0] = nv_type_size(&a->type);
    r = nv_reshape(g, a, 1, i);
    break;
  case 13:
    if (nd == 0) break;
    for (int k = 0; k < nd; k++) {
      int64_t n = a->type.shape[k];
      bool all = pick(2);
      i[k] = all ? 0 : pick(n);
      i[2 * nd + k] = all ? 1 : 1 + pick(2);
      i[nd + k] = all ? n : (n - i[k] + i[2 * nd + k] - 1) / i[2 * nd + k];
    }
    r = nv_opx(g, "slice", &a, 1, i, 3 * (int)nd, 0, 0, 0);
    break;
  case 14:
    if (nd == 0) break;
    i[0] = pick(nd);
    r = nv_opx(g, "concatenate", (nv_node *[]){a, nv_op1(g, "neg", a)}, 2, i, 1, 0, 0, 0);
    if (r && nv_type_size(&r->type) > 4000) r = NULL;
    break;
  case 15:
    if (nd == 0) break;
    i[0] = pick(nd);
    memcpy(i + 1, a->type.shape, sizeof a->type.shape);
    r = nv_opx(g, "iota", NULL, 0, i, 1 + (int)nd, 0, 0, NV_F32);
    if (r) r = nv_op2(g, "less", r, nv_scalar(g, NV_F32, 2));
    if (r) r = nv_op3(g, "where", r, a, nv_op1(g, "neg", a));
    break;
  }
  keep(w, bound(w, r));
}

static float *random_floats(int64_t n) {
  float *x = malloc(((size_t)n + 1) * sizeof *x);
  for (int64_t k = 0; k < n; k++) x[k] = (float)(pick(13) - 6);
  return x;
}

static void make_world(world *w, int steps) {
  static const int64_t extents[] = {1, 3, 8, 17, 33, 40};
  *w = (world){0};
  OK(nv_graph_new(&w->g));
  int64_t m = extents[1 + pick(5)], n = extents[1 + pick(5)];
  nv_type types[4] = {
      type2(NV_F32, m, n), type2(NV_F32, n, m), type2(NV_F32, m, 1), {.dtype = NV_F32, .ndim = 1, .shape = {n}}};
  for (int k = 0; k < 4; k++) {
    OK(nv_graph_input(w->g, &types[k], NULL, &w->inputs[k]));
    keep(w, w->inputs[k]);
  }
  nv_type vars[5] = {types[0], types[0], types[3], {.dtype = NV_F32}, types[1]};
  for (int k = 0; k < 5; k++) {
    OK(nv_variable_new(&vars[k], &w->vars[k]));
    float *x = random_floats(nv_type_size(&vars[k]));
    memcpy(nv_variable_data(w->vars[k]), x, (size_t)nv_type_size(&vars[k]) * sizeof *x);
    free(x);
    OK(nv_graph_variable(w->g, w->vars[k], &w->var_nodes[k]));
    keep(w, w->var_nodes[k]);
  }
  float *c = random_floats(m * n);
  nv_node *node;
  OK(nv_graph_constant(w->g, &types[0], c, &node));
  free(c);
  keep(w, node);
  for (int k = 0; k < steps; k++) grow(w);
}

static void free_world(world *w) {
  for (int k = 0; k < 5; k++) nv_variable_release(w->vars[k]);
  nv_graph_release(w->g);
}

/* ---- a plan against the interpreter ---- */

#define OUTS 5
typedef struct outcome {
  void *out[OUTS];
  void *grads;
  size_t grad_bytes;
  void *vars[5];
} outcome;

static nv_node *of_type(const world *w, const nv_type *t) {
  for (int tries = 0; tries < 200; tries++) {
    nv_node *n = w->pool[pick(w->n)];
    if (n->type.dtype == t->dtype && nv_same_shape(&n->type, t)) return n;
  }
  return NULL;
}

static void check_values(const char *what, int k, const nv_node *n, const void *got, const tensor *all) {
  for (int64_t i = 0; i < size_of(n); i++)
    if (!CHECK(load(got, n->type.dtype, i) == all[n->id].x[i], "%s %d (%s, node %d) item %d: %g, not %g", what, k,
               n->op->name, (int)n->id, (int)i, load(got, n->type.dtype, i), all[n->id].x[i]))
      return;
}

static bool random_case(int steps, int threads) {
  world w;
  int before = check_failures;
  make_world(&w, steps);
  nv_node *outputs[OUTS], *gradients[3];
  nv_update updates[5];
  int n_updates = 0, n_gradients = 0;
  for (int k = 0; k < OUTS; k++) outputs[k] = w.pool[pick(2) ? w.n - 1 - pick(w.n < 6 ? w.n : 6) : pick(w.n)];
  for (int k = 0; k < 3; k++) {
    nv_node *n = any(&w, NV_F32, -1);
    if (n->type.dtype == NV_F32 && pick(2)) gradients[n_gradients++] = n;
  }
  for (int k = 0; k < 5; k++) {
    nv_node *n = of_type(&w, nv_variable_type(w.vars[k]));
    if (n && pick(4)) updates[n_updates++] = (nv_update){w.vars[k], n};
  }
  OK(nv_set_threads(threads));
  nv_plan_spec spec = {.inputs = w.inputs,
                       .n_inputs = 4,
                       .outputs = outputs,
                       .n_outputs = OUTS,
                       .updates = updates,
                       .n_updates = n_updates,
                       .gradients = gradients,
                       .n_gradients = n_gradients};
  nv_plan *p = NULL;
  OK(nv_plan_new(w.g, &spec, &p));
  if (!p) return false;
  tensor *all = calloc((size_t)w.g->n_nodes, sizeof *all);
  for (int64_t k = 0; k < w.g->n_nodes; k++) all[k].x = calloc((size_t)size_of(w.g->nodes[k]) + 1, sizeof(double));
  for (int round = 0; round < 2; round++) { /* twice: nothing may depend on what the arena held */
    float *in[4];
    void *out[OUTS];
    for (int k = 0; k < 4; k++) {
      in[k] = random_floats(size_of(w.inputs[k]));
      for (int64_t i = 0; i < size_of(w.inputs[k]); i++) all[w.inputs[k]->id].x[i] = (double)in[k][i];
    }
    for (int k = 0; k < 5; k++)
      for (int64_t i = 0; i < size_of(w.var_nodes[k]); i++)
        all[w.var_nodes[k]->id].x[i] = load(nv_variable_data(w.vars[k]), NV_F32, i);
    for (int64_t k = 0; k < w.g->n_nodes; k++) {
      const char *op = w.g->nodes[k]->op->name;
      if (!IS("input") && !IS("variable")) interpret(w.g->nodes[k], all);
    }
    for (int k = 0; k < OUTS; k++) out[k] = calloc((size_t)size_of(outputs[k]) + 1, sizeof(double));
    memset(p->arena, 0xff, p->arena_bytes);
    int64_t allocations = nv_alloc_count();
    OK(nv_plan_run(p, (const void *const *)in, out, NULL));
    CHECK(nv_alloc_count() == allocations, "a run allocated");
    for (int k = 0; k < OUTS; k++) check_values("output", k, outputs[k], out[k], all);
    size_t bytes, grad_at = 0;
    char *grads = nv_plan_gradients(p, &bytes);
    for (int k = 0; k < n_gradients; k++) {
      check_values("gradient", k, gradients[k], grads + grad_at, all);
      grad_at += ((size_t)size_of(gradients[k]) * 4 + 63) / 64 * 64;
    }
    CHECK(bytes == grad_at, "gradient bytes");
    for (int k = 0; k < n_updates; k++)
      check_values("update", k, updates[k].value, nv_variable_data(updates[k].variable), all);
    for (int k = 0; k < 4; k++) free(in[k]);
    for (int k = 0; k < OUTS; k++) free(out[k]);
  }
  if (check_failures > before) {
    static char text[1 << 16];
    nv_plan_describe(p, text, sizeof text);
    if (before == 0) fprintf(stderr, "%s\n", text);
  }
  for (int64_t k = 0; k < w.g->n_nodes; k++) free(all[k].x);
  free(all);
  nv_plan_free(p);
  free_world(&w);
  return check_failures == before;
}

static void test_random_graphs(void) {
  nv_thresholds usual = nv_worth;
  for (int k = 0; k < 600; k++) {
    int threads = 1 + k % 3;
    seed = (uint64_t)k * 7919 + 17;
    nv_worth = threads == 1 || k % 5 == 0 ? usual : (nv_thresholds){0, 0, 0};
    if (k % 7 == 3) nv_worth.meeting = 300;
    if (!random_case(4 + k % 90, threads)) fprintf(stderr, "  in case %d\n", k);
  }
  nv_worth = usual;
}

/* ---- every allocation may fail ---- */

static void test_allocations(void) {
  for (int k = 0; k < 6; k++) {
    world w;
    nv_plan *p = NULL;
    seed = (uint64_t)k + 99;
    make_world(&w, 30);
    nv_node *outputs[2] = {w.pool[w.n - 1], w.pool[w.n / 2]}, *value = of_type(&w, nv_variable_type(w.vars[0]));
    nv_update update = {w.vars[0], value};
    nv_plan_spec spec = {.inputs = w.inputs,
                         .n_inputs = 4,
                         .outputs = outputs,
                         .n_outputs = 2,
                         .updates = &update,
                         .n_updates = 1,
                         .gradients = outputs,
                         .n_gradients = 1};
    int64_t live = nv_alloc_live(), n = 1;
    for (; n < 10000 && !p; n++) {
      nv_alloc_fail_at(n);
      nv_status status = nv_plan_new(w.g, &spec, &p);
      nv_alloc_fail_at(0);
      CHECK(p ? status == NV_OK : status == NV_ERR_MEMORY && nv_alloc_live() == live && nv_error()[0],
            "allocation %d failed: status %d, %d blocks lost", (int)n, (int)status, (int)(nv_alloc_live() - live));
    }
    CHECK(p && n > 5, "a plan after %d allocations", (int)n);
    nv_plan_free(p);
    free_world(&w);
  }
}

/* ---- bad plans ---- */

static void test_messages(void) {
  world w;
  nv_plan *p = NULL;
  make_world(&w, 0);
  nv_node *sum = nv_op2(w.g, "add", w.inputs[0], w.var_nodes[0]);
  nv_plan_spec missing = {.outputs = &sum, .n_outputs = 1};
  CHECK(nv_plan_new(w.g, &missing, &p) == NV_ERR_VALUE && strstr(nv_error(), "input"), "%s", nv_error());
  nv_update wrong = {w.vars[3], sum};
  nv_plan_spec update = {.inputs = w.inputs, .n_inputs = 1, .updates = &wrong, .n_updates = 1};
  CHECK(nv_plan_new(w.g, &update, &p) == NV_ERR_VALUE && strstr(nv_error(), "update 0"), "%s", nv_error());
  nv_update twice[2] = {{w.vars[0], sum}, {w.vars[0], sum}};
  nv_plan_spec again = {.inputs = w.inputs, .n_inputs = 1, .updates = twice, .n_updates = 2};
  CHECK(nv_plan_new(w.g, &again, &p) == NV_ERR_VALUE && strstr(nv_error(), "same variable"), "%s", nv_error());
  nv_plan_spec no_input = {.inputs = &sum, .n_inputs = 1};
  CHECK(nv_plan_new(w.g, &no_input, &p) == NV_ERR_VALUE && strstr(nv_error(), "'add'"), "%s", nv_error());
  free_world(&w);
}

/* ---- updates are simultaneous: a, b = b, a + b, and c = a transposed ---- */

static void test_simultaneous(void) {
  nv_graph *g;
  nv_variable *v[3];
  nv_node *n[3];
  nv_plan *p;
  nv_type t = type2(NV_F32, 5, 5);
  OK(nv_graph_new(&g));
  for (int k = 0; k < 3; k++) {
    OK(nv_variable_new(&t, &v[k]));
    OK(nv_graph_variable(g, v[k], &n[k]));
    for (int i = 0; i < 25; i++) ((float *)nv_variable_data(v[k]))[i] = (float)(100 * k + i);
  }
  nv_update updates[3] = {
      {v[0], n[1]}, {v[1], nv_op2(g, "add", n[0], n[1])}, {v[2], nv_transpose(g, n[0], (int64_t[]){1, 0})}};
  nv_plan_spec spec = {.updates = updates, .n_updates = 3};
  OK(nv_plan_new(g, &spec, &p));
  OK(nv_plan_run(p, NULL, NULL, NULL));
  for (int i = 0; i < 25; i++) {
    float a = ((float *)nv_variable_data(v[0]))[i], b = ((float *)nv_variable_data(v[1]))[i];
    float c = ((float *)nv_variable_data(v[2]))[i];
    CHECK(a == (float)(100 + i) && b == (float)(100 + 2 * i) && c == (float)(i % 5 * 5 + i / 5), "item %d: %g %g %g", i,
          (double)a, (double)b, (double)c);
  }
  nv_plan_free(p);
  for (int k = 0; k < 3; k++) nv_variable_release(v[k]);
  nv_graph_release(g);
}

/* ---- nothing, of every kind ---- */

static void test_empty(void) {
  nv_graph *g;
  nv_node *x;
  nv_plan *p;
  nv_type t = type2(NV_F32, 0, 4);
  OK(nv_graph_new(&g));
  OK(nv_graph_input(g, &t, "x", &x));
  nv_node *sum = nv_opx(g, "sum", &x, 1, (int64_t[]){0}, 1, 0, 0, 0), *relu = nv_op1(g, "relu", x);
  nv_node *out[3] = {relu, sum, nv_op2(g, "add", nv_transpose(g, x, (int64_t[]){1, 0}), nv_scalar(g, NV_F32, 1))};
  nv_plan_spec spec = {.inputs = &x, .n_inputs = 1, .outputs = out, .n_outputs = 3, .gradients = out, .n_gradients = 2};
  OK(nv_plan_new(g, &spec, &p));
  float none, sums[4] = {9, 9, 9, 9};
  OK(nv_plan_run(p, (const void *[]){&none}, (void *[]){&none, sums, &none}, NULL));
  for (int k = 0; k < 4; k++) CHECK(sums[k] == 0, "a sum of nothing: %g", (double)sums[k]);
  nv_plan_free(p);
  spec = (nv_plan_spec){0};
  OK(nv_plan_new(g, &spec, &p)); /* a plan of nothing at all */
  OK(nv_plan_run(p, NULL, NULL, NULL));
  nv_plan_free(p);
  nv_graph_release(g);
}

int main(void) {
  OK(nv_init());
  test_messages();
  test_simultaneous();
  test_empty();
  test_random_graphs();
  test_allocations();
  CHECK(nv_alloc_live() == 0, "%d allocations are left", (int)nv_alloc_live());
  return check_done();
}
