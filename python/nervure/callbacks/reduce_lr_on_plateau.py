"""`ReduceLROnPlateau`: a smaller learning rate when a metric has stopped improving."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..utils.io_utils import print_msg
from .callback import Logs
from .learning_rates import log_rates, optimizers_of, rate_of
from .monitor_callback import MonitorCallback, count

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` after `patience` epochs in which `monitor` has not improved.

    Args:
        monitor: the name of a log.
        factor: below 1; ValueError otherwise.
        patience: how many epochs may pass without an improvement.
        verbose: 1 prints each change.
        mode: "min", "max" or "auto", which asks the metric.
        min_delta: a smaller change is no improvement.
        cooldown: for so many epochs after a change, none are counted.
        min_lr: the learning rate goes no lower.

    The rate is in the logs as `learning_rate`. A missing metric is a warning.

    >>> import numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> model.compile(nv.optimizers.SGD(0.5), "mse")
    >>> halve = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    >>> run = model.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0, callbacks=[halve])
    >>> run.history["learning_rate"]
    [0.5, 0.5, 0.25]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}")
        if kwargs:
            warnings.warn(f"ReduceLROnPlateau: argument(s) without effect: {list(kwargs)}", stacklevel=2)
        self.factor = count("ReduceLROnPlateau", "factor", factor)
        self.min_lr = min_lr
        self.patience = count("ReduceLROnPlateau", "patience", patience)
        self.verbose = verbose
        self.cooldown = count("ReduceLROnPlateau", "cooldown", cooldown)
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        logs = {} if logs is None else logs
        log_rates(self.model, logs)
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not available. Available "
                f"metrics are: {','.join(logs)}.",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def _reduce(self, epoch: int) -> bool:
        """Lowers each rate that is above the least one; was there any?"""
        reduced = False
        for name, optimizer in optimizers_of(self.model):
            old = rate_of(optimizer)
            if old <= np.float32(self.min_lr):
                continue
            new = max(old * self.factor, self.min_lr)
            optimizer.learning_rate = new
            reduced = True
            if self.verbose > 0:
                which = f" {name}" if name else ""
                print_msg(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing{which} learning rate to {new}.")
        return reduced

    def in_cooldown(self) -> bool:
        """Do epochs pass uncounted?"""
        return self.cooldown_counter > 0
