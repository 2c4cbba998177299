/* test_joined.c: pairs and chains give the bits of the block kernels they stand for, at every length, in place or not.
 */
#include "kernel_fixture.h"

static const nv_kernels *k;
enum { MOST = 140 };

/* ---- pairs ---- */

static const nv_block_op first_op[] = {
    [NV_FIRST_add] = NV_BLOCK_add,
    [NV_FIRST_subtract] = NV_BLOCK_subtract,
    [NV_FIRST_multiply] = NV_BLOCK_multiply,
    [NV_FIRST_divide] = NV_BLOCK_divide,
};
static const struct {
  nv_block_op op;
  int at; /* which input the first's result is */
} second_op[] = {
    [NV_SECOND_add] = {NV_BLOCK_add, 0},
    [NV_SECOND_subtract] = {NV_BLOCK_subtract, 0},
    [NV_SECOND_subtract_from] = {NV_BLOCK_subtract, 1},
    [NV_SECOND_multiply] = {NV_BLOCK_multiply, 0},
    [NV_SECOND_divide] = {NV_BLOCK_divide, 0},
    [NV_SECOND_divide_into] = {NV_BLOCK_divide, 1},
    [NV_SECOND_relu_grad] = {NV_BLOCK_relu_grad, 1},
    [NV_SECOND_relu] = {NV_BLOCK_relu, 0},
};

static void check_pair(nv_pair_first f, nv_pair_second s, nv_dtype d) {
  uint64_t source[3][MOST], middle[MOST], want[MOST];
  size_t size = nv_dtype_size(d);
  for (int64_t n = 0; n <= MOST; n++) {
    for (int j = 0; j < 3; j++) fill(d, source[j], n);
    k->block[first_op[f]][d](&(nv_block){.out = middle, .in = {source[0], source[1]}, .n = n});
    const void *x = middle, *z = source[2];
    bool turned = second_op[s].at == 1;
    k->block[second_op[s].op][d](&(nv_block){.out = want, .in = {turned ? z : x, turned ? x : z}, .n = n});
    int inputs = s == NV_SECOND_relu ? 2 : 3;
    for (int place = -1; place < inputs; place++) {
      nv_block b = {.n = n};
      for (int j = 0; j < inputs; j++) b.in[j] = memcpy(array(j, (size_t)n * size), source[j], (size_t)n * size);
      b.out = place < 0 ? array(3, (size_t)n * size) : array_begin[place];
      k->pair[f][s][d](&b);
      int64_t bad = first_difference(d, b.out, want, n);
      CHECK(bad < 0, "%s pair %d %d %s: n %d, in place %d, differs at %d", k->isa, (int)f, (int)s, nv_dtype_name(d),
            (int)n, place, (int)bad);
      CHECK(array_intact(place < 0 ? 3 : place), "%s pair %d %d: wrote before the array", k->isa, (int)f, (int)s);
    }
  }
}

/* ---- chains: the program of the text, step by step ---- */

/* Reads one word of a program: a step's number or a leaf's letter. */
static void *operand(const char **text, uint64_t steps[][MOST], uint64_t leaves[][MOST]) {
  char *end;
  if (**text >= '0' && **text <= '9') {
    long step = strtol(*text, &end, 10);
    *text = end;
    return steps[step];
  }
  int leaf = (**text | 32) - 'a';
  ++*text;
  return leaves[leaf];
}

static nv_block_op block_named(const char *name, size_t length) {
  static const char *const names[] = {
#define X(name, inputs) #name,
      NV_BLOCK_OPS(X)
#undef X
  };
  int op = 0;
  while (op < NV_BLOCK_COUNT && (strlen(names[op]) != length || memcmp(names[op], name, length) != 0)) op++;
  return (nv_block_op)op;
}

/* Runs it on blocks; returns the number of leaves, and in stored[] what it stores. */
static void interpret(const char *text, nv_dtype d, int64_t n, uint64_t steps[][MOST], uint64_t leaves[][MOST],
                      int *stored, int *n_stored) {
  for (int step = 0; *text && *text != '>'; step++) {
    size_t length = strcspn(text, " ");
    nv_block_op op = block_named(text, length);
    CHECK(op < NV_BLOCK_COUNT, "no block kernel is named '%.*s'", (int)length, text);
    if (op == NV_BLOCK_COUNT) return;
    nv_block b = {.out = steps[step], .n = n};
    text += length;
    for (int j = 0; j < 3 && *text == ' ' && text[1] != '>'; j++) {
      text++;
      b.in[j] = operand(&text, steps, leaves);
    }
    k->block[op][d](&b);
    text += *text == ',' ? 2 : *text == ' ' ? 1 : 0;
  }
  while (*text) {
    text++;
    char *end;
    stored[(*n_stored)++] = (int)strtol(text, &end, 10);
    text = end;
  }
}

static int leaves_of(const char *text) { /* letters are given in order of first use */
  int n = 0;
  for (const char *c = text; *c; c++)
    if (c != text && c[-1] == ' ' && ((c[1] == ' ') | (c[1] == ',')) && (*c | 32) == 'a' + n) n++;
  return n;
}

static bool is_uniform(const char *text, int leaf) {
  for (const char *c = text; *c; c++)
    if (c != text && c[-1] == ' ' && ((c[1] == ' ') | (c[1] == ',')) && *c == 'A' + leaf) return true;
  return false;
}

static void check_chain(const nv_chain *chain, nv_dtype d) {
  static uint64_t leaves[NV_CHAIN_LEAVES][MOST], steps[32][MOST];
  size_t size = nv_dtype_size(d);
  int n_leaves = leaves_of(chain->program);
  for (int64_t n = 0; n <= MOST; n++) {
    int stored[NV_CHAIN_LEAVES], n_stored = 0;
    for (int j = 0; j < n_leaves; j++) {
      fill(d, leaves[j], MOST);
      for (int64_t i = 1; i < MOST && is_uniform(chain->program, j); i++)
        memcpy((char *)leaves[j] + (size_t)i * size, leaves[j], size);
    }
    interpret(chain->program, d, n, steps, leaves, stored, &n_stored);
    for (int in_place = 0; in_place <= n_leaves; in_place++) { /* k > 0: from leaf k - 1 down */
      int arrays = 0;
      for (int j = 0; j < in_place; j++) arrays += !is_uniform(chain->program, j);
      if (in_place && (is_uniform(chain->program, in_place - 1) || arrays < n_stored)) continue;
      void *at[2 * NV_CHAIN_LEAVES];
      int taken = 0;
      for (int j = 0; j < n_leaves; j++) {
        bool one = is_uniform(chain->program, j);
        size_t bytes = (one ? 1 : (size_t)n) * size;
        at[j] = memcpy(array(j, bytes), leaves[j], bytes);
      }
      for (int j = 0; j < n_stored; j++) { /* over arrays among the leaves, or arrays of their own */
        int over = in_place - 1 - taken;
        while (in_place && is_uniform(chain->program, over)) over--, taken++;
        at[n_leaves + j] = in_place ? at[over] : array(n_leaves + j, (size_t)n * size);
        taken++;
      }
      chain->run[d](at, n);
      for (int j = 0; j < n_stored; j++) {
        int64_t bad = first_difference(d, at[n_leaves + j], steps[stored[j]], n);
        CHECK(bad < 0, "%s %s %s: n %d, in place %d, result %d differs at %d", k->isa, chain->name, nv_dtype_name(d),
              (int)n, in_place, j, (int)bad);
      }
    }
  }
}

static void run(const nv_kernels *set) {
  k = set;
  for (nv_dtype d = NV_F32; d <= NV_F64; d++) {
    for (int f = 0; f < NV_FIRST_COUNT; f++)
      for (int s = 0; s < NV_SECOND_COUNT; s++) check_pair((nv_pair_first)f, (nv_pair_second)s, d);
    for (int c = 0; c < NV_CHAINS; c++) check_chain(&k->chain[c], d);
  }
}
int main(int argc, char **argv) { return for_every_set(argc, argv, run); }
