"""Masks: who makes them, who uses them, who passes them on."""

import nervure as nv
import numpy as np
import pytest
from nervure import layers, ops
from nervure._masks import get_mask

IDS = np.array([[1, 2, 0, 0], [3, 0, 4, 5]])
X = np.random.RandomState(0).randn(2, 4, 3).astype("float32")
MASK = IDS != 0


def test_embedding_and_masking_make_masks():
    layer = layers.Embedding(6, 3, mask_zero=True)
    assert np.array_equal(get_mask(layer(IDS)), MASK)
    assert np.array_equal(layer.compute_mask(IDS), MASK)
    assert layers.Embedding(6, 3).compute_mask(IDS) is None
    assert get_mask(layers.Embedding(6, 3)(IDS)) is None
    y = layers.Masking(-1.0)(np.where(MASK[..., None], X, -1.0).astype("float32"))
    assert np.array_equal(get_mask(y), MASK)
    assert np.array_equal(y, np.where(MASK[..., None], X, 0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Activation("relu"), lambda: layers.ELU(), lambda: layers.PReLU(), lambda: layers.LeakyReLU(),
        lambda: layers.Identity(), lambda: layers.Dense(2), lambda: layers.Dropout(0.5),
        lambda: layers.GaussianNoise(0.1), lambda: layers.ActivityRegularization(), lambda: layers.Rescaling(2.0),
        lambda: layers.LayerNormalization(), lambda: layers.BatchNormalization(), lambda: layers.UnitNormalization(),
        lambda: layers.GroupNormalization(1), lambda: layers.TimeDistributed(layers.Dense(2)),
        lambda: layers.SpatialDropout1D(0.5), lambda: layers.AlphaDropout(0.1),
    ],
)  # fmt: skip
def test_masks_pass_through(make):
    layer = make()
    assert layer.supports_masking
    x = layers.Masking()(np.where(MASK[..., None], X, 0).astype("float32"))
    assert np.array_equal(get_mask(layer(x)), MASK)


@pytest.mark.parametrize("make", [layers.Flatten, lambda: layers.RepeatVector(2), lambda: layers.Reshape((12,))])
def test_some_layers_know_no_masks(make):
    assert not make().supports_masking


def test_global_average_counts_what_is_there():
    y = layers.GlobalAveragePooling1D()(X, mask=MASK)
    expected = [X[k][MASK[k]].mean(0) for k in range(2)]
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    kept = layers.GlobalAveragePooling1D("channels_first", keepdims=True)(X.transpose(0, 2, 1), mask=MASK)
    np.testing.assert_allclose(kept[..., 0], expected, rtol=1e-6)
    assert layers.GlobalAveragePooling1D().compute_mask(X, MASK) is None


def test_masked_batch_statistics():
    layer = layers.BatchNormalization(momentum=0.0, epsilon=0.0)
    y = layer(X, training=True, mask=MASK)
    seen = X[MASK]
    np.testing.assert_allclose(layer.moving_mean.numpy(), seen.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), seen.var(0), rtol=1e-5)
    np.testing.assert_allclose(y[MASK].mean(0), 0, atol=1e-5)
    whole = layers.BatchNormalization()
    all_there = layers.BatchNormalization()
    np.testing.assert_allclose(
        whole(X, training=True), all_there(X, training=True, mask=np.ones((2, 4), bool)), rtol=1e-4, atol=1e-5
    )


def test_softmax_ignores_what_is_masked():
    y = layers.Softmax()(X[:, :, 0], mask=MASK)
    assert not y[~MASK].any()
    np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-6)
    for k in range(2):
        e = np.exp(X[k, :, 0][MASK[k]])
        np.testing.assert_allclose(y[k][MASK[k]], e / e.sum(), rtol=1e-5)
    assert np.array_equal(y, layers.Softmax()(X[:, :, 0], mask=MASK.astype("float32")))
    with pytest.raises(ValueError, match="'s': the `mask` must be broadcastable"):
        layers.Softmax(name="s")(X[:, :, 0], mask=np.ones((2, 3), bool))
    with pytest.raises(ValueError, match="must not have more dimensions"):
        layers.Softmax()(X[0, :, 0], mask=MASK)


def test_masks_of_merged_inputs():
    one, other = MASK, np.array([[True, False, False, True]] * 2)
    for make in (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum):
        assert np.array_equal(make().compute_mask([X, X], [one, other]), one | other)
        assert make().compute_mask([X, X], [one, None]) is None
        assert make().compute_mask([X, X], None) is None
    joined = layers.Concatenate(axis=1).compute_mask([X, X], [one, None])
    assert np.array_equal(joined, np.concatenate([one, np.ones((2, 4), bool)], 1))
    assert np.array_equal(layers.Concatenate().compute_mask([X, X], [one, other]), one | other)
    assert layers.Concatenate().compute_mask([X, X], [None, None]) is None
    assert layers.Dot(2).compute_mask([X, X], [one, other]) is None
    for make in (layers.Add, layers.Concatenate):
        with pytest.raises(ValueError, match="`mask` should be a list"):
            make().compute_mask([X, X], one)
        with pytest.raises(ValueError, match="`inputs` should be a list"):
            make().compute_mask(X, [one, other])
        with pytest.raises(ValueError, match="should have the same length"):
            make().compute_mask([X, X], [one])


def masked(x, value):
    return layers.Masking(value)(np.array(x, "float32"))


def test_masked_steps_are_left_out_of_products_and_extremes():
    a, b = masked([[[0, 0], [1, 2], [0, 0], [-3, 4]]], 0.0), masked([[[0, 0], [0, 0], [-1, 2], [3, 4]]], 0.0)
    assert layers.Multiply()([a, b]).tolist() == [[[0, 0], [1, 2], [-1, 2], [-9, 16]]]
    assert layers.Maximum()([a, b]).tolist() == [[[0, 0], [1, 2], [-1, 2], [3, 4]]]
    assert layers.Minimum()([a, b]).tolist() == [[[0, 0], [1, 2], [-1, 2], [-3, 4]]]
    plain = np.array([[[5, 5], [5, 5], [5, 5], [5, 5]]], "float32")
    assert layers.Multiply()([a, plain]).tolist() == [[[5, 5], [5, 10], [5, 5], [-15, 20]]]
    assert get_mask(layers.Multiply()([a, plain])) is None
    assert get_mask(layers.Minimum()([a, b])).tolist() == [[False, True, True, True]]


def test_lambda_is_given_the_mask():
    layer = layers.Lambda(lambda x, mask: x * ops.cast(mask, "float32")[..., None], mask=lambda x, mask: mask)
    y = layer(X, mask=MASK)
    np.testing.assert_allclose(y, X * MASK[..., None])
    assert layer.supports_masking and layer.compute_mask(X, MASK) is MASK
    fixed = layers.Lambda(lambda x: x, mask=MASK)
    assert fixed.compute_mask(X, None) is MASK
    assert not layers.Lambda(lambda x: x).supports_masking


class Spy(nv.Layer):
    """Gives 1 where a step counts."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        return inputs * 0 + (1.0 if mask is None else ops.cast(mask, "float32")[..., None])


def test_time_distributed_hands_steps_their_masks():
    class Step(nv.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs, mask=None):
            return inputs * ops.cast(mask, "float32")[:, None]

    np.testing.assert_allclose(layers.TimeDistributed(Step())(X, mask=MASK), X * MASK[..., None])
    with pytest.raises(ValueError, match=r"The `mask` passed to the `TimeDistributed` layer has a shape \(2, 3\)"):
        layers.TimeDistributed(Step())(X, mask=MASK[:, :3])


def test_a_mask_arrives_at_the_end_of_a_model():
    x = nv.Input((None,), dtype="int32")
    y = layers.Embedding(6, 3, mask_zero=True)(x)
    y = layers.Dropout(0.1)(layers.LayerNormalization()(layers.Dense(4, activation="tanh")(y)))
    model = nv.Model(x, [Spy()(y), layers.GlobalAveragePooling1D()(y)])
    spied, mean = model.predict(IDS, verbose=0)
    assert np.array_equal(spied[..., 0], MASK)
    by_hand = nv.Model(x, y).predict(IDS, verbose=0)
    np.testing.assert_allclose(mean, [by_hand[k][MASK[k]].mean(0) for k in range(2)], rtol=1e-5)
