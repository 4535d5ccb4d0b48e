"""Ray Serve application: replicas of the worker, and the HTTP interface in front of them.

`build` makes it from plain arguments, so that a config file of `serve deploy` can name
``vibevoice_nb.serve.app:build``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from ..errors import OptionError, ServerError
from ..ranges import shown
from .events import INTERNAL, Event
from .hub_tokens import HubTokens
from .limits import ServeLimits
from .replicas import ReplicaLostError, Replicas, ReplicatedService, gathered
from .request_log import LOGGER
from .requests import ModelFacts, SpeechRequest, User
from .users import Authenticator, Local, TokenFile

if TYPE_CHECKING:
    from ..engine.engine import Engine

LINGER = 0.25
"""Seconds of events that a replica sends together, once a stream is under way."""
HEALTH_SECONDS = 10.0
"""Longest wait for a replica when the health is asked for."""
_WAITING = 10_000
"""Most requests that Ray keeps at a replica; limits reject them before."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServeSettings:
    """Settings of the application, as a config file has them.

    Attributes
    ----------
    model : str
    device, dtype, quantize, revision
        As for `Engine.load`.
    max_batch : int
        Most requests that a replica generates at the same time.
    min_replicas, max_replicas : int
        Replicas are added while each has more than `max_batch` requests.
    num_gpus, num_cpus : float
        Of each replica; fractions share a GPU.
    users : str
        File of users with their tokens; relative paths and ~ as usual.
    hub : str
        API of a JupyterHub whose tokens are accepted in place of a file.
    hosts : sequence of str
        In place of users and hub: names of a server that everybody who reaches it may use without a token.
    voices : str
        Folder of uploaded voices; by default a temporary one.
    limits : mapping
        Fields of `ServeLimits`.
    log_texts : bool
        Whether the log of requests has their texts.
    """

    model: str = "nano"
    device: str = "auto"
    dtype: str = "auto"
    quantize: str | None = None
    revision: str | None = None
    max_batch: int = 16
    min_replicas: int = 1
    max_replicas: int = 1
    num_gpus: float = 0.0
    num_cpus: float = 1.0
    users: str = ""
    hub: str = ""
    hosts: Sequence[str] = ()
    voices: str = ""
    limits: Mapping[str, Any] = field(default_factory=dict)
    log_texts: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ServeSettings:
        """Return settings from plain values.

        Raises
        ------
        OptionError
            If a name is unknown, or a limit out of range.
        """
        known = [f.name for f in fields(cls)]
        for name in values:
            if name not in known:
                raise OptionError(
                    f"unknown setting {shown(name)}", f"one of {', '.join(known)}", "correct it"
                )
        settings = cls(**values)
        settings.checked_limits()
        return settings

    def checked_limits(self) -> ServeLimits:
        """Return the limits."""
        try:
            return ServeLimits(**self.limits)
        except TypeError as error:
            names = ", ".join(f.name for f in fields(ServeLimits))
            raise OptionError(f"limits={shown(self.limits)}", f"some of {names}", "correct it") from error

    def authenticator(self) -> Authenticator:
        """Return what finds the user of a request."""
        if self.hub:
            return HubTokens(self.hub)
        return TokenFile(Path(self.users).expanduser().absolute()) if self.users else Local(self.hosts)


def load_engine(settings: ServeSettings) -> Engine:
    """Load the engine; its name, which clients see, has no folders of this machine.

    Raises
    ------
    VibeVoiceError
        If the model cannot be loaded, or is no VibeVoice for conversations.
    """
    from ..engine.engine import Engine

    engine = Engine.load(
        settings.model,
        device=settings.device,
        dtype=settings.dtype,
        quantize=settings.quantize,  # type: ignore[arg-type]
        revision=settings.revision,
    )
    folder = Path(settings.model).expanduser()
    if folder.is_dir():
        hub, _, commit = engine.revision.partition("@")
        engine.loaded.name = hub if commit else Path(os.path.abspath(folder)).name
    return engine


@serve.deployment
class SpeechReplica:
    """Replica: an engine and its worker."""

    def __init__(self, settings: ServeSettings) -> None:
        from .worker import SpeechWorker

        self.worker = SpeechWorker(load_engine(settings), settings.max_batch)

    async def facts(self) -> ModelFacts:
        """Return the facts of the model."""
        return await self.worker.facts()

    def check_health(self) -> None:
        """Raise an error if the worker cannot go on: Ray replaces the replica then."""
        if not self.worker.healthy:
            raise RuntimeError("the worker of this replica has ended, or fails again and again")

    async def stream(self, request: SpeechRequest, user: User) -> AsyncGenerator[list[Event], None]:
        """Generate a request."""
        events = self.worker.submit(request, user)
        try:
            async for group in gathered(events, LINGER, time.monotonic):
                yield group
        finally:
            await events.aclose()

    def process(self) -> int:
        """Return the id of the replica's process."""
        return os.getpid()


class RayReplicas(Replicas):
    """Replicas of the deployment."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle
        self._facts: ModelFacts | None = None

    async def facts(self) -> ModelFacts:
        """Return the facts of the model, which all replicas share."""
        if self._facts is None:
            self._facts = await self._handle.facts.remote()
        return self._facts

    async def health(self) -> None:
        """Return if a replica answers; raise ServerError otherwise."""
        try:
            await asyncio.wait_for(self._handle.facts.remote(), HEALTH_SECONDS)
        except Exception as error:
            raise ServerError("no replica answers", "a running replica", "try again later") from error

    async def stream(self, request: SpeechRequest, user: User) -> AsyncGenerator[Sequence[Event], None]:
        """Generate a request on a replica that Ray chooses."""
        from ray.exceptions import RayError, RayTaskError
        from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

        answer = self._handle.options(stream=True).stream.remote(request, user)
        try:
            async for events in answer:
                yield events
        except (RayError, BackPressureError, DeploymentUnavailableError) as error:
            if isinstance(error, RayTaskError) and not isinstance(error.cause, RayError):
                # The replica lives, and its code failed: another one would fail too.
                _log.exception("a request failed")
                yield [INTERNAL]
                return
            raise ReplicaLostError from error
        finally:
            answer.cancel()


@serve.deployment
@serve.ingress()
class Ingress:
    """HTTP interface."""

    def __init__(self, settings: ServeSettings, replica: DeploymentHandle) -> None:
        self._settings, self._replica = settings, replica
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def __del__(self) -> None:
        """Delete the voices of a temporary folder; Ray calls it at the end."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def __serve_build_asgi_app__(self) -> Any:
        """Build the application; it cannot be sent from another process."""
        from .http import Server, build_http
        from .voice_store import VoiceStore

        log_requests()
        settings = self._settings
        limits = settings.checked_limits()
        if not settings.voices:
            self._temporary = tempfile.TemporaryDirectory("", "vibevoice-voices-", ignore_cleanup_errors=True)
        folder = settings.voices if self._temporary is None else self._temporary.name
        voices = VoiceStore(Path(folder).expanduser().absolute(), limits)
        service = ReplicatedService(RayReplicas(self._replica))
        return build_http(Server(service, settings.authenticator(), voices, limits, settings.log_texts))


def log_requests() -> None:
    """Write the log of requests to this process's log; Python shows warnings only by itself."""
    log = logging.getLogger(LOGGER)
    log.setLevel(logging.INFO)
    if not log.handlers:
        log.addHandler(logging.StreamHandler())


def build(arguments: Mapping[str, Any] | ServeSettings) -> serve.Application:
    """Build the application from the fields of `ServeSettings`.

    Examples
    --------
    A config file for ``serve deploy``::

        applications:
        - name: speech
          import_path: vibevoice_nb.serve.app:build
          args: {model: nano, max_batch: 16, users: /etc/vibevoice/users.json}
    """
    settings = arguments if isinstance(arguments, ServeSettings) else ServeSettings.of(arguments)
    if not (settings.users or settings.hub or settings.hosts):
        raise OptionError(
            "a server without tokens",
            "users or hub; or hosts, the names under which everybody may use it",
            "add users: FILE, and a user with `vibevoice-nb serve --users FILE --add-user NAME`",
        )
    scaling = {
        "min_replicas": settings.min_replicas,
        "max_replicas": max(settings.min_replicas, settings.max_replicas),
        "target_ongoing_requests": settings.max_batch,
    }
    replica = SpeechReplica.options(  # type: ignore[attr-defined]
        autoscaling_config=scaling,
        max_ongoing_requests=_WAITING,
        ray_actor_options={"num_gpus": settings.num_gpus, "num_cpus": settings.num_cpus},
        health_check_period_s=5,
    ).bind(settings)
    ingress = Ingress.options(  # type: ignore[attr-defined]
        max_ongoing_requests=_WAITING,
        # On the head, which cannot be lost: a stream survives the loss of any other node.
        ray_actor_options={"num_cpus": 0, "resources": {"node:__internal_head__": 0.001}},
    )
    return ingress.bind(settings, replica)
