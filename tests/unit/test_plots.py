"""Plots: their content, and that they are not registered in pyplot."""

from __future__ import annotations

import io
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from export_helpers import RATE, conversation, speechlike
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread

from vibevoice_nb.audio.sources import ArraySource
from vibevoice_nb.display.colors import colors_of
from vibevoice_nb.display.plots import plot_spectrogram, plot_waveform
from vibevoice_nb.display.strip import waveform_strip
from vibevoice_nb.display.style import GRAY
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.project.take import TakeTurn

TAKE = conversation(["Ada", "$Eve_{2}$", "_Bo", "Ada"])
PLOTS = (plot_waveform, plot_spectrogram)


def pixels(figure: Figure) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    file.seek(0)
    return imread(file)


@pytest.mark.parametrize("plot", PLOTS)
def test_a_figure_of_its_own(plot) -> None:
    figure = plot(TAKE.audio, RATE, TAKE.turns)
    axes = figure.axes[0]
    assert isinstance(figure, Figure)
    assert axes.get_xlabel() == "Time (s)" and axes.get_xlim() == (0, TAKE.seconds)
    assert [text.get_text().strip("\u200b") for text in axes.get_legend().get_texts()] == [
        "Ada",
        r"\$Eve_{2}\$",
        "_Bo",
    ]
    picture = pixels(figure)
    assert picture.shape[1] > 1000 and picture.std() > 0.05
    assert figure._repr_png_()[:4] == b"\x89PNG"
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


@pytest.mark.parametrize("plot", PLOTS)
def test_given_axes_are_used_and_returned(plot) -> None:
    figure = Figure()
    above, below = figure.subplots(2)
    assert plot(TAKE.audio, RATE, TAKE.turns, below) is below
    assert below.get_xlabel() and not above.get_xlabel()
    pixels(figure)


@pytest.mark.parametrize("plot", PLOTS)
def test_sources_are_drawn_like_arrays(plot) -> None:
    np.testing.assert_array_equal(pixels(plot(TAKE.source)), pixels(plot(TAKE.audio)))


def test_turns_are_in_their_speakers_colors() -> None:
    colors = colors_of(TAKE.turns)
    assert len(set(colors.values())) == 3
    drawn = {
        to_hex(patch.get_facecolor()) for patch in plot_waveform(TAKE.audio, turns=TAKE.turns).axes[0].patches
    }
    assert drawn == set(colors.values())
    assert colors_of([type("Turn", (), {"label": "A", "color": "red;} <script>"})]) == {"A": "#0072b2"}


def test_axes_show_their_units() -> None:
    assert plot_waveform(TAKE.audio).axes[0].get_ylabel() == "Amplitude (full scale = 1)"
    for scale in ("mel", "linear"):
        axes, bar = plot_spectrogram(TAKE.audio, scale=scale).axes
        assert (axes.get_ylabel(), bar.get_ylabel()) == ("Frequency (kHz)", "Level (dBFS)")
        assert axes.get_yticklabels()[-1].get_text() == "12"


def test_a_tone_is_drawn_at_its_frequency() -> None:
    audio = 0.5 * np.sin(2 * np.pi * 4000 * np.arange(2 * RATE) / RATE).astype(np.float32)
    for scale in ("mel", "linear"):
        axes = plot_spectrogram(audio, scale=scale).axes[0]
        loudest = axes.images[0].get_array()[:, 900].argmax() + 0.5
        place = dict(
            zip([label.get_text() for label in axes.get_yticklabels()], axes.get_yticks(), strict=True)
        )["4"]
        assert loudest == pytest.approx(place, abs=2)


def test_minutes_and_hours_on_the_axis() -> None:
    for seconds, label, last in ((600, "Time (min:s)", "10:00"), (4000, "Time (h:min:s)", "1:00:00")):
        figure = plot_waveform(np.zeros(seconds * 100, np.float32), sample_rate=100)
        figure.draw_without_rendering()
        assert figure.axes[0].get_xlabel() == label
        assert last in [text.get_text() for text in figure.axes[0].get_xticklabels()]


@pytest.mark.parametrize("audio", [np.zeros(RATE, np.float32), speechlike(1.0)[:1], speechlike(1.0)[:700]])
def test_silence_and_snippets_can_be_drawn(audio: np.ndarray) -> None:
    for plot in PLOTS:
        pixels(plot(audio))


def test_invalid_plots() -> None:
    for plot in PLOTS:
        with pytest.raises(AudioError, match="at least one sample"):
            plot(np.zeros(0, np.float32))
    with pytest.raises(OptionError, match="mel or linear"):
        plot_spectrogram(TAKE.audio, scale="bark")


def test_a_strip_is_transparent_and_has_its_size() -> None:
    strip = imread(io.BytesIO(waveform_strip(ArraySource(TAKE.audio), TAKE.turns, 700, 110)))
    assert strip.shape == (110, 700, 4)
    assert strip[0, 0, 3] == 0 and strip[..., 3].max() == 1
    quiet = imread(io.BytesIO(waveform_strip(ArraySource(np.zeros(5, np.float32)), [], 40, 11)))
    assert (quiet[5, :, 3] > 0.5).all() and not quiet[[0, 10], :, 3].any()  # silence is a line


def test_a_strip_has_the_speakers_colors_and_the_height_of_the_waveform() -> None:
    audio = np.concatenate([np.full(400, 0.5, np.float32), np.full(400, -1.0, np.float32)])
    audio[::2] = 0
    turn = TakeTurn("1", "Ada", "Hi.", 400, 800, color="#0072b2")
    strip = imread(io.BytesIO(waveform_strip(ArraySource(audio), [turn], 80, 100)))
    assert to_hex(strip[75, 60, :3]) == "#0072b2" and to_hex(strip[40, 20, :3]) == GRAY
    shown = strip[..., 3] > 0.5
    assert shown[26:50, :40].all() and not shown[:24, :40].any()  # half of the upper half
    assert shown[50:99, 40:].all() and not shown[:49, 40:].any()


def test_a_strip_does_not_load_matplotlib() -> None:
    code = (
        "import sys, numpy as np\n"
        "from vibevoice_nb import Player\n"
        "Player(np.zeros(24_000, np.float32))._repr_mimebundle_()\n"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_of_the_person_are_left_alone() -> None:
    before = dict(matplotlib.rcParams)
    plot_waveform(TAKE.audio, turns=TAKE.turns)
    assert dict(matplotlib.rcParams) == before
