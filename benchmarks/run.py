"""Times nervure beside its peers and prints a markdown table: python benchmarks/run.py [WORK ...] [options]

Each side runs in its own process, both alive at once and taking turns, so that whatever else the machine does falls on
both; the figures are medians over the turns, the ratio the median of each turn's ratio. A peer that is not installed is
skipped by name. benchmarks/requirements.txt pins the peers; they may live in another environment (--peers PYTHON).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from works import WORKS, Work

HERE = Path(__file__).parent
ROOT = HERE.parent
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
# Seconds before a turn: a peer's threads spin on for a while after theirs, and would take a processor from this one.
REST = 0.2
# OpenBLAS picks for the machine itself: what a shell may have set does not count.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}


class Side:
    """A warm worker process; `seconds(n)` is how long n repeats take."""

    def __init__(self, python: str, side: str, work: str) -> None:
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), side, work],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == "ready":
                return
        raise RuntimeError(f"{side} failed on {work}")

    def seconds(self, repeats: int) -> float:
        assert self.process.stdin is not None and self.process.stdout is not None
        time.sleep(REST)
        print(repeats, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def installed(python: str, module: str) -> bool:
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, env=ENVIRONMENT).returncode == 0


def measure(work: Work, peers: str, turns: int, turn_seconds: float) -> tuple[float, float, float]:
    """Seconds a step of nervure and of the peer, and how many times faster nervure is; NaN for a peer not installed."""
    names = ["nervure"] + [work.peer] * installed(peers, work.peer)
    sides = [Side(sys.executable if name == "nervure" else peers, name, work.name) for name in names]
    try:
        repeats = [max(1, round(turn_seconds / min(side.seconds(1), side.seconds(1)))) for side in sides]
        times = [
            [side.seconds(n) / n / work.steps for side, n in zip(sides, repeats)] for _ in range(turns)
        ]  # one row a turn
    finally:
        for side in sides:
            side.close()
    if len(sides) == 1:
        return statistics.median(t[0] for t in times), float("nan"), float("nan")
    ours, theirs = (statistics.median(t[k] for t in times) for k in (0, 1))
    return ours, theirs, statistics.median(t[1] / t[0] for t in times)


def peak_gflops() -> float:
    """The machine's measured FMA rate on every CPU, or NaN without a C compiler."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peak"
        build = ["cc", "-O3", "-march=native", "-std=gnu17", "-pthread", str(HERE / "peak.c"), "-o", str(program)]
        try:
            subprocess.run(build, check=True)
            return float(subprocess.run([program, str(THREADS)], check=True, capture_output=True, text=True).stdout)
        except (OSError, subprocess.CalledProcessError):
            return float("nan")


def figure(seconds: float) -> str:
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= scale or unit == "us":
            return f"{seconds / scale:.3g} {unit}" if seconds / scale < 1000 else f"{seconds / scale:,.0f} {unit}"
    raise AssertionError


def speed(works: Sequence[Work], peers: str, turns: int, turn_seconds: float, readme: bool) -> None:
    peak = peak_gflops()
    print(f"{THREADS} CPUs, measured FMA peak {peak:.0f} GFLOP/s in float32; time a step, median of {turns} turns\n")
    columns = ["work", "nervure", "best peer", "faster"] + ([] if readme else ["at least", "aim", "share of peak"])
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for work in works:
        ours, theirs, ratio = measure(work, peers, turns, turn_seconds)
        if theirs != theirs:
            cells = [work.label, figure(ours), f"{work.peer}: not installed", "-"]
        else:
            cells = [work.label, f"**{figure(ours)}**", f"{work.peer} {figure(theirs)}", f"{ratio:.2f}x"]
        if not readme:
            cells += [f"{work.least:g}x", f"{work.aim:g}x", f"{work.flops / ours / peak / 1e7:.0f} %"]
        print("| " + " | ".join(cells) + " |", flush=True)


IMPORT = """
import time, numpy
def rss():
    with open('/proc/self/statm') as f: return int(f.read().split()[1]) * 4096
a, t = rss(), time.perf_counter()
import nervure
b, s = rss(), time.perf_counter()
nervure.Sequential, nervure.losses, nervure.metrics, nervure.callbacks, nervure.optimizers  # the rest comes when used
print(s - t, b - a, time.perf_counter() - t, rss() - a)
"""


def size() -> None:
    """What importing and installing cost. The installed package is what is imported, with the byte code pip made."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "-q"]
        start = time.perf_counter()
        subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, str(ROOT)], check=True)
        build = time.perf_counter() - start
        (wheel,) = Path(folder).glob("*.whl")
        wheel_size = wheel.stat().st_size
        installed_size = sum(item.file_size for item in zipfile.ZipFile(wheel).infolist())
        subprocess.run([*pip, "install", "--no-deps", "--target", f"{folder}/site", str(wheel)], check=True)
        runs = []
        for _ in range(11):
            command = [sys.executable, "-c", IMPORT]
            environment = ENVIRONMENT | {"PYTHONPATH": f"{folder}/site"}
            run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            runs.append([float(word) for word in run.stdout.split()])
    bare, bare_memory, whole, whole_memory = (statistics.median(column) for column in zip(*runs))
    print("| what | here | limit |\n|---|---|---|")
    print(f"| `import nervure` after NumPy | {bare * 1e3:.0f} ms, {bare_memory / 1e6:.1f} MB | 60 ms, 10 MB |")
    print(f"| with all that training uses | {whole * 1e3:.0f} ms, {whole_memory / 1e6:.1f} MB | 60 ms, 10 MB |")
    print(f"| wheel | {wheel_size / 1e6:.2f} MB | 2 MB |")
    print(f"| installed | {installed_size / 1e6:.2f} MB | 4 MB |")
    print(f"| compiled and packed from source | {build:.0f} s | 60 s |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(WORKS)}, size; all if none is named")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="the interpreter that has the peers")
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a turn")
    parser.add_argument("--readme", action="store_true", help="the table as README shows it")
    options = parser.parse_args()
    names = options.works or [*WORKS, "size"]
    unknown = sorted(set(names) - {*WORKS, "size"})
    if unknown:
        parser.error(f"no such work: {', '.join(unknown)}; there are {', '.join(WORKS)} and size")
    if not installed(sys.executable, "nervure"):  # then the one built in place, by `make dev`
        ENVIRONMENT["PYTHONPATH"] = str(ROOT / "python")
    works = [WORKS[name] for name in names if name != "size"]
    if works:
        speed(works, options.peers, options.turns, options.seconds, options.readme)
    if "size" in names:
        print()
        size()


if __name__ == "__main__":
    main()
