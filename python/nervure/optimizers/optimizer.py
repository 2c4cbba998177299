"""`Optimizer`, the base class: everything but the update of one variable.

A new optimizer is one class: its hyper-parameters, `build` (its slots) and `update_step(gradient, variable,
learning_rate)` in terms of `nervure.ops`. It is traced into the training step, where each update becomes one pass over
the weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import initializers, ops
from .._trace import current, suspended, tracing
from ..utils import auto_name
from ..variable import Variable

__all__ = ["Optimizer"]


def positive(owner: str, name: str, value: Any, optional: bool = False) -> Any:
    """`value` as a float; ValueError unless it is a positive number (or None, if optional)."""
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not value > 0:
        raise ValueError(f"{owner}: expected `{name}` to be a positive number, got {name}={value!r}")
    return float(value)


def beta(owner: str, name: str, value: Any) -> float:
    """`value` as a float; ValueError unless it is a number in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
        raise ValueError(f"{owner}: expected `{name}` to be a number between 0 and 1, got {name}={value!r}")
    return float(value)


class Optimizer:
    """Base class of optimizers.

    Each step: clip the gradients (`clipnorm` per variable, else `global_clipnorm` over all, else `clipvalue` per
    element), take off `weight_decay * learning_rate * w` (decoupled: Loshchilov and Hutter, ICLR 2019), update, apply
    constraints, count. `learning_rate` is a variable: setting it needs no new compile.

    `use_ema` keeps a moving average of the weights, `average = ema_momentum * average + (1 - ema_momentum) * w`
    (Polyak and Juditsky, 1992), which replaces them every `ema_overwrite_frequency` steps and at the end of `fit`.
    ValueError naming the argument if it is not supported (loss_scale_factor, gradient_accumulation_steps) or unknown.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        if kwargs:
            raise ValueError(f"{owner}: argument(s) not recognized: {kwargs}")
        unsupported = {
            "loss_scale_factor": loss_scale_factor,
            "gradient_accumulation_steps": gradient_accumulation_steps,
        }
        for key, value in unsupported.items():
            if value is not None:
                raise ValueError(f"{owner} does not support {key}={value!r}")
        self.name = name or auto_name(owner)
        self.weight_decay = None if weight_decay is None else beta(owner, "weight_decay", weight_decay)
        self.clipnorm = positive(owner, "clipnorm", clipnorm, optional=True)
        self.global_clipnorm = positive(owner, "global_clipnorm", global_clipnorm, optional=True)
        self.clipvalue = positive(owner, "clipvalue", clipvalue, optional=True)
        if sum(c is not None for c in (self.clipnorm, self.global_clipnorm, self.clipvalue)) > 1:
            raise ValueError(f"{owner}: only one of clipnorm, clipvalue and global_clipnorm can be set")
        self.use_ema, self.ema_momentum = bool(use_ema), beta(owner, "ema_momentum", ema_momentum)
        if ema_overwrite_frequency is not None and (
            not isinstance(ema_overwrite_frequency, int) or ema_overwrite_frequency < 1
        ):
            raise ValueError(
                f"{owner}: ema_overwrite_frequency must be a positive integer, got {ema_overwrite_frequency!r}"
            )
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.built = False
        self._variables: list[Variable] = []
        self._trained: list[Variable] = []
        self._index: dict[Variable, int] = {}
        self._averages: list[Variable] = []
        self._excluded: tuple[list[Variable], list[str]] = ([], [])
        self.iterations = self.add_variable((), dtype="int32", name="iteration")
        self._learning_rate = self.add_variable((), name="learning_rate")
        self.learning_rate = learning_rate  # type: ignore[assignment]

    # ---- what subclasses write ----

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the slots of the variables to train, once. Subclasses call this first, then
        `add_optimizer_variables`.
        """
        self._trained = list(variables)
        self._index = {v: k for k, v in enumerate(self._trained)}
        if self.use_ema:
            self._averages = self.add_optimizer_variables(self._trained, "average")
        self.built = True

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Assigns the new values of one variable and of its slots."""
        raise NotImplementedError(f"{type(self).__name__} does not implement update_step()")

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "learning_rate": float(self._learning_rate.numpy()),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        return cls(**config)

    # ---- variables ----

    @property
    def variables(self) -> list[Variable]:
        """iteration, learning_rate, then the slots."""
        return list(self._variables)

    @property
    def learning_rate(self) -> Variable:
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        owner = type(self).__name__
        if callable(value):
            raise ValueError(f"{owner}: learning_rate must be a number; schedules are not supported, got {value!r}")
        if value is None or isinstance(value, (bool, str)) or np.ndim(value) != 0 or not float(value) >= 0:
            raise ValueError(f"{owner}: expected learning_rate to be a non-negative number, got {value!r}")
        self._learning_rate.numpy()[...] = float(value)

    def add_variable(
        self, shape: Any, initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """A new variable of the optimizer's state."""
        variable = Variable(initializers.get(initializer), shape=shape, dtype=dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference: Variable, name: str = "slot", initializer: Any = "zeros"
    ) -> Variable:
        """A new slot of the shape and dtype of `reference`."""
        full_name = f"{reference.path.replace('/', '_')}_{name}"
        return self.add_variable(reference.shape, initializer, reference.dtype, full_name)

    def add_optimizer_variables(self, variables: Sequence[Variable], name: Any, initializer: Any = "zeros") -> Any:
        """One slot a variable for a name; for a list of names, a tuple of such lists, created variable by variable."""
        names = [name] if isinstance(name, str) else list(name)
        slots: tuple[list[Variable], ...] = tuple([] for _ in names)
        for v in variables:
            for slot, slot_name in zip(slots, names, strict=True):
                slot.append(self.add_variable_from_reference(v, slot_name, initializer))
        return slots[0] if isinstance(name, str) else slots

    def assign(self, variable: Variable, value: Any) -> None:
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        variable.assign_sub(value)

    def _get_variable_index(self, variable: Variable) -> int:
        """Where the slots of `variable` are in the lists made by `build`."""
        return self._index[variable]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Writes `variables` in place. ValueError, and nothing is changed, unless numbers and shapes agree."""
        arrays = [np.asarray(w) for w in weights]
        if [a.shape for a in arrays] != [tuple(v.shape) for v in self._variables]:
            raise ValueError(
                f"Optimizer '{self.name}' expects {len(self._variables)} arrays of shapes "
                f"{[tuple(v.shape) for v in self._variables]}, got {[a.shape for a in arrays]}"
            )
        for v, a in zip(self._variables, arrays, strict=True):
            v.assign(a)

    def exclude_from_weight_decay(self, var_list: Iterable[Variable] = (), var_names: Iterable[str] = ()) -> None:
        """Spares these variables, and those whose name contains one of `var_names`, from `weight_decay`."""
        if self.built:
            raise ValueError(f"Optimizer '{self.name}': exclude_from_weight_decay must be called before training")
        self._excluded = (list(var_list or ()), list(var_names or ()))

    # ---- steps ----

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """`apply` on pairs; returns `iterations`."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """One step. Traced inside a scope; on arrays it is traced and run at once.

        ValueError unless there is one gradient a variable, of its shape. A gradient of None leaves its variable alone.
        """
        variables = list(self._trained if trainable_variables is None else trainable_variables)
        grads = list(grads)
        if len(grads) != len(variables):
            raise ValueError(
                f"Optimizer '{self.name}': expected one gradient a variable, got {len(grads)} gradients and "
                f"{len(variables)} variables"
            )
        pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        if not pairs:
            if grads:
                raise ValueError(f"Optimizer '{self.name}': no gradients provided for any variable")
            return
        for g, v in pairs:
            if tuple(np.shape(g) if isinstance(g, (list, tuple)) else g.shape) != tuple(v.shape):
                raise ValueError(
                    f"Optimizer '{self.name}': variable {v.path} has shape {tuple(v.shape)}, its gradient {np.shape(g)}"
                )
        if not self.built:
            made = len(self._variables)
            try:
                with suspended():
                    self.build(variables)
            except BaseException:  # Ctrl-C, say: the next call builds it anew
                del self._variables[made:]
                self.built = False
                raise
        for v in variables:
            if v not in self._index:
                raise ValueError(
                    f"Optimizer '{self.name}' was not made for variable {v.path} and has no slots for it. After making "
                    "more layers trainable, call compile() again with a new optimizer"
                )
        if current() is not None:
            self._step(pairs)
            return
        with tracing() as scope:
            inputs = [scope.input(v.shape, v.dtype) for _, v in pairs]
            self._step([(g, v) for g, (_, v) in zip(inputs, pairs, strict=True)])
            plan = scope.plan(inputs)
        plan.run(*(np.asarray(g) for g, _ in pairs))

    def _step(self, pairs: list[tuple[Any, Variable]]) -> None:
        variables = [v for _, v in pairs]
        gradients = self._clip([g for g, _ in pairs])
        learning_rate = self._learning_rate.value
        if self.weight_decay is not None:
            for v in variables:
                if self._decays(v):
                    v.assign(v - v * ops.cast(self.weight_decay * learning_rate, v.dtype))
        for g, v in zip(gradients, variables, strict=True):
            self.update_step(ops.cast(g, v.dtype), v, ops.cast(learning_rate, v.dtype))
        if self.use_ema:
            self._average()
        for v in variables:
            if v.constraint is not None:
                v.assign(v.constraint(v))
        self.iterations.assign_add(1)

    def _decays(self, variable: Variable) -> bool:
        listed, words = self._excluded
        return not any(v is variable for v in listed) and not any(w in variable.name for w in words)

    def _clip(self, grads: list[Any]) -> list[Any]:
        if self.clipnorm is not None:
            return [self._scale(g, _norm([g]), self.clipnorm) for g in grads]
        if self.global_clipnorm is not None:
            norm = _norm(grads)
            return [self._scale(g, norm, self.global_clipnorm) for g in grads]
        if self.clipvalue is not None:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        return grads

    @staticmethod
    def _scale(g: Any, norm: Any, limit: float) -> Any:
        """g * min(1, limit / norm), without dividing by a zero norm."""
        return g * (limit / ops.maximum(ops.cast(norm, g.dtype), limit))

    def _average(self) -> None:
        """The first step copies the weights. Constraints come after, as the average is not what they bind."""
        first = ops.equal(self.iterations, 0)
        for v, average in zip(self._trained, self._averages, strict=True):
            momentum = ops.where(first, ops.zeros((), v.dtype), ops.cast(self.ema_momentum, v.dtype))
            average.assign(momentum * average + (1.0 - momentum) * v)
            if self.ema_overwrite_frequency:
                due = ops.equal(ops.mod(self.iterations + 1, self.ema_overwrite_frequency), 0)
                v.assign(ops.where(due, average.value, v.value))

    def finalize_variable_values(self, variables: Sequence[Variable] | None = None) -> None:
        """At the end of training: the averages replace the weights (all that were trained), if there are averages."""
        if self.use_ema:
            for v in self._trained if variables is None else variables:
                v.assign(self._averages[self._get_variable_index(v)].numpy())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, learning_rate={float(self._learning_rate.numpy()):g}>"


def _norm(grads: Sequence[Any]) -> Any:
    total = ops.sum(ops.square(grads[0]))
    for g in grads[1:]:
        total = total + ops.sum(ops.square(g))
    return ops.sqrt(total)
