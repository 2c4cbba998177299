"""Compares nervure with Keras name by name and writes what it finds into coming-from-keras.md, between two markers.

    python docs/make_keras_table.py            # writes the page, and the names in nervure/_absent.py
    python docs/make_keras_table.py --report   # prints every difference, one a line

What Keras has is in keras_signatures.json; what nervure has is asked of nervure itself. Keras is not needed.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from make_keras_signatures import BASES, DATA, parameters, without_self

PAGE = Path(__file__).with_name("coming-from-keras.md")
ABSENT = Path(__file__).parent.parent / "python" / "nervure" / "_absent.py"
BEGIN, END = "<!-- table: python docs/make_keras_table.py -->", "<!-- end of the table -->"
SAME_ELSEWHERE = ("keras.ops.nn", "keras.ops.numpy", "keras.ops.linalg")  # parts of keras.ops, counted and not listed
METHODS_OF = ("Model", "Sequential", "Layer", "Loss", "Metric", "Optimizer", "Callback", "Variable", "KerasTensor")
FIRST = ("keras", "layers", "activations", "losses", "metrics", "optimizers", "optimizers.schedules", "callbacks")
FIRST += ("initializers", "regularizers", "constraints", "models", "utils", "random", "saving")
# Keras's classes show these without an underscore, yet no program calls them
HELPERS = {"convert_input", "convert_weight", "transpose_last_axis", "variable_serialization_spec"}
MISSING = object()


@dataclass
class Module:
    """One public module of Keras: its names, each with what differs (nothing: the same), or absent."""

    path: str
    names: dict[str, list[str]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)  # absent, and the error does not say that Keras has it
    here: bool = True

    def of(self, same: bool) -> list[str]:
        return [name for name, differences in self.names.items() if (not differences) is same]


@functools.cache
def facts() -> dict[str, Any]:
    return json.loads(DATA.read_text())  # type: ignore[no-any-return]


def ours(path: str) -> str:
    return "nervure" + path.removeprefix("keras")


def equal(a: str, b: str) -> bool:
    """Are two defaults the same value? `1e-07` is `1e-7`."""
    try:
        return a == b or bool(ast.literal_eval(a) == ast.literal_eval(b))
    except (ValueError, SyntaxError):
        return False


def split(texts: list[str]) -> tuple[dict[str, str | None], list[str], list[str]]:
    """Parameters to defaults (None if there is none), the names that may come by position, and those with stars."""
    known: dict[str, str | None] = {}
    by_position: list[str] = []
    stars: list[str] = []
    for text in texts:
        name, _, value = text.partition("=")
        if name.startswith("*"):
            stars += [name]
            continue
        known[name] = value if "=" in text else None
        if not any(s == "*" or not s.startswith("**") for s in stars):
            by_position.append(name)
    return known, by_position, stars


def compared(theirs: list[str] | None, here: list[str] | None) -> list[str]:
    """What a call written for Keras would stumble over, as phrases. More parameters here are no difference."""
    if theirs is None or theirs == here:
        return []
    if here is None:
        return ["its parameters could not be compared"]
    wanted, order, _ = split(theirs)
    found, our_order, stars = split(here)
    if any(s != "*" and not s.startswith("**") for s in stars) and any(s.startswith("**") for s in stars) and wanted:
        return [f"takes `{', '.join(stars)}`: not compared"]
    lacking = [n for n in wanted if n not in found]
    spare = [n for n in our_order if n not in wanted and found[n] is None]
    phrases = []
    if lacking and len(lacking) == len(spare):
        phrases += [f"`{a}` is `{b}`" for a, b in zip(lacking, spare)]
    else:
        phrases += [f"no `{n}`" for n in lacking]
        phrases += [f"needs `{n}`" for n in found if n not in wanted and found[n] is None]
    for name, value in wanted.items():
        default = found.get(name)
        if name in found and value is not None and default is None:
            phrases.append(f"`{name}` has no default")
        elif value is not None and default is not None and not equal(value, default):
            phrases.append(f"`{name}={default}`, not `{value}`")
    if not lacking and order != our_order[: len(order)] and set(order) <= set(our_order):
        phrases.append("another order")
    only_named = [n for n in order if n in found and n not in our_order]
    phrases += [f"`{n}` by name only" for n in only_named]
    return phrases


@functools.cache
def source(cls: type) -> str:
    try:
        return inspect.getsource(cls)
    except (OSError, TypeError):
        return ""


def member(cls: type, name: str) -> Any:
    """The member of a class; None for a property or an attribute that its methods set; MISSING."""
    found = inspect.getattr_static(cls, name, MISSING)
    if found is MISSING:
        own = [source(c) for c in cls.__mro__ if c.__module__.startswith("nervure")]
        set_here = rf"self\.{name}\b[^=\n]*[^=!<>\n]?= |^    {name}: |__slots__ = .*\"{name}\""
        return None if any(re.search(set_here, text, flags=re.M) for text in own) else MISSING
    return found


def member_differences(cls: type, name: str, theirs: list[str] | None) -> list[str] | None:
    """What differs in a method or property; None if it is absent."""
    found = member(cls, name)
    if found is MISSING:
        return None
    method = callable(found) or isinstance(found, (classmethod, staticmethod))
    if (theirs is not None) != method:
        return ["a method" if method else "an attribute"]
    if theirs is None:
        return []
    if isinstance(found, staticmethod):
        return compared(theirs, parameters(found.__func__))
    return compared(theirs, without_self(parameters(getattr(found, "__func__", found))))


def differences(fact: dict[str, Any], value: Any, name: str) -> list[str]:
    """What differs between one name of Keras and ours."""
    if fact["kind"] == "function":
        return compared(fact["parameters"], parameters(value))
    if fact["kind"] != "class":
        return []
    if not isinstance(value, type):
        return ["not a class"]
    phrases = compared(fact["parameters"], without_self(parameters(value.__init__)))  # type: ignore[misc]
    if name in METHODS_OF:
        return phrases  # its methods have a table of their own
    lacking = []
    for method, theirs in fact["members"].items():
        if method in HELPERS | absent_in_bases():
            continue
        found = member_differences(value, method, theirs)
        if found is None:
            lacking.append(f"`{method}`")
        else:
            phrases += [f"`{method}`: {phrase}" for phrase in found]
    return phrases + ([f"no {', '.join(lacking)}"] if lacking else [])


@functools.cache
def absent_in_bases() -> set[str]:
    """Methods that a base class lacks are told once, with that class."""
    return {name for base in BASES.values() for name in methods(base)[2]}


def says_absent(module: Any, name: str) -> bool:
    try:
        getattr(module, name)
    except AttributeError as error:
        return "Keras has it" in str(error)
    return False


def modules() -> Iterator[Module]:
    """All of Keras's public modules, compared."""
    paths = sorted(facts()["modules"], key=lambda p: (_place(p), p))
    for path in paths:
        names = facts()["modules"][path]
        result = Module(path)
        try:
            module = importlib.import_module(ours(path))
        except ImportError:
            result.here = False
            yield result
            continue
        for name, fact in names.items():
            if fact["kind"] == "module":
                result.names.update({name: []} if hasattr(module, name) else {})
                if hasattr(module, name):
                    continue
            value = getattr(module, name, MISSING)
            if value is not MISSING:
                result.names[name] = differences(fact, value, name)
                continue
            result.absent.append(name)
            if not says_absent(module, name):
                result.unnamed.append(name)
        yield result


def _place(path: str) -> int:
    short = path.removeprefix("keras.")
    return FIRST.index(short) if short in FIRST else len(FIRST)


def methods(name: str) -> tuple[list[str], dict[str, list[str]], list[str]]:
    """The public members of a base class: the same, those that differ, the absent."""
    import nervure as nv

    cls = getattr(nv.callbacks if name == "Callback" else nv, name)
    home = facts()["modules"]["keras.callbacks" if name == "Callback" else "keras"]
    same, differing, absent = [], {}, []
    for method, theirs in home[name]["members"].items():
        found = member_differences(cls, method, theirs) if method not in HELPERS else []
        if found is None:
            absent.append(method)
        elif found:
            differing[method] = found
        else:
            same.append(method)
    return same, differing, absent


def wrapped(text: str, indent: str = "", width: int = 124) -> str:
    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def listed(label: str, names: list[str]) -> list[str]:
    return [wrapped(f"{label} ({len(names)}): " + ", ".join(f"`{n}`" for n in names) + "."), ""] if names else []


def differing(items: dict[str, list[str]]) -> list[str]:
    lines = [wrapped(f"- `{name}`: {'; '.join(phrases)}.", indent="  ") for name, phrases in items.items()]
    return [*lines, ""] if lines else []


def table() -> str:
    """All that stands between the markers."""
    found = list(modules())
    lines = [
        f"Keras {facts()['version']}, by module. *Same* means that the parameters, their order and their defaults were",
        "compared, and for classes those of their public methods too.",
        "",
        "| module | same | differ | absent |",
        "|---|---|---|---|",
    ]
    for one in found:
        if one.here:
            lines.append(f"| `{one.path}` | {len(one.of(True))} | {len(one.of(False))} | {len(one.absent)} |")
    gone = {one.path for one in found if not one.here}
    whole = [f"`{path}`" for path in sorted(gone) if path.rpartition(".")[0] not in gone]
    lines += ["", wrapped("Absent as a whole: " + ", ".join(whole) + "."), ""]
    for one in found:
        if one.here and one.path not in SAME_ELSEWHERE:
            lines += [f"### {one.path}", "", *listed("Same", one.of(True))]
            if one.of(False):
                lines += [f"Differ ({len(one.of(False))}):", "", *differing({n: one.names[n] for n in one.of(False)})]
            lines += listed("Absent", one.absent)
    lines += ["### Methods and attributes of the base classes", ""]
    for name in METHODS_OF:
        same, other, absent = methods(name)
        lines += [f"#### {name}", "", *listed("Same", same)]
        lines += [f"Differ ({len(other)}):", "", *differing(other)] if other else []
        lines += listed("Absent", absent)
    lines += ["### Arguments of compile, fit, evaluate and predict", "", *arguments()]
    return "\n".join(lines).rstrip()


def arguments() -> list[str]:
    """Each argument with Keras's default, and whether it is ours."""
    import nervure as nv

    members = facts()["modules"]["keras"]["Model"]["members"]
    lines = ["| method | arguments with the same defaults | differ |", "|---|---|---|"]
    for name in ("compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"):
        theirs, here = members[name], without_self(parameters(getattr(nv.Model, name))) or []
        same = [f"`{text}`" for text in theirs if text in here]
        phrases = compared(theirs, here)
        lines.append(f"| `{name}` | {', '.join(same)} | {'; '.join(phrases) or 'none'} |")
    return lines


def page(text: str) -> str:
    """The page with the table of today."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def absent_source(text: str) -> str:
    """nervure/_absent.py with the names that are absent today."""
    lines = []
    for one in sorted(modules(), key=lambda one: one.path):
        if one.absent and one.path not in SAME_ELSEWHERE:
            row = f'    "{ours(one.path)}": "{" ".join(one.absent)}",'
            if len(row) > 120:
                names = textwrap.indent(wrapped(" ".join(one.absent), width=108), " " * 8)
                row = f'    "{ours(one.path)}": """\n{names}\n    """,'
            lines.append(row)
    before, rest = text.split("_IN_KERAS = {\n", 1)
    return f"{before}_IN_KERAS = {{\n" + "\n".join(lines) + "\n}\n" + rest.split("\n}\n", 1)[1]


def report() -> None:
    """Every difference, one a line; for those who work on nervure."""
    for one in modules():
        for name in one.of(False):
            print(f"{one.path}.{name}: {'; '.join(one.names[name])}")
        if one.unnamed:
            print(f"{one.path}: absent without saying so: {' '.join(one.unnamed)}")
    for name in METHODS_OF:
        _, other, absent = methods(name)
        for method, phrases in other.items():
            print(f"{name}.{method}: {'; '.join(phrases)}")
        print(f"{name}: absent {' '.join(absent)}")


if __name__ == "__main__":
    if "--report" in sys.argv:
        report()
    else:
        PAGE.write_text(page(PAGE.read_text()))
        ABSENT.write_text(absent_source(ABSENT.read_text()))
