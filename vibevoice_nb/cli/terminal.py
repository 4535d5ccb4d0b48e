"""Terminal output: messages, errors without tracebacks, a progress bar, and Ctrl-C.

Results go to stdout, messages to stderr.
"""

from __future__ import annotations

import codecs
import json
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text
from typer.core import TyperGroup

from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.script.turns import Diagnostic
from vibevoice_nb.texts import clock

if TYPE_CHECKING:
    from vibevoice_nb.engine.options import Progress

FAILED, BAD_INPUT, LENGTH, INTERRUPTED = 1, 2, 3, 130
"""Exit codes. FAILED: an error during the work. LENGTH: the length limit was reached before the end."""

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


@dataclass
class Output:
    """Verbosity of the output."""

    quiet: bool = False
    debug: bool = False
    verbose: bool = False


output = Output()


def say(text: str, style: str = "") -> None:
    """Print a message, unless `--quiet` is given; the text is not interpreted as markup."""
    if not output.quiet:
        err.print(Text(text, style=style))


def warn(text: str) -> None:
    """Print a warning."""
    err.print(Text("warning: ", style="yellow").append(text, style="default"))


def show_diagnostic(source: str, item: Diagnostic) -> None:
    """Print a diagnostic of a script in one line; those of severity info only with `--verbose`."""
    if item.severity == "info" and not output.verbose:
        return
    styles = {"error": "red", "warning": "yellow", "info": "cyan"}
    line = Text(f"{source}:{item.line}: ").append(f"{item.severity}: ", style=styles[item.severity])
    err.print(line.append(sentence(item)))


def sentence(item: Diagnostic) -> str:
    """Format a diagnostic without its position and severity.

    >>> sentence(Diagnostic("warning", "'Ben -' is read as 'Ben:'", 1, 1, 6, suggestion="write 'Ben:'"))
    "'Ben -' is read as 'Ben:'. To fix it: write 'Ben:'."
    """
    return f"{item.message}. To fix it: {item.suggestion}." if item.suggestion else f"{item.message}."


def fail(error: BaseException | str) -> None:
    """Print an error in red, with a traceback if `--debug` is given."""
    if output.debug and isinstance(error, BaseException):
        err.print(Text("".join(traceback.format_exception(error)), style="dim"))
    err.print(Text(f"error: {error}", style="red"))


def print_json(data: Mapping[str, Any]) -> None:
    """Print one line of JSON to stdout, in ASCII unless stdout is UTF-8, the encoding of JSON."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    if not _is_utf8(sys.stdout) or not _is_unicode(text):
        text = json.dumps(data, allow_nan=False)
    print(text, flush=True)


def _is_utf8(stream: TextIO) -> bool:
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"


def _is_unicode(text: str) -> bool:
    """Return true if the text has no lone surrogates, which names of files outside UTF-8 have."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


class Commands(TyperGroup):
    """Command group that turns exceptions into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        output.quiet = output.debug = output.verbose = False
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except (VibeVoiceError, OSError, RuntimeError, MemoryError, KeyboardInterrupt) as error:
                code = _exit_code(error)
                if code is None:
                    raise
                raise typer.Exit(code) from error


def _exit_code(error: BaseException) -> int | None:
    """Return the message for an expected exception; None for a bug."""
    if isinstance(error, VibeVoiceError):
        fail(error)
        return BAD_INPUT
    if isinstance(error, KeyboardInterrupt):
        fail("interrupted")
        return INTERRUPTED
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        fail(error)
        return FAILED
    if is_out_of_memory(error):
        fail(error)
        say("Use a shorter script, shorter voices, --dtype or a smaller model; see `vibevoice-nb info`.")
        return FAILED
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Return true if the machine or a GPU ran out of memory; torch has no single exception for it."""
    named = type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError)
    return named or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    warn(f"{message} ({filename}:{lineno})" if output.debug else str(message))


@contextmanager
def phase(text: str) -> Iterator[Callable[[float], None]]:
    """Show a status while the block runs; yield a function to call with the fraction completed."""
    live = err.is_terminal and not output.quiet
    if not live:
        say(f"{text} ...")
    with err.status(f"{text} ...") if live else nullcontext() as status:

        def at(fraction: float) -> None:
            if status is not None:
                status.update(f"{text} ... {fraction:.0%}")

        yield at


class SpeakingBar:
    """Progress bar of the generated audio; call it with every `Progress`.

    Nothing is shown if stderr is not a terminal.
    """

    def __init__(self, label: str) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=None))
        hidden = output.quiet or not err.is_terminal
        self._bars = Bars(
            *columns, TextColumn("{task.fields[about]}"), console=err, disable=hidden, refresh_per_second=4
        )
        self._task = self._bars.add_task(label, total=None, about="reading the script and the voices")

    def __enter__(self) -> SpeakingBar:
        if not self._bars.disable:  # rich before 14.3 prints an empty line after a hidden bar
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._bars.disable:
            self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        left = f"{clock(progress.remaining)} left, " if progress.pace else ""
        about = (
            f"{clock(progress.seconds)} of about {clock(progress.estimated_seconds)}, "
            f"{clock(progress.elapsed)} elapsed, {left}rtf {progress.rtf:.2f}"
        )
        self._bars.update(
            self._task, total=progress.estimated_seconds, completed=progress.seconds, about=about
        )


class CountBar:
    """Progress bar of completed scripts; call it with their number.

    Nothing is shown if stderr is not a terminal.
    """

    def __init__(self, label: str, total: int) -> None:
        hidden = output.quiet or not err.is_terminal
        self._bars = Bars(console=err, disable=hidden, refresh_per_second=4)
        self._task = self._bars.add_task(label, total=total)

    def __enter__(self) -> CountBar:
        if not self._bars.disable:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._bars.disable:
            self._bars.stop()

    def __call__(self, completed: int) -> None:
        self._bars.update(self._task, completed=completed)


class Interrupt:
    """Handler of Ctrl-C: the first one stops after the current frame, the second one at once.

    It is active in its `with` block; calling it returns true after Ctrl-C.

    Parameters
    ----------
    unit : str
        Work that is completed before it stops.
    """

    def __init__(self, unit: str = "frame") -> None:
        self.requested, self._unit = False, unit

    def __call__(self) -> bool:
        return self.requested

    def __enter__(self) -> Interrupt:
        self._before = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        say(f"\nStopping after this {self._unit}; press Ctrl-C again to stop at once.", style="yellow")
