"""Which frames belong to which line of several spoken in one pass: read off the model's own attention.

Shapes: L lines, N states (tokens of the lines, or groups of them), T frames, P prompt positions, A attention
heads, K key-value heads, D head size.

While a model speaks, some of its heads look at what is being said. The more steadily a head moves through the
text and the fewer tokens it looks at, the more it is believed. Looks are evidence for a chain whose states
are the tokens in order; the chance that it has left a line by a frame gives that line's end and how sure that
is. Where no head says anything the chain walks evenly: lines get time by their tokens, and no confidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..language_model import LanguageModel, follow
from ..modules.attention import attend_causal
from ..prompt import Prompt
from ..vibevoice import VibeVoiceModel
from .context import SpokenFrames, embed_spoken

_CELLS = 1 << 25
"""Most cells of a map of frames by states; where there are more, tokens are taken together."""
_SCORES = 1 << 25
"""Most attention scores to hold at once."""
_SHARPNESS = 4
"""Power of a head's steadiness that is its weight: the best few decide."""
_DOUBT = 0.02
"""Chance that a single look says nothing."""
_LEAP = 1e-3
"""Chance that a frame continues anywhere further on: models do leave words out."""
_NEAR = 1
"""A boundary this many frames away is as good."""


@dataclass(frozen=True)
class Span:
    """The frames [start_frame, stop_frame) of a line, and how sure that is, from 0 to 1."""

    start_frame: int
    stop_frame: int
    confidence: float

    def moved(self, frames: int) -> Span:
        """Return it so many frames later."""
        return replace(self, start_frame=self.start_frame + frames, stop_frame=self.stop_frame + frames)


@torch.inference_mode()
def align(
    model: VibeVoiceModel, prompt: Prompt, spoken: SpokenFrames, *, expected: float | None = None
) -> list[Span]:
    """Find the frames of each of a prompt's lines.

    Parameters
    ----------
    model : VibeVoiceModel
    prompt : Prompt
        With its lines, as `build_prompt` makes it.
    spoken : SpokenFrames
        All that was spoken after it.
    expected : float, optional
        How many frames the whole text would take, where it was not spoken to its end.

    Returns
    -------
    list of Span
        One per line, in order, together covering all frames. Of text spoken to its end every line has a frame
        at least, if there are enough; lines that speech cut short did not reach have none.
    """
    frames = len(spoken.latent_norm)
    if not frames:
        return [Span(0, 0, 0.0)] * len(prompt.lines)
    states = _states(prompt, frames)
    embeds = embed_spoken(model, prompt, spoken)
    evidence = _evidence(model.language_model, embeds, prompt, states, frames)
    # Which state each line after the first begins with.
    firsts = np.searchsorted(states, [start for start, _ in prompt.lines][1:])
    return segment(evidence, firsts, expected)


def segment(
    evidence: NDArray[np.float32], firsts: NDArray[np.int64], expected: float | None = None
) -> list[Span]:
    """Cut frames into lines by evidence.

    Parameters
    ----------
    evidence : float32 [T, N]
        How much likelier each frame's look is in each state than anywhere; positive, 1 says nothing.
    firsts : int [L - 1]
        The state that each line but the first begins with.
    expected : float, optional
        As for `align`.

    Returns
    -------
    list of Span
        One per line.

    Examples
    --------
    >>> evidence = np.where(np.arange(6)[:, None] // 4 == np.arange(4) // 2, 1.9, 0.1).astype(np.float32)
    >>> [(span.start_frame, span.stop_frame) for span in segment(evidence, np.array([2]))]
    [(0, 4), (4, 6)]
    """
    frames, lines = len(evidence), 1 + len(firsts)
    informed = _reached(evidence, firsts, expected)
    even = _reached(np.broadcast_to(np.float32(1), evidence.shape), firsts, expected)
    bounds = [0, *(int((row < 0.5).sum()) for row in informed), frames]
    if expected is None and frames >= lines:
        bounds = _apart(bounds)
    sure = [1.0, *(_gain(a, b, bound) for a, b, bound in zip(informed, even, bounds[1:-1], strict=True)), 1.0]
    return [
        Span(bounds[i], bounds[i + 1], round(min(sure[i : i + 2]) * (bounds[i] < bounds[i + 1]), 3))
        for i in range(lines)
    ]


def _states(prompt: Prompt, frames: int) -> NDArray[np.int64]:
    """Give the position at which each state begins: every token of every line, or every few."""
    tokens = prompt.lines[-1][1] - prompt.lines[0][0]
    group = -(-tokens * frames // _CELLS)
    return np.array([at for start, stop in prompt.lines for at in range(start, stop, group)], np.int64)


def _apart(bounds: list[int]) -> list[int]:
    """Move boundaries as little as leaves no line without a frame."""
    last, lines = bounds[-1], len(bounds) - 1
    moved = [0]
    for line, bound in enumerate(bounds[1:], start=1):
        moved.append(min(max(bound, moved[-1] + 1), last - (lines - line)))
    return moved


def _gain(informed: NDArray[np.float64], even: NDArray[np.float64], bound: int) -> float:
    """How much surer than without evidence it is that a boundary is near `bound`."""

    def near(reached: NDArray[np.float64]) -> float:
        before = reached[bound - _NEAR - 1] if bound > _NEAR else 0.0
        return float(reached[min(bound + _NEAR, len(reached) - 1)] - before)

    guess = min(near(even), 1 - 1e-6)
    return max(0.0, (near(informed) - guess) / (1 - guess))


def _reached(
    evidence: NDArray[np.float32], firsts: NDArray[np.int64], expected: float | None
) -> NDArray[np.float64]:
    """Chance [L - 1, T] that by each frame the chain has reached the first state of each line but the first.

    `evidence` [T, N] is how much likelier than usual each frame's look is in each state. With every frame the
    chain moves on by a geometric number of states, on average as many as bring it to its end.
    """
    frames, states = evidence.shape
    pace = states / (expected or frames)
    steps = (pace / (1 + pace)) ** np.arange(min(states, math.ceil(8 * (1 + pace))) + 1)
    steps *= (1 - _LEAP) / steps.sum()
    leap = _LEAP / states
    forward = np.empty((frames, states))
    now = np.full(states, leap)
    now[: len(steps)] += steps[:states]
    for frame in range(frames):
        now = now * evidence[frame]
        now /= now.sum()
        forward[frame] = now
        now = np.convolve(now, steps)[:states] + leap * now.cumsum()
    # Speech that was not cut short leaves the last state with its last frame.
    later = np.ones(states)
    if expected is None:
        later[:] = leap
        count = min(len(steps) - 1, states)
        later[states - count :] += steps[count:0:-1]
    reached = np.empty((len(firsts), frames))
    for frame in reversed(range(frames)):
        chance = forward[frame] * later
        reached[:, frame] = (chance[::-1].cumsum()[::-1] / chance.sum())[firsts]
        later = later * evidence[frame]
        later = np.convolve(later[::-1], steps)[:states][::-1] + leap * later[::-1].cumsum()[::-1]
        later /= later.max()
    return reached


def _evidence(
    language_model: LanguageModel, embeds: Tensor, prompt: Prompt, states: NDArray[np.int64], frames: int
) -> NDArray[np.float32]:
    """Mix what the heads look at: [T, N], 1 where a look says nothing."""
    count, best, weights = len(states), 0.0, 0.0
    mix = torch.zeros(frames, count)
    for q, k in _queries_and_keys(language_model, embeds):
        for head in range(q.shape[1]):
            key = k[0, head * k.shape[1] // q.shape[1]]
            look = _look(q[0, head, -frames - 1 : -1], key, prompt, states)
            steadiness = _steadiness(look)
            best, weight = max(best, steadiness), steadiness**_SHARPNESS
            # What does not go to the text says nothing.
            mix += (weight * (look + (1 - look.sum(1, keepdim=True)) / count)).cpu()
            weights += weight
    if not weights:
        return np.ones((frames, count), np.float32)
    # Measured on nano: without the exponent, heads that have lost their place are still believed.
    return (_DOUBT + (1 - _DOUBT) * count * mix / weights).pow(best**2).numpy()


def _queries_and_keys(language_model: LanguageModel, embeds: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield every layer's queries [1, A, P + T, D] and keys [1, K, P + T, D]."""
    x = embeds
    cos, sin = language_model.rotary(torch.arange(embeds.shape[1], device=embeds.device), embeds.dtype)
    for layer in language_model.layers:
        x, cos, sin = follow(layer, x, cos, sin)
        q, k, v = layer.project(x, cos, sin)
        yield q, k
        x = layer.finish(x, attend_causal(q, k, v))


def _look(queries: Tensor, keys: Tensor, prompt: Prompt, states: NDArray[np.int64]) -> Tensor:
    """Share [T, N] of a head's attention that each state gets from each frame's query [T, D]."""
    first, last = prompt.lines[0][0], prompt.lines[-1][1]
    frames, positions = len(queries), len(keys)
    begun = np.searchsorted(states, np.arange(first, last), side="right")
    state_of = torch.from_numpy(begun - 1).to(queries.device)
    look = torch.zeros(frames, len(states), device=queries.device)
    at = torch.arange(positions, device=queries.device)
    for part in torch.arange(frames, device=queries.device).split(max(1, _SCORES // positions)):
        scores = (queries[part] @ keys.T).float() * queries.shape[-1] ** -0.5
        scores.masked_fill_(at > (part + positions - frames - 1)[:, None], -math.inf)
        look[part] = look[part].index_add_(1, state_of, scores.softmax(-1)[:, first:last])
    return look


def _steadiness(look: Tensor) -> float:
    """How far a head follows the text, 0 to 1: it moves with time, and looks at few states at once."""
    frames, states = look.shape
    share = look / look.sum(1, keepdim=True).clamp_min(1e-9)
    center = share @ torch.arange(states, device=look.device, dtype=look.dtype)
    time = torch.arange(frames, device=look.device, dtype=look.dtype)
    center, time = center - center.mean(), time - time.mean()
    norm = float(center.norm() * time.norm())
    if states < 2 or norm < 1e-6:
        return 0.0
    spread = -(share * share.clamp_min(1e-9).log()).sum(1).mean() / math.log(states)
    return max(0.0, float(center @ time) / norm) * max(0.0, 1 - float(spread))
