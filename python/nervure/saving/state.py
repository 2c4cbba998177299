"""Where each layer's and optimizer's variables are in a file of weights, and how they get there and back.

The groups of the file follow the attributes of the model: an attribute `head` that is a layer is the group `head`, with
its variables in `head/vars`. What is in a list, tuple or dict is named by its class, "dense", "dense_1": the names that
users give do not matter, so that two models of the same code always fit. Sequential and functional models begin with
their `layers`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from ..utils.naming import to_snake_case
from . import hdf5_read
from .hdf5_write import Group

__all__ = ["load_state", "save_state"]

_CONTAINERS = (list, dict, tuple)


@cache
def _kinds() -> tuple[type, ...]:
    """The classes whose objects may hold variables or hold others that do."""
    from ..keras_tensor import Operation
    from ..losses import Loss
    from ..metrics import Metric
    from ..optimizers import Optimizer

    return (Operation, Optimizer, Metric, Loss)


@cache
def _common(kind: str) -> frozenset[str]:
    """The attributes that every object of a kind has, which are no part of any one of them."""
    from .. import layers, losses, metrics, models, optimizers

    if kind == "model":
        return frozenset(dir(models.Model(name="reference"))) - {"layers", "optimizer"}
    if kind == "listed":  # a model whose layers are taken first
        return frozenset(dir(models.Sequential(name="reference"))) - {"optimizer"}
    made: dict[str, Callable[[], Any]] = {
        "layer": lambda: layers.Layer(name="reference"),
        "optimizer": lambda: optimizers.Optimizer(0.0, name="reference"),
        "metric": lambda: metrics.Metric(name="reference"),
        "loss": lambda: losses.Loss(name="reference"),
    }
    return frozenset(dir(made[kind]()))


def _kind(saveable: Any) -> str:
    from ..layers import Layer
    from ..losses import Loss
    from ..metrics import Metric
    from ..models import Model
    from ..optimizers import Optimizer

    if isinstance(saveable, Model):
        return "listed" if saveable._graph is not None or hasattr(saveable, "_chain") else "model"
    known: tuple[tuple[type, str], ...] = (
        (Layer, "layer"), (Optimizer, "optimizer"), (Metric, "metric"), (Loss, "loss"),
    )  # fmt: skip
    return next((name for cls, name in known if isinstance(saveable, cls)), "")


def _attributes(saveable: Any) -> Iterator[tuple[str, Any]]:
    """What hangs on an object, in the order of the names, private ones last."""
    kind = _kind(saveable)
    if not kind:
        return
    if kind == "listed":
        yield "layers", saveable.layers
    known = _common(kind)
    names = [name for name in dir(saveable) if not name.startswith("__") and name not in known]
    for name in sorted(names, key=lambda name: f"~{name}" if name.startswith("_") else name):
        try:
            value = getattr(saveable, name)
        except Exception:  # a property that has no value yet
            continue
        yield name, value


def _named(container: Any) -> Iterator[tuple[str, Any]]:
    """What is in a list, tuple or dict, by the names of classes."""
    used: dict[str, int] = {}
    for item in list(container.values()) if isinstance(container, dict) else list(container):
        if isinstance(item, _kinds()):
            name = to_snake_case(type(item).__name__)
        elif isinstance(item, _CONTAINERS):
            name = "container"
        else:
            continue
        count = used[name] = used.get(name, -1) + 1
        yield (f"{name}_{count}" if count else name), item


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


# ---- saving ----


class _Saving:
    def __init__(self, skipped: Iterable[Any], assets: Callable[[str], str] | None) -> None:
        self.root = Group()
        self._assets = assets
        self._done = {id(item) for item in skipped}
        self._containers: set[int] = set()

    def save(self, saveable: Any, path: str) -> None:
        if id(saveable) in self._done:
            return
        self._done.add(id(saveable))
        if hasattr(saveable, "save_own_variables"):
            store: dict[str, Any] = {}
            saveable.save_own_variables(store)
            name = getattr(saveable, "name", None)
            if store or isinstance(name, str):
                group = self.root.make(_join(path, "vars"))
                group.attributes = {"name": name} if isinstance(name, str) else {}
                for key, value in store.items():
                    group[str(key)] = value.numpy() if hasattr(value, "numpy") else np.asarray(value)
        if self._assets is not None and hasattr(saveable, "save_assets"):
            saveable.save_assets(self._assets(path))
        for name, value in _attributes(saveable):
            self._save_any(value, _join(path, name))

    def _save_any(self, value: Any, path: str) -> None:
        if isinstance(value, _kinds()):
            self.save(value, path)
        elif isinstance(value, _CONTAINERS) and id(value) not in self._containers:
            self._containers.add(id(value))
            for name, item in _named(value):
                self._save_any(item, _join(path, name))
            self._containers.discard(id(value))


def save_state(model: Any, skipped: Iterable[Any] = (), assets: Callable[[str], str] | None = None) -> Group:
    """The variables of `model` and of all in it but `skipped`, as the groups of a file. `assets` gives the folder in
    which what is at a path saves its other files.
    """
    saving = _Saving(skipped, assets)
    saving.save(model, "")
    return saving.root


# ---- loading ----


class _Store(Mapping[str, Any]):
    """The arrays of one object of a file."""

    def __init__(self, group: hdf5_read.Group | None) -> None:
        self._group = group

    def __getitem__(self, key: str) -> Any:
        if self._group is None:
            raise KeyError(key)
        found = self._group[key]
        if not isinstance(found, hdf5_read.Dataset):
            raise ValueError(f"HDF5: '{found.path}' is a group, expected an array")
        return found.read()

    def __iter__(self) -> Iterator[str]:
        return iter(self._group or ())

    def __len__(self) -> int:
        return len(self._group) if self._group is not None else 0


class _Loading:
    def __init__(
        self, root: hdf5_read.Group, skipped: Iterable[Any], assets: Callable[[str], str | None] | None
    ) -> None:
        self._root = root
        self._assets = assets
        self._done = {id(item) for item in skipped}
        self._containers: set[int] = set()
        self.failed: dict[int, tuple[Any, Exception]] = {}

    def _group(self, path: str) -> hdf5_read.Group | None:
        try:
            found = self._root[_join(path, "vars")]
        except KeyError:
            return None
        return found if isinstance(found, hdf5_read.Group) else None

    def _has(self, path: str) -> bool:
        return path in self._root

    def load(self, saveable: Any, path: str) -> None:
        if id(saveable) in self._done:
            return
        error: Exception | None = None
        try:
            if hasattr(saveable, "load_own_variables"):
                saveable.load_own_variables(_Store(self._group(path)))
            if self._assets is not None and hasattr(saveable, "load_assets"):
                saveable.load_assets(self._assets(path))
        except Exception as raised:
            error = raised
            self.failed[id(saveable)] = (saveable, raised)
        before = len(self.failed)
        for name, value in _attributes(saveable):
            self._load_any(value, _join(path, name), nested=False)
        if error is None:
            if len(self.failed) <= before:
                self._done.add(id(saveable))
            self.failed.pop(id(saveable), None)

    def _load_any(self, value: Any, path: str, nested: bool) -> None:
        if isinstance(value, _kinds()):
            self.load(value, path)
        elif isinstance(value, _CONTAINERS) and id(value) not in self._containers:
            if nested and not self._has(path):
                self._load_absent(value, path)
            else:
                self._load_container(value, path)

    def _load_container(self, value: Any, path: str) -> None:
        self._containers.add(id(value))
        for name, item in _named(value):
            self._load_any(item, _join(path, name), nested=True)
        self._containers.discard(id(value))

    def _load_absent(self, value: Any, path: str) -> None:
        """Files of older versions lack what is in containers inside of containers."""
        known = dict(self.failed)
        self._load_container(value, path)
        if len(self.failed) > len(known):
            warnings.warn(
                f"Skipping nested container at '{path}': no matching group found in the saved file. This usually means "
                "the file was saved with a version that did not serialize sublayers nested inside containers. Affected "
                "layers will retain their freshly-initialized weights.",
                stacklevel=2,
            )
        self.failed = known


def load_state(
    model: Any,
    root: hdf5_read.Group,
    skip_mismatch: bool = False,
    skipped: Iterable[Any] = (),
    assets: Callable[[str], str | None] | None = None,
) -> None:
    """Gives `model`, and all in it but `skipped`, the variables of a file.

    ValueError naming what does not fit, and then nothing is changed; with `skip_mismatch` that is a warning and the
    rest is loaded.
    """
    optimizer = getattr(model, "optimizer", None)
    held = list({id(v): v for v in (*model.variables, *(getattr(optimizer, "variables", None) or ()))}.values())
    before = [np.array(v.numpy()) for v in held]
    loading = _Loading(root, skipped, assets)
    try:
        loading.load(model, "")
        if not loading.failed:
            return
        first, error = next(iter(loading.failed.values()))
        names = [saveable for saveable, _ in loading.failed.values()]
        message = (
            f"A total of {len(names)} objects could not be loaded. Example error message for object {first}:\n\n"
            f"{error}\n\nList of objects that could not be loaded:\n{names}"
        )
        if not skip_mismatch:
            raise ValueError(message)
        warnings.warn(message, stacklevel=3)
    except BaseException:
        for v, value in zip(held, before, strict=True):
            v.numpy()[...] = value
        raise
