"""Import of whole files: a corpus of every format, round trips, questions, limits and damaged files."""

from __future__ import annotations

import contextlib
import io
import json
import random
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from cpu_time import least_seconds

from vibevoice_nb import ImportedScript, export_script, import_script, parse_script
from vibevoice_nb.errors import OptionError, ScriptError, VibeVoiceError
from vibevoice_nb.export.subtitles import to_srt, to_vtt
from vibevoice_nb.script.importing import FORMATS, archives

DATA = Path(__file__).parents[1] / "data"
EXPECTED = sorted((DATA / "import").glob("*.expected.json"))
SCRIPTS = sorted((DATA / "scripts").iterdir())


def turns(found: ImportedScript) -> list[list[str]]:
    return [[turn.label, turn.text] for turn in found.turns]


def source_of(expected: Path) -> Path:
    return expected.with_name(expected.name.removesuffix(".expected.json"))


def test_the_corpus_has_every_format() -> None:
    assert len(EXPECTED) >= 60
    assert {json.loads(path.read_text("utf-8"))["format"] for path in EXPECTED} == set(FORMATS)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: source_of(path).name)
def test_corpus(expected: Path) -> None:
    if ".docx" in expected.name:
        pytest.importorskip("docx")
    right = json.loads(expected.read_text("utf-8"))
    found = import_script(source_of(expected))
    assert found.format == right["format"]
    assert turns(found) == right["turns"]
    # Which encodings explain a short text equally well depends on the release of the detector.
    assert [one.key for one in found.questions if one.key != "encoding"] == right["questions"]
    if "targets" in right:
        assert [one and [one.start, one.end] for one in found.targets] == right["targets"]
    assert len(found.targets) == len(found.turns)
    assert not found.script.errors
    assert 0 < found.confidence <= 1


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: source_of(path).name)
def test_the_text_of_an_import_is_a_script_with_the_same_turns(expected: Path) -> None:
    if ".docx" in expected.name:
        pytest.importorskip("docx")
    found = import_script(source_of(expected))
    read = parse_script(found.text)
    assert [(turn.label, turn.text) for turn in read.turns] == [tuple(turn) for turn in turns(found)]
    again = import_script(found.text)
    assert [turn.label for turn in again.turns] == [turn.label for turn in found.turns]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_that_were_read_wrongly_before(path: Path) -> None:
    found = import_script(path)
    assert found.turns and not found.script.errors
    said = " ".join(turn.text for turn in found.turns)
    assert not any(mark in said for mark in ("-->", "<v", "<break", "<|", "WEBVTT", "🎉", '":', "</"))
    if path.name.startswith("16-"):
        assert len(found.turns) == 2
    if path.name in ("16-webvtt.vtt", "16-timestamps.txt"):
        assert turns(found) == [["Anna", "Good morning."], ["Ben", "Hello Anna."]]


SCRIPT = parse_script(
    "Anna: Good morning. [pause:300]\nBen: Well: I said 5 < 6.\nBen: Really.\nAnna: Yes & no?\n"
)


@pytest.mark.parametrize("format", ["text", "markdown", "json", "fountain"])
def test_exported_scripts_are_imported_again(format: str) -> None:
    found = import_script(export_script(SCRIPT, format))
    assert [(turn.label, turn.text, turn.pause_after_ms) for turn in found.turns] == [
        (turn.label, turn.text, turn.pause_after_ms) for turn in SCRIPT.turns
    ]


@pytest.mark.parametrize("write", [to_srt, to_vtt])
def test_exported_subtitles_are_imported_again(write: object) -> None:
    spoken = [
        SimpleNamespace(
            label=turn.label, text=turn.text, start=place * 72000, stop=(place + 1) * 72000 - 2400
        )
        for place, turn in enumerate(SCRIPT.turns)
    ]
    found = import_script(write(spoken))  # type: ignore[operator]
    assert [line.split(": ", 1)[0] for line in found.text.splitlines()][0::2] == ["Anna", "Anna"] or len(
        found.turns
    ) == len(SCRIPT.turns)
    assert " ".join(turn.text for turn in found.turns) == " ".join(turn.text for turn in SCRIPT.turns)
    assert found.speakers == ("Anna", "Ben")
    assert found.targets[0] and found.targets[0].start == 0.0
    assert found.targets[-1] and found.targets[-1].end == pytest.approx(11.9)


def test_preview() -> None:
    assert import_script("Anna: One.\nBen: Two.\nAnna: Three.").preview == "3 turns, 2 speakers: Anna, Ben"
    assert import_script("Anna: One.").preview == "1 turn, 1 speaker: Anna"


def test_a_name_that_appears_once_is_asked_about() -> None:
    text = "Anna: Hello.\nBen: Hi.\nNote: bring milk.\nAnna: Bye."
    (question,) = import_script(text).questions
    assert (question.key, question.answer, question.answered) == ("label:Note", "text", False)
    assert "'Note:' appears once" in question.text
    found = import_script(text, answers={"label:Note": "speaker"})
    assert found.speakers == ("Anna", "Ben", "Note 1")
    assert found.open_questions == ()


def test_a_name_among_numbered_speakers_gets_a_number() -> None:
    text = "Speaker 1: Hello.\nSpeaker 2: Hi.\nCarla: Me too."
    assert import_script(text).questions[0].key == "label:Carla"
    found = import_script(text, answers={"label:Carla": "speaker"})
    assert found.speakers == ("Speaker 1", "Speaker 2", "Speaker 3")
    assert any("'Carla' is written 'Speaker 3'" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "answers", "right"),
    [
        ("srt-plain.srt", {"speakers": "alternate"}, ["Speaker 1", "Speaker 2"]),
        ("srt-dashes.srt", {"speakers": "one"}, ["Speaker 1"] * 4),
        ("dialogue-dashes.txt", {"speakers": "one"}, ["Speaker 1"] * 3),
        ("transcript-nameless.txt", {"speakers": "alternate"}, ["Speaker 1", "Speaker 2"]),
        ("json-whisper.json", {"speakers": "alternate"}, ["Speaker 1", "Speaker 2"]),
        ("screenplay-indented.txt", {"action": "narrator"}, ["Narrator", "ANNA", "BEN"]),
        ("book.epub", {"chapter": "2"}, ["Narrator", "Narrator"]),
        ("markdown-episode.md", {"headings": "narrator"}, ["Narrator", "Anna", "Narrator", "Ben"]),
    ],
)
def test_answers_change_the_import(name: str, answers: dict[str, str], right: list[str]) -> None:
    found = import_script(DATA / "import" / name, answers=answers)
    assert [turn.label for turn in found.turns] == right
    assert not found.open_questions


def test_wrong_answers_and_formats_are_errors() -> None:
    with pytest.raises(OptionError, match="speakers"):
        import_script("Anna: Hi.", answers={"speakers": "one"})
    with pytest.raises(OptionError, match="alternate"):
        import_script(DATA / "import" / "srt-plain.srt", answers={"speakers": "three"})
    with pytest.raises(OptionError, match="whatsapp"):
        import_script("Anna: Hi.", format="wordperfect")
    with pytest.raises(OptionError):
        import_script("Anna: Hi.", format="docx")
    with pytest.raises(OptionError):
        import_script(5)  # type: ignore[arg-type]


def test_the_format_can_be_given() -> None:
    found = import_script("Anna: Hi.\nBen: Yes.", format="prose")
    assert (turns(found), found.confidence) == ([["Narrator", "Anna: Hi. Ben: Yes."]], 1.0)


def test_an_encoding_that_is_unclear_is_asked_about() -> None:
    data = "Anna: Café déjà vu.\nBen: Oui.".encode("cp1252")
    found = import_script(data)
    assert turns(found) == [["Anna", "Café déjà vu."], ["Ben", "Oui."]]
    (question,) = [one for one in found.questions if one.key == "encoding"]
    assert len(question.options) > 1 and "déjà" in question.options["cp1252"]
    other = next(value for value in question.options if value != "cp1252")
    assert "déjà" not in import_script(data, answers={"encoding": other}).text


def test_text_is_no_path_of_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("Anna: Secret.")
    assert import_script(str(secret)).speakers == ("Anna",)
    assert "Secret" not in import_script(str(secret).encode()).text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "nothing to speak"),
        (b"  \n \n", "nothing to speak"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old version of Word"),
        (b"{\\rtf1\\ansi Hello}", "RTF"),
        (b"RIFF\0\0\0\0WAVE\1\2\0\3", "binary"),
        (b"PK\x03\x04 not a zip", "damaged"),
        (b"\xff\xfea", "UTF-16"),
        (b"x" * 5_000_000, "at most"),
    ],
)
def test_other_files_are_refused_with_a_reason(data: bytes, message: str) -> None:
    with pytest.raises(ScriptError, match=message):
        import_script(data)


def test_missing_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="No such file"):
        import_script(tmp_path / "none.docx")
    with pytest.raises(ScriptError, match="not a plain file"):
        import_script(tmp_path)


def archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            out.writestr(name, data)
    return stream.getvalue()


CONTAINER = b'<container><rootfiles><rootfile full-path="b.opf"/></rootfiles></container>'
PACKAGE = (
    b'<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
    b'<spine><itemref idref="a"/></spine></package>'
)


def test_zip_bombs_are_refused() -> None:
    bomb = archive({"word/document.xml": b"\0" * (archives.MAX_UNPACKED_BYTES + 1)})
    assert len(bomb) < 1_000_000
    with pytest.raises(ScriptError, match="when unpacked"):
        import_script(bomb)
    page = archive(
        {
            "META-INF/container.xml": CONTAINER,
            "b.opf": PACKAGE,
            "a.xhtml": b" " * (archives.MAX_TEXT_BYTES + 1),
        }
    )
    with pytest.raises(ScriptError, match="at most"):
        import_script(page)
    word = archive({"word/document.xml": b" " * (archives.MAX_TEXT_BYTES + 1)})
    with pytest.raises(ScriptError, match="at most"):
        import_script(word)
    many = archive({f"m{number}": b"" for number in range(archives.MAX_MEMBERS + 1)})
    with pytest.raises(ScriptError, match="parts"):
        import_script(many)


def test_a_member_larger_than_declared_is_not_read() -> None:
    data = archive(
        {"META-INF/container.xml": CONTAINER, "b.opf": PACKAGE, "a.xhtml": b"<p>" + b"x " * 50_000}
    )
    size = (100_003).to_bytes(4, "little")
    assert data.count(size) == 2
    with pytest.raises(ScriptError, match="damaged"):
        import_script(data.replace(size, (20).to_bytes(4, "little")))


def test_entities_and_paths_of_a_book_reach_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    page = f'<!DOCTYPE p [<!ENTITY e SYSTEM "file://{secret}">]><p>It rained &e; all day.</p>'.encode()
    data = archive({"META-INF/container.xml": CONTAINER, "b.opf": PACKAGE, "a.xhtml": page})
    assert "hunter2" not in import_script(data).text
    outside = PACKAGE.replace(b"a.xhtml", f"../../../../..{secret}".encode())
    with pytest.raises(ScriptError, match="has no"):
        import_script(archive({"META-INF/container.xml": CONTAINER, "b.opf": outside}))


def test_word_documents_without_the_extra_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(VibeVoiceError, match=r"vibevoice-nb\[import\]"):
        import_script(DATA / "import" / "word-script.docx")


def test_damaged_word_documents_are_errors() -> None:
    pytest.importorskip("docx")
    with pytest.raises(ScriptError, match="damaged"):
        import_script(archive({"word/document.xml": b"<w:document"}))


def test_every_turn_has_a_target_whatever_its_marks() -> None:
    text = "S-->peaker 1: Good.\n</p>Speaker 2: Hello.\nSpeake): Good.\nBen (00<:04# ): Hello Anna.\n"
    found = import_script(text)
    assert len(found.targets) == len(found.turns) > 0


def test_damaged_files_raise_no_other_errors() -> None:
    rng = random.Random(0)
    for expected in EXPECTED:
        data = source_of(expected).read_bytes()
        for _ in range(6):
            part = bytearray(data[: rng.randrange(len(data) + 1)])
            for _ in range(rng.randrange(4)):
                if part:
                    part[rng.randrange(len(part))] = rng.randrange(256)
            try:
                import_script(bytes(part))
            except VibeVoiceError:
                continue


REPEATED = [
    *(
        "whatsapp-android.txt slack-copied.txt discord-copied.txt telegram-copied.txt zoom-chat.txt irc.txt"
    ).split(),
    *("srt-names.srt srt-plain.srt vtt-voices.vtt transcript-brackets.txt transcript-otter.txt").split(),
    *(
        "fountain.fountain dialogue-dashes.txt prose.txt markdown-bold.md tags-person.txt page-article.html"
    ).split(),
    *("encoding-cp1252.txt encoding-gbk.txt script-names.txt").split(),
]


@pytest.mark.parametrize("name", REPEATED)
def test_import_takes_linear_time(name: str) -> None:
    """Four times the length may take four times the time, with a margin, not sixteen times."""
    data = (DATA / "import" / name).read_bytes()
    unit = data * max(1, 4_000 // len(data))
    short, long = best_time(unit), best_time(unit * 4)
    assert long < 9 * short + 0.1


@pytest.mark.parametrize(
    "text",
    ["<", "<p", "<p>", "&#", "[", "((", "- ", "**", "[[", "/*", "a: ", "[0:01 ", "1\n", "```\n", "{", '["'],
)
def test_repeated_marks_take_linear_time(text: str) -> None:
    unit = (text * 6_000)[:6_000].encode()
    assert best_time(unit * 4) < 9 * best_time(unit) + 0.2


@pytest.mark.parametrize(
    "text",
    [
        "<!--",
        "<![",
        "<![CDATA[",
        "</",
        "<?",
        "<a b='",
        '<a b="',
        "<a b=c ",
        "<script>",
        "<p>",
        "<p a='<",
        "&#9",
        "&a",
    ],
)
def test_malformed_pages_take_linear_time(text: str) -> None:
    unit = "<html>" + (text * 20_000)[:20_000]
    assert best_time((unit + text * 60_000)[:80_000].encode()) < 9 * best_time(unit.encode()) + 0.2


def test_character_references_are_bounded() -> None:
    assert "&#999" in import_script("<p>It rained &#" + "9" * 5000 + "; all day.").text


def best_time(data: bytes) -> float:
    def read() -> None:
        with contextlib.suppress(ScriptError):
            import_script(data)

    return least_seconds(read, rounds=2)
