"""Generation loop: `prefill` reads a prompt, `generate` yields frames; all speech is built on them.

Shapes: B active scripts, H hidden size, Z latent size, S solver steps, F semantic size, N samples a frame.

Each step feeds one embedding to a script's conditional row and, with guidance, to its unconditional row, in
one pass over the weights. The unconditional row keeps only positions that lead to a frame: it runs along with
the conditional row, and its length is reset by one if the token is not a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from ..kernels.apart import scripts_apart
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
from .step import Given as Given
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
            if graphed is None:
                yield from step_scripts(model, states, rows, sampler, special, temperature, choose, draw)
                continue
            with at_most_threads(model.max_threads):
                steps = graphed.step(rows, temperature, choose, draw)
            yield from steps


@torch.inference_mode()
def step_scripts(
    model: VibeVoiceModel,
    states: Sequence[GenerationState],
    rows: Sequence[int],
    sampler: Sampler,
    special: SpecialTokens,
    temperature: float = 1.0,
    choose: Choose = likeliest,
    draw: Draw = from_seed,
    given: Mapping[int, Given] | None = None,
) -> list[Step]:
    """Run one step of each script in `rows`; see `generate`.

    Parameters
    ----------
    rows : sequence of int
        Scripts to advance.
    given : mapping from row to Given, optional
        Tokens and frames that scripts take instead of generating them. Their noise is drawn all the same, so
        that what follows is the same.
    """
    given = given or {}
    with at_most_threads(model.max_threads):
        return _steps(model, states, rows, sampler, special, temperature, choose, draw, given)


def _steps(
    model: VibeVoiceModel,
    states: Sequence[GenerationState],
    rows: Sequence[int],
    sampler: Sampler,
    special: SpecialTokens,
    temperature: float,
    choose: Choose,
    draw: Draw,
    given: Mapping[int, Given],
) -> list[Step]:
    live = [states[row] for row in rows]
    with _apart(model, live):
        hidden, hidden_uncond = _advance(model, live, guided=sampler.guided)
        logits = model.token_logits(hidden, special.valid_tokens)
    on_host = logits.cpu()
    choices = [given[row].choice if row in given else choose(row, on_host[i]) for i, row in enumerate(rows)]
    tokens = [special.valid_tokens[choice] for choice in choices]
    framed = [i for i, token in enumerate(tokens) if token == special.frame]
    known = {i: given[rows[i]] for i in framed if rows[i] in given}
    fresh = {i: torch.stack([draw(rows[i], live[i]) for _ in range(sampler.draws_per_frame)]) for i in framed}
    speaking = [i for i in framed if i not in known]
    latents = {i: known[i].latent_norm.to(hidden) for i in known}  # type: ignore[union-attr]
    if speaking:
        noise = torch.stack([fresh[i] for i in speaking])
        noise[:, 0] *= temperature
        latents |= _sample(model, speaking, hidden, hidden_uncond, sampler, noise.transpose(0, 1))
    frames = _frames(model, live, latents, known) if latents else {}
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


def _apart(model: VibeVoiceModel, scripts: Sized) -> AbstractContextManager[None]:
    """Compute scripts apart if the model does so; see `kernels.apart`."""
    return scripts_apart(max(1, len(scripts)) if model.rows_apart else 1)


def _sample(
    model: VibeVoiceModel,
    speaking: Sequence[int],
    hidden: Tensor,
    hidden_uncond: Tensor | None,
    sampler: Sampler,
    noise: Tensor,
) -> dict[int, Tensor]:
    """Sample latent_norm [Z] for each of the `speaking` scripts, in one batch.

    `noise` [1 or 1 + S, B, Z] is the initial noise and, for a stochastic solver, that of every step.
    """
    noise = noise.to(hidden.device)
    # Row by row: indexing with a list would first copy the list to the device.
    cond = torch.stack([hidden[i] for i in speaking])
    uncond = None if hidden_uncond is None else torch.stack([hidden_uncond[i] for i in speaking])
    with _apart(model, speaking):
        return dict(zip(speaking, sampler(cond, uncond, noise[0], noise[1:]), strict=True))


def _frames(
    model: VibeVoiceModel,
    live: Sequence[GenerationState],
    latents: Mapping[int, Tensor],
    known: Mapping[int, Given],
) -> dict[int, Frame]:
    """Decode latents [Z] of scripts, in one batch, and set the embeddings that the next step feeds.

    Frames that are `known` keep their semantic features, and have no audio if they are not decoded.
    """
    index = list(latents)
    decoded = [i for i in index if i not in known or known[i].decoded]
    audio, semantic = _decode(model, live, {i: latents[i] for i in decoded}) if decoded else ({}, {})
    semantic |= {i: known[i].semantic.to(latents[i]) for i in known}  # type: ignore[union-attr]
    latent_norm = torch.stack([latents[i] for i in index])
    with _apart(model, index):
        embeds = model.embed_frames(latent_norm[:, None], torch.stack([semantic[i] for i in index])[:, None])
    for row, i in enumerate(index):
        live[i].pending = embeds[row : row + 1]
    silent = latent_norm.new_zeros(model.config.hop_length)
    return {i: Frame(latent_norm[row], semantic[i], audio.get(i, silent)) for row, i in enumerate(index)}


def _decode(
    model: VibeVoiceModel, live: Sequence[GenerationState], latents: Mapping[int, Tensor]
) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Decode latents [Z] of scripts to audio [N] and semantic features [F]."""
    index = list(latents)
    latent = model.denormalize_latent(torch.stack([latents[i] for i in index]))[:, None]
    with _apart(model, index):
        with _gathered([live[i].acoustic for i in index]) as acoustic:
            audio = model.acoustic.decode(latent, acoustic)  # [B, 1, N]
        with _gathered([live[i].semantic for i in index]) as semantic_state:
            semantic = model.semantic(audio, semantic_state)  # [B, 1, F]
    return dict(zip(index, audio[:, 0], strict=True)), dict(zip(index, semantic[:, 0], strict=True))


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
