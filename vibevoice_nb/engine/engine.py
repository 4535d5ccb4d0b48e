"""`Engine`: a model ready to speak. Scripts and voices in, audio out.

Everything here is a thin coat over `engine.generate`, the one loop that makes frames.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from ..audio.sinks import MemorySink, Sink
from ..errors import OptionError, ScriptError
from ..model.config import SAMPLE_RATE
from ..model.generation.cuda_graphs import GraphPool, one_device
from ..model.generation.prompt_cache import PromptCache
from ..model.generation.sampler import Sampler
from ..model.generation.state import GenerationState
from ..model.generation.threads import at_most_threads, is_small
from ..model.kernels.quantized import Quantize
from ..model.loading.checkpoint import NANO, find_checkpoint, mirror_of, revision_of
from ..model.loading.placement import pick_device, pick_dtype, place
from ..model.loading.prepare import load_prepared
from ..model.loading.weights import build_model, list_tensors, read_config
from ..model.modules.attention import attention_name
from ..model.prompt import Prompt, build_prompt
from ..model.solver import solver_steps
from ..model.tokenizer import Tokenizer, load_tokenizer
from ..model.vibevoice import VibeVoiceModel
from ..ranges import GENERATION, one_of, shown
from ..script import Diagnostic, Script, Turn, parse_script
from ..script.frontends import Frontend
from ..script.passages import cut
from ..script.speakable import ScriptWarning, check_script, speakable
from ..script.turns import CHARS_PER_SECOND
from ..voices.casting import Voices, cast_voices, stand_in_message, stand_ins
from ..voices.voice import Voice
from .defaults import PUBLISHED, ModelSettings, model_settings
from .jobs import Cancelled, Job, Passage, Report, run_jobs, speak_jobs
from .model_limits import ModelLimits, OddLength, VoiceWarning
from .options import GenerationOptions, GenerationSettings
from .speech import Speech

if TYPE_CHECKING:
    from typing_extensions import Unpack

_BREATH_MS = 200
"""Silence between passages that the script didn't ask to part: what speakers leave between their turns."""
_TEXT_TOKENS_PER_SECOND = CHARS_PER_SECOND / 4.2
"""Positions that the text of a second of speech takes, beside its frames: about 4.2 characters a token."""


class Engine:
    """A loaded model.

    Make one with `Engine.load`.

    Examples
    --------
    >>> engine = Engine.load("nano")
    >>> speech = engine.speak("Speaker 1: Good morning.", seed=1)
    >>> speech.ended, speech.sample_rate
    ('finished', 24000)
    """

    def __init__(
        self,
        name: str,
        model: VibeVoiceModel,
        tokenizer: Tokenizer,
        settings: ModelSettings = PUBLISHED,
        revision: str = "",
        quantize: Quantize | None = None,
    ) -> None:
        self.name, self.model, self.tokenizer, self.revision = name, model, tokenizer, revision
        self.quantize = quantize
        """In how many bits the language model's layers are kept, if in fewer than the rest."""
        self.defaults: GenerationOptions = settings.options
        self.frontend: Frontend = settings.frontend
        """The way from text to what the tokenizer reads; knows what the model cannot speak."""
        self.limits: ModelLimits = settings.limits
        """Languages, voices and lengths it is bound to."""
        if self.limits.passage_seconds is None:
            positions = model.config.frame_rate + _TEXT_TOKENS_PER_SECOND
            self.limits = replace(self.limits, max_seconds=model.config.language.max_positions / positions)
        self.prompt_cache = PromptCache.of(model.language_model)
        """What it remembers of voices and prompts, so that the same cast is heard sooner the next time."""
        graphs = self.device.type == "cuda" and one_device(list(model.parameters()))
        self.graph_pool = GraphPool() if graphs else None
        """Its CUDA graphs; None where there are none."""

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
        progress: Callable[[float], None] | None = None,
    ) -> Engine:
        """Load a model.

        Parameters
        ----------
        model : str or Path
            ``"nano"`` (the embedded voice), a folder, or a hub id such as ``"microsoft/VibeVoice-1.5B"``.
        device : str
            ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
        dtype : str
            ``"auto"``, ``"float32"``, ``"bfloat16"``, ``"float16"``.
        revision : str, optional
            Of the hub repository.
        mirrors : sequence of str, optional
            Repositories to try when the first can't be fetched; by default its known mirrors, none if empty.
            A warning, `Engine.mirror` and `Engine.revision` say which one served.
        quantize : {"int8", "int4"}, optional
            Keep the language model's layers, most of a model, in 8 or 4 bits: for when memory is short.
        progress : callable, optional
            Told the share that is done, from 0 to 1; the last tenth, on CUDA, is the capture of graphs.

        Returns
        -------
        Engine

        Raises
        ------
        CheckpointError, ConfigError, DeviceError, OptionError
        """
        where = pick_device(device)
        pick_dtype(where, dtype)  # what isn't one is refused before anything is fetched
        if quantize is not None and not one_of(quantize, get_args(Quantize)):
            raise OptionError(f"quantize={shown(quantize)}", "int8, int4 or nothing", "leave it out")
        folder = find_checkpoint(model, revision=revision, mirrors=mirrors)
        config = read_config(folder)
        tokenizer = load_tokenizer(folder, config)
        settings = model_settings(folder)
        defaults = settings.options
        skeleton = build_model(config, list_tensors(folder))
        small = is_small(skeleton)
        width = pick_dtype(where, dtype, small=small)
        placement = place(skeleton, where, width, quantize)
        told = progress or (lambda share: None)
        weights = 0.9 if where.type == "cuda" else 1.0
        with at_most_threads(1 if small else None):
            loaded = load_prepared(
                folder,
                placement,
                width,
                quantize=quantize,
                scored=tokenizer.special.valid_tokens,
                progress=lambda share: told(weights * share),
            )
        # The pronunciations take a while to read: better now than before the first sound.
        steps = solver_steps(defaults.num_steps, defaults.solver, config.head.train_steps)
        settings.frontend("Ready.")
        engine = cls(str(model), loaded, tokenizer, settings, revision_of(folder), quantize)
        if engine.graph_pool is not None:
            engine.graph_pool.warm_up(
                loaded, Sampler(loaded.head, steps, defaults.cfg_scale), tokenizer.special
            )
        told(1.0)
        return engine

    @property
    def device(self) -> torch.device:
        """Where the model runs; layers that did not fit may be elsewhere."""
        return self.model.latent_scale.device

    @property
    def mirror(self) -> str:
        """Repository and commit that served the weights, if it is not the repository asked for; else ""."""
        return mirror_of(self.name, self.revision)

    @property
    def dtype(self) -> torch.dtype:
        """What the model computes in."""
        return self.model.latent_scale.dtype

    @property
    def attention(self) -> str:
        """Which attention runs: ``"flash-attn"`` or ``"sdpa"``."""
        return attention_name(self.device, self.dtype)

    def speak(
        self,
        script: str | Script,
        voices: Voices | None = None,
        *,
        sink: Sink | None = None,
        progress: Report | None = None,
        cancelled: Cancelled | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Speech:
        r"""Speak one script to its end.

        Parameters
        ----------
        script : str or Script
            For example ``"Speaker 1: Hello.\nSpeaker 2: Hi!"``.
        voices : mapping from speaker to voice, or sequence of voices, optional
            A voice is a built-in name, a name in the library, a file, a `Voice` or samples at 24 kHz. A
            sequence is taken in the order of the speakers' numbers; one voice will do for one speaker. By
            default the built-in voices, in order; ``{}`` lets the model invent voices.
        sink : Sink, optional
            Gets the audio while it is made, 24 kHz; by default it is kept in the result.
        progress : callable, optional
            Called with a `Progress` after every frame.
        cancelled : callable, optional
            Asked after every frame; true stops there and keeps what was made.
        **options
            Those of `GenerationOptions`.

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
        progress: Report | None = None,
        cancelled: Cancelled | None = None,
        **options: Unpack[GenerationSettings],
    ) -> list[Speech]:
        """Speak several scripts at once, in one batch; see `speak`.

        Each comes out as it would alone with the same seed.
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
        jobs = [self._job(script, voices, chosen, sink) for script, sink in zip(scripts, sinks, strict=True)]
        run_jobs(
            self.model, jobs, self.tokenizer.special, progress, cancelled, self.prompt_cache, self.graph_pool
        )
        return [self._speech(job) for job in jobs]

    def stream(
        self, script: str | Script, voices: Voices | None = None, **options: Unpack[GenerationSettings]
    ) -> Iterator[NDArray[np.float32]]:
        """Return an iterator over the audio, frame by frame (float32 [3200], 24 kHz, 133 ms); see `speak`.

        Errors of `speak` are raised by this call, before the first frame is asked for. Stop iterating to stop
        generating.
        """
        chosen = self.defaults.updated(options).seeded()
        job = self._job(script, voices, chosen, MemorySink())
        frames = speak_jobs(
            self.model,
            [job],
            self.tokenizer.special,
            prompt_cache=self.prompt_cache,
            graph_pool=self.graph_pool,
        )
        return (audio for _, audio in frames)

    def resume(
        self,
        speech: Speech,
        *,
        max_seconds: float,
        sink: Sink | None = None,
        progress: Report | None = None,
        cancelled: Cancelled | None = None,
    ) -> Speech:
        """Go on from where a speech ended for its length or was cancelled.

        Parameters
        ----------
        speech : Speech
            It is left as it is; the same one can be resumed again.
        max_seconds : float
            Longest audio, what there is already included.

        Returns
        -------
        Speech
            With the whole audio from the start, or with a `sink` (now or before), the new part.
        """
        options = replace(speech.options, max_seconds=max_seconds)
        if options.max_seconds is None:
            raise OptionError("max_seconds=None", GENERATION["max_seconds"][2], "say how long it may become")
        if sink is None:
            sink = MemorySink()
            sink.write(speech.audio)
        job = speech.job.fork(sink, options)
        run_jobs(
            self.model, [job], self.tokenizer.special, progress, cancelled, self.prompt_cache, self.graph_pool
        )
        later = self._speech(job)
        later.elapsed += speech.elapsed
        return later

    def prompt(self, turns: Sequence[Turn], cast: Mapping[int, Voice]) -> Prompt:
        """Lay out the prompt of a passage, given each speaker's voice; see `layout`.

        Raises
        ------
        ScriptError
            A speaker without a voice while others have one, or more text than the model has positions.
        """
        prompt = self.layout(turns, cast)
        room = self.model.config.language.max_positions
        if len(prompt.ids) >= room:
            raise ScriptError(
                f"a script and voices of {len(prompt.ids)} tokens",
                f"fewer than the {room} positions of {self.name}",
                "split the script into parts, or use shorter voice recordings",
            )
        return prompt

    def layout(self, turns: Sequence[Turn], cast: Mapping[int, Voice]) -> Prompt:
        """Lay out a prompt, however long.

        Speakers who say nothing here are left out, and the others numbered without gaps, as in training.
        """
        order = sorted({turn.speaker_index for turn in turns})
        lines = [(order.index(turn.speaker_index), self.frontend(turn.text)) for turn in turns]
        voices = {
            number: torch.from_numpy(cast[index].audio) for number, index in enumerate(order) if index in cast
        }
        return build_prompt(lines, voices, self.tokenizer, self.model.config.hop_length)

    def _job(
        self, script: str | Script, voices: Voices | None, options: GenerationOptions, sink: Sink
    ) -> Job:
        whole = (script if isinstance(script, Script) else parse_script(script)).raise_for_errors()
        # Whoever parsed the script has its diagnostics; of text, nobody else reports them.
        read = () if isinstance(script, Script) else whole.diagnostics
        script = speakable(whole, self.frontend, self.name)
        diagnostics = self.check(whole)
        for item in (*(one for one in read if one.severity == "warning"), *diagnostics):
            warnings.warn(str(item), ScriptWarning, stacklevel=4)
        cast = self._followed(self._cast(whole, voices), whole)
        labels = {turn.speaker_index: turn.label for turn in whole.turns}
        estimated = script.estimated_seconds
        assert options.seed is not None
        passages = _with_pauses(cut(script.turns, options.passage_seconds, self.frontend))
        return Job(
            coming=[
                Passage(
                    self.prompt(turns, cast), pause, sum(self.frontend.seconds(turn.text) for turn in turns)
                )
                for turns, pause in passages
            ],
            cast={labels[index]: voice.name for index, voice in cast.items()},
            options=options,
            estimated_seconds=estimated,
            max_seconds=options.max_seconds or 3 * estimated + 10,
            sink=sink,
            state=GenerationState.new(self.model, options.seed),
            diagnostics=diagnostics,
        )

    def check(self, script: Script) -> tuple[Diagnostic, ...]:
        """Find what this model cannot speak of a script; see `check_script`.

        Examples
        --------
        >>> engine = Engine.load("nano")
        >>> [item.message for item in engine.check(parse_script("Speaker 1: Hello 你好."))]
        ["nano leaves out '你好'"]
        """
        return check_script(script, self.frontend, self.name)

    def followed(self, cast: Mapping[int, Voice]) -> dict[int, Voice]:
        """Return the voices it speaks with: built-in ones for recordings, if it cannot follow those."""
        return {**cast, **({} if self.limits.follows_voices else stand_ins(dict(sorted(cast.items()))))}

    def _followed(self, cast: Mapping[int, Voice], script: Script) -> dict[int, Voice]:
        voices = self.followed(cast)
        labels = {turn.speaker_index: turn.label for turn in script.turns}
        for index, voice in voices.items():
            if voice is not cast[index]:
                message = stand_in_message(self.name, labels[index], cast[index], voice)
                warnings.warn(message, VoiceWarning, stacklevel=5)
        return voices

    def _cast(self, script: Script, voices: Voices | None) -> dict[int, Voice]:
        indices = {turn.label: turn.speaker_index for turn in script.turns}
        return {indices[label]: voice for label, voice in cast_voices(indices, voices).items()}

    def _speech(self, job: Job) -> Speech:
        return Speech(
            audio=job.sink.audio if isinstance(job.sink, MemorySink) else np.zeros(0, np.float32),
            ended=job.ended(self.model),
            options=job.options,
            cast=job.cast,
            model=self.name,
            seconds=job.seconds,
            elapsed=time.perf_counter() - job.started,
            ttfa=None if job.first is None else job.first - job.started,
            job=job,
            diagnostics=job.diagnostics,
            odd_length=self._odd_length(job),
        )

    def _odd_length(self, job: Job) -> OddLength:
        """Say whether a passage is far too short or too long for its text."""
        current = job.current_length if job.current and job.ended(self.model) == "length" else None
        return self.limits.odd_passage(job.lengths, current)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _with_pauses(passages: Sequence[list[Turn]]) -> Iterator[tuple[list[Turn], int]]:
    """Add the samples of silence after each: what the script asks for, a breath where it asks for none."""
    for number, turns in enumerate(passages, start=1):
        breath = _BREATH_MS if number < len(passages) else 0
        yield turns, (turns[-1].pause_after_ms or breath) * SAMPLE_RATE // 1000
