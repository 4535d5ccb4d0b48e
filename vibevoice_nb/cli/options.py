"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from typer.core import TyperCommand

from vibevoice_nb.cli import terminal
from vibevoice_nb.engine.cluster.session import is_address


def examples(*lines: str) -> str:
    """Return the examples at the end of a command's help."""
    return "\n\n".join(("Examples:", *(f"  {line}" for line in lines)))


def set_debug(value: bool) -> None:
    """Show tracebacks from now on, if `value` is true."""
    terminal.output.debug = terminal.output.debug or value


def mirrors_of(values: list[str] | None) -> tuple[str, ...] | None:
    """Return the mirrors to try: None for the known ones, an empty tuple for none."""
    return None if not values else () if values == ["none"] else tuple(values)


class SpeakCommand(TyperCommand):
    """Command with an option `--ray` whose value may be left out."""

    def parse_args(self, ctx: object, args: list[str]) -> list[str]:
        """Parse the arguments; `--ray` takes the next one only if it is an address."""
        return super().parse_args(ctx, with_address(args))  # type: ignore[arg-type]


def with_address(args: Sequence[str]) -> list[str]:
    """Join `--ray` and its address; without one, the value is empty.

    >>> with_address(["--ray", "a.txt", "--json"]), with_address(["a.txt", "--ray", "10.0.0.5:6379"])
    (['--ray=', 'a.txt', '--json'], ['a.txt', '--ray=10.0.0.5:6379'])
    """
    joined: list[str] = []
    rest = list(args)
    while rest:
        arg = rest.pop(0)
        if arg == "--":
            return [*joined, arg, *rest]
        if arg == "--ray":
            named = bool(rest) and (is_address(rest[0]) or rest[0].startswith("ray://"))
            arg = f"--ray={rest.pop(0) if named else ''}"
        joined.append(arg)
    return joined


Debug = Annotated[
    bool, typer.Option("--debug", callback=set_debug, help="Show the traceback of an error.", hidden=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout and everything else to stderr.")]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        envvar="VIBEVOICE_NB_SERVER",
        help="nano (the default), a folder, a Hugging Face model id, or the address of a server.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of the Hugging Face repository.")]
Recognizer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Speech recognizer: a Whisper size such as base or small, a folder or a Hugging Face model id, "
        "transformers:ID, vibevoice-asr, or pocketsphinx.",
    ),
]
Mirrors = Annotated[
    list[str] | None,
    typer.Option(
        "--mirror",
        help="Mirror to try if the model cannot be downloaded (repeatable); none disables mirrors.",
    ),
]
