"""What all widgets share: page code, methods the page calls, failures in words."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from widget_helpers import FakePage

from vibevoice_nb.errors import VibeVoiceError, VoiceError
from vibevoice_nb.widgets import base
from vibevoice_nb.widgets.base import Answer, VibeVoiceWidget, call


class Uploads:
    """A part, as the rooms are made of."""

    @call("upload_chunk")
    def _chunk(self, upload: str, offset: int, buffers: list[memoryview]) -> dict[str, Any]:
        return {"size": offset + len(buffers[0])}


class Room(Uploads, VibeVoiceWidget):
    _page = "editor"

    def __init__(self) -> None:
        super().__init__()
        self.thread: threading.Thread | None = None

    @call("fetch")
    def _fetch(self, file: str, offset: int, count: int) -> Answer:
        return Answer({"end": True}, [b"0123456789"[offset : offset + count]])

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
    assert answer["got"] == "something went wrong in the kernel: ZeroDivisionError: by nothing"
    assert "Traceback" in caplog.text


def test_a_call_brings_the_values_it_may_have_overtaken(page: FakePage) -> None:
    content = {"v": 1, "n": 1, "kind": "call", "id": 9, "method": "cancel", "params": {}}
    values = {"tooltip": "typed a moment ago", "nothing_of_ours": 1, "layout": "IPY_MODEL_nowhere"}
    page.widget._from_page(page.widget, {**content, "values": values}, [])
    assert page.widget.tooltip == "typed a moment ago"
    assert not hasattr(page.widget, "nothing_of_ours")
    assert page.kinds() == ["reply"]


def test_a_method_the_widget_lacks_fails_in_words(page: FakePage) -> None:
    assert page.call("respeak", turn="t1")["got"] == "Room doesn't answer 'respeak'"


def test_only_methods_of_the_table_can_be_marked() -> None:
    with pytest.raises(ValueError, match="launch"):
        call("launch")


def test_missing_page_code_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(base, "STATIC", tmp_path)
    with pytest.raises(VibeVoiceError, match=r"editor\.js, is missing .*pip install"):
        Room()


def test_the_page_code_is_one_module_without_addresses() -> None:
    code = base.static_text("editor.js")
    assert "export{" in code.replace(" ", "")
    assert "sourceMappingURL" not in code
    assert "cdn" not in code.lower()
