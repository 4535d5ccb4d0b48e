"""Outputs of the tutorials: run a notebook, and keep the outputs that are of use without a kernel.

`python tests/notebooks/saved.py [NAME ...]` (`make notebooks`) runs the notebooks and saves them with these.
"""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from claims import CLAIMS
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))

LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
"""The lexer of plain Python fails on cells that are scripts, and Sphinx warns."""
WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"

NO_NETWORK = """
import socket

connect = socket.socket.connect

def only_here(self, address):
    if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"a notebook wanted to reach {address}")
    return connect(self, address)

socket.socket.connect = only_here
"""


def read(name: str) -> Any:
    return nbformat.read(NOTEBOOKS / name, as_version=4)


def run(name: str, folder: Path, seconds: int, appended: str = "") -> Any:
    """Run a copy of a notebook below `folder`, without a network, and with its claims asserted."""
    place = folder / "notebooks"
    shutil.copytree(NOTEBOOKS, place, ignore=shutil.ignore_patterns("*.vibevoice", "out", ".*"))
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "VIBEVOICE_NB_HOME": str(folder / "home")}
    notebook = with_claims(name)
    if appended:
        notebook.cells.append(_extra(appended))
    resources = {"metadata": {"path": str(place)}}
    client = NotebookClient(
        notebook,
        timeout=seconds,
        kernel_name="python3",
        resources=resources,
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute(env=environment)
    return _without_folder(notebook, folder)


def with_claims(name: str) -> Any:
    """Return the notebook with its claims asserted behind the cells that they are about."""
    notebook, claims = read(name), dict(CLAIMS.get(name, {}))
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if (claim := claims.pop(cell.id, None)) is not None:
            cells.append(_extra(claim))
    assert not claims, f"{name} has no cells {', '.join(claims)}"
    notebook.cells = cells
    return notebook


def _without_folder(notebook: Any, folder: Path) -> Any:
    """Make the paths in the outputs relative to the notebook."""
    text = nbformat.writes(notebook)
    for place in (folder / "notebooks", folder):
        text = text.replace(f"{place}{os.sep}", "")
    return nbformat.reads(text, as_version=4)


def _extra(code: str) -> Any:
    return nbformat.v4.new_code_cell(code, metadata={"extra": True})


def kept(notebook: Any) -> Any:
    """Reduce a notebook that was run to itself and the outputs to keep."""
    models = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": LANGUAGE,
    }
    notebook.cells = [cell for cell in notebook.cells if not cell.metadata.get("extra")]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        cell.metadata.pop("execution", None)
        cell.outputs = [
            nbformat.from_dict(out)
            for output in cell.outputs
            for out in _without_kernel(output, models)
            if out.get("data", {}).get("text/html") != ""  # a progress bar that has gone
        ]
        cell.execution_count = number
        for output in cell.outputs:
            output.pop("transient", None)
            if output.output_type == "execute_result":
                output.execution_count = number
    return notebook


def _without_kernel(output: Any, models: dict[str, Any]) -> Iterator[Any]:
    """Yield an output without its widget; controls of ipywidgets are replaced by the outputs they show."""
    data = output.get("data", {})
    if "image/png" in data:
        data["image/png"] = _smaller(data["image/png"])
    view = data.pop(WIDGET, None)
    output.get("metadata", {}).pop(WIDGET, None)
    if view is None or "text/html" in data:
        yield output
        return
    shown = list(_outputs_below(view["model_id"], models))
    for below in shown:
        yield from _without_kernel(below, models)
    if not shown:
        yield output


def _outputs_below(model: str, models: dict[str, Any]) -> Iterator[Any]:
    state = models.get(model, {}).get("state", {})
    yield from state.get("outputs", ())
    for child in state.get("children", ()):
        yield from _outputs_below(child.removeprefix("IPY_MODEL_"), models)


def _smaller(png: str) -> str:
    """Reduce a figure to 256 colors, which makes spectrograms three times smaller."""
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def structure(notebook: Any) -> dict[str, list[str]]:
    """Return the kinds of outputs of every cell that has some: MIME types, or the name of a stream."""
    return {
        cell.id: [
            output.get("name") or " ".join(sorted(output.get("data", {output.output_type: None})))
            for output in cell.outputs
        ]
        for cell in notebook.cells
        if cell.get("outputs")
    }


def texts(notebook: Any) -> str:
    """Return everything of the outputs that a person can read, without embedded audio and pictures."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            found += [output.get("text", ""), *(str(data[kind]) for kind in data if "image/png" not in kind)]
    return re.sub(r"data:[\w/]+;base64,[A-Za-z0-9+/=]+", "", "\n".join(found))


def main(names: list[str]) -> None:
    for name in names or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            notebook = kept(run(name, Path(folder), seconds=1200))
        nbformat.write(notebook, NOTEBOOKS / name)
        print(f"{(NOTEBOOKS / name).stat().st_size / 1e6:5.2f} MB  {name}")


if __name__ == "__main__":
    main(sys.argv[1:])
