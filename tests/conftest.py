"""What the tests share."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nervure
import pytest

Runner = Callable[..., str]


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    """What a test, or a doctest, sets as a default for all models is unset after it."""
    from nervure import config

    before = config._floatx, config._policy
    yield
    config.set_floatx(before[0])
    config._policy = before[1]


@pytest.fixture(scope="session")
def run_python() -> Runner:
    """Runs Python in a new process, with variables set in its environment, and returns what it printed. An environment
    variable given as None is removed."""

    def run(*arguments: str, timeout: float = 300, **variables: str | None) -> str:
        environment = {**os.environ, "PYTHONPATH": str(Path(nervure.__file__).parent.parent), **variables}
        command = [sys.executable, *arguments]
        known = {key: value for key, value in environment.items() if value is not None}
        done = subprocess.run(command, env=known, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run
