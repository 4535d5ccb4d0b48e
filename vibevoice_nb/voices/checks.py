"""Checks of a reference recording: length, level, clipping, noise, offset, channels.

Shapes: audio is float32 [N], 24 kHz mono; levels are float64 [N / 480], dB relative to full scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from vibevoice_nb.audio.io import AudioInfo, clipped_fraction
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.ranges import real

MIN_SECONDS = 0.3  # two frames of the model
GOOD_SECONDS = 3.0
LONG_SECONDS = 60.0  # more uses context without improving the result
MAX_VOICE_SECONDS = 600.0
MAX_CLIPPED = 0.001
SILENCE_DBFS = -60.0
MAX_SILENT = 0.6
MIN_SNR_DB = 20.0  # as estimated below, about 5 dB above the true ratio
MIN_RATE = 16_000
MAX_OFFSET = 0.1  # of the deviation: below it, an offset changes the loudness by less than 0.05 dB

_FRAME = 480
_RANGE_DB = 40.0  # speech stays within this of its loudest 100 ms
_MARGIN = SAMPLE_RATE // 10  # kept around the speech for soft consonants


Severity = Literal["error", "warning", "info"]
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True)
class VoiceCheck:
    """One finding about a recording.

    Attributes
    ----------
    code : str
        `too_short`, `too_long`, `clipped`, `silent`, `mostly_silent`, `noisy`, `narrow_band`, `stereo`,
        `out_of_phase`, `offset`.
    severity : str
        `error` (cannot be used), `warning` (audible), `info`.
    message, remedy : str
        Text for the user.
    measured, limit : float
        Values in the unit of the message.
    """

    code: str
    severity: Severity
    message: str
    measured: float
    limit: float
    remedy: str


def read_checks(items: object) -> tuple[VoiceCheck, ...]:
    """Read findings from a JSON file that is not trusted.

    Damaged ones are left out, and unknown keys are ignored: they are no reason to lose the voice.

    Raises
    ------
    ValueError
        If it is not a list.

    Examples
    --------
    >>> item = {"code": "noisy", "severity": "info", "message": "", "measured": 9, "limit": 20, "remedy": ""}
    >>> [check.code for check in read_checks([item, {"code": "noisy"}, {**item, "unit": "dB"}])]
    ['noisy', 'noisy']
    """
    if not isinstance(items, list):
        raise ValueError("the findings are not a list")
    return tuple(check for check in map(_read_check, items) if check is not None)


def _read_check(item: object) -> VoiceCheck | None:
    if not isinstance(item, dict):
        return None
    severity, measured, limit = item.get("severity"), real(item.get("measured")), real(item.get("limit"))
    known = next((one for one in _SEVERITIES if one == severity), None)
    texts = [item.get(name) for name in ("code", "message", "remedy")]
    code, message, remedy = (text if isinstance(text, str) else None for text in texts)
    if code is None or message is None or remedy is None:
        return None
    if known is None or measured is None or limit is None:
        return None
    return VoiceCheck(code, known, message, measured, limit, remedy)


def frame_levels(audio: np.ndarray) -> np.ndarray:
    """Return the level of each 20 ms without its offset, in dBFS, at least -100; float64 [max(1, N // 480)].

    Examples
    --------
    >>> frame_levels(np.full(960, 0.25, dtype=np.float32))
    array([-100., -100.])
    """
    if audio.size < _FRAME:
        audio = np.pad(audio, (0, _FRAME - audio.size))
    frames = audio[: audio.size // _FRAME * _FRAME].reshape(-1, _FRAME)  # [T, 480]
    return 10.0 * np.log10(np.maximum(frames.var(axis=1, dtype=np.float64), 1e-10))


def _active(levels: np.ndarray) -> np.ndarray:
    """Return a mask of speech frames, bool [T]: near the loudest 100 ms (a click is shorter), not faint."""
    width = min(5, levels.size)
    loudest = 10.0 * np.log10(
        np.convolve(10.0 ** (levels / 10.0), np.full(width, 1.0 / width), "valid").max()
    )
    return np.asarray(levels > max(loudest - _RANGE_DB, SILENCE_DBFS))


def active_span(audio: np.ndarray, margin: int = _MARGIN) -> tuple[int, int]:
    """Return the first and one past the last sample of the speech; (0, 0) for silence.

    Parameters
    ----------
    audio : float32 [N]
    margin : int
        Samples around the speech that belong to the span: 0.1 s by default.

    Examples
    --------
    >>> tone = np.sin(np.arange(24000, dtype=np.float32))
    >>> active_span(np.concatenate([np.zeros(24000), tone, np.zeros(24000)]))
    (21600, 50400)
    """
    active = np.flatnonzero(_active(frame_levels(audio)))
    if not active.size:
        return 0, 0
    last = active[-1] + 1
    stop = audio.size if last * _FRAME + _FRAME > audio.size else last * _FRAME
    return max(0, int(active[0]) * _FRAME - margin), min(audio.size, int(stop) + margin)


def check_voice(audio: np.ndarray, info: AudioInfo | None = None) -> list[VoiceCheck]:
    """Check a recording before it is trimmed, ignoring silence at its ends.

    Parameters
    ----------
    audio : float32 [N]
        Audio from `read_audio`.
    info : AudioInfo, optional
        Properties of the file; without it, channels and sample rate are not checked.

    Returns
    -------
    list of VoiceCheck
        Findings, worst first; empty for a good recording.

    Examples
    --------
    >>> [check.code for check in check_voice(np.zeros(72000, dtype=np.float32))]
    ['silent']
    """
    start, stop = active_span(audio)
    if stop == start:
        loudest = float(frame_levels(audio).max())
        return [
            VoiceCheck(
                "silent",
                "error",
                f"no speech found: the loudest 20 ms are at {loudest:.0f} dBFS",
                loudest,
                SILENCE_DBFS,
                "check the microphone and record again",
            )
        ]
    length = _check_length((stop - start) / SAMPLE_RATE)
    if length and length[0].severity == "error":  # too short or too long for further checks
        return length
    checks = [
        *length,
        *_check_offset(audio[start:stop]),
        *_check_sound(
            frame_levels(audio[start:stop]), clipped_fraction(audio) if info is None else info.clipped
        ),
        *(_check_file(info) if info is not None else ()),
    ]
    order = ("error", "warning", "info")
    return sorted(checks, key=lambda check: order.index(check.severity))


def _check_length(seconds: float) -> list[VoiceCheck]:
    severity: Literal["error", "warning"]
    if seconds < GOOD_SECONDS:
        severity, limit = ("error", MIN_SECONDS) if seconds < MIN_SECONDS else ("warning", GOOD_SECONDS)
        return [
            VoiceCheck(
                "too_short",
                severity,
                f"{seconds:.1f} s of speech; at least {limit:g} s are needed",
                seconds,
                limit,
                "record 5 to 30 s of natural speech",
            )
        ]
    if seconds > LONG_SECONDS:
        severity, limit = (
            ("error", MAX_VOICE_SECONDS) if seconds > MAX_VOICE_SECONDS else ("warning", LONG_SECONDS)
        )
        return [
            VoiceCheck(
                "too_long",
                severity,
                f"{seconds:.0f} s; at most {limit:g} s are useful",
                seconds,
                limit,
                "cut out the best 10 to 30 s",
            )
        ]
    return []


def find_offset(audio: np.ndarray) -> float:
    """Return the constant offset of a recording that is large enough to change its loudness; else 0.

    Examples
    --------
    >>> tone = 0.1 * np.sin(np.arange(24000) / 20)
    >>> round(find_offset(tone + 0.25), 2), find_offset(tone + 0.001)
    (0.25, 0.0)
    """
    if not audio.size:
        return 0.0
    offset = float(audio.mean(dtype=np.float64))
    return offset if abs(offset) > MAX_OFFSET * float(audio.std(dtype=np.float64)) else 0.0


def _check_offset(audio: np.ndarray) -> list[VoiceCheck]:
    offset = find_offset(audio)
    if not offset:
        return []
    message = f"the recording had a DC offset of {100 * offset:.2g}% of full scale, which was removed"
    remedy = "no action is needed unless it is distorted; then check the sound card and the cable"
    return [VoiceCheck("offset", "info", message, offset, MAX_OFFSET, remedy)]


def _check_sound(levels: np.ndarray, clipped: float) -> list[VoiceCheck]:
    checks = []
    if clipped > MAX_CLIPPED:
        checks.append(
            VoiceCheck(
                "clipped",
                "warning",
                f"{100 * clipped:.2g}% of the samples are clipped; at most {100 * MAX_CLIPPED:g}% should be",
                clipped,
                MAX_CLIPPED,
                "record again with less gain; the model reproduces the distortion",
            )
        )
    silent = 1.0 - float(_active(levels).mean())
    if silent > MAX_SILENT:
        checks.append(
            VoiceCheck(
                "mostly_silent",
                "warning",
                f"{100 * silent:.0f}% of the recording is silence; at most {100 * MAX_SILENT:g}% is usual",
                silent,
                MAX_SILENT,
                "cut out the pauses",
            )
        )
    # Speech has pauses: its quietest tenth is background noise, its loudest twentieth are vowels.
    floor, speech = np.percentile(levels, (10, 95))
    snr = float(speech - floor)
    if snr < MIN_SNR_DB:
        checks.append(
            VoiceCheck(
                "noisy",
                "warning",
                f"speech is {snr:.0f} dB above the noise; a clean recording has at least {MIN_SNR_DB:g} dB",
                snr,
                MIN_SNR_DB,
                "record in a quiet room without music; the model reproduces the noise",
            )
        )
    return checks


def _check_file(info: AudioInfo) -> list[VoiceCheck]:
    checks = []
    if info.sample_rate < MIN_RATE:
        checks.append(
            VoiceCheck(
                "narrow_band",
                "warning",
                f"the sample rate is {info.sample_rate} Hz; a natural voice needs at least {MIN_RATE} Hz",
                info.sample_rate,
                MIN_RATE,
                "use a recording that was not made over a telephone",
            )
        )
    if info.channel is not None:
        checks.append(
            VoiceCheck(
                "out_of_phase",
                "info",
                f"the {info.channels} channels cancel each other when averaged, so only channel "
                f"{info.channel + 1}, the loudest, is used",
                info.channels,
                1,
                "no action is needed; to use both channels, invert one of them in an audio editor",
            )
        )
    elif info.channels > 1:
        checks.append(
            VoiceCheck(
                "stereo",
                "info",
                f"the {info.channels} channels were averaged to mono",
                info.channels,
                1,
                "no action is needed unless the channels have different speakers; then keep only one channel",
            )
        )
    return checks
