"""How the values of a loss become a number: masks of outputs and of values, weights of any rank, structures; and losses
as data.
"""

import json

import nervure as nv
import numpy as np
import pytest
from nervure import losses, ops
from nervure._masks import get_mask, set_mask
from nervure.saving import custom_object_scope

RNG = np.random.default_rng(5)
Y, P = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 3, 4))
VALUES = ((Y - P) ** 2).mean(-1)
MASK = np.array([[True, True, False], [True, False, False]])
STEPS = RNG.uniform(0.5, 2, (2, 3))


def masked(mask=MASK, p=P):
    p = p.copy()
    set_mask(p, mask)
    return p


def expected(reduction, weights=None):
    values = VALUES * MASK * (1 if weights is None else weights)
    return {
        "none": values,
        None: values,
        "sum": values.sum(),
        "mean": values.sum() / MASK.sum(),
        "sum_over_batch_size": values.sum() / MASK.sum(),
        "mean_with_sample_weight": values.sum() / (MASK * (1 if weights is None else weights)).sum(),
    }[reduction]


@pytest.mark.parametrize("reduction", ["none", None, "sum", "mean", "sum_over_batch_size", "mean_with_sample_weight"])
@pytest.mark.parametrize("weights", [None, STEPS, STEPS[..., None]], ids=["plain", "weights", "column"])
def test_the_mask_of_the_output(reduction, weights):
    loss = losses.MeanSquaredError(reduction=reduction, dtype="float64")
    value = loss(Y, masked(), weights)
    rescaled = MASK.size / MASK.sum() if reduction in ("mean", "sum_over_batch_size") else 1.0
    assert rescaled >= 1
    want = expected(reduction, None if weights is None else STEPS)
    np.testing.assert_allclose(value, want, rtol=1e-12)


def test_a_weight_for_each_sample_beside_a_mask():
    weights = np.array([0.5, 3.0])
    loss = losses.MeanSquaredError(dtype="float64")
    np.testing.assert_allclose(loss(Y, masked(), weights), expected("mean", weights[:, None]), rtol=1e-12)
    np.testing.assert_allclose(loss(Y, masked(), 2.0), 2 * expected("mean"), rtol=1e-12)


def test_a_mask_that_keeps_nothing():
    loss = losses.MeanSquaredError()
    nothing = np.zeros_like(MASK)
    assert float(loss(Y, masked(nothing))) == 0
    p = P.astype(np.float32)

    def of(a):
        a = a * 1.0
        set_mask(a, nothing)
        return loss(Y, a)

    assert (nv.grad(of)(p) == 0).all()


def test_masks_in_a_trace():
    loss = losses.MeanSquaredError(dtype="float64")

    @nv.function
    def run(y, p, mask):
        p = p * 1.0
        set_mask(p, mask)
        return loss(y, p)

    np.testing.assert_allclose(run(Y, P, MASK), expected("mean"), rtol=1e-12)


def test_the_mask_of_the_values_and_both():
    labels = np.array([[0, 1, 9], [2, 9, 3]])
    probabilities = np.abs(P) / np.abs(P).sum(-1, keepdims=True)
    values = losses.sparse_categorical_crossentropy(labels, probabilities, ignore_class=9)
    assert (get_mask(values) == (labels != 9)).all()
    loss = losses.SparseCategoricalCrossentropy(ignore_class=9, dtype="float64")
    own = -np.log(np.take_along_axis(probabilities, np.minimum(labels, 3)[..., None], -1))[..., 0]
    np.testing.assert_allclose(loss(labels, probabilities), own[labels != 9].mean(), rtol=1e-6)
    both = (labels != 9) & np.array([[False, True, True], [True, True, True]])
    np.testing.assert_allclose(
        loss(labels, masked(np.array([[False, True, True], [True, True, True]]), probabilities)),
        own[both].mean(),
        rtol=1e-6,
    )


def test_a_loss_of_ones_own_may_set_a_mask():
    class Positive(losses.Loss):
        def call(self, y_true, y_pred):
            values = ops.mean(y_pred - y_true, axis=-1)
            set_mask(values, ops.greater(values, 0.0))
            return values

    values = (P - Y).mean(-1)
    np.testing.assert_allclose(Positive()(Y, P), values[values > 0].mean(), rtol=1e-5)


def test_weights_that_do_not_fit():
    loss = losses.MeanSquaredError()
    for shape in ((3,), (2, 2), (2, 3, 4), (2, 3, 1, 1)):
        with pytest.raises(ValueError, match=r"sample_weight of shape .* does not fit losses of shape"):
            loss(Y, P, np.ones(shape))


def test_structures():
    """A function of lists or dicts gets them with ranks evened out leaf by leaf."""

    def both(y, p):
        return ops.mean(ops.absolute(y["a"] - p["a"]), axis=-1) + ops.mean(ops.square(y["b"] - p["b"]), axis=-1)

    a, b = RNG.normal(size=(4, 1)), RNG.normal(size=(4, 2))
    loss = losses.LossFunctionWrapper(both, dtype="float64")
    value = loss({"a": a[:, 0], "b": b}, {"a": 0 * a, "b": 0 * b})
    np.testing.assert_allclose(value, (np.abs(a[:, 0]) + (b**2).mean(1)).mean(), rtol=1e-12)
    with pytest.raises(ValueError):
        loss({"a": a}, {"a": a, "b": b})

    class Pair(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(y_true[0] - y_pred[0] + y_true[1] - y_pred[1], axis=-1)

    np.testing.assert_allclose(Pair()([b, b], [0 * b, 0 * b]), 2 * b.mean(), rtol=1e-5)


def test_dice_is_one_number_whatever_the_weights():
    y, p = (P > 0).astype(float), np.abs(P) % 1
    value = float(losses.Dice()(y, p))
    assert float(losses.Dice(reduction="sum")(y, p)) == value
    np.testing.assert_allclose(losses.Dice()(y, p, np.array([0.0, 2.0])), value, rtol=1e-6)


# ---- as data ----

ALL = [name for name in losses.__all__ if name[0].isupper() and name not in ("Loss", "LossFunctionWrapper")]


@pytest.mark.parametrize("name", ALL)
def test_names_and_configs(name):
    cls = getattr(losses, name)
    snake = nv.losses.to_snake_case(name)
    assert isinstance(losses.get(name), cls)
    assert losses.get(snake) is getattr(losses, snake)
    assert isinstance(losses.as_loss(snake), cls) and losses.as_loss(snake).name == snake
    loss = cls(reduction="sum", name="mine")
    config = losses.serialize(loss)
    assert config["module"] == "keras.losses" and config["class_name"] == name and config["registered_name"] is None
    again = losses.deserialize(json.loads(json.dumps(config)))
    assert type(again) is cls and again.name == "mine" and again.reduction == "sum"
    assert again.get_config() == loss.get_config()
    wide = cls.from_config(cls(dtype="float64").get_config())
    assert wide.dtype == "float64"
    written = losses.serialize(getattr(losses, snake))
    assert written["class_name"] == "function" and losses.deserialize(written) is getattr(losses, snake)


@pytest.mark.parametrize("short", ["mse", "mae", "mape", "msle", "bce", "kld"])
def test_short_names(short):
    assert losses.get(short) is losses.get(short.upper())
    assert callable(losses.deserialize(short))


@pytest.mark.parametrize(
    "loss",
    [
        losses.Huber(0.5), losses.CosineSimilarity(axis=1), losses.Tversky(0.2, 0.7, axis=(1, 2)),
        losses.SparseCategoricalCrossentropy(True, 3, axis=1), losses.CategoricalFocalCrossentropy([0.1, 0.9], 1.0),
        losses.BinaryFocalCrossentropy(True, 0.3, 1.0, True, 0.1, 0), losses.Circle(3.0, 0.1, False),
        losses.CategoricalGeneralizedCrossEntropy(0.3), losses.Dice(axis=1),
    ],
)  # fmt: skip
def test_no_argument_is_lost(loss):
    again = type(loss).from_config(loss.get_config())
    assert again._fn_kwargs == loss._fn_kwargs
    for key, value in loss._fn_kwargs.items():
        assert getattr(again, key) == value


def test_a_function_with_arguments_as_data():
    loss = losses.LossFunctionWrapper(losses.huber, delta=0.5, name="h")
    config = loss.get_config()
    assert config["delta"] == 0.5 and config["fn"]["config"] == "huber"
    again = losses.LossFunctionWrapper.from_config(json.loads(json.dumps(config)))
    assert again.fn is losses.huber and float(again(Y, P)) == float(loss(Y, P))
    assert repr(again).startswith("<LossFunctionWrapper(")

    def mine(y, p, power=1.0):
        return ops.mean(ops.absolute(y - p) ** power, axis=-1)

    config = losses.serialize(losses.LossFunctionWrapper(mine, power=3.0))
    with custom_object_scope({"mine": mine}):
        assert losses.deserialize(config).fn is mine
    assert losses.deserialize(config, {"mine": mine}).fn is mine


def test_custom_losses_by_name():
    class Cubed(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.absolute(y_true - y_pred) ** 3, axis=-1)

    config = losses.serialize(Cubed(name="c"))
    assert isinstance(losses.deserialize(config, {"Cubed": Cubed}), Cubed)
    with custom_object_scope({"Cubed": Cubed}):
        assert losses.get(config).name == "c"
        assert isinstance(losses.get("Cubed"), Cubed)
    for wrong in (config, "Cubed", {"class_name": "None", "config": {}}, 3, "kullback"):
        with pytest.raises(ValueError, match="Could not interpret loss identifier"):
            losses.get(wrong)
