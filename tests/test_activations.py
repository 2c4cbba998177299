"""Activations: thresholds, sparsemax against the projection in NumPy, names and configs both ways."""

import nervure as nv
import numpy as np
import pytest
from nervure import activations, ops
from nervure.saving import custom_object_scope, register_keras_serializable

NAMES = [n for n in activations.__all__ if n not in ("get", "serialize", "deserialize")]


def test_relu():
    x = np.linspace(-3, 3, 13, dtype=np.float32)
    np.testing.assert_allclose(
        activations.relu(x, 0.1, 2.0, 0.5), np.where(x <= 0.5, 0.1 * (x - 0.5), np.minimum(x, 2)), rtol=1e-6
    )
    np.testing.assert_allclose(activations.relu(x, threshold=1.0), np.where(x <= 1, 0, x))
    np.testing.assert_allclose(activations.relu(x, max_value=1.0), np.clip(x, 0, 1))
    np.testing.assert_allclose(activations.relu(x, 0.1, max_value=1.0), np.where(x < 0, 0.1 * x, np.minimum(x, 1)))
    np.testing.assert_allclose(activations.relu(x, max_value=1.0, threshold=-2.0), np.clip(x, 0, 1))


def test_gelu_is_exact_by_default():
    x = np.linspace(-3, 3, 13, dtype=np.float32)
    np.testing.assert_allclose(activations.gelu(x), ops.gelu(x, approximate=False))


def projected(v):
    """The nearest point of the simplex: the largest support whose smallest member stays positive."""
    falling = np.sort(v)[::-1]
    sizes = np.arange(1, len(v) + 1)
    size = (falling - (np.cumsum(falling) - 1) / sizes > 0).sum()
    return np.maximum(v - (falling[:size].sum() - 1) / size, 0)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sparsemax(axis):
    x = np.random.default_rng(0).normal(size=(5, 4, 6))
    y = activations.sparsemax(x, axis)
    np.testing.assert_allclose(y, np.apply_along_axis(projected, axis, x), atol=1e-14)
    np.testing.assert_allclose(y.sum(axis), 1.0, rtol=1e-14)
    assert (y >= 0).all() and (y == 0).any()


def test_sparsemax_at_edges():
    np.testing.assert_allclose(activations.sparsemax(np.zeros((2, 4))), 0.25)
    np.testing.assert_allclose(activations.sparsemax(np.float32([1e30, -1e30, 1e30])), [0.5, 0, 0.5])
    np.testing.assert_allclose(activations.sparsemax(np.float64([3.0])), [1.0])
    with pytest.raises(ValueError, match="sparsemax"):
        activations.sparsemax(np.zeros((2, 2)), axis=2)


def test_sparsemax_gradient():
    """On the support of size s it is the identity minus 1/s, elsewhere 0 (Martins & Astudillo, 2016)."""
    x, c = np.array([0.1, 0.2, 0.3, -5.0]), np.array([1.0, 5.0, 2.0, 9.0])
    gradient = nv.grad(lambda a: ops.sum(ops.sparsemax(a) * c))(x)
    np.testing.assert_allclose(gradient, [1 - 8 / 3, 5 - 8 / 3, 2 - 8 / 3, 0], rtol=1e-12)
    twice = nv.grad(lambda a: ops.sum(nv.grad(lambda b: ops.sum(ops.sparsemax(b) ** 2))(a)))(x)
    np.testing.assert_allclose(twice, 0.0, atol=1e-12)  # the gradient, 2 (y - sum(y) / s), sums to 0 whatever x


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    function = getattr(activations, name)
    assert activations.get(name) is function
    assert activations.deserialize(name) is function
    written = activations.serialize(function)
    assert isinstance(written, str) and activations.get(written) is function
    config = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    assert activations.get(config) is function


def test_aliases_are_written_as_their_first_name():
    assert activations.serialize(activations.swish) == "silu"
    assert activations.serialize(activations.hard_swish) == "hard_silu"
    assert activations.serialize(activations.exponential) == "exponential"


def test_get():
    assert activations.get(None) is activations.linear
    f = lambda x: x  # noqa: E731
    assert activations.get(f) is f
    layer = nv.layers.ReLU(max_value=2.0)
    assert activations.get(layer) is layer
    again = activations.get(activations.serialize(layer))
    assert isinstance(again, nv.layers.ReLU) and again.get_config() == layer.get_config()


def test_custom_functions():
    def double(x):
        return x * 2

    config = activations.serialize(double)
    assert config["class_name"] == "function" and config["config"] == "double"
    with custom_object_scope({"double": double}):
        assert activations.get("double") is double
        assert activations.get(config) is double
    assert activations.deserialize("double", {"double": double}) is double
    assert activations.deserialize(config, {"double": double}) is double

    @register_keras_serializable("tests")
    def triple(x):
        return x * 3

    assert activations.serialize(triple)["config"] == "tests>triple"
    assert activations.get(activations.serialize(triple)) is triple
    with pytest.warns(UserWarning, match="a `lambda`, whose code is not stored"):
        config = activations.serialize(lambda x: x)
    with pytest.raises(ValueError):
        activations.deserialize(config)


@pytest.mark.parametrize("wrong", ["nothing", 3, nv.layers.ReLU, "ReLU", {"class_name": "No", "config": {}}, {}])
def test_unknown(wrong):
    with pytest.raises(ValueError, match="Could not interpret activation function identifier"):
        activations.get(wrong)
