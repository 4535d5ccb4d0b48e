"""`vibevoice-nb voices`: list, add, remove and check voices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vibevoice_nb.cli import tables
from vibevoice_nb.cli.options import Debug, Json, examples
from vibevoice_nb.cli.terminal import FAILED, fail, print_json, say, warn
from vibevoice_nb.errors import VibeVoiceError

if TYPE_CHECKING:
    from vibevoice_nb.voices.checks import VoiceCheck

voices_app = typer.Typer(no_args_is_help=True, help="List, add, remove and check voices.")


@voices_app.command("list")
def list_voices(as_json: Json = False, debug: Debug = False) -> None:
    """List built-in voices and voices of your library."""
    from vibevoice_nb.voices.builtin import builtin_descriptions
    from vibevoice_nb.voices.library import VoiceLibrary

    library = VoiceLibrary()
    builtin, own = builtin_descriptions(), library.list()
    if as_json:
        entries = [
            {"name": name, "description": text, "source": "built-in"} for name, text in builtin.items()
        ]
        mine = [{**asdict(voice), "source": "library"} for voice in own]
        print_json({"voices": [*entries, *mine], "library": str(library.folder)})
    else:
        tables.show_voices(builtin, own, library.folder)


@voices_app.command("add", epilog=examples("vibevoice-nb voices add anna.wav --name Anna --consent"))
def add_voice(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Audio file; 5 to 30 s of clean speech work best. Or a voice prompt of VibeVoice-Realtime.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the voice; by default, the name of the file.")
    ] = None,
    consent: Annotated[
        bool, typer.Option("--consent", help="Record that the speaker consents to this use.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Add a voice to your library."""
    from vibevoice_nb.voices.library import VoiceLibrary

    library = VoiceLibrary()
    voice = library.add(file, name=name, consent=consent)
    for check in voice.checks:
        warn(f"{check.message} ({check.remedy})")
    about = f"{voice.seconds:.1f} s" if voice.prompt is None else f"a voice prompt of {voice.prompt.shape}"
    say(f"{voice.name}: {about}, in {library.folder}", style="green")
    if not consent:
        warn("no consent is recorded; add the voice with --consent once the speaker has agreed")


@voices_app.command("remove")
def remove_voice(
    name: Annotated[str, typer.Argument(help="Name of the voice.")], debug: Debug = False
) -> None:
    """Delete a voice from your library."""
    from vibevoice_nb.voices.library import VoiceLibrary

    VoiceLibrary().remove(name)
    say(f"removed {name}")


@voices_app.command("check")
def check_voices(
    voices: Annotated[list[str], typer.Argument(metavar="VOICE", help="Audio files, or names of voices.")],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Check the quality of recordings: length, clipping, silence, noise, sample rate.

    Exit code 1 if a recording cannot be used.
    """
    results: list[dict[str, object]] = []
    unusable = False
    for name in voices:
        try:
            seconds, checks = _check(name)
        except VibeVoiceError as error:
            fail(error)
            results.append({"voice": name, "error": str(error)})
            unusable = True
            continue
        results.append({"voice": name, "seconds": seconds, "checks": [asdict(check) for check in checks]})
        unusable |= any(check.severity == "error" for check in checks)
        if not as_json:
            tables.show_checks(name, seconds, checks)
    if as_json:
        print_json({"voices": results})
    if unusable:
        raise typer.Exit(FAILED)


def _check(name: str) -> tuple[float, Sequence[VoiceCheck]]:
    """Return the length and the checks of a recording, or of a voice by name."""
    from vibevoice_nb.audio.io import read_audio
    from vibevoice_nb.voices.checks import check_voice
    from vibevoice_nb.voices.prompt_file import is_prompt_file
    from vibevoice_nb.voices.resolve import resolve_voice

    if Path(name).exists() and not is_prompt_file(name):
        audio, about = read_audio(name)
        return about.seconds, check_voice(audio, about)
    voice = resolve_voice(name)
    return voice.seconds, voice.checks
