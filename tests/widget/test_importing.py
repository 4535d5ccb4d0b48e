"""Import of pasted texts and dropped files, as the page calls it."""

from __future__ import annotations

from pathlib import Path

import pytest
from widget_helpers import FakePage

from vibevoice_nb.widgets.editor import ScriptEditor
from vibevoice_nb.widgets.studio import Studio

DATA = Path(__file__).parents[1] / "data" / "import"


@pytest.fixture(params=["editor", "studio"])
def page(request: pytest.FixtureRequest, tmp_path: Path) -> FakePage:
    widget = ScriptEditor() if request.param == "editor" else Studio(tmp_path / "show")
    request.addfinalizer(widget.close)
    return FakePage(widget)


def test_a_file_is_imported_and_changes_nothing(page: FakePage) -> None:
    before = page.widget.script
    answer = page.call("import_script", ((DATA / "vtt-voices.vtt").read_bytes(),), answers={})
    result = answer["result"]
    assert result["text"] == "Anna: Good morning.\nBen: Hello Anna.\n"
    assert (result["turns"], result["speakers"], result["format"]) == (2, ["Anna", "Ben"], "vtt")
    assert result["useful"] and page.widget.script == before


def test_a_question_is_answered_by_a_second_call(page: FakePage) -> None:
    text = (DATA / "srt-plain.srt").read_text()
    (question,) = page.call("import_script", text=text, answers={})["result"]["questions"]
    assert (question["key"], question["answer"]) == ("speakers", "one")
    assert dict(question["options"])["alternate"] == "two speakers alternate"
    found = page.call("import_script", text=text, answers={"speakers": "alternate"})["result"]
    assert found["speakers"] == ["Speaker 1", "Speaker 2"]


def test_a_script_needs_no_import(page: FakePage) -> None:
    assert not page.call("import_script", text="Anna: Hi.\nBen: Yes.", answers={})["result"]["useful"]


def test_a_text_from_the_page_names_no_file(page: FakePage, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("Anna: Hunter2.")
    assert "Hunter2" not in page.call("import_script", text=str(secret), answers={})["result"]["text"]


def test_what_cannot_be_imported_is_explained(page: FakePage) -> None:
    failed = page.call("import_script", (b"%PDF-1.7",), answers={})
    assert failed["kind"] == "failed" and "PDF" in failed["got"]
    assert page.call("import_script", text="", answers={})["kind"] == "failed"
    assert page.call("import_script", text="Anna: Hi.", answers={"x": []})["kind"] == "failed"
