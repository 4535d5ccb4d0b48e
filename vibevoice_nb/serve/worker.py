"""Worker: one engine that generates the requests of many users in one running batch.

A thread runs the model. Between two steps, requests that ended or were cancelled leave the batch, and one
request, at most, joins it or reads the prompt of its next passage: the others never wait for more than one
prompt. New requests and next passages alternate. Requests wait in a queue that serves users in turn. A
request leaves the batch for a while if its client is far behind, or if its user has more of the batch
than the user of a waiting request.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from ..engine.batch import Batch
from ..engine.engine import Engine
from ..engine.interface import Audio
from ..engine.run import SpeechRun
from ..errors import OptionError, VibeVoiceError
from ..model.config import SAMPLE_RATE
from ..script.frontends import FRONTENDS
from .events import INTERNAL, Accepted, Ended, Event, Failed, Frame, Queued, Silence, length
from .fair_queue import FairQueue
from .limits import failure
from .memory import RunMemory, fits_another
from .prepare import SpeechPlan, prepare
from .requests import ModelFacts, SpeechRequest, User

BEHIND = 30.0
"""Seconds of audio by which a client may be behind; then its request waits for it."""
_FAILURES = 3
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Job:
    """A request on its way through the worker."""

    request: SpeechRequest
    user: str
    send: Callable[[list[Event]], None]
    plan: SpeechPlan | None = None
    run: SpeechRun | None = None
    announced: bool = False
    memory: RunMemory | None = None
    sent_tokens: int = 0
    place: int = 0
    behind: int = 0
    """Samples that the client has not taken yet."""
    parked: bool = False
    """Whether it waits outside the batch: for its client, or for other users."""
    cancelled: threading.Event = field(default_factory=threading.Event)


class SpeechWorker:
    """Service of one engine in this process; see `SpeechService`.

    Parameters
    ----------
    engine : Engine
    max_batch : int
        Most requests that are generated at the same time; fewer if memory is short.
    behind : float
        Seconds of audio by which a client may be behind: its request waits outside the batch then, where
        it takes no place from others, until half of them are taken.

    Examples
    --------
    >>> from vibevoice_nb import parse_script
    >>> worker = SpeechWorker(Engine.load("nano"))
    >>> request = SpeechRequest(parse_script("Speaker 1: Hello.").turns, options={"seed": 1})
    >>> async def listen():
    ...     return [type(event).__name__ async for event in worker.submit(request, User("anna"))]
    >>> with ThreadPoolExecutor(1) as pool:  # a notebook's own thread has a running event loop
    ...     kinds = pool.submit(asyncio.run, listen()).result()
    >>> kinds[0], set(kinds[1:-1]), kinds[-1]
    ('Accepted', {'Frame'}, 'Ended')
    >>> worker.close()
    """

    def __init__(self, engine: Engine, max_batch: int = 16, behind: float = BEHIND) -> None:
        if not 1 <= max_batch <= 1024:
            raise OptionError(f"max_batch={max_batch}", "a number from 1 to 1024", "use 16, the default")
        self.engine, self.max_batch = engine, max_batch
        self._behind = round(behind * SAMPLE_RATE)
        self._passage_next = True
        self._batch = Batch(engine.loaded, growing=True)
        self._queue: FairQueue[_Job] = FairQueue()
        self._live: dict[SpeechRun, _Job] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._failures = 0
        self._aside = ThreadPoolExecutor(1, "speech-spans")
        self._thread = threading.Thread(target=self._work, name="speech-worker", daemon=True)
        self._thread.start()

    async def facts(self) -> ModelFacts:
        """Return the facts of the model."""
        return facts_of(self.engine)

    @property
    def healthy(self) -> bool:
        """True if the thread of the model runs, and its last three steps did not all fail."""
        return self._thread.is_alive() and self._failures < _FAILURES

    @property
    def live(self) -> int:
        """Requests that are generated at the moment, those included that wait for their clients."""
        return len(self._live)

    @property
    def parked(self) -> int:
        """Requests that wait for their clients, or have left their place to another user."""
        return sum(job.parked for job in list(self._live.values()))

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    async def submit(self, request: SpeechRequest, user: User) -> AsyncGenerator[Event, None]:
        """Generate a request; see `SpeechService.submit`."""
        loop, events = asyncio.get_running_loop(), asyncio.Queue[Event]()

        def deliver(new: list[Event]) -> None:
            for event in new:
                events.put_nowait(event)

        def send(new: list[Event]) -> None:
            try:
                loop.call_soon_threadsafe(deliver, new)
            except RuntimeError:  # the loop is closed
                job.cancelled.set()

        job = _Job(request, user.name, send)
        with self._changed:
            if self._closed:
                yield Failed("lost", "the server stops", "a running server", "try again")
                return
            self._queue.push(user.name, job)
            self._announce()
            self._changed.notify()
        try:
            while True:
                event = await events.get()
                yield event
                if isinstance(event, Ended | Failed):
                    return
                self._taken(job, event)
        finally:
            with self._changed:
                job.cancelled.set()
                if self._queue.remove(job):
                    self._announce()
                self._changed.notify()

    def close(self) -> None:
        """Stop; requests under way end with `Failed`."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        self._aside.shutdown()

    def _taken(self, job: _Job, event: Event) -> None:
        with self._changed:
            job.behind -= length(event)
            if job.parked and job.behind <= self._behind // 2:
                self._changed.notify()

    def _announce(self) -> None:
        """Send their place to requests that wait, where it has changed."""
        order = self._queue.order()
        if self._room() and len(order) == 1:
            return  # it starts at once
        for place, job in enumerate(order, 1):
            if job.place != place:
                job.place = place
                job.send([Queued(place, len(order))])

    def _work(self) -> None:
        while self._wait():
            try:
                self._begin_one()
                self._emit(self._batch.step() if self._batch.runs else [])
                self._retire()
            except Exception as error:
                _log.exception("a step of the model failed")
                self._failures += 1
                self._abandon(error)
            else:
                self._failures = 0
        self._abandon(None)
        self._batch.close()

    def _wait(self) -> bool:
        """Wait until there is something to do; remove cancelled requests; return False to stop."""
        with self._changed:
            while not self._closed:
                for run, job in list(self._live.items()):
                    if job.cancelled.is_set():
                        self._leave(run)
                    elif job.parked and self._may_return(job):
                        job.parked = False
                        self._batch.join(run)
                if self._active() or (self._queue and self._fits()):
                    break
                self._batch.close()  # leave the CUDA graphs to others
                self._changed.wait()
            return not self._closed

    def _active(self) -> int:
        """Return the number of requests in the batch."""
        return sum(not job.parked for job in list(self._live.values()))

    def _room(self) -> bool:
        return self._active() < self.max_batch

    def _rows(self) -> Counter[str]:
        """Return the number of requests that each user has in the batch."""
        return Counter(job.user for job in list(self._live.values()) if not job.parked)

    def _may_return(self, job: _Job) -> bool:
        """Return whether a request that left the batch may join it again."""
        if job.behind > self._behind // 2 or not self._room():
            return False
        rows = self._rows()
        return not (self._queue and self._fits() and rows[self._queue.peek().user] < rows[job.user])

    def _make_room(self) -> bool:
        """Let a request of the user with most of the batch wait, if the next user has two less or fewer."""
        rows = self._rows()
        (user, most), *_ = rows.most_common(1)
        if rows[self._queue.peek().user] + 1 >= most:
            return False
        run, job = [(run, job) for run, job in self._live.items() if job.user == user and not job.parked][-1]
        job.parked = True
        self._batch.leave(run)
        return True

    def _fits(self) -> bool:
        """Return whether another request fits in memory."""
        held = [(job.memory, run.state) for run, job in self._live.items() if job.memory is not None]
        return fits_another(self.engine, held, self.max_batch)

    def _begin_one(self) -> None:
        """Read one prompt: of a run that waits for it, and of the next request, in turn."""
        passages = [run for run in self._batch.waiting if self._live[run].announced]
        job = None if passages and self._passage_next else self._next()
        self._passage_next = job is not None
        if job is not None:
            self._guard(job, lambda: self._start(job))
        elif passages:
            self._guard(self._live[passages[0]], passages[0].begin_passage)

    def _next(self) -> _Job | None:
        """Take the next request, if there is or can be room for it in the batch."""
        with self._changed:
            if not (self._queue and self._fits()) or not (self._room() or self._make_room()):
                return None
            job = self._queue.pop()
            self._announce()
            return job

    def _start(self, job: _Job) -> None:
        job.plan = prepare(self.engine, job.request)
        run = job.run = job.plan.run
        job.memory = RunMemory.of(run)
        self._batch.join(run)
        self._live[run] = job
        if not run.done:
            run.begin_passage()
        job.announced = True
        job.send([accepted(self.engine, run, job.plan.replaced)])

    def _guard(self, job: _Job, work: Callable[[], None]) -> None:
        """Let an error of one request end this request only."""
        try:
            work()
        except VibeVoiceError as error:
            self._fail(job, failure(error))
        except Exception:
            _log.exception("a request failed")
            self._fail(job, INTERNAL)

    def _fail(self, job: _Job, event: Failed) -> None:
        if job.run is not None:
            self._leave(job.run)
        job.send([event])

    def _leave(self, run: SpeechRun) -> None:
        self._batch.leave(run)
        self._live.pop(run, None)

    def _emit(self, made: list[tuple[SpeechRun, Audio]]) -> None:
        for run, audio in made:
            if (job := self._live.get(run)) is not None:
                event = self._event(job, run, audio)
                with self._changed:
                    job.behind += length(event)
                    late = job.behind > self._behind
                job.send([event])
                if late and not (run.done or run.halted):
                    job.parked = True
                    self._batch.leave(run)

    def _event(self, job: _Job, run: SpeechRun, audio: Audio) -> Event:
        special = self.engine.tokenizer.special
        if not run.speaking or run.tokens[-1] != special.frame:
            return Silence(len(audio))
        frames, first = run.frames, job.sent_tokens
        job.sent_tokens = len(run.tokens)
        if job.request.done is not None:  # tokens of replayed frames were received
            first = max(first, len(job.request.done.tokens))
        index = len(frames) - 1
        tokens = tuple(run.tokens[first:])
        return Frame(index, audio, frames.latent[index].copy(), frames.semantic[index].copy(), tokens)

    def _retire(self) -> None:
        """Let finished requests leave."""
        for run, job in list(self._live.items()):
            if run.done or run.halted:
                self._leave(run)
                if job.request.spans:
                    self._aside.submit(self._end, job, run)
                else:
                    self._end(job, run)

    def _end(self, job: _Job, run: SpeechRun) -> None:
        """Send the last event; finding the turns takes a pass of the model, so not in the worker's thread."""
        try:
            job.send([ended(run, spans=job.request.spans)])
        except Exception:
            _log.exception("the turns of a request could not be found")
            job.send([INTERNAL])

    def _abandon(self, error: Exception | None) -> None:
        """End all requests of the batch, and those that wait if the worker stops."""
        event = INTERNAL if error is not None else _STOPPED
        for run, job in list(self._live.items()):
            self._leave(run)
            job.send([event])
        with self._changed:
            while error is None and self._queue:
                self._queue.pop().send([event])


_STOPPED = Failed("lost", "the server stops", "a running server", "try again")


def facts_of(engine: Engine) -> ModelFacts:
    """Return the facts of an engine's model."""
    config = engine.model.config
    names = [name for name, frontend in FRONTENDS.items() if frontend is engine.frontend]
    return ModelFacts(
        model=engine.name,
        revision=engine.revision,
        weights=engine.model.weights_digest(),
        device=engine.device.type,
        dtype=str(engine.dtype).removeprefix("torch."),
        quantize=engine.quantize,
        frontend=names[0] if names else "none",
        defaults=asdict(engine.defaults),
        limits=asdict(engine.limits),
        hop_length=config.hop_length,
        latent_size=config.head.latent_size,
        semantic_size=config.semantic.size,
        max_positions=config.language.max_positions,
        attention=engine.attention,
        versions=engine.loaded.versions(),
    )


def accepted(engine: Engine, run: SpeechRun, replaced: dict[int, str]) -> Accepted:
    """Return the event for a run whose first prompt was read."""
    config = engine.model.config
    return Accepted(
        model=engine.name,
        revision=engine.revision,
        weights=engine.model.weights_digest(),
        seed=run.options.seed or 0,
        options=asdict(run.options),
        max_seconds=run.max_seconds,
        estimated_seconds=run.estimated_seconds,
        context_used=run.context_used,
        prefill_hash=run.prefill_hash,
        lead=run.lead.copy(),
        replaced=replaced,
        hop_length=config.hop_length,
        latent_size=config.head.latent_size,
        semantic_size=config.semantic.size,
    )


def ended(run: SpeechRun, *, spans: bool) -> Ended:
    """Return the event for a run at its end."""
    found = run.spans() if spans else []
    return Ended(
        ended=run.ended,
        samples=run.samples,
        pauses=run.pauses,
        spans=tuple((span.start_frame, span.stop_frame, float(span.confidence)) for span in found),
        turn_samples=tuple(run.turn_samples()) if spans else (),
        odd_length=run.odd_length,
        lengths=tuple(run.lengths),
        prompt_tokens=run.prompt_tokens,
        tokens=len(run.tokens),
    )
