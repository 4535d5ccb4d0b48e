"""Requests of several users in the running batch of one worker."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from async_helpers import run as run_apart

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.run import SpeechRun
from vibevoice_nb.script import parse_script
from vibevoice_nb.serve.events import Accepted, Ended, Event, Failed, Frame, Queued, Silence
from vibevoice_nb.serve.limits import LimitedService, ServeLimits
from vibevoice_nb.serve.requests import ContextTurn, Received, SpeechRequest, User
from vibevoice_nb.serve.worker import SpeechWorker, _Job

SCRIPT = "Speaker 1: Good morning.\nSpeaker 2: Hello! [pause:100]\nSpeaker 1: Yes."
CAST = {0: "Ada", 1: "Kai"}
OPTIONS = {"seed": 3, "num_steps": 2, "passage_seconds": 1.0}


def request(text: str = SCRIPT, **changes: Any) -> SpeechRequest:
    turns = parse_script(text).turns
    indices = {turn.speaker_index for turn in turns}
    cast = {index: name for index, name in CAST.items() if index in indices}
    return replace(SpeechRequest(turns, cast, {**OPTIONS, "seed": len(text)}), **changes)


async def events_of(service: Any, asked: SpeechRequest, user: str = "anna") -> list[Event]:
    return [event async for event in service.submit(asked, User(user))]


def run(*asked: Any) -> list[list[Event]]:
    async def everything() -> list[list[Event]]:
        return list(await asyncio.gather(*asked))

    return run_apart(asyncio.wait_for(everything(), 600))


def audio_of(events: list[Event]) -> np.ndarray:
    parts = [np.zeros(0, np.float32)]
    for event in events:
        if isinstance(event, Frame):
            parts.append(event.audio)
        elif isinstance(event, Silence):
            parts.append(np.zeros(event.samples, np.float32))
    return np.concatenate(parts)


def spoken_here(engine: Engine, text: str = SCRIPT) -> np.ndarray:
    voices = {f"Speaker {index + 1}": name for index, name in CAST.items() if f"Speaker {index + 1}" in text}
    options = {**OPTIONS, "seed": len(text)}
    return engine.speak(text, voices, **options).audio  # type: ignore[arg-type]


def test_every_request_of_a_full_batch_has_the_audio_of_the_engine(
    nano: Engine, worker: SpeechWorker
) -> None:
    texts = [SCRIPT, "Speaker 1: One.", "Speaker 2: Two!", "Speaker 1: Three.", "Speaker 2: Four, really."]
    found = run(*(events_of(worker, request(text), f"user {i}") for i, text in enumerate(texts)))
    for text, events in zip(texts, found, strict=True):
        kinds = [type(event) for event in events if not isinstance(event, Queued)]
        assert kinds[0] is Accepted and kinds[-1] is Ended and set(kinds[1:-1]) <= {Frame, Silence}
        assert np.array_equal(audio_of(events), spoken_here(nano, text))
        numbers = [event.index for event in events if isinstance(event, Frame)]
        assert numbers == list(range(len(numbers)))
    last = found[0][-1]
    assert isinstance(last, Ended) and last.ended == "finished" and len(last.turn_samples) == 3
    assert last.samples == len(audio_of(found[0])) and last.pauses > 0
    assert any(isinstance(event, Queued) for event in found[4])


def test_a_request_continues_after_what_was_received(worker: SpeechWorker) -> None:
    (whole,) = run(events_of(worker, request()))
    made = [event for event in whole if isinstance(event, Frame | Silence)]
    first_pause = next(i for i, event in enumerate(made) if isinstance(event, Silence))
    cuts = [0, 1, first_pause, first_pause + 1, first_pause + 3, len(made)]
    asked = [request(done=Received.after(made[:cut])) for cut in cuts]
    for cut, events in zip(cuts, run(*(events_of(worker, one) for one in asked)), strict=True):
        rest = [event for event in events if isinstance(event, Frame | Silence)]
        assert np.array_equal(audio_of([*made[:cut], *rest]), audio_of(made))
        frames = [event for event in made if isinstance(event, Frame)]
        again = [event for event in [*made[:cut], *rest] if isinstance(event, Frame)]
        assert [(f.index, f.tokens) for f in again] == [(f.index, f.tokens) for f in frames]
        assert events[-1] == whole[-1] or vars(events[-1]) == vars(whole[-1])
    # and after an earlier part that was resumed itself
    twice = Received.after(made[2:4], Received.after(made[:2]))
    (events,) = run(events_of(worker, request(done=twice)))
    assert np.array_equal(audio_of([*made[:4], *events]), audio_of(made))


def test_a_turn_in_context(nano: Engine, worker: SpeechWorker) -> None:
    first, second = parse_script("Speaker 1: Good morning.\nSpeaker 2: Hello!").turns
    alone = request(turns=[first], mode="context", cast=CAST, options={"seed": 3, "num_steps": 2})
    (before,) = run(events_of(worker, alone))
    frames = [event for event in before if isinstance(event, Frame)]
    context = [
        ContextTurn(first, np.stack([f.latent for f in frames]), np.stack([f.semantic for f in frames]))
    ]
    asked = replace(alone, turns=[second], context=context)
    (events,) = run(events_of(worker, asked))
    (accepted,) = (event for event in events if isinstance(event, Accepted))
    assert accepted.context_used == 1 and accepted.lead.any() and accepted.seed == 3
    cut = [event for event in events if isinstance(event, Frame)][:2]
    (rest,) = run(events_of(worker, replace(asked, done=Received.after(cut))))
    assert np.array_equal(audio_of([*cut, *rest]), audio_of(events))


def test_closing_a_stream_frees_its_place(worker: SpeechWorker) -> None:
    async def leave_early() -> int:
        long = request("Speaker 1: " + "On and on. " * 50)
        async with aclosing(worker.submit(long, User("anna"))) as events:
            async for event in events:
                if isinstance(event, Frame):
                    break
        others = [events_of(worker, request(f"Speaker 1: {i}."), "ben") for i in range(4)]
        await asyncio.gather(*others)
        return worker.live

    assert run_apart(asyncio.wait_for(leave_early(), 600)) == 0


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"cast": {0: "Unknown", 1: "Ada"}}, "VoiceError"),
        ({"cast": {0: "../../etc/passwd", 1: "Ada"}}, "VoiceError"),
        ({"cast": {0: np.full(9, np.nan, np.float32), 1: "Ada"}}, "VoiceError"),
        ({"options": {"cfg_scale": -1}}, "OptionError"),
        ({"options": {"unknown": 1}}, "OptionError"),
        ({"turns": parse_script("Speaker 1: 你好").turns}, "ScriptError"),
        ({"turns": ()}, "ScriptError"),
        (
            {"done": Received(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32), (1,), 0)},
            "OptionError",
        ),
    ],
)
def test_an_invalid_request_fails_alone(worker: SpeechWorker, changes: dict[str, Any], kind: str) -> None:
    failed, fine = run(
        events_of(worker, request(**changes)), events_of(worker, request("Speaker 1: Yes."), "ben")
    )
    assert isinstance(failed[-1], Failed) and failed[-1].kind == kind
    assert "/" not in failed[-1].got.replace("../../etc/passwd", "") and isinstance(fine[-1], Ended)


def test_users_take_turns(nano: Engine) -> None:
    """With room for one request, a user with many waiting ones does not delay another for long."""
    worker = SpeechWorker(nano, max_batch=1)
    order: list[str] = []

    async def one(user: str, number: int) -> None:
        events = await events_of(worker, request(f"Speaker 1: {number}."), user)
        assert isinstance(events[-1], Ended)
        order.append(user)

    async def everybody() -> None:
        many = [asyncio.create_task(one("anna", number)) for number in range(5)]
        await asyncio.sleep(0)
        await asyncio.gather(*many, one("ben", 7))

    try:
        run_apart(asyncio.wait_for(everybody(), 600))
    finally:
        worker.close()
    assert order.index("ben") <= 2


def test_a_long_speech_leaves_its_place_to_a_user_who_has_none(nano: Engine) -> None:
    worker = SpeechWorker(nano, max_batch=2)
    long = "Speaker 1: " + "One sentence follows another. " * 4
    order: list[str] = []

    async def listen(text: str, user: str) -> list[Event]:
        found = []
        async for event in worker.submit(request(text), User(user)):
            found.append(event)
            if isinstance(event, Accepted | Ended):
                order.append(f"{user} {type(event).__name__}")
        return found

    async def everything() -> list[list[Event]]:
        anna = [asyncio.create_task(listen(long, "anna")) for _ in range(2)]
        while order.count("anna Accepted") < 2:
            await asyncio.sleep(0.01)
        ben = asyncio.create_task(listen("Speaker 2: Two!", "ben"))
        return list(await asyncio.gather(*anna, ben))

    try:
        first, second, short = run_apart(asyncio.wait_for(everything(), 600))
    finally:
        worker.close()
    assert order.index("ben Ended") < order.index("anna Ended"), order
    assert np.array_equal(audio_of(short), spoken_here(nano, "Speaker 2: Two!"))
    for events in (first, second):
        assert np.array_equal(audio_of(events), spoken_here(nano, long))


def test_limits_for_each_user(worker: SpeechWorker) -> None:
    now = [0.0]
    limits = ServeLimits(per_user=1, hourly_minutes=0.1, max_minutes=0.5, max_steps=5)
    limited = LimitedService(worker, limits, clock=lambda: now[0])
    both = run(
        events_of(limited, request()), events_of(limited, request()), events_of(limited, request(), "ben")
    )
    assert [type(events[-1]) for events in both] == [Ended, Failed, Ended]
    assert both[1][-1].kind == "busy"  # type: ignore[union-attr]
    long = request("Speaker 1: " + "word " * 200)
    many = request(options={"num_steps": 6})
    for asked, kind in ((long, "ScriptError"), (many, "OptionError")):
        ((event,),) = run(events_of(limited, asked))
        assert isinstance(event, Failed) and event.kind == kind
    while True:
        (events,) = run(events_of(limited, request()))
        if isinstance(events[-1], Failed):
            break
    assert "hour" in events[-1].got
    now[0] += 3601
    (events,) = run(events_of(limited, request()))
    assert isinstance(events[-1], Ended) and limited.running == 0


@pytest.mark.parametrize("options", [{}, {"max_seconds": 86_400}])
def test_the_audio_of_a_request_is_limited_too(worker: SpeechWorker, options: dict[str, Any]) -> None:
    limited = LimitedService(worker, ServeLimits(max_minutes=0.1))
    (events,) = run(events_of(limited, request(options={**OPTIONS, **options})))
    assert [event.max_seconds for event in events if isinstance(event, Accepted)] == [6.0]
    (events,) = run(events_of(limited, request(options={**OPTIONS, "max_seconds": 1})))
    assert [event.max_seconds for event in events if isinstance(event, Accepted)] == [1.0]


def test_requests_under_way_count_for_the_hour(worker: SpeechWorker) -> None:
    limited = LimitedService(worker, ServeLimits(hourly_minutes=0.1))
    asked = request("Speaker 1: " + "word " * 30)
    found = run(*(events_of(limited, asked) for _ in range(8)))
    assert [type(events[-1]) for events in found] == [Ended, *[Failed] * 7]


def test_a_worker_that_stops_says_so(nano: Engine) -> None:
    worker = SpeechWorker(nano, max_batch=1)

    async def stopped() -> list[Event]:
        waits = [
            asyncio.create_task(events_of(worker, request("Speaker 1: " + "On. " * 99))) for _ in range(2)
        ]
        while not worker.live:
            await asyncio.sleep(0.01)
        await asyncio.get_running_loop().run_in_executor(None, worker.close)
        return [events[-1] for events in await asyncio.gather(*waits)]

    for event in run_apart(asyncio.wait_for(stopped(), 600)):
        assert isinstance(event, Failed) and event.kind == "lost"
    ((event,),) = run(events_of(worker, request()))
    assert isinstance(event, Failed) and event.kind == "lost"


def test_a_request_waits_for_a_slow_client(nano: Engine) -> None:
    """Its events are bounded, others take its place, and its audio is the same."""
    worker = SpeechWorker(nano, max_batch=1, behind=1.0)
    text = "Speaker 1: " + "On and on we go. " * 6

    async def slow() -> tuple[list[Event], int]:
        events = worker.submit(request(text), User("anna"))
        heard = [await anext(events)]
        while not worker.parked:
            await asyncio.sleep(0.01)
        other = await events_of(worker, request("Speaker 1: Yes."), "ben")
        assert isinstance(other[-1], Ended) and worker.parked == 1
        most = 0
        async for event in events:
            heard.append(event)
            most = max(most, *(job.behind for job in worker._live.values()), 0)
        return heard, most

    try:
        heard, most = run_apart(asyncio.wait_for(slow(), 600))
        assert np.array_equal(audio_of(heard), spoken_here(nano, text))
        assert 0 < most <= 24_000 + 3200 and worker.live == 0
    finally:
        worker.close()


def test_a_new_request_does_not_wait_for_all_next_passages(nano: Engine) -> None:
    """Passages of running requests and new requests read their prompts in turn."""
    worker = SpeechWorker(nano, max_batch=3)
    worker.close()
    begun: list[str] = []
    for _ in range(2):
        run_ = SpeechRun.whole(nano.loaded, parse_script("Speaker 1: Hi.").turns, {}, nano.defaults.seeded())
        job = _Job(request(), "anna", lambda events: None, run=run_, announced=True)
        worker._batch.join(run_)
        worker._live[run_] = job
        run_.begin_passage = lambda: begun.append("passage")  # type: ignore[method-assign]
    worker._queue.push("ben", _Job(request("Speaker 1: Yes."), "ben", lambda events: begun.append("new")))
    for _ in range(3):
        worker._begin_one()
    assert begun == ["passage", "new", "passage"]


def test_places_are_told_again_when_a_request_leaves(nano: Engine) -> None:
    worker = SpeechWorker(nano, max_batch=1)
    long = request("Speaker 1: " + "On and on. " * 99)

    async def everybody() -> Event:
        first, ben = worker.submit(long, User("anna")), worker.submit(request(), User("ben"))
        carl = worker.submit(request(), User("carl"))
        async with aclosing(first), aclosing(carl):
            await anext(first)
            async with aclosing(ben):
                assert await anext(ben) == Queued(1, 1)
                assert await anext(carl) == Queued(2, 2)
            return await anext(carl)

    try:
        assert run_apart(asyncio.wait_for(everybody(), 600)) == Queued(1, 1)
    finally:
        worker.close()


def test_a_request_without_spans_waits_for_no_alignment(nano: Engine) -> None:
    worker = SpeechWorker(nano)
    waits = threading.Event()
    worker._aside.submit(waits.wait)
    try:
        (events,) = run(events_of(worker, request("Speaker 1: One.", spans=False)))
        assert isinstance(events[-1], Ended)
    finally:
        waits.set()
        worker.close()
