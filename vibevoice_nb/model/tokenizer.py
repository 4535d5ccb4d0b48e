"""Tokenizer: text to token ids, and the four tokens that the model may emit."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import CheckpointError, ScriptError, VibeVoiceError
from .config import ModelConfig, RealtimeConfig
from .loading.checkpoint import find_checkpoint
from .loading.plain_files import check_regular, read_limited

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

_FILES = ("tokenizer.json", "vocab.json")
_LARGEST_FILE = 100_000_000

START, END, FRAME, EOS = "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|endoftext|>"


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the special tokens."""

    start: int
    end: int
    frame: int
    eos: int

    @property
    def valid_tokens(self) -> tuple[int, int, int, int]:
        """Tokens that the model may emit, in the order of their logits."""
        return self.start, self.end, self.frame, self.eos


class Tokenizer(Protocol):
    """Interface of a tokenizer for prompts."""

    special: SpecialTokens

    def encode(self, text: str) -> list[int]:
        """Encode a piece of a prompt without adding anything to it."""
        ...


class FileTokenizer:
    """Tokenizer from tokenizer.json, or from vocab.json and merges.txt of older repositories.

    Control tokens are never read from text: "<|vision_pad|>" in a script is encoded as characters. A prompt
    inserts special tokens by id. Only tokens for fixed pieces of the prompt, which nano has, are recognized,
    and only at the beginning of a piece.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    CheckpointError
        If the tokenizer is missing, damaged, or lacks the special tokens.
    """

    def __init__(self, folder: Path) -> None:
        described = _description(folder)
        added = _added_tokens(folder, described)
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
        self._control = {*added.values(), *self.special.valid_tokens} - {*self._pieces.values(), unknown}
        self.highest = max(*added.values(), *self._backend.get_vocab().values(), *self.special.valid_tokens)
        """Largest id that `encode` can return."""

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
                f"the text contains the control token {self._backend.id_to_token(min(found))!r}",
                "words to speak",
                "delete it from the script",
            )
        return [self._pieces[piece], *ids] if piece else ids


_SPECIAL = (START, END, FRAME, EOS)
# Fixed pieces of a prompt, for which a tokenizer may have a token: see `prompt`.
_PIECE = re.compile(
    r" (?:Transform the text provided by .*|(?:Voice input|Text input|Speech output):)\n| Speaker \d:"
)


def _description(folder: Path) -> dict[str, Any]:
    """Read a tokenizer as tokenizer.json describes it."""
    file = folder / "tokenizer.json"
    try:
        described = json.loads(read_limited(file, _LARGEST_FILE) if file.exists() else _read_older(folder))
    except (ValueError, RecursionError) as error:
        raise _damaged(folder, error) from error
    if not isinstance(described, dict):
        raise _damaged(folder, TypeError("not a JSON object"))
    return described


def _added_tokens(folder: Path, described: dict[str, Any]) -> dict[str, int]:
    """Remove the added tokens from a description: in a script they are ordinary text."""
    try:
        tokens = described.pop("added_tokens", None) or ()
        return {str(token["content"]): int(token["id"]) for token in tokens}
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise _damaged(folder, error) from error


def _backend(folder: Path, described: dict[str, Any]) -> Backend:
    from tokenizers import Tokenizer as Backend

    try:
        # Without added tokens, and without a post-processor that adds tokens.
        backend = Backend.from_str(json.dumps({**described, "added_tokens": [], "post_processor": None}))
        backend.encode("Ready.", add_special_tokens=False)  # some damage is only detected here
    except BaseException as error:  # the library raises bare Exception, and a panic of Rust is not even one
        if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        raise _damaged(folder, error) from error
    return backend


def _damaged(folder: Path, error: BaseException) -> CheckpointError:
    return CheckpointError(
        f"{folder / 'tokenizer.json'} is damaged ({str(error)[:200]})", "a tokenizer file", "fetch it again"
    )


def load_tokenizer(
    folder: Path, config: ModelConfig | RealtimeConfig, mirrors: Sequence[str] = ()
) -> FileTokenizer:
    """Load a checkpoint's tokenizer, or that of its base model, Qwen2.5.

    Parameters
    ----------
    folder : Path
    config : ModelConfig or RealtimeConfig
        Determines the Qwen2.5 model: the original repositories contain no tokenizer.
    mirrors : sequence of str
        Repositories to try if Qwen's cannot be downloaded.

    Raises
    ------
    CheckpointError
    """
    own = own_tokenizer(folder)
    if own is not None:
        return _fitting(FileTokenizer(own), own, config)
    size = "7B" if config.language.hidden_size >= 3584 else "1.5B"
    qwen = "Qwen/Qwen2.5-" + ("0.5B" if isinstance(config, RealtimeConfig) else size)
    try:
        fetched = find_checkpoint(qwen, mirrors=mirrors, wanted=["tokenizer.json"])
        return _fitting(FileTokenizer(fetched), fetched, config)
    except VibeVoiceError as error:
        raise CheckpointError(
            f"{folder} has no tokenizer, and that of {qwen} could not be loaded ({error.got})",
            "tokenizer.json beside the weights",
            f"copy tokenizer.json of {qwen} into {folder}",
        ) from error


def own_tokenizer(folder: Path) -> Path | None:
    """Find the folder of a checkpoint's own tokenizer: the checkpoint itself, or one folder inside it.

    Raises
    ------
    CheckpointError
        If several folders contain one.
    """
    if any((folder / name).exists() for name in _FILES):
        return folder
    found = {file.parent for name in _FILES for file in folder.glob(f"*/{name}")}
    inner = sorted(path for path in found if not (path / "config.json").exists())  # that is another model
    if len(inner) > 1:
        raise CheckpointError(
            f"{folder} holds {len(inner)} tokenizers: {', '.join(path.name for path in inner[:12])}",
            "one tokenizer",
            f"copy tokenizer.json of the right one into {folder}",
        )
    return inner[0] if inner else None


def _read_older(folder: Path) -> str:
    """Read vocab.json and merges.txt, as tokenizer.json describes them."""
    from transformers import Qwen2TokenizerFast

    for file in (*folder.glob("*.json"), *folder.glob("*.txt")):
        if check_regular(file) > _LARGEST_FILE:
            raise CheckpointError(f"{file} is too large", f"at most {_LARGEST_FILE} bytes", "fetch it again")
    try:
        return str(Qwen2TokenizerFast.from_pretrained(str(folder)).backend_tokenizer.to_str())
    except Exception as error:  # an incomplete tokenizer: the error depends on the version
        raise CheckpointError(
            f"{folder} holds no tokenizer that can be read ({str(error)[:400]})",
            "tokenizer.json, or vocab.json and merges.txt",
            "put tokenizer.json of Qwen/Qwen2.5-1.5B into the folder",
        ) from error


def _fitting(tokenizer: FileTokenizer, folder: Path, config: ModelConfig | RealtimeConfig) -> FileTokenizer:
    """Check that the model has an embedding for every token."""
    size, highest = config.language.vocab_size, max(tokenizer.special.valid_tokens)
    highest = highest if highest >= size else tokenizer.highest
    if highest >= size:
        raise CheckpointError(
            f"the tokenizer in {folder} has ids up to {highest}",
            f"ids below {size}, the model's vocab_size",
            "use the tokenizer that the model was trained with",
        )
    return tokenizer
