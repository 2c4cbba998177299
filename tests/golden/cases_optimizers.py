"""Optimizers and learning rate schedules: given gradients, step by step, and one whole run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from .cases import OPTIMIZERS, case, numbers, randn, set_weights
except ImportError:  # in make_golden.py
    from cases import OPTIMIZERS, case, numbers, randn, set_weights  # type: ignore[import-not-found, no-redef]

SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "exponential": lambda s: s.ExponentialDecay(0.1, 10, 0.5),
    "exponential_staircase": lambda s: s.ExponentialDecay(0.1, 10, 0.5, staircase=True),
    "piecewise": lambda s: s.PiecewiseConstantDecay([3, 8, 20], [0.3, 0.2, 0.1, 0.05]),
    "polynomial": lambda s: s.PolynomialDecay(0.1, 20, end_learning_rate=0.01, power=2.0),
    "polynomial_cycle": lambda s: s.PolynomialDecay(0.1, 10, power=0.5, cycle=True),
    "inverse_time": lambda s: s.InverseTimeDecay(0.1, 5, 0.5),
    "inverse_time_staircase": lambda s: s.InverseTimeDecay(0.1, 5, 0.5, staircase=True),
    "cosine": lambda s: s.CosineDecay(0.1, 20, alpha=0.1),
    "cosine_warmup": lambda s: s.CosineDecay(0.01, 20, alpha=0.1, warmup_target=0.2, warmup_steps=8),
    "restarts": lambda s: s.CosineDecayRestarts(0.1, 7, alpha=0.1),
    "restarts_equal": lambda s: s.CosineDecayRestarts(0.1, 7, t_mul=1.0, m_mul=0.8),
    "restarts_smaller": lambda s: s.CosineDecayRestarts(0.1, 7, t_mul=1.5, m_mul=0.5, alpha=0.1),
}


def schedule(name: str, k: Any) -> dict[str, Any]:
    s = SCHEDULES[name](k.optimizers.schedules)
    rates = [k.ops.convert_to_numpy(s(step)) for step in (0, 1, 2, 3, 4, 8, 9, 10, 13, 20, 22, 37, 50)]
    again = k.optimizers.schedules.deserialize(k.optimizers.schedules.serialize(s))
    return {
        "rates": np.array(rates),
        "again": k.ops.convert_to_numpy(again(17)),
        "config": [json.dumps(k.optimizers.schedules.serialize(s), sort_keys=True)],
    }


ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.05, "momentum": 0.5, "centered": True}),
    "adam": ("Adam", {"learning_rate": 0.05, "amsgrad": True}),
    "adamw": ("AdamW", {"learning_rate": 0.05}),
    "adamw_args": ("AdamW", {"learning_rate": 0.05, "weight_decay": 0.3, "beta_1": 0.7, "amsgrad": True}),
    "adagrad": ("Adagrad", {}),
    "adagrad_args": ("Adagrad", {"learning_rate": 0.3, "initial_accumulator_value": 0.0, "epsilon": 1e-3}),
    "adadelta": ("Adadelta", {}),
    "adadelta_args": ("Adadelta", {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-4}),
    "adamax": ("Adamax", {}),
    "adamax_args": ("Adamax", {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    "nadam": ("Nadam", {}),
    "nadam_args": ("Nadam", {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    "ftrl": ("Ftrl", {}),
    "ftrl_args": (
        "Ftrl",
        {
            "learning_rate": 0.1, "learning_rate_power": -0.7, "initial_accumulator_value": 0.2, "beta": 0.1,
            "l1_regularization_strength": 0.05, "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.02,
        },
    ),
    "lion": ("Lion", {}),
    "lion_args": ("Lion", {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.8}),
    "lamb": ("Lamb", {}),
    "lamb_args": ("Lamb", {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    "adafactor": ("Adafactor", {}),
    "adafactor_args": ("Adafactor", {"learning_rate": 0.1, "beta_2_decay": -0.5, "clip_threshold": 0.5}),
    "muon": ("Muon", {}),
    "muon_args": (
        "Muon",
        {
            "learning_rate": 0.05, "nesterov": False, "ns_steps": 3, "momentum": 0.8, "rms_rate": None,
            "exclude_layers": ["cube"], "adam_lr_ratio": 0.5, "weight_decay": 0.1, "adam_weight_decay": None,
        },
    ),
    "schedule_free": ("ScheduleFreeAdamW", {}),
    "schedule_free_args": ("ScheduleFreeAdamW", {"learning_rate": 0.05, "beta_1": 0.7, "warmup_steps": 5}),
    "clipnorm": ("Adam", {"learning_rate": 0.05, "clipnorm": 0.3}),
    "clipvalue": ("RMSprop", {"learning_rate": 0.05, "clipvalue": 0.2}),
    "global_clipnorm": ("Nadam", {"learning_rate": 0.05, "global_clipnorm": 0.5}),
    "ema": ("Lion", {"learning_rate": 0.05, "use_ema": True, "ema_momentum": 0.8}),
    "ema_overwrite": ("AdamW", {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3}),
    "loss_scale": ("SGD", {"learning_rate": 0.1, "loss_scale_factor": 8.0}),
    "accumulate_sgd": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "gradient_accumulation_steps": 3}),
    "accumulate_adam": (
        "Adam",
        {
            "learning_rate": 0.05, "gradient_accumulation_steps": 2, "clipnorm": 0.3, "weight_decay": 0.1,
            "use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 2,
        },
    ),
    "accumulate_nadam": ("Nadam", {"learning_rate": 0.05, "gradient_accumulation_steps": 4}),
    "accumulate_adafactor": ("Adafactor", {"learning_rate": 0.05, "gradient_accumulation_steps": 3}),
}  # fmt: skip


def parameters(k: Any) -> list[Any]:
    k.utils.clear_session()
    shapes = {"matrix": (3, 4), "vector": (5,), "cube": (2, 3, 2)}
    return [k.Variable(randn(30 + n, *shape), name=name) for n, (name, shape) in enumerate(shapes.items())]


def gradients(step: int, variables: list[Any], scale: float = 1.0) -> list[np.ndarray]:
    fade = 0.0 if step == 6 else scale / (1 + step)
    return [fade * randn(40 + 20 * n + step, *v.shape) for n, v in enumerate(variables)]


def steps(opt: Any, variables: list[Any], scale: float = 1.0) -> dict[str, Any]:
    """12 steps; the variables after some of them, and all that the optimizer holds at the end."""
    out = {}
    for step in range(12):
        opt.apply(gradients(step, variables, scale), variables)
        if step in (0, 1, 2, 11):
            out |= numbers(f"step{step + 1}", [np.array(v.numpy()) for v in variables])
    slots = [v for v in opt.variables if v.name != "learning_rate"]
    out |= numbers("slots", [np.array(v.numpy()) for v in slots])
    out["names"] = [v.path for v in opt.variables if v.name not in ("u_product", "variable")]
    out["dtypes"] = [str(v.dtype) for v in opt.variables]
    out["config"] = list(opt.get_config())
    opt.finalize_variable_values(variables)
    return out | numbers("final", [np.array(v.numpy()) for v in variables])


def optimizer(cls: str, args: dict[str, Any], k: Any) -> dict[str, Any]:
    variables = parameters(k)
    return steps(getattr(k.optimizers, cls)(**args), variables, args.get("loss_scale_factor", 1.0))


def constant_rate() -> float:
    return 0.05


def scheduled(cls: str, name: str, args: dict[str, Any], k: Any) -> dict[str, Any]:
    variables = parameters(k)
    return steps(getattr(k.optimizers, cls)(SCHEDULES[name](k.optimizers.schedules), **args), variables)


def with_constraints(k: Any) -> dict[str, Any]:
    variables = parameters(k)
    variables[0].constraint = k.constraints.NonNeg()
    variables[1].constraint = k.constraints.NonNeg()
    opt = k.optimizers.Adagrad(0.3, weight_decay=0.2, use_ema=True, ema_momentum=0.5)
    opt.exclude_from_weight_decay(var_list=[variables[2]], var_names=["^vec"])
    return steps(opt, variables)


def loss_scaled(k: Any) -> dict[str, Any]:
    """Two steps are skipped: their gradients are not finite."""
    variables = parameters(k)
    opt = k.optimizers.LossScaleOptimizer(k.optimizers.Adam(0.05), initial_scale=8.0, dynamic_growth_steps=3)
    opt.build(variables)
    out = {}
    for step in range(9):
        grads = gradients(step, variables, 8.0)
        if step in (2, 7):
            grads[1][0] = np.inf if step == 2 else np.nan
        values, state = opt.stateless_apply(
            [np.array(v.numpy()) for v in opt.variables], grads, [np.array(v.numpy()) for v in variables]
        )
        for v, value in zip([*variables, *opt.variables], [*values, *state], strict=True):
            v.assign(value)
        out[f"scale{step}"] = np.array(k.ops.convert_to_numpy(opt.scale_loss(1.0)))
    out |= numbers("slots", [np.array(v.numpy()) for v in opt.variables])
    out["names"] = [v.path for v in opt.variables]
    out["config"] = [json.dumps(k.optimizers.serialize(opt), sort_keys=True)]
    return out | numbers("variables", [np.array(v.numpy()) for v in variables])


def several(k: Any) -> dict[str, Any]:
    variables = parameters(k)
    rules = k.optimizers.OptimizerMap(k.optimizers.SGD(0.1), {"mat.*": k.optimizers.Adam(0.05)})
    rules["cube"] = k.optimizers.Lion(0.02)
    opt = k.optimizers.MultiOptimizer(rules)
    return steps(opt, variables) | {"config": [json.dumps(k.optimizers.serialize(opt), sort_keys=True)]}


def configs(k: Any) -> dict[str, Any]:
    k.utils.clear_session()
    made = [getattr(k.optimizers, cls)(**args) for cls, args in ROWS.values()]
    made.append(k.optimizers.SGD(k.optimizers.schedules.CosineDecay(0.1, 10)))
    again = [k.optimizers.deserialize(k.optimizers.serialize(opt)) for opt in made if "lamb" not in opt.name]
    return {
        "configs": [json.dumps(k.optimizers.serialize(opt), sort_keys=True) for opt in made],
        "again": [json.dumps(k.optimizers.serialize(opt), sort_keys=True) for opt in again],
        "names": [k.optimizers.get(name).name for name in ("adamw", "AdamW", "ADAM", "rmsprop", "Ftrl")],
    }


def whole_run(make: Callable[[Any], Any], k: Any) -> dict[str, Any]:
    """`fit` with the optimizer in the step."""
    k.utils.clear_session()
    model = k.Sequential([k.Input((4,)), k.layers.Dense(6, activation="tanh"), k.layers.Dense(1)])
    set_weights(model)
    model.compile(make(k), loss="mse")
    x = randn(1, 40, 4)
    history = model.fit(x, x[:, :1] * x[:, 1:2], batch_size=8, epochs=3, shuffle=False, verbose=0)
    out = {"loss": np.array(history.history["loss"])} | numbers("weights", model.get_weights())
    return out | numbers("slots", [np.array(v.numpy()) for v in model.optimizer.variables])


OPTIMIZERS.update({f"all_{name}": row for name, row in ROWS.items()})
OPTIMIZERS.update({"loss_scaled": ("LossScaleOptimizer", {}), "several": ("MultiOptimizer", {})})
for _name in SCHEDULES:
    case(f"schedule/{_name}", schedule, _name)
for _name, (_cls, _args) in ROWS.items():
    case(f"optimizer_all/{_name}", optimizer, _cls, _args)
case("optimizer_all/scheduled_sgd", scheduled, "SGD", "cosine_warmup", {"momentum": 0.9, "weight_decay": 0.1})
case("optimizer_all/scheduled_adam", scheduled, "AdamW", "piecewise", {})
case("optimizer_all/scheduled_adafactor", scheduled, "Adafactor", "polynomial", {})
case("optimizer_all/scheduled_accumulate", scheduled, "RMSprop", "inverse_time", {"gradient_accumulation_steps": 2})
case("optimizer_all/called_rate", optimizer, "Adam", {"learning_rate": constant_rate})
case("optimizer_all/constraints", with_constraints)
case("optimizer_all/loss_scaled", loss_scaled)
case("optimizer_all/several", several)
case("optimizer_all/configs", configs)
case("train/adamw_accumulated", whole_run, lambda k: k.optimizers.AdamW(0.02, gradient_accumulation_steps=3))
case(
    "train/nadam_scheduled",
    whole_run,
    lambda k: k.optimizers.Nadam(k.optimizers.schedules.ExponentialDecay(0.05, 5, 0.8), global_clipnorm=0.5),
)
case("train/muon_ema", whole_run, lambda k: k.optimizers.Muon(0.02, use_ema=True, ema_momentum=0.9))
case("train/adafactor", whole_run, lambda k: k.optimizers.Adafactor(0.05))
case("train/lamb", whole_run, lambda k: k.optimizers.Lamb(0.02))
