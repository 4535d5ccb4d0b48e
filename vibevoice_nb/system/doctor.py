"""Check of an installation: what is installed, what is missing, and the command that fixes it."""

from __future__ import annotations

import errno
import importlib
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.machine import find_devices, in_gigabytes, usable_cores

Status = Literal["ok", "note", "warning", "missing"]

DISTRIBUTION = "vibevoice-nb"
HUB_SECONDS = 4.0
"""Seconds that the hub may take to answer."""
SPACE = 6e9
"""Bytes of disk that the smallest published model takes."""


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes
    ----------
    topic : str
    status : {"ok", "note", "warning", "missing"}
        A note needs no action; a warning concerns something that may be needed; without what is missing,
        the package cannot generate speech.
    found : str
    remedy : str
        A command or an action; empty if there is nothing to do.
    """

    topic: str
    status: Status
    found: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Run all checks and yield their findings; a failing check doesn't stop the others."""
    parts: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _packages,
        _sound,
        _devices,
        _products,
        _attention,
        _library,
        _disk,
        _hub,
        _nano,
        _programs,
    )
    for part in parts:
        try:
            yield from part()
        except ImportError as error:
            yield Finding(
                _topic(part), "missing", f"can't be imported: {error}", _install(error.name or "torch")
            )
        except (OSError, RuntimeError, VibeVoiceError) as error:
            yield Finding(_topic(part), "missing", str(error), "see the error")


def _topic(part: Callable[[], Iterator[Finding]]) -> str:
    return part.__name__.strip("_")


def _install(requirement: str) -> str:
    return f'{Path(sys.executable).name} -m pip install "{requirement}"'


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    fits = (3, 10) <= sys.version_info[:2] <= (3, 13)
    found = f"{version} on {platform.system()} {platform.machine()}, {sys.executable}"
    yield Finding("python", "ok" if fits else "warning", found, "" if fits else "use Python 3.10 to 3.13")


def _packages() -> Iterator[Finding]:
    """Compare installed versions with the requirements of this package."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or ()]
    except metadata.PackageNotFoundError:
        yield Finding(
            DISTRIBUTION,
            "warning",
            "run from the source folder without installation, so versions cannot be checked",
            f"{Path(sys.executable).name} -m pip install -e .",
        )
        wanted = [
            Requirement(name) for name in ("torch", "transformers", "diffusers", "accelerate", "tokenizers")
        ]
    for requirement in wanted:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield check_package(requirement.name, str(requirement.specifier))


def check_package(name: str, specifier: str) -> Finding:
    """Check one package against a version range.

    Examples
    --------
    >>> check_package("numpy", ">=1").status
    'ok'
    >>> check_package("no-such-package", ">=1").status
    'missing'
    """
    from packaging.specifiers import SpecifierSet

    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, "missing", "not installed", _install(name + specifier))
    if not SpecifierSet(specifier).contains(version, prereleases=True):
        return Finding(name, "missing", f"{version}, not {specifier}", _install(name + specifier))
    return Finding(name, "ok", version)


def _sound() -> Iterator[Finding]:
    """Load the libraries with native code."""
    import soundfile

    yield Finding("libsndfile", "ok", f"{soundfile.__libsndfile_version__}, in soundfile")
    lacking = [name for name in ("FLAC", "OGG", "MP3") if name not in soundfile.available_formats()]
    if lacking:
        yield Finding(
            "formats", "warning", f"cannot write {', '.join(lacking)}", _install("soundfile>=0.13.1")
        )
    import soxr

    yield Finding("libsoxr", "ok", f"{soxr.__libsoxr_version__}, in soxr")
    import av

    codec = ".".join(map(str, av.library_versions["libavcodec"]))
    yield Finding("ffmpeg", "ok", f"libavcodec {codec}, in av; the ffmpeg program is not needed")


def _devices() -> Iterator[Finding]:
    import torch

    yield Finding("torch build", "ok", f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU only")
    devices = find_devices()
    for device in devices:
        capability = f", compute capability {device.capability}" if device.capability else ""
        memory = f"{in_gigabytes(device.free)} of {in_gigabytes(device.total)} free"
        yield Finding(device.device, "ok", f"{device.name}{capability}, {memory}")
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        yield Finding(
            "GPU",
            "warning",
            "there is an NVIDIA GPU, but torch cannot use it",
            f"{_install('torch')} --force-reinstall, in a build for your driver's CUDA",
        )
    yield Finding("CPU threads", "ok", f"{torch.get_num_threads()} on {usable_cores()} usable cores")


def _products() -> Iterator[Finding]:
    """Report the CPU kernels for products, the reason for the choice, and the cost of fewer bits."""
    import torch

    from vibevoice_nb.model.kernels.choice import half_packing_problem, onednn_problem

    packing, onednn = half_packing_problem(), onednn_problem(torch.float32)
    plain = f"by torch's plain products ({onednn})" if onednn else "by oneDNN"
    if packing:
        found = f"{plain}; weights published in 16 bits take 32, twice the memory ({packing})"
        yield Finding(
            "float32 on the CPU", "note", found, "bfloat16 or float16 keep large matrices in 16 bits"
        )
    else:
        found = f"{plain}; weights published in 16 bits stay in 16 bits, by fbgemm"
        yield Finding("float32 on the CPU", "ok", found)
    for dtype in (torch.bfloat16, torch.float16):
        yield narrow_products(str(dtype).removeprefix("torch."), onednn_problem(dtype), packing)
    yield _quantized_products()


def narrow_products(dtype: str, onednn: str, packing: str) -> Finding:
    """Report the product of a 16-bit dtype on the CPU, given the reasons against oneDNN and fbgemm (or "").

    Examples
    --------
    >>> narrow_products("float16", "no hardware for it", "").found
    'multiplied in float32, by fbgemm (no hardware for it): about as fast as float32'
    """
    topic = f"{dtype} on the CPU"
    if not onednn:
        return Finding(topic, "ok", "in hardware, by oneDNN; the default for large models")
    if not packing:
        return Finding(topic, "ok", f"multiplied in float32, by fbgemm ({onednn}): about as fast as float32")
    found = (
        f"multiplied in float32 ({onednn}; {packing}): large matrices take half the memory of float32, "
        "a product of few rows up to twice the time"
    )
    return Finding(topic, "note", found, "float32 is faster if there is memory for it")


def _quantized_products() -> Finding:
    import torch

    from vibevoice_nb.model.kernels.quantized import GROUP, QUANTIZED

    weight = torch.randn(GROUP, 2 * GROUP, generator=torch.Generator().manual_seed(0))
    fused = [bits for bits, kind in QUANTIZED.items() if kind(weight, None).fused]
    widened = [bits for bits in QUANTIZED if bits not in fused]
    parts = [f"{' and '.join(fused)} by torch's fused products"] if fused else []
    parts += [f"{' and '.join(widened)} widened for each product, which is slow"] if widened else []
    return Finding("quantized on the CPU", "note" if widened else "ok", "; ".join(parts))


def _attention() -> Iterator[Finding]:
    from vibevoice_nb.model.loading.placement import pick_device, pick_dtype
    from vibevoice_nb.model.modules.attention import attention_name

    device = pick_device()
    dtype = pick_dtype(device)
    chosen = attention_name(device, dtype)
    yield Finding("choice", "ok", f"{device}, {str(dtype).removeprefix('torch.')}, attention by {chosen}")
    if chosen != "flash-attn":
        yield flash_attention(device.type)
    yield fused_kernels(device.type)


def fused_kernels(device: str) -> Finding:
    """Report whether fused kernels can be used on a type of device."""
    if device != "cuda":
        return Finding("fused kernels", "note", "not used; they need an NVIDIA GPU")
    from vibevoice_nb.model.kernels import cuda

    if not cuda.available():
        return Finding("fused kernels", "note", "not used; Triton is not installed", _install("triton"))
    return Finding(
        "fused kernels", "ok", "Triton is installed; they are used if a trial shows that they are faster"
    )


def flash_attention(device: str) -> Finding:
    """Report why flash-attn is not used on a type of device."""
    if device != "cuda":
        return Finding("flash-attn", "note", "not used; it needs an NVIDIA GPU")
    remedy = _install("flash-attn>=2.7") + " --no-build-isolation"
    try:
        importlib.import_module("flash_attn")
    except ModuleNotFoundError:
        return Finding("flash-attn", "note", "not installed; torch's own attention is used", remedy)
    except (ImportError, OSError, RuntimeError) as error:  # built for another torch
        return Finding("flash-attn", "warning", f"installed but broken: {error}", remedy)
    return Finding("flash-attn", "note", "installed; this GPU is too old for it (Ampere or later)")


def _existing(folder: Path) -> Path | None:
    """Find the innermost folder that exists; on a missing Windows drive there is none."""
    return next((path for path in (folder, *folder.parents) if path.exists()), None)


def _library() -> Iterator[Finding]:
    from vibevoice_nb.voices.library import VoiceLibrary

    library = VoiceLibrary()
    folder = library.folder
    there = _existing(folder)
    try:
        if there is None:
            raise FileNotFoundError(errno.ENOENT, "no folder above it exists")
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        yield Finding(
            "voice library",
            "warning",
            f"cannot write to {folder}: {error.strerror}",
            "export VIBEVOICE_NB_HOME=/path/to/a/folder",
        )
        return
    yield Finding("voice library", "ok", f"{folder}, {len(library.list())} voices")


def _disk() -> Iterator[Finding]:
    from huggingface_hub.constants import HF_HUB_CACHE

    cache = Path(HF_HUB_CACHE)
    there = _existing(cache)
    if there is None:
        yield Finding(
            "disk", "warning", f"no folder above {cache} exists", "export HF_HOME=/path/to/a/folder"
        )
        return
    free = shutil.disk_usage(there).free
    writable = os.access(there, os.W_OK)
    found = f"{in_gigabytes(free)} free for models in {cache}"
    if not writable:
        yield Finding("disk", "warning", f"cannot write to {cache}", "export HF_HOME=/path/to/a/folder")
    elif free < SPACE:
        yield Finding(
            "disk", "warning", f"{found}; the 1.5B model takes {in_gigabytes(SPACE)}", "hf cache prune"
        )
    else:
        yield Finding("disk", "ok", found)


def _hub() -> Iterator[Finding]:
    from huggingface_hub.constants import ENDPOINT, HF_HUB_OFFLINE

    if HF_HUB_OFFLINE:
        yield Finding("hub", "note", "HF_HUB_OFFLINE is set, so only downloaded models can be used")
        return
    problem = hub_problem(ENDPOINT)
    if problem is None:
        yield Finding("hub", "ok", f"{ENDPOINT} answers")
    else:
        found = f"{ENDPOINT} cannot be reached ({problem}); nano and local folders need no network"
        yield Finding("hub", "note", found, "check the connection, or set HF_ENDPOINT to a mirror")


def hub_problem(endpoint: str, seconds: float = HUB_SECONDS) -> str | None:
    """Return why the hub does not answer, or None; takes little more than `seconds`.

    Name resolution ignores timeouts, so the request runs in another thread, which is abandoned if it hangs.
    """
    answer: list[str | None] = []

    def ask() -> None:
        request = urllib.request.Request(endpoint, method="HEAD", headers={"User-Agent": DISTRIBUTION})
        try:
            with urllib.request.urlopen(request, timeout=seconds):
                answer.append(None)
        except urllib.error.HTTPError:  # any HTTP status means that it answers
            answer.append(None)
        except (OSError, ValueError) as error:
            answer.append(str(getattr(error, "reason", error)))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return answer[0] if answer else f"no answer in {seconds:g} s"


def _nano() -> Iterator[Finding]:
    """Load nano and generate half a second of audio."""
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.voices.builtin import builtin_voices

    reinstall = f"{Path(sys.executable).name} -m pip install --force-reinstall --no-deps {DISTRIBUTION}"
    try:
        began = time.perf_counter()
        engine = Engine.load("nano")
        loaded = time.perf_counter() - began
        voice = next(iter(builtin_voices().values()), None)
        if voice is None:
            yield Finding("nano", "missing", "its voices are missing", reinstall)
            return
        speech = engine.speak("Speaker 1: Hello.", max_seconds=0.5, seed=0)
    except VibeVoiceError as error:
        yield Finding("nano", "missing", str(error), reinstall)
        return
    yield Finding(
        "nano", "ok", f"loaded in {loaded:.1f} s, {speech.seconds:.1f} s of audio in {speech.elapsed:.1f} s"
    )


def _programs() -> Iterator[Finding]:
    if shutil.which("flite"):
        yield Finding("flite", "ok", str(shutil.which("flite")))
    else:
        yield Finding(
            "flite",
            "note",
            "not installed; only training the first nano uses it",
            "apt-get install flite",
        )
