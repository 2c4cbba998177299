"""`python -m nervure`: what this installation is, and the demo."""

from __future__ import annotations

import sys
from collections.abc import Sequence

USAGE = """usage: python -m nervure [demo]

  demo   train a multilayer perceptron on handwritten digits, which takes seconds
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns the exit status."""
    if list(arguments) == ["demo"]:
        from nervure import demo

        demo.main()
        return 0
    if arguments and list(arguments) not in (["-h"], ["--help"]):
        print(f"nervure: unknown command: {' '.join(arguments)}\n\n{USAGE}", file=sys.stderr, end="")
        return 2
    import nervure as nv

    print(USAGE)
    nv.config.show()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
