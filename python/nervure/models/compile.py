"""What `compile` was given, matched to the model's outputs: losses, their weights, metrics."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import losses, metrics, tree
from ..losses import Loss
from ..metrics import Mean, Metric, as_metric
from ..metrics import check as check_metric

__all__ = ["CompileLoss", "CompileMetrics", "names_of", "targets_of"]


def _known_names(y_pred: Any, given: Sequence[str] | None) -> list[str] | None:
    flat = tree.flatten(y_pred)
    if isinstance(y_pred, dict) and len(y_pred) == len(flat):
        return [str(path[0]) for path, _ in tree.flatten_with_path(y_pred)]
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


def _keys(outputs: dict[Any, Any]) -> list[Any]:
    """The keys in the order in which `tree.flatten` goes."""
    return list(outputs) if isinstance(outputs, OrderedDict) else sorted(outputs)


def is_list(x: Any) -> bool:
    return isinstance(x, (list, tuple))


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
        pairs = [(outputs[k], value.get(k)) for k in _keys(outputs)]
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


_MISFIT = {
    "y": "y_true and y_pred have different structures. ",
    "metrics": "Invalid `metrics`. ",
    "weighted_metrics": "Invalid `weighted_metrics`. ",
}


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
            raise ValueError(
                f"{_MISFIT.get(what, '')}`{what}` has the keys {list(value)}, but the model's outputs are {keys}"
            )
        return [value.get(k) for k in keys]
    if isinstance(value, (list, tuple)):
        flat = list(value) if len(value) == len(names) else tree.flatten(value)
        if len(flat) != len(names):
            raise ValueError(
                f"{_MISFIT.get(what, '')}`{what}` has {len(flat)} entries, but the model has {len(names)} output(s) "
                f"{list(names)}"
            )
        return flat
    if len(names) == 1:
        return [value]
    raise ValueError(
        f"`{what}` must be a list or a dict with an entry for each of the outputs {list(names)}, got {value!r}"
    )


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


class _Part:
    """A loss as it was given, where it stands: at an output or, with `inner`, at a structure of outputs."""

    def __init__(self, loss: Any, weight: Any, path: tuple[Any, ...], places: Any) -> None:
        self.loss, self.weight, self.path = loss, weight, path
        self.places: list[int] = tree.flatten(places)  # the outputs it sees
        self.inner = tree.is_nested(places)
        self.tracker: Mean | None = None

    def named(self, names: Sequence[str], known: bool) -> str:
        """Its path; at the end of a list the output's name, or the loss's own where outputs have none."""
        path = self.path
        if self.inner:
            return "/".join(map(str, path)) or "_".join(names[k] for k in self.places)
        if not path or isinstance(path[-1], int):
            path = (*path[:-1], names[self.places[0]] if known else self.loss.name)
        return "/".join(map(str, path))


class _Weighted:
    """A loss and its weight, as a leaf."""

    def __init__(self, loss: Any, weight: Any) -> None:
        self.loss, self.weight = loss, weight


def _paired(loss: Any, weights: Any) -> Any:
    """The structure of losses with their weights in it; None if the weights nest in another way."""
    if not tree.is_nested(loss):
        return None if tree.is_nested(weights) else _Weighted(loss, weights)
    if isinstance(loss, dict):
        if not isinstance(weights, dict) or set(weights) != set(loss):
            return None
        found = {k: _paired(loss[k], weights[k]) for k in loss}
        return None if any(v is None for v in found.values()) else found
    if not is_list(weights) or len(weights) != len(loss):
        return None
    items = [_paired(one, weight) for one, weight in zip(loss, weights, strict=True)]
    if any(v is None for v in items):
        return None
    return type(loss)(*items) if hasattr(loss, "_fields") else type(loss)(items)


def _is_none(loss: Any) -> bool:
    """No loss at all, at any depth?"""
    return all(leaf.loss is None for leaf in tree.flatten(loss))


class _Matching:
    """Goes through a structure of losses and one of outputs together, and keeps what stands where."""

    def __init__(self, names: Sequence[str], weights: Sequence[Any]) -> None:
        self.names, self.weights = names, weights  # one an output
        self.parts: list[_Part] = []

    def go(self, loss: Any, outputs: Any, path: tuple[Any, ...]) -> None:
        """`outputs` holds the places of the outputs."""
        places = tree.flatten(outputs)
        if not tree.is_nested(loss):
            if loss.loss is not None:
                at_output = not tree.is_nested(outputs)
                weight = self.weights[outputs] if at_output and loss.weight is None else loss.weight
                self.parts.append(_Part(loss.loss, weight, path, outputs))
            return
        if is_list(loss):
            if not tree.is_nested(outputs):
                self._one(loss, outputs, path)
                return
            flat = [_sole_of(one) for one in loss] if not hasattr(loss, "_fields") else list(loss)
            if len(flat) == len(places) and not any(tree.is_nested(one) for one in flat):
                loss = tree.pack_sequence_as(outputs, flat)
                if isinstance(loss, dict):
                    loss = {k: loss[k] for k in _keys(loss)}
            elif not isinstance(outputs, type(loss)):
                for one in loss:
                    self.go(one, outputs, path)
                return
            elif len(loss) != len(outputs):
                raise ValueError(
                    f"`loss` has {len(loss)} entries{_at(path)}, but the model has {_listed(self.names, places)}"
                )
        if isinstance(loss, dict) != isinstance(outputs, dict):
            raise KeyError(f"The path: {path} in the `loss` argument, can't be found in the model's output (`y_pred`).")
        for key, one in loss.items() if isinstance(loss, dict) else enumerate(loss):
            if _is_none(one):
                continue
            if isinstance(outputs, dict) and key not in outputs:
                raise KeyError(
                    f"The path: {(*path, key)} in the `loss` argument, can't be found in either the model's output "
                    f"(`y_pred`) or in the labels (`y_true`): there are {sorted(outputs)}"
                )
            self.go(one, outputs[key], (*path, key))

    def _one(self, loss: Any, output: int, path: tuple[Any, ...]) -> None:
        """A list at one output must hold one loss."""
        given = [one for one in loss if not _is_none(one)]
        if len(given) > 1:
            shown = [tree.map_structure(lambda leaf: leaf.loss, one) for one in given]
            raise ValueError(
                f"loss of output '{self.names[output]}': expected one loss, got a {type(loss).__name__} of "
                f"{len(given)}: {shown}. `loss` has {len(given)} entries, but the model has 1 output there: a function "
                "that adds them up is one loss"
            )
        for one in given:
            self.go(one, output, path)


def _sole_of(loss: Any) -> Any:
    """A list of one loss is that loss."""
    plain = is_list(loss) and not hasattr(loss, "_fields") and len(loss) == 1 and not tree.is_nested(loss[0])
    return loss[0] if plain else loss


def _at(path: tuple[Any, ...]) -> str:
    return f" at {path}" if path else ""


def _listed(names: Sequence[str], places: Sequence[int]) -> str:
    return f"{len(places)} output(s) {[names[k] for k in places]}"


class CompileLoss:
    """The sum of the outputs' weighted losses. With several losses, the mean of each is a metric, `<output>_loss`.

    Losses nest as the outputs do, are named by output, listed in order, or one serves all. Where a loss stands at a
    structure of outputs, it is called with the structures of targets and predictions; a list that is no place in the
    outputs holds several such losses.
    """

    def __init__(self, loss: Any, loss_weights: Any = None, output_names: Sequence[str] | None = None) -> None:
        if loss_weights is not None and not isinstance(loss_weights, (list, tuple, dict, int, float)):
            raise ValueError(
                "Expected `loss_weights` argument to be a float, list, tuple or dict. `loss_weights` must be one of "
                f"these, got {loss_weights!r}"
            )
        for item in tree.flatten(loss):
            if not isinstance(item, str) or item.lower() not in ("crossentropy", "ce"):
                losses.get(item)  # unknown names fail at compile, not at fit
        self.loss, self.weights, self.layer_names = loss, loss_weights, output_names
        self.metrics: list[Mean] = []
        self._outputs: Any = None  # how the model's outputs nest
        self._placed: list[_Part] = []  # as given
        self._built: list[_Part] = []  # as `Loss` objects
        self.parts: list[tuple[Loss, Any] | None] | None = None  # one an output

    @property
    def variables(self) -> list[Any]:
        return [v for m in self.metrics for v in m.variables]

    def _place(self, outputs: Any, names: Sequence[str]) -> None:
        """Finds the outputs of each loss, unless that is known for outputs that nest like these."""
        structure = tree.map_structure(lambda _: None, outputs)
        if self._placed and tree.outline(structure) == tree.outline(self._outputs):
            return
        self._outputs = structure
        given, weights = self.loss, [None] * len(names)
        if isinstance(given, dict):
            given = self._by_name(given, outputs, names)
        if not tree.is_nested(given):
            given = tree.map_structure(lambda _: given, outputs)
            if isinstance(given, dict):
                given = {k: given[k] for k in _keys(given)}
        paired = None
        if self.weights is not None:
            paired = _paired(self.loss, self.weights) if tree.is_nested(self.loss) and given is self.loss else None
            if paired is None:
                try:
                    weights = by_output("loss_weights", self.weights, names, self.layer_names, outputs)
                except ValueError as error:
                    given_weights = tree.flatten(self.weights)
                    count = len(tree.flatten(given))
                    if len(given_weights) != count:
                        raise ValueError(
                            f"`loss_weights` must match the number of losses, got {count} losses and "
                            f"{len(given_weights)} weights: {error}"
                        ) from None
                    paired = _paired(given, tree.pack_sequence_as(given, given_weights))
        if paired is None:
            paired = tree.map_structure(lambda one: _Weighted(one, None), given)
        matching = _Matching(names, weights)
        matching.go(paired, tree.pack_sequence_as(outputs, range(len(names))), ())
        for part in matching.parts:
            number = isinstance(part.weight, (int, float, np.number)) and not isinstance(part.weight, bool)
            if part.weight is not None and not (number and np.isfinite(part.weight)):
                where = f" of output '{names[part.places[0]]}'" if not part.inner else _at(part.path)
                raise ValueError(f"`loss_weights`{where} must be a finite number, got {part.weight!r}")
        self._placed = matching.parts

    def _by_name(self, given: dict[Any, Any], outputs: Any, names: Sequence[str]) -> Any:
        """Losses by the names of outputs that are a list, or of the layers that make them, as a list in order."""
        if isinstance(outputs, dict) and set(given) <= set(outputs):
            return given
        for known in (list(names), list(self.layer_names or ())):
            if set(given) <= set(known) and len(known) == len(names):
                flat = [given.get(k) for k in known]
                return flat if tree.is_nested(outputs) else flat[0]
        if isinstance(outputs, dict):
            return given  # the walk says what is missing
        raise ValueError(
            f"Expected keys {list(self.layer_names or names)} in loss dict, but found loss.keys()={list(given)}"
        )

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Makes the losses and their metrics for targets and predictions like these, which may be KerasTensors."""
        names = names_of(y_pred, self.layer_names)
        self._place(y_pred, names)
        self._build(self.targets(y_true, names), y_pred, names)

    def _build(self, y_true: list[Any], outputs: Any, names: list[str]) -> None:
        y_pred = tree.flatten(outputs)
        parts: list[tuple[Loss, Any] | None] = [None] * len(names)
        built: list[_Part] = []
        for given in self._placed:
            part = _Part(given.loss, given.weight, given.path, given.places if given.inner else given.places[0])
            for k in part.places:
                _needs_target(names[k], y_true[k])
            if isinstance(part.loss, str) and part.loss.lower() in ("crossentropy", "ce"):
                part.loss = _CROSSENTROPY[_kind(y_true[part.places[0]], y_pred[part.places[0]])]()
            else:
                part.loss = losses.as_loss(part.loss)
            if not part.inner:
                parts[part.places[0]] = (part.loss, part.weight)
            built.append(part)
        if len(built) > 1:
            known = _known_names(outputs, self.layer_names) is not None  # else the losses' names must do
            for part in built:
                part.tracker = Mean(name=f"{part.named(names, known)}_loss")
        self.metrics = [part.tracker for part in built if part.tracker is not None]
        self.parts, self._built = parts, built

    def targets(self, y_true: Any, names: Sequence[str]) -> list[Any]:
        """One target an output; targets in the number of the losses belong to the outputs that have one."""
        outputs = self._outputs
        if tree.is_nested(self.loss) and not isinstance(y_true, dict) and y_true is not None:
            wanted = {k for part in self._placed for k in part.places}
            given = tree.flatten(y_true)
            if len(given) < len(names) and len(given) == len(wanted):
                rest = iter(given)
                return [next(rest) if k in wanted else None for k in range(len(names))]
        return targets_of(y_true, names, self.layer_names, outputs)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The total as a scalar tensor, or None if no output has a loss."""
        names = names_of(y_pred, self.layer_names)
        outputs = tree.flatten(y_pred)
        self._place(y_pred, names)
        targets = self.targets(y_true, names)
        weights = spread("sample_weight", sample_weight, names, self.layer_names, y_pred)
        if self.parts is None or len(self.parts) != len(names):
            self._build(targets, y_pred, names)
        total = None
        for part in self._built:
            k = part.places[0]
            where = f"loss of output '{names[k]}'" if not part.inner else f"loss of the outputs{_at(part.path)}"
            for place in part.places:
                _needs_target(names[place], targets[place])
            if part.inner:
                y, p, w = (_inside(part.path, y_pred, flat) for flat in (targets, outputs, weights))
                if all(one is weights[k] for one in tree.flatten(w)):
                    w = weights[k]
            else:
                y, p, w = targets[k], outputs[k], weights[k]
            try:
                value = part.loss(y, p, w)
            except (ValueError, TypeError) as error:
                kind = TypeError if isinstance(error, TypeError) else ValueError
                raise kind(f"{where}: {error}") from None
            if value.shape != ():
                raise ValueError(
                    f"loss '{part.loss.name}' of output '{names[k]}' must give a scalar, got shape "
                    f"{tuple(value.shape)}: use another reduction than None"
                )
            if part.tracker is not None:
                part.tracker.update_state(value, sample_weight=float(outputs[k].shape[0]))
            if part.weight is not None:
                value = value * float(part.weight)
            total = value if total is None else total + value
        return total

    def target_checks(
        self, names: Sequence[str], shapes: Sequence[tuple[int, ...]], finite: bool = True
    ) -> list[tuple[int, Callable[[np.ndarray[Any, Any]], None]]]:
        """For each output whose targets can be looked at, its place and a function that does: ValueError naming the row
        of a target that its loss cannot take. `names` and `shapes` are the outputs'. Unless targets must be `finite`,
        class numbers alone are looked at.
        """
        found: list[tuple[int, Callable[[np.ndarray[Any, Any]], None]]] = []
        for k, (part, name, shape) in enumerate(zip(self.parts or (), names, shapes, strict=False)):
            if part is not None and shape and (finite or part[0].integer_targets):
                found.append((k, partial(_check_target, part[0], name, shape)))
        return found


def _check_target(loss: Loss, output: str, shape: tuple[int, ...], y: np.ndarray[Any, Any]) -> None:
    try:
        loss.check_targets(y, shape)
    except ValueError as error:
        raise ValueError(f"loss of output '{output}': {error}") from None


def _inside(path: tuple[Any, ...], outputs: Any, flat: Sequence[Any]) -> Any:
    """The entries of `flat`, nested as the outputs are, at the end of a path."""
    found = tree.pack_sequence_as(outputs, flat)
    for key in path:
        found = found[key]
    return found


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
                    check_metric(item)  # unknown names fail at compile
        self.given, self.weighted, self.layer_names, self._loss = metrics, weighted_metrics, output_names, loss
        self.plain: list[list[Metric]] | None = None  # for each output
        self.with_weights: list[list[Metric]] = []
        self.prefixes: list[str] = []
        self._order: list[int] = []  # of the outputs in results: a dict's keys as the model lists its outputs

    @property
    def metrics(self) -> list[Metric]:
        return [m for groups in (self.plain, self.with_weights) if groups for k in self._order for m in groups[k]]

    @property
    def built(self) -> bool:
        return self.plain is not None

    def reset_state(self) -> None:
        for m in self.metrics:
            m.reset_state()

    @property
    def variables(self) -> list[Any]:
        return [v for m in self.metrics for v in m.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Makes the metrics for targets and predictions like these, which may be KerasTensors."""
        names = names_of(y_pred, self.layer_names)
        self._build(self._targets(y_true, names, y_pred), y_pred, names)

    def _build(self, targets: list[Any], y_pred: Any, names: list[str]) -> None:
        outputs = tree.flatten(y_pred)
        plain = self._match("metrics", self.given, targets, outputs, names, y_pred)
        self._order = list(range(len(names)))
        self.with_weights = self._match("weighted_metrics", self.weighted, targets, outputs, names, y_pred)
        named = len(names) > 1 and _known_names(y_pred, self.layer_names) is not None
        if named and len(self.layer_names or ()) == len(names):
            assert self.layer_names is not None
            if isinstance(y_pred, dict) and set(names) == set(self.layer_names):
                self._order = [names.index(n) for n in self.layer_names]
        self.plain, self.prefixes = plain, [f"{n}_" if named else "" for n in names]

    def _targets(self, y_true: Any, names: list[str], y_pred: Any) -> list[Any]:
        loss = self._loss  # it may have been called with outputs of a `compute_loss` of the model
        if loss is None or tree.outline(loss._outputs) != tree.outline(tree.map_structure(lambda _: None, y_pred)):
            return targets_of(y_true, names, self.layer_names, y_pred)
        return loss.targets(y_true, names)

    def _match(
        self, what: str, given: Any, y_true: list[Any], y_pred: list[Any], names: list[str], outputs: Any
    ) -> list[list[Metric]]:
        if not given:
            return [[] for _ in names]
        if len(names) == 1 and not (isinstance(given, dict) and self.layer_names is not None):
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
        if not self.given and not self.weighted:
            self._build([], y_pred, names)
            return
        targets = self._targets(y_true, names, y_pred)
        weights = spread("sample_weight", sample_weight, names, self.layer_names, y_pred)
        if self.plain is None:
            self._build(targets, y_pred, names)
        assert self.plain is not None
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
            for k in self._order if groups else ():
                prefix = self.prefixes[k]
                for m in groups[k]:
                    name = f"{prefix}{m.name}"
                    if name in results and extra:
                        name = f"{prefix}{extra}{m.name}"
                    base, again = name, 1
                    while name in results:
                        name, again = f"{base}_{again}", again + 1
                    value = m.result()
                    results |= value if isinstance(value, dict) else {name: value}
        return results
