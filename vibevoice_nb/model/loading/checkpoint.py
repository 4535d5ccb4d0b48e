"""Location of a checkpoint: a local folder, the embedded model, or a hub repository with mirrors."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from ...errors import CheckpointError, OptionError
from .model_kind import check_config, check_file_names, file_error, snapshot_of
from .plain_files import JSON_LIMIT, read_limited
from .plain_files import read_json as read_json

NANO = "nano"
NANO_FOLDER = Path(__file__).parents[2] / "nano"

MIRRORS: dict[str, tuple[str, ...]] = {
    "microsoft/VibeVoice-1.5B": ("vibevoice/VibeVoice-1.5B",),
    "vibevoice/VibeVoice-1.5B": ("microsoft/VibeVoice-1.5B",),
    "vibevoice/VibeVoice-7B": ("aoi-ot/VibeVoice-Large", "WestZhang/VibeVoice-Large-pt"),
    "WestZhang/VibeVoice-Large-pt": ("vibevoice/VibeVoice-7B", "aoi-ot/VibeVoice-Large"),
}
"""Repositories known to hold the same weights; repositories have vanished before."""

WANTED = ("*.json", "*.safetensors", "*.txt")
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_HUB = re.compile(r"(?i)https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<id>[^/?#]+/[^/?#]+)")


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
        ``"nano"``, a local folder (or that of a model in the hub's cache), or a hub id such as
        ``"microsoft/VibeVoice-1.5B"``.
    revision : str, optional
        Branch, tag or commit on the hub. Mirrors are then not tried: a revision names one repository.
    mirrors : sequence of str, optional
        Repositories to try when the first one can't be fetched; by default the known mirrors of it. A
        warning names the one that served. None are tried if it is empty.
    wanted : sequence of str
        Patterns of the files to fetch.

    Returns
    -------
    Path

    Raises
    ------
    CheckpointError
        If it is neither a folder nor a repository that can be fetched; every attempt is listed.

    Examples
    --------
    >>> find_checkpoint("nano").name
    'nano'
    """
    asked: object = model
    if not isinstance(asked, (str, os.PathLike)) or isinstance(os.fspath(asked), bytes):
        raise OptionError(f"a model of type {type(model).__name__}", "a name or a path", "use 'nano'")
    if str(model) == NANO:
        return NANO_FOLDER
    try:
        folder = Path(model).expanduser()
        if folder.is_dir():
            return snapshot_of(folder, revision)
        is_file = folder.exists()
    except (
        OSError,
        RuntimeError,
        UnicodeError,
    ) as error:  # unknown user, unreadable parent folder, name too long
        raise CheckpointError(
            f"{str(model)[:200]} can't be looked up ({error})",
            "a folder that can be read",
            "check the path and the permissions of the folders above it",
        ) from error
    if is_file:
        raise file_error(folder)
    name = str(model)
    if isinstance(model, Path) or not _REPOSITORY.fullmatch(name):
        address = _HUB.match(name)
        raise CheckpointError(
            f"no folder {name}",
            "'nano', a folder with config.json, or a hub id such as microsoft/VibeVoice-1.5B",
            f"write {address['id']}" if address else "check the spelling of the path",
        )
    return _fetch(repositories(name, revision, mirrors), revision, wanted)


def repositories(name: str, revision: str | None, mirrors: Sequence[str] | str | None) -> list[str]:
    """List the repositories to try for a model, in order; a revision belongs to one repository.

    Examples
    --------
    >>> repositories("microsoft/VibeVoice-1.5B", None, None)
    ['microsoft/VibeVoice-1.5B', 'vibevoice/VibeVoice-1.5B']
    >>> repositories("microsoft/VibeVoice-1.5B", None, [])
    ['microsoft/VibeVoice-1.5B']
    """
    if mirrors is None:
        mirrors = () if revision else MIRRORS.get(name, ())
    return [name, *([mirrors] if isinstance(mirrors, str) else mirrors)]


def warn_of_mirror(name: str, served: str, reason: str) -> None:
    """Warn that a model comes from another repository than the requested one."""
    if served.partition("@")[0] != name:
        message = f"{name} could not be fetched ({reason}); its mirror {served} is used instead"
        warnings.warn(message, UserWarning, stacklevel=3)


def mirror_of(name: str, revision: str) -> str:
    """Return the repository and commit that served a model, if it is not the requested one; else "".

    Parameters
    ----------
    name : str
        As requested.
    revision : str
        As `revision_of` returns it.

    Examples
    --------
    >>> mirror_of("vibevoice/VibeVoice-7B", "aoi-ot/VibeVoice-Large@1904eae3")
    'aoi-ot/VibeVoice-Large@1904eae3'
    >>> mirror_of("nano", "sha256:0f1e"), mirror_of("a/b", "a/b@1904eae3")
    ('', '')
    """
    other = "@" in revision and _REPOSITORY.fullmatch(name) and revision.partition("@")[0] != name
    return revision if other else ""


def _fetch(repositories: list[str], revision: str | None, wanted: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    failures = []
    weights = any("safetensors" in pattern for pattern in wanted)
    for repository in repositories:
        if weights:
            check_kind(repository, revision)
        try:
            folder = Path(snapshot_download(repository, revision=revision, allow_patterns=list(wanted)))
        except (OSError, ValueError, HfHubHTTPError, HFValidationError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            failures.append(f"{repository}: {reason[0]}")
        else:
            served = revision_of(folder)
            warn_of_mirror(repositories[0], served if "@" in served else repository, "; ".join(failures))
            return folder
    raise CheckpointError(
        "no repository could be fetched: " + "; ".join(failures),
        "a hub repository that can be reached, or a copy already fetched",
        "check the connection and the id, log in with `hf auth login` if it is private, name a mirror, or "
        "pass the folder of a local copy",
    )


def check_kind(repository: str, revision: str | None) -> None:
    """Raise for a repository with a model of another kind, before gigabytes of it are fetched.

    Other problems are reported by the download.
    """
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    try:
        config = Path(hf_hub_download(repository, "config.json", revision=revision))
    except LocalEntryNotFoundError:  # no connection
        return
    except EntryNotFoundError:
        try:
            names = HfApi().list_repo_files(repository, revision=revision)
        except (OSError, ValueError, HfHubHTTPError):
            return
        if not any(name.endswith(".safetensors") for name in names):
            check_file_names(repository, names)
    except (OSError, ValueError, HfHubHTTPError):
        return
    else:
        check_config(read_json(config))


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
    config = folder / "config.json"
    digest = hashlib.sha256(read_limited(config, JSON_LIMIT) if config.exists() else b"")
    for file in sorted(folder.glob("*.safetensors")):
        digest.update(f"{file.name} {file.stat().st_size}".encode())
    return f"sha256:{digest.hexdigest()[:16]}"
