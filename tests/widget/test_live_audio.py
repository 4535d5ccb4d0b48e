"""Messages to a page during generation, and their rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vibevoice_nb.project.jobs.generation import Event, GenerationProgress
from vibevoice_nb.widgets.live_audio import PROGRESS_EVERY, LiveAudio


class Channel:
    """Records what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, kind: str, buffers: object = (), /, **fields: Any) -> None:
        self.sent.append((kind, fields))

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [fields for sent, fields in self.sent if sent == kind]


class Job:
    id, done, state = "j", False, "speaking"
    progress = GenerationProgress(turn="t", turns_total=1)


@pytest.fixture
def channel() -> Channel:
    return Channel()


def test_every_frame_is_sent_but_not_progress_with_each(channel: Channel) -> None:
    """Nano makes a hundred frames a second; page and server would spend their time on figures."""
    now = 0.0
    live = LiveAudio(channel, Job(), clock=lambda: now)  # type: ignore[arg-type]
    live.on_event(Event("turn", "t"))
    for frame in range(200):
        now += 0.01
        live.on_event(Event("audio", "t", 3200 * frame, np.zeros(3200, np.float32)))
    assert len(channel.of("audio")) == 200
    reports = len(channel.of("progress"))
    assert 2.0 / PROGRESS_EVERY - 3 <= reports <= 2.0 / PROGRESS_EVERY + 2


def test_a_new_turn_and_its_end_are_reported_at_once(channel: Channel) -> None:
    live = LiveAudio(channel, Job(), clock=lambda: 0.0)  # type: ignore[arg-type]
    for event in (Event("turn", "t"), Event("take", "t"), Event("turn", "u")):
        live.on_event(event)
    assert len(channel.of("progress")) == 3


def test_no_remaining_time_is_sent_before_it_is_estimated(channel: Channel) -> None:
    live = LiveAudio(channel, Job(), clock=lambda: 0.0)  # type: ignore[arg-type]
    live.on_event(Event("turn", "t"))
    assert channel.of("progress")[0]["remaining"] is None
