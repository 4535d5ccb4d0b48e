"""Module paths of version 0.1 still import, with one warning, and give the objects of the new modules."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib import import_module

import pytest

from vibevoice_nb._moved import MOVED

NOT_INSTALLED = {"torch", "av", "IPython", "ipywidgets", "anywidget", "scipy", "matplotlib", "pyloudnorm"}


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_path_gives_the_same_objects_and_warns_once(old: str) -> None:
    try:
        modules = [import_module(f"vibevoice_nb.{new}") for new in MOVED[old]]
    except ImportError as exc:
        if exc.name in NOT_INSTALLED:
            pytest.skip(f"needs {exc.name}")
        raise
    sys.modules.pop(f"vibevoice_nb.{old}", None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module = import_module(f"vibevoice_nb.{old}")
        assert import_module(f"vibevoice_nb.{old}") is module
    mine = [warning for warning in caught if f"vibevoice_nb.{old} has moved" in str(warning.message)]
    assert len(mine) == 1 and mine[0].category is DeprecationWarning
    assert f"Import from vibevoice_nb.{MOVED[old][0]}" in str(mine[0].message)
    for target in modules:
        for name in getattr(target, "__all__", [name for name in vars(target) if name[0] != "_"]):
            first = next(other for other in modules if hasattr(other, name))
            assert getattr(module, name) is getattr(first, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


def test_import_statements_work_and_the_warning_names_their_line() -> None:
    code = (
        "import warnings; warnings.simplefilter('error', DeprecationWarning)\n"
        "try:\n    from vibevoice_nb.sinks import WavSink\n"
        "except DeprecationWarning as exc: print(exc)\n"
        "warnings.simplefilter('default')\n"
        "from vibevoice_nb.sinks import WavSink, to_pcm16\n"
        "import vibevoice_nb.names as names\n"
        "from vibevoice_nb.audio.pcm import to_int16\n"
        "print(to_pcm16 is to_int16, names.clean_name(' Ada '))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "vibevoice_nb.sinks has moved. "
        "Import from vibevoice_nb.audio.sinks or vibevoice_nb.audio.pcm instead.",
        "True Ada",
    ]
    assert "<string>:6: DeprecationWarning" in done.stderr and "<string>:7: DeprecationWarning" in done.stderr


def test_names_that_never_existed_are_still_errors() -> None:
    for name in ("vibevoice_nb.sink", "vibevoice_nb.engine.no_such_module", "no_such_package.sinks"):
        with pytest.raises(ModuleNotFoundError):
            import_module(name)
    with pytest.raises(ImportError, match="no_such_name"):
        exec("from vibevoice_nb.audio import no_such_name")


def test_normal_use_imports_no_old_module() -> None:
    code = "import sys, vibevoice_nb.audio, vibevoice_nb.voices, vibevoice_nb.script; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert not {f"vibevoice_nb.{old}" for old in MOVED} & set(loaded.stdout.split())


def test_old_spellings_of_names_and_keywords_warn() -> None:
    import numpy as np

    from vibevoice_nb import audio
    from vibevoice_nb.voices import load_voice

    with pytest.warns(DeprecationWarning, match="normalize_loudness"):
        assert audio.normalise_loudness is audio.normalize_loudness
    hum = 0.1 * np.sin(np.arange(96_000) / 20)
    with pytest.warns(DeprecationWarning, match="normalize"):
        old = load_voice(hum, normalise=False)
    assert old.sha256 == load_voice(hum, normalize=False).sha256 != load_voice(hum).sha256
    with pytest.raises(TypeError, match="normaliize"):
        load_voice(hum, normaliize=False)  # type: ignore[call-arg]
