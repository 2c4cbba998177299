"""Hashes of texts that are the same on every machine, for all the texts of an array at once.

FarmHash's Fingerprint64 (Pike and Alakuijala, 2014; the hash of CityHash 1.1 with the same constants) and SipHash-2-4
(Aumasson and Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012). Texts of equal length are the rows of a
matrix of bytes, and each step is taken on a column of 64-bit words, modulo 2^64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

__all__ = ["combine", "fingerprint64", "siphash24"]

Words: TypeAlias = "np.ndarray[Any, np.dtype[np.uint64]]"
Bytes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"

_U = np.uint64
_K0, _K1, _K2 = _U(0xC3A5C85C97CB3127), _U(0xB492B66FBE98F273), _U(0x9AE16A3B2F90404F)


def _by_length(texts: Sequence[bytes], function: Callable[[Bytes], Words]) -> Words:
    """`function` of the matrices of texts of equal length, its results in the order of the texts."""
    out = np.empty(len(texts), np.uint64)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    with np.errstate(over="ignore"):
        for n in np.unique(lengths).tolist():
            rows = np.flatnonzero(lengths == n)
            joined = b"".join([texts[k] for k in rows.tolist()])
            out[rows] = function(np.frombuffer(joined, np.uint8).reshape(len(rows), n))
    return out


def _word(rows: Bytes, at: int, size: int = 8) -> Words:
    """The little-endian word of `size` bytes at `at` (from the end if negative) of each row."""
    at += rows.shape[1] if at < 0 else 0
    kind = "<u8" if size == 8 else "<u4"
    return np.ascontiguousarray(rows[:, at : at + size]).view(kind)[:, 0].astype(np.uint64)


def _rotate_right(x: Words, by: int) -> Words:
    return (x >> _U(by)) | (x << _U(64 - by))


def _shift_mix(x: Words) -> Words:
    return x ^ (x >> _U(47))


# ---- Fingerprint64 ----


def fingerprint64(texts: Sequence[bytes]) -> Words:
    """FarmHash's Fingerprint64 of each text.

    >>> fingerprint64([b"", b"A"]).tolist()
    [11160318154034397263, 16915294056622060564]
    """
    return _by_length(texts, _farm)


def _farm(rows: Bytes) -> Words:
    n = rows.shape[1]
    return (_farm_to_16 if n <= 16 else _farm_to_32 if n <= 32 else _farm_to_64 if n <= 64 else _farm_long)(rows)


def _mix(u: Any, v: Any, mul: Any) -> Words:
    """The hash of 16 bytes that all lengths end with."""
    a = (u ^ v) * mul
    a = a ^ (a >> _U(47))
    b = (v ^ a) * mul
    b = b ^ (b >> _U(47))
    return b * mul  # type: ignore[no-any-return]


def _farm_to_16(rows: Bytes) -> Words:
    count, n = rows.shape
    mul = _K2 + _U(2 * n)
    if n >= 8:
        a, b = _word(rows, 0) + _K2, _word(rows, -8)
        return _mix(_rotate_right(b, 37) * mul + a, (_rotate_right(a, 25) + b) * mul, mul)
    if n >= 4:
        return _mix(_U(n) + (_word(rows, 0, 4) << _U(3)), _word(rows, -4, 4), mul)
    if n > 0:
        first, middle, last = (rows[:, k].astype(np.uint64) for k in (0, n >> 1, n - 1))
        y, z = first + (middle << _U(8)), _U(n) + (last << _U(2))
        return _shift_mix(y * _K2 ^ z * _K0) * _K2
    return np.full(count, _K2)


def _farm_to_32(rows: Bytes) -> Words:
    mul = _K2 + _U(2 * rows.shape[1])
    a, b = _word(rows, 0) * _K1, _word(rows, 8)
    c, d = _word(rows, -8) * mul, _word(rows, -16) * _K2
    return _mix(_rotate_right(a + b, 43) + _rotate_right(c, 30) + d, a + _rotate_right(b + _K2, 18) + c, mul)


def _farm_to_64(rows: Bytes) -> Words:
    mul = _K2 + _U(2 * rows.shape[1])
    a, b = _word(rows, 0) * _K2, _word(rows, 8)
    c, d = _word(rows, -8) * mul, _word(rows, -16) * _K2
    y = _rotate_right(a + b, 43) + _rotate_right(c, 30) + d
    z = _mix(y, a + _rotate_right(b + _K2, 18) + c, mul)
    e, f = _word(rows, 16) * mul, _word(rows, 24)
    g, h = (y + _word(rows, -32)) * mul, (z + _word(rows, -24)) * mul
    return _mix(_rotate_right(e + f, 43) + _rotate_right(g, 30) + h, e + _rotate_right(f + a, 18) + g, mul)


def _weak_pair(rows: Bytes, at: int, a: Words, b: Words) -> tuple[Words, Words]:
    """Two words of state stirred with the 32 bytes at `at`."""
    w, x, y, z = (_word(rows, at + 8 * k) for k in range(4))
    a = a + w
    b = _rotate_right(b + a + z, 21)
    c = a
    a = a + x + y
    b = b + _rotate_right(a, 44)
    return a + z, b + c


def _farm_long(rows: Bytes) -> Words:
    count, n = rows.shape
    x = np.full(count, 81, np.uint64)
    y = x * _K1 + _U(113)
    z = _shift_mix(y * _K2 + _U(113)) * _K2
    zero = np.zeros(count, np.uint64)
    v, w = (zero, zero), (zero, zero)
    x = x * _K2 + _word(rows, 0)
    blocks = (n - 1) // 64
    for at in range(0, 64 * blocks, 64):
        x = _rotate_right(x + y + v[0] + _word(rows, at + 8), 37) * _K1
        y = _rotate_right(y + v[1] + _word(rows, at + 48), 42) * _K1
        x = x ^ w[1]
        y = y + v[0] + _word(rows, at + 40)
        z = _rotate_right(z + w[0], 33) * _K1
        v = _weak_pair(rows, at, v[1] * _K1, x + w[0])
        w = _weak_pair(rows, at + 32, z + w[1], y + _word(rows, at + 16))
        z, x = x, z
    mul = _K1 + ((z & _U(0xFF)) << _U(1))
    at = n - 64  # the last block overlaps the one before
    w = (w[0] + _U((n - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x = _rotate_right(x + y + v[0] + _word(rows, at + 8), 37) * mul
    y = _rotate_right(y + v[1] + _word(rows, at + 48), 42) * mul
    x = x ^ (w[1] * _U(9))
    y = y + v[0] * _U(9) + _word(rows, at + 40)
    z = _rotate_right(z + w[0], 33) * mul
    v = _weak_pair(rows, at, v[1] * mul, x + w[0])
    w = _weak_pair(rows, at + 32, z + w[1], y + _word(rows, at + 16))
    z, x = x, z
    return _mix(_mix(v[0], w[0], mul) + _shift_mix(y) * _K0 + z, _mix(v[1], w[1], mul) + x, mul)


_CAT = _U(0xC6A4A7935BD1E995)  # the multiplier of MurmurHash2 (Appleby, 2008)


def combine(first: Words, second: Words) -> Words:
    """One fingerprint of two, in their order.

    >>> combine(np.array([1], np.uint64), np.array([2], np.uint64)).tolist()
    [14454907135238785252]
    """
    with np.errstate(over="ignore"):
        x = first ^ _CAT
        x = (x ^ (_shift_mix(second * _CAT) * _CAT)) * _CAT
        return _shift_mix(_shift_mix(x) * _CAT)


# ---- SipHash ----


def siphash24(texts: Sequence[bytes], key: Sequence[int]) -> Words:
    """SipHash-2-4 of each text under a key of two 64-bit words.

    The first test vector of the paper:

    >>> key = [int.from_bytes(bytes(range(8)), "little"), int.from_bytes(bytes(range(8, 16)), "little")]
    >>> hex(siphash24([bytes(range(15))], key)[0])
    '0xa129ca6149be45e5'
    """
    words = [_U(k & 0xFFFFFFFFFFFFFFFF) for k in key]
    return _by_length(texts, lambda rows: _sip(rows, words[0], words[1]))


def _sip(rows: Bytes, k0: Any, k1: Any) -> Any:
    count, n = rows.shape
    state = [
        np.full(count, k ^ _U(c))
        for k, c in (
            (k0, 0x736F6D6570736575),
            (k1, 0x646F72616E646F6D),
            (k0, 0x6C7967656E657261),
            (k1, 0x7465646279746573),
        )
    ]
    padded = np.zeros((count, n // 8 * 8 + 8), np.uint8)
    padded[:, :n] = rows
    padded[:, -1] = n & 0xFF
    for at in range(0, padded.shape[1], 8):
        word = _word(padded, at)
        state[3] = state[3] ^ word
        _sip_rounds(state, 2)
        state[0] = state[0] ^ word
    state[2] = state[2] ^ _U(0xFF)
    _sip_rounds(state, 4)
    return np.bitwise_xor.reduce(state)


def _sip_rounds(v: list[Words], times: int) -> None:
    for _ in range(times):
        v[0] = v[0] + v[1]
        v[2] = v[2] + v[3]
        v[1] = _rotate_right(v[1], 64 - 13) ^ v[0]
        v[3] = _rotate_right(v[3], 64 - 16) ^ v[2]
        v[0] = _rotate_right(v[0], 32)
        v[2] = v[2] + v[1]
        v[0] = v[0] + v[3]
        v[1] = _rotate_right(v[1], 64 - 17) ^ v[2]
        v[3] = _rotate_right(v[3], 64 - 21) ^ v[0]
        v[2] = _rotate_right(v[2], 32)
