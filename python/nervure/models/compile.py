"""What `compile` was given, matched to the model's outputs: losses, their weights, metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import losses, metrics, tree
from ..losses import Loss
from ..metrics import Mean, Metric, as_metric
from ..metrics import get as get_metric

__all__ = ["CompileLoss", "CompileMetrics", "names_of", "targets_of"]


def _known_names(y_pred: Any, given: Sequence[str] | None) -> list[str] | None:
    flat = tree.flatten(y_pred)
    if isinstance(y_pred, dict) and len(y_pred) == len(flat):
        return [str(k) for k in sorted(y_pred)]
    return list(given) if given is not None and len(given) == len(flat) else None


def names_of(y_pred: Any, given: Sequence[str] | None) -> list[str]:
    """One name an output: the keys of a dict, else the names of the layers that made them, else output_0,
    output_1...
    """
    return _known_names(y_pred, given) or [f"output_{k}" for k in range(len(tree.flatten(y_pred)))]


def targets_of(
    y_true: Any, names: Sequence[str], layer_names: Sequence[str] | None = None, outputs: Any = None
) -> list[Any]:
    """One target an output, None where there is none; lists and dicts may nest as the outputs do."""
    if y_true is None:
        return [None] * len(names)
    found = _as_nested(outputs, y_true) if tree.is_nested(outputs) else None
    if found is not None:
        return found
    return by_output("y", tree.flatten(y_true) if isinstance(y_true, (list, tuple)) else y_true, names, layer_names)


def _as_nested(outputs: Any, value: Any) -> list[Any] | None:
    """The entries of `value` for each of the outputs, if it nests as they do; None if not. What is left out, or None,
    stands for None at all outputs inside of it."""
    if not tree.is_nested(outputs):
        return [value]
    if value is None:
        return [None] * len(tree.flatten(outputs))
    found: list[Any] = []
    if isinstance(outputs, dict):
        if not isinstance(value, dict) or not set(value) <= set(outputs):
            return None
        pairs = [(outputs[k], value.get(k)) for k in sorted(outputs)]
    else:
        if not isinstance(value, (list, tuple)) or len(value) != len(outputs):
            return None
        pairs = list(zip(outputs, value, strict=True))
    for inner, item in pairs:
        entries = _as_nested(inner, item)
        if entries is None:
            return None
        found += entries
    return found


def by_output(
    what: str, value: Any, names: Sequence[str], layer_names: Sequence[str] | None = None, outputs: Any = None
) -> list[Any]:
    """`value` as one entry an output: nested as the outputs are, or from a dict by name (outputs left out get None), a
    list in order, or the one value of a single output. ValueError if names or numbers do not fit."""
    if tree.is_nested(outputs) and tree.is_nested(value):
        found = _as_nested(outputs, value)
        if found is not None:
            return found
    if isinstance(value, dict):
        keys = list(names)
        if not set(value) <= set(keys) and layer_names is not None and set(value) <= set(layer_names):
            keys = list(layer_names)
        unknown = [k for k in value if k not in keys]
        if unknown:
            raise ValueError(f"`{what}` has the keys {list(value)}, but the model's outputs are {keys}")
        return [value.get(k) for k in keys]
    if isinstance(value, (list, tuple)):
        flat = list(value) if len(value) == len(names) else tree.flatten(value)
        if len(flat) != len(names):
            raise ValueError(
                f"`{what}` has {len(flat)} entries, but the model has {len(names)} output(s) {list(names)}"
            )
        return flat
    if len(names) == 1:
        return [value]
    raise ValueError(
        f"`{what}` must be a list or a dict with an entry for each of the outputs {list(names)}, got {value!r}"
    )


def _paths(outputs: Any, names: Iterator[str]) -> list[tuple[str, ...]]:
    """The path of each output: keys of dicts, places in lists, and at the end of a list the output's name."""
    if not tree.is_nested(outputs):
        return [(next(names),)]
    found: list[tuple[str, ...]] = []
    pairs = [(k, outputs[k]) for k in sorted(outputs)] if isinstance(outputs, dict) else list(enumerate(outputs))
    for key, inner in pairs:
        below = _paths(inner, names)
        if not tree.is_nested(inner):
            found += [(key,)] if isinstance(key, str) else below
        else:
            found += [(str(key), *path) for path in below]
    return found


def _kind(y_true: Any, y_pred: Any) -> str:
    """Which form of accuracy or cross-entropy fits these shapes."""
    if y_pred.shape and y_pred.shape[-1] == 1:
        return "binary"
    last = y_true.shape[-1] if y_true.shape else None
    sparse = len(y_true.shape) < len(y_pred.shape) or (last == 1 and y_pred.shape[-1] > 1)
    return "sparse" if sparse else "categorical"


_CROSSENTROPY: dict[str, type[Loss]] = {
    "binary": losses.BinaryCrossentropy,
    "sparse": losses.SparseCategoricalCrossentropy,
    "categorical": losses.CategoricalCrossentropy,
}
_METRICS: dict[str, dict[str, Any]] = {
    "accuracy": {
        "binary": metrics.BinaryAccuracy,
        "sparse": metrics.SparseCategoricalAccuracy,
        "categorical": metrics.CategoricalAccuracy,
    },
    "crossentropy": {
        "binary": metrics.BinaryCrossentropy,
        "sparse": metrics.SparseCategoricalCrossentropy,
        "categorical": metrics.CategoricalCrossentropy,
    },
}
_METRICS |= {"acc": _METRICS["accuracy"], "ce": _METRICS["crossentropy"]}


class CompileLoss:
    """The sum of the outputs' weighted losses. With several losses, the mean of each is a metric, `<output>_loss`."""

    def __init__(self, loss: Any, loss_weights: Any = None, output_names: Sequence[str] | None = None) -> None:
        if loss_weights is not None and not isinstance(loss_weights, (list, tuple, dict, int, float)):
            raise ValueError(f"`loss_weights` must be a float, a list or a dict, got {loss_weights!r}")
        for item in tree.flatten(loss):
            if not isinstance(item, str) or item.lower() not in ("crossentropy", "ce"):
                losses.get(item)  # unknown names fail at compile, not at fit
        self.loss, self.weights, self.layer_names = loss, loss_weights, output_names
        self.metrics: list[Mean] = []
        self._outputs: Any = None  # how the model's outputs nest
        self._trackers: list[Mean | None] = []  # one an output, if there are several losses
        self.parts: list[tuple[Loss, Any] | None] | None = None  # one an output

    def _build(self, y_true: list[Any], outputs: Any, names: list[str]) -> None:
        y_pred = tree.flatten(outputs)
        given = self.loss
        if not tree.is_nested(given):
            given = [given] * len(names)
        wanted = by_output("loss", given, names, self.layer_names, outputs)
        weights: list[Any] = [None] * len(names)
        if self.weights is not None:
            weights = by_output("loss_weights", self.weights, names, self.layer_names, outputs)
        parts: list[tuple[Loss, Any] | None] = []
        for name, item, weight, y, p in zip(names, wanted, weights, y_true, y_pred, strict=True):
            number = isinstance(weight, (int, float, np.number)) and not isinstance(weight, bool)
            if weight is not None and not (number and np.isfinite(weight)):
                raise ValueError(f"`loss_weights` of output '{name}' must be a finite number, got {weight!r}")
            if item is None:
                parts.append(None)
                continue
            _needs_target(name, y)
            if isinstance(item, str) and item.lower() in ("crossentropy", "ce"):
                parts.append((_CROSSENTROPY[_kind(y, p)](), weight))
            else:
                parts.append((losses.as_loss(item), weight))
        if sum(part is not None for part in parts) > 1:
            named = _known_names(outputs, self.layer_names) is not None  # else the losses' names must do
            own = [n if named or part is None else part[0].name for n, part in zip(names, parts, strict=True)]
            self._trackers = [
                None if part is None else Mean(name=f"{'/'.join(path)}_loss")
                for path, part in zip(_paths(outputs, iter(own)), parts, strict=True)
            ]
            found = [t for t in self._trackers if t is not None]
            if isinstance(outputs, dict) and isinstance(self.loss, dict):  # in the order in which losses were given
                order = [f"{k}_loss" for k in self.loss]
                found.sort(key=lambda t: order.index(t.name) if t.name in order else len(order))
            self.metrics = found
        self.parts = parts

    def targets(self, y_true: Any, names: Sequence[str]) -> list[Any]:
        """One target an output; targets in the number of the losses belong to the outputs that have one."""
        outputs = self._outputs
        if tree.is_nested(self.loss) and not isinstance(y_true, dict) and y_true is not None:
            wanted = by_output("loss", self.loss, names, self.layer_names, outputs)
            given = tree.flatten(y_true)
            if len(given) < len(names) and len(given) == sum(w is not None for w in wanted):
                rest = iter(given)
                return [None if w is None else next(rest) for w in wanted]
        return targets_of(y_true, names, self.layer_names, outputs)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The total as a scalar tensor, or None if no output has a loss."""
        names = names_of(y_pred, self.layer_names)
        outputs = tree.flatten(y_pred)
        self._outputs = tree.map_structure(lambda _: None, y_pred)
        targets = self.targets(y_true, names)
        weights = spread("sample_weight", sample_weight, names, self.layer_names, y_pred)
        if self.parts is None:
            self._build(targets, y_pred, names)
        assert self.parts is not None
        total = None
        trackers = self._trackers or [None] * len(names)
        for name, part, tracker, y, p, w in zip(names, self.parts, trackers, targets, outputs, weights, strict=True):
            if part is None:
                continue
            loss, weight = part
            _needs_target(name, y)
            try:
                value = loss(y, p, w)
            except (ValueError, TypeError) as error:
                kind = TypeError if isinstance(error, TypeError) else ValueError
                raise kind(f"loss of output '{name}': {error}") from None
            if value.shape != ():
                raise ValueError(
                    f"loss '{loss.name}' of output '{name}' must give a scalar, got shape {tuple(value.shape)}: use "
                    "another reduction than None"
                )
            if tracker is not None:
                tracker.update_state(value, sample_weight=float(p.shape[0]))
            if weight is not None:
                value = value * float(weight)
            total = value if total is None else total + value
        return total

    def check_targets(self, y: list[Any], names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> None:
        """ValueError naming the row of a target that its loss cannot take. `names` and `shapes` are the outputs'."""
        for part, target, name, shape in zip(self.parts or (), y, names, shapes, strict=False):
            if part is not None and isinstance(target, np.ndarray) and shape:
                try:
                    part[0].check_targets(target, shape)
                except ValueError as error:
                    raise ValueError(f"loss of output '{name}': {error}") from None


def _needs_target(output: str, y: Any, what: str = "a loss") -> None:
    if y is None:
        raise ValueError(f"output '{output}' has {what}, but no target `y` was given for it")


def spread(
    what: str, value: Any, names: Sequence[str], layer_names: Sequence[str] | None, outputs: Any = None
) -> list[Any]:
    """`by_output`, but one value serves all outputs."""
    if value is None or not tree.is_nested(value) or (len(tree.flatten(value)) == 1 and not isinstance(value, dict)):
        return [tree.flatten(value)[0]] * len(names)
    return by_output(what, value, names, layer_names, outputs)


class CompileMetrics:
    """The metrics of each output: `metrics` without sample weights, `weighted_metrics` with."""

    name = "compile_metrics"

    def __init__(
        self,
        metrics: Any,
        weighted_metrics: Any = None,
        output_names: Sequence[str] | None = None,
        loss: CompileLoss | None = None,
    ) -> None:
        for what, value in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if value is not None and not isinstance(value, (list, tuple, dict)):
                raise ValueError(f"`{what}` must be a list, a tuple or a dict, got {value!r}")
            for item in tree.flatten(value if value is not None else []):
                if not isinstance(item, str) or item.lower() not in _METRICS:
                    get_metric(item)  # unknown names fail at compile
        self.given, self.weighted, self.layer_names, self._loss = metrics, weighted_metrics, output_names, loss
        self.plain: list[list[Metric]] | None = None  # for each output
        self.with_weights: list[list[Metric]] = []
        self.prefixes: list[str] = []

    @property
    def metrics(self) -> list[Metric]:
        return [m for group in (*(self.plain or ()), *self.with_weights) for m in group]

    def reset_state(self) -> None:
        for m in self.metrics:
            m.reset_state()

    @property
    def variables(self) -> list[Any]:
        return [v for m in self.metrics for v in m.variables]

    def _match(
        self, what: str, given: Any, y_true: list[Any], y_pred: list[Any], names: list[str], outputs: Any
    ) -> list[list[Metric]]:
        if not given:
            return [[] for _ in names]
        if len(names) == 1:
            wanted = [tree.flatten(given)]
        else:
            entries = by_output(what, given, names, self.layer_names, outputs)
            wanted = [tree.flatten(g) if g is not None else [] for g in entries]
        resolved: list[list[Metric]] = []
        for name, items, y, p in zip(names, wanted, y_true, y_pred, strict=True):
            group = []
            for item in items:
                _needs_target(name, y, f"the metric {item!r}")
                if isinstance(item, str) and item.lower() in _METRICS:
                    group.append(_METRICS[item.lower()][_kind(y, p)](name=item))
                elif item is not None:
                    group.append(as_metric(item))
            resolved.append(group)
        return resolved

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        names = names_of(y_pred, self.layer_names)
        outputs = tree.flatten(y_pred)
        loss = self._loss
        if loss is None:
            targets = targets_of(y_true, names, self.layer_names, y_pred)
        else:
            targets = loss.targets(y_true, names)
        weights = spread("sample_weight", sample_weight, names, self.layer_names, y_pred)
        if self.plain is None:
            plain = self._match("metrics", self.given, targets, outputs, names, y_pred)
            self.with_weights = self._match("weighted_metrics", self.weighted, targets, outputs, names, y_pred)
            named = len(names) > 1 and _known_names(y_pred, self.layer_names) is not None
            self.plain, self.prefixes = plain, [f"{n}_" if named else "" for n in names]
        for name, plain_group, weighted_group, y, p, w in zip(
            names, self.plain, self.with_weights, targets, outputs, weights, strict=True
        ):
            for m in (*plain_group, *weighted_group):
                _needs_target(name, y, f"the metric '{m.name}'")
            for m in plain_group:
                m.update_state(y, p)
            for m in weighted_group:
                m.update_state(y, p, sample_weight=w)

    def result(self) -> dict[str, Any]:
        """Results by name; names that clash get `weighted_` before or a number behind."""
        results: dict[str, Any] = {}
        for groups, extra in ((self.plain or (), ""), (self.with_weights, "weighted_")):
            for prefix, group in zip(self.prefixes, groups, strict=False):
                for m in group:
                    name = f"{prefix}{m.name}"
                    if name in results and extra:
                        name = f"{prefix}{extra}{m.name}"
                    base, k = name, 1
                    while name in results:
                        name, k = f"{base}_{k}", k + 1
                    results[name] = m.result()
        return results
