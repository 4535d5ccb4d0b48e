"""Reading along: sentences that are completed while typing are spoken, in order and as edited."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpu_time import least_seconds

from vibevoice_nb import Engine
from vibevoice_nb.widgets import Studio, read_along_panel
from vibevoice_nb.widgets.read_along_panel import Sentences


def test_edited_sentences_wait_and_removed_ones_do_not() -> None:
    sentences = Sentences("Anna: Old one. ")
    sentences.update("Anna: Old one. New one. Another. Thir")
    sentences.update("Anna: Old one. New one! Thir")
    assert sentences.take() == ("Anna", "New one!")
    sentences.update("Anna: Older one. New one! Third.\n")
    assert [sentences.take() for _ in range(3)] == [("Anna", "Older one."), ("Anna", "Third."), None]


def test_what_is_typed_is_spoken_in_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio(tmp_path / "a.vibevoice", script="Anna: Good morning.\n", model="nano")
    sent: list[tuple[str, object]] = []
    send = studio.channel.send

    def kept(kind: str, buffers: object = (), **fields: object) -> None:
        sent.append((kind, buffers))
        send(kind, buffers, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(studio.channel, "send", kept)
    assert studio.read_along is False
    studio.read_along = True
    studio.script = "Anna: Good morning.\nBen: It rains. It sno"
    deadline = time.monotonic() + 60
    while "stream_end" not in [kind for kind, _ in sent] and time.monotonic() < deadline:
        time.sleep(0.05)
    studio.read_along = False
    pcm = b"".join(bytes(part) for kind, parts in sent if kind == "audio" for part in parts)  # type: ignore[attr-defined]
    audio = np.frombuffer(pcm, "<i2")
    assert 0.4 < len(audio) / 24_000 < 3.0 and np.abs(audio).max() > 500  # "It rains." and nothing else
    assert not studio.takes
    studio.close()


def until(condition: Callable[[], Any], timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_lexicon_and_the_model_of_the_moment_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = Studio(tmp_path / "a.vibevoice", script="Anna: Good morning.\n", model="nano")
    studio._project.lexicon["Nguyen"] = "win"
    asked: list[tuple[str, dict[str, Any]]] = []
    real = Engine.stream_text

    def stream_text(self: Engine, source: Any, voices: Any, **options: Any) -> Any:
        asked.append((studio.model, options))
        return real(self, source, voices, **options)

    models: list[str] = []
    engine = studio._read_along._engine
    monkeypatch.setattr(studio._read_along, "_engine", lambda model: (models.append(model), engine(model))[1])
    monkeypatch.setattr(Engine, "stream_text", stream_text)
    studio.read_along = True
    studio.script = "Anna: Good morning. Nguyen is here.\n"
    until(lambda: asked)
    studio.read_along = False
    assert asked[0][1]["pronunciation"].lexicon["Nguyen"] == "win"
    assert len(models) == 2  # loaded when it was switched on, and asked for again with the sentence
    studio.close()


def test_any_error_switches_it_off_and_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any, **options: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Engine, "stream_text", fails)
    studio = Studio(tmp_path / "a.vibevoice", script="Anna: Hi.\n", model="nano")
    shown: list[str] = []
    monkeypatch.setattr(studio._read_along, "_notify", lambda kind, words: shown.append(words))
    studio.read_along = True
    studio.script = "Anna: Hi. It rains.\n"
    until(lambda: not studio.read_along)
    assert shown == ["out of memory"]
    studio.close()


def test_what_is_not_heard_yet_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio(tmp_path / "a.vibevoice", script="Anna: Hi.\n", model="nano")
    sent: list[int] = []
    first = threading.Event()

    def kept(kind: str, buffers: Any = (), **fields: Any) -> None:
        if kind == "audio":
            sent.append(sum(len(bytes(part)) // 2 for part in buffers))
            first.set()

    monkeypatch.setattr(studio.channel, "send", kept)
    studio.read_along = True
    studio.script = (
        "Anna: Hi. This is a long sentence about the weather and the wind, and the sea and the sun.\n"
    )
    assert first.wait(60)
    began = time.monotonic()
    studio.read_along = False
    until(lambda: "read-along" not in [thread.name for thread in threading.enumerate()])
    heard = time.monotonic() - began
    assert sum(sent) / 24_000 <= heard + read_along_panel._SENT_AHEAD + 0.5
    studio.close()


def test_a_long_script_is_not_compared_in_the_thread_of_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    real = read_along_panel._complete

    def complete(*given: Any, **options: Any) -> Any:
        threads.append(threading.current_thread().name)
        return real(*given, **options)

    monkeypatch.setattr(read_along_panel, "_complete", complete)
    script = "Anna: " + 500 * "It rains. "
    studio = Studio(tmp_path / "a.vibevoice", script=script, model="nano")
    studio.read_along = True
    studio.script = script + "It sno"
    until(lambda: len(threads) == 2)
    studio.read_along = False
    assert set(threads) == {"read-along"}
    studio.close()


def test_equal_sentences_are_compared_in_linear_time() -> None:
    script = "Anna: " + 20_000 * "Yes. "
    sentences = Sentences(script)
    # The comparison of all with all takes minutes.
    assert least_seconds(lambda: sentences.update(script + "It rains. "), rounds=1) < 5
    assert sentences.take() == ("Anna", "It rains.") and sentences.take() is None
