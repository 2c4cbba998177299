"""`get_file`: files from the network, kept in a cache, checked and unpacked. And the paths that are safe to unpack."""

from __future__ import annotations

import contextlib
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["get_file"]

_CHUNK = 1 << 16


def path_to_string(path: Any) -> Any:
    """A path object as text; other things as they are."""
    return os.fspath(path) if isinstance(path, os.PathLike) else path


# ---- hashes ----


def resolve_hasher(algorithm: str, file_hash: str | None = None) -> Any:
    """SHA-256, or MD5 for all other names; "auto" goes by the length of the hash."""
    import hashlib

    if algorithm == "sha256" or (algorithm == "auto" and file_hash is not None and len(file_hash) == 64):
        return hashlib.sha256()
    return hashlib.md5()


def hash_file(fpath: Any, algorithm: Any = "sha256", chunk_size: int = _CHUNK) -> str:
    """The hash of a file's bytes, in hexadecimal."""
    hasher = resolve_hasher(algorithm) if isinstance(algorithm, str) else algorithm
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            hasher.update(chunk)
    return str(hasher.hexdigest())


def validate_file(fpath: Any, file_hash: str, algorithm: str = "auto", chunk_size: int = _CHUNK) -> bool:
    """Has the file this hash?"""
    return hash_file(fpath, resolve_hasher(algorithm, file_hash), chunk_size) == str(file_hash)


# ---- archives ----


def resolve_path(path: Any) -> str:
    """The absolute path behind all links."""
    return os.path.realpath(path)


def _inside(path: str, base_dir: str) -> bool:
    try:
        return os.path.commonpath([path, base_dir]) == base_dir
    except ValueError:  # on different drives
        return False


def resolve_sub_path(base_dir: str, relative_path: str) -> str | None:
    """The path in `base_dir`, behind all links; None if it leads out of it."""
    path = resolve_path(os.path.join(base_dir, relative_path))
    return path if _inside(path, base_dir) else None


def is_link_in_dir(info: Any, base_dir: str) -> bool:
    """Do the link of an archive and what it leads to lie in `base_dir`?"""
    place = resolve_sub_path(base_dir, info.name)
    if place is None:
        return False
    if info.islnk():  # a hard link names a member of the archive
        return resolve_sub_path(base_dir, info.linkname) is not None
    return _inside(resolve_path(os.path.join(os.path.dirname(place), info.linkname)), base_dir)


def filter_safe_zipinfos(members: Iterable[Any], base_dir: Any) -> Iterator[Any]:
    """The members of a zip file that stay in `base_dir`; a warning for each other one."""
    base_dir = resolve_path(base_dir)
    for info in members:
        if resolve_sub_path(base_dir, info.filename) is not None:
            yield info
        else:
            warnings.warn(f"Skipping invalid path during archive extraction: '{info.filename}'.", stacklevel=2)


def filter_safe_tarinfos(members: Iterable[Any], base_dir: Any) -> Iterator[Any]:
    """The members of a tar file that stay in `base_dir`, links too; a warning for each other one.

    It must be gone through while the members are unpacked, as a link may decide where a later member would land.
    """
    base_dir = resolve_path(base_dir)
    for info in members:
        link = info.issym() or info.islnk()
        if is_link_in_dir(info, base_dir) if link else resolve_sub_path(base_dir, info.name) is not None:
            yield info
        else:
            warnings.warn(f"Skipping invalid path during archive extraction: '{info.name}'.", stacklevel=2)


def _extract_open(archive: Any, path: str) -> None:
    import tarfile

    if not isinstance(archive, tarfile.TarFile):
        archive.extractall(path, members=filter_safe_zipinfos(archive.infolist(), path))
    elif hasattr(tarfile, "data_filter"):  # Python's own guard, where there is one
        archive.extractall(path, members=filter_safe_tarinfos(archive, path), filter="data")
    else:
        archive.extractall(path, members=filter_safe_tarinfos(archive, path))


def extract_archive(file_path: Any, path: Any = ".", archive_format: Any = "auto") -> bool:
    """Unpacks a "tar" or a "zip" file into `path`; "auto" tries both, None neither. Was it one?

    If that fails or is interrupted, `path` is removed.
    """
    import tarfile
    import zipfile

    if archive_format is None:
        return False
    kinds: dict[str, tuple[Any, Any]] = {
        "tar": (tarfile.is_tarfile, tarfile.open),
        "zip": (zipfile.is_zipfile, zipfile.ZipFile),
    }
    wanted = list(kinds) if archive_format == "auto" else archive_format
    file_path, path = path_to_string(file_path), path_to_string(path)
    for kind in [wanted] if isinstance(wanted, str) else wanted:
        if kind not in kinds:
            raise NotImplementedError(f"archive_format must be 'auto', 'tar', 'zip' or a list of them, got {kind!r}")
        matches, opened = kinds[kind]
        if not matches(file_path):
            continue
        with opened(file_path) as archive:
            try:
                _extract_open(archive, path)
            except BaseException:
                if os.path.isfile(path):
                    os.remove(path)
                else:
                    shutil.rmtree(path, ignore_errors=True)
                raise
        return True
    return False


# ---- the cache ----


def keras_home() -> str:
    """The directory of caches, which is Keras's: KERAS_HOME, or `.keras` in the home directory."""
    return os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")


def _cache(cache_dir: Any, cache_subdir: str) -> str:
    import tempfile

    base = os.path.expanduser(path_to_string(cache_dir) or keras_home())
    with contextlib.suppress(OSError):
        os.makedirs(base, exist_ok=True)
    if not os.access(base, os.W_OK):
        base = os.path.join(tempfile.gettempdir(), ".keras")
    place = os.path.join(base, cache_subdir)
    os.makedirs(place, exist_ok=True)
    return place


def _names(fname: str | None, origin: str, unpack: bool) -> tuple[str, str | None]:
    """Under what name a file is kept, and the directory into which it is unpacked."""
    from urllib.parse import urlsplit

    name = fname or os.path.basename(urlsplit(origin).path)
    if not name:
        raise ValueError(
            f"Can't parse the file name from the origin provided: '{origin}'. Please specify the `fname` argument."
        )
    if os.sep in name or "/" in name or name in (".", ".."):
        raise ValueError(
            "Paths are no longer accepted as the `fname` argument. To specify the file's parent directory, use the "
            f"`cache_dir` argument. Received: fname={name}"
        )
    if not unpack:
        return name, None
    if fname and "." in fname:
        return name, f"{name[: name.find('.')]}_extracted"
    return f"{name}_archive", name


def _download(origin: str, target: str, file_hash: str | None, algorithm: str) -> None:
    """Into a file beside `target`, which takes its place once it is whole and has the hash."""
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    from .io_utils import print_msg
    from .progbar import Progbar

    print_msg(f"Downloading data from {origin}")
    part = f"{target}.{os.getpid()}.part"
    try:
        try:
            with urlopen(origin) as source, open(part, "wb") as file:
                size = source.headers.get("Content-Length")
                bar, done = Progbar(int(size) if size else None), 0
                while chunk := source.read(_CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    bar.update(done)
                if size and done < int(size):
                    raise OSError(f"URL fetch failure on {origin}: {done} of {size} bytes came")
        except HTTPError as error:
            error.close()
            raise OSError(f"URL fetch failure on {origin}: {error.code} -- {error.msg}") from None
        except URLError as error:
            raise OSError(f"URL fetch failure on {origin}: {error.errno} -- {error.reason}") from error
        if file_hash is not None and not validate_file(part, file_hash, algorithm):
            raise ValueError(
                f"Incomplete or corrupted file detected. The {algorithm} file hash does not match the provided value "
                f"of {file_hash}."
            )
        os.replace(part, target)
    finally:
        if os.path.exists(part):
            os.remove(part)


def get_file(
    fname: Any = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: Any = None,
    force_download: bool = False,
) -> str:
    """The path of a file from the URL `origin`, which is fetched unless it is in the cache and has the hash given.

    Args:
        fname: its name in the cache; the URL's last part unless given.
        origin: the URL: http, https, ftp or file.
        untar: unpacks a tar file.
        md5_hash, file_hash: what its bytes must hash to, by MD5 or by `hash_algorithm` ("md5", "sha256", "auto").
        cache_subdir: the directory in `cache_dir`, or an absolute one.
        extract: unpacks an archive, "tar" or "zip" by `archive_format`; the path is then that of the directory.
            Members that would land outside of it are left out, with a warning.
        cache_dir: the environment variable KERAS_HOME, else `~/.keras`, unless given.
        force_download: fetches it in any case.

    OSError if it cannot be fetched, ValueError if the hash is another; the cache is then as before.

    >>> import os, pathlib, tempfile
    >>> home = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (home / "source.txt").write_text("data")
    >>> path = get_file("copy.txt", (home / "source.txt").as_uri(), cache_dir=home)  # doctest: +ELLIPSIS
    Downloading data from file://...
    >>> os.path.relpath(path, home), pathlib.Path(path).read_text()
    ('datasets/copy.txt', 'data')
    """
    from .io_utils import print_msg

    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download).')
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    if hash_algorithm not in ("auto", "md5", "sha256"):
        raise ValueError(f"expected `hash_algorithm` to be 'auto', 'md5' or 'sha256', got {hash_algorithm!r}")
    unpack = extract or untar
    name, directory = _names(path_to_string(fname), origin, unpack)
    place = _cache(cache_dir, cache_subdir)
    target = os.path.join(place, name)
    known = os.path.exists(target) and not force_download
    if known and file_hash is not None and not validate_file(target, file_hash, hash_algorithm):
        print_msg(
            f"A local file was found, but it seems to be incomplete or outdated because the {hash_algorithm} file hash "
            f"does not match the original value of {file_hash} so we will re-download the data."
        )
        known = False
    if not known:
        _download(origin, target, file_hash, hash_algorithm)
    if directory is None:
        return target
    unpacked = os.path.join(place, directory)
    if not extract_archive(target, unpacked, "tar" if untar else archive_format):
        warnings.warn("Could not extract archive.", stacklevel=2)
    return unpacked
