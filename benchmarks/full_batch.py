"""Times nervure's full-batch optimizers beside their peers: python benchmarks/full_batch.py [TABLE ...] [options]

  digits   64-64-10 tanh on the embedded digits, cross-entropy to 1e-6: L-BFGS here, in SciPy on jitted JAX, in PyTorch
  lm       1-10-1 tanh on 94 points, mean squared error to 1e-6: Levenberg-Marquardt here and in other packages
  methods  every method on a sine (1-5-1) and on parity (3-10-10-1), from 30 starts, beside its counterparts
  limit    what one evaluation of digits costs beside the machine's peak, and what L-BFGS costs besides

Each side runs in its own process, all alive at once and taking turns; in a turn all begin at the same weights. The
figures are medians over the turns, a ratio the median of each turn's ratio. A peer ends at the first value that reaches
the goal, nervure at the first iteration. Compilation and tracing are not in the times; "first run" has them. Every
result is checked in NumPy and float64. A peer that is not installed is skipped by name. benchmarks/requirements.txt
pins the peers; they may live in another environment (--peers PYTHON).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from full_batch_problems import PROBLEMS, Problem
from run import ENVIRONMENT, REST, ROOT, THREADS, figure, installed, peak_gflops

HERE = Path(__file__).parent


class Peer(NamedTuple):
    label: str
    module: str = "full_batch_jax"
    needs: tuple[str, ...] = ("jax", "scipy")
    environment: tuple[tuple[str, str], ...] = ()


TORCH = "full_batch_torch", ("torch",)
BY_HAND = "full_batch_numpy", ("scipy",)


def ours(method: str) -> Peer:
    return Peer(f"nervure {method}", "full_batch_nervure", ())


DIGITS = [ours("LBFGS"), Peer("SciPy L-BFGS-B"), Peer("torch LBFGS", *TORCH)]
LM = [
    ours("LevenbergMarquardt"),
    Peer("jaxopt", needs=("jaxopt", "scipy")),
    Peer("JAX loop"),
    Peer("optimistix, Cholesky", needs=("optimistix", "scipy")),
    Peer("optimistix, QR", needs=("optimistix", "scipy")),
    Peer("SciPy leastsq, numba", "full_batch_numpy", ("scipy", "numba")),
    Peer("cminpack, numba", "full_batch_numpy", ("cminpack_numba", "numba", "scipy")),
    Peer("SciPy leastsq, NumPy", *BY_HAND),
    Peer("SciPy leastsq, JAX"),
    Peer("SciPy least_squares"),
    Peer("torchimize", "full_batch_torch", ("torch", "torchimize")),
    Peer("torch-levenberg-marquardt", "full_batch_torch", ("torch", "torch_levenberg_marquardt")),
    Peer("pyrenn", "full_batch_numpy", ("pyrenn", "scipy")),
]
METHODS = [
    *map(ours, ("GradientDescent", "LBFGS", "BFGS")),
    *(ours(f"ConjugateGradient {variant}") for variant in ("pr+", "fr", "hs", "dy", "hz")),
    *map(ours, ("ScaledConjugateGradient", "NewtonCG", "TrustRegionNewton", "Newton", "LevenbergMarquardt")),
    ours("BayesianRegularization"),
    Peer("torch LBFGS, 1 thread", *TORCH),
    *map(Peer, ("SciPy L-BFGS-B", "SciPy BFGS", "SciPy CG", "SciPy Newton-CG", "SciPy least_squares")),
]


class Side:
    """A warm worker process; `run(seed)` is what it answers."""

    def __init__(self, python: str, side: Peer, problem: Problem, dtype: str) -> None:
        self.label = side.label
        self.process = subprocess.Popen(
            [python, str(HERE / "full_batch_worker.py"), side.module, side.label, problem.name, dtype],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT | dict(side.environment),
        )  # fmt: skip

    def ready(self) -> bool:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ready "):
                self.first = float(line.split()[1])
                return True
        return False

    def run(self, seed: int, rest: float = REST) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        time.sleep(rest)
        print(seed, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.label} failed from start {seed}")
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def begin(sides: Sequence[Peer], peers: str, problem: Problem, dtype: str) -> list[Side]:
    """The workers of those that are installed, warm; the others are named."""
    out = []
    for side in sides:
        mine = side.module == "full_batch_nervure"
        missing = [m for m in side.needs if not mine and not installed(peers, m)]
        if missing:
            print(f"(no {side.label}: {', '.join(missing)} not installed)")
            continue
        worker = Side(sys.executable if mine else peers, side, problem, dtype)
        if worker.ready():
            out.append(worker)
        else:
            worker.close()
            print(f"(no {side.label}: it failed)")
    return out


def middle(values: Sequence[Any]) -> float:
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else float("nan")


def cell(value: float) -> str:
    return "-" if value != value else f"{value:.0f}"


def race(sides: Sequence[Peer], peers: str, problem: Problem, dtype: str, turns: int) -> None:
    """One table: from a start of its own in each turn, to the problem's goal."""
    workers = begin(sides, peers, problem, dtype)
    try:
        rows = [[w.run(seed) for w in workers] for seed in range(1, turns + 1)]
    finally:
        for w in workers:
            w.close()
    columns = ["time", "iterations", "evaluations", "an iteration", "loss", "nervure is faster", "first run"]
    print(f"| {problem.name}, {dtype} | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    for k, w in enumerate(workers):
        column = [row[k] for row in rows]
        seconds = middle([r["seconds"] for r in column])
        each = middle([r["seconds"] / r["iterations"] for r in column if r["iterations"]])
        ratio = statistics.median(row[k]["seconds"] / row[0]["seconds"] for row in rows)
        missed = sum(r["loss"] > 1.05 * problem.goal for r in column)
        loss = f"{middle([r['loss'] for r in column]):.2g}" + (f", {missed} of {turns} missed" if missed else "")
        cells = [
            w.label,
            figure(seconds),
            *(cell(middle([r[n] for r in column])) for n in ("iterations", "evaluations")),
        ]
        cells += [figure(each) if each == each else "-", loss, f"{ratio:.2f}x" if k else "", figure(w.first)]
        print("| " + " | ".join(cells) + " |", flush=True)
    print()


def methods(peers: str, starts: int) -> None:
    """How often, how fast and with how many evaluations every method reaches the goal."""
    for problem, what in (
        ("sin", "1-5-1, one period of a sine at 41 points"),
        ("parity", "3-10-10-1, parity of 3 bits"),
    ):
        p = PROBLEMS[problem]
        workers = begin(METHODS, peers, p, "float64")
        try:
            rows = [[w.run(seed, rest=0.02) for w in workers] for seed in range(1, starts + 1)]
        finally:
            for w in workers:
                w.close()
        print(f"\n{what}, mean squared error to {p.goal:g} in at most {p.iterations} iterations, float64\n")
        print("| method | time | iterations | evaluations | successes |\n|---|---|---|---|---|")
        for k, w in enumerate(workers):
            good = [row[k] for row in rows if row[k]["loss"] <= p.goal * (1 + 1e-9)]
            name = f"**{w.label.removeprefix('nervure ')}**" if w.label.startswith("nervure ") else w.label
            time_, *counts = (middle([r[n] for r in good]) for n in ("seconds", "iterations", "evaluations"))
            cells = [name, figure(time_) if good else "-", *map(cell, counts), f"{len(good)} of {starts}"]
            print("| " + " | ".join(cells) + " |", flush=True)
    print("\nMedians over the successes.")


def limit(turns: int) -> None:
    """One value with its gradient, and the whole of L-BFGS, of the digits, beside the FMA peak."""
    peak = peak_gflops()
    p = PROBLEMS["digits"]
    print(
        f"{THREADS} CPUs, measured FMA peak {peak:.0f} GFLOP/s in float32; {p.flops() / 1e6:.1f} MFLOP an evaluation\n"
    )
    print("| | one evaluation | of peak | L-BFGS, an iteration | outside of evaluations |\n|---|---|---|---|---|")
    for dtype in ("float32", "float64"):
        (side,) = begin([ours("evaluation")], sys.executable, p, dtype)
        try:
            rows = [side.run(seed) for seed in range(1, turns + 1)]
        finally:
            side.close()
        evaluation = middle([r["seconds"] for r in rows])
        rate = p.flops() / evaluation / 1e9
        iteration = middle([r["fit"] / r["iterations"] for r in rows])
        rest = middle([1 - r["seconds"] * r["evaluations"] / r["fit"] for r in rows])
        share = rate / (peak / (2 if dtype == "float64" else 1))
        print(f"| {dtype} | {figure(evaluation)} | {share:.0%} | {figure(iteration)} | {rest:.1%} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tables = ("digits", "lm", "methods", "limit")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(tables)}; all if none is named")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="the interpreter that has the peers")
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--starts", type=int, default=30, help="of methods")
    options = parser.parse_args()
    unknown = sorted(set(options.tables) - set(tables))
    if unknown:
        parser.error(f"no such table: {', '.join(unknown)}; there are {', '.join(tables)}")
    if not installed(sys.executable, "nervure"):  # then the one built in place, by `make dev`
        ENVIRONMENT["PYTHONPATH"] = str(ROOT / "python")
    for table in options.tables or tables:
        if table == "digits":
            for dtype in ("float32", "float64"):
                race(DIGITS, options.peers, PROBLEMS[table], dtype, options.turns)
        elif table == "lm":
            race(LM, options.peers, PROBLEMS[table], "float64", options.turns)
        elif table == "methods":
            methods(options.peers, options.starts)
        else:
            limit(options.turns)


if __name__ == "__main__":
    main()
