"""Calls of a layer on arrays: trace once for each signature, then run the plan."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, config, ops, tree
from .._tensor import Tensor
from .._trace import Scope
from ..variable import Variable

if TYPE_CHECKING:
    from .layer import Layer

_PLANS = 32  # kept for each layer


class EagerCall:
    """A non-data descriptor, so that `layer._eager(layer, args, kwargs)` keeps its plans in the layer itself."""

    def __get__(self, layer: Layer | None, owner: type) -> Any:
        if layer is None:
            return self
        found = layer.__dict__["_eager"] = _Plans()
        return found


class _Plans:
    def __init__(self) -> None:
        self.plans: OrderedDict[Any, tuple[_core.Plan, Any, list[Any]]] = OrderedDict()
        self.lock = threading.RLock()

    def __deepcopy__(self, memo: Any) -> _Plans:
        return _Plans()

    def __call__(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        kwargs = dict(kwargs)
        if kwargs.get("training") is None:
            default = layer._call_parameters().get("training")
            kwargs["training"] = bool(default is not None and default.default is True)
        leaves = tree.flatten((args, kwargs))
        arrays, key = [], [config.version, tree.outline((args, kwargs))]
        for k, leaf in enumerate(leaves):
            if isinstance(leaf, Variable):
                leaf = leaf.numpy()
            if hasattr(leaf, "__array__") and not isinstance(leaf, np.generic):
                array = np.asarray(leaf)
                dtype = layer._eager_dtype(array, len(arrays))
                arrays.append(array)
                leaves[k] = array
                key.append((array.shape, dtype))
            else:
                key.append((type(leaf), leaf))
        try:
            signature = tuple(key)
            hash(signature)
        except TypeError:
            raise TypeError(f"the arguments of layer '{layer.name}' must be arrays or hashable, got {args} {kwargs}") from None
        entry = self.plans.get(signature)
        if entry is None:
            with self.lock:
                entry = self._trace(layer, leaves, (args, kwargs))
                signature = (config.version, *signature[1:])  # tracing may have built the layer
                self.plans[signature] = entry
                while len(self.plans) > _PLANS:
                    self.plans.popitem(last=False)
        plan, structure, owners = entry
        results = plan.run(*arrays)
        for owner in owners:
            owner._eager_losses = []
        for owner, loss in zip(owners, results[len(results) - len(owners) :], strict=True):
            owner._eager_losses.append(loss)
        return tree.pack_sequence_as(structure, results[: len(results) - len(owners)])

    def _trace(self, layer: Layer, leaves: list[Any], structure: Any) -> tuple[_core.Plan, Any, list[Any]]:
        with Scope(training=False) as scope:
            inputs: list[Tensor] = []
            for k, leaf in enumerate(leaves):
                if isinstance(leaf, np.ndarray):
                    inputs.append(scope.input(leaf.shape, layer._eager_dtype(leaf, len(inputs))))
                    leaves[k] = inputs[-1]
            args, kwargs = tree.pack_sequence_as(structure, leaves)
            outputs = layer(*args, **kwargs)
            flat = [ops.convert_to_tensor(t) for t in tree.flatten(outputs)]
            losses = scope.notes.get("losses", [])
            plan = scope.plan(inputs, flat + [value for _, value in losses])
        return plan, tree.map_structure(lambda _: None, outputs), [owner for owner, _ in losses]
