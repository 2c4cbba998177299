"""Adafactor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..variable import Variable
from .arguments import at_least_zero, real
from .optimizer import Optimizer


class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern, ICML 2018): of the mean squares of a matrix's gradients, only those of its rows and
    columns are kept.

    b = 1 - t ** beta_2_decay; rows = b * rows + (1 - b) * mean(g * g + epsilon_1 over columns), columns likewise;
    v = rows * columns / mean(rows), for vectors v = b * v + (1 - b) * (g * g + epsilon_1); u = g / sqrt(v);
    w -= max(epsilon_2, rms(w)) * min(learning_rate, 1 / sqrt(t)) * u / max(1, rms(u) / clip_threshold).
    `relative_step` is Keras's: the rate is at most 1 / sqrt(t) with it and without.

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> Adafactor(0.5).apply([nv.ops.convert_to_tensor([1.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.5
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        self.beta_2_decay = real("beta_2_decay", beta_2_decay)
        self.epsilon_1 = at_least_zero("epsilon_1", epsilon_1)
        self.epsilon_2 = at_least_zero("epsilon_2", epsilon_2)
        self.clip_threshold = at_least_zero("clip_threshold", clip_threshold)
        self.relative_step = bool(relative_step)
        self._r: list[Variable] = []
        self._c: list[Variable] = []
        self._v: list[Variable] = []

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self._r, self._c, self._v = [], [], []
        for v in var_list:
            shape, matrix = tuple(v.shape), len(v.shape) > 1
            dtype = v.dtype if matrix else "int32"  # Keras's files have two unused integers for what is no matrix
            self._r.append(self.add_variable(shape[:-1] if matrix else (), dtype=dtype, name=v.name))
            self._c.append(self.add_variable(shape[:-2] + shape[-1:] if matrix else (), dtype=dtype, name=v.name))
            self._v.append(self.add_variable_from_reference(v, "velocity"))

    @staticmethod
    def _rms(x: Any) -> Any:
        return ops.sqrt(ops.mean(ops.square(x)))

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        r, c, v = self._r[k], self._c[k], self._v[k]
        t = ops.cast(self.iterations + 1, variable.dtype)
        rate = ops.maximum(self._rms(variable), self.epsilon_2) * ops.minimum(learning_rate, 1.0 / ops.sqrt(t))
        keep = 1.0 - ops.power(t, self.beta_2_decay)
        square = ops.square(gradient) + self.epsilon_1
        if len(variable.shape) > 1:
            r.assign(keep * r + (1.0 - keep) * ops.mean(square, axis=-1))
            c.assign(keep * c + (1.0 - keep) * ops.mean(square, axis=-2))
            rows = r / ops.mean(r, axis=-1, keepdims=True)
            v.assign(ops.expand_dims(rows, -1) * ops.expand_dims(c, -2))
        else:
            v.assign(keep * v + (1.0 - keep) * square)
        step = gradient / ops.sqrt(v)
        variable.assign_sub(rate / ops.maximum(self._rms(step) / self.clip_threshold, 1.0) * step)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }
