"""Text from bytes in any common encoding."""

from __future__ import annotations

import codecs

from vibevoice_nb.errors import ScriptError
from vibevoice_nb.script.importing.entries import Reading

# The likelier ones first, for texts that several encodings explain equally well.
_ENCODINGS = (
    "cp1252", "gb18030", "big5", "cp932", "cp949", "cp1251", "cp1250", "euc_jp", "koi8_r",
    "cp1253", "cp1254", "cp1255", "cp1256",
)  # fmt: skip
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DETECTED_BYTES = 100_000
_SHOWN_CHARS = 40
_CLOSE = 0.03


def decode(data: bytes, reading: Reading) -> str:
    """Decode a text; an uncertain encoding becomes a question.

    Raises
    ------
    ScriptError
        If the data is binary, or invalid in its encoding.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _decoded(data, encoding)
    wide = _wide(data)
    if wide:
        return _decoded(data, wide)
    if b"\0" in data:
        raise ScriptError("the file is binary data", "a text file", "choose the script's own file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(data, _detected(data, reading))


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ScriptError(
            f"the file is not valid {encoding.upper()} ({error.reason} at byte {error.start:,})",
            "a text file",
            "save it again with the encoding UTF-8",
        ) from error


def _wide(data: bytes) -> str:
    """Return UTF-16 for text of it without a byte order mark: every other byte of Latin letters is zero."""
    sample = data[:2000]
    if len(sample) < 4 or len(data) % 2:
        return ""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    most = max(even, odd)
    if most * 5 < len(sample) // 2 or min(even, odd) * 10 > most:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _detected(data: bytes, reading: Reading) -> str:
    """Return the most likely encoding of text that is not UTF-8."""
    from charset_normalizer import from_bytes

    # A cut inside a character of two bytes would make its encoding impossible.
    end = data.rfind(b"\n", 0, _DETECTED_BYTES) + 1 if len(data) > _DETECTED_BYTES else len(data)
    sample = data[: end or _DETECTED_BYTES]
    matches = [
        match for match in from_bytes(sample, cp_isolation=list(_ENCODINGS)) if match.encoding in _ENCODINGS
    ]
    if not matches:
        raise ScriptError(
            "the text is in no known encoding", "a text file", "save it again with the encoding UTF-8"
        )
    least = min(match.chaos for match in matches)
    likely = [match for match in matches if match.chaos <= least + _CLOSE]
    likely.sort(key=lambda match: (-round(match.coherence, 1), _ENCODINGS.index(match.encoding)))
    shown: dict[str, str] = {}
    for match in likely:
        words = _sample(sample, match.encoding)
        if words and words not in shown.values():
            shown[match.encoding] = words
    first = likely[0].encoding
    if len(shown) < 2:
        reading.note(f"the text is read as {first}")
        return first
    return reading.ask("encoding", "Which reading of the text is right?", shown, next(iter(shown)))


def _sample(data: bytes, encoding: str) -> str:
    """Return the first words that are not ASCII, as the encoding reads them."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return ""
    place = next((index for index, char in enumerate(text) if not char.isascii()), 0)
    return " ".join(text[max(0, place - _SHOWN_CHARS // 2) : place + _SHOWN_CHARS // 2].split())
