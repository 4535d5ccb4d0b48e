"""Tokenizer of the nano models: one token per character, and one for each fixed piece of the prompt."""

from __future__ import annotations

import string

from tokenizers import AddedToken, Tokenizer, decoders, models

SYSTEM = (
    " Transform the text provided by various speakers into speech output, "
    "utilizing the distinct voice of each respective speaker.\n"
)
VOICE_INPUT, TEXT_INPUT, SPEECH_OUTPUT = " Voice input:\n", " Text input:\n", " Speech output:\n"
SPEAKERS = 4
START, END, FRAME, EOS = "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|endoftext|>"
PAD, UNKNOWN = "<|image_pad|>", "<|unk|>"
VOCAB_SIZE = 160


def speaker_piece(index: int) -> str:
    """Prefix of a speaker's voice and of each of their lines."""
    return f" Speaker {index}:"


def build_tokenizer(alphabet: str) -> Tokenizer:
    r"""Build the tokenizer; `alphabet` holds the characters of texts, besides ASCII.

    Examples
    --------
    >>> tokenizer = build_tokenizer(" iɪ")
    >>> tokenizer.encode(" Speaker 0: pliz!\n").tokens
    [' Speaker 0:', ' ', 'p', 'l', 'i', 'z', '!', '\n']
    >>> tokenizer.decode(tokenizer.encode(" Text input:\n").ids)
    ' Text input:\n'
    """
    characters = dict.fromkeys("\n" + alphabet + string.digits + string.ascii_letters + string.punctuation)
    vocabulary = {token: i for i, token in enumerate((UNKNOWN, *characters))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=UNKNOWN, fuse_unk=False))
    tokenizer.decoder = decoders.Fuse()
    special = (START, END, FRAME, EOS, PAD, UNKNOWN)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    pieces = (SYSTEM, VOICE_INPUT, TEXT_INPUT, SPEECH_OUTPUT, *map(speaker_piece, range(SPEAKERS)))
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in pieces])
    if tokenizer.get_vocab_size() > VOCAB_SIZE:
        raise AssertionError("nano's vocabulary has outgrown its embedding")
    return tokenizer
