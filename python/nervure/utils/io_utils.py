"""Where messages to the user go: to standard output, or to the log of the program."""

from __future__ import annotations

import sys
from typing import Any

__all__ = [
    "ask_to_proceed_with_overwrite",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "is_interactive_logging_enabled",
    "print_msg",
    "set_logging_verbosity",
]

_interactive = True
_LEVELS = ("FATAL", "ERROR", "WARNING", "INFO", "DEBUG")


def enable_interactive_logging() -> None:
    """Progress and messages are printed: so it is from the start, and right for a shell or a notebook.

    >>> import nervure as nv
    >>> nv.utils.enable_interactive_logging()
    >>> nv.utils.is_interactive_logging_enabled()
    True
    """
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Progress and messages go to the logger "nervure" of Python's `logging`, at level INFO: for servers.

    >>> import nervure as nv
    >>> nv.utils.disable_interactive_logging()
    >>> nv.utils.is_interactive_logging_enabled()
    False
    >>> nv.utils.enable_interactive_logging()
    """
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Are messages printed, and not logged?

    >>> import nervure as nv
    >>> nv.utils.is_interactive_logging_enabled()
    True
    """
    return _interactive


def set_logging_verbosity(level: str) -> None:
    """Sets the level of the logger "nervure": "FATAL", "ERROR", "WARNING", "INFO" or "DEBUG"; ValueError for others.

    >>> set_logging_verbosity("WARNING")
    """
    import logging

    if level not in _LEVELS:
        raise ValueError(
            f"Please pass a valid level for logging verbosity. Expected one of: {set(_LEVELS)}. Received: {level}"
        )
    logging.getLogger("nervure").setLevel(level)


def print_msg(message: Any, line_break: bool = True, stream: Any = None) -> None:
    """Prints `message`, or logs it if interactive logging is disabled.

    Characters that `stream` (standard output) cannot take are replaced; a program without a console prints nothing.

    >>> print_msg("Epoch 1/2")
    Epoch 1/2
    """
    text = str(message)
    if not _interactive:
        import logging

        logging.getLogger("nervure").info(text)
        return
    stream = sys.stdout if stream is None else stream
    if stream is None:
        return
    text = f"{text}\n" if line_break else text
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("━", "=").encode(encoding, "replace").decode(encoding)
    stream.write(text)
    stream.flush()


def ask_to_proceed_with_overwrite(filepath: Any) -> bool:
    """Asks in the terminal whether the file may be replaced.

    >>> ask_to_proceed_with_overwrite("model.keras")  # doctest: +SKIP
    """
    answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n]").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    if answer == "n":
        return False
    print_msg("[TIP] Next time specify overwrite=True!")
    return True
