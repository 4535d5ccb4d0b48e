"""Pages that are made, not written: from a docstring, from the command line's help, from the notebooks."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]


def script_language() -> str:
    """The script language, as its module's docstring has it: an indented example is a block."""
    from vibevoice_nb.script import parsing

    text = (inspect.getdoc(parsing) or "").removeprefix("The script language: ")
    text = text[:1].upper() + text[1:]
    example = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
    return example.sub(lambda match: f"```text\n{inspect.cleandoc(match[0])}\n```\n", text)


def command_line() -> str:
    """What `--help` says of every command."""
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


MADE: dict[str, Callable[[], str]] = {"script_language": script_language, "command_line": command_line}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put what is made in its place."""
    return re.sub(r"<!-- (\w+) -->", lambda match: MADE[match[1]](), markdown)


def notebooks() -> list[Path]:
    """The numbered tutorials."""
    return sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def on_config(config: Any) -> Any:
    """Give the tutorials their place."""
    if pages := [f"tutorials/{path.stem}.md" for path in notebooks()]:
        config.nav.insert(2, {"Tutorials": pages})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Make a page of each tutorial."""
    for path in notebooks():
        files.append(File.generated(config, f"tutorials/{path.stem}.md", content=tutorial(path)))
    return files


def tutorial(path: Path) -> str:
    """A notebook as a page: its text and its code; their outputs are made by who runs it."""
    parts = [f"*This page is the notebook `notebooks/{path.name}`; run it to see and hear what it makes.*"]
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif cell["cell_type"] == "code" and source:
            parts.append(f"```python\n{source}\n```")
    title = next((part for part in parts if part.startswith("# ")), f"# {path.stem}")
    heading, _, rest = title.partition("\n")
    body = [rest if part is title else part for part in parts]
    return "\n\n".join([heading, *body]) + "\n"
