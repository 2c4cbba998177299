"""Layers that draw random numbers: their statistics, what is shared by one draw, seeds, and silence in inference."""

import nervure as nv
import numpy as np
import pytest
from nervure import layers

ONES = np.ones((200, 300), "float32")
NOISY = [
    lambda rate, **kwargs: layers.Dropout(rate, **kwargs),
    lambda rate, **kwargs: layers.AlphaDropout(rate, **kwargs),
    lambda rate, **kwargs: layers.GaussianDropout(rate, **kwargs),
    lambda rate, **kwargs: layers.GaussianNoise(rate, **kwargs),
]


@pytest.mark.parametrize("make", NOISY)
def test_only_training_is_noisy_and_seeds_repeat(make):
    layer = make(0.3)
    assert np.array_equal(layer(ONES), ONES)
    assert np.array_equal(make(0.0)(ONES, training=True), ONES)
    one, two = layer(ONES, training=True), layer(ONES, training=True)
    assert not np.array_equal(one, two)
    assert np.array_equal(make(0.3, seed=5)(ONES, training=True), make(0.3, seed=5)(ONES, training=True))
    assert not np.array_equal(make(0.3, seed=5)(ONES, training=True), make(0.3, seed=6)(ONES, training=True))
    assert layer.weights == [] and len(layer.variables) == 1
    assert make(0.0).variables == []


@pytest.mark.parametrize("make", NOISY)
def test_noise_has_gradients(make):
    layer = make(0.4, seed=1)
    first = nv.value_and_grad(lambda x: nv.ops.sum(layer(x, training=True)))
    _, slope = first(np.ones((50, 4), "float32"))
    expected = {"Dropout": {0, 1 / 0.6}, "GaussianNoise": {1.0}}.get(type(layer).__name__)
    if expected is not None:
        assert {round(float(v), 5) for v in np.unique(slope)} == {round(v, 5) for v in expected}
    else:
        assert len(np.unique(slope)) > 1


def test_gaussian_statistics():
    noise = layers.GaussianNoise(0.25, seed=1)(ONES, training=True) - 1
    assert abs(noise.mean()) < 5 * 0.25 / np.sqrt(ONES.size) and abs(noise.std() / 0.25 - 1) < 0.02
    factor = layers.GaussianDropout(0.2, seed=1)(2 * ONES, training=True) / 2
    assert abs(factor.mean() - 1) < 0.01 and abs(factor.std() - 0.5) < 0.01  # sqrt(0.2 / 0.8)


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.RandomState(0).randn(400, 500).astype("float32")
    y = layers.AlphaDropout(0.3, seed=1)(x, training=True)
    assert abs(y.mean()) < 0.02 and abs(y.var() - 1) < 0.02
    bound = -1.6732632423543772 * 1.0507009873554805
    a = (0.7 * (1 + 0.3 * bound**2)) ** -0.5
    dropped = np.isclose(y, a * bound - a * bound * 0.3, atol=1e-6)
    assert abs(dropped.mean() - 0.3) < 0.01
    np.testing.assert_allclose(y[~dropped], (a * x - a * bound * 0.3)[~dropped], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cls", [layers.Dropout, layers.AlphaDropout])
@pytest.mark.parametrize(
    "noise_shape, shared", [((None, 1, None), (1,)), ((6, 4, 1), (2,)), ((3,), (0, 1)), ((4, 1), (0, 2)), (None, ())]
)
def test_noise_shape_shares_draws(cls, noise_shape, shared):
    y = cls(0.5, noise_shape=noise_shape, seed=2)(np.ones((6, 4, 3), "float32"), training=True)
    assert y.shape == (6, 4, 3)
    for axis in range(3):
        same = bool((y == np.take(y, [0], axis)).all())
        assert same == (axis in shared)


@pytest.mark.parametrize(
    "layer, shape, shared",
    [
        (layers.SpatialDropout1D(0.5, seed=3), (8, 5, 6), (1,)),
        (layers.SpatialDropout2D(0.5, seed=3), (8, 5, 4, 6), (1, 2)),
        (layers.SpatialDropout2D(0.5, "channels_first", seed=3), (8, 6, 5, 4), (2, 3)),
        (layers.SpatialDropout3D(0.5, seed=3), (8, 2, 3, 4, 6), (1, 2, 3)),
    ],
)
def test_spatial_dropout_drops_channels(layer, shape, shared):
    ones = np.ones(shape, "float32")
    y = layer(ones, training=True)
    assert set(np.unique(y)) == {np.float32(0), np.float32(2)}
    for axis in range(len(shape)):
        assert bool((y == np.take(y, [0], axis)).all()) == (axis in shared)
    assert np.array_equal(layer(ones), ones)
    with pytest.raises(ValueError, match="expected ndim"):
        layer(np.ones((2, 3), "float32"))


@pytest.mark.parametrize("cls", [layers.Dropout, layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise])
@pytest.mark.parametrize("rate", [-0.1, 1.5, "half", None, True])
def test_bad_rates(cls, rate):
    with pytest.raises(ValueError, match=r"Expected a float value between 0 and 1.*" + cls.__name__):
        cls(rate)


def test_nothing_is_left():
    assert not layers.Dropout(1.0)(ONES, training=True).any()
    for layer in (layers.AlphaDropout(1.0, name="a"), layers.GaussianDropout(1.0, name="a")):
        assert np.array_equal(layer(ONES), ONES)
        with pytest.raises(ValueError, match="'a': nothing is left"):
            layer(ONES, training=True)


def test_the_last_batch_may_be_smaller():
    model = nv.Sequential([nv.Input((4,)), layers.Dropout(0.5, noise_shape=(None, 1)), layers.Dense(1)])
    model.compile("sgd", loss="mse")
    history = model.fit(np.ones((7, 4)), np.ones((7, 1)), batch_size=4, verbose=0).history
    assert np.isfinite(history["loss"]).all()
