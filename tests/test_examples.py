"""Every notebook in examples/ runs from a clean kernel without an error or a warning; the benchmarks run too."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nervure
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS, PROGRAM = sorted(EXAMPLES.glob("*.ipynb")), EXAMPLES / "keras_program.py"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")  # Jupyter's own packages warn
def test_notebook(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is in the dev extra")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is in the dev extra")
    pytest.importorskip("ipykernel", reason="ipykernel is in the dev extra")
    places = [str(Path(nervure.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, places)))
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        assert not cell.get("outputs"), "notebooks are kept without outputs"
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs and not [o for o in outputs if o.output_type == "stream" and o.name == "stderr"]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


def test_a_keras_program_runs(run_python: Callable[..., str]) -> None:
    text = run_python(str(PROGRAM))
    assert text.startswith("nervure: 3036 parameters") and "kind_accuracy" in text
    assert run_python(str(PROGRAM), "nervure") == text, "the program sets its seed"


def test_a_keras_program_runs_with_keras(run_python: Callable[..., str]) -> None:
    if importlib.util.find_spec("keras") is None:
        pytest.skip("Keras is no part of the dev extra")
    assert "keras: 3036 parameters" in run_python(str(PROGRAM), "keras")


def test_the_keras_program_uses_nothing_but_keras() -> None:
    assert not re.search(r"\b(nervure|nv)\.", PROGRAM.read_text())


def test_benchmark_prints_its_table(run_python: Callable[..., str]) -> None:
    script = Path(__file__).parent.parent / "benchmarks" / "run.py"
    text = run_python(str(script), "tiny", "--turns", "1", "--seconds", "0.01", "--readme")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == "| work | nervure | best peer | faster |" and len(rows) == 3
    assert re.match(r"\| 8-32-32-1 ReLU, batch 32 \| [*\d]\S* us", rows[2]) or "ms" in rows[2]


def test_benchmark_of_full_batch_prints_its_table(run_python: Callable[..., str]) -> None:
    script = Path(__file__).parent.parent / "benchmarks" / "full_batch.py"
    text = run_python(str(script), "lm", "--turns", "1")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert rows[0][0] == "| lm, float64" and rows[2][0] == "| nervure LevenbergMarquardt"
    assert float(rows[2][5]) <= 1e-6, "checked in NumPy"


def test_benchmark_says_which_works_there_are() -> None:
    script = Path(__file__).parent.parent / "benchmarks" / "run.py"
    done = subprocess.run([sys.executable, str(script), "huge"], capture_output=True, text=True)
    assert done.returncode == 2 and "no such work: huge" in done.stderr and "tiny" in done.stderr
