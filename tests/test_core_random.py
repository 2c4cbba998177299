"""Random graphs of every op: planning and running them never crashes, and how the work is cut changes no bit.

Each batch of graphs runs in a process of its own, so that a crash is a failed test and not the end of the suite.
"""

import math
import os
import random
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from nervure import _core
from nervure._core import Graph, Variable

DTYPES = ["float32", "float64", "int32", "int64", "bool"]
REFUSED = (ValueError, TypeError, IndexError)


def random_graph(rnd: random.Random):
    """A graph, its inputs and some of its values, most of them of ops on ops."""
    g, rows = Graph(), _core.op_table()
    sizes = rnd.choice([(0, 1, 3), (1, 2, 3), (1, 17, 33), (1, 64, 130)])
    shape = tuple(rnd.choice(sizes) for _ in range(rnd.randrange(4)))
    inputs = [
        g.input(
            shape if rnd.random() < 0.7 else shape[: rnd.randrange(4)],
            rnd.choice(DTYPES) if rnd.random() < 0.5 else "float32",
            f"x{k}",
        )
        for k in range(3)
    ]
    pool = [*inputs, g.variable(Variable(shape[-1:]))]
    for _ in range(rnd.randrange(5, 60)):
        row = rnd.choice(rows)
        n = rnd.choice([row["min_in"], min(row["max_in"], 3)])
        operands = [rnd.choice(pool) for _ in range(n)]
        ndim = len(operands[0].shape) if operands else 2
        ints = [
            rnd.choice([*range(-1, ndim + 1), *sizes]) for _ in range(rnd.choice([0, 1, 1, 2, ndim, ndim, 3 * ndim]))
        ]
        if rnd.random() < 0.2:
            ints = rnd.sample(range(ndim), ndim)  # a permutation
        floats = [rnd.choice([0.0, 1.0, -2.0, np.nan]) for _ in range(rnd.randrange(3))]
        try:
            node = g.op(row["name"], operands, ints, floats, rnd.choice([None, None, *DTYPES]))
        except REFUSED:
            continue
        if math.prod(node.shape) < 100_000:
            pool.append(node)
    floats = [p for p in pool if p.dtype.startswith("float") and p.op != "input"]
    if floats:
        with suppress(*REFUSED):
            pool += g.grad(rnd.choice(floats), [rnd.choice(floats), inputs[0]])
    return g, inputs, rnd.sample(pool, min(len(pool), rnd.randrange(1, 6)))


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def check(seed: int, count: int) -> None:
    rnd, rng, ran = random.Random(seed), np.random.default_rng(seed), 0
    for k in range(count):
        g, inputs, outputs = random_graph(rnd)
        arrays = [(rng.normal(size=i.shape) * 2).astype(i.dtype) for i in inputs]
        try:
            plan = g.plan(inputs, outputs)
            together = plan.run(*arrays)
        except REFUSED as error:
            assert str(error), (seed, k)
            continue
        ran += 1
        assert all(o.shape == n.shape and o.dtype == n.dtype for o, n in zip(together, outputs)), (seed, k)
        assert all(map(same, together, plan.run(*arrays))), (seed, k, "again")
        for node, value in zip(outputs, together):
            assert same(g.plan(inputs, [node]).run(*arrays)[0], value), (seed, k, node, "alone")
        _core.set_threads(1 + k % 3)
    assert ran > count / 2


@pytest.mark.parametrize("seed", range(4))
def test_random_graphs(seed):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-W", "ignore", __file__, str(seed), "150"]
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]


if __name__ == "__main__":
    check(int(sys.argv[1]), int(sys.argv[2]))
