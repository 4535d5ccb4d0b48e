"""Generation loop: `prefill` reads a prompt, `generate` yields frames; all speech is built on them.

Shapes: B active scripts, H hidden size, Z latent size, S solver steps, F semantic size, N samples a frame.

Each step feeds one embedding to a script's conditional row and, with guidance, to its unconditional row, in
one pass over the weights. The unconditional row keeps only positions that lead to a frame: it runs along with
the conditional row, and its length is reset by one if the token is not a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from ..modules.conv import StreamState
from ..prompt import Prompt, embed_prompt, encode_voices
from ..tokenizer import SpecialTokens
from ..vibevoice import VibeVoiceModel
from .cuda_graphs import GraphPool
from .prompt_cache import PromptCache
from .sampler import Sampler
from .state import GenerationState
from .step import Choose as Choose
from .step import Draw as Draw
from .step import Frame as Frame
from .step import Step as Step
from .step import from_seed, likeliest
from .threads import at_most_threads


@torch.inference_mode()
def prefill(
    model: VibeVoiceModel,
    prompt: Prompt,
    state: GenerationState,
    voices: Sequence[Tensor] | None = None,
    prompt_cache: PromptCache | None = None,
    *,
    seed_voices: bool = True,
) -> None:
    """Prefill a fresh state with its prompt, except the last token, which the first step feeds.

    Parameters
    ----------
    voices : sequence of Tensor [n, Z], optional
        Encoded voices; by default they are encoded here.
    prompt_cache : PromptCache, optional
        Cache of voices and prompts read before.
    seed_voices : bool
        Whether the noise of voices encoded here is drawn from the state's generator, as in the reference.
    """
    with at_most_threads(model.max_threads):
        if voices is None:
            generator = state.generator if seed_voices else None
            voices = encode_voices(model, [slot.audio for slot in prompt.voices], generator, prompt_cache)
        embeds = embed_prompt(model, prompt, voices)
        prompt_cache = prompt_cache or PromptCache(0)
        prompt_cache.prefill(model.language_model, embeds[:, :-1], state.cond, prompt.before_voices)
        state.pending.copy_(embeds[:, -1:])


@torch.inference_mode()
def generate(
    model: VibeVoiceModel,
    states: Sequence[GenerationState],
    sampler: Sampler,
    special: SpecialTokens,
    *,
    temperature: float = 1.0,
    choose: Choose = likeliest,
    draw: Draw = from_seed,
    stop: Callable[[int], bool] = lambda row: False,
    graph_pool: GraphPool | None = None,
) -> Iterator[Step]:
    """Generate speech until every script has ended or been stopped.

    Scripts end independently; each result equals that of a run of its own. The states are consistent at every
    yield: stop iterating at any point, and continue later from the states, from clones, or from disk.

    Parameters
    ----------
    model : VibeVoiceModel
    states : sequence of GenerationState
        One per script, prefilled or continued.
    sampler : Sampler
    special : SpecialTokens
    temperature : float
        Scales the initial noise; 1.0 as published.
    choose : callable
        Choice of a token from the four logits; by default the likeliest.
    draw : callable
        Source of noise; by default the state's own generator.
    stop : callable
        Called with a script's row before each of its steps; true pauses the script.
    graph_pool : GraphPool, optional
        CUDA graphs to replay; without it, or if the matching graph is in use, the plain loop runs.

    Yields
    ------
    Step
        In the order of the rows, step after step.
    """
    with (
        nullcontext() if graph_pool is None else graph_pool.borrow(model, states, sampler, special) as graphed
    ):
        while rows := [row for row, state in enumerate(states) if not state.finished and not stop(row)]:
            with at_most_threads(model.max_threads):
                if graphed is None:
                    steps = _steps(model, states, rows, sampler, special, temperature, choose, draw)
                else:
                    steps = graphed.step(rows, temperature, choose, draw)
            yield from steps


def _steps(
    model: VibeVoiceModel,
    states: Sequence[GenerationState],
    rows: Sequence[int],
    sampler: Sampler,
    special: SpecialTokens,
    temperature: float,
    choose: Choose,
    draw: Draw,
) -> list[Step]:
    """Run one step of each script in `rows`."""
    live = [states[row] for row in rows]
    hidden, hidden_uncond = _advance(model, live, guided=sampler.guided)
    logits = model.token_logits(hidden, special.valid_tokens)
    on_host = logits.cpu()
    tokens = [special.valid_tokens[choose(row, on_host[i])] for i, row in enumerate(rows)]
    speaking = [i for i, token in enumerate(tokens) if token == special.frame]
    frames: dict[int, Frame] = {}
    if speaking:
        draws = sampler.draws_per_frame
        fresh = torch.stack([torch.stack([draw(rows[i], live[i]) for _ in range(draws)]) for i in speaking])
        fresh[:, 0] *= temperature
        frames = _speak(model, live, speaking, hidden, hidden_uncond, sampler, fresh.transpose(0, 1))
    for i, (state, token) in enumerate(zip(live, tokens, strict=True)):
        _settle(model, state, token, special, frames.get(i), guided=sampler.guided)
    return [
        Step(
            row=row,
            token=tokens[i],
            hidden=hidden[i],
            hidden_uncond=None if hidden_uncond is None else hidden_uncond[i],
            logits=logits[i],
            embed=live[i].pending[0, 0].clone(),
            frame=frames.get(i),
        )
        for i, row in enumerate(rows)
    ]


def _advance(
    model: VibeVoiceModel, live: Sequence[GenerationState], *, guided: bool
) -> tuple[Tensor, Tensor | None]:
    """Feed every pending embedding; return hidden states [B, H] of both rows."""
    pending = torch.cat([state.pending for state in live])
    caches = [state.cond for state in live]
    if not guided:
        return model.language_model.step(pending, caches)[:, 0], None
    caches += [state.uncond for state in live]
    hidden = model.language_model.step(torch.cat((pending, pending)), caches)[:, 0]
    return hidden.chunk(2)  # type: ignore[return-value]


def _speak(
    model: VibeVoiceModel,
    live: Sequence[GenerationState],
    speaking: Sequence[int],
    hidden: Tensor,
    hidden_uncond: Tensor | None,
    sampler: Sampler,
    fresh: Tensor,
) -> dict[int, Frame]:
    """Generate one frame for each of the `speaking` scripts, in one batch.

    `fresh` [1 or 1 + S, B, Z] is the initial noise and, for a stochastic solver, that of every step.
    """
    index = list(speaking)
    fresh = fresh.to(hidden.device)
    # Row by row: indexing with a list would first copy the list to the device.
    cond = torch.stack([hidden[i] for i in index])
    uncond = None if hidden_uncond is None else torch.stack([hidden_uncond[i] for i in index])
    latent_norm = sampler(cond, uncond, fresh[0], fresh[1:])
    latent = model.denormalize_latent(latent_norm)[:, None]
    with _gathered([live[i].acoustic for i in index]) as acoustic:
        audio = model.acoustic.decode(latent, acoustic)  # [B, 1, N]
    with _gathered([live[i].semantic for i in index]) as semantic_state:
        semantic = model.semantic(audio, semantic_state)  # [B, 1, F]
    embeds = model.embed_frames(latent_norm[:, None], semantic)
    for row, i in enumerate(index):
        live[i].pending = embeds[row : row + 1]
    return {i: Frame(latent_norm[row], semantic[row, 0], audio[row, 0]) for row, i in enumerate(index)}


def _settle(
    model: VibeVoiceModel,
    state: GenerationState,
    token: int,
    special: SpecialTokens,
    frame: Frame | None,
    *,
    guided: bool,
) -> None:
    """Update a state for the token taken."""
    state.steps += 1
    if frame is not None:
        state.frames += 1
        return
    if guided:
        state.uncond.length -= 1
    if token == special.start:
        state.uncond.length = 0
    elif token == special.end:
        state.silence()
    state.finished = token == special.eos
    device = state.pending.device
    state.pending = model.embed_tokens(torch.tensor([[token]], device=device))


class _gathered:
    """Several scripts' buffers as one batch, copied back to the scripts on exit."""

    def __init__(self, states: Sequence[StreamState]) -> None:
        self.states = states

    def __enter__(self) -> StreamState:
        if len(self.states) == 1:
            self.batch = self.states[0]
        else:
            self.batch = [torch.cat(buffers) for buffers in zip(*self.states, strict=True)]
        return self.batch

    def __exit__(self, *exc: object) -> None:
        if len(self.states) > 1:
            for row, state in enumerate(self.states):
                for buffer, batched in zip(state, self.batch, strict=True):
                    buffer.copy_(batched[row : row + 1])
