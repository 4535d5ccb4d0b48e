"""Cover pictures of audio files: PNG and JPEG, checked before they are embedded."""

from __future__ import annotations

import base64
import os
import struct
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from vibevoice_nb.errors import AudioError
from vibevoice_nb.ranges import shown

MAX_COVER_BYTES = 4 * 1024**2
MAX_COVER_SIDE = 4096

_FRONT = 3  # picture type of a front cover, in ID3 and FLAC


@dataclass(frozen=True)
class Cover:
    """A picture for the metadata of an audio file.

    Attributes
    ----------
    data : bytes
        The file.
    kind : {"png", "jpeg"}
    width, height : int
        In pixels.
    """

    data: bytes
    kind: str
    width: int
    height: int

    @property
    def mime(self) -> str:
        """MIME type."""
        return f"image/{self.kind}"

    def as_comment(self) -> str:
        """Return the picture as the Vorbis comment METADATA_BLOCK_PICTURE (the picture block of FLAC)."""
        mime = self.mime.encode()
        sizes = struct.pack(">IIIII", self.width, self.height, 24, 0, len(self.data))
        head = struct.pack(">II", _FRONT, len(mime)) + mime + struct.pack(">I", 0) + sizes
        return base64.b64encode(head + self.data).decode()

    def thumbnail(self, side: int) -> bytes:
        """Return the picture as a PNG file, upright, with no side longer than `side` pixels.

        Examples
        --------
        >>> file = BytesIO()
        >>> from PIL import Image
        >>> Image.new("RGB", (300, 600), "navy").save(file, "JPEG")
        >>> small = read_cover(read_cover(file.getvalue()).thumbnail(100))
        >>> small.width, small.height, small.kind
        (50, 100, 'png')
        """
        from PIL import Image, ImageOps

        with Image.open(BytesIO(self.data)) as image:
            image.draft("RGB", (side, side))  # a JPEG is decoded at a lower resolution
            small = ImageOps.exif_transpose(image).convert("RGBA")
        small.thumbnail((side, side))
        file = BytesIO()
        small.save(file, "PNG")
        return file.getvalue()


def read_cover(source: str | os.PathLike[str] | bytes) -> Cover:
    """Read and check a cover picture.

    Parameters
    ----------
    source : path or bytes
        A PNG or JPEG file of at most 4 MB and 4096 × 4096 pixels.

    Raises
    ------
    AudioError
        If it can't be read, is damaged or too large, or is not PNG or JPEG.

    Examples
    --------
    >>> read_cover(b"GIF89a")
    Traceback (most recent call last):
    vibevoice_nb.errors.AudioError: the cover is not a picture that can be read. ...
    """
    from PIL import Image

    data = source if isinstance(source, bytes) else _contents(source)
    if len(data) > MAX_COVER_BYTES:
        raise AudioError(
            f"the cover has more than {MAX_COVER_BYTES} bytes", "a PNG or JPEG of at most 4 MB", "reduce it"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked below
            with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as image:
                kind, (width, height) = (image.format or "").lower(), image.size
                if max(width, height) > MAX_COVER_SIDE:
                    raise AudioError(
                        f"the cover has {width} × {height} pixels",
                        f"at most {MAX_COVER_SIDE} × {MAX_COVER_SIDE}",
                        "reduce it",
                    )
                image.load()  # fails for a damaged or incomplete file
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as exc:
        raise AudioError(
            "the cover is not a picture that can be read", "a PNG or JPEG file", "choose another file"
        ) from exc
    return Cover(data, kind, width, height)


def _contents(path: str | os.PathLike[str]) -> bytes:
    try:
        file_path = Path(path).expanduser()
        if file_path.exists() and not file_path.is_file():  # opening a pipe would wait for its writer
            raise ValueError("it is not a plain file")
        with open(file_path, "rb") as file:
            return file.read(MAX_COVER_BYTES + 1)
    except (OSError, TypeError, ValueError, RuntimeError) as exc:
        raise AudioError(
            f"the cover {shown(path)} cannot be read ({exc})", "a PNG or JPEG file", "choose another file"
        ) from exc
