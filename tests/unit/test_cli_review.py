"""`vibevoice-nb review`, and `speak` with a review: rows, tables, exit codes, Ctrl-C."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import Bench, bench, last_json, models  # noqa: F401
from told import Told, priorities  # noqa: F401
from told import melody as voice

from vibevoice_nb import Project
from vibevoice_nb.audio.io import read_audio, write_audio
from vibevoice_nb.project.take import Take, TakeTurn
from vibevoice_nb.review import HeardWord, recognizers, review_recording

RATE = 24_000
TURN_SECONDS = 4.0
ANIMALS = "otter badger heron falcon lizard beetle salmon weasel sparrow turtle".split()


class Radio:
    """Recognizer of a recording in which each turn takes 4 s: hears its words, evenly spread."""

    name, note, nbytes = "radio", "", 0

    def __init__(self, *turns: str) -> None:
        self.words: list[HeardWord] = []
        for number, turn in enumerate(turns):
            start, said = number * TURN_SECONDS, turn.split()
            step = (TURN_SECONDS - 0.4) / max(1, len(said))
            self.words += [
                HeardWord(word, start + 0.2 + at * step, start + 0.2 + (at + 1) * step, 0.9)
                for at, word in enumerate(said)
            ]
        self.at, self.windows = 0.0, []
        self.called: Callable[[], None] = lambda: None

    def hear(
        self, audio: np.ndarray, language: str, cancelled: Callable[[], bool] | None = None
    ) -> list[HeardWord]:
        self.called()
        start, self.at = self.at, self.at + len(audio) / RATE
        self.windows.append(self.at - start)
        middle = [(word.start + word.end) / 2 for word in self.words]
        return [
            HeardWord(word.text, word.start - start, word.end - start, word.confidence)
            for word, time in zip(self.words, middle, strict=True)
            if start <= time < self.at
        ]


@pytest.fixture(autouse=True)
def no_voice_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recordings are tones, which a voice detector reports as sound without words."""
    monkeypatch.setattr("vibevoice_nb.review.comparison.other_sounds", lambda audio: iter(()))


@pytest.fixture
def loaded() -> Iterator[dict[str, object]]:
    """Recognizers by the name that a command gives."""
    kept = dict(recognizers._LOADED)
    yield recognizers._LOADED
    recognizers._LOADED.clear()
    recognizers._LOADED.update(kept)


def sentence(number: int) -> str:
    """A sentence of which each has a word of its own."""
    return f"We saw the {ANIMALS[number % 10]} near house {number} today."


def long_script(count: int) -> list[tuple[str, str]]:
    return [("Anna" if number % 2 else "Ben", sentence(number)) for number in range(count)]


def test_a_long_recording_has_one_row_for_each_turn() -> None:
    turns = long_script(150)
    said = [text for _, text in turns]
    said[40] = said[40].replace("near", "behind")
    said[77] = ""
    said[100] = said[100].removesuffix(" today.")
    ears, done = Radio(*said), []
    report = review_recording(np.tile(voice(TURN_SECONDS), 150), turns, recognizer=ears, progress=done.append)
    assert [row.number for row in report] == list(range(1, 151))
    assert [row.speaker for row in report][:2] == ["Ben", "Anna"]
    assert [row.number for row in report.flagged] == [41, 78, 101]
    assert len(ears.windows) > 20 and max(ears.windows) < 30
    assert done == sorted(done) and done[-1] == pytest.approx(1.0)
    [change] = report[40].review.differences
    assert (change.kind, change.said, change.heard) == ("different", "near", "behind")
    assert 40 * TURN_SECONDS < change.start_seconds < change.end_seconds < 41 * TURN_SECONDS
    assert report[77].review.differences[0].said == turns[77][1]
    assert 76.9 * TURN_SECONDS < report[77].review.differences[0].start_seconds < 79 * TURN_SECONDS
    for row in report:
        times = [t for word in row.review.words for t in (word.start_seconds, word.end_seconds)]
        assert times == sorted(times)
        assert row.number - 1.1 <= times[0] / TURN_SECONDS and times[-1] / TURN_SECONDS <= row.number + 0.1
    assert all(
        one.review.words[-1].end_seconds <= two.review.words[0].start_seconds + 0.01
        for one, two in pairwise(report)
        if 78 not in (one.number, two.number)
    )


def test_a_review_of_a_recording_can_be_cancelled() -> None:
    ears = Radio(*(text for _, text in long_script(20)))
    audio = np.tile(voice(TURN_SECONDS), 20)
    asked = iter([False] * 8 + [True] * 100)
    report = review_recording(audio, long_script(20), recognizer=ears, cancelled=lambda: next(asked))
    assert 0 < len(report) < 20 and not report.flagged
    assert len(review_recording(audio, long_script(20), recognizer=ears, cancelled=lambda: True)) == 0


@pytest.mark.parametrize(("heard", "length"), [("", 0), ("", 3), ("Nothing of it.", 1)])
def test_recordings_without_the_words(heard: str, length: int) -> None:
    report = review_recording(np.zeros(length * RATE, np.float32), long_script(3), recognizer=Radio(heard))
    assert len(report) == len(report.flagged) == 3


def recording(bench: Bench, said: list[str]) -> Path:  # noqa: F811
    return write_audio(bench.folder / "talk.flac", np.tile(voice(TURN_SECONDS), len(said)))


def test_review_of_an_audio_file(bench: Bench, loaded: dict[str, object]) -> None:  # noqa: F811
    said = [text for _, text in long_script(4)]
    file = recording(bench, said)
    script = bench.write("talk.txt", "\n".join(f"{name}: {text}" for name, text in long_script(4)))
    loaded["radio"] = Radio(*said)
    result = bench.run("review", file, "--script", script, "--recognizer", "radio")
    assert result.exit_code == 0, result.output
    assert "no certain difference; word error rate 0.0 %" in result.stdout
    loaded["radio"] = Radio(*said[:3], "We saw the turtle near house 3 today.")
    command = ["review", file, "--script", script, "--recognizer", "radio"]
    result = bench.run(*command, "--table", "words.csv", "--json")
    assert result.exit_code == 1 and "wrote words.csv" in result.stderr
    found = last_json(result.stdout)
    assert found["flagged"] == 1 and [turn["flagged"] for turn in found["turns"]] == [False] * 3 + [True]
    assert found["turns"][3]["differences"][0]["said"] == "falcon"
    with (bench.folder / "words.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert [row["speaker"] for row in rows] == ["Ben", "Anna"] * 2
    assert "“falcon” was heard as “turtle” at 13." in rows[3]["differences"]
    result = bench.run(*command, "--table", "words.csv")
    assert result.exit_code == 2 and "words.csv" in result.stderr and "exists" in result.stderr
    assert bench.run(*command, "--table", "words.txt").exit_code == 2


def test_the_words_of_an_exported_file_are_known(bench: Bench, loaded: dict[str, object]) -> None:  # noqa: F811
    turns = [
        TakeTurn("1", "Anna", "Good morning.", 0, 48_000),
        TakeTurn("2", "Ben", "Hello!", 48_000, 96_000),
    ]
    Take.from_audio(voice(4.0), turns=turns, name="x", manifest={"model": "m"}).export(
        bench.folder / "x.flac"
    )
    loaded["told"] = Told("good morning hello")
    result = bench.run("review", "x.flac", "--recognizer", "told", "--json")
    assert result.exit_code == 0, result.output
    assert [turn["speaker"] for turn in last_json(result.stdout)["turns"]] == ["Anna", "Ben"]
    plain = write_audio(bench.folder / "plain.wav", voice(1.0))
    result = bench.run("review", plain, "--recognizer", "told")
    assert result.exit_code == 2 and "add --script FILE" in result.stderr


def test_review_of_a_project(bench: Bench, loaded: dict[str, object]) -> None:  # noqa: F811
    from vibevoice_nb.engine.engine import Engine

    with Project.create(bench.folder / "show", "Anna: Good morning.\nBen: Hello!") as project:
        project.generate(Engine.load("nano", dtype="float32"), num_steps=1, seed=1).result(120)
        project.script_text += "\nAnna: One more."
    loaded["told"] = ears = Told("good morning", "help")
    result = bench.run("review", "show.vibevoice", "--recognizer", "told")
    assert result.exit_code == 1 and "1 of 2 turns with a certain difference" in result.stdout
    assert "1 of 3 turns have no audio" in result.stderr
    assert "“Hello!” was heard as “help”" in result.stdout and ears.calls == 2
    assert bench.run("review", "show.vibevoice", "--recognizer", "told").exit_code == 1 and ears.calls == 2
    with Project.open(bench.folder / "show") as project:
        assert len(project.reviews.report()) == 2
    result = bench.run("review", "show.vibevoice", "--script", bench.script)
    assert result.exit_code == 2 and "a project has its own" in result.stderr
    assert bench.run("review", bench.folder, "--recognizer", "told").exit_code == 2


def test_ctrl_c_ends_a_review_with_what_is_known(bench: Bench, loaded: dict[str, object]) -> None:  # noqa: F811
    said = [text for _, text in long_script(30)]
    file = recording(bench, said)
    script = bench.write("talk.txt", "\n".join(f"{name}: {text}" for name, text in long_script(30)))
    loaded["radio"] = ears = Radio(*said)
    ears.called = lambda: len(ears.windows) == 2 and os.kill(os.getpid(), signal.SIGINT)
    result = bench.run("review", file, "--script", script, "--recognizer", "radio")
    assert result.exit_code == 130 and "Stopping after this turn" in result.stderr
    assert "interrupted after 0 turns" in result.stderr and len(ears.windows) == 3


def test_speak_with_a_review(bench: Bench, loaded: dict[str, object]) -> None:  # noqa: F811
    loaded["told"] = ears = Told("hello", "hello", "Hello. Hi!")
    result = bench.speak("--recognizer", "told", "--attempts", 5, "--out", "a.wav", "--json")
    assert result.exit_code == 0, result.output
    made = last_json(result.stdout)
    assert made["attempts"] == ears.calls == 3 and made["review"]["flagged"] is False
    assert "the best of 3 attempts" in result.stderr and "all words were heard" in result.stderr
    audio, _ = read_audio(bench.folder / "a.wav")
    assert len(audio) / RATE == pytest.approx(made["seconds"], abs=0.01)
    loaded["told"] = Told("hello")
    result = bench.speak("--recognizer", "told", "--out", "b.html")
    assert result.exit_code == 0 and "“Hi!” is cut off at the end" in result.stderr
    assert "words are wrong or missing, word error rate 50.0 % by told" in result.stderr
    assert '<i data-start="' in (bench.folder / "b.html").read_text()
    assert "review" not in last_json(bench.speak("--out", "c.wav", "--json").stdout)
    for wrong in (0, 21):
        assert bench.speak("--attempts", wrong, "--out", "d.wav").exit_code == 2


def test_a_missing_recognizer_is_reported_before_anything_is_generated(
    bench: Bench,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "faster_whisper", None)
    result = bench.speak("--review", "--recognizer", "base", "--out", "a.wav")
    assert result.exit_code == 2 and 'pip install "vibevoice-nb[review]"' in result.stderr
    assert "loading nano" not in result.stderr and not (bench.folder / "a.wav").exists()
    file = write_audio(bench.folder / "x.wav", voice(1.0))
    result = bench.run("review", file, "--script", bench.script, "--recognizer", "base")
    assert result.exit_code == 2 and 'pip install "vibevoice-nb[review]"' in result.stderr
