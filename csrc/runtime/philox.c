/* philox.c: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011), the
 * scalar form. The kernels have the vector form with the same bits. */
#include "runtime/runtime.h"

void nv_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c0 = n0, c1 = (uint32_t)p1, c2 = n2, c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

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
