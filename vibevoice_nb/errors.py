"""Error classes. Every message names the value given, the values expected, and a remedy."""

from __future__ import annotations


class VibeVoiceError(Exception):
    """Base class of all errors that this package raises.

    Parameters
    ----------
    got : str
        The value given, as the user wrote it.
    expected : str
        Accepted values.
    remedy : str
        How to fix it.

    Examples
    --------
    >>> print(VibeVoiceError("cfg_scale=0.2", "a number from 1.0 to 10.0", "use 1.3, the default"))
    cfg_scale=0.2. Expected a number from 1.0 to 10.0. To fix it: use 1.3, the default.
    """

    def __init__(self, got: str, expected: str, remedy: str) -> None:
        self.got = got
        self.expected = expected
        self.remedy = remedy
        super().__init__(
            f"{got.rstrip('.')}. Expected {expected.rstrip('.')}. To fix it: {remedy.rstrip('.')}."
        )

    def __reduce__(self) -> tuple[type[VibeVoiceError], tuple[str, str, str]]:
        return type(self), (self.got, self.expected, self.remedy)


class ScriptError(VibeVoiceError):
    """The script has errors or cannot be spoken."""


class LexiconError(VibeVoiceError, ValueError):
    """A pronunciation lexicon cannot be read, or has an entry that is not valid."""


class VoiceError(VibeVoiceError):
    """A voice recording is missing, unreadable or unusable."""


class AudioError(VibeVoiceError):
    """Audio cannot be read or written."""


class CheckpointError(VibeVoiceError):
    """A model folder or file cannot be loaded."""


class ConfigError(CheckpointError):
    """A model's config.json is incomplete or contradictory."""


class OptionError(VibeVoiceError, ValueError):
    """An option has an unknown name or a value out of range."""


class DeviceError(VibeVoiceError):
    """The requested device is not available, or has too little memory."""


class ProjectError(VibeVoiceError):
    """A project folder cannot be opened or changed."""


class ServerError(VibeVoiceError):
    """A server cannot be reached, rejects the token, is full, or stopped in the middle of a request."""
