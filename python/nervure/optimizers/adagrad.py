"""Adagrad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import initializers, ops
from ..variable import Variable
from .arguments import at_least_zero
from .optimizer import Optimizer


class Adagrad(Optimizer):
    """a += g * g; w -= learning_rate * g / sqrt(a + epsilon) (Duchi, Hazan and Singer, JMLR 2011). a begins with
    `initial_accumulator_value`.

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> Adagrad(0.5, initial_accumulator_value=0.0).apply([nv.ops.convert_to_tensor([1.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
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
        self.initial_accumulator_value = at_least_zero("initial_accumulator_value", initial_accumulator_value)
        self.epsilon = at_least_zero("epsilon", epsilon)
        self._accumulators: list[Variable] = []

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        first = initializers.Constant(self.initial_accumulator_value)
        self._accumulators = self.add_optimizer_variables(var_list, "accumulator", first)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        a = self._accumulators[self._get_variable_index(variable)]
        a.assign_add(ops.square(gradient))
        variable.assign_sub(learning_rate * gradient / ops.sqrt(a + self.epsilon))

    def get_config(self) -> dict[str, Any]:
        config = {"initial_accumulator_value": self.initial_accumulator_value, "epsilon": self.epsilon}
        return super().get_config() | config
