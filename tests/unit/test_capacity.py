"""Simulation of a class: deterministic, and plausible at its limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vibevoice_nb.bench.capacity import SPEEDUPS, Classroom, Device, capacity, simulate

ROOT = Path(__file__).parents[2]
SHORT = Classroom(hours=1.0)


def test_the_same_seed_gives_the_same_result() -> None:
    device = Device(0.2)
    assert simulate(20, device, SHORT) == simulate(20, device, SHORT) != simulate(20, device, SHORT, seed=2)


def test_utilization_grows_with_the_class_and_the_real_time_factor() -> None:
    by_class = [simulate(count, Device(0.2), SHORT).utilization for count in (1, 5, 20, 80)]
    by_rtf = [simulate(10, Device(rtf), SHORT).utilization for rtf in (0.05, 0.1, 0.2, 0.4)]
    for values in (by_class, by_rtf):
        assert values == sorted(values) and 0 < values[0] < values[-1] <= 1


def test_one_student_has_the_load_of_the_formula() -> None:
    """Alone, a student generates for `audio * rtf` of every `think + audio` seconds."""
    load = simulate(1, Device(0.5), Classroom(hours=400.0))
    assert load.utilization == pytest.approx(0.5 * 30 / 150, rel=0.1) and load.served == 1.0


def test_a_device_slower_than_playback_serves_nobody() -> None:
    assert capacity(Device(1.5), SHORT) == 0 and simulate(1, Device(1.5), SHORT).served == 0.0


def test_larger_batches_serve_larger_classes() -> None:
    found = [capacity(Device(0.3, max_batch=most), SHORT) for most in (1, 4, 16)]
    assert found == sorted(found) and 0 < found[0] < found[1]


def test_the_speed_up_is_that_of_the_documentation() -> None:
    text = " ".join((ROOT / "docs" / "speed.md").read_text("utf-8").split())
    sizes = "batches of 4, 16 and 32 generate {}, {} and {} times the frames of a single script in fp32"
    assert sizes.format(*(f"{factor:g}" for _, factor in SPEEDUPS["fp32"][1:])) in text
    assert "{}, {} and {} times in bf16".format(*(f"{value:g}" for _, value in SPEEDUPS["bf16"][1:])) in text


@pytest.mark.parametrize("rtf", [0.2, 0.3, 0.5])
def test_the_table_of_the_documentation(rtf: float) -> None:
    """The rows that are computed in seconds."""
    text = (ROOT / "docs" / "scale.md").read_text("utf-8")
    row = re.search(rf"^\| {rtf} \| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    assert row
    assert [capacity(Device(rtf, max_batch=most)) for most in (1, 4, 16)] == [
        int(part) for part in row.groups()
    ]
