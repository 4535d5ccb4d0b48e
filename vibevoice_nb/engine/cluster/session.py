"""Connection to a Ray cluster, or a small cluster of one's own on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from ...errors import OptionError, ServerError
from ...ranges import shown

LOCAL, AUTO = "local", "auto"
INSTALL = 'pip install "vibevoice-nb[serve]"'
OBJECT_STORE_BYTES = 128 << 20
"""Shared memory of a local cluster; audio is sent in parcels of a few kilobytes. Ray's least is 75 MiB."""

_ADDRESS = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}")


def is_installed() -> bool:
    """Return true if ray is installed; it is not imported."""
    return importlib.util.find_spec("ray") is not None


def is_address(text: str) -> bool:
    """Return true for the address of a cluster: `local`, `auto`, `HOST:PORT`.

    >>> [is_address(text) for text in ("local", "10.0.0.5:6379", "scripts/a.txt", "ray://head:10001")]
    [True, True, False, False]
    """
    return text in (LOCAL, AUTO) or _ADDRESS.fullmatch(text) is not None


def check_address(address: str) -> str:
    """Return an address, that of the environment (`RAY_ADDRESS`) or `local` if it is empty.

    Raises
    ------
    OptionError
        If it is not valid, or ray is not installed.
    """
    chosen = address or os.environ.get("RAY_ADDRESS") or LOCAL
    if chosen.startswith("ray://"):
        raise OptionError(
            f"the address {shown(chosen)} of a Ray client, which cannot receive audio while it is generated",
            "local, auto, or HOST:PORT of the cluster's head",
            "run the command on a node of the cluster, for example with `ray job submit`",
        )
    if not is_address(chosen):
        raise OptionError(
            f"the Ray address {shown(chosen)}", "local, auto or HOST:PORT", "write, for example, auto"
        )
    if not is_installed():
        raise OptionError("ray, which is not installed", "the package ray", INSTALL)
    return chosen


@contextlib.contextmanager
def connected(address: str = "") -> Iterator[Any]:
    """Connect to a cluster within the context; yield the module `ray`.

    A connection of this process is used as it is. A local cluster is stopped at the end, and no other one.

    Parameters
    ----------
    address : str
        `local` starts a cluster on this machine, `auto` finds the one of this node, `HOST:PORT` is the head
        of a cluster. By default, the environment's `RAY_ADDRESS`, or `local`.

    Raises
    ------
    OptionError
        If the address is not valid, or ray is not installed.
    ServerError
        If there is no cluster, or it does not start.
    """
    chosen = check_address(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when ray is imported
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # otherwise a warning
    import ray

    if ray.is_initialized():
        yield ray
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    folder = ""
    if chosen == LOCAL:
        folder = _private_folder()
        quiet |= {
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
            "_temp_dir": folder,
        }
    try:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # Ray prints notes; stdout is for results
                ray.init(address=chosen, **quiet)
        except Exception as error:  # ray raises plain Exception
            raise _not_connected(chosen, error) from error
        yield ray
    finally:
        ray.shutdown()  # stops the processes that this one started; only disconnects from other clusters
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _private_folder() -> str:
    """Create a folder with a short path: names of sockets have at most 103 bytes."""
    short = "/tmp" if sys.platform != "win32" and os.access("/tmp", os.W_OK) else None
    return tempfile.mkdtemp(prefix="vvnb-", dir=short)


def _not_connected(address: str, error: Exception) -> ServerError:
    reason = " ".join(str(error).split())[:300]
    if address == LOCAL:
        return ServerError(
            f"Ray did not start on this machine ({reason})",
            "a local Ray cluster within half a minute",
            "try again when the machine is less busy, or leave out --ray",
        )
    return ServerError(
        f"no Ray cluster at {address} ({reason})",
        "the address of a running cluster",
        "start one with `ray start --head`, or use --ray local",
    )
