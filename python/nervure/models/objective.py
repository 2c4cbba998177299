"""`ModelObjective`: the loss of a model as a function of one vector, for methods from elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from .feed import Feed
from .full_batch import RowsObjective

__all__ = ["ModelObjective"]


class ModelObjective:
    """The loss over rows, penalties included, as a function of the trainable weights w: all of them flattened, one
    after the other, float64, shape (size,). `Model.objective` makes it.

    Its methods have the forms that `scipy.optimize.minimize` asks for: `fun=f.value_and_gradient, jac=True,
    hessp=f.hessian_product`. The model is as in training: dropout has one mask for good, until `draw` gives another,
    and batch normalization uses the statistics of all rows. The model's weights change by `set_weights` only.

    Attributes:
        size: how many weights there are.
        x0: those the model has now.

    >>> import numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((1,)), nv.layers.Dense(1, kernel_initializer="ones")])
    >>> model.compile("sgd", "mse")
    >>> f = model.objective(np.array([[0.0], [1.0]]), np.array([[1.0], [4.0]]))
    >>> f.x0, f.value(f.x0)
    (array([1., 0.]), 5.0)
    >>> f.gradient(np.array([3.0, 1.0])), f.hessian_product(f.x0, np.array([1.0, 0.0]))
    (array([0., 0.]), array([1., 1.]))
    """

    def __init__(self, model: Any, feed: Feed) -> None:
        self._rows = RowsObjective(model, feed, frozenset(("hessian_product", "gauss_product")))
        self._objective = self._rows.objective
        self.size: int = self._rows.size

    @property
    def x0(self) -> np.ndarray[Any, Any]:
        return self._rows.weights()  # type: ignore[no-any-return]

    def value(self, w: Any) -> float:
        """The loss. It may be infinite or NaN."""
        return self._objective.value(self._vector("w", w))

    __call__ = value

    def gradient(self, w: Any) -> np.ndarray[Any, Any]:
        """The gradient of the loss, (size,)."""
        return self.value_and_gradient(w)[1]

    def value_and_gradient(self, w: Any) -> tuple[float, np.ndarray[Any, Any]]:
        """Both, from one pass."""
        return self._objective.gradient(self._vector("w", w))

    def hessian_product(self, w: Any, v: Any) -> np.ndarray[Any, Any]:
        """The Hessian of the loss at w times v, (size,), without the matrix (Pearlmutter, 1994)."""
        return self._objective.hessian_product(self._vector("w", w), self._vector("v", v))

    def gauss_newton_product(self, w: Any, v: Any) -> np.ndarray[Any, Any]:
        """The Gauss-Newton matrix of the loss at w times v, (size,): J' H J v with the Jacobian J of the outputs and
        the Hessian H of the loss by them, positive semidefinite where the loss is convex (Schraudolph, 2002).
        ValueError for a model with a `compute_loss` of its own.
        """
        return self._objective.gauss_product(self._vector("w", w), self._vector("v", v))

    def set_weights(self, w: Any) -> None:
        """Gives the model these weights."""
        self._rows.put(self._vector("w", w))

    def draw(self) -> None:
        """Another mask for dropout, and new numbers for all that is random."""
        if self._rows.draws is not None:
            self._rows.draws.run()

    def _vector(self, what: str, w: Any) -> np.ndarray[Any, Any]:
        array = np.asarray(w, np.float64)
        if array.shape != (self.size,):
            raise ValueError(f"{what} must have shape ({self.size},): all trainable weights, got shape {array.shape}")
        return array
