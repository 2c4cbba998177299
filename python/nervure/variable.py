"""`Variable`: a value that outlives calls, in memory that never moves."""

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._dtypes import graph_dtype, standardize_dtype
from ._tensor import Operators
from ._trace import local, suspended
from .utils.naming import auto_name

if TYPE_CHECKING:
    from collections.abc import Callable

_AGGREGATIONS = (None, "none", "mean", "sum", "only_first_replica")
scopes: list[str] = []  # the names of the `backend.name_scope` blocks around
_SYNCHRONIZATIONS = (None, "none", "on_read", "on_write", "auto")


class Variable(Operators):
    """A value that a computation reads and may assign.

    `numpy()` and, outside of a trace, `value` are views of its memory: what is written through them is what the next
    step reads, and what a step writes is seen through them at once. Inside a trace `value` is the Tensor of what the
    variable holds at that point, and an assignment is done when the traced computation runs.

    Args:
        initializer: an array or number; or a function of (shape, dtype=...), or an initializer's name, and `shape`.
        shape: needed if `initializer` is not a value.
        dtype: by default the value's own, or `floatx()`.
        trainable: whether optimizers are to change it.
        autocast, aggregation, synchronization, layout: kept as attributes, as Keras has them; they change nothing.
        name: by default "variable", "variable_1", ..

    >>> import nervure as nv
    >>> v = nv.Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0])
    array([2., 3.], dtype=float32)
    >>> v.numpy()[0] = 7
    >>> v * 2
    array([14.,  6.], dtype=float32)
    """

    def __init__(
        self,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        layout: Any = None,
    ) -> None:
        self.name: str = name or auto_name(type(self).__name__)
        if not isinstance(self.name, str) or "/" in self.name:
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}"
            )
        if aggregation not in _AGGREGATIONS:
            raise ValueError(
                f"Invalid value for argument `aggregation`. Expected one of {_AGGREGATIONS}. Received: "
                f"aggregation={aggregation}"
            )
        if synchronization not in _SYNCHRONIZATIONS:
            raise ValueError(
                f"Invalid value for argument `synchronization`. Expected one of {_SYNCHRONIZATIONS}. Received: "
                f"synchronization={synchronization}"
            )
        self.layout = layout
        self.path = "/".join((*scopes, self.name))
        self.trainable = trainable
        self.autocast = autocast
        self.aggregation = aggregation or "none"
        self.synchronization = synchronization or "none"
        self._regularizer: Callable[[Any], Any] | None = None
        self._constraint: Callable[[Any], Any] | None = None
        self._overwrite_with_gradient = False
        if isinstance(initializer, str):
            from . import initializers

            initializer = initializers.get(initializer)
        if callable(initializer):
            if shape is None:
                raise ValueError(
                    "When creating a Variable from an initializer, the `shape` argument should be specified. Received: "
                    f"initializer={initializer} and shape={shape}"
                )
            shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
            if not all(isinstance(n, (int, np.integer)) and n >= 0 for n in shape):
                raise ValueError(f"Variable '{self.name}': a shape has no unknown or negative extents, got {shape}")
            shape = tuple(map(int, shape))
            dtype = standardize_dtype(dtype)
            with suspended():
                value = np.asarray(initializer(shape, dtype=dtype))
        else:
            from .ops.dispatch import as_array

            value = as_array(initializer, exact=dtype is not None)
            dtype = graph_dtype(value.dtype) if dtype is None else standardize_dtype(dtype)
            shape = value.shape
        self.core = _core.Variable(shape, dtype)
        self._set(value)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """ValueError unless `shape` is this variable's."""
        if tuple(shape) != self.core.shape:
            raise ValueError(
                f"Variable '{self.path}' has shape {self.core.shape}; cannot assign a value of shape {tuple(shape)}"
            )

    def _set(self, value: "np.ndarray[Any, Any]") -> None:
        graph_dtype(value.dtype)  # numbers only
        self.check_shape(value.shape)
        self.core.array[...] = value

    @property
    def value(self) -> Any:
        """What it holds: a view outside of a trace, a Tensor inside."""
        scope = local.scope
        return self.core.array if scope is None else scope.read(self)

    def numpy(self) -> "np.ndarray[Any, Any]":
        """A writable view of the memory.

        Inside a trace, too, where it shows what the variable held before, and what is made of it is a constant; `value`
        follows the trace.
        """
        return self.core.array

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents."""
        return self.core.shape

    @property
    def dtype(self) -> str:
        """NumPy's name of the dtype."""
        return self.core.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.core.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(self.core.array.size)

    @property
    def trainable(self) -> bool:
        """Whether optimizers are to change it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)

    @property
    def regularizer(self) -> "Callable[[Any], Any] | None":
        """A function of the value whose result is added to the loss, or None."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: "Callable[[Any], Any] | None") -> None:
        if value is not None and not callable(value):
            raise ValueError(
                "Invalid value for attribute `regularizer`. Expected a callable, or None. Received: "
                f"regularizer={value!r} (variable '{self.path}')"
            )
        self._regularizer = value

    @property
    def constraint(self) -> "Callable[[Any], Any] | None":
        """A function that maps the value, after an optimizer's step, to an allowed one; or None."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: "Callable[[Any], Any] | None") -> None:
        if value is not None and not callable(value):
            raise ValueError(
                "Invalid value for attribute `constraint`. Expected a callable, or None. Received: "
                f"constraint={value!r} (variable '{self.path}')"
            )
        self._constraint = value

    @property
    def overwrite_with_gradient(self) -> bool:
        """Whether optimizers should put the gradient in the variable's place. False: none does."""
        return self._overwrite_with_gradient

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"`overwrite_with_gradient` must be a boolean. Received: {value}")
        if value:
            raise ValueError(f"Variable '{self.path}': overwrite_with_gradient=True is not supported")

    def __getstate__(self) -> dict[str, Any]:
        """A copy has a memory of its own, which holds the same."""
        return {k: v for k, v in self.__dict__.items() if k != "core"} | {"value": np.array(self.core.array)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        value = state.pop("value")
        self.__dict__.update(state)
        self.core = _core.Variable(value.shape, str(value.dtype))
        self.core.array[...] = value

    def assign(self, value: Any) -> Any:
        """Gives it a value of its shape, cast to its dtype; returns the new value."""
        scope = local.scope
        if scope is not None:
            return scope.assign(self, value)
        from .ops.dispatch import as_array

        self._set(as_array(value, exact=True))
        return self.core.array

    def assign_add(self, value: Any) -> Any:
        """Adds `value`, which may broadcast to its shape; returns the new value."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Any:
        """Subtracts `value`, which may broadcast to its shape; returns the new value."""
        return self.assign(self - value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> "np.ndarray[Any, Any]":
        if local.scope is not None:
            return self.value.__array__(dtype, copy)
        array = self.core.array
        return array if dtype is None and not copy else np.array(array, dtype, copy=copy)

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.core.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.core.__dlpack_device__()

    def _scalar(self) -> Any:
        if self.core.shape:
            raise TypeError(f"Only scalar arrays can be converted to Python scalars. Got: shape={self.core.shape}")
        return self.value

    def __int__(self) -> int:
        return int(self._scalar())

    def __float__(self) -> float:
        return float(self._scalar())

    def __index__(self) -> int:
        return self._scalar().__index__()  # type: ignore[no-any-return]

    def __bool__(self) -> bool:
        raise TypeError(
            f"A Keras Variable cannot be used as a boolean. Compare the value of Variable '{self.path}', or "
            "use ops.where"
        )

    def __iter__(self) -> Any:
        return iter(self.value)

    def __format__(self, spec: str) -> str:
        return format(self._scalar() if spec else str(self), spec)

    def __repr__(self) -> str:
        held = "" if local.scope is not None else f", value={self.core.array}"
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}{held}>"
