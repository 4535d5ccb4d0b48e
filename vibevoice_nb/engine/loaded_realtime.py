"""`LoadedRealtime`: a VibeVoice-Realtime in memory with everything that a generation needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ..errors import VoiceError
from ..model.config import RealtimeConfig
from ..model.generation.sampler import Sampler
from ..model.generation.threads import at_most_threads, is_small
from ..model.kernels.quantized import Quantize
from ..model.loading.checkpoint import revision_of
from ..model.loading.footprint import kept_bytes
from ..model.loading.placement import pick_dtype, place
from ..model.loading.prepare import load_prepared_realtime
from ..model.loading.weights import build_realtime, list_tensors
from ..model.realtime import RealtimeModel
from ..model.solver import solver_steps
from ..model.tokenizer import Tokenizer, load_tokenizer
from ..model.voice_prompt import VoicePrompt
from ..script import Turn
from ..voices.voice import Voice
from .defaults import REALTIME, ModelSettings, model_settings
from .frames import Spoken
from .interface import Audio, Cancelled
from .loaded import Loaded
from .model_limits import GET_VOICE_PROMPTS
from .options import GenerationOptions
from .realtime_run import RealtimeRun


class LoadedRealtime(Loaded[RealtimeModel]):
    """A VibeVoice-Realtime in memory: network, tokenizer, front end, limits and defaults.

    It is a `SpeechModel`; `open` is its own. It has the attributes of `Loaded`.
    """

    def __init__(
        self,
        name: str,
        model: RealtimeModel,
        tokenizer: Tokenizer,
        settings: ModelSettings = REALTIME,
        revision: str = "",
        quantize: Quantize | None = None,
    ) -> None:
        super().__init__(name, model, tokenizer, settings, revision, quantize)
        self.limits = replace(
            self.limits, voice_prompts=model.config.prompt_shape, max_seconds=self.longest_seconds
        )
        self._sampler: tuple[GenerationOptions, Sampler] | None = None

    @classmethod
    def load(
        cls,
        name: str,
        folder: Path,
        config: RealtimeConfig,
        *,
        device: torch.device,
        dtype: str = "auto",
        quantize: Quantize | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> LoadedRealtime:
        """Load a checkpoint's folder; see `Engine.load`, which calls it, for parameters and errors."""
        tokenizer = load_tokenizer(folder, config)
        settings = model_settings(folder)
        skeleton = build_realtime(config, list_tensors(folder))
        small = is_small(skeleton)
        chosen = pick_dtype(device, dtype, small=small)
        with at_most_threads(1 if small else None):
            network = load_prepared_realtime(
                folder,
                place(skeleton, device, chosen, quantize),
                chosen,
                quantize=quantize,
                progress=progress,
            )
        progress(1.0)
        return cls(name, network, tokenizer, settings, revision_of(folder), quantize)

    def nbytes(self) -> int:
        """Return the most memory of the weights."""
        with torch.device("meta"):
            shapes = RealtimeModel(self.model.config)
        return kept_bytes(
            shapes, self.dtype, device_type=self.device.type, published_half=False, quantize=self.quantize
        )

    def whole(
        self,
        turns: Sequence[Turn],
        cast: Mapping[int, Voice],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
        *,
        pauses: bool = False,
    ) -> RealtimeRun:
        """Return a run of a whole script, which is spoken turn by turn; see `RealtimeRun`."""
        return RealtimeRun(self, turns, cast, options, cancelled, pauses=pauses)

    def in_context(
        self,
        turn: Turn,
        cast: Mapping[int, Voice],
        context: Sequence[Spoken],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
    ) -> RealtimeRun:
        """Return a run of one turn; the model does not hear the context."""
        return RealtimeRun(self, [turn], cast, options, cancelled)

    def open(
        self,
        voice: Voice,
        options: GenerationOptions | None = None,
        cancelled: Cancelled | None = None,
        *,
        speaker: int | str = 1,
    ) -> RealtimeRun:
        """Return a run of a text that is fed while it is spoken; see `RealtimeRun`.

        Parameters
        ----------
        voice : Voice
            A voice with a prompt.
        options : GenerationOptions, optional
            The model's defaults if not given.
        cancelled : callable, optional
            Called before every frame, and while the run waits for text.
        speaker : int or str
            Label of the speaker in the run's turn.

        Raises
        ------
        VoiceError
            If the voice has no prompt, or one of another model.
        """
        turn = Turn(speaker, "", 0)
        return RealtimeRun(self, [turn], {0: voice}, options or self.defaults, cancelled, open_text=True)

    def advance(
        self, runs: Sequence[RealtimeRun], cancelled: Cancelled
    ) -> Iterator[tuple[RealtimeRun, Audio]]:
        """Advance runs of this model in turns: yield (run, audio), a frame or a pause at a time."""
        active = list(runs)
        while active:
            for run in list(active):
                if not (audio := run.advance(cancelled)):
                    active.remove(run)
                yield from ((run, sound) for sound in audio)

    def sampler(self, options: GenerationOptions) -> Sampler:
        """Return the sampler of some options."""
        kept = self._sampler
        if kept is None or kept[0] != options:
            steps = solver_steps(options.num_steps, options.solver, self.model.config.head.train_steps)
            kept = self._sampler = options, Sampler(self.model.head, steps, options.cfg_scale)
        return kept[1]

    def voice_prompt(self, turn: Turn, cast: Mapping[int, Voice]) -> VoicePrompt:
        """Return the voice prompt of a turn's speaker.

        Raises
        ------
        VoiceError
            If there is none, or it does not fit the model.
        """
        voice = cast.get(turn.speaker_index)
        if voice is None:
            raise VoiceError(f"{turn.label} without a voice", "a voice prompt", GET_VOICE_PROMPTS)
        if error := self.limits.voice_problem(self.name, voice):
            raise error
        assert voice.prompt is not None
        return voice.prompt
