"""`LearningRateScheduler`: a learning rate for each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..utils.io_utils import print_msg
from .callback import Callback, Logs
from .learning_rates import log_rates, optimizers_of, rate_of

__all__ = ["LearningRateScheduler"]


def _takes_rate(schedule: Callable[..., Any]) -> bool:
    """Can it be called with the epoch and the learning rate, or with the epoch alone?"""
    import inspect

    try:
        inspect.signature(schedule).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # some functions that are not Python's do not say
        return True
    return True


class LearningRateScheduler(Callback):
    """Before each epoch sets the learning rate to `schedule(epoch, learning_rate)` or `schedule(epoch)`, a float.

    `epoch` counts from 0. verbose=1 prints the rate. The rate is in the logs as `learning_rate`. ValueError if the
    schedule gives something else than a float.

    >>> import numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else 0.5)
    >>> run = model.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0, callbacks=[halve])
    >>> run.history["learning_rate"]
    [0.5, 0.25, 0.125]
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise ValueError(f"LearningRateScheduler: expected `schedule` to be a function, got {schedule!r}")
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        for name, optimizer in optimizers_of(self.model):
            if not hasattr(optimizer, "learning_rate"):
                raise ValueError('Optimizer must have a "learning_rate" attribute.')
            rate = self.schedule(epoch, rate_of(optimizer)) if _takes_rate(self.schedule) else self.schedule(epoch)
            if not isinstance(rate, (float, np.floating)):
                raise ValueError(f"The output of the `schedule` function should be a float. Got: {rate}")
            optimizer.learning_rate = rate
            if self.verbose > 0:
                which = f"{name} " if name else ""
                print_msg(f"\nEpoch {epoch + 1}: LearningRateScheduler setting {which}learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            log_rates(self.model, logs)
