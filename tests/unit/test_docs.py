"""What the documentation shows works; its pages are in the menu, and what is made for them is whole."""

from __future__ import annotations

import gzip
import json
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


# --- claims -------------------------------------------------------------------------------------------------

README = (ROOT / "README.md").read_text("utf-8")


def rows(page: str, *, begin: str) -> list[list[str]]:
    """The cells of a page's tables whose first cell begins so."""
    lines = (line for line in page.splitlines() if line.startswith(f"| {begin}"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_limits_of_the_web_demo_are_those_in_the_code() -> None:
    from dataclasses import asdict

    from vibevoice_nb.web.limits import Limits

    told: dict[str, float] = {}
    for options, defaults, _ in rows((DOCS / "web.md").read_text("utf-8"), begin="`--"):
        names = [name.replace("-", "_") for name in re.findall(r"`--([a-z-]+)`", options)]
        told |= dict(zip(names, map(float, defaults.split(",")), strict=True))
    assert told == {name: float(value) for name, value in asdict(Limits()).items()}


def test_what_is_said_of_nano_is_so() -> None:
    from vibevoice_nb import Engine
    from vibevoice_nb.model.loading.checkpoint import NANO_FOLDER
    from vibevoice_nb.system.model_info import describe
    from vibevoice_nb.voices import builtin_voices

    engine = Engine.load("nano")
    millions = sum(describe("nano").parameters.values()) / 1e6
    for page in (README, (DOCS / "models.md").read_text("utf-8")):
        (nano,) = rows(page, begin="`nano`")
        assert nano[1] == f"{millions:.1f} M"
        assert f"about {engine.defaults.passage_seconds:.0f} s" in nano[2]
        size = sum(file.stat().st_size for file in NANO_FOLDER.iterdir() if file.is_file())
        assert nano[3] == f"in the package ({size / 1e6:.0f} MB)"
    assert len(builtin_voices()) == 4 and "four English voices" in README
    config = engine.model.config
    assert (config.frame_rate, config.hop_length) == (7.5, 3200) and "7.5 Hz speech codec" in README


def test_the_published_models_have_the_tensors_that_are_counted() -> None:
    keys = json.loads(gzip.decompress((ROOT / "tests/data/keys/native_1.5b.json.gz").read_bytes()))
    assert f"{len(keys)} keys" in README


def test_tables_of_speed_agree_with_each_other_and_add_up() -> None:
    """The same rows in both places; parts make the whole; the ratio is that of the two sides."""
    both = [
        [row for row in rows(page, begin="") if re.match(r"[\d,]+ tokens, (fp32|bf16)", row[0])]
        for page in (README, (DOCS / "speed.md").read_text("utf-8"))
    ]
    assert both[0] == both[1] and len(both[0]) == 5
    for _, *figures in both[0]:
        *parts, total, native, ratio = map(float, figures)
        assert abs(sum(parts) - total) <= 0.04 * total, "medians, each of its own"
        assert abs(total / native - ratio) <= 0.006


def test_ratios_of_first_sounds_are_those_of_their_figures() -> None:
    text = (DOCS / "speed.md").read_text("utf-8").partition("## The first sound")[2].partition("## Fewer")[0]
    found = [row for begin in ("nano", "middle") for row in rows(text, begin=begin)]
    assert len(found) == 5
    for _, first, *later in found:
        for cell in later:
            milliseconds, ratio = re.fullmatch(r"([\d,]+) \((0\.\d+)\)", cell).groups()  # type: ignore[union-attr]
            exact = float(milliseconds.replace(",", "")) / float(first.replace(",", ""))
            assert abs(exact - float(ratio)) <= 0.011


@pytest.mark.parametrize("size", ["1.5B", "7B"])
def test_memory_of_the_published_models_is_what_is_computed(size: str) -> None:
    import torch

    from vibevoice_nb.system.memory_estimate import memory_need

    notebook = json.loads((ROOT / "notebooks/07-bring-the-big-model.ipynb").read_text("utf-8"))
    names: dict[str, object] = {}
    exec("".join(next(cell["source"] for cell in notebook["cells"] if cell["id"] == "07-03")), names)
    model = names["models"][size]  # type: ignore[index]
    (told,) = rows((DOCS / "models.md").read_text("utf-8"), begin=f"{size} |")
    for cell, quantize in zip(told[1:], (None, "int8", "int4"), strict=True):
        need = memory_need(model, torch.bfloat16, device="cuda", published_half=True, quantize=quantize)
        gigabytes, card = re.fullmatch(r"([\d.]+) GB, a card of (\d+)", cell).groups()  # type: ignore[union-attr]
        assert need.total(10) / 1e9 == pytest.approx(float(gigabytes), abs=0.06)
        assert need.card(10) == int(card)
