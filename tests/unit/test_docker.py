"""Containers agree with the project: extras, options, versions, and no root and no secrets.

Nothing is built here.
"""

from __future__ import annotations

import re
import shlex
import types
from pathlib import Path
from typing import Any

import pytest
import typer
from async_helpers import run as run_apart

from vibevoice_nb.cli.app import app
from vibevoice_nb.engine.remote.address import INSECURE, SERVER, TOKEN

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
FILES = sorted(DOCKER.glob("Dockerfile*"))
yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


def instructions(file: Path) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, with continued lines joined."""
    text = re.sub(r"^#.*\n", "", file.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]  # type: ignore[misc]


def extras() -> set[str]:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    section = text[text.index("[project.optional-dependencies]") : text.index("[project.scripts]")]
    return set(re.findall(r"^(\w+) = \[", section, re.MULTILINE))


def options(command: str) -> set[str]:
    group: Any = typer.main.get_command(app)
    return {name for parameter in group.commands[command].params for name in parameter.opts}


def test_there_are_three_images() -> None:
    assert [file.name for file in FILES] == ["Dockerfile", "Dockerfile.cpu", "Dockerfile.hub"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_images_are_pinned_unprivileged_and_checked(file: Path) -> None:
    found = instructions(file)
    bases = [value for name, value in found if name == "FROM"]
    assert all(re.search(r":[\w.-]*\d", base) and "latest" not in base for base in bases)
    assert [value for name, value in found if name == "USER"][-1] == "10001"
    assert any(name == "HEALTHCHECK" for name, _ in found)
    assert not re.search(r"(?i)(token|password|secret)\s*=", file.read_text("utf-8"))
    used = set(re.findall(r"\.\[([\w,]+)\]", file.read_text("utf-8")).pop().split(","))
    assert used <= extras()


@pytest.mark.parametrize("file", FILES[:2], ids=lambda file: file.name)
def test_the_command_has_these_options(file: Path) -> None:
    command = yaml.safe_load(next(value for name, value in instructions(file) if name == "CMD"))
    assert {word for word in command if word.startswith("--")} <= options(command[0])


def test_files_that_are_copied_exist() -> None:
    for file in FILES:
        for name, value in instructions(file):
            words = [word for word in shlex.split(value) if not word.startswith("--")]
            if name == "COPY" and "--from" not in value:
                assert all((ROOT / word).exists() for word in words[:-1])
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"]
    assert kept and all((ROOT / name).exists() for name in kept)


def test_compose_starts_the_server_and_the_hub() -> None:
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    assert set(compose["services"]) == {"server", "hub"}
    for service in compose["services"].values():
        build = service["build"]
        assert (DOCKER / build["context"] / build["dockerfile"]).resolve() in FILES
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source.startswith("./") or source in compose["volumes"]
    hub = compose["services"]["hub"]
    assert (
        set(hub["secrets"]) <= set(compose["secrets"]) and hub["environment"][SERVER] == "http://server:8000"
    )
    assert hub["depends_on"]["server"]["condition"] == "service_healthy"


def test_the_hub_gives_every_student_their_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the configuration, with an object that takes any setting in place of JupyterHub's."""
    from collections import defaultdict

    (tmp_path / "tokens").write_text("anna aaa\nben bbb\n")
    monkeypatch.setenv("VIBEVOICE_NB_TOKENS", str(tmp_path / "tokens"))
    monkeypatch.setenv(SERVER, "http://server:8000")
    monkeypatch.setenv(INSECURE, "1")
    sections: dict[str, types.SimpleNamespace] = defaultdict(types.SimpleNamespace)

    class Config:
        def __getattr__(self, name: str) -> types.SimpleNamespace:
            return sections[name]

    code = (DOCKER / "jupyterhub_config.py").read_text("utf-8")
    exec(compile(code, "jupyterhub_config.py", "exec"), {"get_config": Config})
    spawner = types.SimpleNamespace(environment={}, user=types.SimpleNamespace(name="ben"))
    run_apart(sections["Spawner"].pre_spawn_hook(spawner))
    assert spawner.environment == {SERVER: "http://server:8000", TOKEN: "bbb", INSECURE: "1"}
    assert sections["Authenticator"].allowed_users == {"anna", "ben"}


def test_the_ray_cluster_has_a_gpu_for_each_worker() -> None:
    cluster = yaml.safe_load((DOCKER / "kuberay.yaml").read_text("utf-8"))
    assert (cluster["apiVersion"], cluster["kind"]) == ("ray.io/v1", "RayCluster")
    spec = cluster["spec"]
    bound = re.search(r"^ray==(.*)$", (ROOT / "constraints" / "lowest.txt").read_text("utf-8"), re.MULTILINE)
    assert bound and spec["rayVersion"] == bound[1] and spec["enableInTreeAutoscaling"] is True
    (group,) = spec["workerGroupSpecs"]
    assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    (worker,) = group["template"]["spec"]["containers"]
    (head,) = spec["headGroupSpec"]["template"]["spec"]["containers"]
    assert worker["image"] == head["image"] and worker["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert worker["resources"]["limits"] == worker["resources"]["requests"]
    for template in (group["template"], spec["headGroupSpec"]["template"]):
        assert template["spec"]["securityContext"]["runAsUser"] == 10001
