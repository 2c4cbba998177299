"""What holds for the whole process: default float type, fuzz factor, threads, instruction set.

>>> import nervure as nv
>>> nv.config.floatx(), nv.config.epsilon(), nv.config.backend()
('float32', 1e-07, 'nervure')
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._absent import absent
from ._trace import local
from .utils.io_utils import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)

__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "num_threads",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_num_threads",
    "show",
]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)

_floatx = "float32"
_policy: str | None = None
_epsilon = 1e-7
_max_epochs: int | None = None
_max_steps: int | None = None
_image_data_format = "channels_last"
_filtering = True
version = 0  # counts changes that make a trace stale; part of every plan's cache key


def floatx() -> str:
    """The dtype of weights and of Python floats: "float32" unless `set_floatx` says otherwise.

    In a function that `nv.optimize` traces it is the dtype of the start: float64, as a rule.

    >>> import nervure as nv
    >>> nv.config.floatx()
    'float32'
    """
    scope = local.scope
    return _floatx if scope is None or scope.floatx is None else scope.floatx


def set_floatx(value: str) -> None:
    """Makes "float32" or "float64" the default float dtype.

    >>> import nervure as nv
    >>> nv.config.set_floatx("float16")
    Traceback (most recent call last):
    ValueError: floatx must be 'float32' or 'float64', got 'float16'
    """
    global _floatx, version
    if value not in ("float32", "float64"):
        raise ValueError(f"floatx must be 'float32' or 'float64', got {value!r}")
    _floatx = value
    version += 1


def dtype_policy() -> Any:
    """The policy of layers that are made without `dtype`.

    >>> import nervure as nv
    >>> nv.config.dtype_policy().name
    'float32'
    """
    from .dtype_policies import DTypePolicy

    return DTypePolicy(_policy or _floatx)


def set_dtype_policy(policy: Any) -> None:
    """Sets the policy of layers made from now on: "float32", "float64" or a `DTypePolicy`.

    >>> import nervure as nv
    >>> nv.config.set_dtype_policy("float32")
    """
    global _policy
    from . import dtype_policies

    _policy = dtype_policies.get(policy).name


def epsilon() -> float:
    """The fuzz factor that keeps logarithms and divisions finite: 1e-7 unless `set_epsilon` says otherwise.

    >>> import nervure as nv
    >>> nv.config.epsilon()
    1e-07
    """
    return _epsilon


def set_epsilon(value: float) -> None:
    """Sets the fuzz factor, a positive float.

    >>> import nervure as nv
    >>> nv.config.set_epsilon(1e-5)
    >>> nv.config.epsilon()
    1e-05
    >>> nv.config.set_epsilon(1e-7)
    """
    global _epsilon, version
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ValueError(f"epsilon must be a positive number, got {value!r}")
    _epsilon = float(value)
    version += 1


def image_data_format() -> str:
    """Where the channels of an image are: "channels_last".

    >>> import nervure as nv
    >>> nv.config.image_data_format()
    'channels_last'
    """
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets "channels_last" or "channels_first" as the default of layers that see images.

    >>> import nervure as nv
    >>> nv.config.set_image_data_format("channels_last")
    """
    global _image_data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"data_format must be 'channels_last' or 'channels_first', got {data_format!r}")
    _image_data_format = data_format


def _limit(name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError(f"{name} must be a positive integer or None, got {value!r}")
    return value


def max_epochs() -> int | None:
    """The most epochs that `fit` runs, for trial runs; None: as many as it is told.

    >>> import nervure as nv
    >>> nv.config.max_epochs() is None
    True
    """
    return _max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Sets the most epochs that `fit` runs.

    >>> import nervure as nv
    >>> nv.config.set_max_epochs(None)
    """
    global _max_epochs
    _max_epochs = _limit("max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """The most steps of an epoch of `fit`, `evaluate` and `predict`, for trial runs; None: as many as there are.

    >>> import nervure as nv
    >>> nv.config.max_steps_per_epoch() is None
    True
    """
    return _max_steps


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Sets the most steps of an epoch.

    >>> import nervure as nv
    >>> nv.config.set_max_steps_per_epoch(None)
    """
    global _max_steps
    _max_steps = _limit("max_steps_per_epoch", max_steps_per_epoch)


def backend() -> str:
    """Always "nervure": there is one engine.

    >>> import nervure as nv
    >>> nv.config.backend()
    'nervure'
    """
    return "nervure"


def set_backend(backend: str) -> None:
    """Takes "nervure" alone: there is one engine.

    >>> import nervure as nv
    >>> nv.config.set_backend("jax")
    Traceback (most recent call last):
    ValueError: backend must be 'nervure', got 'jax'
    """
    if backend != "nervure":
        raise ValueError(f"backend must be 'nervure', got {backend!r}")


def is_nnx_enabled() -> bool:
    """False: NNX belongs to JAX.

    >>> import nervure as nv
    >>> nv.config.is_nnx_enabled()
    False
    """
    return False


def enable_flash_attention() -> None:
    """Has no effect: there is one way to compute attention.

    >>> import nervure as nv
    >>> nv.config.enable_flash_attention()
    """


def disable_flash_attention() -> None:
    """Has no effect, as `enable_flash_attention`.

    >>> import nervure as nv
    >>> nv.config.disable_flash_attention()
    """


def is_flash_attention_enabled() -> bool:
    """False.

    >>> import nervure as nv
    >>> nv.config.is_flash_attention_enabled()
    False
    """
    return False


def enable_traceback_filtering() -> None:
    """Accepted for programs that set it: tracebacks are short anyway, and are shown whole.

    >>> import nervure as nv
    >>> nv.config.enable_traceback_filtering()
    """
    global _filtering
    _filtering = True


def disable_traceback_filtering() -> None:
    """The opposite of `enable_traceback_filtering`.

    >>> import nervure as nv
    >>> nv.config.disable_traceback_filtering()
    >>> nv.config.is_traceback_filtering_enabled()
    False
    >>> nv.config.enable_traceback_filtering()
    """
    global _filtering
    _filtering = False


def is_traceback_filtering_enabled() -> bool:
    """What the last of the two said; True before.

    >>> import nervure as nv
    >>> nv.config.is_traceback_filtering_enabled()
    True
    """
    return _filtering


def enable_unsafe_deserialization() -> None:
    """Always a ValueError: files and configs hold no code that could be run, and nothing makes them do so.

    >>> import nervure as nv
    >>> nv.config.enable_unsafe_deserialization()
    Traceback (most recent call last):
    ValueError: there is no unsafe deserialization: nervure runs no code from a config or a file
    """
    raise ValueError("there is no unsafe deserialization: nervure runs no code from a config or a file")


def num_threads() -> int:
    """How many threads a run may use: NERVURE_NUM_THREADS, `set_num_threads`, or the CPUs this process may use.

    >>> import nervure as nv
    >>> nv.config.num_threads() >= 1
    True
    """
    return int(_core.config()["threads"])


def set_num_threads(n: int) -> None:
    """Sets the number of threads, from 1 to 256. Results do not depend on it, to the last bit.

    >>> import nervure as nv
    >>> before = nv.config.num_threads()
    >>> nv.config.set_num_threads(1)
    >>> nv.config.num_threads()
    1
    >>> nv.config.set_num_threads(before)
    """
    _core.set_threads(n)


def show() -> dict[str, Any]:
    """Prints what was found on this machine and is in use; returns it as a dict.

    `isa` is the instruction set in use, `isas` those this build and this CPU share; NERVURE_ISA picks one of them.
    `threads` is how many a run may use, `cpus` how many this process may run on.

    >>> import nervure as nv
    >>> nv.config.show()["floatx"]  # doctest: +ELLIPSIS
    nervure ...
    'float32'
    """
    import platform

    from . import __version__

    found = {"nervure": __version__, "python": platform.python_version(), "numpy": np.__version__}
    found |= {**_core.config(), "floatx": _floatx, "epsilon": _epsilon}
    width = max(map(len, found))
    print("\n".join(f"{key:<{width}}  {value}" for key, value in found.items()))
    return found
