/* loop.c: the epoch loop: gather a batch, run the plan, for every batch. The team stays together for the whole call.
 *
 * A step: each thread gathers its share of the batch's rows (converting them where dtypes differ), all meet, the plan
 * runs. Rows that lie in order and in the right dtype are not gathered: the plan's inputs point at them. */
#include "graph/plan.h"

#include <inttypes.h>
#include <string.h>

#define SHORT 128 /* bytes of a row */
#define AHEAD 4   /* rows whose first lines are fetched before they are copied */

typedef struct feed {
  const char *from;
  char *to;             /* staging */
  bool in_place;        /* the plan reads the rows where they lie */
  int64_t stride;       /* bytes between rows of the source */
  int64_t items, bytes; /* of a row, in the input's dtype */
  nv_block_fn cast;     /* NULL: the same dtype */
  bool dense;           /* source rows follow each other without gaps */
} feed;

/* Made by the first loop over a plan, freed with the plan. */
struct nv_staging {
  int64_t *rows; /* of this batch: read from the caller's order once, and checked then */
  feed *feeds;
  const void **inputs;
  void **outputs;
  int64_t *sink_bytes; /* of a row of each output */
};

typedef struct segment {
  const nv_loop_spec *spec;
  nv_plan *plan;
  struct nv_staging *staging;
  int64_t first, last, rows; /* steps; rows of each */
  int64_t *step;             /* thread 0's: the first step not completed */
  int64_t stop_at;           /* set by thread 0 before the barrier of that step */
  double until;              /* the end of this stretch; 0: no limit */
  bool started;              /* a step was made before this segment */
  bool moves;                /* the plan's pointers change from step to step */
  bool whole;                /* thread 0's: all steps were made */
  int threads;               /* thread 0's: of the team there was */
  double lost;               /* thread 0's: seconds members slept */
  const nv_poll *poll;
  nv_status status; /* thread 0's */
} segment;

/* ---- preparing ---- */

static size_t round_up(size_t n) { return (n + 63) / 64 * 64; }
static size_t type_bytes(const nv_type *t) { return (size_t)nv_type_size(t) * nv_dtype_size(t->dtype); }

static nv_status check_rows(const nv_type *t, int64_t rows, const char *what, int k) {
  char text[NV_SHAPE_TEXT];
  if (t->ndim > 0 && t->shape[0] == rows) return NV_OK;
  return nv_fail(NV_ERR_VALUE, "%s %d of the plan must have %" PRId64 " rows, its shape is %s", what, k, rows,
                 nv_shape_text(t, text));
}

static nv_status check_plan(const nv_loop_spec *s, const nv_plan *p, int64_t rows) {
  if (!p) return nv_fail(NV_ERR_VALUE, "no plan for batches of %" PRId64 " rows was given", rows);
  if (s->n_sources != p->n_inputs)
    return nv_fail(NV_ERR_VALUE, "the plan takes %d inputs, got %d sources", p->n_inputs, s->n_sources);
  if (s->n_sinks != p->n_outputs)
    return nv_fail(NV_ERR_VALUE, "the plan gives %d outputs, got %d sinks", p->n_outputs, s->n_sinks);
  for (int k = 0; k < p->n_inputs; k++) {
    nv_dtype from = s->sources[k].dtype, to = p->input_types[k].dtype;
    NV_TRY(check_rows(&p->input_types[k], rows, "input", k));
    if ((int)from < 0 || from >= NV_DTYPE_COUNT || (from != to && !nv_k->cast[from][to]))
      return nv_fail(NV_ERR_TYPE, "source %d: rows of %s cannot be converted to %s", k,
                     (int)from >= 0 && from < NV_DTYPE_COUNT ? nv_dtype_name(from) : "an unknown dtype",
                     nv_dtype_name(to));
  }
  for (int k = 0; k < p->n_outputs; k++) NV_TRY(check_rows(&p->output_types[k], rows, "output", k));
  return NV_OK;
}

static nv_status stage(nv_plan *p) {
  if (p->staging) return NV_OK;
  size_t inputs = (size_t)p->n_inputs, outputs = (size_t)p->n_outputs, bytes = round_up(sizeof(struct nv_staging));
  size_t batch = inputs ? (size_t)p->input_types[0].shape[0] : 0;
  size_t order_at = bytes, feeds_at = bytes += round_up(batch * sizeof(int64_t)),
         inputs_at = bytes += round_up(inputs * sizeof(feed));
  size_t outputs_at = bytes += round_up(inputs * sizeof(void *)),
         sinks_at = bytes += round_up(outputs * sizeof(void *));
  size_t rows_at = bytes += round_up(outputs * sizeof(int64_t));
  for (size_t k = 0; k < inputs; k++) bytes += round_up(type_bytes(&p->input_types[k]));
  char *memory = nv_alloc(bytes);
  if (!memory) return NV_ERR_MEMORY;
  struct nv_staging *s = (void *)memory;
  *s = (struct nv_staging){(void *)(memory + order_at), (void *)(memory + feeds_at), (void *)(memory + inputs_at),
                           (void *)(memory + outputs_at), (void *)(memory + sinks_at)};
  for (size_t k = 0; k < inputs; k++) {
    s->feeds[k].to = memory + rows_at;
    rows_at += round_up(type_bytes(&p->input_types[k]));
  }
  for (size_t k = 0; k < outputs; k++) {
    const nv_type *t = &p->output_types[k];
    s->sink_bytes[k] = t->shape[0] ? (int64_t)type_bytes(t) / t->shape[0] : 0;
  }
  p->staging = s;
  return NV_OK;
}

/* Where each input comes from in this loop. True if the plan's pointers change from step to step. */
static bool connect(const segment *g) {
  struct nv_staging *s = g->staging;
  bool moves = g->spec->n_sinks > 0;
  for (int k = 0; k < g->spec->n_sources; k++) {
    const nv_source *from = &g->spec->sources[k];
    const nv_type *t = &g->plan->input_types[k];
    feed *f = &s->feeds[k];
    f->from = from->data, f->stride = from->row_stride;
    f->items = nv_type_size(t) / g->rows, f->bytes = f->items * (int64_t)nv_dtype_size(t->dtype);
    f->cast = from->dtype == t->dtype ? NULL : nv_k->cast[from->dtype][t->dtype];
    f->dense = from->row_stride == f->items * (int64_t)nv_dtype_size(from->dtype);
    f->in_place = !g->spec->order && !f->cast && f->dense;
    s->inputs[k] = f->to;
    moves |= f->in_place;
  }
  return moves;
}

/* ---- a step ---- */

static void copy_rows(const feed *f, int64_t row, int64_t to, int64_t rows) {
  const char *from = f->from + row * f->stride;
  if (f->cast)
    f->cast(&(nv_block){.out = f->to + to * f->bytes, .in = {from}, .n = f->items * rows});
  else
    memcpy(f->to + to * f->bytes, from, (size_t)(f->bytes * rows));
}

/* Labels and short rows: a call to memcpy would cost more than the copy. */
static void copy_short(char *to, const char *from, int64_t bytes) {
  for (; bytes >= 16; bytes -= 16, to += 16, from += 16) memcpy(to, from, 16);
  if (bytes >= 8) memcpy(to, from, 8), to += 8, from += 8, bytes -= 8;
  if (bytes >= 4) memcpy(to, from, 4), to += 4, from += 4, bytes -= 4;
  for (; bytes > 0; bytes--) *to++ = *from++;
}

static nv_status gather(nv_ctx *ctx, const segment *g, int64_t step) {
  const int64_t n = g->spec->n, first = step * g->spec->batch;
  const int64_t at = first - g->spec->order_at;
  int64_t lo, hi, *order = g->spec->order ? g->staging->rows : NULL;
  nv_share(ctx, g->rows, &lo, &hi);
  for (int64_t r = lo; r < hi && order && g->spec->n_sources > 0; r++) {
    order[r] = *(const volatile int64_t *)&g->spec->order[at + r];
    if (order[r] < 0 || order[r] >= n) {
      nv_status status = nv_fail(NV_ERR_INDEX, "order[%" PRId64 "] = %" PRId64 " is not a row from 0 to %" PRId64,
                                 at + r, order[r], n - 1);
      nv_team_fail(ctx, status);
      return status;
    }
  }
  for (int k = 0; k < g->spec->n_sources; k++) {
    const feed *f = &g->staging->feeds[k];
    if (f->in_place || f->items == 0 || lo == hi) continue;
    if (!order && f->dense) {
      copy_rows(f, first + lo, lo, hi - lo);
      continue;
    }
    bool is_short = !f->cast && f->bytes <= SHORT;
    for (int64_t r = lo; r < hi; r++) {
      int64_t row = order ? order[r] : first + r;
      if (order && r + AHEAD < hi) __builtin_prefetch(f->from + order[r + AHEAD] * f->stride);
      if (is_short)
        copy_short(f->to + r * f->bytes, f->from + row * f->stride, f->bytes);
      else
        copy_rows(f, row, r, 1);
    }
  }
  return NV_OK;
}

static void bind(const segment *g, int64_t step) {
  struct nv_staging *s = g->staging;
  int64_t row = step * g->spec->batch;
  for (int k = 0; k < g->spec->n_sources; k++)
    if (s->feeds[k].in_place) s->inputs[k] = s->feeds[k].from + row * s->feeds[k].stride;
  for (int k = 0; k < g->spec->n_sinks; k++) s->outputs[k] = (char *)g->spec->sinks[k].data + row * s->sink_bytes[k];
  nv_exec_bind(g->plan, s->inputs, s->outputs);
}

static nv_status steps(nv_ctx *ctx, segment *g) {
  for (int64_t k = g->first; k < g->last; k++) {
    /* The gather writes where the step before reads, unless that is over: all have passed the commit, and nothing
     * behind it touches inputs. */
    nv_status status;
    if (k > g->first && (g->moves || !g->plan->loose)) {
      nv_barrier(ctx);
      if ((status = nv_team_status(ctx)) != NV_OK) return status;
    }
    if (ctx->thread == 0) {
      *g->step = k;
      if (g->moves || k == g->first) bind(g, k);
      if (g->until > 0 && (k > g->first || g->started) && nv_now() >= g->until) g->stop_at = k;
    }
    status = gather(ctx, g, k);
    if (status != NV_OK && !ctx->team) return status;
    nv_barrier(ctx);
    if ((status = nv_team_status(ctx)) != NV_OK) return status;
    if (k >= g->stop_at) return NV_OK;
    if (nv_poll_now(ctx) && !ctx->team) return NV_CANCELLED;
    NV_TRY(nv_exec(ctx, g->plan));
  }
  if (ctx->thread == 0) g->whole = true;
  return NV_OK;
}

static void member(nv_ctx *ctx, void *arg) {
  segment *g = arg;
  ctx->scratch = g->plan->scratch + (size_t)ctx->thread * g->plan->scratch_bytes;
  ctx->poll = ctx->thread == 0 ? g->poll : NULL;
  nv_status status = steps(ctx, g);
  if (ctx->thread == 0) g->status = status, g->threads = ctx->n_threads, g->lost = nv_team_lost(ctx);
}

/* Steps first .. last - 1 in stretches, each by as many threads as are faster just now. */
static nv_status run_segment(segment *g, double until) {
  nv_plan *p = g->plan;
  NV_TRY(nv_mutex_lock(p->lock, g->poll));
  nv_status status = stage(p);
  if (status == NV_OK) g->staging = p->staging, g->moves = connect(g), *g->step = g->first;
  while (status == NV_OK && !g->whole) {
    double stretch, began = nv_now();
    int threads = nv_pace_next(p, &stretch);
    g->stop_at = INT64_MAX, g->first = *g->step;
    g->until = stretch > 0 && (until == 0 || began + stretch < until) ? began + stretch : until;
    status = nv_team_run(threads, member, g);
    if (status == NV_OK) status = g->status;
    if (status == NV_OK && g->whole) *g->step = g->last;
    nv_pace_saw(p, g->threads, *g->step - g->first, nv_now() - began, g->lost);
    g->started |= *g->step > g->first;
    if (until > 0 && g->started && nv_now() >= until) break;
  }
  nv_mutex_unlock(p->lock);
  return status;
}

nv_status nv_loop_run(const nv_loop_spec *spec, int64_t *step, int64_t last, double seconds, const nv_poll *poll) {
  if (spec->batch < 1 || spec->n < 0)
    return nv_fail(NV_ERR_VALUE, "a loop needs a batch of 1 row or more, got %" PRId64 " (of %" PRId64 " rows)",
                   spec->batch, spec->n);
  int64_t whole = spec->n / spec->batch, left = spec->n % spec->batch, total = whole + (left > 0);
  if (*step < 0 || last > total)
    return nv_fail(NV_ERR_VALUE, "steps %" PRId64 " to %" PRId64 " of a loop that has %" PRId64, *step, last, total);
  if (*step >= last) return NV_OK;
  if (spec->order && (spec->order_at < 0 || spec->order_at > *step * spec->batch))
    return nv_fail(NV_ERR_VALUE, "an order from row %" PRId64 " on lacks the first of step %" PRId64, spec->order_at,
                   *step);
  if (*step < whole) NV_TRY(check_plan(spec, spec->plan, spec->batch));
  if (last > whole) NV_TRY(check_plan(spec, spec->tail, left));
  double until = seconds > 0 ? nv_now() + seconds : 0;
  segment g = {.spec = spec, .step = step, .poll = poll};
  if (*step < whole) {
    g.plan = spec->plan, g.first = *step, g.last = last < whole ? last : whole, g.rows = spec->batch;
    NV_TRY(run_segment(&g, until));
    if (!g.whole || last <= whole) return NV_OK;
    g.started = true, g.whole = false;
  }
  g.plan = spec->tail, g.first = whole, g.last = last, g.rows = left;
  return run_segment(&g, until);
}
