"""Scripts assembled from everything people paste: no exception, no lost word, linear time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fuzz_helpers import generators
from script_helpers import lost_words, spoken

from vibevoice_nb.errors import ScriptError
from vibevoice_nb.script import Script, load_script, parse_script

WORDS = (
    "yes no well I see the train leaves at ten o'clock: don't you think so? Never! 5 km (my sister) it's"
).split()
LABELS = [
    *(
        "Speaker 1:",
        "Speaker 2:",
        "[1]:",
        "[2] :",
        "Speaker two:",
        "Speaker 2",
        "speaker 9:",
        "1:",
        "Speaker:",
    ),
    *(
        "Anna:",
        "ben:",
        "**Anna:**",
        "**Ben**:",
        "<b>Anna</b>:",
        "Anna (laughing):",
        "Note:",
        "Dr. Smith:",
        "José:",
    ),
    *(
        "Anna & Ben:",
        "All:",
        "Ben –",
        "Ben - ",
        "Anna\t",
        "Anna |",
        "ANNA\n",
        "### Ben\n",
        "Anna\n",
        "😀:",
        "Anna：",
    ),
    *(
        "[Anna]",
        "[S1]",
        "[S2]:",
        "<Person1>",
        "<v Ben>",
        "<Anna>",
        "(Ben)",
        "SPEAKER_00:",
        "<voice name='Ben'>",
    ),
    *(
        "- Ben:",
        "> Anna:",
        "1. Ben:",
        "- ",
        "* ",
        "# ",
        "#",
        "## ",
        "[00:01] Anna:",
        "0:05 Ben:",
        "Anna (0:07):",
    ),
]
MARKUP = [
    *(
        "[pause]",
        "[pause:500]",
        "[pause 2s]",
        "[short pause]",
        "(beat)",
        "<break time='1s'/>",
        "<|pause:800|>",
    ),
    *(
        "[laughs]",
        "(sighs)",
        "*clears throat*",
        "<laugh>",
        "*really*",
        "**bold**",
        "_so_",
        "`code`",
        "~~no~~",
    ),
    *(
        "[a](http://b.c)",
        "![x](y.png)",
        "<speak>",
        "</speak>",
        "&amp;",
        "&nbsp;",
        "<|vision_pad|>",
        "[sic]",
        "😀👍🏽",
    ),
    *(
        "http://a.b/c",
        "10:30",
        "3:2",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        "*",
        "_",
        "`",
        "{",
        "}",
        '"',
        "“",
        "</Person1>",
    ),
    *(
        "\u200b",
        "\u202e",
        "\x07",
        "\ufeff",
        "\ud800",
        "\u3000",
        "\xa0",
        "é\u0301",
        "你好。",
        "مرحبا",
        "𝔄",
        "-",
        "...",
    ),
]
ENDS = [
    "\n",
    "\n",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\u2028",
    "\u2029",
    "\x85",
    "\x0b",
    "\x0c",
    " ",
    ". ",
    "\n---\n",
    "\n```\n",
]
CASTS: list[list[str] | None] = [None, None, None, ["Anna", "Ben"], ["Ben", "Speaker 1", "Zoe"]]
LONGEST_CPU = 1.0


def pick(rng: np.random.Generator, items: list) -> object:
    return items[int(rng.integers(len(items)))]


def speech(rng: np.random.Generator) -> str:
    parts = [
        str(pick(rng, MARKUP if rng.random() < 0.25 else WORDS)) for _ in range(int(rng.integers(0, 12)))
    ]
    return (" " if rng.random() < 0.9 else "").join(parts)


def lines(rng: np.random.Generator) -> str:
    out = []
    for _ in range(int(rng.integers(1, 14))):
        label = str(pick(rng, LABELS)) if rng.random() < 0.7 else ""
        out.append(f"{label} {speech(rng)}{pick(rng, ENDS)}")
    return "".join(out)


def subtitles(rng: np.random.Generator) -> str:
    out = ["WEBVTT\n\n"] if rng.random() < 0.4 else []
    for number in range(int(rng.integers(1, 6))):
        out.append(f"{number}\n" if rng.random() < 0.7 else "")
        out.append(f"00:00:0{number},000 --> 00:00:0{number},900{pick(rng, ['', ' align:start'])}\n")
        out.append(f"{pick(rng, ['<v Ben>', 'Anna: ', '- ', '', '<i>'])}{speech(rng)}\n\n")
    return "".join(out)


def screenplay(rng: np.random.Generator) -> str:
    blocks = ["INT. HOUSE - DAY", "CUT TO:", "ANNA\n", "BEN (V.O.)\n", "(softly)", "Title: x", "Anna leaves."]
    return "\n\n".join(f"{pick(rng, blocks)}{speech(rng)}" for _ in range(int(rng.integers(1, 9))))


def characters(rng: np.random.Generator) -> str:
    alphabet = list("Ab1 :.[]()<>*_`#-\n\t&;/\\\"'{}|😀\u2028")
    return "".join(str(pick(rng, alphabet)) for _ in range(int(rng.integers(0, 120))))


def cut_and_joined(rng: np.random.Generator) -> str:
    one, other = lines(rng), str(pick(rng, [lines, subtitles, screenplay])(rng))  # type: ignore[operator]
    return one[: int(rng.integers(0, len(one) + 1))] + other[int(rng.integers(0, len(other) + 1)) :]


FORMS: list[Callable[[np.random.Generator], str]] = [
    lines,
    lines,
    subtitles,
    screenplay,
    characters,
    cut_and_joined,
]


def check(text: str, script: Script) -> None:
    pages = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for item in script.diagnostics:
        assert 1 <= item.line <= len(pages)
        assert 1 <= item.column <= item.end_column <= len(pages[item.line - 1]) + 1
    for turn in script.turns:
        assert turn.text == turn.text.strip() != ""
        turn.text.encode()
    if not script.errors:
        assert spoken(parse_script(script.to_text(), cast=script.cast)) == spoken(script)
    else:
        with pytest.raises(ScriptError):
            script.raise_for_errors()


def test_scripts() -> None:
    """4,000 of these are one run; set VIBEVOICE_NB_FUZZ=3 for 12,000."""
    for number, rng in generators("scripts", 4000):
        text = FORMS[number % len(FORMS)](rng)
        cast = CASTS[int(rng.integers(len(CASTS)))]
        start = time.process_time()
        script = parse_script(text, cast=cast)
        assert time.process_time() - start < LONGEST_CPU, (number, text)
        try:
            check(text, script)
            assert lost_words(text, script) == []
        except AssertionError as error:
            raise AssertionError(f"case {number}, cast {cast}: {text!r}") from error


def value(rng: np.random.Generator, depth: int = 0) -> object:
    kind = int(rng.integers(0, 9 if depth < 3 else 6))
    if kind < 6:
        plain = [None, True, 1, -1, 2.0, 1.5, 10**30, "", "Anna", "1", "Speaker 2", speech(rng), lines(rng)]
        return pick(rng, plain)
    if kind < 8:
        keys = ["speaker", "text", "role", "content", "name", "dialogue", "start", "x"]
        return {str(pick(rng, keys)): value(rng, depth + 1) for _ in range(int(rng.integers(0, 4)))}
    return [value(rng, depth + 1) for _ in range(int(rng.integers(0, 4)))]


def test_json() -> None:
    for number, rng in generators("json scripts", 1500):
        entries = [
            {"speaker": pick(rng, ["Anna", "Ben", 1, 2, "Zoe"]), "text": speech(rng)}
            if rng.random() < 0.7
            else value(rng)
            for _ in range(int(rng.integers(0, 6)))
        ]
        data = pick(rng, [entries, {"dialogue": entries}, value(rng)])
        text = json.dumps(data, indent=pick(rng, [None, 1]), ensure_ascii=bool(rng.integers(2)))  # type: ignore[arg-type]
        if rng.random() < 0.2:
            text = "\n".join(json.dumps(entry) for entry in entries)
        if rng.random() < 0.2:
            text = f"Sure:\n```json\n{text}\n```\nBye"
        if rng.random() < 0.3:
            at = int(rng.integers(0, len(text) + 1))
            text = text[:at] + str(pick(rng, ["", "{", "]", "“", ",", "\x00", "\n"])) + text[at + 1 :]
        script = parse_script(
            text, cast=CASTS[int(rng.integers(len(CASTS)))], format=pick(rng, ["auto", "json"])
        )  # type: ignore[arg-type]
        try:
            check(text, script)
        except AssertionError as error:
            raise AssertionError(f"case {number}: {text!r}") from error


def test_files(tmp_path: Path) -> None:
    for number, rng in generators("script files", 200):
        text = FORMS[number % len(FORMS)](rng).encode("utf-8", "replace").decode()
        encoding = str(pick(rng, ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252"]))
        data = bytearray(text.encode(encoding, "replace"))
        for _ in range(int(rng.integers(0, 3)) if data else 0):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        path = tmp_path / f"case{number}{pick(rng, ['.txt', '.vvscript', '.json', '.srt', '.vtt', '.md'])}"
        path.write_bytes(bytes(data))
        try:
            load_script(path)
        except ScriptError as error:
            assert path.name in str(error)
