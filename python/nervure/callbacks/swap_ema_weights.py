"""`SwapEMAWeights`: evaluation with the moving average of the weights."""

from __future__ import annotations

from typing import Any

from .callback import Callback, Logs

__all__ = ["SwapEMAWeights"]


class SwapEMAWeights(Callback):
    """Evaluates and predicts with the optimizer's moving average of the weights (Polyak and Juditsky, 1992).

    The averages take the place of the weights while the model is evaluated, and the weights come back afterwards. With
    swap_on_epoch=True they do so from the end of an epoch to the beginning of the next, for callbacks after this one
    such as `ModelCheckpoint`. ValueError unless the optimizer has `use_ema=True`.

    >>> import numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> model.compile(nv.optimizers.SGD(use_ema=True), "mse")
    >>> x, y = np.ones((4, 2)), np.ones(4)
    >>> run = model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[SwapEMAWeights()])
    >>> run.history["val_loss"][-1] == model.evaluate(x, y, verbose=0)
    True
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._ema_weights_in_model = False
        self._kept: list[tuple[Any, Any]] = []  # variables that hold their averages, and their own values

    def _averaged(self) -> list[tuple[Any, Any]]:
        """Each variable with its average."""
        optimizer: Any = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        parts = [o for o in getattr(optimizer, "optimizers", [optimizer]) if getattr(o, "use_ema", False)]
        if not parts:
            raise ValueError("SwapEMAWeights must be used when `use_ema=True` is set on the optimizer.")
        pairs: list[tuple[Any, Any]] = []
        for part in parts:
            trained = getattr(part, "_trainable_variables", [])
            averages = getattr(part, "_model_variables_moving_average", [])
            pairs += [(v, average) for v, average in zip(trained, averages, strict=False) if average is not None]
        return pairs

    def _put_in(self) -> None:
        if self._ema_weights_in_model:
            return
        pairs = self._averaged()
        self._kept = [(variable, variable.numpy().copy()) for variable, _ in pairs]
        for variable, average in pairs:
            variable.assign(average.numpy())
        self._ema_weights_in_model = True

    def _take_out(self) -> None:
        for variable, value in self._kept:
            variable.assign(value)
        self._kept = []
        self._ema_weights_in_model = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._take_out()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._put_in()

    def on_train_end(self, logs: Logs = None) -> None:
        self._kept = []  # the averages are the weights now: so training ends with `use_ema`
        self._ema_weights_in_model = False

    def on_test_begin(self, logs: Logs = None) -> None:
        self._put_in()

    def on_test_end(self, logs: Logs = None) -> None:
        self._take_out()

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._put_in()

    def on_predict_end(self, logs: Logs = None) -> None:
        self._take_out()
