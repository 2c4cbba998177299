"""nervure against values made with Keras 3.15.1 (see golden/make_golden.py): the same programs, another module."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nervure
import numpy as np
import pytest
from golden.cases import CASES

GOLDEN: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "golden" / "golden.json").read_text())

# Relative and absolute. A whole run accumulates what each step rounds differently; initializers are compared by
# statistics of 30,000 numbers or more.
TOLERANCE = {"train": (1e-4, 1e-4), "initializer": (1e-6, 0.03)}


def test_every_case_has_its_values() -> None:
    assert set(GOLDEN) - {"keras"} == set(CASES)
    assert GOLDEN["keras"] == "3.15.1"


@pytest.mark.parametrize("name", CASES)
def test_as_keras(name: str) -> None:
    expected, got = GOLDEN[name], CASES[name](nervure)
    rtol, atol = TOLERANCE.get(name.split("/")[0], (2e-5, 2e-6))
    assert set(got) == set(expected)
    for key, value in expected.items():
        if isinstance(got[key], list):
            assert got[key] == value, key
            continue
        assert np.shape(got[key]) == np.shape(value), key
        np.testing.assert_allclose(got[key], value, rtol, atol, err_msg=key)


@pytest.mark.parametrize("isa", [isa.strip() for isa in nervure._core.config()["isas"].split(",")][1:])
def test_as_keras_on_every_instruction_set(isa: str, run_python: Callable[..., str]) -> None:
    """All of the above once more, in a process for each instruction set this machine has beside the one in use."""
    arguments = ("-m", "pytest", "-p", "no:cacheprovider", "-k", "test_as_keras and not on_every_instruction", __file__)
    text = run_python(*arguments, NERVURE_ISA=isa)
    assert f"{len(CASES)} passed" in text
