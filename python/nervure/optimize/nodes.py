"""Looking at a graph that was traced: what a node is made of, and which nodes depend on another."""

from collections.abc import Collection, Mapping, Sequence

from .. import _core
from .._tensor import Tensor

_TYPED = frozenset(row["name"] for row in _core.op_table() if "dtype:dtype" in row["attrs"])  # a dtype is an attribute


def ancestors(roots: Sequence[_core.Node], stop: Collection[_core.Node] = ()) -> list[_core.Node]:
    """The roots and all they are computed from, inputs before what uses them. Nothing is looked for behind `stop`."""
    seen: set[_core.Node] = set()
    order: list[_core.Node] = []
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, finished = stack.pop()
        if finished:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            if node not in stop:
                stack.extend((x, False) for x in reversed(node.inputs) if x not in seen)
    return order


def dependents(roots: Sequence[_core.Node], on: Collection[_core.Node]) -> list[_core.Node]:
    """Of the roots and what they are computed from: the nodes that `on` or one of its members reaches, `on` among
    them, inputs before what uses them."""
    found: dict[_core.Node, None] = {}
    for node in ancestors(roots):
        if node in on or any(x in found for x in node.inputs):
            found[node] = None
    return list(found)


def substituted(root: Tensor, values: Mapping[_core.Node, _core.Node]) -> Tensor:
    """`root` computed anew, with other nodes in place of the keys of `values`."""
    graph, made = root.node.graph, dict(values)
    for node in dependents([root.node], values):
        if node not in made:
            inputs = [made.get(x, x) for x in node.inputs]
            dtype = node.dtype if node.op in _TYPED else None
            made[node] = graph.op(node.op, inputs, node.ints, node.floats, dtype)
    return Tensor(made.get(root.node, root.node))
