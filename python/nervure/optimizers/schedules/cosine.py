"""Rates that fall along half a cosine (Loshchilov and Hutter, ICLR 2017)."""

from __future__ import annotations

import math
from typing import Any

from ... import ops
from .schedule import LearningRateSchedule, positive_steps, rate_and_step

__all__ = ["CosineDecay", "CosineDecayRestarts"]


class CosineDecay(LearningRateSchedule):
    """rate * ((1 - alpha) * (1 + cos(pi * t)) / 2 + alpha), with t = step / decay_steps, 1 at most.

    With a `warmup_target` the rate first goes along a line from `initial_learning_rate` to the target, in
    `warmup_steps`, and falls from the target then. ValueError unless `decay_steps` is more than 0.

    >>> rate = CosineDecay(0.0, decay_steps=10, warmup_target=1.0, warmup_steps=10)
    >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 15, 20)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: Any,
        alpha: Any = 0.0,
        name: str = "CosineDecay",
        warmup_target: Any = None,
        warmup_steps: Any = 0,
    ) -> None:
        super().__init__()
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive_steps("decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_steps = warmup_steps
        self.warmup_target = warmup_target

    def _decay(self, rate: Any, step: Any, steps: Any) -> Any:
        t = ops.minimum(step / steps, 1.0)
        return rate * ((1.0 - self.alpha) * (0.5 * (1.0 + ops.cos(math.pi * t))) + self.alpha)

    def __call__(self, step: Any) -> Any:
        rate, step, dtype = rate_and_step(self.initial_learning_rate, step)
        steps = ops.cast(self.decay_steps, dtype)
        if self.warmup_target is None:
            return self._decay(rate, step, steps)
        target, warmup = ops.cast(self.warmup_target, dtype), ops.cast(self.warmup_steps, dtype)
        rising = (target - rate) * (step / ops.maximum(warmup, 1.0)) + rate
        return ops.where(ops.less(step, warmup), rising, self._decay(target, step - warmup, steps))

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """`CosineDecay` that starts again each time it has come to its end: the first time after `first_decay_steps`, then
    after `t_mul` times as many steps as the time before, from `m_mul` times the rate.

    ValueError unless `first_decay_steps` is more than 0.

    >>> rate = CosineDecayRestarts(1.0, first_decay_steps=10, m_mul=0.5)
    >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 20, 30)]
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    def __init__(
        self,
        initial_learning_rate: Any,
        first_decay_steps: Any,
        t_mul: Any = 2.0,
        m_mul: Any = 1.0,
        alpha: Any = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        super().__init__()
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = positive_steps("first_decay_steps", first_decay_steps)
        self._t_mul = t_mul
        self._m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def __call__(self, step: Any) -> Any:
        rate, step, dtype = rate_and_step(self.initial_learning_rate, step)
        done = step / ops.cast(self.first_decay_steps, dtype)  # in units of the first decay
        if self._t_mul == 1.0:
            restarts = ops.floor(done)
            t = done - restarts
        else:  # restart n is where 1 + t_mul + .. + t_mul ** (n - 1) = (1 - t_mul ** n) / (1 - t_mul) are done
            ratio = ops.cast(self._t_mul, dtype)
            restarts = ops.floor(ops.log(1.0 - done * (1.0 - ratio)) / ops.log(ratio))
            length = ops.power(ratio, restarts)
            t = (done - (1.0 - length) / (1.0 - ratio)) / length
        height = ops.power(ops.cast(self._m_mul, dtype), restarts)
        return rate * ((1.0 - self.alpha) * (0.5 * height * (1.0 + ops.cos(math.pi * t))) + self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self._t_mul,
            "m_mul": self._m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }
