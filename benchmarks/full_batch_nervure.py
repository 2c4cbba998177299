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


def method(name: str, **options: Any) -> Callable[[Problem, str], Any]:
    def make(problem: Problem, dtype: str) -> Any:
        nv.config.set_floatx(dtype)
        x, y = problem.data()
        x = x.astype(dtype)
        y = y if problem.classes else y.astype(dtype)
        model = model_of(problem)
        optimizer = getattr(nv.optimizers, name)(goal=problem.goal, gtol=0.0, **options)
        model.compile(optimizer, loss_of(problem))

        def run(start: np.ndarray) -> tuple[Any, ...]:
            model.set_weights([w.astype(dtype) for w in problem.split(start)])
            before = time.perf_counter()
            model.fit(x, y, epochs=problem.iterations, verbose=0)
            seconds = time.perf_counter() - before
            weights = np.concatenate([w.ravel() for w in model.get_weights()])
            return weights, optimizer.n_iter, optimizer.n_evals, seconds

        return run

    return make


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
