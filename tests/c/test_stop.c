/* test_stop.c: what stops a run or a loop, and what does not. A run that is asked to stop inside any op has changed
 * nothing and says so; a time limit of the executor's own is none of the caller's. */
#include "check.h"
#include "graph/graph.h"
#include "graph/plan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define OK(expr) CHECK((expr) == NV_OK, "%s", nv_error())
#define LONG 6e7 /* elements: an op over them takes longer than it takes to be asked to stop */

static int stop(void *calls) { return ++*(int *)calls > 0; }

/* The node that takes long: of zeros, which are given as views so that they take no memory. */
typedef nv_node *(*make_fn)(nv_graph *g);

static nv_node *zeros(nv_graph *g, int64_t rows, int64_t columns) {
  nv_type t = {.dtype = NV_F32, .ndim = 1, .shape = {columns}};
  nv_node *x;
  OK(nv_graph_input(g, &t, "x", &x));
  return nv_broadcast_to(g, x, 2, (int64_t[]){rows, columns});
}

static nv_node *softmax(nv_graph *g) { return nv_op1(g, "softmax", zeros(g, (int64_t)(LONG / 256), 256)); }

static nv_node *top(nv_graph *g) {
  nv_node *x = zeros(g, (int64_t)(LONG / 2560), 256);
  return nv_opx(g, "top_k_indices", &x, 1, (int64_t[]){200}, 1, 0, 0, 0);
}

static nv_node *sum(nv_graph *g) { /* by chunks */
  nv_node *x = nv_op1(g, "exp", zeros(g, 1, (int64_t)LONG / 2));
  return nv_opx(g, "sum", &x, 1, (int64_t[]){0, 1}, 2, 0, 0, 0);
}

static nv_node *small_products(nv_graph *g) { /* shared by products */
  nv_node *x = nv_reshape(g, zeros(g, 4000, 64 * 64), 3, (int64_t[]){4000, 64, 64});
  return nv_opx(g, "matmul", (nv_node *[]){x, x}, 2, (int64_t[]){0, 0}, 2, 0, 0, 0);
}

static nv_node *large_product(nv_graph *g) {
  nv_node *x = zeros(g, 3000, 3000);
  return nv_opx(g, "matmul", (nv_node *[]){x, x}, 2, (int64_t[]){0, 0}, 2, 0, 0, 0);
}

static void test_inside(const char *what, make_fn make, int threads, nv_thresholds worth) {
  static float x[(int)LONG / 2];
  nv_graph *g;
  nv_variable *v;
  nv_plan *p;
  nv_node *old;
  nv_type t = {.dtype = NV_F32};
  nv_worth = worth;
  OK(nv_set_threads(threads));
  OK(nv_graph_new(&g));
  OK(nv_variable_new(&t, &v));
  OK(nv_graph_variable(g, v, &old));
  nv_node *y = make(g), *in = nv_graph_find(g, "x");
  nv_node *flat = nv_cast(g, nv_reshape(g, y, 1, (int64_t[]){nv_type_size(&y->type)}), NV_F32);
  nv_node *total = nv_opx(g, "max", &flat, 1, (int64_t[]){0}, 1, 0, 0, 0);
  CHECK(y && total, "%s: %s", what, nv_error());
  nv_node *more = nv_op2(g, "add", nv_reshape(g, total, 0, NULL), nv_scalar(g, NV_F32, 1));
  nv_update update = {v, nv_op2(g, "add", old, more)};
  nv_plan_spec spec = {.inputs = &in, .n_inputs = 1, .updates = &update, .n_updates = 1};
  OK(nv_plan_new(g, &spec, &p));
  int calls = 0;
  nv_poll poll = {stop, &calls};
  double start = nv_now();
  nv_status status = nv_plan_run(p, (const void *[]){x}, NULL, &poll);
  CHECK(status == NV_CANCELLED && calls == 1, "%s, %d threads: status %d after %d calls and %g s", what, threads,
        (int)status, calls, nv_now() - start);
  CHECK(*(float *)nv_variable_data(v) == 0, "%s, %d threads: a run that was stopped has written", what, threads);
  nv_plan_free(p);
  nv_variable_release(v);
  nv_graph_release(g);
}

/* ---- the loop's stretches end, the loop does not ---- */

static nv_plan *slow_plan(nv_graph *g, int64_t rows, nv_variable *count) {
  nv_type t = {.dtype = NV_F32, .ndim = 2, .shape = {rows, 300}},
          square = {.dtype = NV_F32, .ndim = 2, .shape = {300, 300}};
  static float identity[300 * 300];
  for (int k = 0; k < 300; k++) identity[301 * k] = 1;
  nv_node *x, *w, *old;
  nv_plan *p = NULL;
  OK(nv_graph_input(g, &t, "x", &x));
  OK(nv_graph_constant(g, &square, identity, &w));
  OK(nv_graph_variable(g, count, &old));
  nv_node *in = x;
  for (int k = 0; k < 300; k++) x = nv_opx(g, "matmul", (nv_node *[]){x, w}, 2, (int64_t[]){0, 0}, 2, 0, 0, 0);
  x = nv_reshape(g, x, 1, (int64_t[]){rows * 300});
  x = nv_opx(g, "max", &x, 1, (int64_t[]){0}, 1, 0, 0, 0); /* 1 */
  nv_update update = {count, nv_op2(g, "add", old, nv_reshape(g, x, 0, NULL))};
  nv_plan_spec spec = {.inputs = &in, .n_inputs = 1, .updates = &update, .n_updates = 1};
  OK(nv_plan_new(g, &spec, &p));
  return p;
}

static void test_tail(void) {
  enum { BATCH = 400, ROWS = BATCH + 3 };
  static float x[ROWS][300];
  nv_graph *g;
  nv_variable *count;
  nv_type t = {.dtype = NV_F32};
  memset(x, 0, sizeof x);
  for (int k = 0; k < ROWS; k++) x[k][7] = 1;
  OK(nv_set_threads(2));
  OK(nv_graph_new(&g));
  OK(nv_variable_new(&t, &count));
  nv_plan *full = slow_plan(g, BATCH, count), *tail = slow_plan(g, ROWS - BATCH, count);
  nv_source source = {x, NV_F32, sizeof x[0]};
  nv_loop_spec spec = {.plan = full, .tail = tail, .n = ROWS, .batch = BATCH, .sources = &source, .n_sources = 1};
  int64_t step = 0;
  OK(nv_loop_run(&spec, &step, 2, 0, NULL));
  CHECK(step == 2 && *(float *)nv_variable_data(count) == 2, "%d steps of 2, %g counted", (int)step,
        (double)*(float *)nv_variable_data(count));
  nv_plan_free(full);
  nv_plan_free(tail);
  nv_variable_release(count);
  nv_graph_release(g);
}

int main(void) {
  static const struct {
    const char *name;
    make_fn make;
  } ops[] = {{"softmax", softmax},
             {"top_k_indices", top},
             {"sum", sum},
             {"products", small_products},
             {"a product", large_product}};
  OK(nv_init());
  nv_poll_every = 1e-3; /* as soon as the clock moves: the ops above take several times that */
  nv_thresholds usual = nv_worth;
  for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
    test_inside(ops[k].name, ops[k].make, 1, usual);
    test_inside(ops[k].name, ops[k].make, 2, usual);
    test_inside(ops[k].name, ops[k].make, 2, (nv_thresholds){1e18, 0, 0}); /* by one thread of the two, where it can */
  }
  nv_worth = usual;
  test_tail();
  CHECK(nv_alloc_live() == 0, "%d allocations are left", (int)nv_alloc_live());
  return check_done();
}
