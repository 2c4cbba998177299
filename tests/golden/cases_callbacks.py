"""Cases of callbacks and of utils: what they print, warn of, write and decide, epoch by epoch."""

from __future__ import annotations

import io
import tempfile
import warnings
from collections import OrderedDict, namedtuple
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

if __package__:
    from .cases import Y_CLASS, X, case, mlp, printed, set_weights
else:  # run by make_golden.py
    from cases import Y_CLASS, X, case, mlp, printed, set_weights  # type: ignore[import-not-found, no-redef]

VALUES = [1.0, 0.5, 0.75, 0.4, 0.45, 0.39, 0.41, 0.5, 0.42, 0.3]


def compiled(k: Any, learning_rate: float = 0.5) -> Any:
    model = mlp(k, (3,), "softmax")
    model.compile(k.optimizers.SGD(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.stop_training = False
    return model


def run(k: Any, callback: Any, names: tuple[str, ...], monitor: str = "loss", values: Any = VALUES) -> dict[str, Any]:
    """The attributes `names`, the learning rate and the flag to stop after each epoch; what was printed and warned."""
    model = compiled(k)
    callback.set_model(model)
    callback.set_params({"epochs": len(values), "steps": 1, "verbose": 0})
    rows, seen, text = [], [], io.StringIO()
    with redirect_stdout(text), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        callback.on_train_begin({})
        for epoch, value in enumerate(values):
            callback.on_epoch_begin(epoch, {})
            logs = {monitor: value, "other": 2.0}
            callback.on_epoch_end(epoch, logs)
            seen = sorted(logs)
            state = [getattr(callback, name) for name in names]
            rate = float(np.asarray(model.optimizer.learning_rate))
            rows.append([*(np.nan if s is None else float(s) for s in state), rate, float(model.stop_training)])
            if model.stop_training:
                break
        callback.on_train_end({})
    lines = text.getvalue().split("\n")
    return {
        "rows": np.array(rows),
        "text": lines,
        "warned": [str(w.message) for w in warned if w.category is UserWarning],
        "logs": seen,
    }


EARLY: dict[str, dict[str, Any]] = {
    "plain": {"monitor": "loss"},
    "patience": {"monitor": "loss", "patience": 2, "verbose": 1},
    "delta": {"monitor": "loss", "patience": 2, "min_delta": 0.2, "verbose": 1},
    "max": {"monitor": "loss", "mode": "max", "patience": 3},
    "baseline": {"monitor": "loss", "baseline": 0.45, "patience": 3, "verbose": 1},
    "start": {"monitor": "loss", "patience": 1, "start_from_epoch": 4},
    "restore": {"monitor": "loss", "patience": 2, "restore_best_weights": True, "verbose": 1},
    "missing": {"monitor": "val_loss", "patience": 2},
}
for name, args in EARLY.items():
    case(
        f"callback/early_stopping/{name}",
        lambda a, k: run(k, k.callbacks.EarlyStopping(**a), ("wait", "best", "best_epoch", "stopped_epoch")),
        args,
    )

PLATEAU: dict[str, dict[str, Any]] = {
    "plain": {"monitor": "loss", "patience": 1},
    "cooldown": {"monitor": "loss", "patience": 1, "cooldown": 2, "factor": 0.5, "verbose": 1},
    "least": {"monitor": "loss", "patience": 1, "factor": 0.5, "min_lr": 0.2, "verbose": 1, "min_delta": 0.3},
    "max": {"monitor": "loss", "patience": 2, "mode": "max", "factor": 0.5},
    "missing": {"monitor": "val_loss"},
}
for name, args in PLATEAU.items():
    case(
        f"callback/reduce_lr/{name}",
        lambda a, k: run(k, k.callbacks.ReduceLROnPlateau(**a), ("wait", "best", "cooldown_counter")),
        args,
    )


def schedules(k: Any) -> dict[str, Any]:
    callback = k.callbacks.LearningRateScheduler
    both = run(k, callback(lambda epoch, rate: rate * 0.5, verbose=1), ())
    one = run(k, callback(lambda epoch: 1.0 / (1 + epoch)), ())
    return {f"both/{key}": v for key, v in both.items()} | {f"one/{key}": v for key, v in one.items()}


case("callback/schedules", schedules)

CHECKPOINTS: dict[str, dict[str, Any]] = {
    "each": {"filepath": "m-{epoch:02d}-{loss:.2f}.keras", "verbose": 1},
    "best": {"filepath": "m.keras", "monitor": "loss", "save_best_only": True, "verbose": 1},
    "threshold": {
        "filepath": "{epoch}.weights.h5",
        "monitor": "loss",
        "save_best_only": True,
        "save_weights_only": True,
        "initial_value_threshold": 0.45,
        "verbose": 1,
    },
    "missing": {"filepath": "m.keras", "save_best_only": True, "mode": "min"},
    "batches": {"filepath": "{epoch}-{batch}.keras", "save_freq": 3},
}


def checkpoints(args: dict[str, Any], k: Any) -> dict[str, Any]:
    """The names of the files that would be saved, and what is said."""
    model, saved, text = compiled(k), [], io.StringIO()
    model.save = lambda path, overwrite: saved.append(path)
    model.save_weights = lambda path, overwrite: saved.append(path)
    callback = k.callbacks.ModelCheckpoint(**args)
    callback.set_model(model)
    with redirect_stdout(text), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        callback.on_train_begin({})
        for epoch, value in enumerate(VALUES):
            callback.on_epoch_begin(epoch, {})
            for batch in range(4):
                callback.on_train_batch_end(batch, {"loss": value})
            callback.on_epoch_end(epoch, {"loss": value})
    return {
        "saved": saved,
        "text": text.getvalue().split("\n"),
        "warned": [str(w.message) for w in warned if w.category is UserWarning],
    }


for name, args in CHECKPOINTS.items():
    case(f"callback/checkpoint/{name}", checkpoints, args)


def csv_files(k: Any) -> dict[str, Any]:
    """Bytes of the files, with and without validation, a missing log and an array among the logs, appended to."""
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        first = [{"loss": 1.0, "acc": 0.5}, {"loss": 0.25}, {"loss": 0.5, "acc": np.arange(3), "more": 1.0}]
        second = [{"loss": 1.0, "val_loss": 2.0, "name": "a,b"}]
        for key, options, epochs in (
            ("new", {}, first),
            ("append", {"append": True}, first[:1]),
            ("separator", {"separator": ";"}, second),
        ):
            logger = k.callbacks.CSVLogger(path, **options)
            logger.on_train_begin()
            for epoch, logs in enumerate(epochs):
                logger.on_epoch_end(epoch, logs)
            logger.on_train_end()
            out[key] = path.read_bytes().decode().split("\r\n")
    return out


case("callback/csv", csv_files)


def not_a_number(k: Any) -> dict[str, Any]:
    model, text = compiled(k), io.StringIO()
    callback = k.callbacks.TerminateOnNaN()
    callback.set_model(model)
    stops = []
    with redirect_stdout(text):
        for batch, loss in enumerate([1.0, None, np.nan, np.inf]):
            callback.on_train_batch_end(batch, {} if loss is None else {"loss": loss})
            stops.append(bool(model.stop_training))
    return {"stops": stops, "text": text.getvalue().split("\n")}


case("callback/not_a_number", not_a_number)


def logged_rate(k: Any) -> dict[str, Any]:
    """The learning rate is in the history and on the printed line, after the metrics."""
    model = compiled(k)
    set_weights(model)
    halve = k.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
    lines = printed(model.fit, X, Y_CLASS, epochs=2, batch_size=16, verbose=2, shuffle=False, callbacks=[halve])
    return {"keys": list(model.history.history), "lines": [line.split(" - ")[-1] for line in lines]}


case("callback/logged_rate", logged_rate)

SEQUENCES: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": ([[1], [2, 3], [4, 5, 6]], {}),
    "post": ([[1], [2, 3], [4, 5, 6]], {"padding": "post", "value": 9}),
    "cut": ([[1], [2, 3], [4, 5, 6]], {"maxlen": 2}),
    "cut_post": ([[1], [2, 3], [4, 5, 6]], {"maxlen": 2, "truncating": "post", "dtype": "float32"}),
    "rows": ([[[1, 1]], [[2, 1], [2, 2]], []], {"maxlen": 3, "value": -1.0}),
}
for name, (sequences, args) in SEQUENCES.items():
    case(
        f"pad_sequences/{name}",
        lambda s, a, k: {"padded": np.array(k.utils.pad_sequences(s, **a))},
        sequences,
        args,
    )

Point = namedtuple("Point", "x y")


def trees(k: Any) -> dict[str, Any]:
    t = k.tree
    nested = {"b": [1, (2, None)], "a": Point(3, OrderedDict([("z", 4), ("y", [])]))}
    halves: list[Any] = []
    top = t.traverse(lambda x: halves.append(x) or ("leaf" if isinstance(x, Point) else None), nested)
    up = t.traverse(lambda x: t.MAP_TO_NONE if x == 2 else None, nested, top_down=False)
    return {
        "flatten": list(map(repr, t.flatten(nested))),
        "paths": list(map(repr, t.flatten_with_path(nested))),
        "visited": list(map(repr, halves)),
        "traversed": [repr(top), repr(up), repr(t.lists_to_tuples(nested))],
        "mapped": [
            repr(t.map_structure(lambda x: x and x + 1, nested)),
            repr(t.map_structure(lambda x: 0, nested, none_is_leaf=False)),
            repr(t.map_structure_up_to([0, [0]], str, [[1, 1], [(2, 2)]])),
            repr(t.map_shape_structure(len, {"a": (None, 3), "b": [(2, 2, 2), ()]})),
            repr(t.pack_sequence_as(nested, list(range(5)))),
        ],
    }


case("tree", trees)
