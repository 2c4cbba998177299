/* nervure.h: the C core's only door. No Python below this header; opaque handles, status codes, no I/O.
 *
 * Conventions, everywhere in csrc/:
 * - Every function that can fail returns nv_status; NV_OK is 0. On failure nothing is half-changed, the outputs are
 *   untouched, and nv_error() holds one sentence for people (op or layer, what was expected, what came).
 * - `out` parameters come last. Shapes are int64_t[ndim], row-major (C order), 0 <= ndim <= NV_MAX_DIMS; any
 *   extent may be 0. A pointer to `n` things may be NULL when n is 0.
 * - _new gives the caller one reference; _retain/_release count them. Everything else is borrowed.
 * - One graph is used by one thread at a time (the caller's lock). Plans lock themselves. */
#ifndef NERVURE_H
#define NERVURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NV_MAX_DIMS 8

typedef enum nv_status {
  NV_OK = 0,
  NV_ERR_VALUE,              /* ValueError: right type, wrong shape or value */
  NV_ERR_TYPE,               /* TypeError: wrong dtype */
  NV_ERR_INDEX,              /* IndexError */
  NV_ERR_MEMORY,             /* MemoryError: an allocation failed */
  NV_ERR_NOT_DIFFERENTIABLE, /* an op on the path has no gradient (ValueError), named */
  NV_ERR_INTERNAL,           /* RuntimeError: a bug in nervure */
  NV_CANCELLED,              /* the poll callback asked to stop; state is as before the running step */
} nv_status;

/* The message of the last failure on this thread; "" if none. Valid until the next failure on this thread. */
const char *nv_error(void);

/* The first NV_GRAPH_DTYPES live in graphs; the rest only feed an epoch loop, which converts as it gathers. */
typedef enum nv_dtype {
  NV_F32,
  NV_F64,
  NV_I32,
  NV_I64,
  NV_BOOL,
  NV_I8,
  NV_U8,
  NV_I16,
  NV_U16,
  NV_U32,
  NV_U64,
  NV_DTYPE_COUNT,
} nv_dtype;
#define NV_GRAPH_DTYPES 5
size_t nv_dtype_size(nv_dtype d);
const char *nv_dtype_name(nv_dtype d); /* NumPy's name: "float32", "bool" ... */

typedef struct nv_type {
  nv_dtype dtype;
  int ndim;
  int64_t shape[NV_MAX_DIMS];
} nv_type;
int64_t nv_type_size(const nv_type *t); /* elements */

/* ---- variables: memory that outlives graphs and never moves, 64-byte aligned, zero-filled at birth ---- */
typedef struct nv_variable nv_variable;
nv_status nv_variable_new(const nv_type *type, nv_variable **out);
nv_variable *nv_variable_retain(nv_variable *v);
void nv_variable_release(nv_variable *v);
void *nv_variable_data(nv_variable *v);
const nv_type *nv_variable_type(const nv_variable *v);
/* As many numbers as it has, in its dtype, which is float32 or float64. */
void nv_variable_put(nv_variable *v, const double *x);

/* ---- graphs: immutable nodes, each with a type known when it is built ---- */
typedef struct nv_graph nv_graph;
typedef struct nv_node nv_node; /* belongs to its graph, freed with it */
nv_status nv_graph_new(nv_graph **out);
nv_graph *nv_graph_retain(nv_graph *g);
void nv_graph_release(nv_graph *g);

/* A node's attributes; what `i`, `f` and `dtype` mean is the op's row (nv_op_row.attrs). Copied into the graph. */
typedef struct nv_attrs {
  int n_i;
  const int64_t *i;
  double f[2];
  nv_dtype dtype;
} nv_attrs;

nv_status nv_graph_input(nv_graph *g, const nv_type *type, const char *name, nv_node **out);
nv_status nv_graph_constant(nv_graph *g, const nv_type *type, const void *data, nv_node **out); /* data is copied */
nv_status nv_graph_variable(nv_graph *g, nv_variable *v, nv_node **out);                        /* retained */
/* Applies the op called `op`. The result may be an older node (hash-consing) or a simpler one. */
nv_status nv_graph_op(nv_graph *g, const char *op, nv_node *const *in, int n_in, const nv_attrs *attrs, nv_node **out);
/* out[k] = d sum(y * dy) / d wrt[k] as nodes of the same graph, with wrt[k]'s type; zeros where y does not depend on
 * it. dy NULL means ones. y must be float32 or float64. */
nv_status nv_graph_grad(nv_graph *g, nv_node *y, nv_node *dy, nv_node *const *wrt, int n, nv_node **out);
nv_status nv_graph_set_name(nv_graph *g, nv_node *n, const char *name); /* names an intermediate */
nv_node *nv_graph_find(nv_graph *g, const char *name);                  /* the last node given that name, or NULL */

const nv_type *nv_node_type(const nv_node *n);
const char *nv_node_op(const nv_node *n);
const char *nv_node_name(const nv_node *n); /* NULL if unnamed */
int nv_node_inputs(const nv_node *n, nv_node *const **in);
int64_t nv_node_id(const nv_node *n);     /* inputs have smaller ids than their users */
nv_attrs nv_node_attrs(const nv_node *n); /* borrowed */

/* The op table, for tests, docs and the Python names. */
typedef struct nv_op_info {
  const char *name, *attrs, *doc, *domain; /* see ops/op.h */
  int min_in, max_in;
  bool elementwise, differentiable, hidden;
} nv_op_info;
int nv_op_count(void);
nv_op_info nv_op_at(int k);

/* ---- plans: a graph fused, ordered, laid out in one arena, ready to run without allocating ---- */
typedef struct nv_plan nv_plan;
typedef struct nv_update {
  nv_variable *variable;
  nv_node *value;
} nv_update; /* same type */
typedef struct nv_plan_spec {
  nv_node *const *inputs;
  int n_inputs; /* input nodes, in the order nv_plan_run takes them */
  nv_node *const *outputs;
  int n_outputs; /* written to memory the caller gives */
  const nv_update *updates;
  int n_updates; /* done last, all after every read of the old values: a step is atomic */
  nv_node *const *gradients;
  int n_gradients; /* laid in one contiguous buffer in this order (64-byte padded each) */
} nv_plan_spec;
nv_status nv_plan_new(nv_graph *g, const nv_plan_spec *spec, nv_plan **out); /* keeps what it needs of g alive */
void nv_plan_free(nv_plan *p);

/* Called now and then on the calling thread while C runs (at most every ~20 ms); non-zero asks to stop. */
typedef struct nv_poll {
  int (*call)(void *arg);
  void *arg;
} nv_poll;
/* inputs[k]: C-contiguous, aligned to its item, of the k-th input's type, read in place. outputs[k]: likewise, written.
 * Takes the plan's lock: a second thread waits. poll may be NULL. */
nv_status nv_plan_run(nv_plan *p, const void *const *inputs, void *const *outputs, const nv_poll *poll);
typedef struct nv_plan_stats {
  size_t arena_bytes, gradient_bytes, scratch_bytes;
  int n_instructions, n_nodes, n_barriers;
  double flops, cost; /* cost: estimated nanoseconds on one core */
} nv_plan_stats;
nv_plan_stats nv_plan_get_stats(const nv_plan *p);
/* One line an instruction, NUL-terminated, for people; returns the length needed, writes at most `size` bytes. */
size_t nv_plan_describe(const nv_plan *p, char *buf, size_t size);
/* The contiguous gradients of the last run (borrowed), float32 or float64 as the first gradient is; NULL if none. */
void *nv_plan_gradients(nv_plan *p, size_t *bytes);

/* ---- the epoch loop: gather a batch, run the plan, for every batch ---- */
typedef struct nv_source { /* one array with n rows, to feed one input of the plan */
  const void *data;
  nv_dtype dtype;     /* any dtype; converted to the input's while gathered */
  int64_t row_stride; /* bytes between rows; a row itself is C-contiguous */
} nv_source;
typedef struct nv_sink {
  void *data;
} nv_sink; /* one array with n rows of the output's type, C-contiguous */
typedef struct nv_loop_spec {
  nv_plan *plan; /* made for `batch` rows */
  nv_plan *tail; /* made for the n % batch last rows; NULL if none are left over */
  int64_t n, batch;
  const int64_t *order; /* row numbers, or NULL for 0..n-1 (then rows of the right dtype are read in place) */
  int64_t order_at;     /* order[0] is for this place of 0..n-1; it goes on at least to the end of what is run */
  const nv_source *sources;
  int n_sources; /* = the plan's inputs */
  const nv_sink *sinks;
  int n_sinks; /* = the plan's outputs; row k of a batch goes to its row of the sink; a
                  plan for training usually has none */
} nv_loop_spec;
/* Runs steps *step .. last-1 (a step is a batch; step k takes order[k*batch - order_at ..]). *step is advanced after
 * each step that completed, also when an error or a cancel ends the loop. Returns NV_OK at `last` or once `seconds`
 * have passed (at least one step is made; seconds <= 0: no limit). No allocation, no lock but the plans'. */
nv_status nv_loop_run(const nv_loop_spec *spec, int64_t *step, int64_t last, double seconds, const nv_poll *poll);

/* ---- minimizing with all of the data at once (optimize/) ----
 * Passes of plans over the data, seen as functions of one flat vector x of doubles: the weights one after the other. */
typedef enum nv_pass {                    /* what each leaves in the spec's variables */
                       NV_PASS_VALUE,     /* value */
                       NV_PASS_GRADIENT,  /* value, gradient */
                       NV_PASS_HESSIAN,   /* product: the Hessian times the directions */
                       NV_PASS_GAUSS,     /* product: the Gauss-Newton matrix times the directions */
                       NV_PASS_NORMAL,    /* value, gradient, matrix: the Gauss-Newton matrix */
                       NV_PASS_RESIDUALS, /* residuals of f = 1/2 sum r^2 */
                       NV_PASS_JACOBIAN,  /* residuals, jacobian */
                       NV_PASSES
} nv_pass;
typedef struct nv_objective nv_objective;
typedef struct nv_objective_spec { /* all of it is borrowed and must outlive the objective, but for the spec itself */
  nv_variable *const *weights;     /* float32 or float64; every plan reads them */
  int n_weights;
  nv_variable *const *directions; /* like weights; plans of products read them. NULL: no products */
  nv_variable *value;             /* float64 scalar. Results are float64, as is their sum over the steps */
  nv_variable *const *gradient, *const *product; /* shaped as weights */
  nv_variable *const *matrix; /* panels: rows first .. first + rows - 1 of it, columns first .. n - 1 */
  int n_matrix;
  nv_variable *residuals, *jacobian; /* [m], [m, n] */
  nv_variable *chunk;                /* NULL, or int64: plans may count their runs in it; 0 at the start of a pass */
  nv_loop_spec passes[NV_PASSES];    /* plan and tail NULL: there is no such pass */
  bool adds; /* plans add to their results, which are zeroed first: more than one step makes a pass */
} nv_objective_spec;
nv_status nv_objective_new(const nv_objective_spec *spec, nv_objective **out);
void nv_objective_free(nv_objective *o);
int64_t nv_objective_size(const nv_objective *o);      /* n: numbers in x */
int64_t nv_objective_residuals(const nv_objective *o); /* m, or 0 */
bool nv_objective_has(const nv_objective *o, nv_pass pass);
/* From now on passes make steps first .. last - 1 only, in the order given (nv_loop_spec.order, borrowed; or NULL). */
void nv_objective_window(nv_objective *o, const int64_t *order, int64_t order_at, int64_t first, int64_t last);
/* One pass at x[n], with v[n] where it is a product. Writes f if it computes one, to a[n] the gradient, the product or,
 * [m], the residuals, to b the matrix [n, n] or the jacobian [m, n]. Any of f, a, b may be NULL. */
nv_status nv_objective_run(nv_objective *o, nv_pass pass, const double *x, const double *v, double *f, double *a,
                           double *b, const nv_poll *poll);

typedef enum nv_stop {
  NV_STOP_NONE,
  NV_STOP_GOAL,    /* f <= goal */
  NV_STOP_GTOL,    /* the gradient's largest element (of the pseudo-gradient with L1; projected with bounds) <= gtol */
  NV_STOP_FTOL,    /* f fell by no more than ftol, relatively, `patience` iterations in a row */
  NV_STOP_XTOL,    /* the step was no longer than xtol * (|x| + xtol) */
  NV_STOP_EVALS,   /* max_evals function evaluations were made */
  NV_STOP_SECONDS, /* max_seconds have passed since the start */
  NV_STOP_LINE_SEARCH, /* no lower point along the direction, nor along steepest descent: rounding, or a wrong gradient
                        */
  NV_STOP_DAMPING,     /* mu > mu_max: no lower point however short the step */
  NV_STOP_RADIUS,      /* the trust region shrank to nothing */
  NV_STOP_START,       /* f or its gradient is not finite where it starts */
  NV_STOP_COUNT
} nv_stop;
typedef struct nv_setting { /* an option of a method; strings are numbers here */
  char name[24];
  double value;
  bool used; /* the minimizer's own */
} nv_setting;
typedef struct nv_minimizer nv_minimizer;
#define NV_RECORD                                                                                                      \
  8 /* f, gradient_norm, step_length, parameter, values, gradients, products, matrices: of an iteration */
/* The objective is borrowed. Settings are the method's options and those of every method: goal, gtol, ftol, patience,
 * xtol, max_evals, max_seconds. An unknown method or option, or one out of range, is NV_ERR_VALUE. */
nv_status nv_minimizer_make(nv_objective *o, const char *method, const nv_setting *settings, int n, nv_minimizer **out);
void nv_minimizer_free(nv_minimizer *m);
/* Borrowed, [n]; before the start. f includes sum l1 |x|, which the objective leaves out; x stays from lower to upper.
 * NULL: none. NV_ERR_VALUE if the method cannot. */
nv_status nv_minimizer_penalize(nv_minimizer *m, const double *l1);
nv_status nv_minimizer_confine(nv_minimizer *m, const double *lower, const double *upper);
/* Begins at x[n], which is copied: evaluates f and g, forgets what was learnt. Where they are not finite, stop says so.
 */
nv_status nv_minimizer_start(nv_minimizer *m, const double *x, const nv_poll *poll);
/* The function has changed: evaluates f and g anew where it is. */
nv_status nv_minimizer_renew(nv_minimizer *m, const nv_poll *poll);
/* At most `iterations` more, for about `seconds` (0: no limit); *done says how many. records is NULL or has room for
 * NV_RECORD numbers each. After a failure or NV_CANCELLED x, f and g are those of the last whole step. */
nv_status nv_minimizer_run(nv_minimizer *m, int64_t iterations, double seconds, double *records, int64_t *done,
                           const nv_poll *poll);
typedef struct nv_minimizer_state {
  int64_t n;
  const double *x, *g; /* borrowed until the next call; g is the gradient of f without the L1 term */
  double f, gradient_norm, parameter;
  nv_stop stop;
  bool idle; /* the last iteration found nothing to do but stop: it is not counted */
  int64_t iterations, values, gradients, products, matrices; /* values: all evaluations of f */
} nv_minimizer_state;
nv_minimizer_state nv_minimizer_get(const nv_minimizer *m);

/* ---- targets ---- */
/* Are all n numbers from low to high and, if `whole`, without a fraction? (The limits must then be inside of int64.) */
bool nv_within(nv_dtype dtype, const void *data, int64_t n, double low, double high, bool whole);

/* ---- random numbers: Philox4x32-10, counter-based ---- */
/* A Fisher-Yates permutation of 0..n-1, the same everywhere for the same seed and stream. poll may be NULL; it can only
 * fail with NV_CANCELLED. */
nv_status nv_permutation(uint64_t seed, uint64_t stream, int64_t n, int64_t *out, const nv_poll *poll);
/* Entries first .. last-1 of another random permutation of 0..n-1, in time and memory that depend on last - first only:
 * for n so large that no array holds it. The same everywhere, and whatever the slices; 0 <= first <= last <= n. */
nv_status nv_permutation_slice(uint64_t seed, uint64_t stream, int64_t n, int64_t first, int64_t last, int64_t *out,
                               const nv_poll *poll);

/* ---- the machine ---- */
typedef struct nv_config {
  const char *isa;  /* "avx512", "avx2", "neon" or "portable": picked at load, or NERVURE_ISA */
  const char *isas; /* what this build and CPU can run, comma-separated, best first */
  int threads;      /* in use: NERVURE_NUM_THREADS, nv_set_threads or the affinity mask */
  int cpus;         /* in the affinity mask */
  const char *compiler;
} nv_config;
nv_status nv_init(void); /* idempotent; reads the environment; an unknown NERVURE_ISA is NV_ERR_VALUE */
nv_config nv_get_config(void);
nv_status nv_set_threads(int n); /* 1..256 */

/* ---- allocation, for tests ---- */
int64_t nv_alloc_count(void); /* allocations made since the process began */
int64_t nv_alloc_live(void);  /* allocations not yet freed */
void nv_alloc_fail_at(
    int64_t n); /* the n-th allocation from now fails (1 = the next), then all is well again; 0: off */

#endif
