"""Page object of the Studio: finds everything by its label."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from notebook_page import NotebookPage
from playwright.sync_api import Locator, expect

AXE = Path(__file__).parents[3] / "labextension/node_modules/axe-core/axe.min.js"
SPEAKING_TIMEOUT = 120_000
STOPPED = "Stopped. The audio generated so far was kept."

# Whether the strip with the whole waveform has a loud place: something painted away from its middle line.
WAVEFORM = """() => {
  const canvas = document.querySelector('.vvnb-deck-overview canvas');
  if (!canvas?.width) return false;
  const row = canvas.getContext('2d').getImageData(0, Math.round(canvas.height / 5), canvas.width, 1);
  return row.data.some((value) => value > 0);
}"""


BEGINNING = """root => {
  window.begun = false;
  const look = () => {
    const buttons = [...root.querySelectorAll('.vvnb-generate-buttons button')];
    if (buttons.some((one) => one.textContent.trim() === 'Stop' && !one.hidden)) window.begun = true;
  };
  new MutationObserver(look).observe(root, { subtree: true, attributeFilter: ['hidden'] });
  look();
}"""


class Ear:
    """Audio of a page, as recorded by `ear.js`."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.page = notebook.page

    def __getattr__(self, name: str) -> Any:
        return self.page.evaluate(f"ear.{name}")

    def forget(self) -> None:
        self.page.evaluate("ear.forget()")

    def wait_for_sound(self, timeout: float = SPEAKING_TIMEOUT / 1000) -> None:
        """Wait until the clock of an AudioContext advances and its output is not silent."""
        self.page.wait_for_function(
            """() => {
              const loud = ear.loudness.filter(({ rms }) => rms > 0.003);
              return loud.length > 10 && loud.at(-1).time > loud[0].time;
            }""",
            timeout=1000 * timeout,
        )

    def wait_for_silence(self, timeout: float = 15.0) -> None:
        self.page.wait_for_function(
            "() => ear.loudness.slice(-20).every(({ rms }) => rms < 0.001)", timeout=1000 * timeout
        )


class StudioPage:
    """The Studio shown by a cell of a notebook."""

    def __init__(self, notebook: NotebookPage, number: int = 0) -> None:
        self.notebook, self.page = notebook, notebook.page
        self.root = self.page.locator(".vvnb-studio").nth(number)
        self.ear = Ear(notebook)
        expect(self.root.locator(".cm-content")).to_be_visible(timeout=60_000)

    def tab(self, name: str) -> Locator:
        """Bring a panel to the front: Cast, Turn, Settings, Export."""
        self.root.get_by_role("tab", name=re.compile(f"^{name}")).click()
        return self.root.get_by_role("tabpanel", name=re.compile(f"^{name}"))

    # Script

    @property
    def script(self) -> Locator:
        return self.root.locator(".cm-content")

    def type_script(self, text: str) -> None:
        """Replace the script, key by key."""
        self.script.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.press("Delete")
        self.type(text)

    def insert_script(self, text: str) -> None:
        """Replace the script at once, as by pasting."""
        self.script.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(text)

    def type(self, text: str) -> None:
        for number, line in enumerate(text.split("\n")):
            if number:
                self.page.keyboard.press("Enter")
            self.page.keyboard.type(line)

    # Cast

    def choose_voice(self, speaker: str, voice: str) -> None:
        self.voice_of(speaker).click()
        self.root.get_by_role("option", name=voice).click()

    def voice_of(self, speaker: str) -> Locator:
        """The button with a speaker's voice, which opens the gallery."""
        return self.root.get_by_role("button", name=f"Voice of {speaker}:")

    def expand(self, speaker: str) -> None:
        """Show the details of a speaker."""
        button = self.root.get_by_role("button", name=f"Details of {speaker}")
        if button.get_attribute("aria-expanded") == "false":
            button.click()

    # Speaking

    @property
    def transport(self) -> Locator:
        return self.root.get_by_role("region", name="Generate")

    @property
    def generate_button(self) -> Locator:
        return self.transport.get_by_role("button", name=re.compile("^(Generate|Play|Pause)"))

    @property
    def stop_button(self) -> Locator:
        return self.transport.get_by_role("button", name="Stop")

    def generate(self) -> None:
        """Press Generate and wait until the generation has begun; it may have ended already."""
        self.note_beginning()
        self.generate_button.click()
        self.wait_until_begun()

    def note_beginning(self) -> None:
        """From now on, note that Stop was shown: a short generation ends between two looks at the page."""
        self.root.evaluate(BEGINNING)

    def wait_until_begun(self) -> None:
        self.page.wait_for_function("window.begun", timeout=SPEAKING_TIMEOUT)

    def wait_until_spoken(self) -> None:
        expect(self.generate_button).to_be_visible(timeout=SPEAKING_TIMEOUT)

    def stop(self) -> None:
        self.stop_button.click()
        expect(self.generate_button).to_be_visible()

    # Player

    def expect_waveform(self) -> None:
        self.page.wait_for_function(WAVEFORM)

    def statistics(self) -> dict[str, Any]:
        """Return the player's audio statistics: underruns, latencies of the frames and so on."""
        return dict(self.root.locator(".vvnb-deck").evaluate("deck => deck.statistics()"))

    # Turns and takes

    def gutter(self) -> list[str]:
        """Return the text of each turn in the editor's gutter."""
        return self.root.locator(".cm-vvTurns").evaluate(
            """gutter => [...gutter.querySelectorAll('.cm-gutterElement:not([style*=hidden]) .cm-vvTurn')]
              .map((mark) => mark.dataset.state)"""
        )

    def expect_turns(self, count: int) -> None:
        """Wait until the script has this many turns."""
        words = f"{count} turn{'' if count == 1 else 's'} "
        expect(self.root.locator(".vvnb-editor-totals")).to_contain_text(words)

    def states(self) -> list[str]:
        """State of each turn, from the gutter's tooltip: `generated`, `not generated yet` ..."""
        titles = self.root.locator(".cm-vvTurns").evaluate(
            """gutter => [...gutter.querySelectorAll('.cm-gutterElement:not([style*=hidden]) .cm-vvTurn')]
              .map((mark) => mark.title)"""
        )
        return [title.split(": ", 1)[1].rsplit(", ", 1)[0] for title in titles]

    def select_turn(self, number: int) -> Locator:
        """Put the caret in a turn, counted from 1 (one turn a line), and return what is shown of it."""
        self.tab("Turn")
        self.root.locator(".cm-line").nth(number - 1).click()
        lane = self.root.get_by_role("region", name="Selected turn")
        expect(lane.get_by_role("heading", name=re.compile(f"^Turn {number},"))).to_be_visible()
        return lane

    # The way there

    def tab_to(self, target: Locator, backwards: bool = False, most: int = 80) -> None:
        """Press Tab until an element has the focus."""
        for _ in range(most):
            self.page.keyboard.press("Shift+Tab" if backwards else "Tab")
            if target.evaluate("target => target.contains(document.activeElement)"):
                return
        raise AssertionError(f"{target} can't be reached with Tab")

    # Speed

    def load_model(self) -> None:
        model = self.tab("Settings").get_by_role("region", name="Model")
        expect(model.get_by_text(re.compile("^(Not loaded|Ready)$"))).to_be_visible()
        if (load := model.get_by_role("button", name="Load", exact=True)).is_visible():
            load.click()
        expect(model.get_by_text("Ready", exact=True)).to_be_visible(timeout=60_000)
        self.tab("Cast")

    def click_generate(self) -> float:
        """Press Generate; returns when, milliseconds since 1970."""
        return self._timed_click(self.generate_button)

    def click_regenerate_all(self) -> float:
        """Choose "Regenerate all" in the menu; returns when, as `click_generate`."""
        self.transport.get_by_role("button", name="More").click()
        return self._timed_click(self.page.get_by_role("menuitem", name="Regenerate all"))

    def click_stop(self) -> float:
        return self._timed_click(self.stop_button)

    def click_example(self, name: str) -> float:
        return self._timed_click(self.root.get_by_role("button", name=name))

    def _timed_click(self, button: Locator) -> float:
        self.page.evaluate(
            """() => {
              const note = ({ timeStamp }) => (ear.clicked = performance.timeOrigin + timeStamp);
              addEventListener('click', note, { capture: true, once: true });
            }"""
        )
        button.click()
        return float(self.page.evaluate("ear.clicked"))

    def paints_after_keys(self, text: str) -> list[float]:
        """Type fast; return the milliseconds from each key to the end of the frame with its letter."""
        self.page.evaluate(
            """() => {
              ear.paints = [];
              const { port1, port2 } = new MessageChannel();
              const pressed = [];
              port1.onmessage = () => ear.paints.push(performance.now() - pressed.shift());
              addEventListener('keydown', ({ timeStamp }) => {
                pressed.push(timeStamp);
                requestAnimationFrame(() => port2.postMessage(null));
              }, { capture: true });
            }"""
        )
        self.page.keyboard.type(text, delay=60)
        self.page.wait_for_function("count => ear.paints.length >= count", arg=len(text))
        return list(self.page.evaluate("ear.paints"))

    # What is wrong with it

    def accessibility_faults(self) -> list[str]:
        """Serious and critical accessibility violations within the Studio."""
        self.page.add_script_tag(path=AXE)
        found = self.root.evaluate("root => axe.run(root, { resultTypes: ['violations'] })")
        return [
            f"{fault['id']}: {fault['help']}: {node['html'][:200]} {node['any'][:1]}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]
