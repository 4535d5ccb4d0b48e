"""The command line's own view of loading and speaking."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from vibevoice_nb.cli import terminal
from vibevoice_nb.engine.options import Progress


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal that keeps what is drawn."""
    text = io.StringIO()
    monkeypatch.setattr(
        terminal, "err", Console(file=text, force_terminal=True, width=160, color_system=None)
    )
    monkeypatch.setattr(terminal.output, "quiet", False)
    return text


def test_loading_shows_its_progress(screen: io.StringIO) -> None:
    with terminal.phase("loading nano") as at:
        at(0.4)
        end = time.monotonic() + 10
        while "40%" not in screen.getvalue() and time.monotonic() < end:
            time.sleep(0.05)
    assert "loading nano ... 40%" in screen.getvalue()


def test_no_time_left_is_guessed_from_one_frame(screen: io.StringIO) -> None:
    with terminal.SpeakingBar("talk") as bar:
        bar(Progress(0.133, 600.0, 30.0))
        first = str(bar._bars.tasks[0].fields["about"])
        bar(Progress(1.133, 11.133, 31.0, pace=1.0))
        later = str(bar._bars.tasks[0].fields["about"])
    assert "left" not in first and "0:10 left" in later
