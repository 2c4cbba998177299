"""`Callback`, the base class: Python that runs at the joints of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models import Model

__all__ = ["Callback"]

Logs = dict[str, Any] | None

_BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class Callback:
    """Base class: override what you need.

    `self.model` is the model; `self.params` has "verbose", "epochs" and "steps". `logs` holds floats by metric name.
    To stop, set `self.model.stop_training = True`; a text in `self.model.stop_reason` says why.

    >>> class Print(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, sorted(logs))
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Model:
        return getattr(self, "_model", None)  # type: ignore[return-value]

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Model) -> None:
        self._model = model

    def on_train_begin(self, logs: Logs = None) -> None: ...
    def on_train_end(self, logs: Logs = None) -> None: ...
    def on_test_begin(self, logs: Logs = None) -> None: ...
    def on_test_end(self, logs: Logs = None) -> None: ...
    def on_predict_begin(self, logs: Logs = None) -> None: ...
    def on_predict_end(self, logs: Logs = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: Logs = None) -> None: ...
    def on_batch_end(self, batch: int, logs: Logs = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self.on_batch_end(batch, logs)

    def _wants_batches(self, mode: str) -> bool:
        """Must the hooks of each batch of "train", "test" or "predict" be called?

        Only then, as an epoch is one call into C otherwise. A class whose hooks do nothing in some settings says so
        by overriding this with `overrides`.
        """
        return overrides(self, mode, Callback)


def overrides(callback: Callback, mode: str, base: type[Callback]) -> bool:
    """Has `callback` a batch hook of `mode` that is not the one of class `base`?"""
    return any(getattr(getattr(callback, n), "__func__", None) is not getattr(base, n) for n in _BATCH_HOOKS[mode])
