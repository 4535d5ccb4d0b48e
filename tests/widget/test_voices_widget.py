"""VoicePicker, and the cast panel on a project: requests of the page change the cast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from widget_helpers import FakePage

from vibevoice_nb.audio.io import write_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError, VoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.voices import VoiceLibrary
from vibevoice_nb.widgets.base import VibeVoiceWidget
from vibevoice_nb.widgets.cast_panel import CastPanel, CastTraits
from vibevoice_nb.widgets.uploads import Uploads
from vibevoice_nb.widgets.voices import VoicePicker

HUM = 0.1 * np.sin(np.arange(4 * SAMPLE_RATE, dtype=np.float32) / 20)


@pytest.fixture
def library(tmp_path: Path) -> VoiceLibrary:
    return VoiceLibrary(tmp_path / "library")


@pytest.fixture
def picker(library: VoiceLibrary) -> VoicePicker:
    return VoicePicker(["Anna", "Ben"], library=library)


@pytest.fixture
def page(picker: VoicePicker) -> FakePage:
    return FakePage(picker)


def speaker(widget: Any, label: str) -> dict[str, Any]:
    return next(row for row in widget.speakers if row["label"] == label)


def send(page: FakePage, content: bytes, kind: str = "upload", name: str = "hum.flac") -> dict[str, Any]:
    upload = page.call("upload_begin", name=name, size=len(content), kind=kind)["result"]["upload"]
    for offset in range(0, len(content), 50_000):
        chunk = content[offset : offset + 50_000]
        assert page.call("upload_chunk", (chunk,), upload=upload, offset=offset)["kind"] == "reply"
    return page.call("upload_end", upload=upload, speaker="Ben")


def test_speakers_begin_without_voices(picker: VoicePicker) -> None:
    assert [row["voice"] for row in picker.speakers] == [None, None]
    assert picker.cast == {} and picker.missing == ["Anna", "Ben"]
    assert len({row["color"] for row in picker.speakers}) == 2
    assert {voice["kind"] for voice in picker.voices} == {"built-in"}
    assert all(voice["seconds"] > 1 and voice["description"] for voice in picker.voices)


@pytest.mark.parametrize("labels", [[], [*range(1, 34)], ["[Anna]"]])
def test_labels_that_can_be_speakers(labels: list[str | int]) -> None:
    with pytest.raises(OptionError):
        VoicePicker(labels)


def test_as_many_speakers_as_a_script_have_colors_of_their_own() -> None:
    rows = VoicePicker(range(1, 33)).speakers
    assert len(rows) == len({row["color"] for row in rows}) == 32


def test_choose_and_remove(page: FakePage, picker: VoicePicker) -> None:
    assert page.call("set_voice", speaker="Anna", voice="ada")["kind"] == "reply"
    voice = speaker(picker, "Anna")["voice"]
    assert (voice["name"], voice["kind"], voice["needs_consent"]) == ("Ada", "built-in", False)
    assert voice["checks"] == []  # although short: it cannot be recorded again
    assert picker.cast["Anna"].name == "Ada"
    page.call("clear_voice", speaker="Anna")
    assert speaker(picker, "Anna")["voice"] is None


def test_speakers_are_found_whatever_their_case(library: VoiceLibrary) -> None:
    picker = VoicePicker(["Anna", "ANNA", "Ben"], library=library)
    picker.set_voice("anna", "Ada")
    assert picker.cast["Anna"].name == "Ada" and picker.missing == ["Ben"]


def test_a_page_names_no_files(page: FakePage, tmp_path: Path) -> None:
    path = write_audio(tmp_path / "secret.flac", HUM)
    for name in (str(path), "../library/x", "nobody"):
        answer = page.call("set_voice", speaker="Anna", voice=name)
        assert answer["kind"] == "failed" and "unknown voice" in answer["got"]
    assert page.call("set_voice", speaker="Eve", voice="Ada")["kind"] == "failed"


def test_upload_check_trim_keep(
    page: FakePage, picker: VoicePicker, library: VoiceLibrary, tmp_path: Path
) -> None:
    content = write_audio(tmp_path / "hum.flac", HUM).read_bytes()
    assert send(page, content, "recording")["kind"] == "reply"
    voice = speaker(picker, "Ben")["voice"]
    assert (voice["kind"], voice["needs_consent"], voice["consent"]) == ("recording", True, False)
    assert [check["severity"] for check in voice["checks"]] == ["warning"]  # a tone has no pauses
    assert picker.unconfirmed == ["Ben"]
    page.call("trim_voice", speaker="Ben", start=SAMPLE_RATE, stop=3 * SAMPLE_RATE + SAMPLE_RATE // 2)
    assert speaker(picker, "Ben")["voice"]["seconds"] == 2.5
    assert page.call("save_voice", speaker="Ben", name="Hum")["kind"] == "failed"
    page.call("set_consent", speaker="Ben", consent=True)
    assert page.call("save_voice", speaker="Ben", name="../Hum")["kind"] == "failed"
    assert page.call("save_voice", speaker="Ben", name="Hum")["result"] == {"name": "Hum"}
    assert speaker(picker, "Ben")["voice"]["kind"] == "library" and library.list()[0].consent
    assert picker.voices[-1]["name"] == "Hum"
    page.call("set_voice", speaker="Anna", voice="Hum")  # the consent kept with it is taken over
    assert speaker(picker, "Anna")["voice"]["consent"] is True


def test_voices_have_audio_to_play(page: FakePage, picker: VoicePicker) -> None:
    picker.set_voice("Anna", "Kai")
    for source in ("voice:Anna", "library:Ada"):
        samples = page.call("describe", source=source)["result"]["samples"]
        peaks = page.call("peaks", source=source, start=0, stop=samples, buckets=10)
        assert samples > SAMPLE_RATE and np.ptp(np.frombuffer(peaks["buffers"][0], "<i2")) > 100
    for source in ("voice:Ben", "library:../../x", "take:1"):
        assert page.call("describe", source=source)["kind"] == "failed"


def test_colors(page: FakePage, picker: VoicePicker) -> None:
    page.call("set_color", speaker="Anna", color="#ABCDEF")
    assert speaker(picker, "Anna")["color"] == "#abcdef"
    assert page.call("set_color", speaker="Anna", color="red; background: url(x)")["kind"] == "failed"


def test_from_python(picker: VoicePicker) -> None:
    seen = []
    picker.observe(lambda change: seen.append(len(change["new"])), "speakers")
    picker.set_voice("Anna", HUM, consent=True)
    picker.trim_voice("Anna", 0.0, 2.0)
    picker.set_consent("Anna", False)
    assert picker.cast["Anna"].seconds == 2.0 and picker.unconfirmed == ["Anna"]
    with pytest.raises(VoiceError, match="no voice"):
        picker.trim_voice("Ben", 0.0, 1.0)
    picker.clear_voice("Anna")
    assert len(seen) == 4


class Room(CastTraits, VibeVoiceWidget):
    """The panel on a project, as in the Studio."""

    _page = "voices"

    def __init__(self, project: Project, library: VoiceLibrary) -> None:
        super().__init__()
        panel = CastPanel(self, lambda: project, library)
        self.add_parts(panel, Uploads(panel.use_recording))
        panel.refresh()


def test_the_panel_edits_a_project(tmp_path: Path, library: VoiceLibrary) -> None:
    with Project.create(tmp_path / "show", "Anna: Hello.\nBen: Hi.\n") as project:
        room = Room(project, library)
        page = FakePage(room)
        page.call("set_voice", speaker="Anna", voice="Ada")
        send(page, write_audio(tmp_path / "hum.flac", HUM).read_bytes())
        page.call("set_consent", speaker="Ben", consent=True)
        page.call("set_color", speaker="Ben", color="#123456")
    with Project.open(tmp_path / "show") as project:
        members = project.cast
        assert [(member.kind, member.consent) for member in members.values()] == [
            ("built-in", False),
            ("upload", True),
        ]
        assert members["Ben"].color == "#123456" and members["Ben"].voice is not None
        assert members["Ben"].voice.name == "hum"
