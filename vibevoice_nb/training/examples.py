"""Training examples of the language model: prompts in VibeVoice's format, followed by frames.

An example is a sequence of one or several utterances of the corpus, like a script with voices. Shapes: T
positions of an example, F target frames.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from tokenizers import Tokenizer

from .frames import HOP_LENGTH, PHONE_SLOTS
from .tokens import (
    END,
    EOS,
    FRAME,
    SPEAKERS,
    SPEECH_OUTPUT,
    START,
    SYSTEM,
    TEXT_INPUT,
    VOICE_INPUT,
    speaker_piece,
)

SPARE_VOICE = 0.15  # fraction of the examples with room that list a voice without lines
LONG_VOICE = 0.1  # fraction of the voice prompts that are long
CANNED_VOICE = 0.6  # fraction of the voice prompts from the same few utterances


Reading = tuple[str, np.ndarray]
"""Tokenizer input of a text, and the index of the character spoken in each quarter of a frame: [T, 4]."""


class SpokenCorpus(Protocol):
    """Source of examples: utterances with their latents and phones.

    `meta` has the ``voice`` of each (index into `voices`), ``frames``, ``shard``, ``offset`` (samples into
    it).
    """

    meta: list[dict[str, Any]]
    voices: list[str]
    train: list[int]
    silence: np.ndarray

    def latents(self, i: int) -> np.ndarray:
        """Return latents [T, 64] float32."""

    def phones(self, i: int) -> np.ndarray:
        """Return phone labels [T, 4] int8."""


@dataclasses.dataclass(frozen=True)
class ExampleConfig:
    """Settings of the examples; a section of ``configs/language.json``."""

    null: float
    """Fraction of unconditional examples: frames without a prompt, for guidance."""
    spelled: float
    """Fraction of known words that are spelled out."""
    voice_frames: tuple[int, int, int]
    """Minimum and usual maximum number of frames of a voice, and the maximum of the few long ones."""
    voiceless: float
    """Fraction of examples without voices, for which the model invents them."""
    canned_prompts: int
    """Number of utterances of each voice that serve as its usual prompts; with 0, any utterance outside the
    example does.
    """


@dataclasses.dataclass
class Example:
    """One training sequence.

    `ids` [T] holds the frame token at every position of a latent; `latents` are those, in order, with voices
    first. The last `said` of them are the target frames, with `phones` [F, 4], `pointers` [F, 4] (position in
    the sequence of the character being spoken; -1 in unconditional examples), `semantic` [F, C] (semantic
    features; C is 0 without), `heard` [F] (true if there are features) and `voices` [F] (index of the voice).
    """

    ids: np.ndarray
    latents: np.ndarray
    said: int
    phones: np.ndarray
    pointers: np.ndarray
    semantic: np.ndarray
    heard: np.ndarray
    voices: np.ndarray


@dataclasses.dataclass(frozen=True)
class Utterance:
    """Text of an utterance for the language model: its tokens, with and without spelled words, and for both
    the character spoken in each quarter of a frame.
    """

    tokens: tuple[np.ndarray, ...]
    spoken: tuple[np.ndarray, ...]


class ExampleMaker:
    """Factory of examples from a corpus.

    Parameters
    ----------
    corpus : SpokenCorpus
    config : ExampleConfig
    semantic : list of ndarray [frames, C], optional
        Semantic features of the corpus's first shards; the others have none.
    tokenizer : Tokenizer
    readings : callable
        Returns the two readings of an utterance, of which each example uses one.
    """

    def __init__(
        self,
        corpus: SpokenCorpus,
        config: ExampleConfig,
        semantic: list[np.ndarray] | None = None,
        *,
        tokenizer: Tokenizer,
        readings: Callable[[int], tuple[Reading, Reading]],
    ) -> None:
        self.corpus, self.config, self.semantic = corpus, config, semantic
        self.tokenizer, self.readings = tokenizer, readings
        pieces = (SYSTEM, VOICE_INPUT, TEXT_INPUT, SPEECH_OUTPUT, "\n", " ")
        self.piece = {text: self._ids(text) for text in pieces}
        self.speaker = [self._ids(speaker_piece(k)) for k in range(SPEAKERS)]
        self.start, self.end, self.frame, self.eos = (self._id(t) for t in (START, END, FRAME, EOS))
        self.silence = corpus.silence
        self.by_voice = voice_pools(corpus, config.voice_frames[2 if config.canned_prompts else 0])
        self._cache: dict[int, Utterance] = {}

    def _id(self, token: str) -> int:
        found: int | None = self.tokenizer.token_to_id(token)
        if found is None:
            raise AssertionError(f"{token!r} is not in the vocabulary")
        return found

    def _ids(self, text: str) -> np.ndarray:
        return np.array(self.tokenizer.encode(text).ids)

    def utterance(self, index: int) -> Utterance:
        """Return text tokens and alignment of one utterance, cached."""
        if index not in self._cache:
            readings = self.readings(index)
            tokens = tuple(self._ids(text) for text, _ in readings)
            self._cache[index] = Utterance(tokens, tuple(spoken for _, spoken in readings))
        return self._cache[index]

    def length(self, indices: list[int]) -> int:
        """Estimate the number of positions of an example of these utterances."""
        metas = [self.corpus.meta[i] for i in indices]
        voices = len({m["voice"] for m in metas}) * (sum(self.config.voice_frames[:2]) // 2 + 4)
        text = sum(len(self.utterance(i).tokens[0]) + 3 for i in indices)
        return 10 + voices + text + sum(m["frames"] for m in metas)

    def voice_prompt(self, voice: int, rng: random.Random, exclude: list[int]) -> np.ndarray:
        """Return latents [n, 64] of a voice, from an utterance outside the example if there is one."""
        shortest, usual, longest = self.config.voice_frames
        pool = [index for index in self.by_voice[voice] if index not in exclude] or self.by_voice[voice]
        canned = pool[: self.config.canned_prompts]
        index = rng.choice(canned if canned and rng.random() < CANNED_VOICE else pool)
        count = rng.randint(usual, longest) if rng.random() < LONG_VOICE else rng.randint(shortest, usual)
        count = min(count, self.corpus.meta[index]["frames"])
        first = rng.randint(0, self.corpus.meta[index]["frames"] - count) if rng.random() < 0.5 else 0
        return self.corpus.latents(index)[first : first + count]

    def sounds(self, index: int) -> tuple[np.ndarray, bool]:
        """Return the semantic features [frames, C] of an utterance, and true if there are any."""
        meta, known = self.corpus.meta[index], self.semantic or []
        if meta["shard"] >= len(known):
            size = known[0].shape[1] if known else 0
            return np.zeros((meta["frames"], size), np.float32), False
        first = meta["offset"] // HOP_LENGTH
        return known[meta["shard"]][first : first + meta["frames"]].astype(np.float32), True

    def make(self, indices: list[int], rng: random.Random) -> Example:
        """Build an example of the utterances `indices`, in this order."""
        if rng.random() < self.config.null:
            return self._finish([np.array([self.start])], [], indices, None, rng)
        voices = list(dict.fromkeys(self.corpus.meta[i]["voice"] for i in indices))
        spare = [v for v in range(len(self.corpus.voices)) if v not in voices]
        while spare and len(voices) < SPEAKERS and rng.random() < SPARE_VOICE:
            voices.append(spare.pop(rng.randrange(len(spare))))
        rng.shuffle(voices)
        voiceless = rng.random() < self.config.voiceless
        ids: list[Any] = [self.piece[SYSTEM], *([] if voiceless else [self.piece[VOICE_INPUT]])]
        latents: list[np.ndarray] = []
        for label, voice in enumerate([] if voiceless else voices):
            prompt = self.voice_prompt(voice, rng, indices)
            latents.append(prompt)
            frames = np.full(len(prompt), self.frame)
            ids += [self.speaker[label], [self.start], frames, [self.end], self.piece["\n"]]
        ids.append(self.piece[TEXT_INPUT])
        firsts, variants = [], []
        for index in indices:
            variant = int(rng.random() < 0.5)
            ids += [self.speaker[voices.index(self.corpus.meta[index]["voice"])], self.piece[" "]]
            firsts.append(sum(map(len, ids)))
            variants.append(variant)
            ids += [self.utterance(index).tokens[variant], self.piece["\n"]]
        ids += [self.piece[SPEECH_OUTPUT], [self.start]]
        return self._finish(ids, latents, indices, (firsts, variants), rng)

    def _finish(
        self, ids: list[Any], latents: list[np.ndarray], indices: list[int],
        text: tuple[list[int], list[int]] | None, rng: random.Random,
    ) -> Example:  # fmt: skip
        """Append the target frames, then end and eos."""
        prompt_frames = sum(map(len, latents))
        phones: list[np.ndarray] = []
        pointers: list[np.ndarray] = []
        semantic: list[np.ndarray] = []
        heard: list[np.ndarray] = []
        voices: list[np.ndarray] = []
        for turn, index in enumerate(indices):
            frames = self.corpus.meta[index]["frames"]
            if text is None:
                aim = np.full((frames, PHONE_SLOTS), -1)
            else:
                aim = self.utterance(index).spoken[text[1][turn]] + text[0][turn]
            if turn:
                gap = rng.randint(0, 2)
                latents.append(np.tile(self.silence, (gap, 1)))
                phones.append(np.zeros((gap, PHONE_SLOTS), np.int64))
                pointers.append(np.tile(aim[:1, :1], (gap, PHONE_SLOTS)))
                # An utterance ends in silence: its last frame sounds like the gap.
                semantic.append(np.tile(semantic[-1][-1:], (gap, 1)))
                heard.append(np.tile(heard[-1][-1:], gap))
                voices.append(np.tile(voices[-1][-1:], gap))
            latents.append(self.corpus.latents(index))
            phones.append(self.corpus.phones(index))
            pointers.append(aim)
            sound, has_features = self.sounds(index)
            semantic.append(sound)
            heard.append(np.full(frames, has_features))
            voices.append(np.full(frames, self.corpus.meta[index]["voice"]))
        everything = np.concatenate(latents).astype(np.float32)
        said = len(everything) - prompt_frames
        ids += [np.full(said, self.frame), [self.end, self.eos]]
        joined = [np.concatenate(parts) for parts in (phones, pointers, semantic, heard, voices)]
        return Example(np.concatenate(ids), everything, said, *joined)


def voice_pools(corpus: SpokenCorpus, frames: int) -> list[list[int]]:
    """Return the training utterances of each voice with a minimum of frames; the first are usual prompts."""
    pools: list[list[int]] = [[] for _ in corpus.voices]
    for index in corpus.train:
        if corpus.meta[index]["frames"] >= frames:
            pools[corpus.meta[index]["voice"]].append(index)
    return pools
