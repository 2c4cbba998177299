"""What metrics cost: the time of a training step with them over that without, 784-512-512-10, batch 128.

    python benchmarks/metrics.py          # some sets, and all at once
    python benchmarks/metrics.py --each   # each alone, too

Epochs with and without take turns, so that what else the machine does meets both; the median of the ratios counts.
"""

import statistics
import sys
import time
from collections.abc import Callable

import nervure as nv
import numpy as np
from nervure import layers
from nervure import metrics as m

STEPS, BATCH, ROUNDS = 60, 128, 9
METRICS: dict[str, Callable[[], nv.Metric]] = {
    cls.__name__: cls
    for cls in (
        m.Accuracy, m.BinaryAccuracy, m.CategoricalAccuracy, m.TopKCategoricalAccuracy, m.BinaryCrossentropy,
        m.CategoricalCrossentropy, m.KLDivergence, m.Poisson, m.CategoricalHinge, m.Hinge, m.SquaredHinge,
        m.MeanSquaredError, m.RootMeanSquaredError, m.MeanAbsoluteError, m.MeanAbsolutePercentageError,
        m.MeanSquaredLogarithmicError, m.LogCoshError, m.CosineSimilarity, m.R2Score, m.PearsonCorrelation,
        m.ConcordanceCorrelation, m.TruePositives, m.FalsePositives, m.TrueNegatives, m.FalseNegatives, m.Precision,
        m.Recall, m.F1Score, m.BinaryIoU, m.AUC,
    )
} | {
    "AUC of PR": lambda: m.AUC(curve="PR", name="pr"),
    "AUC of each label": lambda: m.AUC(multi_label=True, name="by_label"),
    "Precision of top 3": lambda: m.Precision(top_k=3, name="precision_3"),
    "FBetaScore": lambda: m.FBetaScore(average="micro", beta=2.0),
    "OneHotMeanIoU": lambda: m.OneHotMeanIoU(10),
    "PrecisionAtRecall": lambda: m.PrecisionAtRecall(0.5),
    "RecallAtPrecision": lambda: m.RecallAtPrecision(0.5),
    "SensitivityAtSpecificity": lambda: m.SensitivityAtSpecificity(0.5),
    "SpecificityAtSensitivity": lambda: m.SpecificityAtSensitivity(0.5),
}  # fmt: skip
SETS = {
    "no metrics again": [],
    "accuracy": ["CategoricalAccuracy"],
    "accuracy, AUC, precision, recall, F1": ["CategoricalAccuracy", "AUC", "Precision", "Recall", "F1Score"],
    "all": list(METRICS),
}


def model(names: list[str]) -> nv.Model:
    nv.utils.set_random_seed(0)
    net = nv.Sequential([nv.Input((784,)), *(layers.Dense(512, "relu") for _ in range(2)), layers.Dense(10, "softmax")])
    net.compile("adam", "categorical_crossentropy", metrics=[METRICS[name]() for name in names])
    return net


def main() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((STEPS * BATCH, 784), dtype="float32")
    y = np.eye(10, dtype="float32")[rng.integers(0, 10, len(x))]

    def epoch(net: nv.Model) -> float:
        start = time.perf_counter()
        net.fit(x, y, batch_size=BATCH, verbose=0)
        return time.perf_counter() - start

    plain = model([])
    epoch(plain)
    each = {name: [name] for name in METRICS} if "--each" in sys.argv else {}
    for title, names in (SETS | each).items():
        net = model(names)
        epoch(net)
        pairs = [(epoch(plain), epoch(net)) for _ in range(ROUNDS)]
        ratio = statistics.median(b / a for a, b in pairs)
        step = min(a for a, _ in pairs) / STEPS
        print(f"{title:40} {100 * (ratio - 1):+6.1f} %   of {1000 * step:.2f} ms", flush=True)


if __name__ == "__main__":
    main()
