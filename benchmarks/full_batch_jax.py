"""Peers of benchmarks/full_batch.py that get their derivatives from jitted JAX: SciPy's minimizers, and the
Levenberg-Marquardt of optimistix, of jaxopt and of a loop written here, each compiled as a whole.

A side is `make(problem, dtype)`, which returns `run(start)`: weights, iterations and evaluations (None: not counted).
"""

from __future__ import annotations

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from full_batch_numpy import Reached, minpack
from full_batch_problems import Problem
from scipy import optimize

jax.config.update("jax_enable_x64", True)
Run = Callable[[np.ndarray], tuple[np.ndarray, Any, Any]]


def loss_of(problem: Problem, dtype: str) -> Callable[[Any], Any]:
    x, y = problem.data()
    x = jnp.asarray(x, dtype)
    y = jnp.asarray(y) if problem.classes else jnp.asarray(y, dtype)

    def loss(w):
        out = problem.forward(w, x, jnp.tanh)
        if problem.classes:
            return jnp.mean(jax.nn.logsumexp(out, axis=1) - jnp.take_along_axis(out, y[:, None], 1)[:, 0])
        return jnp.mean((out - y) ** 2)

    return loss


def one_hot_loss_of(problem: Problem, dtype: str) -> Callable[[Any], Any]:
    """The same with the right class picked by a product instead of a gather."""
    if not problem.classes:
        return loss_of(problem, dtype)
    x, y = problem.data()
    x, hot = jnp.asarray(x, dtype), jax.nn.one_hot(jnp.asarray(y), problem.widths[-1], dtype=dtype)
    return lambda w: -jnp.mean(jnp.sum(jax.nn.log_softmax(problem.forward(w, x, jnp.tanh)) * hot, axis=1))


def scipy_side(method: str, **options: Any) -> Callable[[Problem, str], Run]:
    def make(problem: Problem, dtype: str) -> Run:
        loss = one_hot_loss_of(problem, dtype)
        both = jax.jit(jax.value_and_grad(loss)).lower(jnp.zeros(problem.parameters, dtype)).compile()
        along = jax.jit(lambda w, v: jax.jvp(jax.grad(loss), (w,), (v,))[1])
        single = dtype == "float32"

        def fun(w):
            value, slope = both(w.astype(np.float32) if single else w)
            return float(value), np.asarray(slope, np.float64)

        def stop(intermediate_result):
            if intermediate_result.fun <= problem.goal:
                raise StopIteration

        more = {"hessp": lambda w, v: np.asarray(along(w, v))} if method == "Newton-CG" else {}
        given = {"maxiter": problem.iterations} | options

        def run(start):
            r = optimize.minimize(fun, start, jac=True, method=method, callback=stop, options=given, **more)
            return r.x, r.nit, r.nfev

        return run

    return make


def residuals_of(problem: Problem, dtype: str = "float64") -> Callable[[Any], Any]:
    x, y = (jnp.asarray(a, dtype) for a in problem.data())
    return lambda w: (problem.forward(w, x, jnp.tanh) - y).ravel()


def leastsq_side(problem: Problem, dtype: str) -> Run:
    residuals = residuals_of(problem)
    f, j = jax.jit(residuals), jax.jit(jax.jacrev(residuals))
    return minpack(problem, lambda w: np.asarray(f(w)), lambda w: np.asarray(j(w)), col_deriv=0)


def least_squares_side(problem: Problem, dtype: str) -> Run:
    """SciPy's least_squares: the same MINPACK behind more checks."""
    residuals = residuals_of(problem)
    f, j = jax.jit(residuals), jax.jit(jax.jacrev(residuals))

    def run(start):
        goal = problem.goal * len(problem.data()[0])
        count = [0]

        def fun(w):
            count[0] += 1
            r = np.asarray(f(w))
            if r @ r <= goal:
                raise Reached(w.copy())
            return r

        try:
            limit = problem.iterations
            method = "lm" if len(np.asarray(f(start))) >= len(start) else "trf"  # lm wants as many residuals
            r = optimize.least_squares(fun, start, jac=j, method=method, ftol=1e-15, xtol=1e-15, gtol=1e-15,
                                       max_nfev=limit)  # fmt: skip
            return r.x, None, count[0]
        except Reached as end:
            return end.args[0], None, count[0]

    return run


def loop_side(problem: Problem, dtype: str) -> Run:
    """Levenberg-Marquardt with Nielsen's damping on normal equations, written for XLA: what JAX itself can do.

    H. B. Nielsen (1999), "Damping Parameter in Marquardt's Method"."""
    residuals = residuals_of(problem, dtype)
    jacobian = jax.jacrev(residuals)
    rows = len(problem.data()[0])

    def ended(state):
        return (state[3] > problem.goal * rows) & (state[6] < problem.iterations)

    def step(state):
        w, r, j, ss, mu, nu, k = state
        a, g = j.T @ j, j.T @ r
        factor = jax.scipy.linalg.cho_factor(a + mu * jnp.eye(len(w)), lower=True)
        d = -jax.scipy.linalg.cho_solve(factor, g)
        new = residuals(w + d)
        ss_new = new @ new
        gain = (ss - ss_new) / (d @ (mu * d - g))
        good = ss_new < ss
        w = jnp.where(good, w + d, w)
        j = jax.lax.cond(good, jacobian, lambda _: j, w)
        mu = jnp.where(good, mu * jnp.maximum(1 / 3, 1 - (2 * gain - 1) ** 3), mu * nu)
        return w, jnp.where(good, new, r), j, jnp.where(good, ss_new, ss), mu, jnp.where(good, 2.0, 2 * nu), k + 1

    @jax.jit
    def whole(w):
        r, j = residuals(w), jacobian(w)
        mu = 1e-3 * jnp.max(jnp.sum(j * j, axis=0))
        out = jax.lax.while_loop(ended, step, (w, r, j, r @ r, mu, 2.0, 0))
        return out[0], out[6]

    def run(start):
        w, k = whole(start)
        return np.asarray(w), int(k), int(k) + 1

    return run


def optimistix_side(solver: str) -> Callable[[Problem, str], Run]:
    def make(problem: Problem, dtype: str) -> Run:
        import lineax
        import optimistix

        class ToGoal(optimistix.LevenbergMarquardt):
            def terminate(self, fn, y, args, options, state, tags):
                done, result = super().terminate(fn, y, args, options, state, tags)
                low = jnp.mean(state.f_info.residual**2) <= problem.goal
                return done | (low & ~state.first_step), result

        residuals = residuals_of(problem, dtype)
        # The Jacobian [A; sqrt(mu) I] is tall: QR works on it, Cholesky on its normal equations.
        linear = lineax.QR() if solver == "qr" else lineax.Normal(lineax.Cholesky())
        method = ToGoal(rtol=0.0, atol=0.0, linear_solver=linear)

        @jax.jit
        def whole(w):
            s = optimistix.least_squares(
                lambda w, _: residuals(w), method, w, max_steps=problem.iterations, throw=False,
                options={"jac": "bwd"},
            )  # fmt: skip
            return s.value, s.stats["num_steps"]

        def run(start):
            w, k = whole(start)
            return np.asarray(w), int(k), int(k)

        return run

    return make


def jaxopt_side(problem: Problem, dtype: str) -> Run:
    import jaxopt

    residuals = residuals_of(problem, dtype)

    class ToGoal(jaxopt.LevenbergMarquardt):
        def _cond_fun(self, inputs):
            (_, state), _ = inputs
            return 2 * state.value > problem.goal * len(problem.data()[0])

    solver = ToGoal(residuals, maxiter=problem.iterations, tol=0.0, solver="cholesky", materialize_jac=True,
                    damping_parameter=1e-3, implicit_diff=False)  # fmt: skip
    whole = jax.jit(solver.run)

    def run(start):
        w, state = whole(start)
        return np.asarray(w), int(state.iter_num), int(state.iter_num)

    return run


SIDES = {
    "SciPy L-BFGS-B": scipy_side("L-BFGS-B", maxcor=10, ftol=0.0, gtol=0.0, maxfun=10**6, maxls=50),
    "SciPy BFGS": scipy_side("BFGS", gtol=0.0),
    "SciPy CG": scipy_side("CG", gtol=0.0),
    "SciPy Newton-CG": scipy_side("Newton-CG", xtol=1e-15),
    "SciPy least_squares": least_squares_side,
    "SciPy leastsq, JAX": leastsq_side,
    "JAX loop": loop_side,
    "optimistix, QR": optimistix_side("qr"),
    "optimistix, Cholesky": optimistix_side("cholesky"),
    "jaxopt": jaxopt_side,
}
