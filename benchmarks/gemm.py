"""Times the core's GEMM beside NumPy's (OpenBLAS): python benchmarks/gemm.py [MxKxN[a][b] ...] [options]

A shape is C[M, N] = A[M, K] B[K, N]; `a` after it: A is stored transposed, as for a weight's gradient; `b`: B is, as
for an input's gradient. Each side is a process of its own and they take turns; a rate is the median over the turns
(best in brackets), the ratio the median of each turn's ratio. Builds the C side with make.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from run import ENVIRONMENT, REST, peak_gflops

HERE = Path(__file__).parent
ROOT = HERE.parent
SHAPES = [
    *("32x8x32", "32x32x32", "32x32x1", "8x32x32a", "32x64x64", "64x64x64", "64x64x64a", "64x64x64b", "64x64x10"),
    *("1x784x512", "1x512x512", "128x784x512", "128x512x512", "128x512x10", "784x128x512a", "128x512x784b"),
    *("512x1024x4096", "512x4096x4096", "4096x512x4096a", "512x4096x4096b", "2048x784x512"),
]


def parse(shape: str) -> tuple[int, int, int, int, int]:
    """m, n, k, ta, tb of "MxKxN[a][b]"."""
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)(a?)(b?)", shape)
    if not match:
        raise SystemExit(f"a shape is MxKxN with a, b or ab after it, got {shape!r}")
    m, k, n, ta, tb = match.groups()
    return int(m), int(n), int(k), int(bool(ta)), int(bool(tb))


def numpy_side() -> None:
    """The same lines as benchmarks/gemm.c reads, answered by np.matmul."""
    print("numpy", np.__version__, flush=True)
    known: list[int] = []
    for line in sys.stdin:
        *problem, repeats = map(int, line.split())
        if problem != known:
            known = problem
            dtype, ta, tb, m, n, k = problem
            kind = np.float64 if dtype else np.float32
            rng = np.random.default_rng(0)
            a = rng.random((k, m) if ta else (m, k), dtype=kind)
            b = rng.random((n, k) if tb else (k, n), dtype=kind)
            a, b, c = a.T if ta else a, b.T if tb else b, np.empty((m, n), kind)
        start = time.perf_counter()
        for _ in range(repeats):
            np.matmul(a, b, out=c)
        print(f"{time.perf_counter() - start:.9f}", flush=True)


class Side:
    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        self.name = self.answer()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def seconds(self, problem: str, repeats: int) -> float:
        assert self.process.stdin is not None
        time.sleep(REST)
        print(problem, repeats, file=self.process.stdin, flush=True)
        return float(self.answer())

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def build() -> Path:
    folder = Path(os.environ.get("BUILD", ROOT / "build"))
    library, program = folder / "fast/libnervure.a", folder / "gemm"
    subprocess.run(["make", "-s", "-C", str(ROOT), f"BUILD={folder}", str(library)], check=True)
    flags = ["-std=gnu17", "-O2", "-Icsrc", "-Icsrc/include"]
    command = ["cc", *flags, str(HERE / "gemm.c"), str(library), "-o", str(program), "-pthread", "-lm"]
    subprocess.run(command, check=True, cwd=ROOT)
    return program


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", default=SHAPES)
    parser.add_argument("--float64", action="store_true")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--turn-seconds", type=float, default=0.1)
    parser.add_argument("--numpy", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.numpy:
        numpy_side()
        return
    sides = Side(str(build())), Side(sys.executable, __file__, "--numpy")
    peak = peak_gflops() / (2 if args.float64 else 1)
    print(f"core: {sides[0].name} threads; {sides[1].name}; FMA peak {peak:.0f} GFLOP/s\n")
    print("| shape | us | GFLOP/s (best) | of peak | NumPy GFLOP/s (best) | ratio |\n|---|---|---|---|---|---|")
    for shape in args.shapes:
        m, n, k, ta, tb = parse(shape)
        problem = f"{int(args.float64)} {ta} {tb} {m} {n} {k}"
        repeats = []
        for side in sides:
            side.seconds(problem, 1)
            once = side.seconds(problem, 10) / 10 if m * n * k < 1e8 else side.seconds(problem, 1)
            repeats.append(max(1, round(args.turn_seconds / once)))
        turns = [[s.seconds(problem, r) / r for s, r in zip(sides, repeats)] for _ in range(args.turns)]
        gflop = 2e-9 * m * n * k
        ours, theirs = ([t[side] for t in turns] for side in (0, 1))
        median = statistics.median(ours)
        cells = [
            shape,
            f"{median * 1e6:.2f}",
            f"{gflop / median:.0f} ({gflop / min(ours):.0f})",
            f"{gflop / median / peak:.0%}",
            f"{gflop / statistics.median(theirs):.0f} ({gflop / min(theirs):.0f})",
            f"{statistics.median(t[1] / t[0] for t in turns):.2f}",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)
    for side in sides:
        side.close()


if __name__ == "__main__":
    main()
