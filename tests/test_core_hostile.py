"""Arguments nobody should pass, memory that runs out inside Python, and environments that are wrong: an exception,
never a crash, and all as before."""

import copy
import gc
import os
import pickle
import random
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from nervure import _core
from nervure._core import Graph, Loop, Variable

# ---- objects that cannot be copied ----


def test_core_objects_are_neither_pickled_nor_copied():
    graph, variable = Graph(), Variable((3,))
    x = graph.input((3,), "float32")
    plan = graph.plan([x], [graph.op("add", (x, x))])
    for thing in (graph, variable, x, plan, Loop(plan, None, [np.ones(3, np.float32)], 3, 3, [np.ones(3, np.float32)])):
        for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot pickle"):
                duplicate(thing)
        with pytest.raises(TypeError, match="not safe"):
            object.__new__(type(thing))


# ---- random wrong arguments ----


class Broken:
    """A sequence, an int and a float, all of which fail."""

    def __len__(self):
        return 3

    def __getitem__(self, k):
        raise ZeroDivisionError

    def __index__(self):
        raise ZeroDivisionError

    def __float__(self):
        raise ZeroDivisionError


INTS = [0, 1, 2, 3, -1, -2, 17, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63), 2**63, 10**30, True, 1.5, None, "3"]
INTS += [np.int64(3), float("nan"), Broken()]
DTYPES = ["float32", "float64", "int32", "int64", "bool"]
CODES = ["f4", "f4", "f8", "i4", "i8", "?", "u1", "u8", "f2", "c8", ">f4", "O", "S3", "M8[s]"]
REFUSALS = (TypeError, ValueError, IndexError, OverflowError, MemoryError, ZeroDivisionError, BufferError)


class Fuzzer:
    """Builds graphs, plans and loops of whatever comes, and counts what was accepted and what refused."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.rows = {row["name"]: row for row in _core.op_table()}
        self.graphs = [Graph(), Graph()]
        self.nodes, self.variables, self.plans = [], [], []
        self.done = self.refused = 0

    def one_of(self, *choices):
        return self.random.choice(choices)

    def attempt(self, function, *arguments):
        try:
            result = function(*arguments)
        except REFUSALS:
            self.refused += 1
            return None
        self.done += 1
        return result

    def shape(self):
        if self.random.random() < 0.8:
            return tuple(self.one_of(0, 1, 2, 3, 5, 17) for _ in range(self.one_of(0, 1, 2, 2, 3)))
        odd = tuple(self.random.choice(INTS) for _ in range(self.one_of(1, 2, 9, 70)))
        return self.one_of(odd, odd, None, 3, "ab", {1: 2}, Broken(), np.array([2, 3]))

    def dtype(self):
        return self.random.choice([*DTYPES * 3, "float16", "x", "", None, 3, "float32\0", b"float32"])

    def array(self):
        values = 10.0 * np.arange(
            np.prod(shape := tuple(self.one_of(0, 1, 2, 3, 5) for _ in range(self.one_of(0, 1, 2))))
        )
        x = values.reshape(shape).astype(self.random.choice(CODES))
        x = self.one_of(x, x, x.T, x[..., ::-1] if x.ndim else x, np.broadcast_to(x, (2, *x.shape)), np.ma.array(x))
        return self.one_of(x, x, x, x, None, [1, 2], [[1], [1, 2]], object())

    def node(self):
        odd = self.random.random() < 0.03 or not self.nodes
        return self.one_of(None, 3, self.graphs[0], Broken()) if odd else self.random.choice(self.nodes)

    def some_nodes(self):
        if self.random.random() < 0.04:
            return self.one_of(None, 3, "xx", Broken(), {}, set())
        return [self.node() for _ in range(self.one_of(0, 1, 1, 2, 2, 3, 20))]

    def op(self, graph):
        row = self.rows[self.random.choice(list(self.rows))]
        fitting = [self.node() for _ in range(self.random.randint(row["min_in"], min(row["max_in"], 3)))]
        inputs = fitting if self.random.random() < 0.8 else self.some_nodes()
        usual = [self.one_of(0, 1, 1, 2, 0, -1, 3) for _ in range(self.one_of(0, 1, 2, 3, 4, 6, 9))]
        ints = self.one_of(usual, usual, usual, [self.random.choice(INTS) for _ in range(3)], [1] * 40, None, Broken())
        floats = self.one_of((), (), (0.0,), (1.0, 2.0), (float("nan"),), (float("inf"), -1.0), (1, 2, 3), ("x",), None)
        return self.attempt(graph.op, self.one_of(*[row["name"]] * 20, "nope", 3), inputs, ints, floats, self.dtype())

    def plan(self, graph):
        inputs = [n for n in self.nodes if n.op == "input"] if self.random.random() < 0.8 else self.some_nodes()
        updates = [(self.random.choice([*self.variables, None]), self.node()) for _ in range(self.one_of(0, 0, 1, 2))]
        plan = self.attempt(graph.plan, inputs, self.some_nodes(), self.one_of(updates, (), 3), self.some_nodes())
        if plan is not None and plan.stats["arena_bytes"] < 1e8 and plan.stats["cost"] < 1e8:
            self.plans.append(plan)

    def run(self):
        plan = self.random.choice(self.plans)
        assert plan.text and plan.stats
        self.attempt(plan.run, *(self.array() for _ in range(self.one_of(0, 1, 2, 3))))
        n, batch = self.one_of(0, 1, 2, 3, 5, 17, *INTS), self.one_of(1, 2, 4, 0, -1, 2**63 - 1, None)
        arrays = [self.array() for _ in range(self.one_of(0, 1, 2))]
        tail = self.one_of(None, self.random.choice(self.plans), 3)
        loop = self.attempt(
            Loop, self.one_of(plan, None), tail, arrays, n, batch, arrays[:1], self.one_of((), ("a",), 3)
        )
        if loop is not None:
            order = self.one_of(None, np.arange(5), np.array([10**12] * 2), self.array())
            last, seconds = self.one_of(0, 1, 2, 2**40), self.one_of(0.0, 1e-9, float("nan"), -1, "x")
            self.attempt(loop.run, self.one_of(0, 1, -1, None, 2**63), last, seconds, order)

    def step(self):
        graph, k = self.graphs[self.random.random() < 0.05], self.random.random()
        node = None
        if k < 0.15:
            node = self.attempt(graph.input, self.shape(), self.dtype(), self.one_of(None, "x", 3, "a\0b", "é"))
        elif k < 0.25:
            node = self.attempt(graph.constant, self.array())
        elif k < 0.3:
            small = tuple(self.one_of(1, 2, 3) for _ in range(2))
            variable = self.attempt(Variable, self.one_of(small, (2**61,), (-1,), (0, 2**62), None), self.dtype())
            if variable is not None:
                self.variables.append(variable)
                node = self.attempt(graph.variable, variable)
        elif k < 0.75:
            node = self.op(graph)
        elif k < 0.82:
            self.nodes += self.attempt(graph.grad, self.node(), self.some_nodes(), self.one_of(None, self.node())) or []
        elif k < 0.9:
            self.plan(graph)
        elif self.plans:
            self.run()
        if node is not None and np.prod([float(s) for s in node.shape]) < 1e6:
            assert repr(node) and node.inputs is not None and node.ints is not None
            self.nodes.append(node)


@pytest.mark.parametrize("seed", range(12))
def test_random_arguments(seed):
    before, threads = _core.alloc_live(), _core.config()["threads"]
    fuzzer = Fuzzer(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(400):
            fuzzer.step()
    assert fuzzer.done > 40 and fuzzer.refused > 40
    del fuzzer
    gc.collect()
    assert _core.alloc_live() <= before and _core.config()["threads"] == threads


def test_an_order_that_changes_meanwhile():
    """Rows are looked up once and checked then: another thread may write nonsense into the order at any time."""
    graph = Graph()
    x = graph.input((64, 8), "float32")
    plan = graph.plan([x], [])
    rows, order = np.ones((64_000, 8), np.float32), np.arange(64_000)
    loop, done = Loop(plan, None, [rows], 64_000, 64), threading.Event()

    def spoil():
        while not done.is_set():
            order[::7] = 2**60
            order[::7] = 1

    thread = threading.Thread(target=spoil)
    thread.start()
    end, refused = time.perf_counter() + 0.5, 0
    while time.perf_counter() < end:
        try:
            loop.run(0, 1000, 0.0, order)
        except (IndexError, ValueError):
            refused += 1
    done.set()
    thread.join()
    assert refused


# ---- memory that runs out inside Python ----

NO_MEMORY = """
import gc
import numpy as np
import _testcapi
from nervure import _core
from nervure._core import Graph, Loop, Variable

rows, one, out = np.ones((4, 3), np.float32), np.ones(3, np.float32), np.ones((4, 3), np.float32)
order, doubles = np.arange(4), np.ones((4, 3))

def make():
    g, v = Graph(), Variable((3,))
    x, n = g.input((4, 3), "float32", "x"), g.variable(v)
    y = g.op("multiply", (g.op("add", (x, g.constant(one))), n))
    many = [g.input((4, 3), "float32") for _ in range(20)]
    grads = g.grad(y, [n, x])
    g.set_name(y, "y")
    plan = g.plan([x], [y], [(v, g.constant(one))], grads[:1])
    return g, v, x, y, plan, g.plan(many, [g.op("concatenate", many, [0])] * 2)

g, v, x, y, plan, wide = make()
calls = {
    "make": make,
    "run": lambda: plan.run(rows),
    "convert": lambda: plan.run(doubles),
    "many": lambda: wide.run(*[rows] * 20),
    "loop": lambda: Loop(plan, None, [rows], 4, 4, [out], ["x"]).run(0, 1, 0.0, order),
    "look": lambda: (plan.text, plan.stats, plan.gradients, y.inputs, y.shape, y.ints, y.floats, repr(y), repr(v)),
    "ints": lambda: g.op("pad", (x,), list(range(6))),
    "table": _core.op_table,
    "config": _core.config,
    "shuffle": lambda: (_core.permutation(1, 2, 10), _core.permutation_slice(1, 2, 10, 3, 7)),
    "plans": lambda: Loop(plan, None, [rows], 4, 4, [out]).plans,
    "dlpack": lambda: _core.from_dlpack(v),
    "array": lambda: np.asarray(v, dtype=np.float64),
}
for call in calls.values():
    call()
live = _core.alloc_live()
for name, call in calls.items():
    quiet = 0
    for n in range(1, 5000):
        try:
            _testcapi.set_nomemory(n, n + 1)
            try:
                call()
            finally:
                _testcapi.remove_mem_hooks()
        except MemoryError:
            quiet = 0
        else:
            quiet += 1
        if quiet > 100:
            break
    call()
    gc.collect()
    assert _core.alloc_live() <= live, name
print("survived")
"""


def test_whichever_allocation_of_python_fails(run_python):
    pytest.importorskip("_testcapi")
    if "NERVURE_SANITIZED" in os.environ or sys.version_info >= (3, 13):
        pytest.skip("Python's own allocators are not in use, or its hooks are not for threads")
    assert run_python("-c", NO_MEMORY).strip() == "survived"


# ---- environments ----


@pytest.mark.parametrize("value", ["0", "-1", "257", "two", "1.5", "99999999999999999999", "2 3"])
def test_a_wrong_number_of_threads_is_refused_at_import(value, run_python):
    code = "try:\n import nervure\nexcept ValueError as e: print(e)"
    told = run_python("-c", code, NERVURE_NUM_THREADS=value)
    assert f"NERVURE_NUM_THREADS must be a whole number from 1 to 256, got '{value}'" in told


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks here")
def test_as_many_threads_as_the_affinity_mask_allows(run_python):
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from nervure import _core; "
    assert run_python("-c", code + "print(_core.config()['threads'])", NERVURE_NUM_THREADS=None).strip() == "1"


SUBINTERPRETER = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
else:
    import _xxsubinterpreters as interpreters
code = '''
import importlib.machinery, importlib.util
loader = importlib.machinery.ExtensionFileLoader("nervure._core", %r)
try:
    loader.exec_module(importlib.util.module_from_spec(importlib.util.spec_from_loader("nervure._core", loader)))
except ImportError as error:
    assert "subinterpreter" in str(error), error
else:
    raise SystemError("imported")
'''
failed = interpreters.run_string(interpreters.create(), code % sys.argv[1])
assert not failed, failed
print("refused")
"""


def test_subinterpreters_are_refused(run_python):
    assert run_python("-c", SUBINTERPRETER, _core.__file__).strip() == "refused"
