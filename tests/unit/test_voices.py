"""Voices: what is wrong with a recording is said, a library survives anything, a name is never a path."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_helpers import nobody, small_disk
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

import vibevoice_nb.voices as voices
from vibevoice_nb.audio import SAMPLE_RATE, dbfs, read_audio
from vibevoice_nb.errors import VoiceError
from vibevoice_nb.recordings import active_span
from vibevoice_nb.voices import (
    Voice,
    VoiceLibrary,
    builtin_voices,
    check_voice,
    clean_name,
    load_voice,
    resolve_voice,
)


def speech(seconds: float = 5.0, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """Something with the rhythm of speech: noisy syllables of 0.2 s, a pause after every fourth."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    syllable = np.clip(np.sin(np.pi * time / 0.2) ** 2 * 1.5 - 0.05, 0, 1) * (np.floor(time / 0.2) % 5 != 4)
    carrier = np.sin(2 * np.pi * 130 * time) + 0.3 * rng.standard_normal(time.size)
    return (level * syllable * carrier + 1e-5 * rng.standard_normal(time.size)).astype(np.float32)


def codes(audio: np.ndarray, **file: object) -> list[str]:
    return [check.code for check in check_voice(audio)]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBEVOICE_NB_HOME", str(tmp_path / "home"))


@pytest.fixture
def library(tmp_path: Path) -> VoiceLibrary:
    return VoiceLibrary(tmp_path / "library")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A catalogue of two built-in voices, so that these tests don't depend on the trained ones."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    for seed, name in enumerate(("ada", "ben")):
        soundfile.write(folder / f"{name}.flac", speech(4.0, seed), SAMPLE_RATE)
    entries = [
        {"name": n.title(), "description": f"{n}'s voice", "file": f"{n}.flac"} for n in ("ada", "ben")
    ]
    (folder / "voices.json").write_text(json.dumps(entries))
    monkeypatch.setattr(voices, "_BUILTIN", folder)
    yield folder


# Loading and checking


def test_a_good_recording_has_nothing_to_complain_about(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "anna.wav", speech(), SAMPLE_RATE)
    voice = load_voice(tmp_path / "anna.wav")
    assert voice.name == "anna" and voice.checks == ()
    assert voice.audio.dtype == np.float32 and voice.audio.ndim == 1
    assert dbfs(voice.audio) == pytest.approx(-25.0, abs=0.01)
    assert voice.sha256 == hashlib.sha256(voice.audio.tobytes()).hexdigest()
    assert voice.source == str(tmp_path / "anna.wav")
    assert voice.info is not None and voice.info.format == "WAV"


def test_silence_is_trimmed_gently() -> None:
    audio = np.concatenate([np.zeros(48000), speech(4.0), np.zeros(24000)]).astype(np.float32)
    voice = load_voice(audio)
    assert 3.8 < voice.seconds < 4.3
    start, stop = active_span(audio)
    assert 48000 - 2900 <= start <= 48000 and 48000 + 3.6 * 24000 <= stop <= 48000 + 4.2 * 24000
    untouched = load_voice(audio, trim=False, normalise=False)
    np.testing.assert_array_equal(untouched.audio, audio)
    assert untouched.audio is not audio


def test_trimming_survives_an_offset_a_click_and_a_soft_end() -> None:
    body = speech(4.0)
    body[-12000:] *= 0.1  # 20 dB softer
    audio = np.concatenate([np.zeros(48000, np.float32), body]) + np.float32(0.2)
    audio[1000] = 1.0
    start, stop = active_span(audio)
    assert start <= 1000 and stop >= audio.size - 5000
    audio[1000] = 0.2
    assert 45000 < active_span(audio)[0] <= 48000


@pytest.mark.parametrize(
    ("audio", "code", "severity"),
    [
        (speech(2.0), "too_short", "warning"),
        (speech(0.15), "too_short", "error"),
        (speech(70.0), "too_long", "warning"),
        (speech(601.0), "too_long", "error"),
        (np.zeros(72000, np.float32), "silent", "error"),
        (speech() * np.float32(1e-3), "silent", "error"),
        (np.clip(speech() * 30, -1, 1), "clipped", "warning"),
        (np.concatenate([speech(1.0), np.zeros(96000, np.float32)] * 3), "mostly_silent", "warning"),
        (
            speech() + 0.02 * np.random.default_rng(1).standard_normal(120000).astype(np.float32),
            "noisy",
            "warning",
        ),
    ],
)
def test_each_flaw_is_found_alone(audio: np.ndarray, code: str, severity: str) -> None:
    checks = check_voice(audio)
    assert [(check.code, check.severity) for check in checks] == [(code, severity)]
    beyond = checks[0].measured < checks[0].limit if code in ("too_short", "silent", "noisy") else None
    assert beyond if beyond is not None else checks[0].measured > checks[0].limit
    assert checks[0].message and checks[0].remedy
    if severity == "error":
        with pytest.raises(VoiceError, match=checks[0].message.split()[0]):
            load_voice(audio)
    else:
        assert [check.code for check in load_voice(audio).checks] == [code]


@pytest.mark.parametrize("snr", [0, 5, 10, 25, 35])
def test_noise_is_told_by_its_level(snr: float) -> None:
    audio = speech(8.0)
    noise = np.random.default_rng(2).standard_normal(audio.size).astype(np.float32)
    noisy = audio + noise * np.float32(np.sqrt(np.mean(audio**2)) * 10 ** (-snr / 20))
    assert ("noisy" in codes(noisy)) == (snr <= 10)


def test_the_file_counts_too(tmp_path: Path) -> None:
    import soxr

    stereo = np.stack([speech(), np.zeros(120000, np.float32)], 1)
    soundfile.write(tmp_path / "stereo.flac", stereo, SAMPLE_RATE)
    assert [(c.code, c.severity) for c in load_voice(tmp_path / "stereo.flac").checks] == [("stereo", "info")]
    soundfile.write(tmp_path / "phone.wav", soxr.resample(speech(), SAMPLE_RATE, 8000), 8000)
    assert [c.code for c in load_voice(tmp_path / "phone.wav").checks] == ["narrow_band"]
    # Clipping is measured in the file: resampling and averaging hide it.
    loud = np.clip(soxr.resample(speech(), SAMPLE_RATE, 44100) * 30, -1, 1)
    soundfile.write(tmp_path / "loud.wav", np.stack([loud, loud * 0], 1), 44100)
    assert [c.code for c in load_voice(tmp_path / "loud.wav").checks] == ["clipped", "stereo"]


def test_files_that_are_no_voice(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech(), SAMPLE_RATE)
    soundfile.write(tmp_path / "a.flac", speech(), SAMPLE_RATE)
    for name in ("a.wav", "a.flac"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / f"cut-{name}").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.wav").write_text("Speaker 1: Hello.\n" * 100)
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "long.flac", np.zeros(601 * SAMPLE_RATE), SAMPLE_RATE)
    for name, words in {
        "text.wav": "a text file",
        "empty.wav": "0 bytes",
        "cut-a.wav": "truncated",
        "cut-a.flac": "truncated",
        "long.flac": "at most 600 s",
        "missing.wav": "no such file",
    }.items():
        for load in (load_voice, resolve_voice):
            with pytest.raises(VoiceError, match=words):
                load(str(tmp_path / name))


def test_arrays_that_are_no_voice() -> None:
    for bad in (np.zeros((2, 72000), np.float32), np.zeros(72000, np.int16), np.full(72000, np.nan)):
        with pytest.raises(VoiceError):
            load_voice(bad)


@settings(max_examples=40)
@given(
    size=st.integers(0, 30_000),
    level=st.sampled_from([0.0, 1e-9, 1e-3, 0.5, 3.0, 1e20]),
    offset=st.sampled_from([0.0, -0.3]),
)
def test_no_array_breaks_the_checks(size: int, level: float, offset: float) -> None:
    audio = (np.random.default_rng(size).standard_normal(size) * level + offset).astype(np.float32)
    for check in check_voice(audio):
        assert np.isfinite(check.measured) and np.isfinite(check.limit)
    try:
        voice = load_voice(audio)
    except VoiceError:
        return
    assert 0 < voice.audio.size <= size and np.isfinite(voice.audio).all() and np.abs(voice.audio).max() <= 1


# Names


@pytest.mark.parametrize(
    "name",
    [
        "../anna",
        "..",
        ".",
        "",
        "  ",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "a\0b",
        "a\nb",
        ".hidden",
        "dot.",
        "C:anna",
        "con",
        "NUL.txt",
        "lpt1",
        "x" * 121,
        "声" * 41,
        "a\u202eb",
        "\ud800",
        "a=b",
        "a*b",
        "~",
    ],
)
def test_names_that_are_refused(library: VoiceLibrary, name: str) -> None:
    with pytest.raises(VoiceError, match="voice name"):
        clean_name(name)
    with pytest.raises(VoiceError, match="voice name"):
        library.add(speech(), name=name)
    library.add(speech(), name="ok")
    with pytest.raises(VoiceError, match="voice name"):
        library.rename("ok", name)
    for use in (library.get, library.remove):
        with pytest.raises(VoiceError):
            use(name)
    assert os.listdir(library.folder) == ["ok"]


@pytest.mark.parametrize(
    "name", ["Anna", "Anna-Lena (old)", "Zoë", "Zoe\u0308", "山田 太郎", "О'Нил", "r2.d2", "हिन्दी"]
)
def test_names_of_the_world(library: VoiceLibrary, name: str) -> None:
    library.add(speech(), name=f" {name} ")
    assert library.get(name).name == clean_name(name)
    assert library.get(name.upper()).name == clean_name(name)
    assert resolve_voice(name, library).source == "library"


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=150))
@example("a" * 120)
@example("..\u2215etc")
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    try:
        cleaned = clean_name(name)
    except VoiceError:
        return
    assert clean_name(cleaned) == cleaned
    path = tmp_path / "names" / cleaned
    assert os.path.dirname(os.path.normpath(path)) == str(tmp_path / "names")
    path.mkdir(parents=True)
    assert os.listdir(path.parent) == [cleaned]
    path.rmdir()


# The library


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


def test_a_name_is_given_once(library: VoiceLibrary, shipped: Path) -> None:
    library.add(speech(), name="Anna")
    library.add(speech(), name="Bert")
    before = library.get("Anna").sha256
    for name in ("Anna", "ANNA", " anna", "Ada", "ADA"):
        with pytest.raises(VoiceError, match="has"):
            library.add(speech(6.0), name=name)
        with pytest.raises(VoiceError, match="has"):
            library.rename("Bert", name)
    assert library.get("Anna").sha256 == before
    assert sorted(os.listdir(library.folder)) == ["Anna", "Bert"]


def test_two_who_take_a_name_at_once(library: VoiceLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert sum("which the library has" in outcome for outcome in outcomes) == 3
    assert library.get("Anna").sha256 in outcomes
    assert os.listdir(library.folder) == ["Anna"]


def test_an_unusable_recording_leaves_nothing(library: VoiceLibrary) -> None:
    with pytest.raises(VoiceError, match="nothing is heard"):
        library.add(np.zeros(72000, np.float32), name="Anna")
    assert not library.folder.exists()


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


def test_damaged_audio_is_never_spoken_with(library: VoiceLibrary) -> None:
    library.add(speech(), name="Anna")
    path = library.folder / "Anna" / "voice.flac"
    data = path.read_bytes()
    for content in (data[: len(data) // 2], b"", b"text"):
        path.write_bytes(content)
        with pytest.raises(VoiceError, match="damaged"):
            library.get("Anna")
    path.unlink()
    soundfile.write(path, speech(), SAMPLE_RATE)
    with pytest.raises(VoiceError, match="isn't what was added"):
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
        "import os, sys, numpy as np, vibevoice_nb.voices as v\n"
        "v.write_atomically = lambda *args, **kwargs: os.kill(os.getpid(), 9)\n"
        "v.VoiceLibrary(sys.argv[1]).add(0.1 * np.sin(np.arange(96000) / 20), name='Anna')\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", program, str(library.folder)], env=env, check=False)
    assert done.returncode == -9
    assert library.list() == []
    library.add(speech(), name="Anna")
    assert library.get("Anna").seconds > 4


# Which voice is meant


def test_a_name_is_looked_up_in_order(
    tmp_path: Path, library: VoiceLibrary, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert builtin_voices() == {"Ada": shipped / "ada.flac", "Ben": shipped / "ben.flac"}
    assert voices.builtin_descriptions()["Ada"] == "ada's voice"
    assert (resolve_voice("ada", library).name, resolve_voice("ada", library).source) == ("Ada", "built-in")
    library.add(speech(), name="Carl")
    assert resolve_voice("carl", library).source == "library"
    monkeypatch.chdir(tmp_path)
    soundfile.write("Dora", speech(), SAMPLE_RATE, format="WAV")
    assert resolve_voice("Dora", library).source == "Dora"
    for spec in (tmp_path / "Dora", str(tmp_path / "Dora")):
        assert resolve_voice(spec, library).name == "Dora"
    voice = resolve_voice(speech())
    assert resolve_voice(voice) is voice and voice.source == "array"
    VoiceLibrary().add(speech(), name="Emil")
    assert resolve_voice("emil").name == "Emil"


def test_an_unknown_name_gets_a_suggestion(library: VoiceLibrary, shipped: Path) -> None:
    library.add(speech(), name="Dr. Watson")
    for wrong, right in {"Addа": "Ada", "dr watson": "Dr. Watson", "bne": "Ben"}.items():
        with pytest.raises(VoiceError, match=f"did you mean .*{right}"):
            resolve_voice(wrong, library)
    with pytest.raises(VoiceError, match=r"use one of these: Ada, Ben, Dr\. Watson"):
        resolve_voice("qqqqqq", library)
    with pytest.raises(VoiceError, match="add a voice to the library first"):
        VoiceLibrary().get("anna")
    with pytest.raises(VoiceError, match="no such file"):
        resolve_voice("nowhere/ada.wav", library)
    with pytest.raises(VoiceError, match="a folder"):
        resolve_voice(str(shipped), library)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
@example("\0")
@example("~")
@example("/dev/zero")
@example("/dev/stdin")
@example("x" * 5000)
def test_whatever_is_asked_for_the_answer_is_ours(library: VoiceLibrary, spec: str) -> None:
    assume(not os.path.isfile(os.path.expanduser(spec)))
    with pytest.raises(VoiceError):
        resolve_voice(spec, library)


def test_the_shipped_voices_are_fit() -> None:
    for name, path in builtin_voices().items():
        audio, info = read_audio(path)
        assert clean_name(name) == name
        assert info.sample_rate == SAMPLE_RATE and info.channels == 1
        assert not [check for check in check_voice(audio, info) if check.severity == "error"]
        assert resolve_voice(name).name == name
