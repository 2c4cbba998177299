"""The graph of a functional model: from its inputs to its outputs, in an order that can be run."""

from __future__ import annotations

import warnings
from typing import Any

from .. import ops, tree
from .._dtypes import is_float
from .._masks import get_mask, set_mask
from ..keras_tensor import KerasTensor, Node, Operation
from ..layers import InputLayer, InputSpec, Layer

__all__ = ["Graph"]


class Graph:
    """What lies between `inputs` and `outputs`, two structures of KerasTensors.

    ValueError if an output does not come from the inputs, or if two layers have the same name.
    """

    def __init__(self, owner: str, inputs: Any, outputs: Any) -> None:
        self.given_inputs, self.given_outputs = inputs, outputs
        self.input_struct, self.output_struct = inputs, outputs = _sole(inputs), _sole(outputs)
        self.inputs: list[KerasTensor] = tree.flatten(inputs)
        self.outputs: list[KerasTensor] = tree.flatten(outputs)
        for what, tensors in (("inputs", self.inputs), ("outputs", self.outputs)):
            for t in tensors:
                if not isinstance(t, KerasTensor) or t._keras_history is None:
                    raise ValueError(
                        f"All `{what}` values must be KerasTensors, from `Input` or from calling layers on them. Model "
                        f"'{owner}' received an invalid value of type {type(t).__name__}: {str(t)[:80]}"
                    )
            if not tensors:
                raise ValueError(f"Model '{owner}': `{what}` is empty")
        if len({id(t) for t in self.inputs}) != len(self.inputs):
            raise ValueError(f"Model '{owner}': an input is listed more than once in {inputs}")
        # Inputs that other layers made begin anew here: for each an input layer stands in `operations`.
        self.entries: dict[int, InputLayer] = {
            id(t): InputLayer(batch_shape=t.shape, dtype=t.dtype, name=t.name)
            for t in self.inputs
            if not isinstance(_origin(t).operation, InputLayer)
        }
        self._warned: set[Any] = set()  # the other structures of inputs that there were warnings about
        self.nodes: list[Node] = []  # inputs of a node come before it
        self.operations: list[Operation] = []
        self._collect(owner)
        names = [operation.name for operation in self.operations if isinstance(operation, Layer)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"Model '{owner}': the name '{name}' is used by {names.count(name)} layers; names must differ"
                )
        self.input_names = [t.name for t in self.inputs]
        self.output_names = [_origin(t).operation.name for t in self.outputs]

    def _collect(self, owner: str) -> None:
        """Walks back from the outputs. `operations` are sorted by depth (the longest way to an output), deepest first,
        then by when the walk first met them: the order in which Keras lists layers and weights."""
        given = {id(t) for t in self.inputs}
        met: dict[Operation, int] = {}
        done: set[Node] = set()
        for where, output in tree.flatten_with_path(self.given_outputs):
            todo: list[tuple[KerasTensor | None, Node | None]] = [(output, None)]
            while todo:
                tensor, finished = todo.pop()
                if finished is not None:
                    if finished not in done:
                        done.add(finished)
                        self.nodes.append(finished)
                    continue
                assert tensor is not None
                node = _origin(tensor)
                met.setdefault(node.operation, len(met))
                if node in done or id(tensor) in given:
                    continue
                if not node.inputs:
                    raise ValueError(
                        f"Output with path `{_dotted(where)}` is not connected to `inputs`. Model '{owner}': the graph "
                        f"is disconnected. '{node.operation.name}' is needed to compute the outputs but is not among "
                        f"the inputs {[t.name for t in self.inputs]}"
                    )
                todo.append((None, node))
                todo.extend((t, None) for t in reversed(node.inputs))
        depth: dict[Node, int] = {}
        operation_depth: dict[Operation, int] = {}
        sources = [_origin(t) for t in self.inputs]
        for node in (*reversed(self.nodes), *(s for s in sources if s not in done)):
            at = max(depth.get(node, 0), operation_depth.get(node.operation, 0))
            depth[node] = operation_depth[node.operation] = at
            for parent in node.parents if node in done else ():
                depth[parent] = max(depth.get(parent, 0), at + 1)
        known = {node.operation for node in self.nodes}
        listed: set[Operation] = known | {s.operation for s in sources if isinstance(s.operation, InputLayer)}
        for t, source in zip(self.inputs, sources, strict=True):
            if (entry := self.entries.get(id(t))) is not None:
                listed.add(entry)
                operation_depth[entry] = depth[source]
                met[entry] = met.get(source.operation, -1)
        self.operations = sorted(listed, key=lambda o: (-operation_depth.get(o, 0), met.get(o, -1)))

    @property
    def layers(self) -> list[Layer]:
        return [operation for operation in self.operations if isinstance(operation, Layer)]

    def run(self, owner: str, inputs: Any) -> Any:
        """The outputs for tensors, or for other KerasTensors."""
        values: dict[int, Any] = {id(t): x for t, x in zip(self.inputs, self.standardize(owner, inputs), strict=True)}

        def value(leaf: Any) -> Any:
            return values[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

        for node in self.nodes:
            args, kwargs = tree.map_structure(value, (node.args, node.kwargs))
            results = tree.flatten(node.operation(*args, **kwargs))
            values.update({id(t): y for t, y in zip(tree.flatten(node.outputs), results, strict=True)})
        return tree.map_structure(value, self.output_struct)

    def match(self, owner: str, inputs: Any) -> list[Any]:
        """The inputs as a flat list in this graph's order: a single one, a list in order, or a dict by name.

        A warning, once for each structure, if they nest in another way; ValueError if that leaves open which is which:
        a list for a dict whose keys were not written in sorted order.
        """
        flat = tree.flatten(inputs)
        struct = self.input_struct
        if isinstance(inputs, dict):
            names: list[Any] = list(struct) if isinstance(struct, dict) else self.input_names
            missing = [n for n in names if n not in inputs]
            if missing:
                raise ValueError(
                    f"Model '{owner}' expects inputs named {names}, got {list(inputs)}: {missing} missing. "
                    f"{self._mismatch(inputs)}"
                )
            if not isinstance(struct, dict):
                return [inputs[n] for n in names]
            if len(inputs) > len(names):
                self._warn(inputs)
            return tree.flatten({n: inputs[n] for n in names})
        if isinstance(struct, dict) and len(flat) != len(self.inputs):
            raise ValueError(
                f"Model '{owner}' expects {len(self.inputs)} named input(s) with keys {sorted(struct)}, got {len(flat)}"
            )
        if len(flat) != len(self.inputs):
            raise ValueError(f"Model '{owner}' expects {len(self.inputs)} input(s) {self.input_names}, got {len(flat)}")
        if isinstance(struct, dict) and len(flat) > 1 and list(struct) != sorted(struct):
            raise ValueError(f"{self._mismatch(inputs)}: give a dict, because a list has no names")
        if not tree.is_nested(inputs) and not tree.is_nested(struct):
            return flat  # most models, and this is done for every batch
        if tree.outline(tree.lists_to_tuples(_sole(inputs))) != tree.outline(tree.lists_to_tuples(struct)):
            self._warn(inputs)
        return flat

    def _mismatch(self, inputs: Any) -> str:
        expected = tree.map_structure(lambda t: t.name, self.given_inputs)
        received = tree.map_structure(lambda x: f"Tensor(shape={x.shape})" if hasattr(x, "shape") else repr(x), inputs)
        return (
            f"The structure of `inputs` doesn't match the expected structure.\nExpected: {expected}\n"
            f"Received: inputs={received}"
        )

    def _warn(self, inputs: Any) -> None:
        key = tree.outline(inputs)
        if key not in self._warned:
            self._warned.add(key)
            warnings.warn(self._mismatch(inputs), stacklevel=2)

    def require(self, index: int) -> None:
        """ValueError unless the `index`-th input may be None."""
        source = _origin(self.inputs[index]).operation
        if not (isinstance(source, InputLayer) and source.optional):
            raise ValueError(
                f"The input '{self.inputs[index].name}' is not optional, but None was passed. Please provide a valid "
                "tensor."
            )

    def standardize(self, owner: str, inputs: Any) -> list[Any]:
        """Matched, of each input's dtype, a trailing axis of size 1 added or dropped; ValueError if shapes disagree.
        Optional inputs may be None."""
        standard: list[Any] = []
        for k, (x, expected) in enumerate(zip(self.match(owner, inputs), self.inputs, strict=True)):
            if x is None:
                self.require(k)
                standard.append(None)
                continue
            spec = InputSpec(shape=(None, *expected.shape[1:]), allow_last_axis_squeeze=True, name=expected.name)
            if not hasattr(x, "shape"):
                raise ValueError(f"Model '{owner}': input '{expected.name}' is not a tensor: {x!r}")
            problem = spec.problem(x)
            if problem is None and len(x.shape) != len(expected.shape):
                x = ops.squeeze(x, -1) if len(x.shape) > len(expected.shape) else ops.expand_dims(x, -1)
                problem = spec.problem(x)
            if problem is not None and len(x.shape) != len(expected.shape):
                path = _dotted(tree.flatten_with_path(self.given_inputs)[k][0])
                raise ValueError(
                    f"Model '{owner}': input '{expected.name}' is incompatible: invalid input shape for the input with "
                    f"name '{expected.name}' and path '{path}'. Expected shape {expected.shape}, but input has "
                    f"incompatible shape {tuple(x.shape)}: {problem}"
                )
            if problem is not None:
                raise ValueError(f"Model '{owner}': input '{expected.name}' is incompatible: {problem}")
            y = x if str(x.dtype) == expected.dtype else ops.cast(x, expected.dtype)
            if y is not x and get_mask(x) is not None:
                set_mask(y, get_mask(x))
            standard.append(y)
        return standard

    def input_dtype(self, dtype: str, index: int) -> str:
        """The dtype in which data of `dtype` should enter as the `index`-th input: floats are not cut to integers on
        the way.
        """
        expected = self.inputs[index].dtype
        return dtype if is_float(dtype) and not is_float(expected) else expected


def _sole(tensors: Any) -> Any:
    """A list of one is that one: such a model gives an array, no list."""
    return tensors[0] if isinstance(tensors, (list, tuple)) and len(tensors) == 1 else tensors


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))


def _origin(t: KerasTensor) -> Node:
    history = t._keras_history
    assert history is not None
    return history.operation._inbound_nodes[history.node_index]
