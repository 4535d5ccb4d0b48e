"""Control tokens in a script: they are encoded as characters, never as the token."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from checkpoints import byte_tokenizer
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from vibevoice_nb import Engine, ScriptError, parse_script
from vibevoice_nb.engine.loaded_model import LoadedModel
from vibevoice_nb.model.loading.checkpoint import NANO_FOLDER
from vibevoice_nb.model.prompt import SPEECH, SYSTEM, TEXT, VOICES, build_prompt
from vibevoice_nb.model.tokenizer import FileTokenizer
from vibevoice_nb.voices import resolve_voice

# As Qwen2.5 has them: some are special, others are not.
SPECIAL = ("<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|quad_end|>", "<|video_pad|>")
ADDED = ("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|repo_name|>", "<|file_sep|>")
VISION = ("<|endoftext|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>")


def qwen_like(folder: Path) -> Path:
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in ADDED])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def as_older(folder: Path) -> Path:
    """The same as vocab.json and merges.txt, which transformers reads."""
    qwen_like(folder)
    described = json.loads((folder / "tokenizer.json").read_text())
    (folder / "vocab.json").write_text(json.dumps(described["model"]["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    added = {token["content"]: token["id"] for token in described["added_tokens"]}
    (folder / "added_tokens.json").write_text(json.dumps(added))
    (folder / "tokenizer.json").unlink()
    return folder


@pytest.mark.parametrize("token", [*VISION, *SPECIAL, *ADDED])
@pytest.mark.parametrize("make", [qwen_like, as_older])
def test_added_tokens_in_a_turn_are_characters(
    tmp_path: Path, make: Callable[[Path], Path], token: str
) -> None:
    tokenizer = FileTokenizer(make(tmp_path))
    prompt = build_prompt([(0, f"before{token}after"), (1, token)], {}, tokenizer, 3200)
    plain = build_prompt([(0, "beforeafter"), (1, "x")], {}, tokenizer, 3200)
    # A byte is a token here, and nothing above is text.
    assert sorted(id_ for id_ in prompt.ids if id_ >= 256) == sorted(id_ for id_ in plain.ids if id_ >= 256)
    assert len(prompt.ids) == len(plain.ids) + 2 * len(token) - 1


def test_the_tokens_of_a_prompt_are_where_they_belong(tmp_path: Path) -> None:
    tokenizer = FileTokenizer(qwen_like(tmp_path))
    prompt = build_prompt([(0, "Hi.")], {0: torch.zeros(6400)}, tokenizer, 3200)
    special = tokenizer.special
    assert [id_ for id_ in prompt.ids if id_ >= 256] == [
        special.start,
        special.frame,
        special.frame,
        special.end,
        special.start,
    ]


@pytest.mark.parametrize("name", ["<|vision_pad|>", "<|im_start|>", "<tool_call>", "<|endoftext|>"])
def test_names_of_speakers_and_voices_never_reach_the_model(tmp_path: Path, name: str) -> None:
    engine = Engine.load("nano")
    tokenizer = FileTokenizer(qwen_like(tmp_path))
    engine = Engine(LoadedModel("byte", engine.model, tokenizer))
    layouts = []
    for label in ("Anna", name):
        script = parse_script(f"{label}: Hello.", cast=[label])
        assert [turn.label for turn in script.turns] == [label]
        layouts.append(engine.layout(script.turns, {0: replace(resolve_voice("Ada"), name=label)}).ids)
    assert layouts[0] == layouts[1]


def test_nano_reads_the_pieces_of_a_prompt_as_one_token_and_nothing_else_so() -> None:
    tokenizer = FileTokenizer(NANO_FOLDER)
    described = json.loads((NANO_FOLDER / "tokenizer.json").read_text())
    ids = {token["content"]: token["id"] for token in described["added_tokens"]}
    for piece in (SYSTEM, VOICES, TEXT, SPEECH, " Speaker 0:", " Speaker 3:"):
        assert tokenizer.encode(piece) == [ids[piece]]
    assert tokenizer.encode(" Speaker 1: hi\n")[0] == ids[" Speaker 1:"]
    for token, id_ in ids.items():
        if token != "<|unk|>":
            assert id_ not in tokenizer.encode(f"a {token}")


def test_a_vocabulary_with_a_control_token_for_a_word_is_refused(tmp_path: Path) -> None:
    vocabulary = {word: id_ for id_, word in enumerate(("hello", *VISION))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="hello"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.save(str(tmp_path / "tokenizer.json"))
    tokenizer = FileTokenizer(tmp_path)
    assert tokenizer.encode("hello") == [0]
    with pytest.raises(ScriptError, match=r"control token '<\|vision_pad\|>'"):
        tokenizer.encode("hello <|vision_pad|>")
