"""Reviews of takes, and better takes of misspoken turns, with a recognizer that is told its transcripts."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from generation_helpers import QUICK, SCRIPT, engine, own_audio, project, spoken  # noqa: F401
from told import Told, priorities  # noqa: F401

from vibevoice_nb import Project
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.errors import OptionError, ProjectError
from vibevoice_nb.project.jobs.review import Judge
from vibevoice_nb.review import availability, speakers

TEXTS = ["Hello there.", "Good morning.", "How are you?", "Very well."]


@pytest.fixture
def generated(project: Project, engine: Engine) -> Project:  # noqa: F811
    spoken(project, engine)
    return project


def words(project: Project, turn: int) -> list[str]:  # noqa: F811
    found = project.reviews.of(project.turns[turn].chosen)
    return [] if found is None else [item.kind for item in found.differences if item.kind != "sound"]


def test_a_review_is_kept_with_its_take(
    generated: Project,
    priorities: dict[int, int],  # noqa: F811
) -> None:
    ears = Told(*TEXTS[:2], "How are", TEXTS[3])
    told: list[str] = []
    job = generated.review(recognizer=ears, listener=told.append)
    report = job.result(60)
    assert job.state == "finished" and len(report) == 4 and ears.calls == 4
    assert [row.turn for row in report.flagged] == [generated.turns[2].id]
    assert words(generated, 2) == ["cut off"] and report.wer == pytest.approx(100 / 9)
    assert told == [*(turn.chosen for turn in generated.turns), ""]
    assert {priorities[thread] for thread in ears.threads} == {19}  # does not slow down a generation
    generated.review(recognizer=ears).result(60)
    assert ears.calls == 4  # known
    generated.review(generated.turns[0].id, recognizer=ears, again=True).result(60)
    assert ears.calls == 5
    path = generated.path
    generated.close()
    with Project.open(path) as again:
        assert [row.to_json() for row in again.reviews.report()][2] == report[2].to_json()
        turn = again.turns[2]
        (again.path / "takes" / str(turn.chosen) / "review.json").write_text('{"format": 1, "text": []}')
    with Project.open(path) as again:
        assert again.reviews.of(again.turns[2].chosen) is None and len(again.reviews.report()) == 3
        again.script_text = again.script_text.replace("Hello there", "Hello you")
        assert len(again.reviews.report()) == 2  # the review of other words says nothing about the line


def test_a_review_can_be_cancelled(generated: Project) -> None:
    ears = Told(*TEXTS)
    ears.holds = threading.Event()
    job = generated.review(recognizer=ears)
    job.cancel()
    ears.holds.set()
    assert len(job.result(60)) == 0 and job.state == "cancelled"


def test_a_review_works_beside_a_generation(generated: Project, engine: Engine) -> None:  # noqa: F811
    ears = Told(*TEXTS)
    ears.holds = threading.Event()
    job = generated.review(recognizer=ears)
    spoken(generated, engine, generated.turns[0].id, seed=9)  # would wait for ever, were reviews exclusive
    ears.holds.set()
    assert len(job.result(60)) >= 3


def test_fix_generates_flagged_turns_until_they_are_right(generated: Project, engine: Engine) -> None:  # noqa: F811
    with pytest.raises(ProjectError, match="no turn is flagged"):
        generated.fix(engine)
    generated.review(recognizer=Told("Hello", *TEXTS[1:])).result(60)
    before = own_audio(generated)
    ears = Told("there", TEXTS[0])
    job = generated.fix(engine, recognizer=ears, attempts=5, **QUICK)
    job.result(180)
    first = generated.turns[0]
    assert len(job.takes) == 2 and first.chosen == job.takes[1].id and not words(generated, 0)
    assert job.progress.turns_done == job.progress.turns_total == 2
    assert len({take.seed for take in generated.takes.of(first.id)}) == 3
    after = own_audio(generated)
    assert [np.array_equal(before[turn], after[turn]) for turn in before] == [False, True, True, True]
    assert "chose another take" in generated.undo()
    assert generated.turns[0].chosen == generated.takes.of(first.id)[0].id


def test_the_best_take_is_kept_if_none_is_right(generated: Project, engine: Engine) -> None:  # noqa: F811
    first = generated.turns[0]
    generated.review(first.id, recognizer=Told("Hello")).result(60)
    job = generated.fix(engine, attempts=2, recognizer=Told("", ""), **QUICK)
    job.result(180)
    assert len(job.takes) == 2 and generated.turns[0].chosen == first.chosen  # nothing better was made


def test_a_take_that_a_person_chose_stays(generated: Project, engine: Engine) -> None:  # noqa: F811
    first = generated.turns[0]
    generated.choose(first.id, str(first.chosen))
    generated.review(first.id, recognizer=Told("Hello")).result(60)
    job = generated.fix(engine, recognizer=Told(TEXTS[0]), **QUICK)
    job.result(180)
    assert len(job.takes) == 1 and generated.turns[0].chosen == first.chosen
    generated.close()
    with Project.open(generated.path) as again:
        assert json.loads((again.path / "project.json").read_text())["turns"][0]["picked"] is True
        again.regenerate(engine, first.id, **QUICK).result(180)  # asked for by a person
        assert again.turns[0].chosen == again.takes.of(first.id)[-1].id


def test_best_of_several_takes(generated: Project, engine: Engine) -> None:  # noqa: F811
    first = generated.turns[0]
    ears = Told("Hello", TEXTS[0], "there there", "nothing")
    job = generated.regenerate(engine, first.id, takes=3, review=ears, **QUICK)
    job.result(180)
    assert len(job.takes) == 3  # all are made: the best is wanted, not the first that is right
    assert generated.turns[0].chosen == job.takes[1].id
    with pytest.raises(OptionError, match="review=True in the mode 'whole'"):
        generated.generation(engine, mode="whole", judge=object())  # type: ignore[arg-type]


def test_attempts_of_a_speech(engine: Engine) -> None:  # noqa: F811
    ears = Told("Hello", "Hello there", "never asked")
    speech = engine.speak("Speaker 1: Hello there.", review=ears, attempts=4, **QUICK)
    assert (speech.attempts, ears.calls, speech.review().wer) == (2, 2, 0.0)
    assert speech.options.seed != QUICK["seed"] and speech.summary()["review"]["flagged"] is False
    same = engine.speak("Speaker 1: Hello there.", seed=speech.options.seed, num_steps=2)
    np.testing.assert_array_equal(speech.audio, same.audio)
    once = engine.speak("Speaker 1: Hello there.", review=Told("Hello"), **QUICK)
    assert once.attempts == 1 and once.review().flagged and once.options.seed == 1
    for wrong in (0, 21, 1.5, "2"):
        with pytest.raises(OptionError, match="attempts="):
            engine.speak("Hello.", attempts=wrong)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="sink"):
        engine.speak("Hello.", attempts=2, sink=object())  # type: ignore[arg-type]
    stopped = engine.speak(
        "Speaker 1: Hello there.", review=Told("Hello"), attempts=9, cancelled=lambda: True, **QUICK
    )
    assert stopped.ended == "cancelled" and stopped.attempts == 1


def test_a_take_is_compared_with_the_voices_of_the_cast(
    generated: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An embedding that knows the voice of Anna, and takes every take for hers."""
    anna = generated.cast["Anna"].voice
    assert anna is not None
    embedded = []

    def embed(audio: np.ndarray) -> np.ndarray:
        embedded.append(len(audio))
        others = [member.voice.audio for label, member in generated.cast.items() if label != "Anna"]
        return np.eye(2, dtype=np.float32)[int(any(np.array_equal(audio, other) for other in others))]

    monkeypatch.setattr(availability, "has_embedding", lambda: True)
    monkeypatch.setattr(speakers, "SpeakerEmbedding", lambda: embed)
    report = generated.review(recognizer=Told(*TEXTS)).result(60)
    assert [row.review.similarity for row in report] == [1.0, 0.0, 1.0, 0.0]
    assert [row.other_voice for row in report] == ["", "Anna", "", "Anna"]
    assert len(embedded) == 6  # each voice once
    assert generated.reviews.report().to_frame().similarity.tolist() == [1.0, 0.0, 1.0, 0.0]


def test_a_stopped_fix_reviews_nothing_more(generated: Project, engine: Engine) -> None:  # noqa: F811
    ears = Told("nothing")
    job = generated.generation(
        engine,
        [turn.id for turn in generated.turns],
        takes=2,
        fresh=True,
        judge=Judge(generated._episode, ears),
    )
    job._listener = lambda event: job.cancel() if event.kind == "take" else None
    job.start().result(180)
    assert job.state == "cancelled" and ears.calls <= 1


def test_a_listener_that_fails_does_not_stop_a_review(generated: Project) -> None:
    def fail(take_id: str) -> None:
        raise RuntimeError(take_id)

    job = generated.review(recognizer=Told(*TEXTS), listener=fail)
    assert len(job.result(60)) == 4 and job.state == "finished"


def test_an_unknown_recognizer_is_refused_before_anything_is_generated(
    generated: Project,
    engine: Engine,  # noqa: F811
) -> None:
    first = generated.turns[0].id
    with pytest.raises(OptionError):
        generated.regenerate(engine, first, review="no/such model")
    assert len(generated.takes.of(first)) == 1
