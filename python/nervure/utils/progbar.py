"""`Progbar`: progress in a terminal, a notebook, or a log file.

In a terminal and in a notebook one line is redrawn in place: what is seen is what Keras shows, to the character, but a
line is taken back by a carriage return alone, and while it is live it is cut to the width of the terminal, where a
wrapped line could not be taken back. Where the output is a file or a pipe nothing is redrawn: an epoch leaves one plain
line when it is done, without colours or control characters, since a log is read later and by programs.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .io_utils import print_msg

__all__ = ["Progbar"]

_BOLD, _GREEN, _GREY, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


def _redraws(stream: Any) -> bool:
    """Can `stream` redraw a line: is it a terminal or a notebook?"""
    if type(stream).__module__.partition(".")[0] in ("ipykernel", "colabtools", "google"):
        return True
    try:
        terminal = bool(stream.isatty())
    except (AttributeError, ValueError):
        terminal = False
    return (terminal and os.environ.get("TERM") != "dumb") or "PYCHARM_HOSTED" in os.environ


def _columns(stream: Any) -> int:
    """The width of a terminal; 0 of what has none, such as a notebook, which wraps lines and takes them back whole."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (AttributeError, ValueError, OSError):
        return 0


def _number(value: Any) -> str:
    if isinstance(value, str):
        return value
    value = float(np.mean(value))
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"


def _span(seconds: float) -> str:
    seconds = int(seconds)
    if seconds >= 3600:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"
    return f"{seconds // 60}:{seconds % 60:02d}" if seconds >= 60 else f"{seconds}s"


def _cut(parts: list[tuple[str, str]], room: int) -> list[tuple[str, str]]:
    """The first `room` characters of a line of styled parts."""
    kept = []
    for style, text in parts:
        kept.append((style, text[:room]))
        room = max(room - len(text), 0)
    return kept


class Progbar:
    """A progress bar for `target` steps (None if unknown).

    verbose: 0 silent, 1 a bar, 2 one line at the end. Values are averaged over the steps they are given for, unless
    their names are in `stateful_metrics`, which are shown as they come. If `stateless_metrics` are given, only these
    are averaged; ValueError if both are. `interval` is the least time between two drawings, in seconds.

    >>> bar = Progbar(3, verbose=0)
    >>> bar.update(3, [("loss", 0.5)])
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        self.target, self.width, self.verbose, self.interval, self.unit_name = (
            target,
            width,
            verbose if sys.stdout is not None else 0,  # as where a program runs without a console
            interval,
            unit_name,
        )
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Only one of `stateful_metrics` and `stateless_metrics` can be given: with the first all other values "
                "are averaged, with the second no others are"
            )
        self._stateless = None if stateless_metrics is None else set(stateless_metrics)
        self._stateful = set(stateful_metrics or ())
        self._dynamic = _redraws(sys.stdout)
        self._values: dict[str, tuple[Any, float]] = {}  # sum and weight
        self._seen = 0
        self._start = time.perf_counter()
        self._first: float | None = None  # when the first step was done: it is slower than the others
        self._last = -math.inf
        self._drawn = 0  # characters on the line

    @property
    def live(self) -> bool:
        """Does it show anything before the end?"""
        return self.verbose == 1 and self._dynamic

    def add(self, n: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """`n` more steps are done."""
        self.update(self._seen + n, values)

    def update(
        self, current: int, values: Sequence[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """`current` steps are done. The last drawing is made when it reaches the target, or with finalize=True."""
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            averaged = name in self._stateless if self._stateless is not None else name not in self._stateful
            if not averaged or finalize:
                self._values[name] = (value, 1.0)
            else:
                total, weight = self._values.get(name, (0.0, 0.0))
                steps = max(current - self._seen, 1)
                self._values[name] = (total + value * steps, weight + steps)
        self._seen = current
        now = time.perf_counter()
        if self._first is None and current > 0:
            self._first = now if current == 1 else math.nan
        if self.verbose == 1:
            if finalize or (self._dynamic and now - self._last >= self.interval):
                self._draw(current, now, finalize)
                self._last = now
        elif self.verbose == 2 and finalize:
            self._write(
                f"{self._count(current)} - {now - self._start:.0f}s - {self._pace(current, now)}{self._metrics()}\n"
            )

    def _write(self, text: str) -> None:
        print_msg(text, line_break=False, stream=sys.stdout)

    def _count(self, current: int) -> str:
        if self.target is None or self.target <= 0:
            return f"{current:7d}/Unknown"
        return f"{current:{len(str(self.target))}d}/{self.target}"

    def _per_step(self, current: int, now: float) -> float:
        if current == 0:
            return 0.0
        if self._first is not None and current > 1 and not math.isnan(self._first):
            return (now - self._first) / (current - 1)
        return (now - self._start) / current

    def _pace(self, current: int, now: float) -> str:
        seconds = self._per_step(current, now)
        for scale, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
            if seconds == 0 or seconds * scale >= 1 or unit == "us":
                return f"{seconds * scale:.0f}{unit}/{self.unit_name}"
        return ""

    def _metrics(self) -> str:
        means = {name: total if weight == 1 else total / weight for name, (total, weight) in self._values.items()}
        return "".join(f" - {name}: {_number(mean)}" for name, mean in means.items())

    def _draw(self, current: int, now: float, finalize: bool) -> None:
        known = self.target is not None and self.target > 0
        waiting = known and not finalize
        rest = self._per_step(current, now) * ((self.target or 0) - current)
        clock = _span(rest) if waiting else f"{now - self._start:.0f}s"
        done = min(self.width, self.width * current // (self.target or 1)) if known else 0
        parts = [(_BOLD, self._count(current))]
        if known:
            parts += [("", " "), (_GREEN, "━" * done), (_GREY, "━" * (self.width - done))]
        parts += [("", " "), (_BOLD, clock), ("", f" {self._pace(current, now)}{self._metrics()}")]
        if not finalize and (room := _columns(sys.stdout)):
            parts = _cut(parts, room - 1)
        parts = [(style, text) for style, text in parts if text]
        length = sum(len(text) for _, text in parts)
        if not self._dynamic:
            self._write("".join(text for _, text in parts) + "\n")
            return
        line = "".join(f"{style}{text}{_PLAIN}" if style else text for style, text in parts)
        self._write("\r" + line + " " * max(0, self._drawn - length) + ("\n" if finalize else ""))
        self._drawn = length
