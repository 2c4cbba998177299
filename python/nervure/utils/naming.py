"""Names for layers, variables and the rest: snake case, made unique by a counter for the whole process."""

import re

_uids: dict[str, int] = {}


def to_snake_case(name: str) -> str:
    """A class name as the lower-case name of its instances.

    >>> to_snake_case("BatchNormalization"), to_snake_case("ReLU"), to_snake_case("Conv2D")
    ('batch_normalization', 're_lu', 'conv2d')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """The next free name for a class: "dense", "dense_1", "dense_2" .. until `reset_names`.

    >>> first, second = auto_name("Example"), auto_name("Example")
    >>> first, second
    ('example', 'example_1')
    """
    name = to_snake_case(prefix)
    count = _uids.get(name, 0)
    _uids[name] = count + 1
    return f"{name}_{count}" if count else name


def next_uid(prefix: str) -> int:
    """The next number of the counter that `auto_name` uses for `prefix`, from 1.

    >>> next_uid("sample"), auto_name("sample"), next_uid("sample")
    (1, 'sample_1', 3)
    """
    _uids[prefix] = _uids.get(prefix, 0) + 1
    return _uids[prefix]


def reset_names() -> None:
    """Starts all counters again."""
    _uids.clear()
