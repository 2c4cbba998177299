/* expr.h: elementwise programs: what they are built from and how they are run. */
#ifndef NV_EXPR_H
#define NV_EXPR_H

#include "graph/instr.h"
#include "kernels/kernels.h"

#define NV_EXPR_VALUES 240 /* inputs, constants and steps of one program, at most */

/* A value of a program: an operand of the instruction, a constant, or what a step makes. */
typedef enum nv_expr_kind {
  NV_EXPR_INPUT,    /* read from ptr[ptr] with `strides` over the space */
  NV_EXPR_WHOLE,    /* ptr[ptr] itself, for a block kernel that knows what it points at (a generator's state) */
  NV_EXPR_CONSTANT, /* `bits`, everywhere */
  NV_EXPR_STEP,
  NV_EXPR_PAIRED, /* a step that the only one to use it makes on the way */
} nv_expr_kind;

typedef struct nv_expr_value {
  nv_expr_kind kind;
  nv_dtype dtype;
  int ptr;
  const int64_t *strides; /* elements, one a dimension of the space; 0 where broadcast */
  uint64_t bits;
  /* NV_EXPR_STEP */
  nv_block_fn fn;
  int in[3], n_in; /* earlier values */
  const void *params;
  const char *name;
  double cost; /* ns an element */
} nv_expr_value;

typedef struct nv_expr_store {
  int value, ptr; /* a step, written contiguously to ptr[ptr] */
  int alias;      /* the input that lies in the very same memory, or -1 */
} nv_expr_store;

typedef struct nv_expr_spec {
  int ndim;
  int64_t shape[NV_MAX_DIMS]; /* an extent is 0 only in the epilogue of an empty op */
  int64_t rows;               /* the instruction's: shares are whole multiples of size / rows elements */
  int64_t last;               /* columns of nv_expr_tile: the host's last extent */
  nv_expr_value value[NV_EXPR_VALUES];
  int n_values;
  nv_expr_store store[NV_MAX_OPERANDS];
  int n_stores;
} nv_expr_spec;

/* Which block kernel a step is, or NV_BLOCK_COUNT. */
nv_block_op nv_expr_op(const nv_expr_value *v);
/* The kernel that does the whole program, or NULL. uniform[v]: value v is one number for all elements. leaves: the
 * values its operands are, what it stores last: room for NV_CHAIN_LEAVES + NV_MAX_OPERANDS. */
const nv_chain *nv_expr_chain(const nv_expr_spec *s, const bool *uniform, int *leaves);
/* Joins steps into pairs where that changes no bit (pair.c). */
void nv_expr_pair(nv_expr_spec *s);
/* `scratch_at` is where in a thread's scratch the program may begin; *bytes is how much it takes from there. Changes
 * spec: its steps may be joined. */
nv_status nv_expr_new(nv_builder *b, nv_expr_spec *spec, size_t scratch_at, nv_expr **out);
size_t nv_expr_scratch(const nv_expr *e);
double nv_expr_cost(const nv_expr *e);       /* ns on one core */
double nv_expr_flops(const nv_expr *e);      /* one a step and element */
const char *nv_expr_names(const nv_expr *e); /* of its steps, space-separated, for people */

/* Before nv_expr_tile, once an instruction and thread: fills the registers that stay the same. */
void nv_expr_begin(const nv_expr *e, nv_ctx *ctx, void *const *ptr);
/* The instruction of a program of its own (params: the nv_expr). */
nv_status nv_expr_run(nv_ctx *ctx, const nv_instr *instr, void *const *ptr);

#endif
