"""Random numbers: moments, repeatability, seeds and Philox."""

import math

import nervure as nv
import numpy as np
import pytest
from nervure import _core, ops, random

N = 20_000


def philox(counter, key, rounds=10):
    """Philox4x32 (Salmon et al., 2011), spelled out."""
    c, (k0, k1) = list(counter), key
    for _ in range(rounds):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def test_the_reference_is_philox():
    # Known answers of Random123's kat_vectors.
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_uniform_moments():
    x = random.uniform((N,), -1.0, 3.0, seed=1)
    assert x.dtype == np.float32
    assert x.min() >= -1 and x.max() < 3
    assert abs(x.mean() - 1) < 5 * (4 / math.sqrt(12 * N))
    assert abs(x.var() - 16 / 12) < 0.03
    counts = np.histogram(x, 20, (-1, 3))[0]
    assert ((counts - N / 20) ** 2 / (N / 20)).sum() < 50  # chi-square, 19 degrees of freedom: p about 1e-4


def test_normal_moments():
    x = random.normal((N,), mean=2.0, stddev=3.0, seed=2).astype(np.float64)
    z = (x - 2) / 3
    assert abs(z.mean()) < 5 / math.sqrt(N)
    assert abs(z.var() - 1) < 5 * math.sqrt(2 / N)
    assert abs((z**3).mean()) < 5 * math.sqrt(15 / N)
    assert abs((z**4).mean() - 3) < 5 * math.sqrt(96 / N)
    assert np.isfinite(x).all()
    rank = np.sort(0.5 * (1 + np.vectorize(math.erf)(z / math.sqrt(2))))
    assert np.abs(rank - (np.arange(N) + 0.5) / N).max() < 1.95 / math.sqrt(N)  # Kolmogorov-Smirnov, p about 1e-3


def test_truncated_normal():
    x = random.truncated_normal((N,), seed=3).astype(np.float64)
    assert np.abs(x).max() <= 2
    assert abs(x.std() - 0.87962566103423978) < 0.02
    y = random.truncated_normal((N,), mean=5.0, stddev=0.1, seed=3)
    np.testing.assert_allclose(y, 5 + 0.1 * x, rtol=1e-5)


def test_randint():
    x = random.randint((N,), -2, 3, seed=4)
    assert x.dtype == np.int32
    assert sorted(set(x.tolist())) == [-2, -1, 0, 1, 2]
    assert np.abs(np.bincount(x + 2) - N / 5).max() < 5 * math.sqrt(N * 0.16)
    assert random.randint((3,), 0, 2**40, dtype="int64", seed=1).dtype == np.int64
    assert random.randint((5,), 7, 8, seed=1).tolist() == [7] * 5


def test_bernoulli_and_dropout():
    assert abs(random.bernoulli((N,), 0.3, seed=5).mean() - 0.3) < 0.02
    x = random.dropout(np.ones((100, 200), np.float32), 0.25, seed=6)
    assert set(np.unique(x).tolist()) == {0, np.float32(1 / 0.75)}
    assert abs((x == 0).mean() - 0.25) < 0.02
    rows = random.dropout(np.ones((100, 200), np.float32), 0.5, noise_shape=(None, 1), seed=6)
    assert (rows == rows[:, :1]).all()
    assert 20 < (rows[:, 0] == 0).sum() < 80
    assert random.dropout(np.ones(3), 0.0).tolist() == [1, 1, 1]
    assert random.dropout(np.array([1, np.inf, np.nan]), 1.0, seed=1).tolist() == [0, 0, 0]


def test_bad_noise_shapes_and_ranges():
    for bad in ((3,), (3, 5), (2, 1)):
        with pytest.raises(ValueError, match="noise_shape"):
            random.dropout(np.ones((3, 2)), 0.5, noise_shape=bad)
    with pytest.raises(TypeError, match="randint: minval and maxval must be ints"):
        random.randint((3,), 0, np.array([1, 2, 3]))


def test_categorical():
    p = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    with np.errstate(divide="ignore"):
        x = random.categorical(np.log(p), 5000, seed=7)
    assert x.shape == (2, 5000)
    np.testing.assert_allclose(np.bincount(x[0]) / 5000, p[0], atol=0.04)
    assert (x[1] == 1).all()


def test_shuffle_and_permutation():
    x = random.shuffle(np.arange(100), seed=8)
    assert sorted(x.tolist()) == list(range(100)) and x.tolist() != list(range(100))
    y = random.shuffle(np.arange(6).reshape(2, 3), axis=1, seed=9)
    assert (y[1] - y[0] == 3).all()
    p = _core.permutation(1, 2, 1000)
    assert sorted(p.tolist()) == list(range(1000))
    assert p.tolist() == _core.permutation(1, 2, 1000).tolist() != _core.permutation(1, 3, 1000).tolist()


def test_int_seeds_repeat_and_differ():
    a, b = random.uniform((50,), seed=1), random.uniform((50,), seed=1)
    assert (a == b).all()
    assert (a != random.uniform((50,), seed=2)).any()
    random.uniform((1,), seed=-1), random.uniform((1,), seed=2**64 + 5)


def test_a_prefix_is_the_same():
    assert (random.uniform((7,), seed=1) == random.uniform((100,), seed=1)[:7]).all()


def test_generators_go_on():
    g, h = random.SeedGenerator(3), random.SeedGenerator(3)
    first, second = (random.uniform((5,), seed=g) for _ in range(2))
    assert (first != second).any()
    assert (first == random.uniform((5,), seed=h)).all()
    assert (second == random.uniform((5,), seed=h)).all()
    assert g.state.numpy().tolist() == [3, 2]


def test_generators_go_on_in_a_trace():
    g, h = random.SeedGenerator(3), random.SeedGenerator(3)
    f = nv.function(lambda: (random.uniform((5,), seed=g), random.uniform((5,), seed=g)))
    traced = [x for _ in range(2) for x in f()]
    eager = [random.uniform((5,), seed=h) for _ in range(4)]
    np.testing.assert_array_equal(traced, eager)
    assert g.state.numpy().tolist() == [3, 4]


def test_set_random_seed():
    def draws():
        nv.utils.set_random_seed(11)
        import random as python_random

        w = nv.initializers.HeNormal()((4, 4))
        return [
            random.normal((3,)).tolist(), random.uniform((2,)).tolist(), w.tolist(),
            random.SeedGenerator().state.numpy().tolist(), np.random.rand(2).tolist(), python_random.random(),
        ]  # fmt: skip

    assert draws() == draws()
    nv.utils.set_random_seed(12)
    assert (random.normal((3,)) != random.normal((3,))).any()
    for wrong in (-1, 1.5, "a", 2**32, True):
        with pytest.raises(ValueError, match="seed"):
            nv.utils.set_random_seed(wrong)


def test_unseeded_generators_differ():
    assert random.SeedGenerator().state.numpy()[0] != random.SeedGenerator().state.numpy()[0]


def test_bad_arguments():
    for call in (
        lambda: random.uniform((2,), seed="a"), lambda: random.uniform((2,), seed=1.5),
        lambda: random.SeedGenerator("a"),
        lambda: random.uniform((-1,)), lambda: random.uniform((2,), dtype="int32"), lambda: random.randint((2,), 3, 3),
        lambda: random.randint((2,), 0, 3, dtype="float32"), lambda: random.dropout(np.ones(2), 1.5),
        lambda: random.uniform((2,), 1.0, 0.0), lambda: random.categorical(np.ones(3), 2),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            call()


def test_gradient_goes_through_dropout():
    x = np.ones(1000, np.float32)
    y, dx = nv.function(
        lambda x: (random.dropout(x, 0.5, seed=1), nv.grad(lambda x: ops.sum(random.dropout(x, 0.5, seed=1)))(x))
    )(x)
    np.testing.assert_array_equal(y, dx)
