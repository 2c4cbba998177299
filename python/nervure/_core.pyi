"""The C core as Python sees it: graphs, plans, variables and the epoch loop. No Keras here.

dtypes are NumPy's names as strings: "float32", "float64", "int32", "int64", "bool".
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar, final

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T")

@final
class Bound(Generic[_T]):
    """Inside a `with`, `owner.name` is `value`; neither signals nor tracers come between."""
    def __new__(cls, owner: object, name: str, value: _T) -> Bound[_T]: ...
    def __enter__(self) -> _T: ...
    def __exit__(self, *exc: object) -> None: ...

@final
class Graph:
    """Immutable typed nodes. Not thread safe; nodes keep their graph alive."""
    def __new__(cls) -> Graph: ...
    def input(self, shape: Sequence[int], dtype: str, name: str | None = None) -> Node: ...
    def constant(self, array: NDArray[Any]) -> Node: ...  # copied
    def variable(self, variable: Variable) -> Node: ...  # its value before the plan's updates
    def op(
        self,
        name: str,
        inputs: Sequence[Node] = (),
        ints: Sequence[int] = (),
        floats: Sequence[float] = (),  # at most 2
        dtype: str | None = None,
    ) -> Node: ...
    def grad(self, y: Node, wrt: Sequence[Node], dy: Node | None = None) -> list[Node]: ...
    def set_name(self, node: Node, name: str) -> None: ...
    def find(self, name: str) -> Node | None: ...
    def plan(
        self,
        inputs: Sequence[Node],
        outputs: Sequence[Node] = (),
        updates: Sequence[tuple[Variable, Node]] = (),
        gradients: Sequence[Node] = (),
    ) -> Plan: ...
    def __len__(self) -> int: ...

@final
class Node:
    """A value in a graph. Equal and hashed by identity of the C node (hash-consing: same computation, same node)."""
    @property
    def graph(self) -> Graph: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> str: ...
    @property
    def op(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def inputs(self) -> tuple[Node, ...]: ...
    @property
    def ints(self) -> tuple[int, ...]: ...
    @property
    def floats(self) -> tuple[float, ...]: ...

@final
class Variable:
    """Memory that never moves. `array` is a writable view of it that keeps it alive."""
    def __new__(cls, shape: Sequence[int], dtype: str = "float32") -> Variable: ...
    @property
    def array(self) -> NDArray[Any]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> str: ...
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]: ...
    def __dlpack__(self, **kwargs: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...

@final
class Plan:
    """A compiled graph. `run` releases the GIL; a second thread waits for the first."""
    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Outputs are new arrays that own their memory. An input that is C-contiguous, aligned and of the input's dtype
        is read in place; any other of the same shape and kind is converted once. Wrong shape: ValueError; wrong kind
        of dtype (object, string, complex; float for int): TypeError. Signals are checked while C runs."""
    @property
    def stats(self) -> dict[str, Any]: ...  # arena_bytes, gradient_bytes, scratch_bytes, n_instructions, ...
    @property
    def text(self) -> str: ...  # one line an instruction
    @property
    def gradients(self) -> NDArray[Any] | None: ...  # 1-d view of the contiguous gradients of the last run

@final
class Loop:
    """An epoch in C: gather, run, for every batch."""
    def __new__(
        cls,
        plan: Plan | None,  # for `batch` rows; None if n < batch
        tail: Plan | None,  # for the n % batch last rows
        sources: Sequence[NDArray[Any]],  # n rows each, any real dtype and row stride (memmaps too); never copied whole
        n: int,
        batch: int,
        sinks: Sequence[NDArray[Any]] = (),  # n rows each: the plan's outputs
        names: Sequence[str] = (),  # of the sources, for messages; else the plan's inputs' names
    ) -> Loop: ...
    def run(
        self, first: int, last: int, seconds: float = 0.0, order: NDArray[np.int64] | None = None, at: int = 0
    ) -> int:
        """Runs steps first..last-1, at most about `seconds` (0: no limit); returns the next step. Releases the GIL,
        checks signals every ~20 ms (KeyboardInterrupt leaves the model as after the last whole step). `order` is
        int64, values in 0..n-1, not to be changed meanwhile; its first entry is for row `at` of the pass, and it covers
        these steps at least. Only the entries of these steps are looked at."""
    @property
    def step(self) -> int: ...  # first step not yet completed, also after an exception
    @property
    def plans(self) -> tuple[Plan | None, Plan | None]: ...  # plan, tail; None for one that it has no use for

@final
class Objective:
    """Passes of loops over data as a function of a flat float64 vector x: the weights, one after the other."""
    def __new__(
        cls,
        weights: Sequence[Variable],  # float32 or float64; every plan reads them
        loops: dict[str, Loop],  # value, gradient, hessian_product, gauss_product, normal, residuals, jacobian
        *,
        directions: Sequence[Variable] = (),  # like weights; plans of products read them
        value: Variable | None = None,  # this and all results below: float64
        gradient: Sequence[Variable] = (),
        product: Sequence[Variable] = (),
        matrix: Sequence[Variable] = (),  # panels of the upper triangle: rows first.., columns first..n-1
        residuals: Variable | None = None,
        jacobian: Variable | None = None,
        chunk: Variable | None = None,  # int64: plans may count their runs in it; 0 at the start of a pass
        adds: bool = False,  # plans add to their results, which are zeroed before each pass
    ) -> Objective: ...
    def value(self, x: NDArray[Any], /) -> float: ...
    def gradient(self, x: NDArray[Any], /) -> tuple[float, NDArray[np.float64]]: ...
    def normal(self, x: NDArray[Any], /) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]: ...
    def residuals(self, x: NDArray[Any], /) -> NDArray[np.float64]: ...
    def jacobian(self, x: NDArray[Any], /) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
    def hessian_product(self, x: NDArray[Any], v: NDArray[Any]) -> NDArray[np.float64]: ...
    def gauss_product(self, x: NDArray[Any], v: NDArray[Any]) -> NDArray[np.float64]: ...
    def window(self, first: int, last: int, order: NDArray[np.int64] | None = None, at: int = 0) -> None: ...
    @property
    def size(self) -> int: ...
    @property
    def n_residuals(self) -> int: ...
    @property
    def passes(self) -> list[str]: ...

@final
class Minimizer:
    """A method at work on an Objective. Releases the GIL; Ctrl-C leaves it as after the last iteration."""
    def __new__(
        cls,
        objective: Objective,
        method: str,
        settings: dict[str, float],
        l1: NDArray[Any] | None = None,  # f includes sum l1 |x|, which the objective leaves out
        lower: NDArray[Any] | None = None,
        upper: NDArray[Any] | None = None,
    ) -> Minimizer: ...
    def start(self, x: NDArray[Any], /) -> None: ...
    def renew(self) -> None: ...  # the objective has changed
    def store(self, variables: Sequence[Variable], /) -> None: ...  # x into them, in one call
    def run(self, iterations: int, seconds: float = 0.0, records: NDArray[np.float64] | None = None) -> int: ...
    @property
    def x(self) -> NDArray[np.float64]: ...  # a copy
    @property
    def g(self) -> NDArray[np.float64]: ...  # a copy
    @property
    def f(self) -> float: ...
    @property
    def gradient_norm(self) -> float: ...
    @property
    def parameter(self) -> float: ...
    @property
    def stop(self) -> str | None: ...  # goal, gtol, ftol, xtol, max_evals, max_seconds, line_search, damping..
    @property
    def idle(self) -> bool: ...  # the last iteration found nothing to do but stop; it is not counted
    @property
    def counts(self) -> dict[str, int]: ...  # iterations, values, gradients, products, matrices

# name, attrs, doc, domain, min_in, max_in, elementwise, differentiable, hidden
def op_table() -> list[dict[str, Any]]: ...
def permutation(seed: int, stream: int, n: int) -> NDArray[np.int64]: ...
def within(array: NDArray[Any], low: float, high: float, whole: bool = False) -> bool | None: ...
def permutation_slice(seed: int, stream: int, n: int, first: int, last: int) -> NDArray[np.int64]: ...  # another one's
def config() -> dict[str, Any]: ...  # isa, isas, threads, cpus, compiler
def set_threads(n: int) -> None: ...
def alloc_count() -> int: ...
def alloc_live() -> int: ...
def alloc_fail_at(n: int) -> None: ...
def from_dlpack(x: Any) -> NDArray[Any]: ...
