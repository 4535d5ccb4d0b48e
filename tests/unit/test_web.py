"""The web demo as its visitors use it: Gradio's client against a real server, nano behind it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from typer.testing import CliRunner

from vibevoice_nb.audio.encode import read_manifest
from vibevoice_nb.cli.app import app
from vibevoice_nb.engine.registry import engines
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.script import Script, parse_script

pytest.importorskip("gradio", reason="needs Gradio: pip install 'vibevoice-nb[web]'")
pytest.importorskip("gradio_client", reason="needs gradio_client, which comes with Gradio")

from web_helpers import LONG, SHORT, VOICES, Server, Visitor, first, recording, web_server

from vibevoice_nb.web import server as web
from vibevoice_nb.web.limits import Limits
from vibevoice_nb.web.service import DemoService, SpeechRequest
from vibevoice_nb.web.voila import open_studio

FRAME = 3200 / 24_000
LIMITS = Limits(max_minutes=1, queue=8, max_steps=10, upload_megabytes=1, voice_seconds=20)


class Hopeful(Limits):
    """Takes every script for a short one."""

    def check(self, text: str) -> Script:
        return parse_script(text)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with web_server(LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def visitor(server: Server) -> Visitor:
    return server.visitor()


def test_a_stop_before_the_job_exists_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The casting of voices lies between the queue and the job."""
    service = DemoService("nano", LIMITS, tmp_path, device="cpu", dtype="float32")
    cast = service._cast

    def stopped_meanwhile(*given: Any) -> Any:
        assert service.stop("me")
        return cast(*given)

    monkeypatch.setattr(service, "_cast", stopped_meanwhile)
    service.expect("me")
    reports = list(service.speak(SpeechRequest(LONG, VOICES, num_steps=1), "me"))
    assert "Stopped" in reports[-1].words or "stopped" in reports[-1].words
    assert not service.stop("me")


def test_only_pictures_of_a_conversation_are_served(server: Server) -> None:
    for address in ("speech/none/waveform.png", "speech/..%2F..%2Fx/waveform.png", "speech/none/other.png"):
        assert httpx.get(server.url + address).status_code == 404


# --- hearing ------------------------------------------------------------------------------------------------


def test_audio_arrives_before_generation_ends(server: Server, visitor: Visitor) -> None:
    job = visitor.submit(LONG, steps=2)
    address = first(job)
    with server.get(address) as sound:
        heard = sound.read1(1 << 16)
        early = not job.done()
        while block := sound.read1(1 << 16):
            heard += block
    assert early and sound.headers["content-type"] == "audio/mpeg"
    _, words, seed, (mp3, wav), pictures = job.result(timeout=60)
    assert "generated speech by nano" in words and "complete" in words and seed == "1"
    for file in (mp3, wav):
        manifest = read_manifest(file)
        assert manifest is not None and manifest["content"] == "generated speech"
        assert {take["model"] for take in manifest["takes"]} == {"nano"}
    for source in re.findall(r'src="([^"]+)"', pictures):
        with server.get(source) as picture:
            assert picture.headers["content-type"] == "image/png" and picture.read(8) == b"\x89PNG\r\n\x1a\n"
    assert "Waveform of" in pictures and "Spectrogram of" in pictures
    assert _seconds(io.BytesIO(heard)) == pytest.approx(_seconds(wav), abs=0.2)
    with server.get(address) as again:  # now it can be wound
        assert again.read() == heard and again.headers["accept-ranges"] == "bytes"


def test_eight_visitors_at_once_are_all_served(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        visitors = list(pool.map(lambda number: server.visitor(), range(8)))
        seeds = [str(number) for number in range(8)]
        answers = list(pool.map(lambda who, seed: who.speak(SHORT, seed=seed), visitors, seeds))
    assert [seed for _, seed, _ in answers] == seeds
    assert all("complete" in words and len(files) == 2 for words, _, files in answers)


def test_a_seed_is_drawn_and_shown(visitor: Visitor) -> None:
    words, seed, _ = visitor.speak(SHORT, seed="")
    assert seed.isdecimal() and f"seed {seed}" in words


def test_an_uploaded_voice_speaks_with_consent(visitor: Visitor, tmp_path: Path) -> None:
    _, _, (mp3, _) = visitor.speak(SHORT, recording=recording(tmp_path / "anna.wav"), consent=True)
    manifest = read_manifest(mp3)
    assert manifest is not None
    speaker = manifest["speakers"]["Speaker 1"]
    assert (speaker["voice"], speaker["kind"], speaker["consent"]) == ("anna", "upload", True)
    assert str(tmp_path) not in str(manifest)


# --- stopping -----------------------------------------------------------------------------------------------


def test_stop_keeps_the_audio_so_far(server: Server, visitor: Visitor) -> None:
    job = visitor.submit(LONG, steps=5)
    first(job)
    _until_it_speaks(server)
    visitor.stop()
    _, words, _, (_, wav), _ = job.result(timeout=30)
    assert "stopped" in words and 0 < _seconds(wav) < 20


def test_another_visitor_stops_nothing(server: Server, visitor: Visitor) -> None:
    job = visitor.submit(SHORT)
    first(job)
    server.visitor().stop()
    assert "complete" in job.result(timeout=60)[1]


def test_a_queued_request_can_be_withdrawn(server: Server, visitor: Visitor) -> None:
    other = server.visitor()
    speaking = other.submit(LONG, steps=5)
    first(speaking)
    visitor.client.predict(api_name="/wait")  # the page says so before it asks
    job = visitor.submit(LONG)
    visitor.stop()
    other.stop()
    assert "Stopped while queued" in job.result(timeout=30)[1]
    assert "complete" in visitor.speak(SHORT)[0] and not server.service._waiting


def test_a_visitor_who_leaves_frees_a_place(server: Server) -> None:
    gone = server.visitor()
    job = gone.submit(LONG, steps=10)
    first(job)
    _until_it_speaks(server)
    job.cancel()
    assert "complete" in server.visitor().speak(SHORT)[0]
    assert not server.service._jobs


def test_stop_takes_a_frame(server: Server) -> None:
    reports = server.service.speak(SpeechRequest(LONG, VOICES, num_steps=5), "direct")
    next(reports)
    job = server.service._jobs["direct"]
    _until_it_speaks(server)
    before = job.progress.seconds
    assert server.service.stop("direct")
    assert "stopped" in list(reports)[-1].words
    assert job.progress.seconds - before < 2.5 * FRAME  # the one under way, one begun before the stop
    assert not server.service.stop("direct")


def test_it_stops_by_itself_at_the_limit(server: Server, tmp_path: Path) -> None:
    service = DemoService("nano", Limits(max_minutes=0.1), tmp_path, device="cpu", dtype="float32")
    # 6 s by estimate; so slow a voice is rare, but the estimate is no promise.
    service.limits = Hopeful(max_minutes=0.1)
    last = list(service.speak(SpeechRequest(LONG, VOICES, num_steps=1), "me"))[-1]
    assert "stopped" in last.words and 6 <= _seconds(last.files[1]) < 15


# --- what is refused ----------------------------------------------------------------------------------------


def test_too_long_a_script_is_rejected_with_a_message(visitor: Visitor) -> None:
    said = visitor.refusal("Speaker 1: " + "On and on it goes, for ever. " * 60)
    assert (
        "script is about 1.9 minutes long" in said
        and "at most 1 minute here" in said
        and "To fix it: shorten" in said
    )
    assert "2,700 here" in visitor.refusal("x" * 100_000)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("  \n", "the script is empty"),
        ("Speaker one: Hello.", "line 1, column 1"),
        ("Speaker 99: Hi.", "line 1"),
    ],
)
def test_a_script_with_errors_is_rejected_with_a_message(visitor: Visitor, script: str, words: str) -> None:
    assert words in visitor.refusal(script)


@pytest.mark.parametrize("settings", [{"steps": 11}, {"seed": "-1"}, {"seed": "seven"}, {"cfg": 99}])
def test_settings_out_of_range_are_refused(visitor: Visitor, settings: dict[str, Any]) -> None:
    assert visitor.refusal(**settings)


def test_hostile_names_and_files_are_rejected_with_a_message(visitor: Visitor, tmp_path: Path) -> None:
    hostile = tmp_path / "<img src=x onerror=alert(1)>; rm -rf ~.wav"
    hostile.write_bytes(b"#!/bin/sh\necho no audio\n" * 99)
    said = visitor.refusal(recording=hostile, consent=True)
    assert "Expected" in said and "To fix it" in said
    assert "<" not in said and "/" not in said.replace("/bin", "")


@pytest.mark.parametrize("named", ["private.wav", "../private.wav", "http://127.0.0.1:1/private.wav"])
def test_files_that_were_not_uploaded_are_refused(server: Server, tmp_path: Path, named: str) -> None:
    recording(tmp_path / "private.wav")
    (tmp_path / "folder").mkdir()
    path = named if "//" in named else str(tmp_path / "folder" / named).replace("folder/private", "private")
    given = {"path": path, "meta": {"_type": "gradio.FileData"}}
    data = [SHORT, 1, 1.0, "1", True, *VOICES, given, None, None, None]
    begun = httpx.post(f"{server.url}gradio_api/call/speak", json={"data": data})
    said = httpx.get(f"{server.url}gradio_api/call/speak/{begun.json()['event_id']}", timeout=30).text
    assert "event: error" in said and "event: complete" not in said


def test_no_file_of_the_machine_is_served(server: Server, tmp_path: Path) -> None:
    private = recording(tmp_path / "private.wav")
    for path in (private, Path(__file__), "/etc/passwd"):
        assert httpx.get(f"{server.url}gradio_api/file={path}").status_code in (403, 404)


def test_uploads_have_limits(server: Server, visitor: Visitor, tmp_path: Path) -> None:
    long = recording(tmp_path / "long.flac", seconds=21)
    assert "at most 20 s" in visitor.refusal(recording=long, consent=True).replace("20.0", "20")
    assert "consent" in visitor.refusal(recording=recording(tmp_path / "anna.wav"))
    body = {"files": ("big.wav", b"\0" * 1_100_000)}
    assert httpx.post(f"{server.url}gradio_api/upload", files=body).status_code == 413


def test_the_queue_is_bounded() -> None:
    with web_server(Limits(queue=1)) as server:
        jobs = []
        for _ in range(2):  # one speaks, one waits
            who = server.visitor()
            jobs.append((who, who.submit(LONG)))
            _until_it_speaks(server)
            time.sleep(0.3)
        said = ""
        try:
            server.visitor().speak(SHORT)
        except Exception as error:
            said = str(error)
        assert "full" in said.lower()
        for _, job in jobs:
            job.cancel()


# --- the house ----------------------------------------------------------------------------------------------


def test_the_page_needs_no_other_host(server: Server) -> None:
    with server.get() as page:
        assert b"gradio" in page.read()
        assert page.headers["content-security-policy"].startswith("default-src 'self'")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        server.get("speech/nobody.mp3")


def test_old_files_are_deleted(server: Server, visitor: Visitor) -> None:
    job = visitor.submit(SHORT)
    address = first(job)
    job.result(timeout=60)
    live = server.service.stream(Path(address).stem)
    assert live is not None
    os.utime(live.path, (0, 0))
    server.service.forget_old()
    assert not live.path.parent.exists() and server.service.stream(Path(address).stem) is None


def test_everything_of_visitors_is_deleted_at_the_end() -> None:
    with web.visitors_folder() as folder:
        assert os.environ["GRADIO_TEMP_DIR"].startswith(str(folder))
    assert not folder.exists()


def test_only_this_machine_by_default() -> None:
    result = CliRunner().invoke(app, ["web", "--host", "0.0.0.0"])
    assert result.exit_code == 2 and "--public" in result.stderr


def test_a_missing_package_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(VibeVoiceError, match=r"vibevoice-nb\[web\]"):
        web.build_app(DemoService("nano", Limits(), tmp_path))
    monkeypatch.setitem(sys.modules, "voila.app", None)
    result = CliRunner().invoke(app, ["web", "--voila", "--port", "0"])
    assert result.exit_code == 2 and "pip install voila" in result.stderr


def test_it_is_loaded_with_the_given_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Device, type and bits reach the engine of the demo, and that of the Studio behind Voila."""
    service = DemoService("nano", Limits(), tmp_path, device="cpu", dtype="float32", quantize="int8")
    service.load()
    how = {"device": "cpu", "dtype": "float32", "quantize": "int8"}
    engine = engines.get("nano", **how)
    assert engine is not None and engine.quantize == "int8"
    opened: list[dict[str, Any]] = []

    def launch(arguments: list[str]) -> None:
        room = open_studio()
        opened.append(room.model_state)
        room.close()

    voila = pytest.importorskip("voila.app", reason="needs Voila: pip install voila")
    monkeypatch.setattr(voila.Voila, "launch_instance", launch)
    monkeypatch.setenv("VIBEVOICE_NB_VOILA", "{}")  # so that both are as before in the end
    monkeypatch.setenv("JUPYTER_TOKEN", "")
    arguments = [part for name, value in how.items() for part in (f"--{name}", value)]
    result = CliRunner().invoke(app, ["web", "--voila", "--port", "0", *arguments])
    assert result.exit_code == 0, result.output
    assert opened[0]["state"] == "ready" and opened[0]["dtype"] == "float32, int8"


def test_importing_the_package_brings_no_gradio() -> None:
    code = "import sys, vibevoice_nb, vibevoice_nb.cli.app; print('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def _until_it_speaks(server: Server) -> None:
    end = time.monotonic() + 60
    while not any(job.progress.seconds for job in list(server.service._jobs.values())):
        assert time.monotonic() < end, "nobody speaks"
        time.sleep(0.01)


def _seconds(file: Any) -> float:
    with av.open(str(file) if isinstance(file, (str, Path)) else file) as container:
        return sum(frame.samples for frame in container.decode(audio=0)) / 24_000
