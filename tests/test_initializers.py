"""Initializers: distributions, seeds, names, configs."""

import math

import nervure as nv
import numpy as np
import pytest
from nervure import initializers

SHAPE = (200, 100)
# name: (variance, bound in units of the value itself)
SCALED = {
    "GlorotUniform": (2 / 300, math.sqrt(6 / 300)),
    "GlorotNormal": (2 / 300, 2 * math.sqrt(2 / 300) / 0.87962566103423978),
    "HeUniform": (2 / 200, math.sqrt(6 / 200)),
    "HeNormal": (2 / 200, 2 * math.sqrt(2 / 200) / 0.87962566103423978),
    "LecunUniform": (1 / 200, math.sqrt(3 / 200)),
    "LecunNormal": (1 / 200, 2 * math.sqrt(1 / 200) / 0.87962566103423978),
    "RandomUniform": (0.1**2 / 12, 0.05),
    "RandomNormal": (0.05**2, math.inf),
    "TruncatedNormal": ((0.05 * 0.87962566103423978) ** 2, 0.1),
    "VarianceScaling": (1 / 200, 2 * math.sqrt(1 / 200) / 0.87962566103423978),
}


@pytest.mark.parametrize("name", SCALED)
def test_distribution(name):
    variance, bound = SCALED[name]
    w = getattr(initializers, name)(seed=3)(SHAPE).astype(np.float64)
    assert w.shape == SHAPE
    assert abs(w.mean()) < 5 * math.sqrt(variance / w.size)
    assert abs(w.var() / variance - 1) < 0.05
    assert 0.9 * min(bound, 3 * math.sqrt(variance)) < np.abs(w).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("name", SCALED)
def test_seeds_and_configs(name):
    make = getattr(initializers, name)
    assert (make(seed=1)((5, 4)) == make(seed=1)((5, 4))).all()
    assert (make(seed=1)((5, 4)) != make(seed=2)((5, 4))).any()
    unseeded = make()
    assert (unseeded((5, 4)) == unseeded((5, 4))).all()
    assert (unseeded((5, 4)) != make()((5, 4))).any()
    generator = make(seed=nv.random.SeedGenerator(1))
    assert (generator((5, 4)) != generator((5, 4))).any()
    again = initializers.deserialize(initializers.serialize(make(seed=7)))
    assert type(again) is make
    assert (again((5, 4)) == make(seed=7)((5, 4))).all()
    assert make(seed=7).clone().get_config() == make(seed=7).get_config()
    assert make(seed=1)((2,), dtype="float64").dtype == np.float64


def test_constants():
    assert initializers.Zeros()((2, 2)).tolist() == [[0, 0], [0, 0]]
    assert initializers.Ones()((2,), dtype="int32").dtype == np.int32
    assert initializers.Constant(3)((2,)).tolist() == [3, 3]
    assert initializers.Constant(3)((2,)).dtype == np.float32
    assert initializers.Identity(2.0)((2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]
    with pytest.raises(ValueError, match="Identity"):
        initializers.Identity()((2,))


def test_fans():
    fans = initializers.compute_fans
    assert [fans(s) for s in [(), (5,), (3, 4), (3, 3, 2, 8)]] == [(1, 1), (5, 5), (3, 4), (18, 72)]
    assert fans((2, 3, 4), input_axes=[0], output_axes=[1, 2]) == (2, 12)


def test_variance_scaling_modes():
    for mode, n in [("fan_in", 200), ("fan_out", 100), ("fan_avg", 150)]:
        for distribution in ("uniform", "truncated_normal", "untruncated_normal"):
            w = initializers.VarianceScaling(2.0, mode, distribution, seed=1)(SHAPE)
            assert abs(w.var() * n / 2 - 1) < 0.05


def test_get():
    assert initializers.get(None) is None
    assert isinstance(initializers.get("glorot_uniform"), initializers.GlorotUniform)
    assert isinstance(initializers.get("GlorotUniform"), initializers.GlorotUniform)
    assert isinstance(initializers.get("uniform"), initializers.RandomUniform)
    assert isinstance(initializers.get("normal"), initializers.RandomNormal)
    assert isinstance(initializers.get("zero"), initializers.Zeros)
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    ones = initializers.Ones()
    assert initializers.get(ones) is ones
    assert initializers.get({"class_name": "Constant", "config": {"value": 2}})((1,)).tolist() == [2]
    given = initializers.get(np.array([1.0, 2.0]))
    assert given((2,)).tolist() == [1, 2]
    with pytest.raises(ValueError, match="shape"):
        given((3,))
    for wrong in ("nothing", 3):
        with pytest.raises(ValueError):
            initializers.get(wrong)


def test_bad_arguments():
    for call in (
        lambda: initializers.VarianceScaling(scale=-1), lambda: initializers.VarianceScaling(mode="x"),
        lambda: initializers.VarianceScaling(distribution="x"), lambda: initializers.HeNormal(seed="a"),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            call()
