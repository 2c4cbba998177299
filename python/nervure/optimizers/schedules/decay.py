"""Rates that fall as a power, in steps, as a polynomial or like 1 / t."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import config, ops
from ..._dtypes import is_float
from .schedule import LearningRateSchedule, positive_steps, rate_and_step

__all__ = ["ExponentialDecay", "InverseTimeDecay", "PiecewiseConstantDecay", "PolynomialDecay"]


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate ** (step / decay_steps); with `staircase` the exponent is rounded down.

    ValueError unless `decay_steps` is more than 0.

    >>> float(ExponentialDecay(1.0, decay_steps=10, decay_rate=0.5)(20))
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: Any,
        decay_rate: Any,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        super().__init__()
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive_steps("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        rate, step, dtype = rate_and_step(self.initial_learning_rate, step)
        p = step / ops.cast(self.decay_steps, dtype)
        return rate * ops.power(ops.cast(self.decay_rate, dtype), ops.floor(p) if self.staircase else p)

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class InverseTimeDecay(LearningRateSchedule):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps); with `staircase` step / decay_steps is rounded
    down.

    ValueError unless `decay_steps` is more than 0.

    >>> float(InverseTimeDecay(1.0, decay_steps=10, decay_rate=0.5)(20))
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: Any,
        decay_rate: Any,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__()
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive_steps("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        rate, step, dtype = rate_and_step(self.initial_learning_rate, step)
        p = step / ops.cast(self.decay_steps, dtype)
        return rate / (1.0 + ops.cast(self.decay_rate, dtype) * (ops.floor(p) if self.staircase else p))

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and with step boundaries[0], values[1] up to boundaries[1], .., values[-1] from there on.

    ValueError unless there is one value more than boundaries.

    >>> rate = PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.25])
    >>> float(rate(10)), float(rate(11)), float(rate(99))
    (1.0, 0.5, 0.25)
    """

    def __init__(self, boundaries: Sequence[Any], values: Sequence[Any], name: str = "PiecewiseConstant") -> None:
        super().__init__()
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of length {len(values)}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step: Any) -> Any:
        values = [ops.convert_to_tensor(v) for v in self.values]
        dtype = values[0].dtype if is_float(str(values[0].dtype)) else config.floatx()
        rate = ops.cast(values[-1], dtype)
        for boundary, value in zip(reversed(self.boundaries), reversed(values[:-1]), strict=True):
            rate = ops.where(ops.less_equal(step, boundary), ops.cast(value, dtype), rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """end + (initial - end) * (1 - step / decay_steps) ** power, and end_learning_rate after `decay_steps`.

    With `cycle` the decay starts again instead, over twice, three times .. `decay_steps`: the least multiple that is
    not below step. ValueError unless `decay_steps` is more than 0.

    >>> rate = PolynomialDecay(1.0, decay_steps=10, end_learning_rate=0.5)
    >>> float(rate(5)), float(rate(100))
    (0.75, 0.5)
    """

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: Any,
        end_learning_rate: Any = 0.0001,
        power: Any = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        super().__init__()
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = positive_steps("decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> Any:
        rate, step, dtype = rate_and_step(self.initial_learning_rate, step)
        end, steps = ops.cast(self.end_learning_rate, dtype), ops.cast(self.decay_steps, dtype)
        if self.cycle:
            steps = steps * ops.maximum(ops.ceil(step / steps), 1.0)
        else:
            step = ops.minimum(step, steps)
        return (rate - end) * ops.power(1.0 - step / steps, ops.cast(self.power, dtype)) + end

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }
