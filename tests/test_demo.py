"""`python -m nervure` and its demo, as a user runs them."""

import re
import subprocess
import sys

import nervure.demo
import numpy as np
import pytest
from nervure.__main__ import main


def test_demo_learns_and_repeats_bit_for_bit(run_python) -> None:
    """Whatever the number of threads: the same table, accuracy and weights."""
    outputs = [run_python("-W", "error", "-m", "nervure", "demo", NERVURE_NUM_THREADS=n) for n in ("1", "2")]
    for text in outputs:
        accuracy = float(re.search(r"accuracy on held-out digits: (\d\.\d+)", text)[1])
        assert 0.97 <= accuracy <= 1
        assert re.search(r"time per step: \d+ us", text)
        assert "doi 10.24432/C50P49" in text and "CC BY 4.0" in text
        fixed = [line for line in text.splitlines() if "step - " not in line]
        assert max(map(len, fixed)) < 80
        assert f"Epoch {nervure.demo.EPOCHS}/{nervure.demo.EPOCHS}" in text and "val_accuracy" in text
        rows = re.findall(r"^ {4}(\d)((?: +(?:\d+|\.)){10})$", text, re.M)
        table = np.array([[0 if c == "." else int(c) for c in row.split()] for _, row in rows])
        assert table.shape == (10, 10) and table.sum() == 355
        assert np.trace(table) / 355 == pytest.approx(accuracy, abs=5e-5)
    weights = [re.search(r"weights: ([0-9a-f]{16})", text)[1] for text in outputs]
    assert weights[0] == weights[1]


def test_confusion_counts() -> None:
    table = nervure.demo.confusion(np.array([0, 2, 2, 1]), np.array([0, 2, 1, 1]), classes=3)
    assert table.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


def test_without_a_command_it_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m nervure [demo")
    assert nervure.__version__ in text and "threads" in text and "isa" in text
    for help_wanted in (["--help"], ["-h"], ["demo", "--help"]):
        assert main(help_wanted) == 0
        assert capsys.readouterr().out == text
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{nervure.__version__}\n"


def test_a_reader_that_has_seen_enough() -> None:
    done = subprocess.Popen(
        [sys.executable, "-u", "-m", "nervure", "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert done.stdout is not None and done.stderr is not None
    done.stdout.readline()
    done.stdout.close()
    assert done.wait(60) == 0 and done.stderr.read() == ""
    done.stderr.close()


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dance"]) == 2
    assert "unknown command: dance" in capsys.readouterr().err
    done = subprocess.run([sys.executable, "-m", "nervure", "demo", "now"], capture_output=True, text=True)
    assert done.returncode == 2 and "unknown command: demo now" in done.stderr
