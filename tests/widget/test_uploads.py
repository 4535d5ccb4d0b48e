"""Uploads trust nothing that a page sends."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibevoice_nb.audio.io import write_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import VibeVoiceError, VoiceError
from vibevoice_nb.widgets.uploads import MAX_BYTES, MAX_CHUNK, MAX_OPEN, Inbox, display_name, voice_of


@pytest.fixture
def inbox():
    inbox = Inbox()
    yield inbox
    inbox.close()


def folder(inbox: Inbox) -> Path:
    assert inbox._folder is not None
    return Path(inbox._folder.name)


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=2000), st.lists(st.integers(1, 700), min_size=1))
def test_any_chunks_make_the_file_again(content: bytes, cuts: list[int]) -> None:
    inbox = Inbox()
    upload = inbox.begin("a.wav", len(content), "upload")
    offset = 0
    while offset < len(content):
        offset = inbox.add(upload, offset, content[offset : offset + cuts[offset % len(cuts)]])
    with inbox.whole(upload) as received:
        assert received.path.read_bytes() == content
    inbox.close()


@pytest.mark.parametrize("size", [0, -1, MAX_BYTES + 1, 2**60])
def test_sizes(inbox: Inbox, size: int) -> None:
    with pytest.raises(VibeVoiceError, match="bytes"):
        inbox.begin("a.wav", size, "upload")
    assert inbox._folder is None  # nothing was made for it


def test_kind(inbox: Inbox) -> None:
    with pytest.raises(VibeVoiceError, match="upload, recording"):
        inbox.begin("a.wav", 1, "built-in")


@pytest.mark.parametrize(
    ("offset", "chunk"),
    [
        (0, b"again"),
        (10, b"a hole"),
        (-1, b"x"),
        (5, b""),
        (5, b"more than it said"),
        (5, bytes(MAX_CHUNK + 1)),
    ],
)
def test_a_chunk_that_does_not_follow_ends_the_upload(inbox: Inbox, offset: int, chunk: bytes) -> None:
    upload = inbox.begin("a.wav", 12, "upload")
    inbox.add(upload, 0, b"first")
    with pytest.raises(VibeVoiceError, match=r"a\.wav"):
        inbox.add(upload, offset, chunk)
    with pytest.raises(VibeVoiceError, match="unknown upload"):
        inbox.add(upload, 5, b"second!")
    assert list(folder(inbox).iterdir()) == []


def test_no_chunk_is_larger_than_a_message_should_be(inbox: Inbox) -> None:
    upload = inbox.begin("a.wav", 2 * MAX_CHUNK, "upload")
    with pytest.raises(VibeVoiceError, match="at most"):
        inbox.add(upload, 0, bytes(MAX_CHUNK + 1))


def test_a_file_that_stays_short_is_refused_and_deleted(inbox: Inbox) -> None:
    upload = inbox.begin("a.wav", 10, "upload")
    inbox.add(upload, 0, b"half")
    with pytest.raises(VibeVoiceError, match="4 of 10"), inbox.whole(upload):
        pytest.fail("it isn't whole")
    assert list(folder(inbox).iterdir()) == []


def test_dropped_uploads_free_space(inbox: Inbox) -> None:
    uploads = [inbox.begin(f"{number}.wav", 10, "upload") for number in range(MAX_OPEN + 3)]
    assert len(list(folder(inbox).iterdir())) == MAX_OPEN
    with pytest.raises(VibeVoiceError, match="unknown upload"):
        inbox.add(uploads[0], 0, b"x")
    assert inbox.add(uploads[-1], 0, b"x") == 1
    inbox.cancel(uploads[-1])
    inbox.cancel("never was")
    assert len(list(folder(inbox).iterdir())) == MAX_OPEN - 1


def test_the_folder_is_private_and_goes(inbox: Inbox) -> None:
    inbox.begin("a.wav", 1, "upload")
    private = folder(inbox)
    if os.name == "posix":
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
    inbox.close()
    assert not private.exists()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_names_are_for_people_only(name: str) -> None:
    shown = display_name(name)
    assert 0 < len(shown) <= 120
    assert "/" not in shown and "\\" not in shown and shown.isprintable()
    inbox = Inbox()
    inbox.begin(name, 1, "upload")
    (made,) = folder(inbox).iterdir()
    assert made.resolve().parent == folder(inbox).resolve()
    assert made.stem.isalnum() and made.stem not in name
    inbox.close()


def test_a_recording_becomes_a_voice_without_its_place(inbox: Inbox, tmp_path: Path) -> None:
    hum = 0.1 * np.sin(np.arange(4 * SAMPLE_RATE, dtype=np.float32) / 20)
    content = write_audio(tmp_path / "hum.flac", hum).read_bytes()
    upload = inbox.begin("C:\\Users\\Anna\\my hum.flac", len(content), "recording")
    inbox.add(upload, 0, content)
    with inbox.whole(upload) as received:
        voice = voice_of(received)
    assert (voice.name, voice.source) == ("my hum", "my hum.flac")
    assert voice.info is not None and voice.info.source == "my hum.flac"
    assert str(folder(inbox)) not in repr(voice)


@pytest.mark.parametrize(
    "content", [b"\x80\x04\x95pickle", b"RIFF\xff\xff\xff\xffWAVE", b"<html>", bytes(1000)]
)
def test_files_that_are_not_audio_are_refused_under_their_name(inbox: Inbox, content: bytes) -> None:
    upload = inbox.begin("song.wav", len(content), "upload")
    inbox.add(upload, 0, content)
    with inbox.whole(upload) as received, pytest.raises(VoiceError) as caught:
        voice_of(received)
    assert "song.wav" in str(caught.value) and str(folder(inbox)) not in str(caught.value)
