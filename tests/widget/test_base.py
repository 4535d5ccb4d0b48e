"""Common parts of all widgets: page code, methods the page calls, failures in words."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest
import traitlets
from widget_helpers import FakePage

from vibevoice_nb import GenerationControls, Player, ScriptEditor, Studio, VoicePicker
from vibevoice_nb.errors import VibeVoiceError, VoiceError
from vibevoice_nb.widgets import base
from vibevoice_nb.widgets.base import Answer, Part, VibeVoiceWidget, call
from vibevoice_nb.widgets.sweep import SweepGrid


class Uploads(Part):
    """A part, as the widgets are made of."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True

    @call("upload_chunk")
    def _chunk(self, upload: str, offset: int, buffers: list[memoryview]) -> dict[str, Any]:
        return {"size": offset + len(buffers[0])}


class Room(VibeVoiceWidget):
    _page = "editor"

    typed = traitlets.Unicode().tag(sync=True, page=True)
    shown = traitlets.Unicode("as it is").tag(sync=True)
    small = traitlets.Int(1).tag(sync=True, page=True)

    def __init__(self) -> None:
        super().__init__()
        self.uploads = Uploads()
        self.add_parts(self.uploads)
        self.thread: threading.Thread | None = None

    @call("fetch")
    def _fetch(self, file: str, offset: int, count: int) -> Answer:
        return Answer({"end": True}, [b"0123456789"[offset : offset + count]])

    @call("describe")
    def _describe(self, source: str) -> dict[str, str]:
        return {"source": source}

    @call("cancel")
    def _cancel(self) -> None:
        self.thread = threading.current_thread()

    @call("load_model", slow=True)
    def _load(self) -> dict[str, Any]:
        self.thread = threading.current_thread()
        return {}

    @call("clear_voice")
    def _clear(self, speaker: str) -> None:
        raise VoiceError(f"no {speaker}", "a speaker", "look again")

    @call("undo", slow=True)
    def _undo(self) -> None:
        raise ZeroDivisionError("by\n  nothing")


@pytest.fixture
def page() -> FakePage:
    return FakePage(Room())


def test_a_method_gets_its_parameters_and_buffers(page: FakePage) -> None:
    assert page.call("upload_chunk", (b"abc",), upload="u", offset=4)["result"] == {"size": 7}


def test_an_answer_may_carry_buffers(page: FakePage) -> None:
    answer = page.call("fetch", file="f", offset=2, count=3)
    assert (answer["result"], answer["buffers"]) == ({"end": True}, [b"234"])


def test_slow_methods_leave_the_main_thread_free(page: FakePage) -> None:
    page.call("load_model")
    assert page.widget.thread is not threading.main_thread()
    page.call("cancel")
    assert page.widget.thread is threading.main_thread()


def test_an_error_of_ours_reaches_the_page_as_it_is(page: FakePage) -> None:
    answer = page.call("clear_voice", speaker="Anna")
    assert {name: answer[name] for name in ("kind", "got", "expected", "remedy")} == {
        "kind": "failed",
        "got": "no Anna",
        "expected": "a speaker",
        "remedy": "look again",
    }


def test_another_exception_becomes_a_sentence_and_is_logged(
    page: FakePage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = page.call("undo")
    assert answer["got"] == "internal error in the kernel: ZeroDivisionError: by nothing"
    assert "Traceback" in caplog.text


def test_a_call_brings_the_values_it_may_have_overtaken(page: FakePage) -> None:
    content = {"v": 1, "n": 1, "kind": "call", "id": 9, "method": "cancel", "params": {}}
    values = {"small": "no number", "typed": "a moment ago"}
    page.widget._from_page(page.widget, {**content, "values": values}, [])
    assert (page.widget.typed, page.widget.small) == ("a moment ago", 1)
    assert page.kinds() == ["reply"]


@pytest.mark.parametrize("way", ["values", "update"])
@pytest.mark.parametrize(
    "name",
    ["_esm", "_css", "_model_name", "_view_module", "shown", "layout", "tooltip", "comm", "keys", "no"],
)
def test_a_page_sets_only_its_own_traits(page: FakePage, name: str, way: str) -> None:
    before = getattr(page.widget, name, None)
    values = {name: "alert(1)", "typed": "mine"}
    if way == "values":
        content = {"v": 1, "n": 1, "kind": "call", "id": 9, "method": "cancel", "params": {}}
        page.widget._from_page(page.widget, {**content, "values": values}, [])
    else:
        page.widget.set_state(values)
    assert page.widget.typed == "mine" and getattr(page.widget, name, None) == before


def test_pages_own_few_traits() -> None:
    widgets = (Studio, ScriptEditor, VoicePicker, GenerationControls, Player, SweepGrid)
    owned = {
        widget.__name__: sorted(name for name, trait in widget.class_traits(page=True).items())
        for widget in widgets
    }
    controls = ["cfg_scale", "mode", "model", "num_steps", "seed", "solver"]
    exports = ["artist", "edge_silence", "title"]
    assert owned == {
        "Studio": sorted(
            [
                *controls,
                *exports,
                "listen_back",
                "playing",
                "position",
                "read_along",
                "recognizer",
                "script",
                "spoken_forms",
            ]
        ),
        "ScriptEditor": ["script"],
        "VoicePicker": [],
        "GenerationControls": controls,
        "Player": ["playing", "position"],
        "SweepGrid": [],
    }


@pytest.mark.parametrize("text", ["\ud83d\ude00", "half \ud83d", "\udc80", "好 \U0001f600 \U00020bb7"])
def test_every_text_goes_both_ways(page: FakePage, text: str) -> None:
    page.widget.set_state({"typed": text})
    whole = page.widget.typed.encode().decode()
    assert whole == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    page.widget.shown = text
    page.widget.channel.send("notice", severity="info", text=text)
    for sent in (page.widget.get_state(), page.sent[-1][0]):
        json.dumps(sent, ensure_ascii=False, allow_nan=False).encode()
    assert page.call("describe", source=text)["result"] == {"source": whole}


def test_a_method_the_widget_lacks_fails_with_a_message(page: FakePage) -> None:
    assert page.call("regenerate", turns=["t1"], takes=1)["got"] == "Room has no method 'regenerate'"


def test_a_method_has_one_implementation(page: FakePage) -> None:
    with pytest.raises(ValueError, match="Room already has the methods upload_chunk"):
        page.widget.add_parts(Uploads())


def test_parts_are_closed_with_their_widget() -> None:
    room = Room()
    room.close()
    assert room.uploads.closed


def test_only_methods_of_the_table_can_be_marked() -> None:
    with pytest.raises(ValueError, match="launch"):
        call("launch")


def test_missing_page_code_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(base, "STATIC", tmp_path)
    with pytest.raises(VibeVoiceError, match=r"editor\.js is missing .*pip install"):
        Room()


def test_the_page_code_is_one_module_without_addresses() -> None:
    code = base.static_text("editor.js")
    assert "export{" in code.replace(" ", "")
    assert "sourceMappingURL" not in code
    assert "cdn" not in code.lower()
