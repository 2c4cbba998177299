"""Functions of arrays and variables, compiled; and their derivatives, of any order.

Derivatives are taken on the graph: what they give is more graph, so they nest (Griewank & Walther, "Evaluating
Derivatives", 2nd ed., ch. 3 and 5).

>>> import nervure as nv, numpy as np
>>> f = lambda x: nv.ops.sum(x**3)
>>> nv.grad(f)(np.array([1.0, 2.0]))
array([ 3., 12.])
>>> nv.grad(nv.grad(lambda x: x**3))(2.0)
array(12., dtype=float32)
"""

import itertools
from collections.abc import Callable
from functools import lru_cache, partial, update_wrapper
from typing import Any

import numpy as np

from . import config, ops, tree
from ._dtypes import is_float
from ._tensor import Tensor
from ._trace import Scope, local
from .ops.dispatch import Symbolic, cast_to, compile_call, fill, iota, node, reshaped, signature, tensor
from .variable import Variable

__all__ = ["Function", "function", "grad", "hvp", "jacobian", "value_and_grad"]

_CACHED = 64  # plans a function keeps: those last used


class Function:
    """What `function` makes of a Python function.

    >>> import nervure as nv
    >>> double = nv.function(lambda x: x * 2.0)
    >>> isinstance(double, Function), float(double(3.0))
    (True, 6.0)
    """

    def __init__(self, python_function: Callable[..., Any]) -> None:
        if not callable(python_function):
            raise TypeError(f"a function is needed, got {python_function!r}")
        self.python_function = python_function
        self._compiled = lru_cache(_CACHED)(lambda spec, names, version: compile_call(python_function, spec, names))
        update_wrapper(self, python_function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if local.scope is not None:
            return self.python_function(*args, **kwargs)
        inputs: list[Any] = []
        try:
            spec = []
            for x in (*args, *kwargs.values()) if kwargs else args:
                if type(x) is np.ndarray:
                    inputs.append(x)
                    spec.append((x.shape, x.dtype))
                else:
                    spec.append(signature(x, inputs, read=False))
        except Symbolic:
            return ops._symbolic(self, args, kwargs)
        plan, structure = self._compiled(tuple(spec), tuple(kwargs), config.version)
        out = plan.run(*inputs)
        return out[0] if structure is None else fill(structure, out)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else partial(self, instance)

    def clear(self) -> None:
        """Drops the plans made so far."""
        self._compiled.cache_clear()

    def __repr__(self) -> str:
        return f"<nervure.function {getattr(self, '__name__', self.python_function)!r}>"


def function(f: Callable[..., Any]) -> Function:
    """Compiles a Python function of arrays: it is traced once for each signature and runs in C from then on.

    Arguments and results are arrays or nested lists, tuples and dicts of them. Whatever else is in the arguments
    (numbers, strings, Variables, objects) is static: part of the signature, by value, and must be hashable. The plans
    of the 64 signatures last used are kept. Variables are read and assigned as they are; assignments take effect when
    the call is done. Inside another trace the function is inlined.

    Values that the function takes from elsewhere (arrays of an outer scope) are read while it is traced and then fixed.

    >>> import nervure as nv, numpy as np
    >>> count = nv.Variable(0)
    >>> @nv.function
    ... def step(x):
    ...     count.assign_add(1)
    ...     return {"double": 2 * x}
    >>> step(np.ones(2)), int(count)
    ({'double': array([2., 2.])}, 1)
    """
    return Function(f)


# ---- derivatives ----

_fresh = itertools.count()


def _alias(x: Tensor) -> Tensor:
    """`x` as a node of its own: an x that the function reaches another way is not what it is differentiated by."""
    return node("identity", x, ints=(next(_fresh),))


def _differentiable(leaf: Any, what: str) -> Tensor:
    x = tensor(leaf)
    if not is_float(x.dtype):
        raise TypeError(f"{what} is {x.dtype}; derivatives are taken by float32 or float64 values")
    return _alias(x)


def _dynamic(leaf: Any) -> Any:
    """A Python float to differentiate by is an array, not a part of the signature."""
    return np.array(leaf, config.floatx()) if type(leaf) is float and local.scope is None else leaf


class _Call:
    """A call of f inside a trace, on fresh copies of what it is differentiated by."""

    def __init__(
        self, what: str, f: Any, args: tuple[Any, ...], kwargs: Any, argnums: tuple[int, ...], wrt: Any
    ) -> None:
        scope = local.scope
        assert scope is not None
        self.scope: Scope = scope
        positions = [k + len(args) if k < 0 else k for k in argnums]
        for k in positions:
            if not 0 <= k < len(args):
                raise ValueError(f"{what}: argument {k} is to be differentiated, {len(args)} arguments came")
        fresh = [
            tree.map_structure(lambda leaf, k=k: _differentiable(leaf, f"{what}: argument {k}"), x)
            if k in positions
            else x
            for k, x in enumerate(args)
        ]
        self.structure = [fresh[k] for k in positions]
        variables = tree.flatten(wrt) if wrt is not None else []
        for v in variables:
            if not isinstance(v, Variable):
                raise TypeError(f"{what}: wrt takes Variables, got {v!r}; use argnums for arguments")
        olds = {v: scope.read(v) for v in variables}  # one may be there twice
        news = {v: _differentiable(old, f"{what}: Variable '{v.path}'") for v, old in olds.items()}
        for v, new in news.items():
            scope.shadow(v, new)
        try:
            self.result = f(*fresh, **kwargs)
        finally:
            for v, new in news.items():
                if scope.read(v) is new:  # it was not assigned
                    scope.shadow(v, olds[v])
        arguments = tree.flatten(self.structure)
        self.by = [*arguments, *(news[v] for v in variables)]
        self.n_arguments = len(arguments)

    def pack(self, found: list[Any], argnums: Any, wrt: Any) -> Any:
        """Derivatives, one for each of `by`, in the structure the caller asked for."""
        by_arguments = tree.pack_sequence_as(self.structure, found[: self.n_arguments])
        if wrt is None:
            return by_arguments[0] if isinstance(argnums, int) else tuple(by_arguments)
        by_variables = tree.pack_sequence_as(wrt, found[self.n_arguments :]) if tree.is_nested(wrt) else found[-1]
        if argnums is None:
            return by_variables
        return (by_arguments[0] if isinstance(argnums, int) else tuple(by_arguments)), by_variables


def _scalar(y: Any, what: str) -> Tensor:
    if not isinstance(y, (Tensor, Variable, np.ndarray, np.generic, float)):
        raise TypeError(f"{what}: the function must return a scalar array, got {type(y).__name__}")
    y = tensor(y)
    if y.shape:
        raise ValueError(
            f"{what}: the function must return a scalar, got shape {y.shape}; take its sum or mean, or use jacobian"
        )
    if not is_float(y.dtype):
        raise TypeError(f"{what}: the function returns {y.dtype}; only float32 and float64 have derivatives")
    return y


def _transform(what: str, f: Any, argnums: Any, wrt: Any, finish: Callable[[_Call, Any], Any]) -> Callable[..., Any]:
    """The function that calls f as a `_Call` in a compiled function, and finishes with its derivatives."""
    if argnums is None and wrt is None:
        argnums = 0
    positions = () if argnums is None else tuple(argnums) if isinstance(argnums, (list, tuple)) else (argnums,)
    if not all(isinstance(k, int) for k in positions):
        raise TypeError(f"{what}: argnums is an int or a sequence of ints, got {argnums!r}")

    @Function
    def compiled(*args: Any, **kwargs: Any) -> Any:
        return finish(_Call(what, f, args, kwargs, positions, wrt), argnums)

    def call(*args: Any, **kwargs: Any) -> Any:
        n = len(args)
        args = tuple(
            tree.map_structure(_dynamic, x) if k in positions or k - n in positions else x for k, x in enumerate(args)
        )
        return compiled(*args, **kwargs)

    return update_wrapper(call, f)


def value_and_grad(
    f: Callable[..., Any], argnums: Any = None, has_aux: bool = False, wrt: Any = None
) -> Callable[..., Any]:
    """A function that gives f's value and its gradient.

    Args:
        f: a function of arrays that gives a scalar; with `has_aux`, (scalar, anything else).
        argnums: the position(s) of the argument(s) to differentiate by: 0 by default, unless `wrt` is given. An
            argument may be a nested structure of arrays.
        has_aux: whether f gives something besides; the result is then ((value, aux), gradient).
        wrt: Variable(s), in a list or any structure, to differentiate by. With `argnums` as well, the gradient is a
        pair.

    Raises:
        ValueError: f's value is no scalar, or an op on the way has no gradient (the op is named).
        TypeError: the value, or what to differentiate by, is not a float.

    >>> import nervure as nv, numpy as np
    >>> w = nv.Variable([1.0, 2.0])
    >>> value, (dw,) = nv.value_and_grad(lambda x: nv.ops.sum(w * x * x), wrt=[w])(np.array([1, 3], "float32"))
    >>> value, dw
    (array(19., dtype=float32), array([1., 9.], dtype=float32))
    """

    def finish(call: _Call, argnums: Any) -> Any:
        if has_aux and not (isinstance(call.result, (list, tuple)) and len(call.result) == 2):
            raise TypeError(f"grad: with has_aux the function must return (value, aux), got {call.result!r}")
        value, aux = call.result if has_aux else (call.result, None)
        y = _scalar(value, "grad")
        found = call.pack(call.scope.grad(y, call.by), argnums, wrt)
        return ((y, aux) if has_aux else y), found

    return _transform("grad", f, argnums, wrt, finish)


def grad(f: Callable[..., Any], argnums: Any = None, has_aux: bool = False, wrt: Any = None) -> Callable[..., Any]:
    """A function that gives f's gradient; with `has_aux`, (gradient, aux). The arguments are those of `value_and_grad`.

    >>> import nervure as nv, numpy as np
    >>> nv.grad(lambda x: nv.ops.sum(nv.ops.sin(x)))(np.zeros(2))
    array([1., 1.])
    """
    both = value_and_grad(f, argnums, has_aux, wrt)

    def call(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return update_wrapper(call, f)


def _jacobian_rows(call: _Call, y: Tensor) -> list[Tensor]:
    """For each x in `by`, dy/dx of shape y.shape + x.shape: one gradient for each element of y, all in one graph."""
    size, shape = y.size, y.shape
    place = iota(shape, 0) if len(shape) == 1 else reshaped(iota((size,), 0), shape)
    rows = [call.scope.grad(y, call.by, cast_to(ops.equal(place, k), y.dtype) if shape else None) for k in range(size)]
    out = []
    for j, x in enumerate(call.by):
        if size:
            parts = [reshaped(row[j], (1, *x.shape)) for row in rows]
            out.append(reshaped(node("concatenate", *parts, ints=(0,)), (*shape, *x.shape)))
        else:
            out.append(ops.zeros((*shape, *x.shape), x.dtype))
    return out


def jacobian(f: Callable[..., Any], argnums: Any = None, wrt: Any = None) -> Callable[..., Any]:
    """A function that gives all derivatives of f's value, an array: of shape value.shape + argument.shape.

    `argnums` and `wrt` as in `grad`. Where f gives a nested structure of arrays, the derivatives of each stand in its
    place. It is one compiled run, with a reverse sweep for each element of the value.

    >>> import nervure as nv, numpy as np
    >>> nv.jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """

    def finish(call: _Call, argnums: Any) -> Any:
        def of(leaf: Any) -> Any:
            y = tensor(leaf)
            if not is_float(y.dtype):
                raise TypeError(f"jacobian: the function returns {y.dtype}; only float32 and float64 have derivatives")
            return call.pack(_jacobian_rows(call, y), argnums, wrt)

        return tree.map_structure(of, call.result)

    return _transform("jacobian", f, argnums, wrt, finish)


def _product(f: Callable[..., Any]) -> Function:
    def product(x: Any, v: Any) -> Any:
        tree.assert_same_structure(x, v)

        def slope(x: Any) -> Any:
            terms = []
            for g, w in zip(tree.flatten(grad(f)(x)), tree.flatten(v), strict=True):
                w = tensor(w)
                if w.shape != g.shape:
                    raise ValueError(f"hvp: the vector must have the shape of x, {g.shape}, got {w.shape}")
                terms.append(ops.sum(ops.multiply(g, cast_to(ops.stop_gradient(w), g.dtype))))
            return sum(terms[1:], terms[0])

        return grad(slope)(x)

    return Function(product)


_products = lru_cache(_CACHED)(_product)


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """The second derivative of f at x times the vector v, without the matrix (Pearlmutter, 1994).

    f gives a scalar of one argument; x and v are arrays, or nested structures of arrays, of equal shapes. Compiled
    once for each f: hand in the same function again to use it again.

    >>> import nervure as nv, numpy as np
    >>> nv.hvp(lambda x: nv.ops.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    return _products(f)(tree.map_structure(_dynamic, x), tree.map_structure(_dynamic, v))
