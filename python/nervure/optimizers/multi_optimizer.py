"""Several optimizers in one: `MultiOptimizer`, and `OptimizerMap`, which says which variable is whose."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from ..variable import Variable
from .loss_scale_optimizer import LossScaleOptimizer
from .optimizer import Optimizer


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Optimizers by variable path. A key is a path, or else a regular expression that the whole path must match.

    `default_optimizer` is for the paths that no key is for. Looking up a path that several keys match is a ValueError;
    so is setting a key twice, or what is no string or no plain optimizer. TypeError if the arguments are no optimizer
    and no dict.

    >>> from nervure import optimizers
    >>> rules = OptimizerMap(optimizers.SGD(), {"encoder/.*": optimizers.Adam()})
    >>> type(rules["encoder/dense/kernel"]).__name__, type(rules["head/kernel"]).__name__
    ('Adam', 'SGD')
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"default_optimizer must be a Keras Optimizer instance. Received: {default_optimizer!r}")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"optimizer_map must be a dictionary. Received: {optimizer_map!r}")
        self._default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = optimizer_map or {}

    @property
    def default_optimizer(self) -> Optimizer:
        """For paths that no key is for."""
        return self._default_optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        found = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(f"Multiple optimizers assigned to variable {key}: it matches {found}.")
        return self._optimizer_map[found[0]] if found else self._default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if key in self._optimizer_map:
            raise ValueError(
                f"'{key}' already exists in the OptimizerMap with value {self._optimizer_map[key]}. Please make sure "
                "to not use duplicated keys."
            )
        if not isinstance(key, str):
            raise ValueError(f"key must be a string. Received: {key!r}")
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"optimizer must be a Keras Optimizer instance. Received: {optimizer!r}")
        if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(f"optimizer cannot be {type(optimizer).__name__}.")
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a variable."""
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        from ..saving import serialize_keras_object

        return {
            "default_optimizer": serialize_keras_object(self._default_optimizer),
            "optimizer_map": serialize_keras_object(self._optimizer_map),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> OptimizerMap:
        """A new map of what `get_config` gave."""
        from ..saving import deserialize_keras_object

        return cls(
            deserialize_keras_object(config["default_optimizer"], custom_objects),
            deserialize_keras_object(config["optimizer_map"], custom_objects),
        )


class MultiOptimizer(Optimizer):
    """Each variable is trained by the optimizer that `optimizer_map`, an `OptimizerMap` or a function, gives for it.

    The inner optimizers are `optimizers`. There is no common learning rate: AttributeError if it is asked for.
    `loss_scale_factor` replaces that of the inner optimizers. ValueError, when built, if the map gives no optimizer, or
    a `LossScaleOptimizer` or `MultiOptimizer`.

    >>> import nervure as nv
    >>> a, b = nv.Variable([1.0], name="a"), nv.Variable([1.0], name="b")
    >>> rules = OptimizerMap(nv.optimizers.SGD(0.5), {"b": nv.optimizers.SGD(0.25)})
    >>> MultiOptimizer(rules).apply([a.numpy(), b.numpy()], [a, b])
    >>> float(a.numpy()[0]), float(b.numpy()[0])
    (0.5, 0.75)
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate=0.0, name=name)
        self._optimizer_map = optimizer_map
        self._inner_optimizers: list[Optimizer] = []
        self._var_to_optimizer_idx: dict[int, int] = {}
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in [*optimizer_map.values(), optimizer_map.default_optimizer]:
                self._add(optimizer)
        self.loss_scale_factor = loss_scale_factor

    def _add(self, optimizer: Optimizer) -> None:
        if not any(known is optimizer for known in self._inner_optimizers):
            self._inner_optimizers.append(optimizer)

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        places: dict[int, int] = {}
        for v in var_list:
            optimizer = self._optimizer_map(v)
            if not isinstance(optimizer, Optimizer):
                raise ValueError(f"Optimizer for variable {v.path} is not an Optimizer instance, but {optimizer!r}.")
            if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
                raise ValueError(f"{type(optimizer).__name__} cannot be used inside an MultiOptimizer.")
            self._add(optimizer)
            places[self._var_key(v)] = next(k for k, known in enumerate(self._inner_optimizers) if known is optimizer)
            optimizer.loss_scale_factor = self.loss_scale_factor
        self._var_to_optimizer_idx = places
        for optimizer in self._inner_optimizers:
            mine = [v for v in var_list if self._trains(optimizer, v)]
            if mine:
                optimizer.build(mine)
        super().build(var_list)

    def _trains(self, optimizer: Optimizer, variable: Variable) -> bool:
        return self._inner_optimizers[self._var_to_optimizer_idx[self._var_key(variable)]] is optimizer

    @property
    def optimizers(self) -> list[Optimizer]:
        """The inner optimizers."""
        return self._inner_optimizers

    @property
    def variables(self) -> list[Variable]:
        """Its own, then those of the inner optimizers."""
        return [*self._variables, *(v for optimizer in self._inner_optimizers for v in optimizer.variables)]

    @property
    def learning_rate(self) -> Any:
        """AttributeError: the inner optimizers have theirs."""
        raise AttributeError(
            "Learning rate cannot be accessed on a MultiOptimizer. Access the learning rate on the individual "
            "sub-optimizers instead."
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(
            "Learning rate cannot be set on a MultiOptimizer. Set the learning rate on the individual sub-optimizers "
            "instead."
        )

    @property
    def loss_scale_factor(self) -> float | None:
        """The loss is multiplied by it before gradients are taken. Setting it sets it in all inner optimizers."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._loss_scale_factor = value
        for optimizer in getattr(self, "_inner_optimizers", ()):
            optimizer.loss_scale_factor = value

    def _trace_version(self) -> Any:
        inner = self._inner_optimizers
        return (self._version, *(object() if o._calls_rate() else o._trace_version() for o in inner))

    def _apply(self, grads: list[Any], variables: list[Variable]) -> None:
        pairs = list(zip(grads, variables, strict=True))
        for optimizer in self._inner_optimizers:
            mine = [(g, v) for g, v in pairs if self._trains(optimizer, v)]
            if any(g is not None for g, _ in mine):
                optimizer.apply_gradients(mine)
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[Variable] | None = None) -> None:
        """Each inner optimizer does it for its variables."""
        for optimizer in self._inner_optimizers:
            given = self._trainable_variables if var_list is None else var_list
            mine = [v for v in given if self._trains(optimizer, v)]
            if mine:
                optimizer.finalize_variable_values(mine)

    def get_config(self) -> dict[str, Any]:
        from ..saving import serialize_keras_object

        return {
            "optimizer_map": serialize_keras_object(self._optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
        from ..saving import deserialize_keras_object

        config = dict(config)
        config["optimizer_map"] = deserialize_keras_object(config["optimizer_map"], custom_objects)
        return cls(**config)
