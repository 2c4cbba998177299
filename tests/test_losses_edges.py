"""Slopes of losses to second order by finite differences, and what happens at their edges: zeros, far values, labels of
their own, targets that cannot be.
"""

import itertools
import warnings

import nervure as nv
import numpy as np
import pytest
from nervure import losses, ops

RNG = np.random.default_rng(3)
T, P = RNG.uniform(0.1, 0.9, (4, 3)), RNG.uniform(0.1, 0.9, (4, 3))
HOT, NUMBERS = np.eye(3)[[0, 2, 1, 0]], np.array([0, 2, 1, 0])
SIGNS = np.where(T > 0.5, 1.0, -1.0)
LOGITS = RNG.normal(size=(4, 3))
D = {"dtype": "float64"}

SMOOTH = {
    "LogCosh": (losses.LogCosh(**D), 3 * T, LOGITS),
    "CosineSimilarity": (losses.CosineSimilarity(**D), T, LOGITS),
    "SquaredHinge": (losses.SquaredHinge(**D), SIGNS, 0.3 * LOGITS),
    "Hinge": (losses.Hinge(**D), SIGNS, 0.3 * LOGITS),
    "CategoricalHinge": (losses.CategoricalHinge(**D), HOT, LOGITS),
    "KLDivergence": (losses.KLDivergence(**D), T, P),
    "Poisson": (losses.Poisson(**D), 3 * T, P),
    "BinaryFocal": (losses.BinaryFocalCrossentropy(True, gamma=1.5, **D), HOT, P),
    "BinaryFocalLogits": (losses.BinaryFocalCrossentropy(from_logits=True, label_smoothing=0.1, **D), HOT, LOGITS),
    "CategoricalFocal": (losses.CategoricalFocalCrossentropy(gamma=0.5, **D), HOT, P),
    "CategoricalFocalLogits": (losses.CategoricalFocalCrossentropy(from_logits=True, **D), HOT, LOGITS),
    "Generalized": (losses.CategoricalGeneralizedCrossEntropy(0.7, **D), NUMBERS, P),
    "Dice": (losses.Dice(axis=1, **D), HOT, P),
    "Tversky": (losses.Tversky(0.3, 0.9, **D), HOT, P),
    "CTC": (losses.CTC(**D), np.array([[1, 1], [2, 0]]), RNG.normal(size=(2, 4, 3))),
    "Circle": (losses.Circle(gamma=2.0, **D), NUMBERS, LOGITS / np.linalg.norm(LOGITS, axis=1, keepdims=True)),
}


def slope(f, x, h=1e-6):
    """The gradient of a function of arrays by central differences."""
    out = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[k] = h
        out[k] = (float(f(x + step)) - float(f(x - step))) / (2 * h)
    return out


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes(name):
    loss, y, p = SMOOTH[name]
    c = RNG.normal(size=p.shape)
    first = nv.grad(lambda a: loss(y, a))
    np.testing.assert_allclose(first(p), slope(lambda a: loss(y, a), p), rtol=1e-6, atol=1e-8)
    second = nv.grad(lambda a: ops.sum(c * nv.grad(lambda b: loss(y, b))(a)))
    np.testing.assert_allclose(second(p), slope(lambda a: (c * first(a)).sum(), p), rtol=1e-5, atol=1e-7)


def test_log_cosh_is_exact_near_zero_and_finite_far_away():
    x = np.array([1e-9, 1e-6, 1e-3, 0.5, 0.999999, 1.000001, 3.0, 20.0])
    y = losses.log_cosh(np.zeros((8, 1)), x[:, None])
    small = x**2 / 2 - x**4 / 12  # the series; the next term is x**6 / 45
    np.testing.assert_allclose(y, np.where(x < 1e-2, small, np.log(np.cosh(x))), rtol=1e-12)
    far = np.float32([[-1e30], [1e30], [-200.0]])
    np.testing.assert_allclose(losses.log_cosh(0 * far, far), [1e30, 1e30, 200 - np.log(2)], rtol=1e-6)
    gradient = nv.grad(lambda a: ops.sum(losses.log_cosh(0 * far, a)))(far)
    np.testing.assert_allclose(gradient, [[-1], [1], [-1]])


def gradient(loss, y, p):
    return nv.grad(lambda a: ops.sum(loss(y, a)))(p)


def test_gradients_at_edges_are_numbers():
    zero, one = np.zeros((2, 3)), np.ones((2, 3))
    hot = np.eye(3)[[0, 1]]
    for loss, y, p in (
        (losses.CosineSimilarity(), one, zero),
        (losses.CosineSimilarity(), zero, one),
        (losses.KLDivergence(), hot, zero),
        (losses.KLDivergence(), zero, hot),
        (losses.Poisson(), one, zero),
        (losses.BinaryFocalCrossentropy(gamma=0.5), hot, hot),
        (losses.BinaryFocalCrossentropy(gamma=0.0), hot, 1 - hot),
        (losses.BinaryFocalCrossentropy(from_logits=True, gamma=0.5), hot, 1e4 * (2 * hot - 1)),
        (losses.CategoricalFocalCrossentropy(gamma=0.5), hot, hot),
        (losses.CategoricalFocalCrossentropy(from_logits=True, gamma=0.5), hot, 1e4 * hot),
        (losses.CategoricalGeneralizedCrossEntropy(), np.array([0, 1]), zero),
        (losses.Dice(), zero, zero),
        (losses.Tversky(), zero, zero),
        (losses.Circle(), np.array([0, 1]), np.eye(3)[[0, 1]]),  # no label twice: nothing to bring together
        (losses.Circle(), np.array([0, 0]), np.eye(3)[[0, 1]]),  # no other label: nothing to keep apart
    ):
        p = p.astype(np.float32)
        assert np.isfinite(loss(y, p)), loss.name
        assert np.isfinite(gradient(loss, y, p)).all(), loss.name


def test_confident_wrong_logits_still_learn():
    """Clipped at a probability of 1e-7 there would be no slope."""
    y, z = np.array([[1.0, 0.0]]), np.array([[-40.0, 40.0]])
    value, slope_ = nv.value_and_grad(lambda a: losses.BinaryFocalCrossentropy(from_logits=True)(y, a))(z)
    np.testing.assert_allclose(value, 40.0, rtol=1e-6)
    np.testing.assert_allclose(slope_, [[-0.5, 0.5]], rtol=1e-6)
    value, slope_ = nv.value_and_grad(lambda a: losses.CategoricalFocalCrossentropy(from_logits=True)(y, a))(z)
    np.testing.assert_allclose(value, 0.25 * 80.0, rtol=1e-6)
    np.testing.assert_allclose(slope_, [[-0.25, 0.25]], rtol=1e-6)


def test_hinge_takes_binary_targets_as_signs():
    p = np.array([[0.5, -2.0], [0.25, 3.0]])
    y = np.array([[1, 0], [0, 1]])
    for loss in (losses.Hinge(), losses.SquaredHinge()):
        assert float(loss(y, p)) == float(loss(2 * y - 1, p))
        assert float(loss(y > 0, p)) == float(loss(2 * y - 1, p))
    mixed = np.array([[1, 0], [-1, 1]])  # a 0 among signs stays
    np.testing.assert_allclose(losses.hinge(mixed, p), [(0.5 + 1) / 2, (1.25 + 0) / 2])


def test_circle_of_one_pair():
    """Two rows of label 0 and one of label 1, written out."""
    e = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    d = np.maximum(1 - e @ e.T, 0)
    near = lambda v: 2 * (0.4 + v) * (v - 0.4)  # noqa: E731
    far = lambda v: 2 * (1.4 - v) * (0.6 - v)  # noqa: E731
    expected = [np.log1p(np.exp(near(d[0, 1]) + far(d[0, 2]))), np.log1p(np.exp(near(d[0, 1]) + far(d[1, 2]))), 0.0]
    np.testing.assert_allclose(losses.circle([0, 0, 1], e, gamma=2.0), expected, rtol=1e-6)
    mean = losses.Circle(gamma=2.0)(np.array([0, 0, 1]), e)
    np.testing.assert_allclose(mean, np.mean(expected[:2]), rtol=1e-6)  # the third has no pair: it is left out


def spelled(path):
    """What a path of classes says: repeats once, then no blanks."""
    return [int(k) for n, k in enumerate(path) if k and (n == 0 or path[n - 1] != k)]


@pytest.mark.parametrize("labels", [[1], [2, 1], [1, 1], [1, 2, 1], [2, 2, 2], []])
def test_ctc_is_the_sum_over_all_paths(labels):
    z = np.random.default_rng(7).normal(size=(5, 3))
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    paths = itertools.product(range(3), repeat=5)
    total = sum(np.prod(p[range(5), path]) for path in paths if spelled(path) == labels)
    y = np.zeros((1, 4), int)
    y[0, : len(labels)] = labels
    np.testing.assert_allclose(losses.ctc(y, z[None]), [-np.log(total)], rtol=1e-12)


def test_ctc_at_edges():
    z = np.zeros((1, 2, 3), np.float32)
    assert float(losses.CTC()(np.array([[1, 1, 2]]), z)) > 9e4  # three labels do not fit into two times
    assert np.isfinite(gradient(losses.CTC(), np.array([[1, 1, 2]]), z)).all()
    far = np.float32([[[0, 1e4, 0], [0, 0, 1e4]]])
    assert float(losses.CTC()(np.array([[1, 2]]), far)) == 0
    assert np.isfinite(gradient(losses.CTC(), np.array([[2, 1]]), far)).all()
    for y, p in (([1, 2], z), ([[1, 2]], z[0]), ([[1], [2]], z)):
        with pytest.raises(ValueError, match=r"Targets `y_true`|Logits `y_pred`"):
            losses.ctc(np.array(y), p)
    with pytest.raises(ValueError, match="ctc expects class numbers 0 to 2, got 3 in row 1"):
        losses.CTC().check_targets(np.array([[1, 2], [1, 3]]), (None, 2, 3))


def test_ctc_in_training():
    x = np.random.default_rng(8).normal(size=(6, 5, 4))
    y = np.array([[1, 2], [2, 0], [1, 1], [2, 1], [1, 0], [2, 2]])
    model = nv.Sequential([nv.Input((5, 4)), nv.layers.Flatten(), nv.layers.Dense(15), nv.layers.Reshape((5, 3))])
    model.compile(nv.optimizers.Adam(0.05), loss="ctc")
    history = model.fit(x, y, epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.1 * history[0]


def test_class_numbers_as_columns_and_numbers_beyond_float32():
    p = np.eye(3)[[0, 2]] * 0.4 + 0.2
    loss = losses.CategoricalGeneralizedCrossEntropy(0.5)
    assert float(loss(np.array([[0], [1]]), p)) == float(loss(np.array([0, 1]), p))
    a, b = 2**24, 2**24 + 1  # the same float32
    e = np.eye(2)
    assert float(losses.Circle(gamma=1.0)(np.array([a, a]), e)) == 0  # nothing to keep apart
    far = losses.circle(np.array([a, b, a]), e[[0, 1, 1]], gamma=1.0)
    assert far[0] > 0


@pytest.mark.parametrize(
    "loss, y, words",
    [
        (losses.Poisson(), [[np.nan, 1, 2]], "poisson expects finite targets, got nan in row 0"),
        (losses.Hinge(), [[1, 0, 1], [np.inf, 0, 0]], "hinge expects finite targets, got inf in row 1"),
        (losses.BinaryFocalCrossentropy(), [[0, 1, 2]], "targets between 0 and 1, got 2.0 in row 0"),
        (losses.Dice(), [[0, np.nan, 2]], "dice expects finite targets"),
        (losses.CategoricalGeneralizedCrossEntropy(), [0, 3], "expects class numbers 0 to 2 .* got 3.0 in row 1"),
        (losses.CategoricalGeneralizedCrossEntropy(), [0.5], "expects class numbers 0 to 2 .* got 0.5 in row 0"),
    ],
)
def test_targets_are_checked(loss, y, words):
    with pytest.raises(ValueError, match=words):
        loss.check_targets(np.array(y, float), (None, 3))


@pytest.mark.parametrize("loss", [losses.Hinge(), losses.KLDivergence(), losses.Poisson(), losses.CosineSimilarity()])
def test_targets_that_are_not_checked(loss):
    loss.check_targets(np.array([[-1.0, 0, 1], [0.5, 2, -3]]), (None, 3))


def test_targets_are_checked_before_the_first_step():
    model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(3, activation="sigmoid")])
    model.compile("sgd", loss="binary_focal_crossentropy")
    before = [w.copy() for w in model.get_weights()]
    y = np.zeros((4, 3))
    y[3, 1] = 7
    with pytest.raises(ValueError, match="targets between 0 and 1, got 7"):
        model.fit(np.ones((4, 2)), y, verbose=0, batch_size=1)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: losses.CategoricalGeneralizedCrossEntropy(1.0), r"interval \(0, 1\)"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(0), r"interval \(0, 1\)"),
        (lambda: losses.Huber(delta="a"), "Huber: expected delta"),
        (lambda: losses.BinaryFocalCrossentropy(gamma=-1), "gamma to be a finite number of at least 0"),
        (lambda: losses.BinaryFocalCrossentropy(label_smoothing=2), "label_smoothing between 0 and 1"),
        (lambda: losses.CategoricalFocalCrossentropy(alpha="x"), "expected alpha"),
        (lambda: losses.CategoricalFocalCrossentropy(axis=True), "`axis` must be of type `int`"),
        (lambda: losses.Tversky(alpha=np.nan), "Tversky: expected alpha"),
        (lambda: losses.Circle(gamma=None), "Circle: expected gamma"),
        (lambda: losses.Dice(reduction="average"), "Invalid value for argument `reduction`"),
        (lambda: losses.categorical_crossentropy(HOT, P, axis=True), "`axis` must be of type `int`"),
        (lambda: losses.circle([0, 1], np.zeros((3, 2))), r"circle expects embeddings .* y_true \(2,\)"),
        (lambda: losses.Hinge()(T, P[:, :2]), "hinge expects y_true and y_pred of the same shape"),
        (lambda: losses.Poisson()(T, P[:2]), "same shape"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_one_class_is_warned_of():
    for function in (losses.categorical_crossentropy, losses.categorical_focal_crossentropy):
        with pytest.warns(SyntaxWarning, match="Consider using 'binary_crossentropy'"):
            function(np.ones((2, 1)), np.full((2, 1), 0.5))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            function(HOT, P)
