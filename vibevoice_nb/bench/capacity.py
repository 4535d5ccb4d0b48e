"""Number of students that one device serves: a simulation of requests, from a real-time factor.

    python -m vibevoice_nb.bench.capacity --rtf 0.1 --rtf 0.3

Students think, send a script, and listen; the device generates the requests that run together at the speed of
a batch. Nothing is generated and no device is measured: the real-time factor is an argument, and the speed-up
of batches is that of docs/speed.md, measured on a CPU. The last line is JSON.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

SPEEDUPS: dict[str, tuple[tuple[int, float], ...]] = {
    "fp32": ((1, 1.0), (4, 1.65), (16, 1.83), (32, 1.88)),
    "bf16": ((1, 1.0), (4, 2.27), (16, 2.57), (32, 2.66)),
}
"""Frames of a batch over those of a single script in the same time, for 618 M parameters on a CPU."""

RTFS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
START_SECONDS = 2.0
"""Longest time until a request starts, for a class that is served well."""
SERVED = 0.95
"""Fraction of requests that start in time and never fall behind playback."""


@dataclass(frozen=True)
class Classroom:
    """Habits of a class.

    Attributes
    ----------
    think_seconds : float
        Mean time from the end of the audio to the next request; exponential.
    audio_seconds : float
        Mean length of the audio of a request; exponential, from 3 s to 10 times the mean.
    hours : float
        Length of the simulation; the first tenth is not counted.
    """

    think_seconds: float = 120.0
    audio_seconds: float = 30.0
    hours: float = 4.0


@dataclass(frozen=True)
class Device:
    """A device that generates requests together.

    Attributes
    ----------
    rtf : float
        Compute seconds per audio second of a single request.
    batch : str
        Speed-up of batches, of `SPEEDUPS`.
    max_batch : int
        Most requests together; others wait, first come first served.
    """

    rtf: float
    batch: str = "bf16"
    max_batch: int = 16

    def pace(self, requests: int) -> float:
        """Return the seconds of audio that each of several requests gets in a second.

        Examples
        --------
        >>> device = Device(0.1, "bf16")
        >>> [round(device.pace(count), 2) for count in (1, 4, 16)]
        [10.0, 5.67, 1.61]
        """
        return speedup(SPEEDUPS[self.batch], requests) / self.rtf / requests

    def playable(self) -> int:
        """Return the most requests that are all generated at least as fast as they are played.

        Examples
        --------
        >>> [Device(rtf).playable() for rtf in (0.1, 0.4, 2.0)]
        [16, 5, 1]
        """
        fits = [count for count in range(1, self.max_batch + 1) if self.pace(count) >= 1]
        return max(fits, default=1)


@dataclass(frozen=True)
class Load:
    """Result of a simulation.

    Attributes
    ----------
    students, requests : int
    utilization : float
        Fraction of the time in which the device generates.
    served : float
        Fraction of the requests that start within 2 s and never fall behind playback.
    wait_p95 : float
        Seconds until a request starts, 95th percentile.
    """

    students: int
    requests: int
    utilization: float
    served: float
    wait_p95: float


@dataclass
class _Request:
    arrived: float
    audio: float
    left: float
    started: float = 0.0
    late: bool = False

    def advance(self, audio: float, now: float) -> None:
        """Add audio; note if playback, which began with the request, has overtaken it."""
        self.left -= audio
        if self.audio - self.left < now - self.started - 1e-6:
            self.late = True


def speedup(curve: Sequence[tuple[int, float]], requests: int) -> float:
    """Interpolate the speed-up of a batch; it does not grow beyond the last measured size.

    Examples
    --------
    >>> [round(speedup(SPEEDUPS["fp32"], count), 3) for count in (1, 2, 4, 64)]
    [1.0, 1.217, 1.65, 1.88]
    """
    for (low, slow), (high, fast) in itertools.pairwise(curve):
        if requests <= high:
            return slow + (fast - slow) * (requests - low) / (high - low)
    return curve[-1][1]


def simulate(students: int, device: Device, classroom: Classroom = Classroom(), *, seed: int = 1) -> Load:
    """Simulate a class on one device.

    Parameters
    ----------
    students : int
    device : Device
        At most `device.playable()` requests run together, so that those which run are not late.
    classroom : Classroom
    seed : int
        Each student has a generator of their own, so a larger class contains the smaller one.

    Returns
    -------
    Load

    Examples
    --------
    >>> load = simulate(10, Device(0.1))
    >>> load.utilization < 0.5, load.served > 0.95
    (True, True)
    """
    draws = [random.Random(f"{seed} {student}") for student in range(students)]
    end, counted_from = classroom.hours * 3600, classroom.hours * 360
    arrivals = [(draw.expovariate(1 / classroom.think_seconds), n) for n, draw in enumerate(draws)]
    heapq.heapify(arrivals)
    waiting: deque[tuple[_Request, int]] = deque()
    running: list[tuple[_Request, int]] = []
    done: list[_Request] = []
    now = busy = 0.0
    most = device.playable()
    while True:
        pace = device.pace(len(running)) if running else 0.0
        ending = now + min(one.left for one, _ in running) / pace if running else float("inf")
        at = min(ending, arrivals[0][0] if arrivals else float("inf"), end)
        if at > counted_from:
            busy += (at - max(now, counted_from)) * bool(running)
        for one, _ in running:
            one.advance(pace * (at - now), at)
        now = at
        if now >= end:
            break
        for one, student in [entry for entry in running if entry[0].left <= 1e-9]:
            running.remove((one, student))
            done.append(one)
            listened = max(now, one.started + one.audio)
            think = draws[student].expovariate(1 / classroom.think_seconds)
            heapq.heappush(arrivals, (listened + think, student))
        while arrivals and arrivals[0][0] <= now:
            _, student = heapq.heappop(arrivals)
            audio = draws[student].expovariate(1 / classroom.audio_seconds)
            audio = min(max(audio, 3.0), 10 * classroom.audio_seconds)
            waiting.append((_Request(now, audio, audio), student))
        while waiting and len(running) < most:
            request, student = waiting.popleft()
            request.started = now
            running.append((request, student))
    counted = [one for one in done if one.arrived >= counted_from]
    waits = sorted(one.started - one.arrived for one in counted) or [0.0]
    good = sum(not one.late and one.started - one.arrived <= START_SECONDS for one in counted)
    return Load(
        students=students,
        requests=len(counted),
        utilization=busy / (end - counted_from),
        served=good / max(1, len(counted)),
        wait_p95=waits[int(0.95 * (len(waits) - 1))],
    )


def capacity(device: Device, classroom: Classroom = Classroom(), *, seed: int = 1, most: int = 4096) -> int:
    """Return the largest class, by bisection, that is served well: 95 % of the requests start within 2 s.

    Examples
    --------
    >>> capacity(Device(2.0))  # slower than playback, even alone
    0
    """
    low, high = 0, 1
    while high < most and simulate(high, device, classroom, seed=seed).served >= SERVED:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if simulate(middle, device, classroom, seed=seed).served >= SERVED:
            low = middle
        else:
            high = middle
    return low


def table(rtfs: Sequence[float] = RTFS, classroom: Classroom = Classroom()) -> list[dict[str, float]]:
    """Return the capacity by real-time factor: alone, and in batches of at most 4 and 16."""
    rows = []
    for rtf in rtfs:
        sizes = {f"batch_{most}": capacity(Device(rtf, max_batch=most), classroom) for most in (1, 4, 16)}
        rows.append({"rtf": rtf, **sizes})
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and JSON in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rtf", type=float, action="append", help="real-time factor of one request")
    parser.add_argument("--think", type=float, default=120.0, help="mean seconds between requests")
    parser.add_argument("--audio", type=float, default=30.0, help="mean seconds of audio")
    given = parser.parse_args(arguments)
    if given.think <= 0 or given.audio <= 0 or any(rtf <= 0 for rtf in given.rtf or ()):
        parser.error("--rtf, --think and --audio are above 0")
    rows = table(given.rtf or RTFS, Classroom(given.think, given.audio))
    print("| RTF of one request | batch 1 | batch 4 | batch 16 |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['rtf']:g} | {row['batch_1']} | {row['batch_4']} | {row['batch_16']} |")
    print(json.dumps({"think_seconds": given.think, "audio_seconds": given.audio, "rows": rows}))


if __name__ == "__main__":
    main()
