"""Command line `vibevoice-nb`. Slow imports happen inside the command that needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vibevoice_nb import __version__
from vibevoice_nb.cli import tables, terminal
from vibevoice_nb.cli.importing import import_file
from vibevoice_nb.cli.options import (
    Debug,
    Device,
    Dtype,
    Json,
    Mirrors,
    Model,
    Recognizer,
    Revision,
    SpeakCommand,
    examples,
    mirrors_of,
    set_debug,
)
from vibevoice_nb.cli.review import review
from vibevoice_nb.cli.serve import serve
from vibevoice_nb.cli.terminal import FAILED, print_json
from vibevoice_nb.cli.voices import voices_app
from vibevoice_nb.cli.web import web
from vibevoice_nb.errors import CheckpointError
from vibevoice_nb.ranges import MAX_STEPS

app = typer.Typer(
    cls=terminal.Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Generate conversations from scripts with VibeVoice.",
    epilog=examples(
        'echo "Speaker 1: Hello there." | vibevoice-nb speak - --out hello.wav',
        "vibevoice-nb speak script.txt --voice 1=me.wav --voice 2=Ada --model vibevoice/VibeVoice-1.5B-hf",
        "vibevoice-nb doctor",
    ),
)
app.add_typer(voices_app, name="voices")


def _show_version(value: bool) -> None:
    if value:
        print(f"vibevoice-nb {__version__}")
        raise typer.Exit


@app.callback()
def main(
    debug: Annotated[
        bool, typer.Option("--debug", callback=set_debug, help="Show the traceback of an error.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of every command."""


@app.command(
    cls=SpeakCommand,
    epilog=examples(
        "vibevoice-nb speak script.txt",
        "vibevoice-nb speak script.txt --out episode.mp3 --voice 1=Ada --voice 2=guest.wav",
        'vibevoice-nb speak talk.txt --voice "Anna=anna.wav" --voice "Ben=ben.wav" --seed 7',
        "vibevoice-nb speak talk.txt --lexicon names.txt --spoken-forms --show-reading",
        "vibevoice-nb speak talk.txt --attempts 3 --recognizer small",
        "vibevoice-nb speak scripts/*.txt --out-dir episodes",
        "vibevoice-nb speak scripts/*.txt --out-dir episodes --ray 10.0.0.5:6379 --resume",
    )
    + "\n\nExit codes: 0 success, 1 failure, 2 invalid input, 3 length limit reached, "
    "130 interrupted (audio generated so far is kept).",
)
def speak(
    scripts: Annotated[
        list[str],
        typer.Argument(
            metavar="SCRIPT", help="Script files (.txt, .json, .srt, .docx and others), or - for stdin."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Audio file (.wav, .flac, .mp3, .ogg, .opus or .m4a) or web page (.html); by default, the "
            "name of the script with .wav, in the current folder.",
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
    lexicon: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Readings of words, one a line: word = respelling, or word = /P H OW N Z/."
        ),
    ] = None,
    spoken_forms: Annotated[
        bool,
        typer.Option(
            "--spoken-forms", help="Write out numbers, units, dates of English text; nano always does."
        ),
    ] = False,
    show_reading: Annotated[
        bool, typer.Option("--show-reading", help="Print the words that would be read, and stop.")
    ] = False,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quantize: Annotated[
        str | None, typer.Option(help="Quantize weights to int8 or int4 to save memory.")
    ] = None,
    revision: Revision = None,
    mirrors: Mirrors = None,
    review: Annotated[
        bool, typer.Option("--review", help="Compare the words of the audio with the script.")
    ] = False,
    recognizer: Recognizer = None,
    attempts: Annotated[
        int,
        typer.Option(help="Number of attempts if words are missing or wrong; the best is kept."),
    ] = 1,
    batch_size: Annotated[int, typer.Option(min=1, help="Number of scripts generated per batch.")] = 4,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]",
            help="Generate in workers on a Ray cluster: HOST:PORT of its head, auto (the cluster of this "
            "node) or local (this machine). Without an address, $RAY_ADDRESS or local. Several scripts on "
            "several GPUs of this machine use local by themselves.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of workers on the cluster; by default, one per GPU, or by cores."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Skip scripts whose audio in --out-dir is complete; replace it if the script, a voice, the "
            "model or an option has changed.",
        ),
    ] = False,
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
    from vibevoice_nb.engine.attempts import check_attempts
    from vibevoice_nb.engine.options import GenerationOptions
    from vibevoice_nb.script.lexicon import Lexicon
    from vibevoice_nb.script.pronunciation import Pronunciation

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
        mirrors=mirrors_of(mirrors),
        options=options,
        force=force,
        batch_size=batch_size,
        review=review or recognizer is not None or attempts != 1,
        recognizer=recognizer,
        attempts=check_attempts(attempts),
        pronunciation=Pronunciation(Lexicon() if lexicon is None else Lexicon.load(lexicon), spoken_forms),
        drawn_seed=seed is None,
    )
    if show_reading:
        raise typer.Exit(speak.show_reading(scripts, settings, as_json))
    code = speak.run(
        scripts,
        output,
        folder,
        voices or [],
        settings,
        as_json,
        ray=ray,
        workers=workers,
        resume=resume,
    )
    raise typer.Exit(code)


@app.command(
    epilog=examples(
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

        found = describe(model, revision=revision, mirrors=mirrors_of(mirrors))
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


@app.command(epilog=examples("vibevoice-nb verify recording", "vibevoice-nb verify recording --device cuda"))
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
    epilog=examples(
        "vibevoice-nb web --voila",
        "vibevoice-nb web",
        "vibevoice-nb web --host 0.0.0.0 --public --max-minutes 2 --queue 10",
    )
)(web)
app.command(
    epilog=examples(
        "vibevoice-nb serve",
        "vibevoice-nb serve --users users.json --add-user anna",
        "vibevoice-nb serve --model vibevoice/VibeVoice-1.5B-hf --host 0.0.0.0 --users users.json",
        "vibevoice-nb serve --address ray://head:10001 --replicas 2 --max-replicas 8",
    )
)(serve)
app.command(
    epilog=examples(
        "vibevoice-nb review episode.vibevoice",
        "vibevoice-nb review episode.mp3 --script talk.txt --table words.csv",
        "vibevoice-nb review talk.flac --recognizer small --json",
    )
    + "\n\nExit codes: 0 no certain difference, 1 a certain difference was found, 2 invalid input, "
    "130 interrupted."
)(review)
app.command(
    "import",
    epilog=examples(
        "vibevoice-nb import meeting.vtt --out script.txt",
        "vibevoice-nb import chat.txt --format whatsapp",
        "vibevoice-nb import film.srt --answer speakers=alternate --json",
    ),
)(import_file)
