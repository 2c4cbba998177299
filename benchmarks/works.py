"""The work every side does: one description a row of the table, and the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Work:
    name: str
    widths: tuple[int, ...]  # of the input, the hidden layers and the output
    batch: int
    steps: int  # in an epoch
    peer: str
    least: float  # how many times faster than the peer nervure must be
    aim: float
    classes: bool = True  # softmax and sparse cross-entropy; else a linear output and mean squared error
    block: bool = False  # Dense, BatchNormalization, ReLU, Dropout(0.1) instead of Dense with ReLU
    predict: bool = False  # no training: predict

    @property
    def rows(self) -> int:
        return self.batch * self.steps

    @property
    def label(self) -> str:
        if self.predict:
            return f"{'one row' if self.rows == 1 else f'{self.rows:,} rows'} through {'-'.join(map(str, self.widths))}"
        hidden = self.widths[1:-1]
        same = len(set(hidden)) == 1 and len(hidden) > 4
        middle = f"{hidden[0]}x{len(hidden)}" if same else "-".join(map(str, hidden))
        kind = "BN-ReLU-Dropout" if self.block else "ReLU"
        return f"{self.widths[0]}-{middle}-{self.widths[-1]} {kind}, batch {self.batch}"

    @property
    def flops(self) -> float:
        """Of the matrix products of one step, the part that the machine's FMA peak bounds; the first layer's input has
        no gradient."""
        pairs = [2.0 * self.batch * a * b for a, b in zip(self.widths, self.widths[1:])]
        return sum(pairs) if self.predict else 3 * sum(pairs) - pairs[0]

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((self.rows, self.widths[0]), dtype=np.float32)
        y = rng.integers(0, self.widths[-1], self.rows).astype(np.int32)
        return x, y if self.classes else rng.standard_normal((self.rows, self.widths[-1]), dtype=np.float32)


WORKS = {
    work.name: work
    for work in (
        Work("tiny", (8, 32, 32, 1), 32, 2000, "jax", 2.5, 3.5, classes=False),
        Work("tab", (32, 64, 64, 64, 64, 10), 64, 800, "jax", 2.0, 3.0),
        Work("mnist", (784, 512, 512, 10), 128, 60, "jax", 1.15, 1.35),
        Work("wide", (1024, 4096, 4096, 1000), 512, 2, "jax", 1.05, 1.2),
        Work("deepbn", (128, *[256] * 8, 10), 128, 60, "jax", 1.6, 2.0, block=True),
        Work("one_row", (784, 512, 512, 10), 1, 1, "onnxruntime", 1.0, 1.3, predict=True),
        Work("predict", (784, 512, 512, 10), 20000, 1, "numpy", 1.1, 1.25, predict=True),
    )
}
