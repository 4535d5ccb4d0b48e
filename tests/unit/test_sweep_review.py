"""Reviews of a sweep's cells, with a recognizer that is given its transcripts."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from sweep_helpers import WORDS, Melodies, sweep_of
from told import Told, priorities  # noqa: F401

from vibevoice_nb.errors import OptionError
from vibevoice_nb.project.jobs.sweep import REVIEW_COLUMNS
from vibevoice_nb.review import availability, speakers

LIMIT = 300


@pytest.fixture(autouse=True)
def _no_voice_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recordings are tones, which a voice detector reports as sound without words."""
    monkeypatch.setattr("vibevoice_nb.review.comparison.other_sounds", lambda audio: iter(()))


def test_the_result_of_a_sweep_with_review_has_its_figures(
    priorities: dict[int, int],  # noqa: F811
) -> None:
    ears = Told(WORDS.removesuffix(" to hear you"), WORDS)
    sweep = sweep_of(Melodies(), [4, 2], review=ears).start().result(LIMIT)
    assert [cell.review is not None and len(cell.review) for cell in sweep] == [2, 2]
    table = sweep.to_dataframe()
    assert table.wer.tolist() == [37.5, 0.0] and table.score[0] < table.score[1] == 100
    assert table.words_per_minute[1] == pytest.approx(8 * 60 / 2, rel=0.1)
    assert table.lufs.notna().all() and table.similarity.isna().all()
    assert sweep.best is sweep.cells[1]
    assert {priorities[thread] for thread in ears.threads} == {19}  # does not slow down a generation


def test_a_sweep_is_reviewed_afterwards() -> None:
    sweep = sweep_of(Melodies(), [2, 3]).start().result(LIMIT)
    assert sweep.best is None and sweep.to_dataframe()[list(REVIEW_COLUMNS)].isna().all(axis=None)
    ears, seen = Told(WORDS), []
    sweep.review_changed = lambda: seen.append(sweep.reviewing.progress.done)  # type: ignore[union-attr]
    assert sweep.review(ears).result(LIMIT) is sweep
    assert sweep.to_dataframe().wer.tolist() == [0.0, 0.0]
    assert seen == sorted(seen) and seen[-1] == 2
    sweep.review(ears).result(LIMIT)
    assert ears.calls == 2  # known
    other = Told("Good morning")
    other.name = "other"
    sweep.review(other).result(LIMIT)
    assert other.calls == 2 and {cell.reviewed_by for cell in sweep} == {"other"}


def test_cells_that_finish_later_are_reviewed_too() -> None:
    engine, ears, first = Melodies(), Told(WORDS), threading.Event()
    engine.go_on.clear()
    sweep = sweep_of(engine, [2, 3])
    sweep.changed = lambda cell: first.set() if cell.review is not None else None
    sweep.start()
    job = sweep.review(ears)
    assert first.wait(LIMIT) and not job.done
    assert [cell.review is not None for cell in sweep] == [True, False]
    engine.go_on.set()
    job.result(LIMIT)
    assert all(cell.review is not None for cell in sweep.result(LIMIT))


def test_a_review_of_a_sweep_can_be_cancelled() -> None:
    ears = Told(WORDS)
    ears.holds = threading.Event()
    sweep = sweep_of(Melodies(), [2, 3]).start().result(LIMIT)
    job = sweep.review(ears)
    job.cancel()
    ears.holds.set()
    assert job.result(LIMIT) is sweep and job.state == "cancelled" and sweep.best is None
    sweep.review(ears).result(LIMIT)
    assert sweep.best is sweep.cells[0]


def test_cancelling_a_sweep_ends_its_review() -> None:
    engine, ears = Melodies(), Told(WORDS)
    engine.go_on.clear()
    sweep = sweep_of(engine, [2, 3], review=ears)
    sweep.changed = lambda cell: sweep.cancel() if cell.review is not None else None
    sweep.start().result(LIMIT)
    assert sweep.state == "cancelled" and sweep.reviewing is not None
    assert sweep.reviewing.result(LIMIT) is sweep and sweep.reviewing.state == "cancelled"
    assert [cell.state for cell in sweep] == ["finished", "cancelled"] and sweep.best is sweep.cells[0]


def test_a_review_begun_before_a_sweep_that_never_runs_ends_with_it() -> None:
    sweep = sweep_of(Melodies(), [2])
    job = sweep.review(Told(WORDS))
    sweep.cancel()
    sweep.start().result(LIMIT)
    assert job.result(LIMIT) is sweep and sweep.generated.is_set() and sweep.best is None


def test_an_unknown_recognizer_is_refused_before_anything_is_generated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(name: str) -> None:
        raise OptionError(f"the recognizer {name!r}", "another", "name another")

    monkeypatch.setattr("vibevoice_nb.project.jobs.review.load_recognizer", refuse)
    engine = Melodies()
    with pytest.raises(OptionError, match="no such"):
        sweep_of(engine, [2], review="no such").start().result(LIMIT)
    assert engine.calls == 0


def test_a_recognizer_that_fails_is_reported_and_the_audio_is_kept() -> None:
    class English(Told):
        def hear(self, audio: np.ndarray, language: str, cancelled: object = None) -> list:
            self.calls += 1
            if self.calls == 1:
                raise OptionError("the language", "English", "another recognizer")
            return []

    ears = English(WORDS)
    sweep = sweep_of(Melodies(), [2, 3], review=ears).start()
    with pytest.raises(OptionError, match="the language"):
        sweep.result(LIMIT)
    assert [cell.take is not None for cell in sweep] == [True, True]
    assert [cell.review is not None for cell in sweep] == [False, True]


def test_a_callback_that_fails_does_not_stop_a_review() -> None:
    sweep = sweep_of(Melodies(), [2, 3]).start().result(LIMIT)

    def fail(*_: object) -> None:
        raise RuntimeError("a listener")

    sweep.changed = sweep.review_changed = fail  # type: ignore[assignment]
    assert sweep.review(Told(WORDS)).result(LIMIT) is sweep and len(sweep.to_dataframe().wer.dropna()) == 2


def test_cells_are_compared_with_the_voices(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedding for which all recordings but the longest, a built-in voice, are alike."""
    lengths: list[int] = []

    def embed(audio: np.ndarray) -> np.ndarray:
        lengths.append(len(audio))
        return np.eye(2, dtype=np.float32)[0]

    monkeypatch.setattr(availability, "has_embedding", lambda: True)
    monkeypatch.setattr(speakers, "SpeakerEmbedding", lambda: embed)
    sweep = sweep_of(Melodies(), [2, 3], review=Told(WORDS)).start().result(LIMIT)
    assert sweep.to_dataframe().similarity.tolist() == [1.0, 1.0]
    assert len(lengths) == 2 * 2 + 2  # two turns of each cell, and each voice once
