"""The Studio without a page: what its traits show, what its calls do, what survives."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import traitlets
from endless import ENDLESS

from vibevoice_nb import OptionError, Project, Studio, Take, VibeVoiceError
from vibevoice_nb.audio.pcm import SAMPLE_RATE

SCRIPT = "Anna: Hello there.\nBen: Good morning."


class Page:
    """A page of the test's own: it keeps what it is sent, and calls."""

    def __init__(self, studio: Studio) -> None:
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []
        studio.send = lambda content, buffers=None: self.messages.append((content, list(buffers or [])))
        self._studio, self._number = studio, 0

    def call(self, method: str, **params: Any) -> tuple[dict[str, Any], list[bytes]]:
        self._number += 1
        content = {
            "v": 1,
            "n": self._number,
            "kind": "call",
            "id": self._number,
            "method": method,
            "params": params,
        }
        self._studio.channel.receive(content)
        for _ in range(9000):
            for message, buffers in self.messages:
                if message.get("id") == self._number and message["kind"] in ("reply", "failed"):
                    return message, buffers
            time.sleep(0.01)
        raise AssertionError(f"{method} was never answered")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message, _ in self.messages if message["kind"] == kind]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path / "show", script=SCRIPT, dtype="float32", num_steps=2, seed=1)
    studio.project.set_voice("Anna", "Ada")
    studio.project.set_voice("Ben", "Kai")
    yield studio
    studio.close()
    studio.project.close()


@pytest.fixture
def page(studio: Studio) -> Page:
    return Page(studio)


def states(studio: Studio) -> list[str]:
    return [turn["state"] for turn in studio.turns]


def test_the_studio_shows_the_project(studio: Studio) -> None:
    assert states(studio) == ["unspoken", "unspoken"]
    assert [(row["label"], row["voice"]["name"]) for row in studio.speakers] == [
        ("Anna", "Ada"),
        ("Ben", "Kai"),
    ]
    assert studio.project_state["name"] == "show" and not studio.project_state["read_only"]
    assert studio.take["samples"] == 0 and studio.model_state["name"] == "nano"


def test_typing_is_kept_at_once(studio: Studio) -> None:
    studio.script = SCRIPT + "\nAnna: One more."
    assert len(studio.turns) == 3
    studio.project.close()
    with Project.open(studio.project.path) as again:
        assert again.script_text == studio.script


def test_generate_from_the_page_plays_live_and_keeps_takes(studio: Studio, page: Page) -> None:
    answer, _ = page.call("generate")
    assert answer["result"]["job"] == studio.generation.id
    studio.generation.result(180)
    assert states(studio) == ["spoken", "spoken"] and studio.job["state"] == "finished"
    assert [message["turn"] for message in page.of("stream_turn")] == [turn["id"] for turn in studio.turns]
    chunks = [
        (message["start"], len(buffers[0]) // 2)
        for message, buffers in page.messages
        if message["kind"] == "audio"
    ]
    ends = [start + count for start, count in chunks]
    assert [0, *ends[:-1]] == [start for start, _ in chunks]  # no hole
    (end,) = page.of("stream_end")
    assert ends[-1] == end["samples"] == studio.take["samples"] and end["ended"] == "finished"
    assert page.of("progress")[-1]["turns_done"] == 2 and page.of("progress")[-1]["ttfa"] > 0
    assert studio.last_seed == 1
    assert {row["takes"][0] for row in studio.turns} == set(studio.takes)


def test_regenerate_choose_star_delete_undo(studio: Studio, page: Page) -> None:
    studio.generate().result(180)
    turn = studio.turns[0]
    page.call("regenerate", turns=[turn["id"]], takes=1)
    studio.generation.result(180)
    first, second = studio.turns[0]["takes"]
    # The seed is fixed and was used for this turn already: the same again would be no new take.
    assert studio.takes[first]["seed"] == 1 != studio.takes[second]["seed"]
    assert studio.turns[0]["chosen"] == second and studio.turns[1]["context_changed"]
    page.call("choose_take", turn=turn["id"], take=first)
    assert studio.turns[0]["chosen"] == first and not studio.turns[1]["context_changed"]
    page.call("star_take", take=second, starred=True)
    assert studio.takes[second]["starred"]
    page.call("delete_take", take=second)
    assert second not in studio.takes and "deleted" in studio.can_undo
    page.call("undo")
    assert studio.takes[second]["starred"]


def test_regenerate_leaves_the_other_turns_in_whole_script_mode(studio: Studio) -> None:
    studio.mode = "whole"
    studio.generate().result(180)
    before = [turn["takes"] for turn in studio.turns]
    studio.regenerate(studio.turns[1]["id"]).result(180)
    after = [turn["takes"] for turn in studio.turns]
    assert len(after[1]) == len(before[1]) + 1
    assert [takes for n, takes in enumerate(after) if n != 1] == [
        takes for n, takes in enumerate(before) if n != 1
    ]


def test_pauses_change_the_episode_without_a_model(studio: Studio, page: Page) -> None:
    studio.generate().result(180)
    before, revision = studio.take["samples"], studio.take["revision"]
    page.call("adjust_turn", turn=studio.turns[0]["id"], gain=0.0, pace=1.0, pause=0.5)
    assert studio.take["samples"] - before == SAMPLE_RATE // 2 and studio.take["revision"] > revision
    reply, (pcm,) = page.call(
        "samples", source="episode", start=studio.take["turns"][0]["stop"] + 100, count=1000
    )
    assert reply["result"]["count"] == 1000 and not np.frombuffer(pcm, "<i2").any()


def test_export_comes_to_the_page_in_pieces(studio: Studio, page: Page) -> None:
    studio.generate().result(180)
    answer, _ = page.call(
        "export", format="mp3", parts="whole", loudness=-16.0, subtitles=["srt"], chapters=False, folder=None
    )
    files = {file["name"]: file for file in answer["result"]["files"]}
    data = b""
    while len(data) < files["show.mp3"]["size"]:
        _, (piece,) = page.call("fetch", file=files["show.mp3"]["file"], offset=len(data), count=5000)
        data += piece
    with av.open(io.BytesIO(data)) as container:
        seconds = container.duration / 1e6
        assert "generated speech" in " ".join(container.metadata.values())
    assert abs(seconds - studio.take["samples"] / SAMPLE_RATE) < 0.2
    _, (srt,) = page.call("fetch", file=files["show.srt"]["file"], offset=0, count=100_000)
    assert b"Hello there." in srt
    refused, _ = page.call("fetch", file="../../etc/passwd", offset=0, count=10)
    assert refused["kind"] == "failed"


def test_several_files_are_one_archive_with_the_projects_title(studio: Studio, page: Page) -> None:
    studio.title, studio.artist = "A talk", "Ada"
    assert studio.project.settings["title"] == "A talk"
    studio.generate().result(180)
    params = {"parts": "turns", "subtitles": [], "chapters": False, "folder": None}
    answer, _ = page.call("export", format="mp3", archive=True, manifest=False, **params)
    (file,) = answer["result"]["files"]
    assert file["name"] == "show.zip"
    _, (data,) = page.call("fetch", file=file["file"], offset=0, count=file["size"])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert names == ["show/001-Anna.mp3", "show/002-Ben.mp3"]
        with av.open(io.BytesIO(archive.read(names[0]))) as container:
            assert container.metadata["title"] == "A talk: 1. Anna" and container.metadata["artist"] == "Ada"


def test_export_of_a_web_page(studio: Studio, page: Page, tmp_path: Path) -> None:
    studio.generate().result(180)
    studio.title = "From Python"
    params = {"subtitles": [], "chapters": True, "folder": str(tmp_path / "out")}
    answer, _ = page.call("export", format="html", parts="whole", **params)
    names = [file["name"] for file in answer["result"]["files"]]
    assert names == ["show.html", "show.chapters.json", "show.html.json"]
    saved = studio.project.save(tmp_path / "again.html")
    for path in (tmp_path / "out/show.html", saved):
        assert "<title>From Python</title>" in path.read_text(encoding="utf-8")


def test_a_speaker_without_a_voice_has_a_built_in_one_which_is_shown(studio: Studio, page: Page) -> None:
    page.call("clear_voice", speaker="Ben")
    ben = next(row for row in studio.speakers if row["label"] == "Ben")
    assert ben["voice"] is None and ben["default_voice"]
    answer, _ = page.call("generate")
    assert answer["kind"] == "reply"
    studio.generation.result(180)
    used = next(row for row in studio.speakers if row["label"] == "Ben")
    assert used["voice"]["name"] == ben["default_voice"] and used["default_voice"] == ""


def test_settings_are_kept_and_a_models_own_are_not_choices(studio: Studio, tmp_path: Path) -> None:
    assert studio.cfg_scale == 2.0 and studio.project.settings["cfg_scale"] is None
    studio.model = "vibevoice/VibeVoice-1.5B-hf"
    assert studio.cfg_scale == 1.3 and studio.num_steps == 2
    studio.cfg_scale = 1.8
    studio.model = "nano"
    assert studio.cfg_scale == 1.8
    studio.close()
    again = Studio(tmp_path / "show")
    assert (again.model, again.cfg_scale, again.num_steps, again.seed) == ("nano", 1.8, 2, 1)
    again.close()


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="steps"):
        Studio(tmp_path / "other", steps=5)


def test_one_generation_at_a_time(studio: Studio) -> None:
    studio.script = ENDLESS
    job = studio.generate()
    with pytest.raises(VibeVoiceError, match="one generation at a time"):
        studio.generate()
    studio.cancel()
    job.result(180)
    assert studio.job["state"] == "cancelled"


def test_a_stopped_turn_is_marked_as_partial(studio: Studio) -> None:
    studio.script = ENDLESS
    assert [turn["partial"] for turn in studio.turns] == [False]
    job = studio.generate()
    next(iter(job))
    studio.cancel()
    job.result(180)
    assert [(turn["state"], turn["partial"]) for turn in studio.turns] == [("spoken", True)]


def test_two_studios_on_one_folder_show_the_same(studio: Studio) -> None:
    other = Studio(studio.project.path)
    studio.script = "Anna: Changed."
    assert other.script == "Anna: Changed." and other.project is studio.project
    other.close()


def test_a_second_process_gets_an_error_and_loses_nothing(studio: Studio) -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); from vibevoice_nb import Studio;"
        "s = Studio(sys.argv[1]); state = s.project_state;"
        "print(state['read_only'], '|', state['holder'], '|', len(s.turns));"
        "s.script = 'Anna: Overwritten.';"
        "print(s.project.script_text == s.project.path.joinpath('script.txt').read_text())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(studio.project.path)], capture_output=True, text=True
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("True | it is open for writing") and first.endswith("| 2"), done.stderr
    assert second == "True" and studio.project.script_text == SCRIPT


def test_another_project_can_be_opened(studio: Studio, page: Page, tmp_path: Path) -> None:
    answer, _ = page.call("open_project", path=str(tmp_path / "second"), create=False)
    assert answer["kind"] == "failed" and "no such folder" in answer["got"]
    page.call("open_project", path=str(tmp_path / "second"), create=True)
    assert studio.project_state["name"] == "second" and studio.script == "" and studio.turns == []
    studio.script = "Cleo: Hi."
    assert Project.open(tmp_path / "show.vibevoice", read_only=True).script_text == SCRIPT


def test_the_saved_state_is_small_even_of_three_hundred_turns(studio: Studio) -> None:
    studio.script = "\n".join(f"Anna: This is the line with the number {number}." for number in range(300))
    state = {
        name: value for name, value in studio.get_state().items() if isinstance(value, (str, list, dict))
    }
    assert len(repr(state).encode()) < 1_000_000


@pytest.mark.parametrize(("format", "covers"), [("mp3", 1), ("wav", 0)])
def test_an_export_has_the_cover_of_the_project(
    studio: Studio, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, covers: int
) -> None:
    import av
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "cover.png")
    studio.project.cover.set(tmp_path / "cover.png")
    take = Take.from_audio(np.zeros(SAMPLE_RATE, np.float32), name="short")
    monkeypatch.setattr(studio._exports, "_take", lambda: take)
    studio._exports._export(format, "whole", [], False, folder=str(tmp_path / "out"))
    with av.open(str(tmp_path / "out" / f"short.{format}")) as file:
        assert len(file.streams.video) == covers


def test_an_export_reports_its_progress_and_can_be_stopped(
    studio: Studio, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = Take.from_audio(np.zeros(10 * 60 * SAMPLE_RATE, np.float32), name="long")
    monkeypatch.setattr(studio._exports, "_take", lambda: long)
    params = {"format": "flac", "parts": "whole", "loudness": None, "subtitles": [], "chapters": False}
    monkeypatch.setattr("vibevoice_nb.widgets.exports._TELL_SECONDS", 0.0)
    page.call("export", folder=str(tmp_path / "whole"), **params)
    parts = [message["fraction"] for message in page.of("export_progress")]
    assert len(parts) > 10 and parts == sorted(parts) and parts[-1] == pytest.approx(1)

    send = studio.channel.send

    def stop_at_once(kind: str, *buffers: Any, **fields: Any) -> None:
        send(kind, *buffers, **fields)
        if kind == "export_progress":
            studio._exports._cancel()

    monkeypatch.setattr(studio.channel, "send", stop_at_once)
    answer, _ = page.call("export", folder=str(tmp_path / "stopped"), **params)
    assert answer["result"]["files"] == [] and list((tmp_path / "stopped").iterdir()) == []


def test_typed_text_survives_a_change_in_another_thread(studio: Studio) -> None:
    """A page's values are set under `hold_trait_notifications`; a slow call may end just then."""
    with studio.hold_trait_notifications():
        studio.script = "Anna: Typed this moment."
        other = threading.Thread(target=lambda: studio.project.set_voice("Anna", "Ruben"))
        other.start()
        other.join()
    assert studio.script == studio.project.script_text == "Anna: Typed this moment."
    assert [row["voice"]["name"] for row in studio.speakers if row["label"] == "Anna"] == ["Ruben"]


def test_a_refused_argument_leaves_nothing_behind(tmp_path: Path) -> None:
    for value in ("5", 10**400, object()):
        studio = Studio.__new__(Studio)
        with pytest.raises((traitlets.TraitError, OptionError)):
            studio.__init__(tmp_path / "refused", cfg_scale=value)  # type: ignore[misc]
        studio.close()
