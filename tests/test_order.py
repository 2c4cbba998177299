"""Random orders that are made slice by slice: every row once, as random as a shuffle, in little memory."""

import time

import numpy as np
import pytest
from alarms import alarm
from nervure import _core
from nervure._core import permutation_slice as rows


def whole(n, stream=0, seed=1):
    return rows(seed, stream, n, 0, n)


@pytest.mark.parametrize("k", range(1, 19))
def test_every_number_once(k):
    for n in {2**k - 1, 2**k, 2**k + 1, 3 * 2 ** (k - 1)}:
        p = whole(n, k)
        assert p.dtype == np.int64 and np.array_equal(np.sort(p), np.arange(n)), n


def test_every_number_once_of_all_small_numbers():
    for n in range(300):
        for seed in range(3):
            assert np.array_equal(np.sort(whole(n, 7, seed)), np.arange(n)), n


def test_slices_are_those_of_the_whole():
    for n in (1, 2, 17, 1000, 65_537):
        p, rng = whole(n), np.random.default_rng(n)
        for _ in range(20):
            first, last = np.sort(rng.integers(0, n + 1, 2))
            assert np.array_equal(rows(1, 0, n, first, last), p[first:last])


def test_of_as_many_as_there_can_be():
    for n in (2**31 + 1, 2**40, 2**62 + 1, 2**63 - 1):
        p = np.concatenate([rows(3, 4, n, 0, 5000), rows(3, 4, n, n - 5000, n)])
        assert p.min() >= 0 and p.max() < n and len(np.unique(p)) == 10_000
        low = (p < n // 2).sum()
        assert abs(low - 5000) < 4.5 * 50


def test_the_same_everywhere():
    assert rows(1, 2, 10**9, 10**8, 10**8 + 4).tolist() == [180173985, 631893301, 579917670, 818323841]
    assert whole(10, 2**64 - 1, 2**64 - 1).tolist() == [5, 3, 6, 1, 7, 4, 8, 2, 9, 0]


def test_threads_do_not_matter():
    before, threads = whole(5000), _core.config()["threads"]
    try:
        for n in (1, 2, 3):
            _core.set_threads(n)
            assert np.array_equal(whole(5000), before)
    finally:
        _core.set_threads(threads)


@pytest.mark.parametrize("n", [16, 100, 1000, 1023, 4097])
def test_as_random_as_a_shuffle(n):
    """Over many streams, in standard deviations of what a uniform permutation gives."""
    count = 2_000_000 // n
    drawn, place = np.array([whole(n, stream, 9) for stream in range(count)]), np.arange(n)
    found = {
        "fixed points": ((drawn == place).sum() - count) / count**0.5,
        "next to each other": ((np.diff(drawn, axis=1) == 1).sum() - count * (n - 1) / n) / count**0.5,
        "the same in two streams": ((drawn[1:] == drawn[:-1]).sum() - count + 1) / count**0.5,
    }
    values = drawn - (n - 1) / 2
    variance = (n * n - 1) / 12
    with_place = values @ (place - (n - 1) / 2) / (variance * n)
    found["correlation with the place"] = with_place.mean() * (count * (n - 1)) ** 0.5
    serial = (values[:, 1:] * values[:, :-1]).sum(axis=1) / (variance * n)
    found["correlation of neighbours"] = (serial.mean() + 1 / n) * (count * n) ** 0.5
    same_bit = ((drawn & 1) == (place & 1)).mean()
    even = (n + 1) // 2
    found["last bits"] = (same_bit - (even**2 + (n - even) ** 2) / n**2) * 2 * (count * n) ** 0.5
    cells, sizes = np.zeros((16, 16)), np.bincount(place * 16 // n)
    for p in drawn:
        np.add.at(cells, (place * 16 // n, p * 16 // n), 1)
    expected = count * np.outer(sizes, sizes) / n
    chi = ((cells - expected) ** 2 / expected).sum() * (n - 1) / n
    found["chi square of 16 by 16 places"] = (chi - 15**2) / (2 * 15**2) ** 0.5
    assert all(abs(deviation) < 4.5 for deviation in found.values()), found


def test_small_differences_of_seed_and_stream():
    n = 10_000
    base = whole(n)
    for seed, stream in ((2, 0), (1 + 2**32, 0), (1, 1), (1, 2**32), (0, 1), (1 + 2**63, 0)):
        same = (whole(n, stream, seed) == base).sum()
        assert same < 8, (seed, stream, same)  # 1 is to be expected


def test_wrong_arguments():
    for first, last, n in ((-1, 2, 3), (2, 1, 3), (0, 4, 3), (0, 0, -1)):
        with pytest.raises(ValueError, match="0 <= first <= last <= n, got"):
            rows(0, 0, n, first, last)
    with pytest.raises(ValueError, match="permutation_slice's seed"):
        rows(-1, 0, 3, 0, 3)
    with pytest.raises(TypeError, match="permutation_slice's n"):
        rows(0, 0, 3.0, 0, 3)
    with pytest.raises(TypeError, match="missing the argument 'last'"):
        rows(0, 0, 3, 0)


def test_it_is_interrupted():
    def stop(*_):
        raise InterruptedError

    began = time.perf_counter()
    with alarm(stop, 0.05), pytest.raises(InterruptedError):
        rows(1, 2, 2**40, 0, 200_000_000)
    assert time.perf_counter() - began < 0.6
