"""nervure's side: the public API, as a user writes it."""

from __future__ import annotations

from collections.abc import Callable

import nervure as nv
from works import Work


def model(work: Work) -> nv.Model:
    nv.utils.set_random_seed(0)
    L = nv.layers
    layers: list[nv.layers.Layer] = [nv.Input((work.widths[0],))]
    for width in work.widths[1:-1]:
        if work.block:
            layers += [L.Dense(width), L.BatchNormalization(), L.ReLU(), L.Dropout(0.1)]
        else:
            layers.append(L.Dense(width, activation="relu"))
    layers.append(L.Dense(work.widths[-1], activation="softmax" if work.classes else None))
    return nv.Sequential(layers)


def trainer(work: Work) -> Callable[[int], float]:
    x, y = work.data()
    net = model(work)
    net.compile("adam", loss="sparse_categorical_crossentropy" if work.classes else "mse")
    return lambda epochs: net.fit(x, y, batch_size=work.batch, epochs=epochs, verbose=0).history["loss"][-1]


def predictor(work: Work) -> Callable[[int], float]:
    x = work.data()[0]
    net = model(work)

    def run(times: int) -> float:
        for _ in range(times):
            y = net.predict_on_batch(x) if work.rows == 1 else net.predict(x, batch_size=1024, verbose=0)
        return float(y.sum())

    return run
