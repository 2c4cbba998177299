"""What a layer holds: its weights, its sublayers, its metrics, and which of them train.

Sublayers, weights, metrics and seeds are found by looking through the attributes, in the order they were first set, and
through lists, tuples, sets and dicts among them: nothing is registered, so nothing can be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import config
from .._trace import current
from ..metrics import Metric
from ..random import SeedGenerator
from ..variable import Variable

if TYPE_CHECKING:
    from .layer import Layer

# Attributes that may change without making a trace stale.
_QUIET = frozenset(
    {
        "built",
        "history",
        "stop_evaluating",
        "stop_predicting",
        "stop_reason",
        "stop_training",
        "_eager_losses",
        "_initial_epoch",
        "_loss_owners",
        "_on_arrays",
        "_stateless",
        "_traced",
    }
)
# The error of a variable or layer that comes too late.
LOCKED = (
    "You cannot add new elements of state (variables or sub-layers) to a layer that is already built. All state must "
    "be created in the `__init__()` method or in the `build()` method."
)
# What a copy of a layer does without: plans, and its place in models.
_NOT_COPIED = frozenset({"_called", "_eager_losses", "_inbound_nodes", "_loss_owners", "_on_arrays", "_stateless"})
_NOT_PARTS = frozenset(
    {"_arguments", "_compile_config", "_eager_losses", "_inbound_nodes", "_loss_owners", "_trains", "_weights"}
)


class LayerState:
    """The part of `Layer` that knows what it holds."""

    _name: str
    built: bool
    _traced: bool
    _eager_losses: list[Any]

    def _init_state(self, name: str, trainable: bool) -> None:
        self._name = name
        self._trainable = trainable
        self._weights: list[Variable] = []  # made by add_weight, in order
        self._trains: dict[Variable, bool] = {}  # each own weight: does it train when the layer does?
        self._inbound_nodes: list[Any] = []
        self._eager_losses = []  # what `add_loss` got in the last call on arrays
        self._loss_owners: list[Any] = []  # the layers to which that call gave losses
        self._traced = False  # has a plan been made of it?
        self.built = False

    def __setattr__(self, key: str, value: Any) -> None:
        if isinstance(value, _MAY_HOLD) and current() is not None and self.__dict__.get("built"):
            held = {id(part) for part in self._held()}
            if key not in _NOT_PARTS and any(id(part) not in held for part in _flat(value)):
                raise ValueError(f"{LOCKED} `{key}` of layer '{self._name}' is set in its `call()`.")
        # A plan was made of this layer, and what its `call` reads has changed: plans made before are stale.
        if key not in _QUIET and self.__dict__.get("_traced") and current() is None:
            config.version += 1
        object.__setattr__(self, key, value)

    def _check_super_called(self) -> None:
        if "_name" not in self.__dict__:
            raise RuntimeError(
                f"In layer '{type(self).__name__}', you forgot to call `super().__init__()` as the first statement in "
                "the `__init__()` method. Go add it!"
            )

    def __getstate__(self) -> dict[str, Any]:
        """What a copy of the layer gets: arguments and weights, not the plans made of it nor the models it is in."""
        return {k: v for k, v in self.__dict__.items() if k not in _NOT_COPIED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.update(
            _inbound_nodes=[], _eager_losses=[], _loss_owners=[], _on_arrays=None, _stateless=None, _traced=False
        )

    def _track_weight(self, variable: Variable) -> None:
        self._trains[variable] = variable.trainable
        variable.trainable = variable.trainable and self._trainable
        self._weights.append(variable)

    # ---- looking through attributes ----

    def _held(self) -> Iterator[Any]:
        """Layers, variables, metrics and seed generators among the attributes, each once, in order."""
        seen: set[int] = set()
        for key, value in list(self.__dict__.items()):
            if not isinstance(value, _MAY_HOLD) or key in _NOT_PARTS:
                continue
            for found in _flat(value):
                if id(found) not in seen:
                    seen.add(id(found))
                    yield found

    def _sublayers(self) -> list[Layer]:
        """The layers directly inside this one."""
        return [x for x in self._held() if isinstance(x, LayerState)]  # type: ignore[misc]

    def _walk_layers(self) -> Iterator[Layer]:
        """This layer and all inside it, depth first, each once."""
        seen: set[int] = set()
        todo: list[Any] = [self]
        while todo:
            layer = todo.pop()
            if id(layer) not in seen:
                seen.add(id(layer))
                yield layer
                todo.extend(reversed(layer._sublayers()))

    def _own_weights(self) -> list[Variable]:
        """Of this layer alone: trainable ones first."""
        own = _once([*self._weights, *(x for x in self._held() if isinstance(x, Variable))])
        for v in own:
            self._trains.setdefault(v, v.trainable)
        return [v for v in own if self._trains[v]] + [v for v in own if not self._trains[v]]

    # ---- the public lists ----

    @property
    def path(self) -> str:
        return self._name

    @property
    def weights(self) -> list[Variable]:
        """All variables but the states of random generators: of the layer itself, trainable first, then of its
        sublayers.
        """
        return _once(v for layer in self._walk_layers() for v in layer._own_weights())

    @property
    def variables(self) -> list[Variable]:
        """`weights` and the states of random generators."""
        found: list[Variable] = []
        for layer in self._walk_layers():
            found += layer._own_weights()
            found += [x.state for x in layer._held() if isinstance(x, SeedGenerator)]
        return _once(found)

    @property
    def trainable_variables(self) -> list[Variable]:
        """What training changes: nothing if the layer is not trainable."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return [v for v in self.variables if not v.trainable] if self.trainable else self.variables

    trainable_weights = trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights. Setting it sets it in all sublayers; it holds from the next call on."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        for layer in self._walk_layers():
            object.__setattr__(layer, "_trainable", value)
            for v in layer._own_weights():
                v.trainable = value and layer._trains[v]
        config.version += 1

    @property
    def metrics(self) -> list[Metric]:
        """The metrics held by this layer and its sublayers."""
        return _once(x for layer in self._walk_layers() for x in layer._held() if isinstance(x, Metric))

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of `metrics`."""
        return [v for metric in self.metrics for v in metric.variables]

    def count_params(self) -> int:
        """How many numbers the weights hold. ValueError if the layer is not built."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self._name}', but the layer isn't built. Call it on "
                "data, or call `layer.build(input_shape)`"
            )
        return sum(int(np.prod(v.shape, dtype=np.int64)) for v in self.weights)

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Copies of the weights, in the order of `weights`."""
        return [np.array(v.numpy()) for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Writes the weights in place. ValueError, and nothing is changed, unless numbers and shapes agree."""
        variables = self.weights
        if not isinstance(weights, (list, tuple)):
            raise TypeError(f"Layer '{self._name}': set_weights expects a list of arrays, got {type(weights).__name__}")
        if len(variables) != len(weights):
            unbuilt = "" if self.built else "; it is not built yet: call it on data, or call `build(input_shape)`"
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self._name}' with a weight list of length "
                f"{len(weights)}, but the layer was expecting {len(variables)} weights{unbuilt}"
            )
        try:
            arrays = [np.asarray(w) for w in weights]
        except ValueError as error:
            raise ValueError(f"Layer '{self._name}': set_weights expects rectangular arrays: {error}") from None
        for v, a in zip(variables, arrays, strict=True):
            if tuple(v.shape) != a.shape:
                raise ValueError(f"Layer '{self._name}': weight {v.path} has shape {tuple(v.shape)}, got {a.shape}")
            if a.dtype.kind not in "biuf":
                raise TypeError(f"Layer '{self._name}': weight {v.path} expects numbers, got dtype {a.dtype}")
        for v, a in zip(variables, arrays, strict=True):
            v.assign(a)


_PARTS = (LayerState, Variable, Metric, SeedGenerator)
_CONTAINERS = (dict, list, tuple, set)
_MAY_HOLD = (*_PARTS, *_CONTAINERS)


def _flat(value: Any, around: tuple[int, ...] = ()) -> Iterator[Any]:
    """Layers, variables, metrics and seed generators in a value, also inside containers (which may hold themselves)."""
    if isinstance(value, _PARTS):
        yield value
    elif isinstance(value, _CONTAINERS) and not hasattr(value, "_fields") and id(value) not in around:
        around = (*around, id(value))
        for item in list(value.values() if isinstance(value, dict) else value):
            if isinstance(item, _MAY_HOLD):
                yield from _flat(item, around)


def _once(items: Iterable[Any]) -> list[Any]:
    return list({id(x): x for x in items}.values())
