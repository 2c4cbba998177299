"""Models: losses that see structures of outputs, optional inputs, the order of dicts, summaries, state trees."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

try:
    from .cases import case, randn, set_weights
except ImportError:  # in make_golden.py
    from cases import case, randn, set_weights  # type: ignore[import-not-found, no-redef]

X, Y, Z = randn(61, 24, 3), randn(62, 24, 1), randn(63, 24, 2)
Pair = namedtuple("Pair", ["first", "second"])


def heads(k: Any, form: Any) -> Any:
    """A model with two outputs, nested by `form`."""
    x = k.Input((3,), name="x")
    model = k.Model(x, form(k.layers.Dense(1, name="one")(x), k.layers.Dense(2, name="two")(x)))
    set_weights(model)
    return model


def logs_of(model: Any, y: Any, **kwargs: Any) -> dict[str, Any]:
    model.compile("sgd", **kwargs)
    history = model.fit(X, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    logs = model.evaluate(X, y, return_dict=True, verbose=0)
    return {"names": sorted(history)} | {f"{k}": np.asarray(v) for k, v in logs.items()}


def struct_losses(k: Any, form: str) -> dict[str, Any]:
    def gap(y: Any, p: Any) -> Any:
        """Of all outputs together."""
        y, p = k.tree.flatten(y), k.tree.flatten(p)
        return sum(k.ops.mean(k.ops.abs(a - b)) for a, b in zip(y, p, strict=True))

    if form == "dict":
        model, y = heads(k, lambda a, b: {"a": a, "b": b}), {"a": Y, "b": Z}
        return logs_of(model, y, loss=[gap, {"a": "mse", "b": "mae"}], loss_weights=[0.5, {"a": 2.0, "b": 0.25}])
    if form == "list":
        return logs_of(heads(k, lambda a, b: [a, b]), [Y, Z], loss=(gap, ["mse", "mae"]))
    if form == "namedtuple":
        return logs_of(heads(k, Pair), Pair(Y, Z), loss=[gap, Pair("mse", "mae")])
    model = heads(k, lambda a, b: {"u": (a, b), "v": {"p": a, "q": b}})
    losses = {"u": [gap, (None, "mae")], "v": {"p": "mse"}}
    return logs_of(model, {"u": (Y, Z), "v": {"p": Y, "q": Z}}, loss=losses)


def lists_of_one(k: Any) -> dict[str, Any]:
    one = logs_of(heads(k, lambda a, b: [a, b]), [Y, Z], loss=["mse", ["mae"]], loss_weights=[2.0, 0.5])
    two = logs_of(heads(k, lambda a, b: {"a": a, "b": b}), {"a": Y, "b": Z}, loss={"a": ["mse"], "b": "mae"})
    return {f"{name}/{key}": v for name, logs in (("list", one), ("dict", two)) for key, v in logs.items()}


def optional_input(k: Any) -> dict[str, Any]:
    class Maybe(k.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any, more: Any = None) -> Any:
            return x if more is None else x + more

    x, o = k.Input((3,), name="x"), k.Input((3,), name="o", optional=True)
    model = k.Model({"x": x, "o": o}, k.layers.Dense(2)(Maybe()(x, o)))
    set_weights(model)
    out = {"without": model.predict({"x": X, "o": None}, verbose=0), "with": model.predict({"x": X, "o": X}, verbose=0)}
    model.compile("sgd", "mse")
    model.fit(({"x": X[r : r + 8], "o": None}, Z[r : r + 8]) for r in (0, 8, 16))
    model.fit({"x": X, "o": X[::-1]}, Z, batch_size=8, shuffle=False, verbose=0)
    return out | {"kernel": np.asarray(model.get_weights()[0])}


def orders(k: Any) -> dict[str, Any]:
    model = heads(k, lambda a, b: {"z": a, "b": b})
    model.compile("sgd", {"z": "mse", "b": "mae"}, metrics=["mse", "mae"])
    model.fit(X, {"z": Y, "b": Z}, verbose=0)
    return {
        "names": [str(n) for n in model.output_names],
        "predict": list(model.predict(X, verbose=0)),
        "batch": list(model.predict_on_batch(X)),
        "call": list(model(X)),
        "metrics": [m.name for m in model.metrics],
    }


def table(k: Any, which: str) -> dict[str, Any]:
    """The lines of a summary, as far as Keras's."""
    layers = k.layers
    x = k.Input((3,), name="i")
    if which == "subclass":

        class Net(k.Model):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__(name="net")
                self.d, self.n = layers.Dense(4, name="d"), layers.BatchNormalization(name="n")

            def call(self, x: Any) -> Any:
                return self.n(self.d(x))

        model = Net()
        model(X)
    elif which == "chain":
        inner = k.Sequential([k.Input((3,)), layers.Dense(2, name="e"), layers.ReLU(name="r")], name="seq")(x)
        model = k.Model(x, [inner, layers.Dense(1, name="z")(inner)], name="chain")
    else:
        model = k.Model(x, [layers.Dense(1, name="a")(x), layers.Dense(2, name="b")(x)], name="fork")
    found: list[str] = []
    for kwargs in ({}, {"expand_nested": True, "show_trainable": True}):
        model.summary(line_length=76, print_fn=lambda s, **_: found.append(s), **kwargs)
    return {"lines": [line for text in found for line in text.split("\n") if line]}


def state_tree(k: Any) -> dict[str, Any]:
    model = k.Sequential([k.Input((3,)), k.layers.Dense(1, name="d")], name="s")
    model.compile(k.optimizers.SGD(momentum=0.9, name="sgd"), "mse")
    set_weights(model)
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    tree = model.get_state_tree(value_format="numpy_array")
    tree.pop("metrics_variables")  # of the last epoch, as each library left them
    found = k.tree.flatten_with_path(tree)
    return {"paths": ["/".join(path) for path, _ in found]} | {"/".join(path): value for path, value in found}


for _form in ("dict", "list", "namedtuple", "deep"):
    case(f"train/struct_losses_{_form}", struct_losses, form=_form)
case("train/lists_of_one_loss", lists_of_one)
case("train/optional_input", optional_input)
case("outputs/orders", orders)
case("train/state_tree", state_tree)
for _which in ("subclass", "chain", "fork"):
    case(f"text/summary_{_which}", table, which=_which)
