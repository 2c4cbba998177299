"""Follow the regularized leader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import initializers, ops
from ..variable import Variable
from .arguments import at_least_zero, at_most_zero, real
from .optimizer import Optimizer


class Ftrl(Optimizer):
    """FTRL-proximal (McMahan et al., KDD 2013). With p = -learning_rate_power and g' = g + 2 * l2_shrinkage * w,

    a' = a + g * g; z += g' - (a' ** p - a ** p) / learning_rate * w;
    w = (clip(z, -l1, l1) - z) / (a' ** p / learning_rate + 2 * l2 + beta / learning_rate); a = a'.
    l1, l2 and l2_shrinkage are the `.._regularization_strength`; a begins with `initial_accumulator_value`.
    ValueError if `learning_rate_power` is more than 0, or one of the others less than 0.

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> Ftrl(0.5, initial_accumulator_value=0.0).apply([nv.ops.convert_to_tensor([1.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.learning_rate_power = at_most_zero("learning_rate_power", learning_rate_power)
        self.initial_accumulator_value = at_least_zero("initial_accumulator_value", initial_accumulator_value)
        self.l1_regularization_strength = at_least_zero("l1_regularization_strength", l1_regularization_strength)
        self.l2_regularization_strength = at_least_zero("l2_regularization_strength", l2_regularization_strength)
        self.l2_shrinkage_regularization_strength = at_least_zero(
            "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength
        )
        self.beta = real("beta", beta)
        self._accumulators: list[Variable] = []
        self._linears: list[Variable] = []

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        first = [initializers.Constant(self.initial_accumulator_value), "zeros"]
        self._accumulators, self._linears = self.add_optimizer_variables(var_list, ["accumulator", "linear"], first)

    def _power(self, x: Any) -> Any:
        return ops.sqrt(x) if self.learning_rate_power == -0.5 else ops.power(x, -self.learning_rate_power)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        a, z = self._accumulators[k], self._linears[k]
        rate = 1.0 / learning_rate
        shrunk = gradient
        if self.l2_shrinkage_regularization_strength:
            shrunk = gradient + variable * (2.0 * self.l2_shrinkage_regularization_strength)
        before, largest = self._power(a.value), self.l1_regularization_strength
        a.assign_add(ops.square(gradient))
        after = self._power(a.value)
        z.assign_add(shrunk - (after - before) * rate * variable)
        clipped = ops.clip(z, -largest, largest) - z if largest else -z.value
        variable.assign(clipped / (after * rate + (2.0 * self.l2_regularization_strength + self.beta * rate)))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
