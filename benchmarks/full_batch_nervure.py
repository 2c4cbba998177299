"""nervure's side of benchmarks/full_batch.py: `compile` and `fit`, as a user writes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import nervure as nv
import numpy as np
from full_batch_problems import Problem


def model_of(problem: Problem) -> nv.Model:
    inner, last = problem.widths[1:-1], problem.widths[-1]
    hidden = [nv.layers.Dense(width, activation="tanh") for width in inner]
    out = nv.layers.Dense(last, activation="tanh" if problem.output_tanh else None)
    return nv.Sequential([nv.Input(problem.widths[:1]), *hidden, out])


def loss_of(problem: Problem) -> Any:
    return nv.losses.SparseCategoricalCrossentropy(from_logits=True) if problem.classes else "mse"


class Fit:
    """`fit` again and again from given weights. Every `fit` traces the model anew, which is timed apart: peers are
    compiled beforehand."""

    def __init__(self, problem: Problem, dtype: str, name: str, **options: Any) -> None:
        nv.config.set_floatx(dtype)
        self.problem, self.dtype = problem, dtype
        x, y = problem.data()
        self.x, self.y = x.astype(dtype), y if problem.classes else y.astype(dtype)
        self.model = model_of(problem)
        self.optimizer = getattr(nv.optimizers, name)(goal=problem.goal, gtol=0.0, **options)
        self.model.compile(self.optimizer, loss_of(problem))
        self.prepare, self.made, self.preparing = self.model._full_batch_pass, None, 0.0
        self.model._full_batch_pass = self.timed

    def timed(self, *args: Any) -> Any:
        before = time.perf_counter()
        self.made = self.prepare(*args)
        self.preparing = time.perf_counter() - before
        return self.made

    def run(self, start: np.ndarray) -> tuple[Any, ...]:
        self.model.set_weights([w.astype(self.dtype) for w in self.problem.split(start)])
        before = time.perf_counter()
        self.model.fit(self.x, self.y, epochs=self.problem.iterations, verbose=0)
        seconds = time.perf_counter() - before - self.preparing
        weights = np.concatenate([w.ravel() for w in self.model.get_weights()])
        return weights, self.optimizer.n_iter, self.optimizer.n_evals, seconds

    def evaluate(self, start: np.ndarray) -> tuple[Any, ...]:
        """Seconds of one value with its gradient, as the methods ask for it, and before that those of a `fit`."""
        weights, iterations, evaluations, seconds = self.run(start)
        gradient, repeats = self.made.rows.objective.gradient, 50
        before = time.perf_counter()
        for _ in range(repeats):
            gradient(weights)
        return weights, iterations, evaluations, (time.perf_counter() - before) / repeats, seconds


def method(name: str, **options: Any) -> Callable[[Problem, str], Any]:
    return lambda problem, dtype: Fit(problem, dtype, name, **options).run


METHODS = {
    "GradientDescent": method("GradientDescent"),
    "LBFGS": method("LBFGS", history_size=10),
    "BFGS": method("BFGS"),
    **{
        f"ConjugateGradient {variant}": method("ConjugateGradient", variant=variant)
        for variant in ("pr+", "fr", "hs", "dy", "hz")
    },
    "ScaledConjugateGradient": method("ScaledConjugateGradient"),
    "NewtonCG": method("NewtonCG"),
    "TrustRegionNewton": method("TrustRegionNewton"),
    "Newton": method("Newton"),
    "LevenbergMarquardt": method("LevenbergMarquardt"),
    "BayesianRegularization": method("BayesianRegularization"),
}
SIDES = {f"nervure {name}": make for name, make in METHODS.items()}
SIDES["nervure evaluation"] = lambda problem, dtype: Fit(problem, dtype, "LBFGS", history_size=10).evaluate
