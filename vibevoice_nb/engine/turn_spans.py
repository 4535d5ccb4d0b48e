"""Spans of turns in generated speech: the frames and the samples of each turn.

Boundaries between passages are exact. Those inside a passage are estimated from the model's attention, with a
confidence: the attention of the first nano follows about 14 short lines in one passage.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ..model.generation.alignment import Span, align
from ..script import Turn
from .frames import Frames
from .plans import Plan

Starts = Sequence[tuple[int, int]]
"""First frame and first sample of each passage that was begun."""


def align_passages(plan: Plan, frames: Frames, starts: Starts, *, finished: int) -> list[list[Span]]:
    """Align the turns of each passage with its frames, counted from the passage's first.

    Parameters
    ----------
    plan : Plan
    frames : Frames
        All frames of the run.
    starts : sequence of (int, int)
    finished : int
        Number of passages that the model has ended.

    Returns
    -------
    list of list of Span
        By the model's attention; by the estimated lengths of the turns if the model was unloaded.
    """
    rate = plan.config.frame_rate
    ends = [*(start for start, _ in starts[1:]), len(frames)]
    aligned = []
    for number, ((start, _), stop) in enumerate(zip(starts, ends, strict=False)):
        passage = plan.passages[number]
        if len(passage.turns) == 1:
            aligned.append([Span(0, stop - start, float(stop > start))])
            continue
        expected = None if number < finished else passage.estimated_seconds * rate
        try:
            prompt = plan.reading(number, frames[:0], (), 0.0).prompt
            aligned.append(
                align(plan.model.model, prompt, frames[start:stop].as_tensors(), expected=expected)
            )
        except ReferenceError:  # the model was unloaded
            aligned.append(_by_length(passage.turns, stop - start))
    return aligned


def _by_length(turns: Sequence[Turn], frames: int) -> list[Span]:
    """Divide frames by the estimated length of each turn, with confidence 0."""
    ends = [*itertools.accumulate(turn.estimated_seconds for turn in turns)]
    stops = [round(frames * end / ends[-1]) for end in ends]
    return [Span(start, stop, 0.0) for start, stop in zip([0, *stops], stops, strict=False)]


def frame_spans(plan: Plan, aligned: Sequence[Sequence[Span]], starts: Starts) -> list[Span]:
    """Return the frames of each turn.

    Returns
    -------
    list of Span
        One per turn, in order; together they cover all frames. A turn that was not reached, or that the model
        cannot speak, has no frames.
    """
    pieces: list[list[Span]] = [[] for _ in plan.turns]
    for passage, lines, (start, _) in zip(plan.passages, aligned, starts, strict=False):
        for owner, line in zip(passage.owners, lines, strict=True):
            pieces[owner].append(line.moved(start))
    last = max((line.stop_frame for parts in pieces for line in parts), default=0)
    for passage in plan.passages[len(starts) :]:  # not begun
        for owner in passage.owners:
            pieces[owner].append(Span(last, last, 0.0))
    spans: list[Span] = []
    for parts in pieces:
        end = spans[-1].stop_frame if spans else 0
        parts = parts or [Span(end, end, 1.0)]
        # A turn in several pieces is as certain as the least certain of them.
        confidence = min(part.confidence for part in parts)
        spans.append(Span(parts[0].start_frame, parts[-1].stop_frame, confidence))
    return spans


def sample_spans(
    plan: Plan, aligned: Sequence[Sequence[Span]], starts: Starts
) -> list[tuple[int, int, float]]:
    """Return start and stop in samples, pauses counted, and the confidence of each turn.

    A turn without audio has a length of 0.
    """
    hop = plan.config.hop_length
    pieces: list[list[tuple[int, int, float]]] = [[] for _ in plan.turns]
    for passage, lines, (_, first) in zip(plan.passages, aligned, starts, strict=False):
        for owner, line in zip(passage.owners, lines, strict=True):
            start, stop = first + line.start_frame * hop, first + line.stop_frame * hop
            pieces[owner].append((start, stop, line.confidence))
    return [
        (parts[0][0], parts[-1][1], min(confidence for *_, confidence in parts)) if parts else (0, 0, 1.0)
        for parts in pieces
    ]


def frames_by_turn(owners: Sequence[int], bounds: Sequence[int], count: int) -> list[tuple[int, int]]:
    """Return the frames of each of `count` turns, given the bounds of those with any, the `owners`.

    A turn without frames begins where the turn before ended.

    >>> frames_by_turn([0, 2], [0, 5, 9], 4)
    [(0, 5), (5, 5), (5, 9), (9, 9)]
    """
    made = dict(zip(owners, itertools.pairwise(bounds), strict=False))
    found: list[tuple[int, int]] = []
    for index in range(count):
        end = found[-1][1] if found else 0
        found.append(made.get(index, (end, end)))
    return found
