"""Music of a project as it is stored: one file for each role, and how it is played."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError
from vibevoice_nb.ranges import MUSIC, check_ranges, one_of, plain, shown, whole
from vibevoice_nb.texts import duration

Role = Literal["intro", "outro", "bed"]
ROLES: tuple[Role, ...] = get_args(Role)

MIN_MUSIC_SECONDS, MAX_MUSIC_SECONDS = 0.5, 1200.0
MAX_MUSIC_BYTES = 256 * 1024**2
NAME_LENGTH = 255
"""Most characters of the name that is shown."""
MAX_LICENSE = 1000
"""Most characters of a license note."""

_COMMON = ("gain", "fade_in", "fade_out", "license")
OPTIONS: Mapping[Role, tuple[str, ...]] = {
    "intro": (*_COMMON, "alone", "overlap"),
    "outro": (*_COMMON, "alone", "overlap"),
    "bed": (*_COMMON, "ducking", "attack", "release", "loop"),
}
"""Settings of each role."""

_FILE = re.compile(r"music-[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Music:
    """Music of an episode, and how it is played.

    Attributes
    ----------
    role : {"intro", "outro", "bed"}
        Before the speech, after it, or under it.
    file : str
        Name of the file in the project's folder `music`, without suffix.
    sha256 : str
        Checksum of that file.
    name : str
        Name of the file it was copied from.
    samples : int
        Length at 24 kHz.
    gain : float
        In dB.
    fade_in, fade_out : float
        In seconds.
    alone : float
        Intro and outro: most seconds without speech.
    overlap : float
        Intro and outro: most seconds under the beginning or the end of the speech.
    ducking : float
        Bed: difference of the gain under speech, in dB; 12 is 12 dB quieter.
    attack, release : float
        Bed: seconds in which it becomes quieter before speech, and louder after it.
    loop : bool
        Bed: repeat it until the end of the speech.
    license : str
        Note on its source and license.

    Raises
    ------
    OptionError
        If a setting is out of its range.
    ValueError, TypeError
        If another value is damaged.
    """

    role: Role
    file: str
    sha256: str
    name: str
    samples: int
    gain: float = -12.0
    fade_in: float = 1.0
    fade_out: float = 3.0
    alone: float = 5.0
    overlap: float = 3.0
    ducking: float = 12.0
    attack: float = 0.4
    release: float = 1.0
    loop: bool = True
    license: str = ""

    def __post_init__(self) -> None:
        _check(one_of(self.role, ROLES), "the role of a music")
        _check(bool(_FILE.fullmatch(self.file)), "the file of a music")
        _check(bool(_SHA256.fullmatch(self.sha256)), "the checksum of a music")
        _check(is_text(self.name, NAME_LENGTH), "the name of a music")
        length = whole(self.samples)
        _check(length is not None and 0 < length <= MAX_MUSIC_SECONDS * SAMPLE_RATE, "the length of a music")
        check_ranges(self, MUSIC)
        loop = plain(self.loop)
        if not isinstance(loop, bool):
            raise OptionError(f"loop={shown(self.loop)}", "True or False", "leave it out for True")
        object.__setattr__(self, "loop", loop)
        if not is_text(self.license, MAX_LICENSE):
            expected = f"a text of at most {MAX_LICENSE} characters"
            raise OptionError(f"license={shown(self.license)}", expected, "shorten it")

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / SAMPLE_RATE

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that its role has."""
        return {name: getattr(self, name) for name in OPTIONS[self.role]}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items() if value != "")
        return f"<{self.role} {self.name!r}, {duration(self.seconds)}: {settings}>"


def is_text(value: object, longest: int) -> bool:
    """Return True if a value is a text of at most `longest` characters."""
    return isinstance(value, str) and len(value) <= longest


def checked_role(role: object) -> Role:
    """Return a role.

    Raises
    ------
    OptionError
        If it is not one.
    """
    for known in ROLES:
        if role == known:
            return known
    raise OptionError(f"the role {shown(role)}", f"one of {', '.join(ROLES)}", "choose one of these")


def _check(fine: bool, what: str) -> None:
    if not fine:
        raise ValueError(f"{what} is not valid")
