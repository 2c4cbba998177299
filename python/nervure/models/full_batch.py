"""Training by a method that looks at all rows at once: `fit` with an optimizer such as `LBFGS`.

The rows are one function of the weights (`Objective` in C); an epoch is one iteration of the method on it. Rows that
are too many to be seen at once go through in chunks, whose values and gradients add up to the same.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, ops, tree
from .._tensor import Tensor
from .._trace import Scope, tracing
from ..losses.regression import MeanSquaredError
from ..ops.dispatch import cast_to
from ..optimize.problem import Passes, Traced
from ..regularizers import is_sum
from .data import Batches
from .feed import Feed
from .passes import Pass

if TYPE_CHECKING:
    from ..variable import Variable

__all__ = ["FullBatchPass", "RowsObjective"]

_ARENA = 16 << 20  # bytes of intermediate values that a chunk of rows may need
_PROBE = 256  # rows of the trace that tells how much a row needs
_DENSE = 5000  # parameters up to which a Gauss-Newton matrix may be formed
_SMALL = 512  # up to which it is in any case
_WORK = 5000  # how many products with it, about, may be done in its place where there are more
_RECORDS = 4096  # iterations of which results are kept before they are told
_FAR = 1 << 32  # between the random numbers of two chunks
_FIELDS = ("loss", "gradient_norm", "step_length", "parameter", "values", "gradients", "products", "matrices")

_WHY = {
    "goal": "the loss reached the goal of {goal:g}",
    "gtol": "no element of the gradient is larger than gtol={gtol:g}",
    "ftol": "the loss fell by no more than ftol={ftol:g} of itself",
    "xtol": "the step was no longer than xtol={xtol:g} of the weights",
    "max_evals": "the loss was evaluated max_evals={max_evals:.0f} times",
    "max_seconds": "max_seconds={max_seconds:g} seconds had passed",
    "line_search": "no lower point was found along the direction: the loss is flat to rounding, or not smooth",
    "damping": "no lower point was found however short the step: the damping mu has reached its maximum",
    "radius": "the trust region shrank to nothing: no lower point was found",
    "start": "the loss or its gradient is not finite at the weights it began with",
}
_WARNED = ("line_search", "damping", "radius", "start")


class RowsObjective:
    """The loss of a model over rows, as a function of its trainable weights.

    `batch` None: of all rows, in chunks if they are many. Else: of one batch of so many rows, which `look` chooses.
    `penalize_apart`: L1 penalties of weights are left out, and `l1` has their factors.
    """

    def __init__(
        self, model: Any, feed: Feed, needs: frozenset[str], batch: int | None = None, penalize_apart: bool = False
    ) -> None:
        self.model, self.feed, self.apart, self.one_batch = model, feed, penalize_apart, batch is not None
        self.predictions: tuple[tuple[str, tuple[int, ...], str], ...] = ()  # name, shape and dtype of the outputs
        model._ensure_built(feed, "train", min(_PROBE, feed.n))
        self.variables: list[Variable] = list(model.trainable_variables)
        self._check()
        self.arrays = feed.dense()
        self.n = feed.n
        self.dense = False  # is the Gauss-Newton matrix formed?
        self.states: list[Any] = []  # the generators of dropout and the like
        self.draws: _core.Plan | None = None  # advances them
        self.keeps = False  # batch normalization: something to be noted at each point that is taken
        self.passes = Passes([(v.shape, v.dtype) for v in self.variables])
        self.size = self.passes.size
        self.rows = self._probe(min(batch or feed.n, feed.n), needs)
        if self.rows < self.n and not self.one_batch:
            self.passes = Passes(self.passes.like, adds=True)
        names = ["value", "gradient", *(["normal"] if self.dense else [])]
        names += [name for name in ("hessian_product", "gauss_product") if name in needs]
        loops = self._loops(names)
        if self.dense and "normal" not in loops and "gauss_product" not in loops:
            loops |= self._loops(["gauss_product"])  # of which the matrix is made, column by column
        if {"gauss_product", "normal"} & needs and not {"gauss_product", "normal"} & set(loops):
            raise self._unknown_outputs()
        self.objective = self.passes.objective(loops)
        self.l1 = self._l1() if penalize_apart else None

    def _check(self) -> None:
        model = self.model
        if not self.variables:
            raise ValueError(f"Model '{model.name}' has no trainable weights")
        for v in self.variables:
            if v.constraint is not None:
                raise ValueError(
                    f"Model '{model.name}': weight '{v.path}' has a constraint, which {type(model.optimizer).__name__} "
                    "cannot keep: use a penalty (kernel_regularizer) or another optimizer"
                )

    def _unknown_outputs(self) -> ValueError:
        return ValueError(
            f"{type(self.model.optimizer).__name__} needs to know how the loss depends on the outputs of model "
            f"'{self.model.name}', and so a loss that `compile` was given; a `compute_loss` of one's own or `add_loss` "
            "alone do not tell. Use LBFGS, or TrustRegionNewton('exact')"
        )

    # ---- traces ----

    def _trace(self, scope: Scope, rows: int) -> tuple[list[Tensor], Traced]:
        """What the weights, which are `passes.weights` here, make of `rows` rows: their share of the loss."""
        scope.notes["batch"] = rows
        whole = rows if self.one_batch else self.n
        scope.notes["wide"], scope.notes["whole"], scope.notes["apart"] = True, whole, self.apart
        for v, trial in zip(self.variables, self.passes.weights, strict=True):
            scope.shadow(v, scope.read(trial))
        return self._loss(scope, rows, rows / whole)

    def _loss(self, scope: Scope, rows: int, share: float) -> tuple[list[Tensor], Traced]:
        model = self.model
        inputs = self.feed.inputs(scope, rows)
        x, y, weight = self.feed.pack(inputs)
        y_pred = model(x, **model._told(True))
        self.predictions = model._described(y_pred)
        if type(model).compute_loss is not _default_compute_loss():
            scope.notes["indivisible"] = True
            loss = model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight)
            return inputs, Traced(_shared(loss, share))
        data = model._compiled.loss(y, y_pred, weight) if model._compiled.loss is not None else None
        extras = [cast_to(ops.sum(e), "float64") for e in model.losses]
        extra = sum(extras[1:], extras[0]) if extras else None
        if data is None and extra is None:
            model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight)  # says that there is none
        data = None if data is None else _shared(data, share)
        extra = None if extra is None else _shared(extra, share)
        total = extra if data is None else data if extra is None else data + extra
        outputs = [ops.convert_to_tensor(t) for t in tree.flatten(y_pred)]
        return inputs, Traced(total, data, outputs, extra, self._curvature(len(extras), share))

    def _curvature(self, extras: int, share: float) -> list[float] | None:
        """The second derivatives of the penalties, a number for each weight array, if they are all L1 and L2."""
        penalties = [v.regularizer for v in self.variables]
        given = [p for p in penalties if p is not None]
        if len(given) != extras or not all(is_sum(p) for p in given):
            return None
        return [0.0 if p is None else 2.0 * float(getattr(p, "l2", 0.0)) * share for p in penalties]

    def _l1(self) -> Any:
        """The factors of the L1 penalties, one for each weight; None if there are none."""
        factors = [float(getattr(v.regularizer, "l1", 0.0)) if _is_l1(v) else 0.0 for v in self.variables]
        if not any(factors):
            return None
        return np.concatenate([np.full(int(np.prod(v.shape)), f) for v, f in zip(self.variables, factors, strict=True)])

    def _pays(self, outputs: int) -> bool:
        """Is forming and factoring the Gauss-Newton matrix not much more work than some products with it? For N rows of
        K outputs and p weights these are N K p^2 + p^3 / 3 multiplications against about N p each.
        """
        p = self.size
        return p <= _SMALL or (p <= _DENSE and outputs * p + p * p / (3 * self.n) <= _WORK)

    def _probe(self, rows: int, needs: frozenset[str]) -> int:
        """Learns from a trace what a pass draws and would change, and how many rows to see at once: `rows`, unless they
        need much memory, as a Jacobian by all weights does.
        """
        some = min(_PROBE, rows)
        with tracing() as scope:
            inputs, traced = self._trace(scope, some)
            draws = [(core, value) for core, value in scope.updates if _is_generator(core)]
            self.states = [_Held(core) for core, _ in draws]
            self.draws = scope.graph.plan([], [], draws) if draws else None
            self.keeps = bool(self._statistics(scope))
            arena = 0.0
            if some < rows:
                assert traced.loss is not None
                slopes = scope.grad(traced.loss, [scope.read(w) for w in self.passes.weights])
                arena = (
                    float(scope.graph.plan([t.node for t in inputs], [t.node for t in slopes]).stats["arena_bytes"])
                    / some
                )
        outputs = sum(int(np.prod(shape[1:])) for _, shape, _ in self.predictions)
        self.dense = "normal" in needs and ("gauss_product" not in needs or self._pays(outputs))
        if self.dense:
            arena += 16.0 * outputs * self.size
        if self.one_batch or scope.notes.get("indivisible") or self.keeps or rows * arena <= _ARENA:
            return rows
        pieces = int(np.ceil(rows * arena / _ARENA))
        return int(np.ceil(rows / pieces))

    def _loops(self, names: list[str]) -> dict[str, _core.Loop]:
        """A loop for each pass that there can be."""
        whole = self.passes.plans(names, lambda scope: self._at_chunk(scope, self.rows))
        left = self.n % self.rows
        rest = self.passes.plans(names, lambda scope: self._at_chunk(scope, left)) if left else {}
        if "normal" in whole and left and "normal" not in rest:
            del whole["normal"]
        return {
            name: _core.Loop(plan, rest.get(name), self.arrays, self.n, self.rows, (), self.feed.names)
            for name, plan in whole.items()
        }

    def _at_chunk(self, scope: Scope, rows: int) -> tuple[list[Tensor], Traced]:
        """The trace of a chunk: its random numbers are its own, and the same until the next draw."""
        if self.passes.adds:
            for state in self.states:
                shift = ops.stack([ops.zeros((), "int64"), scope.read(self.passes.chunk) * _FAR])
                scope.shadow(state, scope.read(state) + shift)
                scope.notes["counts_chunks"] = True
        return self._trace(scope, rows)

    def _statistics(self, scope: Scope) -> list[Any]:
        """What the trace assigns of the model's own: the averages of batch normalization."""
        counted = {v.core for v in self.model.metrics_variables}
        own = {v.core for v in self.model.non_trainable_variables} - counted
        return [core for core, _ in scope.updates if core in own and not _is_generator(core)]

    def observer(self) -> _core.Loop | None:
        """A pass that takes all rows into the metrics, and notes the statistics of batch normalization; None if there
        is nothing to do.
        """
        model = self.model
        if not self.keeps and len(model.metrics) <= 1:
            return None
        plans: list[_core.Plan | None] = []
        for rows in (self.rows, self.n % self.rows):
            plans.append(None)
            if rows:
                with tracing() as scope:
                    scope.notes["batch"] = rows
                    inputs = self.feed.inputs(scope, rows)
                    x, y, weight = self.feed.pack(inputs)
                    y_pred = model(x, **model._told(True))
                    model._loss_of_step(x, y, y_pred, weight, True)
                    model.compute_metrics(x, y, y_pred, weight)
                    updates = [(core, value) for core, value in scope.updates if not _is_generator(core)]
                    plans[-1] = scope.graph.plan([t.node for t in inputs], [], updates)
        return _core.Loop(plans[0], plans[1], self.arrays, self.n, self.rows, (), self.feed.names)

    # ---- weights as one vector ----

    def weights(self) -> Any:
        """All trainable weights, one after the other: float64."""
        return np.concatenate([np.ravel(v.numpy()).astype(np.float64) for v in self.variables])

    def put(self, x: Any) -> None:
        """The weights are these now."""
        at = 0
        for v in self.variables:
            memory = v.numpy()
            memory[...] = x[at : at + memory.size].reshape(memory.shape)
            at += memory.size


class FullBatchPass(Pass):
    """Iterations of a method on a model's weights; used by `fit` like any other pass over rows."""

    def __init__(self, model: Any, feed: Feed, batch_size: Any, shuffle: Any, seed: int) -> None:
        self.model, self.optimizer = model, model.optimizer
        batches = Batches.of(feed.n, batch_size if batch_size is not None else feed.n, None)
        owner = type(self.optimizer).__name__
        if batches.steps > 1 and not self.optimizer.batches:
            raise ValueError(
                f"{owner} works on all rows at once: it builds on one function, and each batch is another. Leave out "
                "`batch_size`, or use GradientDescent, LBFGS, NewtonCG, TrustRegionNewton or LevenbergMarquardt"
            )
        self.batches = batches.steps
        self.batch = max(batches.batch, 1)
        self.per_epoch: int | None = batches.steps
        lbfgs = self.optimizer.method == "lbfgs"
        self.rows = RowsObjective(
            model, feed, self.optimizer.needs, batches.batch if self.batches > 1 else None, penalize_apart=lbfgs
        )
        if not lbfgs and any(_is_l1(v) for v in self.rows.variables):
            warnings.warn(
                f"{owner} sees an L1 penalty as if it were smooth, so that no weight becomes exactly 0: LBFGS handles "
                "L1 (by OWL-QN)",
                stacklevel=4,
            )
        settings = self.optimizer.settings() | self._more_settings(feed)
        if self.batches > 1:
            settings.pop("goal", None)  # it is for the loss of an epoch: see advance
        self._cores = [v.core for v in self.rows.variables]
        self.minimizer = _core.Minimizer(self.rows.objective, self.optimizer.method, settings, self.rows.l1)
        self.observer = self.rows.observer()
        if shuffle not in (True, False, "batch"):
            raise ValueError(f"`shuffle` must be True, False or 'batch', got {shuffle!r}")
        self.shuffle, self.seed, self._epochs = shuffle is True and self.batches > 1, seed, 0
        self._reached = False  # the goal, by the loss of an epoch of batches
        self._written: Any = None  # the weights as they were left
        self._behind = False  # are the weights not yet what the method has reached?
        self._summed, self._seen = 0.0, 0  # the losses of the epoch's batches times their rows, and those rows
        self._counts: dict[str, int] = dict.fromkeys(("iterations", "values", "gradients", "products", "matrices"), 0)
        self._order: Any = None
        self._draw = False
        self.place: tuple[int, int] | None = None  # of the first of `losses` in the history, and its epoch
        self._losses: list[float] = []
        self._pending: tuple[Any, int, int] | None = None  # records, the iterations before them, the losses before
        self._told = 0  # iterations that the optimizer's variable has counted

    def _more_settings(self, feed: Feed) -> dict[str, float]:
        """How Levenberg-Marquardt is to solve, if it has the choice; of how many numbers the mean of squares is, which
        Bayesian regularization wants to know.
        """
        if getattr(self.optimizer, "solver", None) == "auto" and not self.rows.dense:
            return {"solver": 2.0}
        if self.optimizer.method != "bayesian_regularization":
            return {}
        loss = self.model._compiled.loss
        parts = (loss.parts if loss is not None else None) or [None]
        first = parts[0][0] if parts[0] is not None and len(parts) == 1 else None
        if not isinstance(first, MeanSquaredError) or first.reduction == "sum":
            raise ValueError("BayesianRegularization needs the loss 'mse' of one output: it is about sums of squares")
        if any(v.regularizer is not None for v in self.rows.variables):
            raise ValueError("BayesianRegularization finds the penalty on weights itself: leave out regularizers")
        (_, shape, _) = self.rows.predictions[0]
        return {"residuals": float(feed.n * max(int(np.prod(shape[1:])), 1))}

    # ---- running ----

    @property
    def _changes(self) -> bool:
        """Is it another function in each iteration?"""
        return self.rows.draws is not None or self.batches > 1

    @property
    def ahead(self) -> bool:
        """Is there nothing to be done between two iterations?"""
        return self.observer is None and not self._changes

    @property
    def _stop(self) -> str | None:
        """Why it has come to its end, if it has. Where another function follows, the minimum of this one is none."""
        stop, most = self.minimizer.stop, self.optimizer.max_evals
        if self._reached:
            return "goal"
        if stop is not None and not (self._changes and stop in _PASSING):
            return stop
        spent = self._written is not None and most and self._counts["values"] + self.minimizer.counts["values"] >= most
        return "max_evals" if spent else None  # also where weights were set from outside, and it has begun anew

    def start(self, rewind: bool) -> None:
        self.done = 0
        self._summed, self._seen = 0.0, 0
        self._epochs += 1
        if self.shuffle:
            self._order = _core.permutation(self.seed, self._epochs - 1, self.rows.n)
        self._ready()

    def _ready(self) -> None:
        """Begins, or begins anew where weights were set from outside."""
        x = self.rows.weights()
        if self._written is not None and x.tobytes() == self._written.tobytes():
            return
        if self._written is not None:
            self._keep_counts()
        self._change()
        self.minimizer.start(x)
        self._written = x
        self._draw = False
        self._note()

    def _keep_counts(self) -> None:
        self._counts = {k: v + self._counts[k] for k, v in self.minimizer.counts.items()}

    def _change(self) -> None:
        """The next function: other rows, other random numbers."""
        if self.rows.draws is not None:
            self.rows.draws.run()
        if self.batches > 1:
            step = min(self.done, self.batches - 1)
            self.rows.objective.window(step, step + 1, self._order)

    @property
    def left(self) -> int:
        return 0 if self._stop else (self.per_epoch or 1) - self.done

    def advance(self, steps: int, seconds: float = 0.0) -> None:
        for _ in range(steps):
            if not self.left:
                break
            if self._draw:
                self._change()
                self.minimizer.renew()
            self._iterate(1, None)
            self._draw = self._changes
            rows = min(self.batch, self.rows.n - self.done * self.batch)
            self._summed, self._seen = self._summed + self.minimizer.f * rows, self._seen + rows
            self._observe()
            self.done += 1
            goal = self.optimizer.goal
            if self.batches > 1 and self.done == self.per_epoch and goal is not None and self.loss <= goal:
                self._reached = True
                self._note()

    def _observe(self) -> None:
        """Metrics and statistics see what was just done: all rows, or those of the batch."""
        if self.observer is None:
            return
        if self.batches > 1:
            self.observer.run(self.done, self.done + 1, 0.0, self._order)
        else:
            self.observer.run(0, -(-self.rows.n // self.rows.rows))

    def told(self, history: Any) -> None:
        """Puts the losses of iterations by `many` into the history. It may be asked again and again."""
        if history is not None and self.place is not None:
            at, epoch = self.place
            history.replace(at, epoch, self.losses or [self.loss])

    def many(self, iterations: int) -> None:
        """As many iterations as that at once, or as there are records for; `losses` has the loss after each of them."""
        records = np.zeros((min(iterations, _RECORDS), len(_FIELDS)))
        self._pending = records, self.minimizer.counts["iterations"], len(self._losses)
        self._iterate(len(records), records)

    @property
    def losses(self) -> list[float]:
        """After each iteration by `many`, also of those before an exception. It may be asked again and again."""
        if self._pending is not None:
            records, before, told = self._pending
            self._losses[told:] = records[: self.minimizer.counts["iterations"] - before, 0].tolist()
            if self.minimizer.idle:  # an epoch it was, too
                self._losses.append(self.minimizer.f)
        return self._losses

    def _iterate(self, iterations: int, records: Any) -> None:
        self._behind = True
        try:
            self.minimizer.run(iterations, 0.0, records)
        finally:
            self._tell()

    def _tell(self) -> None:
        """The model is where the method is."""
        self.minimizer.store(self._cores)
        self._written = self.rows.weights()
        self._note()
        self._behind = False

    def _note(self) -> None:
        """Tells optimizer and model how far it is."""
        counts = {k: v + self._counts[k] for k, v in self.minimizer.counts.items()}
        optimizer = self.optimizer
        optimizer._iterations.numpy()[...] += counts["iterations"] - self._told
        self._told = counts["iterations"]
        optimizer.n_iter, optimizer.n_evals = counts["iterations"], counts["values"]
        optimizer.n_gradients, optimizer.n_products = counts["gradients"], counts["products"]
        optimizer.n_matrices = counts["matrices"]
        stop = self._stop
        if stop is not None:
            why = _WHY[stop].format(**({"max_evals": 0, "goal": 0} | optimizer.settings()))
            optimizer.stop_reason = self.model.stop_reason = why
            self.model.stop_training = True

    @property
    def loss(self) -> float:
        """The loss where it is; the mean of those of the epoch's batches, each after its iteration."""
        if self.minimizer.stop == "start":
            return float("nan")
        return self._summed / self._seen if self.batches > 1 and self._seen else self.minimizer.f

    @property
    def gradient_norm(self) -> float:
        return float(np.linalg.norm(self.minimizer.g))

    def finish(self, early: bool = False) -> None:
        """There is something to see also where there was nothing to do."""
        if not self.done and self.minimizer.stop != "start":
            self._observe()

    def close(self, reason: str, history: Any) -> None:
        """The end of `fit`: what there is to know, where users look; a warning where no lower point was found."""
        optimizer, stop = self.optimizer, self.minimizer.stop
        self.told(history)
        if self._behind:  # Ctrl-C at the wrong moment
            self._tell()
            self.model.stop_reason = reason
        if stop in _WARNED and self._written is not None and reason == optimizer.stop_reason:
            warnings.warn(f"{type(optimizer).__name__}: {reason}", RuntimeWarning, stacklevel=4)
        optimizer.stop_reason = reason
        for name in ("n_iter", "n_evals", "n_gradients", "n_products", "n_matrices"):
            if history is not None:
                setattr(history, name, getattr(optimizer, name))


_PASSING = (None, "gtol", "line_search", "damping", "radius", "ftol", "xtol")  # not the end where the function changes


class _Held:
    """A core variable, as scopes read and shadow it."""

    def __init__(self, core: _core.Variable) -> None:
        self.core = core


def _default_compute_loss() -> Any:
    from .steps import Steps

    return Steps.compute_loss


def _shared(loss: Any, share: float) -> Tensor:
    loss = cast_to(ops.convert_to_tensor(loss), "float64")
    return loss if share == 1.0 else loss * share


def _is_generator(core: _core.Variable) -> bool:
    return core.dtype == "int64" and tuple(core.shape) == (2,)


def _is_l1(v: Variable) -> bool:
    return is_sum(v.regularizer) and bool(getattr(v.regularizer, "l1", 0.0))
