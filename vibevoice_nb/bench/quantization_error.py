"""Quantization error: difference of nano's speech in fewer bits from float32.

Every variant is teacher-forced with the frames of float32: each step gets the input that float32 had, so that
single frames are compared, not diverging runs. The last line is one flat JSON object:

* `latent_cosine`, the mean cosine between the frames' latents (1 is equal);
* `spectral_db`, the root mean square difference of the log spectra (STFT of 512 samples, 80 dB range);
* `tokens`, the fraction of steps with the same token as float32.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from torch import Tensor

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.model.generation.loop import generate, prefill
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.generation.step import Step
from vibevoice_nb.model.kernels.quantized import Quantize
from vibevoice_nb.model.loading.checkpoint import NANO_FOLDER
from vibevoice_nb.model.loading.placement import DTYPES
from vibevoice_nb.model.loading.prepare import load_prepared
from vibevoice_nb.model.prompt import Prompt, encode_voices
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.model.vibevoice import VibeVoiceModel
from vibevoice_nb.script import parse_script
from vibevoice_nb.voices.resolve import resolve_voice

SCRIPT = "Speaker 1: Good morning, how are you today?\nSpeaker 2: Very well, thank you. Shall we begin?"
VOICES = ("Ada", "Kai")
VARIANTS: tuple[tuple[str, Quantize | None], ...] = (
    ("bfloat16", None),
    ("float16", None),
    ("float32", "int8"),
    ("float32", "int4"),
)
_WINDOW, _RANGE_DB = 512, 80.0


def compare(seeds: Sequence[int] = (1, 2)) -> dict[str, float]:
    """Generate the script with every seed and measure all variants.

    Returns
    -------
    dict
        Flat: `int8_latent_cosine`, `int8_spectral_db`, `int8_tokens`, ...
    """
    engine = Engine.load("nano", device="cpu", dtype="float32")
    cast = {index: resolve_voice(name) for index, name in enumerate(VOICES)}
    prompt = engine.prompt(parse_script(SCRIPT).turns, cast)
    wanted = {seed: _speak(engine, engine.model, prompt, seed) for seed in seeds}
    figures: dict[str, float] = {}
    for dtype, quantize in VARIANTS:
        model = load_prepared(NANO_FOLDER, torch.device("cpu"), DTYPES[dtype], quantize=quantize)
        pairs = [
            pair
            for seed in seeds
            for pair in zip(wanted[seed], _speak(engine, model, prompt, seed, lead=wanted[seed]), strict=True)
        ]
        name = quantize or dtype
        figures |= {f"{name}_{key}": value for key, value in _distances(pairs).items()}
    return figures


@torch.inference_mode()
def _speak(
    engine: Engine, model: VibeVoiceModel, prompt: Prompt, seed: int, lead: Sequence[Step] | None = None
) -> list[Step]:
    options, special = engine.defaults, engine.tokenizer.special
    state = GenerationState.new(model, seed)
    voices = encode_voices(engine.model, [slot.audio for slot in prompt.voices], state.generator)
    prefill(model, prompt, state, [voice.to(model.latent_scale.dtype) for voice in voices])
    steps = solver_steps(options.num_steps, options.solver, model.config.head.train_steps)
    sampler = Sampler(model.head, steps, options.cfg_scale)
    made: list[Step] = []

    def choose(row: int, logits: Tensor) -> int:
        return int(logits.argmax()) if lead is None else special.valid_tokens.index(lead[len(made)].token)

    walk = generate(
        model, [state], sampler, special, temperature=options.temperature, choose=choose,
        stop=lambda row: lead is not None and len(made) >= len(lead),
    )  # fmt: skip
    for step in walk:
        made.append(step)
        if lead is not None:
            state.pending = lead[len(made) - 1].embed.to(state.pending.dtype).view(1, 1, -1)
    return made


def _distances(pairs: Sequence[tuple[Step, Step]]) -> dict[str, float]:
    frames = [(a.frame, b.frame) for a, b in pairs if a.frame is not None and b.frame is not None]
    left, right = zip(*frames, strict=True)
    latents, others = (torch.stack([frame.latent_norm.float() for frame in side]) for side in (left, right))
    spectrum, other = (
        _log_spectrum(torch.cat([frame.audio.float() for frame in side])) for side in (left, right)
    )
    agreed = [int(a.logits.argmax()) == int(b.logits.argmax()) for a, b in pairs]
    return {
        "latent_cosine": round(float(torch.cosine_similarity(latents, others, dim=-1).mean()), 6),
        "spectral_db": round(float((spectrum - other).square().mean().sqrt()), 3),
        "tokens": round(sum(agreed) / len(agreed), 4),
    }


def _log_spectrum(audio: Tensor) -> Tensor:
    """Return powers [bins, times] in dB, clipped at 80 dB below the loudest."""
    window = torch.hann_window(_WINDOW)
    power = torch.stft(audio, _WINDOW, window=window, return_complex=True).abs().square()
    return (10 * torch.log10(power / power.max())).clamp(min=-_RANGE_DB)


def main() -> None:
    """Measure and print from the command line."""
    print(json.dumps(compare()))


if __name__ == "__main__":
    main()
