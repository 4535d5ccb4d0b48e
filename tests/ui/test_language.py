"""The Studio in Simplified Chinese: no English text of the interface is left, and nothing overflows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from studio_helpers import faults, studio
from test_studio_page import STICKS_OUT

__all__ = ["studio"]  # a fixture

# Names of formats, keys, units and products, which are the same in every language.
NAMES = set(
    """https AAC ADM Alt base BS CFG Colab Ctrl DPM End Enter Esc Euler FLAC GB GPU Home Hub Hugging Face JPEG
    Jupyter LUFS Markdown OGG Opus RTF SRT Shift Spotify Apple Podcasts TXT WAV WebM WebVTT dBTP kHz
    kbit nano owner name pause SDE dpmsolver sde euler seed Speaker mono json PNG HTML JSON zip
    exports generated speech""".split()
)
TEXTS = """() => {
  const texts = [];
  const walker = document.createTreeWalker(document.querySelector('#views'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!parent.closest('.cm-content, style, kbd')) texts.push(walker.currentNode.data);
  }
  for (const element of document.querySelectorAll('#views *')) {
    for (const name of ['aria-label', 'title', 'placeholder', 'aria-valuetext', 'aria-roledescription']) {
      if (element.hasAttribute(name)) texts.push(element.getAttribute(name));
    }
    if (element.matches('.cm-content')) texts.push(element.getAttribute('aria-label') ?? '');
  }
  return [...new Set(texts.map((text) => text.trim()).filter(Boolean))];
}"""


def english_left(mounted: Any) -> list[str]:
    """Texts of the page with English words that the kernel did not send."""
    sent = json.dumps(mounted.traits, ensure_ascii=False).lower()
    return [
        text
        for text in mounted.page.evaluate(TEXTS)
        if {word for word in re.findall(r"[A-Za-z]{3,}", text) if word.lower() not in sent} - NAMES
    ]


@pytest.fixture
def chinese(studio: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **options: studio(*args, language="zh-CN", **options)


def test_no_english_is_left(chinese: Callable[..., Any]) -> None:
    mounted = chinese()
    page = mounted.page
    assert page.get_by_role("button", name="生成", exact=False).first.is_visible()
    for tab in ("设置", "配音", "导出", "发言"):
        page.get_by_role("tab", name=re.compile(tab)).click()
        assert english_left(mounted) == [], tab
    for opener in page.locator(".vvnb-help:visible, [aria-haspopup=dialog]:visible").all():
        opener.click()
        assert english_left(mounted) == []
        page.keyboard.press("Escape")


@pytest.mark.parametrize(
    "traits",
    [
        {"script": "", "turns": [], "takes": {}, "speakers": [], "take": {}},
        {
            "project_state": {
                "name": "episode",
                "path": "/work",
                "read_only": True,
                "holder": "",
                "problem": "",
                "unsaved": False,
                "actions": [],
            }
        },
        {
            "project_state": {
                "name": "episode",
                "path": "/work",
                "read_only": False,
                "holder": "",
                "problem": "the folder is gone",
                "unsaved": True,
                "actions": ["recreate", "retry", "save_copy"],
            }
        },
        {"job": {"id": "j", "state": "queued", "turns": ["t1"], "message": ""}},
        {
            "model_state": {
                "state": "loading",
                "name": "nano",
                "device": "",
                "dtype": "",
                "memory": 0,
                "message": "",
                "fraction": 0.4,
                "server": None,
            }
        },
    ],
    ids=["empty", "read-only", "not saved", "queued", "loading"],
)
def test_every_state_is_chinese(chinese: Callable[..., Any], traits: dict[str, Any]) -> None:
    assert english_left(chinese(**traits)) == []


def test_nothing_overflows(chinese: Callable[..., Any]) -> None:
    page = chinese().page
    for width in (320, 380, 620, 900, 1500):
        page.set_viewport_size({"width": width, "height": 900})
        for tab in ("设置", "配音", "导出", "发言"):
            page.get_by_role("tab", name=re.compile(tab)).click()
            assert page.evaluate(STICKS_OUT) == [], (width, tab)


def test_no_accessibility_faults(chinese: Callable[..., Any]) -> None:
    assert faults(chinese().page) == []


def test_other_languages_are_english(studio: Callable[..., Any]) -> None:
    page = studio(language="de-AT").page
    assert page.get_by_role("tab", name="Settings").is_visible()
