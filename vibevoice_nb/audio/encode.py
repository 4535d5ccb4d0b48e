"""Encoding of WAV, FLAC, MP3, Opus and M4A with PyAV, block by block, with metadata and chapters.

Shapes: audio is float32 [N], 24 kHz mono. Properties of the formats:

| format | samples       | metadata        | chapters            | cover                  |
|--------|---------------|-----------------|---------------------|------------------------|
| WAV    | 16 bit, exact | fixed INFO keys | none                | none                   |
| FLAC   | 24 bit, exact | any key         | CHAPTERxxx comments | PICTURE block          |
| MP3    | lossy         | any key         | ID3v2 CHAP and CTOC | ID3v2 APIC             |
| Opus   | lossy, 48 kHz | any key         | CHAPTERxxx comments | METADATA_BLOCK_PICTURE |
| M4A    | lossy, AAC    | fixed keys      | Nero's chpl         | covr                   |

All keep the length to the sample: MP3 stores the encoder's padding in LAME's header (a player that ignores it
plays up to 0.1 s of additional silence), Opus in Ogg's pre-skip and last position, M4A in its edit list
(FFmpeg ignores its end and decodes up to 43 ms of additional silence). WAV and M4A do not allow custom keys,
so there the manifest follows the comment; `read_manifest` reads both.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.cover import Cover
from vibevoice_nb.audio.pcm import BLOCK, SAMPLE_RATE, as_samples, to_int16, to_int24
from vibevoice_nb.audio.sinks import Sink
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.ranges import shown, whole
from vibevoice_nb.texts import timestamp

Format = Literal["wav", "flac", "mp3", "opus", "m4a"]
FORMATS: tuple[Format, ...] = get_args(Format)

_MAX_METADATA = 1 << 20  # bytes; readers refuse absurd tags


@dataclass(frozen=True)
class Chapter:
    """A part of an episode; `start` and `stop` in samples at 24 kHz."""

    start: int
    stop: int
    title: str


@dataclass(frozen=True)
class FormatSpec:
    """Encoder settings of a file format.

    Attributes
    ----------
    suffix, mime : str
        Suffix and MIME type of its files.
    bitrates : (int, int, int) or None
        Lowest, default and highest, in bits per second; None for lossless formats.
    """

    suffix: str
    mime: str
    container: str
    codec: str
    sample_format: str
    bitrates: tuple[int, int, int] | None = None


SPECS: Mapping[Format, FormatSpec] = {
    "wav": FormatSpec(".wav", "audio/wav", "wav", "pcm_s16le", "s16"),
    "flac": FormatSpec(".flac", "audio/flac", "flac", "flac", "s32"),
    "mp3": FormatSpec(".mp3", "audio/mpeg", "mp3", "libmp3lame", "fltp", (16_000, 96_000, 160_000)),
    "opus": FormatSpec(".opus", "audio/ogg", "ogg", "libopus", "flt", (6_000, 64_000, 256_000)),
    "m4a": FormatSpec(".m4a", "audio/mp4", "mp4", "aac", "fltp", (16_000, 96_000, 144_000)),
}


def format_spec(format: str) -> FormatSpec:
    """Return a format by its name.

    Raises
    ------
    OptionError
        If there is no format of that name.

    Examples
    --------
    >>> format_spec("mp3").mime
    'audio/mpeg'
    """
    if format not in FORMATS:
        raise OptionError(f"format={format!r}", f"one of {', '.join(FORMATS)}", "choose one of them")
    return SPECS[format]


def check_encoder(format: Format) -> None:
    """Raise an error if the installed PyAV cannot encode a format.

    Raises
    ------
    AudioError

    Examples
    --------
    >>> check_encoder("wav")
    """
    import av

    spec = format_spec(format)
    try:
        av.Codec(spec.codec, "w")
    except ValueError as error:
        raise AudioError(
            f"{spec.suffix}: the installed PyAV ({av.__version__}) has no encoder {spec.codec}",
            "a format that it can write: .wav or .flac",
            "choose another format, or install PyAV from PyPI (pip install --force-reinstall av)",
        ) from error


class Encoder(Sink):
    """Sink that encodes one audio file, block by block.

    Parameters
    ----------
    file : binary file
        Open for writing, seekable; stays open.
    format : {"wav", "flac", "mp3", "opus", "m4a"}
    metadata : mapping of str
        Tags, such as title, artist, comment, manifest.
    chapters : sequence of Chapter
        Chapters; ignored for WAV, which does not support them.
    cover : Cover, optional
        Cover picture; not for WAV.
    bitrate : int, optional
        In bits per second, for MP3, Opus and M4A.
    quick : bool
        Encode MP3 faster, at slightly lower quality.

    Raises
    ------
    OptionError
        If the format or the bit rate is unknown, or the format has no cover.
    AudioError
        If the installed PyAV cannot encode the format; raised by `write` if samples are not finite floats.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> with Encoder(file, "flac", metadata={"title": "Silence"}) as encoder:
    ...     encoder.write(np.zeros(2400, dtype=np.float32))
    >>> file.getvalue()[:4]
    b'fLaC'
    """

    def __init__(
        self,
        file: BinaryIO,
        format: Format,
        *,
        metadata: Mapping[str, str] | None = None,
        chapters: Sequence[Chapter] = (),
        cover: Cover | None = None,
        bitrate: int | None = None,
        quick: bool = False,
    ) -> None:
        import av

        self.spec = format_spec(format)
        check_encoder(format)
        rate = _bitrate(format, self.spec, bitrate)
        self.samples = 0
        if cover is not None and format == "wav":
            raise OptionError("a cover for WAV", "a format with covers", "choose flac, mp3, opus or m4a")
        # Otherwise, lengths in M4A are multiples of a millisecond. FFmpeg's muxer for M4A allows no covers;
        # that for MP4 writes the same file with this brand.
        muxer = {"movie_timescale": str(SAMPLE_RATE), "brand": "M4A "} if format == "m4a" else {}
        self._container = av.open(file, "w", format=self.spec.container, options=muxer)
        options = {"compression_level": "7"} if quick and format == "mp3" else {}
        self._stream = self._container.add_stream(
            self.spec.codec, rate=SAMPLE_RATE, layout="mono", options=options
        )
        self._stream.format = self.spec.sample_format
        self._stream.time_base = Fraction(1, SAMPLE_RATE)
        if rate is not None:
            self._stream.bit_rate = rate
        tags = _tags(format, metadata or {}, chapters)
        if cover is not None and format == "opus":
            tags["METADATA_BLOCK_PICTURE"] = cover.as_comment()
        self._container.metadata.update(tags)
        if format in ("mp3", "opus", "m4a"):
            self._container.set_chapters(
                [_chapter(number, chapter) for number, chapter in enumerate(chapters)]
            )
        if cover is not None and format != "opus":
            self._attach(cover)

    def write(self, audio: NDArray[np.floating[Any]]) -> None:
        """Append float32 [n]; values beyond full scale are clipped if the format cannot represent them."""
        audio = as_samples(audio)
        for start in range(0, audio.size, BLOCK):
            self._encode(audio[start : start + BLOCK])

    def close(self) -> None:
        """Write the encoder's remaining data, and the parts of the header that depend on the length."""
        if not self.samples:  # without samples, the container has no header to complete
            self._container.close()
            return
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()

    def abandon(self, reason: BaseException | None = None) -> None:
        """Close the file without completing it; it is unusable."""
        import av

        with contextlib.suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()

    def _attach(self, cover: Cover) -> None:
        """Write the cover as the single packet of a video stream, which FFmpeg makes the file's picture."""
        import av

        stream = self._container.add_stream("mjpeg" if cover.kind == "jpeg" else "png", rate=1)
        stream.width, stream.height = cover.width, cover.height
        stream.pix_fmt = "yuvj420p" if cover.kind == "jpeg" else "rgb24"
        stream.disposition = av.stream.Disposition.attached_pic.value  # PyAV 16 needs the number
        stream.metadata["comment"] = "Cover (front)"
        self._container.start_encoding()
        packet = av.Packet(cover.data)
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, 0, 0, True
        packet.time_base = Fraction(1, 1)
        self._container.mux(packet)

    def _encode(self, audio: NDArray[np.float32]) -> None:
        import av

        frame = av.AudioFrame.from_ndarray(
            _as_stored(audio, self.spec.sample_format)[None], format=self.spec.sample_format, layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self.samples, Fraction(1, SAMPLE_RATE)
        self.samples += audio.size
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


def encode(
    audio: NDArray[np.floating[Any]],
    format: Format,
    *,
    metadata: Mapping[str, str] | None = None,
    chapters: Sequence[Chapter] = (),
    bitrate: int | None = None,
    quick: bool = False,
) -> bytes:
    """Encode audio in memory.

    Parameters
    ----------
    audio : float32 [N]
    format, metadata, chapters, bitrate, quick
        As for `Encoder`.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    AudioError
        If there are no samples, or they are not finite floats.
    OptionError
        If the format or the bit rate is unknown.

    Examples
    --------
    >>> wav = encode(np.zeros(24000, dtype=np.float32), "wav")
    >>> wav[:4], len(wav) > 48000
    (b'RIFF', True)
    """
    if not np.size(audio):
        raise AudioError("there is no audio to encode", "at least one sample", "generate speech first")
    file = io.BytesIO()
    with Encoder(file, format, metadata=metadata, chapters=chapters, bitrate=bitrate, quick=quick) as encoder:
        encoder.write(audio)
    return file.getvalue()


def read_manifest(source: str | os.PathLike[str] | BinaryIO) -> dict[str, Any] | None:
    """Return the manifest of an exported file; None if it has none.

    Parameters
    ----------
    source : path or binary file

    Raises
    ------
    AudioError
        If it is not an audio file.

    Examples
    --------
    >>> wav = encode(np.zeros(2400, dtype=np.float32), "wav", metadata={"manifest": '{"seed": 7}'})
    >>> read_manifest(io.BytesIO(wav))
    {'seed': 7}
    """
    import av

    try:
        opened = os.fspath(source) if isinstance(source, (str, os.PathLike)) else source
        # Only the containers that this module writes: a playlist could refer to other files or the network.
        with av.open(opened, "r", options={"format_whitelist": "wav,flac,mp3,ogg,mov"}) as container:
            tags = dict(container.metadata)
            for stream in container.streams.audio:  # Ogg keeps them with the stream
                tags.update(stream.metadata)
    except (av.FFmpegError, ValueError) as exc:
        raise AudioError(f"{source} cannot be read ({exc})", "an audio file", "choose another file") from exc
    lowered = {key.lower(): value for key, value in tags.items()}
    text = lowered.get("manifest", lowered.get("comment", ""))
    try:
        manifest = json.loads(text[text.index("{") :]) if len(text) <= _MAX_METADATA else None
    except (ValueError, RecursionError):
        return None
    return manifest if isinstance(manifest, dict) else None


def _bitrate(format: Format, spec: FormatSpec, bitrate: int | None) -> int | None:
    if spec.bitrates is None:
        if bitrate is not None:
            raise OptionError(
                f"bitrate={bitrate} for {format}", "no bit rate, as it is lossless", "leave it out"
            )
        return None
    low, default, high = spec.bitrates
    if bitrate is None:
        return default
    number = whole(bitrate)
    if number is None or not low <= number <= high:
        raise OptionError(
            f"bitrate={shown(bitrate)} for {format}",
            f"a whole number of bits per second from {low} to {high}",
            f"leave it out for {default}",
        )
    return number


def _as_stored(audio: NDArray[np.float32], sample_format: str) -> NDArray[Any]:
    if sample_format == "s16":
        return to_int16(audio)
    if sample_format == "s32":  # FLAC takes the upper 24 bits
        return to_int24(audio)
    return audio


def _tags(format: Format, metadata: Mapping[str, str], chapters: Sequence[Chapter]) -> dict[str, str]:
    tags = {key: _printable(str(value)) for key, value in metadata.items()}
    size = sum(len(value.encode()) for value in tags.values())
    if size > _MAX_METADATA:
        raise AudioError(
            f"{size} bytes of metadata", f"at most {_MAX_METADATA}", "keep the manifest in its own file"
        )
    if format in ("wav", "m4a") and "manifest" in tags:
        tags["comment"] = f"{tags.get('comment', '')} {tags.pop('manifest')}".strip()
    if format == "flac":
        for number, chapter in enumerate(chapters):
            tags[f"CHAPTER{number:03d}"] = timestamp(round(chapter.start * 1000 / SAMPLE_RATE))
            tags[f"CHAPTER{number:03d}NAME"] = _printable(chapter.title)
    return tags


def _chapter(number: int, chapter: Chapter) -> dict[str, Any]:
    return {
        "id": number,
        "start": round(chapter.start * 1000 / SAMPLE_RATE),
        "end": round(chapter.stop * 1000 / SAMPLE_RATE),
        "time_base": Fraction(1, 1000),
        "metadata": {"title": _printable(chapter.title)},
    }


def _printable(text: str) -> str:
    """Remove control characters (a NUL would end the text) and lone surrogates (not valid in UTF-8)."""
    return "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in text).strip()
