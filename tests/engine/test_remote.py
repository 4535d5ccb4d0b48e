"""Remote engine: over a server on this machine it gives the audio of a local one, whatever is cut off."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'vibevoice-nb[web]'")
pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'vibevoice-nb[web]'")

from server_helpers import Proxy, Watched, served

from vibevoice_nb import Engine, OptionError, Project, ServerError, VibeVoiceError
from vibevoice_nb.engine.interface import QueuePlace
from vibevoice_nb.engine.remote.address import check_address
from vibevoice_nb.script import parse_script
from vibevoice_nb.serve.events import Queued

TALK = "Anna: Good morning. How are you?\nBen: Fine [pause:300]\nAnna: Good to hear."
QUICK: Any = {"seed": 3, "num_steps": 3}
SAME = 1e-6
BATCHED = 1e-5  # a batch rounds in another order


@pytest.fixture(scope="module")
def local() -> Engine:
    return Engine.load("nano")


@pytest.fixture(scope="module")
def service(local: Engine) -> Watched:
    return Watched(local)


@pytest.fixture(scope="module")
def address(service: Watched) -> Iterator[str]:
    with served(service, alive=0.2) as url:
        yield url


@pytest.fixture(scope="module")
def remote(address: str) -> Engine:
    return Engine.connect(address, token="secret")


@pytest.fixture(scope="module")
def spoken(local: Engine) -> Any:
    return local.speak(TALK, **QUICK)


def _equal(one: Any, other: Any, most: float = SAME) -> None:
    assert one.shape == other.shape and np.abs(one - other).max() <= most


def test_facts_are_those_of_the_model(local: Engine, remote: Engine, address: str) -> None:
    names = ("name", "revision", "quantize", "defaults", "limits", "frontend", "hop_length", "max_positions")
    for name in (*names, "attention"):
        assert getattr(remote, name) == getattr(local, name), name
    assert remote.weights_digest() == local.weights_digest() and remote.versions() == local.versions()
    assert (remote.server, local.server, remote.nbytes()) == (address, "", 0)
    assert repr(remote) == f"<Engine 'nano' at {address}, cpu, float32>"
    with pytest.raises(OptionError, match="on a server"):
        remote.loaded  # noqa: B018


def test_whole_scripts_have_equal_audio(remote: Engine, spoken: Any) -> None:
    speech = remote.speak(TALK, **QUICK)
    _equal(speech.audio, spoken.audio)
    assert speech.ended == "finished" and speech.ttfa is not None
    assert speech.turns == spoken.turns and speech.odd_length == spoken.odd_length
    assert np.array_equal(speech.run.frames.latent, spoken.run.frames.latent)
    ignored = {"elapsed", "rtf", "ttfa"}
    assert {k: v for k, v in speech.summary().items() if k not in ignored} == {
        k: v for k, v in spoken.summary().items() if k not in ignored
    }


def test_streams_and_batches_have_equal_audio(local: Engine, remote: Engine, spoken: Any) -> None:
    _equal(np.concatenate(list(remote.stream(TALK, **QUICK))), spoken.audio)
    scripts = ["Anna: One, two.", "Ben: Three."]
    for script, speech in zip(scripts, remote.speak_many(scripts, **QUICK), strict=True):
        _equal(speech.audio, local.speak(script, **QUICK).audio, BATCHED)


def test_recordings_are_sent_once(local: Engine, remote: Engine, service: Watched) -> None:
    noise = 0.1 * np.sin(np.arange(96_000, dtype=np.float32) / 20)
    turn = parse_script("Anna: Hello.").turns[0]
    from vibevoice_nb.voices import load_voice

    cast = {0: load_voice(noise)}
    options = local.defaults.updated({**QUICK, "max_seconds": 0.5})
    mine = np.concatenate(list(local.run_in_context(turn, local.followed(cast), [], options)))
    sent: list[str] = []
    for _ in range(2):
        run: Any = remote.run_in_context(turn, cast, [], options)
        parts = run.request.parts
        object.__setattr__(run, "request", _Counting(run.request, parts, sent))
        _equal(np.concatenate(list(run)), mine)
    assert len(sent) == 1


class _Counting:
    def __init__(self, request: Any, parts: Any, sent: list[str]) -> None:
        self._request, self._parts, self._sent = request, parts, sent

    def parts(self, digest: str) -> Any:
        self._sent.append(digest)
        return self._parts(digest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)


def test_a_speech_is_resumed(remote: Engine, spoken: Any) -> None:
    short = remote.speak(TALK, max_seconds=1.0, **QUICK)
    assert short.ended == "length" and 0.8 < short.seconds <= 1.0
    _equal(remote.resume(short, max_seconds=60).audio, spoken.audio)


def test_cancelled_within_a_frame_and_resumed(remote: Engine, service: Watched, spoken: Any) -> None:
    service.cancelled.clear()
    chunks: list[int] = []
    stopped = remote.speak(
        TALK, progress=lambda p: chunks.append(1), cancelled=lambda: len(chunks) >= 3, **QUICK
    )
    assert stopped.ended == "cancelled" and stopped.samples == 3 * 3200
    assert service.cancelled.wait(10), "the server has stopped too"
    assert sum(turn.stop - turn.start for turn in stopped.turns) == stopped.samples
    kept = pickle.loads(pickle.dumps(stopped))
    assert b"secret" not in pickle.dumps(stopped)
    _equal(remote.resume(kept, max_seconds=60).audio, spoken.audio)


def test_closing_a_stream_cancels(remote: Engine, service: Watched) -> None:
    service.cancelled.clear()
    stream = remote.stream(TALK, **QUICK)
    next(stream)
    del stream
    assert service.cancelled.wait(10)


@pytest.mark.parametrize("cut", [30_000, 100_000])
def test_a_broken_connection_costs_nothing(address: str, spoken: Any, service: Watched, cut: int) -> None:
    with Proxy(address) as proxy:
        engine = Engine.connect(proxy.url, token="secret")
        proxy.cuts = [cut, cut]
        _equal(engine.speak(TALK, **QUICK).audio, spoken.audio)
        assert proxy.cuts == [] and service.submitted[-1].done is not None


def test_projects_are_equal(local: Engine, remote: Engine, tmp_path: Path, address: str) -> None:
    made = {}
    for name, engine in (("local", local), ("remote", remote)):
        with Project.create(tmp_path / name, TALK) as project:
            project.generate(engine, **QUICK).result(60)
            first = [project.takes.get(turn.chosen).manifest.to_json() for turn in project.turns]
            project.regenerate(engine, project.turns[1].id, seed=9).result(60)
            second = [project.takes.get(turn.chosen).manifest.to_json() for turn in project.turns]
            audio = project.assemble().read(0, 1 << 30)
            made[name] = first, second, audio
    for mine, its in zip(made["local"][:2], made["remote"][:2], strict=True):
        assert [one.pop("server", None) for one in (*mine, *its)] == [None] * 3 + [address] * 3
        for one, other in zip(mine, its, strict=True):
            assert _comparable(one) == _comparable(other)
    _equal(made["remote"][2], made["local"][2])
    for file in (tmp_path / "remote.vibevoice").rglob("*"):
        assert file.is_dir() or b"secret" not in file.read_bytes()


def _comparable(manifest: dict[str, Any]) -> dict[str, Any]:
    changing = {"id", "turn_id", "created", "elapsed", "rtf", "ttfa", "follows", "audio_bytes"}
    kept = {name: value for name, value in manifest.items() if name not in changing}
    kept["context"] = [entry["text"] for entry in manifest.get("context", [])]
    return kept


def test_errors_are_those_of_a_local_engine(local: Engine, remote: Engine) -> None:
    cast = {"Anna": "Ada"}
    for script, voices in (("Anna: 你好。", None), ("Anna: Hi.\nBen: Hi.", cast), ("Anna: Hi.", ["Unknown"])):
        found = []
        for engine in (local, remote):
            with pytest.raises(VibeVoiceError) as raised:
                engine.speak(script, voices)
            found.append((type(raised.value), str(raised.value)))
        assert found[0] == found[1]


def test_wrong_token_and_absent_servers(address: str) -> None:
    with pytest.raises(ServerError, match="token"):
        Engine.connect(address, token="wrong")
    with Proxy(address) as proxy:
        pass
    with pytest.raises(ServerError, match=r"cannot be reached .*check the address"):
        Engine.connect(proxy.url)


def test_a_full_server_is_reported_and_waited_for(remote: Engine, service: Watched) -> None:
    service.busy = 1
    with pytest.raises(ServerError, match="the queue is full"):
        remote.speak("Anna: Hi.", **QUICK)
    service.busy = 1
    made = remote.speak_many(["Anna: Hi.", "Anna: Yes."], **QUICK)
    assert [speech.ended for speech in made] == ["finished"] * 2


def test_the_place_in_the_queue_is_told(remote: Engine, service: Watched) -> None:
    places: list[Any] = []
    service.queue = [Queued(2, 4), Queued(1, 3)]
    remote.queue_listeners.append(places.append)
    try:
        remote.speak("Anna: Hi.", **QUICK)
    finally:
        service.queue = []
        remote.queue_listeners.remove(places.append)
    assert places == [QueuePlace(2, 4), QueuePlace(1, 3), None]


def test_unencrypted_addresses_need_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match=r"https://.*insecure=True"):
        check_address("http://gpu.example.org", "secret")
    assert check_address("http://gpu.example.org", "secret", insecure=True).url == "http://gpu.example.org"
    monkeypatch.setenv("VIBEVOICE_NB_INSECURE", "1")
    assert check_address("http://gpu.example.org", "secret").websocket == "ws://gpu.example.org/v1/native"
    wrongs = ["https://ann:pw@host", "ftp://host", "https://", "https://host:port", "https://host?x=1"]
    wrongs += [
        "https://a b.com",
        "https://ex%0d%0aample.com",
        "https://a\\b",
        "https://[v1.x]",
        "https://h/a b",
    ]
    for wrong in wrongs:
        with pytest.raises(OptionError):
            check_address(wrong, "")
    assert check_address("https://[::1]:8000/voice", "").url == "https://[::1]:8000/voice"


def test_the_token_of_the_environment_is_for_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBEVOICE_NB_SERVER", "https://gpu.example.org/")
    monkeypatch.setenv("VIBEVOICE_NB_TOKEN", "secret")
    assert check_address("https://gpu.example.org").token == "secret"
    assert check_address("https://other.example.org").token == ""
    assert "secret" not in repr(check_address("https://gpu.example.org"))
    monkeypatch.delenv("VIBEVOICE_NB_SERVER")
    assert check_address("https://gpu.example.org").token == "", "a token alone is for no address"


@pytest.mark.parametrize("status", [301, 307])
def test_redirects_are_not_followed(address: str, status: int) -> None:
    target = address.replace("http://", "ws://") + "/v1/native"
    listener = socket.create_server(("127.0.0.1", 0))

    def redirect() -> None:
        client, _ = listener.accept()
        with client:
            client.recv(65_536)
            client.sendall(
                f"HTTP/1.1 {status} Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
            )

    thread = threading.Thread(target=redirect, daemon=True)
    thread.start()
    with pytest.raises(ServerError, match="redirects to"):
        Engine.connect(f"http://127.0.0.1:{listener.getsockname()[1]}", token="secret")
    thread.join(10)
    listener.close()


def test_a_remote_engine_needs_no_torch(address: str) -> None:
    code = (
        "import sys; from vibevoice_nb import Engine; "
        f"engine = Engine.connect({address!r}, token='secret'); "
        "speech = engine.speak('Speaker 1: Hi.', seed=1, num_steps=2); "
        "print(speech.ended, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["finished", "False"]


def test_the_command_line_speaks_on_a_server(
    address: str, spoken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from vibevoice_nb.audio.io import read_audio
    from vibevoice_nb.cli.app import app

    monkeypatch.setenv("VIBEVOICE_NB_SERVER", address)
    monkeypatch.setenv("VIBEVOICE_NB_TOKEN", "secret")
    script, out = tmp_path / "talk.txt", tmp_path / "talk.wav"
    script.write_text(TALK, "utf-8")
    done = CliRunner().invoke(
        app, ["speak", str(script), "--out", str(out), "--seed", "3", "--num-steps", "3"]
    )
    assert done.exit_code == 0, done.output
    _equal(read_audio(out)[0], spoken.audio, 1e-4)  # 16 bits
