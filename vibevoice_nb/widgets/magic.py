"""`%%vibevoice`: cell magic whose cell is a script and whose result is its take.

%load_ext vibevoice_nb

%%vibevoice --steps 5 --voice Anna=Ada --voice Ben=Kai
Anna: Good morning, Ben.
Ben: Good morning!
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import HTML, DisplayHandle, display

from ..engine.remote.address import default_model
from ..errors import OptionError, VibeVoiceError
from ..project import Project, Take
from ..project.jobs.generation import Event, Generation, Mode
from ..project.registry import shared_project
from ..voices.casting import default_voice, match_voices
from ..voices.resolve import resolve_voice
from .cell_script import use_cell_script

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..engine.options import GenerationSettings

_OPTIONS = {
    "steps": "num_steps",
    "cfg": "cfg_scale",
    "seed": "seed",
    "solver": "solver",
    "temperature": "temperature",
}


@magics_class
class VibeVoiceMagics(Magics):
    """Cell magic, loaded by `%load_ext vibevoice_nb`."""

    @magic_arguments()
    @argument(
        "--voice", action="append", default=[], metavar="SPEAKER=VOICE", help="built-in, library name or file"
    )
    @argument(
        "--model",
        default=default_model("nano"),
        help="nano, a hub id such as vibevoice/VibeVoice-1.5B-hf, a folder, or the address of a server",
    )
    @argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    @argument("--steps", type=int, help="solver steps per frame")
    @argument("--cfg", type=float, help="classifier-free guidance; 1 is off")
    @argument("--seed", type=int, help="random seed; drawn if not given")
    @argument("--solver", help="dpmsolver++ or sde-dpmsolver++")
    @argument("--temperature", type=float, help="scales the initial noise")
    @argument(
        "--mode", choices=("turns", "whole"), default="turns", help="turn by turn in context, or one pass"
    )
    @argument("--project", help="project folder NAME.vibevoice for script, voices and takes")
    @argument(
        "--replace-script",
        action="store_true",
        help="use the cell's text even if the cell is unchanged and the project's script was edited since",
    )
    @argument("--out", help="also write the audio to this file")
    @argument("--force", action="store_true", help="allow --out to overwrite a file")
    @argument("--name", help="also bind the take to this variable")
    @cell_magic
    def vibevoice(self, line: str, cell: str) -> Take:
        """Generate speech for the cell, one line per turn, and show the take."""
        args = parse_argstring(self.vibevoice, line)
        if args.name is not None and not args.name.isidentifier():
            raise UsageError(f"--name {args.name} is not a valid Python name")
        options = {ours: getattr(args, given) for given, ours in _OPTIONS.items()}
        try:
            voices = dict(_pair(text) for text in args.voice)
            take = speak_cell(
                cell,
                voices,
                project=args.project,
                replace_script=args.replace_script,
                model=args.model,
                device=args.device,
                mode=args.mode,
                **options,
            )
            if args.out is not None:
                take.save(os.path.expanduser(args.out), force=args.force)
        except VibeVoiceError as error:
            raise UsageError(str(error)) from None
        if args.name is not None:
            assert self.shell is not None
            self.shell.user_ns[args.name] = take
        return take


def speak_cell(
    text: str,
    voices: Mapping[str, str],
    *,
    project: str | Path | None = None,
    replace_script: bool = False,
    model: str | None = None,
    device: str = "auto",
    mode: Mode = "turns",
    **options: Unpack[GenerationSettings],
) -> Take:
    """Generate speech for a script, with a progress bar in the cell.

    Parameters
    ----------
    text : str
    voices : mapping from speaker to voice
        Voices of speakers; the others get the built-in voices, in order.
    project : path, optional
        Folder of the project to use; turns with an up-to-date take are not regenerated. By default, only the
        take is kept.
    replace_script : bool
        Apply the text in any case; see `Project.give_script`.
    model, device : str
    mode : {"turns", "whole"}
    **options
        Options of `GenerationOptions`.

    Returns
    -------
    Take

    Raises
    ------
    VibeVoiceError
    """
    model = model or default_model("nano")
    if project is not None:
        kept = shared_project(project)
        if notice := use_cell_script(kept, text, replace=replace_script, option="--replace-script"):
            warnings.warn(notice, stacklevel=3)
        return _speak_project(kept, voices, model, device, mode, options)
    with tempfile.TemporaryDirectory(prefix="vibevoice-") as folder:
        with Project.create(Path(folder) / "cell.vibevoice", text) as passing:
            take = _speak_project(passing, voices, model, device, mode, options)
        return Take.from_audio(take.audio, turns=take.turns, name=take.name, manifest=take.manifest)


def _speak_project(
    project: Project,
    voices: Mapping[str, str],
    model: str,
    device: str,
    mode: Mode,
    options: Mapping[str, Any],
) -> Take:
    from ..engine.registry import engines

    script = project.script.raise_for_errors()
    indices = {turn.label: turn.speaker_index for turn in script.turns}
    given = match_voices(sorted(indices, key=indices.__getitem__), voices)
    for label, index in indices.items():
        voice = given.get(label)
        # A voice that an earlier run of the cell set must not replace one chosen since.
        new = voice is not None and project.settings.is_new_argument(f"voice {label}", voice)
        if new or project.cast[label].voice is None:
            taken = [*given.values(), *(one.voice.name for one in project.cast.values() if one.voice)]
            default = default_voice(index, taken)
            project.set_voice(label, resolve_voice(voice or default or ""))
        if new:
            project.settings.note_given({f"voice {label}": voice})
    bar = _Bar()
    job: Generation = project.generation(
        lambda: engines.load(model, device=device, progress=lambda fraction: bar.loading(model, fraction)),
        mode=mode,
        listener=lambda event: bar.update(job, event),
        **options,
    )
    try:
        return job.start().result()  # started after the listener is connected
    finally:
        bar.close()


def _pair(text: str) -> tuple[str, str]:
    speaker, found, voice = text.partition("=")
    if not (found and speaker.strip() and voice.strip()):
        raise OptionError(f"--voice {text}", "SPEAKER=VOICE", "for example, --voice 1=Ada")
    return speaker.strip().strip("\"'"), voice.strip().strip("\"'")


class _Bar:
    """Progress bar in the cell's output, updated a few times per second and removed at the end."""

    def __init__(self) -> None:
        self._handle: DisplayHandle | None = display(HTML("Loading the model …"), display_id=True)
        self._drawn = 0.0

    def loading(self, model: str, fraction: float) -> None:
        if self._handle is not None:
            self._handle.update(HTML(f"Loading {escape(model)} … {fraction:.0%}"))

    def update(self, job: Generation, event: Event) -> None:
        now = time.monotonic()
        if self._handle is None or event.kind != "audio" or now - self._drawn < 0.25:
            return
        self._drawn = now
        done = job.progress
        left = f"about {done.remaining:.0f} s left, " if done.pace else ""
        self._handle.update(
            HTML(
                f'<progress max="{done.estimated:.1f}" value="{done.seconds:.1f}"></progress> '
                f"{done.seconds:.1f} s of about {done.estimated:.0f} s, {left}RTF {done.rtf:.2f}"
            )
        )

    def close(self) -> None:
        if self._handle is not None:
            self._handle.update(HTML(""))


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magic; called by `%load_ext vibevoice_nb`."""
    shell.register_magics(VibeVoiceMagics)
