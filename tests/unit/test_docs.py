"""What the documentation shows works; its pages are in the menu, and what is made for them is whole."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    pytest.importorskip("mkdocs", reason="needs MkDocs: pip install 'vibevoice-nb[docs]'")
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.delitem(sys.modules, "hooks", raising=False)
    import hooks

    return hooks


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text("utf-8")
    names: dict[str, object] = {}
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL), 1):
        exec(compile(block, f"{page}, Python {number}", "exec"), names)


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    assert sorted(re.findall(r"[\w/-]+\.md", menu)) == PAGES


def test_made_pages_are_whole(hooks: ModuleType, tmp_path: Path) -> None:
    language = hooks.script_language()
    assert "```text\n# a line that begins" in language and "* `[pause]` is one second" in language
    commands = hooks.command_line()
    for command in ("speak", "voices add", "web", "doctor"):
        assert f"## `vibevoice-nb {command}`" in commands
    assert "```bash\nvibevoice-nb speak script.txt\n" in commands and "Examples:" not in commands


def test_a_notebook_becomes_a_page(hooks: ModuleType, tmp_path: Path) -> None:
    import json

    cells = [
        {"cell_type": "markdown", "source": ["# Hello\n", "Listen."]},
        {"cell_type": "code", "source": ["1 + 1"]},
        {"cell_type": "code", "source": []},
    ]
    path = tmp_path / "01-hello.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    page = hooks.tutorial(path)
    assert page.startswith("# Hello\n") and "Listen." in page and "```python\n1 + 1\n```" in page
    assert page.count("```") == 2
