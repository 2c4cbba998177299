"""One side of benchmarks/full_batch.py in its own process: full_batch_worker.py MODULE SIDE PROBLEM DTYPE

Answers each line on stdin, the seed of a start, with a line of JSON; says "ready" when warm.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import numpy as np
from full_batch_problems import PROBLEMS


def main() -> None:
    module, side, name, dtype = sys.argv[1:]
    problem = PROBLEMS[name]
    run = importlib.import_module(module).SIDES[side](problem, dtype)
    for _ in range(2):
        run(problem.start(0))
    print("ready", flush=True)
    for line in sys.stdin:
        start = problem.start(int(line))
        before = time.perf_counter()
        out = run(start)
        seconds = time.perf_counter() - before
        w, iterations, evaluations, *more = out
        loss = problem.loss(np.asarray(w, np.float64))  # in NumPy and float64, whoever made w
        answer = {"seconds": more[0] if more else seconds, "iterations": iterations, "evaluations": evaluations}
        print(json.dumps(answer | {"loss": loss}), flush=True)


if __name__ == "__main__":
    main()
