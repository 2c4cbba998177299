"""`python -m nervure`: what this installation is, and the demo."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

USAGE = """usage: python -m nervure [demo | --version | --help]

  demo   train a multilayer perceptron on handwritten digits, which takes seconds
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns the exit status."""
    import nervure as nv

    given = list(arguments)
    if not given or "-h" in given or "--help" in given:
        print(USAGE)
        nv.config.show()
    elif given == ["--version"]:
        print(nv.__version__)
    elif given == ["demo"]:
        from nervure import demo

        demo.main()
    else:
        print(f"nervure: unknown command: {' '.join(given)}\n\n{USAGE}", file=sys.stderr, end="")
        return 2
    return 0


if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; nothing is left to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        status = 130  # as a shell says it
    sys.exit(status)
