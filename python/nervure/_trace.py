"""Tracing: running Python code once, on symbols, to write down what it computes.

A `Scope` is one trace. Inside `with tracing() as scope`, every `nervure.ops` function called on this thread adds nodes
to its graph instead of computing, and reads and assignments of variables are noted instead of done. `Scope.plan`
compiles what was written down.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _core
from ._tensor import Tensor

if TYPE_CHECKING:
    from .variable import Variable


class _Local(threading.local):
    scope: "Scope | None" = None


local = _Local()


def current() -> "Scope | None":
    """The innermost scope entered on this thread, or None."""
    return local.scope


def tracing(training: bool | None = None, frozen: bool = False) -> "_core.Bound[Scope]":
    """A new scope, entered by `with`."""
    return _core.Bound(local, "scope", Scope(training, frozen))


def suspended() -> "_core.Bound[None]":
    """Inside, ops compute at once even if a trace is going on: for what happens once, such as drawing first weights."""
    return _core.Bound(local, "scope", None)


class Scope:
    """One trace: a graph, what its variables hold at this point, and which of them it will update.

    >>> from nervure import ops
    >>> with tracing() as scope:
    ...     x = scope.input((3,), "float32")
    ...     y = ops.sum(x * x)
    ...     (dx,) = scope.grad(y, [x])
    ...     plan = scope.plan([x], [y, dx])
    >>> import numpy as np
    >>> plan.run(np.array([1, 2, 3], "float32"))
    [array(14., dtype=float32), array([2., 4., 6.], dtype=float32)]
    """

    __slots__ = ("_shown", "_values", "_written", "context", "floatx", "frozen", "graph", "notes")

    def __init__(self, training: bool | None = None, frozen: bool = False) -> None:
        self.graph = _core.Graph()
        # what layers pass on to those they call: whether it is training, if anybody said
        self.context: dict[str, Any] = {} if training is None else {"training": training}
        self.floatx: str | None = None  # what `config.floatx` is in this trace; None: what it is outside
        self.frozen = frozen  # a probe, to learn shapes: assignments are seen inside it and then forgotten
        self.notes: dict[str, Any] = {}  # what layers leave for each other: added losses, recorded outputs
        self._values: dict[_core.Variable, Tensor] = {}
        self._written: dict[_core.Variable, None] = {}
        self._shown: tuple[list[_core.Node], list[Any]] | None = None  # inputs, and the numbers they stand for

    def input(self, shape: Sequence[int], dtype: str, name: str | None = None) -> Tensor:
        """A new input of the graph."""
        return Tensor(self.graph.input(tuple(shape), dtype, name))

    def show(self, inputs: Sequence[Tensor], arrays: Sequence[Any]) -> None:
        """From here on a tensor has the numbers that these arrays, as inputs, give it: computed when asked for."""
        self._shown = [t.node for t in inputs], list(arrays)

    def value(self, node: "_core.Node") -> Any:
        """The numbers of a node, as an array; None unless they are to be shown."""
        if self._shown is None or node.graph is not self.graph:
            return None
        inputs, arrays = self._shown
        return self.graph.plan(inputs, [node]).run(*arrays)[0]

    def read(self, variable: "Variable") -> Tensor:
        """What the variable holds at this point of the trace."""
        core = variable.core
        value = self._values.get(core)
        if value is None:
            value = self._values[core] = Tensor(self.graph.variable(core))
        return value

    def assign(self, variable: "Variable", value: Any) -> Tensor:
        """Notes that the variable holds `value` from here on; the plan will write it. Casts; the shapes must be
        equal."""
        from .ops.dispatch import cast_to, tensor

        value = cast_to(tensor(value), variable.core.dtype)
        variable.check_shape(value.shape)
        self._values[variable.core] = value
        if not self.frozen:
            self._written[variable.core] = None
        return value

    def shadow(self, variable: "Variable", value: Tensor) -> None:
        """Lets reads of the variable give `value` from here on, without writing it."""
        self._values[variable.core] = value

    @property
    def updates(self) -> "list[tuple[_core.Variable, _core.Node]]":
        """The variables assigned so far, each with its last value."""
        return [(core, self._values[core].node) for core in self._written]

    def snapshot(self) -> "dict[_core.Variable, Tensor]":
        """A copy of what all variables seen so far hold, for `restore`."""
        return dict(self._values)

    def restore(self, values: "dict[_core.Variable, Tensor]") -> None:
        """Goes back to what variables held at a `snapshot`."""
        self._values = dict(values)

    def grad(self, loss: Tensor, wrt: Sequence[Tensor], dy: Tensor | None = None) -> list[Tensor]:
        """d sum(loss * dy) / d w for each w in `wrt`: more nodes of the same graph; zeros where there is no path."""
        nodes = self.graph.grad(loss.node, [w.node for w in wrt], None if dy is None else dy.node)
        return [Tensor(node) for node in nodes]

    def plan(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor] = (), gradients: Sequence[Tensor] = ()
    ) -> "_core.Plan":
        """Compiles the trace, with this scope's updates."""
        return self.graph.plan(
            [t.node for t in inputs], [t.node for t in outputs], self.updates, [t.node for t in gradients]
        )
