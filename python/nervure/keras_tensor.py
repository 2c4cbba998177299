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
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from . import ops, tree
from ._dtypes import standardize_dtype
from ._masks import get_mask, set_mask
from ._tensor import Operators, array_ufunc
from ._trace import Scope, tracing
from .saving.operations import Described, by_function
from .utils import auto_name

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["KerasTensor", "Node", "Operation", "infer", "is_keras_tensor"]

# Stand for unknown dimensions while shapes are inferred; large primes, so that they seldom meet a size the user chose.
_FILLS = (8191, 8209)

_SYMBOLIC = (
    "symbolic: it stands for the data of a call to come and doesn't have any actual numerical value. Inside a model "
    "use nervure.ops on it, or write a Layer; numpy functions, `if`, `for` and float() need numbers"
)


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

    sparse = ragged = False
    ragged_rank = row_splits_dtype = None

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if unknown := set(kwargs) - {"ragged_rank", "row_splits_dtype"}:
            raise TypeError(f"Unexpected keyword arguments: {', '.join(sorted(unknown))}")
        if sparse or ragged:
            raise ValueError("KerasTensor: all tensors are dense, sparse=True and ragged=True are not supported")
        self._shape = tuple(None if d is None else int(d) for d in shape)
        self._dtype = standardize_dtype(dtype)
        self.record_history = record_history
        self.name = name or auto_name("keras_tensor")
        self._keras_history: History | None = None
        self._keras_mask: Any = None
        self._saved_history: Any = None  # by name, of one that comes from a config

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The extents, None where they may vary."""
        return self._shape

    @property
    def dtype(self) -> str:
        """NumPy's name of the dtype."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    def __setattr__(self, key: str, value: Any) -> None:
        if key in ("shape", "dtype", "sparse", "ragged", "ragged_rank", "row_splits_dtype"):
            raise AttributeError(
                f"The `{key}` attribute of KerasTensor is immutable. One should create a new instance of KerasTensor "
                "for this."
            )
        object.__setattr__(self, key, value)

    def reshape(self, newshape: Any) -> KerasTensor:
        """The same elements in another shape."""
        return ops.reshape(self, newshape)

    def squeeze(self, axis: Any = None) -> KerasTensor:
        """Without axes of extent 1."""
        return ops.squeeze(self, axis)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def _no_value(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError(f"{self!r} is {_SYMBOLIC}")

    __float__ = __int__ = __array__ = _no_value

    def _no_type(self) -> NoReturn:
        raise TypeError(f"{self!r} is {_SYMBOLIC}")

    __index__ = __len__ = _no_type

    def __iter__(self) -> NoReturn:
        raise NotImplementedError(f"Iterating over a symbolic KerasTensor is not supported. {self!r} is {_SYMBOLIC}")

    def __bool__(self) -> bool:
        raise TypeError(f"A symbolic KerasTensor cannot be used as a boolean. {self!r} is {_SYMBOLIC}")


def checked_name(name: Any) -> str | None:
    """The name of a layer or operation, which may not have been given."""
    if name is not None and (not isinstance(name, str) or "/" in name):
        raise ValueError(f"Argument `name` must be a string and cannot contain character `/`. Received: name={name}")
    return name


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
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]  # what the constructor was given

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        operation = super().__new__(cls)
        if getattr(cls.get_config, "_is_default", False):
            object.__setattr__(operation, "_arguments", (args, kwargs))
        return operation

    def __init__(self, name: str | None = None) -> None:
        self._name = checked_name(name) or auto_name(type(self).__name__)
        self._inbound_nodes = []

    @property
    def name(self) -> str:
        """What it is called in models."""
        return self._name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """`symbolic_call` if there is a KerasTensor among the arguments, else `call`."""
        if any(isinstance(leaf, KerasTensor) for leaf in tree.flatten((args, kwargs))):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation, in terms of `nervure.ops`; subclasses write it."""
        raise NotImplementedError(f"Operation {type(self).__name__} does not have a `call` method implemented.")

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """The KerasTensors that a call on KerasTensors gives; the call is recorded."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The KerasTensors of the result, found by tracing `call`; subclasses may know better."""
        return infer(self.call, args, kwargs)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """NotImplementedError: no operation can be quantized."""
        raise NotImplementedError(
            f"Operation {type(self).__name__} does not have a `quantized_call` method implemented."
        )

    def rematerialized_call(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """`fn` itself: what is kept for the gradient is planned for the whole graph."""
        return fn

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, so that `from_config` can make an equal operation.

        A class that does not override it gets what its constructor was given. NotImplementedError if that is more than
        numbers, texts and lists and dicts of them.
        """
        if not getattr(type(self).get_config, "_is_default", False):
            return {"name": self.name}
        values, rest = self._constructor_arguments()
        return values if rest is None else {"name": self.name} | rest | values

    get_config._is_default = True  # type: ignore[attr-defined]

    def _constructor_arguments(self) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """What the constructor was given, by name, and what its `**kwargs` were: None if it has none."""
        constructor = inspect.signature(type(self).__init__)
        args, kwargs = self._arguments
        given = constructor.bind(self, *args, **kwargs)
        given.apply_defaults()
        values, rest = dict(given.arguments), None
        for k, p in enumerate(constructor.parameters.values()):
            if k == 0 or (p.kind is p.VAR_POSITIONAL and not values[p.name]):
                del values[p.name]
            elif p.kind is p.VAR_KEYWORD:
                rest = values.pop(p.name)
            elif p.kind in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY):
                raise NotImplementedError(
                    f"{type(self).__name__} was given the positional arguments `{p.name}`, which a config cannot name: "
                    "it must override `get_config()` and `from_config()`"
                )
        simple = (bool, int, float, str, type(None))
        if not all(isinstance(v, simple) for v in tree.flatten((values, rest))):
            raise NotImplementedError(
                f"{type(self).__name__} has the arguments {list(values)} and must override `get_config()` to say their "
                "values"
            )
        for found in (values, rest or {}):
            if "name" in found:
                found["name"] = self.name
        return values, rest

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An equal one from what `get_config` gave. TypeError naming class and config if the constructor fails."""
        try:
            return cls(**config)
        except Exception as error:
            raise TypeError(
                f"Error when deserializing class '{cls.__name__}' using config={config}.\n\nException encountered: "
                f"{error}"
            ) from error

    def __repr__(self) -> str:
        return f"<Operation name={self.name}>"

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
