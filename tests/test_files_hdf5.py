"""HDF5: files of h5py are read, what is written is read by h5py if it is there, and no damage gets past the reader."""

import io
import random
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from nervure.saving import hdf5_read, hdf5_write

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from file_models import ARRAYS

FILES = Path(__file__).parent / "golden" / "files"


def packed(name):
    with zipfile.ZipFile(FILES / "hdf5.zip") as archive:
        return archive.read(name)


def written(group):
    buffer = io.BytesIO()
    hdf5_write.write(buffer, group)
    return buffer.getvalue()


def equal(found, array):
    return found.dtype == array.dtype.newbyteorder("=") and found.shape == array.shape and np.array_equal(found, array)


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_files_of_h5py_are_read(version):
    root = hdf5_read.read(packed(f"{version}.h5"))
    for name, array in ARRAYS.items():
        assert equal(root["a/b"][name].read(), np.asarray(array)), name
    for size in (0, 8, 9, 50, 300):
        group = root[f"many{size}"]
        assert sorted(group) == sorted(map(str, range(size)))
        assert not size or int(group["0"].read()) == size
        assert not size or len(group[str(size - 1)]) == 0
    attributes = root.attributes
    assert (attributes["text"], attributes["count"]) == ("ééé", 3)
    assert list(attributes["fixed"]) == [b"ab", b"cde"] and list(attributes["texts"]) == ["x", "yz"]
    assert "a/b/f4" in root and "a/x" not in root and len(root["a"]) == 1
    with pytest.raises(KeyError):
        root["a/b/f4/deeper"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("compressed", "compressed"),
        ("chunks", "in chunks"),
        ("empty", "no data"),
        ("soft", "symbolic link"),
        ("external", "another file|symbolic link"),
        ("loop", "contains itself"),
        ("texts", "variable length"),
        ("complex", "class 6"),
    ],
)
def test_what_is_not_supported_says_so(name, words):
    root = hdf5_read.read(packed("refused.h5"))
    with pytest.raises(ValueError, match=words):
        root[name].read()


def tree():
    root = hdf5_write.Group({"name": "model"})
    group = root.make("layers/dense/vars")
    group.attributes["name"] = "dense é"
    for name, array in ARRAYS.items():
        group[name] = array
    group["columns"] = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    group["text"] = np.array(["é", "ab"])
    for size in (0, 8, 9, 256, 257, 1100):
        many = root.make(f"many{size}")
        for k in range(size):
            many.make(str(k)).attributes["name"] = f"{size}/{k}"
    return root


def test_what_is_written_is_read():
    root = hdf5_read.read(written(tree()))
    group = root["layers/dense/vars"]
    for name, array in ARRAYS.items():
        assert equal(group[name].read(), np.asarray(array)), name
    assert np.array_equal(group["columns"].read(), [[0, 1, 2], [3, 4, 5]])
    assert [t.decode() for t in group["text"].read()] == ["é", "ab"]
    assert root.attributes == {"name": "model"} and group.attributes == {"name": "dense é"}
    for size in (0, 8, 9, 256, 257, 1100):
        many = root[f"many{size}"]
        assert sorted(many) == sorted(map(str, range(size)))
        assert all(many[str(k)].attributes == {"name": f"{size}/{k}"} for k in range(0, size, 50))


def test_h5py_reads_what_is_written(tmp_path):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "a.h5").write_bytes(written(tree()))
    with h5py.File(tmp_path / "a.h5") as file:
        for name, array in ARRAYS.items():
            assert np.array_equal(file["layers/dense/vars"][name][()], array), name
        assert file["layers/dense/vars"].attrs["name"] == "dense é"
        for size in (0, 8, 9, 256, 257, 1100):
            assert sorted(file[f"many{size}"]) == sorted(map(str, range(size)))


@pytest.mark.parametrize("name", ["", "a/b", "a\0b", "."])
def test_a_name_that_is_none_is_refused(name):
    root = hdf5_write.Group()
    root[name] = np.zeros(1)
    with pytest.raises(ValueError, match="cannot be a name"):
        written(root)


def test_an_array_of_objects_is_refused():
    root = hdf5_write.Group()
    root["a"] = np.array([None])
    with pytest.raises(ValueError, match="dtype object"):
        written(root)
    root = hdf5_write.Group()
    root["a"] = np.zeros(1)
    with pytest.raises(ValueError, match="is an array"):
        root.make("a/b")


def everything(group, depth=0):
    """Reads all there is, as far as it can be read."""
    assert depth < 70
    _ = group.attributes
    for name in group:
        item = group[name]
        item.read() if isinstance(item, hdf5_read.Dataset) else everything(item, depth + 1)


def small(version):
    if version == "ours":
        root = hdf5_write.Group({"name": "m"})
        root.make("layers/dense/vars")["0"] = np.ones((2, 3), "float32")
        root["layers"]["dense"]["vars"]["1"] = np.arange(3)
        return written(root)
    return packed(f"{version}.h5")


@pytest.mark.parametrize("version", ["ours", "earliest", "latest"])
def test_a_damaged_file_is_an_error_and_nothing_worse(version):
    data, random_ = small(version), random.Random(5)
    interesting = [0, 1, 8, 16, 0xFF, 2**16 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, len(data), len(data) - 1]
    failures = 0
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(random_.randrange(1, 4)):
            at = random_.randrange(0, min(len(data), 6000) - 8)
            if random_.random() < 0.5:
                damaged[at] = random_.randrange(256)
            else:
                struct.pack_into("<Q", damaged, at - at % 8, random_.choice(interesting))
        try:
            everything(hdf5_read.read(bytes(damaged)))
        except ValueError as error:
            assert str(error)
            failures += 1
    assert failures > 20


@pytest.mark.parametrize("version", ["ours", "earliest", "latest"])
def test_a_truncated_file_is_an_error(version):
    data = small(version)
    for size in (*range(0, 200, 7), *range(200, len(data) - 1, max(1, len(data) // 60))):
        with pytest.raises(ValueError, match="HDF5"):
            everything(hdf5_read.read(data[:size]))


def test_what_is_wrong_is_named():
    data = bytearray(small("ours"))
    for at, value, words in (
        (0, b"PK", "signature"),
        (8, b"\x09", "version of the superblock"),
        (13, b"\x04", "sizes of addresses"),
        (24, b"\x01", "base address"),
        (40, b"\xff" * 7, "end of the file"),
        (64, b"\xf0\xff\xff", "header of '/'"),
    ):
        damaged = bytearray(data)
        damaged[at : at + len(value)] = value
        with pytest.raises(ValueError, match=words):
            hdf5_read.read(bytes(damaged))


def test_a_shape_that_does_not_fit_the_data_allocates_nothing():
    data = bytearray(small("ours"))
    at = data.find(struct.pack("<QQ", 2, 3))  # the sizes of the first array
    struct.pack_into("<Q", data, at, 2**40)
    with pytest.raises(ValueError, match="by its shape, but only 24 bytes of data"):
        hdf5_read.read(bytes(data))["layers/dense/vars/0"]


def test_a_tree_that_leads_to_itself_is_an_error():
    root = hdf5_write.Group()
    for k in range(300):
        root.make(str(k))
    data = bytearray(written(root))
    (tree,) = struct.unpack_from("<Q", data, 80)
    struct.pack_into("<Q", data, tree + 32, tree)
    with pytest.raises(ValueError, match=r"B-tree|reached twice"):
        hdf5_read.read(bytes(data))


def test_groups_too_deep_are_an_error():
    root = hdf5_write.Group()
    root.make("/".join("g" * 100))
    with pytest.raises(ValueError, match="64 groups deep"):
        everything(hdf5_read.read(written(root)))
