"""Alignment of frames with the lines of a script spoken in one pass, from the model's own attention.

Shapes: L lines, N states (tokens of the lines, or groups of them), T frames, P prompt positions, A attention
heads, K key-value heads, D head size.

During generation, some heads attend to the text being spoken. A head gets more weight the more steadily it
moves through the text and the fewer tokens it attends to. Attention is the evidence of a Markov chain whose
states are the tokens in order; the probability that the chain has left a line by a frame gives the end of the
line and its confidence. Without evidence the chain advances evenly: lines get time in proportion to their
tokens, with confidence 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..language_model import LanguageModel, follow
from ..modules.attention import attend_causal
from ..prompt import Prompt
from ..vibevoice import VibeVoiceModel
from .context import SpokenFrames, embed_spoken
from .spans import Span as Span

_CELLS = 1 << 25
"""Most cells of a map of frames by states; beyond that, tokens are grouped."""
_SCORES = 1 << 25
"""Most attention scores to hold at once."""
_SHARPNESS = 4
"""Exponent from a head's steadiness to its weight: the best few heads decide."""
_DOUBT = 0.02
"""Probability that the attention of one frame is uninformative."""
_LEAP = 1e-3
"""Probability that a frame continues anywhere later in the text: models may leave words out."""
_NEAR = 1
"""Accepted error of a boundary in frames."""


@torch.inference_mode()
def align(
    model: VibeVoiceModel, prompt: Prompt, spoken: SpokenFrames, *, expected: float | None = None
) -> list[Span]:
    """Find the frames of each of a prompt's lines.

    Parameters
    ----------
    model : VibeVoiceModel
    prompt : Prompt
        As `build_prompt` returns it, with its lines.
    spoken : SpokenFrames
        All frames generated after it.
    expected : float, optional
        Number of frames of the whole text, if generation stopped before its end.

    Returns
    -------
    list of Span
        One per line, in order, together covering all frames. If generation reached the end of the text, every
        line has at least one frame, if there are enough; otherwise lines that were not reached have none.
    """
    frames = len(spoken.latent_norm)
    if not frames:
        return [Span(0, 0, 0.0)] * len(prompt.lines)
    states = _states(prompt, frames)
    embeds = embed_spoken(model, prompt, spoken)
    evidence = _evidence(model.language_model, embeds, prompt, states, frames)
    # The first state of each line after the first.
    firsts = np.searchsorted(states, [start for start, _ in prompt.lines][1:])
    return segment(evidence, firsts, expected)


def segment(
    evidence: NDArray[np.float32], firsts: NDArray[np.int64], expected: float | None = None
) -> list[Span]:
    """Segment frames into lines by evidence.

    Parameters
    ----------
    evidence : float32 [T, N]
        Likelihood ratio of each frame's attention in each state to the average; positive, 1 is uninformative.
    firsts : int [L - 1]
        First state of each line but the first.
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
    """Return the position at which each state begins: every token of every line, or groups of tokens."""
    tokens = prompt.lines[-1][1] - prompt.lines[0][0]
    group = -(-tokens * frames // _CELLS)
    return np.array([at for start, stop in prompt.lines for at in range(start, stop, group)], np.int64)


def _apart(bounds: list[int]) -> list[int]:
    """Move boundaries as little as possible so that every line has a frame."""
    last, lines = bounds[-1], len(bounds) - 1
    moved = [0]
    for line, bound in enumerate(bounds[1:], start=1):
        moved.append(min(max(bound, moved[-1] + 1), last - (lines - line)))
    return moved


def _gain(informed: NDArray[np.float64], even: NDArray[np.float64], bound: int) -> float:
    """Return the gain in probability, over no evidence, that a boundary is near `bound`."""

    def near(reached: NDArray[np.float64]) -> float:
        before = reached[bound - _NEAR - 1] if bound > _NEAR else 0.0
        return float(reached[min(bound + _NEAR, len(reached) - 1)] - before)

    guess = min(near(even), 1 - 1e-6)
    return max(0.0, (near(informed) - guess) / (1 - guess))


def _reached(
    evidence: NDArray[np.float32], firsts: NDArray[np.int64], expected: float | None
) -> NDArray[np.float64]:
    """Return the probability [L - 1, T] that by each frame the chain has reached each line but the first.

    `evidence` [T, N] is described in `segment`. With every frame the chain advances by a geometric number of
    states, on average as many as bring it to its end.
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
    # Complete speech leaves the last state with its last frame.
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
    """Combine the attention of all heads: [T, N], 1 where it is uninformative."""
    count, best, weights = len(states), 0.0, 0.0
    mix = torch.zeros(frames, count)
    for q, k in _queries_and_keys(language_model, embeds):
        for head in range(q.shape[1]):
            key = k[0, head * k.shape[1] // q.shape[1]]
            look = _look(q[0, head, -frames - 1 : -1], key, prompt, states)
            steadiness = _steadiness(look)
            best, weight = max(best, steadiness), steadiness**_SHARPNESS
            # Attention to anything but the text is uninformative.
            mix += (weight * (look + (1 - look.sum(1, keepdim=True)) / count)).cpu()
            weights += weight
    if not weights:
        return np.ones((frames, count), np.float32)
    # Measured on nano: without the exponent, heads that lost their place still get weight.
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
    """Return the fraction [T, N] of a head's attention that each state gets from each query [T, D]."""
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
    """Score from 0 to 1 of a head that follows the text: it moves with time and attends to few states."""
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
