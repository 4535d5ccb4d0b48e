"""Names of voices: one is never a path, and it is plain which voice is meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import soundfile
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from voice_helpers import library, own_home, shipped, speech

import vibevoice_nb.voices as voices
from vibevoice_nb.audio.io import read_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import VoiceError
from vibevoice_nb.voices import VoiceLibrary, builtin_voices, check_voice, resolve_voice
from vibevoice_nb.voices.names import clean_name, derive_name

__all__ = ["library", "own_home", "shipped"]  # fixtures


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
def test_any_request_raises_only_our_errors(library: VoiceLibrary, spec: str) -> None:
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


# Names derived from those of files


ODD = [
    "v<img src=x onerror=alert(1)>",
    "a#b&c,d+e",
    "../../etc/passwd",
    "  ",
    "???",
    "CON",
    "nul.txt",
    "..x..",
    "👋",
]


@settings(max_examples=300)
@given(st.text(max_size=300), st.integers(0, 3))
@example("x" * 300, 3)
@example("声" * 100, 2)
@example("aux.", 1)
def test_any_text_gives_a_name(text: str, taken: int) -> None:
    names: list[str] = []
    for _ in range(taken + 1):
        names.append(derive_name(text, names.__contains__))
    assert len(set(names)) == len(names)
    assert all(clean_name(name) == name for name in names)


@pytest.mark.parametrize("text", ["Anna", "Zoë (old)", "О'Нил", "山田 太郎", "r2.d2"])
def test_a_good_name_stays(text: str) -> None:
    assert derive_name(text) == text


@pytest.mark.parametrize("stem", ODD)
def test_a_file_of_any_name_becomes_a_voice(tmp_path: Path, library: VoiceLibrary, stem: str) -> None:
    path = tmp_path / f"{stem.replace('/', '_')}.wav"
    soundfile.write(path, speech(), SAMPLE_RATE)
    name = library.add(path).name
    assert library.get(name).name == clean_name(name)


def test_a_taken_name_gets_a_number(library: VoiceLibrary, shipped: Path) -> None:
    assert library.free_name("ada") == "ada 2"
    library.add(speech(), name="Carl")
    library.add(speech(), name="carl 2")
    assert library.free_name("CARL") == "CARL 3"
