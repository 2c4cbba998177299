"""The learning rates of a model's optimizer, which may be made of several."""

from __future__ import annotations

from typing import Any

__all__ = ["log_rates", "optimizers_of", "rate_of"]


def optimizers_of(model: Any) -> list[tuple[str, Any]]:
    """(name, optimizer) of each part of the model's optimizer; the name is "" if it has no parts."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    parts = getattr(optimizer, "optimizers", None)
    return [("", optimizer)] if parts is None else [(part.name, part) for part in parts]


def rate_of(optimizer: Any) -> float:
    """Its learning rate now."""
    from .. import ops

    return float(ops.convert_to_numpy(optimizer.learning_rate))


def log_rates(model: Any, logs: dict[str, Any]) -> None:
    """Adds `learning_rate`, or `learning_rate_<name>` of each part, to the logs."""
    for name, optimizer in optimizers_of(model):
        if getattr(optimizer, "full_batch", False):  # such have none
            continue
        logs[f"learning_rate_{name}" if name else "learning_rate"] = rate_of(optimizer)
