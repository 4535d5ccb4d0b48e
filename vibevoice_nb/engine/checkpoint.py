"""Where a checkpoint is: a local folder, the embedded voice, or a hub repository with mirrors."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import CheckpointError

NANO = "nano"
NANO_FOLDER = Path(__file__).parent.parent / "nano"

MIRRORS: dict[str, tuple[str, ...]] = {
    "microsoft/VibeVoice-1.5B": ("vibevoice/VibeVoice-1.5B",),
    "vibevoice/VibeVoice-1.5B": ("microsoft/VibeVoice-1.5B",),
    "vibevoice/VibeVoice-7B": ("aoi-ot/VibeVoice-Large", "WestZhang/VibeVoice-Large-pt"),
    "WestZhang/VibeVoice-Large-pt": ("vibevoice/VibeVoice-7B", "aoi-ot/VibeVoice-Large"),
}
"""Repositories known to hold the same weights; repositories have vanished before."""

WANTED = ("*.json", "*.safetensors", "*.txt")
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_CONFIG_LIMIT = 10_000_000


def find_checkpoint(
    model: str | Path,
    *,
    revision: str | None = None,
    mirrors: Sequence[str] | None = None,
    wanted: Sequence[str] = WANTED,
) -> Path:
    """Find a checkpoint's folder, fetching it from the hub where needed.

    Parameters
    ----------
    model : str or Path
        ``"nano"``, a local folder, or a hub id such as ``"microsoft/VibeVoice-1.5B"``.
    revision : str, optional
        Branch, tag or commit on the hub. Mirrors are then not tried: a revision names one repository.
    mirrors : sequence of str, optional
        Repositories to try when the first one can't be fetched; by default the known mirrors of it.
    wanted : sequence of str
        Patterns of the files to fetch.

    Returns
    -------
    Path

    Raises
    ------
    CheckpointError
        Neither a folder nor a repository that can be fetched; every attempt is named.

    Examples
    --------
    >>> find_checkpoint("nano").name
    'nano'
    """
    if str(model) == NANO:
        return NANO_FOLDER
    try:
        folder = Path(model).expanduser()
        if folder.is_dir():
            return folder
        is_file = folder.exists()
    except (OSError, RuntimeError) as error:  # no such user, a folder above it unreadable, a name too long
        raise CheckpointError(
            f"{str(model)[:200]} can't be looked up ({error})",
            "a folder that can be read",
            "check the path and the permissions of the folders above it",
        ) from error
    if is_file:
        raise CheckpointError(
            f"{folder} is a file",
            "the folder that holds config.json and the weights",
            "pass its parent folder",
        )
    name = str(model)
    if isinstance(model, Path) or not _REPOSITORY.fullmatch(name):
        raise CheckpointError(
            f"no folder {name}",
            "'nano', a folder with config.json, or a hub id such as microsoft/VibeVoice-1.5B",
            "check the spelling of the path",
        )
    if mirrors is None:
        mirrors = () if revision else MIRRORS.get(name, ())
    return _fetch([name, *mirrors], revision, wanted)


def _fetch(repositories: list[str], revision: str | None, wanted: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    failures = []
    for repository in repositories:
        try:
            return Path(snapshot_download(repository, revision=revision, allow_patterns=list(wanted)))
        except (OSError, ValueError, HfHubHTTPError, HFValidationError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            failures.append(f"{repository}: {reason[0]}")
    raise CheckpointError(
        "no repository could be fetched: " + "; ".join(failures),
        "a hub repository that can be reached, or a copy already fetched",
        "check the connection and the id, log in with `hf auth login` if it is private, name a mirror, or "
        "pass the folder of a local copy",
    )


def read_json(path: Path) -> dict[str, Any]:
    """Read a small JSON object of a checkpoint.

    Raises
    ------
    CheckpointError
        Missing, unreadable, too large, or not a JSON object.
    """
    try:
        if path.stat().st_size > _CONFIG_LIMIT:
            raise CheckpointError(
                f"{path} has {path.stat().st_size} bytes", "a small JSON file", "fetch the checkpoint again"
            )
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"{path} can't be read ({error.strerror})",
            "a checkpoint folder with this file",
            "check the path and its permissions, or fetch the checkpoint again",
        ) from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, a number or a nesting beyond sense
        raise CheckpointError(
            f"{path} is not JSON ({error})", "a JSON object", "fetch the checkpoint again"
        ) from error
    if not isinstance(data, dict):
        raise CheckpointError(
            f"{path} holds {type(data).__name__}", "a JSON object", "fetch the checkpoint again"
        )
    return data


def revision_of(folder: Path) -> str:
    """Name a checkpoint's state: repository and commit of one from the hub, else a hash of its files.

    The hash is over config.json and the names and sizes of the weights: enough to tell checkpoints apart
    without reading gigabytes.

    Examples
    --------
    >>> revision_of(Path("hub/models--microsoft--VibeVoice-1.5B/snapshots/1904eae3"))
    'microsoft/VibeVoice-1.5B@1904eae3'
    >>> revision_of(NANO_FOLDER)[:7]
    'sha256:'
    """
    repository = folder.parent.parent.name
    if folder.parent.name == "snapshots" and repository.startswith("models--"):
        return f"{repository.removeprefix('models--').replace('--', '/')}@{folder.name}"
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for file in sorted(folder.glob("*.safetensors")):
        digest.update(f"{file.name} {file.stat().st_size}".encode())
    return f"sha256:{digest.hexdigest()[:16]}"
