"""Sizes that config.json claims, compared with the headers of the weights before anything is built.

A model is built from config.json alone, layer by layer: a wrong count or size would build for hours. The
headers bound both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from ...errors import ConfigError
from ..config import ModelConfig, RealtimeConfig, StackConfig


def check_sizes(config: ModelConfig | RealtimeConfig, shapes: Sequence[Sequence[int]]) -> None:
    """Check that the files can contain a model of this config: enough tensors, none too small.

    Parameters
    ----------
    config : ModelConfig or RealtimeConfig
    shapes : sequence of shapes
        Those of all tensors in the files.

    Raises
    ------
    ConfigError
        If the config has more layers than there are tensors, or a size above that of the largest tensor.
    """
    longest = max((max(shape) for shape in shapes if shape and prod(shape)), default=0)
    for name, count in _counts(config):
        if count > len(shapes):
            raise _error(name, count, f"at most {len(shapes)}, the number of tensors in the files")
    for name, size in _sizes(config):
        if size > longest:
            raise _error(name, size, f"at most {longest}, the largest dimension of any tensor in the files")


def _counts(config: ModelConfig | RealtimeConfig) -> Iterator[tuple[str, int]]:
    yield "number of language model layers", config.language.num_layers
    if isinstance(config, RealtimeConfig):
        yield "number of text language model layers", config.text.num_layers
    yield "number of diffusion head layers", config.head.num_layers
    for name, stack in _stacks(config):
        yield f"number of {name} blocks", sum(stack.depths)
        yield f"number of {name} stages", len(stack.depths)


def _sizes(config: ModelConfig | RealtimeConfig) -> Iterator[tuple[str, int]]:
    language, head = config.language, config.head
    yield "vocabulary", language.vocab_size
    yield "hidden size", language.hidden_size
    yield "intermediate size", language.intermediate_size
    yield "size of all attention heads", language.num_heads * language.head_dim
    yield "diffusion head's size", head.hidden_size
    yield "diffusion head's intermediate size", head.ffn_size
    yield "latent size", head.latent_size
    for name, stack in _stacks(config):
        yield f"{name}'s latent size", stack.size
        yield f"number of {name} filters", stack.filters << len(stack.ratios)
        yield f"{name}'s largest kernel", 2 * max(stack.ratios)


def _stacks(config: ModelConfig | RealtimeConfig) -> Iterator[tuple[str, StackConfig]]:
    if isinstance(config, RealtimeConfig):
        yield "acoustic decoder", config.decoder
        return
    yield "acoustic encoder", config.acoustic.encoder
    yield "acoustic decoder", config.acoustic.decoder
    yield "semantic encoder", config.semantic


def _error(name: str, got: int, expected: str) -> ConfigError:
    return ConfigError(
        f"config.json: the {name} is {got}",
        expected,
        "take config.json and all weight files from one revision of one repository",
    )
