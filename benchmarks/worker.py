"""One side doing one piece of work, in its own process: python benchmarks/worker.py SIDE WORK

Answers each line on stdin, a number of repeats, with the seconds they took; says "ready" when warm.
"""

from __future__ import annotations

import importlib
import sys
import time

from works import WORKS


def main() -> None:
    side, work = importlib.import_module(f"side_{sys.argv[1]}"), WORKS[sys.argv[2]]
    run = side.predictor(work) if work.predict else side.trainer(work)
    run(1)
    run(1)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        run(int(line))
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
