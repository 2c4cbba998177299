"""Callbacks: Python that runs at the joints of training.

While no callback overrides a batch hook, an epoch is one call into C. With one, each step is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ._absent import absent
from .utils.progbar import Progbar

if TYPE_CHECKING:
    from .models import Model
    from .utils.curves import Plot

__all__ = ["Callback", "CallbackList", "History", "LambdaCallback", "ProgbarLogger"]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

Logs = dict[str, Any] | None


class Callback:
    """Base class: override what you need.

    `self.model` is the model; `self.params` has "verbose", "epochs" and "steps". `logs` holds floats by metric name.
    To stop, set `self.model.stop_training = True`.

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


_BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class History(Callback):
    """What `fit` returns: `history`, a dict of lists of floats, one an epoch; `epoch`, their numbers from 0.

    A notebook shows it as curves; so does `plot()`.

    >>> import numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> run = model.fit(np.ones((8, 2)), np.ones(8), epochs=3, verbose=0)
    >>> run.epoch, list(run.history), len(run.history["loss"])
    ([0, 1, 2], ['loss'], 3)
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []
        self.stop_reason: str | None = None  # why training ended, once it has

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(value)
        self.model.history = self

    def plot(self, *names: str) -> Plot:
        """The curves of these metrics, or of all, validation dashed: SVG that a notebook shows, `save(path)` writes.

        ValueError for a metric that the run does not have, or if it has no epoch yet.
        """
        from .utils.curves import draw

        curves = {k: v for k, v in self.history.items() if all(isinstance(value, (int, float)) for value in v)}
        if not curves:
            raise ValueError("there is nothing to draw: no epoch was trained")
        return draw(curves, names)

    def _repr_html_(self) -> str | None:
        return self.plot().svg if self.history else None


class LambdaCallback(Callback):
    """A callback made of functions, each given by the name of its hook.

    >>> stop = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Callable[..., Any],
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in given.items():
            if function is None:
                continue
            if not name.startswith("on_") or not callable(getattr(Callback, name, None)):
                raise ValueError(f"LambdaCallback: unknown hook {name!r}")
            if not callable(function):
                raise ValueError(f"LambdaCallback: {name} must be callable, got {function!r}")
            setattr(self, name, function)


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
        self._in_fit = False

    def wants(self, mode: str) -> bool:
        """Does it want to hear of progress within an epoch? Not of validation, for which there is no bar."""
        return self.bar is not None and self.bar.live and not (mode == "test" and self._in_fit)

    def _start(self) -> None:
        self.bar = Progbar(self.params.get("steps"), verbose=self.params.get("verbose", 1), unit_name="step")

    def on_progress(self, done: int, logs: Logs = None) -> None:
        if self.bar is not None:
            self.bar.update(done, list((logs or {}).items()), finalize=False)

    def _finish(self, logs: Logs) -> None:
        if self.bar is not None:
            self.bar.update(self.bar.target or 0, list((logs or {}).items()), finalize=True)
        self.bar = None

    def on_train_begin(self, logs: Logs = None) -> None:
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        epochs = self.params.get("epochs", 1)
        if self.params.get("verbose") and epochs > 1:
            print(f"Epoch {epoch + 1}/{epochs}", flush=True)
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


class CallbackList:
    """Several callbacks as one. ValueError unless all are callbacks.

    >>> both = CallbackList([History(), LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))])
    >>> len(both.callbacks), both.wants_batches("train")
    (2, False)
    """

    def __init__(
        self,
        callbacks: Sequence[Callback] | Callback | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        given: list[Any] = list(callbacks or ()) if isinstance(callbacks, (list, tuple, type(None))) else [callbacks]
        for c in given:
            if not isinstance(c, Callback):
                raise ValueError(f"`callbacks` must be Callback instances, got {c!r}")
        self.callbacks: list[Callback] = given
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in given):
            self.callbacks.append(ProgbarLogger())
        self.progbar = next((c for c in self.callbacks if isinstance(c, ProgbarLogger)), None)
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self.history is None:
            self.history = History()
            self.callbacks.append(self.history)
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def append(self, callback: Callback) -> None:
        self.callbacks.append(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for c in self.callbacks:
            c.set_params(params)

    def set_model(self, model: Any) -> None:
        if self.history is not None:
            model.history = self.history
        for c in self.callbacks:
            c.set_model(model)

    def wants_batches(self, mode: str) -> bool:
        """Does any callback override a batch hook of "train", "test" or "predict"?"""

        def overridden(c: Callback, name: str) -> bool:
            return getattr(getattr(c, name), "__func__", None) is not getattr(Callback, name)

        return any(overridden(c, name) for c in self.callbacks for name in _BATCH_HOOKS[mode])

    def _call(self, name: str, *args: Any) -> None:
        for c in self.callbacks:
            getattr(c, name)(*args)

    def on_train_begin(self, logs: Logs = None) -> None:
        self._call("on_train_begin", logs)

    def on_train_end(self, logs: Logs = None) -> None:
        self._call("on_train_end", logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        self._call("on_test_begin", logs)

    def on_test_end(self, logs: Logs = None) -> None:
        self._call("on_test_end", logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._call("on_predict_begin", logs)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._call("on_predict_end", logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._call("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._call("on_epoch_end", epoch, logs)

    def on_batch(self, mode: str, moment: str, batch: int, logs: Logs = None) -> None:
        """The batch hook of a mode ("train", "test", "predict") and moment ("begin", "end")."""
        self._call(f"on_{mode}_batch_{moment}", batch, logs)
