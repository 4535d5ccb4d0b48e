"""Importing the package is fast and does not import torch; its public names come from their modules."""

from __future__ import annotations

import subprocess
import sys

import pytest

import vibevoice_nb

IMPORT = """
import sys, time
start = time.process_time()
import vibevoice_nb
seconds = time.process_time() - start
print(seconds, "torch" in sys.modules)
"""

# These do not depend on the engine; they must work, and import fast, without torch.
WITHOUT_TORCH = [
    "vibevoice_nb.errors",
    "vibevoice_nb.script",
    "vibevoice_nb.audio.io",
    "vibevoice_nb.audio",
    "vibevoice_nb.voices",
]


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_import_is_fast_and_does_not_import_torch() -> None:
    # Processor time, and the best of five: a busy machine is slower.
    runs = [python(IMPORT).split() for _ in range(5)]
    assert {torch for _, torch in runs} == {"False"}
    assert min(float(seconds) for seconds, _ in runs) < 0.3


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_lower_modules_bring_no_torch(module: str) -> None:
    assert python(f"import sys, {module}; print('torch' in sys.modules)").strip() == "False"


def test_parsing_a_script_brings_no_torch() -> None:
    code = "from vibevoice_nb import parse_script; parse_script('Speaker 1: Hi.')"
    assert python(f"import sys; {code}; print('torch' in sys.modules)").strip() == "False"


def test_reading_a_script_needs_no_torch() -> None:
    code = "import sys, vibevoice_nb.script; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_audio_is_light() -> None:
    program = (
        "import sys, vibevoice_nb.voices\n"
        "print([m for m in ('torch', 'librosa', 'av', 'soxr', 'soundfile', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lazy_names_and_all_agree() -> None:
    assert set(vibevoice_nb.__all__) == {*vibevoice_nb._HOME, "__version__"}
    assert set(vibevoice_nb.__all__) <= set(dir(vibevoice_nb))


@pytest.mark.parametrize("name", sorted(vibevoice_nb._HOME))
def test_every_public_name_comes_from_its_module(name: str) -> None:
    if vibevoice_nb._HOME[name] in ("engine.engine", "engine.options", "engine.speech"):
        pytest.importorskip("torch")
    value = getattr(vibevoice_nb, name)
    assert value is getattr(sys.modules[f"vibevoice_nb.{vibevoice_nb._HOME[name]}"], name)
    assert value.__doc__


def test_every_error_is_public() -> None:
    from vibevoice_nb import errors

    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    ours = {value.__name__ for value in classes if value.__module__ == errors.__name__}
    assert ours == {name for name, module in vibevoice_nb._HOME.items() if module == "errors"}


def test_unknown_name_is_named() -> None:
    with pytest.raises(AttributeError, match=r"'vibevoice_nb' has no attribute 'Engin'"):
        _ = vibevoice_nb.Engin
