"""Text to token ids, and the four tokens the model may emit."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import CheckpointError, ScriptError, VibeVoiceError
from .checkpoint import find_checkpoint
from .config import ModelConfig

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

START, END, FRAME, EOS = "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|endoftext|>"


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the tokens with a meaning of their own."""

    start: int
    end: int
    frame: int
    eos: int

    @property
    def legal(self) -> tuple[int, int, int, int]:
        """The tokens the model may emit, in the order logits are given."""
        return self.start, self.end, self.frame, self.eos


class Tokenizer(Protocol):
    """What prompts need of a tokenizer."""

    special: SpecialTokens

    def encode(self, text: str) -> list[int]:
        """Encode a piece of a prompt without adding anything to it."""
        ...


class FileTokenizer:
    """A tokenizer.json, or the vocab.json and merges.txt of older repositories.

    Control tokens are never read from text: "<|vision_pad|>" in a script is its characters. A prompt puts the
    tokens it needs in place by their ids. Only a token that stands for a fixed piece of the prompt, as nano
    has them, is recognized, and only where a piece begins.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    CheckpointError
        No tokenizer there, a damaged one, or one without the special tokens.
    """

    def __init__(self, folder: Path) -> None:
        described = _description(folder)
        added = {str(token["content"]): int(token["id"]) for token in described.pop("added_tokens", ())}
        self._backend = _backend(folder, described)
        known = {token: added.get(token, self._backend.token_to_id(token)) for token in _SPECIAL}
        lacking = [token for token, id_ in known.items() if id_ is None]
        if lacking:
            raise CheckpointError(
                f"the tokenizer in {folder} lacks {', '.join(lacking)}",
                "Qwen2.5's tokenizer, whose vision tokens VibeVoice uses for speech",
                "put tokenizer.json of Qwen/Qwen2.5-1.5B into the folder",
            )
        self.special = SpecialTokens(*(id_ for id_ in known.values() if id_ is not None))
        self._pieces = {text: id_ for text, id_ in added.items() if _PIECE.fullmatch(text)}
        unknown = added.get(str((described.get("model") or {}).get("unk_token")))
        self._control = {*added.values(), *self.special.legal} - {*self._pieces.values(), unknown}

    def encode(self, text: str) -> list[int]:
        """Encode a piece of a prompt.

        Raises
        ------
        ScriptError
            If the vocabulary has no other spelling for the text than a control token.
        """
        piece = next((known for known in self._pieces if text.startswith(known)), "")
        ids = self._backend.encode(text[len(piece) :], add_special_tokens=False).ids
        found = self._control.intersection(ids)
        if found:
            raise ScriptError(
                f"text with the control token {self._backend.id_to_token(min(found))!r}",
                "words to speak",
                "delete it from the script",
            )
        return [self._pieces[piece], *ids] if piece else ids


_SPECIAL = (START, END, FRAME, EOS)
# The fixed pieces of a prompt, which a tokenizer may have a token for: see `prompt`.
_PIECE = re.compile(
    r" (?:Transform the text provided by .*|(?:Voice input|Text input|Speech output):)\n| Speaker \d:"
)


def _description(folder: Path) -> dict[str, Any]:
    """A tokenizer as tokenizer.json describes it."""
    if not (folder / "tokenizer.json").exists():
        from transformers import Qwen2TokenizerFast

        try:
            backend = Qwen2TokenizerFast.from_pretrained(str(folder)).backend_tokenizer
        except (ImportError, OSError, ValueError, TypeError) as error:  # half a tokenizer, by version
            raise CheckpointError(
                f"{folder} holds no tokenizer that can be read ({error})",
                "tokenizer.json, or vocab.json and merges.txt",
                "put tokenizer.json of Qwen/Qwen2.5-1.5B into the folder",
            ) from error
        return dict(json.loads(backend.to_str()))
    try:
        return dict(json.loads((folder / "tokenizer.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise _damaged(folder, error) from error


def _backend(folder: Path, described: dict[str, Any]) -> Backend:
    from tokenizers import Tokenizer as Backend

    try:
        # Without added tokens, and with nothing that adds tokens of its own.
        return Backend.from_str(json.dumps({**described, "added_tokens": [], "post_processor": None}))
    except Exception as error:  # the tokenizers library raises bare Exception
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{folder / 'tokenizer.json'} is damaged ({error})", "a tokenizer file", "fetch it again"
    )


def load_tokenizer(folder: Path, config: ModelConfig, mirrors: Sequence[str] = ()) -> FileTokenizer:
    """Load a checkpoint's tokenizer, or that of the Qwen2.5 model it grew from.

    Parameters
    ----------
    folder : Path
    config : ModelConfig
        Tells which Qwen2.5 it was: the original repositories ship no tokenizer.
    mirrors : sequence of str
        Repositories to try when Qwen's own can't be fetched.

    Raises
    ------
    CheckpointError
    """
    if (folder / "tokenizer.json").exists() or (folder / "vocab.json").exists():
        return _fitting(FileTokenizer(folder), folder, config)
    qwen = "Qwen/Qwen2.5-7B" if config.language.hidden_size >= 3584 else "Qwen/Qwen2.5-1.5B"
    try:
        fetched = find_checkpoint(qwen, mirrors=mirrors, wanted=["tokenizer.json"])
        return _fitting(FileTokenizer(fetched), fetched, config)
    except VibeVoiceError as error:
        raise CheckpointError(
            f"{folder} has no tokenizer, and {qwen} gave none either ({error.got})",
            "tokenizer.json beside the weights",
            f"copy tokenizer.json of {qwen} into {folder}",
        ) from error


def _fitting(tokenizer: FileTokenizer, folder: Path, config: ModelConfig) -> FileTokenizer:
    """Check that the model has an embedding for every special token."""
    highest, size = max(tokenizer.special.legal), config.language.vocab_size
    if highest >= size:
        raise CheckpointError(
            f"the tokenizer in {folder} has ids up to {highest}",
            f"ids below {size}, the model's vocab_size",
            "use the tokenizer that the model was trained with",
        )
    return tokenizer
