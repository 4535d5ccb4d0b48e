"""`vibevoice-nb review`: compare the words of a project or of an audio file with the script."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vibevoice_nb.cli import tables, terminal
from vibevoice_nb.cli.options import Debug, Json, Recognizer
from vibevoice_nb.cli.terminal import FAILED, INTERRUPTED, print_json, say, warn
from vibevoice_nb.errors import OptionError
from vibevoice_nb.files import check_target, write_atomically

if TYPE_CHECKING:
    from vibevoice_nb.review import Recognizer as LoadedRecognizer
    from vibevoice_nb.review import Review, ReviewReport

_POLL_SECONDS = 0.1


def review(
    source: Annotated[
        Path, typer.Argument(metavar="PROJECT_OR_AUDIO", help="Folder of a project, or an audio file.")
    ],
    script: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Script of an audio file; by default, the words that its manifest records."
        ),
    ] = None,
    recognizer: Recognizer = None,
    language: Annotated[str, typer.Option(help="Language of an audio file, ISO 639-1.")] = "en",
    table: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Also write the table to a file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite an existing table.")] = False,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only results and errors.")] = False,
    debug: Debug = False,
) -> None:
    """Listen back: compare what a speech recognizer hears with the script, turn by turn.

    Reviews of a project are kept with its takes, and takes that have one by the same recognizer are not
    reviewed again. Uncertain differences, which are often errors of the recognizer, do not count.
    """
    terminal.output.quiet = quiet
    target = None if table is None else check_target(table, suffixes=(".csv",), force=force)
    is_project = source.is_dir() or source.suffix == ".vibevoice"
    if is_project and script is not None:
        raise OptionError("--script for a project", "no --script: a project has its own", "leave it out")
    with terminal.Interrupt("turn") as interrupted:
        if is_project:
            report = _of_project(source, recognizer, interrupted)
        else:
            report = _of_audio(source, script, recognizer, language, interrupted)
    if target is not None:
        write_atomically(target, report.to_frame().to_csv(index=False).encode(), force=force)
        say(f"wrote {table}")
    if as_json:
        print_json({"source": str(source), **report.to_json()})
    else:
        tables.show_review(report)
    if interrupted():
        warn(f"interrupted after {len(report)} {'turn' if len(report) == 1 else 'turns'}")
        raise typer.Exit(INTERRUPTED)
    if report.flagged:
        raise typer.Exit(FAILED)


def load(name: str | None) -> LoadedRecognizer:
    """Load a recognizer, and say its limits."""
    with terminal.phase(f"loading the recognizer {name}" if name else "loading a recognizer"):
        from vibevoice_nb.review import load_recognizer

        ears = load_recognizer(name)
    if ears.note:
        warn(ears.note)
    return ears


def show_review(source: str, found: Review) -> None:
    """Print the certain differences of a generated script, and the number of the others."""
    for item in found.certain:
        warn(f"{source}: {item}")
    rest = len(found.differences) - len(found.certain)
    unsure = f", {rest} uncertain {'difference' if rest == 1 else 'differences'}" if rest else ""
    verdict = "words are wrong or missing" if found.flagged else "all words were heard"
    say(f"{source}: {verdict}, word error rate {found.wer:.1f} % by {found.recognizer}{unsure}")


def _turns(source: Path, script: str | None) -> list[tuple[str, str]]:
    """Return speaker and text of each turn: of the script, or of the manifest inside the file."""
    if script is not None:
        from vibevoice_nb.cli.requests import read_script

        parsed = read_script(script, []).raise_for_errors()
        return [(turn.label, turn.words) for turn in parsed.turns]
    from vibevoice_nb.export.manifest import ExportManifest

    manifest = ExportManifest.from_file(source)
    spoken = () if manifest is None else manifest.spoken or ()
    turns = [(turn.speaker or "", turn.text) for turn in spoken if turn.text]
    if not turns:
        raise OptionError(
            f"{source} does not record its words", "the script of the recording", "add --script FILE"
        )
    return turns


def _of_project(source: Path, recognizer: str | None, interrupted: Callable[[], bool]) -> ReviewReport:
    from vibevoice_nb.project import Project

    with Project.open(source) as project:
        if project.read_only:
            warn("the project cannot be written: the reviews are not kept")
        ears = load(recognizer)
        with _bar(f"reviewing {project.name}") as at:
            job = project.review(
                recognizer=ears,
                progress=lambda progress: at(progress.done / max(1, progress.total)),
            )
            while not job.done:
                if interrupted():
                    job.cancel()
                time.sleep(_POLL_SECONDS)
            report = job.result()
        missing = len(project.turns) - len(report)
        if missing and not interrupted():
            warn(f"{missing} of {len(project.turns)} turns have no audio of their words")
        return report


def _of_audio(
    source: Path,
    script: str | None,
    recognizer: str | None,
    language: str,
    interrupted: Callable[[], bool],
) -> ReviewReport:
    from vibevoice_nb.audio.io import read_audio
    from vibevoice_nb.review import review_recording

    audio, _ = read_audio(source)
    turns = _turns(source, script)
    ears = load(recognizer)
    with _bar(f"reviewing {source.name}") as at:
        return review_recording(
            audio, turns, recognizer=ears, language=language, progress=at, cancelled=interrupted
        )


@contextmanager
def _bar(label: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar of fractions on a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    hidden = terminal.output.quiet or not terminal.err.is_terminal
    if hidden:
        say(f"{label} ...")
        yield lambda fraction: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TimeRemainingColumn())
    with Progress(*columns, console=terminal.err, refresh_per_second=4) as bars:
        task = bars.add_task(label, total=1.0)
        yield lambda fraction: bars.update(task, completed=fraction)
