"""The script editor in a browser; ScriptEditor itself is its kernel."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from typing import Any

import pytest

from vibevoice_nb.display.colors import PALETTE
from vibevoice_nb.widgets import ScriptEditor

Mount = Callable[..., Any]
SCRIPT = "Anna: Hello there. [pause:500] Again.\nBen: Hi.\n# a comment\nBenn: Oh."


def lines(mounted: Any) -> str:
    return mounted.page.evaluate(
        "() => [...document.querySelectorAll('.cm-line')].map(line => line.textContent).join('\\n')"
    )


def click_line(mounted: Any, number: int) -> None:
    mounted.page.locator(".cm-line").nth(number - 1).click()


def test_typing_reaches_the_kernel_and_updates_the_turns(mount: Mount) -> None:
    editor = ScriptEditor(SCRIPT, cast=["Anna", "Ben"])
    mounted = mount(editor)
    click_line(mounted, 2)
    mounted.page.keyboard.press("End")
    mounted.page.keyboard.type(" How are you?")
    mounted.until(lambda: "Ben: Hi. How are you?" in editor.script, "the script")
    assert editor.parsed.turns[2].text == "Hi. How are you?"
    assert (
        mounted.page.locator(".cm-vvTurn[data-state=unspoken]:visible").count() == 3
    )  # one for each line with turns


def test_a_diagnostic_is_underlined_reached_by_f8_and_fixed_by_its_quick_fix(mount: Mount) -> None:
    editor = ScriptEditor(SCRIPT, cast=["Anna", "Ben"])
    mounted = mount(editor)
    page = mounted.page
    assert page.locator(".cm-lintRange-error").inner_text() == "Benn:"
    assert page.get_by_role("button", name="1 error").is_visible()
    click_line(mounted, 1)
    page.keyboard.press("F8")
    assert page.evaluate("() => getSelection().toString()") == "Benn:"
    page.get_by_role("button", name="1 error").click()
    problems = page.get_by_role("list", name="Problems in the script")
    assert problems.get_by_role("listitem").inner_text().startswith("Line 4")
    problems.get_by_role("button", name="Replace with “Ben:”").click()
    mounted.until(lambda: editor.script.endswith("\nBen: Oh."), "the fix")
    mounted.until(lambda: not problems.is_visible(), "no problem left")


def test_speakers_are_completed_at_the_beginning_of_a_line(mount: Mount) -> None:
    editor = ScriptEditor("Anna: Hello.\n", cast=["Anna", "Ben"])
    mounted = mount(editor)
    page = mounted.page
    click_line(mounted, 2)
    page.keyboard.type("be")
    option = page.get_by_role("option", name="Ben")
    option.wait_for()
    place, caret = option.bounding_box(), page.locator(".cm-line").nth(1).bounding_box()
    assert 0 <= place["y"] - caret["y"] < 80  # below its line, whatever box it is in
    page.wait_for_timeout(100)  # a completion doesn't take keys typed as it opens
    page.keyboard.press("Tab")
    page.keyboard.type("Hi.")
    mounted.until(lambda: editor.script == "Anna: Hello.\nBen: Hi.", "the completion")


def test_tab_leaves_the_editor(mount: Mount) -> None:
    mounted = mount(ScriptEditor(SCRIPT, cast=["Anna", "Ben"]))
    click_line(mounted, 1)
    reached = []
    for _ in range(2):
        mounted.page.keyboard.press("Tab")
        reached.append(
            mounted.page.evaluate(
                "() => document.activeElement.ariaLabel || document.activeElement.textContent"
            )
        )
    assert reached == ["More actions", "1 error"]  # without a project, nothing can be generated


def test_a_turn_is_dragged_by_its_mark(mount: Mount) -> None:
    """Dropped between other turns it moves there, as one edit; Escape leaves everything as it was."""
    text = "Anna: One.\nBen: Two,\nand more.\nAnna: Three."
    editor = ScriptEditor(text, cast=["Anna", "Ben"])
    mounted = mount(editor)
    page = mounted.page
    marks = page.locator(".cm-vvTurn:visible")
    drop = page.locator(".vvnb-drop-mark")

    def grab(number: int, onto: int, part: float) -> None:
        held, target = (
            marks.nth(number - 1).bounding_box(),
            page.locator(".cm-line").nth(onto - 1).bounding_box(),
        )
        page.mouse.move(held["x"] + 8, held["y"] + 8)
        page.mouse.down()
        page.mouse.move(held["x"] + 8, target["y"] + part * target["height"], steps=5)
        drop.wait_for(state="visible")

    grab(2, onto=1, part=0.2)
    page.keyboard.press("Escape")
    drop.wait_for(state="hidden")
    page.mouse.up()
    assert lines(mounted) == text
    grab(2, onto=1, part=0.2)
    page.mouse.up()
    mounted.until(lambda: editor.script == "Ben: Two,\nand more.\nAnna: One.\nAnna: Three.", "the new order")
    mounted.until(
        lambda: [turn.line for turn in editor.parsed.turns] == [1, 3, 4], "the turns of the new order"
    )
    page.wait_for_timeout(200)  # the page is given the turns
    grab(1, onto=4, part=0.9)
    page.mouse.up()
    mounted.until(lambda: editor.script.endswith("Anna: Three.\nBen: Two,\nand more."), "the last place")
    page.keyboard.press("ControlOrMeta+z")
    page.keyboard.press("ControlOrMeta+z")
    mounted.until(lambda: editor.script == text, "the order before")


def test_keys_stay_in_the_widget(mount: Mount) -> None:
    mounted = mount(ScriptEditor(SCRIPT))
    mounted.page.evaluate(
        "() => { window.keys = 0; document.addEventListener('keydown', () => window.keys++); }"
    )
    click_line(mounted, 1)
    mounted.page.keyboard.type("abc")
    mounted.page.keyboard.press("Escape")
    assert mounted.page.evaluate("() => window.keys") == 0


def test_search_finds_and_escape_closes_it(mount: Mount) -> None:
    mounted = mount(ScriptEditor(SCRIPT))
    click_line(mounted, 1)
    mounted.page.keyboard.press("Control+f")
    mounted.page.keyboard.type("hi")
    mounted.page.locator(".cm-searchMatch").first.wait_for()
    mounted.page.keyboard.press("Escape")
    assert mounted.page.locator(".cm-search").count() == 0


def test_the_kernel_changes_the_text_without_moving_the_cursor(mount: Mount) -> None:
    editor = ScriptEditor("Anna: Hello.\nBen: Hi.")
    mounted = mount(editor)
    click_line(mounted, 2)
    mounted.page.keyboard.press("End")
    editor.script = "Anna: Good morning to you all.\nBen: Hi."
    mounted.flush()
    mounted.page.keyboard.type("!")
    mounted.until(lambda: editor.script == "Anna: Good morning to you all.\nBen: Hi.!", "both changes")


def test_two_views_of_one_editor_show_the_same(mount: Mount) -> None:
    mounted = mount(ScriptEditor("Anna: Hello.\nBen: Hi."), widths=[900, 420])
    mounted.page.locator(".cm-line").nth(3).click()
    mounted.page.keyboard.press("End")
    mounted.page.keyboard.type(" Yes.")
    mounted.until(
        lambda: lines(mounted) == "\n".join(["Anna: Hello.\nBen: Hi. Yes."] * 2),
        "both views",
    )


def test_a_paste_from_a_document_is_cleaned_up_and_can_be_undone(mount: Mount) -> None:
    editor = ScriptEditor("", cast=["Anna", "Ben"])
    mounted = mount(editor)
    click_line(mounted, 1)
    raw = "Anna –\u00a0Hello.\n\n\n\nBen – Hi."
    mounted.page.evaluate(
        """text => {
          const data = new DataTransfer();
          data.setData('text/plain', text);
          data.setData('text/html', '<b>' + text + '</b>');
          const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
          document.activeElement.dispatchEvent(event);
        }""",
        raw,
    )
    mounted.until(lambda: editor.script == "Anna: Hello.\n\nBen: Hi.", "the tidy text")
    mounted.page.keyboard.press("Control+z")
    mounted.until(lambda: editor.script == raw, "the text as it was")


def test_in_a_shadow_root_it_looks_and_works_the_same(mount: Mount) -> None:
    editor = ScriptEditor("Anna: Hello.\n", cast=["Anna", "Ben"])
    mounted = mount(editor, shadow=True)
    page = mounted.page
    page.locator(".cm-line").nth(1).click()
    page.keyboard.type("be")
    page.get_by_role("option", name="Ben").wait_for()
    page.wait_for_timeout(100)
    page.keyboard.press("Enter")
    mounted.until(lambda: editor.script == "Anna: Hello.\nBen: ", "the completion")
    color = page.locator(".cm-vvLabel").first.evaluate("label => getComputedStyle(label).color")
    assert color != page.locator(".cm-line").first.evaluate("line => getComputedStyle(line).color")
    display = page.locator(".cm-content").evaluate("content => getComputedStyle(content).whiteSpace")
    assert display.startswith("break-spaces")  # the editor's own styles are in the shadow root too


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_speaker_color_is_readable_in_both_themes(mount: Mount, theme: str) -> None:
    speakers = [
        {"label": f"Voice {k}", "color": color, "voice": None, "default_voice": "", "gain": 0.0, "pace": 1.0}
        for k, color in enumerate(PALETTE)
    ]
    script = "\n".join(f"{speaker['label']}: Hello. [pause]" for speaker in speakers) + "\n# a comment"
    mounted = mount("editor", traits={"script": script, "speakers": speakers}, theme=theme)
    mounted.page.set_viewport_size({"width": 1000, "height": 1300})
    mounted.page.add_style_tag(
        content=".vvnb { --vvnb-editor-height: 1200px }"
    )  # what it scrolls to isn't there
    labels = mounted.page.locator(".cm-vvLabel")
    mounted.until(lambda: labels.count() == len(PALETTE), "all labels")
    assert mounted.faults(".vvnb") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_states_panels_and_diagnostics_are_accessible(mount: Mount, theme: str) -> None:
    editor = ScriptEditor(SCRIPT, cast=["Anna", "Ben"])
    states = ["spoken", "changed", "speaking", "queued"]
    editor.turns = [
        {**turn, "state": state, "seconds": 2.0} for turn, state in zip(editor.turns, states, strict=False)
    ]
    mounted = mount(editor, theme=theme, widths=[900, 360])
    click_line(mounted, 1)
    mounted.page.keyboard.press("Control+f")
    mounted.page.keyboard.type("hi")
    mounted.page.get_by_role("button", name="1 error").first.click()
    assert mounted.faults(".vvnb") == []
    assert mounted.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_three_hundred_turns_are_typed_in_without_lag(mount: Mount) -> None:
    words = "and then we walked along the river until the lights of the town came into view, all of them"
    text = "\n".join(f"{('Anna', 'Ben')[k % 2]}: Turn {k}, {words}." for k in range(300))
    editor = ScriptEditor(text, cast=["Anna", "Ben"])
    mounted = mount(editor)
    click_line(mounted, 5)
    # From the key's arrival to the end of the first frame that shows it: the frame's callback comes before
    # the paint, the message sent there after it.
    mounted.page.evaluate(
        """() => {
          window.delays = [];
          const { port1, port2 } = new MessageChannel();
          let begun = 0;
          port1.onmessage = () => window.delays.push(performance.now() - begun);
          window.addEventListener('keydown', () => {
            begun = performance.now();
            requestAnimationFrame(() => port2.postMessage(0));
          }, true);
        }"""
    )
    mounted.page.keyboard.type("What is typed here is painted at once, ", delay=25)
    delays = mounted.page.evaluate("() => window.delays")
    mounted.until(lambda: "painted at once" in editor.script, "the script")
    print(json.dumps({"median_ms": statistics.median(delays), "worst_ms": max(delays), "keys": len(delays)}))
    assert len(delays) > 30
    assert statistics.median(delays) < 50


SUBTITLES = (
    "1\n00:00:01,000 --> 00:00:03,000\nAnna: Good morning.\n\n2\n00:00:04,000 --> 00:00:06,000\nBen: Hello.\n"
)


def carry(mounted: Any, kind: str, text: str, name: str = "") -> None:
    """Paste a text into the editor, or drop a file on it."""
    mounted.page.evaluate(
        """([kind, text, name]) => {
          const data = new DataTransfer();
          if (name) data.items.add(new File([text], name));
          else data.setData('text/plain', text);
          const content = document.querySelector('.cm-content');
          const { left, top } = content.getBoundingClientRect();
          const about = { bubbles: true, cancelable: true, clientX: left + 5, clientY: top + 5 };
          const event = kind === 'paste' ? new ClipboardEvent('paste', { ...about, clipboardData: data })
            : new DragEvent('drop', { ...about, dataTransfer: data });
          content.dispatchEvent(event);
        }""",
        [kind, text, name],
    )


def test_a_dropped_file_replaces_the_script_and_undo_brings_it_back(mount: Mount) -> None:
    editor = ScriptEditor(SCRIPT, cast=["Anna", "Ben"])
    mounted = mount(editor)
    page = mounted.page
    carry(mounted, "drop", SUBTITLES, "talk.srt")
    preview = page.get_by_role("region", name="Import")
    preview.get_by_text("2 turns, 2 speakers: Anna, Ben").wait_for()
    assert editor.script == SCRIPT
    preview.get_by_role("button", name="Replace script").click()
    mounted.until(lambda: editor.script == "Anna: Good morning.\nBen: Hello.", "the import")
    assert not preview.is_visible()
    page.keyboard.press("ControlOrMeta+z")
    mounted.until(lambda: editor.script == SCRIPT, "the script as before")


def test_pasted_subtitles_are_offered_as_turns(mount: Mount) -> None:
    editor = ScriptEditor("Anna: Hi.\n")
    mounted = mount(editor)
    page = mounted.page
    click_line(mounted, 2)
    carry(mounted, "paste", SUBTITLES)
    mounted.until(lambda: "-->" in editor.script, "the text as it was pasted")
    preview = page.get_by_role("region", name="Import")
    preview.get_by_role("button", name="Insert at cursor").click()
    mounted.until(lambda: editor.script == "Anna: Hi.\nAnna: Good morning.\nBen: Hello.", "the import")


def test_a_file_without_a_script_is_explained(mount: Mount) -> None:
    editor = ScriptEditor("Anna: Hi.")
    mounted = mount(editor)
    carry(mounted, "drop", "%PDF-1.7", "talk.pdf")
    mounted.page.get_by_role("alert").get_by_text("The file is a PDF file.").wait_for()
    mounted.page.get_by_role("button", name="Dismiss").click()
    assert editor.script == "Anna: Hi."


def test_questions_of_an_import_are_answered_in_its_preview(mount: Mount) -> None:
    editor = ScriptEditor("Anna: Hi.")
    mounted = mount(editor)
    preview = mounted.page.get_by_role("region", name="Import")
    carry(mounted, "drop", SUBTITLES, "talk.srt")
    preview.get_by_text("2 turns, 2 speakers: Anna, Ben").wait_for()
    nameless = SUBTITLES.replace("Anna: ", "").replace("Ben: ", "")
    carry(mounted, "drop", nameless, "other.srt")
    preview.get_by_text("2 turns, 1 speaker: Speaker 1").wait_for()
    preview.get_by_role("combobox").select_option("alternate")
    preview.get_by_text("2 turns, 2 speakers: Speaker 1, Speaker 2").wait_for()
    assert preview.get_by_role("combobox").input_value() == "alternate"
    preview.get_by_role("button", name="Cancel").click()
    assert editor.script == "Anna: Hi." and not preview.is_visible()
