"""Streams that continue on another replica, without Ray."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

import numpy as np
import pytest
from async_helpers import run as run_apart
from test_worker import SCRIPT, audio_of, events_of, request, run, spoken_here

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.serve.events import Accepted, Ended, Event, Failed, Frame, Queued
from vibevoice_nb.serve.replicas import ReplicaLostError, ReplicatedService, gathered
from vibevoice_nb.serve.requests import ModelFacts, SpeechRequest, User
from vibevoice_nb.serve.worker import SpeechWorker


class Mortal:
    """Replicas of which each is lost after a number of events of a stream."""

    def __init__(self, workers: Sequence[SpeechWorker], lives: Iterator[int | None]) -> None:
        self._workers, self._lives = itertools.cycle(workers), lives
        self.resumed: list[int] = []

    async def facts(self) -> ModelFacts:
        return await next(self._workers).facts()

    async def stream(self, asked: SpeechRequest, user: User) -> AsyncGenerator[Sequence[Event], None]:
        left = next(self._lives)
        self.resumed.append(0 if asked.done is None else len(asked.done))
        async with aclosing(next(self._workers).submit(asked, user)) as events:
            async for event in events:
                if left is not None:
                    if not left:
                        raise ReplicaLostError
                    left -= 1
                yield [event]


@pytest.fixture(scope="module")
def workers(nano: Engine, worker: SpeechWorker) -> Iterator[list[SpeechWorker]]:
    other = SpeechWorker(nano, max_batch=2)
    yield [worker, other]
    other.close()


def test_streams_of_lost_replicas_are_equal_bit_for_bit(nano: Engine, workers: list[SpeechWorker]) -> None:
    """Lost before the first event, in the middle, in a pause, and twice in one stream."""
    texts = [SCRIPT, "Speaker 1: One.", "Speaker 2: Two, and three."]
    for lives in ([0, None], [1, None], [6, 3, None], [9, 2, 1, 4, None]):
        services = [ReplicatedService(Mortal(workers, iter(lives)), pause=0) for _ in texts]
        streams = (events_of(service, request(text)) for service, text in zip(services, texts, strict=True))
        for text, events in zip(texts, run(*streams), strict=True):
            assert np.array_equal(audio_of(events), spoken_here(nano, text))
            kinds = [type(event) for event in events if not isinstance(event, Queued)]
            assert kinds.count(Accepted) == 1 and kinds[-1] is Ended
            frames = [event.index for event in events if isinstance(event, Frame)]
            assert frames == list(range(len(frames)))


def test_a_drawn_seed_is_kept(workers: list[SpeechWorker]) -> None:
    options = {"num_steps": 2}
    replicas = Mortal(workers, iter([5, None]))
    (events,) = run(events_of(ReplicatedService(replicas, pause=0), request(options=options)))
    accepted = next(event for event in events if isinstance(event, Accepted))
    (again,) = run(events_of(workers[0], request(options={**options, "seed": accepted.seed})))
    assert np.array_equal(audio_of(events), audio_of(again)) and replicas.resumed[1] > 0


def test_a_client_that_resumes_is_resumed_again(nano: Engine, workers: list[SpeechWorker]) -> None:
    from vibevoice_nb.serve.requests import Received

    (whole,) = run(events_of(workers[0], request()))
    heard = [event for event in whole if isinstance(event, Frame)][:3]
    service = ReplicatedService(Mortal(workers, iter([4, None])), pause=0)
    (rest,) = run(events_of(service, request(done=Received.after(heard))))
    assert np.array_equal(audio_of([*heard, *rest]), spoken_here(nano))


def test_a_service_without_replicas_gives_up(workers: list[SpeechWorker]) -> None:
    service = ReplicatedService(Mortal(workers, itertools.repeat(0)), retries=3, pause=0)
    ((event,),) = run(events_of(service, request()))
    assert isinstance(event, Failed) and event.kind == "lost"


def test_events_are_gathered_where_many_come() -> None:
    now = [0.0]

    async def made() -> AsyncGenerator[Event, None]:
        for number in range(40):
            now[0] += 0.01
            yield Frame(number, np.zeros(1), np.zeros(1), np.zeros(1), (1,))
        yield Ended("finished", 40, 0, (), (), "", ())

    async def groups() -> list[list[Event]]:
        return [group async for group in gathered(made(), 0.1, lambda: now[0])]

    found = run_apart(groups())
    assert [len(group) for group in found[:2]] == [1, 1] and len(found) < 10
    assert [e.index for group in found for e in group if isinstance(e, Frame)] == list(range(40))
    assert isinstance(found[-1][-1], Ended)


def test_a_slow_client_leaves_its_place_and_loses_nothing(nano: Engine) -> None:
    """Kept events are bounded; the request continues, with the same audio, once half of them are taken."""
    worker = SpeechWorker(nano, max_batch=1)
    replicas = Mortal([worker], itertools.repeat(None))
    service = ReplicatedService(replicas, pause=0, behind=1.0)
    text = "Speaker 1: " + "On and on we go. " * 6

    async def slow() -> list[Event]:
        events = service.submit(request(text), User("anna"))
        heard = [await anext(events)]
        while worker.live or worker.waiting:
            await asyncio.sleep(0.01)
        assert isinstance((await events_of(service, request("Speaker 1: Yes."), "ben"))[-1], Ended)
        return [*heard, *[event async for event in events]]

    try:
        heard = run_apart(asyncio.wait_for(slow(), 600))
    finally:
        worker.close()
    assert np.array_equal(audio_of(heard), spoken_here(nano, text))
    assert isinstance(heard[-1], Ended) and sum(number > 0 for number in replicas.resumed) >= 1


def test_a_client_that_leaves_frees_its_place(nano: Engine) -> None:
    worker = SpeechWorker(nano, max_batch=1)
    service = ReplicatedService(Mortal([worker], itertools.repeat(None)), pause=0)

    async def leave() -> None:
        async with aclosing(service.submit(request("Speaker 1: " + "On. " * 99), User("anna"))) as events:
            async for event in events:
                if isinstance(event, Frame):
                    break
        assert isinstance((await events_of(service, request("Speaker 1: Yes."), "ben"))[-1], Ended)
        assert not worker.live

    try:
        run_apart(asyncio.wait_for(leave(), 600))
    finally:
        worker.close()


class Deadly:
    """Replicas that a request ends after some events of it, each time."""

    def __init__(self, event: Event) -> None:
        self.event, self.tried = event, 0

    async def facts(self) -> ModelFacts:
        raise NotImplementedError

    async def stream(self, asked: SpeechRequest, user: User) -> AsyncGenerator[Sequence[Event], None]:
        self.tried += 1
        if self.tried > 40:
            raise AssertionError("a request may not end every replica")
        yield [self.event]
        raise ReplicaLostError


@pytest.mark.parametrize(
    ("event", "most"),
    [(Queued(1, 1), 5), (Frame(0, np.zeros(1), np.zeros((1,)), np.zeros((1,)), (1,)), 17)],
)
def test_a_request_that_ends_its_replicas_is_given_up(event: Event, most: int) -> None:
    replicas = Deadly(event)
    (events,) = run(events_of(ReplicatedService(replicas, pause=0), request()))
    assert isinstance(events[-1], Failed) and events[-1].kind == "lost" and replicas.tried == most
