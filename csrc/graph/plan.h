/* plan.h: how a plan is made, and what it is when made. Inside graph/ and train/ only.
 *
 * nv_plan_new goes through these rooms, each with one purpose:
 *   lower.c   nodes -> values: views become strides, ops are lowered, roots get their destination
 *   fuse.c    elementwise values -> programs; programs -> epilogues of the op they follow; what comes after the commit
 *   order.c   the order of the units
 *   layout.c  where each value lives: arena by liveness, outputs and variables in place
 *   emit.c    units -> instructions with their operands
 *   sync.c    barriers, what one thread does alone, how many threads are worth while
 *   plan.c    the whole; stats and description */
#ifndef NV_PLAN_H
#define NV_PLAN_H

#include "graph/expr.h"
#include "graph/op.h"

/* How a consumer sees a value: strides in elements over the consumer's shape. */
typedef struct nv_ref {
  int value;
  bool aligned; /* item i of the consumer reads item i of the value: it can be kept in a register between the two */
  int64_t offset;
  int64_t strides[NV_MAX_DIMS];
} nv_ref;

typedef enum nv_value_kind {
  NV_VALUE_INPUT,
  NV_VALUE_VARIABLE,
  NV_VALUE_ARRAY,  /* a constant in the graph's memory */
  NV_VALUE_SCALAR, /* one number, everywhere: never stored */
  NV_VALUE_ELEM,   /* made by a block kernel */
  NV_VALUE_OP,     /* made by a lowered op */
} nv_value_kind;

/* Where a root must end up. */
typedef enum nv_pin { NV_PIN_NONE, NV_PIN_OUTPUT, NV_PIN_GRADIENT, NV_PIN_VARIABLE } nv_pin;

typedef struct nv_use {
  int by;
  bool aligned;
} nv_use;

typedef struct nv_value {
  nv_value_kind kind;
  const nv_node *node; /* what it holds, of node->type */
  int ndim;            /* the space: the type's shape without extents of 1 */
  int64_t shape[NV_MAX_DIMS], count;
  int n_in;
  nv_ref *in;     /* ELEM: over this space. OP: over the inputs' own shapes */
  int index;      /* INPUT: which of the plan's */
  uint64_t bits;  /* SCALAR */
  nv_block_fn fn; /* ELEM */
  const void *params;
  size_t param_bytes;
  double cost;     /* ELEM: ns an element */
  bool copies;     /* ELEM made by us, to have the node's value somewhere */
  bool leaf;       /* ELEM without an array input; its inputs are read whole */
  nv_instr *instr; /* OP */
  nv_pin pin;
  int pin_index;
  bool dead; /* no root needs it */
  bool late; /* only updates need it: made after the commit */
  int stage, unit;
  nv_use *uses;
  int n_uses;
  bool stored; /* somebody outside its unit reads it, or it is a root */
  int slot;    /* where: base pointer .. */
  int64_t at;  /* .. and bytes from it */
  int aliases; /* value whose memory it takes over, or -1 */
} nv_value;

/* What becomes one instruction: an op, a program, or an op with the program that follows on its tiles. */
typedef struct nv_unit {
  int op;       /* value, or -1 */
  int *members; /* ELEM values, in the order of their steps */
  int n_members;
  int stage;
  int phase; /* 0: before the commit; 1: updates; 2: copies of updates that had to wait for phase 1 */
  nv_instr *instr;
  int *values; /* [operand of instr]: the value whose memory it touches */
} nv_unit;

/* Base pointers: the arena, then the plan's inputs, its outputs, the variables, the constants. */
typedef enum nv_slot_kind {
  NV_SLOT_ARENA,
  NV_SLOT_INPUT,
  NV_SLOT_OUTPUT,
  NV_SLOT_VARIABLE,
  NV_SLOT_ARRAY
} nv_slot_kind;
typedef struct nv_slot {
  nv_slot_kind kind;
  int index;  /* inputs, outputs */
  void *base; /* fixed while the plan lives, but for inputs and outputs: what the tables of pointers hold now */
} nv_slot;

struct nv_builder {
  nv_graph *g;
  const nv_plan_spec *spec;
  nv_plan *plan;
  nv_pool temp;
  const nv_op *input_op, *constant_op, *cast_op;
  nv_ref *refs;    /* [node id]: how the node's value is seen over its own shape; value -1: not needed */
  int *contiguous; /* [node id]: the value that holds it contiguously, or -1 */
  nv_value *values;
  int n_values, max_values;
  nv_unit *units;
  int n_units;
  int *window;           /* [position]: counts the barriers before it, where the plan prefers few of them; else NULL */
  int *order, n_ordered; /* [position] -> unit; those with nothing to do are left out */
  int commit;            /* position of the first unit that writes a variable */
};

typedef struct nv_patch {
  int at, slot; /* pointers[at] = slots[slot].base + offset */
  int64_t offset;
} nv_patch;

/* What the executor walks. */
typedef struct nv_item {
  nv_run_fn run;
  const nv_instr *instr;
  void **ptr;
  bool barrier, serial, meets; /* meets: may call nv_barrier inside */
  bool commit, after;          /* the first that writes a variable; it and all behind it */
  uint8_t parity;              /* which of the two shared buffers */
} nv_item;

/* Where other processes want the processors too, a team waits for members that are not running, and one thread by
 * itself may be faster. So work that is repeated is made in stretches: as long as a team loses no time it stays; when
 * it does, one thread is tried, and whichever was faster goes on, for longer each time. Which it is changes no bit. */
typedef struct nv_pace {
  double team, alone; /* seconds a step, as last seen; 0: unknown */
  double stretch;     /* seconds of the next one */
  double spent;       /* of it, by one thread, in runs that were shorter */
  bool trial;         /* the next stretch tries the other way */
  bool prefer_alone;
} nv_pace;
/* How many threads the next stretch should have, of p->max_threads, and in *seconds for how long (0: no limit). */
int nv_pace_next(nv_plan *p, double *seconds);
/* What it was like: `steps` steps by `threads` threads took `seconds`, of which members lost `lost` asleep. */
void nv_pace_saw(nv_plan *p, int threads, int64_t steps, double seconds, double lost);

struct nv_plan {
  nv_graph *graph;
  nv_pool keep;
  nv_mutex *lock;
  nv_item *items;
  int n_items, n_nodes, n_barriers;
  nv_slot *slots;
  int n_slots, first_input, first_output, n_inputs, n_outputs;
  const nv_type *input_types, *output_types;
  void **pointers;
  nv_patch *patches; /* pointers into inputs and outputs */
  int n_patches;
  char *arena, *scratch, *shared;
  size_t arena_bytes, scratch_bytes, shared_bytes, gradient_bytes;
  int max_threads; /* scratch is there for so many; 1 where more are not worth while */
  bool waking;     /* worth waking them for one run */
  nv_pace pace;    /* whether a team is the faster way just now; under the lock */
  double cost, flops;
  nv_variable **updated; /* retained */
  int n_updated;
  bool loose;                 /* there is a commit, and nothing behind it touches inputs or outputs */
  struct nv_staging *staging; /* the epoch loop's gathered inputs: made by the first loop, see train/loop.c */
};

/* view.c */
void nv_contiguous(const nv_type *t, int64_t *strides);
bool nv_ref_contiguous(const nv_ref *r, const nv_type *t); /* offset apart */
void nv_squeeze(const nv_type *t, const int64_t *strides, nv_value *v, int64_t *squeezed);
void nv_broadcast_strides(const nv_type *from, const int64_t *strides, const nv_type *to, int64_t *out);
bool nv_same_space(const nv_value *a, const nv_value *b);
void nv_aligned_strides(const nv_value *space, int64_t *strides);
bool nv_ref_aligned(const nv_builder *b, const nv_value *consumer, const nv_ref *r);

nv_status nv_lower(nv_builder *b);
int nv_copy_of(nv_builder *b, int value); /* a new value: an elementwise copy; -1 on failure */
nv_status nv_find_uses(nv_builder *b);
nv_status nv_fuse(nv_builder *b);
nv_status nv_order(nv_builder *b);
nv_status nv_layout(nv_builder *b);
nv_status nv_emit(nv_builder *b);
/* The shares a unit's instruction is cut into, and whether a share reads only its rows of what input k of member v
 * sees. */
int64_t nv_unit_rows(const nv_builder *b, const nv_unit *u);
nv_access nv_access_in(const nv_builder *b, const nv_unit *u, const nv_value *v, int k, int64_t rows);
/* Estimated nanoseconds of work below which something is not worth while. Tests set them to 0. */
typedef struct nv_thresholds {
  double meeting; /* sharing an instruction, if that needs a barrier */
  double team;    /* threads at all, even where they are awake */
  double waking;  /* waking them for one run */
} nv_thresholds;
extern nv_thresholds nv_worth;
nv_status nv_synchronise(nv_builder *b);

/* exec.c: every member of a team calls it with the same plan. A status other than NV_OK is seen by all members alike.
 */
nv_status nv_exec(nv_ctx *ctx, const nv_plan *p);
void nv_exec_bind(nv_plan *p, const void *const *inputs, void *const *outputs);

#endif
