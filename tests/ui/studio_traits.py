"""Traits of a Studio in use, as the kernel would send them: six turns, two speakers, several takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.widgets.base import Answer

SCRIPT = """Anna: Good morning, and welcome to our little show.
Ben: Thank you, it is very nice to be here.
Anna: Tell me, what did you do this morning?
Ben: I made some coffee and went for a walk by the river. [pause:500]
Anna: That sounds like a good way to begin the day.
Ben: It was. Next time you should come with me.
"""
COLORS = {"Anna": "#4c6ef5", "Ben": "#e8590c"}
SECONDS = (3.2, 2.4, 2.8, 3.6, None, None)


def voice(name: str, kind: str = "built-in", **more: Any) -> dict[str, Any]:
    own = kind in ("upload", "recording")
    return {
        "name": name,
        "kind": kind,
        "seconds": 8.4,
        "checks": [],
        "consent": False,
        "needs_consent": own,
        "stand_in": "",
        "prompt": "",
        **more,
    }


def speaker(label: str, color: str, given: dict[str, Any] | None, default: str = "") -> dict[str, Any]:
    made = {"label": label, "color": color, "voice": given, "default_voice": default}
    return {**made, "gain": 0.0, "pace": 1.0}


def take(turn: str, number: int, seconds: float, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{turn}-take{number}",
        "turn": turn,
        "speaker": "Anna",
        "text": "",
        "earlier": False,
        "voice": "Ada",
        "created": "2026-11-24T10:00:00Z",
        "seed": 1234567 * number,
        "num_steps": 10,
        "cfg_scale": 1.3,
        "solver": "dpmsolver++",
        "model": "nano",
        "seconds": seconds,
        "samples": round(seconds * SAMPLE_RATE),
        "trim_start": 0,
        "trim_stop": round(seconds * SAMPLE_RATE),
        "rtf": 0.55,
        "starred": False,
        "follows": None,
        "context_changed": False,
        "ended": "finished",
        "odd_length": "",
        **more,
    }


def turns_and_takes(count: int = 6) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    turns, takes = [], {}
    for at in range(count):
        turn = f"t{at + 1}"
        seconds = SECONDS[at % 6]
        made = [] if seconds is None else [take(turn, 1, seconds)]
        if at == 1:
            made += [
                take(turn, 2, 2.7, starred=True, seed=99),
                take(turn, 3, 1.1, context_changed=True, ended="cancelled"),
            ]
        takes.update({one["id"]: one for one in made})
        turns.append(
            {
                "id": turn,
                "speaker": ("Anna", "Ben")[at % 2],
                "speaker_index": at % 2,
                "line": at + 1,
                "end_line": at + 1,
                "text_column": len(f"{('Anna', 'Ben')[at % 2]}: ") + 1,
                "end_column": len(SCRIPT.splitlines()[at % 6]) + 1,
                "state": "unspoken" if seconds is None else "changed" if at == 2 else "spoken",
                "reason": "",
                "partial": False,
                "context_changed": at == 3,
                "estimated": 3.0,
                "seconds": seconds,
                "gap_ms": None,
                "gain": 0.0,
                "gain_limit": None,
                "pace": 1.0,
                "pause_ms": 500 if at == 3 else 0,
                "takes": [one["id"] for one in made],
                "chosen": made[0]["id"] if made else None,
            }
        )
    return turns, takes


def studio_traits(**more: Any) -> dict[str, Any]:
    turns, takes = turns_and_takes()
    spans, start = [], 0
    for turn in turns:
        if turn["seconds"] is not None:
            stop = start + round(turn["seconds"] * SAMPLE_RATE)
            text = SCRIPT.splitlines()[turn["line"] - 1].partition(": ")[2]
            spans.append(
                {
                    "turn": turn["id"],
                    "label": turn["speaker"],
                    "text": text,
                    "color": COLORS[turn["speaker"]],
                    "start": start,
                    "stop": stop,
                    "confidence": 1.0,
                    "words": [],
                }
            )
            start = stop
    noisy = {
        "severity": "warning",
        "message": "speech is 14 dB above the noise; a clean recording has at least 20 dB",
        "remedy": "record in a quiet room without music; the noise would be copied too",
    }
    return {
        "script": SCRIPT,
        "diagnostics": [],
        "turns": turns,
        "takes": takes,
        "speakers": [
            speaker("Anna", COLORS["Anna"], voice("Ada")),
            speaker("Ben", COLORS["Ben"], voice("Ben at home", "recording", checks=[noisy])),
        ],
        "voices": [
            {
                "name": "Ada",
                "kind": "built-in",
                "words": "woman, clear",
                "description": "a woman's voice, clear and even",
                "seconds": 8.4,
                "prompt": "",
            },
            {
                "name": "Ruben",
                "kind": "built-in",
                "words": "man, deep",
                "description": "a man's voice, deep and calm",
                "seconds": 7.1,
                "prompt": "",
            },
            {
                "name": "Grandfather",
                "kind": "library",
                "words": "",
                "description": "",
                "seconds": 12.0,
                "prompt": "",
            },
        ],
        "audition_state": {"speaker": "", "text": "", "state": "idle", "message": "", "voices": []},
        "num_steps": 10,
        "cfg_scale": 1.3,
        "seed": None,
        "last_seed": 1827364550,
        "solver": "dpmsolver++",
        "mode": "turns",
        "music": [],
        "model": "nano",
        "models": [
            {"id": "nano", "note": "Small embedded model: no download, English, for trying things out"},
            {"id": "vibevoice/VibeVoice-1.5B-hf", "note": "VibeVoice 1.5B: 5.4 GB, up to 90 minutes"},
        ],
        "model_state": {
            "state": "ready",
            "name": "nano",
            "device": "cpu",
            "dtype": "float32",
            "memory": 112_000_000,
            "message": "",
            "fraction": None,
            "server": None,
        },
        "model_limits": {
            "languages": [],
            "follows_voices": True,
            "voice_prompts": "",
            "max_seconds": 5400.0,
            "passage_seconds": None,
            "sentences": [],
        },
        "take": {
            "source": "episode",
            "name": "episode",
            "samples": start,
            "sample_rate": SAMPLE_RATE,
            "revision": 1,
            "turns": spans,
        },
        "position": 0.0,
        "playing": False,
        "job": {"id": "", "state": "idle", "turns": [], "message": ""},
        "project_state": {
            "name": "episode",
            "path": "/home/anna/episode.vibevoice",
            "read_only": False,
            "holder": "",
            "problem": "",
            "unsaved": False,
            "actions": [],
        },
        "can_undo": "",
        **more,
    }


def difference(kind: str, said: str, heard: str, start: float, **more: Any) -> dict[str, Any]:
    made = {"kind": kind, "said": said, "heard": heard, "certain": True, "start": start, "end": start + 0.4}
    return {**made, "offset": round(start * SAMPLE_RATE), "place": None, **more}


def place(line: int, words: str) -> dict[str, int]:
    """Return the place of words in a line of the script."""
    column = SCRIPT.splitlines()[line - 1].index(words) + 1
    return {"line": line, "column": column, "end_line": line, "end_column": column + len(words)}


def review_traits(**state: Any) -> dict[str, Any]:
    """Return traits of reviews: two turns differ, one certainly does not, one has no review."""
    empty = {
        "wer": 0.0,
        "score": 100.0,
        "flagged": False,
        "recognizer": "base",
        "note": "",
        "differences": [],
    }
    empty |= {"similarity": 0.81, "nearest": "Anna"}
    empty |= {"words_per_minute": 168.0, "relative_pace": 1.12, "loudness": -19.3}
    heard = difference("different", "welcome to", "well come two", 0.9, place=place(1, "welcome to"))
    between = {**place(1, "show."), "end_column": place(1, "show.")["column"]}
    extra = difference("extra", "", "you know", 2.1, place=between)
    missing = difference("missing", "for a walk", "", 1.6, place=place(4, "for a walk"))
    unsure = difference("different", "river.", "reefer", 2.9, certain=False, place=place(4, "river."))
    wrong = {**empty, "wer": 25.0, "score": 71.0, "flagged": True}
    return {
        "listen_back": "on demand",
        "recognizer": "base",
        "recognizers": [{"id": "base", "note": "Whisper base: 145 MB, MIT license"}],
        "review_state": {
            "state": "ready",
            "recognizer": "base",
            "done": 0,
            "total": 0,
            "memory": 145_000_000,
            "download": 145_000_000,
            "license": "MIT",
            "message": "",
            **state,
        },
        "reviews": {
            "t1-take1": {**wrong, "differences": [heard, extra]},
            "t2-take2": {**wrong, "differences": [difference("repeated", "", "very", 0.7)]},
            "t3-take1": empty,
            "t4-take1": {**wrong, "differences": [missing, unsure]},
        },
    }


def speech_like(start: int, count: int) -> np.ndarray:
    """Return syllables as int16: a tone with a slow envelope."""
    at = np.arange(start, start + count) / SAMPLE_RATE
    envelope = np.clip(np.sin(2 * np.pi * 2.1 * at) + 0.3 * np.sin(2 * np.pi * 0.43 * at), 0, 1)
    return (9000 * envelope * np.sin(2 * np.pi * 180 * at)).astype(np.int16)


def _peaks(source: str, start: int, stop: int, buckets: int, **_: object) -> Answer:
    audio = speech_like(start, max(1, stop - start))
    parts = np.array_split(audio, min(buckets, audio.size))
    return Answer({}, [np.array([(part.min(), part.max()) for part in parts], dtype="<i2").tobytes()])


def _samples(source: str, start: int, count: int, **_: object) -> Answer:
    return Answer({"start": start}, [speech_like(start, count).astype("<i2").tobytes()])


def _spectrogram(columns: int, rows: int, **_: object) -> Answer:
    row, column = np.mgrid[0:rows, 0:columns]
    levels = 128 + 90 * np.sin(column / 7) * np.exp(-row / max(1, rows) * 2.5)
    return Answer({"columns": columns, "rows": rows}, [levels.astype(np.uint8).tobytes()])


def _describe(source: str, **_: object) -> dict[str, Any]:
    return {
        "source": source,
        "name": source,
        "samples": 3 * SAMPLE_RATE,
        "sample_rate": SAMPLE_RATE,
        "revision": 0,
        "turns": [],
    }


SOUND: Mapping[str, Any] = {
    "peaks": _peaks,
    "samples": _samples,
    "spectrogram": _spectrogram,
    "describe": _describe,
}
"""Replies to the calls for audio, the same for every source."""


def sweep_traits() -> dict[str, Any]:
    axes = {"cfg_scale": [1.0, 1.3, 2.0], "num_steps": [5, 10, 20]}
    cells = [
        {
            "source": f"take:{row * 3 + column}",
            "cfg_scale": cfg_scale,
            "num_steps": num_steps,
            "seed": 7,
            "solver": None,
            "temperature": None,
            "seconds": 3.1 + 0.2 * column,
            "elapsed": 1.2 + row,
            "rtf": 0.4 + 0.1 * row,
            "loudness": -23.4 + row,
            "state": "waiting" if (row, column) == (2, 2) else "finished",
            "review": None if row == 2 else _cell_review(row, column),
        }
        for row, cfg_scale in enumerate(axes["cfg_scale"])
        for column, num_steps in enumerate(axes["num_steps"])
    ]
    return {"axes": axes, "cells": cells, "review_state": review_traits()["review_state"]}


def _cell_review(row: int, column: int) -> dict[str, Any]:
    """Return the review of a cell; that of cell 4, the second of the second row, is the best."""
    wrong = (row, column) != (1, 1)
    return {
        "wer": 12.5 if wrong else 0.0,
        "score": 82.0 if wrong else 100.0,
        "similarity": 0.8 + 0.01 * column,
        "words_per_minute": 150.0 + 5 * row,
        "recognizer": "base",
        "differences": [difference("different", "welcome to", "well come two", 0.9)] if wrong else [],
        "count": int(wrong),
    }
