"""What parts written in Python, weights, metrics and generators cost beside the plain mnist work.

python benchmarks/custom.py [--turns N] [--work WORK]

One process; in each turn the plain fit and the variant follow each other, so that whatever else the machine does falls
on both. A figure is the median over the turns of variant / plain; for a generator, the microseconds a batch beyond
those of the same fit from arrays and of going through the generator.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import nervure as nv
import numpy as np
from nervure import ops
from side_nervure import model
from works import WORKS, Work

Fit = Callable[[], Any]


class Dense(nv.Layer):
    """As `layers.Dense` with a ReLU."""

    def __init__(self, units: int, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.activation = units, activation

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        y = ops.add(ops.matmul(inputs, self.kernel), self.bias)
        return y if self.activation is None else self.activation(y)


def crossentropy(y_true: Any, y_pred: Any) -> Any:
    """As `losses.sparse_categorical_crossentropy`."""
    p = ops.clip(y_pred / ops.sum(y_pred, axis=-1, keepdims=True), 1e-7, 1.0 - 1e-7)
    return -ops.sum(ops.one_hot(y_true, y_pred.shape[-1]) * ops.log(p), axis=-1)


class Accuracy(nv.Metric):
    """As `metrics.SparseCategoricalAccuracy`."""

    def __init__(self, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.right = self.add_weight(name="right", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        right = ops.equal(ops.cast(y_true, "int32"), ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
        self.right.assign_add(ops.sum(ops.cast(right, "float32")))
        self.count.assign_add(float(y_pred.shape[0]))

    def result(self) -> Any:
        return self.right / ops.maximum(self.count, 1.0)


class Adam(nv.Optimizer):
    """As `optimizers.Adam`."""

    def __init__(self, learning_rate: float = 0.001, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = 0.9, 0.999, 1e-7

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.m = [self.add_variable_from_reference(v, name="m") for v in variables]
        self.v = [self.add_variable_from_reference(v, name="v") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        m, v = self.m[k], self.v[k]
        t = ops.cast(self.iterations + 1, variable.dtype)
        alpha = learning_rate * ops.sqrt(1 - ops.power(self.beta_2, t)) / (1 - ops.power(self.beta_1, t))
        self.assign(m, self.beta_1 * m + (1 - self.beta_1) * gradient)
        self.assign(v, self.beta_2 * v + (1 - self.beta_2) * gradient * gradient)
        self.assign_sub(variable, alpha * m / (ops.sqrt(v) + self.epsilon))


def custom_layers(work: Work) -> nv.Model:
    nv.utils.set_random_seed(0)
    hidden = [Dense(width, ops.relu) for width in work.widths[1:-1]]
    return nv.Sequential([nv.Input((work.widths[0],)), *hidden, Dense(work.widths[-1], ops.softmax)])


def all_metrics(work: Work) -> list[Any]:
    """Those that class numbers allow, and those of one-hot targets on them."""
    M, n = nv.metrics, work.widths[-1]

    class OnOneHot(nv.Metric):
        def __init__(self, inner: Any) -> None:
            super().__init__(name=inner.name)
            self.inner = inner

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.inner.update_state(ops.one_hot(y_true, n), y_pred, sample_weight)

        def result(self) -> Any:
            return self.inner.result()

    one_hot = [
        M.AUC(), M.Precision(), M.Recall(), M.TruePositives(), M.TrueNegatives(), M.FalsePositives(),
        M.FalseNegatives(), M.PrecisionAtRecall(0.5), M.RecallAtPrecision(0.5), M.F1Score(),
        M.SensitivityAtSpecificity(0.5),
        M.SpecificityAtSensitivity(0.5), M.CategoricalAccuracy(), M.TopKCategoricalAccuracy(3), M.MeanSquaredError(),
        M.MeanAbsoluteError(), M.RootMeanSquaredError(), M.KLDivergence(), M.CosineSimilarity(), M.OneHotMeanIoU(n),
    ]  # fmt: skip
    return ["accuracy", M.SparseCategoricalCrossentropy(), M.SparseTopKCategoricalAccuracy(3), *map(OnOneHot, one_hot)]


def fit(
    net: nv.Model, work: Work, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any
) -> Fit:
    net.compile(optimizer, loss or "sparse_categorical_crossentropy", metrics=metrics)
    x, y = work.data()
    return lambda: net.fit(x, y, batch_size=work.batch, verbose=0, **kwargs)


def variants(work: Work) -> dict[str, tuple[Fit, Fit, float]]:
    """Name: the plain fit, the variant, and at most how many times slower it may be."""
    rng = np.random.default_rng(0)
    weights = rng.random(work.rows).astype("float32")
    plain = fit(model(work), work)
    accurate = fit(model(work), work, metrics=["accuracy"])
    return {
        "the same once more": (plain, fit(model(work), work), 1.0),
        "custom layers": (plain, fit(custom_layers(work), work), 1.15),
        "custom loss": (plain, fit(model(work), work, loss=crossentropy), 1.15),
        "custom metric": (accurate, fit(model(work), work, metrics=[Accuracy()]), 1.15),
        "custom optimizer": (plain, fit(model(work), work, Adam()), 1.15),
        "sample_weight": (plain, fit(model(work), work, sample_weight=weights), 1.03),
        "class_weight": (plain, fit(model(work), work, class_weight=dict.fromkeys(range(10), 0.5)), 1.03),
        "all metrics": (plain, fit(model(work), work, metrics=all_metrics(work)), 1.05),
    }


def seconds(run: Fit) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def generator(work: Work, turns: int) -> float:
    """Microseconds a batch beyond those of arrays in order and of the generator."""
    net = model(work)
    net.compile("adam", "sparse_categorical_crossentropy")
    x, y = work.data()
    parts = [(x[k : k + work.batch], y[k : k + work.batch]) for k in range(0, work.rows, work.batch)]

    def batches() -> Iterator[Any]:
        yield from parts

    def once() -> float:
        own = seconds(lambda: sum(1 for _ in batches()))
        arrays = seconds(lambda: net.fit(x, y, batch_size=work.batch, shuffle=False, verbose=0))
        return (seconds(lambda: net.fit(batches(), verbose=0)) - arrays - own) / work.steps * 1e6

    once()
    return statistics.median(once() for _ in range(turns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=41)
    known = [name for name, w in WORKS.items() if w.classes and not w.predict]
    parser.add_argument("--work", default="mnist", choices=known)
    options = parser.parse_args()
    work = WORKS[options.work]
    print(f"{work.label}: time of `fit` beside the plain one, median of {options.turns} turns\n")
    print("| variant | ms a step | times plain | at most |\n|---|---|---|---|")
    for name, (plain, variant, limit) in variants(work).items():
        for warm in (plain, variant, plain, variant):
            warm()
        pairs = [(seconds(plain), seconds(variant)) for _ in range(options.turns)]
        ratio = statistics.median(b / a for a, b in pairs)
        step = statistics.median(b for _, b in pairs) / work.steps * 1e3
        print(f"| {name} | {step:.3g} | {ratio:.3f} | {limit:g} |", flush=True)
    for name in dict.fromkeys(("tiny", work.name)):
        small = WORKS[name] if WORKS[name].classes else WORKS["tab"]
        print(f"| a generator of batches, {small.label} | | {generator(small, options.turns):.1f} us a batch | 10 us |")


if __name__ == "__main__":
    main()
