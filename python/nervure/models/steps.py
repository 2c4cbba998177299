"""A step of training, testing or predicting, as Python: what a model may override, and how it becomes a plan.

`train_step`, `test_step`, `predict_step`, `compute_loss` and `compute_metrics` are traced once for each signature
of the data: model, loss, gradients, optimizer and metrics become one plan. Plans are kept on the model; compile and any
change of a layer's attributes drop them.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from .. import config, ops, tree
from .._trace import Scope, current, suspended, tracing
from ..metrics import Mean
from ..utils.packing import unpack_x_y_sample_weight
from ..variable import Variable
from .compile import CompileLoss, CompileMetrics, names_of
from .data import check_finite, chunks
from .feed import Feed

__all__ = ["PLANS", "Compiled", "Entry", "Logs", "Plans", "Steps", "as_logs", "structure_of"]

PLANS = 64  # kept for each model

Logs = dict[str, Any]


class Compiled:
    """What `compile` made. Not attributes of the model, whose walk would take them for parts of it."""

    def __init__(self, loss: CompileLoss | None, metrics: CompileMetrics) -> None:
        self.loss, self.metrics = loss, metrics
        self.tracker = Mean(name="loss")
        self.logs: dict[str, dict[str, Variable]] = {}  # what overridden steps returned last, by mode
        self.gradients: list[Variable] | None = None  # sums over the epoch's rows, if a callback asks for their norm
        self.rows: Variable | None = None
        self.watched = False  # a callback looks out for a loss that is NaN: targets need not be finite


class Entry(NamedTuple):
    """A plan, and what its runs mean."""

    plan: Any  # a _core.Plan
    outputs: Any = None  # how the plan's outputs are nested or, if they are metrics, named
    predictions: tuple[tuple[str, tuple[int, ...], str], ...] = ()  # name, shape and dtype of what the model gives
    order: tuple[str, ...] = ()  # of the results, in a list
    metrics: tuple[Any, ...] = ()  # the metrics that give the results


class Plans:
    """The plans of one model."""

    def __init__(self) -> None:
        self.version = -1
        self.entries: OrderedDict[Any, Entry] = OrderedDict()
        self.quick: dict[Any, Any] = {}
        self.lock = threading.RLock()

    def clear(self) -> None:
        self.entries.clear()
        self.quick.clear()

    def get(self, key: Any, make: Callable[[], Entry]) -> Entry:
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
                while len(self.entries) > PLANS:
                    self.entries.popitem(last=False)
            else:
                self.entries.move_to_end(key)
            return entry


class Steps:
    """The part of `Model` that says what a step is."""

    optimizer: Any

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

    def get_metrics_result(self: Any) -> Logs:
        """The results of all metrics by name."""
        results: Logs = {}
        for m in self.metrics:
            value = m.result()
            results.update(value if isinstance(value, dict) else {m.name: value})
        return results

    def train_step(self: Any, data: Any) -> Logs:
        """One step on a batch `data`: (x,), (x, y) or (x, y, sample_weight). Returns what to log, by name.

        An own one is traced like all else. It takes gradients with `nervure.value_and_grad(f, wrt=variables)` and gives
        them to `self.optimizer.apply(gradients, variables)`. What it returns is the log, or, where the names are those
        of the model's metrics, the metrics' results over the epoch.
        """
        x, y, weight = unpack_x_y_sample_weight(data)
        scope = current()
        assert scope is not None
        variables = self.trainable_variables
        before = [scope.read(v) for v in variables]
        y_pred = self(x, **self._told(True))
        loss = self._loss_of_step(x, y, y_pred, weight, True)
        if variables:
            gradients = scope.grad(self._scaled(loss), before)
            scope.notes["gradients"] = gradients
            self.optimizer.apply(gradients, variables)
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, weight)  # type: ignore[no-any-return]

    def _scaled(self: Any, loss: Any) -> Any:
        """What gradients are taken of: the loss as the optimizer scales it."""
        if self.optimizer is None:
            raise ValueError(f"Model '{self.name}': `compile` was given no optimizer, so that it cannot be trained")
        return self.optimizer.scale_loss(loss)

    def test_step(self: Any, data: Any) -> Logs:
        """Loss and metrics of a batch; changes no weights."""
        x, y, weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, **self._told(False))
        self._loss_of_step(x, y, y_pred, weight, False)
        return self.compute_metrics(x, y, y_pred, weight)  # type: ignore[no-any-return]

    def predict_step(self: Any, data: Any) -> Any:
        """What the model gives for a batch."""
        return self(unpack_x_y_sample_weight(data)[0], **self._told(False))

    def _told(self: Any, training: bool) -> dict[str, Any]:
        """A model whose `call` takes no `training` is not told, nor are its layers: they are as without training."""
        return {"training": training} if "training" in self._call_parameters() else {}

    def _loss_of_step(self: Any, x: Any, y: Any, y_pred: Any, weight: Any, training: bool) -> Any:
        """`compute_loss` with the arguments it knows, taken into the running loss."""
        known = signature(self.compute_loss).parameters
        more = {"training": training} if "training" in known or any(p.kind == 4 for p in known.values()) else {}
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, **more)
        if getattr(loss, "shape", None) != ():
            raise ValueError(f"Model '{self.name}': compute_loss must give a scalar tensor, got {loss!r}")
        scope = current()
        assert scope is not None
        scope.notes["predictions"] = self._described(y_pred)
        self._compiled.tracker.update_state(loss, sample_weight=float(scope.notes["batch"]))
        return loss

    # ---- tracing ----

    def _overrides(self, mode: str) -> bool:
        return getattr(type(self), f"{mode}_step") is not getattr(Steps, f"{mode}_step")

    def _entry(self: Any, mode: str, feed: Feed, rows: int, one_batch: bool = False) -> Entry:
        key = (mode, one_batch, rows, feed.signature)
        return self._plans.get(key, lambda: self._trace(mode, feed, rows, one_batch))  # type: ignore[no-any-return]

    def _ensure_built(self: Any, feed: Feed, mode: str, rows: int, values: list[Any] | None = None) -> None:
        """Makes what is still missing of layers, losses and metrics, by a trace that nothing comes of."""
        compiled = self._compiled if mode != "predict" and not self._overrides(mode) else None
        pending = compiled is not None and (
            compiled.metrics.plain is None or (compiled.loss is not None and compiled.loss.parts is None)
        )
        if not pending and all(layer.built for layer in self._walk_layers()):
            return
        with tracing(training=False, frozen=True) as scope:
            scope.notes["rows"] = scope.notes["batch"] = rows
            inputs = feed.inputs(scope, rows)
            if values is not None:
                scope.show(inputs, values)
            x, y, weight = feed.pack(inputs)
            y_pred = self(x)
            if pending:
                self._loss_of_step(x, y, y_pred, weight, False)
                self.compute_metrics(x, y, y_pred, weight)

    def _trace(self: Any, mode: str, feed: Feed, rows: int, one_batch: bool, values: list[Any] | None = None) -> Entry:
        """The plan of a step. With `values`, the arrays of a batch, tensors show their numbers while it is traced."""
        if current() is not None:
            raise RuntimeError(
                f"Model '{self.name}': `fit`, `evaluate` and `predict` cannot be called inside of a trace"
            )
        self._ensure_built(feed, mode, rows, values)
        with tracing() as scope:
            scope.notes["batch"] = rows
            inputs = feed.inputs(scope, rows)
            if values is not None:
                scope.show(inputs, values)
            data = _packed(*feed.pack(inputs))
            if mode == "predict":
                outputs = self.predict_step(data)
                flat = [ops.convert_to_tensor(t) for t in tree.flatten(outputs)]
                return Entry(scope.plan(inputs, flat), structure_of(outputs), self._described(outputs))
            if one_batch:
                self.reset_metrics()
            results = self.train_step(data) if mode == "train" else self.test_step(data)
            if self._overrides(mode):
                results = _flat_logs(results)
                self._keep_logs(mode, results)
            if mode == "train" and self._compiled.gradients is not None:
                self._sum_gradients(scope, rows)
            names = sorted(results) if one_batch else []
            plan = scope.plan(
                inputs, [ops.convert_to_tensor(results[k]) for k in names], scope.notes.get("gradients", [])
            )
            return Entry(plan, names, scope.notes.get("predictions", ()), self._order(names))

    def _keep_logs(self: Any, mode: str, logs: Any) -> None:
        """What an own step returns goes into variables: a loop in C reads them when it is asked to."""
        if not isinstance(logs, dict):
            raise ValueError(f"Model '{self.name}': `{mode}_step` must return a dict of what to log, got {logs!r}")
        kept = self._compiled.logs.setdefault(mode, {})
        for name, value in logs.items():
            value = ops.convert_to_tensor(value)
            with suspended():
                if name not in kept or tuple(kept[name].shape) != tuple(value.shape) or kept[name].dtype != value.dtype:
                    kept[name] = Variable("zeros", shape=value.shape, dtype=value.dtype, trainable=False, name="log")
            kept[name].assign(value)

    # ---- the norm of the gradient, for callbacks that ask ----

    def _watch_gradients(self: Any, wanted: bool) -> None:
        """Adds to each training step, or takes away, sums of the gradients over the rows of an epoch."""
        compiled = self._compiled
        if wanted != (compiled.gradients is not None):
            compiled.gradients = [] if wanted else None
            compiled.rows = None
            self._plans.clear()

    def _sum_gradients(self: Any, scope: Scope, rows: int) -> None:
        compiled, gradients = self._compiled, scope.notes.get("gradients")
        if gradients is None:
            raise ValueError(
                f"Model '{self.name}' overrides `train_step`, so that the norm of its gradient is not known; it has to "
                "log it itself, as `gradient_norm`"
            )
        with suspended():
            if compiled.rows is None:
                compiled.rows = Variable(0.0, dtype=config.floatx(), trainable=False, name="rows")
                compiled.gradients = [
                    Variable("zeros", shape=g.shape, dtype=g.dtype, trainable=False, name="sum") for g in gradients
                ]
        compiled.rows.assign_add(float(rows))
        for total, g in zip(compiled.gradients, gradients, strict=True):
            total.assign_add(g * float(rows))

    def _gradient_norm(self: Any) -> float:
        """The norm of the mean gradient of the running epoch."""
        compiled = self._compiled
        if compiled.rows is None:
            return 0.0
        squares = sum(float(np.sum(np.square(v.numpy(), dtype=np.float64))) for v in compiled.gradients)
        return float(np.sqrt(squares)) / max(float(compiled.rows.numpy()), 1.0)

    # ---- results ----

    def _described(self: Any, outputs: Any) -> Any:
        flat = tree.flatten(outputs)
        names = names_of(outputs, self.output_names)
        return tuple((name, tuple(t.shape), str(t.dtype)) for name, t in zip(names, flat, strict=True))

    def _order(self: Any, results: list[str]) -> tuple[str, ...]:
        """Loss first, then the metrics in the order they were compiled, then the rest by name."""
        names: list[str] = []
        for m in self.metrics:
            names += [inner.name for inner in m.metrics] if isinstance(m, CompileMetrics) else [m.name]
        return (*(n for n in names if n in results), *(n for n in results if n not in names))

    def _results_entry(self: Any) -> Entry:
        def make() -> Entry:
            with tracing() as scope:
                results = self.get_metrics_result()
                names = sorted(results)
                plan = scope.plan([], [ops.convert_to_tensor(results[k]) for k in names])
                return Entry(plan, names, (), self._order(names), tuple(self.metrics))

        return self._plans.get("results", make)  # type: ignore[no-any-return]

    def _results(self: Any, mode: str) -> Logs:
        """The results of the metrics now as floats, or what the mode's own step returned last."""
        entry = self._results_entry()
        kept = self._compiled.logs.get(mode) if self._overrides(mode) else None
        if kept is not None and set(kept) != set(entry.outputs):
            return {name: as_logs(v.numpy()) for name, v in kept.items()}
        return {name: as_logs(value) for name, value in zip(entry.outputs, entry.plan.run(), strict=True)}

    def reset_metrics(self: Any) -> None:
        """All metrics back to the start."""
        plans = self._plans
        known = plans.entries.get("results") if plans.version == config.version else None
        for m in self.metrics if known is None else known.metrics:
            m.reset_state()
        compiled = self._compiled
        if compiled is not None and compiled.rows is not None and current() is None:
            for v in (compiled.rows, *compiled.gradients):
                v.numpy()[...] = 0

    def _target_checks(self: Any, feed: Feed, entry: Entry) -> list[tuple[Callable[[Any], None], Any]]:
        """Pairs of a check and the targets that it is for."""
        loss = self._compiled.loss
        if loss is None or feed.y is None or loss.parts is None or not entry.predictions:
            return []
        names, shapes, _ = zip(*entry.predictions, strict=True)
        targets = loss.targets(feed.y, names)
        checks = loss.target_checks(names, shapes, not self._compiled.watched)
        return [(check, targets[k]) for k, check in checks if isinstance(targets[k], np.ndarray)]

    def _check_targets(self: Any, feed: Feed, entry: Entry) -> None:
        """Labels that no class has are found before the first step."""
        for check, y in self._target_checks(feed, entry):
            for start, part in chunks(y):
                try:
                    check(part)
                except ValueError as error:
                    raise ValueError(_counted_from(start, str(error))) from None

    def _checks(self: Any, feed: Feed, entry: Entry, weights: Any) -> list[tuple[Callable[[Any], None], Any]]:
        """What has to be looked at in each batch: pairs of a check and the array of this one that it is for."""
        finite = partial(check_finite, "sample_weight")
        return [*((finite, w) for w in tree.flatten(weights) if w is not None), *self._target_checks(feed, entry)]


def _counted_from(start: int, text: str) -> str:
    """The message of a loss that was given the rows from `start` on and counted from the first of them."""
    return re.sub(r"(?<=in row )\d+$", lambda row: str(start + int(row[0])), text)


def _flat_logs(logs: Any) -> Any:
    """Results that are dicts themselves (of several metrics in one) are part of the whole."""
    if not isinstance(logs, dict):
        return logs
    flat: Logs = {}
    for name, value in logs.items():
        flat |= _flat_logs(value) if isinstance(value, dict) else {name: value}
    return flat


def _packed(x: Any, y: Any, sample_weight: Any) -> Any:
    """A batch as steps get it: x alone, (x,) if x is a list or tuple, (x, y), or (x, y, sample_weight)."""
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (list, tuple)) else x


def structure_of(outputs: Any) -> Any:
    """The same structure with None in it, dicts in the order of their sorted keys."""
    structure = tree.map_structure(lambda _: None, outputs)
    return tree.traverse(lambda s: {k: s[k] for k in sorted(s)} if type(s) is dict else None, structure, False)


def as_logs(value: Any) -> Any:
    """A scalar as a Python number, an array as itself."""
    return value.item() if np.ndim(value) == 0 else np.array(value)
