"""Live rooms without a network: interruptions, errors, voices, places, and the clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from async_helpers import run as run_apart

pytest.importorskip("aiortc", reason="needs aiortc: pip install 'vibevoice-nb[live]'")
pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'vibevoice-nb[live]'")
pytest.importorskip("websockets", reason="needs websockets: pip install 'vibevoice-nb[live]'")

import httpx
from live_helpers import LiveServer, listening, live_server
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from vibevoice_nb import Engine
from vibevoice_nb.errors import VoiceError
from vibevoice_nb.web.live import app, room
from vibevoice_nb.web.live.limits import LiveLimits
from vibevoice_nb.web.live.places import Full
from vibevoice_nb.web.live.room import Closed, LiveRoom

WORDS = "one two three four five six seven eight nine ten. "


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("nano", device="cpu")


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    limits = LiveLimits(per_address=2, message_chars=20_000, waiting_chars=100_000)
    with live_server(limits, seed=1) as running:
        yield running


def with_room(engine: Engine, act: Callable[[LiveRoom], Awaitable[None]]) -> None:
    async def main() -> None:
        one = LiveRoom("a", engine, LiveLimits(waiting_chars=1000), options={"seed": 1})
        try:
            await act(one)
        finally:
            await one.close()

    run_apart(main())


def said(one: LiveRoom) -> list[str]:
    return [word["text"] for word in one._recent]


async def until(condition: Callable[[], Any], timeout: float = 40.0) -> None:
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.02)

    await asyncio.wait_for(wait(), timeout)


# --- text ---------------------------------------------------------------------------------------------------


def test_stop_text_stop_returns_the_text_and_counts_nothing(engine: Engine) -> None:
    async def act(one: LiveRoom) -> None:
        for _ in range(5):  # before the thread has seen the first stop
            one.interrupt()
            one.say(WORDS * 10)
            assert one.interrupt() == (WORDS * 10).strip() and one.waiting == 0
        one.say("Hello again.", end=True)
        await until(lambda: said(one)[-2:] == ["Hello", "again."])
        assert "one" not in said(one)

    with_room(engine, act)


def test_text_before_a_stop_is_never_spoken_after_it(engine: Engine) -> None:
    async def act(one: LiveRoom) -> None:
        one.say(WORDS * 3)
        await until(lambda: "one" in said(one))
        rest = one.interrupt()
        heard = len(said(one))
        one.say("Now.", end=True)
        await until(lambda: said(one)[heard:] == ["Now."])
        assert rest.endswith("nine ten.") and one.waiting == 0

    with_room(engine, act)


def test_after_an_error_all_other_text_is_spoken(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = engine.run_in_context, []

    def fails_first(turn: Any, *rest: Any, **options: Any) -> Any:
        calls.append(turn.text)
        if len(calls) == 1:
            raise VoiceError("no voice", "a voice", "pass one")
        return real(turn, *rest, **options)

    monkeypatch.setattr(engine, "run_in_context", fails_first)

    async def act(one: LiveRoom) -> None:
        one.say("First one here.\nSecond one here.", end=True)
        await until(lambda: len(calls) >= 2)
        one.say("Third one here.", end=True)
        await until(lambda: said(one)[-3:] == ["Third", "one", "here."])
        assert " ".join(said(one)).endswith("Second one here. Third one here.")

    with_room(engine, act)


def test_speakers_keep_their_voices_after_a_stop(engine: Engine) -> None:
    async def act(one: LiveRoom) -> None:
        one.say("Anna: Good morning.\nBen: Hello there.\n")
        await until(lambda: len(said(one)) >= 4)
        voices = dict(one.speech._now.stream.cast.names)
        one.interrupt()
        one.say("It rains.", end=True)
        one.say("Anna: It snows.", end=True)
        await until(lambda: said(one)[-2:] == ["It", "snows."])
        assert [word["speaker"] for word in one._recent][-4:] == ["Ben", "Ben", "Anna", "Anna"]
        assert one.speech._now.stream.cast.names == voices

    with_room(engine, act)


def test_two_rooms_speak_at_once(engine: Engine) -> None:
    async def act(one: LiveRoom) -> None:
        other = LiveRoom("b", engine, LiveLimits(), options={"seed": 2})
        one.say("It rains today.", end=True)
        other.say("The sun is out.", end=True)
        await until(lambda: len(said(one)) >= 3 and len(said(other)) >= 4)
        assert (said(one), said(other)) == (["It", "rains", "today."], ["The", "sun", "is", "out."])
        await other.close()

    with_room(engine, act)


# --- the clock ----------------------------------------------------------------------------------------------


def test_the_clock_survives_errors(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(one: LiveRoom) -> None:
        take, failures = one.playout.take, iter(range(3))

        def mutated() -> Any:
            if next(failures, None) is not None:
                raise RuntimeError("deque mutated during iteration")
            return take()

        monkeypatch.setattr(one.playout, "take", mutated)
        await until(lambda: next(failures, None) is None)
        one.say("Still here.", end=True)
        await until(lambda: said(one) == ["Still", "here."])

    with_room(engine, act)
    assert "a step of a live room failed" in caplog.text


def test_a_busy_event_loop_delays_no_step(engine: Engine) -> None:
    import time

    async def act(one: LiveRoom) -> None:
        taken: list[float] = []
        take = one.playout.take
        one.playout.take = lambda: (taken.append(time.monotonic()), take())[1]  # type: ignore[method-assign]
        await until(lambda: taken)
        before = len(taken)
        time.sleep(0.4)  # what a handler must not do
        assert len(taken) - before >= 10

    with_room(engine, act)


# --- places and rights --------------------------------------------------------------------------------------


def test_an_address_has_its_places_in_all_rooms(server: LiveServer) -> None:
    async def main() -> None:
        assert server.post("open", json={"name": "other"}).status_code == 200
        async with listening(server), listening(server, name="other") as two:
            sdp = two.connection.localDescription.sdp
            async with httpx.AsyncClient() as client:
                answer = await client.post(
                    f"{server.url}live/main/offer", json={"sdp": sdp}, headers=server.headers("listener")
                )
            assert answer.status_code == 429 and "your network address" in answer.json()["error"]

    run_apart(main())


def test_a_room_that_closes_meanwhile_has_no_listener(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    class Connection:
        async def close(self) -> None:
            closed.append(True)

    async def act(one: LiveRoom) -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def answered(*given: Any, **options: Any) -> Any:
            begun.set()
            await go.wait()
            return Connection(), "answer"

        monkeypatch.setattr(room, "answered", answered)
        joining = asyncio.create_task(one.join(OFFER, "127.0.0.1"))
        await begun.wait()
        assert not one.idle
        await one.close()
        go.set()
        with pytest.raises(Closed):
            await joining
        assert closed and not one.listeners
        one._places.take("127.0.0.1")  # it was given back

    with_room(engine, act)


OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"


def test_writers_without_a_token_are_few_and_of_this_page(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        url = server.url.replace("http", "ws") + "live/main/write"
        with pytest.raises(InvalidStatus):
            await connect(url, origin="https://evil.example")  # type: ignore[arg-type]
        idle = [await connect(url) for _ in range(app._UNPROVEN_PER_ADDRESS)]
        with pytest.raises(InvalidStatus):
            await connect(url)
        for one in idle:
            await one.send("{}")
            assert "token" in json.loads(await one.recv())["error"]
            await one.wait_closed()
        token = server.rooms.tokens.token("main", "speaker")
        async with connect(url, origin=server.url.rstrip("/")) as one:  # type: ignore[arg-type]
            await one.send(json.dumps({"token": token}))
            assert "waiting" in json.loads(await one.recv())

    run_apart(main())


def test_a_message_may_have_as_many_characters_as_the_limit_says(server: LiveServer) -> None:
    async def main() -> None:
        url = server.url.replace("http", "ws") + "live/main/write"
        async with connect(url) as one:
            await one.send(json.dumps({"token": server.rooms.tokens.token("main", "speaker")}))
            await one.recv()
            await one.send(json.dumps({"text": "😀" * 20_000}))
            assert json.loads(await one.recv())["waiting"] > 0
            await one.send(json.dumps({"stop": True}))
            assert "unspoken" in json.loads(await one.recv())

    run_apart(main())
    assert LiveLimits(message_chars=100_000).message_bytes < app.REQUEST_LIMITS.max_body


def test_full_is_full() -> None:
    from vibevoice_nb.web.live.places import Places

    places = Places(2)
    with places.taken("a"), places.taken("a"), pytest.raises(Full):
        places.take("a")
    assert not places._taken


def test_links_stay_valid_with_a_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from vibevoice_nb.errors import OptionError
    from vibevoice_nb.web.live.access import SECRET, Tokens

    def token() -> str:
        return Tokens.of_environment().token("main", "speaker")

    monkeypatch.delenv(SECRET, raising=False)
    assert token() != token()
    monkeypatch.setenv(SECRET, "sixteen letters.")
    assert token() == token()
    monkeypatch.setenv(SECRET, "short")
    with pytest.raises(OptionError, match="at least 16"):
        token()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [([], 30), (["--host", "0.0.0.0", "--public"], 10), (["--listeners-per-address", "3"], 3)],
)
def test_one_address_does_not_take_all_places(
    arguments: list[str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from vibevoice_nb.cli.app import app as command
    from vibevoice_nb.web.live import server as served

    limits: list[LiveLimits] = []
    monkeypatch.setattr(served, "serve_live", lambda model, limit, *rest: limits.append(limit))
    result = CliRunner().invoke(command, ["web", "--live", "--listeners", "30", *arguments])
    assert result.exit_code == 0, result.output
    assert limits[0].per_address == expected and limits[0].listeners == 30


def test_the_documentation_of_limits_is_true() -> None:
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "live.md").read_text(encoding="utf-8")
    assert f"{app._UNPROVEN} ({app._UNPROVEN_PER_ADDRESS} of an address)" in text
    assert f"at most {app._FIRST_MESSAGE:.0f} s" in text and f"last {room._RECENT} words" in text
    script = (app.PAGE / "live.js").read_text(encoding="utf-8")
    assert "const LOST = 3000" in script and "about 3 s after the last packet" in text
