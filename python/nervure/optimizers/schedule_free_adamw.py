"""Schedule-free AdamW."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..variable import Variable
from .arguments import at_least_zero, between
from .optimizer import Optimizer


class ScheduleFreeAdamW(Optimizer):
    """AdamW that needs no schedule: it averages the weights instead (Defazio et al., NeurIPS 2024).

    v += (g * g - v) * (1 - beta_2); z' = z - learning_rate * g / (sqrt(v / (1 - beta_2 ** t)) + epsilon);
    x = (w - (1 - beta_1) * z) / beta_1; x' = (1 - 1 / t) * x + z' / t; w = (1 - beta_1) * z' + beta_1 * x'; z = z'.
    z, the slot "momentum", begins as w. In the first `warmup_steps` the rate is multiplied by t / warmup_steps.

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> ScheduleFreeAdamW(0.5).apply([nv.ops.convert_to_tensor([1.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
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
        self.beta_1 = between("beta_1", beta_1)
        self.beta_2 = between("beta_2", beta_2)
        self.epsilon = at_least_zero("epsilon", epsilon)
        self.warmup_steps = at_least_zero("warmup_steps", warmup_steps)
        self._momentums: list[Variable] = []
        self._velocities: list[Variable] = []

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self._momentums, self._velocities = self.add_optimizer_variables(var_list, ["momentum", "velocity"])
        for z, v in zip(self._momentums, var_list, strict=True):
            if z is not None:
                z.assign(v.numpy())

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        z, v = self._momentums[k], self._velocities[k]
        t = ops.cast(self.iterations + 1, variable.dtype)
        if self.warmup_steps > 0:
            learning_rate = learning_rate * ops.minimum(t / self.warmup_steps, 1.0)
        before = z.value
        v.assign_add((ops.square(gradient) - v) * (1.0 - self.beta_2))
        spread = v * (1.0 / (1.0 - ops.power(self.beta_2, t)))
        z.assign_sub(learning_rate * gradient / (ops.sqrt(spread) + self.epsilon))
        new = 1.0 / t
        x = (variable - before * (1.0 - self.beta_1)) * (1.0 / self.beta_1)
        x = x * (1.0 - new) + z * new
        variable.assign(z * (1.0 - self.beta_1) + x * self.beta_1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "warmup_steps": self.warmup_steps,
        }
