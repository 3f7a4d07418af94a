"""``python -m autograder``, and the command ``autograder``."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn


def main() -> None:
    """Run the command line; where a library that it needs is broken, say so in one line, or let the doctor look."""
    try:
        from autograder.cli import main as run
    except Exception as error:
        if sys.argv[1:2] == ["doctor"]:
            _doctor()
        _give_up(error)
    try:
        run()
    except ImportError as error:
        _give_up(error)
    finally:
        gc.freeze()  # the interpreter would look at everything that was imported before it lets go of it


def _give_up(error: Exception) -> NoReturn:
    from autograder.errors import what_went_wrong

    what = what_went_wrong(error)
    print(f"autograder: this installation is broken: {what}; `autograder doctor` says more", file=sys.stderr)
    raise SystemExit(1) from None


def _doctor() -> NoReturn:
    """Examine without the libraries of the command line."""
    from autograder.doctor import examine
    from autograder.launch import clean_start

    clean_start()
    raise SystemExit(examine(strict="strict" in sys.argv[2:] or "--sandbox=strict" in sys.argv[2:]))


if __name__ == "__main__":
    main()
