"""The voice library survives crashes and damage, and its names are unique."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_helpers import nobody, small_disk
from voice_helpers import library, own_home, shipped, speech

from vibevoice_nb.audio.io import dbfs
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import VoiceError
from vibevoice_nb.voices import Voice, VoiceLibrary, load_voice

__all__ = ["library", "own_home", "shipped"]  # fixtures


def test_a_library_from_the_first_voice_to_the_last(tmp_path: Path, library: VoiceLibrary) -> None:
    assert library.list() == [] and "anna" not in library
    recording = tmp_path / "Aufnahme 1.wav"
    soundfile.write(recording, np.stack([speech(4.0)] * 2, 1), SAMPLE_RATE)
    added = library.add(recording, name="Anna", consent=True)
    assert "anna" in library and "Ann" not in library

    (entry,) = VoiceLibrary(library.folder).list()
    assert (entry.name, entry.original, entry.consent, entry.sha256) == (
        "Anna",
        "Aufnahme 1.wav",
        True,
        added.sha256,
    )
    assert entry.seconds == added.seconds and entry.added.endswith("+00:00")
    assert [check.code for check in entry.checks] == ["stereo"]

    recording.unlink()
    got = library.get("ANNA")
    assert got.sha256 == added.sha256 and got.name == "Anna" and got.checks == added.checks
    np.testing.assert_array_equal(got.audio, added.audio)
    assert dbfs(got.audio) == pytest.approx(-25, abs=0.01)
    assert sorted(os.listdir(library.folder / "Anna")) == ["voice.flac", "voice.json"]

    library.rename("anna", "Änne")
    library.rename("Änne", "änne")
    assert [entry.name for entry in library.list()] == ["änne"]
    library.remove("änne")
    assert library.list() == [] and os.listdir(library.folder) == []


def test_a_voice_goes_in_as_a_voice_and_by_its_own_name(tmp_path: Path, library: VoiceLibrary) -> None:
    soundfile.write(tmp_path / "bert.ogg", speech(), SAMPLE_RATE)
    voice = load_voice(tmp_path / "bert.ogg")
    kept = library.add(voice)
    assert kept.name == "bert" and not library.list()[0].consent
    np.testing.assert_allclose(kept.audio, voice.audio, atol=1e-6)
    loud = Voice("loud", speech(level=3.0), "array")
    assert np.abs(library.add(loud).audio).max() <= 1


def test_names_are_unique(library: VoiceLibrary, shipped: Path) -> None:
    library.add(speech(), name="Anna")
    library.add(speech(), name="Bert")
    before = library.get("Anna").sha256
    for name in ("Anna", "ANNA", " anna", "Ada", "ADA"):
        with pytest.raises(VoiceError, match="already used"):
            library.add(speech(6.0), name=name)
        with pytest.raises(VoiceError, match="already used"):
            library.rename("Bert", name)
    assert library.get("Anna").sha256 == before
    assert sorted(os.listdir(library.folder)) == ["Anna", "Bert"]


def test_two_processes_that_add_a_name_at_once(
    library: VoiceLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VoiceLibrary, "_check_free", lambda self, name: None)  # both have looked already
    outcomes: list[str] = []

    def add(seed: int) -> None:
        try:
            outcomes.append(library.add(speech(3.5, seed), name="Anna").sha256)
        except VoiceError as exc:
            outcomes.append(str(exc))

    threads = [threading.Thread(target=add, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("already used in the library" in outcome for outcome in outcomes) == 3
    assert library.get("Anna").sha256 in outcomes
    assert os.listdir(library.folder) == ["Anna"]


def test_an_unusable_recording_leaves_nothing(library: VoiceLibrary) -> None:
    with pytest.raises(VoiceError, match="no speech found"):
        library.add(np.zeros(72000, np.float32), name="Anna")
    assert not library.folder.exists()


def test_a_damaged_finding_is_no_loss_of_the_voice(library: VoiceLibrary) -> None:
    library.add(speech(), name="Anna")
    file = library.folder / "Anna" / "voice.json"
    finding = {"code": "noisy", "severity": "info", "message": "m", "measured": 9, "limit": 20, "remedy": "r"}
    damaged = {**json.loads(file.read_text("utf-8")), "checks": [{**finding, "unit": "dB"}, {"code": 5}]}
    file.write_text(json.dumps(damaged), "utf-8")
    assert [check.code for check in library.get("Anna").checks] == ["noisy"]
    (entry,) = library.list()
    assert [check.limit for check in entry.checks] == [20.0]


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"version": 2}',
        b'{"version": 1}',
        b"\xff",
        b"[" * 60000,
        b'{"version":1,' + b" " * 70000,
    ],
)
def test_a_damaged_manifest_is_named_and_the_others_stay(library: VoiceLibrary, manifest: bytes) -> None:
    library.add(speech(), name="Anna")
    library.add(speech(), name="Bert")
    (library.folder / "Anna" / "voice.json").write_bytes(manifest)
    with pytest.raises(VoiceError, match="'Anna' in the library is damaged"):
        library.get("Anna")
    with pytest.warns(UserWarning, match="'Anna'"):
        assert [entry.name for entry in library.list()] == ["Bert"]
    library.remove("Anna")
    library.add(speech(), name="Anna")


def test_damaged_audio_is_never_used(library: VoiceLibrary) -> None:
    library.add(speech(), name="Anna")
    path = library.folder / "Anna" / "voice.flac"
    data = path.read_bytes()
    for content in (data[: len(data) // 2], b"", b"text"):
        path.write_bytes(content)
        with pytest.raises(VoiceError, match="damaged"):
            library.get("Anna")
    path.unlink()
    soundfile.write(path, speech(), SAMPLE_RATE)
    with pytest.raises(VoiceError, match="does not match its recorded checksum"):
        library.get("Anna")


def test_strangers_in_the_folder_are_left_alone(tmp_path: Path, library: VoiceLibrary) -> None:
    library.add(speech(), name="Anna")
    (library.folder / "notes.txt").write_text("mine")
    (library.folder / ".adding-x").mkdir()
    assert [entry.name for entry in library.list()] == ["Anna"]
    blocked = VoiceLibrary(library.folder / "notes.txt")
    assert blocked.list() == []
    with pytest.raises(VoiceError, match="the voice library"):
        blocked.add(speech(), name="Anna")


def test_a_full_disk_leaves_the_library_as_it_was(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        library = VoiceLibrary(disk)
        noise = np.random.default_rng(0).standard_normal(200_000).astype(np.float32) * speech(
            200_000 / 24_000
        )
        with pytest.raises(VoiceError, match="full"):
            library.add(noise, name="Anna")
        assert os.listdir(disk) == []


def test_a_library_that_cannot_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    VoiceLibrary(folder).add(speech(), name="Anna")
    folder.chmod(0)
    with nobody(), pytest.raises(VoiceError, match="the voice library"):
        VoiceLibrary(folder).list()
    folder.chmod(0o700)


def test_where_the_library_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert VoiceLibrary().folder == tmp_path / "home" / "voices"
    monkeypatch.delenv("VIBEVOICE_NB_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert VoiceLibrary().folder == tmp_path / "data" / "vibevoice-nb" / "voices"
    monkeypatch.setenv("HOME", str(tmp_path))
    for unset in ("", "relative/path"):
        monkeypatch.setenv("XDG_DATA_HOME", unset)
        assert VoiceLibrary().folder == tmp_path / ".local" / "share" / "vibevoice-nb" / "voices"
    assert list(tmp_path.iterdir()) == []


def test_kill_9_while_adding_leaves_no_half_voice(library: VoiceLibrary) -> None:
    program = (
        "import os, sys, numpy as np, vibevoice_nb.voices.library as v\n"
        "v.write_atomically = lambda *args, **kwargs: os.kill(os.getpid(), 9)\n"
        "v.VoiceLibrary(sys.argv[1]).add(0.1 * np.sin(np.arange(96000) / 20), name='Anna')\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", program, str(library.folder)], env=env, check=False)
    assert done.returncode == -9
    assert library.list() == []
    library.add(speech(), name="Anna")
    assert library.get("Anna").seconds > 4
