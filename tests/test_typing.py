"""The types that a user's editor and mypy --strict see."""

import os
import subprocess
import sys
from pathlib import Path

import nervure
import pytest

PROGRAM = Path(__file__).parent / "typed_program.py"
TYPOS = """
import nervure as nv

nv.layers.Dens(3)
nv.Sequentail()
nv.utils.Progbarr(3)
"""


def check(path: Path, cache: Path) -> str:
    pytest.importorskip("mypy", reason="mypy is in the dev extra")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=", str(path)]
    places = {"MYPYPATH": str(Path(nervure.__file__).parent.parent), "MYPY_CACHE_DIR": str(cache)}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | places
    return subprocess.run(command, env=environment, cwd=cache, capture_output=True, text=True).stdout


def test_a_typical_program_has_no_type_errors_and_typos_are_found(tmp_path: Path) -> None:
    assert check(PROGRAM, tmp_path).startswith("Success")
    wrong = tmp_path / "wrong.py"
    wrong.write_text(TYPOS)
    found = check(wrong, tmp_path)
    for line, words in ((4, '"Dens"'), (5, '"Sequentail"'), (6, '"Progbarr"')):
        assert any(f":{line}:" in text and words in text for text in found.splitlines()), found


def test_it_runs(run_python) -> None:
    run_python("-W", "error", str(PROGRAM))
