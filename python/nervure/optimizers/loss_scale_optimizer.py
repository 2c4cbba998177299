"""`LossScaleOptimizer`, around another optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import initializers, ops
from ..variable import Variable
from .optimizer import Optimizer, _overwritten

_INNER = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}  # what older configs hold, at these values


class LossScaleOptimizer(Optimizer):
    """Scales the loss so that small gradients do not underflow, and `inner_optimizer` gets them unscaled
    (Micikevicius et al., ICLR 2018).

    A step whose gradients are not all finite is skipped, and the scale halved; after `dynamic_growth_steps` good steps
    it is doubled. It begins as `initial_scale`. In float32 and float64 there is little use for it: it is there for
    programs that have it.

    ValueError for the other arguments of optimizers: they are the inner optimizer's.

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> optimizer = LossScaleOptimizer(nv.optimizers.SGD(0.5), initial_scale=4.0)
    >>> float(optimizer.scale_loss(1.0))
    4.0
    >>> optimizer.apply([nv.ops.convert_to_tensor([4.0])], [w])
    >>> w.numpy().tolist()
    [0.5]
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer does not support `dynamic=False`. Instead, set `loss_scale_factor` on the "
                "`inner_optimizer`."
            )
        for key, default in _INNER.items():
            if kwargs.pop(key, default) != default:
                raise ValueError(
                    f"LossScaleOptimizer does not support `{key}`. Instead, set `{key}` on the `inner_optimizer`."
                )
        if kwargs:
            raise ValueError(f"LossScaleOptimizer does not support arguments: `{'`, `'.join(kwargs)}`.")
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(
                f"LossScaleOptimizer: expected `inner_optimizer` to be an Optimizer. Received: {inner_optimizer!r}"
            )
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        self.inner_optimizer.loss_scale_factor = None  # or gradients would be scaled twice

    def build(self, var_list: Sequence[Variable]) -> None:
        self.step_counter = self.add_variable((), dtype="int32", name="step_counter")
        first = initializers.Constant(self.initial_scale)
        self.dynamic_scale = self.add_variable((), first, "float32", name="dynamic_scale")
        self.inner_optimizer.build(var_list)
        super().build(var_list)

    @property
    def variables(self) -> list[Variable]:
        """Its own, then the inner optimizer's."""
        return [*self._variables, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> Any:
        """The inner optimizer's."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def _trace_version(self) -> Any:
        inner = self.inner_optimizer
        return (self._version, object() if inner._calls_rate() else inner._trace_version())

    def check_finite(self, grads: Sequence[Any]) -> Any:
        """Whether all elements of all gradients are finite."""
        finite = [ops.all(ops.isfinite(g)) for g in grads if g is not None]
        return ops.all(ops.stack(finite))

    def _apply(self, grads: list[Any], variables: list[Variable]) -> None:
        def good() -> None:
            scale = self.dynamic_scale.value
            unscaled = [
                g if g is None or _overwritten(v) else g / ops.cast(scale, g.dtype)
                for g, v in zip(grads, variables, strict=True)
            ]
            self.inner_optimizer.apply(unscaled, variables)
            grow = ops.equal(self.step_counter, self.dynamic_growth_steps - 1)
            self.step_counter.assign(ops.where(grow, 0, self.step_counter + 1))
            self.dynamic_scale.assign(ops.where(grow, scale * 2.0, scale))

        def bad() -> None:
            self.step_counter.assign(0)
            self.dynamic_scale.assign(self.dynamic_scale * 0.5)

        ops.cond(self.check_finite(grads), good, bad)

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the scale."""
        return loss * (self.dynamic_scale.value if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Sequence[Variable] | None = None) -> None:
        """The inner optimizer's."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        from ..saving import serialize_keras_object

        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
        from ..saving import deserialize_keras_object

        config = dict(config)
        return cls(deserialize_keras_object(config.pop("inner_optimizer"), custom_objects), **config)
