"""`compile`, `fit`, `evaluate`, `predict` and their one-batch forms.

An epoch over arrays is one call into C; batches that come from elsewhere are steps that Python starts.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import _core, config, ops, optimizers, random, tree
from .._trace import tracing
from ..callbacks import CallbackList
from .compile import CompileLoss, CompileMetrics
from .data import Batches, class_weights, leaves, positive_integer, split, unpack
from .feed import Feed
from .passes import LoopPass, Pass, RowPass, StreamPass
from .step_functions import StepFunctions
from .steps import PLANS, Compiled, Entry, Logs, Plans, Steps, as_logs, structure_of
from .stream import Stream, is_stream, signature_of

__all__ = ["Trainer"]

_REDRAW = 0.05  # seconds between two looks at the progress bar


class Trainer(StepFunctions, Steps):
    """The part of `Model` that trains."""

    stop_training: bool
    run_eagerly: bool
    steps_per_execution: int

    def _init_trainer(self) -> None:
        self.optimizer: Any = None
        self.loss: Any = None
        self.history: Any = None
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self.stop_reason: str | None = None
        self.run_eagerly, self.steps_per_execution, self.jit_compile = False, 1, True
        self.train_function = self.test_function = self.predict_function = None
        self._initial_epoch: int | None = None
        self._compiled: Compiled | None = None
        self._compile_config: dict[str, Any] | None = None
        self._plans = Plans()

    # ---- compile ----

    def compile(
        self: Any,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Says how to train. Nothing is computed yet; a bad name or argument is an error at once, and changes nothing.

        Args:
            optimizer: a name ("adam", "sgd") or an `Optimizer`.
            loss: a name, a `Loss`, or a function of (y_true, y_pred); for several outputs a list or a dict by output
                name, None where an output has no loss.
            loss_weights: a float, or a list or a dict of them.
            metrics, weighted_metrics: lists of names, `Metric`s and functions (for several outputs lists or dicts of
                lists); only the latter use sample weights.
            run_eagerly: the Python of the model runs for every batch, and its tensors have numbers that can be printed
                and looked at in a debugger. Slow; the results are the same, to the last bit.
            steps_per_execution: how many steps callbacks see as one. An epoch over arrays is one execution anyway.
            jit_compile, auto_scale_loss: accepted for compatibility; every step is compiled. The attribute
                `jit_compile` is what was asked for, and True where that is "auto" and not `run_eagerly`.
        """
        positive_integer("steps_per_execution", steps_per_execution)
        layer_names = self.output_names
        compiled_loss = None if loss is None else CompileLoss(loss, loss_weights, layer_names)
        compiled = Compiled(compiled_loss, CompileMetrics(metrics, weighted_metrics, layer_names, compiled_loss))
        if loss is None and loss_weights is not None:
            raise ValueError("compile: `loss_weights` was given without a `loss`")
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self.run_eagerly, self.steps_per_execution = bool(run_eagerly), int(steps_per_execution)
        self.jit_compile = not run_eagerly and jit_compile in (True, "auto")
        self.train_function = self.test_function = self.predict_function = None
        self._compiled = compiled
        self._compile_config = {
            "optimizer": self.optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": self.jit_compile,
        }
        self.stop_training = False
        self._plans.clear()

    @property
    def compiled(self) -> bool:
        return self._compiled is not None

    def _assert_compiled(self: Any, method: str) -> Compiled:
        if self._compiled is None:
            raise ValueError(f"Model '{self.name}': call `compile()` before `{method}()`")
        return self._compiled  # type: ignore[no-any-return]

    @property
    def metrics(self: Any) -> list[Any]:
        """The loss tracker, the compiled metrics, the losses of several outputs, then metrics held by the model and
        layers.
        """
        own = super().metrics  # type: ignore[misc]
        compiled = self._compiled
        if compiled is None:
            return own  # type: ignore[no-any-return]
        given = compiled.metrics.given is not None or compiled.metrics.weighted is not None
        listed = [compiled.metrics] if given else []
        return [compiled.tracker, *listed, *(compiled.loss.metrics if compiled.loss else ()), *own]

    @property
    def _loss_tracker(self) -> Any:
        """The running mean of the loss; None before `compile`."""
        return None if self._compiled is None else self._compiled.tracker

    @property
    def _compile_metrics(self) -> Any:
        """The metrics that `compile` was given; None if there are none."""
        given = self._compiled is not None and (self._compiled.metrics.given or self._compiled.metrics.weighted)
        return self._compiled.metrics if self._compiled is not None and given else None

    @property
    def _compile_loss(self) -> Any:
        return None if self._compiled is None else self._compiled.loss

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables of all metrics."""
        return list({id(v): v for m in self.metrics for v in m.variables}.values())

    @property
    def metrics_names(self) -> list[str]:
        return [m.name for m in self.metrics]

    # ---- fit ----

    def fit(
        self: Any,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Trains for `epochs` epochs; returns a `History`.

        Args:
            x, y: arrays of as many rows (see `nervure.models.data` for what is accepted); lists or dicts of them for
                several inputs or outputs. They are read in place: uint8, float64 or a memmap are converted batch by
                batch. Or x alone, as batches (x, y) or (x, y, sample_weight): a generator, a `PyDataset`, or any
                iterable, gone through once an epoch.
            batch_size: 32 unless given; batches that come have their own. A last, smaller batch counts.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line an epoch.
            validation_split: the share of the last rows to validate on.
            validation_data: (x, y) or (x, y, sample_weight), or batches.
            shuffle: a new order each epoch (True), the given order (False), or shuffled within batches ("batch").
            class_weight: {class: weight}.
            sample_weight: one weight a row. Not together with class_weight.
            steps_per_epoch, validation_steps: at most so many batches each. The next epoch of training goes on where
            the last one stopped, validation begins anew; an epoch ends where the data end, with a warning if that is
            early.
            validation_freq: every how many epochs to validate, or the numbers (from 1) of the epochs to.

        ValueError or TypeError for data that do not fit the model, before anything is changed. KeyboardInterrupt
        (Ctrl-C) leaves the model as after the last whole step.
        """
        self._assert_compiled("fit")
        self._refuse_own_function("train")
        verbose = _verbosity(verbose)
        for name, value in (("epochs", epochs), ("initial_epoch", initial_epoch)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
                raise ValueError(f"`{name}` must be a non-negative integer, got {value!r}")
        if class_weight is not None and sample_weight is not None:
            raise ValueError("`class_weight` and `sample_weight` cannot both be given")
        epochs = _capped("epochs", epochs, config.max_epochs())
        x, y, sample_weight = self._data(x, y, sample_weight)
        if validation_data is not None:
            validation_data = _validation(validation_data)
        elif validation_split:
            if is_stream(x):
                raise ValueError(
                    "Argument `validation_split` is only supported for arrays. Found incompatible type in the input: "
                    f"{type(x)}"
                )
            (x, y, sample_weight), validation_data = split(x, y, sample_weight, validation_split)
        given = callbacks.callbacks if isinstance(callbacks, CallbackList) else tree.flatten(callbacks or [])
        self._watch_gradients(any(getattr(c, "needs_gradient_norm", False) for c in given))
        self._compiled.watched = any(getattr(c, "checks_loss", False) for c in given)
        seed = random.make_default_seed() if shuffle else 0
        if self._full_batch:
            train = self._full_batch_pass(x, y, sample_weight, batch_size, steps_per_epoch, shuffle, seed, class_weight)
        else:
            train = self._pass("train", x, y, sample_weight, batch_size, steps_per_epoch, shuffle, seed, class_weight)
        validate = None
        if validation_data is not None:
            _validates(0, validation_freq)
            size = validation_batch_size
            if size is None:
                size = getattr(train, "batch", batch_size)
            validate = self._pass("test", *self._data(*validation_data, "validation data: "), size, validation_steps)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                model=self,
                verbose=verbose,
                epochs=epochs,
                steps=train.per_epoch,
            )
        self.stop_training, self.stop_reason, self._initial_epoch = False, None, None
        reason = f"the maximum of {epochs} epochs"
        try:
            callbacks.on_train_begin()
            logs: Logs = {}
            first = self._initial_epoch or initial_epoch
            if getattr(train, "ahead", False) and not given and verbose == 0 and validate is None:
                first, logs = self._run_ahead(train, callbacks.history, first, epochs)
                reason = self.stop_reason or reason
            for epoch in range(first, epochs):
                self.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                self._run(train, "train", callbacks)
                if not train.done and not self.stop_training:
                    reason = "the data ended"
                    _no_batches(train, epoch, epochs)
                    break
                logs = self._epoch_logs(train)
                if validate is not None and _validates(epoch, validation_freq):
                    logs |= {f"val_{k}": v for k, v in self._evaluate(validate, callbacks).items()}
                logs = dict(sorted(logs.items()))
                callbacks.on_epoch_end(epoch, logs)
                if self.stop_training:
                    reason = self.stop_reason or "a callback set stop_training"
                    break
            if self.optimizer is not None:
                self.optimizer.finalize_variable_values()
            callbacks.on_train_end(logs)
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            raise
        finally:
            self._compiled.watched = False
            self.stop_reason = reason
            if self.history is not None:
                self.history.stop_reason = reason
            if self._full_batch:
                train.close(reason, self.history)
        return self.history

    def _run_ahead(self: Any, train: Any, history: Any, epoch: int, epochs: int) -> tuple[int, Logs]:
        """All epochs of a full-batch method that nobody looks at, without coming back for each: (epochs, last logs)."""
        train.place = 0 if history is None else len(history.epoch), epoch
        try:
            while epoch + len(train.losses) < epochs and not self.stop_training:
                train.start(rewind=False)
                if not self.stop_training:
                    train.many(epochs - epoch - len(train.losses))
        finally:
            train.told(history)
        return epochs, {"loss": train.loss}

    def _epoch_logs(self: Any, train: Any) -> Logs:
        logs: Logs = self._results("train")
        full_batch = self._full_batch
        if full_batch:  # it warns itself
            if not train.done and math.isnan(train.loss):  # it could not begin
                logs = dict.fromkeys(logs, math.nan)
            logs["loss"] = train.loss
        loss = logs.get("loss")
        if isinstance(loss, float) and math.isnan(loss) and not self._compiled.watched and not full_batch:
            warnings.warn(
                f"Model '{self.name}': the loss is NaN. Its weights are not numbers any more, or the data are not: "
                "look for NaN in x, try a smaller learning rate or clipnorm (TerminateOnNaN stops at the batch)",
                RuntimeWarning,
                stacklevel=3,
            )
        if self._compiled.gradients is not None:
            logs["gradient_norm"] = train.gradient_norm if full_batch else self._gradient_norm()
        return logs

    # ---- data ----

    def _data(self: Any, x: Any, y: Any, sample_weight: Any, what: str = "") -> tuple[Any, Any, Any]:
        """Arrays of rows, or x as a stream of batches."""
        if is_stream(x):
            return x, y, sample_weight
        return leaves(f"{what}x", x), leaves(f"{what}y", y), leaves(f"{what}sample_weight", sample_weight)

    def _pass(
        self: Any,
        mode: str,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: Any = None,
        steps: Any = None,
        shuffle: Any = False,
        seed: int = 0,
        class_weight: Any = None,
    ) -> Pass:
        """A pass over all of the data. For predict over arrays there is `_predict_pass`, which keeps the outputs."""
        steps = _capped("steps_per_epoch", steps, config.max_steps_per_epoch())
        n_outputs = len(self.output_names or [None])
        if is_stream(x):
            steps = None if steps is None else positive_integer("steps", steps)
            stream = Stream(x, y, sample_weight, class_weight, n_outputs, seed if shuffle else None)
            step = self._stream_step(mode, stream.unpack, quick=class_weight is None)
            return StreamPass(stream, step, steps)
        if class_weight is not None:
            sample_weight = class_weights(y, class_weight, n_outputs)
        feed = Feed(self, x, y, sample_weight)
        batches = Batches.of(feed.n, batch_size, steps)
        if self.run_eagerly or not feed.loops:
            return RowPass(feed, self._row_step(mode, feed), batches, shuffle, seed)
        full = self._entry(mode, feed, batches.batch) if feed.n >= batches.batch else None
        tail = self._entry(mode, feed, batches.tail) if batches.tail else None
        self._check_targets(feed, full or tail)
        plans = (full.plan if full else None, tail.plan if tail else None)
        loop = _core.Loop(*plans, feed.arrays, feed.n, batches.batch, (), feed.names)
        return LoopPass(loop, feed.arrays, batches, shuffle, seed)

    @property
    def _full_batch(self: Any) -> bool:
        """Does the optimizer need the loss as a function, and not only its gradient?"""
        return bool(getattr(self.optimizer, "full_batch", False))

    def _full_batch_pass(
        self: Any,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: Any,
        steps: Any,
        shuffle: Any,
        seed: int,
        class_weight: Any,
    ) -> Pass:
        """Iterations of a method that needs the loss over all rows as a function of the weights."""
        from .full_batch import FullBatchPass

        owner = type(self.optimizer).__name__
        if self._overrides("train"):
            raise ValueError(
                f"Model '{self.name}' overrides `train_step`, which {owner} cannot use: it needs the loss at other "
                "weights, and not only a step. Override `compute_loss` instead"
            )
        if self.run_eagerly:
            raise ValueError(f"{owner} does not run eagerly: compile without `run_eagerly`")
        if is_stream(x):
            raise ValueError(f"{owner} goes through all rows in each iteration: it needs arrays, got {type(x)}")
        if steps is not None:
            raise ValueError(f"{owner}: an epoch is an iteration on all rows; leave out `steps_per_epoch`")
        if class_weight is not None:
            sample_weight = class_weights(y, class_weight, len(self.output_names or [None]))
        feed = Feed(self, x, y, sample_weight)
        train = FullBatchPass(self, feed, batch_size, shuffle, seed)
        self._check_targets(feed, Entry(None, predictions=train.rows.predictions))
        return train

    def _row_step(self: Any, mode: str, feed: Feed) -> Callable[[list[Any]], Any]:
        """A step on gathered rows of `feed`."""
        checked = False

        def step(arrays: list[Any]) -> Any:
            nonlocal checked
            entry = self._step_entry(mode, feed, arrays)
            if not checked and mode != "predict":
                self._check_targets(feed, entry)
                checked = True
            return entry, entry.plan.run(*arrays)

        return step

    def _step_entry(self: Any, mode: str, feed: Feed, arrays: list[Any]) -> Entry:
        """The plan for a batch; where it is run eagerly, a new one from a trace that sees the batch's numbers."""
        rows = len(arrays[0])
        if not self.run_eagerly:
            return self._entry(mode, feed, rows)  # type: ignore[no-any-return]
        return self._trace(mode, feed, rows, False, arrays)  # type: ignore[no-any-return]

    def _stream_step(self: Any, mode: str, unpack: Callable[[Any], Any], quick: bool = True) -> Callable[[Any], Any]:
        """A step on a batch as it comes, which `unpack` makes (x, y, sample_weight). If `quick`, arrays of known shapes
        go to the plan with nothing but checks in between.
        """
        known: dict[Any, Any] = {}
        quick = quick and not self.run_eagerly and mode != "predict"

        def step(batch: Any) -> Any:
            raw: list[Any] = []
            key = signature_of(batch, raw) if quick else None
            found = known.get(key) if key is not None else None
            if found is not None and found[0] == config.version:
                for check, k in found[1]:
                    check(raw[k])
                return found[2](*raw) if found[3] is None else found[2](*(raw[k] for k in found[3]))
            x, y, weight = unpack(batch)
            feed = Feed(self, x, *((None, None) if mode == "predict" else (y, leaves("sample_weight", weight))))
            arrays = feed.dense()
            entry = self._step_entry(mode, feed, arrays)
            if mode == "predict":
                return entry, entry.plan.run(*arrays)
            self._check_targets(feed, entry)
            places = [next((k for k, r in enumerate(raw) if r is a), None) for a in arrays]
            if key is not None and None not in places and len(raw) == len(arrays):
                checks = [
                    (check, k)
                    for check, a in self._checks(feed, entry, leaves("sample_weight", weight))
                    for k, r in enumerate(raw)
                    if r is a
                ]
                order = None if places == list(range(len(raw))) else places
                known[key] = (config.version, checks, entry.plan.run, order)
                if len(known) > PLANS:
                    known.pop(next(iter(known)))
            return entry.plan.run(*arrays)

        return step

    def _run(
        self: Any, steps: Pass, mode: str, callbacks: CallbackList, produced: Callable[[], Logs] | None = None
    ) -> None:
        """One epoch: at once, or in slices of time for the progress bar, or step by step for callbacks, which hear what
        a step has `produced` if that is not metrics.
        """
        stop = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}[mode]
        hooks = callbacks.wants_batches(mode)
        bar = callbacks.progbar if callbacks.progbar is not None and callbacks.progbar.wants(mode) else None
        steps.start(rewind=mode != "train")
        while not getattr(self, stop) and steps.ready():
            if hooks:
                callbacks.on_batch(mode, "begin", steps.done)
                last = steps.done + self.steps_per_execution - 1
            steps.advance(self.steps_per_execution if hooks else steps.left, _REDRAW if bar is not None else 0.0)
            logs = self._results(mode) if mode != "predict" and (hooks or bar is not None) else {}
            if logs and self._full_batch and mode == "train":
                logs["loss"] = steps.loss  # type: ignore[attr-defined]
            if hooks:
                callbacks.on_batch(mode, "end", last, produced() if produced else logs)
            if bar is not None and steps.left:
                bar.on_progress(steps.done, logs)
        if callbacks.progbar is not None:
            callbacks.progbar.made(mode, steps.done)
        steps.finish(early=getattr(self, stop))

    def objective(self: Any, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """The compiled loss over these rows as a function of one vector of weights: a `ModelObjective`, with values,
        gradients and products for `scipy.optimize` or a method of one's own. Arguments as of `fit`.
        """
        from .objective import ModelObjective

        self._assert_compiled("objective")
        found = ModelObjective(self, Feed(self, *self._data(x, y, sample_weight)))
        return found

    # ---- evaluate ----

    def evaluate(
        self: Any,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Loss and metrics over all rows: a float, a list in the order of `metrics`, or a dict."""
        if kwargs:
            raise ValueError(f"evaluate: arguments not recognized: {list(kwargs)}")
        self._assert_compiled("evaluate")
        self._refuse_own_function("test")
        verbose = _verbosity(verbose)
        test = self._pass("test", *self._data(x, y, sample_weight), batch_size, steps)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1, steps=test.per_epoch
            )
        logs = self._evaluate(test, callbacks)
        return logs if return_dict else _in_order(logs, self._order(sorted(logs)))

    def _evaluate(self: Any, test: Pass, callbacks: CallbackList) -> Logs:
        self.stop_evaluating = False
        callbacks.on_test_begin()
        self.reset_metrics()
        self._run(test, "test", callbacks)
        if not test.done and not self.stop_evaluating:
            _no_batches(test, 0, 1)
        logs: Logs = self._results("test")
        callbacks.on_test_end(logs)
        return logs

    # ---- predict ----

    def predict(
        self: Any,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """What the model gives for all rows of x: a new array, or a list or dict of arrays."""
        verbose = _verbosity(verbose)
        self._refuse_own_function("predict")
        passed, results, gather = self._predict_pass(x, batch_size, steps)
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1, steps=passed.per_epoch
            )
        self.stop_predicting = False
        callbacks.on_predict_begin()
        self._run(passed, "predict", callbacks, lambda: {"outputs": gather()})
        if not passed.done and not self.stop_predicting:
            _no_batches(passed, 0, 1)
        callbacks.on_predict_end()
        return results()

    def _predict_pass(self: Any, x: Any, batch_size: Any, steps: Any) -> tuple[Any, Any, Any]:
        """A pass, and functions that give all outputs so far and those of the last step."""
        if is_stream(x) or self.run_eagerly or not (feed := Feed(self, x)).loops:
            return self._predict_stepwise(x, batch_size, steps)  # type: ignore[no-any-return]
        batches = Batches.of(feed.n, batch_size, steps)
        rows = min(feed.n, batches.per_epoch * batches.batch)
        batches = Batches.of(rows, batches.batch, None)
        full = self._entry("predict", feed, batches.batch) if rows >= batches.batch else None
        tail = self._entry("predict", feed, batches.tail) if batches.tail else None
        entry = full or tail
        assert entry is not None
        self._one_row_each(entry, batches.batch if full else batches.tail)
        sinks = [np.empty((rows, *shape[1:]), dtype) for _, shape, dtype in entry.predictions]
        sources = [a[:rows] for a in feed.arrays]
        plans = (full.plan if full else None, tail.plan if tail else None)
        passed = LoopPass(_core.Loop(*plans, sources, rows, batches.batch, sinks, feed.names), sources, batches)

        def last() -> Any:
            some = slice((passed.done - 1) * batches.batch, passed.done * batches.batch)
            return tree.pack_sequence_as(entry.outputs, [r[some] for r in sinks])

        return passed, lambda: tree.pack_sequence_as(entry.outputs, sinks), last

    def _predict_stepwise(self: Any, x: Any, batch_size: Any, steps: Any) -> tuple[Any, Any, Any]:
        found: list[list[Any]] = []
        passed = self._pass("predict", self._data(x, None, None)[0], None, None, batch_size, steps)
        step, entry = passed.step, None

        def keep(batch: Any) -> None:
            nonlocal entry
            entry, outputs = step(batch)
            self._one_row_each(entry, len(outputs[0]) if outputs else 0)
            found.append(outputs)

        passed.step = keep

        def pack(parts: list[Any]) -> Any:
            assert entry is not None
            return tree.pack_sequence_as(entry.outputs, parts)

        return passed, lambda: pack([np.concatenate(p) for p in zip(*found, strict=True)]), lambda: pack(found[-1])

    def _one_row_each(self: Any, entry: Entry, size: int) -> None:
        for _, shape, _ in entry.predictions:
            if shape[:1] != (size,):
                raise ValueError(
                    f"Model '{self.name}': predict expects outputs with one row for each row of x, got an output of "
                    f"shape {shape} for a batch of {size} rows"
                )

    # ---- one batch ----

    def predict_on_batch(self: Any, x: Any) -> Any:
        """What the model gives for one batch."""
        plans: Plans = self._plans
        if type(x) is np.ndarray and plans.version == config.version and not self.run_eagerly:
            run = plans.quick.get((x.shape, x.dtype.char))
            if run is not None:
                return run(x)[0]
        feed = Feed(self, x)
        arrays = feed.dense()
        entry = self._step_entry("predict", feed, arrays)
        if type(x) is np.ndarray and not self.run_eagerly and not tree.is_nested(entry.outputs):
            with plans.lock:
                if len(plans.quick) >= PLANS:
                    plans.quick.clear()
                plans.quick[x.shape, x.dtype.char] = entry.plan.run
        return tree.pack_sequence_as(entry.outputs, entry.plan.run(*arrays))

    def _on_batch(self: Any, mode: str, x: Any, y: Any, sample_weight: Any, return_dict: bool) -> Any:
        self._assert_compiled(f"{mode}_on_batch")
        feed = Feed(self, x, y, leaves("sample_weight", sample_weight))
        arrays = feed.dense()
        if self.run_eagerly:
            entry = self._trace(mode, feed, feed.n, True, arrays)
        else:
            entry = self._entry(mode, feed, feed.n, one_batch=True)
        self._check_targets(feed, entry)
        values = entry.plan.run(*arrays)
        logs = {name: as_logs(v) for name, v in zip(entry.outputs, values, strict=True)}
        return logs if return_dict else _in_order(logs, entry.order)

    def train_on_batch(
        self: Any,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch; its loss and metrics as `evaluate` gives them."""
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("`class_weight` and `sample_weight` cannot both be given")
            y = leaves("y", y)
            sample_weight = class_weights(y, class_weight, len(self.output_names or [None]))
        return self._on_batch("train", x, y, sample_weight, return_dict)

    def test_on_batch(self: Any, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Loss and metrics of one batch."""
        return self._on_batch("test", x, y, sample_weight, return_dict)

    def forward(self: Any, x: Any, training: bool = False) -> dict[str, Any]:
        """Every layer's output for one batch, by layer name in the order they were computed.

        Inside of nested layers and models the name is a path ("block/dense"); a layer that is called more than once
        appears again as "dense:1", "dense:2". What dropout and the moving averages would change stays unchanged.

        >>> import numpy as np, nervure as nv
        >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(3, name="a"), nv.layers.ReLU(name="b")])
        >>> {k: v.shape for k, v in model.forward(np.ones((4, 2))).items()}
        {'a': (4, 3), 'b': (4, 3)}
        """
        feed = Feed(self, x)

        def make() -> Entry:
            self._ensure_built(feed, "predict", feed.n)
            with tracing(training=bool(training), frozen=True) as scope:
                inputs = feed.inputs(scope, feed.n)
                scope.notes["batch"] = feed.n
                found: Logs = {}
                scope.notes["recorder"] = found
                self(feed.pack(inputs)[0], training=bool(training))
                del scope.notes["recorder"]
                flat = [ops.convert_to_tensor(t) for t in tree.flatten(tuple(found.values()))]
                return Entry(scope.plan(inputs, flat), {k: structure_of(v) for k, v in found.items()})

        entry = self._plans.get(("forward", training, feed.n, feed.signature), make)
        values = iter(entry.plan.run(*feed.dense()))
        return {k: tree.map_structure(lambda _: next(values), v) for k, v in entry.outputs.items()}

    def _peak_bytes(self) -> int:
        """The largest arena of the plans made so far: what a step needs besides weights and data."""
        return max((int(e.plan.stats["arena_bytes"]) for e in self._plans.entries.values()), default=0)


def _in_order(logs: Logs, order: Sequence[str]) -> Any:
    """A single value alone, several as a list."""
    values = [logs[name] for name in order]
    return values[0] if len(values) == 1 else values


def _capped(name: str, value: Any, limit: int | None) -> Any:
    """At most what `config` allows, for trial runs."""
    if limit is None or (value is not None and value <= limit):
        return value
    warnings.warn(f"Limiting {name} to {limit}", stacklevel=4)
    return limit


def _validation(data: Any) -> tuple[Any, Any, Any]:
    return (data, None, None) if is_stream(data) else unpack("validation_data", data)


def _no_batches(passed: Pass, epoch: int, epochs: int) -> None:
    """A generator had nothing: an error at the start, a warning later."""
    if epoch == 0 or not passed.exhausted:
        raise ValueError("The data has no batches: the generator or dataset ended before its first batch")
    warnings.warn(
        f"The generator ended: training stops after {epoch} of {epochs} epochs. A generator is gone through once; give "
        "a PyDataset or another iterable to see the batches again, or set `steps_per_epoch`",
        stacklevel=3,
    )


def _verbosity(verbose: Any) -> int:
    if isinstance(verbose, str) and verbose == "auto":
        return 1
    if not isinstance(verbose, (int, np.integer)) or verbose not in (0, 1, 2):
        raise ValueError(f"`verbose` must be 0, 1, 2 or 'auto', got {verbose!r}")
    return int(verbose)


def _validates(epoch: int, frequency: Any) -> bool:
    if isinstance(frequency, (int, np.integer)) and not isinstance(frequency, bool) and frequency >= 1:
        return (epoch + 1) % int(frequency) == 0
    if isinstance(frequency, Sequence) and not isinstance(frequency, str):
        return epoch + 1 in frequency
    raise ValueError(f"`validation_freq` must be a positive integer or a list of epoch numbers, got {frequency!r}")
