"""Routes of the server part; work that takes time runs in a thread of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.services.contents.fileio import FileManagerMixin
from jupyter_server.utils import url_path_join
from tornado import web

from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.texts import whole_texts

if TYPE_CHECKING:
    from .listing import Listing

Result = TypeVar("Result")


class _Handler(APIHandler):
    """Handler whose user needs the right to read files of the server."""

    auth_resource = "contents"

    def initialize(self, worker: ThreadPoolExecutor) -> None:
        self._worker = worker

    async def during(self, work: Callable[[], Result]) -> Result:
        """Run `work` in the thread of the routes, one at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)


class HomeHandler(_Handler):
    """`GET vibevoice/home?folder=...`: recent projects, and voices, as the payload `Home`.

    `folder` is searched first; a path of the contents API.
    """

    @web.authenticated
    @authorized
    async def get(self) -> None:
        root, folder = local_root(self.contents_manager), self.get_query_argument("folder", "")
        home = await self.during(lambda: _listing().home(root, folder))
        self.finish(json.dumps(whole_texts(home)))


class VoiceHandler(_Handler):
    """`GET vibevoice/voice?name=...`: the recording of a voice, as FLAC."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        name = self.get_query_argument("name")

        def read() -> bytes:
            from .listing import read_voice

            return read_voice(name)

        try:
            audio = await self.during(read)
        except (VibeVoiceError, OSError) as error:
            raise web.HTTPError(404, reason="no such voice", log_message=str(error)) from error
        self.set_header("Cache-Control", "no-cache")
        self.finish(audio, set_content_type="audio/flac")  # `finish` overwrites the header itself


@cache
def _listing() -> Listing:
    """Return the listing of this server; imported on first use: a server must start fast."""
    from .listing import Listing

    return Listing()


def local_root(contents: Any) -> Path | None:
    """Return the root folder of a server's files; None if they are not on this machine's disk."""
    return Path(contents.root_dir) if isinstance(contents, FileManagerMixin) else None


def routes(base_url: str) -> list[tuple[str, type[_Handler], dict[str, Any]]]:
    """Return the routes of a server."""
    shared = {"worker": ThreadPoolExecutor(1, thread_name_prefix="vibevoice-lab")}
    return [
        (url_path_join(base_url, "vibevoice", name), handler, shared)
        for name, handler in (("home", HomeHandler), ("voice", VoiceHandler))
    ]
