"""One side of benchmarks/full_batch.py in its own process: full_batch_worker.py MODULE SIDE PROBLEM DTYPE

Says "ready" when warm, with the seconds from nothing to the end of the first run, libraries imported; answers each line
on stdin, the seed of a start, with a line of JSON.
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
    sides = importlib.import_module(module).SIDES
    before = time.perf_counter()
    run = sides[side](problem, dtype)
    run(problem.start(0))
    first = time.perf_counter() - before
    run(problem.start(0))
    print("ready", first, flush=True)
    for line in sys.stdin:
        start = problem.start(int(line))
        before = time.perf_counter()
        out = run(start)
        seconds = time.perf_counter() - before
        w, iterations, evaluations, *more = out
        loss = problem.loss(np.asarray(w, np.float64))  # in NumPy and float64, whoever made w
        answer = {"seconds": more[0] if more else seconds, "iterations": iterations, "evaluations": evaluations}
        if len(more) > 1:
            answer["fit"] = more[1]
        print(json.dumps(answer | {"loss": loss}), flush=True)


if __name__ == "__main__":
    main()
