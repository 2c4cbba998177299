"""A model's steps as functions of an iterator of batches: what `make_train_function` and its like make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .. import tree
from ..utils.packing import unpack_x_y_sample_weight

if TYPE_CHECKING:
    from .model import Model

__all__ = ["StepFunction", "StepFunctions"]


class StepFunction:
    """Takes `steps_per_execution` batches from an iterator and makes a step with each.

    Returns the metrics so far or, if the mode is "predict", what the model gives for the last batch. StopIteration
    where there are no more batches.
    """

    def __init__(self, model: Model, mode: str) -> None:
        self.model, self.mode = model, mode

    def __call__(self, iterator: Iterator[Any]) -> Any:
        model, mode = self.model, self.mode
        step = model._stream_step(mode, unpack_x_y_sample_weight)
        result: Any = None
        for k in range(model.steps_per_execution):
            try:
                batch = next(iterator)
            except StopIteration:
                if k == 0:
                    raise
                break
            result = step(batch)
        if mode != "predict":
            return model._results(mode)
        entry, outputs = result
        return tree.pack_sequence_as(entry.outputs, outputs)


class StepFunctions:
    """The part of `Model` that makes them. `fit`, `evaluate` and `predict` run their loops in C and need none, so that
    a model which overrides a `make_..._function` is refused there by name."""

    train_function: Any
    test_function: Any
    predict_function: Any

    def make_train_function(self: Any, force: bool = False) -> Any:
        """Sets `train_function`, a function of an iterator of batches (x, y) or (x, y, sample_weight) that trains and
        returns the metrics. It is made once, anew with `force`.

        >>> import numpy as np, nervure as nv
        >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> step = model.make_train_function()
        >>> list(step(iter([(np.ones((4, 2)), np.ones((4, 1)))])))
        ['loss']
        """
        self._assert_compiled("make_train_function")
        if force or self.train_function is None:
            self.train_function = StepFunction(self, "train")
        return self.train_function

    def make_test_function(self: Any, force: bool = False) -> Any:
        """Sets `test_function`: as `make_train_function`, but nothing is trained."""
        self._assert_compiled("make_test_function")
        if force or self.test_function is None:
            self.test_function = StepFunction(self, "test")
        return self.test_function

    def make_predict_function(self: Any, force: bool = False) -> Any:
        """Sets `predict_function`, a function of an iterator of batches x that returns what the model gives."""
        if force or self.predict_function is None:
            self.predict_function = StepFunction(self, "predict")
        return self.predict_function

    def _refuse_own_function(self, mode: str) -> None:
        name = f"make_{mode}_function"
        if getattr(type(self), name) is not getattr(StepFunctions, name):
            raise NotImplementedError(
                f"{type(self).__name__} overrides `{name}`, but the loop over the batches runs in C and calls no such "
                f"function. Override `{mode}_step(data)`, which is traced into that loop"
            )
