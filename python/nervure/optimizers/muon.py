"""Muon."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from .. import ops
from ..variable import Variable
from .arguments import at_least_zero, between
from .clipping import global_norm
from .optimizer import Optimizer


class Muon(Optimizer):
    """Muon (Jordan et al., 2024): the momentum of a matrix, made nearly orthogonal by `ns_steps` steps of Newton and
    Schulz's iteration, is the update.

    m = momentum * m + g; x = g + momentum * m with `nesterov`, else m; then x /= |x| and, `ns_steps` times, with
    a = x x', x = muon_a * x + (muon_b * a + muon_c * a a) x;
    w -= learning_rate * rms_rate * sqrt(max(rows, columns)) * x (the last factors: Liu et al., 2025; none if None).

    What is no matrix, embeddings (in whose path "embedding" is found, unless `exclude_embeddings` is False), and what
    one of the regular expressions `exclude_layers` is found in, are trained by AdamW instead, with `adam_beta_1`,
    `adam_beta_2`, `epsilon`, `adam_weight_decay` and learning_rate * adam_lr_ratio.

    >>> import nervure as nv
    >>> w = nv.Variable([1.0])
    >>> Muon(0.5).apply([nv.ops.convert_to_tensor([1.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.498
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
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
        self.adam_beta_1 = between("adam_beta_1", adam_beta_1)
        self.adam_beta_2 = between("adam_beta_2", adam_beta_2)
        self.adam_weight_decay = at_least_zero("adam_weight_decay", adam_weight_decay, optional=True)
        self.epsilon = at_least_zero("epsilon", epsilon)
        self.exclude_layers = list(exclude_layers or ())
        self.exclude_embeddings = bool(exclude_embeddings)
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio = at_least_zero("adam_lr_ratio", adam_lr_ratio)
        self.momentum = between("momentum", momentum)
        self.ns_steps = ns_steps
        self.nesterov = bool(nesterov)
        self.rms_rate = at_least_zero("rms_rate", rms_rate, optional=True)
        self.momentums: list[Variable] = []
        self.adam_velocities: list[Variable | None] = []

    def _should_use_adamw(self, variable: Variable) -> bool:
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(re.search(word, variable.path) for word in self.exclude_layers)

    def build(self, var_list: Sequence[Variable]) -> None:
        if self.built:
            return
        super().build(var_list)
        self.momentums, self.adam_velocities = [], []
        for v in var_list:
            self.momentums.append(self.add_variable_from_reference(v, "momentum"))
            adam = self._should_use_adamw(v)
            self.adam_velocities.append(self.add_variable_from_reference(v, "velocity") if adam else None)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        k = self._get_variable_index(variable)
        m, v = self.momentums[k], self.adam_velocities[k]
        if v is not None:
            self._adam_step(gradient, variable, learning_rate * self.adam_lr_ratio, m, v)
            return
        m.assign(m * self.momentum + gradient)
        x = self.zeropower_via_newtonschulz5(gradient + m * self.momentum if self.nesterov else m.value, self.ns_steps)
        variable.assign_sub(self.lr_adjust(learning_rate * x))

    def _adam_step(self, gradient: Any, variable: Variable, learning_rate: Any, m: Variable, v: Variable) -> None:
        t = ops.cast(self.iterations + 1, variable.dtype)
        alpha = learning_rate * ops.sqrt(1.0 - ops.power(self.adam_beta_2, t)) / (1.0 - ops.power(self.adam_beta_1, t))
        m.assign_add((gradient - m) * (1.0 - self.adam_beta_1))
        v.assign_add((ops.square(gradient) - v) * (1.0 - self.adam_beta_2))
        variable.assign_sub((m * alpha) / (ops.sqrt(v) + self.epsilon))

    def lr_adjust(self, x: Any) -> Any:
        """x * rms_rate * sqrt(max(rows, columns)), so that an update has the same mean square in every shape."""
        return x if self.rms_rate is None else x * (self.rms_rate * math.sqrt(max(x.shape[0], x.shape[1])))

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """A matrix with singular values near 1 and the singular vectors of x. ValueError unless x is a matrix."""
        if len(x.shape) != 2:
            raise ValueError(f"Expected gradient or momentum to have 2 dimensions. Received: shape={tuple(x.shape)}")
        tall = x.shape[0] > x.shape[1]
        x = ops.transpose(x) if tall else x
        x = x / (global_norm([x]) + 1e-7)
        for _ in range(steps):
            a = ops.matmul(x, ops.transpose(x))
            x = self.muon_a * x + ops.matmul(self.muon_b * a + self.muon_c * ops.matmul(a, a), x)
        return ops.transpose(x) if tall else x

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        for v in variables:
            decay = self.adam_weight_decay if self._should_use_adamw(v) else self.weight_decay
            if decay is not None and self._use_weight_decay(v):
                v.assign(v - v * ops.cast(decay * self.learning_rate, v.dtype))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "exclude_embeddings": self.exclude_embeddings,
            "adam_weight_decay": self.adam_weight_decay,
            "rms_rate": self.rms_rate,
        }
