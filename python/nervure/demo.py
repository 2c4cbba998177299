"""The demo of `python -m nervure demo`: a multilayer perceptron learns to read handwritten digits.

It is an ordinary program for the public interface, so it can be read as a first example.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nervure as nv
from nervure.datasets import digits

__all__ = ["build", "confusion", "main"]

EPOCHS, BATCH, SEED = 20, 32, 1


def build() -> nv.Model:
    """The network: 8x8 pixels of 0..16 to ten probabilities. Smoothed labels keep it from growing too sure."""
    model = nv.Sequential(
        [
            nv.Input((8, 8)),
            nv.layers.Rescaling(1 / 8, offset=-1),
            nv.layers.Flatten(),
            nv.layers.Dropout(0.1),
            nv.layers.Dense(256, activation="relu"),
            nv.layers.Dropout(0.3),
            nv.layers.Dense(256, activation="relu"),
            nv.layers.Dropout(0.3),
            nv.layers.Dense(10, activation="softmax"),
        ],
        name="digits",
    )
    loss = nv.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile(nv.optimizers.Adam(1e-3), loss=loss, metrics=["accuracy"])
    return model


def confusion(true: NDArray[Any], predicted: NDArray[Any], classes: int = 10) -> NDArray[np.int64]:
    """How often class i was taken for class j, at [i, j].

    >>> confusion(np.array([0, 1, 1]), np.array([0, 1, 0]), classes=2).tolist()
    [[1, 0], [1, 1]]
    """
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def main(epochs: int = EPOCHS) -> float:
    """Trains, prints, and returns the accuracy on digits the network has not seen."""
    nv.utils.set_random_seed(SEED)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    print(
        "Optical recognition of handwritten digits: E. Alpaydin and C. Kaynak,\n"
        "UCI Machine Learning Repository, doi 10.24432/C50P49, CC BY 4.0.\n"
        f"{len(x_train)} images of 8x8 to learn from, {len(x_test)} held out.\n"
    )
    model = build()
    model.summary()
    start = time.perf_counter()
    model.fit(x_train, nv.utils.to_categorical(y_train, 10), BATCH, epochs=epochs, validation_split=0.1, verbose=1)
    seconds = time.perf_counter() - start

    predicted = model.predict(x_test, verbose=0).argmax(1)
    accuracy = float(np.mean(predicted == y_test))
    print("\nHeld-out digits: what was written (rows), what was read (columns)\n")
    print("     " + "".join(f"{digit:4d}" for digit in range(10)))
    for digit, row in enumerate(confusion(y_test, predicted)):
        print(f"{digit:5d}" + "".join(f"{count or '.':>4}" for count in row))
    weights = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()
    steps = epochs * -(-int(len(x_train) * 0.9) // BATCH)
    print(f"\naccuracy on held-out digits: {accuracy:.4f}")
    print(f"time per step: {seconds / steps * 1e6:.0f} us ({steps} steps with validation, {seconds:.2f} s)")
    print(f"weights: {weights[:16]} (the same bits on each run)")
    return accuracy
