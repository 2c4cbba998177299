"""Layers beyond those of the first network: against NumPy, unknown sizes, configs, subclasses, errors."""

import copy
import json

import nervure as nv
import numpy as np
import pytest
from nervure import layers, ops

RNG = np.random.RandomState(0)
X = RNG.randn(5, 4).astype("float32")
X3 = RNG.randn(2, 3, 4).astype("float32")


def test_embedding_reads_and_moves_only_the_rows_it_used():
    layer = layers.Embedding(6, 3, embeddings_initializer="ones")
    model = nv.Sequential([nv.Input((2,), dtype="int32"), layer])
    model.compile(nv.optimizers.SGD(1.0), loss=lambda y, p: ops.sum(p))
    model.train_on_batch(np.array([[1, 1], [4, 1]]), np.zeros((2, 2, 3)))
    moved = 1 - np.asarray(model.get_weights()[0])[:, 0]
    np.testing.assert_allclose(moved / moved[4], [0, 3, 0, 0, 1, 0])


def test_embedding_of_other_dtypes_and_numbers_outside():
    layer = layers.Embedding(3, 1, weights=np.array([[0.0], [1.0], [2.0]]), name="e")
    assert layer(np.array([2.9, 1.1])).ravel().tolist() == [2, 1]
    assert layer(np.array([2, 1], "uint8")).ravel().tolist() == [2, 1]
    assert layer(np.array([True, False])).ravel().tolist() == [1, 0]
    for bad in (3, -4):
        with pytest.raises(IndexError, match=f"index {bad} .*out of range"):
            layer(np.array([0, bad]))
    assert layer(np.array([1])).tolist() == [[1.0]]  # unharmed
    with pytest.raises(ValueError, match=r"'f'.*\(3, 1\)"):
        layers.Embedding(3, 1, weights=np.ones((2, 1)), name="f")
    with pytest.raises(AttributeError, match="build the layer before"):
        layers.Embedding(3, 1).embeddings  # noqa: B018


@pytest.mark.parametrize("axes", [-1, 1, [1, 2], (2, 1)])
def test_layer_normalization(axes):
    layer = layers.LayerNormalization(axis=axes, epsilon=1e-3)
    over = tuple(np.atleast_1d(axes))
    y = layer(X3)
    expected = (X3 - X3.mean(over, keepdims=True)) / np.sqrt(X3.var(over, keepdims=True) + 1e-3)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    assert layer.gamma.shape == tuple(X3.shape[k] for k in sorted(over))


def test_scaling_by_the_deviation():
    with pytest.warns(UserWarning, match="rms_scaling"):
        layer = layers.LayerNormalization(rms_scaling=True)
    np.testing.assert_allclose(layer(X), X / np.sqrt(X.var(-1, keepdims=True) + 1e-3), rtol=1e-5)
    assert [w.name for w in layer.weights] == ["gamma"]


@pytest.mark.parametrize("axis", [1, -1, 2, (1, 2)])
def test_rms_normalization_scales_along_its_own_axes(axis):
    layer = layers.RMSNormalization(axis=axis)
    layer.build(X3.shape)
    scale = RNG.rand(*layer.scale.shape).astype("float32")
    layer.scale.assign(scale)
    over = tuple(np.atleast_1d(axis))
    shape = [n if k in [a % 3 for a in over] else 1 for k, n in enumerate(X3.shape)]
    expected = X3 / np.sqrt((X3**2).mean(over, keepdims=True) + 1e-6) * scale.reshape(shape)
    np.testing.assert_allclose(layer(X3), expected, rtol=1e-5)


@pytest.mark.parametrize("groups, axis", [(2, -1), (4, -1), (1, 2), (3, 1), (-1, 1)])
def test_group_normalization(groups, axis):
    y = layers.GroupNormalization(groups, axis=axis)(X3)
    x = np.moveaxis(X3, axis, -1)
    count = x.shape[-1] if groups == -1 else groups
    grouped = x.reshape(*x.shape[:-1], count, -1)
    over = (1, 3)
    expected = (grouped - grouped.mean(over, keepdims=True)) / np.sqrt(grouped.var(over, keepdims=True) + 1e-3)
    np.testing.assert_allclose(np.moveaxis(y, axis, -1), expected.reshape(x.shape), rtol=1e-4, atol=1e-5)


def test_spectral_normalization_reaches_the_largest_singular_value():
    layer = layers.SpectralNormalization(layers.Dense(3, use_bias=False), power_iterations=50)
    layer.build((None, 4))
    layer.layer.kernel.assign(RNG.randn(4, 3))
    layer(X, training=True)
    np.testing.assert_allclose(np.linalg.svd(layer.layer.kernel.numpy())[1][0], 1, rtol=1e-4)
    before = layer.get_weights()
    layer(X)
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))
    assert layers.SpectralNormalization(layers.Embedding(3, 2))(np.array([1])).shape == (1, 2)


def test_time_distributed_is_the_layer_at_each_step():
    inner = layers.Dense(2, activation="tanh")
    y = layers.TimeDistributed(inner)(X3)
    np.testing.assert_allclose(y, np.stack([inner(X3[:, k]) for k in range(3)], 1), rtol=1e-6)
    norm, alone = layers.BatchNormalization(momentum=0.5), layers.BatchNormalization(momentum=0.5)
    y = layers.TimeDistributed(norm)(X3, training=True)
    steps = np.stack([alone(X3[:, k], training=True) for k in range(3)], 1)
    np.testing.assert_allclose(y, steps, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(norm.moving_mean.numpy(), alone.moving_mean.numpy(), rtol=1e-5, atol=1e-7)
    assert layers.TimeDistributed(layers.Flatten()).compute_output_shape((None, 5, 2, 3)) == (None, 5, 6)


@pytest.mark.parametrize("axes", [1, 2, -1, (1, 2), (2, 1), (-1, -2)])
def test_dot(axes):
    a, b = (axes, axes) if isinstance(axes, int) else axes
    x = RNG.randn(2, 4, 4).astype("float32")
    y = RNG.randn(2, 4, 4).astype("float32")
    expected = np.stack([np.tensordot(x[k], y[k], (a % 3 - 1, b % 3 - 1)) for k in range(2)])
    np.testing.assert_allclose(layers.Dot(axes)([x, y]), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(layers.dot([x, y], axes=axes), expected, rtol=1e-4, atol=1e-5)
    unit = [v / np.linalg.norm(v, axis=k, keepdims=True) for v, k in ((x, a), (y, b))]
    cosines = np.stack([np.tensordot(unit[0][k], unit[1][k], (a % 3 - 1, b % 3 - 1)) for k in range(2)])
    np.testing.assert_allclose(layers.Dot(axes, normalize=True)([x, y]), cosines, rtol=1e-4, atol=1e-5)


def test_einsum_dense_is_dense():
    dense, einsum = layers.Dense(5), layers.EinsumDense("...a,ab->...b", 5, bias_axes="b")
    dense.build(X3.shape)
    einsum.build(X3.shape)
    einsum.set_weights(dense.get_weights())
    np.testing.assert_allclose(einsum(X3), dense(X3), rtol=1e-5)
    spread = layers.EinsumDense("abc,cde->abde", (None, 20, 30), kernel_initializer="he_normal")
    spread.build((None, 3, 400))
    assert abs(spread.kernel.numpy().std() / np.sqrt(2 / 400) - 1) < 0.02  # the fan-in is what is summed over


UNKNOWN = [
    (lambda: layers.Reshape((2, -1)), (None, 3), (2, None)),
    (lambda: layers.Reshape((-1, 3)), (None, 6), (None, 3)),
    (lambda: layers.Reshape((6,)), (None, 3), (6,)),
    (lambda: layers.Reshape((None, 2)), (4, 3), (6, 2)),
    (lambda: layers.Flatten(), (None, 3), (None,)),
    (lambda: layers.Permute((2, 1)), (None, 3), (3, None)),
    (lambda: layers.Cropping1D(2), (None, 3), (None, 3)),
    (lambda: layers.ZeroPadding1D(2), (None, 3), (None, 3)),
    (lambda: layers.UpSampling1D(2), (None, 3), (None, 3)),
    (lambda: layers.GlobalAveragePooling1D(), (None, 3), (3,)),
    (lambda: layers.GlobalMaxPooling1D(keepdims=True), (None, 3), (1, 3)),
    (lambda: layers.LayerNormalization(), (None, 3), (None, 3)),
    (lambda: layers.GroupNormalization(3), (None, 3), (None, 3)),
    (lambda: layers.RMSNormalization(), (None, 3), (None, 3)),
    (lambda: layers.PReLU(shared_axes=[1]), (None, 3), (None, 3)),
    (lambda: layers.TimeDistributed(layers.Dense(5)), (None, 3), (None, 5)),
    (lambda: layers.EinsumDense("abc,cd->abd", (None, 5)), (None, 3), (None, 5)),
    (lambda: layers.SpectralNormalization(layers.Dense(5)), (None, 3), (None, 5)),
]


@pytest.mark.parametrize("make, shape, expected", UNKNOWN)
def test_unknown_sizes_stay_unknown(make, shape, expected):
    assert make()(nv.Input(shape)).shape == (None, *expected)
    assert tuple(make().compute_output_shape((None, *shape))) == (None, *expected)


def test_unknown_sizes_of_merged_inputs():
    for a, b, expected in (
        ((None, 4), (7, 4), (None, None, 4)),
        ((None, 4), (1, 4), (None, None, 4)),
        ((4,), (3, 4), (None, 3, 4)),
    ):
        assert layers.Add()([nv.Input(a), nv.Input(b)]).shape == expected
        assert layers.Add().compute_output_shape([(None, *a), (None, *b)]) == expected
    assert layers.Add()([nv.Input((4,)), nv.Input(batch_shape=(3, 4))]).shape == (3, 4)
    assert layers.Concatenate()([nv.Input((None, 4)), nv.Input((7, 4))]).shape == (None, 7, 8)
    assert layers.Concatenate(1)([nv.Input((None, 4)), nv.Input((7, 4))]).shape == (None, None, 4)
    model = nv.Model(inputs := [nv.Input((None, 4)), nv.Input((3, 4))], layers.Add()(inputs))
    np.testing.assert_allclose(model.predict([X3, X3], verbose=0), X3 * 2)
    with pytest.raises(ValueError, match=r"shapes broadcast"):
        model.predict([X3[:, :2], X3], verbose=0)


def test_a_reshape_that_does_not_fit_says_so_when_data_comes():
    model = nv.Sequential([nv.Input((None, 3)), layers.Reshape((6,), name="r")])
    assert model.predict(X3[:, :2, :3], verbose=0).shape == (2, 6)
    with pytest.raises(ValueError, match="'r': cannot reshape"):
        model.predict(X3[:, :, :3], verbose=0)


def scaled(x, factor=2.0):
    return x * factor


def test_lambda_configs():
    named = layers.Lambda(scaled, arguments={"factor": 3.0}, name="l")
    config = named.get_config()
    assert json.loads(json.dumps(config))["function"]["config"] == "scaled"
    for again in (layers.Lambda.from_config(config), layers.Lambda.from_config(copy.deepcopy(config))):
        np.testing.assert_allclose(again(X), X * 3)
    from_file = json.loads(json.dumps(config))
    with pytest.raises(TypeError, match="Could not locate function 'scaled'"):
        layers.Lambda.from_config(from_file)
    with nv.saving.custom_object_scope({"scaled": scaled}):
        np.testing.assert_allclose(layers.Lambda.from_config(from_file)(X), X * 3)
    library = layers.deserialize(json.loads(json.dumps(layers.serialize(layers.Lambda(ops.square)))))
    np.testing.assert_allclose(library(X), X**2, rtol=1e-6)


def test_a_python_lambda_can_be_copied_but_not_written():
    layer = layers.Lambda(lambda x: x + 1, output_shape=lambda shape: shape, name="l")
    again = layers.Lambda.from_config(layer.get_config())
    np.testing.assert_allclose(again(X), X + 1)
    assert again.compute_output_shape((None, 4)) == (None, 4)
    with pytest.raises(TypeError, match=r"no name.*register_keras_serializable"):
        layers.serialize(layer)
    with pytest.raises(ValueError, match="holds the code of a Python lambda"):
        layers.Lambda.from_config({"function": {"class_name": "__lambda__", "config": {"code": "x"}}})


def test_lambda_output_shapes_and_training():
    assert layers.Lambda(lambda x: x[:, :2]).compute_output_shape((None, 5)) == (None, 2)
    assert layers.Lambda(lambda x: x, output_shape=(7,)).compute_output_shape((3, 5)) == (3, 7)
    mode = layers.Lambda(lambda x, training: x * 2 if training else x)
    np.testing.assert_allclose(mode(X, training=True), X * 2)
    np.testing.assert_allclose(mode(X), X)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense(3, activation="relu", kernel_regularizer="l2"), lambda: layers.Embedding(3, 2),
        lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="c", activation="tanh"), lambda: layers.PReLU(),
        lambda: layers.LayerNormalization(axis=(1, 2)), lambda: layers.TimeDistributed(layers.Dense(2)),
        lambda: layers.SpectralNormalization(layers.Dense(2)), lambda: layers.Dot((1, 2)), lambda: layers.Masking(1.0),
        lambda: layers.Masking(np.array([1.0, 2.0])), lambda: layers.Rescaling(np.array([1.0, 2.0])),
        lambda: layers.SpatialDropout2D(0.5), lambda: layers.Cropping2D(1), lambda: layers.InputLayer((3,)),
        lambda: layers.BatchNormalization(renorm=True), lambda: layers.ActivityRegularization(1.0, 2.0),
    ],
)  # fmt: skip
def test_configs_survive_json(make):
    layer = make()
    config = json.loads(json.dumps(layers.serialize(layer)))
    again = layers.deserialize(config)
    assert type(again) is type(layer)
    assert json.loads(json.dumps(layers.serialize(again))) == config


def test_deserialize_takes_layers_only():
    assert layers.deserialize({"class_name": "Dense", "config": {"units": 3}}).units == 3
    with pytest.raises(ValueError, match="not a layer"):
        layers.deserialize({"class_name": "MeanSquaredError", "config": {}})


class Gated(layers.Activation):
    def build(self, input_shape):
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")

    def call(self, inputs):
        return super().call(inputs) * self.gain


def test_a_subclass_may_have_weights():
    layer = Gated("relu")
    assert layers.Activation("relu").built and not layer.built
    np.testing.assert_allclose(layer(X), np.maximum(X, 0))
    assert len(layer.weights) == 1


def test_wrapped_layers_belong_to_the_wrapper():
    layer = layers.TimeDistributed(layers.Dense(2, kernel_regularizer="l2", name="d"), name="t")
    layer(X3)
    assert [w.path for w in layer.weights] == ["t/d/kernel", "t/d/bias"]
    assert len(layer.losses) == 1
    layer.trainable = False
    assert layer.trainable_weights == [] and not layer.layer.trainable
    with pytest.raises(ValueError, match="supplied to Wrapper isn't a supported layer"):
        layers.SpectralNormalization("dense")


def test_batch_renormalization_is_plain_without_history():
    """With moving statistics equal to the batch's, r is 1 and d is 0."""
    plain, renorm = layers.BatchNormalization(), layers.BatchNormalization(renorm=True)
    renorm.build(X.shape)
    renorm.renorm_mean.assign(X.mean(0))
    renorm.renorm_stddev.assign(np.sqrt(X.var(0) + 1e-3))
    np.testing.assert_allclose(renorm(X, training=True), plain(X, training=True), rtol=1e-4, atol=1e-5)
    assert [w.name for w in renorm.weights][4:] == ["moving_stddev", "renorm_mean", "renorm_stddev"]


BAD = [
    (lambda: layers.Softmax(axis="x"), ValueError, "argument 'axis'.*Softmax"),
    (lambda: layers.Softmax(axis=None), ValueError, "argument 'axis'"),
    (lambda: layers.ELU("a"), ValueError, "alpha='a'"),
    (lambda: layers.PReLU(shared_axes="a"), ValueError, "PReLU"),
    (lambda: layers.LayerNormalization(axis=1.5), TypeError, "LayerNormalization"),
    (lambda: layers.LayerNormalization(epsilon=-1), ValueError, "epsilon=-1"),
    (lambda: layers.LayerNormalization(axis=3)(X), ValueError, "Axis 3 is out of bounds"),
    (lambda: layers.RMSNormalization(axis="a"), TypeError, "RMSNormalization"),
    (lambda: layers.UnitNormalization(axis="a"), TypeError, "Invalid value for `axis`"),
    (lambda: layers.UnitNormalization(2).compute_output_shape((2, 3)), ValueError, "Axis 2 is out of bounds"),
    (lambda: layers.GroupNormalization(0), ValueError, "groups=0"),
    (lambda: layers.GroupNormalization(8)(X), ValueError, "cannot be more than"),
    (lambda: layers.GroupNormalization(3)(X), ValueError, r"\(4\) must be a multiple of the number of groups \(3\)"),
    (lambda: layers.Embedding(0, 1), ValueError, "`input_dim` must be a positive integer"),
    (lambda: layers.Embedding(2, 1.0), ValueError, "`output_dim` must be a positive integer"),
    (lambda: layers.Embedding(2, 1, lora_rank=2), ValueError, "Embedding does not support lora_rank=2"),
    (lambda: layers.EinsumDense("ab,bc", 3), ValueError, "Invalid einsum equation"),
    (lambda: layers.EinsumDense("ab,bc->ad", 3), ValueError, "Dimension 'd'"),
    (lambda: layers.EinsumDense("ab,bcd->ac", 3), ValueError, "Weight dimension 'd'"),
    (lambda: layers.EinsumDense("ab,bc->ac", "x"), ValueError, "output_shape"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="z")(X), ValueError, "Bias dimension 'z'"),
    (lambda: layers.EinsumDense("ab,bc->ac", (3, 4))(X), ValueError, "does not fit output_shape"),
    (lambda: layers.EinsumDense("abc,cd->abd", (9, 5))(X3), ValueError, "do not match at shared dimension 'b'"),
    (lambda: layers.Permute((0, 1)), ValueError, "consecutive and start from 1"),
    (lambda: layers.Permute(2), ValueError, "dims=2"),
    (lambda: layers.RepeatVector(1.5), TypeError, "integer value for `n`"),
    (lambda: layers.RepeatVector(0), ValueError, "n=0"),
    (lambda: layers.Cropping1D((1, -1)), ValueError, r"cropping=\(1, -1\)"),
    (lambda: layers.Cropping1D(2)(X3), ValueError, "Cropping1D.*smaller than the input length"),
    (lambda: layers.Cropping2D((1, 2, 3)), ValueError, "cropping"),
    (lambda: layers.ZeroPadding1D("a"), ValueError, "padding=a"),
    (lambda: layers.UpSampling1D(True), TypeError, "integer value for `size`"),
    (lambda: layers.UpSampling2D(interpolation="bilinear"), ValueError, "interpolation='bilinear'"),
    (lambda: layers.Dot("a"), TypeError, "axes='a'"),
    (lambda: layers.Dot((1, 2, 3)), ValueError, "two elements"),
    (lambda: layers.Dot((1, "a")), ValueError, "should be integers"),
    (lambda: layers.Dot(0)([X, X]), ValueError, "behind the batch"),
    (lambda: layers.Dot(1)([X, X[:, :3]]), ValueError, "Incompatible input shapes"),
    (lambda: layers.Dot(1)(X), ValueError, "list of 2 inputs"),
    (lambda: layers.Add()([X, X[:3]]), ValueError, "different batch sizes"),
    (lambda: layers.Subtract()([X]), ValueError, "exactly 2 inputs"),
    (lambda: layers.Masking("a"), ValueError, "mask_value.*got 'a'"),
    (lambda: layers.Lambda(3), TypeError, "function.*callable, got 3"),
    (lambda: layers.Lambda(scaled, arguments=3), ValueError, "`arguments` to be a dict"),
    (lambda: layers.TimeDistributed(3), ValueError, "layer instance"),
    (lambda: layers.TimeDistributed(layers.Dense(2))(X), ValueError, "at least 3 dimensions"),
    (lambda: layers.SpectralNormalization(layers.Dense(2), 0), ValueError, "power_iterations=0"),
    (lambda: layers.SpectralNormalization(layers.Flatten())(X), ValueError, "no attribute 'kernel'"),
    (lambda: layers.GlobalAveragePooling1D("last"), ValueError, "data_format"),
    (lambda: layers.Reshape((-2,)), ValueError, "non-negative integer"),
    (lambda: layers.BatchNormalization(synchronized=True), ValueError, "synchronized"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 1, "rmin": 2}), ValueError, "rmax"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"dmax": -1}), ValueError, "dmax=-1"),
    (lambda: layers.InputLayer((3,), batch_shape=(2, 3)), ValueError, "both `shape` and `batch_shape`"),
    (lambda: layers.InputLayer(input_tensor=3), ValueError, "`input_tensor` must be a KerasTensor"),
    (lambda: layers.InputLayer((2,), input_tensor=nv.KerasTensor((2, 3))), ValueError, "incompatible `shape`"),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(BAD)))
def test_errors_tell_what_was_expected(k):
    act, kind, words = BAD[k]
    with pytest.raises(kind, match=words):
        act()


def test_an_input_from_a_tensor():
    tensor = nv.KerasTensor((None, 3), "float64")
    assert nv.Input(tensor=tensor) is tensor
    model = nv.Model(tensor, layers.Dense(2, dtype="float64")(tensor))
    assert model.predict(np.ones((4, 3)), verbose=0).shape == (4, 2)
