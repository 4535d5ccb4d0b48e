"""Generated pages: the script language from its docstring, the commands from their help, the notebooks."""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
TUTORIALS = ROOT / "docs" / "tutorials"


def script_language() -> str:
    """Return the docstring of the parser; an indented example becomes a block of text."""
    from vibevoice_nb.script import parsing

    text = (inspect.getdoc(parsing) or "").removeprefix("The script language: ")
    text = text[:1].upper() + text[1:]
    example = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
    return example.sub(lambda match: f"```text\n{inspect.cleandoc(match[0])}\n```\n", text)


def command_line() -> str:
    """Return the `--help` of every command, as Markdown."""
    import typer
    from typer.cli import get_docs_for_click

    from vibevoice_nb.cli.app import app

    command = typer.main.get_command(app)
    context = command.make_context("vibevoice-nb", [], resilient_parsing=True)
    text = get_docs_for_click(obj=command, ctx=context, name="vibevoice-nb")
    text = re.sub(r"^# .*\n", "", text)
    examples = re.compile(r"^Examples:\n((?:\n  .*\n)+)", re.MULTILINE)
    return examples.sub(lambda match: f"```bash\n{_unindented(match[1])}```\n", text)


def _unindented(lines: str) -> str:
    return "".join(f"{line.strip()}\n" for line in lines.splitlines() if line.strip())


GENERATED: dict[str, Callable[[], str]] = {"script_language": script_language, "command_line": command_line}


def copy_tutorials() -> None:
    """Copy the notebooks and what they read to docs/tutorials, without anything an earlier run left there."""
    shutil.rmtree(TUTORIALS, ignore_errors=True)
    leftovers = shutil.ignore_patterns("*.vibevoice", "out", ".*", "colab.ipynb")
    shutil.copytree(ROOT / "notebooks", TUTORIALS, ignore=leftovers)


def insert(app: object, page: str, source: list[str]) -> None:
    """Replace `<!-- name -->` by the generated text; let a tutorial's links lead to pages of this site."""
    text = re.sub(r"<!-- (\w+) -->", lambda match: GENERATED[match[1]](), source[0])
    if page.startswith("tutorials/"):
        text = text.replace("](../vibevoice_nb/nano/MODEL_CARD.md)", "](../model-card.md)")
        text = text.replace("](../docs/", "](../")
        text = re.sub(r"\[([^]\[]+)\]\((?:\.\./vibevoice_nb/[^)]+|scripts)\)", r"\1", text)
    source[0] = text
