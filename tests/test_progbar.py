"""The progress bar: in a terminal, in a notebook, in a pipe."""

import io
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import nervure as nv
import numpy as np
import pytest
from nervure.utils import Progbar, progbar


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Plain(io.StringIO):
    encoding = "ascii"


def plain(text):
    return re.sub(r"\x1b\[\d+m", "", text)


def screen(text):
    """What a terminal shows: carriage returns go back to the start of the line."""
    lines = []
    for line in plain(text).split("\n"):
        cells = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells))
    return lines


def wrapped(text, columns):
    """The rows that a terminal of so many columns shows."""
    rows, row, column = [""], 0, 0
    for c in plain(text):
        if c == "\r":
            column = 0
        elif c == "\n" or column == columns:
            row, column = row + 1, 0
            rows.append("")
        if c not in "\r\n":
            rows[row] = rows[row][:column] + c + rows[row][column + 1 :]
            column += 1
    return rows


BAR = """
import time
from nervure.utils import Progbar
bar = Progbar(3)
for k in (1, 2, 3):
    time.sleep(0.06)
    bar.update(k, [("a_metric_with_a_long_name", 0.25), ("another", 0.5)])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
@pytest.mark.parametrize("columns", [40, 200])
def test_a_real_terminal(columns):
    """However narrow, each drawing takes back the one before; the last, whole line may wrap."""
    import fcntl
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    path = str(Path(nv.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", BAR],
        stdout=slave,
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
    )
    os.close(slave)
    drawn = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not piece:
            break
        drawn += piece
    os.close(master)
    assert process.wait() == 0
    text = drawn.decode()
    assert text.count("\r\x1b[1m") == 3
    line = "".join(wrapped(text, columns))
    assert re.fullmatch(r"3/3 ━{20} 0s \d+ms/step - a_metric_with_a_long_name: 0.2500 - another: 0.5000", line.rstrip())


def test_values_that_are_not_plain_numbers(clock, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    bar = Progbar(1)
    bar.update(1, [("nan", math.nan), ("inf", -math.inf), ("big", 1e12), ("mean", np.ones((2, 2))), ("note", "warm")])
    shown = " - nan: nan - inf: -inf - big: 1000000000000.0000 - mean: 1.0000 - note: warm\n"
    assert out.getvalue().endswith(shown)


def test_without_a_console(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    Progbar(1).update(1, [("loss", 1.0)])
    fit(verbose=1)


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progbar.time, "perf_counter", lambda: now[0])
    return now


def test_terminal(clock, monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    bar = Progbar(40, stateless_metrics=())
    clock[0] = 1.0
    bar.update(1, [("loss", 12345.678)])
    clock[0] = 3.0
    bar.update(20, [("loss", 0.5)])
    shown = screen(out.getvalue())
    assert [line.rstrip() for line in shown] == ["20/40 " + "━" * 20 + " 2s 105ms/step - loss: 0.5000"]
    assert "\x1b[32m" + "━" * 10 + "\x1b[0m\x1b[37m" + "━" * 10 in out.getvalue()
    clock[0] = 3.01
    drawn = len(out.getvalue())
    bar.update(21, [("loss", 0.4)])
    assert len(out.getvalue()) == drawn  # too soon to draw again
    clock[0] = 5.0
    bar.update(40, [("loss", 0.0000123)])
    shown = screen(out.getvalue())
    assert shown[0].rstrip() == "40/40 " + "━" * 20 + " 5s 103ms/step - loss: 1.2300e-05"
    assert shown[1:] == [""]
    assert "\b" not in out.getvalue()


@pytest.mark.parametrize(
    "left, shown",
    [(59, "59s"), (61, "1:01"), (3700, "1:01:40")],
)
def test_time_left(clock, monkeypatch, left, shown):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    bar = Progbar(left + 1)
    clock[0] = 1.0
    bar.update(1)
    assert f" {shown} 1s/step" in screen(out.getvalue())[0]


def test_pipe(clock, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    bar = Progbar(3)
    for k in (1, 2, 3):
        clock[0] += 0.5
        bar.update(k, [("loss", -0.25), ("mae", 1.0 / k)])
    assert out.getvalue() == "3/3 " + "━" * 20 + " 2s 500ms/step - loss: -0.2500 - mae: 0.3333\n"
    assert not bar.live


def test_streams_that_cannot_print_the_bar(clock, monkeypatch):
    out = Plain()
    monkeypatch.setattr(sys, "stdout", out)
    Progbar(2).update(2, [("loss", 1.0)])
    assert out.getvalue() == "2/2 " + "=" * 20 + " 0s 0s/step - loss: 1.0000\n"


def test_notebook(monkeypatch):
    stream = type("OutStream", (Terminal,), {"__module__": "ipykernel.iostream", "isatty": lambda self: False})()
    monkeypatch.setattr(sys, "stdout", stream)
    bar = Progbar(2)
    assert bar.live
    bar.update(1)
    bar.update(2)
    assert stream.getvalue().count("\r") == 2


def test_line_per_epoch(clock, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    bar = Progbar(12, verbose=2)
    for k in range(1, 13):
        clock[0] += 1e-4
        bar.update(k, [("loss", -0.5)])
    assert out.getvalue() == "12/12 - 0s - 100us/step - loss: -0.5000\n"


def test_silent_and_unknown(monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    Progbar(3, verbose=0).update(3, [("loss", 1)])
    assert out.getvalue() == ""
    bar = Progbar(None)
    bar.add(4)
    assert "      4/Unknown" in plain(out.getvalue())


def test_averages(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    bar = Progbar(10, stateful_metrics=["now"])
    bar.update(2, [("mean", 1.0), ("now", 1.0)])
    bar.update(6, [("mean", 4.0), ("now", 4.0)])
    assert bar._metrics() == " - mean: 3.0000 - now: 4.0000"
    bar.update(10, [("mean", 7.0), ("now", 7.0)])
    assert bar._metrics() == " - mean: 7.0000 - now: 7.0000"


def fit(**kwargs):
    x = np.ones((96, 2), "float32")
    model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(x, x[:, 0], epochs=2, validation_split=0.5, **kwargs)
    return model, x


@pytest.mark.parametrize("verbose", [1, "auto"])
def test_fit_in_a_pipe(capsys, verbose):
    model, x = fit(verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2"
    assert lines[2] == "Epoch 2/2"
    number = r"\d+\.\d{4}(e-\d\d)?"
    assert re.fullmatch(
        rf"2/2 ━{{20}} \ds \d+\w+/step - loss: {number} - mae: {number} - val_loss: {number} - val_mae: {number}",
        lines[1],
    )
    assert len(lines) == 4
    model.evaluate(x, x[:, 0])
    assert re.fullmatch(rf"3/3 ━{{20}} \ds \d+\w+/step - loss: {number} - mae: {number}\n", capsys.readouterr().out)
    model.predict(x)
    assert re.fullmatch(r"3/3 ━{20} \ds \d+\w+/step\n", capsys.readouterr().out)


def test_fit_in_a_terminal(monkeypatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    fit(verbose=1)
    shown = screen(out.getvalue())
    assert [s.split(" ")[0] for s in shown] == ["Epoch", "2/2", "Epoch", "2/2", ""]
    assert "val_mae" in shown[1]


def test_an_unknown_number_of_steps_is_known_in_the_end(capsys):
    logger = nv.callbacks.ProgbarLogger()
    logger.set_params({"verbose": 2, "epochs": 2, "steps": None})
    logger.on_train_begin()
    for epoch in range(2):
        logger.on_epoch_begin(epoch)
        assert logger.bar.target == (None, 12)[epoch]
        logger.made("train", 12)
        logger.made("test", 3)  # validation does not count
        logger.on_epoch_end(epoch, {"loss": 0.5})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/2", "12/12", "Epoch 2/2", "12/12"]


def test_stateful_and_stateless(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    for options, shown in (
        ({}, "1.0000"), ({"stateful_metrics": ["v"]}, "2.0000"), ({"stateless_metrics": []}, "2.0000"),
        ({"stateless_metrics": ["v"]}, "1.0000"),
    ):  # fmt: skip
        bar = Progbar(3, **options)
        bar.update(1, [("v", 0.0)])
        bar.update(2, [("v", 2.0)])
        assert bar._metrics() == f" - v: {shown}"
    with pytest.raises(ValueError, match="Only one of"):
        Progbar(3, stateful_metrics=[], stateless_metrics=[])


def test_fit_lines(capsys):
    fit(verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/2", "2/2", "Epoch 2/2", "2/2"]
    fit(verbose=0)
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("default")  # Jupyter's own packages warn
def test_in_a_real_notebook(monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is in the dev extra")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is in the dev extra")
    pytest.importorskip("ipykernel", reason="ipykernel is in the dev extra")
    monkeypatch.setenv("PYTHONPATH", str(Path(nv.__file__).parent.parent))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(BAR)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    assert {output.output_type for output in outputs} == {"stream"}
    text = "".join(output.text for output in outputs)
    assert "\b" not in text and text.endswith("another: 0.5000\n")
    (line, rest) = screen(text)
    assert re.fullmatch(r"3/3 ━{20} 0s \d+ms/step - a_metric_with_a_long_name: 0.2500 - another: 0.5000 *", line)
    assert rest == ""
