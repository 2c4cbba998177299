"""Dtype policies: in which dtype a layer computes and keeps its weights.

Both are the same here: "float32", "float64", or an integer dtype for layers of labels.
"""

from typing import TYPE_CHECKING, Any

from . import config
from ._absent import absent
from ._dtypes import standardize_dtype

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]

if not TYPE_CHECKING:
    __getattr__ = absent(__name__)


class DTypePolicy:
    """The dtype of a layer's weights and computation. None means `config.floatx()`.

    ValueError for dtypes that nervure does not compute in, such as "mixed_float16".

    >>> DTypePolicy("float64").compute_dtype
    'float64'
    """

    quantization_mode = None

    def __init__(self, name: Any = None) -> None:
        if isinstance(name, str) and name.startswith("mixed_"):
            raise ValueError(f"DTypePolicy: nervure computes in float32 or float64, got {name!r}")
        self._name = standardize_dtype(name)

    @property
    def name(self) -> str:
        return self._name

    variable_dtype = compute_dtype = name

    def get_config(self) -> dict[str, Any]:
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DTypePolicy":
        return cls(**config)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


FloatDTypePolicy = DTypePolicy


def get(identifier: Any) -> DTypePolicy:
    """A policy from its name, a dtype, its config, a policy, or None for the default one.

    >>> get({"class_name": "DTypePolicy", "config": {"name": "float64"}}).name
    'float64'
    """
    if identifier is None:
        return config.dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        name = identifier.get("class_name")
        if name not in ("DTypePolicy", "FloatDTypePolicy", "Policy"):
            raise ValueError(f"unknown dtype policy {name!r}: nervure has DTypePolicy")
        return DTypePolicy.from_config(identifier["config"])
    return DTypePolicy(getattr(identifier, "compute_dtype", identifier))


def serialize(dtype_policy: DTypePolicy) -> Any:
    """The config of a policy.

    >>> serialize(DTypePolicy("float32"))["config"]
    {'name': 'float32'}
    """
    from ._identify import describe

    return describe(dtype_policy)


def deserialize(config: Any, custom_objects: Any = None) -> DTypePolicy:
    """The policy of a config.

    >>> deserialize(serialize(DTypePolicy("float32"))).name
    'float32'
    """
    return get(config)
