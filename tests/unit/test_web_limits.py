"""Limits of the web demo against excessive requests, and against requests from other sites."""

from __future__ import annotations

import html
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from cpu_time import least_seconds

from vibevoice_nb.errors import ScriptError
from vibevoice_nb.project import Project

pytest.importorskip("gradio", reason="needs Gradio: pip install 'vibevoice-nb[web]'")
pytest.importorskip("gradio_client", reason="needs gradio_client, which comes with Gradio")

from web_helpers import LONG, SHORT, VOICES, Server, first, web_server

from vibevoice_nb.web import guard
from vibevoice_nb.web import service as booth_module
from vibevoice_nb.web.guard import Rate, Refusal, Uploads
from vibevoice_nb.web.limits import Limits, read_script
from vibevoice_nb.web.live_mp3 import LiveMp3
from vibevoice_nb.web.markdown import in_markdown
from vibevoice_nb.web.page import _describer
from vibevoice_nb.web.service import DemoService

LIMITS = Limits(
    max_minutes=1,
    queue=8,
    per_visitor=1,
    per_address=3,
    upload_megabytes=1,
    address_megabytes=3,
    max_steps=10,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with web_server(LIMITS) as running:
        yield running


def order(script: str = SHORT) -> list[Any]:
    return [script, 10, 1.0, "1", False, *VOICES, None, None, None, None]


def join(server: Server, session: str, script: str = LONG) -> httpx.Response:
    """Ask for a conversation as a page with this session does."""
    body = {"data": order(script), "session_hash": session}
    return httpx.post(f"{server.url}gradio_api/call/speak", json=body)


# --- what is released, and forgotten ------------------------------------------------------------------------


def test_finished_live_audio_keeps_no_threads(tmp_path: Path) -> None:
    def make(number: int) -> LiveMp3:
        with LiveMp3(tmp_path / f"{number}.mp3", {}) as live:
            live.write(np.zeros(9600, np.float32))
        return live

    kept = [make(0)]
    before = psutil.Process().num_threads()
    kept += [make(number) for number in range(1, 11)]
    assert psutil.Process().num_threads() <= before
    assert all(live.ended and live.path.stat().st_size for live in kept)


def test_announced_visitors_are_bounded_and_expire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booth_module, "_MAX_WAITING", 5)
    service = DemoService("nano", Limits(keep_minutes=1), tmp_path)
    for number in range(20):
        service.expect(f"visitor {number}")
    assert list(service._waiting) == [f"visitor {number}" for number in range(15, 20)]
    assert not service.stop("visitor 3") and service.stop("visitor 19")
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    service.forget_old()
    assert not service._waiting


def test_long_session_names_are_refused(server: Server) -> None:
    for path in ("run/wait", "run/stop", "queue/join", "call/speak"):
        body = {"data": order() if path == "call/speak" else [], "session_hash": "x" * 4_000}
        answer = httpx.post(f"{server.url}gradio_api/{path}", json=body)
        assert answer.status_code == 400 and "session name" in answer.text
    huge = httpx.post(f"{server.url}gradio_api/run/wait", json={"data": [], "session_hash": "x" * 4_000_000})
    assert huge.status_code == 413 and not server.service._waiting


# --- uploads ------------------------------------------------------------------------------------------------


def upload(server: Server, size: int, *, streamed: bool = False) -> httpx.Response:
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
    parts = [head, *([bytes(100_000)] * (size // 100_000)), b"\r\n--b--\r\n"]
    headers = {"content-type": "multipart/form-data; boundary=b"}
    content = iter(parts) if streamed else b"".join(parts)
    return httpx.post(f"{server.url}gradio_api/upload", content=content, headers=headers)


@pytest.mark.parametrize("streamed", [False, True], ids=["announced", "streamed"])
def test_the_sum_of_an_addresss_uploads_is_limited(streamed: bool) -> None:
    with web_server(LIMITS) as server:
        answers = [upload(server, 900_000, streamed=streamed) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 413, 413]
        assert "Your network address has uploaded more than 3 MB" in answers[-1].text
        assert "Try again" in answers[-1].text
        stored = sum(file.stat().st_size for file in server.service._folder.rglob("*") if file.is_file())
        assert stored < 3_000_000
        assert upload(server, 1_200_000, streamed=streamed).status_code == 413


def test_uploads_of_all_are_limited_and_expire() -> None:
    now = 0.0
    uploads = Uploads(Limits(address_megabytes=2, total_megabytes=3, keep_minutes=1), clock=lambda: now)
    uploads.add("a", 1_900_000)
    with pytest.raises(Refusal, match="Your network address has"):
        uploads.add("a", 200_000)
    uploads.add("b", 1_000_000)
    with pytest.raises(Refusal, match="All visitors"):
        uploads.add("c", 200_000)
    now = 61.0
    uploads.add("a", 1_900_000)
    assert uploads._by_address == {"a": 1_900_000}


# --- hosts, rate --------------------------------------------------------------------------------------------


def status(server: Server, host: str) -> int:
    return httpx.get(server.url, headers={"host": host}).status_code


def test_foreign_host_names_are_refused(server: Server) -> None:
    """A page of another site can lead its own name to this machine; the name stays in the request."""
    for host in ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", ""):
        assert status(server, host) == 421, host
    for host in ("localhost", "LOCALHOST:7860", "127.0.0.1", "[::1]:99", "localhost."):
        assert status(server, host) == 200, host
    answer = httpx.post(
        f"{server.url}gradio_api/run/wait", json={"data": []}, headers={"host": "evil.example"}
    )
    assert answer.status_code == 421 and "--allow-host" in answer.text


def test_named_hosts_are_allowed() -> None:
    with web_server(LIMITS, hosts=("demo.example.org",)) as server:
        assert status(server, "demo.example.org") == 200 and status(server, "evil.example") == 421
    with web_server(LIMITS, hosts=None) as server:
        assert status(server, "evil.example") == 200


def test_the_command_names_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from vibevoice_nb.cli.app import app
    from vibevoice_nb.web import server as server_module

    called: list[Any] = []
    monkeypatch.setattr(server_module, "serve", lambda *arguments: called.append(arguments[-1]))
    for options in (
        [],
        ["--allow-host", "a.example", "--allow-host", "b.example"],
        ["--host", "0.0.0.0", "--public"],
        ["--host", "0.0.0.0", "--public", "--allow-host", "a.example"],
    ):
        result = CliRunner().invoke(app, ["web", *options])
        assert result.exit_code == 0, result.output
    assert called == [
        ("127.0.0.1",),
        ("127.0.0.1", "a.example", "b.example"),
        None,
        ("0.0.0.0", "a.example"),
    ]


def test_voila_checks_the_host_too() -> None:
    voila = pytest.importorskip("voila.app", reason="needs Voila: pip install voila")
    from vibevoice_nb.web.voila import _guarded

    class Plain:
        def init_settings(self) -> dict[str, Any]:
            return {"allow_remote_access": True, "base_url": "/"}

    assert _guarded(Plain, ("127.0.0.1",))().init_settings() == {
        "allow_remote_access": False,
        "local_hostnames": ["localhost", "127.0.0.1"],
        "base_url": "/",
    }
    assert _guarded(Plain, None)().init_settings()["allow_remote_access"] is True
    assert issubclass(_guarded(voila.Voila, ()), voila.Voila)


@pytest.mark.slow
def test_a_real_voila_refuses_foreign_names(tmp_path: Path) -> None:
    pytest.importorskip("voila.app", reason="needs Voila: pip install voila")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "vibevoice_nb", "web", "--voila", "--port", str(port)]
    with open(tmp_path / "log", "w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            url = f"http://127.0.0.1:{port}/api/kernels"  # a page would start a kernel
            until(lambda: _answers(url))
            assert httpx.get(url, headers={"host": f"localhost:{port}"}).status_code != 403
            assert httpx.get(url, headers={"host": f"evil.example:{port}"}).status_code == 403
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code > 0
    except httpx.TransportError:
        return False


def test_requests_of_an_address_have_a_rate() -> None:
    now = 0.0
    rate = Rate(per_second=2, burst=3, clock=lambda: now)
    assert [rate.allows("a") for _ in range(4)] == [True, True, True, False]
    assert rate.allows("b")
    now = 1.0
    assert [rate.allows("a") for _ in range(3)] == [True, True, False]


def test_too_many_remarks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "Rate", lambda: Rate(per_second=0.1, burst=5))
    with web_server(LIMITS) as server, httpx.Client() as client:
        body = {"data": ["Anna: Hello."], "session_hash": "me"}
        answers = [client.post(f"{server.url}gradio_api/run/_remarks", json=body) for _ in range(8)]
        codes = {answer.status_code for answer in answers}
        assert codes == {200, 429} and "Wait a few seconds" in answers[-1].text


# --- the queue ----------------------------------------------------------------------------------------------


def test_one_visitor_cannot_fill_the_queue(server: Server) -> None:
    visitor = server.visitor()
    speaking = visitor.submit(LONG, steps=10)
    first(speaking)
    session = visitor.client.session_hash
    again = join(server, session)
    assert again.status_code == 429
    assert "You have 1 conversation in the queue" in again.json()["detail"]
    assert "the first is being generated now" in again.json()["detail"]
    waiting = [join(server, "second"), join(server, "second"), join(server, "third"), join(server, "fourth")]
    assert [answer.status_code for answer in waiting] == [200, 429, 200, 429]
    assert "number 1 in the queue" in waiting[1].json()["detail"]
    assert "Your network address has 3 conversations" in waiting[3].json()["detail"]
    visitor.stop()
    for session, answer in (("second", waiting[0]), ("third", waiting[2])):
        cancelled = {"session_hash": session, "fn_index": 0, "event_id": answer.json()["event_id"]}
        httpx.post(f"{server.url}gradio_api/cancel", json=cancelled)
    assert "stopped" in speaking.result(timeout=60)[1]
    until(lambda: join(server, session, SHORT).status_code == 200)


def until(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < end, "not within a minute"
        time.sleep(0.2)


# --- what visitors write, and read --------------------------------------------------------------------------

HOSTILE = [
    "**Ben**: Hello.",
    "![x](http://evil.example/a.png): Hello.",
    "[click](http://evil.example) Anna: Hello.",
    "Anna: Hello.\n<img src=x onerror=alert(1)>: Hi.",
    "Anna: Hello.\nhttp://evil.example: Hi.\nwww.evil.example: Hi.",
    "`Anna`: Hello.\n~~Ben~~: Hi.\n# x\n$$x$$: Hi.",
]


@pytest.mark.parametrize("script", HOSTILE)
def test_nothing_a_visitor_writes_is_markup(script: str) -> None:
    shown = _describer(LIMITS, "nano")(script)
    ours = shown.replace("\n- ", "\n").replace(". Speakers, in order: ", "").replace("About ", "")
    for sign in ("*", "<", "[", "](", "http:", "www.", "`", "~", "$"):
        assert sign not in ours, shown


def test_markdown_shows_text_as_it_was_written() -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="needs markdown-it-py, which comes with rich")
    parse = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).render
    for text in (
        *HOSTILE,
        "1. one",
        "- two",
        "> three",
        "    four",
        "a_b_c",
        "a\\*b",
        "&amp; &lt;",
        "Ärger 😀",
    ):
        assert html.unescape(parse(in_markdown(text))) == f"<p>{' '.join(text.split())}</p>\n"


PERFECT = [
    "Speaker 1: Hello.\nSpeaker 2: Hi.",
    "Anna: Hello.\nBen: Hi, Anna.\nAnna: How are you?",
    "# Morning\nAnna: Hello. [pause:300]\nBen: Hi.",
]


@pytest.mark.parametrize("script", PERFECT)
def test_a_perfect_script_has_no_remarks(script: str) -> None:
    assert "\n- " not in _describer(LIMITS, "nano")(script)


@pytest.mark.parametrize(
    "script",
    [
        *PERFECT,
        "Speaker 1: Hello.\nBen: Hi.",
        "Ben: Hi.\nSpeaker 1: Hello.",
        "Anna: Hello.\nand so on.\nNote: remember.",
        "Speaker one: Hello.\nBen: Hi.",
        "Just text.\nBen: Hi.",
        "A: 1.\nB: 2.\nC: 3.\nD: 4.\nE: 5.",
        '[{"speaker": "Anna", "text": "Hello."}]',
    ],
)
def test_the_page_the_check_and_the_project_agree(script: str, tmp_path: Path) -> None:
    """One reading, with messages for visitors, who cannot pass a cast."""
    shown = _describer(LIMITS, "nano")(script)
    with Project.create(tmp_path / "talk", script) as project:
        turns = [(turn.label, turn.text) for turn in project.script.turns]
        errors = [(item.line, item.message) for item in project.script.errors]
    read = read_script(script)
    assert [(turn.label, turn.text) for turn in read.turns] == turns
    assert [(item.line, item.message) for item in read.errors] == errors
    try:
        LIMITS.check(script)
        refused = ""
    except ScriptError as error:
        refused = str(error)
    assert bool(refused) == bool(errors)
    for words in (shown, refused):
        assert "cast" not in words and "parse_script" not in words


def test_a_long_script_is_not_read_while_it_is_written() -> None:
    describe, text = _describer(LIMITS, "nano"), "[" + 100_000 * " " + "x]: hi"
    assert "Too long" in describe(text)
    assert least_seconds(lambda: describe(text)) < 0.5


def test_loading_is_a_phase_of_its_own() -> None:
    from types import SimpleNamespace

    from vibevoice_nb.project.jobs.generation import GenerationProgress
    from vibevoice_nb.web.service import _progress

    first = GenerationProgress(seconds=1.2, estimated=60.0, elapsed=30.0)
    later = GenerationProgress(seconds=2.2, estimated=12.2, elapsed=31.0, pace=1.0)
    job: Any = SimpleNamespace(state="loading", progress=GenerationProgress())
    assert _progress(job, "nano", 0.4) == "Loading nano … 40%"
    job = SimpleNamespace(state="speaking", progress=first)
    assert "left" not in _progress(job, "nano", 1.0)
    job = SimpleNamespace(state="speaking", progress=later)
    assert "10.0 s left" in _progress(job, "nano", 1.0)
