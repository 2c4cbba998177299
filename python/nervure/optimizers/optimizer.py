"""`Optimizer`, the base class: everything but the update of one variable.

A new optimizer is one class: its hyper-parameters, `build` (its slots) and `update_step(gradient, variable,
learning_rate)` in terms of `nervure.ops`. It is traced into the training step, where each update becomes one pass over
the weight.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import config, initializers, ops
from .._function import Function
from .._trace import current, suspended, tracing
from ..utils import auto_name
from ..variable import Variable
from .arguments import at_least_zero, between
from .clipping import clip_by_global_norm, clip_by_norm
from .schedules import LearningRateSchedule, serialize

if TYPE_CHECKING:
    from .. import _core

_KEPT = 64  # plans: more sets of variables than that are not trained in turns
_BOOKKEEPING = frozenset(("_plans", "built", "learning_rate"))  # attributes that no trace depends on


class Optimizer:
    """Base class of optimizers.

    Each step: divide the gradients by `loss_scale_factor`, clip them (`clipnorm` per variable, else `global_clipnorm`
    over all, else `clipvalue` per element), take off `weight_decay * learning_rate * w` (decoupled: Loshchilov and
    Hutter, ICLR 2019), update, average, apply constraints, count.

    Args:
        learning_rate: a number, which becomes a variable: setting it needs no new compile. Or a
            `schedules.LearningRateSchedule`, a function of the number of steps done, traced into the step. Or a
            function without arguments, called when a step is traced and at each `apply` outside of a trace.
        weight_decay: a number, or None for none.
        clipnorm: the largest norm of each gradient.
        clipvalue: the largest absolute value of a gradient's elements.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: keep a moving average of the weights, average = ema_momentum * average + (1 - ema_momentum) * w
            (Polyak and Juditsky, 1992), which replaces them at the end of `fit`.
        ema_momentum: see there.
        ema_overwrite_frequency: and every so many steps.
        loss_scale_factor: the loss is multiplied by it before gradients are taken.
        gradient_accumulation_steps: k >= 2 to change weights at every k-th step only, by the mean of k gradients.
            `iterations` counts these changes; schedules see all steps.
        name: by default the class name in snake case, made unique.

    ValueError naming the argument if one is out of range or unknown.

    An optimizer of one's own, as in Keras:

    >>> import numpy as np, nervure as nv
    >>> class Signs(nv.optimizers.Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         self.assign_sub(variable, learning_rate * nv.ops.sign(gradient))
    >>> w = nv.Variable([1.0, 2.0])
    >>> Signs(0.5).apply([np.array([3.0, -3.0], "float32")], [w])
    >>> w.numpy().tolist()
    [0.5, 2.5]
    """

    full_batch = False
    """Does it need the loss over all rows as a function, and not only its gradient?"""
    _plans: dict[Any, Any]
    _version: int

    def __init__(
        self,
        learning_rate: Any = 0.001,
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
        self.__dict__["_plans"] = {}
        self.__dict__["_version"] = 0
        self._variables: dict[Variable, None] = {}
        self.built = False
        owner = type(self).__name__
        if kwargs.pop("decay", None) is not None:
            warnings.warn("Argument `decay` is no longer supported and will be ignored.", stacklevel=3)
        if kwargs:
            raise ValueError(f"{owner}: Argument(s) not recognized: {kwargs}")
        self.name = name or auto_name(owner)
        self.weight_decay = at_least_zero("weight_decay", weight_decay, optional=True)
        self.clipnorm = at_least_zero("clipnorm", clipnorm, optional=True)
        self.global_clipnorm = at_least_zero("global_clipnorm", global_clipnorm, optional=True)
        self.clipvalue = at_least_zero("clipvalue", clipvalue, optional=True)
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"{owner}: Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
                f"clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
            )
        self.use_ema, self.ema_momentum = bool(use_ema), between("ema_momentum", ema_momentum)
        self.ema_overwrite_frequency = _count("ema_overwrite_frequency", ema_overwrite_frequency, 1)
        self.loss_scale_factor = at_least_zero("loss_scale_factor", loss_scale_factor, optional=True)
        self.gradient_accumulation_steps = _count("gradient_accumulation_steps", gradient_accumulation_steps, 2)
        self._trainable_variables: list[Variable] = []
        self._index: dict[Variable, int] = {}
        self._model_variables_moving_average: list[Variable | None] = []
        self._accumulated_gradients: list[Variable] = []
        self._spared: tuple[list[Variable], re.Pattern[str] | None] = ([], None)
        self._iterations = self.add_variable((), dtype="int32", name="iteration")
        self._called_rate: Any = None  # inside a trace by `apply`: what a function without arguments gave
        if callable(learning_rate):  # a schedule, too
            self._learning_rate: Any = learning_rate
        else:
            value = self._rate(learning_rate)
            self._learning_rate = self.add_variable((), name="learning_rate")
            self._learning_rate.assign(value)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_plans" not in self.__dict__:
            raise RuntimeError(
                f"In optimizer '{type(self).__name__}', you forgot to call `super().__init__()` as the first statement "
                "in the `__init__()` method. Go add it!"
            )
        if isinstance(value, Variable):
            self._variables[value] = None
        object.__setattr__(self, name, value)
        if name not in _BOOKKEEPING:  # what was traced with another value is of no use any more
            self.__dict__["_version"] += 1
            self._plans.clear()

    # ---- what subclasses write ----

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the slots of the variables to train, once. Subclasses call this first, then
        `add_optimizer_variables`.
        """
        variables = list(variables)
        self._trainable_variables = variables
        self._index = {v: k for k, v in enumerate(variables)}
        if self.use_ema:
            self._model_variables_moving_average = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulated_gradients = [
                self.add_variable_from_reference(v, "gradient_accumulator") for v in variables
            ]
        self.built = True

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Assigns the new values of one variable and of its slots."""
        raise NotImplementedError(f"{type(self).__name__} does not implement update_step()")

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor; the learning rate is the one now."""
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            rate = serialize(rate)
        elif isinstance(rate, Variable):
            rate = float(rate.numpy())
        elif callable(rate):
            from ..saving import serialize_keras_object

            rate = serialize_keras_object(rate)
        return {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
        """A new optimizer, without state, of what `get_config` gave."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), Mapping):
            from ..saving import deserialize_keras_object

            config["learning_rate"] = deserialize_keras_object(config["learning_rate"], custom_objects)
        return cls(**config)

    def __reduce__(self) -> Any:
        """Pickles and copies are new optimizers of the same config: the state belongs to variables that stay here."""
        return type(self).from_config, (self.get_config(),)

    # ---- variables ----

    @property
    def variables(self) -> list[Variable]:
        """iteration, learning_rate (unless it is a schedule or function), then the slots."""
        return list(self._variables)

    @property
    def iterations(self) -> Any:
        """The number of times that the weights were changed."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The variable; or what the schedule or function gives now. A number can be set, if it is a variable;
        TypeError if not.
        """
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        if self._called_rate is not None:
            return self._called_rate
        return rate(self._iterations) if isinstance(rate, LearningRateSchedule) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        rate = self._learning_rate
        if callable(value):
            if isinstance(rate, Variable):
                del self._variables[rate]
            self._learning_rate = value
            return
        if not isinstance(rate, Variable):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object (or a function) as its "
                "`learning_rate` constructor argument, hence its learning rate is not settable. If you need the "
                "learning rate to be settable, you should instantiate the optimizer with a float `learning_rate` "
                "argument."
            )
        rate.assign(value if current() is not None else self._rate(value))

    def _rate(self, value: Any) -> float:
        if isinstance(value, Variable):
            value = value.numpy()
        if value is None or isinstance(value, (bool, str)) or np.ndim(value) != 0 or np.isnan(float(value)):
            raise ValueError(
                f"{type(self).__name__}: Argument `learning_rate` should be float, or an instance of "
                "LearningRateSchedule, or a callable that returns the learning rate. Received instead: "
                f"learning_rate={value!r}"
            )
        return float(value)

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str | None = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A new variable of the optimizer's state. `layout` is Keras's, for many devices, and not used."""
        variable = Variable(
            initializers.get(initializer), shape=shape, dtype=dtype, trainable=False, aggregation=aggregation, name=name
        )
        variable.path = f"{self.name}/{variable.name}"
        self._variables[variable] = None
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A new slot of the shape and dtype of `reference_variable`."""
        full_name = f"{reference_variable.path.replace('/', '_')}_{name or 'var'}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, name=full_name)

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """One slot a variable for a name; for a list of names, a tuple of such lists, created variable by variable.

        `initializer` is one for all names, or a list with one for each.
        """
        names = [name] if isinstance(name, str) else list(name)
        given = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(given) != len(names):
            raise ValueError(
                "The number of provided names must match the number of provided initializers. Received "
                f"name={name!r}, initializer={initializer!r}"
            )
        slots: tuple[list[Variable | None], ...] = tuple([] for _ in names)
        for v in trainable_variables:
            for slot, slot_name, first in zip(slots, names, given, strict=True):
                slot.append(None if _overwritten(v) else self.add_variable_from_reference(v, slot_name, first))
        return slots[0] if isinstance(name, str) else slots

    def assign(self, variable: Variable, value: Any) -> None:
        """Gives a variable or slot a value."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Adds to a variable or slot."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtracts from a variable or slot."""
        variable.assign_sub(value)

    def _var_key(self, variable: Variable) -> int:
        """What a variable is known by."""
        return id(variable)

    def _get_variable_index(self, variable: Variable) -> int:
        """Where the slots of `variable` are in the lists made by `build`."""
        return self._index[variable]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Writes `variables` in place. ValueError, and nothing is changed, unless numbers and shapes agree."""
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. Please call "
                "`optimizer.build(trainable_variables)` to create the optimizer weights before calling `set_weights()`."
            )
        variables = self.variables
        arrays = [np.asarray(w) for w in weights]
        if [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
            raise ValueError(
                f"Optimizer '{self.name}' expects {len(variables)} arrays of shapes "
                f"{[tuple(v.shape) for v in variables]}, got {[a.shape for a in arrays]}"
            )
        for v, a in zip(variables, arrays, strict=True):
            v.assign(a)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Puts the arrays of `variables` into `store`, under "0", "1", .."""
        for k, v in enumerate(self.variables):
            store[str(k)] = v.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Takes the arrays of `variables` from `store`. A warning, and nothing is changed, if their number differs."""
        variables, n = self.variables, len(store.keys())
        if n != len(variables):
            hint = "" if self.built else " The optimizer has not been built yet."
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has {len(variables)} variables "
                f"whereas the saved optimizer has {n} variables.{hint}",
                stacklevel=2,
            )
            return
        for k, v in enumerate(variables):
            v.assign(np.asarray(store[str(k)]))

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Spares these variables, and those in whose name one of `var_names` (regular expressions) is found, from
        `weight_decay`. ValueError once the optimizer is built.
        """
        if self.built:
            raise ValueError(
                f"Optimizer '{self.name}': `exclude_from_weight_decay()` can only be configured before the optimizer "
                "is built."
            )
        words = list(var_names or ())
        self._spared = (list(var_list or ()), re.compile("|".join(words)) if words else None)

    # ---- steps ----

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """`apply` on pairs; returns the variable that counts the steps."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """One step. Inside a trace it becomes a part of it; on arrays it is traced once for each set of variables and
        runs in C from then on, until an attribute of the optimizer is set.

        A gradient of None leaves its variable alone, with a warning; without any gradient it is a ValueError, and so
        are variables that the optimizer was not built for, and a gradient of another shape than its variable.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._variables_of(grads, trainable_variables)
        if current() is not None:
            self._apply(grads, variables)
            return
        given = [k for k, g in enumerate(grads) if g is not None]
        arrays = [np.asarray(grads[k]) for k in given]
        if self._calls_rate():
            arrays.append(np.asarray(self._learning_rate(), config.floatx()))
        parts = tuple([(v, v.constraint, g is None, _overwritten(v)) for v, g in zip(variables, grads, strict=True)])
        key = (parts, config.version, self._trace_version())
        plan = self._plans.get(key)
        if plan is None:
            plan = self._compile(variables, given)
            if key[2] == self._trace_version():  # else the trace itself has changed what it depends on
                if len(self._plans) == _KEPT:
                    self._plans.clear()
                self._plans[key] = plan
        plan.run(*arrays)

    def _compile(self, variables: list[Variable], given: list[int]) -> _core.Plan:
        """The plan of one step on gradients of the variables at `given`, then the rate if a function gives it."""
        with tracing() as scope:
            inputs = {k: scope.input(variables[k].shape, variables[k].dtype) for k in given}
            operands = list(inputs.values())
            if self._calls_rate():
                self.__dict__["_called_rate"] = scope.input((), config.floatx())
                operands.append(self._called_rate)
            try:
                self._apply([inputs.get(k) for k in range(len(variables))], variables)
            finally:
                self.__dict__["_called_rate"] = None
            return scope.plan(operands)

    def _calls_rate(self) -> bool:
        """Whether the learning rate is what a function without arguments says at each step."""
        rate = self._learning_rate
        return callable(rate) and not isinstance(rate, (Variable, LearningRateSchedule))

    def _trace_version(self) -> Any:
        """What a plan, apart from its signature, was traced with."""
        return self._version

    def _variables_of(self, grads: list[Any], trainable_variables: Sequence[Variable] | None) -> list[Variable]:
        """The variables that the gradients are of; builds the optimizer if it is not."""
        if trainable_variables is None and not self.built:
            raise ValueError(
                "When passing `grads` without `variables`, the optimizer must already be built on a list of variables. "
                "Call `optimizer.build(trainable_variables)` first."
            )
        variables = list(self._trainable_variables if trainable_variables is None else trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"Optimizer '{self.name}': expected one gradient a variable, got {len(grads)} gradients and "
                f"{len(variables)} variables"
            )
        if all(g is None for g in grads):
            raise ValueError(f"Optimizer '{self.name}': No gradients provided for any variable.")
        for g, v in zip(grads, variables, strict=True):
            if g is not None and tuple(getattr(g, "shape", None) or np.shape(g)) != tuple(v.shape):
                raise ValueError(
                    f"Optimizer '{self.name}': variable {v.path} has shape {tuple(v.shape)}, its gradient {np.shape(g)}"
                )
        if not self.built:
            self._build(variables)
        for v in variables:
            if v not in self._index:
                raise ValueError(
                    f"Optimizer '{self.name}': Unknown variable: {v.path}. This optimizer can only be called for the "
                    "variables it was originally built with. When working with a new set of variables, you should "
                    "recreate a new optimizer instance, and call compile() with it."
                )
        missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
        if missing:
            warnings.warn(
                f"Gradients do not exist for variables {missing} when minimizing the loss. If using `model.compile()`, "
                "did you forget to provide a `loss` argument?",
                stacklevel=3,
            )
        return variables

    def _build(self, variables: list[Variable]) -> None:
        made = list(self._variables)
        try:
            with suspended():
                self.build(variables)
        except BaseException:  # Ctrl-C, say: the next call builds it anew
            self._variables = dict.fromkeys(made)
            self.built = False
            raise
        for value in list(vars(self).values()):  # variables that a subclass made itself and keeps in a list
            for v in value if isinstance(value, list) else ():
                if isinstance(v, Variable) and v not in self._index:
                    self._variables[v] = None
        self.built = True

    def _apply(self, grads: list[Any], variables: list[Variable]) -> None:
        """The step, inside a trace."""
        pairs = []
        for g, v in zip(grads, variables, strict=True):
            if g is not None and _overwritten(v):
                self._overwrite(g, v)
            elif g is not None:
                pairs.append((ops.cast(g, v.dtype), v))
        if pairs:
            gradients, variables = [g for g, _ in pairs], [v for _, v in pairs]
            if self.loss_scale_factor is not None:
                gradients = [g / self.loss_scale_factor for g in gradients]
            if self.gradient_accumulation_steps:
                self._accumulate(gradients, variables)
            else:
                self._update(gradients, variables)
            if self.use_ema:
                self._average()
            for v in variables:
                if v.constraint is not None:
                    v.assign(v.constraint(v))
        self._iterations.assign_add(1)

    def _update(self, gradients: list[Any], variables: list[Variable]) -> None:
        gradients = self._clip_gradients(gradients)
        self._apply_weight_decay(variables)
        self._backend_update_step(gradients, variables, self.learning_rate)

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Variable], learning_rate: Any) -> None:
        """All variables' `update_step`; subclasses do here what is done once a step."""
        for g, v in zip(grads, trainable_variables, strict=True):
            self.update_step(g, v, ops.cast(learning_rate, v.dtype))

    def _due(self) -> Any:
        """Whether this step is the last of `gradient_accumulation_steps`."""
        return ops.equal(ops.mod(self._iterations + 1, self.gradient_accumulation_steps), 0)

    def _accumulate(self, gradients: list[Any], variables: list[Variable]) -> None:
        """Every step computes the update, and every k-th keeps it: one plan, without branches."""
        due = self._due()
        sums = [self._accumulated_gradients[self._get_variable_index(v)] for v in variables]
        totals = [g + s for g, s in zip(gradients, sums, strict=True)]
        ops.cond(due, lambda: self._update([t / self.gradient_accumulation_steps for t in totals], variables), _nothing)
        for s, total in zip(sums, totals, strict=True):
            s.assign(ops.where(due, ops.zeros((), s.dtype), total))

    def _overwrite(self, gradient: Any, variable: Variable) -> None:
        """A variable with `overwrite_with_gradient` gets its "gradient" as its value; of several, the largest."""
        gradient = ops.cast(gradient, variable.dtype)
        if self.gradient_accumulation_steps:
            largest = self._accumulated_gradients[self._get_variable_index(variable)]
            due, new = self._due(), ops.maximum(gradient, largest)
            variable.assign(ops.where(due, new, variable.value))
            largest.assign(ops.where(due, ops.zeros((), variable.dtype), new))
        else:
            variable.assign(gradient)

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        if self.clipnorm:
            return [clip_by_norm(g, self.clipnorm) for g in grads]
        if self.global_clipnorm:
            return clip_by_global_norm(grads, self.global_clipnorm)
        if self.clipvalue:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        return grads

    def _use_weight_decay(self, variable: Variable) -> bool:
        listed, words = self._spared
        return not any(v is variable for v in listed) and not (words is not None and words.search(variable.name))

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        for v in variables if self.weight_decay is not None else ():
            if self._use_weight_decay(v):
                v.assign(v - v * ops.cast(self.weight_decay * self.learning_rate, v.dtype))

    def _average(self) -> None:
        """The first step copies the weights. Constraints come after, as the average is not what they bind."""
        first = ops.equal(self.iterations, 0)
        for v, average in zip(self._trainable_variables, self._model_variables_moving_average, strict=True):
            if average is None:
                continue
            momentum = ops.where(first, ops.zeros((), v.dtype), ops.cast(self.ema_momentum, v.dtype))
            average.assign(momentum * average + (1.0 - momentum) * v)
            if self.ema_overwrite_frequency:
                due = ops.equal(ops.mod(self.iterations + 1, self.ema_overwrite_frequency), 0)
                v.assign(ops.where(due, average.value, v.value))

    def finalize_variable_values(self, var_list: Sequence[Variable] | None = None) -> None:
        """At the end of training: the averages replace the weights (all that were trained), if there are averages."""
        if self.use_ema and self.built:
            for v in self._trainable_variables if var_list is None else var_list:
                average = self._model_variables_moving_average[self._get_variable_index(v)]
                if average is not None:
                    v.assign(average.numpy())

    def scale_loss(self, loss: Any) -> Any:
        """What gradients are taken of: the loss times `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The values of (the trained variables, `variables`) after a step on gradients, from their values before it.

        No variable is changed. ValueError unless the optimizer is built and the numbers of arrays agree.
        """
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {type(self).__name__} must be built (i.e. its variables must have been "
                "created). You can build it via `optimizer.build(trainable_variables)`."
            )
        for name, given, expected in (
            ("optimizer_variables", optimizer_variables, self.variables),
            ("trainable_variables", trainable_variables, self._trainable_variables),
        ):
            if len(given) != len(expected):
                raise ValueError(
                    f"Argument `{name}` must be a list of tensors corresponding 1:1 to the optimizer's. Received a "
                    f"list of length {len(given)}, but expected {len(expected)} variables."
                )
        step = self._plans.setdefault(("stateless", self._trace_version()), Function(self._stateless))
        return step(list(optimizer_variables), list(grads), list(trainable_variables))  # type: ignore[no-any-return]

    def _stateless(self, state: list[Any], grads: list[Any], values: list[Any]) -> tuple[list[Any], list[Any]]:
        scope, variables = current(), [*self._trainable_variables, *self.variables]
        assert scope is not None
        before, frozen = scope.snapshot(), scope.frozen
        scope.frozen = True  # what is assigned is seen in here only
        try:
            for v, value in zip(variables, [*values, *state], strict=True):
                scope.assign(v, value)
            self.apply(grads)
            after = [scope.read(v) for v in variables]
        finally:
            scope.frozen = frozen
            scope.restore(before)
        return after[: len(values)], after[len(values) :]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _nothing() -> None:
    """The other branch."""


def _overwritten(variable: Variable) -> bool:
    return bool(getattr(variable, "overwrite_with_gradient", False))


def _count(name: str, value: Any, least: int) -> int | None:
    if value is None or value is False or (value == 0 and not isinstance(value, np.ndarray)):
        return None if value is None else value
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"`{name}` must be an integer >= {least} or None. Received: {name}={value!r}")
    return int(value)
