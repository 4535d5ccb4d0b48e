"""Takes the README's pictures of the real thing: `make pictures`.

A real JupyterLab, a real kernel and nano; two stills and a short animation of a conversation being spoken.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from conftest import studio_cell
from host_server import JupyterServer
from notebook_page import NotebookPage
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright
from studio_page import StudioPage

FLAGS = ("--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required")
SCRIPT = """Anna: Good morning, and welcome to our little show.
Ben: Thank you, it is very nice to be here.
Anna: Tell me, what did you do this morning?
Ben: I made some coffee and went for a walk by the river."""
WIDTH, HEIGHT = 1280, 1640
FRAMES, FRAME_MS = 36, 250
ANIMATION_WIDTH = 820


def main(folder: Path) -> None:
    """Write `studio-light.png`, `studio-dark.png` and `studio.webp` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        server = JupyterServer("lab", Path(home) / "home")
        try:
            take_pictures(browser, server.wait(), folder)
        finally:
            server.stop()
            browser.close()


def take_pictures(browser: Browser, server: JupyterServer, folder: Path) -> None:
    """Generate the conversation once; take screenshots during generation and afterwards."""
    name = "episode.ipynb"
    server.write(name, studio_cell("episode", seed=4))
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    context.add_init_script(path=Path(__file__).parent / "ear.js")
    notebook = NotebookPage(context.new_page(), server, name).open()
    notebook.command("application:toggle-left-area")
    notebook.command("notebook:hide-cell-code")
    studio = StudioPage(notebook.run_all())
    studio.type_script(SCRIPT)
    studio.choose_voice("Anna", "Ada")
    studio.choose_voice("Ben", "Ruben")
    studio.load_model()
    studio.generate()
    frames = []
    for _ in range(FRAMES):
        frames.append(_picture(studio))
        notebook.page.wait_for_timeout(FRAME_MS)
    studio.wait_until_spoken()
    lane = studio.select_turn(2)
    lane.get_by_role("button", name="Regenerate").click()
    expect(lane.get_by_role("radio", name="Take 2")).to_be_visible(timeout=60_000)
    studio.ear.wait_for_silence(60)
    lane.get_by_role("button", name="Play from here").click()
    notebook.page.wait_for_timeout(800)
    studio.page.keyboard.press("Space")
    expect(lane.get_by_role("button", name="Play from here")).to_be_visible()
    for theme in ("Light", "Dark"):
        notebook.theme(f"JupyterLab {theme}")
        notebook.page.wait_for_timeout(1500)
        _picture(studio).save(folder / f"studio-{theme.lower()}.png", optimize=True)
    height = round(frames[0].height * ANIMATION_WIDTH / frames[0].width)
    small = [
        frame.convert("RGB").resize((ANIMATION_WIDTH, height), Image.Resampling.LANCZOS) for frame in frames
    ]
    small[0].save(
        folder / "studio.webp", save_all=True, append_images=small[1:], duration=FRAME_MS, loop=0, quality=60
    )


def _picture(studio: StudioPage) -> Image.Image:
    return Image.open(io.BytesIO(studio.root.screenshot()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
