"""`compile`, `fit`, `evaluate`, `predict` and their one-batch forms.

A training step is traced once for each signature of the data: model, loss, gradients, optimizer and metrics become one
plan, and an epoch of it is one call into C. Plans are kept on the model; compile and any change of a layer's
attributes drop them.
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import _core, config, ops, optimizers, random, tree
from .._trace import current, tracing
from ..callbacks import CallbackList
from ..metrics import Mean
from .compile import CompileLoss, CompileMetrics, names_of, targets_of
from .data import Batches, class_weights, leaves, split, unpack
from .feed import Feed, Pass

if TYPE_CHECKING:
    pass

_PLANS = 32  # kept for each model
_REDRAW = 0.05  # seconds between two looks at the progress bar

Logs = dict[str, Any]


class _Compiled(NamedTuple):
    """What `compile` made. Not attributes of the model, whose walk would take them for parts of it."""

    loss: CompileLoss | None
    metrics: CompileMetrics | None
    tracker: Mean


class _Entry(NamedTuple):
    """A plan, and what its runs mean."""

    plan: _core.Plan
    outputs: Any = None  # how the plan's outputs are nested or, if they are metrics, named
    predictions: tuple[tuple[str, tuple[int, ...], str], ...] = ()  # name, shape and dtype of what the model gives
    order: tuple[str, ...] = ()  # of the results, in a list
    metrics: tuple[Any, ...] = ()  # the metrics that give the results


class _Plans:
    """The plans of one model."""

    def __init__(self) -> None:
        self.version = -1
        self.entries: OrderedDict[Any, _Entry] = OrderedDict()
        self.quick: dict[Any, Callable[..., Any]] = {}
        self.lock = threading.RLock()

    def clear(self) -> None:
        self.entries.clear()
        self.quick.clear()

    def get(self, key: Any, make: Callable[[], _Entry]) -> _Entry:
        with self.lock:
            if self.version != config.version:
                self.clear()
                self.version = config.version
            entry = self.entries.get(key)
            if entry is None:
                entry = make()
                if self.version != config.version:  # the trace built something
                    self.clear()
                    self.version = config.version
                self.entries[key] = entry
                while len(self.entries) > _PLANS:
                    self.entries.popitem(last=False)
            else:
                self.entries.move_to_end(key)
            return entry


class Trainer:
    """The part of `Model` that trains."""

    stop_training: bool

    def _init_trainer(self) -> None:
        self.optimizer: Any = None
        self.loss: Any = None
        self.history: Any = None
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self._compiled: _Compiled | None = None
        self._plans = _Plans()

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
            steps_per_execution, jit_compile, auto_scale_loss: accepted for compatibility; every epoch is compiled, and
                is one execution. run_eagerly=True is a ValueError: print shapes while `call` is traced, see values by
                `forward`.
        """
        for name in ("train_step", "test_step", "predict_step", "make_train_function"):
            if hasattr(type(self), name):
                raise NotImplementedError(
                    f"Model '{self.name}' overrides `{name}`, which is not supported: override `compute_loss` or "
                    "`compute_metrics`, or write the loop with nervure.function and value_and_grad"
                )
        if run_eagerly:
            raise ValueError(
                "compile: run_eagerly=True is not supported; `model.forward(x)` shows every layer's values"
            )
        layer_names = self.output_names
        compiled = _Compiled(
            None if loss is None else CompileLoss(loss, loss_weights, layer_names),
            CompileMetrics(metrics, weighted_metrics, layer_names),
            Mean(name="loss"),
        )
        if loss is None and loss_weights is not None:
            raise ValueError("compile: `loss_weights` was given without a `loss`")
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self._compiled = compiled
        self.stop_training = False
        self._plans.clear()

    @property
    def compiled(self) -> bool:
        return self._compiled is not None

    def _assert_compiled(self: Any, method: str) -> _Compiled:
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
    def metrics_names(self) -> list[str]:
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """All metrics back to the start."""
        plans = self._plans
        known = plans.entries.get("results") if plans.version == config.version else None
        for m in self.metrics if known is None else known.metrics:
            m.reset_state()

    # ---- what a user's model may override; all of it is traced ----

    def compute_loss(
        self: Any, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The scalar to minimize: the compiled loss, and what layers and regularizers add."""
        compiled = self._assert_compiled("compute_loss")
        total = compiled.loss(y, y_pred, sample_weight) if compiled.loss is not None else None
        for extra in self.losses:
            extra = ops.sum(extra)
            total = extra if total is None else total + ops.cast(extra, total.dtype)
        if total is None:
            raise ValueError(
                f"Model '{self.name}': there is no loss to minimize. Give `compile` a loss, or call `add_loss` in a "
                "layer"
            )
        return total

    def compute_metrics(self: Any, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Logs:
        """Takes the batch into the metrics; returns `get_metrics_result()`."""
        self._assert_compiled("compute_metrics").metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()  # type: ignore[no-any-return]

    def get_metrics_result(self) -> Logs:
        """The results of all metrics by name."""
        results: Logs = {}
        for m in self.metrics:
            value = m.result()
            results.update(value if isinstance(value, dict) else {m.name: value})
        return results

    # ---- tracing ----

    def _entry(self: Any, mode: str, feed: Feed, rows: int, one_batch: bool = False) -> _Entry:
        key = (mode, one_batch, rows, feed.signature)
        return self._plans.get(key, lambda: self._trace(mode, feed, rows, one_batch))  # type: ignore[no-any-return]

    def _ensure_built(self: Any, feed: Feed, mode: str, rows: int) -> None:
        """Makes what is still missing of layers, losses and metrics, by a trace that nothing comes of."""
        compiled = self._compiled if mode != "predict" else None
        pending = compiled is not None and (
            compiled.metrics.plain is None or (compiled.loss is not None and compiled.loss.parts is None)
        )
        if not pending and all(layer.built for layer in self._walk_layers()):
            return
        with tracing(training=False, frozen=True) as scope:
            scope.notes["rows"] = rows
            x, y, weight = feed.pack(feed.inputs(scope, rows))
            y_pred = self(x)
            if pending:
                self.compute_loss(x, y, y_pred, weight, False)
                self.compute_metrics(x, y, y_pred, weight)

    def _trace(self: Any, mode: str, feed: Feed, rows: int, one_batch: bool) -> _Entry:
        training = mode == "train"
        if current() is not None:
            raise RuntimeError(
                f"Model '{self.name}': `fit`, `evaluate` and `predict` cannot be called inside of a trace"
            )
        self._ensure_built(feed, mode, rows)
        with tracing(training=training) as scope:
            inputs = feed.inputs(scope, rows)
            x, y, weight = feed.pack(inputs)
            if mode == "predict":
                outputs = self(x)
                flat = [ops.convert_to_tensor(t) for t in tree.flatten(outputs)]
                return _Entry(scope.plan(inputs, flat), _structure(outputs), self._described(outputs))
            if one_batch:
                self.reset_metrics()
            variables = self.trainable_variables
            before = [scope.read(v) for v in variables]
            y_pred = self(x, training=training)
            loss = self.compute_loss(x, y, y_pred, weight, training)
            if getattr(loss, "shape", None) != ():
                raise ValueError(f"Model '{self.name}': compute_loss must give a scalar tensor, got {loss!r}")
            self._compiled.tracker.update_state(loss, sample_weight=float(rows))
            gradients = []
            if training:
                gradients = scope.grad(loss, before) if before else []
                if not before:
                    warnings.warn(f"Model '{self.name}' has no trainable weights", stacklevel=4)
                self.optimizer.apply(gradients, variables)
            results = self.compute_metrics(x, y, y_pred, weight)
            names = sorted(results) if one_batch else []
            plan = scope.plan(inputs, [ops.convert_to_tensor(results[k]) for k in names], gradients)
            return _Entry(plan, names, self._described(y_pred), self._order(names))

    def _described(self: Any, outputs: Any) -> Any:
        flat = tree.flatten(outputs)
        names = names_of(outputs, self.output_names)
        return tuple((name, tuple(t.shape), str(t.dtype)) for name, t in zip(names, flat, strict=True))

    def _order(self, results: list[str]) -> tuple[str, ...]:
        """Loss first, then the metrics in the order they were compiled, then the rest by name."""
        names: list[str] = []
        for m in self.metrics:
            names += [inner.name for inner in m.metrics] if isinstance(m, CompileMetrics) else [m.name]
        return (*(n for n in names if n in results), *(n for n in results if n not in names))

    def _results_entry(self: Any) -> _Entry:
        def make() -> _Entry:
            with tracing() as scope:
                results = self.get_metrics_result()
                names = sorted(results)
                plan = scope.plan([], [ops.convert_to_tensor(results[k]) for k in names])
                return _Entry(plan, names, (), self._order(names), tuple(self.metrics))

        return self._plans.get("results", make)  # type: ignore[no-any-return]

    def _results(self: Any) -> Logs:
        """The results of the metrics now, as floats."""
        entry = self._results_entry()
        return {name: _python(value) for name, value in zip(entry.outputs, entry.plan.run(), strict=True)}

    def _check_targets(self: Any, feed: Feed, entry: _Entry) -> None:
        """Labels that no class has are found before the first step."""
        compiled = self._compiled
        if compiled.loss is None or feed.y is None or compiled.loss.parts is None:
            return
        names, shapes, _ = zip(*entry.predictions, strict=True)
        compiled.loss.check_targets(targets_of(feed.y, names, self.output_names), names, shapes)

    def _pass(self: Any, mode: str, feed: Feed, batches: Batches, shuffle: Any = False, seed: int = 0) -> Pass:
        """The loop over all rows of `feed`."""
        full = self._entry(mode, feed, batches.batch) if feed.n >= batches.batch else None
        tail = self._entry(mode, feed, batches.tail) if batches.tail else None
        entry = full or tail
        assert entry is not None
        self._check_targets(feed, entry)
        loop = _core.Loop(
            full.plan if full else None, tail.plan if tail else None, feed.arrays, feed.n, batches.batch, (), feed.names
        )
        return Pass(loop, batches, shuffle, seed)

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
                batch.
            batch_size: 32 unless given. A last, smaller batch counts.
            verbose: 0 silent, 1 or "auto" a progress bar, 2 a line an epoch.
            validation_split: the share of the last rows to validate on.
            validation_data: (x, y) or (x, y, sample_weight).
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
        verbose = _verbosity(verbose)
        for name, value in (("epochs", epochs), ("initial_epoch", initial_epoch)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
                raise ValueError(f"`{name}` must be a non-negative integer, got {value!r}")
        if class_weight is not None and sample_weight is not None:
            raise ValueError("`class_weight` and `sample_weight` cannot both be given")
        x, y, sample_weight = leaves("x", x), leaves("y", y), leaves("sample_weight", sample_weight)
        if validation_data is not None:
            validation_data = unpack("validation_data", validation_data)
        elif validation_split:
            (x, y, sample_weight), validation_data = split(x, y, sample_weight, validation_split)
        if class_weight is not None:
            sample_weight = class_weights(y, class_weight, len(self.output_names or [None]))
        feed = Feed(self, x, y, sample_weight)
        train = self._pass(
            "train",
            feed,
            Batches.of(feed.n, batch_size, steps_per_epoch),
            shuffle,
            random.make_default_seed() if shuffle else 0,
        )
        validate = None
        if validation_data is not None:
            _validates(0, validation_freq)
            val = Feed(self, *(leaves(k, v) for k, v in zip(("x", "y", "sample_weight"), validation_data, strict=True)))
            size = validation_batch_size if validation_batch_size is not None else train.batches.batch
            validate = self._pass("test", val, Batches.of(val.n, size, validation_steps))
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                model=self,
                verbose=verbose,
                epochs=epochs,
                steps=train.batches.per_epoch,
            )
        self.stop_training = False
        logs: Logs = {}
        callbacks.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            self._run(train, "train", callbacks)
            logs = self._results()
            if validate is not None and _validates(epoch, validation_freq):
                logs |= {f"val_{k}": v for k, v in self._evaluate(validate, callbacks).items()}
            logs = dict(sorted(logs.items()))
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        self.optimizer.finalize_variable_values()
        callbacks.on_train_end(logs)
        return self.history

    def _run(
        self: Any, steps: Pass, mode: str, callbacks: CallbackList, produced: Callable[[int], Logs] | None = None
    ) -> None:
        """One epoch: at once, or in slices of time for the progress bar, or step by step for callbacks, which hear what
        a step has `produced` if that is not metrics.
        """
        stop = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}[mode]
        hooks = callbacks.wants_batches(mode)
        bar = callbacks.progbar if callbacks.progbar is not None and callbacks.progbar.wants(mode) else None
        steps.start(rewind=mode != "train")
        while steps.left and not getattr(self, stop):
            if hooks:
                callbacks.on_batch(mode, "begin", steps.done)
            steps.advance(1 if hooks else steps.left, _REDRAW if bar is not None else 0.0)
            logs = self._results() if mode != "predict" and (hooks or bar is not None) else {}
            if hooks:
                callbacks.on_batch(mode, "end", steps.done - 1, produced(steps.done - 1) if produced else logs)
            if bar is not None and steps.left:
                bar.on_progress(steps.done, logs)
        if steps.done < steps.batches.per_epoch and not getattr(self, stop):
            warnings.warn(
                f"The data ended after {steps.done} of the {steps.batches.per_epoch} steps that an epoch should have",
                stacklevel=3,
            )

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
        verbose = _verbosity(verbose)
        feed = Feed(self, x, y, leaves("sample_weight", sample_weight))
        test = self._pass("test", feed, Batches.of(feed.n, batch_size, steps))
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1, steps=test.batches.per_epoch
            )
        logs = self._evaluate(test, callbacks)
        return logs if return_dict else _in_order(logs, self._results_entry().order)

    def _evaluate(self: Any, test: Pass, callbacks: CallbackList) -> Logs:
        self.stop_evaluating = False
        callbacks.on_test_begin()
        self.reset_metrics()
        self._run(test, "test", callbacks)
        logs: Logs = self._results()
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
        feed = Feed(self, x)
        batches = Batches.of(feed.n, batch_size, steps)
        rows = min(feed.n, batches.per_epoch * batches.batch)
        batches = Batches.of(rows, batches.batch, None)
        full = self._entry("predict", feed, batches.batch) if rows >= batches.batch else None
        tail = self._entry("predict", feed, batches.tail) if batches.tail else None
        entry = full or tail
        assert entry is not None
        results = []
        size = batches.batch if full else batches.tail
        for _, shape, dtype in entry.predictions:
            if shape[:1] != (size,):
                raise ValueError(
                    f"Model '{self.name}': predict expects outputs with one row for each row of x, got an output of "
                    f"shape {shape} for a batch of {size} rows"
                )
            results.append(np.empty((rows, *shape[1:]), dtype))
        loop = _core.Loop(
            full.plan if full else None,
            tail.plan if tail else None,
            [a[:rows] for a in feed.arrays],
            rows,
            batches.batch,
            results,
            feed.names,
        )
        if not isinstance(callbacks, CallbackList):
            callbacks = CallbackList(
                callbacks, add_progbar=verbose != 0, model=self, verbose=verbose, epochs=1, steps=batches.steps
            )

        def produced(step: int) -> Logs:
            some = slice(step * batches.batch, (step + 1) * batches.batch)
            return {"outputs": tree.pack_sequence_as(entry.outputs, [r[some] for r in results])}

        self.stop_predicting = False
        callbacks.on_predict_begin()
        self._run(Pass(loop, batches), "predict", callbacks, produced)
        callbacks.on_predict_end()
        return tree.pack_sequence_as(entry.outputs, results)

    # ---- one batch ----

    def predict_on_batch(self: Any, x: Any) -> Any:
        """What the model gives for one batch."""
        plans: _Plans = self._plans
        if type(x) is np.ndarray and plans.version == config.version:
            run = plans.quick.get((x.shape, x.dtype.char))
            if run is not None:
                return run(x)[0]
        feed = Feed(self, x)
        entry = self._entry("predict", feed, feed.n)
        if type(x) is np.ndarray and not tree.is_nested(entry.outputs):
            with plans.lock:
                if len(plans.quick) >= _PLANS:
                    plans.quick.clear()
                plans.quick[x.shape, x.dtype.char] = entry.plan.run
        return tree.pack_sequence_as(entry.outputs, entry.plan.run(*feed.arrays))

    def _on_batch(self: Any, mode: str, x: Any, y: Any, sample_weight: Any, return_dict: bool) -> Any:
        self._assert_compiled(f"{mode}_on_batch")
        feed = Feed(self, x, y, leaves("sample_weight", sample_weight))
        entry = self._entry(mode, feed, feed.n, one_batch=True)
        self._check_targets(feed, entry)
        values = entry.plan.run(*feed.arrays)
        logs = {name: _python(v) for name, v in zip(entry.outputs, values, strict=True)}
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

        def make() -> _Entry:
            self._ensure_built(feed, "predict", feed.n)
            with tracing(training=bool(training), frozen=True) as scope:
                inputs = feed.inputs(scope, feed.n)
                found: Logs = {}
                scope.notes["recorder"] = found
                self(feed.pack(inputs)[0], training=bool(training))
                del scope.notes["recorder"]
                flat = [ops.convert_to_tensor(t) for t in tree.flatten(tuple(found.values()))]
                return _Entry(scope.plan(inputs, flat), {k: _structure(v) for k, v in found.items()})

        entry = self._plans.get(("forward", training, feed.n, feed.signature), make)
        values = iter(entry.plan.run(*feed.arrays))
        return {k: tree.map_structure(lambda _: next(values), v) for k, v in entry.outputs.items()}

    def _peak_bytes(self) -> int:
        """The largest arena of the plans made so far: what a step needs besides weights and data."""
        return max((int(e.plan.stats["arena_bytes"]) for e in self._plans.entries.values()), default=0)


def _structure(outputs: Any) -> Any:
    return tree.map_structure(lambda _: None, outputs)


def _in_order(logs: Logs, order: Sequence[str]) -> Any:
    """A single value alone, several as a list."""
    values = [logs[name] for name in order]
    return values[0] if len(values) == 1 else values


def _python(value: Any) -> Any:
    return value.item() if np.ndim(value) == 0 else value


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
