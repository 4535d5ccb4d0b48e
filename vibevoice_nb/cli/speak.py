"""`vibevoice-nb speak`: plan requests, generate, and report the results."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from vibevoice_nb.cli import terminal
from vibevoice_nb.cli.batch import Outcome, Settings
from vibevoice_nb.cli.multiprocess import (
    launched,
    processes_for,
    rank,
    speak_here,
    speak_launched,
    speak_on_processes,
)
from vibevoice_nb.cli.requests import Planner, Rejection, SpeechRequest, choose_targets, plan, prepare_folder
from vibevoice_nb.cli.terminal import (
    BAD_INPUT,
    FAILED,
    INTERRUPTED,
    LENGTH,
    fail,
    print_json,
    say,
    show_diagnostic,
    warn,
)
from vibevoice_nb.errors import AudioError
from vibevoice_nb.script import Diagnostic


def run(
    sources: Sequence[str],
    output: Path | None,
    folder: Path | None,
    voices: Sequence[str],
    settings: Settings,
    processes: int | None,
    as_json: bool,
) -> int:
    """Run the command; return the exit code."""
    terminal.start(terminal.output, silent=rank() > 0)
    targets = choose_targets(sources, output, folder)
    if folder is not None:
        prepare_folder(folder)
    planner = Planner(voices, force=settings.force, warn=warn, show=show_diagnostic, model=settings.model)
    rejections: list[Rejection] = []
    if len(sources) == 1:
        requests = [planner.request(sources[0], targets[0])]
        planner.check_unused_voices(requests[0].cast)
    else:
        requests, rejections = plan(sources, targets, planner)
    for rejection in rejections:
        fail(f"{rejection.source}: {rejection.error}")
    announce(settings, requests)
    outcomes = sorted(
        _speak(requests, settings, processes), key=lambda outcome: sources.index(outcome.source)
    )
    if rank() > 0:
        return 0  # only the first process reports
    for outcome in outcomes:
        report(outcome)
    unspoken = len(requests) - len(outcomes)
    if unspoken:
        warn(f"interrupted; {unspoken} {'script was' if unspoken == 1 else 'scripts were'} not started")
    elif rejections:
        warn(f"{len(rejections)} of {len(sources)} scripts were skipped; see the errors above")
    if as_json:
        print_json(to_json(settings, outcomes, rejections, planner.diagnostics, alone=len(sources) == 1))
    return exit_code(outcomes, rejections, unspoken, alone=len(sources) == 1)


def _speak(requests: Sequence[SpeechRequest], settings: Settings, processes: int | None) -> list[Outcome]:
    if launched():
        return speak_launched(requests, settings)
    count = min(processes or processes_for(len(requests), settings.device), max(1, len(requests)))
    return speak_here(requests, settings) if count == 1 else speak_on_processes(requests, settings, count)


def announce(settings: Settings, requests: Sequence[SpeechRequest]) -> None:
    """Print the model, and the voice of each speaker."""
    nano = settings.model == "nano"
    say(f"model: {settings.model}{', the small model inside this package' if nano else ''}")
    for request in requests:
        name = f"{request.source}: " if len(requests) > 1 else ""
        say(f"cast: {name}{request.describe_cast()}")


def report(outcome: Outcome) -> None:
    """Print the result of a script."""
    if outcome.error is not None:
        fail(outcome.error if outcome.source in str(outcome.error) else f"{outcome.source}: {outcome.error}")
        if outcome.file is not None and str(outcome.file) not in str(outcome.error):
            warn(f"the audio generated so far is in {shown(outcome.file)}")
        return
    summary = outcome.summary
    made = f"{summary['seconds']:.1f} s of audio in {summary['elapsed']:.1f} s (rtf {summary['rtf']:.2f})"
    if summary["ended"] == "cancelled":
        warn(f"{outcome.source}: interrupted after {summary['seconds']:.1f} s")
    if outcome.file is None:
        warn(f"{outcome.source}: no audio was generated")
    else:
        say(f"{shown(outcome.file)}: {made}, {summary['model']}, seed {summary['seed']}", style="green")
    if outcome.limit:
        warn(f"{outcome.source}: {outcome.limit}")
    if summary["odd_length"]:
        warn(
            f"{outcome.source}: {summary['seconds']:.1f} s is far too {summary['odd_length']} for its text; "
            "check the audio, and try another --seed"
        )
    if outcome.clipped:
        warn(f"{outcome.source}: {outcome.clipped} samples exceeded full scale and were clipped")


def shown(path: Path) -> str:
    """Return the shortest form of a path: relative if it is below the current folder."""
    try:
        return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    except OSError:  # the current folder was deleted
        return str(path)


def to_json(
    settings: Settings,
    outcomes: Sequence[Outcome],
    rejections: Sequence[Rejection],
    diagnostics: Mapping[str, Sequence[Diagnostic]],
    *,
    alone: bool,
) -> dict[str, object]:
    """Return the JSON output: the summary of one script, or a list of all."""

    def of(source: str) -> dict[str, object]:
        return {"diagnostics": [asdict(item) for item in diagnostics.get(source, ())]}

    made = [{**outcome.to_json(), **of(outcome.source)} for outcome in outcomes]
    if alone and made:
        return made[0]
    refused = [{"script": one.source, "error": str(one.error), **of(one.source)} for one in rejections]
    return {"model": settings.model, "scripts": [*made, *refused]}


def exit_code(
    outcomes: Sequence[Outcome], rejections: Sequence[Rejection], unspoken: int, *, alone: bool
) -> int:
    """Return the exit code, as listed in the help of `speak`."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if unspoken or any(outcome.summary.get("ended") == "cancelled" for outcome in outcomes):
        return INTERRUPTED
    if alone and errors:
        return FAILED if isinstance(errors[0], AudioError) else BAD_INPUT
    if errors or rejections or any(outcome.summary.get("ended") == "stalled" for outcome in outcomes):
        return FAILED
    return LENGTH if any(outcome.limit for outcome in outcomes) else 0
