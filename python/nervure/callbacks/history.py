"""`History`: what `fit` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .callback import Callback, Logs

if TYPE_CHECKING:
    from ..utils.curves import Plot

__all__ = ["History"]


class History(Callback):
    """What `fit` returns: `history`, a dict of lists of floats, one an epoch; `epoch`, their numbers from 0.

    `stop_reason` says why training ended: None before, then a text. After `fit` by a full-batch optimizer `n_iter`,
    `n_evals`, `n_gradients`, `n_products` and `n_matrices` are what it did, as on the optimizer; else None. A notebook
    shows it as curves; so does `plot()`.

    >>> import numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> run = model.fit(np.ones((8, 2)), np.ones(8), epochs=3, verbose=0)
    >>> run.epoch, list(run.history), len(run.history["loss"])
    ([0, 1, 2], ['loss'], 3)
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.stop_reason: str | None = None  # why training ended, once it has
        self.n_iter: int | None = None
        self.n_evals: int | None = None
        self.n_gradients: int | None = None
        self.n_products: int | None = None
        self.n_matrices: int | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
        self.model.history = self

    def replace(self, at: int, epoch: int, losses: list[float]) -> None:
        """The entries from `at` on are those of epoch number `epoch` and the next ones. It may be said again."""
        self.history.setdefault("loss", [])[at:] = losses
        self.epoch[at:] = range(epoch, epoch + len(losses))
        self.model.history = self

    def plot(self, *names: str) -> Plot:
        """The curves of these metrics, or of all, validation dashed: SVG that a notebook shows, `save(path)` writes.

        ValueError for a metric that the run does not have, or if it has no epoch yet.
        """
        from ..utils.curves import draw

        curves = {k: v for k, v in self.history.items() if all(isinstance(value, (int, float)) for value in v)}
        if not curves:
            raise ValueError("there is nothing to draw: no epoch was trained")
        return draw(curves, names)

    def _repr_html_(self) -> str | None:
        return self.plot().svg if self.history else None
