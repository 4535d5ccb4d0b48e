"""Command line `vibevoice-nb`. Slow imports happen inside the command that needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vibevoice_nb import __version__
from vibevoice_nb.cli import tables, terminal
from vibevoice_nb.cli.terminal import FAILED, fail, print_json, say, warn
from vibevoice_nb.cli.web import web
from vibevoice_nb.errors import CheckpointError, VibeVoiceError
from vibevoice_nb.ranges import MAX_STEPS

if TYPE_CHECKING:
    from vibevoice_nb.voices.checks import VoiceCheck


def _examples(*lines: str) -> str:
    return "\n\n".join(("Examples:", *(f"  {line}" for line in lines)))


app = typer.Typer(
    cls=terminal.Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Generate conversations from scripts with VibeVoice.",
    epilog=_examples(
        'echo "Speaker 1: Hello there." | vibevoice-nb speak - --out hello.wav',
        "vibevoice-nb speak script.txt --voice 1=me.wav --voice 2=Ada --model vibevoice/VibeVoice-1.5B-hf",
        "vibevoice-nb doctor",
    ),
)
voices_app = typer.Typer(no_args_is_help=True, help="List, add, remove and check voices.")
app.add_typer(voices_app, name="voices")


def _set_debug(value: bool) -> None:
    terminal.output.debug = terminal.output.debug or value


def _show_version(value: bool) -> None:
    if value:
        print(f"vibevoice-nb {__version__}")
        raise typer.Exit


def _mirrors(values: list[str] | None) -> tuple[str, ...] | None:
    """Return the mirrors to try: None for the known ones, an empty tuple for none."""
    return None if not values else () if values == ["none"] else tuple(values)


Debug = Annotated[
    bool, typer.Option("--debug", callback=_set_debug, help="Show the traceback of an error.", hidden=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout and everything else to stderr.")]
Model = Annotated[
    str, typer.Option("--model", "-m", help="nano (the default), a folder, or a Hugging Face model id.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of the Hugging Face repository.")]
Mirrors = Annotated[
    list[str] | None,
    typer.Option(
        "--mirror",
        help="Mirror to try if the model cannot be downloaded (repeatable); none disables mirrors.",
    ),
]


@app.callback()
def main(
    debug: Annotated[
        bool, typer.Option("--debug", callback=_set_debug, help="Show the traceback of an error.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of every command."""


@app.command(
    epilog=_examples(
        "vibevoice-nb speak script.txt",
        "vibevoice-nb speak script.txt --out episode.mp3 --voice 1=Ada --voice 2=guest.wav",
        'vibevoice-nb speak talk.txt --voice "Anna=anna.wav" --voice "Ben=ben.wav" --seed 7',
        "vibevoice-nb speak scripts/*.txt --out-dir episodes",
        "accelerate launch --module vibevoice_nb speak scripts/*.txt --out-dir episodes",
    )
    + "\n\nExit codes: 0 success, 1 failure, 2 invalid input, 3 length limit reached, "
    "130 interrupted (audio generated so far is kept)."
)
def speak(
    scripts: Annotated[
        list[str], typer.Argument(metavar="SCRIPT", help="Script files (.txt, .json), or - for stdin.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Audio file: .wav, .flac, .mp3, .ogg, .opus or .m4a; by default, the name of the script "
            "with .wav, in the current folder.",
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out-dir", metavar="DIR", help="Output folder for several scripts.")
    ] = None,
    model: Model = "nano",
    voices: Annotated[
        list[str] | None,
        typer.Option(
            "--voice",
            "-v",
            metavar="SPEAKER=VOICE",
            help="Voice of a speaker: a built-in or library voice, or an audio file (repeatable).",
        ),
    ] = None,
    cfg_scale: Annotated[
        float | None,
        typer.Option(
            help="Classifier-free guidance scale, 1 (off, faster) to 10; depends on the model, usually 1.3."
        ),
    ] = None,
    num_steps: Annotated[
        int | None,
        typer.Option(help=f"Solver steps per frame, 1 to {MAX_STEPS}; usually 10, 5 is faster."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed; drawn if not given.")] = None,
    solver: Annotated[
        str | None, typer.Option(help="Diffusion solver: dpmsolver++ or sde-dpmsolver++.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Scale of the initial noise; 1 by default.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Maximum length of the audio; by default, 3 × the estimate + 10 s.")
    ] = None,
    passage_seconds: Annotated[
        float | None,
        typer.Option(help="Maximum length of speech generated in one pass; depends on the model."),
    ] = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quantize: Annotated[
        str | None, typer.Option(help="Quantize weights to int8 or int4 to save memory.")
    ] = None,
    revision: Revision = None,
    mirrors: Mirrors = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Number of scripts generated per batch.")] = 4,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Number of processes for several scripts; by default, one per visible GPU."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite existing files.")] = False,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only warnings and errors.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also print how each line of the script was parsed.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Generate speech for one or more scripts.

    Audio is written while it is generated. Ctrl-C stops and keeps the audio generated so far.
    """
    from vibevoice_nb.cli import speak
    from vibevoice_nb.cli.batch import Settings
    from vibevoice_nb.engine.options import GenerationOptions

    terminal.output.quiet, terminal.output.verbose = quiet, verbose
    given: dict[str, float | str | None] = {
        "cfg_scale": cfg_scale,
        "num_steps": num_steps,
        "seed": seed,
        "solver": solver,
        "temperature": temperature,
        "max_seconds": max_seconds,
        "passage_seconds": passage_seconds,
    }
    # Validate options before loading anything; use one seed for all scripts.
    checked = GenerationOptions().updated(given).seeded()
    options = {name: value for name, value in given.items() if value is not None} | {"seed": checked.seed}
    settings = Settings(
        model=model,
        device=device,
        dtype=dtype,
        quantize=quantize,
        revision=revision,
        mirrors=_mirrors(mirrors),
        options=options,
        force=force,
        batch_size=batch_size,
    )
    raise typer.Exit(speak.run(scripts, output, folder, voices or [], settings, processes, as_json))


@app.command(
    epilog=_examples(
        "vibevoice-nb info nano",
        "vibevoice-nb info vibevoice/VibeVoice-1.5B-hf",
        "vibevoice-nb info path/to/checkpoint --json",
    )
)
def info(
    model: Annotated[str, typer.Argument(help="nano, a folder, or a Hugging Face model id.")],
    revision: Revision = None,
    mirrors: Mirrors = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the type of a checkpoint, its memory requirements, and whether it fits on this machine.

    Weights are neither loaded nor downloaded.
    """
    with terminal.phase(f"reading {model}"):
        from vibevoice_nb.system.model_info import describe

        found = describe(model, revision=revision, mirrors=_mirrors(mirrors))
    if as_json:
        print_json(found.to_json())
    else:
        tables.show_model(found)


@app.command()
def doctor(as_json: Json = False, debug: Debug = False) -> None:
    """Check the installation and suggest fixes.

    Exit code 1 if a required part is missing.
    """
    with terminal.phase("checking the installation"):
        from vibevoice_nb.system.doctor import examine

        findings = list(examine())
    if as_json:
        print_json({"findings": [vars(finding) for finding in findings]})
    else:
        tables.show_findings(findings)
    if any(finding.status == "missing" for finding in findings):
        raise typer.Exit(FAILED)


@app.command(epilog=_examples("vibevoice-nb verify recording", "vibevoice-nb verify recording --device cuda"))
def verify(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder of a recorded run: config, weights, inputs, expected arrays."
        ),
    ],
    device: Device = "cpu",
    dtype: Dtype = "float32",
    frames: Annotated[
        str,
        typer.Option(help="loop, fixed (static buffers, as in CUDA graphs), or fused (also fused kernels)."),
    ] = "loop",
    debug: Debug = False,
) -> None:
    """Replay a recorded run and compare every array with the recording.

    The last line is JSON. Exit code 1 if an array exceeds its tolerance, or nothing could be compared.
    """
    with terminal.phase(f"replaying {folder}"):
        from vibevoice_nb import verify as replay
        from vibevoice_nb.model.loading.placement import pick_device, pick_dtype

        where = pick_device(device)
        kind = pick_dtype(where, dtype)
        try:
            comparisons = replay.verify(folder, device=str(where), dtype=kind, frames=frames)
        except (RuntimeError, IndexError) as error:
            if terminal.is_out_of_memory(error):
                raise
            raise CheckpointError(
                f"{folder} cannot be replayed ({error})",
                "inputs with the shapes and types given in config.json",
                "record the run again; --debug shows where it failed",
            ) from error
    tables.show_comparisons(comparisons)
    summary = replay.summary(comparisons)
    print_json(summary)
    if not summary["passed"]:
        raise typer.Exit(FAILED)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def bench(ctx: typer.Context) -> None:
    """Measure speed, compared with VibeVoice in transformers; see bench --help for the options."""
    from vibevoice_nb.bench import speed as benchmark

    benchmark.main(ctx.args)


app.command(
    epilog=_examples(
        "vibevoice-nb web",
        "vibevoice-nb web --host 0.0.0.0 --public --max-minutes 2 --queue 10",
        "vibevoice-nb web --voila",
    )
)(web)


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


@voices_app.command("add", epilog=_examples("vibevoice-nb voices add anna.wav --name Anna --consent"))
def add_voice(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Audio file; 5 to 30 s of clean speech work best.")
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
    say(f"{voice.name}: {voice.seconds:.1f} s, in {library.folder}", style="green")
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
    from vibevoice_nb.voices.resolve import resolve_voice

    if Path(name).exists():
        audio, about = read_audio(name)
        return about.seconds, check_voice(audio, about)
    voice = resolve_voice(name)
    return voice.seconds, voice.checks
