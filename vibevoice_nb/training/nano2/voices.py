"""Named voices of nano 2: people who differ clearly, and a prompt of each.

``python -m vibevoice_nb.training.nano2 choose-voices --work-dir W [--source PEOPLE.json]`` prints a proposal,
from speaker embeddings and pitch (``voices.npy``), and if given from the teacher's list of people their
quality and sex, which must agree with the pitch; ``configs/voices.json`` holds the choice, with names and
descriptions.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.config import SAMPLE_RATE
from vibevoice_nb.training.export import NamedVoice

from .corpus import PersonCorpus
from .language import MIDDLE_PITCH, PITCH_WEIGHT
from .speech import Speech

COUNT = 8
PROMPT_SECONDS = 4.0, 8.0
LONGEST_PAUSE = 0.3
BEST_MOS = 4.3
_BLOCK, _QUIET = 240, 10 ** (-35 / 20)
_HIGH, _LOW = 175.0, 145.0


@dataclasses.dataclass(frozen=True)
class Candidate:
    """Person with a prompt: utterance, speaker embedding [256], pitch in hertz, "female", "male" or ""."""

    person: str
    utterance: int
    embedding: np.ndarray
    pitch: float
    sex: str


def longest_pause(audio: np.ndarray) -> float:
    """Return the seconds of the longest pause between sounds.

    Examples
    --------
    >>> tone = np.sin(np.arange(12_000) / 20)
    >>> round(longest_pause(np.concatenate([tone, np.zeros(7_200), tone, np.zeros(9_600)])), 2)
    0.3
    """
    blocks = audio[: len(audio) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    loud = np.flatnonzero(np.sqrt(np.square(blocks).mean(1)) > _QUIET * np.sqrt(np.square(audio).mean()))
    return float((np.diff(loud).max(initial=1) - 1) * _BLOCK / SAMPLE_RATE)


def prompt_of(
    speech: Speech, utterances: Sequence[int], seconds: tuple[float, float] = PROMPT_SECONDS
) -> int | None:
    """Return the utterance that is the best prompt: of fitting length, with the shortest pauses."""
    fitting = []
    for index in utterances:
        row = speech.rows[index]
        length = (row["end"] - row["begin"]) / SAMPLE_RATE
        if seconds[0] <= length <= seconds[1]:
            fitting.append((longest_pause(speech.audio(index, row["begin"], row["end"])), index))
    pause, best = min(fitting, default=(np.inf, None))
    return best if pause <= LONGEST_PAUSE else None


def candidates(
    corpus: PersonCorpus, features: np.ndarray, people: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Candidate]:
    """Return the people with a prompt, at their original pace; with `people`, only those of good quality."""
    spoken: dict[str, list[int]] = {}
    for index, row in enumerate(corpus.speech.rows):
        spoken.setdefault(row["person"], []).append(index)
    found = []
    for person, utterances in sorted(spoken.items()):
        if people is not None and people[person].get("clip_distilmos", 0) < BEST_MOS:
            continue
        best = prompt_of(corpus.speech, utterances)
        if best is not None:
            own = features[corpus.voices.index(f"{person} x 1.0")]
            pitch = MIDDLE_PITCH * 2 ** (float(own[-1]) / PITCH_WEIGHT)
            sex = "female" if pitch > _HIGH else "male" if pitch < _LOW else ""
            if people is not None and people[person]["sex_guess"] != sex:
                sex = ""
            found.append(Candidate(person, best, own[:-1], pitch, sex))
    return found


def choose(people: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return women and men in turn, each as different from those before as possible.

    The first is the most typical: the one most similar to all.
    """
    groups = [[one for one in people if one.sex == sex] for sex in ("female", "male")]
    if min(map(len, groups)) < count // 2:
        raise OptionError(
            f"{len(groups[0])} women and {len(groups[1])} men with a prompt",
            f"{count // 2} of each",
            "use more teacher speech, or fewer voices",
        )
    everyone = np.stack([one.embedding for one in people])
    chosen = [max(groups[0], key=lambda one: float((everyone @ one.embedding).mean()))]
    while len(chosen) < count:
        others = [one for one in groups[len(chosen) % 2] if one not in chosen]
        chosen.append(max(others, key=lambda one: min(_distance(one, other) for other in chosen)))
    return chosen


def _distance(one: Candidate, other: Candidate) -> float:
    """Return the distance between two voices: of the embeddings, and an octave of pitch as `PITCH_WEIGHT`."""
    similar = float(one.embedding @ other.embedding)
    return 1 - similar + PITCH_WEIGHT * abs(np.log2(one.pitch / other.pitch))


def named_voices(speech: Speech, listing: Path) -> list[NamedVoice]:
    """Return the voices of a list such as ``configs/voices.json``, with their prompts.

    Raises
    ------
    OptionError
        If a person has no utterance that can serve as prompt.
    """
    voices = []
    for entry in json.loads(listing.read_text(encoding="utf-8")):
        own = [i for i, row in enumerate(speech.rows) if row["person"] == entry["person"]]
        best = prompt_of(speech, own, tuple(entry.get("seconds", PROMPT_SECONDS)))
        if best is None:
            raise OptionError(
                f"no prompt of {entry['person']} ({entry['name']})", "an utterance without long pauses",
                f"name another person in {listing.name}",
            )  # fmt: skip
        row = speech.rows[best]
        audio = speech.audio(best, row["begin"], row["end"])
        voices.append(NamedVoice(entry["name"], entry["words"], entry["description"], audio))
    return voices
