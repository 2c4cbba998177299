"""Optimizers: how a step changes the weights."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .._absent import missing
from . import schedules
from .optimizer import Optimizer

__all__ = [
    "BFGS", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "BayesianRegularization",
    "ConjugateGradient", "Ftrl", "FullBatchOptimizer", "GradientDescent", "Lamb", "LevenbergMarquardt", "Lion",
    "LossScaleOptimizer", "MultiOptimizer", "Muon", "Nadam", "Newton", "NewtonCG", "Optimizer", "OptimizerMap",
    "RMSprop", "ScaledConjugateGradient", "ScheduleFreeAdamW", "TrustRegionNewton", "deserialize", "get", "schedules",
    "serialize",
]  # fmt: skip

# Class names and the modules they are in, which are imported when asked for.
_MODULES = {
    "SGD": "sgd",
    "Adadelta": "adadelta",
    "Adafactor": "adafactor",
    "Adagrad": "adagrad",
    "Adam": "adam",
    "AdamW": "adamw",
    "Adamax": "adamax",
    "Ftrl": "ftrl",
    "Lamb": "lamb",
    "Lion": "lion",
    "LossScaleOptimizer": "loss_scale_optimizer",
    "MultiOptimizer": "multi_optimizer",
    "Muon": "muon",
    "Nadam": "nadam",
    "OptimizerMap": "multi_optimizer",
    "RMSprop": "rmsprop",
    "ScheduleFreeAdamW": "schedule_free_adamw",
    "BFGS": "full_batch.bfgs",
    "LBFGS": "full_batch.lbfgs",
    "BayesianRegularization": "full_batch.bayesian_regularization",
    "ConjugateGradient": "full_batch.conjugate_gradient",
    "FullBatchOptimizer": "full_batch.base",
    "GradientDescent": "full_batch.gradient_descent",
    "LevenbergMarquardt": "full_batch.levenberg_marquardt",
    "Newton": "full_batch.newton",
    "NewtonCG": "full_batch.newton_cg",
    "ScaledConjugateGradient": "full_batch.scaled_conjugate_gradient",
    "TrustRegionNewton": "full_batch.trust_region_newton",
}

if TYPE_CHECKING:
    from .adadelta import Adadelta
    from .adafactor import Adafactor
    from .adagrad import Adagrad
    from .adam import Adam
    from .adamax import Adamax
    from .adamw import AdamW
    from .ftrl import Ftrl
    from .full_batch.base import FullBatchOptimizer
    from .full_batch.bayesian_regularization import BayesianRegularization
    from .full_batch.bfgs import BFGS
    from .full_batch.conjugate_gradient import ConjugateGradient
    from .full_batch.gradient_descent import GradientDescent
    from .full_batch.lbfgs import LBFGS
    from .full_batch.levenberg_marquardt import LevenbergMarquardt
    from .full_batch.newton import Newton
    from .full_batch.newton_cg import NewtonCG
    from .full_batch.scaled_conjugate_gradient import ScaledConjugateGradient
    from .full_batch.trust_region_newton import TrustRegionNewton
    from .lamb import Lamb
    from .lion import Lion
    from .loss_scale_optimizer import LossScaleOptimizer
    from .multi_optimizer import MultiOptimizer, OptimizerMap
    from .muon import Muon
    from .nadam import Nadam
    from .rmsprop import RMSprop
    from .schedule_free_adamw import ScheduleFreeAdamW
    from .sgd import SGD
else:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise missing(__name__, name)
        found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *_MODULES})


class _Known(Mapping[str, Any]):
    """The classes by their names, in any case."""

    def __init__(self) -> None:
        self.names = {name.lower(): name for name in (*_MODULES, "Optimizer")}

    def __getitem__(self, key: str) -> Any:
        return getattr(sys.modules[__name__], self.names[key.lower()])

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def serialize(optimizer: Optimizer) -> Any:
    """The config of an optimizer, in Keras's form.

    >>> serialize(get("adam"))["class_name"]
    'Adam'
    """
    from ..saving import serialize_keras_object

    return serialize_keras_object(optimizer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The optimizer of a config; built-in class names may be in any case. ValueError on an unknown class.

    >>> deserialize({"class_name": "sgd", "config": {"momentum": 0.5}}).momentum
    0.5
    """
    from .._identify import identify

    return identify("optimizer", config, Optimizer, _Known(), custom_objects)


def get(identifier: Any) -> Any:
    """An optimizer from its name in any case ("adam"), class, config or itself; None of None.

    ValueError on an unknown name.

    >>> type(get("sgd")).__name__
    'SGD'
    """
    from .._identify import identify

    found = identify("optimizer", identifier, Optimizer, _Known())
    if found is None or isinstance(found, Optimizer):
        return found
    raise ValueError(
        f"Could not interpret optimizer identifier: {identifier!r}; expected an Optimizer or one of {sorted(_Known())}"
    )
