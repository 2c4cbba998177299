"""Writes keras_signatures.json: every public name of Keras with its parameters and defaults. Needs Keras.

Once for each version of Keras:

    KERAS_BACKEND=jax python docs/make_keras_signatures.py

These are facts about an interface: names, order and defaults, no text. A class comes with its public methods and
properties. Those that a layer, loss, metric, optimizer or callback inherits are written once, with the base class.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("keras_signatures.json")
BASES = {"layers": "Layer", "losses": "Loss", "metrics": "Metric", "optimizers": "Optimizer", "callbacks": "Callback"}


def default(value: Any) -> str:
    """A default as it would be typed; of a function or class, its name."""
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return value.__name__
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def parameters(call: Any) -> list[str] | None:
    """The parameters of a function, each as it would be typed without its annotation; None if Python cannot tell."""
    try:
        found = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):
        return None
    texts, named = [], False
    for one in found:
        if one.kind is one.VAR_POSITIONAL:
            named = True
        elif one.kind is one.KEYWORD_ONLY and not named:
            texts.append("*")
            named = True
        star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        texts.append(star + one.name + ("" if one.default is one.empty else f"={default(one.default)}"))
    return texts


def without_self(texts: list[str] | None) -> list[str] | None:
    return texts[1:] if texts else texts


def members(cls: type) -> dict[str, list[str] | None]:
    """The public methods (with parameters) and properties (with None) that `cls` itself defines."""
    found: dict[str, list[str] | None] = {}
    for name, value in vars(cls).items():
        if name.startswith("_"):
            continue
        if isinstance(value, (classmethod, types.FunctionType)):
            texts = parameters(value.__func__ if isinstance(value, classmethod) else value)
            found[name] = without_self(texts)
        elif isinstance(value, staticmethod):
            found[name] = parameters(value.__func__)
        else:
            found[name] = None
    return found


def described(value: Any, backend: str) -> dict[str, Any]:
    """What is kept of one public name."""
    if isinstance(value, types.ModuleType):
        return {"kind": "module"}
    if isinstance(value, type):
        mine = [c for c in value.__mro__ if c.__module__.startswith("keras") and backend not in c.__module__]
        texts = without_self(parameters(value.__init__))
        own: dict[str, Any] = {}
        for cls in mine:
            for name, item in members(cls).items():
                own.setdefault(name, item)
        return {"kind": "class", "parameters": texts, "members": dict(sorted(own.items()))}
    if callable(value):
        return {"kind": "function", "parameters": parameters(value)}
    return {"kind": "value"}


def public(module: types.ModuleType) -> list[str]:
    return sorted(n for n in dir(module) if not n.startswith("_"))


def main() -> None:
    import keras

    backend = f"backend.{keras.config.backend()}"
    modules: dict[str, dict[str, Any]] = {}
    queue = [("keras", keras)]
    while queue:
        path, module = queue.pop()
        names = [n for n in public(module) if not (path == "keras" and n == "src")]
        modules[path] = {n: described(getattr(module, n), backend) for n in names}
        below = [(f"{path}.{n}", getattr(module, n)) for n in names if modules[path][n]["kind"] == "module"]
        queue += [(name, m) for name, m in below if m.__name__.startswith("keras") and path != "keras.applications"]
    for home, base in BASES.items():
        inherited = modules[f"keras.{home}"][base]["members"]
        cls = getattr(getattr(keras, home), base)
        for path, names in modules.items():
            for name, fact in names.items():
                value = getattr(_module(keras, path), name)
                if fact["kind"] == "class" and value is not cls and issubclass(value, cls):
                    kept = {k: v for k, v in fact["members"].items() if k not in inherited or v != inherited[k]}
                    fact["members"] = kept
    result = {"version": keras.__version__, "modules": {k: modules[k] for k in sorted(modules)}}
    text = json.dumps(result, indent=None, separators=(",", ":"))
    text = re.sub(r'("[A-Za-z_0-9.]+":\{"kind")', r"\n\1", text)  # one name a line: differences can be read
    DATA.write_text(text + "\n")


def _module(root: Any, path: str) -> Any:
    for part in path.split(".")[1:]:
        root = getattr(root, part)
    return root


if __name__ == "__main__":
    main()
