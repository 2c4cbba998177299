"""What benchmarks/full_batch.py minimizes: networks on few data, as every side has to see them.

Parameters are one flat vector: kernel and bias of each layer in turn, kernels row by row. The loss and the Jacobian
written here in NumPy are what the hand-written peers use and what every side's result is checked with.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
DIGITS = Path(__file__).parent.parent / "python/nervure/datasets/digits.npz"


@dataclass(frozen=True)
class Problem:
    name: str
    widths: tuple[int, ...]  # of the input, the hidden layers and the output; hidden layers are tanh
    goal: float  # the loss to reach
    classes: bool = False  # cross-entropy of logits; else mean squared error
    output_tanh: bool = False
    iterations: int = 5000  # at most
    bias: float = 0.0  # they start uniform in [-bias, bias]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [s for a, b in zip(self.widths, self.widths[1:]) for s in ((a, b), (b,))]

    @property
    def parameters(self) -> int:
        return sum(int(np.prod(s)) for s in self.shapes)

    def start(self, seed: int) -> Array:
        """Glorot's uniform kernels (X. Glorot, Y. Bengio, 2010)."""
        rng = np.random.default_rng(seed)
        parts = []
        for shape in self.shapes:
            limit = (6 / sum(shape)) ** 0.5 if len(shape) == 2 else self.bias
            parts.append(rng.uniform(-limit, limit, shape).ravel())
        return np.concatenate(parts)

    def split(self, w: Any) -> list[Any]:
        """The weights in the flat vector, of whatever library."""
        out, at = [], 0
        for shape in self.shapes:
            size = int(np.prod(shape))
            out.append(w[at : at + size].reshape(shape))
            at += size
        return out

    def data(self) -> tuple[Array, Array]:
        """float64 [rows, inputs], and class numbers [rows] or float64 [rows, outputs]."""
        return DATA[self.name]()

    def forward(self, w: Any, x: Any, tanh: Any = np.tanh) -> Any:
        weights = self.split(w)
        for k in range(0, len(weights), 2):
            x = x @ weights[k] + weights[k + 1]
            if self.output_tanh or k < len(weights) - 2:
                x = tanh(x)
        return x

    def loss(self, w: Array) -> float:
        x, y = self.data()
        out = self.forward(w, x)
        if not self.classes:
            return float(np.mean((out - y) ** 2))
        out = out - out.max(axis=1, keepdims=True)
        right = out[np.arange(len(y)), y]
        # log(sum) = log(1 + the others), which keeps the digits of a loss near zero.
        others = np.exp(out - right[:, None])
        others[np.arange(len(y)), y] = 0
        return float(np.mean(np.log1p(others.sum(axis=1))))

    def flops(self) -> float:
        """Of the matrix products of one value with its gradient; the input has none."""
        rows = len(self.data()[0])
        pairs = [2.0 * rows * a * b for a, b in zip(self.widths, self.widths[1:])]
        return 3 * sum(pairs) - pairs[0]


def digits() -> tuple[Array, Array]:
    with np.load(DIGITS) as stored:
        return stored["images"].reshape(-1, 64) / 16.0, stored["labels"].astype(np.int64)


def fit() -> tuple[Array, Array]:
    """94 points of a smooth curve with two hills, both axes scaled to [-1, 1]."""
    x = np.linspace(-1, 1, 94)[:, None]
    y = np.sin(4 * x) * np.exp(-x) + 0.5 * np.cos(7 * x)
    return x, 2 * (y - y.min()) / (y.max() - y.min()) - 1


def sine() -> tuple[Array, Array]:
    """One period at 41 points."""
    x = np.linspace(-1, 1, 41)[:, None]
    return x, np.sin(np.pi * x)


def parity() -> tuple[Array, Array]:
    """Is the number of ones among three bits odd? -1 and 1 for no and yes, in inputs too."""
    x = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
    return x * 2.0 - 1, (x.sum(axis=1, keepdims=True) % 2) * 2.0 - 1


DATA = {"digits": digits, "lm": fit, "sin": sine, "parity": parity}
PROBLEMS = {
    p.name: p
    for p in (
        Problem("digits", (64, 64, 10), 1e-6, classes=True),
        Problem("lm", (1, 10, 1), 1e-6, bias=1.0, iterations=2000),
        Problem("sin", (1, 5, 1), 2e-3, bias=0.5, iterations=1000),
        Problem("parity", (3, 10, 10, 1), 1e-3, output_tanh=True, bias=0.5, iterations=1000),
    )
}
