"""`Tensor`, a value of a trace, and the operators that it shares with variables and Keras tensors."""

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from . import _core

_ops: Any = None  # nervure.ops, set when it is imported: its modules stand on this one


class Operators:
    """Python's operators spelled in `nervure.ops`, so that they work in all three modes."""

    __slots__ = ()
    __array_priority__ = 1000.0  # so that ndarray + self asks self

    shape: Any
    __hash__ = object.__hash__  # by identity, though == is elementwise

    def __add__(self, other: Any) -> Any:
        return _ops.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return _ops.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return _ops.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return _ops.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return _ops.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _ops.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return _ops.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _ops.divide(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _ops.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _ops.floor_divide(other, self)

    def __mod__(self, other: Any) -> Any:
        return _ops.mod(self, other)

    def __rmod__(self, other: Any) -> Any:
        return _ops.mod(other, self)

    def __pow__(self, other: Any) -> Any:
        return _ops.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return _ops.power(other, self)

    def __matmul__(self, other: Any) -> Any:
        return _ops.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _ops.matmul(other, self)

    def __and__(self, other: Any) -> Any:
        return _ops.logical_and(self, other)

    def __rand__(self, other: Any) -> Any:
        return _ops.logical_and(other, self)

    def __or__(self, other: Any) -> Any:
        return _ops.logical_or(self, other)

    def __ror__(self, other: Any) -> Any:
        return _ops.logical_or(other, self)

    def __xor__(self, other: Any) -> Any:
        return _ops.logical_xor(self, other)

    def __rxor__(self, other: Any) -> Any:
        return _ops.logical_xor(other, self)

    def __invert__(self) -> Any:
        return _ops.logical_not(self)

    def __neg__(self) -> Any:
        return _ops.negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return _ops.absolute(self)

    def __round__(self, ndigits: int | None = None) -> Any:
        return _ops.round(self, ndigits or 0)

    def __eq__(self, other: Any) -> Any:
        return _ops.equal(self, other)

    def __ne__(self, other: Any) -> Any:
        return _ops.not_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        return _ops.less(self, other)

    def __le__(self, other: Any) -> Any:
        return _ops.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return _ops.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return _ops.greater_equal(self, other)

    def __getitem__(self, key: Any) -> Any:
        return _ops.get_item(self, key)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return int(self.shape[0])

    def reshape(self, *shape: Any) -> Any:
        """The same elements in another shape."""
        return _ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    @property
    def T(self) -> Any:
        """The transpose: axes reversed."""
        return _ops.transpose(self)


# What NumPy calls the operators of an array that stands on the left of a tensor, and what they are in nervure.ops.
_OPERATORS = {name: name for name in ("add", "subtract", "multiply", "divide", "floor_divide", "power", "matmul")}
_OPERATORS |= {name: name for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")}
_OPERATORS |= {f"bitwise_{name}": f"logical_{name}" for name in ("and", "or", "xor")} | {"remainder": "mod"}


def array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`array + tensor` is an op; any other function of NumPy is a TypeError, as it cannot see into a trace."""
    name = _OPERATORS.get(ufunc.__name__)
    if name is not None and method == "__call__" and not kwargs:
        return getattr(_ops, name)(*inputs)
    here = f"nervure.ops.{ufunc.__name__}" if hasattr(_ops, ufunc.__name__) else "nervure.ops"
    raise TypeError(f"numpy.{ufunc.__name__} cannot compute with {self!r}, which has no numbers yet: use {here}")


class Tensor(Operators):
    """A value of a trace: its shape and dtype are known, its numbers are not until the plan runs.

    Only a value that depends on no input and no variable has numbers already; NumPy and Python may ask for those.
    """

    __slots__ = ("_keras_mask", "node")
    __array_ufunc__ = array_ufunc

    def __init__(self, node: "_core.Node") -> None:
        self.node = node

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents."""
        return self.node.shape

    @property
    def dtype(self) -> str:
        """NumPy's name of the dtype."""
        return self.node.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.node.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        size = 1
        for n in self.node.shape:
            size *= n
        return size

    @property
    def name(self) -> str | None:
        """The name of the node, if it was given one."""
        return self.node.name

    def _symbolic(self, what: str) -> NoReturn:
        raise TypeError(
            f"cannot {what} {self!r}: it is symbolic, a step of a computation that is being traced and has no numbers "
            "yet. Use nervure.ops on it (ops.where or ops.cond to choose), or look at values outside of the trace"
        )

    def _value(self, what: str) -> "np.ndarray[Any, Any]":
        """The numbers of a constant, or of any tensor while a step is run eagerly."""
        from ._trace import local

        shown = local.scope.value(self.node) if local.scope is not None else None
        if shown is not None:
            return shown
        seen, todo = {self.node}, [self.node]
        while todo:
            node = todo.pop()
            if node.op in ("input", "variable"):
                self._symbolic(what)
            fresh = set(node.inputs) - seen
            seen |= fresh
            todo.extend(fresh)
        return self.node.graph.plan([], [self.node]).run()[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> "np.ndarray[Any, Any]":
        value = self._value("make a NumPy array of")
        return value if dtype is None else value.astype(dtype)

    def __bool__(self) -> bool:
        return bool(self._value("take the truth value of"))

    def __int__(self) -> int:
        return int(self._value("make an int of"))

    def __index__(self) -> int:
        return self._value("use as an index").__index__()

    def __float__(self) -> float:
        return float(self._value("make a float of"))

    def __iter__(self) -> Any:
        return (self[k] for k in range(len(self)))  # len, here and now, is the error of a scalar

    def __repr__(self) -> str:
        name = f" name={self.name!r}" if self.name else ""
        from ._trace import local

        shown = local.scope.value(self.node) if local.scope is not None else None
        held = "" if shown is None else f" value={shown}"
        return f"<Tensor {self.node.op} shape={self.shape} dtype={self.dtype}{name}{held}>"

    def numpy(self) -> "np.ndarray[Any, Any]":
        """The numbers, where there are any: of a constant, or while a step is run eagerly."""
        return self._value("make a NumPy array of")
