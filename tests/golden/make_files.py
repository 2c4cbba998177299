"""Makes the files in `files/` with Keras 3.15.1: models after some training, what they predict, and how training goes
on; and files of h5py. All are packed again, as HDF5 is mostly zeros. `make_files.py check FOLDER` tries in Keras what
nervure saved in FOLDER.

    KERAS_BACKEND=jax python tests/golden/make_files.py
"""

import json
import sys
import tempfile
import zipfile
from pathlib import Path

import file_models
import h5py
import keras
import numpy as np

HERE = Path(__file__).parent / "files"


def pack(name, members):
    with zipfile.ZipFile(HERE / name, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for member, data in members.items():
            archive.writestr(zipfile.ZipInfo(member), data, zipfile.ZIP_DEFLATED)


def hdf5():
    """Arrays of every kind in files of both versions, groups large enough to be stored in every way, and what is
    refused."""
    members = {}
    with tempfile.TemporaryDirectory() as folder:
        for version in ("earliest", "latest"):
            path = Path(folder, f"{version}.h5")
            with h5py.File(path, "w", libver=version) as file:
                file.attrs["text"], file.attrs["count"] = "é" * 3, 3
                file.attrs["fixed"], file.attrs["texts"] = [b"ab", b"cde"], ["x", "yz"]
                group = file.create_group("a/b")
                for name, array in file_models.ARRAYS.items():
                    group[name] = array
                for size in (0, 8, 9, 50, 300):
                    many = file.create_group(f"many{size}")
                    for k in range(size):
                        many.create_group(str(k)) if k else many.create_dataset("0", data=np.int32(size))
            members[path.name] = path.read_bytes()
        path = Path(folder, "refused.h5")
        with h5py.File(path, "w") as file:
            file.create_dataset("compressed", data=np.ones(100), chunks=(10,), compression="gzip")
            file.create_dataset("chunks", data=np.ones(100), chunks=(10,))
            file.create_dataset("empty", shape=(3,))
            file["soft"], file["external"] = h5py.SoftLink("/chunks"), h5py.ExternalLink("x.h5", "/c")
            file["loop"], file["texts"], file["complex"] = file["/"], ["a", "b"], np.ones(2, "complex64")
        members[path.name] = path.read_bytes()
    pack("hdf5.zip", members)


def make():
    HERE.mkdir(exist_ok=True)
    hdf5()
    for name, build in file_models.MODELS.items():
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        model, _ = file_models.built(build, keras)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            model.save(path)
            with zipfile.ZipFile(path) as archive:
                pack(f"{name}.keras", {n: archive.read(n) for n in archive.namelist()})
        expected = {"predicted": file_models.predicted(model), "losses": file_models.train(model, 3)}
        expected["config"] = json.loads(model.to_json())
        (HERE / f"{name}.json").write_text(json.dumps(expected))


def check(folder):
    for name, build in file_models.MODELS.items():
        expected = json.loads((folder / f"{name}.json").read_text())
        _, custom = file_models.built(build, keras)
        model = keras.saving.load_model(folder / f"{name}.keras", custom_objects=custom)
        found = file_models.predicted(model)
        for key, values in expected["predicted"].items():
            assert abs(keras.ops.convert_to_numpy(keras.ops.subtract(values, found[key]))).max() < 1e-6, (name, key)
        losses = file_models.train(model, 3)
        assert all(abs(a - b) < 1e-5 * max(1, abs(b)) for a, b in zip(losses, expected["losses"], strict=True)), name
        model.load_weights(folder / f"{name}.weights.h5")
        print(name, "agrees")


if __name__ == "__main__":
    check(Path(sys.argv[2])) if sys.argv[1:2] == ["check"] else make()
