"""Music in a browser: files chosen and dropped, sliders, play, remove, errors, keyboard, accessibility."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_helpers import asked, faults, studio, wait_for_call
from studio_traits import studio_traits

from vibevoice_nb import Studio
from vibevoice_nb.audio.io import write_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import AudioError
from vibevoice_nb.project import Project

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from project_helpers import speak_all, tone

__all__ = ["studio"]  # a fixture

SLOW = 60.0  # seconds: several browsers may share two processors


def music(role: str, **more: Any) -> dict[str, Any]:
    made = {"role": role, "name": f"{role}.mp3", "seconds": 83.2, "gain": -12.0, "fade_in": 1.0}
    made |= {"fade_out": 3.0, "alone": 5.0, "overlap": 3.0, "ducking": 12.0, "loop": True}
    return {**made, "license": "", "problem": "", **more}


def open_music(mounted: Any) -> Any:
    mounted.page.set_default_timeout(SLOW * 1000)
    mounted.page.get_by_role("tab", name="Export").click()
    group = mounted.page.get_by_role("group", name="Music", exact=True)
    group.scroll_into_view_if_needed()
    return group


def choose(group: Any, role: str, content: bytes, name: str = "hum.flac") -> None:
    row = group.get_by_role("group", name=role, exact=True)
    row.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "audio/flac", "buffer": content}]
    )


def test_a_file_is_sent_with_progress(studio: Callable[..., Any]) -> None:
    mounted = studio(
        methods={
            "upload_begin": lambda **_: {"upload": "u"},
            "upload_chunk": lambda **_: {},
            "use_music": lambda **_: mounted.set(music=[music("bed")]),
            "adjust_music": lambda **_: {},
            "clear_music": lambda **_: {},
        }
    )
    group = open_music(mounted)
    bed = group.get_by_role("group", name="Bed", exact=True)
    assert bed.get_by_text("None").is_visible() and not bed.get_by_role("slider").count()
    choose(group, "Bed", b"x" * 1_500_000)
    mounted.until(lambda: asked(mounted, "use_music"), seconds=SLOW)
    assert wait_for_call(mounted, "use_music") == {"upload": "u", "role": "bed"}
    assert asked(mounted, "upload_begin") == [{"name": "hum.flac", "size": 1_500_000, "kind": "music"}]
    bed.get_by_text("bed.mp3").wait_for()
    assert bed.get_by_text("1:23").is_visible()
    ducking = bed.get_by_role("slider", name="Quieter under speech: Bed")
    ducking.focus()
    ducking.press("ArrowRight")
    mounted.until(lambda: asked(mounted, "adjust_music"), seconds=SLOW)
    sent = asked(mounted, "adjust_music")[-1]
    assert sent["role"] == "bed" and sent["settings"] == {
        "gain": -12, "ducking": 12.5, "fade_in": 1, "fade_out": 3, "loop": True, "license": "",
    }  # fmt: skip
    bed.get_by_text("Placement, fades and license").click()
    bed.get_by_role("checkbox", name="Repeat until the speech ends").uncheck()
    bed.get_by_label("Source and license").fill("CC0")
    bed.get_by_label("Source and license").press("Tab")
    mounted.until(lambda: asked(mounted, "adjust_music")[-1]["settings"]["license"] == "CC0", seconds=SLOW)
    bed.get_by_role("button", name="Play: Bed").click()
    mounted.until(lambda: {"source": "music:bed"} in asked(mounted, "describe"), seconds=SLOW)
    bed.get_by_role("button", name="Remove: Bed").press("Enter")
    mounted.until(lambda: asked(mounted, "clear_music") == [{"role": "bed"}], seconds=SLOW)


def test_problems_are_explained(studio: Callable[..., Any]) -> None:
    def refuse(**_: Any) -> None:
        raise AudioError("hum.flac is text, not audio", "an audio file", "choose another file")

    mounted = studio(
        methods={
            "upload_begin": lambda **_: {"upload": "u"},
            "upload_chunk": lambda **_: {},
            "upload_cancel": lambda **_: {},
            "use_music": refuse,
        },
        music=[music("intro", problem="the file of the intro “intro.mp3” is missing")],
    )
    group = open_music(mounted)
    group.get_by_text("The file of the intro “intro.mp3” is missing.").wait_for()
    assert group.get_by_role("button", name="Play: Intro").is_disabled()
    choose(group, "Outro", b"not a sound")
    group.get_by_text("Hum.flac is text, not audio.").wait_for()
    choose(group, "Bed", b"")
    group.get_by_text("Hum.flac is empty.").wait_for()
    assert not faults(mounted.page)


def test_a_read_only_project_shows_its_music(studio: Callable[..., Any]) -> None:
    state = {**studio_traits()["project_state"], "read_only": True}
    group = open_music(studio(project_state=state, music=[music("outro")]))
    outro = group.get_by_role("group", name="Outro", exact=True)
    assert outro.get_by_role("slider", name="Gain: Outro").is_disabled()
    assert outro.get_by_role("button", name="Choose file: Outro").is_disabled()
    assert outro.get_by_role("button", name="Play: Outro").is_enabled()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_music_is_accessible_in_both_languages(
    studio: Callable[..., Any], tmp_path: Path, theme: str
) -> None:
    mounted = studio(theme=theme, music=[music("intro", license="CC0"), music("bed")])
    group = open_music(mounted)
    for details in group.get_by_text("Placement, fades and license").all():
        if details.is_visible():
            details.click()
    assert not faults(mounted.page)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Studio]:
    """A real Studio whose takes are tones."""
    with Project.create(tmp_path / "talk", "Anna: One.\nBen: Two.") as project:
        speak_all(project, 10)
        widget = Studio(project)
        yield widget
        widget.close()


def test_a_real_studio_plays_the_intro_at_once(
    mount: Callable[..., Any], real: Studio, tmp_path: Path
) -> None:
    mounted = mount(real)
    group = open_music(mounted)
    samples = real.take["samples"]
    content = write_audio(tmp_path / "hum.flac", tone(4 * SAMPLE_RATE, 330)).read_bytes()
    choose(group, "Intro", content)
    mounted.until(lambda: real.take["samples"] == samples + 4 * SAMPLE_RATE, seconds=SLOW)
    group.get_by_text("hum.flac").wait_for()
    gain = group.get_by_role("slider", name="Gain: Intro")
    gain.focus()
    gain.press("ArrowLeft")
    mounted.until(lambda: real.project.music["intro"].gain == -12.5, seconds=SLOW)
    mounted.page.get_by_role("button", name="Undo").first.click()
    mounted.until(lambda: real.project.music["intro"].gain == -12, seconds=SLOW)
    mounted.until(lambda: gain.input_value() == "-12", seconds=SLOW)
