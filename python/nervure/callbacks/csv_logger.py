"""`CSVLogger`: the logs of each epoch as a line of a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .callback import Callback, Logs

__all__ = ["CSVLogger"]


def _cell(value: Any) -> Any:
    """Text and numbers as they are, other things as a list in quotes."""
    if isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'


class CSVLogger(Callback):
    """Writes `epoch` and the logs, sorted by name, as a line of the file `filename` for each epoch.

    The columns are those of the first epoch, and `val_` ones too if it had none; NA stands for what an epoch does not
    have. append=True adds to a file that is there, and leaves out the header if that has a line.

    >>> import pathlib, tempfile, numpy as np, nervure as nv
    >>> path = pathlib.Path(tempfile.mkdtemp(), "log.csv")
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> run = model.fit(np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[CSVLogger(path)])
    >>> print(path.read_text())
    epoch,loss,val_loss
    0,1.0,NA
    """

    csv_file: Any = None

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"CSVLogger: expected `separator` to be one character, got {separator!r}")
        self.sep = separator
        self.filename = os.fspath(filename)
        self.append = append
        self.writer: Any = None
        self.keys: list[str] | None = None
        self.append_header = True

    def on_train_begin(self, logs: Logs = None) -> None:
        if self.append and os.path.exists(self.filename):
            with open(self.filename, encoding="utf-8") as file:
                self.append_header = not file.readline()
        self._close()
        # The csv module ends lines itself.
        self.csv_file = open(self.filename, "a" if self.append else "w", encoding="utf-8", newline="")  # noqa: SIM115
        self.keys = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        if self.writer is None:
            import csv

            self.writer = csv.writer(self.csv_file, delimiter=self.sep)
            if self.append_header:
                self.writer.writerow(["epoch", *self.keys])
        self.writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self.csv_file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        self._close()

    def __del__(self) -> None:  # where training did not come to its end
        self._close()

    def _close(self) -> None:
        if self.csv_file is not None and not self.csv_file.closed:
            self.csv_file.close()
        self.writer = None
