"""Small Ray clusters for tests: nodes on this machine, which only the test that started them stops."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HIDDEN = Path(__file__).parent / "ray_path"


class SmallCluster:
    """A cluster whose nodes have little memory, no dashboard and chosen ports: they start in seconds."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster()
        self.head = self.add_node(num_cpus=1, include_dashboard=False)
        self.address: str = self._cluster.address

    def add_node(self, **options: Any) -> Any:
        names = "metrics_agent_port metrics_export_port dashboard_agent_listen_port runtime_env_agent_port"
        ports = dict(zip(names.split(), _free_ports(4), strict=True))
        quiet = {"object_store_memory": 80 << 20, "include_log_monitor": False}
        return self._cluster.add_node(**ports, **quiet, **options)

    def remove_node(self, node: Any, *, allow_graceful: bool = False) -> None:
        self._cluster.remove_node(node, allow_graceful=allow_graceful)

    def shutdown(self) -> None:
        self._cluster.shutdown()


def environment() -> dict[str, str]:
    """Environment of Ray's processes: this checkout, and no package that slows down their start."""
    path = os.pathsep.join([str(HIDDEN), str(Path(__file__).parents[1]), *filter(None, sys.path)])
    return {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}


@contextmanager
def cluster() -> Iterator[SmallCluster]:
    """A cluster of one node with one CPU; `add_node` adds more."""
    before = {name: os.environ.get(name) for name in environment()}
    os.environ.update(environment())
    try:
        started = SmallCluster()
        try:
            yield started
        finally:
            started.shutdown()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
