"""`vibevoice-nb speak`: plan requests, generate, and report the results."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from vibevoice_nb.cli import terminal
from vibevoice_nb.cli.batch import Outcome, Settings, load_engine, speak_requests
from vibevoice_nb.cli.earlier import earlier_file
from vibevoice_nb.cli.requests import (
    Planner,
    Rejection,
    SpeechRequest,
    choose_targets,
    plan,
    prepare_folder,
    read_script,
)
from vibevoice_nb.cli.review import load, show_review
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
from vibevoice_nb.cli.workers import address_for, speak_on_ray
from vibevoice_nb.engine.defaults import is_known, known_settings
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.script import Diagnostic
from vibevoice_nb.script.speakable import check_script


def run(
    sources: Sequence[str],
    output: Path | None,
    folder: Path | None,
    voices: Sequence[str],
    settings: Settings,
    as_json: bool,
    *,
    ray: str | None = None,
    workers: int | None = None,
    resume: bool = False,
) -> int:
    """Run the command; return the exit code.

    `ray` is the address of a cluster, or empty for the default one; `resume` skips what is complete,
    and replaces what is outdated.
    """
    check_single_process()
    targets = choose_targets(sources, output, folder)
    if folder is not None:
        prepare_folder(folder)
        settings = replace(settings, complete_files=True)
    elif resume:
        # Other files may be of an interrupted run.
        raise OptionError("--resume without --out-dir", "an output folder", "add --out-dir")
    find_out(settings.model)
    planner = Planner(
        voices,
        force=settings.force,
        warn=warn,
        show=show_diagnostic,
        model=settings.model,
        pronunciation=settings.pronunciation,
        earlier=(lambda request: earlier_file(request, settings)) if resume else (lambda request: ""),
    )
    rejections: list[Rejection] = []
    if len(sources) == 1:
        requests = [planner.request(sources[0], targets[0])]
        planner.check_unused_voices(requests[0].cast)
    else:
        requests, rejections = plan(sources, targets, planner)
    for rejection in rejections:
        fail(f"{rejection.source}: {rejection.error}")
    requests, complete = without_complete(requests)
    if complete and not requests and not rejections:
        if as_json:
            print_json({"model": settings.model, "scripts": _skipped(complete)})
        return 0
    if settings.review:
        load(settings.recognizer)  # before anything is generated; it stays loaded
    announce(settings, requests)
    address = address_for(len(requests), settings, ray)
    if address is None:
        made = speak_here(requests, settings)
    else:
        made = speak_on_ray(requests, settings, address, workers, report)
    outcomes = sorted(made, key=lambda outcome: sources.index(outcome.source))
    for outcome in outcomes if address is None else ():
        report(outcome)
    unspoken = len(requests) - len(outcomes)
    if unspoken:
        warn(f"interrupted; {unspoken} {'script was' if unspoken == 1 else 'scripts were'} not started")
    elif rejections:
        warn(f"{len(rejections)} of {len(sources)} scripts were skipped; see the errors above")
    if as_json:
        alone = len(sources) == 1 and not complete
        skipped = _skipped(complete)
        print_json(to_json(settings, outcomes, rejections, planner.diagnostics, alone=alone, skipped=skipped))
    return exit_code(outcomes, rejections, unspoken, alone=len(sources) == 1)


def check_single_process() -> None:
    """Check that no launcher has started the command several times.

    Raises
    ------
    OptionError
    """
    processes = os.environ.get("WORLD_SIZE", "1")
    if processes not in ("", "0", "1"):
        raise OptionError(
            f"`speak` started by a launcher in {processes[:20]} processes (WORLD_SIZE)",
            "a single process, which starts workers itself",
            "start it without a launcher; --ray uses all GPUs, of this machine or of a cluster",
        )


def without_complete(
    requests: Sequence[SpeechRequest],
) -> tuple[list[SpeechRequest], list[SpeechRequest]]:
    """Return the requests that are to be generated, and those whose file is complete; report both."""
    for request in requests:
        if request.earlier == "complete":
            say(f"{shown(request.target)}: complete, skipped")
        elif request.earlier == "outdated":
            say(f"{shown(request.target)}: generated again, as script, voices, model or options have changed")
    return (
        [request for request in requests if request.earlier != "complete"],
        [request for request in requests if request.earlier == "complete"],
    )


def _skipped(complete: Sequence[SpeechRequest]) -> list[dict[str, object]]:
    return [{"script": one.source, "file": str(one.target), "skipped": True} for one in complete]


def speak_here(requests: Sequence[SpeechRequest], settings: Settings) -> list[Outcome]:
    """Generate requests in this process."""
    if not requests:
        return []
    engine = load_engine(settings)
    with terminal.Interrupt() as interrupt:
        return speak_requests(engine, requests, settings, interrupt)


def find_out(model: str) -> None:
    """Connect to a server, so that scripts are checked against the limits of its model."""
    if not is_known(model):
        from vibevoice_nb.engine.engine import Engine

        Engine.connect(model)


def show_reading(sources: Sequence[str], settings: Settings, as_json: bool) -> int:
    """Print the words that the model would read for each turn; return the exit code."""
    find_out(settings.model)
    frontend, said = known_settings(settings.model).frontend, settings.pronunciation
    found: list[dict[str, object]] = []
    for source in sources:
        script = read_script(source, []).raise_for_errors()
        for item in check_script(script, frontend, settings.model, said):
            show_diagnostic(source, item)
        turns = [
            {"speaker": turn.label, "text": turn.text, "read_as": said.words(turn.text, frontend)}
            for turn in script.turns
        ]
        found.append({"script": source, "turns": turns})
        if not as_json:
            for turn in turns:
                print(f"{turn['speaker']}: {turn['read_as']}")
    if as_json:
        print_json({"model": settings.model, "scripts": found})
    return 0


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
    if outcome.review is not None:
        show_review(outcome.source, outcome.review)
        if summary["attempts"] > 1:
            say(f"{outcome.source}: the best of {summary['attempts']} attempts")
    if outcome.limit:
        warn(f"{outcome.source}: {outcome.limit}")
    for note in summary.get("unspoken", ()):
        warn(f"{outcome.source}: {note}")
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
    skipped: Sequence[dict[str, object]] = (),
) -> dict[str, object]:
    """Return the JSON output: the summary of one script, or a list of all, those skipped last."""

    def of(source: str) -> dict[str, object]:
        return {"diagnostics": [asdict(item) for item in diagnostics.get(source, ())]}

    made = [{**outcome.to_json(), **of(outcome.source)} for outcome in outcomes]
    if alone and made:
        return made[0]
    refused = [{"script": one.source, "error": str(one.error), **of(one.source)} for one in rejections]
    return {"model": settings.model, "scripts": [*made, *refused, *skipped]}


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
