"""`TerminateOnNaN`: training ends when the loss is no number any more."""

from __future__ import annotations

import math

from ..utils.io_utils import print_msg
from .callback import Callback, Logs

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Stops training at the batch whose loss is NaN or infinite; with raise_error=True by a RuntimeError.

    >>> import numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> run = model.fit(np.full((4, 2), 1e30), np.ones(4), epochs=9, verbose=0, callbacks=[TerminateOnNaN()])
    Batch 0: Invalid loss, terminating training
    >>> run.epoch
    [0]
    """

    checks_loss = True  # all that it wants of a batch is the running loss, which stays as it is once it is not finite

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training immediately."
            )
        print_msg(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
        self.model.stop_reason = "loss is NaN" if math.isnan(loss) else "loss is infinite"
