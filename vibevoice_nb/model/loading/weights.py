"""Strict loading of safetensors files into a model: every key is checked by name.

The model is built on the meta device (no memory), tensors are read one by one, cast and put on their device.
Pickled weights are never opened: unpickling runs code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...errors import CheckpointError
from ...ranges import shown
from ..config import Layout, ModelConfig, RealtimeConfig
from ..realtime import RealtimeModel, unread_tensors
from ..vibevoice import Network, VibeVoiceModel
from .config_file import parse_config
from .config_size import check_sizes
from .fingerprint import Fingerprint
from .model_kind import check_folder, check_tensors
from .parameter_names import published_name
from .plain_files import check_regular, read_json
from .realtime_config import parse_any_config

Ready = Callable[[nn.Module, float], None]
SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_NAMED = 12
_LFS = b"version https://git-lfs"


@dataclass(frozen=True)
class TensorInfo:
    """File, shape and dtype of a tensor."""

    file: Path
    shape: tuple[int, ...]
    dtype: str


def read_config(folder: Path) -> ModelConfig:
    """Read and check a checkpoint's config.json.

    Raises
    ------
    ConfigError
        If it does not describe a model that this code can run.
    CheckpointError
        If there is none, or the folder holds a model of another kind.
    """
    check_folder(folder)
    return parse_config(read_json(folder / "config.json"))


def read_any_config(folder: Path) -> ModelConfig | RealtimeConfig:
    """Read and check the config.json of either kind of VibeVoice; see `read_config`."""
    check_folder(folder)
    return parse_any_config(read_json(folder / "config.json"))


def list_tensors(folder: Path) -> dict[str, TensorInfo]:
    """List every tensor of a checkpoint, reading only the headers of the files.

    Raises
    ------
    CheckpointError
        If there is no safetensors file, one is damaged, or one listed in the index is missing.
    """
    found: dict[str, TensorInfo] = {}
    for file in _weight_files(folder):
        with _open(file) as handle:
            for key in handle.keys():  # noqa: SIM118 (not a dict)
                part = handle.get_slice(key)
                found[key] = TensorInfo(file, tuple(part.get_shape()), str(part.get_dtype()))
    return found


def build_model(config: ModelConfig, tensors: Mapping[str, TensorInfo]) -> VibeVoiceModel:
    """Build the model on the meta device and check that the tensors fit it, key by key.

    Embeddings are tied when, and only when, the file has no `lm_head.weight`.

    Raises
    ------
    CheckpointError
        If the tensors are those of a model of another kind, or keys are missing, unexpected or of the wrong
        shape; all of them are listed.
    ConfigError
        If it has sizes that the files cannot contain.
    """
    check_tensors(tensors)
    check_sizes(config, [tensor.shape for tensor in tensors.values()])
    with torch.device("meta"):
        model = VibeVoiceModel(config, tied="lm_head.weight" not in tensors)
    _check_fit(model, config.layout, tensors)
    return model


def build_realtime(config: RealtimeConfig, tensors: Mapping[str, TensorInfo]) -> RealtimeModel:
    """Build a VibeVoice-Realtime on the meta device and check that the tensors fit it; see `build_model`.

    Tensors that nothing uses are ignored, and are not read later: see `unread_tensors`.
    """
    check_tensors(tensors, realtime=True)
    check_sizes(config, [tensor.shape for tensor in tensors.values()])
    with torch.device("meta"):
        model = RealtimeModel(config)
    unread = unread_tensors(tensors)
    _check_fit(model, config.layout, {name: info for name, info in tensors.items() if name not in unread})
    return model


def _check_fit(model: Network, layout: Layout, tensors: Mapping[str, TensorInfo]) -> None:
    """Check every key and shape."""
    wanted = {
        published_name(name, layout): tuple(tensor.shape) for name, tensor in model.state_dict().items()
    }
    missing = [key for key in wanted if key not in tensors]
    unexpected = [key for key in tensors if key not in wanted]
    shapes = [
        f"{key} is {list(tensors[key].shape)}, not {list(shape)}"
        for key, shape in wanted.items()
        if key in tensors and not _same_shape(tensors[key].shape, shape)
    ]
    parts = (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
    problems = [f"{len(keys)} {what}: {_name(keys)}" for what, keys in parts if keys]
    if problems:
        raise CheckpointError(
            f"the weights do not fit config.json; {'; '.join(problems)}",
            f"the {len(wanted)} tensors that config.json describes",
            "take config.json and all weight files from one revision of one repository",
        )


def load_model(
    folder: Path,
    placement: Mapping[str, torch.device] | torch.device,
    dtype: torch.dtype,
    *,
    ready: Ready = lambda part, share: None,
) -> VibeVoiceModel:
    """Load a checkpoint.

    Parameters
    ----------
    folder : Path
    placement : torch.device, or mapping from module-name prefix to torch.device
        Device of each part; see `placement.place`.
    dtype : torch.dtype
    ready : callable
        Called with every part once its weights are loaded, before the next one is read, and with the
        fraction of all weights loaded by then.

    Returns
    -------
    VibeVoiceModel
        In eval mode, without gradients.

    Raises
    ------
    CheckpointError, ConfigError
    """
    config = read_config(folder)
    tensors = list_tensors(folder)
    model = build_model(config, tensors)
    _fill(model, config.layout, tensors, placement, dtype, ready)
    return model


def load_realtime(
    folder: Path,
    placement: Mapping[str, torch.device] | torch.device,
    dtype: torch.dtype,
    *,
    ready: Ready = lambda part, share: None,
) -> RealtimeModel:
    """Load a checkpoint of VibeVoice-Realtime; see `load_model`."""
    config = read_any_config(folder)
    if not isinstance(config, RealtimeConfig):
        raise CheckpointError(
            f"{folder} holds a VibeVoice for conversations", "a VibeVoice-Realtime", "load it as such"
        )
    tensors = list_tensors(folder)
    model = build_realtime(config, tensors)
    _fill(model, config.layout, tensors, placement, dtype, ready)
    return model


def _fill(
    model: Network,
    layout: Layout,
    tensors: Mapping[str, TensorInfo],
    placement: Mapping[str, torch.device] | torch.device,
    dtype: torch.dtype,
    ready: Ready,
) -> None:
    """Read the weights of a model that is on the meta device, part by part."""
    model.fingerprint = Fingerprint()
    sizes = {name: tensor.numel() for name, tensor in model.state_dict().items()}
    whole, done = sum(sizes.values()), 0
    for prefix, names in _parts(model).items():
        loaded = _read(model, layout, names, tensors, placement, dtype)
        part = model.get_submodule(prefix)
        own = {name[len(prefix) :].lstrip("."): tensor for name, tensor in loaded.items()}
        part.load_state_dict(own, strict=False, assign=True)
        del own, loaded
        part.eval().requires_grad_(False)
        done += sum(sizes[name] for name in names)
        ready(part, done / whole)


def _parts(model: Network) -> dict[str, list[str]]:
    """List the weights of each part: layers and blocks one by one, then the rest of the model's children."""
    prefixes = [
        f"{stack}.{index}"
        for stack, module in model.named_modules()
        if stack.endswith((".layers", ".blocks")) and not stack.startswith("head.")
        for index in range(len(list(module.children())))
    ]
    prefixes += [child for child, _ in model.named_children()]
    parts: dict[str, list[str]] = {prefix: [] for prefix in (*prefixes, "")}
    for name in model.state_dict():
        parts[next((p for p in prefixes if name.startswith(p + ".")), "")].append(name)
    return parts


def _read(
    model: Network,
    layout: Layout,
    names: Sequence[str],
    tensors: Mapping[str, TensorInfo],
    placement: Mapping[str, torch.device] | torch.device,
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Read these weights, and add them to the model's fingerprint.

    Files are closed at once: mapped parts of an open file count as memory.
    """
    assert model.fingerprint is not None
    keys = {published_name(name, layout): name for name in names}
    loaded: dict[str, Tensor] = {}
    for file in sorted({tensors[key].file for key in keys}):
        with _open(file) as handle:
            for key, name in keys.items():
                if tensors[key].file == file:
                    tensor = handle.get_tensor(key).reshape(model.get_parameter(name).shape)
                    model.fingerprint.add(name, tensor)
                    loaded[name] = _checked(key, tensor, dtype).to(device_of(name, placement))
    return loaded


def device_of(name: str, placement: Mapping[str, torch.device] | torch.device) -> torch.device:
    """Find the device of a parameter: that of the longest module-name prefix."""
    if isinstance(placement, torch.device):
        return placement
    prefixes = [prefix for prefix in placement if prefix == "" or (name + ".").startswith(prefix + ".")]
    return placement[max(prefixes, key=len)]


def weights_of(model: nn.Module, layout: Layout) -> dict[str, Tensor]:
    """Return a model's weights under the names of a published layout, ready to be saved."""
    return {
        published_name(name, layout): tensor.detach().contiguous()
        for name, tensor in model.state_dict().items()
    }


def _weight_files(folder: Path) -> list[Path]:
    if (folder / SINGLE).exists():
        return [folder / SINGLE]
    if (folder / INDEX).exists():
        listed = read_json(folder / INDEX).get("weight_map")
        named = list(listed.values()) if isinstance(listed, dict) else []
        # The name comes from a file that is not trusted: it must not lead out of the folder.
        odd = [name for name in named if not _plain_name(name)]
        if odd or not named:
            raise CheckpointError(
                f"{folder / INDEX} lists {_name(map(shown, odd)) or 'no files'}",
                "plain names of .safetensors files in the same folder",
                "fetch the checkpoint again from a repository you trust",
            )
        names = sorted(set(named))
        absent = [name for name in names if not (folder / name).exists()]
        if absent:
            raise CheckpointError(
                f"{folder} lacks {_name(absent)}", "every file named in the index", "fetch the missing files"
            )
        return [folder / name for name in names]
    alone = [path for path in folder.glob("*.safetensors") if not path.name.startswith("adapter")]
    if len(alone) == 1:
        return alone
    pickles = [path.name for pattern in _PICKLES for path in sorted(folder.glob(pattern))]
    if pickles:
        raise CheckpointError(
            f"{folder} holds pickled weights ({_name(pickles)})",
            "safetensors files; opening a pickle can run any code hidden in it",
            "use a repository with .safetensors files, or convert them on a machine you can afford to lose",
        )
    raise CheckpointError(
        f"{folder} holds no {SINGLE} and no {INDEX}"
        + (f", but {_name(sorted(path.name for path in alone))}" if alone else ""),
        "a checkpoint folder with safetensors weights",
        "fetch the index too" if alone else "check the path, or fetch the checkpoint again",
    )


def _plain_name(name: object) -> bool:
    if not isinstance(name, str) or not name.isprintable() or not name.endswith(".safetensors"):
        return False
    return Path(name).name == name and len(name.encode()) <= 255


def _open(file: Path) -> safe_open:
    try:
        size = check_regular(file)
        if size < 8:
            raise CheckpointError(f"{file} has {size} bytes", "a safetensors file", "fetch it again")
        with file.open("rb") as start:
            head = start.read(len(_LFS))
        if head == _LFS:
            raise CheckpointError(
                f"{file} is a pointer of Git LFS, not the weights themselves",
                "a whole safetensors file",
                "run `git lfs pull` in the repository, or fetch the model by its hub id",
            )
        magic = head[:2]
        if magic in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
            raise CheckpointError(
                f"{file} is a pickle, whatever its name says",
                "a safetensors file; opening a pickle can run any code hidden in it",
                "use a repository with real .safetensors files",
            )
        return safe_open(file, framework="pt")
    except OSError as error:
        raise CheckpointError(
            f"{file} can't be read ({error.strerror or error})", "a readable file", "check its permissions"
        ) from error
    except SafetensorError as error:
        raise CheckpointError(
            f"{file} is damaged ({str(error)[:300]})",
            "a whole safetensors file",
            "fetch it again; the download probably broke off",
        ) from error


def _checked(key: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    # Always a copy, even if the dtype is the same: a tensor as read keeps its file mapped.
    cast = tensor.to(dtype, copy=True)
    if not tensor.is_floating_point() or not _finite(cast):
        raise CheckpointError(
            f"{key} holds values that are not finite numbers in {str(dtype).removeprefix('torch.')}",
            "finite floating-point weights",
            "fetch the checkpoint again, or use float32 if this is half precision",
        )
    return cast


def _finite(tensor: Tensor) -> bool:
    # Extremes propagate NaN and need no memory, unlike a comparison of every element.
    return not tensor.numel() or all(math.isfinite(extreme) for extreme in tensor.aminmax())


def _same_shape(got: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    # Scalars are stored both as [] and as [1].
    return got == wanted or (wanted == () and got == (1,))


def _name(keys: Iterable[str]) -> str:
    names = list(keys)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(name[:200] for name in names[:_NAMED]) + more
