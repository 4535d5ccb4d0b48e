"""How well nano speaks while it is being trained: word error rate, setting by setting.

``python -m vibevoice_nb.training.evaluate --work-dir nano-work --sentences sentences.txt --limit 12``

Sentences are spoken by the engine's own loop, many at once. Voices are given as the corpus's latents, so no
encoder is needed. The last line is one flat JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from vibevoice_nb.bench.recognizers import Recognizer, Score, score
from vibevoice_nb.model.generation.loop import generate, prefill
from vibevoice_nb.model.generation.sampler import Sampler, solver_steps
from vibevoice_nb.model.generation.silent_steps import SilentSteps
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.prompt import build_prompt
from vibevoice_nb.model.tokenizer import SpecialTokens
from vibevoice_nb.model.vibevoice import VibeVoiceModel
from vibevoice_nb.nano.english import to_phonemes

from .common import nano_config
from .corpus import HOP_LENGTH
from .export import assemble, pick_clip
from .features import Corpus, log_mel
from .tokens import END, EOS, FRAME, START, build_tokenizer

MAX_FRAMES = 90


class PlainTokenizer:
    """The tokenizer as the engine's prompts want it."""

    def __init__(self) -> None:
        self._backend = build_tokenizer()
        start, end, frame, eos = (self.encode(token)[0] for token in (START, END, FRAME, EOS))
        self.special = SpecialTokens(start, end, frame, eos)

    def encode(self, text: str) -> list[int]:
        """Token ids."""
        found: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return found


def speak_all(
    model: VibeVoiceModel, texts: Sequence[str], voices: Sequence[torch.Tensor], *,
    cfg_scale: float, num_steps: int, temperature: float, seed: int,
) -> list[np.ndarray]:  # fmt: skip
    """Speak texts, each with its own voice (latents [n, 64]), side by side.

    Returns
    -------
    list of ndarray [N] float32
        24 kHz; at most 90 frames each.
    """
    tokenizer = PlainTokenizer()
    states: list[GenerationState] = []
    audio: list[list[np.ndarray]] = [[] for _ in texts]
    for index, (text, voice) in enumerate(zip(texts, voices, strict=True)):
        stand_in = torch.zeros(len(voice) * HOP_LENGTH)
        prompt = build_prompt([(0, to_phonemes(text))], {0: stand_in}, tokenizer, HOP_LENGTH)
        state = GenerationState.new(model, seed + index)
        prefill(model, prompt, state, [voice])
        states.append(state)
    sampler = Sampler(model.head, solver_steps(num_steps, "dpmsolver++"), cfg_scale)
    silent = [SilentSteps() for _ in texts]
    for step in generate(model, states, sampler, tokenizer.special, temperature=temperature):
        silent[step.row] = silent[step.row].after(made_frame=step.frame is not None)
        if step.frame is not None:
            audio[step.row].append(step.frame.audio.numpy())
        if len(audio[step.row]) >= MAX_FRAMES or silent[step.row].stalled:
            states[step.row].finished = True
    return [np.concatenate(parts) if parts else np.zeros(HOP_LENGTH, np.float32) for parts in audio]


def voice_latents(corpus: Corpus) -> list[torch.Tensor]:
    """Latents [n, 64] of each voice's clip."""
    clips = [pick_clip(corpus, voice) for voice in range(len(corpus.voices))]
    return [torch.from_numpy(corpus.space.encode(log_mel(clip))) for clip in clips]


def evaluate(
    work_dir: Path, texts: Sequence[str], settings: Sequence[tuple[float, float]], num_steps: int, seed: int
) -> list[dict[str, float]]:
    """Word error rates for settings of (cfg_scale, temperature).

    Returns
    -------
    list of dict
        One per setting: ``cfg_scale``, ``temperature``, ``wer`` (percent), one for each voice, and seconds of
        speech a sentence.
    """
    corpus, recognizer = Corpus(work_dir), Recognizer()
    model = assemble(work_dir, nano_config()).eval().requires_grad_(False)
    clips = voice_latents(corpus)
    jobs = [(text, voice) for text in texts for voice in range(len(clips))]
    results = []
    for cfg_scale, temperature in settings:
        started = time.process_time()
        spoken = speak_all(
            model, [text for text, _ in jobs], [clips[voice] for _, voice in jobs],
            cfg_scale=cfg_scale, num_steps=num_steps, temperature=temperature, seed=seed,
        )  # fmt: skip
        scores = [Score() for _ in clips]
        for (text, voice), audio in zip(jobs, spoken, strict=True):
            scores[voice] += score([audio], [text], recognizer=recognizer)
        line = {"cfg_scale": cfg_scale, "temperature": temperature, "num_steps": num_steps}
        line["wer"] = round(sum(scores, Score()).wer, 1)
        line |= {name: round(one.wer, 1) for name, one in zip(corpus.voices, scores, strict=True)}
        line["seconds"] = round(sum(map(len, spoken)) / 24_000 / len(spoken), 2)
        line["cpu"] = round(time.process_time() - started, 1)
        print(json.dumps(line), flush=True)
        results.append(line)
    return results


def main() -> None:
    """Evaluate and print the best setting last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--sentences", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=12)
    parser.add_argument("--cfg", type=float, nargs="+", default=[2.5])
    parser.add_argument("--temperature", type=float, nargs="+", default=[0.5])
    parser.add_argument("--num-steps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    texts = options.sentences.read_text(encoding="utf-8").splitlines()[: options.limit]
    settings = list(itertools.product(options.cfg, options.temperature))
    results = evaluate(options.work_dir, texts, settings, options.num_steps, options.seed)
    print(json.dumps(min(results, key=lambda line: line["wer"])))


if __name__ == "__main__":
    main()
