"""How an op, written once as a function of Tensors, is called in three ways. `op` is the decorator.

- A `KerasTensor` among the arguments: the call becomes an `Operation` of a functional model.
- Inside a trace (a `Scope` was entered): the function runs as it is and adds nodes to the scope's graph.
- Otherwise, eagerly: the function is traced once for each signature (shapes, dtypes, all other arguments by value), the
  plan is kept among the 512 last used, and NumPy arrays that own their memory come back.
"""

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache, update_wrapper
from operator import index
from typing import Any, TypeVar

import numpy as np

from .. import _core, config
from .._dtypes import FLOAT, LEVEL, WEAK, graph_dtype, is_float, name_of
from .._tensor import Operators, Tensor
from .._trace import Scope, local, tracing
from ..variable import Variable

F = TypeVar("F", bound=Callable[..., Any])

_PLAIN = frozenset((int, float, bool, str, type(None)))
_ndarray = np.ndarray


# ---- values to Tensors, inside a trace ----


def tensor(x: Any) -> Tensor:
    """`x` as a Tensor of the current trace. Python floats become floatx, Python ints int32 if they fit."""
    if type(x) is Tensor:
        return x
    if isinstance(x, Variable):
        return _scope().read(x)
    t = type(x)
    if t in WEAK:
        return scalar(x, name_of(level(x)))
    if isinstance(x, (list, tuple)) and any(isinstance(leaf, (Tensor, Variable)) for leaf in x):
        parts = [tensor(part) for part in x]
        dtype = name_of(max(level(part) for part in parts))
        graph = _scope().graph
        rows = [graph.op("reshape", (cast_to(p, dtype).node,), (1, *p.shape)) for p in parts]
        return Tensor(graph.op("concatenate", rows, (0,)))
    array = as_array(x)
    dtype = graph_dtype(array.dtype)
    return Tensor(_scope().graph.constant(np.ascontiguousarray(array, dtype)))


def _scope() -> Scope:
    scope = local.scope
    if scope is None:
        raise RuntimeError("this function works on Tensors, inside a trace only")
    return scope


def scalar(value: Any, dtype: str) -> Tensor:
    """A 0-d constant."""
    graph = local.scope.graph  # type: ignore[union-attr]
    if dtype == "int64" and not -(2**53) < value < 2**53:  # an attribute is a double
        return Tensor(graph.constant(np.array(value, dtype)))
    return Tensor(graph.op("full", (), (), (value,), dtype))


def as_array(x: Any, exact: bool = False) -> "np.ndarray[Any, Any]":
    """`x` as a NumPy array. What is in lists counts as Python numbers: floats give floatx, integers int32 if they
    fit; unless `exact`, for callers that know a dtype: 0.1 goes to float64 as it is."""
    if isinstance(x, Tensor):
        raise TypeError(f"{x!r} is symbolic: it belongs to a trace and cannot be used outside of it")
    array = np.asarray(x)
    if not exact and (type(x) in (int, float) or isinstance(x, (list, tuple))):
        if array.dtype == np.float64:
            return array.astype(config.floatx())
        if array.dtype == np.int64 and (array.size == 0 or (array.min() >= -(2**31) and array.max() < 2**31)):
            return array.astype(np.int32 if array.size else config.floatx())
    return array


def level(x: Any) -> int:
    """Where the dtype of `x` stands in the promotion lattice (`nervure._dtypes`)."""
    weak = WEAK.get(type(x))
    if weak is not None:
        return 3 if weak == 1 and not -(2**31) <= x < 2**31 else weak
    return LEVEL[tensor(x).node.dtype]


def cast_to(x: Tensor, dtype: str) -> Tensor:
    """`x` with that dtype."""
    node = x.node
    if node.dtype == dtype:
        return x
    return Tensor(_scope().graph.op("cast", (node,), (), (), dtype))


def floating(x: Any) -> Tensor:
    """`x` as a Tensor of floats: integers and bools become floatx."""
    x = tensor(x)
    return x if is_float(x.node.dtype) else cast_to(x, config.floatx())


def at(x: Any, dtype: str) -> Tensor:
    """`x`, which may be a Python number, as a Tensor of that dtype."""
    if type(x) is float and not is_float(dtype):
        x = scalar(x, "float64")  # and from there as any float to an integer
    return scalar(x, dtype) if type(x) in WEAK else cast_to(tensor(x), dtype)


def promote(*xs: Any, least: int = 0) -> tuple[Tensor, ...]:
    """All of `xs` as Tensors of their common dtype, which is at the level `least` or above."""
    xs = tuple(x if type(x) in WEAK else tensor(x) for x in xs)
    dtype = name_of(max(least, *map(level, xs)))
    return tuple(at(x, dtype) for x in xs)


def pair(x1: Any, x2: Any, least: int = 0) -> tuple[Tensor, ...]:
    """`promote` of two, quick where there is nothing to do."""
    t1, t2 = type(x1), type(x2)
    if t1 is Tensor:
        dtype = x1.node.dtype
        if t2 is Tensor:
            if dtype == x2.node.dtype and LEVEL[dtype] >= least:
                return x1, x2
        elif (t2 is float or t2 is int) and LEVEL[dtype] > FLOAT:
            return x1, scalar(x2, dtype)
    elif t2 is Tensor and (t1 is float or t1 is int) and LEVEL[x2.node.dtype] > FLOAT:
        return scalar(x1, x2.node.dtype), x2
    return promote(x1, x2, least=least)


def node(name: str, *xs: Tensor, ints: Sequence[int] = (), floats: Sequence[float] = (), dtype: Any = None) -> Tensor:
    """The row `name` of the op table applied to Tensors."""
    return Tensor(local.scope.graph.op(name, [x.node for x in xs], ints, floats, dtype))  # type: ignore[union-attr]


# ---- signatures: what a plan is cached by. An array is (shape, dtype), a structure (its type, signatures), anything
# else (its type, the value). ----


class Symbolic(Exception):
    """Raised where a KerasTensor turns up."""


class Same:
    """A static argument that is known by identity."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Same) and other.value is self.value


def signature(x: Any, inputs: list[Any], array: bool = False, read: bool = True) -> Any:
    """What identifies `x`; the arrays in it are appended to `inputs`. With `array`, a list is one array; with `read`, a
    Variable is an array, too."""
    t = type(x)
    if t is _ndarray:
        inputs.append(x)
        return x.shape, x.dtype
    if t in _PLAIN:
        return t, str(x) if t is float and x == 0.0 else x  # 0.0 == -0.0
    if isinstance(x, Variable):
        if not read:
            return Same, Same(x)
        inputs.append(x.core.array)
        return x.shape, inputs[-1].dtype
    if isinstance(x, (np.generic, np.ndarray)):
        inputs.append(np.asarray(x))
        return x.shape, x.dtype
    if isinstance(x, Tensor):
        raise TypeError(f"{x!r} is symbolic: it belongs to a trace and cannot be used outside of it")
    keras_tensor = sys.modules.get("nervure.keras_tensor")
    if keras_tensor is not None and isinstance(x, keras_tensor.KerasTensor):
        raise Symbolic
    if isinstance(x, (list, tuple)):
        if array and not any(isinstance(part, _COMPOUND) for part in x):
            inputs.append(as_array(x))
            return inputs[-1].shape, inputs[-1].dtype
        return t, tuple([signature(part, inputs, False, read) for part in x])
    if isinstance(x, dict):
        return t, tuple([(key, signature(part, inputs, False, read)) for key, part in x.items()])
    if array or (hasattr(x, "__array__") and not isinstance(x, type)):
        inputs.append(as_array(x))
        return inputs[-1].shape, inputs[-1].dtype
    if t.__hash__ is None:
        raise TypeError(f"an argument that is no array is part of a signature and must be hashable, got {x!r}")
    return t, x


_COMPOUND = (np.ndarray, np.generic, Operators)


def revive(spec: Any, scope: Scope, inputs: list[Tensor]) -> Any:
    """The argument that `signature` described, with inputs of the scope for its arrays."""
    kind, value = spec
    if isinstance(value, np.dtype) and type(kind) is tuple:
        inputs.append(scope.input(kind, graph_dtype(value)))
        return inputs[-1]
    if kind in _PLAIN:
        return float(value) if kind is float else value
    if kind is Same:
        return value.value
    if issubclass(kind, (list, tuple)):
        parts = [revive(part, scope, inputs) for part in value]
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    if issubclass(kind, dict):
        return kind((key, revive(part, scope, inputs)) for key, part in value)
    return value


def outputs_of(result: Any, leaves: list[Tensor]) -> Any:
    """The structure of `result`, with positions in `leaves`, to which its Tensors are appended."""
    if isinstance(result, (Tensor, Variable, np.ndarray, np.generic)):
        leaves.append(tensor(result))
        return len(leaves) - 1
    if isinstance(result, dict):
        return type(result)((key, outputs_of(part, leaves)) for key, part in result.items())
    if isinstance(result, (list, tuple)):
        parts = [outputs_of(part, leaves) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return Static(result)


class Static:
    """A leaf of a result that is no array: handed back as it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def fill(structure: Any, arrays: list[Any]) -> Any:
    """The structure made by `outputs_of`, with arrays in it."""
    t = type(structure)
    if t is int:
        return arrays[structure]
    if t is Static:
        return structure.value
    if isinstance(structure, dict):
        return t((key, fill(part, arrays)) for key, part in structure.items())
    parts = [fill(part, arrays) for part in structure]
    return t(*parts) if hasattr(structure, "_fields") else t(parts)


def compile_call(function: Any, spec: tuple[Any, ...], names: tuple[str, ...]) -> "tuple[_core.Plan, Any]":
    """The plan of `function` for a signature, and the structure of its result (None: a single array)."""
    with tracing() as scope:
        inputs: list[Tensor] = []
        args = [revive(part, scope, inputs) for part in spec]
        n = len(args) - len(names)
        leaves: list[Tensor] = []
        structure = outputs_of(function(*args[:n], **dict(zip(names, args[n:], strict=True))), leaves)
        return scope.plan(inputs, leaves), None if type(structure) is int else structure


@lru_cache(maxsize=512)
def compiled(function: Any, spec: tuple[Any, ...], names: tuple[str, ...], version: int) -> "tuple[_core.Plan, Any]":
    """`compile_call` for eager ops, with a memory. `version` is config's: defaults are part of a trace."""
    return compile_call(function, spec, names)


def op(function: F | None = None, *, arrays: int = 1, sequence: bool = False) -> Any:
    """Makes a function of Tensors an op that can be called in all three modes.

    The first `arrays` parameters are arrays, for which lists of numbers may be given; with `sequence`, the first is a
    sequence of arrays. Arrays may be given for other parameters, too.
    """
    if function is None:
        return lambda f: op(f, arrays=arrays, sequence=sequence)
    f = function
    names_of_arrays = (
        frozenset() if sequence else frozenset(f.__code__.co_varnames[: min(arrays, f.__code__.co_argcount)])
    )
    leading = 0 if sequence else arrays

    def call(*args: Any, **kwargs: Any) -> Any:
        if local.scope is not None:
            return f(*args, **kwargs)
        try:
            return eagerly(args, kwargs)
        except (ValueError, TypeError, IndexError) as error:
            name, text = f.__name__.strip("_"), error.args[0] if error.args else ""
            if isinstance(text, str) and not text.startswith(name):  # it speaks of a part, not of what was called
                error.args = (f"{name}: {text}", *error.args[1:])
            raise

    def eagerly(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs: list[Any] = []
        spec = []
        try:
            for x in args:
                t = type(x)
                if t is _ndarray:
                    inputs.append(x)
                    spec.append((x.shape, x.dtype))
                else:
                    spec.append(signature(x, inputs, len(spec) < leading))
            if kwargs:
                names = tuple(kwargs)
                for name in names:
                    spec.append(signature(kwargs[name], inputs, name in names_of_arrays))
            else:
                names = ()
        except Symbolic:
            return sys.modules["nervure.ops"]._symbolic(call, args, kwargs)
        plan, structure = compiled(f, tuple(spec), names, config.version)
        out = plan.run(*inputs)
        return out[0] if structure is None else fill(structure, out)

    return update_wrapper(call, f)


# ---- shapes and axes ----


def axis_of(axis: Any, ndim: int, what: str) -> int:
    """`axis` in [0, ndim), or a ValueError that names the op."""
    try:
        k = index(axis)
    except TypeError:
        raise TypeError(f"{what}: an axis is an int, got {axis!r}") from None
    if not -ndim <= k < ndim:
        raise ValueError(f"{what}: axis {axis} is out of bounds for {ndim} dimensions")
    return k % ndim


def axes_of(axis: Any, ndim: int, what: str) -> tuple[int, ...]:
    """None (all), an int or a sequence of ints as sorted axes, each once."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (list, tuple)):
        axes = tuple(sorted({axis_of(k, ndim, what) for k in axis}))
        if len(axes) != len(axis):
            raise ValueError(f"{what}: an axis is given twice in {tuple(axis)}")
        return axes
    return (axis_of(axis, ndim, what),)


def shape_of(shape: Any, what: str) -> tuple[int, ...]:
    """An int or a sequence of non-negative ints as a tuple."""
    try:
        dims = tuple(index(n) for n in shape) if isinstance(shape, (list, tuple)) else (index(shape),)
    except TypeError:
        raise TypeError(f"{what}: a shape is an int or a sequence of ints, got {shape!r}") from None
    if any(n < 0 for n in dims):
        raise ValueError(f"{what}: a shape has no negative extents, got {dims}")
    return dims


def reshaped(x: Tensor, shape: Sequence[int]) -> Tensor:
    """`x` in a shape that is known to fit."""
    return x if x.shape == tuple(shape) else node("reshape", x, ints=tuple(shape))


def permuted(x: Tensor, axes: Sequence[int]) -> Tensor:
    """`x` with its axes in that order."""
    return x if tuple(axes) == tuple(range(len(axes))) else node("transpose", x, ints=tuple(axes))


def broadcasted(x: Tensor, shape: Sequence[int]) -> Tensor:
    """`x` repeated along new axes and axes of size 1."""
    return x if x.shape == tuple(shape) else node("broadcast_to", x, ints=tuple(shape))


def sliced(x: Tensor, axis: int, begin: int, size: int, step: int = 1) -> Tensor:
    """`size` elements of one axis from `begin`, every `step`-th."""
    shape = x.shape
    n = len(shape)
    begins, sizes, steps = [0] * n, list(shape), [1] * n
    begins[axis], sizes[axis], steps[axis] = begin, size, step
    return node("slice", x, ints=(*begins, *sizes, *steps))


def iota(shape: Sequence[int], axis: int, dtype: str = "int32") -> Tensor:
    """The index along `axis`."""
    return node("iota", ints=(axis, *shape), dtype=dtype)
