"""`Engine`: generates speech. Scripts and voices in, audio out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..audio.sinks import MemorySink, Sink
from ..errors import OptionError
from ..model.generation.prompt_cache import PromptCache
from ..model.kernels.quantized import Quantize
from ..model.loading.checkpoint import NANO
from ..model.prompt import Prompt
from ..model.tokenizer import Tokenizer
from ..model.vibevoice import VibeVoiceModel
from ..progress import progress_bar
from ..ranges import GENERATION, shown
from ..script import Diagnostic, Script, Turn, parse_script
from ..script.frontends import Frontend
from ..script.speakable import ScriptWarning, check_script, speakable
from ..voices.casting import Voices, cast_voices, stand_in_message, stand_ins
from ..voices.voice import Voice
from .loaded_model import LoadedModel
from .model_limits import ModelLimits, VoiceWarning
from .options import GenerationOptions, GenerationSettings, Progress
from .run import Cancelled, Report, SpeechRun, fill_sinks
from .speech import Speech

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Engine:
    """Speech generation with one loaded model.

    Create one with `Engine.load`.

    Parameters
    ----------
    loaded : LoadedModel

    Examples
    --------
    >>> engine = Engine.load("nano")
    >>> engine
    <Engine 'nano' on ..., float32>
    >>> speech = engine.speak("Speaker 1: Good morning.", seed=1)
    >>> speech.ended, speech.sample_rate
    ('finished', 24000)
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded

    @classmethod
    def load(
        cls,
        model: str | Path = NANO,
        *,
        device: str = "auto",
        dtype: str = "auto",
        revision: str | None = None,
        mirrors: Sequence[str] | None = None,
        quantize: Quantize | None = None,
        progress: bool | Callable[[float], None] | None = None,
    ) -> Engine:
        """Load a model.

        Parameters
        ----------
        model : str or Path
            ``"nano"`` (the embedded model), a folder, or a hub id such as ``"microsoft/VibeVoice-1.5B"``.
        device : str
            ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
        dtype : str
            ``"auto"``, ``"float32"``, ``"bfloat16"``, ``"float16"``.
        revision : str, optional
            Branch, tag or commit of the hub repository.
        mirrors : sequence of str, optional
            Repositories to try if the first is not available; by default its known mirrors, none if empty. A
            warning, `Engine.mirror` and `Engine.revision` name the one that was used.
        quantize : {"int8", "int4"}, optional
            Keep the language model's layers, most of the model, in 8 or 4 bits to save memory.
        progress : bool or callable, optional
            True shows a progress bar. A callable is called with the fraction completed, from 0 to 1; the last
            tenth, on CUDA, is the capture of graphs.

        Returns
        -------
        Engine

        Raises
        ------
        CheckpointError, ConfigError, DeviceError, OptionError
        """
        with progress_bar(progress, f"Loading {shown(model)}", lambda fraction: (fraction, 1.0)) as report:
            return cls(
                LoadedModel.load(
                    model,
                    device=device,
                    dtype=dtype,
                    revision=revision,
                    mirrors=mirrors,
                    quantize=quantize,
                    progress=report or (lambda fraction: None),
                )
            )

    def __repr__(self) -> str:
        return repr(self.loaded).replace("LoadedModel", "Engine")

    @property
    def name(self) -> str:
        """Name, folder or hub id that the model was loaded by."""
        return self.loaded.name

    @property
    def model(self) -> VibeVoiceModel:
        """The network."""
        return self.loaded.model

    @property
    def tokenizer(self) -> Tokenizer:
        """Tokenizer of the model."""
        return self.loaded.tokenizer

    @property
    def revision(self) -> str:
        """Repository and commit of the weights."""
        return self.loaded.revision

    @property
    def mirror(self) -> str:
        """Repository and commit that served the weights, if it is not the requested repository; else ""."""
        return self.loaded.mirror

    @property
    def quantize(self) -> Quantize | None:
        """Bits of the language model's layers, where they are fewer than the rest has."""
        return self.loaded.quantize

    @property
    def defaults(self) -> GenerationOptions:
        """Options of the model where a call names none."""
        return self.loaded.defaults

    @property
    def frontend(self) -> Frontend:
        """Conversion from text to the tokenizer's input; reports text that the model cannot speak."""
        return self.loaded.frontend

    @property
    def limits(self) -> ModelLimits:
        """Languages, voices and lengths that the model supports."""
        return self.loaded.limits

    @property
    def prompt_cache(self) -> PromptCache:
        """Cache of voices and prompts read before."""
        return self.loaded.prompt_cache

    @property
    def device(self) -> torch.device:
        """Main device of the model; layers that did not fit may be on another."""
        return self.loaded.device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the computation."""
        return self.loaded.dtype

    @property
    def attention(self) -> str:
        """Attention kernel: ``"flash-attn"`` or ``"sdpa"``."""
        return self.loaded.attention

    def speak(
        self,
        script: str | Script,
        voices: Voices | None = None,
        *,
        sink: Sink | None = None,
        progress: bool | Report | None = None,
        cancelled: Cancelled | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Speech:
        r"""Generate the speech of a script.

        Parameters
        ----------
        script : str or Script
            For example ``"Speaker 1: Hello.\nSpeaker 2: Hi!"``.
        voices : mapping from speaker to voice, or sequence of voices, optional
            A voice is a built-in name, a name in the library, a file, a `Voice` or samples at 24 kHz. A
            sequence is in the order of the speakers' numbers; a single voice is enough for one speaker. By
            default the built-in voices, in order; ``{}`` lets the model invent voices.
        sink : Sink, optional
            Receives the audio while it is generated, 24 kHz; by default the result keeps it.
        progress : bool or callable, optional
            True shows a progress bar. A callable is called with a `Progress` after every frame.
        cancelled : callable, optional
            Called before every step of the model; if it returns True, generation stops and keeps the audio so
            far.
        **options
            See `GenerationOptions`.

        Returns
        -------
        Speech

        Raises
        ------
        ScriptError, VoiceError, OptionError, AudioError
        """
        sinks = None if sink is None else [sink]
        return self.speak_many(
            [script], voices, sinks=sinks, progress=progress, cancelled=cancelled, **options
        )[0]

    def speak_many(
        self,
        scripts: Sequence[str | Script],
        voices: Voices | None = None,
        *,
        sinks: Sequence[Sink] | None = None,
        progress: bool | Report | None = None,
        cancelled: Cancelled | None = None,
        **options: Unpack[GenerationSettings],
    ) -> list[Speech]:
        """Generate the speech of several scripts in one batch; see `speak`.

        The result of each is that of a single run with the same seed.
        """
        if not _is_list(scripts):
            raise OptionError(
                f"scripts of type {type(scripts).__name__}", "a list of scripts", "use `speak` for one script"
            )
        if sinks is None:
            sinks = [MemorySink() for _ in scripts]
        if len(sinks) != len(scripts):
            raise OptionError(
                f"{len(sinks)} sinks for {len(scripts)} scripts", "one per script", "pass as many, or none"
            )
        chosen = self.defaults.updated(options).seeded()
        requests = [self._request(script, voices, chosen) for script in scripts]
        with _speaking_bar(progress) as report:
            fill_sinks([request.run for request in requests], sinks, report, cancelled)
        return [request.speech(sink) for request, sink in zip(requests, sinks, strict=True)]

    def stream(
        self, script: str | Script, voices: Voices | None = None, **options: Unpack[GenerationSettings]
    ) -> Iterator[NDArray[np.float32]]:
        """Return an iterator over the audio, frame by frame (float32 [3200], 24 kHz, 133 ms); see `speak`.

        This call raises the errors of `speak`, before the first frame is generated. Stop iterating to stop
        generating.
        """
        return iter(self._request(script, voices, self.defaults.updated(options).seeded()).run)

    def resume(
        self,
        speech: Speech,
        *,
        max_seconds: float,
        sink: Sink | None = None,
        progress: bool | Report | None = None,
        cancelled: Cancelled | None = None,
    ) -> Speech:
        """Continue a speech that reached its length limit or was cancelled.

        Parameters
        ----------
        speech : Speech
            It is not changed; it can be resumed again.
        max_seconds : float
            Longest audio, including the audio so far.
        sink, progress, cancelled
            See `speak`.

        Returns
        -------
        Speech
            The whole audio from the start; or only the new part, if the audio goes, or went, to a sink.

        Raises
        ------
        OptionError
            If `max_seconds` is out of range, or another model generated the speech.
        """
        options = replace(speech.options, max_seconds=max_seconds)
        if options.max_seconds is None:
            raise OptionError("max_seconds=None", GENERATION["max_seconds"][2], "pass the longest length")
        if sink is None:
            sink = MemorySink()
            sink.write(speech.audio)
        run = speech.run.resumed(options.max_seconds, self.loaded)
        with _speaking_bar(progress) as report:
            fill_sinks([run], [sink], report, cancelled)
        return speech.continued(run, _audio_of(sink))

    def prompt(self, turns: Sequence[Turn], cast: Mapping[int, Voice]) -> Prompt:
        """Lay out the prompt of a passage; see `LoadedModel.prompt`."""
        return self.loaded.prompt(turns, cast)

    def layout(self, turns: Sequence[Turn], cast: Mapping[int, Voice]) -> Prompt:
        """Lay out a prompt of any length; see `LoadedModel.layout`."""
        return self.loaded.layout(turns, cast)

    def check(self, script: Script) -> tuple[Diagnostic, ...]:
        """Return diagnostics of text in a script that the model cannot speak; see `check_script`.

        Examples
        --------
        >>> engine = Engine.load("nano")
        >>> [item.message for item in engine.check(parse_script("Speaker 1: Hello 你好."))]
        ["nano leaves out '你好'"]
        """
        return check_script(script, self.frontend, self.name)

    def followed(self, cast: Mapping[int, Voice]) -> dict[int, Voice]:
        """Return the voices that are used: built-in ones for recordings, if the model cannot follow those."""
        return {**cast, **({} if self.limits.follows_voices else stand_ins(dict(sorted(cast.items()))))}

    def _request(self, script: str | Script, voices: Voices | None, options: GenerationOptions) -> _Request:
        whole = (script if isinstance(script, Script) else parse_script(script)).raise_for_errors()
        # The caller of `parse_script` has its diagnostics; those of a text are reported here.
        parsed = () if isinstance(script, Script) else whole.diagnostics
        spoken = speakable(whole, self.frontend, self.name)
        diagnostics = self.check(whole)
        for item in (*(one for one in parsed if one.severity == "warning"), *diagnostics):
            warnings.warn(str(item), ScriptWarning, stacklevel=4)
        cast = self._cast(whole, voices)
        followed = self.followed(cast)
        labels = {turn.speaker_index: turn.label for turn in whole.turns}
        for index, voice in followed.items():
            if voice is not cast[index]:
                message = stand_in_message(self.name, labels[index], cast[index], voice)
                warnings.warn(message, VoiceWarning, stacklevel=4)
        run = SpeechRun.whole(self.loaded, spoken.turns, followed, options, pauses=True)
        return _Request(run, {labels[index]: voice.name for index, voice in followed.items()}, diagnostics)

    def _cast(self, script: Script, voices: Voices | None) -> dict[int, Voice]:
        indices = {turn.label: turn.speaker_index for turn in script.turns}
        return {indices[label]: voice for label, voice in cast_voices(indices, voices).items()}


@dataclass(frozen=True)
class _Request:
    """A run, and the facts of its script that the result repeats."""

    run: SpeechRun
    cast: dict[str, str]
    diagnostics: tuple[Diagnostic, ...]

    def speech(self, sink: Sink) -> Speech:
        return Speech.of(self.run, _audio_of(sink), self.cast, self.diagnostics)


def _audio_of(sink: Sink) -> NDArray[np.float32]:
    return sink.audio if isinstance(sink, MemorySink) else np.zeros(0, np.float32)


def _speaking_bar(progress: bool | Report | None) -> AbstractContextManager[Report | None]:
    return progress_bar(progress, "Generating", _seconds, unit=" s")


def _seconds(progress: Progress) -> tuple[float, float]:
    return progress.seconds, progress.estimated_seconds


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))
