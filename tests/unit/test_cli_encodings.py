"""Names of any script on consoles and pipes that aren't UTF-8: commands finish, and JSON stays JSON."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vibevoice_nb.cli.terminal import print_json
from vibevoice_nb.nano import __file__ as nano
from vibevoice_nb.voices import VoiceLibrary

# A redirected stdout on Windows, a container without a locale, and one where file names are ASCII too.
SURROUNDINGS = {
    "cp1252": {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
    "ascii": {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.fixture(params=SURROUNDINGS)
def surroundings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONI", "LC_"))}
    return {**inherited, "VIBEVOICE_NB_HOME": str(tmp_path / "home"), **SURROUNDINGS[request.param]}


def run(folder: Path, surroundings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    paths = os.pathsep.join(filter(None, (os.getcwd(), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", "vibevoice_nb", *arguments],
        capture_output=True,
        cwd=folder,
        env={**surroundings, "PYTHONPATH": paths},
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    return done


def test_a_spoken_script_is_reported_in_json(tmp_path: Path, surroundings: dict[str, str]) -> None:
    pytest.importorskip("torch")
    (tmp_path / "脚本é.txt").write_text("王: Hello there.\n", encoding="utf-8")
    done = run(tmp_path, surroundings, "speak", "脚本é.txt", "--out", "😀é.wav", "--json", "--device", "cpu")
    assert done.returncode == 0 and done.stdout.isascii()
    about = json.loads(done.stdout)
    assert about["cast"] == {"王": "Ada"}
    assert Path(readable(about["file"])).name == "😀é.wav"
    assert (tmp_path / "😀é.wav").stat().st_size > 1000


def test_names_of_voices_and_models_are_shown(tmp_path: Path, surroundings: dict[str, str]) -> None:
    recording, model = tmp_path / "a.flac", tmp_path / "模型é"
    shutil.copy(Path(nano).parent / "voices" / "ada.flac", recording)
    VoiceLibrary(tmp_path / "home" / "voices").add(recording, name="王é")
    model.symlink_to(Path(nano).parent)
    listed = run(tmp_path, surroundings, "voices", "list")
    assert listed.returncode == 0 and b"library" in listed.stdout
    voices = json.loads(run(tmp_path, surroundings, "voices", "list", "--json").stdout)["voices"]
    assert readable(voices[-1]["name"]) == "王é"
    if pytest.importorskip("torch"):
        assert run(tmp_path, surroundings, "info", model.name).returncode == 0


def readable(name: str) -> str:
    """A file name that was read where file names are ASCII, as it is on disk."""
    return name.encode("utf-8", "surrogateescape").decode()


def test_errors_and_help_are_shown(tmp_path: Path, surroundings: dict[str, str]) -> None:
    missing = run(tmp_path, surroundings, "speak", "没有.txt")
    assert missing.returncode == 2 and b"No such file" in missing.stderr
    assert b"Usage" in run(tmp_path, surroundings, "speak", "--help").stdout


@pytest.mark.parametrize(
    ("encoding", "name", "line"),
    [
        ("utf-8", "王 é", '{"name": "王 é"}'),
        ("cp1252", "é", '{"name": "\\u00e9"}'),
        ("ascii", "😀", '{"name": "\\ud83d\\ude00"}'),
        ("utf-8", "a\udcff", '{"name": "a\\udcff"}'),  # a file name with a byte that isn't UTF-8
        ("utf-16", "é", '{"name": "\\u00e9"}'),
    ],
)
def test_json_is_readable_in_utf8_and_escaped_elsewhere(
    monkeypatch: pytest.MonkeyPatch, encoding: str, name: str, line: str
) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    print_json({"name": name})
    stdout.seek(0)
    assert stdout.read() == line + "\n" and json.loads(line) == {"name": name}
