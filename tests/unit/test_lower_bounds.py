"""The lower bounds of pyproject.toml are those that `make test-oldest` installs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from vibevoice_nb import __version__

ROOT = Path(__file__).parents[2]
# flash-attn needs an NVIDIA GPU; the others judge a voice in `make bench-voice`, and no test imports them.
UNTESTED = {"flash-attn", "distillmos", "resemblyzer"}
OWN = "vibevoice-nb"


def declared() -> dict[str, Version]:
    """Lower bound of every direct dependency, extras included."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    project = text[text.index("\ndependencies = [") : text.index("\n[project.scripts]")]
    lines = re.sub(r"^\s*#.*$", "", project, flags=re.MULTILINE)
    bounds: dict[str, Version] = {}
    for requirement in map(Requirement, re.findall(r'"([^"]+)"', lines)):
        name = canonicalize_name(requirement.name)
        if name == OWN:
            continue
        (lowest,) = (part.version for part in requirement.specifier if part.operator == ">=")
        assert bounds.setdefault(name, Version(lowest)) == Version(lowest), f"two bounds of {name}"
    return bounds


def pinned() -> dict[str, Version]:
    lines = (ROOT / "constraints" / "lowest.txt").read_text("utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    for pin in pins:
        assert [part.operator for part in pin.specifier] == ["=="], f"{pin} is no exact version"
    return {canonicalize_name(pin.name): Version(next(iter(pin.specifier)).version) for pin in pins}


def test_every_lower_bound_is_tested() -> None:
    bounds = declared()
    assert len(bounds) > 30 and {"torch", "typer", "gradio", "pytest-xdist"} <= set(bounds)
    assert {name: version for name, version in bounds.items() if name not in UNTESTED} == pinned()


def test_the_makefile_installs_them() -> None:
    assert "-c constraints/lowest.txt" in (ROOT / "Makefile").read_text("utf-8")


def test_python_and_the_extension_have_one_version() -> None:
    assert json.loads((ROOT / "labextension" / "package.json").read_text("utf-8"))["version"] == __version__
