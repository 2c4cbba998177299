"""`EarlyStopping`: training ends when a metric has stopped improving."""

from __future__ import annotations

import warnings
from typing import Any

from ..utils.io_utils import print_msg
from .callback import Logs
from .monitor_callback import MonitorCallback, count

__all__ = ["EarlyStopping"]


class EarlyStopping(MonitorCallback):
    """Stops training after `patience` epochs in which `monitor` has not improved (Prechelt, "Early stopping - but
    when?", 1998).

    Args:
        monitor: the name of a log.
        min_delta: a smaller change is no improvement.
        patience: how many epochs may pass without one.
        verbose: 1 prints when it stops.
        mode: "min", "max" or "auto", which asks the metric.
        baseline: patience is used up until the value is better than this.
        restore_best_weights: puts back the weights of the best epoch when training ends, however it ends.
        start_from_epoch: earlier epochs do not count.

    A missing metric is a warning.

    >>> import numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> model.compile(nv.optimizers.SGD(0.0), "mse")
    >>> stop = EarlyStopping("loss", patience=2)
    >>> model.fit(np.ones((4, 2)), np.ones(4), epochs=9, verbose=0, callbacks=[stop]).epoch
    [0, 1, 2]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = count("EarlyStopping", "patience", patience)
        self.verbose = verbose
        self.baseline = baseline
        self.wait = 0
        self.stopped_epoch = 0
        self.restore_best_weights = restore_best_weights
        self.best_weights: Any = None
        self.best_epoch = 0
        self.start_from_epoch = count("EarlyStopping", "start_from_epoch", start_from_epoch)

    def on_train_begin(self, logs: Logs = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights = None
        self.best_epoch = 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)  # should no epoch improve, from a NaN say, the first is the best
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self._keep(epoch)
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True
            epochs = "epoch" if self.wait == 1 else "epochs"
            self.model.stop_reason = f"early stopping: {self.monitor} has not improved for {self.wait} {epochs}"

    def _keep(self, epoch: int) -> None:
        self.best_weights = self.model.get_weights()
        self.best_epoch = epoch

    def on_train_end(self, logs: Logs = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_msg(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print_msg(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs: Logs) -> Any:
        """The value of the metric in `logs`; None, with a warning, if it is not there."""
        logs = logs or {}
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. Available metrics "
                f"are: {','.join(logs)}",
                stacklevel=2,
            )
        return value
