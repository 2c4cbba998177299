"""`CallbackList`: several callbacks as one."""

from __future__ import annotations

from typing import Any

from .. import tree
from .callback import Callback, Logs
from .history import History
from .progbar_logger import ProgbarLogger

__all__ = ["CallbackList"]


def _plain(logs: Logs) -> dict[str, Any]:
    """A copy with floats for scalars, sorted by name, so that what one caller holds no callback changes."""
    plain: dict[str, Any] = {}
    for key, value in sorted((logs or {}).items()):
        if isinstance(value, dict):
            plain |= _plain(value)
        else:
            plain[key] = float(value) if isinstance(value, (int, float)) or getattr(value, "ndim", 1) == 0 else value
    return plain


class CallbackList(Callback):
    """Several callbacks as one: each of its hooks calls theirs, in order. ValueError unless all are callbacks.

    `model` and `params`, if given, go to each. All callbacks of a hook share one dict of logs: what one adds, the next
    ones see.

    >>> from nervure.callbacks import CallbackList, History, LambdaCallback
    >>> both = CallbackList([History(), LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))])
    >>> len(both.callbacks), both.wants_batches("train")
    (2, False)
    >>> both.callbacks[1].on_epoch_end(3, {})
    3
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Callback] = tree.flatten(callbacks) if callbacks is not None else []
        for c in self.callbacks:
            if not isinstance(c, Callback):
                raise ValueError(f"`callbacks` must be Callback instances, got {c!r}")
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self.history is None:
            self.history = History()
            self.callbacks.append(self.history)
        self.progbar = next((c for c in self.callbacks if isinstance(c, ProgbarLogger)), None)
        if add_progbar and self.progbar is None:
            self.progbar = ProgbarLogger()
            self.callbacks.append(self.progbar)
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def append(self, callback: Callback) -> None:
        self.callbacks.append(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        if params:
            for c in self.callbacks:
                c.set_params(params)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self.history is not None:
            model.history = self.history
        for c in self.callbacks:
            c.set_model(model)

    def wants_batches(self, mode: str) -> bool:
        """Must the batch hooks of "train", "test" or "predict" be called for any callback?"""
        return any(c._wants_batches(mode) for c in self.callbacks)

    def _wants_batches(self, mode: str) -> bool:
        return self.wants_batches(mode)

    def _call(self, hook: str, *args: Any) -> None:
        for c in self.callbacks:
            getattr(c, hook)(*args)

    def on_train_begin(self, logs: Logs = None) -> None:
        self._call("on_train_begin", _plain(logs))

    def on_train_end(self, logs: Logs = None) -> None:
        self._call("on_train_end", _plain(logs))

    def on_test_begin(self, logs: Logs = None) -> None:
        self._call("on_test_begin", _plain(logs))

    def on_test_end(self, logs: Logs = None) -> None:
        self._call("on_test_end", _plain(logs))

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._call("on_predict_begin", _plain(logs))

    def on_predict_end(self, logs: Logs = None) -> None:
        self._call("on_predict_end", _plain(logs))

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._call("on_epoch_begin", epoch, _plain(logs))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._call("on_epoch_end", epoch, _plain(logs))

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._call("on_batch_begin", batch, _plain(logs))

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._call("on_batch_end", batch, _plain(logs))

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._call("on_train_batch_begin", batch, _plain(logs))

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._call("on_train_batch_end", batch, _plain(logs))

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._call("on_test_batch_begin", batch, _plain(logs))

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._call("on_test_batch_end", batch, _plain(logs))

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._call("on_predict_batch_begin", batch, logs if logs is not None else {})

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._call("on_predict_batch_end", batch, logs if logs is not None else {})  # outputs: arrays, as they are

    def on_batch(self, mode: str, moment: str, batch: int, logs: Logs = None) -> None:
        """The batch hook of a mode ("train", "test", "predict") and moment ("begin", "end")."""
        getattr(self, f"on_{mode}_batch_{moment}")(batch, logs)
