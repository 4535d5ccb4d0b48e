"""Cover picture in the export panel: choose, drop, show, replace and remove, with errors in words."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from studio_helpers import asked, faults, studio
from studio_traits import studio_traits

from vibevoice_nb import Studio
from vibevoice_nb.project import Project

__all__ = ["studio"]  # a fixture


def picture(color: str = "navy", kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (400, 300), color).save(file, kind)
    return file.getvalue()


def file(name: str, data: bytes, kind: str = "image/png") -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": data}


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Studio]:
    with Project.create(tmp_path / "talk", "Anna: One.\nBen: Two.") as project:
        widget = Studio(project)
        yield widget
        widget.close()


def shown(page: Any) -> bool:
    image = page.get_by_role("img", name="Cover picture")
    return bool(image.is_visible() and image.evaluate("image => image.complete && image.naturalWidth > 0"))


def test_choose_replace_and_remove_with_the_keyboard(mount: Callable[..., Any], real: Studio) -> None:
    mounted = mount(real)
    page = mounted.page
    page.get_by_role("tab", name="Export").click()
    page.get_by_text("No picture").wait_for()
    choose = page.get_by_role("button", name="Choose", exact=True)
    with page.expect_file_chooser() as chooser:
        choose.press("Enter")
    chooser.value.set_files(file("cover.png", picture()))
    mounted.until(lambda: shown(page))
    page.get_by_text("400 × 300 pixels").wait_for()
    assert faults(page) == []
    replace = page.get_by_role("button", name="Replace", exact=True)
    first = page.get_by_role("img", name="Cover picture").get_attribute("src")
    with page.expect_file_chooser() as chooser:
        replace.click()
    chooser.value.set_files(file("cover.jpg", picture("red", "JPEG"), "image/jpeg"))
    mounted.until(lambda: real.project.cover.picture.kind == "jpeg")
    mounted.until(lambda: shown(page) and first != page.get_by_role("img").last.get_attribute("src"))
    page.get_by_text("WAV files cannot contain a picture.").wait_for(state="hidden")
    page.get_by_label("Format").select_option("wav")
    page.get_by_text("WAV files cannot contain a picture.").wait_for()
    replace.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    mounted.until(lambda: real.project.cover.picture is None)
    page.get_by_text("No picture").wait_for()
    assert not page.get_by_role("button", name="Remove", exact=True).is_visible()
    mounted.until(lambda: page.evaluate("document.activeElement.textContent") == "Choose")


def test_a_file_that_is_not_a_picture_is_refused_in_words(mount: Callable[..., Any], real: Studio) -> None:
    real.project.cover.set(picture())
    mounted = mount(real)
    page = mounted.page
    page.get_by_role("tab", name="Export").click()
    chooser = page.get_by_label("Cover picture, a PNG or JPEG file")
    for wrong, words in (
        (file("notes.txt", b"words", "text/plain"), "notes.txt is not a PNG or JPEG file."),
        (file("big.png", bytes(4 * 2**20 + 1)), "Big.png is 4.2 MB."),
        (file("broken.png", picture()[:80]), "The cover is not a picture that can be read."),
    ):
        chooser.set_input_files(wrong)
        mounted.until(
            lambda words=words: words.lower() in page.get_by_role("alert").inner_text().lower(), words
        )
    assert faults(page) == []
    assert real.project.cover.picture and shown(page)
    chooser.set_input_files(file("good.png", picture("red")))
    mounted.until(lambda: not page.get_by_role("alert").count())


def test_drop_a_picture(studio: Callable[..., Any]) -> None:
    saved: list[bytes] = []
    mounted = studio(methods={"set_cover": lambda buffers: saved.append(bytes(buffers[0]))}, cover=None)
    page = mounted.page
    page.get_by_role("tab", name="Export").click()
    data = picture()
    page.locator(".vvnb-cover").evaluate(
        """(target, base64) => {
          const data = new DataTransfer();
          const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
          data.items.add(new File([bytes], 'cover.png', { type: 'image/png' }));
          const options = { dataTransfer: data, bubbles: true, cancelable: true };
          for (const type of ['dragenter', 'dragover', 'drop'])
            target.dispatchEvent(new DragEvent(type, options));
        }""",
        base64.b64encode(data).decode(),
    )
    mounted.until(lambda: saved == [data])
    assert not page.locator(".vvnb-cover[data-drop]").count()


def test_a_project_that_is_only_read_offers_no_change(studio: Callable[..., Any]) -> None:
    cover = {"width": 10, "height": 10, "size": 99, "version": "a"}
    state = {**studio_traits()["project_state"], "read_only": True}
    mounted = studio(cover=cover, project_state=state)
    page = mounted.page
    page.get_by_role("tab", name="Export").click()
    assert page.get_by_role("button", name="Replace", exact=True).is_disabled()
    assert page.get_by_role("button", name="Remove", exact=True).is_disabled()
    mounted.until(lambda: asked(mounted, "cover"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_cover_in_chinese(mount: Callable[..., Any], real: Studio, theme: str) -> None:
    real.project.cover.set(picture())
    mounted = mount(real, theme=theme, language="zh-CN")
    page = mounted.page
    page.get_by_role("tab", name="导出").click()
    page.get_by_text("400 × 300 像素").wait_for()
    page.get_by_role("button", name="移除", exact=True).click()
    page.get_by_text("没有图片").wait_for()
    assert faults(page) == []
