"""Peers of benchmarks/full_batch.py for Levenberg-Marquardt on a network of one input, one hidden layer and one output,
its residuals and Jacobian written by hand: in NumPy and in numba, for MINPACK; and pyrenn, which has its own."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
from full_batch_problems import Problem
from scipy import optimize


class Reached(Exception):
    """The goal is: carries the point."""


def minpack(problem: Problem, f: Any, j: Any, col_deriv: int = 1) -> Any:
    """SciPy's leastsq, the least Python there can be around MINPACK. It ends at the first value that is low enough.

    j is the Jacobian, transposed if col_deriv."""
    goal = problem.goal * len(problem.data()[0])
    limit = problem.iterations

    def run(start: np.ndarray) -> tuple[np.ndarray, Any, Any]:
        count = [0, 0]

        def fun(w: np.ndarray) -> np.ndarray:
            count[0] += 1
            r = f(w)
            if r @ r <= goal:
                raise Reached(w.copy())
            return r

        def slope(w: np.ndarray) -> np.ndarray:
            count[1] += 1
            return j(w)

        try:
            w = optimize.leastsq(fun, start, Dfun=slope, col_deriv=col_deriv, ftol=1e-15, xtol=1e-15, gtol=0,
                                 maxfev=limit)[0]  # fmt: skip
        except Reached as end:
            w = end.args[0]
        return w, count[1], count[0]

    return run


def numpy_side(problem: Problem, dtype: str) -> Any:
    x, y = (a.ravel() for a in problem.data())
    n = problem.widths[1]
    h, kept, jt = np.empty((n, len(x))), np.empty((n, len(x))), np.ones((3 * n + 1, len(x)))

    def f(w: np.ndarray) -> np.ndarray:
        np.multiply(w[:n, None], x, out=h)
        np.add(h, w[n : 2 * n, None], out=h)
        np.tanh(h, out=h)
        r = w[2 * n : 3 * n] @ h
        r += w[3 * n]
        r -= y
        return r

    def j(w: np.ndarray) -> np.ndarray:
        """MINPACK asks for it where it has just asked for f, but perhaps after another point: h is computed anew."""
        np.multiply(w[:n, None], x, out=kept)
        np.add(kept, w[n : 2 * n, None], out=kept)
        np.tanh(kept, out=jt[2 * n : 3 * n])
        np.multiply(jt[2 * n : 3 * n], jt[2 * n : 3 * n], out=kept)
        np.subtract(1.0, kept, out=kept)
        np.multiply(kept, w[2 * n : 3 * n, None], out=jt[n : 2 * n])
        np.multiply(jt[n : 2 * n], x, out=jt[:n])
        return jt

    return minpack(problem, f, j)


def compiled(problem: Problem) -> tuple[Any, Any]:
    """f(w, x, y, r) and j(w, x, jt) in numba."""
    import numba

    n = problem.widths[1]

    @numba.njit(fastmath=True)
    def f(w, x, y, r):
        for i in range(len(x)):
            s = w[3 * n] - y[i]
            for k in range(n):
                s += w[2 * n + k] * np.tanh(w[k] * x[i] + w[n + k])
            r[i] = s

    @numba.njit(fastmath=True)
    def j(w, x, jt):
        for k in range(n):
            for i in range(len(x)):
                h = np.tanh(w[k] * x[i] + w[n + k])
                d = w[2 * n + k] * (1 - h * h)
                jt[k, i] = d * x[i]
                jt[n + k, i] = d
                jt[2 * n + k, i] = h
        jt[3 * n, :] = 1

    return f, j


def numba_side(problem: Problem, dtype: str) -> Any:
    x, y = (a.ravel() for a in problem.data())
    jt = np.ones((problem.parameters, len(x)))
    f, j = compiled(problem)

    def residuals(w: np.ndarray) -> np.ndarray:
        r = np.empty(len(x))
        f(w, x, y, r)
        return r

    def jacobian(w: np.ndarray) -> np.ndarray:
        j(w, x, jt)
        return jt

    return minpack(problem, residuals, jacobian)


def cminpack_side(problem: Problem, dtype: str) -> Any:
    """MINPACK in C, from the package cminpack-numba, calling machine code made by numba: no Python within a run."""
    import ctypes
    from pathlib import Path

    import cminpack_numba
    import numba

    x, y = (a.ravel() for a in problem.data())
    m, n, goal = len(x), problem.parameters, problem.goal * len(x)
    f, j = compiled(problem)

    @numba.cfunc(cminpack_numba.CminpackSignature.lmder())
    def function(data, rows, columns, w, r, jt, stride, what):
        # The Jacobian is stored column by column, as jt here. A negative result ends the run.
        if what == 2:
            j(numba.carray(w, (n,)), x, numba.carray(jt, (n, m)))
            return 0
        out = numba.carray(r, (m,))
        f(numba.carray(w, (n,)), x, y, out)
        s = 0.0
        for i in range(m):
            s += out[i] * out[i]
        return -1 if s <= goal else 0

    lmder = ctypes.CDLL(str(Path(cminpack_numba.__file__).parent / "libcminpack.so")).lmder
    address, number = ctypes.c_void_p(function.address), ctypes.c_double
    r, jt, floats, ints = np.empty(m), np.empty((n, m)), np.empty((5, n)), np.empty(n, np.int32)
    last, trial = np.empty(m), floats[3]
    f_evals, j_evals = ctypes.c_int(), ctypes.c_int()

    def at(a: np.ndarray) -> Any:
        return ctypes.c_void_p(a.ctypes.data)

    diag, qtf, wa1, wa2, wa3 = map(at, floats)
    work = at(ints), qtf, wa1, wa2, wa3, at(last)
    room = at(r), at(jt), m, number(1e-15), number(1e-15), number(0.0), problem.iterations

    def run(start: np.ndarray) -> tuple[np.ndarray, Any, Any]:
        w = start.copy()
        info = lmder(address, None, m, n, at(w), *room, diag, 1, number(100.0), 0, ctypes.byref(f_evals),
                     ctypes.byref(j_evals), *work)  # fmt: skip
        return trial.copy() if info < 0 else w, j_evals.value, f_evals.value

    run.kept = function, r, jt, last, ints  # type: ignore[attr-defined]  # what is known by address only

    return run


def pyrenn_side(problem: Problem, dtype: str) -> Any:
    import pyrenn

    x, y = (a.ravel() for a in problem.data())
    net = pyrenn.CreateNN(list(problem.widths))

    def run(start: np.ndarray) -> tuple[np.ndarray, Any, Any]:
        net["w"] = start.copy()  # kernel, bias, kernel, bias, as here
        with contextlib.redirect_stdout(io.StringIO()):
            done = pyrenn.train_LM(x, y, net, k_max=problem.iterations, E_stop=problem.goal * len(x))
        return done["w"], len(done["ErrorHistory"]), None

    return run


SIDES = {
    "SciPy leastsq, NumPy": numpy_side,
    "SciPy leastsq, numba": numba_side,
    "cminpack, numba": cminpack_side,
    "pyrenn": pyrenn_side,
}
