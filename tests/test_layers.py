"""Layers: numbers against NumPy, shapes, building, nesting, weights, errors that name the layer."""

import nervure as nv
import numpy as np
import pytest
from nervure import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4)).astype("float32")
CALLS = [
    (lambda: layers.Activation("relu"), lambda x: np.maximum(x, 0)),
    (lambda: layers.Activation(lambda t: t * 2), lambda x: x * 2),
    (lambda: layers.ReLU(), lambda x: np.maximum(x, 0)),
    (lambda: layers.ReLU(max_value=0.5), lambda x: np.clip(x, 0, 0.5)),
    (
        lambda: layers.ReLU(negative_slope=0.1, threshold=0.2),
        lambda x: np.where(x > 0.2, x, 0.1 * (x - np.float32(0.2))),
    ),
    (lambda: layers.LeakyReLU(), lambda x: np.where(x > 0, x, 0.3 * x)),
    (lambda: layers.Softmax(), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    (lambda: layers.Softmax(axis=0), lambda x: np.exp(x) / np.exp(x).sum(0, keepdims=True)),
    (lambda: layers.Softmax(axis=[0, 1]), lambda x: np.exp(x) / np.exp(x).sum()),
    (lambda: layers.Flatten(), lambda x: x),
    (lambda: layers.Reshape((2, 2)), lambda x: x.reshape(5, 2, 2)),
    (lambda: layers.Reshape((-1, 1)), lambda x: x.reshape(5, 4, 1)),
    (lambda: layers.Rescaling(2.0, offset=1.0), lambda x: x * 2 + 1),
    (lambda: layers.Rescaling([1.0, 2.0, 3.0, 4.0]), lambda x: x * np.arange(1, 5, dtype="float32")),
    (lambda: layers.Dropout(0.5), lambda x: x),
    (lambda: layers.BatchNormalization(), lambda x: x / np.sqrt(np.float32(1.001))),
]


@pytest.mark.parametrize("make, expected", CALLS)
def test_against_numpy(make, expected):
    layer = make()
    np.testing.assert_allclose(layer(X), expected(X), rtol=2e-6, atol=1e-6)
    symbolic = make()(nv.Input((4,)))
    assert symbolic.shape[1:] == expected(X).shape[1:]
    assert symbolic.shape[0] is None


def test_dense():
    layer = layers.Dense(3, activation="tanh", bias_initializer="ones")
    y = layer(X)
    np.testing.assert_allclose(y, np.tanh(X @ layer.kernel.numpy() + 1), rtol=1e-5)
    assert [v.path for v in layer.weights] == [f"{layer.name}/kernel", f"{layer.name}/bias"]
    assert layer.count_params() == 15
    x3 = RNG.normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_allclose(layer(x3), np.tanh(x3 @ layer.kernel.numpy() + 1), rtol=1e-5)
    assert layers.Dense(2, use_bias=False)(X).shape == (5, 2)


def test_dtypes():
    layer = layers.Dense(2)
    assert layer(X.astype("float64")).dtype == np.float32
    assert layer(np.ones((2, 4), "int32")).dtype == np.float32
    wide = layers.Dense(2, dtype="float64")
    assert wide(X).dtype == np.float64
    assert wide.kernel.dtype == "float64"
    assert layers.Rescaling(1 / 255)(np.full((1, 2), 255, "uint8")).tolist() == [[1.0, 1.0]]


def test_unknown_sizes():
    x = nv.Input((None, 4))
    assert layers.Dense(7)(x).shape == (None, None, 7)
    assert layers.Flatten()(x).shape == (None, None)
    assert layers.Concatenate(axis=1)([x, x]).shape == (None, None, 4)
    assert (x + 1.0).shape == (None, None, 4)
    assert ops.sum(x, axis=1).shape == (None, 4)
    assert layers.Dense(3).compute_output_shape((None, 5)) == (None, 3)
    assert nv.Input(batch_shape=(8, 2)).shape == (8, 2)


def test_batch_normalization_in_training():
    layer = layers.BatchNormalization(momentum=0.9, epsilon=1e-3)
    y = layer(X, training=True)
    mean, var = X.mean(0), X.var(0)
    np.testing.assert_allclose(y, (X - mean) / np.sqrt(var + 1e-3), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * mean, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * var, rtol=1e-5)
    assert [v.name for v in layer.trainable_weights] == ["gamma", "beta"]
    assert [v.name for v in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    layer.trainable = False
    before = layer.get_weights()
    y = layer(X, training=True)  # frozen: inference even so
    moved = (X - before[2]) / np.sqrt(before[3] + 1e-3)
    np.testing.assert_allclose(y, moved, rtol=1e-4, atol=1e-5)
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))
    first = layers.BatchNormalization(axis=1)(RNG.normal(size=(6, 3, 2)).astype("float32"), training=True)
    np.testing.assert_allclose(first.mean((0, 2)), 0, atol=1e-5)


def test_dropout_in_training():
    nv.utils.set_random_seed(3)
    layer = layers.Dropout(0.25)
    ones = np.ones((100, 100), "float32")
    a, b = layer(ones, training=True), layer(ones, training=True)
    assert set(np.unique(a)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((a == 0).mean() - 0.25) < 0.02
    assert not np.array_equal(a, b)
    again = layers.Dropout(0.25, seed=1)(ones, training=True), layers.Dropout(0.25, seed=1)(ones, training=True)
    assert np.array_equal(*again)
    rows = layers.Dropout(0.5, noise_shape=(None, 1))(ones, training=True)
    assert (rows == rows[:, :1]).all()
    assert not layers.Dropout(1.0)(ones, training=True).any()
    assert np.array_equal(layers.Dropout(0.0)(ones, training=True), ones)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Add", lambda a, b: a + b),
        ("Subtract", lambda a, b: a - b),
        ("Multiply", lambda a, b: a * b),
        ("Average", lambda a, b: (a + b) / 2),
        ("Maximum", np.maximum),
        ("Minimum", np.minimum),
        ("Concatenate", lambda a, b: np.concatenate([a, b], -1)),
    ],
)
def test_merging(name, expected):
    other = RNG.normal(size=(5, 4)).astype("float32")
    np.testing.assert_allclose(getattr(layers, name)()([X, other]), expected(X, other), rtol=1e-6)
    inputs = [nv.Input((4,)), nv.Input((4,))]
    model = nv.Model(inputs, getattr(layers, name.lower())(inputs))
    np.testing.assert_allclose(model.predict([X, other], verbose=0), expected(X, other), rtol=1e-6)


def test_merging_evens_out_ranks():
    x3 = RNG.normal(size=(5, 2, 4)).astype("float32")
    np.testing.assert_allclose(layers.Add()([X, x3]), X[:, None] + x3, rtol=1e-6)
    assert np.array_equal(layers.Concatenate(axis=0)([X, X]), np.concatenate([X, X]))


class Block(nv.Layer):
    """Sublayers in a list and a dict, a weight of its own, `training` passed on without being named."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = [layers.Dense(4, name="one"), layers.Dense(4, name="two")]
        self.more = {"drop": layers.Dropout(0.5), "nested": [layers.BatchNormalization(name="bn")]}

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32", name="count")

    def call(self, x):
        self.count.assign_add(1)
        for step in self.steps:
            x = step(x)
        return self.more["drop"](self.more["nested"][0](x)) * self.gain


def test_custom_layer():
    block = Block(name="block")
    y = block(X)
    assert y.shape == (5, 4)
    assert int(block.count.numpy()) == 1
    assert [v.path for v in block.weights] == [
        "block/gain", "block/count", "block/one/kernel", "block/one/bias", "block/two/kernel", "block/two/bias",
        "block/bn/gamma", "block/bn/beta", "block/bn/moving_mean", "block/bn/moving_variance",
    ]  # fmt: skip
    assert len(block.trainable_weights) == 7
    assert len(block.non_trainable_weights) == 3
    assert len(block.variables) == 11  # and the state of the dropout's generator
    assert (block(X, training=True) == 0).any()
    block.trainable = False
    assert block.trainable_weights == []
    assert not block.steps[0].trainable
    block.trainable = True
    assert len(block.trainable_weights) == 7
    assert not block.count.trainable
    weights = block.get_weights()
    other = Block()
    other.build((None, 4))
    other(X)
    other.set_weights(weights)
    np.testing.assert_allclose(other(X), block(X), rtol=1e-6)


def test_build_is_given_shapes():
    seen = []

    class Spy(nv.Layer):
        def build(self, input_shape):
            seen.append(input_shape)

        def call(self, x):
            return x

    class Two(nv.Layer):
        def build(self, query_shape, value_shape):
            seen.append((query_shape, value_shape))

        def call(self, query, value):
            return query + ops.sum(value, axis=-1, keepdims=True)

    Spy()(nv.Input((3,)))
    Spy()([nv.Input((3,)), nv.Input((2,))])
    out = Two()(nv.Input((3,)), value=nv.Input((2,)))
    assert seen == [(None, 3), [(None, 3), (None, 2)], ((None, 3), (None, 2))]
    assert out.shape == (None, 3)


def test_attributes_read_by_call_are_not_stale():
    class Times(nv.Layer):
        factor = 2.0

        def call(self, x):
            return x * self.factor

    layer = Times()
    assert layer(np.ones(1, "float32"))[0] == 2
    layer.factor = 5.0
    assert layer(np.ones(1, "float32"))[0] == 5


def test_training_argument_has_a_default():
    class Mode(nv.Layer):
        def call(self, x, training=True):
            return x + 1.0 if training else x - 1.0

    one = np.zeros(1, "float32")
    assert Mode()(one)[0] == 1
    assert Mode()(one, training=False)[0] == -1
    assert layers.Dropout(1.0)(np.ones(1, "float32"))[0] == 1


def test_losses_of_layers():
    class Penalty(nv.Layer):
        def call(self, x):
            self.add_loss(ops.sum(x))
            return x

    layer = Penalty()
    layer(np.ones((2, 3), "float32"))
    assert [float(v) for v in layer.losses] == [6.0]
    layer(np.ones((1, 1), "float32"))
    assert [float(v) for v in layer.losses] == [1.0]
    dense = layers.Dense(
        2, kernel_regularizer="l2", bias_regularizer=nv.regularizers.L1(0.5), bias_initializer="ones",
        activity_regularizer=lambda y: ops.sum(y * 0 + 1),
    )  # fmt: skip
    dense(X)
    expected = [10 / 5, 0.01 * (dense.kernel.numpy() ** 2).sum(), 0.5 * 2]
    np.testing.assert_allclose([float(v) for v in dense.losses], expected, rtol=1e-6)
    mixed = nv.regularizers.L1L2(l1=0.1, l2=0.2)(np.array([-1.0, 2.0], "float32"))
    assert abs(float(mixed) - (0.3 + 1.0)) < 1e-6


def test_configs_make_equal_layers():
    for layer in (
        layers.Dense(3, activation="relu", kernel_initializer="he_normal", kernel_regularizer="l2", name="d"),
        layers.BatchNormalization(momentum=0.5, scale=False),
        layers.Dropout(0.3, seed=4),
        layers.ReLU(max_value=2.0),
        layers.LeakyReLU(0.1),
        layers.Softmax(axis=1),
        layers.Activation("tanh"),
        layers.Flatten(),
        layers.Reshape((2, 2)),
        layers.Rescaling(2.0, 1.0),
        layers.Add(),
        layers.Concatenate(axis=1),
        layers.InputLayer((3,), name="i"),
    ):
        config = layer.get_config()
        again = type(layer).from_config(config)
        assert again.get_config() == config
        assert not layer.weights


def test_inside_a_function():
    layer = layers.Dense(2)

    @nv.function
    def f(x):
        return layer(x) + 1.0

    np.testing.assert_allclose(f(X), layer(X) + 1, rtol=1e-6)


def test_gradients_reach_weights():
    layer = layers.Dense(1)
    layer(X)
    loss, grads = nv.value_and_grad(lambda: ops.sum(layer(X)), argnums=(), wrt=layer.trainable_weights)()
    grads = nv.tree.flatten(grads)
    np.testing.assert_allclose(grads[0], X.sum(0)[:, None], rtol=1e-5)
    np.testing.assert_allclose(grads[1], [5.0])
    np.testing.assert_allclose(loss, layer(X).sum(), rtol=1e-5)


class Scaled(nv.Layer):
    def __init__(self, units, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.factor = layers.Dense(units, kernel_initializer="ones"), factor

    def call(self, x):
        return self.inner(x) * self.factor


class Plain(nv.Layer):
    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes


class Bare(nv.Layer):
    def __init__(self):
        super().__init__()


def test_config_of_a_class_that_does_not_write_it():
    layer = Scaled(3, factor=0.5, name="s")
    config = layer.get_config()
    assert config.pop("dtype")["config"] == {"name": "float32"}
    assert config == {"trainable": True, "name": "s", "units": 3, "factor": 0.5}
    same = Scaled.from_config(layer.get_config())
    assert same.name == "s"
    np.testing.assert_allclose(same(X), layer(X), rtol=1e-6)
    assert Plain.from_config(Plain([1, 2]).get_config()).sizes == [1, 2]
    assert Bare.from_config(Bare().get_config()).get_config() == {}
    with pytest.raises(NotImplementedError, match=r"\['sizes'\].*must override"):
        Plain(np.ones(2)).get_config()


def test_config_of_a_function_as_initializer():
    def threes(shape, dtype=None):
        return ops.full(shape, 3.0, dtype)

    assert layers.Dense(1, kernel_initializer=threes).get_config()["kernel_initializer"]["config"] == "threes"


def test_none_is_not_an_input():
    layer = layers.Dense(2, name="d")
    with pytest.raises(ValueError, match="'d' is not a tensor: received None"):
        layer(None)
    assert not layer.built


@pytest.mark.parametrize("shape", ["x", (None, -1), (0,), 3])
def test_bad_noise_shape(shape):
    with pytest.raises(ValueError, match=r"argument `noise_shape`.*Dropout"):
        layers.Dropout(0.5, noise_shape=shape)
