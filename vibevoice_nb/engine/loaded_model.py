"""`LoadedModel`: a model in memory with everything that a generation needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import torch

from ..errors import OptionError, ScriptError
from ..model.generation.cuda_graphs import GraphPool, one_device
from ..model.generation.prompt_cache import PromptCache
from ..model.generation.sampler import Sampler
from ..model.generation.threads import at_most_threads, is_small
from ..model.kernels.quantized import Quantize
from ..model.loading.checkpoint import NANO, find_checkpoint, revision_of
from ..model.loading.footprint import kept_bytes
from ..model.loading.placement import pick_device, pick_dtype, place
from ..model.loading.prepare import load_prepared
from ..model.loading.weights import build_model, list_tensors, read_config
from ..model.prompt import Prompt, build_prompt
from ..model.solver import solver_steps
from ..model.tokenizer import Tokenizer, load_tokenizer
from ..model.vibevoice import VibeVoiceModel
from ..ranges import one_of, shown
from ..script import Turn
from ..voices.voice import Voice
from .defaults import PUBLISHED, ModelSettings, model_settings
from .frames import Spoken
from .interface import Audio, Cancelled
from .loaded import Loaded
from .options import GenerationOptions

if TYPE_CHECKING:
    from .run import SpeechRun


class LoadedModel(Loaded[VibeVoiceModel]):
    """A model in memory: network, tokenizer, front end, limits, defaults and caches.

    It also has the attributes of `Loaded`.

    Attributes
    ----------
    prompt_cache : PromptCache
        Voices and prompts read before; they make the first audio of the same cast faster.
    graph_pool : GraphPool or None
        CUDA graphs; None on other devices.
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
        super().__init__(name, model, tokenizer, settings, revision, quantize)
        if self.limits.passage_seconds is None:
            self.limits = replace(self.limits, max_seconds=self.longest_seconds)
        self.prompt_cache = PromptCache.of(model.language_model)
        graphs = self.device.type == "cuda" and one_device(list(model.parameters()))
        self.graph_pool = GraphPool() if graphs else None

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
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> LoadedModel:
        """Load a checkpoint; see `Engine.load` for parameters and errors."""
        target = check_how(device, dtype, quantize)
        folder = find_checkpoint(model, revision=revision, mirrors=mirrors)
        return cls.load_folder(str(model), folder, target, dtype, quantize, progress)

    @classmethod
    def load_folder(
        cls,
        name: str,
        folder: Path,
        target: torch.device,
        dtype: str = "auto",
        quantize: Quantize | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> LoadedModel:
        """Load a checkpoint's folder."""
        config = read_config(folder)
        tokenizer = load_tokenizer(folder, config)
        settings = model_settings(folder)
        skeleton = build_model(config, list_tensors(folder))
        small = is_small(skeleton)
        chosen = pick_dtype(target, dtype, small=small)
        weights_fraction = 0.9 if target.type == "cuda" else 1.0
        with at_most_threads(1 if small else None):
            network = load_prepared(
                folder,
                place(skeleton, target, chosen, quantize),
                chosen,
                quantize=quantize,
                scored=tokenizer.special.valid_tokens,
                progress=lambda fraction: progress(weights_fraction * fraction),
            )
        settings.frontend("Ready.")  # read the pronunciations now rather than before the first audio
        loaded = cls(name, network, tokenizer, settings, revision_of(folder), quantize)
        if loaded.graph_pool is not None:
            loaded.graph_pool.warm_up(network, loaded.sampler(loaded.defaults), tokenizer.special)
        progress(1.0)
        return loaded

    def nbytes(self) -> int:
        """Return the most memory of the weights; half of it where 16 bits hold them exactly."""
        if self.quantize is None:
            tensors = [*self.model.parameters(), *self.model.buffers()]
            return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        with torch.device("meta"):
            shapes = VibeVoiceModel(self.model.config, tied=self.model.lm_head is None)
        return kept_bytes(
            shapes,
            self.dtype,
            device_type=self.device.type,
            published_half=False,
            quantize=self.quantize,
        )

    def whole(
        self,
        turns: Sequence[Turn],
        cast: Mapping[int, Voice],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
        *,
        pauses: bool = False,
    ) -> SpeechRun:
        """Return a run of a whole script; see `SpeechRun.whole`."""
        from .run import SpeechRun

        return SpeechRun.whole(self, turns, cast, options, cancelled, pauses=pauses)

    def in_context(
        self,
        turn: Turn,
        cast: Mapping[int, Voice],
        context: Sequence[Spoken],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
    ) -> SpeechRun:
        """Return a run of one turn after others; see `SpeechRun.in_context`."""
        from .run import SpeechRun

        return SpeechRun.in_context(self, turn, cast, context, options, cancelled)

    def advance(self, runs: Sequence[SpeechRun], cancelled: Cancelled) -> Iterator[tuple[SpeechRun, Audio]]:
        """Advance runs of this model in one batch; see `generate_batch`."""
        from .batch import generate_batch

        return generate_batch(runs, cancelled)

    def sampler(self, options: GenerationOptions) -> Sampler:
        """Return the sampler of some options."""
        steps = solver_steps(options.num_steps, options.solver, self.model.config.head.train_steps)
        return Sampler(self.model.head, steps, options.cfg_scale)

    def prompt(self, turns: Sequence[Turn], cast: Mapping[int, Voice]) -> Prompt:
        """Lay out the prompt of a passage, given each speaker's voice; see `layout`.

        Raises
        ------
        ScriptError
            If a speaker has no voice while others have one, or the text is longer than the model's context.
        """
        prompt = self.layout(turns, cast)
        positions = self.model.config.language.max_positions
        if len(prompt.ids) >= positions:
            raise ScriptError(
                f"a script and voices of {len(prompt.ids)} tokens",
                f"fewer than the {positions} positions of {self.name}",
                "split the script into parts, or use shorter voice recordings",
            )
        return prompt

    def layout(self, turns: Sequence[Turn], cast: Mapping[int, Voice]) -> Prompt:
        """Lay out a prompt of any length.

        Speakers without a turn are left out and the others are numbered without gaps, as in training.
        """
        order = sorted({turn.speaker_index for turn in turns})
        lines = [(order.index(turn.speaker_index), self.frontend(turn.text)) for turn in turns]
        voices = {
            number: torch.from_numpy(cast[index].audio) for number, index in enumerate(order) if index in cast
        }
        return build_prompt(lines, voices, self.tokenizer, self.model.config.hop_length)


def check_how(device: str, dtype: str, quantize: Quantize | None) -> torch.device:
    """Check how to load a model, before anything is downloaded; return the device.

    Raises
    ------
    DeviceError, OptionError
    """
    target = pick_device(device)
    pick_dtype(target, dtype)
    if quantize is not None and not one_of(quantize, get_args(Quantize)):
        raise OptionError(f"quantize={shown(quantize)}", "int8, int4 or nothing", "leave it out")
    return target
