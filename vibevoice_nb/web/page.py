"""Gradio page of the web demo, for a `DemoService`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from vibevoice_nb.engine.defaults import known_settings
from vibevoice_nb.errors import OptionError, VibeVoiceError, VoiceError
from vibevoice_nb.script.speakable import check_script
from vibevoice_nb.script.turns import label_of
from vibevoice_nb.voices.builtin import builtin_descriptions
from vibevoice_nb.widgets.model_loader import model_defaults

from .limits import Limits, read_script
from .markdown import in_html, in_markdown
from .queueing import limit_queue
from .service import DemoService, Report, SpeechRequest
from .theme import for_page

_log = logging.getLogger(__name__)

_NANO = (
    "**nano** is a small embedded model for trying things out. It is not the published VibeVoice, and its "
    "quality is much lower."
)
_CONSENT = "Everyone whose recording I use here has agreed to it."
_RESPONSIBLE = (
    "Recordings are used for this conversation only and deleted {minutes:g} minutes later. Every file is "
    "marked as generated speech; please also say so where you use it."
)
_ORDINALS = ("First", "Second", "Third", "Fourth")
_AT_ONCE: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
_KEEP_FOCUS = """() => {
  const timer = setInterval(() => {
    const shown = document.querySelector('#vibevoice-speak, #vibevoice-stop');
    if (document.activeElement === document.body) shown?.focus();
    if (document.activeElement !== document.body && document.activeElement !== shown) clearInterval(timer);
  }, 200);
  setTimeout(() => clearInterval(timer), 60_000);
}"""
"""Moves the focus to the button that replaced a focused one; else it would be at the top of the page."""
_EXAMPLES = ("two_speakers", "one_speaker", "three_speakers", "four_speakers")


def build_page(service: DemoService) -> gr.Blocks:
    """Lay out the page.

    Parameters
    ----------
    service : DemoService

    Returns
    -------
    gradio.Blocks
        The page with its queue; the named endpoints are `speak`, `stop` and `wait`.
    """
    limits = service.limits
    keep = int(60 * limits.keep_minutes)
    page = gr.Blocks(
        title=f"VibeVoice: {service.model}", analytics_enabled=False, delete_cache=(60, keep), **for_page()
    )
    with page:
        gr.Markdown(_heading(service))
        with gr.Row():
            with gr.Column():
                script = gr.Textbox(_example(_EXAMPLES[0]), label="Script", lines=10, max_lines=24)
                remark = _describer(limits, service.model)
                remarks = gr.Markdown(remark(_example(_EXAMPLES[0])))
                gr.Examples(
                    [[_example(name)] for name in _EXAMPLES],
                    [script],
                    label="Examples",
                    example_labels=[name.replace("_", " ") for name in _EXAMPLES],
                )
                settings = _settings(service)
            with gr.Column():
                voices = _voices()
                with gr.Accordion("Use recordings instead", open=False):
                    recordings = _recordings()
                    consent = gr.Checkbox(False, label=_CONSENT)
        # One button for visitors: of the two, one is shown.
        speak = gr.Button("Speak", variant="primary", elem_id="vibevoice-speak")
        stop = gr.Button("Stop", variant="stop", elem_id="vibevoice-stop", visible=False)
        buttons = [speak, stop]
        words = gr.Markdown()
        sound = gr.HTML()
        with gr.Column(visible=False) as result:
            pictures = gr.HTML()
            with gr.Row():
                seed_used = gr.Textbox(label="Seed used", interactive=False)
                downloads = gr.File(label="Download", file_count="multiple", interactive=False, min_width=300)
        gr.Markdown(_RESPONSIBLE.format(minutes=limits.keep_minutes))

        # One after the other: at an error, the last step could otherwise overtake the first.
        waits = speak.click(_for_session(service.expect), [], [], api_name="wait", queue=False)
        begun = waits.then(_begun, [], [*buttons, result], api_name="_begun", **_AT_ONCE)
        spoken = begun.then(
            _speaker(service),
            [script, *settings, consent, *voices, *recordings],
            [sound, words, seed_used, downloads, pictures],
            api_name="speak",
            concurrency_limit=1,  # one engine, one voice at a time
            show_progress="minimal",  # which shows the position in the queue
            show_progress_on=[words],
        )
        spoken.then(_ended, [downloads], [*buttons, result], api_name="_ended", **_AT_ONCE)
        if hasattr(spoken, "failure"):  # Gradio versions that have it do not run `then` after an error
            spoken.failure(_ended, [downloads], [*buttons, result], api_name="_failed", **_AT_ONCE)
        stop.click(_for_session(service.stop), [], [], api_name="stop", queue=False)
        for button in buttons:
            button.click(None, js=_KEEP_FOCUS)
        script.change(
            remark,
            [script],
            [remarks],
            api_name="_remarks",
            queue=False,
            trigger_mode="always_last",
            show_progress="hidden",
        )
        page.unload(_for_session(service.leave))
    page.state_session_capacity = 10 * limits.queue  # sessions that Gradio keeps, whatever their names
    return limit_queue(page.queue(max_size=limits.queue, default_concurrency_limit=1), limits)


def _begun() -> tuple[Any, ...]:
    """Show Stop in the place of Speak, and hide the last result."""
    return gr.update(visible=False), gr.update(visible=True), gr.update(visible=False)


def _ended(files: list[str] | None) -> tuple[Any, ...]:
    """Show Speak in the place of Stop, and the result if there is one."""
    return gr.update(visible=True), gr.update(visible=False), gr.update(visible=bool(files))


def _heading(service: DemoService) -> str:
    lines = [
        "# VibeVoice",
        f"Model: **{in_markdown(service.model)}**. Write a script, choose voices and press Speak: the "
        f"audio plays while it is generated. Up to {service.limits.max_minutes:g} minutes; one visitor at "
        f"a time, up to {service.limits.queue} in the queue.",
    ]
    limits = " ".join(known_settings(service.model).limits.sentences(service.model))
    return "\n\n".join([*lines, *([_NANO] if service.model == "nano" else []), in_markdown(limits)])


def _settings(service: DemoService) -> list[gr.components.Component]:
    """Lay out steps, CFG and seed."""
    own, limits = model_defaults(service.model), service.limits
    with gr.Row():
        steps = min(own.num_steps, limits.max_steps)
        return [
            gr.Slider(1, limits.max_steps, steps, step=1, label="Steps", info="Fewer are faster."),
            gr.Slider(1.0, 5.0, own.cfg_scale, step=0.1, label="CFG", info="1 is off."),
            gr.Textbox("", label="Seed", info="A whole number; drawn if empty.", max_lines=1),
        ]


def _voices() -> list[gr.Dropdown]:
    """Lay out the choice of a built-in voice for each speaker."""
    described = builtin_descriptions()
    names = list(described)
    choices = [(f"{name}, {about}", name) for name, about in described.items()]
    return [
        gr.Dropdown(choices, value=names[number % len(names)], label=f"{ordinal} speaker")
        for number, ordinal in enumerate(_ORDINALS)
    ]


def _recordings() -> list[gr.Audio]:
    """Lay out an optional recording for each speaker, which replaces the built-in voice."""
    recordings = [
        gr.Audio(
            sources=["upload", "microphone"],
            type="filepath",
            label=f"{ordinal} speaker: 5 to 30 s of clear speech",
        )
        for ordinal in _ORDINALS
    ]
    for recording in recordings:
        _only_uploads(recording)
    return recordings


def _only_uploads(recording: gr.Audio) -> None:
    """Accept only files that the visitor uploaded.

    Mounted in another application, Gradio fetches whatever a visitor names: any local file or URL.
    """
    take = recording.async_move_resource_to_block_cache

    async def take_uploads(path: str | Path) -> str | None:
        sent = Path(os.environ["GRADIO_TEMP_DIR"]).resolve()
        if not Path(path).resolve().is_relative_to(sent):
            refusal = VoiceError("the recording was not uploaded", "a file from your device", "upload it")
            raise gr.Error(str(refusal), print_exception=False)
        return await take(path)

    recording.async_move_resource_to_block_cache = take_uploads


def _speaker(service: DemoService) -> Callable[..., Iterator[tuple[Any, ...]]]:
    def speak(
        request: gr.Request,
        script: str,
        num_steps: float,
        cfg_scale: float,
        seed: str | int | None,
        consent: bool,
        *cast: str | None,
    ) -> Iterator[tuple[Any, ...]]:
        """Generate a script; the first update has the address of the live audio."""
        with _errors_shown():
            wanted = SpeechRequest(
                script=script,
                voices=[voice or "" for voice in cast[: len(_ORDINALS)]],
                recordings=[Path(path) if path else None for path in cast[len(_ORDINALS) :]],
                consent=consent,
                num_steps=int(num_steps),
                cfg_scale=float(cfg_scale),
                seed=_number(seed),
            )
            shown = ""
            for report in service.speak(wanted, request.session_hash or ""):
                sound = _player(report) if report.stream != shown else gr.skip()
                shown = report.stream
                seed_used = "" if report.seed is None else str(report.seed)
                yield (
                    sound,
                    in_markdown(report.words),
                    seed_used,
                    [str(path) for path in report.files] or None,
                    _pictures(report),
                )

    return speak


@contextmanager
def _errors_shown() -> Iterator[None]:
    """Show errors in the page; log those that the visitor did not cause."""
    try:
        yield
    except VibeVoiceError as error:
        raise gr.Error(in_html(str(error)), duration=None, print_exception=False) from None
    except Exception:
        _log.exception("the page failed")
        raise gr.Error(
            "An internal error occurred (see the server's log). Try again, or use a shorter script.",
            print_exception=False,
        ) from None


def _for_session(action: Callable[[str], object]) -> Callable[[gr.Request], None]:
    """Return a page function that calls `action` with the visitor's session."""

    def call(request: gr.Request) -> None:
        action(request.session_hash or "")

    call.__doc__ = action.__doc__
    return call


def _number(seed: str | int | None) -> int | None:
    text = "" if seed is None else str(seed).strip()
    if text and not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise OptionError(f"the seed is {text[:40]!r}", "a whole number from 0", "leave it empty to draw one")
    return int(text) if text else None


def _player(report: Report) -> str:
    return (
        f'<audio controls autoplay aria-label="The conversation" style="width: 100%" '
        f'src="speech/{report.stream}.mp3"></audio>'
    )


def _pictures(report: Report) -> str:
    images = "".join(
        f'<img alt="{name.capitalize()} of the conversation" src="speech/{report.stream}/{name}.png">'
        for name in report.pictures
    )
    return images and f'<div class="vibevoice-pictures">{images}</div>'


def _describer(limits: Limits, model: str) -> Callable[[str], str]:
    """Return a function that describes a script in Markdown, for the page to call during editing."""

    def describe(script: str) -> str:
        if not script.strip():
            return ""
        if len(script) > limits.max_characters:
            return (
                f"Too long: {len(script):,} characters. At most {limits.max_characters:,} are allowed here."
            )
        read = read_script(script)
        diagnostics = (*read.diagnostics, *check_script(read, known_settings(model).frontend, model))
        found = [f"- {in_markdown(str(item))}" for item in diagnostics if item.severity != "info"][:5]
        speakers = ", ".join(in_markdown(label_of(speaker)) for speaker in read.speakers)
        return "\n".join(
            [f"About {read.estimated_seconds:.0f} s. Speakers, in order: {speakers}.", "", *found]
        )

    return describe


def _example(name: str) -> str:
    return files("vibevoice_nb").joinpath("examples", f"{name}.txt").read_text("utf-8")
