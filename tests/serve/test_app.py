"""Ray Serve application from settings, config files and the command line, without starting Ray."""

from __future__ import annotations

import importlib.util
import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("ray") is None:
    pytest.skip("needs vibevoice-nb[serve]", allow_module_level=True)

import yaml
from typer.testing import CliRunner

from vibevoice_nb.cli.app import app
from vibevoice_nb.errors import OptionError, ServerError
from vibevoice_nb.model.loading.checkpoint import NANO_FOLDER
from vibevoice_nb.serve.app import Ingress, ServeSettings, build, load_engine
from vibevoice_nb.serve.running import Running
from vibevoice_nb.serve.worker import facts_of

CONFIG = """
http_options: {host: 127.0.0.1, port: 8000}
applications:
- name: speech
  route_prefix: /
  import_path: vibevoice_nb.serve.app:build
  args:
    {model: nano, users: users.json, max_batch: 8, min_replicas: 1, max_replicas: 3, num_cpus: 0.5,
     limits: {max_minutes: 5}}
"""


def replica_of(application: Any) -> Any:
    """Return the deployment of the replicas."""
    (replica,) = (
        argument._bound_deployment
        for argument in application._bound_deployment.init_args
        if hasattr(argument, "_bound_deployment")
    )
    return replica


def test_a_server_without_tokens_names_its_hosts() -> None:
    with pytest.raises(OptionError, match="without tokens"):
        build({})
    assert build({"hosts": ["speech.lan"]})


def test_a_config_file_is_accepted() -> None:
    from ray._common.utils import import_attr
    from ray.serve.schema import ServeDeploySchema

    (described,) = ServeDeploySchema.model_validate(yaml.safe_load(CONFIG)).applications
    application = import_attr(described.import_path)(described.args)
    replica = replica_of(application)
    scaling = replica._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas, scaling.target_ongoing_requests) == (1, 3, 8)
    assert replica.ray_actor_options["num_cpus"] == 0.5


@pytest.mark.parametrize("args", [{"modle": "nano"}, {"limits": {"minutes": 5}}])
def test_a_wrong_setting_is_named(args: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        build(args)


def test_clients_see_no_folders(tmp_path: Path) -> None:
    folder = tmp_path / "private" / "my-voice"
    folder.parent.mkdir()
    folder.symlink_to(NANO_FOLDER, target_is_directory=True)
    plain = tmp_path / "models--me--voice" / "snapshots" / "0123abc"
    plain.parent.mkdir(parents=True)
    plain.symlink_to(NANO_FOLDER, target_is_directory=True)
    for given, name in ((plain, "me/voice"), (NANO_FOLDER, NANO_FOLDER.name)):
        engine = load_engine(ServeSettings(model=str(given)))
        assert facts_of(engine).model == engine.name == name
        assert "/" not in str(facts_of(engine)).replace("me/voice", "")
    assert load_engine(ServeSettings(model=str(folder))).name == folder.name
    assert load_engine(ServeSettings()).name == "nano"


def test_options_of_the_command_reach_the_application(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found: list[Any] = []
    monkeypatch.setattr(Running, "start", lambda self, settings, gpus: found.append((self, settings, gpus)))
    monkeypatch.setattr(Running, "wait", lambda self: None)
    options = "--replicas 2 --max-replicas 4 --max-batch 8 --num-gpus 0.5 --num-cpus 2 --max-minutes 5"
    users = tmp_path / "users.json"
    users.write_text("{}")
    more = ["--host", "0.0.0.0", "--port", "8123", "--users", str(users), "--per-user", "3", "--log-texts"]
    answer = CliRunner().invoke(app, ["serve", *options.split(), *more, "--address", "auto"])
    assert answer.exit_code == 0, answer.output
    ((running, settings, gpus),) = found
    assert (running.url, gpus) == ("http://127.0.0.1:8123", 0.5)
    replica = replica_of(build({**settings, "num_gpus": gpus}))
    scaling = replica._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas, scaling.target_ongoing_requests) == (2, 4, 8)
    checked = ServeSettings.of(settings)
    assert checked.checked_limits().max_minutes == 5 and checked.checked_limits().per_user == 3
    assert checked.users == str(users) and checked.log_texts
    assert replica.ray_actor_options["num_gpus"] == 0.5 and replica.ray_actor_options["num_cpus"] == 2


def test_an_open_server_needs_tokens() -> None:
    answer = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0"])
    assert answer.exit_code != 0


def test_a_realtime_model_is_rejected_before_ray_starts(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vibevoice_streaming"}')
    with pytest.raises(OptionError, match="for conversations"):
        Running("127.0.0.1", 8123, None, print).start({"model": str(tmp_path)})


class SlowServe:
    """Ray Serve whose proxy is not ready within the time for which it waits, some times."""

    def __init__(self, times: int) -> None:
        self.times, self.started = times, 0

    def start(self, **options: Any) -> None:
        self.started += 1
        if self.started <= self.times:
            raise TimeoutError("HTTP proxies not available after 60s.")


def test_a_slow_start_of_serve_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    serve, running = SlowServe(2), Running("127.0.0.1", 8123, None, print)
    running._start_serve(serve)
    assert serve.started == 3 and caplog.text.count("not available after 60s") == 2
    with pytest.raises(ServerError, match=r"Ray Serve did not start .* less busy"):
        running._start_serve(SlowServe(99))


def test_the_health_of_a_server_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from server_helpers import at_a_port

    asked: list[str] = []

    async def health(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        asked.append(scope["path"])
        status = 503 if len(asked) == 1 else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    with at_a_port(health) as url:
        running = Running("127.0.0.1", int(url.rpartition(":")[2]), None, print)
        running._wait_for_health()
        assert asked == ["/health"] * 2
    monkeypatch.setattr("vibevoice_nb.serve.running._SECONDS", 0.0)
    with pytest.raises(ServerError, match="did not start"):
        running._wait_for_health()


def test_sigterm_ends_the_wait() -> None:
    before, running = signal.getsignal(signal.SIGTERM), Running("127.0.0.1", 8123, None, print)

    def send() -> None:
        while signal.getsignal(signal.SIGTERM) is before:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=send, daemon=True).start()
    try:
        running.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_voices_of_a_temporary_folder_are_deleted_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kind: Any = Ingress.func_or_class.__mro__[1]  # without Ray's part of it
    ingress = kind(ServeSettings(), None)
    ingress.__serve_build_asgi_app__()
    (folder,) = tmp_path.iterdir()
    (folder / "voice.npy").write_bytes(b"recording")
    kind.__del__(ingress)
    assert not folder.exists()
