"""The documentation: its Python runs, every page is in the menu, and its figures are true."""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.delitem(sys.modules, "generated", raising=False)
    import generated

    return generated


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # On a busy machine, a review would hardly run with its lowest priority.
    monkeypatch.setattr(os, "setpriority", lambda *_: None, raising=False)
    text = (DOCS / page).read_text("utf-8")
    names: dict[str, object] = {}
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL), 1):
        exec(compile(block, f"{page}, Python {number}", "exec"), names)


def test_every_page_is_in_the_menu() -> None:
    toctrees = re.findall(
        r"^```{toctree}\n(.*?)^```", (DOCS / "index.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    entries = {line for tree in toctrees for line in tree.splitlines() if line and not line.startswith(":")}
    assert entries == {page.removesuffix(".md") for page in PAGES} - {"index"} | {"tutorials/*"}


def test_figures_in_the_glossary_are_true() -> None:
    from vibevoice_nb import Engine

    text = (DOCS / "glossary.md").read_text("utf-8")
    config = Engine.load("nano").model.config
    assert "3200 [samples]" in text and config.hop_length == 3200
    assert "133 ms" in text and "7.5 frames a second" in text and config.frame_rate == 7.5
    assert "24,000 of them for each second" in text and config.hop_length * config.frame_rate == 24_000
    assert "64 numbers that describe one frame" in text and config.head.latent_size == 64


def test_the_layout_in_the_contributing_guide_exists() -> None:
    guide = (DOCS / "contributing.md").read_text("utf-8")
    layout = re.search(r"^```text\n(vibevoice_nb/\n.*?)^```", guide, re.MULTILINE | re.DOTALL)
    assert layout
    names = [name for line in layout[1].splitlines() for name in re.split(r" {2,}", line.lstrip())[0].split()]
    assert len(names) > 15
    for name in names:
        assert (ROOT / "vibevoice_nb" / name).is_dir() or (ROOT / name).is_dir(), name


def test_the_reference_names_existing_objects() -> None:
    from importlib import import_module

    for page in (DOCS / "reference").glob("*.md"):
        names = re.findall(r"^\.\. auto\w+:: (\S+)", page.read_text("utf-8"), re.MULTILINE)
        assert names, page
        for name in names:
            module, _, attribute = name.rpartition(".")
            assert name == "vibevoice_nb.errors" or hasattr(import_module(module), attribute), name


def test_generated_pages_are_complete(generated: ModuleType) -> None:
    language = generated.script_language()
    assert "```text\n# a line that begins" in language and "* `[pause]` is one second" in language
    commands = generated.command_line()
    for command in ("speak", "voices add", "web", "doctor"):
        assert f"## `vibevoice-nb {command}`" in commands
    assert "```bash\nvibevoice-nb speak script.txt\n" in commands and "Examples:" not in commands
    for page in PAGES:
        for name in re.findall(r"<!-- (\w+) -->", (DOCS / page).read_text("utf-8")):
            assert name in generated.GENERATED, page


def test_tutorials_are_copied_without_leftovers(
    generated: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebooks = tmp_path / "notebooks"
    for file in (
        "01-hello.ipynb",
        "colab.ipynb",
        "scripts/1-hello.txt",
        "hello.vibevoice/project.json",
        "out/a.mp3",
    ):
        (notebooks / file).parent.mkdir(parents=True, exist_ok=True)
        (notebooks / file).write_text("{}")
    monkeypatch.setattr(generated, "ROOT", tmp_path)
    monkeypatch.setattr(generated, "TUTORIALS", tmp_path / "docs" / "tutorials")
    for _ in range(2):
        generated.copy_tutorials()
        copied = sorted(str(path.relative_to(tmp_path / "docs")) for path in (tmp_path / "docs").rglob("*.*"))
        assert copied == ["tutorials/01-hello.ipynb", "tutorials/scripts/1-hello.txt"]
        (tmp_path / "docs" / "tutorials" / "left.wav").write_text("")


def test_links_of_tutorials_lead_to_pages(generated: ModuleType) -> None:
    source = [
        "[card](../vibevoice_nb/nano/MODEL_CARD.md), [loop](../vibevoice_nb/model/loop.py), [2](02-a.ipynb), "
        "[take](../docs/glossary.md#take)"
    ]
    generated.insert(None, "tutorials/01-hello", source)
    assert source == ["[card](../model-card.md), loop, [2](02-a.ipynb), [take](../glossary.md#take)"]


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


def test_figures_of_nano_are_true() -> None:
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
    assert len(builtin_voices()) == 8 and "eight English voices" in README
    config = engine.model.config
    assert (config.frame_rate, config.hop_length) == (7.5, 3200) and "7.5 Hz speech codec" in README


def test_the_number_of_published_tensors_is_true() -> None:
    keys = json.loads(gzip.decompress((ROOT / "tests/data/keys/native_1.5b.json.gz").read_bytes()))
    assert f"{len(keys)} keys" in README


def test_tables_of_speed_agree_with_each_other_and_add_up() -> None:
    """The README has four columns of the same rows; the components make the whole; the ratio is right."""
    short, full = (
        [row for row in rows(page, begin="") if re.match(r"[\d,]+ tokens, (fp32|bf16)", row[0])]
        for page in (README, (DOCS / "speed.md").read_text("utf-8"))
    )
    assert short == [[row[0], *row[-3:]] for row in full] and len(full) == 5
    for _, *figures in full:
        *parts, total, native, ratio = map(float, figures)
        assert abs(sum(parts) - total) <= 0.04 * total, "medians, each of its own"
        assert abs(total / native - ratio) <= 0.006


def test_ratios_of_first_audio_agree_with_their_figures() -> None:
    text = (
        (DOCS / "speed.md")
        .read_text("utf-8")
        .partition("## Time to first audio")[2]
        .partition("## Quantization")[0]
    )
    found = [row for begin in ("the first nano", "middle") for row in rows(text, begin=begin)]
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
        gigabytes, size_sold = re.fullmatch(r"([\d.]+) GB, fits (\d+) GB", cell).groups()  # type: ignore[union-attr]
        assert need.total(10) / 1e9 == pytest.approx(float(gigabytes), abs=0.06)
        assert need.gpu_size(10) == int(size_sold)
