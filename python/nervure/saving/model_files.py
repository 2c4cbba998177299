"""Models in files: `.keras`, a zip of the architecture as JSON and the weights as HDF5, and `.weights.h5`.

Both are Keras's formats: its files are read here, and it reads these. Loading makes objects of a closed list only (see
`serialization`): no file can name a module to import or hold code that runs. A file that is damaged or hostile is a
ValueError.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from .atomic import replacing

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]

_CONFIG, _METADATA, _WEIGHTS, _ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets"
_KERAS = "3.15.1"  # whose format this is
_LARGE, _RATIO = 2**28, 100  # a larger member that is this many times its size in the file is a trap


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
    """Saves architecture, weights, how the model was compiled, and the state of its optimizer.

    Args:
        filepath: ends in `.keras`; or names a folder, with `zipped=False`. The old file stays until the new one is
            whole.
        overwrite: False asks before a file is replaced.

    ValueError for other suffixes (`.h5` is read, not written).

    >>> import tempfile, numpy as np, nervure as nv
    >>> model = nv.Sequential([nv.Input((3,)), nv.layers.Dense(2)])
    >>> x = np.ones((1, 3), "float32")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, f"{folder}/model.keras")
    ...     same = load_model(f"{folder}/model.keras")
    >>> bool(np.all(same(x) == model(x)))
    True
    """
    kwargs.pop("include_optimizer", None)
    save_format = kwargs.pop("save_format", None)
    name = filepath if isinstance(filepath, io.IOBase) else str(filepath)
    if kwargs:
        raise ValueError(f"The following argument(s) are not supported: {list(kwargs)}")
    if save_format and not (isinstance(name, str) and name.endswith((".keras", ".h5", ".hdf5"))):
        raise ValueError(
            "The `save_format` argument is deprecated in Keras 3. Please remove this argument and pass a file path "
            f"with a `.keras` extension. Received: save_format={save_format}"
        )
    if isinstance(name, str) and name.startswith("hf://"):
        raise ValueError(f"nervure does not save to the Hugging Face Hub. Received: filepath={filepath}")
    if isinstance(name, str) and name.endswith((".h5", ".hdf5")) and zipped is not False:
        raise ValueError(
            "nervure does not write the legacy HDF5 format of whole models. Use the native Keras format, "
            f"`model.save('my_model.keras')`, or `model.save_weights('my.weights.h5')`. Received: filepath={filepath}"
        )
    if isinstance(name, str) and zipped is not False and not name.endswith(".keras"):
        raise ValueError(
            "Invalid filepath extension for saving. Please add a `.keras` extension for the native Keras format. "
            f"Received: filepath={filepath}."
        )
    if isinstance(name, str) and zipped is False and name.endswith(".keras"):
        raise ValueError(
            "When using `zipped=False`, the `filepath` argument should not end in `.keras`. "
            f"Received: filepath={filepath}"
        )
    if not model.built:
        warnings.warn(
            "You are saving a model that has not yet been built. It might not contain any weights yet. Consider "
            "building the model first by calling it on some data.",
            stacklevel=2,
        )
    if isinstance(filepath, io.IOBase):
        _write_zip(model, filepath)  # type: ignore[arg-type]
    elif not overwrite and os.path.exists(filepath) and not _may_replace(filepath):
        return
    elif zipped is False:
        _write_folder(model, str(filepath))
    else:
        config = _texts(model)
        with replacing(filepath) as file:
            _write_zip(model, file, config)


def _may_replace(path: Any) -> bool:
    """Asks until the answer is y or n."""
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"[WARNING] {path} already exists - overwrite? [y/n]").strip().lower()
    return answer == "y"


def _texts(model: Any) -> dict[str, str]:
    """The members of a file that are JSON."""
    import json
    from datetime import datetime

    from .serialization import serialize_shared

    config = json.dumps(serialize_shared(model))
    date = datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    return {_METADATA: json.dumps({"keras_version": _KERAS, "date_saved": date}), _CONFIG: config}


class _Folder:
    """A folder for the files that layers save beside their variables, made when the first one asks."""

    def __init__(self) -> None:
        self._made: Any = None

    @property
    def path(self) -> str | None:
        return None if self._made is None else str(self._made.name)

    def __call__(self, inner: str) -> str:
        if self._made is None:
            import tempfile

            self._made = tempfile.TemporaryDirectory()
        path = os.path.join(self._made.name, *inner.split("/"))
        os.makedirs(path, exist_ok=True)
        return path

    def files(self) -> Iterator[tuple[str, str]]:
        """Each file's path, and its name in the zip."""
        for folder, _, names in os.walk(self.path) if self.path else ():
            for name in sorted(names):
                path = os.path.join(folder, name)
                yield path, os.path.relpath(path, self.path).replace(os.sep, "/")

    def close(self) -> None:
        if self._made is not None:
            self._made.cleanup()


def _write_zip(model: Any, file: BinaryIO, texts: Mapping[str, str] | None = None) -> None:
    import zipfile

    from .hdf5_write import write
    from .state import save_state

    folder = _Folder()
    try:
        root = save_state(model, assets=folder)
        with zipfile.ZipFile(file, "w") as archive:
            for name, text in (texts if texts is not None else _texts(model)).items():
                archive.writestr(name, text)
            with archive.open(_WEIGHTS, "w", force_zip64=True) as member:
                write(member, root)  # type: ignore[arg-type]
            for path, inner in folder.files():
                archive.write(path, f"{_ASSETS}/{inner}")
    finally:
        folder.close()


def _write_folder(model: Any, path: str) -> None:
    from .hdf5_write import write
    from .state import save_state

    texts = _texts(model)
    folder = _Folder()
    try:
        root = save_state(model, assets=folder)
        os.makedirs(path, exist_ok=True)
        for name, text in texts.items():
            with replacing(os.path.join(path, name)) as file:
                file.write(text.encode("utf-8"))
        with replacing(os.path.join(path, _WEIGHTS)) as file:
            write(file, root)
        for source, inner in folder.files():
            target = os.path.join(path, _ASSETS, *inner.split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(source, "rb") as data, replacing(target) as file:
                file.write(data.read())
    finally:
        folder.close()


def load_model(
    filepath: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model of a `.keras` file (or of a folder saved with `zipped=False`), made by nervure or by Keras.

    Args:
        custom_objects: classes and functions by name that the file may use besides nervure's and the registered ones.
        compile: whether to compile the model as it was, with the state of its optimizer.
        safe_mode: changes nothing: no file can make code run.

    ValueError if the file is missing, damaged or not of this kind. TypeError for unknown classes. See `save_model`.

    >>> load_model("nothing.keras")
    Traceback (most recent call last):
     ...
    ValueError: File not found: filepath=nothing.keras. Please ensure the file is an accessible `.keras` zip file.
    """
    if isinstance(filepath, io.IOBase):
        return _read_zip(filepath, custom_objects, compile)
    name = str(filepath)
    if os.path.isdir(name) and os.path.exists(os.path.join(name, _CONFIG)):
        return _read_folder(name, custom_objects, compile)
    if name.endswith((".h5", ".hdf5")):
        from .legacy_h5 import load_legacy_model

        with open(name, "rb") as file:
            return load_legacy_model(file.read(), custom_objects, compile)
    if name.endswith(".keras"):
        import zipfile

        if not os.path.exists(name) or not zipfile.is_zipfile(name):
            raise ValueError(
                f"File not found: filepath={filepath}. Please ensure the file is an accessible `.keras` zip file."
            )
        with open(name, "rb") as file:
            return _read_zip(file, custom_objects, compile)
    raise ValueError(
        f"File format not supported: filepath={filepath}. Keras 3 only supports V3 `.keras` files and legacy H5 format "
        "files (`.h5` extension). Note that the legacy SavedModel format is not supported by `load_model()`."
    )


@contextmanager
def _unzipping(file: Any) -> Iterator[None]:
    """What is wrong with a zip is a ValueError. Nothing but its bytes is looked at inside."""
    import struct
    import zipfile
    import zlib

    try:
        yield
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{getattr(file, 'name', 'the file')} is no undamaged `.keras` zip file: {error}") from error


def _archive(file: Any) -> Any:
    import zipfile

    with _unzipping(file):
        return zipfile.ZipFile(file, "r")


def _member(archive: Any, name: str) -> bytes:
    """A member of a zip, unless it is missing or many times larger than what it is made of."""
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise ValueError(f"Expected a {name} file in the `.keras` zip file, which has {archive.namelist()}") from None
    if info.file_size > _LARGE and info.file_size > _RATIO * info.compress_size:
        raise ValueError(
            f"Not allowed: ZIP member '{name}' declares {info.file_size} bytes but only {info.compress_size} are "
            "stored on disk; refusing to load a potential decompression bomb."
        )
    with _unzipping(archive.fp):
        return archive.read(name)  # type: ignore[no-any-return]


def _read_zip(file: Any, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    from . import hdf5_read
    from .state import load_state

    with _archive(file) as archive:
        model = _model_of(_member(archive, _CONFIG), custom_objects, compile)
        root = hdf5_read.read(_member(archive, _WEIGHTS))
        folder = _Folder()
        try:
            names = [name for name in archive.namelist() if name.startswith(f"{_ASSETS}/") and not name.endswith("/")]
            for name in names:
                parts = name.replace("\\", "/").split("/")[1:]
                if any(part in ("", ".", "..") or ":" in part for part in parts):
                    raise ValueError(f"Invalid asset path: '{name}' escapes the asset directory.")
                data = _member(archive, name)
                with open(os.path.join(folder("/".join(parts[:-1])), parts[-1]), "wb") as target:
                    target.write(data)
            load_state(model, root, assets=folder if names else None)
        finally:
            folder.close()
    return model


def _read_folder(path: str, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    from . import hdf5_read
    from .state import load_state

    with open(os.path.join(path, _CONFIG), "rb") as file:
        model = _model_of(file.read(), custom_objects, compile)
    weights = os.path.join(path, _WEIGHTS)
    if not os.path.exists(weights):
        raise ValueError(f"Expected a {_WEIGHTS} file in {path}")
    with open(weights, "rb") as file:
        root = hdf5_read.read(file.read())
    assets = os.path.join(path, _ASSETS)
    load_state(model, root, assets=(lambda inner: os.path.join(assets, inner)) if os.path.isdir(assets) else None)
    return model


def _model_of(text: bytes, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    import json

    from ..models import Model
    from .serialization import deserialize_keras_object, sharing

    try:
        config = json.loads(text)
        if not isinstance(config, dict):
            raise ValueError(f"expected an object, got {type(config).__name__}")
        if not compile:
            config["compile_config"] = None
        with sharing():
            model = deserialize_keras_object(config, custom_objects=custom_objects)
    except RecursionError:
        raise ValueError(f"{_CONFIG} is nested too deeply") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{_CONFIG} is no JSON: {error}") from None
    if not isinstance(model, Model):
        raise ValueError(f"{_CONFIG} describes no model, but {model!r}")
    return model


def save_weights(
    model: Any, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
) -> None:
    """Saves the weights, and the state of the optimizer, in a file whose name ends in `.weights.h5`. See `save_model`.

    ValueError for other names, for a model that is not built, and for `max_shard_size`, which is not supported.

    >>> import tempfile, nervure as nv
    >>> a, b = (nv.Sequential([nv.Input((3,)), nv.layers.Dense(2)]) for _ in range(2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(a, f"{folder}/a.weights.h5")
    ...     load_weights(b, f"{folder}/a.weights.h5")
    >>> bool((a.layers[0].kernel.numpy() == b.layers[0].kernel.numpy()).all())
    True
    """
    skipped = kwargs.pop("objects_to_skip", None) or ()
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if max_shard_size is not None:
        raise ValueError(f"max_shard_size={max_shard_size!r} is not supported: weights are saved in one file")
    if not str(filepath).endswith(".weights.h5"):
        raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={filepath}")
    if not overwrite and os.path.exists(filepath) and not _may_replace(filepath):
        return
    if not model.built:
        raise ValueError(
            "You are saving a model that has not yet been built. Try building the model first by calling it on some "
            "data or by using `build()`."
        )
    from .hdf5_write import write
    from .state import save_state

    root = save_state(model, skipped)
    with replacing(filepath) as file:
        write(file, root)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Loads the weights (and the state of the optimizer, if it has its slots) of a `.weights.h5` or `.keras` file.

    ValueError naming what does not fit, and then nothing is changed; with `skip_mismatch` the rest is loaded and that
    is a warning. See `save_weights`.

    >>> import nervure as nv
    >>> load_weights(nv.Sequential([nv.Input((3,))]), "model.txt")
    Traceback (most recent call last):
     ...
    ValueError: File format not supported: filepath=model.txt. Keras 3 only supports V3 `.keras` files, ...
    """
    skipped = kwargs.pop("objects_to_skip", None)
    by_name = kwargs.pop("by_name", None)
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    name = str(filepath)
    native = name.endswith((".keras", ".weights.h5"))
    if not native and not name.endswith((".h5", ".hdf5")):
        raise ValueError(
            f"File format not supported: filepath={filepath}. Keras 3 only supports V3 `.keras` files, `.weights.h5` "
            "files and legacy H5 format files (`.h5` extension)."
        )
    if native and by_name is not None:
        raise ValueError(f"`by_name` only supports loading legacy '.h5' or '.hdf5' files. Received: {filepath}")
    if not name.endswith(".weights.h5") and skipped is not None:
        raise ValueError(f"`objects_to_skip` only supports loading '.weights.h5' files. Received: {filepath}")
    if not model.built:
        raise ValueError(
            "You are loading weights into a model that has not yet been built. Try building the model first by calling "
            "it on some data or by using `build()`."
        )
    from . import hdf5_read
    from .state import load_state

    with open(filepath, "rb") as file:
        if name.endswith(".keras"):
            with _archive(file) as archive:
                data = _member(archive, _WEIGHTS)
        else:
            data = file.read()
    if native:
        load_state(model, hdf5_read.read(data), skip_mismatch, skipped or ())
    else:
        from .legacy_h5 import load_legacy_weights

        load_legacy_weights(model, hdf5_read.read(data), skip_mismatch, bool(by_name))


def to_bytes(model: Any) -> bytes:
    """A `.keras` file in memory."""
    buffer = io.BytesIO()
    _write_zip(model, buffer)
    return buffer.getvalue()


def from_bytes(data: bytes, cls: type) -> Any:
    """The model of a `.keras` file in memory, which may be of the class `cls`."""
    return _read_zip(io.BytesIO(data), {cls.__name__: cls}, True)
