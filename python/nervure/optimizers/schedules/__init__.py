"""Learning rate schedules: functions of the number of steps done, for `learning_rate` of any optimizer."""

from typing import TYPE_CHECKING

from ..._absent import absent
from .cosine import CosineDecay, CosineDecayRestarts
from .decay import ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay
from .schedule import LearningRateSchedule, deserialize, serialize

__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
    "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "serialize",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)
