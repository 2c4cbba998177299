"""`ModelCheckpoint`: the model, or its weights, in a file as training goes on."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from ..utils.io_utils import print_msg
from .batch_counter import BatchCounter
from .callback import Callback, Logs, overrides
from .monitor_callback import MonitorCallback

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(MonitorCallback):
    """Saves the model after each epoch, or every `save_freq` batches.

    Args:
        filepath: ends in `.keras`, or in `.weights.h5` with save_weights_only. It may name `{epoch}` (from 1),
            `{batch}` and logs: "model-{epoch:02d}-{val_loss:.2f}.keras". Missing directories are made.
        monitor: the name of a log, for save_best_only.
        verbose: 1 prints what is saved and why.
        save_best_only: only when `monitor` has improved. If there is no such log, that is a warning, and it is saved.
        save_weights_only: `save_weights` instead of `save`.
        mode: "min", "max" or "auto", which asks the metric.
        save_freq: "epoch" or a number of batches, counted over epochs.
        initial_value_threshold: what the first value has to be better than.

    ValueError for another ending of `filepath`, KeyError if it names a log that is not there, OSError if it is a
    directory.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "best.weights.h5")
    >>> ModelCheckpoint(path, save_weights_only=True, save_best_only=True).save_freq
    'epoch'
    >>> ModelCheckpoint("model.txt")
    Traceback (most recent call last):
    ValueError: The filepath provided must end in `.keras` (Keras model format). Received: filepath=model.txt
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.verbose = verbose
        self.filepath = os.fspath(filepath)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(
                f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer values (from 1)"
            )
        if save_weights_only and not self.filepath.endswith(".weights.h5"):
            raise ValueError(
                "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath provided must end in "
                f"`.weights.h5` (Keras weights format). Received: filepath={self.filepath}"
            )
        if not save_weights_only and not self.filepath.endswith((".keras", ".h5")):
            raise ValueError(
                f"The filepath provided must end in `.keras` (Keras model format). Received: filepath={self.filepath}"
            )
        self._counter = BatchCounter(0 if isinstance(save_freq, str) else save_freq)
        self._current_epoch = 0

    def _wants_batches(self, mode: str) -> bool:
        return overrides(self, mode, ModelCheckpoint if self.save_freq == "epoch" else Callback)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._current_epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self.save_freq != "epoch" and self._counter.due(batch):
            self._save_model(self._current_epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.monitor_op is None and self.save_best_only:
            self._set_monitor_op()
        if self.save_freq == "epoch":
            self._save_model(epoch, None, logs or {})

    def _save_model(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> None:
        path = self._get_file_path(epoch, batch, logs)
        if not self._should_save_model(epoch, logs, path):
            return
        if os.path.isdir(path):
            raise OSError(
                "Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an existing directory: "
                f"{path}"
            )
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        model: Any = self.model
        if self.save_weights_only:
            model.save_weights(path, overwrite=True)
        else:
            model.save(path, overwrite=True)
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1}: finished saving model to {path}")

    def _should_save_model(self, epoch: int, logs: dict[str, Any], path: str) -> bool:
        say = print_msg if self.verbose > 0 else lambda message: None
        if not self.save_best_only:
            say(f"\nEpoch {epoch + 1}: saving model to {path}")
            return True
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(f"Can save best model only with {self.monitor} available.", stacklevel=3)
            return True
        if np.ndim(current) > 0:
            warnings.warn(
                f"Can save best model only when `monitor` is a scalar value. Received: {current}. Falling back to "
                "`save_best_only=False`.",
                stacklevel=3,
            )
            return True
        if self.monitor_op is None:
            self._set_monitor_op()
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(current, self.best):
            say(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {best}")
            return False
        say(f"\nEpoch {epoch + 1}: {self.monitor} improved from {best} to {current:.5f}, saving model to {path}")
        self.best = current
        return True

    def _get_file_path(self, epoch: int, batch: int | None, logs: dict[str, Any]) -> str:
        places = {"epoch": epoch + 1, **({} if batch is None else {"batch": batch + 1}), **logs}
        try:
            return self.filepath.format(**places)
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}; there are {list(places)}'
            ) from None
