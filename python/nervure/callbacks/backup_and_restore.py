"""`BackupAndRestore`: training that was interrupted goes on where it was."""

from __future__ import annotations

import os
import shutil
from typing import Any

from .batch_counter import BatchCounter
from .callback import Callback, Logs, overrides

__all__ = ["BackupAndRestore"]


class BackupAndRestore(Callback):
    """Keeps weights, optimizer and epoch in `backup_dir` while `fit` runs; the next `fit` with it starts from there.

    Args:
        backup_dir: a directory of its own. It is made, and removed once training has come to its end.
        save_freq: "epoch", or a number of batches. Training goes on at the start of the epoch that was interrupted.
        double_checkpoint: keeps the backup before the last one too, and uses it if the last one cannot be read.
        delete_checkpoint: False leaves the backup when training has come to its end.

    A backup is written beside the last one and then takes its place, so that there is always a whole one. ValueError if
    `backup_dir` is empty, if `save_freq` is something else, or if the model is not built when `fit` begins.

    >>> BackupAndRestore("")
    Traceback (most recent call last):
    ValueError: Empty `backup_dir` argument passed
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed")
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(
                f"Invalid value for argument `save_freq`. Received: save_freq={save_freq}. Expected either 'epoch' or "
                "an integer value (from 1)."
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._current_epoch = 0
        self._last_batch_seen = 0
        self._counter = BatchCounter(0 if isinstance(save_freq, str) else save_freq)
        self._weights_path = os.path.join(self.backup_dir, "latest.weights.h5")
        self._training_metadata_path = os.path.join(self.backup_dir, "training_metadata.json")
        self._prev_weights_path = f"{self._weights_path}.bkp"
        self._prev_training_metadata_path = f"{self._training_metadata_path}.bkp"
        self._new_weights_path = os.path.join(self.backup_dir, "next.weights.h5")

    def _wants_batches(self, mode: str) -> bool:
        return overrides(self, mode, BackupAndRestore if self.save_freq == "epoch" else Callback)

    def on_train_begin(self, logs: Logs = None) -> None:
        model: Any = self.model
        if not model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, your model must be built before you call `fit()`. Model "
                f"{model} is unbuilt. You can build it beforehand by calling it on a batch of data."
            )
        try:
            self._restore()
        except (OSError, ValueError):  # an unreadable file: the one before may be whole
            if not os.path.exists(self._prev_weights_path):
                raise
            shutil.copyfile(self._prev_weights_path, self._weights_path)
            if os.path.exists(self._prev_training_metadata_path):
                shutil.copyfile(self._prev_training_metadata_path, self._training_metadata_path)
            elif os.path.exists(self._training_metadata_path):
                os.remove(self._training_metadata_path)
            self._restore()

    def _restore(self) -> None:
        import json

        model: Any = self.model
        if os.path.exists(self._weights_path):
            if model.optimizer is not None and not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)  # its slots must be there to be read
            model.load_weights(self._weights_path)
        if os.path.exists(self._training_metadata_path):
            with open(self._training_metadata_path, encoding="utf-8") as file:
                model._initial_epoch = json.load(file)["epoch"]

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._current_epoch = epoch + 1
        self._last_batch_seen = 0
        if self.save_freq == "epoch":
            self._save()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self.save_freq != "epoch":
            self._last_batch_seen = batch
            if self._counter.due(batch):
                self._save()

    def _save(self) -> None:
        import json

        os.makedirs(self.backup_dir, exist_ok=True)
        model: Any = self.model
        model.save_weights(self._new_weights_path, overwrite=True)
        metadata = f"{self._training_metadata_path}.new"
        with open(metadata, "w", encoding="utf-8") as file:
            json.dump({"epoch": self._current_epoch, "batch": self._last_batch_seen}, file)
        if self.double_checkpoint:
            for last, before in (
                (self._weights_path, self._prev_weights_path),
                (self._training_metadata_path, self._prev_training_metadata_path),
            ):
                if os.path.exists(last):
                    os.replace(last, before)
        os.replace(self._new_weights_path, self._weights_path)
        os.replace(metadata, self._training_metadata_path)

    def on_train_end(self, logs: Logs = None) -> None:
        if self.delete_checkpoint and os.path.isdir(self.backup_dir):
            shutil.rmtree(self.backup_dir)
