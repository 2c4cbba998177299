"""The pages in docs: their programs run; Keras's table is today's, and no name of Keras is forgotten."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "coming-from-keras.md"


@pytest.fixture(scope="module")
def maker() -> Iterator[ModuleType]:
    sys.path.insert(0, str(DOCS))
    try:
        import make_keras_table

        yield make_keras_table
    finally:
        sys.path.remove(str(DOCS))


def test_the_table_is_up_to_date(maker: ModuleType) -> None:
    text = PAGE.read_text()
    assert maker.page(text) == text, "run: python docs/make_keras_table.py"


def test_a_name_of_keras_is_here_or_said_to_be_absent(maker: ModuleType) -> None:
    forgotten = {one.path: one.unnamed for one in maker.modules() if one.unnamed}
    assert not forgotten, f"add them to nervure._absent, or make them: {forgotten}"


def test_a_module_of_keras_is_here_or_said_to_be_absent(maker: ModuleType) -> None:
    gone = {one.path for one in maker.modules() if not one.here}
    for path in gone:
        parent, _, name = path.rpartition(".")
        if parent in gone:
            continue
        module = maker.importlib.import_module(maker.ours(parent))
        assert maker.says_absent(module, name), f"{path} is absent and {module.__name__} does not say so"


def test_the_names_said_to_be_absent_are_those_of_today(maker: ModuleType) -> None:
    text = maker.ABSENT.read_text()
    assert maker.absent_source(text) == text, "run: python docs/make_keras_table.py"


def programs(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.M | re.S)


def test_the_programs_of_full_batch_run() -> None:
    known: dict[str, Any] = {}
    for block in programs(DOCS / "full-batch.md"):
        exec(compile(block, "full-batch.md", "exec"), known)
    assert known["history"].stop_reason == "the loss reached the goal of 1e-08"
    assert abs(known["found"].x - 1).max() < 1e-6 and known["fit"].r2 > 0.99


def test_the_programs_of_the_page_run() -> None:
    blocks = programs(PAGE)
    known: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), known)
    assert known["history"].history["loss"][-1] < known["history"].history["loss"][0]


def test_the_facts_are_those_of_the_version_of_the_golden_values() -> None:
    facts = json.loads((DOCS / "keras_signatures.json").read_text())
    golden = (Path(__file__).parent / "golden" / "make_golden.py").read_text()
    assert facts["version"] in golden and len(facts["modules"]["keras.layers"]) > 150


@pytest.mark.parametrize(
    "theirs, here, phrases",
    [
        (["x", "axis=-1"], ["x", "axis=-1"], []),
        (["x", "eps=1e-07"], ["x", "eps=1e-7", "more=None"], []),
        (["x", "axis=-1"], ["x", "axis=0"], ["`axis=0`, not `-1`"]),
        (["x", "axis=-1"], ["x"], ["no `axis`"]),
        (["x"], ["y"], ["`x` is `y`"]),
        (["x", "a=1", "b=2"], ["x", "b=2", "a=1"], ["another order"]),
        (["x", "a=1"], ["x", "new=0", "a=1"], ["another order"]),
        (["x", "a=1"], ["x", "*", "a=1"], ["`a` by name only"]),
        (["x", "a=1"], ["x", "a"], ["`a` has no default"]),
        (["x"], ["x", "y"], ["needs `y`"]),
        (["x", "**kwargs"], ["x", "name=None"], []),
        (["x", "a=1"], ["*args", "**kwargs"], ["takes `*args, **kwargs`: not compared"]),
        (["*args", "**kwargs"], ["*args", "**kwargs"], []),
        (["x"], None, ["its parameters could not be compared"]),
    ],
)
def test_differences_of_parameters(
    maker: ModuleType, theirs: list[str], here: list[str] | None, phrases: list[str]
) -> None:
    assert maker.compared(theirs, here) == phrases


def test_a_member_is_found_however_it_is_made(maker: ModuleType) -> None:
    import nervure as nv

    assert maker.member_differences(nv.layers.Layer, "supports_masking", None) == []
    assert maker.member_differences(nv.layers.Dense, "call", ["inputs"]) == []
    assert maker.member_differences(nv.layers.Dense, "call", None) == ["a method"]
    assert maker.member_differences(nv.layers.Layer, "supports_masking", []) == ["an attribute"]
    assert maker.member_differences(nv.layers.Dense, "no_such_member", []) is None
