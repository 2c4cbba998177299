"""Counts at thresholds, AUC, F-scores, intersection over union, R2, correlations: against what NumPy counts."""

import warnings

import numpy as np
import pytest
from nervure import metrics

RNG = np.random.default_rng(5)
Y = RNG.integers(0, 2, (60, 3))
P = RNG.uniform(size=(60, 3)).astype("float32")
P[::7] = P[::7].round(1)
W = RNG.uniform(size=60)
KINDS = {
    metrics.TruePositives: lambda y, above: y & above,
    metrics.FalsePositives: lambda y, above: ~y & above,
    metrics.TrueNegatives: lambda y, above: ~y & ~above,
    metrics.FalseNegatives: lambda y, above: y & ~above,
}


def fed(m, *arrays, weights=None):
    """The metric after three uneven batches."""
    for rows in (slice(0, 20), slice(20, 27), slice(27, 60)):
        w = None if weights is None else weights[rows]
        m.update_state(*(a[rows] for a in arrays), sample_weight=w)
    return m


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("thresholds", [None, 0.3, [0.9, 0.2], [0.0, 0.5, 1.0], list(np.linspace(0, 1, 30))])
@pytest.mark.parametrize("weights", [None, W, np.repeat(W[:, None], 3, 1)], ids=["plain", "rows", "each"])
def test_counts(kind, thresholds, weights):
    m = fed(kind(thresholds=thresholds), Y, P, weights=weights)
    levels = np.atleast_1d(0.5 if thresholds is None else thresholds).astype("float32")
    each = 1.0 if weights is None else np.broadcast_to(weights.reshape(60, -1), P.shape)
    expected = [(KINDS[kind](Y.astype(bool), t < P) * each).sum() for t in levels]
    assert np.shape(m.result()) == (() if len(levels) == 1 else levels.shape)
    np.testing.assert_allclose(np.atleast_1d(m.result()), expected, rtol=1e-5, atol=1e-5)
    m.reset_state()
    assert not np.any(m.result())


def test_one_threshold_in_a_list_gives_a_scalar_and_keeps_its_config():
    m = metrics.Precision(thresholds=[0.3])
    assert fed(m, Y, P).result().shape == ()
    assert m.get_config()["thresholds"] == [0.3]


def test_nan_and_predictions_out_of_range_are_in_the_outer_buckets():
    y, p = np.array([1, 1, 0, 1]), np.array([np.nan, 3.0, -2.0, 0.5], "float32")
    m = metrics.AUC(num_thresholds=3)
    m.update_state(y, p)
    assert m.true_positives.numpy().tolist() == [3, 1, 0]
    assert m.false_positives.numpy().tolist() == [1, 0, 0]
    assert m.true_negatives.numpy().tolist() == [0, 1, 1]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k(k):
    p = P + np.arange(180).reshape(60, 3).astype("float32") * 1e-6  # no ties
    among = p >= np.sort(p, axis=-1)[:, -k][:, None]
    precision, recall = (fed(c(top_k=k), Y, p).result() for c in (metrics.Precision, metrics.Recall))
    np.testing.assert_allclose(precision, (among & Y.astype(bool)).sum() / among.sum(), rtol=1e-6)
    np.testing.assert_allclose(recall, (among & Y.astype(bool)).sum() / Y.sum(), rtol=1e-6)


def test_of_equal_predictions_the_first_is_among_the_top():
    m = metrics.Precision(top_k=1)
    m.update_state([[1, 0], [0, 1]], [[0.5, 0.5], [0.5, 0.5]])
    assert float(m.result()) == 0.5


def test_class_id_looks_at_one_column():
    both = fed(metrics.Recall(class_id=1), Y, P, weights=W), fed(metrics.Recall(), Y[:, 1], P[:, 1], weights=W)
    np.testing.assert_allclose(both[0].result(), both[1].result())
    assert both[0].true_positives.shape == (1,)


def exact_auc(y, p, w):
    """The probability that a positive sample is above a negative one: half of it where they are equal."""
    pairs = w[y == 1][:, None] * w[y == 0]
    above, below = p[y == 1][:, None], p[y == 0]
    return (pairs * ((above > below) + 0.5 * (above == below))).sum() / pairs.sum()


@pytest.mark.parametrize("weights", [None, W])
def test_auc_of_many_thresholds_is_that_of_all_pairs(weights):
    m = fed(metrics.AUC(num_thresholds=20001), Y[:, 0], P[:, 0], weights=weights)
    w = np.ones(60) if weights is None else weights
    assert float(m.result()) == pytest.approx(exact_auc(Y[:, 0], P[:, 0], w), abs=1e-4)


@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
@pytest.mark.parametrize("multi_label", [False, True])
def test_buckets_and_comparisons_agree(curve, multi_label):
    """Thresholds nearly spread evenly are compared one by one, and give nearly the same."""
    given = [(k + 1) / 20 for k in range(19)]
    nearly = [t + 1e-5 for t in given]
    a = fed(metrics.AUC(thresholds=given, curve=curve, multi_label=multi_label), Y, P * 0.999 + 3e-4, weights=W)
    b = fed(metrics.AUC(thresholds=nearly, curve=curve, multi_label=multi_label), Y, P * 0.999 + 3e-4, weights=W)
    assert a._grid.even and not b._grid.even
    np.testing.assert_allclose(a.true_negatives.numpy(), b.true_negatives.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(a.result(), b.result(), rtol=1e-4)


def test_multi_label_auc_is_the_mean_of_those_of_the_labels():
    each = [float(fed(metrics.AUC(), Y[:, k], P[:, k]).result()) for k in range(3)]
    assert float(fed(metrics.AUC(multi_label=True), Y, P).result()) == pytest.approx(np.mean(each), rel=1e-6)
    weighted = metrics.AUC(multi_label=True, label_weights=[1.0, 0.0, 3.0], num_labels=3)
    assert len(weighted.variables) == 4 and weighted.true_positives.shape == (200, 3)
    assert float(fed(weighted, Y, P).result()) == pytest.approx((each[0] + 3 * each[2]) / 4, rel=1e-6)
    assert weighted.get_config()["label_weights"] == [1.0, 0.0, 3.0]


def test_logits_are_put_through_a_sigmoid():
    logits = np.log(P.clip(0.01, 0.99) / (1 - P.clip(0.01, 0.99)))
    a, b = fed(metrics.AUC(from_logits=True), Y, logits), fed(metrics.AUC(), Y, 1 / (1 + np.exp(-logits)))
    np.testing.assert_allclose(a.result(), b.result(), rtol=1e-3)


def test_the_best_of_one_ratio_at_a_level_of_another():
    tp, fp, tn, fn = (np.array([KINDS[c](Y == 1, t < P).sum() for t in np.linspace(0, 1, 50)]) for c in KINDS)
    sensitivity, specificity, precision = tp / (tp + fn), tn / (tn + fp), tp / np.maximum(tp + fp, 1)
    for kind, best, level in (
        (metrics.SensitivityAtSpecificity, sensitivity, specificity),
        (metrics.SpecificityAtSensitivity, specificity, sensitivity),
        (metrics.PrecisionAtRecall, precision, sensitivity),
        (metrics.RecallAtPrecision, sensitivity, precision),
    ):
        for value in (0.2, 0.55):
            expected = best[level >= value].max(initial=0)
            assert float(fed(kind(value, num_thresholds=50), Y, P).result()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("beta", [1.0, 0.5])
@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
def test_f_scores(beta, average):
    above = P > 0.4
    axis = None if average == "micro" else 0
    w = W[:, None]
    tp, predicted, true = ((x * w).sum(axis) for x in (above & (Y == 1), above, Y))
    score = (1 + beta**2) * tp / (beta**2 * true + predicted)
    expected = np.average(score, weights=true if average == "weighted" else None) if average else score
    m = fed(metrics.FBetaScore(average, beta, 0.4), Y, P, weights=W)
    assert m.result().shape == (() if average else (3,))
    np.testing.assert_allclose(m.result(), expected, rtol=1e-4)
    if beta == 1:
        np.testing.assert_array_equal(fed(metrics.F1Score(average, 0.4), Y, P, weights=W).result(), m.result())


def jaccard(y, p, ids, w):
    shares = []
    for k in ids:
        union = ((y == k) | (p == k)) * w
        shares += [(((y == k) & (p == k)) * w).sum() / union.sum()] if union.any() else []
    return np.mean(shares)


LABELS, FOUND = RNG.integers(0, 4, (60, 2)), RNG.integers(0, 4, (60, 2))
COUNTS = RNG.integers(0, 3, (60, 2))


def test_intersection_over_union():
    for w, given in ((np.ones((60, 2)), None), (COUNTS, COUNTS)):
        m = fed(metrics.IoU(5, [0, 3, 4]), LABELS, FOUND, weights=given)
        assert float(m.result()) == pytest.approx(jaccard(LABELS, FOUND, [0, 3, 4], w), rel=1e-5)
        assert m.total_cm.numpy().sum() == w.sum() and m.total_cm.dtype == "int32"
        m = fed(metrics.MeanIoU(4), LABELS, FOUND, weights=given)
        assert float(m.result()) == pytest.approx(jaccard(LABELS, FOUND, range(4), w), rel=1e-5)
    scores = RNG.normal(size=(60, 4)).astype("float32")
    expected = jaccard(LABELS[:, 0], scores.argmax(-1), range(4), 1)
    hot = np.eye(4)[LABELS[:, 0]]
    for m, y in (
        (metrics.OneHotMeanIoU(4), hot),
        (metrics.OneHotIoU(4, range(4)), hot),
        (metrics.MeanIoU(4, sparse_y_pred=False), LABELS[:, 0]),
    ):
        assert float(fed(m, y, scores).result()) == pytest.approx(expected, rel=1e-5)
    first = fed(
        metrics.OneHotMeanIoU(4, axis=1), np.moveaxis(np.eye(4)[LABELS], -1, 1), np.eye(4)[FOUND].swapaxes(1, 2)
    )
    assert float(first.result()) == pytest.approx(jaccard(LABELS, FOUND, range(4), 1), rel=1e-5)
    binary = fed(metrics.BinaryIoU([1], threshold=0.25), Y[:, 0], P[:, 0])
    assert float(binary.result()) == pytest.approx(jaccard(Y[:, 0], (P[:, 0] >= 0.25) * 1, [1], 1), rel=1e-5)


def test_labels_that_are_no_class_count_nothing():
    m = metrics.MeanIoU(3, ignore_class=-1)
    m.update_state([0, -1, 2, 7, 1], [0, 1, 2, 1, 9])
    assert m.total_cm.numpy().tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    ignoring = metrics.MeanIoU(3, ignore_class=2)
    ignoring.update_state([0, 2, 1], [0, 2, 0])
    assert ignoring.total_cm.numpy().sum() == 2


def test_fractional_weights_of_integer_counts_warn():
    with pytest.warns(UserWarning, match="weight as `float`"):
        metrics.MeanIoU(2).update_state([0, 1], [0, 1], sample_weight=np.array([0.5, 2.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m = metrics.MeanIoU(2, dtype="float32")
        m.update_state([0, 1], [0, 1], sample_weight=np.array([0.5, 2.0]))
    assert m.total_cm.numpy().tolist() == [[0.5, 0], [0, 2]]


REAL = RNG.normal(size=(60, 3)).astype("float32")
GUESS = REAL + RNG.normal(size=(60, 3)).astype("float32")


def test_r2():
    w = W[:, None]
    mean = (REAL * w).sum(0) / w.sum()
    total = (w * (REAL - mean) ** 2).sum(0)
    scores = 1 - (w * (REAL - GUESS) ** 2).sum(0) / total
    for how, expected in (
        (None, scores),
        ("uniform_average", scores.mean()),
        ("variance_weighted_average", (scores * total).sum() / total.sum()),
    ):
        got = fed(metrics.R2Score(how), REAL, GUESS, weights=W).result()
        np.testing.assert_allclose(got, expected, rtol=1e-4)
    adjusted = metrics.R2Score(num_regressors=4)
    n = REAL.size
    expected = 1 - (1 - scores.mean()) * (n - 1) / (n - 5)
    assert float(fed(adjusted, REAL, GUESS, weights=W).result()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("regressors, words", [(2, "Division by zero"), (5, "More independent predictors")])
def test_r2_of_too_few_samples_is_not_adjusted(regressors, words):
    m, plain = metrics.R2Score(num_regressors=regressors), metrics.R2Score()
    for each in (m, plain):
        each.update_state([[0.0], [1.0], [3.0]], [[0.0], [2.0], [3.0]])
    with pytest.warns(UserWarning, match=words):
        assert float(m.result()) == float(plain.result())


def test_correlations():
    each = [np.corrcoef(a, b)[0, 1] for a, b in zip(REAL, GUESS, strict=True)]
    np.testing.assert_allclose(metrics.pearson_correlation(REAL, GUESS), each, rtol=1e-4)
    assert float(fed(metrics.PearsonCorrelation(), REAL, GUESS).result()) == pytest.approx(np.mean(each), rel=1e-4)
    apart = np.square(REAL.mean(0) - GUESS.mean(0))
    covariance = ((REAL - REAL.mean(0)) * (GUESS - GUESS.mean(0))).mean(0)
    columns = 2 * covariance / (REAL.var(0) + GUESS.var(0) + apart)
    np.testing.assert_allclose(metrics.concordance_correlation(REAL, GUESS, axis=0), columns, rtol=1e-4)
    assert float(metrics.ConcordanceCorrelation()(REAL, REAL)) == pytest.approx(1, abs=1e-5)


def test_top_k_accuracies():
    labels = RNG.integers(0, 3, 60)
    place = (P[range(60), labels][:, None] < P).sum(-1)
    for k in (1, 2, 5):
        expected = (place < k).mean()
        for m, y in (
            (metrics.SparseTopKCategoricalAccuracy(k), labels),
            (metrics.SparseTopKCategoricalAccuracy(k), labels[:, None]),
            (metrics.TopKCategoricalAccuracy(k), np.eye(3)[labels]),
        ):
            assert float(fed(m, y, P).result()) == pytest.approx(expected, rel=1e-6)
    assert metrics.sparse_top_k_categorical_accuracy([-1, 0, 3], np.ones((3, 3)), k=3).tolist() == [0, 1, 0]
    assert metrics.sparse_top_k_categorical_accuracy([[1], [2]], [[1, 0], [0, 1]], 2, True).tolist() == [[1], [0]]


BAD = [
    (lambda: metrics.Precision(thresholds=[0.2, 1.5]), ValueError, r"must be in \[0, 1\]. Received: \[1.5\]"),
    (lambda: metrics.TruePositives(thresholds=[None]), ValueError, r"Received: \[None\]"),
    (lambda: metrics.Recall(thresholds=[]), ValueError, "`thresholds` is empty"),
    (lambda: metrics.Recall(thresholds="a"), TypeError, "must be numbers"),
    (lambda: metrics.AUC(num_thresholds=1), ValueError, "must be an integer > 1. Received: num_thresholds=1"),
    (lambda: metrics.AUC(curve="roc curve"), ValueError, 'Invalid AUC curve value: "roc curve"'),
    (lambda: metrics.AUC(summation_method="trapezoid"), ValueError, "Invalid AUC summation method value"),
    (lambda: metrics.AUC(num_labels=3), ValueError, "`num_labels` is needed only when `multi_label` is True"),
    (lambda: metrics.AUC(multi_label=True)(Y[:, 0], P[:, 0]), ValueError, "must have rank 2"),
    (lambda: metrics.AUC(multi_label=True, num_labels=2)(Y, P), ValueError, r"counts 2 labels, got y_pred \(60, 3\)"),
    (lambda: metrics.AUC()(Y[:, 0], P), ValueError, r"y_true \(60,\) and y_pred \(60, 3\)"),
    (lambda: metrics.AUC(from_logits=True)(Y[:5], P), ValueError, "same shape"),
    (lambda: metrics.Precision(top_k=4)(Y, P), ValueError, "top_k=4"),
    (lambda: metrics.Precision(class_id=1)(Y[:, 0], P[:, 0]), ValueError, "When class_id is provided, y_pred must be"),
    (lambda: metrics.Precision(class_id=3)(Y, P), ValueError, "class_id 3 is out of range for 3 classes"),
    (lambda: metrics.SensitivityAtSpecificity(1.5), ValueError, r"`specificity` must be in the range \[0, 1\]"),
    (lambda: metrics.PrecisionAtRecall(-1), ValueError, "`recall` must be in the range"),
    (lambda: metrics.RecallAtPrecision(0.5, num_thresholds=0), ValueError, "must be an integer > 0"),
    (lambda: metrics.F1Score(average="mean"), ValueError, "Invalid `average` argument value"),
    (lambda: metrics.FBetaScore(beta=1), ValueError, "should be a Python float. Received: beta=1"),
    (lambda: metrics.FBetaScore(beta=-1.0), ValueError, "should be > 0"),
    (lambda: metrics.F1Score(threshold=1), ValueError, "should be a Python float"),
    (lambda: metrics.F1Score(threshold=1.5), ValueError, "should verify 0 < threshold <= 1"),
    (lambda: metrics.F1Score()(Y[:, 0], P[:, 0]), ValueError, "expects 2D inputs"),
    (lambda: metrics.F1Score()(Y[:, :2], P), ValueError, "same shape"),
    (lambda: metrics.MeanIoU(None), TypeError, "num_classes must be a positive integer, got None"),
    (lambda: metrics.MeanIoU(0), ValueError, "num_classes must be a positive integer, got 0"),
    (lambda: metrics.IoU(2, [2]), ValueError, "Target class id 2 is out of range"),
    (lambda: metrics.IoU(2, []), ValueError, "names no class"),
    (lambda: metrics.MeanIoU(2)([0, 1], [0]), ValueError, "as many labels as predictions, got 2 and 1"),
    (lambda: metrics.R2Score("mean"), ValueError, "Invalid value for argument `class_aggregation`"),
    (lambda: metrics.R2Score(num_regressors=-1), ValueError, "Expected a value >= 0"),
    (lambda: metrics.R2Score()(REAL[:, 0], GUESS[:, 0]), ValueError, "expects 2D inputs"),
    (lambda: metrics.TopKCategoricalAccuracy()(Y[:, :2], P), ValueError, "same shape"),
]


@pytest.mark.parametrize("k", range(len(BAD)))
def test_bad_input(k):
    make, kind, words = BAD[k]
    with pytest.raises(kind, match=words):
        make()


@pytest.mark.parametrize(
    "m, good, bad",
    [
        (metrics.AUC(), (Y, P), (Y[:3], P)),
        (metrics.F1Score(), (Y, P), (Y[:, :2], P[:, :2])),
        (metrics.AUC(multi_label=True), (Y, P), (Y[:, :2], P[:, :2])),
        (metrics.R2Score(), (REAL, GUESS), (REAL[:, :2], GUESS[:, :2])),
        (metrics.MeanIoU(4), (LABELS, FOUND), (LABELS, FOUND[:9])),
    ],
    ids=lambda x: type(x).__name__,
)
def test_an_error_changes_nothing(m, good, bad):
    m.update_state(*good)
    before = [np.array(v.numpy()) for v in m.variables]
    with pytest.raises(ValueError):
        m.update_state(*bad)
    for v, value in zip(m.variables, before, strict=True):
        np.testing.assert_array_equal(v.numpy(), value)


def test_top_k_of_one_row_and_of_rows_of_rows():
    m = metrics.Precision(top_k=2)
    m.update_state(np.array([1, 0, 1]), np.array([0.3, 0.2, 0.1]))
    assert float(m.result()) == 0.5
    flat, deep = metrics.Recall(top_k=2), metrics.Recall(top_k=2)
    flat.update_state(Y, P)
    deep.update_state(Y.reshape(20, 3, 3), P.reshape(20, 3, 3))
    assert float(flat.result()) == float(deep.result())
