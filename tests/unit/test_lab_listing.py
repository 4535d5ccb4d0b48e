"""Listing of projects and voices for the sidebar: found within limits, described, and never changed."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vibevoice_nb import Project
from vibevoice_nb.errors import VoiceError
from vibevoice_nb.lab import listing, search
from vibevoice_nb.lab.listing import Listing, read_voice
from vibevoice_nb.lab.search import find_projects, folder_below
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.widgets.payloads import fault_in_payload

OLD = Path(__file__).parents[1] / "data" / "project_0_1_0"


@pytest.fixture(autouse=True)
def own_library(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBEVOICE_NB_HOME", str(tmp_path_factory.mktemp("library")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(OLD, tmp_path / "work" / "old.vibevoice")
    Project.create(tmp_path / "new", "Anna: Hello!\nBen: Hi.").close()
    return tmp_path


def files_of(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_projects_are_described_and_unchanged(root: Path) -> None:
    before = files_of(root)
    home = Listing().home(root, "")
    assert not fault_in_payload("Home", home)
    assert files_of(root) == before
    new, old = home["projects"]
    assert (new["path"], new["turns"], new["spoken"], new["seconds"]) == ("new.vibevoice", 2, 0, 0.0)
    assert (new["opening"], new["bars"]) == ("Anna: Hello!", [])
    assert (old["path"], old["turns"], old["spoken"]) == ("work/old.vibevoice", 3, 3)
    assert 4 < old["seconds"] < 6 and len(old["takes"]) == 4
    assert len(old["bars"]) == listing.BARS and max(old["bars"]) == 100


def test_the_last_used_comes_first_and_a_renamed_one_has_its_new_name(root: Path) -> None:
    later = time.time() + 1000
    os.utime(root / "work" / "old.vibevoice" / "project.json", (later, later))
    lists = Listing()
    assert [one["name"] for one in lists.home(root, "")["projects"]] == ["old", "new"]
    (root / "new.vibevoice").rename(root / "renamed.vibevoice")
    assert [one["name"] for one in lists.home(root, "")["projects"]] == ["old", "renamed"]


def test_changes_are_listed_and_the_rest_is_not_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists, read = Listing(), []
    lists.home(root, "")
    describe = listing.describe
    monkeypatch.setattr(listing, "describe", lambda *asked: read.append(asked[1]) or describe(*asked))
    lists.home(root, "")
    assert read == []
    with Project.open(root / "new") as project:
        project.script_text = "Anna: One more."
    names = {one["name"]: one["opening"] for one in lists.home(root, "")["projects"]}
    assert read == ["new.vibevoice"] and names["new"] == "Anna: One more."


def test_damaged_and_huge_projects(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "empty.vibevoice").mkdir()
    (root / "broken.vibevoice").mkdir()
    (root / "broken.vibevoice" / "project.json").write_text("[")
    (root / "file.vibevoice").touch()
    (root / "linked.vibevoice").symlink_to(root / "new.vibevoice")
    assert {one["name"] for one in Listing().home(root, "")["projects"]} == {"new", "old"}
    monkeypatch.setattr(listing, "MAX_TAKES", 2)
    old = next(one for one in Listing().home(root, "")["projects"] if one["name"] == "old")
    assert (old["turns"], old["bars"], old["takes"]) == (0, [], [])
    monkeypatch.setattr(listing, "MAX_PROJECTS", 1)
    home = Listing().home(root, "")
    assert len(home["projects"]) == 1 and home["incomplete"]


def test_without_a_disk_there_are_only_voices() -> None:
    home = Listing().home(None, "")
    assert home["projects"] == [] and "Ada" in [voice["name"] for voice in home["voices"]]


def test_the_search_has_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path.joinpath(*"abcdefghij", "deep.vibevoice")
    deep.mkdir(parents=True)
    (tmp_path / "node_modules" / "x.vibevoice").mkdir(parents=True)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "near" / "one.vibevoice").mkdir(parents=True)
    found = find_projects(tmp_path)
    assert [path.name for path in found.projects] == ["one.vibevoice"] and not found.incomplete
    monkeypatch.setattr(search, "MAX_FOLDERS", 2)
    assert find_projects(tmp_path).incomplete
    first = find_projects(tmp_path, deep.parent)
    assert [path.name for path in first.projects][:1] == ["deep.vibevoice"]
    assert find_projects(tmp_path, seconds=-1).incomplete


def test_a_link_as_root_lists_every_project_once(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    link = tmp_path_factory.mktemp("links") / "root"
    link.symlink_to(root)
    paths = [one["path"] for one in Listing().home(link, "work")["projects"]]
    assert sorted(paths) == ["new.vibevoice", "work/old.vibevoice"]


def test_the_limits_hold_within_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        (tmp_path / f"{number}.txt").touch()
    with monkeypatch.context() as patched:
        patched.setattr(search, "MAX_ENTRIES", 299)
        assert find_projects(tmp_path).incomplete
        patched.setattr(search, "MAX_ENTRIES", 300)
        assert not find_projects(tmp_path).incomplete
    clock = itertools.count(0, 0.01)
    monkeypatch.setattr(search, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert find_projects(tmp_path, seconds=1).incomplete
    assert not find_projects(tmp_path, seconds=10).incomplete


def test_the_number_of_found_projects_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / f"{number}.vibevoice").mkdir()
    monkeypatch.setattr(search, "MAX_FOUND", 3, raising=False)
    found = find_projects(tmp_path)
    assert len(found.projects) == 3 and found.incomplete


def test_descriptions_that_take_long_are_left_to_the_next_listing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe, now = listing.describe, [0.0]

    def slowly(path: Path, server_path: str) -> Any:
        now[0] += 5
        return describe(path, server_path)

    monkeypatch.setattr(listing, "describe", slowly)
    monkeypatch.setattr(listing, "time", SimpleNamespace(monotonic=lambda: now[0]), raising=False)
    lists = Listing()
    homes = [lists.home(root, "") for _ in range(3)]
    assert [(len(home["projects"]), home["incomplete"]) for home in homes] == [
        (1, True),
        (2, False),
        (2, False),
    ]


def test_a_folder_of_takes_is_not_read_beyond_its_limit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    takes, read = root / "work" / "old.vibevoice" / "takes", [0]

    @contextlib.contextmanager
    def endless(folder: Path) -> Iterator[Iterator[str]]:
        def names() -> Iterator[str]:
            while read[0] < 100_000:
                read[0] += 1
                yield "take"

        assert folder == takes
        yield names()

    monkeypatch.setattr(listing, "os", SimpleNamespace(scandir=endless), raising=False)
    described = listing.describe(takes.parent, "old.vibevoice")
    assert read == [listing.MAX_TAKES + 1] and described["turns"] == 0


@pytest.mark.parametrize("path", ["..", "../..", "a/../../..", "x\0y", "x" * 5000, "none", "link"])
def test_no_folder_outside_is_searched(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    assert folder_below(root, path) is None
    assert folder_below(root, "") == root.resolve()


def test_voices_of_the_library_have_waveforms_and_audio() -> None:
    hum = (0.1 * np.sin(np.arange(96_000) / 20)).astype(np.float32)
    VoiceLibrary().add(hum, name="My hum")
    voices = {voice["name"]: voice for voice in Listing().home(None, "")["voices"]}
    assert voices["My hum"]["kind"] == "library" and len(voices["My hum"]["bars"]) == listing.BARS
    assert min(len(voice["bars"]) for voice in voices.values()) == listing.BARS
    assert read_voice("my hum")[:4] == read_voice("Ada")[:4] == b"fLaC"


@pytest.mark.parametrize("name", ["", "..", "../voices/My hum", "/etc/passwd", "Ada\0", "ada.flac"])
def test_only_listed_voices_are_read(name: str) -> None:
    with pytest.raises(VoiceError):
        read_voice(name)


def test_the_server_does_not_import_torch() -> None:
    code = (
        "import sys, vibevoice_nb.lab.routes; quick = {'numpy', 'ipywidgets'} & set(sys.modules)\n"
        "from vibevoice_nb.lab.listing import Listing; from pathlib import Path\n"
        f"home = Listing().home(Path({str(OLD.parent)!r}), '')\n"
        "print(sorted(quick), 'torch' in sys.modules)"
    )
    pytest.importorskip("jupyter_server")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[0] == "[] False"
