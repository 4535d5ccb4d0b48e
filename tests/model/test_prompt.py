"""The prompt against the reference's processor, and the voices in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import HOP, LATENT, small_model
from torch import Tensor

from vibevoice_nb.errors import ScriptError
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.prompt import SYSTEM, Prompt, build_prompt, embed_prompt, encode_voices
from vibevoice_nb.model.tokenizer import SpecialTokens

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "processor_golden.json").read_text())
IDS = GOLDEN["special_ids"]


class _Bytes:
    """The tokenizer of the recording: the bytes of UTF-8."""

    special = SpecialTokens(IDS["start"], IDS["end"], IDS["diff"], IDS["eos"])

    def __init__(self) -> None:
        self.calls: list[str] = []

    def encode(self, text: str) -> list[int]:
        self.calls.append(text)
        return list(text.encode())


def _voices(count: int) -> dict[int, Tensor]:
    return {speaker: torch.zeros(6400 + 100 * speaker) for speaker in range(count)}


# The reference numbers voices by their order; ours are asked for by speaker, so only where both agree.
CASES = [
    case
    for case in GOLDEN["cases"]
    if case.get("all_speakers") == list(range(len(case.get("all_speakers", [None]))))
    and (not case["voice_samples_given"] or case["voice_samples_given"] >= len(case["all_speakers"]))
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_prompt_is_the_references(case: dict[str, Any]) -> None:
    tokenizer = _Bytes()
    voices = _voices(min(case["voice_samples_given"], len(case["all_speakers"])))
    turns = [(speaker, text.removeprefix(" ")) for speaker, text in case["parsed"]]
    prompt = build_prompt(turns, voices, tokenizer, hop_length=3200)
    assert list(prompt.ids) == case["byte_input_ids"]
    places = [slot.start + i for slot in prompt.voices for i in range(-(-len(slot.audio) // 3200))]
    assert places == case["speech_positions"]
    assert all(prompt.ids[place] == tokenizer.special.frame for place in places)


def test_enough_cases_were_compared() -> None:
    assert len(CASES) >= 12
    assert GOLDEN["system_prompt"] == SYSTEM


def test_pieces_are_tokenised_one_by_one() -> None:
    tokenizer = _Bytes()
    build_prompt([(0, "Hi."), (1, "Ho.")], _voices(2), tokenizer, 3200)
    assert tokenizer.calls == [
        *(SYSTEM, " Voice input:\n", " Speaker 0:", "\n", " Speaker 1:", "\n"),
        *(" Text input:\n", " Speaker 0: Hi.\n", " Speaker 1: Ho.\n", " Speech output:\n"),
    ]


@pytest.mark.parametrize("samples, frames", [(1, 1), (3199, 1), (3200, 1), (3201, 2), (6400, 2)])
def test_a_voice_takes_every_frame_it_begins(samples: int, frames: int) -> None:
    prompt = build_prompt([(0, "Hi.")], {0: torch.zeros(samples)}, _Bytes(), 3200)
    assert prompt.ids.count(IDS["diff"]) == frames


def test_invalid_prompts() -> None:
    with pytest.raises(ScriptError, match="no turns"):
        build_prompt([], {}, _Bytes(), 3200)
    with pytest.raises(ScriptError, match="no voice for Speaker 2, Speaker 4"):
        build_prompt([(0, "a"), (3, "b"), (1, "c")], _voices(1), _Bytes(), 3200)


# Voices.


@torch.no_grad()
def test_voices_are_drawn_in_the_references_order() -> None:
    """One spread per voice, then noise for all of them padded to the longest."""
    model, lengths = small_model(), [3 * HOP, HOP + 1]
    voices = [0.1 * torch.randn(length) for length in lengths]
    got = encode_voices(model, voices, torch.Generator().manual_seed(7))
    # The reference draws like its encoder's output, which is a view of channels before time.
    torch.manual_seed(7)
    spread, noise = torch.randn(2), torch.randn_like(torch.empty(2, LATENT, 3).permute(0, 2, 1))
    padded = torch.nn.utils.rnn.pad_sequence(voices, batch_first=True)
    mean = model.acoustic.encode(padded[:, None])
    latents = mean + 0.625 * spread[:, None, None] * noise
    wanted = (latents + model.latent_bias) * model.latent_scale
    for index, frames in enumerate((3, 2)):
        assert got[index].shape == (frames, LATENT)
        torch.testing.assert_close(got[index], wanted[index, :frames], rtol=1e-4, atol=1e-5)
    assert encode_voices(model, [], torch.Generator()) == []


@torch.no_grad()
def test_without_a_generator_a_voice_always_has_the_same_spread() -> None:
    model = small_model()
    one, other = 0.1 * torch.randn(HOP + 7), 0.1 * torch.randn(3 * HOP)
    alone = encode_voices(model, [one])[0]
    together = encode_voices(model, [other, one])
    assert torch.equal(together[1], alone), "to the bit, so that it is found again whoever else speaks"
    mean = model.normalize_latent(model.acoustic.encode(one[None, None])[0])
    assert 0.1 < (alone - mean).square().mean().sqrt() / (0.625 * model.latent_scale) < 1.5
    assert not torch.allclose(together[0][:2] - alone, torch.zeros(2, LATENT), atol=1e-2)


@torch.no_grad()
def test_embeddings_are_the_tokens_with_the_voices_put_in() -> None:
    model = small_model()
    tokenizer = _Bytes()
    prompt = build_prompt(
        [(0, "Hi."), (1, "Ho.")], {0: torch.randn(2 * HOP), 1: torch.randn(HOP)}, tokenizer, HOP
    )
    voices = [torch.randn(2, LATENT), torch.randn(1, LATENT)]
    embeds = embed_prompt(model, prompt, voices)
    assert embeds.shape == (1, len(prompt.ids), 48)
    wanted = model.embed_tokens(torch.tensor(prompt.ids))
    for slot, latent in zip(prompt.voices, voices, strict=True):
        wanted[slot.start : slot.start + len(latent)] = model.acoustic_connector(latent)
    torch.testing.assert_close(embeds[0], wanted)
    table = model.language_model.embed_tokens.weight
    assert torch.equal(table, small_model().language_model.embed_tokens.weight), "the table is untouched"


def test_a_prompt_and_its_voices_are_as_many() -> None:
    model, prompt = small_model(), Prompt((1, 2, 3), ())
    with pytest.raises(ValueError, match="zip"):
        embed_prompt(model, prompt, [torch.randn(1, LATENT)])
    assert GenerationState.new(model, 0).latent_size == LATENT
