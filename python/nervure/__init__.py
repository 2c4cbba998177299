"""nervure: neural networks on CPUs, with Keras's API and a C core. `import nervure as nv`.

Submodules load when they are first used, so that importing the package costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from . import _core as _core
from ._absent import missing

__version__ = "0.1.0"

_NAMES = {
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Function": "_function",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "keras_tensor",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Operation": "keras_tensor",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "Variable": "variable",
    "function": "_function",
    "grad": "_function",
    "hvp": "_function",
    "jacobian": "_function",
    "name_scope": "backend",
    "value_and_grad": "_function",
}
__all__ = [
    "DTypePolicy", "FloatDTypePolicy", "Function", "Initializer", "Input", "InputSpec", "KerasTensor", "Layer",
    "Loss", "Metric", "Model", "Operation", "Optimizer", "Regularizer", "Sequential", "Variable", "activations",
    "backend", "callbacks", "config", "constraints", "datasets", "dtype_policies", "function", "grad", "hvp",
    "initializers", "jacobian", "layers", "losses", "metrics", "models", "name_scope", "ops", "optimize", "optimizers",
    "random", "regularizers", "saving", "tree", "utils", "value_and_grad", "version",
]  # fmt: skip

if TYPE_CHECKING:
    from . import (
        activations,
        backend,
        callbacks,
        config,
        constraints,
        datasets,
        dtype_policies,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimize,
        optimizers,
        random,
        regularizers,
        saving,
        tree,
        utils,
    )
    from ._function import Function, function, grad, hvp, jacobian, value_and_grad
    from .backend import name_scope
    from .dtype_policies import DTypePolicy, FloatDTypePolicy
    from .initializers import Initializer
    from .keras_tensor import KerasTensor, Operation
    from .layers import Input, InputSpec, Layer
    from .losses import Loss
    from .metrics import Metric
    from .models import Model, Sequential
    from .optimizers import Optimizer
    from .regularizers import Regularizer
    from .variable import Variable


def version() -> str:
    """The version of nervure.

    >>> import nervure as nv
    >>> nv.version() == nv.__version__
    True
    """
    return __version__


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _NAMES:
            value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
            globals()[name] = value
            return value
        if name in __all__:
            return importlib.import_module(f"{__name__}.{name}")
        raise missing(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
