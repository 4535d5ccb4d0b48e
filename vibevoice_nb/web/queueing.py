"""Fair queue: limits on the conversations per visitor and per network address."""

from __future__ import annotations

from typing import Any

import gradio as gr
from fastapi import HTTPException

from .limits import Limits


def limit_queue(page: gr.Blocks, limits: Limits) -> gr.Blocks:
    """Make a page's queue reject visitors at their limit, reporting the position of their first request.

    Gradio limits only the length of a queue.
    """
    queue = page._queue
    push = queue.push

    async def push_fairly(body: Any, request: Any, username: str | None) -> Any:
        asked = page.fns.get(body.fn_index)
        if asked is None or asked.queue is False:  # API clients send every call this way, including "stop"
            return await push(body, request, username)
        waiting = [event for one in queue.event_queue_per_concurrency_id.values() for event in one.queue]
        active = [event for job in queue.active_jobs if job for event in job]
        events = [event for event in (*active, *waiting) if event.fn.queue is not False]
        own = [place for place, event in enumerate(events) if event.session_hash == body.session_hash]
        if len(own) >= limits.per_visitor:
            raise HTTPException(429, _refusal("You have", own[0], limits.per_visitor))
        address = _address(request)
        near = [place for place, event in enumerate(events) if _address(event.request) == address]
        if len(near) >= limits.per_address:
            raise HTTPException(429, _refusal("Your network address has", near[0], limits.per_address))
        return await push(body, request, username)

    queue.push = push_fairly
    return page


def _refusal(who: str, place: int, most: int) -> str:
    first = "being generated now" if place == 0 else f"number {place} in the queue"
    many = f"{most} conversation{'s' * (most > 1)}"
    return f"{who} {many} in the queue, which is the limit; the first is {first}. Wait for it, or stop it."


def _address(request: Any) -> str:
    """Return the network address of a request; several visitors may share it."""
    client = getattr(request, "client", None)
    return client.host if client is not None else ""
