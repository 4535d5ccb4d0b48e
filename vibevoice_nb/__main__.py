"""`python -m vibevoice_nb` and `vibevoice-nb`: the command line in its own process."""

from __future__ import annotations

import atexit
import gc
import io
import sys

from vibevoice_nb.cli.app import app


def main() -> None:
    """Run the command line with settings for the whole process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names may be in any script; a console or a pipe may be cp1252 or ASCII.
            stream.reconfigure(errors="backslashreplace")
    # Imports create over a hundred thousand permanent objects. Collecting garbage among them, during
    # imports and at exit, takes longer than generating a sentence.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    app(prog_name="vibevoice-nb")


if __name__ == "__main__":
    main()
