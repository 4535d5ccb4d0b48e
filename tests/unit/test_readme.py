"""The README: its Python runs, its commands exist, its pictures and links are there, and it is short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for number, block in enumerate(blocks("python"), 1):
        exec(compile(block, f"README, Python {number}", "exec"), names)
    for file in ("episode.mp3", "episode.srt", "morning.wav", "episode.vibevoice/project.json"):
        assert (tmp_path / file).stat().st_size, file


def test_the_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    targets = [match[1] for line in lines if (match := re.match(r"make (\S+)", line))]
    assert targets and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)

    import typer

    from vibevoice_nb.cli.app import app

    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    used = {match[1] for line in lines if (match := re.search(r"vibevoice-nb (\w+)", line))}
    assert used and used <= known
    extras = {match for line in lines for match in re.findall(r'"\.\[(\w+)\]"', line)}
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert extras and all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)


def test_options_of_the_commands_exist() -> None:
    import typer

    from vibevoice_nb.cli.app import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    lines = [line.partition("#")[0] for block in blocks("bash") for line in block.splitlines()]
    for line in lines:
        if match := re.search(r"vibevoice-nb (\w+)(.*)", line):
            known = {option for parameter in commands[match[1]].params for option in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", match[2])) <= known, line


def test_links_and_pictures_are_there() -> None:
    places = [place for place in re.findall(r"\]\(([^)]+)\)", README) if "://" not in place]
    assert places and all((ROOT / place).is_file() for place in places)


def test_it_is_short_and_begins_with_a_picture_and_the_first_result() -> None:
    lines = README.splitlines()
    assert len(lines) < 150
    first_screen = "\n".join(lines[:20])
    for part in ("](docs/images/", "pip install", "--out hello.wav"):
        assert part in first_screen


def test_the_server_is_named_with_the_proxy_it_needs() -> None:
    assert "vibevoice-nb serve" in README and "proxy with TLS" in README
    remote = (ROOT / "docs" / "remote.md").read_text("utf-8")
    assert "a proxy with TLS is required" in remote and "(class.md)" in remote
