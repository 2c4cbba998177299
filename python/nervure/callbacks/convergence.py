"""`Convergence`: training ends when nothing moves any more."""

from __future__ import annotations

from typing import Any

from .callback import Callback, Logs
from .monitor_callback import count

__all__ = ["Convergence"]


class Convergence(Callback):
    """Stops training when the metric `monitor` has stopped moving, or when the gradient is small.

    The first: `|before - now| <= tolerance * max(1, |before|)` from one epoch to the next, `patience` epochs in a row;
    either way counts as moving, unlike in `EarlyStopping`. The second, if `gradient_tolerance` is given: the log
    `gradient_norm`, which training then adds, is at most that. These are the usual tests of convergence of optimizers
    (Gill, Murray and Wright, "Practical Optimization", 1981, section 8.2.3). `History.stop_reason` says which it was.

    ValueError if the metric is not among the logs, or if a tolerance is negative.

    >>> import numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> model.compile(nv.optimizers.SGD(0.1), "mse")
    >>> run = model.fit(np.ones((4, 2)), np.ones(4), epochs=500, verbose=0, callbacks=[Convergence()])
    >>> len(run.epoch) < 100
    True
    """

    def __init__(
        self,
        monitor: str = "loss",
        tolerance: float = 1e-4,
        patience: int = 3,
        gradient_tolerance: float | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(monitor, str):
            raise ValueError(f"Convergence: expected `monitor` to be the name of a metric, got {monitor!r}")
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise ValueError(f"Convergence: expected `patience` to be a positive integer, got {patience!r}")
        self.monitor = monitor
        self.tolerance = count("Convergence", "tolerance", tolerance)
        self.patience = patience
        self.gradient_tolerance = gradient_tolerance
        if gradient_tolerance is not None:
            count("Convergence", "gradient_tolerance", gradient_tolerance)
        self.needs_gradient_norm = gradient_tolerance is not None
        self.wait = 0
        self._before: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self.wait = 0
        self._before = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        now = logs.get(self.monitor)
        if now is None:
            raise ValueError(
                f"Convergence: there is no metric '{self.monitor}' to watch. Available metrics are: {', '.join(logs)}"
            )
        if self._before is not None:
            still = abs(self._before - now) <= self.tolerance * max(1.0, abs(self._before))
            self.wait = self.wait + 1 if still else 0
            if self.wait >= self.patience:
                self._stop(f"{self.monitor} has stopped moving")
        self._before = now
        if self.gradient_tolerance is not None and logs.get("gradient_norm", float("inf")) <= self.gradient_tolerance:
            self._stop("gradient is small")

    def _stop(self, reason: str) -> None:
        self.model.stop_training = True
        self.model.stop_reason = reason
