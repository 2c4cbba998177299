/* instr.h: what a plan is made of. The planner turns nodes into instructions; an op's `lower` fills one in.
 *
 * The executor is SPMD: every thread of the team walks the whole list and does its share of each instruction. A
 * barrier stands before an instruction only if it touches memory that another thread touched since the last one in a
 * way its share does not cover: so a chain of row-wise work (GEMM by rows, bias, activation, softmax) runs without
 * meeting, whatever its length. */
#ifndef NV_INSTR_H
#define NV_INSTR_H

#include "graph/graph.h"

typedef struct nv_instr nv_instr;
typedef struct nv_builder nv_builder; /* planner's state while lowering; params come from nv_builder_alloc */
void *nv_builder_alloc(nv_builder *b, size_t bytes); /* zeroed, lives as long as the plan; NULL on failure */

typedef enum nv_access {
  NV_WHOLE, /* any thread may touch any part */
  NV_ROWS,  /* the share [lo, hi) of `rows` touches only those rows of the operand (operand size divisible by rows) */
} nv_access;

typedef struct nv_operand {
  const nv_node *node;          /* whose value it is */
  int slot;                     /* index into the plan's table of base pointers */
  int64_t offset;               /* bytes from the base */
  int64_t strides[NV_MAX_DIMS]; /* elements, over node->type.shape (contiguous unless the op takes strided inputs) */
  nv_access access;
  bool strided; /* set by lower: this input may be a strided view */
} nv_operand;

/* Runs the thread's share. ptr[k] is operand k's first element: outputs first, then inputs. Never allocates. On bad
 * data (a label out of range) calls nv_team_fail and returns the status. */
typedef nv_status (*nv_run_fn)(nv_ctx *ctx, const nv_instr *instr, void *const *ptr);

/* A fused chain of elementwise nodes: a small program run over L1-sized blocks (expr.c). */
typedef struct nv_expr nv_expr;
/* Runs the program on rows [r0, r1) x columns [c0, c1) of its iteration space seen as [rows, last axis]. ptr as for the
 * instruction that holds it. For kernels that finish a tile and want its epilogue done while the tile is in cache. */
void nv_expr_tile(const nv_expr *e, nv_ctx *ctx, void *const *ptr, int64_t r0, int64_t r1, int64_t c0, int64_t c1);

#define NV_POLL_ITEMS (1 << 18) /* elements of work between two looks at the clock: a millisecond or two at most */

#define NV_MAX_OPERANDS 24
struct nv_instr {
  nv_run_fn run;
  void *params; /* the op's own, immutable after lowering */
  const nv_op *op;
  int n_out, n_in;
  nv_operand operand[NV_MAX_OPERANDS]; /* outputs first */
  int64_t rows;   /* how many independent shares; 1: thread 0 does it all. The run function takes nv_share(ctx, rows) */
  double cost;    /* estimated nanoseconds on one core: small ones stay serial */
  double flops;   /* of a run, for people */
  size_t scratch; /* bytes for each thread */
  size_t shared;  /* bytes for the team */
  bool inner_barrier;    /* run calls nv_barrier itself: every thread must enter it */
  bool accepts_epilogue; /* set by lower: the output is seen as [m, n], and run calls nv_expr_tile(epilogue, ..) on each
                            tile it has finished, if epilogue is not NULL */
  nv_expr *epilogue; /* set by the planner. operand[0] stays the op's own result (in memory shared with the program's
                        first output where nobody else reads it), then the program's outputs, then the op's inputs (so
                        run finds them at ptr[n_out], ptr[n_out + 1], ..), then the program's other inputs */
  bool barrier;      /* set by the planner: meet before this one */
  bool serial;       /* set by the planner: thread 0 alone */
};

#endif
