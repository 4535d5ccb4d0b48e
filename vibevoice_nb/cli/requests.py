"""Requests of the command line: parse scripts, resolve voices, check output files.

All of it happens before a model is loaded, so mistakes are reported within a second. No torch here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vibevoice_nb.audio.io import check_audio_target
from vibevoice_nb.cli.importing import STDIN, script_reader
from vibevoice_nb.engine.defaults import known_settings
from vibevoice_nb.errors import AudioError, OptionError, ScriptError, VibeVoiceError
from vibevoice_nb.export.page import PAGE
from vibevoice_nb.files import check_target
from vibevoice_nb.model.loading.checkpoint import NANO
from vibevoice_nb.script import Script
from vibevoice_nb.script.lines import name_key, speaker_number
from vibevoice_nb.script.passages import check_passages, summarized
from vibevoice_nb.script.pronunciation import AS_WRITTEN, Pronunciation
from vibevoice_nb.script.speakable import check_script, speakable
from vibevoice_nb.script.turns import Diagnostic, label_of
from vibevoice_nb.voices.casting import cast_voices, shared_voices, stand_in_message, stand_ins
from vibevoice_nb.voices.resolve import resolve_voice
from vibevoice_nb.voices.voice import Voice

Earlier = Literal["", "complete", "outdated"]


@dataclass(frozen=True)
class SpeechRequest:
    """A script to generate.

    Attributes
    ----------
    source : str
        The script's file, as given by the user.
    cast : dict
        Voice of each speaker, by label.
    asked : frozenset of str
        Labels with a voice chosen by the user; the others have the default built-in voice.
    target : Path
        The output file.
    earlier : {"", "complete", "outdated"}
        The output file of an earlier run, if there is one: generated from the same request, or from another.
    """

    source: str
    script: Script
    cast: dict[str, Voice]
    chosen: frozenset[str]
    target: Path
    earlier: Earlier = ""

    def describe_cast(self) -> str:
        """Return the voice of each speaker as text, with its source."""
        parts = []
        for label, voice in self.cast.items():
            chosen = "" if label in self.chosen else " by default"
            parts.append(f"{label} -> {voice.name} ({voice.source}{chosen})")
        return ", ".join(parts)


@dataclass(frozen=True)
class Rejection:
    """A script that cannot be generated, with the error."""

    source: str
    error: VibeVoiceError


class Planner:
    """Creates requests from scripts; voices shared by several scripts are loaded once.

    Parameters
    ----------
    voices : sequence of str
        Values of `--voice`, each `SPEAKER=VOICE`.
    force : bool
        Whether existing files may be replaced.
    show : callable
        Called with the name of a script's file and a diagnostic.
    warn : callable
        Called with warnings about a script or a voice that can be used nevertheless.
    model : str
        Model whose limits the script and the voices are checked against.
    pronunciation : Pronunciation
        Applied to the scripts before they are checked.
    earlier : callable
        Called with a request, returns its `SpeechRequest.earlier`: such a file may be replaced.

    Raises
    ------
    OptionError
    """

    def __init__(
        self,
        voices: Sequence[str],
        *,
        force: bool,
        warn: Callable[[str], None],
        show: Callable[[str, Diagnostic], None],
        model: str = NANO,
        pronunciation: Pronunciation = AS_WRITTEN,
        earlier: Callable[[SpeechRequest], Earlier] = lambda request: "",
    ) -> None:
        self.model, self.pronunciation, self.earlier = model, pronunciation, earlier
        self.wanted = parse_voice_options(voices)
        self.force, self.warn, self.show = force, warn, show
        self.diagnostics: dict[str, list[Diagnostic]] = {}
        """Diagnostics of each script, by the name of its file."""
        self.matched: set[str] = set()
        """Labels in `wanted` that occurred in any script."""
        self._voices: dict[str, Voice] = {}

    def request(self, source: str, target: Path) -> SpeechRequest:
        """Read a script, find its voices, check its output file.

        Raises
        ------
        ScriptError, VoiceError, AudioError, OptionError
        """
        script = read_script(source, list(self.wanted))
        self._report(source, script.diagnostics, script.errors[:1])  # an error is raised below
        script.raise_for_errors()
        settings = known_settings(self.model)
        read = speakable(script, settings.frontend, self.model, self.pronunciation)
        self._report(source, check_script(script, settings.frontend, self.model, self.pronunciation))
        cuts = check_passages(read.turns, settings.options.passage_seconds, settings.frontend)
        for item in summarized(cuts):  # said without --verbose too: it changes the audio
            self.diagnostics[source].append(item)
            self.warn(f"{source}:{item.line}: {item.message}")
        labels = {turn.label: turn.speaker_index for turn in script.turns}
        chosen = {label: spec for label in labels if (spec := self._spec(label)) is not None}
        self.matched.update(map(name_key, chosen))
        cast = cast_voices(labels, chosen, fill=True, resolve=self.voice)
        names = {label: voice.name for label, voice in cast.items()}
        for message in shared_voices(names, set(labels) - set(chosen)):
            self.warn(f"{source}: {message}")
        request = SpeechRequest(source, script, cast, frozenset(chosen), target)
        earlier = self.earlier(request)
        target = check_output(target, force=self.force or earlier != "")
        for voice in cast.values():
            if error := settings.limits.voice_problem(self.model, voice):
                raise error
        if not settings.limits.follows_voices and settings.limits.voice_prompts is None:
            for label, voice in stand_ins(cast).items():
                message = stand_in_message(self.model, label, cast[label].name, voice.name)
                self.warn(f"{source}: {message}")
        return replace(request, target=target, earlier=earlier)

    def _report(
        self, source: str, diagnostics: Iterable[Diagnostic], raised: Sequence[Diagnostic] = ()
    ) -> None:
        kept = self.diagnostics.setdefault(source, [])
        for diagnostic in diagnostics:
            kept.append(diagnostic)
            if diagnostic not in raised:
                self.show(source, diagnostic)

    def check_unused_voices(self, labels: Iterable[str]) -> None:
        """Raise an error if a voice was chosen for a name that is not in `labels`."""
        labels = list(dict.fromkeys(labels))
        silent = [label for label in self.wanted if name_key(label) not in self.matched]
        if silent:
            close = difflib.get_close_matches(silent[0], labels, n=1)
            raise ScriptError(
                f"--voice names {', '.join(silent)}, without lines in the script",
                f"a speaker of the script: {', '.join(labels)}",
                f"did you mean {close[0]}?" if close else "correct the speaker's name",
            )

    def voice(self, spec: str) -> Voice:
        """Return a voice; each is loaded once."""
        if spec not in self._voices:
            voice = self._voices[spec] = resolve_voice(spec)
            for check in voice.checks if voice.source != "built-in" else ():
                if check.severity == "warning":
                    self.warn(f"the voice {voice.name}: {check.message} ({check.remedy})")
        return self._voices[spec]

    def _spec(self, label: str) -> str | None:
        folded = {name_key(name): spec for name, spec in self.wanted.items()}
        return folded.get(name_key(label))


def parse_voice_options(values: Iterable[str]) -> dict[str, str]:
    """Parse the values of `--voice`, each `SPEAKER=VOICE`.

    Returns
    -------
    dict
        Voice, as given by the user, by label of the speaker.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> parse_voice_options(["1=Ada", "Anna=takes/anna.wav"])
    {'Speaker 1': 'Ada', 'Anna': 'takes/anna.wav'}
    """
    wanted: dict[str, str] = {}
    for value in values:
        speaker, _, spec = (part.strip() for part in value.partition("="))
        if not (speaker and spec):
            raise OptionError(
                f"--voice {value!r}", "SPEAKER=VOICE, such as 1=Ada or Anna=anna.wav", "correct the option"
            )
        number = int(speaker) if speaker.isdecimal() else speaker_number(speaker)
        label = label_of(speaker if number is None else number)
        if name_key(label) in map(name_key, wanted):
            raise OptionError(
                f"--voice was given twice for {label}", "one --voice per speaker", "remove one of them"
            )
        wanted[label] = spec
    return wanted


def read_script(source: str, wanted: Sequence[str]) -> Script:
    """Read a script whose speakers may be names.

    The cast tells names and ordinary words apart: it consists of the speakers found in the script itself
    and of those for whom the user chose voices.

    Raises
    ------
    ScriptError, OptionError
    """
    read = script_reader(source)
    first = read([])
    named = [label for label in wanted if speaker_number(label) is None]
    if not named:
        return first
    script = read([], named)
    if not script.errors and {*map(name_key, named)} <= {name_key(turn.label) for turn in script.turns}:
        return script
    if first.errors:  # usually because not every line begins with a name; the user knows the names
        return read(named)
    spelt = {name_key(name): name for name in named}
    shown = [spelt.get(name_key(one), one) for one in first.speakers if isinstance(one, str)]
    more = [name for name in named if name_key(name) not in map(name_key, shown)]
    second = read([*shown, *more])
    spoken = {name_key(turn.label) for turn in second.turns}
    if all(name_key(name) in spoken for name in more):
        return second
    # A name in the script that resembles a chosen name without lines is a misspelling; report its line.
    keys = {name_key(name): name for name in shown if name_key(name) not in spelt}
    silent = [name_key(name) for name in more if name_key(name) not in spoken]
    misspelt = {keys[key] for name in silent for key in difflib.get_close_matches(name, keys)}
    # Without one, this cast would turn the script's own names into errors; a later check reports the rest.
    return read([*(name for name in shown if name not in misspelt), *more]) if misspelt else first


def choose_targets(sources: Sequence[str], output: Path | None, folder: Path | None) -> list[Path]:
    """Return the output file of each script; no two are the same.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> [path.as_posix() for path in choose_targets(["a.txt", "more/b.json"], None, Path("out"))]
    ['out/a.wav', 'out/b.wav']
    """
    if output is not None and folder is not None:
        raise OptionError("--out and --out-dir were both given", "one of them", "remove one of them")
    if len(sources) > 1:
        if output is not None:
            raise OptionError(
                f"--out was given for {len(sources)} scripts", "an output folder", "use --out-dir FOLDER"
            )
        if STDIN in sources:
            raise OptionError(
                f"{STDIN} is one of {len(sources)} scripts", "either stdin or files", "remove it"
            )
    elif output is not None:
        return [output]
    stems = ["out" if source == STDIN else Path(source).stem for source in sources]
    targets = [(folder or Path()) / f"{stem}.wav" for stem in stems]
    claimed: dict[str, str] = {}
    for source, target in zip(sources, targets, strict=True):
        other = claimed.setdefault(str(target).casefold(), source)
        if other != source:
            raise OptionError(
                f"{other} and {source} would both be written to {target}",
                "scripts with different file names",
                "rename one, or run the command once for each script with --out",
            )
    if len(claimed) < len(sources):
        raise OptionError("the same script was given twice", "each script once", "remove one of them")
    return targets


def check_output(target: Path, *, force: bool) -> Path:
    """Check, before any work is done, that an audio file or a web page can be written.

    Raises
    ------
    AudioError
    """
    if target.suffix.lower() == PAGE.suffix:
        return check_target(target, suffixes=(PAGE.suffix,), force=force)
    return check_audio_target(target, force=force)


def prepare_folder(folder: Path) -> None:
    """Create the output folder if it does not exist.

    Raises
    ------
    AudioError
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioError(
            f"the folder {folder} cannot be created: {error.strerror or error}",
            "a writable output folder",
            "choose another --out-dir",
        ) from error


def plan(
    sources: Sequence[str], targets: Sequence[Path], planner: Planner
) -> tuple[list[SpeechRequest], list[Rejection]]:
    """Create the requests of several scripts; an invalid script does not stop the others.

    Raises
    ------
    ScriptError
        If a voice was chosen for a speaker who has no lines in any script.
    """
    requests, rejections = [], []
    for source, target in zip(sources, targets, strict=True):
        try:
            requests.append(planner.request(source, target))
        except VibeVoiceError as error:
            rejections.append(Rejection(source, error))
    if requests:
        planner.check_unused_voices(label for request in requests for label in request.cast)
    return requests, rejections
