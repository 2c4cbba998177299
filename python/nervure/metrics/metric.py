"""`Metric`, the base class: a running result, held in variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from .. import initializers, ops, tree
from .._dtypes import standardize_dtype
from .._function import Function
from .._masks import get_mask, has_masks, set_mask
from .._trace import current
from ..ops.dispatch import as_array
from ..utils import auto_name
from ..variable import Variable

__all__ = ["Metric", "check_columns", "compiled"]

F = TypeVar("F", bound=Callable[..., Any])


class Metric:
    """Base class: make variables in `__init__` with `add_variable`, write `update_state` and `result`.

    A subclass is written with `nervure.ops`. Used on arrays it computes at once; given to `compile` it is traced into
    the training step. `dtype` is that of the computation, `floatx()` by default.

    >>> import numpy as np
    >>> from nervure import ops
    >>> class Largest(Metric):
    ...     def __init__(self, name="largest", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.value = self.add_weight(name="value", initializer="zeros")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.value.assign(ops.maximum(self.value, ops.max(ops.absolute(y_true - y_pred))))
    ...     def result(self):
    ...         return self.value
    >>> m = Largest()
    >>> m.update_state(np.zeros(2), np.array([1.0, -3.0]))
    >>> float(m.result())
    3.0
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self._dtype = standardize_dtype(getattr(dtype, "compute_dtype", dtype))
        self._variables: list[Variable] = []
        self._functions: dict[Any, Function] = {}  # what `compiled` methods became

    @property
    def dtype(self) -> str:
        """The dtype of the computation."""
        return self._dtype

    @property
    def variables(self) -> list[Variable]:
        """The state: own variables in the order they were made, then those held in attributes, metrics' included."""
        found = list(self._variables)
        for value in self.__dict__.values():
            found += _held(value)
        return list({id(v): v for v in found}.values())

    def _check_super_called(self) -> None:
        if "_variables" not in self.__dict__:
            raise RuntimeError(
                f"You forgot to call `super().__init__()` in the `__init__()` method of {type(self).__name__}. "
                "Go add it!"
            )

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A new variable of the state, of `floatx()` unless told; `reset_state` fills it with zeros."""
        self._check_super_called()
        variable = Variable(
            initializers.get("zeros" if initializer is None else initializer),
            shape=shape,
            dtype=standardize_dtype(dtype),
            trainable=False,
            aggregation=aggregation,
            synchronization="on_read",
            name=name,
        )
        variable.path = f"{self.name.replace('/', '>')}/{variable.name}"
        self._variables.append(variable)
        self._functions.clear()  # they know nothing of it
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Another name of `add_variable`."""
        return self.add_variable(shape=shape, initializer=initializer, dtype=dtype, name=name)

    def reset_state(self) -> None:
        """Back to the start: zeros in all variables."""
        outside = current() is None
        for v in self.variables:
            if outside:
                v.numpy()[...] = 0
            else:
                v.assign(ops.zeros(v.shape, dtype=v.dtype))

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Takes in a batch."""
        raise NotImplementedError(f"{type(self).__name__} does not implement update_state()")

    def result(self) -> Any:
        """The value so far: a scalar, an array, or a dict of them."""
        raise NotImplementedError(f"{type(self).__name__} does not implement result()")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._check_super_called()
        self.update_state(*args, **kwargs)
        return self.result()

    # ---- the same as functions of the state ----

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """What the variables would hold after `update_state`, had they held `metric_variables`. Nothing changes."""
        with self._holding(metric_variables):
            self.update_state(*args, **kwargs)
            return self._values()

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """What `result` would be, had the variables held `metric_variables`."""
        with self._holding(metric_variables):
            return tree.map_structure(_now, self.result())

    def stateless_reset_state(self) -> list[Any]:
        """What the variables would hold after `reset_state`."""
        with self._holding(self._values()):
            self.reset_state()
            return self._values()

    def _values(self) -> list[Any]:
        inside = current() is not None
        return [v.value if inside else np.array(v.numpy()) for v in self.variables]

    @contextmanager
    def _holding(self, values: Sequence[Any]) -> Iterator[None]:
        """Inside, the variables hold `values`; afterwards what they held before."""
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                "Argument `metric_variables` must be a list of tensors corresponding 1:1 to "
                f"{type(self).__name__}().variables. Received list with length {len(values)}, but expected "
                f"{len(variables)} variables."
            )
        scope, before = current(), self._values()
        try:
            for v, value in zip(variables, values, strict=True):
                if scope is None:
                    v.assign(value)
                else:
                    scope.shadow(v, ops.cast(value, v.dtype))
            yield
        finally:
            for v, value in zip(variables, before, strict=True):
                if scope is None:
                    v.assign(value)
                else:
                    scope.shadow(v, value)

    # ---- configs, copies ----

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"name": self.name, "dtype": self._dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """The metric that `get_config` described."""
        return cls(**config)

    def __setattr__(self, name: str, value: Any) -> None:
        if self.__dict__.get("_functions") and name != "_functions" and current() is None:
            self._functions.clear()  # they were traced with the attributes as they were
        object.__setattr__(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_functions": {}}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def __str__(self) -> str:
        return self.__repr__()


def _now(value: Any) -> Any:
    """A value that later assignments do not change."""
    if isinstance(value, Variable):
        value = value.value
    return np.array(value) if isinstance(value, np.ndarray) else value


def _held(value: Any) -> list[Variable]:
    """The variables in a value, in containers and metrics too."""
    if isinstance(value, Variable):
        return [value]
    if isinstance(value, Metric):
        return value.variables
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple, set)):
        return [v for item in value for v in _held(item)]
    return []


def compiled(method: F) -> F:
    """Makes a method of a metric, when it is called on arrays, one that is traced once for each signature of them and
    runs in C from then on. Lists of numbers and numbers are arrays here. Inside a trace the method is as it was.
    """

    @wraps(method)
    def call(self: Metric, *args: Any, **kwargs: Any) -> Any:
        if current() is not None:
            return method(self, *args, **kwargs)
        function = self._functions.get(call)
        if function is None:

            def traced(masks: Any, *args: Any, **kwargs: Any) -> Any:
                for key, mask in masks.items() if masks else ():
                    set_mask(args[key] if isinstance(key, int) else kwargs[key], mask)
                return method(self, *args, **kwargs)

            function = self._functions[call] = Function(traced)
        masks = _masks(args, kwargs) if has_masks() else None
        args = tuple(x if type(x) is np.ndarray else _array(x) for x in args)
        kwargs = {key: _array(x) for key, x in kwargs.items()} if kwargs else kwargs
        return function(masks, *args, **kwargs)

    return call  # type: ignore[return-value]


def check_columns(owner: str, y_true_shape: Sequence[int | None], y_pred_shape: Sequence[int | None]) -> None:
    """ValueError unless both shapes are (batch, columns)."""
    shapes = f"Received input shapes: y_pred.shape={y_pred_shape} and y_true.shape={y_true_shape}."
    if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
        raise ValueError(f"{owner} expects 2D inputs with shape (batch_size, output_dim). {shapes}")
    if y_pred_shape[-1] is None or y_true_shape[-1] is None:
        raise ValueError(
            f"{owner} expects 2D inputs with shape (batch_size, output_dim), with output_dim fully defined (not None). "
            f"{shapes}"
        )


def _array(x: Any) -> Any:
    return as_array(x) if isinstance(x, (list, tuple, int, float)) and not isinstance(x, bool) else x


def _masks(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[Any, Any] | None:
    found = {key: get_mask(x) for key, x in (*enumerate(args), *kwargs.items()) if isinstance(x, np.ndarray)}
    return {key: np.asarray(mask) for key, mask in found.items() if mask is not None} or None
