"""Cold start: no process imports what it doesn't use; how long that takes is for `make bench` to say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vibevoice_nb.bench.cold_start import SCRIPT, commands, run_start

pytest.importorskip("torch")

# Each takes between 0.1 and 2 seconds to import.
LIBRARIES = (
    "accelerate av diffusers gradio huggingface_hub librosa matplotlib numba pandas pyloudnorm requests "
    "scipy sklearn sympy torch._dynamo torch._inductor transformers triton"
).split()
NOTEBOOK = ("IPython", "anywidget", "ipywidgets", "traitlets")
ENGINE = ("torch", "numpy", "safetensors", "tokenizers", "soundfile", "soxr", "num2words")


def imported(*arguments: str) -> set[str]:
    """Names of all modules that a Python process imports."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, errors="replace")
    return set(re.findall(r"^import time: .*\| *(\S+)$", done.stderr, re.MULTILINE))


@pytest.fixture(scope="module")
def by_torch() -> set[str]:
    """Modules that torch itself imports, which differ from release to release."""
    return imported("-c", "import torch")


@pytest.mark.parametrize("kind", ["speak", "studio"])
def test_generating_imports_nothing_it_does_not_use(kind: str, tmp_path: Path, by_torch: set[str]) -> None:
    (tmp_path / "hello.txt").write_text(SCRIPT)
    modules = imported(*commands(tmp_path)[kind])
    made = "hello.wav" if kind == "speak" else "show*/takes/*/*"
    assert {"torch", "vibevoice_nb.engine.engine"} <= modules and list(tmp_path.glob(made)), (
        "it was generated"
    )
    unused = (*LIBRARIES, *(NOTEBOOK if kind == "speak" else ()))
    assert not (modules - by_torch).intersection(unused)


@pytest.mark.parametrize("arguments", [["-m", "vibevoice_nb", "--help"], ["-c", "import vibevoice_nb"]])
def test_help_and_import_need_no_engine(arguments: list[str]) -> None:
    modules = imported(*arguments)
    assert "vibevoice_nb" in modules
    assert not modules.intersection((*LIBRARIES, *NOTEBOOK, *ENGINE))


def test_starts_are_measured() -> None:
    figures = run_start(rounds=1)
    assert set(figures) == {f"{kind}_{clock}" for kind in commands(Path()) for clock in ("cpu_s", "wall_s")}
    assert all(value is None or value > 0 for value in figures.values())
    assert os.name != "posix" or None not in figures.values()
