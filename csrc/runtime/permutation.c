/* permutation.c: random orders: a whole one, by shuffling, and one of which any slice can be had without the rest. */
#include "runtime/runtime.h"

/* A number below n, uniform: 64 random bits times n, the high word (Lemire 2019, without the rejection: the bias is
 * below n / 2^64). */
static int64_t below(const uint32_t bits[2], int64_t n) {
  uint64_t r = (uint64_t)bits[1] << 32 | bits[0];
  return (int64_t)((unsigned __int128)r * (uint64_t)n >> 64);
}

nv_status nv_permutation(uint64_t seed, uint64_t stream, int64_t n, int64_t *out, const nv_poll *poll) {
  uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, bits[4];
  nv_ctx alone = {.n_threads = 1, .poll = poll};
  for (int64_t i = 0; i < n; i++) {
    out[i] = i;
    if (i % 65536 == 0 && nv_poll_now(&alone)) return NV_CANCELLED;
  }
  for (int64_t i = n - 1; i > 0; i--) { /* two draws a block */
    uint64_t draw = (uint64_t)(n - 1 - i), block = draw / 2;
    if (draw % 2 == 0) {
      uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
      nv_philox4x32(counter, key, bits);
    }
    int64_t j = below(bits + 2 * (draw % 2), i + 1), t = out[i];
    out[i] = out[j], out[j] = t;
    if (i % 65536 == 0 && nv_poll_now(&alone)) return NV_CANCELLED;
  }
  return NV_OK;
}

/* ---- slices ----
 * A Feistel network of many rounds is a bijection that looks random (Luby & Rackoff, "How to construct pseudorandom
 * permutations from pseudorandom functions", 1988). Its halves need not be of the same size, nor of a power of two, if
 * the one that changes is added to modulo its size; what falls outside of 0..n-1 goes through again until it falls
 * inside, which keeps it a bijection (Black & Rogaway, "Ciphers with arbitrary finite domains", 2002: generalized
 * Feistel and cycle walking). Here an index is low + high * 2^bits with high < size, and 2^bits * size exceeds n by
 * less than 2^bits, about the root of n: hardly any entry walks. */
#define ROUNDS 8 /* in pairs: low changes, then high */

typedef struct network {
  uint64_t key[ROUNDS], n, size;
  int bits; /* 1 or more */
} network;

static network network_of(uint64_t seed, uint64_t stream, int64_t n) {
  network net = {.n = (uint64_t)n, .bits = 1};
  while (net.bits < 31 && (uint64_t)1 << (2 * net.bits) < net.n) net.bits++;
  net.size = (net.n + ((uint64_t)1 << net.bits) - 1) >> net.bits;
  for (int k = 0; k < ROUNDS; k += 2) { /* the shuffle counts draws from 0 up; these blocks are not among them */
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, bits[4];
    nv_philox4x32((uint32_t[]){(uint32_t)k, UINT32_MAX, (uint32_t)stream, (uint32_t)(stream >> 32)}, key, bits);
    net.key[k] = (uint64_t)bits[1] << 32 | bits[0], net.key[k + 1] = (uint64_t)bits[3] << 32 | bits[2];
  }
  return net;
}

/* The multipliers are those of Stafford's Mix13; the high bits of the result are the good ones. */
static inline uint64_t mix(uint64_t x, uint64_t key) {
  x = (x ^ key) * 0xBF58476D1CE4E5B9u;
  return (x ^ x >> 32) * 0x94D049BB133111EBu;
}

static inline uint64_t once(const network *net, uint64_t index) {
  uint64_t low = index & (((uint64_t)1 << net->bits) - 1), high = index >> net->bits;
  for (int k = 0; k < ROUNDS; k += 2) {
    low ^= mix(high, net->key[k]) >> (64 - net->bits);
    high += (uint64_t)((unsigned __int128)mix(low, net->key[k + 1]) * net->size >> 64);
    high = high >= net->size ? high - net->size : high;
  }
  return low | high << net->bits;
}

nv_status nv_permutation_slice(uint64_t seed, uint64_t stream, int64_t n, int64_t first, int64_t last, int64_t *out,
                               const nv_poll *poll) {
  network net = network_of(seed, stream, n);
  nv_ctx alone = {.n_threads = 1, .poll = poll};
  for (int64_t i = first; i < last; i++) {
    uint64_t at = once(&net, (uint64_t)i);
    while (at >= net.n) at = once(&net, at);
    out[i - first] = (int64_t)at;
    if (i % 65536 == 0 && nv_poll_now(&alone)) return NV_CANCELLED;
  }
  return NV_OK;
}
