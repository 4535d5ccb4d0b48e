"""Text to token ids, and the four tokens the model may emit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import CheckpointError, VibeVoiceError
from .checkpoint import find_checkpoint
from .config import ModelConfig

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
        """Encode text without adding anything to it."""
        ...


class FileTokenizer:
    """A tokenizer.json, or the vocab.json and merges.txt of older repositories.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    CheckpointError
        No tokenizer there, a damaged one, or one without the special tokens.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer as Backend

        if (folder / "tokenizer.json").exists():
            try:
                self._backend = Backend.from_file(str(folder / "tokenizer.json"))
            except Exception as error:  # the tokenizers library raises bare Exception
                raise CheckpointError(
                    f"{folder / 'tokenizer.json'} is damaged ({error})", "a tokenizer file", "fetch it again"
                ) from error
        else:
            from transformers import Qwen2TokenizerFast

            try:
                self._backend = Qwen2TokenizerFast.from_pretrained(str(folder)).backend_tokenizer
            except (ImportError, OSError, ValueError, TypeError) as error:  # half a tokenizer, by version
                raise CheckpointError(
                    f"{folder} holds no tokenizer that can be read ({error})",
                    "tokenizer.json, or vocab.json and merges.txt",
                    "put tokenizer.json of Qwen/Qwen2.5-1.5B into the folder",
                ) from error
        found = {token: self._backend.token_to_id(token) for token in (START, END, FRAME, EOS)}
        lacking = [token for token, id_ in found.items() if id_ is None]
        if lacking:
            raise CheckpointError(
                f"the tokenizer in {folder} lacks {', '.join(lacking)}",
                "Qwen2.5's tokenizer, whose vision tokens VibeVoice uses for speech",
                "put tokenizer.json of Qwen/Qwen2.5-1.5B into the folder",
            )
        self.special = SpecialTokens(*(id_ for id_ in found.values() if id_ is not None))

    def encode(self, text: str) -> list[int]:
        return self._backend.encode(text, add_special_tokens=False).ids


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
