"""Recognition of other kinds of models by their files, so that an error explains how to proceed.

Only file names and small JSON files are read. Anything not recognized here is left to the checks of the
loader, which name the missing parts of a VibeVoice checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import CheckpointError
from .plain_files import read_json

_SECTIONS = ("acoustic_tokenizer_config", "diffusion_head_config", "audio_config")
"""Sections of config.json that only VibeVoice for text to speech has."""

_TEXT_TO_SPEECH = "use microsoft/VibeVoice-1.5B, vibevoice/VibeVoice-7B or a fine-tune of them"
_UNQUANTIZED = (
    "use the repository it was made from, with quantize='int8' or 'int4' (--quantize int8) if memory is short"
)
_MERGE = (
    "merge it into its base model with peft (PeftModel.from_pretrained(base, folder).merge_and_unload()), "
    "save the result with save_pretrained, and pass that folder"
)
_CONVERT_BACK = "use the repository it was converted from, which has .safetensors files and config.json"

_SUFFIXES = {
    ".gguf": ("weights for llama.cpp (GGUF)", _CONVERT_BACK),
    ".onnx": ("a graph for ONNX Runtime", _CONVERT_BACK),
    ".nemo": ("a NeMo archive", _TEXT_TO_SPEECH),
    **{
        suffix: (
            "a pickle; opening one can run any code hidden in it",
            "use a repository with .safetensors files, or convert it on a machine you can afford to lose",
        )
        for suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl")
    },
    **{suffix: ("an archive", "unpack it, and pass the folder") for suffix in (".zip", ".tar", ".gz", ".7z")},
}

_REALTIME = "VibeVoice-Realtime"
_TENSOR_KINDS = (
    (r"\.lora_(A|B|down|up|alpha|embedding_A|embedding_B)\b|\.dora_scale$", "a LoRA adapter", _MERGE),
    (r"^model\.tts_language_model\.", _REALTIME, _TEXT_TO_SPEECH),
    (
        r"\.(SCB|absmax|quant_map|nested_absmax)$|\.quant_state\.",
        "weights in bitsandbytes form",
        _UNQUANTIZED,
    ),
    (r"\.(qweight|qzeros|g_idx)$", "weights quantized with GPTQ or AWQ", _UNQUANTIZED),
    (
        r"\.(weight_scale(_inv)?|scale_weight|scale_input|input_scale)$|(^|\.)scaled_fp8$",
        "weights in scaled FP8",
        _UNQUANTIZED,
    ),
    (r"\.(scales|biases)$", "weights quantized with MLX", _UNQUANTIZED),
)


def snapshot_of(folder: Path, revision: str | None = None) -> Path:
    """Return the snapshot of a folder in the hub's cache; any other folder unchanged.

    Parameters
    ----------
    folder : Path
        For example ``.../hub/models--microsoft--VibeVoice-1.5B``, or its ``snapshots``.
    revision : str, optional
        Branch, tag or commit; by default ``main``, or the only snapshot there is.

    Raises
    ------
    CheckpointError
        If it has no snapshot, several of which none is marked, or is the cache of all models.

    Examples
    --------
    >>> snapshot_of(Path("my-model"))
    PosixPath('my-model')
    """
    if (folder / "config.json").exists():
        return folder
    root = folder.parent if folder.name == "snapshots" else folder
    if not (root / "snapshots").is_dir():
        for cache in (folder, folder / "hub"):
            if models := sorted(path.name for path in cache.glob("models--*")):
                ids = ", ".join(name.removeprefix("models--").replace("--", "/", 1) for name in models[:12])
                raise CheckpointError(
                    f"{folder} is the hub's cache of models",
                    "one model",
                    f"pass the id of one of them: {ids}",
                )
        return folder
    snapshots = sorted(path for path in (root / "snapshots").iterdir() if path.is_dir())
    wanted = revision or "main"
    marked = root / "refs" / wanted
    commit = marked.read_text("ascii", "replace")[:100].strip() if marked.is_file() else wanted
    for snapshot in snapshots:
        if snapshot.name == commit:
            return snapshot
    if len(snapshots) == 1 and revision is None:
        return snapshots[0]
    names = ", ".join(str(path) for path in snapshots[:12])
    raise CheckpointError(
        f"{root} holds {len(snapshots)} snapshots, none of them marked {wanted}",
        "a folder of the hub's cache with one snapshot, or with refs/main",
        f"pass one of them: {names}" if snapshots else "fetch the model again, by its id",
    )


def file_error(file: Path) -> CheckpointError:
    """Explain why a file is not a model, by its suffix and its neighbors."""
    kind, remedy = _SUFFIXES.get(file.suffix.lower(), ("a file", f"pass its parent folder, {file.parent}"))
    if kind == "a file" and not (file.parent / "config.json").exists():
        remedy = "put config.json of the model's repository beside it, and pass its parent folder"
    return CheckpointError(f"{file} is {kind}", "the folder that holds config.json and the weights", remedy)


def check_folder(folder: Path) -> None:
    """Raise for a folder that holds a model of another kind.

    Raises
    ------
    CheckpointError
        If it holds an adapter, files of another program, or the folder of a model.
    """
    weights = [path.name for path in folder.glob("*.safetensors")]
    adapters = [folder / "adapter_config.json", *sorted(folder.glob("*/adapter_config.json"))]
    for adapter in adapters:
        if adapter.is_file() and all(name.startswith("adapter") for name in weights):
            raise _adapter_error(adapter)
    if weights:
        return
    inner = sorted(path.parent for path in folder.glob("*/config.json"))
    if inner and not (folder / "config.json").exists():
        inner = [path for path in inner if any(path.glob("*.safetensors"))] or inner
        raise CheckpointError(
            f"{folder} holds no model itself, only folders with one",
            "the folder that holds config.json and the weights",
            f"pass {' or '.join(str(path) for path in inner[:4])}",
        )
    files = (path for pattern in ("*", "*/*") for path in folder.glob(pattern))
    check_file_names(str(folder), (path.relative_to(folder).as_posix() for path in files))
    if (folder / "model_index.json").is_file():
        raise CheckpointError(f"{folder} is a diffusers pipeline", "a VibeVoice checkpoint", _TEXT_TO_SPEECH)


def check_file_names(where: str, names: Iterable[str]) -> None:
    """Raise for files of another program, in a folder or repository without supported weights.

    Raises
    ------
    CheckpointError

    Examples
    --------
    >>> check_file_names("me/VibeVoice-GGUF", ["README.md", "VibeVoice-Q4_K_M.gguf"])
    Traceback (most recent call last):
    vibevoice_nb.errors.CheckpointError: me/VibeVoice-GGUF holds weights for llama.cpp (GGUF): VibeVoice-Q4...
    """
    for name in sorted(names):
        kind, remedy = _SUFFIXES.get(PurePosixPath(name).suffix.lower(), ("", ""))
        if kind and "pickle" not in kind:  # the loader lists all pickle files
            raise CheckpointError(f"{where} holds {kind}: {name[:200]}", "a VibeVoice checkpoint", remedy)


def check_config(data: Mapping[str, Any]) -> None:
    """Raise for the config.json of a model of another kind.

    Raises
    ------
    CheckpointError

    Examples
    --------
    >>> check_config({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]})
    Traceback (most recent call last):
    vibevoice_nb.errors.CheckpointError: config.json describes another model: qwen2 (Qwen2ForCausalLM). ...
    """
    if "peft_type" in data:
        raise CheckpointError("config.json describes a LoRA adapter", "a whole model", _MERGE)
    kind, classes = _kind_and_classes(data)
    words = f"{kind} {' '.join(classes)}".lower()
    if re.search(r"vibevoice_?asr", words):
        raise CheckpointError(
            "config.json describes VibeVoice-ASR, which turns speech into text",
            "a VibeVoice that turns text into speech",
            _TEXT_TO_SPEECH,
        )
    if re.match(r"vibevoice_(acoustic|semantic|diffusion)", str(kind)):
        raise CheckpointError(
            f"config.json describes only a part of a VibeVoice ({kind})", "a whole model", _TEXT_TO_SPEECH
        )
    names = words.split() or (["diffusers"] if "_class_name" in data else [])
    if names and not any("vibevoice" in name for name in names) and not any(key in data for key in _SECTIONS):
        named = f"{kind or 'one'} ({', '.join(classes)})" if classes else str(kind or data["_class_name"])
        raise CheckpointError(
            f"config.json describes another model: {named[:200]}", "a VibeVoice model", _TEXT_TO_SPEECH
        )
    _check_quantization(data)


def is_realtime(data: Mapping[str, Any]) -> bool:
    """Return true for the config.json of VibeVoice-Realtime.

    Examples
    --------
    >>> is_realtime({"model_type": "vibevoice_streaming"}), is_realtime({"model_type": "vibevoice"})
    (True, False)
    """
    kind, classes = _kind_and_classes(data)
    words = f"{kind} {' '.join(classes)}".lower()
    return "streaming" in words or "realtime" in words or "tts_backbone_num_hidden_layers" in data


def check_conversation(data: Mapping[str, Any]) -> None:
    """Raise for the config.json of a VibeVoice that is not for conversations.

    Raises
    ------
    CheckpointError
    """
    if is_realtime(data):
        raise CheckpointError(
            "config.json describes VibeVoice-Realtime, a streaming model for one speaker",
            "a VibeVoice for conversations (1.5B or 7B)",
            _TEXT_TO_SPEECH,
        )


def _kind_and_classes(data: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the model type and the classes that a config.json names."""
    kind = data.get("model_type") if isinstance(data.get("model_type"), str) else ""
    listed = data.get("architectures")
    classes = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    return str(kind), classes


def check_tensors(names: Iterable[str], *, realtime: bool = False) -> None:
    """Raise for tensors that only a model of another kind has.

    Parameters
    ----------
    names : iterable of str
    realtime : bool
        Whether the model is to be a VibeVoice-Realtime.

    Raises
    ------
    CheckpointError

    Examples
    --------
    >>> check_tensors(["model.language_model.layers.0.mlp.up_proj.qweight"])
    Traceback (most recent call last):
    vibevoice_nb.errors.CheckpointError: the files hold weights quantized with GPTQ or AWQ (model.lang...
    """
    for name in names:
        for pattern, kind, remedy in _TENSOR_KINDS:
            if re.search(pattern, name) and not (realtime and kind == _REALTIME):
                raise CheckpointError(
                    f"the files hold {kind} ({name[:200]})", "the weights of a VibeVoice model", remedy
                )


def _check_quantization(data: Mapping[str, Any]) -> None:
    sections = [data, *(value for value in data.values() if isinstance(value, Mapping))]
    for section in sections:
        for key in ("quantization_config", "compression_config", "quantization"):
            settings = section.get(key)
            if isinstance(settings, Mapping) and settings:
                method = settings.get("quant_method") or (
                    "MLX" if key == "quantization" else "another program"
                )
                raise CheckpointError(
                    f"config.json says that the weights are quantized with {str(method)[:60]}",
                    "weights in float32, bfloat16 or float16",
                    _UNQUANTIZED,
                )


def _adapter_error(adapter: Path) -> CheckpointError:
    base = read_json(adapter).get("base_model_name_or_path")
    of = f" for {base[:200]}" if isinstance(base, str) and base else ""
    return CheckpointError(f"{adapter.parent} is a LoRA adapter{of}", "a whole model", _MERGE)
