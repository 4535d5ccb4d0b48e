"""Voice prompts in the library, in projects and in the picker."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import nano_with
from realtime_helpers import REALTIME, write_realtime
from typer.testing import CliRunner

from vibevoice_nb import Engine, Project
from vibevoice_nb.cli.app import app
from vibevoice_nb.engine.defaults import REALTIME_SHAPE, known_settings
from vibevoice_nb.errors import OptionError, VibeVoiceError, VoiceError
from vibevoice_nb.voices.available import available_voices
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.voices.resolve import resolve_voice
from vibevoice_nb.widgets.cast_panel import known_voices, voice_source
from vibevoice_nb.widgets.voices import Speakers

SHAPE = "2 + 3 layers, 2 key-value heads of size 16, hidden size 64"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A file named as the published ones are."""
    path = tmp_path / "en-Mike_man.pt"
    shutil.copyfile(REALTIME / "voice.pt", path)
    return path


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VoiceLibrary:
    monkeypatch.setenv("VIBEVOICE_NB_HOME", str(tmp_path / "home"))
    return VoiceLibrary()


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine.load(write_realtime(tmp_path_factory.mktemp("endless")))


@pytest.fixture(scope="module")
def ending(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine.load(write_realtime(tmp_path_factory.mktemp("ending"), stop_bias=30.0))


def test_a_prompt_is_kept_as_safetensors_with_the_sizes_of_its_model(
    library: VoiceLibrary, published: Path
) -> None:
    voice = library.add(published, consent=True)
    assert voice.name == "Mike" and voice.prompt is not None
    folder = library.folder / "Mike"
    assert sorted(path.name for path in folder.iterdir()) == ["voice.json", "voice.safetensors"]
    about = json.loads((folder / "voice.json").read_text())
    assert about["prompt"] == SHAPE and about["original"] == "en-Mike_man.pt"
    again = library.get("mike")
    assert again.sha256 == voice.sha256 and again.source == "library"
    (entry,) = library.list()
    assert (entry.prompt, entry.consent) == (SHAPE, True)
    assert resolve_voice("Mike").prompt is not None
    library.rename("Mike", "Mikey")
    library.remove("Mikey")
    assert library.list() == []


def test_a_changed_prompt_in_the_library_is_detected(library: VoiceLibrary, published: Path) -> None:
    library.add(published)
    file = library.folder / "Mike" / "voice.safetensors"
    data = bytearray(file.read_bytes())
    data[-2] ^= 1
    file.write_bytes(data)
    with pytest.raises(VoiceError, match="damaged"):
        library.get("Mike")


def test_the_picker_knows_which_model_a_voice_fits(library: VoiceLibrary, published: Path) -> None:
    library.add(published)
    assert {voice.name: voice.prompt for voice in available_voices(library)}["Mike"] == SHAPE
    listed = {voice["name"]: voice["prompt"] for voice in known_voices(library)}
    assert listed["Mike"] == SHAPE and listed["Ada"] == ""
    with pytest.raises(VibeVoiceError, match="audio of the voice prompt 'Mike'"):
        voice_source("library:Mike", Speakers(["1"]), library)
    limits = known_settings("microsoft/VibeVoice-Realtime-0.5B").limits
    assert limits.voice_prompts == REALTIME_SHAPE and not limits.hears_context
    said = " ".join(limits.sentences("VibeVoice-Realtime"))
    for fact in ("cannot follow a recording", "one speaker at a time", "MIT", "research", "English"):
        assert fact in said


def test_settings_of_a_folder_have_its_own_sizes(tmp_path: Path) -> None:
    settings = known_settings(str(write_realtime(tmp_path)))
    assert str(settings.limits.voice_prompts) == SHAPE
    assert (settings.options.cfg_scale, settings.options.num_steps) == (1.5, 5)


def test_fitting_prompts_are_the_default(library: VoiceLibrary, published: Path, endless: Engine) -> None:
    with pytest.raises(VoiceError, match="cannot follow"):
        endless.speak("Speaker 1: Hello.", max_seconds=1)
    library.add(published)
    speech = endless.speak("Anna: Hello.\nBen: Hi.", max_seconds=1)
    assert speech.cast == {"Anna": "Mike", "Ben": "Mike"}


def run(*args: object) -> Any:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_the_command_line_adds_and_uses_a_prompt(
    library: VoiceLibrary, published: Path, tmp_path: Path
) -> None:
    added = run("voices", "add", str(published))
    assert added.exit_code == 0 and "a voice prompt of 2 + 3 layers" in added.output
    assert "voice prompt" in run("voices", "list").output
    model = str(write_realtime(tmp_path / "model", stop_bias=30.0))
    script = tmp_path / "script.txt"
    script.write_text("Speaker 1: the quick brown fox jumps over the lazy dog.")
    spoken = run(
        "speak", str(script), "--out", str(tmp_path / "a.wav"), "--model", model, "--voice", "1=Mike"
    )
    assert (tmp_path / "a.wav").exists(), spoken.output
    assert "were not spoken" in " ".join(spoken.output.split())
    refused = run(
        "speak", str(script), "--out", str(tmp_path / "b.wav"), "--model", model, "--voice", "1=Ada"
    )
    assert refused.exit_code != 0 and "cannot follow" in " ".join(refused.output.split())
    hostile = tmp_path / "bad.pt"
    with zipfile.ZipFile(hostile, "w") as archive:
        archive.writestr("v/data.pkl", b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.")
    assert run("voices", "add", str(hostile)).exit_code != 0


@pytest.mark.parametrize("mode", ["turns", "whole"])
def test_a_project_speaks_with_prompts(
    library: VoiceLibrary, published: Path, ending: Engine, tmp_path: Path, mode: str
) -> None:
    library.add(published)
    project = Project.create(tmp_path / "p", script="Anna: the fox.\nBen: the dog.")
    for label in ("Anna", "Ben"):
        project.set_voice(label, "Mike")
    project.generate(ending, mode=mode, seed=3).result()
    takes = [project.take(turn.chosen) for turn in project.turns]
    assert [take.samples for take in takes] == [3200, 3200]
    assert all(take.manifest.voice.name == "Mike" and not take.manifest.context for take in takes)
    assert [take.follows for take in takes] == [None, None]
    project.close()
    again = Project.open(tmp_path / "p")
    voice = again.cast["Anna"].voice
    assert voice is not None and voice.prompt is not None and again.cast["Anna"].kind == "library"
    with pytest.raises(OptionError, match="has no audio"):
        again.trim_voice("Anna", 0.0, 1.0)
    copied = again.save_copy(tmp_path / "copy").cast["Anna"].voice
    assert copied is not None and copied.sha256 == voice.sha256
    again.close()


def test_a_project_refuses_voices_of_another_kind(ending: Engine, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "p", script="Anna: the fox.")
    with pytest.raises(VoiceError, match="Anna has no voice prompt"):
        project.generate(ending).result()
    assert project.cast["Anna"].voice is None if "Anna" in project.cast else True
    project.set_voice("Anna", "Ada")
    with pytest.raises(VoiceError, match="'Ada', a recording"):
        project.generate(ending).result()
    project.close()


def test_other_models_refuse_a_prompt_or_use_a_built_in_voice(published: Path, tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="Expected a recording, which nano follows"):
        Engine.load("nano").speak("Speaker 1: Hello.", published, max_seconds=1, seed=1)
    fixed = Engine.load(nano_with(tmp_path / "fixed", follows_voices=False))
    with pytest.warns(UserWarning, match="speaks with the built-in voice"):
        speech = fixed.speak("Speaker 1: Hello.", published, max_seconds=1, seed=1)
    assert np.isfinite(speech.audio).all()
