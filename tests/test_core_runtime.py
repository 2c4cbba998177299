"""Threads, fork, signals, memory: what a long-lived process does to the extension."""

import _thread
import gc
import os
import signal
import threading
import time
import warnings
from contextlib import suppress

import numpy as np
import pytest
from alarms import alarm
from nervure import _core
from nervure._core import Graph, Loop, Variable

ENDLESS = 2**40


def counting(rows=4, width=3):
    """A plan that counts its runs, and the counter."""
    g, steps = Graph(), Variable((), "int64")
    x, count = g.input((rows, width), "float32", "x"), g.variable(steps)
    more = g.op("add", (count, g.op("full", (), (), (1.0,), "int64")))
    return g.plan([x], [], [(steps, more)]), steps.array


def endless():
    """A loop that ends in years, and its counter."""
    plan, steps = counting()
    rows = np.broadcast_to(np.ones((1, 3), np.float32), (4 * ENDLESS, 3))
    return Loop(plan, None, [rows], 4 * ENDLESS, 4), steps


def loop_plan(loop):
    (plan,) = (o for o in gc.get_referents(loop) if type(o) is _core.Plan)
    return plan


def chain(length=6000, size=160):
    """One run of seconds: a chain of matrix products."""
    g = Graph()
    x, w = g.input((size, size), "float32", "x"), g.input((size, size), "float32", "w")
    y = x
    for _ in range(length):
        y = g.op("matmul", (y, w), (0, 0))
    return g.plan([x, w], [y]), np.ones((size, size), np.float32), np.eye(size, dtype=np.float32)


class Stop(Exception):
    pass


def stop(signum, frame):
    stop.at = time.perf_counter()
    raise Stop


# ---- signals ----


def test_a_loop_is_interrupted_between_steps():
    loop, steps = endless()
    with alarm(stop, 0.1), pytest.raises(Stop):
        start = time.perf_counter()
        loop.run(0, ENDLESS)
    assert stop.at - start < 1.0 and time.perf_counter() - stop.at < 1.0
    assert loop.step == steps > 0
    assert loop.run(loop.step, loop.step + 3) == steps  # and goes on as if nothing had happened


@pytest.fixture
def ctrl_c():
    """A process started in the background of a shell ignores SIGINT."""
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, old)


def test_keyboard_interrupt(ctrl_c):
    loop, steps = endless()
    timer = threading.Timer(0.1, _thread.interrupt_main)
    timer.start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        loop.run(0, ENDLESS)
    timer.join()
    assert time.perf_counter() - start < 2.0 and loop.step == steps > 0


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_is_interrupted_inside(threads):
    before = _core.config()["threads"]
    _core.set_threads(threads)
    try:
        plan, x, w = chain()
        start = time.perf_counter()
        plan.run(x, w)
        whole = time.perf_counter() - start
        with alarm(stop, whole / 10), pytest.raises(Stop):
            start = time.perf_counter()
            plan.run(x, w)
        assert time.perf_counter() - start < max(whole / 2, 0.5)
        assert (plan.run(np.zeros_like(x), np.zeros_like(w))[0] == 0).all()
    finally:
        _core.set_threads(before)


def test_a_handler_that_returns_does_not_stop_anything():
    loop, steps = endless()
    calls = []
    with alarm(lambda *_: calls.append(int(steps)), 0.05):
        assert loop.run(0, ENDLESS, seconds=0.2) == steps
    assert len(calls) == 1 and 0 < calls[0] < steps


def test_a_handler_may_run_other_plans_but_not_this_one():
    other, counted = counting()
    plan, mine = counting()
    x = np.ones((4, 3), np.float32)
    loop = Loop(plan, None, [np.broadcast_to(x[:1], (4 * ENDLESS, 3))], 4 * ENDLESS, 4)
    errors = []

    def handler(*_):
        other.run(np.ones((4, 3), np.float32))
        for again in (lambda: loop.run(0, 1), lambda: Loop(plan, None, [x], 4, 4).run(0, 1), lambda: plan.run(x)):
            try:
                again()
            except RuntimeError as error:
                errors.append(str(error))

    with alarm(handler, 0.05):
        assert loop.run(0, ENDLESS, seconds=0.15) == mine
    assert counted == 1 and len(errors) == 3 and "already" in errors[0] and "by this thread already" in errors[2]
    assert plan.run(x) == [] and loop.run(0, 1) == 1


def test_a_shuffle_is_interrupted():
    with alarm(stop, 0.05), pytest.raises(Stop):
        _core.permutation(1, 2, 20_000_000)
    assert time.perf_counter() - stop.at < 0.5


def test_waiting_for_another_thread_is_interrupted():
    """The main thread wants a plan that another thread runs for long: Ctrl-C is answered nevertheless."""
    loop, steps = endless()
    plan = loop_plan(loop)
    thread = threading.Thread(target=lambda: loop.run(0, ENDLESS, 1.0))
    thread.start()
    while steps == 0:
        time.sleep(0.001)
    with alarm(stop, 0.05), pytest.raises(Stop):
        plan.run(np.ones((4, 3), np.float32))
    late, waited = time.perf_counter() - stop.at, thread.is_alive()
    thread.join()
    assert late < 0.5 and waited
    assert plan.run(np.ones((4, 3), np.float32)) == []


# ---- threads ----


def in_threads(*functions):
    """Runs them side by side and gives their results, or raises what one raised."""
    results, errors = [None] * len(functions), []

    def call(k, f):
        try:
            results[k] = f()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(k, f)) for k, f in enumerate(functions)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive()
    if errors:
        raise errors[0]
    return results


def heavy(size=200, length=4):
    """A plan that releases the GIL."""
    plan, x, w = chain(length, size)
    assert plan.stats["cost"] > 50e3
    return plan, x, w


def test_two_threads_run_the_same_plan():
    plan, x, w = heavy()

    def work(scale):
        return all((plan.run(scale * x, w)[0] == scale).all() for _ in range(40))

    assert all(in_threads(lambda: work(1), lambda: work(2), lambda: work(3)))


def test_two_threads_run_their_own_plans():
    def work(scale):
        plan, x, w = heavy()
        return all((plan.run(scale * x, w)[0] == scale).all() for _ in range(40))

    assert all(in_threads(lambda: work(1), lambda: work(2)))


def test_light_plans_in_threads():
    plan, steps = counting()
    x = np.ones((4, 3), np.float32)

    def work():
        for _ in range(2000):
            plan.run(x)

    in_threads(work, work, work)
    assert steps == 6000


def test_light_runs_wait_for_a_loop_over_the_same_plan():
    plan, steps = counting()
    x = np.ones((4000, 3), np.float32)
    loop = Loop(plan, None, [x], 4000, 4)

    def runs():
        for _ in range(500):
            plan.run(x[:4])

    in_threads(runs, lambda: [loop.run(0, 1000) for _ in range(5)])
    assert steps == 5500


def test_a_loop_runs_once_at_a_time():
    loop, steps = endless()
    started, seen = threading.Event(), []

    def second():
        started.wait()
        while steps == 0:
            time.sleep(0.001)
        try:
            loop.run(0, 1)
        except RuntimeError as error:
            seen.append(str(error))

    def first():
        started.set()
        loop.run(0, ENDLESS, 0.3)

    in_threads(first, second)
    assert seen == ["this loop is running already"]


def test_python_runs_while_c_does():
    loop, steps = endless()
    thread = threading.Thread(target=lambda: loop.run(0, ENDLESS, 0.3))
    ticks = 0
    thread.start()
    while thread.is_alive():
        ticks += 1
        time.sleep(0.005)
    thread.join()
    assert ticks > 10 and steps > 0


def test_many_threads_build_their_own_graphs():
    def work():
        for _ in range(20):
            g = Graph()
            x = g.input((8,), "float32", "x")
            y = x
            for _ in range(30):
                y = g.op("add", (y, x))
            if (g.plan([x], [y]).run(np.ones(8))[0] != 31).any():
                return False
        return True

    assert all(in_threads(*[work] * 4))


# ---- fork ----


def forked(child):
    """Runs `child` in a forked process and gives its exit code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forking with threads
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if child() else 2
        finally:
            os._exit(code)
    for _ in range(600):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hangs"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork():
    plan, x, w = heavy()
    expected = plan.run(x, w)[0]
    assert forked(lambda: np.array_equal(plan.run(x, w)[0], expected)) == 0
    assert forked(lambda: forked(lambda: np.array_equal(plan.run(x, w)[0], expected)) == 0) == 0
    assert np.array_equal(plan.run(x, w)[0], expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_fork_while_another_thread_runs():
    loop, steps = endless()
    plan, x, w = heavy()
    busy_plan, busy_steps = counting()
    rows = np.broadcast_to(np.ones((1, 3), np.float32), (4 * ENDLESS, 3))
    busy = Loop(busy_plan, None, [rows], 4 * ENDLESS, 4)
    thread = threading.Thread(target=lambda: busy.run(0, ENDLESS, 1.0))
    thread.start()
    while busy_steps == 0:
        time.sleep(0.001)

    def reused():
        """The plan that was being run, and its loop, are free again in the child, on other threads too."""
        x = np.ones((4, 3), np.float32)
        before = int(busy_steps)
        in_threads(lambda: busy_plan.run(x), lambda: busy.run(0, 2))
        return busy_plan.run(x) == [] and busy.run(0, 2) == 2 and busy_steps == before + 6

    def interrupted():
        with alarm(stop, 0.1):
            try:
                loop.run(0, ENDLESS)
            except Stop:
                return loop.step == steps

    assert forked(lambda: (plan.run(x, w)[0] == 1).all()) == 0
    assert forked(reused) == 0
    assert forked(interrupted) == 0
    thread.join()
    assert busy_plan.run(np.ones((4, 3), np.float32)) == []


FORK_IN_A_HANDLER = """
import os, signal, sys
import numpy as np
from nervure._core import Graph, set_threads

set_threads(2)
g = Graph()
x, w = g.input((200, 200), "float32"), g.input((200, 200), "float32")
y = x
for _ in range(1000):
    y = g.op("matmul", (y, w), (0, 0))
plan, x, w = g.plan([x, w], [y]), np.ones((200, 200), np.float32), np.eye(200, dtype=np.float32)
child = None

def fork(*_):
    global child
    child = os.fork()

signal.signal(signal.SIGALRM, fork)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    right = (plan.run(x, w)[0] == 1).all()
except RuntimeError as error:  # the child, unless it had been computing alone
    assert child == 0 and "forked" in str(error), error
else:
    assert right
if child == 0:
    signal.alarm(20)  # a hang is a failure
    ok = (plan.run(x, w)[0] == 1).all()
    os._exit(0 if ok else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_handler_that_forks(run_python):
    assert run_python("-W", "ignore::DeprecationWarning", "-c", FORK_IN_A_HANDLER).strip() == "0"


# ---- the end of the interpreter ----

DAEMON = """
import threading, time
import numpy as np
from nervure._core import Graph, Loop, Variable

g, steps = Graph(), Variable((), "int64")
x, count = g.input((4, 3), "float32", "x"), g.variable(steps)
plan = g.plan([x], [], [(steps, g.op("add", (count, g.op("full", (), (), (1.0,), "int64"))))])
rows = np.broadcast_to(np.ones((1, 3), np.float32), (4 * 2**40, 3))
loop = Loop(plan, None, [rows], 4 * 2**40, 4)
threading.Thread(target=loop.run, args=(0, 2**40), daemon=True).start()
while steps.array == 0:
    time.sleep(0.001)
print("left")
"""


def test_the_interpreter_ends_while_a_daemon_thread_runs(run_python):
    assert run_python("-c", DAEMON).strip() == "left"


def test_waiting_threads_use_no_processor():
    before = _core.config()["threads"]
    _core.set_threads(2)
    try:
        plan, x, w = heavy()
        for _ in range(20):
            plan.run(x, w)
        time.sleep(0.05)
        start = time.process_time()
        time.sleep(1.0)
        assert time.process_time() - start < 0.02
    finally:
        _core.set_threads(before)


# ---- memory ----


def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif("NERVURE_SANITIZED" in os.environ, reason="a sanitizer keeps what was freed")
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_no_growth_in_a_hundred_thousand_runs():
    g = Graph()
    x = g.input((8, 16), "float32", "x")
    plan = g.plan([x], [g.op("add", (x, x))])
    right, other = np.ones((8, 16), np.float32), np.ones((8, 16))
    rows = np.ones((80, 16), np.float32)
    out = np.zeros_like(rows)

    def work(n):
        for _ in range(n):
            plan.run(right)
        for _ in range(n // 10):
            plan.run(other)
            Loop(plan, None, [rows], 80, 8, [out], ["x"]).run(0, 10)
            g.op("add", (x, x))
            _ = Variable((4, 4)).array
            with suppress(ValueError):
                plan.run(rows)

    work(10_000)
    gc.collect()
    count, live, before = len(g), _core.alloc_live(), resident()
    work(100_000)
    gc.collect()
    assert _core.alloc_live() == live and len(g) == count
    assert resident() - before < 1_000_000


def test_plans_and_graphs_are_freed():
    def work():
        g, v = Graph(), Variable((4, 4))
        x = g.input((4, 4), "float32")
        y = g.op("multiply", (g.op("add", (x, g.variable(v))), x))
        plan = g.plan([x], [y], [(v, y)], g.grad(y, [x]))
        plan.run(np.ones((4, 4)))
        with pytest.raises(ValueError):
            g.plan([], [y])

    work()
    gc.collect()
    live = _core.alloc_live()
    for _ in range(100):
        work()
    gc.collect()
    assert _core.alloc_live() == live


def test_whichever_allocation_fails():
    """Every allocation of building, planning and running, made to fail in turn, is a MemoryError that loses nothing."""
    x_value = np.arange(12, dtype=np.float32).reshape(4, 3)

    def work():
        g, v = Graph(), Variable((3,))
        x, n = g.input((4, 3), "float32", "x"), g.variable(v)
        y = g.op("multiply", (g.op("add", (x, g.constant(np.ones(3, np.float32)))), g.op("add", (x, n))))
        plan = g.plan([x], [y], [(v, g.constant(np.ones(3, np.float32)))], g.grad(y, [n]))
        (out,) = plan.run(x_value)
        Loop(plan, None, [x_value], 4, 4, [out], ["x"]).run(0, 1)
        return out, v.array

    def check(out, v):
        assert np.array_equal(out, (x_value + 1) * (x_value + 1)) and (v == 1).all()

    check(*work())
    gc.collect()
    live, failures = _core.alloc_live(), 0
    for n in range(1, 10_000):
        _core.alloc_fail_at(n)
        try:
            result = work()
        except MemoryError:
            failures += 1
        else:
            _core.alloc_fail_at(0)
            check(*result)
            break
        finally:
            _core.alloc_fail_at(0)
        gc.collect(0)
        assert _core.alloc_live() == live, f"allocation {n} failed and something was kept"
        if n % 10 == 0:
            check(*work())
    assert failures == n - 1 > 10
    del result
    gc.collect()
    assert _core.alloc_live() == live


def test_running_out_of_memory_says_of_how_much():
    with pytest.raises(MemoryError, match="1152921504606846976 bytes"):
        Variable((2**58,))


def test_a_failing_allocation_leaves_a_graph_as_it_was():
    g = Graph()
    x = g.input((3,), "float32", "x")
    y = g.op("add", (x, x))
    for make in (
        lambda: g.plan([x], [g.op("multiply", (y, y))], (), g.grad(g.op("multiply", (y, y)), [x])),
        lambda: g.constant(np.ones(100_000, np.float32)),
    ):
        for n in range(1, 1000):
            _core.alloc_fail_at(n)
            try:
                make()
                break
            except MemoryError:
                assert g.find("x") is x and g.op("add", (x, x)) is y
            finally:
                _core.alloc_fail_at(0)
    assert (g.plan([x], [y]).run(np.ones(3))[0] == 2).all()
