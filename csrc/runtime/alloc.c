/* alloc.c: every allocation of the core. Counted, so that a test can say "a training step allocates nothing", and made
 * to fail on request, so that a test can say "whichever allocation fails, nothing is lost". */
#define _DEFAULT_SOURCE
#include "runtime/runtime.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define ALIGNMENT 64
#define HUGE_BYTES (4u << 20) /* from here on large pages are asked for, as NumPy does: fewer misses of the TLB */

static atomic_int_fast64_t made, freed, fail_at;

int64_t nv_alloc_count(void) { return atomic_load(&made); }
int64_t nv_alloc_live(void) { return atomic_load(&made) - atomic_load(&freed); }
void nv_alloc_fail_at(int64_t n) { atomic_store(&fail_at, n); }

static bool must_fail(void) {
  if (atomic_load_explicit(&fail_at, memory_order_relaxed) <= 0) return false;
  return atomic_fetch_sub(&fail_at, 1) == 1;
}

static void ask_for_large_pages(char *p, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  uintptr_t page = 4096, from = ((uintptr_t)p + page - 1) / page * page, to = (uintptr_t)(p + bytes) / page * page;
  madvise((void *)from, to - from, MADV_HUGEPAGE); /* a wish: an error changes nothing */
#else
  (void)p, (void)bytes;
#endif
}

static void *allocate(size_t bytes, bool zeroed) {
  /* calloc gives pages of zeros lazily, which matters for large variables, but aligns to 16 bytes only: so the pointer
   * calloc or malloc gave is kept just below the aligned one. */
  char *raw = NULL;
  if (bytes <= SIZE_MAX / 2 && !must_fail()) raw = zeroed ? calloc(1, bytes + ALIGNMENT) : malloc(bytes + ALIGNMENT);
  if (!raw) {
    nv_fail(NV_ERR_MEMORY, "out of memory: %zu bytes could not be allocated", bytes);
    return NULL;
  }
  if (bytes >= HUGE_BYTES) ask_for_large_pages(raw, bytes);
  char *p = raw + ALIGNMENT - (uintptr_t)raw % ALIGNMENT; /* malloc aligns to 16: at least 16 bytes lie below p */
  memcpy(p - sizeof raw, &raw, sizeof raw);
  atomic_fetch_add_explicit(&made, 1, memory_order_relaxed);
  return p;
}

void *nv_alloc(size_t bytes) { return allocate(bytes, false); }
void *nv_calloc(size_t bytes) { return allocate(bytes, true); }

void nv_free(void *p) {
  if (!p) return;
  char *raw;
  memcpy(&raw, (char *)p - sizeof raw, sizeof raw);
  atomic_fetch_add_explicit(&freed, 1, memory_order_relaxed);
  free(raw);
}

struct nv_pool_block {
  struct nv_pool_block *next;
  size_t used, size;
};
#define POOL_HEADER ((sizeof(struct nv_pool_block) + 15) / 16 * 16)
#define POOL_BLOCK 16384

void *nv_pool_alloc(nv_pool *pool, size_t bytes) {
  struct nv_pool_block *b = pool->head;
  if (bytes > SIZE_MAX / 4) bytes = SIZE_MAX / 4; /* nv_calloc refuses it and says so */
  bytes = (bytes + 15) / 16 * 16;
  if (!b || b->size - b->used < bytes) {
    size_t size = POOL_HEADER + bytes > POOL_BLOCK ? POOL_HEADER + bytes : POOL_BLOCK;
    if (!(b = nv_calloc(size))) return NULL;
    *b = (struct nv_pool_block){.next = pool->head, .used = POOL_HEADER, .size = size};
    pool->head = b;
  }
  void *p = (char *)b + b->used;
  b->used += bytes;
  return p;
}

void nv_pool_free(nv_pool *pool) {
  while (pool->head) {
    struct nv_pool_block *b = pool->head;
    pool->head = b->next;
    nv_free(b);
  }
}
