/* test_loop.c: the epoch loop against training by hand in whole numbers; interruption; random numbers; plans that run
 * on several threads at once. */
#include "check.h"
#include "graph/plan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define OK(expr) CHECK((expr) == NV_OK, "%s", nv_error())

static uint64_t seed = 1;
static int64_t pick(int64_t n) { /* 0 .. n-1 */
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (int64_t)(seed >> 33) % n;
}
static nv_type type2(nv_dtype dtype, int64_t m, int64_t n) {
  return (nv_type){.dtype = dtype, .ndim = 2, .shape = {m, n}};
}

/* ---- the loop ---- */

/* A little training: y = x w; w += sum over rows of x * y, in whole numbers; count += 1; labels select from y. */
typedef struct trainer {
  nv_graph *g;
  nv_node *x, *labels, *y;
  nv_variable *w, *count;
  nv_plan *plan;
} trainer;
#define WIDE 6

static void make_trainer(trainer *t, int64_t rows, nv_variable *w, nv_variable *count, bool outputs) {
  nv_type tx = type2(NV_F32, rows, WIDE), tl = {.dtype = NV_I32, .ndim = 1, .shape = {rows}};
  nv_node *nw, *nc;
  *t = (trainer){.w = w, .count = count};
  OK(nv_graph_new(&t->g));
  OK(nv_graph_input(t->g, &tx, "x", &t->x));
  OK(nv_graph_input(t->g, &tl, "labels", &t->labels));
  OK(nv_graph_variable(t->g, w, &nw));
  OK(nv_graph_variable(t->g, count, &nc));
  nv_node *y = nv_opx(t->g, "matmul", (nv_node *[]){t->x, nw}, 2, (int64_t[]){0, 0}, 2, 0, 0, 0);
  nv_node *loss = nv_op2(t->g, "sparse_softmax_cross_entropy", y, t->labels); /* checks labels; adds nothing below */
  nv_node *nothing =
      nv_op2(t->g, "multiply", nv_op2(t->g, "minimum", loss, nv_scalar(t->g, NV_F32, 0)), nv_scalar(t->g, NV_F32, 0));
  nv_node *column = nv_reshape(t->g, nothing, 2, (int64_t[]){rows, 1});
  nv_node *xs = nv_op2(t->g, "add", nv_op2(t->g, "minimum", t->x, nv_scalar(t->g, NV_F32, 1)), column);
  nv_node *dw = nv_opx(t->g, "matmul", (nv_node *[]){xs, t->x}, 2, (int64_t[]){1, 0}, 2, 0, 0, 0);
  nv_node *w2 = nv_op2(t->g, "add", nw, dw);
  nv_node *c2 = nv_op2(t->g, "add", nc, nv_scalar(t->g, NV_F32, 1));
  nv_update updates[2] = {{w, w2}, {count, c2}};
  nv_node *in[2] = {t->x, t->labels}, *out[2] = {y, t->labels};
  nv_plan_spec spec = {
      .inputs = in, .n_inputs = 2, .outputs = out, .n_outputs = outputs ? 2 : 0, .updates = updates, .n_updates = 2};
  OK(nv_plan_new(t->g, &spec, &t->plan));
}

static void free_trainer(trainer *t) {
  nv_plan_free(t->plan);
  nv_graph_release(t->g);
}

#define ROWS 53
#define BATCH 8
typedef struct data {
  float x[ROWS][WIDE];
  uint8_t small[ROWS][WIDE + 2]; /* the same numbers; rows with a gap */
  double large[ROWS][WIDE];
  int32_t labels[ROWS];
  int64_t order[ROWS];
} data;

static void make_data(data *d) {
  for (int r = 0; r < ROWS; r++) {
    for (int c = 0; c < WIDE; c++)
      d->x[r][c] = (float)(d->small[r][c] = (uint8_t)pick(4)), d->large[r][c] = (double)d->x[r][c];
    d->labels[r] = (int32_t)pick(WIDE);
    d->order[r] = r;
  }
  nv_permutation(5, 6, ROWS, d->order, NULL);
}

/* What the loop must do to w, row by row. */
static void train_by_hand(const data *d, const int64_t *order, int64_t rows, float *w) {
  for (int64_t r = 0; r < rows; r++) {
    const float *x = d->x[order ? order[r] : r];
    for (int a = 0; a < WIDE; a++)
      for (int b = 0; b < WIDE; b++) w[a * WIDE + b] += (x[a] < 1 ? x[a] : 1) * x[b];
  }
}

static int stop_at_once(void *arg) {
  ++*(int *)arg;
  return 1;
}

static void test_loop(int threads) {
  nv_type tw = type2(NV_F32, WIDE, WIDE), tc = {.dtype = NV_F32};
  nv_variable *w, *count;
  trainer full, tail, with[2];
  data d;
  OK(nv_set_threads(threads));
  OK(nv_variable_new(&tw, &w));
  OK(nv_variable_new(&tc, &count));
  float *weights = nv_variable_data(w), *counted = nv_variable_data(count), expected[WIDE * WIDE];
  make_trainer(&full, BATCH, w, count, false);
  make_trainer(&tail, ROWS % BATCH, w, count, false);
  make_trainer(&with[0], BATCH, w, count, true);
  make_trainer(&with[1], ROWS % BATCH, w, count, true);
  make_data(&d);
  nv_source sources[3][2] = {{{d.x, NV_F32, sizeof d.x[0]}, {d.labels, NV_I32, 4}},
                             {{d.small, NV_U8, sizeof d.small[0]}, {d.labels, NV_I32, 4}},
                             {{d.large, NV_F64, sizeof d.large[0]}, {d.labels, NV_I32, 4}}};
  int64_t total = (ROWS + BATCH - 1) / BATCH, allocations = 0;
  for (int k = 0; k < 12; k++) {
    const int64_t *order = k % 2 ? d.order : NULL;
    nv_loop_spec spec = {.plan = full.plan,
                         .tail = tail.plan,
                         .n = ROWS,
                         .batch = BATCH,
                         .order = order,
                         .sources = sources[k / 2 % 3],
                         .n_sources = 2};
    int64_t step = 0, middle = 1 + k % 6;
    memset(weights, 0, sizeof expected), memset(expected, 0, sizeof expected);
    *counted = 0;
    if (k == 6) allocations = nv_alloc_count();
    OK(nv_loop_run(&spec, &step, middle, 0, NULL));
    CHECK(step == middle && *counted == (float)middle, "stopped at %d, not %d", (int)step, (int)middle);
    train_by_hand(&d, order, middle * BATCH, expected);
    CHECK(memcmp(weights, expected, sizeof expected) == 0, "weights after %d steps, way %d", (int)middle, k);
    OK(nv_loop_run(&spec, &step, total, 0, NULL));
    CHECK(step == total && *counted == (float)total, "ended at %d, not %d", (int)step, (int)total);
    memset(expected, 0, sizeof expected);
    train_by_hand(&d, order, ROWS, expected);
    CHECK(memcmp(weights, expected, sizeof expected) == 0, "weights after an epoch, way %d", k);
    OK(nv_loop_run(&spec, &step, total, 0, NULL)); /* nothing left to do */
  }
  CHECK(nv_alloc_count() == allocations, "%d allocations in loops", (int)(nv_alloc_count() - allocations));

  /* Sinks: rows of the batch in the order they ran; the values before the update of their step. */
  float y[ROWS][WIDE];
  int32_t seen[ROWS];
  nv_sink sinks[2] = {{y}, {seen}};
  nv_loop_spec spec = {.plan = with[0].plan,
                       .tail = with[1].plan,
                       .n = ROWS,
                       .batch = BATCH,
                       .order = d.order,
                       .sources = sources[0],
                       .n_sources = 2,
                       .sinks = sinks,
                       .n_sinks = 2};
  int64_t step = 0;
  memset(weights, 0, sizeof expected), memset(expected, 0, sizeof expected);
  OK(nv_loop_run(&spec, &step, total, 0, NULL));
  for (int64_t r = 0; r < ROWS; r++) {
    if (r % BATCH == 0 && r) train_by_hand(&d, d.order + r - BATCH, BATCH, expected);
    CHECK(seen[r] == d.labels[d.order[r]], "label %d", (int)r);
    for (int c = 0; c < WIDE; c++) {
      float sum = 0;
      for (int k = 0; k < WIDE; k++) sum += d.x[d.order[r]][k] * expected[k * WIDE + c];
      CHECK(y[r][c] == sum, "sink row %d column %d: %g, not %g", (int)r, c, (double)y[r][c], (double)sum);
    }
  }

  /* A bad label in step 3: the state is as after step 2, and the loop can go on. */
  spec = (nv_loop_spec){
      .plan = full.plan, .tail = tail.plan, .n = ROWS, .batch = BATCH, .sources = sources[0], .n_sources = 2};
  int32_t label = d.labels[3 * BATCH + 5];
  d.labels[3 * BATCH + 5] = WIDE;
  step = 0, *counted = 0;
  memset(weights, 0, sizeof expected), memset(expected, 0, sizeof expected);
  CHECK(nv_loop_run(&spec, &step, total, 0, NULL) != NV_OK && strstr(nv_error(), "6"), "a label of 6: '%s'",
        nv_error());
  train_by_hand(&d, NULL, 3 * BATCH, expected);
  CHECK(step == 3 && *counted == 3 && memcmp(weights, expected, sizeof expected) == 0,
        "state after a bad label: step %d, %g", (int)step, (double)*counted);
  d.labels[3 * BATCH + 5] = label;
  OK(nv_loop_run(&spec, &step, total, 0, NULL));
  CHECK(step == total && *counted == (float)total, "%d steps, %g counted", (int)step, (double)*counted);

  /* A bad order. */
  int64_t kept = d.order[2 * BATCH];
  d.order[2 * BATCH] = ROWS;
  spec.order = d.order;
  step = 0, *counted = 0;
  CHECK(nv_loop_run(&spec, &step, total, 0, NULL) == NV_ERR_INDEX && step == 2 && *counted == 2, "order: '%s', step %d",
        nv_error(), (int)step);
  d.order[2 * BATCH] = kept;

  /* An order for the rows from the second batch on. */
  spec.order = d.order + BATCH, spec.order_at = BATCH;
  step = 0;
  CHECK(nv_loop_run(&spec, &step, total, 0, NULL) == NV_ERR_VALUE && step == 0, "rows before those of an order");
  step = 1, *counted = 0;
  memset(weights, 0, sizeof expected), memset(expected, 0, sizeof expected);
  OK(nv_loop_run(&spec, &step, total, 0, NULL));
  train_by_hand(&d, d.order + BATCH, ROWS - BATCH, expected);
  CHECK(step == total && memcmp(weights, expected, sizeof expected) == 0, "weights after a part of an order");
  kept = d.order[2 * BATCH], d.order[2 * BATCH] = -1, step = 1;
  CHECK(nv_loop_run(&spec, &step, total, 0, NULL) == NV_ERR_INDEX && step == 2 && strstr(nv_error(), "order[8]"),
        "a part of an order: '%s', step %d", nv_error(), (int)step);
  d.order[2 * BATCH] = kept, spec.order_at = 0;

  /* Asked to stop, in a loop over one row again and again that would take minutes: as many updates as steps. */
  nv_source again[2] = {{d.x, NV_F32, 0}, {d.labels, NV_I32, 0}};
  nv_loop_spec endless = {
      .plan = full.plan, .n = (int64_t)BATCH << 30, .batch = BATCH, .sources = again, .n_sources = 2};
  int calls = 0;
  nv_poll poll = {stop_at_once, &calls};
  *counted = 0, step = 0;
  nv_status status = nv_loop_run(&endless, &step, 1 << 30, 0, &poll);
  CHECK(status == NV_CANCELLED && calls == 1, "status %d after %d calls", (int)status, calls);
  CHECK(step > 0 && *counted == (float)step, "%d steps, %g updates", (int)step, (double)*counted);
  *counted = 0, step = 0;
  OK(nv_loop_run(&spec, &step, total, 1e-9, NULL));
  CHECK(step >= 1 && step <= total && *counted == (float)step, "a limit of 1 ns: %d steps", (int)step);

  /* Wrong loops. */
  step = 0;
  spec.n_sources = 1;
  CHECK(nv_loop_run(&spec, &step, total, 0, NULL) == NV_ERR_VALUE, "one source of two");
  spec.n_sources = 2, spec.plan = tail.plan;
  CHECK(nv_loop_run(&spec, &step, total, 0, NULL) == NV_ERR_VALUE && strstr(nv_error(), "rows"),
        "a plan for other rows");
  spec.plan = NULL;
  CHECK(nv_loop_run(&spec, &step, total, 0, NULL) == NV_ERR_VALUE, "no plan");
  spec.plan = full.plan;
  CHECK(nv_loop_run(&spec, &step, total + 1, 0, NULL) == NV_ERR_VALUE && step == 0, "too many steps");
  free_trainer(&full);
  free_trainer(&tail);
  free_trainer(&with[0]);
  free_trainer(&with[1]);
  nv_variable_release(w);
  nv_variable_release(count);
}

/* A step that takes long is left in its middle when asked, before it has changed anything. */
static void test_cancel(int threads) {
  nv_graph *g;
  nv_node *n, *x;
  nv_variable *v;
  nv_plan *p;
  nv_type t = type2(NV_F32, 300, 300);
  OK(nv_set_threads(threads));
  OK(nv_graph_new(&g));
  OK(nv_variable_new(&t, &v));
  OK(nv_graph_variable(g, v, &n));
  x = n;
  for (int k = 0; k < 600; k++) x = nv_opx(g, "matmul", (nv_node *[]){x, n}, 2, (int64_t[]){0, 0}, 2, 0, 0, 0);
  nv_update update = {v, nv_op2(g, "add", x, nv_scalar(g, NV_F32, 1))};
  nv_plan_spec spec = {.updates = &update, .n_updates = 1};
  OK(nv_plan_new(g, &spec, &p));
  int calls = 0;
  nv_poll poll = {stop_at_once, &calls};
  double start = nv_now();
  nv_status status = nv_plan_run(p, NULL, NULL, &poll);
  CHECK(status == NV_CANCELLED && calls == 1, "status %d after %d calls and %g s", (int)status, calls,
        nv_now() - start);
  CHECK(((float *)nv_variable_data(v))[7] == 0, "a cancelled step wrote");
  OK(nv_plan_run(p, NULL, NULL, NULL));
  CHECK(((float *)nv_variable_data(v))[7] == 1, "the step after it");
  nv_plan_free(p);
  nv_variable_release(v);
  nv_graph_release(g);
}

/* ---- random numbers do not depend on who makes them: fused or alone, one thread or three ---- */

static void test_random(void) {
  enum { M = 37, N = 130 };
  static float first[M * N], second[M * N], twice[M * N];
  for (int threads = 1; threads <= 3; threads++) {
    nv_graph *g;
    nv_plan *p;
    int64_t state[2] = {7, 3};
    nv_type t = {.dtype = NV_I64, .ndim = 1, .shape = {2}};
    nv_node *s, *u;
    OK(nv_set_threads(threads));
    OK(nv_graph_new(&g));
    OK(nv_graph_input(g, &t, "state", &s));
    u = nv_opx(g, "random_uniform", &s, 1, (int64_t[]){M, N}, 2, 0, 1, NV_F32);
    nv_node *out[2] = {u, nv_op2(g, "add", u, nv_op1(g, "neg", nv_op2(g, "multiply", u, nv_scalar(g, NV_F32, 0.5))))};
    nv_plan_spec spec = {.inputs = &s, .n_inputs = 1, .outputs = out, .n_outputs = 2};
    OK(nv_plan_new(g, &spec, &p));
    OK(nv_plan_run(p, (const void *[]){state}, (void *[]){threads == 1 ? first : second, twice}, NULL));
    CHECK(threads == 1 || memcmp(first, second, sizeof first) == 0, "other numbers with %d threads", threads);
    for (int k = 0; k < M * N; k++)
      CHECK(twice[k] == first[k] / 2 && first[k] >= 0 && first[k] < 1, "number %d: %g %g", k, (double)first[k],
            (double)twice[k]);
    nv_plan_free(p);
    nv_graph_release(g);
  }
}

/* Slices of a permutation are those of the whole, which has every number once. */
static void test_slices(void) {
  enum { MOST = 4100 };
  static int64_t whole[MOST], slice[MOST], seen[MOST];
  memset(seen, 0, sizeof seen);
  for (int64_t n = 0; n <= MOST; n = n < 300 ? n + 1 : n + pick(500) + 1) {
    OK(nv_permutation_slice(1, (uint64_t)n, n, 0, n, whole, NULL));
    for (int64_t i = 0; i < n; i++) {
      CHECK(whole[i] >= 0 && whole[i] < n, "%d of %d", (int)whole[i], (int)n);
      if (whole[i] >= 0 && whole[i] < n) seen[whole[i]]++;
    }
    for (int64_t i = 0; i < n; seen[i++] = 0)
      CHECK(seen[i] == 1, "%d of %d comes %d times", (int)i, (int)n, (int)seen[i]);
    int64_t first = pick(n + 1), last = first + pick(n - first + 1);
    OK(nv_permutation_slice(1, (uint64_t)n, n, first, last, slice, NULL));
    CHECK(memcmp(slice, whole + first, (size_t)(last - first) * sizeof *slice) == 0, "%d to %d", (int)first, (int)last);
  }
  OK(nv_permutation_slice(1, 2, INT64_MAX, INT64_MAX - MOST, INT64_MAX, slice, NULL));
  for (int i = 0; i < MOST; i++) CHECK(slice[i] >= 0 && slice[i] < INT64_MAX, "%lld", (long long)slice[i]);
}

/* ---- two Python threads, as it were ---- */

typedef struct racer {
  nv_plan *plan;
  const float *x;
  float *y;
  int wrong, n;
} racer;

static void *race(void *arg) {
  racer *r = arg;
  for (int k = 0; k < 200; k++) {
    memset(r->y, 0, (size_t)r->n * sizeof(float));
    r->wrong += nv_plan_run(r->plan, (const void *[]){r->x}, (void *[]){r->y}, NULL) != NV_OK;
    for (int i = 0; i < r->n; i++) r->wrong += r->y[i] != 2 * r->x[i] + 1;
  }
  return NULL;
}

static void test_racing(void) {
  enum { N = 5000 };
  nv_graph *g;
  nv_node *x;
  nv_plan *p[2];
  nv_type t = {.dtype = NV_F32, .ndim = 1, .shape = {N}};
  pthread_t id[4];
  racer r[4];
  float *x_of[4];
  OK(nv_set_threads(2));
  OK(nv_graph_new(&g));
  OK(nv_graph_input(g, &t, "x", &x));
  nv_node *y = nv_op2(g, "add", nv_op2(g, "multiply", x, nv_scalar(g, NV_F32, 2)), nv_scalar(g, NV_F32, 1));
  nv_plan_spec spec = {.inputs = &x, .n_inputs = 1, .outputs = &y, .n_outputs = 1};
  for (int k = 0; k < 2; k++) OK(nv_plan_new(g, &spec, &p[k]));
  for (int k = 0; k < 4; k++) {
    x_of[k] = malloc(N * sizeof(float));
    for (int i = 0; i < N; i++) x_of[k][i] = (float)pick(1000);
    r[k] = (racer){.plan = p[k % 2], .x = x_of[k], .y = malloc(N * sizeof(float)), .n = N};
    pthread_create(&id[k], NULL, race, &r[k]);
  }
  for (int k = 0; k < 4; k++) {
    pthread_join(id[k], NULL);
    CHECK(r[k].wrong == 0, "racer %d: %d wrong", k, r[k].wrong);
    free(x_of[k]);
    free(r[k].y);
  }
  for (int k = 0; k < 2; k++) nv_plan_free(p[k]);
  nv_graph_release(g);
}

int main(void) {
  OK(nv_init());
  nv_thresholds usual = nv_worth;
  for (int threads = 1; threads <= 3; threads++) {
    nv_worth = threads == 1 ? usual : (nv_thresholds){0, 0, 0}; /* small plans use all threads, too */
    test_loop(threads);
    test_cancel(threads);
    test_random();
  }
  test_slices();
  test_racing();
  CHECK(nv_alloc_live() == 0, "%d allocations are left", (int)nv_alloc_live());
  return check_done();
}
