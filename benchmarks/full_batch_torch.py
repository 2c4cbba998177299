"""Peers of benchmarks/full_batch.py from PyTorch: its LBFGS, and two packages of Levenberg-Marquardt on it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from full_batch_problems import Problem


class Reached(Exception):
    """The goal is."""


def tensors(problem: Problem, dtype: str) -> tuple[Any, Any]:
    x, y = problem.data()
    kind = getattr(torch, dtype)
    return torch.from_numpy(x).to(kind), torch.from_numpy(y) if problem.classes else torch.from_numpy(y).to(kind)


def lbfgs_side(threads: int, fused: bool = False) -> Callable[[Problem, str], Any]:
    """The weights are one leaf, as in SciPy's form: LBFGS then gathers and scatters one tensor instead of all."""

    def make(problem: Problem, dtype: str) -> Any:
        torch.set_num_threads(threads)
        x, y = tensors(problem, dtype)
        criterion = torch.nn.functional.cross_entropy if problem.classes else torch.nn.functional.mse_loss

        def loss(w: Any) -> Any:
            return criterion(problem.forward(w, x, torch.tanh), y)

        if fused:
            loss = torch.compile(loss)
        w = torch.zeros(problem.parameters, dtype=x.dtype, requires_grad=True)

        def run(start: np.ndarray) -> tuple[np.ndarray, Any, Any]:
            with torch.no_grad():
                w.copy_(torch.from_numpy(start))
            optimizer = torch.optim.LBFGS([w], max_iter=problem.iterations, max_eval=10**6, history_size=10,
                                          tolerance_grad=0.0, tolerance_change=0.0,
                                          line_search_fn="strong_wolfe")  # fmt: skip

            def closure() -> Any:
                w.grad = None
                value = loss(w)
                value.backward()
                if value.item() <= problem.goal:
                    raise Reached
                return value

            with contextlib.suppress(Reached):
                optimizer.step(closure)
            state = optimizer.state[w]
            return w.detach().numpy().astype(np.float64), state["n_iter"], state["func_evals"]

        return run

    return make


def torchimize_side(problem: Problem, dtype: str) -> Any:
    from torchimize.functions.single.lma_fun_single import lsq_lma

    torch.set_num_threads(1)
    x, y = tensors(problem, dtype)
    goal = problem.goal * len(x)

    def residuals(w: Any) -> Any:
        return (problem.forward(w, x, torch.tanh) - y).ravel()

    slope = torch.func.jacrev(residuals)

    def run(start: np.ndarray) -> tuple[np.ndarray, Any, Any]:
        count = [0, 0]
        end = torch.zeros(0)

        def function(w: Any) -> Any:
            nonlocal end
            count[0] += 1
            r = residuals(w)
            if r @ r <= goal:
                end = w
                raise Reached
            return r

        def jacobian(w: Any) -> Any:
            count[1] += 1
            return slope(w)

        with contextlib.suppress(Reached):
            end = lsq_lma(torch.from_numpy(start), function, jacobian, ftol=0.0, ptol=0.0, gtol=0.0,
                          max_iter=problem.iterations)[-1]  # fmt: skip
        return end.numpy(), count[1], count[0]

    return run


def torch_lm_side(problem: Problem, dtype: str) -> Any:
    """The package torch-levenberg-marquardt."""
    import torch_levenberg_marquardt as lm

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    x, y = tensors(problem, dtype)
    layers: list[Any] = []
    for a, b in zip(problem.widths, problem.widths[1:]):
        layers += [torch.nn.Linear(a, b, dtype=x.dtype), torch.nn.Tanh()]
    model = torch.nn.Sequential(*layers[: None if problem.output_tanh else -1])
    module = lm.training.LevenbergMarquardtModule(
        model, loss_fn=lm.loss.MSELoss(), solve_method="cholesky", use_vmap=True
    )

    def run(start: np.ndarray) -> tuple[np.ndarray, Any, Any]:
        with torch.no_grad():
            for p, value in zip(model.parameters(), problem.split(start)):
                p.copy_(torch.from_numpy(value.T.copy()))  # torch stores kernels [out, in]
        module.damping_strategy.reset()
        module.reset()
        count, ended = 0, False
        while not ended and count < problem.iterations:
            _, value, stop, _ = module.training_step(x, y)
            ended = stop or value.item() <= problem.goal
            count += 1
        w = np.concatenate([p.detach().numpy().T.ravel() for p in model.parameters()])
        return w, count, None

    return run


SIDES = {
    "torch LBFGS, 1 thread": lbfgs_side(1),
    "torch LBFGS": lbfgs_side(torch.get_num_threads()),
    "torch LBFGS, compiled": lbfgs_side(torch.get_num_threads(), fused=True),
    "torchimize": torchimize_side,
    "torch-levenberg-marquardt": torch_lm_side,
}
