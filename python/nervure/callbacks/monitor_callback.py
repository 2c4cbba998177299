"""`MonitorCallback`: what callbacks share that watch a metric for improvement."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .callback import Callback

__all__ = ["MonitorCallback"]


def count(owner: str, name: str, value: Any) -> Any:
    """`value`; ValueError unless it is a number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not value >= 0:
        raise ValueError(f"{owner}: expected `{name}` to be a non-negative number, got {name}={value!r}")
    return value


class MonitorCallback(Callback):
    """Base of callbacks that watch the metric `monitor` and know when it is better than the best so far.

    mode: "min" and "max" say which way is better: the value improves if it is below `best - min_delta`, or above
    `best + min_delta`. "auto" asks the metric; a loss goes down. ValueError, at the end of the first epoch, if the
    metric does not say. `baseline` is the first `best`.

    >>> watch = MonitorCallback("val_loss", min_delta=0.1)
    >>> watch._set_monitor_op()
    >>> watch._is_improvement(0.85, 1.0), watch._is_improvement(0.95, 1.0)
    (True, False)
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"{owner} mode '{mode}' is unknown, fallback to auto mode.", stacklevel=3)
            mode = "auto"
        if not isinstance(monitor, str):
            raise ValueError(f"{owner}: expected `monitor` to be the name of a metric, got {monitor!r}")
        self.monitor = monitor
        self.mode = mode
        self.best: Any = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op: Callable[..., Any] | None = None

    def _set_monitor_op(self) -> None:
        """Decides which way is better: `ops.less` or `ops.greater`."""
        from .. import ops

        up = {"min": False, "max": True}.get(self.mode, self._goes_up() if self.mode == "auto" else None)
        if up is None:
            raise ValueError(
                f"{type(self).__name__} callback received monitor={self.monitor}, but nervure isn't able to "
                "automatically determine whether that metric should be maximized or minimized. Pass `mode='max'` in "
                "order to monitor based on the highest metric value, or pass `mode='min'` in order to use the lowest "
                "value."
            )
        self.monitor_op = ops.greater if up else ops.less
        if not up:
            self.min_delta *= -1

    def _goes_up(self) -> bool | None:
        """Is more of the metric better? None if nobody says."""
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return False
        held = list(getattr(self.model, "metrics", None) or ())
        known = [inner for m in held for inner in getattr(m, "metrics", None) or [m]]
        # A metric of one output of several has the output's name before its own.
        for test in (lambda m: m.name == name, lambda m: name.endswith(f"_{m.name}")):
            for m in filter(test, known):
                direction = getattr(m, "_direction", None)
                if direction in ("up", "down"):
                    return bool(direction == "up")
        if any(m.name == name and name.endswith("_loss") for m in known):
            return False  # the loss of one output
        return None

    def _is_improvement(self, monitor_value: Any, reference_value: Any) -> bool:
        if reference_value is None:
            return True
        from .. import ops

        if self.monitor_op is ops.greater:
            return bool(monitor_value - self.min_delta > reference_value)
        return bool(monitor_value - self.min_delta < reference_value)
