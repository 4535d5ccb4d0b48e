"""`CoverPanel`: the cover picture of a project in the page, which shows it small and chooses another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import traitlets

from vibevoice_nb.audio.cover import Cover
from vibevoice_nb.errors import OptionError
from vibevoice_nb.project import Project

from .base import Answer, Part, call
from .payloads import CoverPicture

_SHOWN_SIDE = 192  # twice the size in the page, for sharp screens


class CoverTraits(traitlets.HasTraits):
    """Cover picture of a project.

    Attributes
    ----------
    cover : CoverPicture or None
    """

    cover = traitlets.Dict(None, allow_none=True).tag(sync=True, payload=CoverPicture.__name__)


class CoverPanel(Part):
    """Cover picture of a project, chosen in the page.

    Parameters
    ----------
    widget : CoverTraits
    project : callable
        Returns the project.
    """

    def __init__(self, widget: CoverTraits, project: Callable[[], Project]) -> None:
        self._widget, self._project = widget, project

    def refresh(self) -> None:
        """Update the trait from the project; only a change is sent."""
        picture = self._project().cover.picture
        self._widget.set_trait("cover", None if picture is None else dict(_described(picture)))

    @call("cover", slow=True)
    def _cover(self) -> Answer:
        picture = self._project().cover.picture
        return Answer({}, [] if picture is None else [picture.thumbnail(_SHOWN_SIDE)])

    @call("set_cover", slow=True)
    def _set(self, buffers: Sequence[memoryview]) -> None:
        if len(buffers) != 1:
            raise OptionError(
                "no picture arrived", "the contents of a PNG or JPEG file", "choose the file again"
            )
        self._project().cover.set(bytes(buffers[0]))

    @call("clear_cover")
    def _clear(self) -> None:
        self._project().cover.clear()


def _described(picture: Cover) -> CoverPicture:
    version = hashlib.blake2b(picture.data, digest_size=8).hexdigest()
    return {
        "width": picture.width,
        "height": picture.height,
        "size": len(picture.data),
        "version": version,
    }
