"""`ProgbarLogger`: the progress bar of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from typing import Any

from ..utils.io_utils import print_msg
from ..utils.progbar import Progbar
from .callback import Callback, Logs

__all__ = ["ProgbarLogger"]


class ProgbarLogger(Callback):
    """Shows progress; `fit` adds one unless verbose=0. It is asked by time, not by batch.

    >>> import numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> run = model.fit(np.ones((8, 2)), np.ones(8), callbacks=[ProgbarLogger()])  # doctest: +ELLIPSIS
    1/1 ...
    """

    def __init__(self) -> None:
        super().__init__()
        self.bar: Progbar | None = None
        self.seen = 0  # steps of the running epoch, as far as it was told
        self._target: int | None = None  # steps of an epoch, known in advance or from the one before
        self._in_fit = False

    def wants(self, mode: str) -> bool:
        """Does it want to hear of progress within an epoch? Not of validation, for which there is no bar."""
        return self.bar is not None and self.bar.live and not (mode == "test" and self._in_fit)

    def made(self, mode: str, done: int) -> None:
        """The steps of "train", "test" or "predict" are over: there were `done`."""
        if not (mode == "test" and self._in_fit):
            self.seen = done

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        self._target = params.get("steps")

    def _start(self) -> None:
        self.seen = 0
        verbose = self.params.get("verbose", 1)
        # The logs are running means already.
        self.bar = Progbar(
            self._target,
            verbose=1 if verbose == "auto" else verbose,
            stateless_metrics=(),
            unit_name="step",
        )

    def on_progress(self, done: int, logs: Logs = None) -> None:
        """`done` steps of the epoch are made, and the metrics are so now."""
        self.seen = done
        if self.bar is not None:
            self.bar.update(done, list((logs or {}).items()), finalize=False)

    def _finish(self, logs: Logs) -> None:
        if self.bar is not None:
            if self.bar.target is None:
                self.bar.target = self._target = self.seen
            self.bar.update(self.bar.target, list((logs or {}).items()), finalize=True)
        self.bar = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        epochs = self.params.get("epochs", 1)
        if self.params.get("verbose") and epochs > 1:
            print_msg(f"Epoch {epoch + 1}/{epochs}")
        self._start()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._start()

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._start()

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish(None)

    def on_train_end(self, logs: Logs = None) -> None:
        self._in_fit = False
