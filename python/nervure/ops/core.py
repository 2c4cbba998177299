"""Conversion, inspection and control flow: what `keras.ops` has besides NumPy's and neural-network functions."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from .._dtypes import graph_dtype, standardize_dtype
from .._tensor import Operators, Tensor
from ..variable import Variable
from .dispatch import as_array, local, tensor
from .elementwise import cast, where
from .manipulation import stack

__all__ = [
    "array", "cast", "cond", "convert_to_numpy", "convert_to_tensor", "dtype", "fori_loop", "is_tensor", "map",
    "ndim", "saturate_cast", "scan", "shape", "size", "switch", "vectorized_map", "while_loop",
]  # fmt: skip


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """`x` as a Tensor inside a trace, as a NumPy array outside; KerasTensors stay.

    Numbers in lists become floatx or int32; arrays keep a dtype that graphs have (float32, float64, int32, int64,
    bool), narrower ones are widened.
    """
    if sparse or ragged:
        raise ValueError("convert_to_tensor: sparse and ragged tensors are not supported")
    if local.scope is not None:
        x = tensor(x)
        return x if dtype is None else cast(x, dtype)
    if isinstance(x, Operators) and not isinstance(x, (Tensor, Variable)):
        return x if dtype is None else cast(x, dtype)
    array = as_array(x, exact=dtype is not None)
    return np.array(array, graph_dtype(array.dtype) if dtype is None else standardize_dtype(dtype))


def array(x: Any, dtype: Any = None) -> Any:
    """`convert_to_tensor` under NumPy's name."""
    return convert_to_tensor(x, dtype)


def convert_to_numpy(x: Any) -> "np.ndarray[Any, Any]":
    """`x` as a NumPy array."""
    return np.asarray(x)


def is_tensor(x: Any) -> bool:
    """True for Tensors and NumPy arrays.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.is_tensor(np.ones(2))
    True
    """
    return isinstance(x, (Tensor, np.ndarray))


def shape(x: Any) -> tuple[int, ...]:
    """The extents, a tuple.

    >>> import nervure as nv
    >>> nv.ops.shape([[1, 2]])
    (1, 2)
    """
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def ndim(x: Any) -> int:
    """The number of axes.

    >>> import nervure as nv
    >>> nv.ops.ndim([[1, 2]])
    2
    """
    return len(shape(x))


def size(x: Any) -> int:
    """The number of elements.

    >>> import nervure as nv
    >>> nv.ops.size([[1, 2]])
    2
    """
    n = 1
    for extent in shape(x):
        n *= extent
    return n


def dtype(x: Any) -> str:
    """The name of the dtype.

    >>> import nervure as nv
    >>> nv.ops.dtype([1, 2])
    'int32'
    """
    return str(x.dtype) if hasattr(x, "dtype") else str(convert_to_tensor(x).dtype)


def saturate_cast(x: Any, dtype: Any) -> Any:
    """`cast`, which saturates already.

    >>> import nervure as nv
    >>> nv.ops.saturate_cast([1e20], "int32")
    array([2147483647], dtype=int32)
    """
    return cast(x, dtype)


# ---- control flow. Loops are unrolled: a trace has no branches. ----


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """true_fn() if `pred`, else false_fn().

    Where `pred` is symbolic both are traced and every result, and every variable that either assigns, is chosen by it.

    >>> import nervure as nv
    >>> nv.ops.cond(True, lambda: 1, lambda: 2)
    1
    """
    scope = local.scope
    if scope is None or not isinstance(pred, (Tensor, Variable)):
        return true_fn() if pred else false_fn()
    pred = tensor(pred)
    if pred.ndim:
        raise ValueError(f"cond: pred must be a scalar, got shape {pred.shape}")
    before = scope.snapshot()
    yes = true_fn()
    after_yes = scope.snapshot()
    scope.restore(before)
    no = false_fn()
    after_no = scope.snapshot()
    first = {core: before.get(core, Tensor(scope.graph.variable(core))) for core in {**after_yes, **after_no}}
    merged = {}
    for core, old in first.items():
        a, b = after_yes.get(core, old), after_no.get(core, old)
        merged[core] = a if a.node is b.node else where(pred, a, b)
    scope.restore(merged)
    return tree.map_structure(lambda a, b: a if a is b else where(pred, a, b), yes, no)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """branches[index](*operands), the index clamped to those there are.

    >>> import nervure as nv
    >>> nv.ops.switch(1, [lambda: "a", lambda: "b"])
    'b'
    """
    if not branches:
        raise ValueError("switch: there are no branches")
    if local.scope is None or not isinstance(index, (Tensor, Variable)):
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    index = tensor(index)
    result = branches[-1](*operands)
    for k in range(len(branches) - 2, -1, -1):
        chosen, rest = index <= k, result
        result = cond(chosen, lambda k=k: branches[k](*operands), lambda rest=rest: rest)  # type: ignore[misc]
    return result


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """loop_vars = body(*loop_vars) while cond(*loop_vars); how often may not depend on symbolic values.

    >>> import nervure as nv
    >>> nv.ops.while_loop(lambda i: i < 5, lambda i: i + 2, 0)
    6
    """
    done = 0
    several = isinstance(loop_vars, (list, tuple))
    values = loop_vars if several else (loop_vars,)
    while cond(*values) and (maximum_iterations is None or done < maximum_iterations):
        values = body(*values)
        values = values if isinstance(values, (list, tuple)) else (values,)
        done += 1
    return type(loop_vars)(values) if several else values[0]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[int, Any], Any], init_val: Any) -> Any:
    """value = body_fun(i, value) for i from lower to upper - 1.

    >>> import nervure as nv
    >>> nv.ops.fori_loop(0, 4, lambda i, v: v + i, 0)
    6
    """
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def _rows(xs: Any) -> list[Any]:
    leaves = tree.flatten(xs)
    lengths = {shape(leaf)[0] for leaf in leaves}
    if len(lengths) != 1:
        raise ValueError(f"all arrays must have equally many rows, got {sorted(lengths)}")
    return [tree.pack_sequence_as(xs, [leaf[k] for leaf in leaves]) for k in range(lengths.pop())]


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """f of each row of `xs` (an array, or a structure of arrays), stacked.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.map(lambda row: row * 2, np.array([1, 2]))
    array([2, 4])
    """
    return tree.map_structure(lambda *rows: stack(list(rows)), *[f(row) for row in _rows(xs)])


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """`map` under the names that Keras gives its arguments."""
    return map(function, elements)


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple[Any, Any]:
    """carry, y = f(carry, x) for each row x of `xs`; the last carry, and all y stacked.

    >>> import nervure as nv, numpy as np
    >>> nv.ops.scan(lambda total, x: (total + x, total), 0, np.array([1, 2, 3]))
    (np.int64(6), array([0, 1, 3]))
    """
    rows = [None] * int(length or 0) if xs is None else _rows(xs)
    order = range(len(rows))[::-1] if reverse else range(len(rows))
    carry, ys = init, [None] * len(rows)
    for k in order:
        carry, ys[k] = f(carry, rows[k])
    if not ys or ys[0] is None:
        return carry, None
    return carry, tree.map_structure(lambda *rows: stack(list(rows)), *ys)
