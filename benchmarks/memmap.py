"""Trains on a memory-mapped file larger than the memory: python benchmarks/memmap.py [GB [COLUMNS]]

Prints the time of an epoch, shuffled, and the most memory the process held. The file is sparse: it takes no disk.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import nervure as nv
import numpy as np


def main() -> None:
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    columns = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    rows = int(gigabytes * 1e9 / 4 / columns)
    with tempfile.TemporaryDirectory() as folder:
        for name, width in (("x", columns), ("y", 1)):
            np.memmap(Path(folder) / name, "float32", "w+", shape=(rows, width))[::100_000] = 1.0
        x, y = (np.memmap(Path(folder) / n, "float32", "r", shape=(rows, w)) for n, w in (("x", columns), ("y", 1)))
        model = nv.Sequential([nv.Input((columns,)), nv.layers.Dense(8, activation="relu"), nv.layers.Dense(1)])
        model.compile("sgd", "mse")
        start = time.perf_counter()
        model.fit(x, y, batch_size=1024, verbose=0)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # of kilobytes, on Linux
    print(f"{rows:,} rows of {columns} ({gigabytes:g} GB): {seconds:.0f} s an epoch, at most {peak:.0f} MB of memory")


if __name__ == "__main__":
    main()
