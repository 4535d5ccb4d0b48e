"""Scripts as people have them: speakers, text, and the lines with warnings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from script_helpers import CAST, lost_words, spoken

from vibevoice_nb.script import Script, load_script, parse_script
from vibevoice_nb.script.json_form import json_text, looks_like_json
from vibevoice_nb.script.lines import is_comment

COMMENTS = Path(__file__).parents[1] / "data" / "comment_examples.json"
DATA = Path(__file__).parents[1] / "data" / "scripts"
HELLO = [("Anna", "Hi there.", 0), ("Ben", "Hello.", 0)]
NUMBERED = [(1, "Hi there.", 0), (2, "Hello.", 0)]


def warned(script: Script) -> list[tuple[int, str]]:
    return [(item.line, item.severity) for item in script.diagnostics if item.severity != "info"]


FILES = {
    "06-only.txt": ([(2, "Yes.", 0)], [(1, "warning"), (1, "warning")]),
    "06-script.txt": (
        [
            (1, "Great news we did it! Ready → go. 5 × 3 = 15, x ≤ 7, 50 €.", 0),
            (2, "Thanks 100 %!", 0),
        ],
        [(1, "warning"), (1, "warning"), (2, "warning"), (2, "warning")],
    ),
    "10-cr.txt": ([(1, "One.", 0), (2, "Two.", 0)], []),
    "10-crlf.txt": ([(1, "One.", 0), (2, "Two.", 0)], []),
    "10-nel.txt": ([(1, "One.", 0), (2, "Two.", 0), (1, "Three.", 0)], []),
    "10-vt.txt": ([(1, "One. Still one.", 0), (2, "Two.", 0)], []),
    "13-eleven.txt": (
        [(1, "Well.", 500), (1, "Then", 2000), (1, "go.", 2000), (1, "End.", 0)],
        4 * [(1, "warning")],
    ),
    "13-ms.txt": (
        [(1, "Well.", 500), (1, "Then.", 1000), (1, "And.", 1000), (1, "End.", 0)],
        [(1, "warning")],
    ),
    "13-soulx.txt": ([(1, "Well.", 800), (1, "Then we go.", 0)], [(1, "warning")]),
    "13-ssml.txt": ([(1, "Well.", 800), (1, "Then we go.", 500), (1, "End.", 0)], 2 * [(1, "warning")]),
    "16-podcastfy.txt": (
        [("Person1", "Welcome to the show.", 0), ("Person2", "Thanks for having me.", 0)],
        [],
    ),
    "16-srt_as.txt": ([(1, "Good morning. Hello Anna.", 0)], [(3, "warning")]),
    "16-sub.srt": ([(1, "Good morning. Hello Anna.", 0)], [(3, "warning")]),
    "16-tags.txt": ([(1, "Hello", 0), (2, "Hello", 0)], []),
    "16-timestamps.txt": ([("Anna", "Good morning.", 0), ("Ben", "Hello Anna.", 0)], []),
    "16-webvtt.vtt": ([("Anna", "Good morning.", 0), ("Ben", "Hello Anna.", 0)], []),
    "17-both.txt": (
        [("Anna", "Welcome!", 0), ("Anna", "Today we talk.", 0), ("Ben", "Yes.", 0)],
        [(1, "warning")],
    ),
    "17-colon.txt": (
        [
            ("Anna", "Remember: the train leaves at 10:30. Ratio 3:2.", 0),
            ("Ben", "Note: bring https://example.org: now. Warning: this is text of Ben.", 0),
        ],
        [(3, "warning")],
    ),
    "17-script.txt": (
        [
            ("Dr. O'Neill-Smith", "Good morning.", 0),
            ("Mary Ann", "Hello.", 0),
            ("Host 2", "Welcome.", 0),
            ("José", "Hola.", 0),
        ],
        [],
    ),
    "20-curly.json": ([], [(1, "error")]),
    "20-dict.json": ([("Anna", "Hello.", 0)], []),
    "20-fenced.txt": ([("Anna", "Hello.", 0)], []),
    "20-jsonl.json": ([("Anna", "Hello.", 0), ("Ben", "Hi.", 0)], []),
    "20-num.json": ([(1, "Hello.", 0)], [(1, "error")]),
    "20-ok.json": ([("Anna", "Hello.", 0), ("Ben", "Hi.", 0)], []),
    "20-role.json": ([("host", "Hello.", 0)], []),
    "34-script.txt": ([(1, "Hi.", 0), (2, "Hello.", 0), (1, "Bye.", 0)], [(1, "warning")]),
    # What of these a model can say is checked with the model.
    "36-chinese.txt": ([("Anna", "Hello.", 0), ("Ben", "你好。", 0), ("Anna", "Bye.", 0)], []),
    "36-dash.txt": ([("Anna", "Hello.", 0), ("Ben", "-", 0), ("Anna", "Bye.", 0)], []),
    "36-dots.txt": ([("Anna", "Hello.", 0), ("Ben", "...", 0), ("Anna", "Bye.", 0)], []),
}


def test_every_file_is_expected() -> None:
    assert {path.name for path in DATA.iterdir()} == set(FILES)


def test_labels_of_diarization_need_no_colon() -> None:
    script = parse_script("SPEAKER_00 Hi there.\nSPEAKER_01 Hello.\nSPEAKER_00 SPEAKER_01 left.")
    assert spoken(script) == [
        ("SPEAKER_00", "Hi there.", 0),
        ("SPEAKER_01", "Hello.", 0),
        ("SPEAKER_00", "SPEAKER_01 left.", 0),
    ]
    assert warned(script) == []


@pytest.mark.parametrize("name", FILES)
def test_files(name: str) -> None:
    script = load_script(DATA / name)
    turns, warnings = FILES[name]
    assert spoken(script) == turns
    assert warned(script) == warnings


@pytest.mark.parametrize(
    "text",
    [
        "[00:01] Anna: Hi there.\n[00:05] Ben: Hello.",
        "00:01:02 Anna: Hi there.\n00:01:05 Ben: Hello.",
        "00:01:02,500 - Anna: Hi there.\n00:01:05,000 - Ben: Hello.",
        "(0:05) Anna\nHi there.\n(0:07) Ben\nHello.",
        "Anna   0 minutes 5 seconds\nHi there.\nBen   1 minute 12 seconds\nHello.",
        "<speak><p>Anna: Hi there.</p>\n<p>Ben: Hello.</p></speak>",
        "Anna (00:12):\nHi there.\n\nBen (00:15):\nHello.",
        "Anna (00:12): Hi there.\nBen (00:15): Hello.",
        "**Anna** (00:12): Hi there.\n**Ben** (00:15): Hello.",
        "Anna  0:12\nHi there.\n\nBen  0:15\nHello.",
        "[12:39, 29/11/2026] Anna: Hi there.\n[12:40, 29/11/2026] Ben: Hello.",
        "29/11/2026, 12:39 - Anna: Hi there.\n29/11/2026, 12:40 - Ben: Hello.",
        "Anna — Today at 12:39 PM\nHi there.\nBen — Today at 12:40 PM\nHello.",
        "<Anna> Hi there.\n<Ben> Hello.",
        "[Anna] Hi there.\n[Ben] Hello.",
        "(Anna) Hi there.\n(Ben) Hello.",
        "[Anna]: Hi there.\n[Ben]: Hello.",
        "<Anna>Hi there.</Anna><Ben>Hello.</Ben>",
        '<speak><voice name="Anna">Hi there.</voice>\n<voice name="Ben">Hello.</voice></speak>',
        "### Anna\n\nHi there.\n\n### Ben\n\nHello.",
        "**Anna**\nHi there.\n**Ben**\nHello.",
        "```\nAnna: Hi there.\nBen: Hello.\n```",
        "Here is your script:\n\n```text\nAnna: Hi there.\nBen: Hello.\n```\n\nDo you like it?",
        '[\n["Anna", "Hi there."],\n["Ben", "Hello."]\n]',
        '[{"Anna": "Hi there."}, {"Ben": "Hello."}]',
        '{"name": "Anna", "line": "Hi there."}\n{"name": "Ben", "line": "Hello."}\n',
        '{"title": "x", "turns": [{"role": "Anna", "content": "Hi there."}, '
        '{"role": "Ben", "content": "Hello."}]}',
        'Sure!\n```json\n[{"speaker": "Anna", "text": "Hi there."}, '
        '{"speaker": "Ben", "text": "Hello."}]\n```\nBye',
        "WEBVTT\n\nNOTE x\n\n1\n00:01.000 --> 00:03.000 align:start\n<v.loud Anna>Hi <c.x>there</c>.</v>\n\n"
        "00:04.000 --> 00:06.000\n<v Ben>Hello.",
        "1\n00:00:01,000 --> 00:00:03,000\nAnna: Hi\nthere.\n\n"
        "2\n00:00:04,000 --> 00:00:06,000\n- Ben: <i>Hello.</i>",
        "Anna – Hi there.\nBen – Hello.",
        "Anna - Hi there.\nBen - Hello.",
        "Anna\tHi there.\nBen\tHello.",
        "Anna | Hi there.\nBen | Hello.",
        "- Anna: Hi there.\n- Ben: Hello.",
        "1. Anna: Hi there.\n2. Ben: Hello.",
        "> **Anna:** Hi there.\n> **Ben**: Hello.",
        "<b>Anna</b>: Hi there.\n<strong>Ben:</strong> Hello.",
        "`Anna`: Hi there.\n__Ben:__ Hello.",
        "Anna: Hi there.\u2028Ben: Hello.",
        "Anna: Hi there.\u2029Ben: Hello.",
        "Anna: Hi there.\x85Ben: Hello.",
        "Anna: Hi\x0cthere.\x0bBen: Hello.",
        "Anna: <speak>Hi <emphasis level='strong'>there</emphasis>.</speak>\nBen: Hello.",
        "Anna (laughing): Hi there.\nBen: (sighs) Hello.",
        "Anna: 👋 Hi there. 🎉\nBen: Hello. 👍🏽",
    ],
)
def test_two_people(text: str) -> None:
    script = parse_script(text)
    assert spoken(script) == HELLO
    assert not script.errors
    assert looks_like_json(json_text(text)) or lost_words(text, script) == []


@pytest.mark.parametrize(
    "text",
    [
        "[S1] Hi there. [S2] Hello.",
        "[S1]Hi there.\n[S2]Hello.",
        "<speaker_1>Hi there.</speaker_1> <speaker_2>Hello.</speaker_2>",
        "Speaker 1: Hi there. Speaker 2: Hello.",
        "Speaker 1: Hi there. **Speaker 2:** Hello.",
        "Speaker 1: Hi there. [2]: Hello.",
        "Speaker 1: Hi there. Speaker 2 (laughing): Hello.",
        "1) Speaker 1: Hi there.\n2) Speaker 2: Hello.",
        "[00:01] Speaker 1: Hi there.\n[00:02] [2]: Hello.",
        "Speaker 1  0:01\nHi there.\nSpeaker 2  0:03\nHello.",
    ],
)
def test_two_numbers(text: str) -> None:
    script = parse_script(text)
    assert spoken(script) == NUMBERED
    assert lost_words(text, script) == []


def test_screenplay() -> None:
    text = (
        "Title: Tea\nAuthor: A. Nonymous\n\nINT. KITCHEN - DAY\n\nAnna opens the door.\n\n"
        "ANNA\n(softly)\nHi there.\n\n"
        "BEN (V.O.)\nHello.\n\n(beat)\n\nCUT TO:\n"
    )
    script = parse_script(text)
    assert spoken(script) == [("ANNA", "Hi there.", 0), ("BEN", "Hello.", 500)]
    assert [(item.line, item.fix) for item in script.diagnostics if item.line == 6] == [
        (6, "# Anna opens the door.")
    ]
    assert lost_words(text, script) == []
    assert spoken(parse_script("ANNA\nHi there.\nBEN\nHello.\n")) == [
        ("ANNA", "Hi there.", 0),
        ("BEN", "Hello.", 0),
    ]


@pytest.mark.parametrize(
    ("text", "line", "fix"),
    [
        ("Anna: Hi. Ben: Hello.", 1, "\nBen:"),  # no speaker of that name so far
        ("Speaker 1: Hi Speaker 2: Hello", 1, "\nSpeaker 2:"),
        ("Anna: I told Ben: go.\nBen: Hm.", 1, "\nBen:"),
        ("Ben: Hi.\nBen: So.\n\nCARLA\nHello.", 4, "CARLA:"),
        ("Speaker 1: Hi.\nAnna: Hello.", 2, "Speaker 2:"),
        ("Speaker 1: Hi.\n2: Hello.", 2, "Speaker 2:"),
        ("Anna & Ben: Hi.\nAnna: So.\nBen: Hm.", 1, "Anna:"),
        ("All: Hi.\nAnna: So.\nBen: Hm.", 1, "Anna:"),
        ("Anna: Hi.\nBen: Hm.\n\n---\n\nShall I write more?", 6, "# Shall I write more?"),
        ("Speaker 1: Hi.\n[Carla] Hello.", 2, "Carla:"),
        ("Speaker 1: Hi.\n- Hello.", 2, ""),
        ("Hello.\nSpeaker 2: Hi.", 1, "Speaker 1: Hello."),
        ("Anna: Hi.\nAnna: So.\nBen: Hm.\nBen: Oh.\nAnan: Yes.", 5, "Anna:"),
        ("Speaker 1: <|vision_pad|> Hi.", 1, ""),
    ],
)
def test_a_possible_other_speaker_is_a_warning_with_a_fix(text: str, line: int, fix: str) -> None:
    script = parse_script(text)
    assert (line, fix) in [(item.line, item.fix) for item in script.diagnostics if item.severity == "warning"]
    assert lost_words(text, script) == []


def test_the_speaker_of_doubtful_lines() -> None:
    assert spoken(parse_script("Anna: I told Ben: go.\nBen: Hm.")) == [
        ("Anna", "I told Ben: go.", 0),
        ("Ben", "Hm.", 0),
    ]
    assert spoken(parse_script("Anna: It's 10:30. See http://a.b: now.", cast=CAST)) == [
        ("Anna", "It's 10:30. See http://a.b: now.", 0)
    ]


@pytest.mark.parametrize(
    ("written", "text", "pause"),
    [
        ('Well. <break time="500ms"/>', "Well.", 500),
        ("Well. <break strength='strong'></break>", "Well.", 1000),
        ("Well. [long pause]", "Well.", 2000),
        ("Well. [pause 2s]", "Well.", 2000),
        ("Well. (2 second pause)", "Well.", 2000),
        ("Well. <#0.5#>", "Well.", 500),
        ("Well. [[slnc 300]]", "Well.", 300),
        ("Well. <|pause|>", "Well.", 1000),
        ("Well. *pause*", "Well.", 1000),
        ("Well. (beat)", "Well.", 500),
        ("[laughs] Well.", "Well.", 0),
        ("Well (sighs), so.", "Well, so.", 0),
        ("*clears throat* Well.", "Well.", 0),
        ("Well. <laugh> So.", "Well. So.", 0),
        ("Well. <|laughter|> So.", "Well. So.", 0),
        ("(quietly) Well.", "Well.", 0),
        ("[door creaks] Well.", "Well.", 0),
        ("[SFX: rain] Well.", "Well.", 0),
        ("Well {laughs} so.", "Well so.", 0),
        ("[excited] Well! [whispers] So.", "Well! So.", 0),
        ("It *really* is **very** `good`.", "It really is very good.", 0),
        ("See [this page](https://a.b/c_(d)) now.", "See this page now.", 0),
        ("![a cat](cat.png) Well.", "Well.", 0),
        ("Fish &amp; chips.", "Fish & chips.", 0),
        ("Well.<!-- no --> So.", "Well. So.", 0),
        ("<p>Well.</p><br/>So.", "Well.So.", 0),
        ("So [00:05] well.", "So well.", 0),
        ("Good 👍🏽 job 👨‍👩‍👧.", "Good job.", 0),
    ],
)
def test_markup_is_reported_and_not_spoken(written: str, text: str, pause: int) -> None:
    source = f"Speaker 1: {written}"
    script = parse_script(source)
    assert spoken(script) == [(1, text, pause)]
    assert script.diagnostics and all(item.fix is not None for item in script.diagnostics)
    assert lost_words(source, script) == []


@pytest.mark.parametrize(
    "text",
    [
        "Anna (my sister) said so.",
        "He wrote it [sic] so.",
        "He said [that] it is fine.",
        "I count 2 * 3 * 4 and 5*3.",
        "a < b and c > d, 3 <3",
        "snake_case_name and __init__",
        "She (really) laughs in the choir (as she sings there).",
        "It costs 5 € (about 6 $), x ≤ 7 → go © 2026.",
        "R&D; AT&T",
        "Wait... what?! (Yes.)",
    ],
)
def test_words_in_brackets_stay(text: str) -> None:
    script = parse_script(f"Speaker 1: {text}")
    if "__init__" not in text:  # which is bold in Markdown
        assert spoken(script) == [(1, text, 0)]
        assert not script.diagnostics


def test_other_fixes_are_offered() -> None:
    (direction,) = parse_script("Speaker 1: Hi. (laughs)").diagnostics
    assert (direction.fix, direction.alternatives) == ("", ("[pause:500]", "laughs"))
    (pause,) = parse_script("Speaker 1: Hi. [short pause]").diagnostics
    assert (pause.fix, pause.alternatives) == ("[pause:500]", ("",))


@pytest.mark.parametrize(("line", "comment"), json.loads(COMMENTS.read_text("utf-8")))
def test_comments(line: str, comment: bool) -> None:
    """The page is tested with the same lines."""
    assert is_comment(line) == comment
    text = f"Speaker 1: Hi.\n{line}\nSpeaker 2: Hm."
    script = parse_script(text)
    assert lost_words(text, script) == []
    if comment:
        assert spoken(script)[0][1] == "Hi." and not script.diagnostics
    elif line.startswith("#"):
        assert line.lstrip("# ") in spoken(script)[0][1]
        assert "# " in [item.fix for item in script.diagnostics if item.line == 2]


def test_a_project_reads_as_a_script_alone_does() -> None:
    for text in (
        "Anna: Hi.\nNote: hm.\nBen: So.",
        "Anna & Ben: Hi.\nAnna: So.\nBen: Hm.",
        "Ben: Hi.\nand so on",
    ):
        assert spoken(parse_script(text, known=["Ben"])) == spoken(parse_script(text))
    assert parse_script("Note: hm.\nAnna: Hi.", known=["Note"]).cast == ("Note", "Anna")
