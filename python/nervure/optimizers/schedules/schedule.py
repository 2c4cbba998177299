"""`LearningRateSchedule`, the base class, and its configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import config, ops
from ..._dtypes import is_float

__all__ = ["LearningRateSchedule", "deserialize", "serialize"]


class LearningRateSchedule:
    """Base class of schedules: `__call__(step)` gives the learning rate of the step number `step`, the first being 0.

    A training step is traced with a symbolic `step`, so write it in `nervure.ops`; it runs at C speed then. Outside
    of training `schedule(100)` gives the number.

    >>> class Halves(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.5 ** ops.cast(step, "float32")
    >>> float(Halves()(2))
    0.25
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order to be serializable."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LearningRateSchedule:
        """A new schedule of what `get_config` gave."""
        return cls(**config)


def rate_and_step(rate: Any, step: Any) -> tuple[Any, Any, Any]:
    """The first rate and the step as floats of one dtype, and the dtype."""
    rate = ops.convert_to_tensor(rate)
    dtype = rate.dtype if is_float(str(rate.dtype)) else config.floatx()
    return ops.cast(rate, dtype), ops.cast(step, dtype), dtype


def positive_steps(name: str, value: Any) -> Any:
    """`value`, if it is more than 0; ValueError otherwise."""
    if not value > 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")
    return value


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """The config of a schedule, in Keras's form.

    >>> from nervure.optimizers import schedules
    >>> serialize(schedules.CosineDecay(0.1, 1000))["class_name"]
    'CosineDecay'
    """
    from ...saving import serialize_keras_object

    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The schedule of a config. TypeError for a class that is not known.

    >>> from nervure.optimizers import schedules
    >>> deserialize(serialize(schedules.CosineDecay(0.1, 1000))).decay_steps
    1000
    """
    from ...saving import deserialize_keras_object

    return deserialize_keras_object(config, custom_objects)
