/* objective.c: plans over the data as a function of a flat vector. A pass puts x into the weights' variables, runs its
 * loop, and takes the results out of theirs. */
#include "optimize/optimize.h"

#include <string.h>

typedef struct passes {
  nv_objective base; /* first: methods know this part only */
  nv_objective_spec spec;
  const int64_t *order;
  int64_t order_at, first, last; /* last < 0: all steps */
} passes;

static passes *of(nv_objective *o) { return (passes *)o; }
static int64_t size_of(nv_variable *v) { return nv_type_size(nv_variable_type(v)); }

/* ---- flat vectors and variables ---- */

static void put(const double *x, nv_variable *const *to, int n) {
  for (int k = 0; k < n; x += size_of(to[k++])) nv_variable_put(to[k], x);
}

static void take(nv_variable *const *from, int n, double *x) {
  for (int k = 0; k < n; k++) {
    int64_t size = size_of(from[k]);
    memcpy(x, nv_variable_data(from[k]), (size_t)size * sizeof *x);
    x += size;
  }
}

static void zero(nv_variable *const *all, int n) {
  for (int k = 0; k < n; k++)
    memset(nv_variable_data(all[k]), 0, (size_t)size_of(all[k]) * sizeof(double)); /* int64 is as long */
}

/* From panels of the upper triangle to both triangles. */
static void take_matrix(const passes *p, double *matrix) {
  int64_t n = p->base.n, row = 0;
  if (p->spec.n_matrix == 1) { /* all of it */
    nv_copy(n * n, nv_variable_data(p->spec.matrix[0]), matrix);
    return;
  }
  for (int k = 0; k < p->spec.n_matrix; k++) {
    const nv_type *t = nv_variable_type(p->spec.matrix[k]);
    const double *data = nv_variable_data(p->spec.matrix[k]);
    int64_t rows = t->shape[0], columns = t->shape[1], first = row;
    for (; row < first + rows; row++, data += columns)
      memcpy(matrix + row * n + first, data, (size_t)columns * sizeof *data);
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++) matrix[i * n + j] = matrix[j * n + i];
}

/* ---- a pass ---- */

static void clear(passes *p, nv_pass pass) {
  nv_objective_spec *s = &p->spec;
  if (s->chunk) zero(&s->chunk, 1);
  if (!s->adds) return;
  if (pass == NV_PASS_VALUE || pass == NV_PASS_GRADIENT || pass == NV_PASS_NORMAL) zero(&s->value, 1);
  if (pass == NV_PASS_GRADIENT || pass == NV_PASS_NORMAL) zero(s->gradient, s->n_weights);
  if (pass == NV_PASS_HESSIAN || pass == NV_PASS_GAUSS) zero(s->product, s->n_weights);
  if (pass == NV_PASS_NORMAL) zero(s->matrix, s->n_matrix);
}

static void results(passes *p, nv_pass pass, double *f, double *a, double *b) {
  nv_objective_spec *s = &p->spec;
  bool squares = pass == NV_PASS_RESIDUALS || pass == NV_PASS_JACOBIAN;
  bool product = pass == NV_PASS_HESSIAN || pass == NV_PASS_GAUSS;
  if (a && (pass == NV_PASS_GRADIENT || pass == NV_PASS_NORMAL)) take(s->gradient, s->n_weights, a);
  if (a && product) take(s->product, s->n_weights, a);
  if (a && squares) take(&s->residuals, 1, a);
  if (b && pass == NV_PASS_NORMAL) take_matrix(p, b);
  if (b && pass == NV_PASS_JACOBIAN) take(&s->jacobian, 1, b);
  if (f && squares) {
    const double *r = nv_variable_data(s->residuals);
    *f = 0.5 * nv_dot(p->base.m, r, r);
  } else if (f && !product) {
    *f = *(double *)nv_variable_data(s->value);
  }
}

bool nv_objective_has(const nv_objective *o, nv_pass pass) {
  const nv_loop_spec *loop = &((const passes *)o)->spec.passes[pass];
  return loop->plan || loop->tail;
}

nv_status nv_objective_run(nv_objective *o, nv_pass pass, const double *x, const double *v, double *f, double *a,
                           double *b, const nv_poll *poll) {
  passes *p = of(o);
  if ((int)pass < 0 || pass >= NV_PASSES || !nv_objective_has(o, pass))
    return nv_fail(NV_ERR_VALUE, "this objective has no such pass");
  nv_loop_spec loop = p->spec.passes[pass];
  int64_t total = loop.n / loop.batch + (loop.n % loop.batch > 0), step = p->last < 0 ? 0 : p->first;
  loop.order = p->order, loop.order_at = p->order_at;
  put(x, p->spec.weights, p->spec.n_weights);
  if (pass == NV_PASS_HESSIAN || pass == NV_PASS_GAUSS) put(v, p->spec.directions, p->spec.n_weights);
  clear(p, pass);
  NV_TRY(nv_loop_run(&loop, &step, p->last < 0 ? total : p->last, 0, poll));
  results(p, pass, f, a, b);
  return NV_OK;
}

static nv_status value(nv_objective *o, const double *x, double *f, const nv_poll *poll) {
  return nv_objective_run(o, NV_PASS_VALUE, x, NULL, f, NULL, NULL, poll);
}
static nv_status gradient(nv_objective *o, const double *x, double *f, double *g, const nv_poll *poll) {
  return nv_objective_run(o, NV_PASS_GRADIENT, x, NULL, f, g, NULL, poll);
}
static nv_status hessian(nv_objective *o, const double *x, const double *v, double *hv, const nv_poll *poll) {
  return nv_objective_run(o, NV_PASS_HESSIAN, x, v, NULL, hv, NULL, poll);
}
static nv_status gauss(nv_objective *o, const double *x, const double *v, double *gv, const nv_poll *poll) {
  return nv_objective_run(o, NV_PASS_GAUSS, x, v, NULL, gv, NULL, poll);
}
static nv_status normal(nv_objective *o, const double *x, double *f, double *g, double *matrix, const nv_poll *poll) {
  return nv_objective_run(o, NV_PASS_NORMAL, x, NULL, f, g, matrix, poll);
}
static nv_status residuals(nv_objective *o, const double *x, double *r, const nv_poll *poll) {
  return nv_objective_run(o, NV_PASS_RESIDUALS, x, NULL, NULL, r, NULL, poll);
}
static nv_status jacobian(nv_objective *o, const double *x, double *r, double *j, const nv_poll *poll) {
  return nv_objective_run(o, NV_PASS_JACOBIAN, x, NULL, NULL, r, j, poll);
}

/* A sum of squares knows its value from its residuals. */
static nv_status value_of_squares(nv_objective *o, const double *x, double *f, const nv_poll *poll) {
  return nv_objective_run(o, NV_PASS_RESIDUALS, x, NULL, f, NULL, NULL, poll);
}
static nv_status gradient_of_squares(nv_objective *o, const double *x, double *f, double *g, const nv_poll *poll) {
  const passes *p = of(o);
  NV_TRY(nv_objective_run(o, NV_PASS_JACOBIAN, x, NULL, f, NULL, NULL, poll));
  const double *r = nv_variable_data(p->spec.residuals), *j = nv_variable_data(p->spec.jacobian);
  memset(g, 0, (size_t)o->n * sizeof *g);
  for (int64_t i = 0; i < o->m; i++) nv_axpy(o->n, r[i], j + i * o->n, g);
  return NV_OK;
}

/* ---- making ---- */

static bool alike(nv_variable *a, nv_variable *w, bool results) {
  return a && size_of(a) == size_of(w) && nv_variable_type(a)->dtype == (results ? NV_F64 : nv_variable_type(w)->dtype);
}

static nv_status check(const passes *p) {
  const nv_objective_spec *s = &p->spec;
  bool gradients = nv_objective_has(&p->base, NV_PASS_GRADIENT) || nv_objective_has(&p->base, NV_PASS_NORMAL);
  bool products = nv_objective_has(&p->base, NV_PASS_HESSIAN) || nv_objective_has(&p->base, NV_PASS_GAUSS);
  bool good = true;
  for (int k = 0; k < s->n_weights; k++) {
    nv_dtype dtype = nv_variable_type(s->weights[k])->dtype;
    good = good && (dtype == NV_F32 || dtype == NV_F64);
    good = good && (!gradients || alike(s->gradient[k], s->weights[k], true));
    good = good &&
           (!products || (alike(s->directions[k], s->weights[k], false) && alike(s->product[k], s->weights[k], true)));
  }
  int64_t row = 0, n = p->base.n;
  for (int k = 0; k < s->n_matrix; k++) {
    const nv_type *t = nv_variable_type(s->matrix[k]);
    good = good && t->dtype == NV_F64 && t->ndim == 2 && t->shape[1] == n - row;
    row += t->shape[0];
  }
  good = good && (!nv_objective_has(&p->base, NV_PASS_NORMAL) || row == n);
  for (int k = 0; k < NV_PASSES; k++)
    good = good && (!nv_objective_has(&p->base, (nv_pass)k) || s->passes[k].batch >= 1);
  if (good && p->base.m)
    good = nv_variable_type(s->residuals)->dtype == NV_F64 && s->jacobian && size_of(s->jacobian) == p->base.m * n;
  return good ? NV_OK : nv_fail(NV_ERR_VALUE, "objective: weights, directions and results do not fit each other");
}

nv_status nv_objective_new(const nv_objective_spec *spec, nv_objective **out) {
  passes *p = nv_calloc(sizeof *p);
  if (!p) return NV_ERR_MEMORY;
  p->spec = *spec, p->last = -1;
  nv_objective *o = &p->base;
  for (int k = 0; k < spec->n_weights; k++) {
    o->n += size_of(spec->weights[k]);
    o->single |= nv_variable_type(spec->weights[k])->dtype == NV_F32;
  }
  bool squares = nv_objective_has(o, NV_PASS_RESIDUALS) && nv_objective_has(o, NV_PASS_JACOBIAN);
  o->m = squares ? size_of(spec->residuals) : 0;
  if (squares)
    o->residuals = residuals, o->jacobian = jacobian, o->value = value_of_squares, o->gradient = gradient_of_squares;
  if (nv_objective_has(o, NV_PASS_VALUE)) o->value = value;
  if (nv_objective_has(o, NV_PASS_GRADIENT)) o->gradient = gradient;
  if (nv_objective_has(o, NV_PASS_HESSIAN)) o->hessian_product = hessian;
  if (nv_objective_has(o, NV_PASS_GAUSS)) o->gauss_product = gauss;
  if (nv_objective_has(o, NV_PASS_NORMAL)) o->normal = normal;
  nv_status status = check(p);
  if (status == NV_OK)
    *out = o;
  else
    nv_free(p);
  return status;
}

void nv_objective_free(nv_objective *o) { nv_free(o); }
int64_t nv_objective_size(const nv_objective *o) { return o->n; }
int64_t nv_objective_residuals(const nv_objective *o) { return o->m; }

void nv_objective_window(nv_objective *o, const int64_t *order, int64_t order_at, int64_t first, int64_t last) {
  passes *p = of(o);
  p->order = order, p->order_at = order_at, p->first = first, p->last = last;
}
