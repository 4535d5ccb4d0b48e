"""Colors and fonts of the web demo: those of the project's widgets; no font is fetched."""

from __future__ import annotations

import inspect
from typing import Any

import gradio as gr

_ACCENT = gr.themes.Color(
    name="vibevoice",
    c50="#eef1fd",
    c100="#dde3fa",
    c200="#bccaff",
    c300="#9db2ff",
    c400="#7389e6",
    c500="#4f69d8",
    c600="#3450c8",
    c700="#273fa8",
    c800="#1f3283",
    c900="#182765",
    c950="#101735",
)
_FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace")
_CSS = """
.vibevoice-pictures{display:grid;gap:8px}
.vibevoice-pictures img{width:100%;height:auto;border-radius:8px;background:#fff;padding:6px}
"""


def _style() -> dict[str, Any]:
    theme = gr.themes.Base(
        primary_hue=_ACCENT,
        secondary_hue=_ACCENT,
        neutral_hue=gr.themes.colors.slate,
        font=_FONT,
        font_mono=_MONO,
    ).set(
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_300",
        button_primary_background_fill_hover_dark="*primary_200",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="*primary_950",
        button_cancel_background_fill="#b3261e",
        button_cancel_background_fill_hover="#8f1e18",
        button_cancel_background_fill_dark="#ffaba2",
        button_cancel_background_fill_hover_dark="#ffc6c0",
        button_cancel_text_color="#ffffff",
        button_cancel_text_color_dark="#101735",
        link_text_color_dark="*primary_300",
        link_text_color_hover_dark="*primary_200",
        link_text_color_visited_dark="*primary_300",
        slider_color="*primary_600",
        slider_color_dark="*primary_300",
    )
    return {"theme": theme, "css": _CSS}


_MOUNT_TAKES_IT = "theme" in inspect.signature(gr.mount_gradio_app).parameters
"""True for Gradio 6 and later; Gradio 5 expects the style where the page is built."""


def for_page() -> dict[str, Any]:
    """Return the arguments of `gradio.Blocks` for the style."""
    return {} if _MOUNT_TAKES_IT else _style()


def for_mount() -> dict[str, Any]:
    """Return the arguments of `gradio.mount_gradio_app` for the style."""
    return _style() if _MOUNT_TAKES_IT else {}
