"""Gamma, beta and binomial numbers against their exact distributions: Kolmogorov-Smirnov and chi-square tests."""

import math

import nervure as nv
import numpy as np
import pytest
from nervure import random

N = 50_000


def distance(x, cdf):
    """Between the distribution of the sample and the true one, in units of 1 / sqrt(N): above 1.95 in 1 of 1000."""
    x = np.sort(x.astype(np.float64))
    return np.abs(np.array([cdf(v) for v in x]) - (np.arange(len(x)) + 0.5) / len(x)).max() * math.sqrt(len(x))


GAMMA = {
    0.5: lambda x: math.erf(math.sqrt(x)),
    1.0: lambda x: -math.expm1(-x),
    2.0: lambda x: 1 - math.exp(-x) * (1 + x),
    3.0: lambda x: 1 - math.exp(-x) * (1 + x + x * x / 2),
}


@pytest.mark.parametrize("alpha", GAMMA)
def test_gamma(alpha):
    assert distance(random.gamma((N,), alpha, dtype="float64", seed=1), GAMMA[alpha]) < 1.95


@pytest.mark.parametrize("alpha", [0.05, 30.0, 1e6])
def test_gamma_moments(alpha):
    """The mean and the variance are alpha, the third central moment is 2 alpha."""
    x = random.gamma((N,), alpha, dtype="float64", seed=2)
    assert abs(x.mean() - alpha) < 5 * math.sqrt(alpha / N)
    assert abs(x.var() / alpha - 1) < 5 * math.sqrt((2 + 6 / alpha) / N)
    assert x.min() > 0 or alpha < 0.1


BETA = {
    (1.0, 1.0): lambda x: x,
    (1.0, 4.0): lambda x: 1 - (1 - x) ** 4,
    (0.5, 0.5): lambda x: 2 / math.pi * math.asin(math.sqrt(min(x, 1.0))),
    (2.0, 3.0): lambda x: x * x * (6 - 8 * x + 3 * x * x),
}


@pytest.mark.parametrize("ab", BETA)
def test_beta(ab):
    x = random.beta((N,), *ab, dtype="float64", seed=3)
    assert x.min() >= 0 and x.max() <= 1
    assert distance(x, BETA[ab]) < 1.95


def test_beta_of_tiny_parameters_is_near_the_ends():
    """Both gamma numbers are smaller than any float; their ratio is not."""
    x = random.beta((N,), 1e-4, 3e-4, dtype="float64", seed=4)
    assert np.isfinite(x).all()
    assert abs((x > 0.5).mean() - 0.25) < 0.01 and ((x < 1e-3) | (x > 0.999)).mean() > 0.99


# Few expected and many; p on both sides of 1/2; near the border between the two methods, where n min(p, 1 - p) is 10.
@pytest.mark.parametrize("n,p", [(1, 0.3), (10, 0.3), (30, 0.9), (100, 0.09), (25, 0.45), (24, 0.5), (400, 0.7)])
def test_binomial(n, p):
    x = random.binomial((N,), n, p, seed=5)
    assert x.dtype == np.float32 and (x == np.floor(x)).all() and x.min() >= 0 and x.max() <= n
    k = np.arange(n + 1)
    logs = [math.lgamma(n + 1) - math.lgamma(j + 1) - math.lgamma(n - j + 1) for j in k]
    expected = N * np.exp(np.array(logs) + k * math.log(p) + (n - k) * math.log1p(-p))
    counts, often = np.bincount(x.astype(int), minlength=n + 1), expected >= 10
    chi = ((counts - expected)[often] ** 2 / expected[often]).sum()
    degrees = often.sum()
    assert chi < degrees + 4 * math.sqrt(2 * degrees) + 4
    assert abs(counts[~often].sum() - expected[~often].sum()) < 5 * math.sqrt(expected[~often].sum() + 1)


@pytest.mark.parametrize("n,p", [(10**5, 0.5), (10**9, 0.3), (10**6, 2e-5)])
def test_binomial_of_many_trials(n, p):
    x = random.binomial((N,), n, p, dtype="float64", seed=6)
    spread = math.sqrt(n * p * (1 - p))
    z = (x - n * p) / spread
    assert abs(z.mean()) < 5 / math.sqrt(N) and abs(z.var() - 1) < 5 * math.sqrt(2 / N)
    assert abs((z**3).mean() - (1 - 2 * p) / spread) < 5 * math.sqrt(15 / N)


def test_binomial_without_a_choice():
    assert (random.binomial((9,), 0, 0.5, seed=1) == 0).all()
    assert (random.binomial((9,), 7, 0.0, seed=1) == 0).all()
    assert (random.binomial((9,), 7, 1.0, seed=1) == 7).all()
    assert (random.binomial((9,), 500, 1.0, seed=1) == 500).all()


DRAWS = [
    lambda a, **kw: random.gamma((3, 2), a, **kw),
    lambda a, **kw: random.beta((3, 2), a, 2.0, **kw),
    lambda a, **kw: random.binomial((3, 2), 20, a / 10, **kw),
]


@pytest.mark.parametrize("draw", DRAWS)
def test_seeds_and_traces(draw):
    a = np.float32([1.0, 4.0])
    assert (draw(a, seed=1) == draw(a, seed=1)).all()
    assert (draw(a, seed=1) != draw(a, seed=2)).any()
    generator = random.SeedGenerator(1)
    assert (draw(a, seed=generator) != draw(a, seed=generator)).any()
    np.testing.assert_array_equal(nv.function(lambda v: draw(v, seed=1))(a), draw(a, seed=1))
    assert draw(a, seed=1, dtype="float64").dtype == np.float64
    columns = np.stack([draw(a, seed=k).mean(0) for k in range(50)]).mean(0)
    assert columns[1] > columns[0]  # each with its own parameter


def test_lists_of_parameters():
    assert random.gamma((2, 3), [1.0, 2.0, 3.0], seed=1).shape == (2, 3)
    assert random.beta((2, 3), [[1.0], [2.0]], [1.0, 2.0, 3.0], seed=1).shape == (2, 3)
    assert random.binomial((2, 3), [1, 100, 1000], [0.1, 0.2, 0.5], seed=1).shape == (2, 3)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: random.gamma((2,), 0.0), "gamma: alpha must be numbers above 0"),
        (lambda: random.gamma((2,), [1.0, -1.0]), "gamma: alpha must be numbers above 0"),
        (lambda: random.gamma((2,), math.nan), "gamma: alpha"),
        (lambda: random.gamma((2,), 1.0, dtype="int32"), "requires a floating point `dtype`"),
        (lambda: random.gamma((2,), [1.0, 2.0, 3.0]), "gamma"),
        (lambda: random.beta((2,), -1.0, 1.0), "beta: alpha"),
        (lambda: random.beta((2,), 1.0, 0), "beta: beta"),
        (lambda: random.binomial((2,), -1, 0.5), "binomial: counts"),
        (lambda: random.binomial((2,), 5, 1.5), "binomial: probabilities must be numbers from 0 to 1"),
        (lambda: random.binomial((2,), 5, 0.5, seed="x"), "Argument `seed` must be either an integer"),
        (lambda: random.SeedGenerator(1, other=2), "Unrecognized keyword arguments"),
    ],
)
def test_bad_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call()
