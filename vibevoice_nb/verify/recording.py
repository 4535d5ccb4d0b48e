"""Recorded run on disk, and the model to replay it with."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import CheckpointError, OptionError
from ..model.generation.cuda_graphs import GraphPool
from ..model.kernels import cuda
from ..model.loading.checkpoint import read_json
from ..model.loading.prepare import load_prepared
from ..model.tokenizer import SpecialTokens

Frames = Literal["loop", "fixed", "fused"]

_SIZE_LIMIT = 2_000_000_000
_UNREADABLE = (
    *(OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error, NotImplementedError),
    *(LookupError, AttributeError, TypeError),  # a single array (.npy) has no names
)
PROMPT = ("input_ids", "speech_input_mask", "speech_tensors", "speech_masks")


class Arrays:
    """Recorded arrays and the facts about them."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self.folder, self.device, self.dtype = folder, device, dtype
        self.inputs = _arrays(folder / "inputs.npz")
        self.expected = _arrays(folder / "expected.npz")
        self.meta = read_json(folder / "meta.json")

    def has(self, *names: str) -> bool:
        """Return true if all these inputs were recorded."""
        return all(name in self.inputs for name in names)

    def tensor(self, name: str) -> Tensor:
        """Return a recorded input as a tensor on the model's device and in its dtype."""
        tensor = torch.from_numpy(np.ascontiguousarray(self.inputs[name]))
        return tensor.to(self.device, self.dtype if tensor.is_floating_point() else None)

    def meta_error(self, error: Exception, expected: str) -> CheckpointError:
        """Return the error of a meta.json that lacks something."""
        return CheckpointError(
            f"{self.folder / 'meta.json'} lacks or garbles {error}", expected, "write the recording again"
        )


class Recording(Arrays):
    """Recorded run and the model to replay it with."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype, frames: str) -> None:
        super().__init__(folder, device, dtype)
        meta = self.meta
        try:
            ids = meta["special_ids"]
            self.special = SpecialTokens(
                int(ids["start"]), int(ids["end"]), int(ids["diff"]), int(ids["eos"])
            )
            self.num_steps, self.cfg_scale = int(meta["steps"]), float(meta["cfg"])
            hop = int(meta["hop"])
        except (KeyError, TypeError, ValueError) as error:
            expected = "special_ids with start, end, diff and eos; steps; cfg; hop"
            raise self.meta_error(error, expected) from error
        self.model = load_prepared(folder, device, dtype)
        if self.model.config.hop_length != hop:
            raise CheckpointError(
                f"meta.json says hop {hop}, config.json {self.model.config.hop_length}",
                "the same number in both",
                "take both files from one recording",
            )

        if frames not in get_args(Frames):
            raise OptionError(f"frames={frames!r}", f"one of {', '.join(get_args(Frames))}", "use loop")
        self._frames = frames
        if frames == "fused" and not cuda.runs_on(device):
            raise OptionError(
                f"fused frames on {device}", "an NVIDIA GPU and Triton", "use frames='loop' or 'fixed'"
            )

    def pool(self) -> GraphPool | None:
        """Return the graph pool to replay a run with; None for the plain loop."""
        if self._frames == "loop":
            return None
        pool = GraphPool()
        pool.fused = self._frames == "fused"
        return pool

    @cached_property
    def runs(self) -> list[str]:
        """Names of the runs with recorded noise and prompt."""
        suffix = "_diffusion_noise"
        named = [name.removesuffix(suffix) for name in self.inputs if name.endswith(suffix)]
        return [run for run in named if self.has(*(self.own(run, part) for part in PROMPT))]

    def own(self, run: str, part: str) -> str:
        """Return the name of an input of a run; inputs it did not record are shared with the main run."""
        return f"{run}_{part}" if self.has(f"{run}_{part}") else f"main_{part}"


def _arrays(file: Path) -> Mapping[str, NDArray[Any]]:
    try:
        if file.stat().st_size > _SIZE_LIMIT:
            raise CheckpointError(
                f"{file} is over 2 GB", "a recording of one short run", "record a shorter one"
            )
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except _UNREADABLE as error:
        raise CheckpointError(
            f"{file} can't be read ({error})", "an .npz file of plain arrays", "record the run again"
        ) from error
