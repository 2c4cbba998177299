"""Symbolic tensors: what `Input` gives and functional models are made of.

A `KerasTensor` knows its shape (None where it may vary), its dtype and which operation made it; it holds no numbers.
Calling a layer or an op with one records a `Node` and gives new KerasTensors. Shapes are inferred by tracing the
operation itself, twice with two fill-in sizes when a dimension is unknown: what differs is unknown in the result too.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, NoReturn

from . import ops, tree
from ._masks import get_mask, set_mask
from ._tensor import Operators, array_ufunc
from ._trace import Scope, tracing
from .saving.operations import Described, by_function
from .utils import auto_name

__all__ = ["KerasTensor", "Node", "Operation", "infer", "is_keras_tensor"]

# Stand for unknown dimensions while shapes are inferred; large primes, so that they seldom meet a size the user chose.
_FILLS = (8191, 8209)


class History(NamedTuple):
    """Which operation made a KerasTensor, in which of its calls, as which of its outputs."""

    operation: Operation
    node_index: int
    tensor_index: int


class KerasTensor(Operators):
    """A symbolic tensor of `shape` (a tuple, None for a dimension that may vary) and `dtype`.

    All of Python's operators and all of `ops` work on it. What needs numbers (`numpy.asarray`, `if x > 0`, iteration)
    is a TypeError.

    >>> import nervure as nv
    >>> x = nv.Input((3,), name="x")
    >>> x
    <KerasTensor shape=(None, 3), dtype=float32, name=x>
    >>> (x * 2.0).shape
    (None, 3)
    """

    __array_ufunc__ = array_ufunc

    def __init__(self, shape: Sequence[int | None], dtype: str = "float32", name: str | None = None) -> None:
        self.shape = tuple(None if d is None else int(d) for d in shape)
        self.dtype = dtype
        self.name = name or auto_name("keras_tensor")
        self._keras_history: History | None = None
        self._keras_mask: Any = None
        self._saved_history: Any = None  # by name, of one that comes from a config

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def _no_value(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            f"{self!r} is symbolic: it stands for the data of a call to come and holds no numbers. Inside a model use "
            "nervure.ops on it, or write a Layer; numpy functions, `if`, `for` and float() need numbers"
        )

    __array__ = __bool__ = __float__ = __int__ = __index__ = __iter__ = __len__ = _no_value


def is_keras_tensor(x: Any) -> bool:
    """True for the symbolic tensors of functional models.

    >>> import nervure as nv
    >>> is_keras_tensor(nv.Input((3,))), is_keras_tensor(3.0)
    (True, False)
    """
    return isinstance(x, KerasTensor)


class Node:
    """One call of an operation with KerasTensors among its arguments."""

    __slots__ = ("args", "inputs", "kwargs", "operation", "outputs")

    def __init__(self, operation: Operation, args: Any, kwargs: Any, outputs: Any) -> None:
        self.operation, self.args, self.kwargs, self.outputs = operation, args, kwargs, outputs
        self.inputs = [t for t in tree.flatten((args, kwargs)) if isinstance(t, KerasTensor)]
        index = len(operation._inbound_nodes)
        for k, tensor in enumerate(tree.flatten(outputs)):
            if isinstance(tensor, KerasTensor):
                tensor._keras_history = History(operation, index, k)
        operation._inbound_nodes.append(self)

    @property
    def parents(self) -> list[Node]:
        """The nodes that made the inputs."""
        return [h.operation._inbound_nodes[h.node_index] for t in self.inputs if (h := t._keras_history) is not None]


class Operation:
    """Something a functional model can call: a layer, or a function of `ops`.

    >>> import nervure as nv
    >>> isinstance(nv.layers.Dense(2), Operation)
    True
    """

    _name: str
    _inbound_nodes: list[Node]

    @property
    def name(self) -> str:
        return self._name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _endpoint(self, outputs: bool) -> Any:
        if len(self._inbound_nodes) != 1:
            times = "never been called on a KerasTensor" if not self._inbound_nodes else "been called more than once"
            raise AttributeError(f"layer '{self.name}' has {times}, so that its input and output are not defined")
        node = self._inbound_nodes[0]
        if outputs:
            return node.outputs
        return node.inputs[0] if len(node.inputs) == 1 else node.inputs

    @property
    def input(self) -> Any:
        """The KerasTensor(s) of its one symbolic call."""
        return self._endpoint(False)

    @property
    def output(self) -> Any:
        """The KerasTensor(s) its one symbolic call gave."""
        return self._endpoint(True)


class Function(Operation):
    """A function of `ops` (or an operator) in a functional model.

    A function that Keras's files know has a class of its own, named as there, whose objects hold those arguments that
    stand in the config (`settings`); the others are arguments of the call.

    >>> import nervure as nv
    >>> y = nv.ops.mean(nv.Input((3,)), axis=1)
    >>> type(y._keras_history.operation).__name__, y._keras_history.operation.settings
    ('Mean', {'axis': 1, 'keepdims': False})
    """

    function: Callable[..., Any]
    described: Described | None = None

    def __init__(self, name: str | None = None, **settings: Any) -> None:
        known = self.described
        self._name = name or auto_name(known.class_name if known else getattr(self.function, "__name__", "function"))
        self.settings = {k: v for k, v in settings.items() if known is not None and k in known.settings}
        self._inbound_nodes = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(leaf, KerasTensor) for leaf in tree.flatten((args, kwargs))):
            return self._run(*args, **kwargs)
        outputs = infer(self._run, args, kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        if not self.settings:
            return self.function(*args, **kwargs)
        given, rest, first = self.settings | kwargs, list(args), []
        for name, parameter in inspect.signature(self.function).parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                first += rest
                rest = []
            elif parameter.kind is parameter.KEYWORD_ONLY or not (rest or name in given):
                break
            else:
                first.append(given.pop(name) if name in given else rest.pop(0))
        return self.function(*first, *rest, **given)

    def get_config(self) -> dict[str, Any]:
        """Name and settings, as Keras has them. NotImplementedError for a function that is none of `ops`."""
        if self.described is None:
            raise NotImplementedError(
                f"the function {self.function!r} in a functional model is none of nervure.ops and has no config: "
                "write a Layer with `get_config`"
            )
        return {"name": self.name, **self.settings}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Function:
        return cls(**config)


@cache
def function_class(function: Callable[..., Any]) -> type[Function]:
    """The class of the operations that call `function`."""
    name = getattr(function, "__name__", "").strip("_")
    known = by_function().get(name)
    ours = getattr(function, "__module__", "").startswith("nervure.ops.")  # `_get_item` does the work of `get_item`
    if known is None or not (ours or getattr(ops, name, None) is function):
        return type("Function", (Function,), {"function": staticmethod(function), "__module__": __name__})
    members = {"function": staticmethod(function), "described": known, "__module__": known.module}
    return type(known.class_name, (Function,), members)


def _recorded(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Function, Any, Any]:
    """The operation for a call of `function`, and the arguments that are not its settings."""
    cls = function_class(function)
    if cls.described is None:
        return cls(), args, kwargs
    signature = inspect.signature(function)
    bound = signature.bind(*args, **kwargs)
    given = dict(bound.arguments)
    bound.apply_defaults()
    settings: dict[str, Any] = {}
    for name in cls.described.settings:
        value = bound.arguments.get(name)
        if name in bound.arguments and not any(isinstance(leaf, KerasTensor) for leaf in tree.flatten(value)):
            settings[name] = value
            given.pop(name, None)
    positional: list[Any] = []
    for name, parameter in signature.parameters.items():
        if name in settings:
            continue
        if name not in given or parameter.kind is parameter.KEYWORD_ONLY:
            break
        value = given.pop(name)
        positional += value if parameter.kind is parameter.VAR_POSITIONAL else [value]
    return cls(**settings), tuple(positional), given


def infer(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The KerasTensors that `function` gives for these arguments, found by tracing it without running anything."""
    unknown = any(None in t.shape for t in tree.flatten((args, kwargs)) if isinstance(t, KerasTensor))
    runs = []
    for fill in _FILLS if unknown else _FILLS[:1]:
        with tracing(frozen=True) as scope, _unknown(fill):
            scope.notes["rows"] = fill

            def probe(leaf: Any, scope: Scope = scope, fill: int = fill) -> Any:
                if not isinstance(leaf, KerasTensor):
                    return leaf
                x = scope.input(tuple(fill if d is None else d for d in leaf.shape), leaf.dtype)
                if leaf._keras_mask is not None:
                    set_mask(x, probe(leaf._keras_mask))
                return x

            traced = tree.map_structure(probe, (args, kwargs))
            runs.append(function(*traced[0], **traced[1]))
    return tree.map_structure(_merge, *runs) if len(runs) > 1 else tree.map_structure(lambda a: _merge(a, a), runs[0])


@contextmanager
def _unknown(fill: int) -> Iterator[None]:
    """Errors speak of None where the stand-in for an unknown size was."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (re.sub(rf"\b{fill}\b", "None", error.args[0]), *error.args[1:])
        raise


def _merge(a: Any, b: Any) -> Any:
    if not hasattr(a, "shape") or not hasattr(a, "dtype"):
        return a
    if len(a.shape) != len(b.shape):
        raise ValueError("the rank of a result may not depend on the size of a batch")
    merged = KerasTensor([m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)], str(a.dtype))
    if get_mask(a) is not None:
        merged._keras_mask = _merge(get_mask(a), get_mask(b))
    return merged


def call_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `ops.f` does when a KerasTensor is among its arguments: infer the result, record the call."""
    outputs = infer(function, args, kwargs)
    operation, args, kwargs = _recorded(function, args, kwargs)
    Node(operation, args, kwargs, outputs)
    return outputs


ops._symbolic = call_function
