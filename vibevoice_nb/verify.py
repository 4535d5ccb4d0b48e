"""Replay a recorded run through this engine and compare every array.

A folder holds config.json, model.safetensors, meta.json, inputs.npz and expected.npz. Arrays are recognised
by name; whatever the config's sizes are, each recorded array is computed from its recorded inputs. This is
also how a new device or dtype is checked.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from .audio import normalise_loudness
from .engine import cuda
from .engine.checkpoint import read_json
from .engine.config import Solver
from .engine.conv import StreamState
from .engine.generate import Step, generate, prefill
from .engine.graphs import FramePool
from .engine.model import TokenScores
from .engine.placement import pick_device
from .engine.prepare import load_prepared
from .engine.prompt import Prompt, VoiceSlot, embed_prompt
from .engine.sampler import Sampler, solver_steps
from .engine.state import GenerationState
from .engine.tokenizer import SpecialTokens
from .errors import CheckpointError, OptionError

Frames = Literal["loop", "fixed", "fused"]

TOLERANCE: dict[torch.dtype, tuple[float, float]] = {
    torch.float32: (1e-5, 1e-4),
    torch.bfloat16: (0.1, 0.5),
    torch.float16: (0.02, 0.1),
}
"""Largest accepted relative difference: of one stage, and of audio and whole runs, where frames feed back
and rounding adds up."""

OUTLIER = 10
"""How far one element may lie beyond the tolerance of the whole array."""

_SIZE_LIMIT = 2_000_000_000
_UNREADABLE = (
    *(OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error, NotImplementedError),
    *(LookupError, AttributeError, TypeError),  # a single array (.npy) has no names
)
_PROMPT = ("input_ids", "speech_input_mask", "speech_tensors", "speech_masks")


@dataclass(frozen=True)
class Comparison:
    """One array, ours against the recorded one.

    Attributes
    ----------
    max_abs : float
        Largest absolute difference.
    relative : float
        Root mean square of the difference over that of the recorded array.
    """

    name: str
    status: str
    """``"ok"``, ``"beyond"`` or ``"skipped"``."""
    max_abs: float = 0.0
    relative: float = 0.0
    tolerance: float = 0.0
    reason: str = ""


class Recording:
    """The recorded run and the model to replay it with."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype, frames: str) -> None:
        self.folder, self.device, self.dtype = folder, device, dtype
        self.inputs = _arrays(folder / "inputs.npz")
        self.expected = _arrays(folder / "expected.npz")
        meta = read_json(folder / "meta.json")
        try:
            ids = meta["special_ids"]
            self.special = SpecialTokens(
                int(ids["start"]), int(ids["end"]), int(ids["diff"]), int(ids["eos"])
            )
            self.num_steps, self.cfg_scale = int(meta["steps"]), float(meta["cfg"])
            hop = int(meta["hop"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{folder / 'meta.json'} lacks or garbles {error}",
                "special_ids with start, end, diff and eos; steps; cfg; hop",
                "write the recording again",
            ) from error
        self.model = load_prepared(folder, device, dtype)
        if self.model.config.hop_length != hop:
            raise CheckpointError(
                f"meta.json says hop {hop}, config.json {self.model.config.hop_length}",
                "the same number in both",
                "take both files from one recording",
            )

        if frames not in get_args(Frames):
            raise OptionError(f"frames={frames!r}", f"one of {', '.join(get_args(Frames))}", "use loop")
        self._frames = frames
        if frames == "fused" and not cuda.runs_on(device):
            raise OptionError(
                f"fused frames on {device}", "an NVIDIA card and Triton", "take frames loop or fixed"
            )

    def pool(self) -> FramePool | None:
        """Frames to replay a run with; None for the plain loop."""
        if self._frames == "loop":
            return None
        pool = FramePool()
        pool.fused = self._frames == "fused"
        return pool

    def has(self, *names: str) -> bool:
        """Whether all these inputs were recorded."""
        return all(name in self.inputs for name in names)

    def tensor(self, name: str) -> Tensor:
        """Take a recorded input as a tensor on the model's device and in its dtype."""
        tensor = torch.from_numpy(np.ascontiguousarray(self.inputs[name]))
        return tensor.to(self.device, self.dtype if tensor.is_floating_point() else None)

    @cached_property
    def runs(self) -> list[str]:
        """Names of the runs of which noise and prompt were recorded."""
        suffix = "_diffusion_noise"
        named = [name.removesuffix(suffix) for name in self.inputs if name.endswith(suffix)]
        return [run for run in named if self.has(*(self.own(run, part) for part in _PROMPT))]

    def own(self, run: str, part: str) -> str:
        """Name an input of a run; what a run did not record anew it shares with the main one."""
        return f"{run}_{part}" if self.has(f"{run}_{part}") else f"main_{part}"


def verify(
    folder: str | Path,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    frames: str = "loop",
) -> list[Comparison]:
    """Replay a recorded run.

    Parameters
    ----------
    folder : str or Path
    device : str
    dtype : torch.dtype
    frames : {"loop", "fixed", "fused"}
        How frames of whole runs are made: operation by operation, on fixed buffers (replayed as graphs on
        CUDA), or so and of fused kernels, which takes an NVIDIA card.

    Returns
    -------
    list of Comparison
        One for every recorded array, in the file's order.

    Raises
    ------
    CheckpointError, DeviceError, OptionError
        A file is missing, damaged or contradicts another one; the device isn't here, or can't do it so.
    """
    recording = Recording(Path(folder), pick_device(device), dtype, frames)
    computed: dict[str, NDArray[Any]] = {}
    stages: set[str] = set()
    with torch.inference_mode():
        for part in (_components, _samplers, _codec, _loudness, _language_model, _whole_runs):
            for name, value in part(recording):
                computed[name] = value.detach().float().cpu().numpy() if isinstance(value, Tensor) else value
                if part is not _whole_runs and not name.startswith("decode_"):
                    stages.add(name)
    comparisons = []
    for name, expected in recording.expected.items():
        reason = "no inputs recorded for it"
        if name.startswith("hf_"):
            reason = "recorded from another implementation, as evidence"
        ours = computed.get(name)
        comparisons.append(_compare(name, expected, ours, reason, dtype, single_stage=name in stages))
    return comparisons


def summary(comparisons: list[Comparison]) -> dict[str, Any]:
    """Flatten the outcome for the JSON line."""
    counts = {s: sum(c.status == s for c in comparisons) for s in ("ok", "beyond", "skipped")}
    worst = max(comparisons, key=_severity, default=None)
    return {
        **counts,
        "worst": worst.name if worst else None,
        "worst_relative": _finite(worst.relative) if worst else None,
        "passed": counts["beyond"] == 0 and counts["ok"] > 0,
        "arrays": [
            {**asdict(c), "max_abs": _finite(c.max_abs), "relative": _finite(c.relative)}
            for c in comparisons
            if c.status == "beyond"
        ],
    }


def _finite(number: float) -> float | None:
    # JSON has no infinity and no NaN.
    return number if math.isfinite(number) else None


def _severity(comparison: Comparison) -> float:
    """How far beyond or within its tolerance an array is; what is no number is worst."""
    relative = comparison.relative / (comparison.tolerance or 1)
    return relative if math.isfinite(relative) else math.inf


def _compare(
    name: str,
    expected: NDArray[Any],
    computed: NDArray[Any] | None,
    reason: str,
    dtype: torch.dtype,
    *,
    single_stage: bool,
) -> Comparison:
    if computed is None:
        return Comparison(name, "skipped", reason=reason)
    stage, whole = TOLERANCE[dtype]
    tolerance = stage if single_stage else whole
    if np.issubdtype(expected.dtype, np.integer):
        tolerance = 0.0
    if computed.size != expected.size:
        reason = f"shape {list(computed.shape)}, recorded {list(expected.shape)}"
        return Comparison(name, "beyond", float("inf"), float("inf"), tolerance, reason)
    wanted = expected.astype(np.float64)
    difference = np.abs(computed.astype(np.float64).reshape(expected.shape) - wanted)
    scale = float(np.sqrt(np.mean(wanted**2))) or 1.0
    max_abs, relative = float(difference.max(initial=0)), float(np.sqrt(np.mean(difference**2))) / scale
    within = relative <= tolerance and max_abs <= OUTLIER * tolerance * scale
    reason = "" if within or relative > tolerance else f"one element is {max_abs / scale:.1e} off"
    return Comparison(name, "ok" if within else "beyond", max_abs, relative, tolerance, reason)


Computed = Iterator[tuple[str, Tensor | NDArray[Any]]]


def _components(rec: Recording) -> Computed:
    model = rec.model
    if rec.has("head_x", "head_t", "head_cond"):
        yield "head_out", model.head(rec.tensor("head_x"), rec.tensor("head_t"), rec.tensor("head_cond"))
    if rec.has("stage_latents"):
        yield "acoustic_connector", model.acoustic_connector(rec.tensor("stage_latents"))
    if rec.has("stage_semantic_feats"):
        yield "semantic_connector", model.semantic_connector(rec.tensor("stage_semantic_feats"))


def _samplers(rec: Recording) -> Computed:
    names = {
        match for name in rec.expected if (match := re.fullmatch(r"sampler_(?:sde_)?[a-z]+_(\d+)", name))
    }
    counts = sorted({int(match[1]) for match in names})
    noise = [f"sampler_{part}" for part in ("noise", "pos_cond", "neg_cond")]
    for count in counts:
        steps = solver_steps(count, "dpmsolver++", rec.model.config.head.train_steps)
        yield f"sampler_timesteps_{count}", np.array([step.timestep for step in steps])
        yield f"sampler_sigmas_{count}", np.array([step.sigma / step.alpha for step in steps] + [0.0])
        if not rec.has(*noise):
            continue
        start, cond, null = (rec.tensor(name) for name in noise)
        cond_null = null if rec.cfg_scale != 1.0 else None
        path = list(_sampler(rec, count, "dpmsolver++").path(cond, cond_null, start[:1].float()))
        yield f"sampler_trace_{count}", torch.cat(path)
        yield f"sampler_out_{count}", path[-1]
        if rec.has(f"sampler_sde_noise_{count}"):
            fresh = rec.tensor(f"sampler_sde_noise_{count}")[:, :1]
            sampler = _sampler(rec, count, "sde-dpmsolver++")
            yield f"sampler_sde_out_{count}", sampler(cond, cond_null, start[:1].float(), fresh.float())


def _sampler(rec: Recording, num_steps: int, solver: Solver) -> Sampler:
    steps = solver_steps(num_steps, solver, rec.model.config.head.train_steps)
    return Sampler(rec.model.head, steps, rec.cfg_scale)


def _codec(rec: Recording) -> Computed:
    codec, semantic, hop = rec.model.acoustic, rec.model.semantic, rec.model.config.hop_length
    if rec.has("stage_latents"):
        latents = rec.tensor("stage_latents")
        audio = codec.decode(latents)
        yield "decode_offline", audio
        for name in rec.expected:
            if match := re.fullmatch(r"decode_stream(\d*)", name):
                size, state = int(match[1] or 1), codec.decoder.new_state(len(latents))
                yield name, torch.cat([codec.decode(part, state) for part in latents.split(size, 1)], -1)
        # The recorded semantic features are those of the recorded audio.
        if "decode_offline" in rec.expected:
            audio = torch.from_numpy(rec.expected["decode_offline"]).to(latents)
        yield "semantic_offline", semantic(audio)
        yield "semantic_stream", _stream(semantic, audio, semantic.new_state(len(audio)), hop)
    for name in rec.expected:
        if match := re.fullmatch(r"(.+)_acoustic_mean(?:_stream_voice(\d+))?", name):
            source = f"{match[1]}_speech_tensors"
            if name.startswith("hf_") or not rec.has(source):
                continue
            audio = rec.tensor(source)[:, None]
            if match[2] is None:
                yield name, codec.encode(audio)
            else:
                voice = audio[int(match[2]) :][:1]
                yield name, _stream(codec.encode, voice, codec.encoder.new_state(1), hop)


def _stream(
    encode: Callable[[Tensor, StreamState], Tensor], audio: Tensor, state: StreamState, hop: int
) -> Tensor:
    return torch.cat([encode(part, state) for part in audio.split(hop, dim=-1)], dim=1)


def _loudness(rec: Recording) -> Computed:
    for name in rec.expected:
        if (match := re.fullmatch(r"norm(\d+)_out", name)) and rec.has(f"norm{match[1]}_in"):
            yield name, normalise_loudness(rec.inputs[f"norm{match[1]}_in"])


def _whole_runs(rec: Recording) -> Computed:
    for run in rec.runs:
        prompt, voices = _prompt(rec, run)
        forced = rec.inputs.get(f"{run}_forced_tokens", rec.inputs.get("forced_tokens"))
        yield from _arrays_of_run(run, _replay(rec, run, prompt, voices, forced))
    override = rec.folder / "natural_lm_head.safetensors"
    if override.exists() and "main" in rec.runs:
        rec.model.lm_head = _lm_head(override, rec)
        prompt, voices = _prompt(rec, "main")
        yield from _arrays_of_run("natural", _replay(rec, "main", prompt, voices, None))


def _lm_head(file: Path, rec: Recording) -> TokenScores:
    weight = load_file(file)["lm_head.weight"]
    head = TokenScores(weight.shape[1], weight.shape[0])
    head.weight = torch.nn.Parameter(weight.to(rec.device, rec.dtype), requires_grad=False)
    return head


def _prompt(rec: Recording, run: str) -> tuple[Prompt, list[Tensor]]:
    """Rebuild a run's prompt."""
    ids_name, places_name, audio_name, masks_name = (rec.own(run, part) for part in _PROMPT)
    ids, places = rec.inputs[ids_name].reshape(-1), np.flatnonzero(rec.inputs[places_name].reshape(-1))
    audio, masks = rec.tensor(audio_name), rec.inputs[masks_name]
    mean = rec.model.acoustic.encode(audio[:, None])
    spread = (
        rec.tensor(f"{run}_vae_std_noise") if rec.has(f"{run}_vae_std_noise") else mean.new_zeros(len(mean))
    )
    vae_noise = rec.own(run, "vae_noise")
    if rec.has(vae_noise):
        scale = (spread * rec.model.config.acoustic.noise_scale)[:, None, None]
        mean = mean + scale * rec.tensor(vae_noise)
    latents = rec.model.normalise_latent(mean)
    slots, voices, used = [], [], 0
    for index, count in enumerate(masks.sum(axis=1)):
        slots.append(VoiceSlot(int(places[used]), audio[index]))
        voices.append(latents[index, :count])
        used += int(count)
    return Prompt(tuple(int(i) for i in ids), tuple(slots)), voices


def _language_model(rec: Recording) -> Computed:
    plain = [run for run in ("main_nonoise", "main") if run in rec.runs]
    if not plain:
        return
    model = rec.model.language_model
    prompt, voices = _prompt(rec, plain[0])
    embeds = embed_prompt(rec.model, prompt, voices)
    yield "lm_inputs_embeds", embeds
    states = list(model.hidden_states(embeds))
    for index, hidden in enumerate(states[:-1]):
        yield f"lm_hidden_layer{index + 1}", hidden
    yield "lm_last_hidden", states[-1]
    yield (
        "lm_logits_last",
        rec.model.token_logits(states[-1][:, -1], range(rec.model.config.language.vocab_size)),
    )


def _replay(
    rec: Recording, run: str, prompt: Prompt, voices: list[Tensor], forced: NDArray[Any] | None
) -> list[Step]:
    state = GenerationState.new(rec.model, seed=0)
    prefill(rec.model, prompt, state, voices)
    noise = torch.from_numpy(rec.inputs[f"{run}_diffusion_noise"])[:, 0].float()
    limit = 2 * len(noise) + 16

    def choose(row: int, logits: Tensor) -> int:
        if forced is None:
            return int(logits.argmax())
        return rec.special.legal.index(int(forced.reshape(-1)[state.steps]))

    steps: list[Step] = []
    sampler = _sampler(rec, rec.num_steps, "dpmsolver++")
    end = limit if forced is None else len(forced.reshape(-1))
    walk = generate(
        rec.model,
        [state],
        sampler,
        rec.special,
        choose=choose,
        draw=lambda row, s: noise[s.frames % len(noise)],
        frames=rec.pool(),
    )
    for step in walk:
        steps.append(step)
        if len(steps) >= end:
            break
    return steps


def _arrays_of_run(run: str, steps: list[Step]) -> Computed:
    yield f"{run}_tokens", np.array([step.token for step in steps])
    yield f"{run}_allowed_logits", torch.stack([step.logits for step in steps])
    yield f"{run}_hidden", torch.stack([step.hidden for step in steps])
    if len(steps) > 1:
        yield f"{run}_step_embeds", torch.stack([step.embed for step in steps[:-1]])
    frames = [(step, step.frame) for step in steps if step.frame is not None]
    if frames:
        yield f"{run}_pos_cond", torch.stack([step.hidden for step, _ in frames])
        if frames[0][0].hidden_null is not None:
            yield (
                f"{run}_neg_cond",
                torch.stack([s.hidden_null for s, _ in frames if s.hidden_null is not None]),
            )
        yield f"{run}_latents", torch.stack([frame.latent_norm for _, frame in frames])
        yield f"{run}_semantic", torch.stack([frame.semantic for _, frame in frames])
        yield f"{run}_audio", torch.cat([frame.audio for _, frame in frames])


def _arrays(file: Path) -> Mapping[str, NDArray[Any]]:
    try:
        if file.stat().st_size > _SIZE_LIMIT:
            raise CheckpointError(
                f"{file} is over 2 GB", "a recording of one short run", "record a shorter one"
            )
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except _UNREADABLE as error:
        raise CheckpointError(
            f"{file} can't be read ({error})", "an .npz file of plain arrays", "record the run again"
        ) from error
