"""The player in a real browser with the real widget: the audio output is the expected one."""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from scipy.signal import fftconvolve

from vibevoice_nb.audio.pcm import SAMPLE_RATE, to_int16
from vibevoice_nb.audio.peaks import Blocks
from vibevoice_nb.audio.sources import BlockSource
from vibevoice_nb.audio.turns import TurnWord
from vibevoice_nb.project.take import Take, TakeTurn
from vibevoice_nb.widgets.channel import _Message
from vibevoice_nb.widgets.player import Player

FRAME = 3200
COLORS = {"Anna": "#c2410c", "Ben": "#1d4ed8"}
TEXTS = ("Good morning.", "Thanks for having me!", "So how does it learn?", "It listens.")


def sweep(seconds: float) -> np.ndarray:
    """A tone that rises, so that every place sounds like no other."""
    time_ = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.4 * np.cos(2 * np.pi * (200 * time_ + 20 * time_**2))).astype(np.float32)


def turns(samples: int, count: int = 4) -> tuple[TakeTurn, ...]:
    marks = np.linspace(0, samples, count + 1).astype(int).tolist()
    return tuple(
        TakeTurn(f"t{at}", label, TEXTS[at % 4], start, stop, 1.0, COLORS[label])
        for at, (start, stop) in enumerate(pairwise(marks))
        for label in ["Anna" if at % 2 == 0 else "Ben"]
    )


def speech(seconds: float = 8.0) -> Take:
    audio = sweep(seconds)
    return Take.from_audio(audio, turns=turns(len(audio)), name="Morning show")


class Room:
    """A mounted player, its source, and its recorded audio output."""

    def __init__(self, mounted: Any, widget: Any) -> None:
        self.mounted, self.widget, self.page = mounted, widget, mounted.page
        self.heard = np.zeros(0, np.float32)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def key(self, key: str) -> None:
        self.page.locator(".vvnb-deck-overview").press(key)

    def listen(self) -> np.ndarray:
        new = np.frombuffer(base64.b64decode(self.page.evaluate("() => tap.take()")), np.float32)
        self.heard = np.concatenate([self.heard, new])
        return self.heard

    def forget(self) -> None:
        self.listen()
        self.heard = np.zeros(0, np.float32)

    def hear(self, seconds: float, within: float = 20.0) -> np.ndarray:
        """Wait for so much sound; return it from its first sample on."""

        def enough() -> bool:
            return len(np.trim_zeros(self.listen(), "f")) >= seconds * SAMPLE_RATE

        self.mounted.until(enough, f"{seconds} s of sound", within)
        return np.trim_zeros(self.heard, "f")

    @property
    def now(self) -> float:
        minutes, seconds = self.page.locator(".vvnb-deck-now").inner_text().split(":")[-2:]
        return 60 * int(minutes) + float(seconds)

    def is_at(self, seconds: float) -> None:
        self.mounted.until(lambda: abs(self.now - seconds) <= 0.1, f"{seconds} s, not {self.now}")

    @property
    def statistics(self) -> dict[str, Any]:
        return self.page.evaluate("() => document.querySelector('.vvnb-deck').statistics()")


@pytest.fixture
def player(page: Any, mount: Callable[..., Any]) -> Callable[..., Room]:
    page.add_init_script(path=Path(__file__).parent / "tap.js")

    def open_(take: Take | None = None, **options: Any) -> Room:
        widget = Player(speech() if take is None else take)
        return Room(mount(widget, **options), widget)

    return open_


def place_of(heard: np.ndarray, source: np.ndarray, skip: int = 300, length: int = 2400) -> int:
    """Return the position in the source of recorded audio, and check that they are equal."""
    sound = heard[skip : skip + length]
    products = fftconvolve(source, sound[::-1], "valid")
    energy = fftconvolve(source**2, np.ones(length), "valid")
    place = int(np.argmin(energy - 2 * products))
    np.testing.assert_allclose(source[place : place + length], sound, atol=1e-4)
    return place - skip


def test_plays_the_exact_samples_and_reports_the_position(player: Callable[..., Room]) -> None:
    mounted = player()
    mounted.press("Play")
    heard = mounted.hear(1.5)
    assert abs(place_of(heard, sweep(8))) <= 1
    np.testing.assert_allclose(heard[300:30_000], sweep(8)[300:30_000], atol=1e-4)
    assert mounted.page.evaluate("() => tap.contexts[0].currentTime") > 1
    assert mounted.statistics["kind"] == "worklet" and mounted.statistics["underruns"] == 0
    assert mounted.widget.playing and 0.9 <= mounted.now <= 2.5
    mounted.mounted.until(lambda: mounted.widget.position > 0.5, "the position in the kernel")
    mounted.press("Pause")
    mounted.mounted.until(lambda: not mounted.widget.playing)
    now = mounted.now
    mounted.page.wait_for_timeout(200)
    mounted.forget()
    mounted.page.wait_for_timeout(200)
    assert not np.any(mounted.listen()) and mounted.now == now


def test_space_pauses_on_a_slider_too(player: Callable[..., Room]) -> None:
    mounted = player()
    mounted.press("Play")
    mounted.mounted.until(lambda: mounted.widget.playing)
    volume = mounted.page.get_by_role("slider", name="Volume")
    volume.focus()
    for playing in (False, True):
        volume.press("Space")
        mounted.mounted.until(lambda playing=playing: mounted.widget.playing is playing, f"playing={playing}")


def test_plays_where_no_worklet_is_allowed(player: Callable[..., Room], page: Any) -> None:
    page.add_init_script("tap.withoutWorklet = true")
    mounted = player()
    mounted.press("Play")
    heard = mounted.hear(1.5)
    np.testing.assert_allclose(heard[300:30_000], sweep(8)[300:30_000], atol=1e-4)
    assert mounted.statistics["kind"] == "scheduled" and mounted.statistics["underruns"] == 0


def test_mouse_keys_and_python_set_the_position(player: Callable[..., Room]) -> None:
    mounted = player()
    box = mounted.page.locator(".vvnb-deck-wave").bounding_box()
    mounted.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 40)
    mounted.is_at(4)
    for key, seconds in [("ArrowRight", 5), ("ArrowLeft", 4), ("Shift+ArrowRight", 8), ("Home", 0), ("]", 2)]:
        mounted.key(key)
        mounted.is_at(seconds)
    slider = mounted.page.get_by_role("slider", name="Position")
    assert slider.get_attribute("aria-valuetext") == "2 seconds, Ben: Thanks for having me!"
    mounted.widget.seek(6.25)
    mounted.is_at(6.2)
    mounted.widget.play()
    assert abs(place_of(mounted.hear(0.3), sweep(8)) - 6.25 * SAMPLE_RATE) <= 1
    mounted.widget.pause()
    mounted.mounted.until(lambda: mounted.page.get_by_role("button", name="Play", exact=True).count())
    mounted.page.get_by_role("button", name="Anna: So how does it learn?").click()
    mounted.is_at(4)


def test_loops_a_selection(player: Callable[..., Room]) -> None:
    mounted = player()
    box = mounted.page.locator(".vvnb-deck-wave").bounding_box()
    mounted.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    mounted.page.mouse.down()
    mounted.page.mouse.move(box["x"] + box["width"] * 0.30, box["y"] + 60, steps=4)
    mounted.page.mouse.up()
    mounted.is_at(2)
    mounted.press("Play")
    heard = mounted.hear(1.3)
    period = round(0.05 * 8 * SAMPLE_RATE)
    shifts = [period + slack for slack in range(-40, 41)]  # a pixel is 8 samples or so
    faults = [np.abs(heard[2000:8000] - heard[2000 + shift : 8000 + shift]).max() for shift in shifts]
    assert min(faults) < 1e-4
    assert np.abs(np.diff(heard)).max() < 0.12, "a click where it jumps back"
    mounted.key("Escape")
    mounted.mounted.until(lambda: mounted.now > 2.6, "going on past the selection")


def test_plays_slower_at_the_same_pitch(player: Callable[..., Room]) -> None:
    tone = (0.4 * np.sin(2 * np.pi * 300 * np.arange(8 * SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)
    mounted = player(Take.from_audio(tone, name="tone"))
    mounted.page.get_by_label("Speed").select_option("0.5")
    mounted.press("Play")
    heard = mounted.hear(1.6)[2400 : 2400 + SAMPLE_RATE]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(spectrum.argmax() - 300) <= 3
    assert 0.5 <= mounted.now <= 1.3
    mounted.page.get_by_label("Speed").select_option("2")
    before, at = mounted.now, time.monotonic()
    mounted.page.wait_for_timeout(2500)  # a busy machine reads the clock late
    assert abs((mounted.now - before) / (time.monotonic() - at) - 2) < 0.35


def test_shows_another_take_and_its_spectrogram(player: Callable[..., Room]) -> None:
    mounted = player()
    mounted.page.get_by_label("Both", exact=True).check(force=True)
    mel = mounted.mounted.until(lambda: painted(mounted), "a spectrogram")
    asked, receive = list[str](), mounted.mounted.receive

    def recorded(content: Any, buffers: list[bytes]) -> None:
        asked.append(content.get("method", ""))
        receive(content, buffers)

    def all_is_shown() -> bool:
        before = len(asked)
        mounted.page.wait_for_timeout(500)
        mounted.mounted.flush()
        return "spectrogram" in asked and len(asked) == before

    mounted.mounted.receive = recorded
    mounted.page.get_by_label("Frequency scale").select_option("linear")
    mounted.mounted.until(lambda: painted(mounted) not in ("", mel), "another scale")
    mounted.mounted.until(all_is_shown, "the whole spectrogram")  # it is asked for in parts
    asked.clear()
    mounted.widget.take = Take.from_audio(sweep(3), name="another")
    mounted.mounted.until(lambda: "0:03.0" in mounted.page.locator(".vvnb-deck-time").inner_text())
    mounted.mounted.until(lambda: {"peaks", "spectrogram"} <= set(asked), "requests")
    assert asked.index("peaks") < asked.index("spectrogram")  # the waveform is there sooner
    mounted.widget.take = None
    mounted.mounted.until(lambda: not mounted.page.locator(".vvnb-deck-waveform-view").is_visible())


def painted(mounted: Room) -> str:
    """Return the pixels of the spectrogram, once it shows more than background and labels."""
    return mounted.page.evaluate(
        """() => {
          const canvas = document.querySelector('.vvnb-deck-spectrum');
          const data = canvas.getContext('2d').getImageData(60, 0, canvas.width - 60, canvas.height).data;
          const colors = new Set(new Uint32Array(data.buffer));
          return colors.size > 5 ? canvas.toDataURL() : '';
        }"""
    )


class LongTake(BlockSource):
    """90 minutes that repeat every 100 s, at no cost of memory."""

    sample_rate = SAMPLE_RATE
    samples = 90 * 60 * SAMPLE_RATE

    def __init__(self) -> None:
        super().__init__()
        envelope = np.clip(np.sin(np.arange(100 * SAMPLE_RATE) / 9000) + 0.4, 0, 1)
        self._tile = (np.random.default_rng(1).normal(0, 0.1, 100 * SAMPLE_RATE) * envelope).astype(
            np.float32
        )

    def read(self, start: int, count: int) -> np.ndarray:
        first = max(0, start)
        places = np.arange(first, min(self.samples, start + count))
        return self._tile[places % len(self._tile)]

    def _measure(self) -> Blocks:
        one = Blocks.of([self._tile])
        return Blocks(np.tile(one.low, 54), np.tile(one.high, 54))


def test_opens_ninety_minutes_at_once(player: Callable[..., Room], record_property: Any) -> None:
    source = LongTake()
    source.peaks(0, source.samples, 1000)  # a project keeps the outline of its takes
    take = Take("", "episode", source, turns(source.samples, 300))
    begun = time.monotonic()
    mounted = player(take)
    mounted.mounted.until(lambda: drawn(mounted), "a waveform")
    opened = time.monotonic() - begun
    mounted.page.get_by_label("Both", exact=True).check(force=True)
    mounted.mounted.until(lambda: painted(mounted), "a spectrogram", 10)
    for _ in range(14):
        mounted.page.keyboard.press("+")
        mounted.page.wait_for_timeout(30)
    mounted.mounted.until(lambda: drawn(mounted))
    mounted.widget.seek(3600)
    mounted.press("Play")
    assert abs(place_of(mounted.hear(1.0), source._tile) - 3600 * SAMPLE_RATE % len(source._tile)) <= 1
    memory = max(
        process.memory_info().rss
        for process in psutil.Process().children(recursive=True)
        if "--type=renderer" in " ".join(process.cmdline())
    )
    heap = mounted.page.evaluate("() => performance.memory.usedJSHeapSize")
    record_property("opened", opened)
    record_property("memory", memory)
    print(f"90 min: {opened:.2f} s to open, {memory / 2**20:.0f} MiB renderer, {heap / 2**20:.1f} MiB heap")
    assert memory < 300e6


def drawn(mounted: Room) -> bool:
    """Return true if the waveform is more than a line."""
    return mounted.page.evaluate(
        """() => {
          const canvas = document.querySelector('.vvnb-deck-wave');
          const middle = canvas.height >> 1;
          const data = canvas.getContext('2d').getImageData(0, middle - 12, canvas.width, 1).data;
          const colors = new Set(new Uint32Array(data.buffer));
          return colors.size > 2;
        }"""
    )


def test_the_first_audio_is_drawn_while_it_is_generated(player: Callable[..., Room]) -> None:
    """The waveform takes the height of both pictures, as there is no spectrogram yet, and shows 20 s."""
    mounted = player(Take.from_audio(np.zeros(0, np.float32)))
    mounted.page.get_by_label("Both", exact=True).check(force=True)
    channel, pcm = mounted.widget.channel, to_int16(sweep(5))
    channel.send("stream_begin", stream="s", sample_rate=SAMPLE_RATE)
    channel.send("stream_turn", stream="s", turn="t1", start=0)
    for at in range(0, len(pcm), FRAME):
        made = time.time() * 1000
        channel.send("audio", [pcm[at : at + FRAME].tobytes()], stream="s", start=at, generated_at=made)
    drawn = """() => {
      const canvas = document.querySelector('.vvnb-deck-wave');
      const row = canvas.getContext('2d').getImageData(0, canvas.height * 0.4, canvas.width, 1).data;
      const loud = new Uint32Array(row.buffer);
      const background = loud.at(-1);
      return loud.findLastIndex((color) => color !== background) / canvas.width;
    }"""
    mounted.mounted.until(lambda: 0.24 < mounted.page.evaluate(drawn) < 0.26, "5 of 20 s")
    high = "(name) => document.querySelector(`.vvnb-deck-${name}`).clientHeight"
    assert mounted.page.evaluate(high, "wave") == mounted.page.evaluate(high, "area")
    assert not mounted.page.locator(".vvnb-deck-spectrum").is_visible()
    channel.send("stream_end", stream="s", samples=len(pcm), ended="finished")
    mounted.widget.take = Take.from_audio(sweep(3), name="another")
    mounted.page.locator(".vvnb-deck-badge").get_by_role("button").click()
    mounted.mounted.until(lambda: painted(mounted), "a spectrogram")


@pytest.mark.parametrize("seconds", [4, pytest.param(60, marks=pytest.mark.speed)])
def test_plays_a_stream_without_gaps_during_generation(
    player: Callable[..., Room], seconds: int, record_property: Any
) -> None:
    """Frames arrive at 1.2 times real time, as on a slow machine."""
    mounted = player(Take.from_audio(np.zeros(0, np.float32)))
    audio = sweep(seconds)
    pcm = to_int16(audio)
    channel, flush = mounted.widget.channel, mounted.mounted.flush
    channel.send("stream_begin", stream="s", sample_rate=SAMPLE_RATE)
    channel.send("stream_turn", stream="s", turn="t1", start=0)
    begun, sent = time.monotonic(), []
    for at in range(0, len(pcm), FRAME):
        due = begun + at / SAMPLE_RATE / 1.2
        while time.monotonic() < due:
            mounted.page.wait_for_timeout(4)
        sent.append(time.monotonic())
        made = time.time() * 1000
        channel.send("audio", [pcm[at : at + FRAME].tobytes()], stream="s", start=at, generated_at=made)
        flush()
    channel.send("stream_end", stream="s", samples=len(pcm), ended="finished")
    flush()
    heard = mounted.hear(seconds - 0.01, within=seconds + 5)
    statistics = mounted.statistics
    needed = sent[1] + np.arange(len(sent)) * FRAME / SAMPLE_RATE  # by a player that waits for two frames
    spare = float(np.min(needed[2:] - sent[2:]))
    if statistics["underruns"] and spare < 0.05:
        pytest.skip(f"this machine was too busy: {spare:.2f} s to spare when the tightest frame was sent")
    assert statistics["underruns"] == 0
    np.testing.assert_allclose(
        heard[300 : len(audio) - 300], audio[300 : len(heard)][: len(audio) - 600], atol=1e-4
    )
    latency = float(np.median(statistics["latencies"]))
    record_property("latency", latency)
    print(f"live: {latency:.1f} ms median from the kernel to the buffer")


def test_audio_that_comes_fast_lays_the_page_out_once_a_frame(player: Callable[..., Room]) -> None:
    """A small model sends a hundred frames a second; each used to measure the page it had just changed."""
    mounted = player(Take.from_audio(np.zeros(0, np.float32)))
    channel, flush, count = mounted.widget.channel, mounted.mounted.flush, 100
    session = mounted.page.context.new_cdp_session(mounted.page)
    session.send("Performance.enable")

    def layouts() -> int:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return int(next(one["value"] for one in metrics if one["name"] == "LayoutCount"))

    channel.send("stream_begin", stream="s", sample_rate=SAMPLE_RATE)
    channel.send("stream_turn", stream="s", turn="t1", start=0)
    flush()
    mounted.page.wait_for_timeout(200)
    before = layouts()
    pcm = to_int16(sweep(20))
    for frame in range(count):
        at = frame * FRAME
        channel._dispatch(_audio(pcm[at : at + FRAME].tobytes(), at))
    flush()
    mounted.page.wait_for_timeout(50)
    assert layouts() - before < count / 2
    assert len(mounted.statistics["latencies"]) == count


def _audio(pcm: bytes, at: int) -> _Message:
    return _Message("audio", {"stream": "s", "start": at, "generated_at": time.time() * 1000}, [pcm])


def reviewed(seconds: float = 8.0) -> Take:
    """A take of two turns; the words of the first one have times, a second each half."""
    audio = sweep(seconds)
    text = "Good morning 😀 dear listeners, and welcome to a show about <b>gardens</b> and rain. " * 3
    text = text.strip()
    places = [match.span() for match in re.finditer(r"\S+", text)]
    half = len(audio) // 2
    step = half // len(places)
    words = tuple(TurnWord(*place, at * step, (at + 1) * step) for at, place in enumerate(places))
    timed = TakeTurn("t0", "Anna", text, 0, half, 1.0, COLORS["Anna"], words)
    other = TakeTurn("t1", "Ben", "No times here.", half, len(audio), 1.0, COLORS["Ben"])
    return Take.from_audio(audio, turns=(timed, other), name="Morning show")


@pytest.mark.parametrize(("theme", "width"), [("light", 1000), ("dark", 420)])
def test_the_spoken_word_is_highlighted_and_a_click_seeks(
    player: Callable[..., Room], theme: str, width: int
) -> None:
    mounted = player(reviewed(), theme=theme, widths=[width])
    line = mounted.page.get_by_role("group", name="Words of the current turn")
    words = line.get_by_role("button")
    assert words.count() == 42 and line.inner_text().startswith("Anna")
    assert words.nth(2).inner_text() == "😀" and words.nth(11).inner_text() == "<b>gardens</b>"
    step = 4.0 / 42
    words.nth(4).click()
    mounted.is_at(4 * step)
    assert line.locator("[aria-current]").all_inner_texts() == ["listeners,"]
    mounted.press("Play")
    mounted.mounted.until(
        lambda: line.locator("[aria-current]").all_inner_texts() != ["listeners,"], "a word"
    )
    mounted.press("Pause")
    mounted.mounted.until(lambda: not mounted.widget.playing)
    # The line turns like a page: the word is in view.
    mounted.widget.seek(38.5 * step)
    mounted.mounted.until(
        lambda: line.locator("[aria-current]").all_inner_texts() == ["about"], "the word there"
    )
    mounted.mounted.until(lambda: in_view(line.locator("[aria-current]")), "the word in view")
    if folder := os.environ.get("VIBEVOICE_NB_PICTURES"):
        mounted.page.screenshot(path=f"{folder}/player-words-{theme}.png")
    line.locator("[aria-current]").press("Enter")
    mounted.mounted.until(
        lambda: abs(mounted.widget.position - 38 * step) < 0.01, "the position in the kernel"
    )
    mounted.widget.seek(6.0)
    mounted.mounted.until(lambda: "No times here." in line.inner_text(), "the words of Ben")
    assert words.count() == 0
    mounted.widget.take = speech()  # no times at all: no line
    mounted.mounted.until(line.is_hidden, "no line of words")


def in_view(word: Any) -> bool:
    return bool(
        word.evaluate(
            "word => { const [box, line] = [word, word.parentElement].map((e) => e.getBoundingClientRect());"
            "return box.left >= line.left && box.right <= line.right + 1 }"
        )
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_has_no_serious_fault_of_accessibility(player: Callable[..., Room], theme: str) -> None:
    mounted = player(reviewed(), theme=theme, widths=[1000, 320])
    for view in mounted.page.get_by_label("Both", exact=True).all():
        view.check(force=True)
    mounted.page.get_by_role("button", name="Loop", exact=True).first.click()
    axe = Path(__file__).parents[2] / "labextension/node_modules/axe-core/axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core isn't installed")
    mounted.page.evaluate("source => { (0, eval)(source) }", axe.read_text())
    faults = mounted.page.evaluate("() => axe.run('#views').then(({ violations }) => violations)")
    serious = [fault for fault in faults if fault["impact"] in ("serious", "critical")]
    assert not serious, [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in serious]


def test_fits_wide_and_narrow_pages(player: Callable[..., Room]) -> None:
    mounted = player(widths=[960, 320])
    wide, narrow = mounted.page.locator(".vvnb-deck-bar").all()
    mounted.page.get_by_label("Both", exact=True).first.check(force=True)
    assert wide.bounding_box()["height"] < 50
    assert narrow.evaluate("bar => bar.scrollWidth <= bar.clientWidth")
    assert mounted.page.locator("#views").evaluate("views => views.scrollWidth <= views.clientWidth")


def test_two_views_play_once(player: Callable[..., Room]) -> None:
    mounted = player(widths=[500, 400])
    mounted.page.get_by_role("button", name="Play", exact=True).first.click()
    heard = mounted.hear(1.0)
    np.testing.assert_allclose(heard[300:20_000], sweep(8)[300:20_000], atol=1e-4)
    assert len(mounted.page.get_by_role("button", name="Pause", exact=True).all()) == 2
    assert mounted.page.evaluate("() => tap.contexts.length") == 1
