"""`FullBatchOptimizer`, the base class: what all methods have in common, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NoReturn

from ...variable import Variable
from ..arguments import at_least_zero, real
from ..optimizer import Optimizer
from .options import positive, positive_int

_COMMON = ("goal", "gtol", "ftol", "xtol", "max_evals", "patience", "max_seconds")
_NOT_CLIPPED = "the method itself finds how far to go, so that nothing is clipped"
_NOT_AVERAGED = "its iterations have no noise to average out"
# The arguments of other optimizers, with the values that ask for nothing, and why they are of no use here.
_REFUSED: dict[str, tuple[Any, str]] = {
    "learning_rate": (None, "the method itself finds how far to go in each iteration"),
    "weight_decay": (None, "put the penalty into the loss: kernel_regularizer=regularizers.L2(..)"),
    "clipnorm": (None, _NOT_CLIPPED),
    "clipvalue": (None, _NOT_CLIPPED),
    "global_clipnorm": (None, _NOT_CLIPPED),
    "use_ema": (False, _NOT_AVERAGED),
    "ema_momentum": (0.99, _NOT_AVERAGED),
    "ema_overwrite_frequency": (None, _NOT_AVERAGED),
    "loss_scale_factor": (None, "it computes in doubles, where gradients do not underflow"),
    "gradient_accumulation_steps": (None, "each iteration has the gradient of all rows already"),
}


class FullBatchOptimizer(Optimizer):
    """Base class of the optimizers that minimize the loss over all rows as one function of all weights.

    `compile` takes one like any other optimizer. In `fit` an epoch is then one iteration: `epochs` is the largest
    number of them, and training ends earlier if one of the conditions below holds; `History.stop_reason` says which.
    The loss is the one `compile` describes, penalties, sample weights and class weights included. An iteration never
    makes it larger: a point where it is NaN or infinite is not kept, and the step is shortened.

    Args:
        goal: ends when the loss is no more than this; in `fit` with a `batch_size`, the loss of an epoch.
        gtol: ends when no element of the gradient is larger in absolute value.
        ftol: ends when in each of `patience` iterations in a row the loss f fell by no more than ftol * |f|. 0: never.
        xtol: ends when a step is no longer than xtol * (|w| + xtol). 0: never.
        max_evals: ends when the loss has been evaluated so many times; a line search may need several an iteration.
        name: by default the class name in snake case, made unique.
        patience: see ftol.
        max_seconds: ends after the first iteration that comes to its end later than this.

    After `fit`:
        n_iter: iterations made by this fit. An epoch that found no lower point, the last one then, is none.
        n_evals: evaluations of the loss, with its gradient or without.
        n_gradients: those with its gradient.
        n_products: products of a vector and the Hessian or Gauss-Newton matrix.
        n_matrices: such matrices computed as a whole.
        stop_reason: why it ended, in words; None before the first fit.

    There is no learning rate: reading or setting `learning_rate` is an AttributeError, and callbacks that change it
    cannot be used. The other arguments of `Optimizer` (`clipnorm`, `weight_decay`, `use_ema` ..) are a ValueError that
    says what to do instead; so is a step of one's own by `apply`, since an iteration needs the function and not only
    its gradient.

    Only `LBFGS` handles L1 penalties exactly. The others see a subgradient where a weight is 0; `fit` warns.

    Layers that behave differently in training: dropout draws its mask once an iteration, so that all points of a line
    search are of the same function, but from one iteration to the next it is another function, on which what was
    learnt about the last one is lost. Batch normalization uses the mean and variance of all rows.

    Where `fit` has a `batch_size`, an epoch's loss is the mean of those of its batches, each after its iteration, and
    metrics are likewise those of the weights then.

    Rows that need much memory go through in chunks, with the same result to rounding. Not so where a loss is more than
    a sum or mean over rows: batch normalization, masks, `add_loss`, a `compute_loss` of one's own, and a loss function
    that gives one number for all rows, need all of them in memory at once.

    Methods of whole batches are best where the data are small enough to be seen many times, up to some 10,000 rows and
    weights, and where a low loss is wanted. The iterations are computed in C in float64, whatever the dtype of the
    weights. Below, p is the number of weights and n that of rows; a gradient costs O(n p) for a dense network.

    ValueError naming the argument if one is out of range or unknown; TypeError for this class itself, which has no
    method.

    >>> import nervure as nv
    >>> optimizer = nv.optimizers.LBFGS(goal=1e-6)
    >>> isinstance(optimizer, FullBatchOptimizer), hasattr(optimizer, "learning_rate")
    (True, False)
    >>> nv.optimizers.LBFGS(clipnorm=1.0)
    Traceback (most recent call last):
    ValueError: LBFGS takes no `clipnorm`: the method itself finds how far to go, so that nothing is clipped
    """

    full_batch = True
    method: ClassVar[str] = ""
    """The method's name in the core."""
    batches: ClassVar[bool] = True
    """May `fit` have a `batch_size`? Each batch is then a function of its own, and an iteration is made on each."""
    own: ClassVar[tuple[str, ...]] = ()
    """The method's own arguments, beside those of all methods."""

    def __init__(
        self,
        goal: float | None = None,
        gtol: float = 1e-5,
        ftol: float = 0.0,
        xtol: float = 0.0,
        max_evals: int | None = None,
        name: str | None = None,
        *,
        patience: int = 1,
        max_seconds: float | None = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        if not self.method:
            raise TypeError(f"{owner} has no method of its own: use one of its subclasses, such as LBFGS")
        for key, (default, why) in _REFUSED.items():
            if kwargs.pop(key, default) != default:
                raise ValueError(f"{owner} takes no `{key}`: {why}")
        super().__init__(_no_rate, name=name, **kwargs)
        self.goal = None if goal is None else real("goal", goal)
        self.gtol = at_least_zero("gtol", gtol)
        self.ftol = at_least_zero("ftol", ftol)
        self.xtol = at_least_zero("xtol", xtol)
        self.max_evals: int | None = positive_int("max_evals", max_evals, optional=True)
        self.patience = positive_int("patience", patience)
        self.max_seconds: float | None = positive("max_seconds", max_seconds, optional=True)
        self.n_iter = self.n_evals = self.n_gradients = self.n_products = self.n_matrices = 0
        self.stop_reason: str | None = None

    @property
    def needs(self) -> frozenset[str]:
        """What the method asks of the function beside its gradient: some of "hessian_product", "gauss_product" and
        "normal", the Gauss-Newton matrix.
        """
        return frozenset()

    def settings(self) -> dict[str, float]:
        """The options for the core, as numbers, by the names they have there. What is None is not among them."""
        return self._numbers(*_COMMON)

    def _numbers(self, *names: str) -> dict[str, float]:
        """Those attributes that are not None, as numbers."""
        given = {name: getattr(self, name) for name in names}
        return {name: float(value) for name, value in given.items() if value is not None}

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"name": self.name} | {name: getattr(self, name) for name in (*self.own, *_COMMON)}

    # ---- what it does not have ----

    @property
    def learning_rate(self) -> Any:
        """There is none: AttributeError."""
        raise self._without_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise self._without_rate()

    def _without_rate(self) -> AttributeError:
        why = _REFUSED["learning_rate"][1]
        return AttributeError(f"{type(self).__name__} '{self.name}' has no learning rate: {why}")

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """There is no weight decay: ValueError."""
        raise ValueError(f"{type(self).__name__} '{self.name}' has no weight decay: {_REFUSED['weight_decay'][1]}")

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Not without the function: ValueError."""
        self._only_in_fit("apply")

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """Not without the function: ValueError."""
        self._only_in_fit("apply_gradients")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Not without the function: ValueError."""
        self._only_in_fit("update_step")

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Not without the function: ValueError."""
        self._only_in_fit("stateless_apply")

    def _only_in_fit(self, what: str) -> NoReturn:
        raise ValueError(
            f"{type(self).__name__} '{self.name}' works inside of `fit` only, not by `{what}` (nor `train_on_batch`, "
            "nor a `train_step` of one's own): an iteration needs the loss at other points, and not only its gradient"
        )


def _no_rate() -> Any:
    """In the place of a learning rate, for which the base class would make a variable."""
    raise AttributeError("there is no learning rate")
