"""Initializers: distributions, seeds, names, configs."""

import json
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


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (3, 2, 5), (2, 2, 30), (1, 1), (1, 7)])
def test_orthogonal(shape):
    w = initializers.Orthogonal(gain=1.5, seed=2)(shape, "float64")
    assert w.shape == shape
    flat = w.reshape(-1, shape[-1])
    gram = flat.T @ flat if flat.shape[0] >= flat.shape[1] else flat @ flat.T
    np.testing.assert_allclose(gram, 2.25 * np.eye(len(gram)), atol=1e-14)
    narrow = initializers.Orthogonal(gain=1.5, seed=2)(shape)
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, w, rtol=1e-6)


def test_orthogonal_is_q_with_positive_r():
    a = nv.random.normal((7, 4), seed=5, dtype="float64")
    q, r = np.linalg.qr(a)
    np.testing.assert_allclose(initializers.Orthogonal(seed=5)((7, 4), "float64"), q * np.sign(np.diag(r)), atol=1e-13)


def test_orthogonal_of_columns_that_nearly_agree():
    """One pass of Gram-Schmidt would leave a hundredth between them."""
    a = np.ones((50, 3)) + 1e-14 * np.random.default_rng(0).normal(size=(50, 3))
    q = initializers._orthonormal(a)
    np.testing.assert_allclose(q.T @ q, np.eye(3), atol=1e-14)


def test_orthogonal_has_the_same_bits_on_any_number_of_threads(run_python):
    program = "import nervure as nv; print(nv.initializers.Orthogonal(seed=1)((70, 50), 'float64').tobytes().hex())"
    first = run_python("-c", program, OPENBLAS_NUM_THREADS="1", OPENBLAS_CORETYPE="Haswell")
    assert first == run_python(
        "-c", program, OPENBLAS_NUM_THREADS="2", OPENBLAS_CORETYPE="Nehalem", NERVURE_THREADS="2"
    )
    assert len(first) > 16 * 3500


def test_orthogonal_seeds():
    make = initializers.Orthogonal
    assert (make(seed=1)((4, 4)) == make(seed=1)((4, 4))).all()
    assert (make(seed=1)((4, 4)) != make(seed=2)((4, 4))).any()
    generator = make(seed=nv.random.SeedGenerator(1))
    assert (generator((4, 4)) != generator((4, 4))).any()


def test_stft():
    w = initializers.STFT("real", None)((4, 2, 3))
    angle = np.arange(4)[:, None] * np.arange(3) * np.pi / 2
    np.testing.assert_allclose(w[:, 1], np.cos(angle), atol=1e-7)
    np.testing.assert_allclose(initializers.STFT("imag", None)((4, 1, 3))[:, 0], -np.sin(angle), atol=1e-7)
    own = initializers.STFT("real", [1.0, 2.0, 3.0, 4.0], "spectrum")((4, 1, 3))
    np.testing.assert_allclose(own[:, 0], np.cos(angle) * np.array([[0.1], [0.2], [0.3], [0.4]]), atol=1e-7)
    with pytest.raises(ValueError, match="shape of `window`"):
        initializers.STFT("real", [1.0, 2.0])((4, 1, 3))


NAMES = {
    "zeros": "Zeros", "ones": "Ones", "constant": "Constant", "identity": "Identity", "orthogonal": "Orthogonal",
    "IdentityInitializer": "Identity", "OrthogonalInitializer": "Orthogonal", "STFTInitializer": "STFT", "stft": "STFT",
    "normal": "RandomNormal", "uniform": "RandomUniform", "one": "Ones", "zero": "Zeros",
    "lecun_uniform": "LecunUniform", "truncated_normal": "TruncatedNormal", "variance_scaling": "VarianceScaling",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    cls = getattr(initializers, NAMES[name])
    assert type(initializers.get(name)) is cls
    if hasattr(initializers, name):
        assert getattr(initializers, name) is cls


MADE = [
    initializers.Constant(0.5), initializers.Constant(np.arange(3.0)), initializers.Constant([1, 2.5]),
    initializers.Identity(2.0), initializers.Orthogonal(2.0, 3), initializers.STFT("imag", [1.0, 2.0], None, True),
    initializers.VarianceScaling(2.0, "fan_out", "uniform", 3, [0], [1, 2]), initializers.HeNormal(4, [0], [1]),
    initializers.RandomNormal(1.0, 2.0, nv.random.SeedGenerator(5)), initializers.RandomUniform(-1, 1),
    initializers.Zeros(),
]  # fmt: skip


@pytest.mark.parametrize("made", MADE, ids=lambda made: type(made).__name__)
def test_configs(made):
    config = json.loads(json.dumps(initializers.serialize(made)))
    assert config["module"] == "keras.initializers" and config["class_name"] == type(made).__name__
    for again in (initializers.deserialize(config), initializers.get(config), made.clone()):
        assert type(again) is type(made) and again.get_config() == made.get_config()


def test_custom_functions_and_classes():
    def halves(shape, dtype=None):
        return nv.ops.full(shape, 0.5, dtype)

    assert initializers.get(halves) is halves
    assert initializers.deserialize(initializers.serialize(halves), {"halves": halves}) is halves

    class Ramp(initializers.Initializer):
        pass

    assert isinstance(initializers.get(Ramp), Ramp)
    with pytest.raises(NotImplementedError):
        Ramp()((2,))


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: initializers.Constant("a"), "Constant: value must be a number"),
        (lambda: initializers.Constant([[1], [1, 2]]), "Constant: value"),
        (lambda: initializers.Constant(None), "Constant: value"),
        (lambda: initializers.Identity("x"), "Identity: gain"),
        (lambda: initializers.Identity()((2, 2, 2)), "only be used for 2D matrices"),
        (lambda: initializers.Orthogonal(gain=math.nan), "Orthogonal: gain"),
        (lambda: initializers.Orthogonal()((3,)), "at least two-dimensional"),
        (lambda: initializers.Orthogonal(seed="a"), "`seed` argument"),
        (lambda: initializers.RandomNormal(stddev="a"), "RandomNormal: stddev"),
        (lambda: initializers.RandomUniform(minval=[1]), "RandomUniform: minval"),
        (lambda: initializers.VarianceScaling(0.0), "`scale` must be positive"),
        (lambda: initializers.VarianceScaling(mode="in"), "Invalid `mode` argument"),
        (lambda: initializers.VarianceScaling(distribution=None), "Invalid `distribution` argument"),
        (lambda: initializers.STFT("both"), "side should be"),
        (lambda: initializers.STFT(scaling="l2"), "Scaling is invalid"),
        (lambda: initializers.STFT(window="no such window"), "no such window|Unknown window"),
        (lambda: initializers.STFT()((2, 2)), "STFT: the shape"),
    ],
)
def test_what_constructors_refuse(make, words):
    with pytest.raises(ValueError, match=words):
        make()
