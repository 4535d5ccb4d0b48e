"""Speech of `make demo`, transcribed by an independent recognizer."""

from pathlib import Path

import pytest

import vibevoice_nb
from vibevoice_nb import Engine, load_script

EXAMPLE = Path(vibevoice_nb.__file__).parent / "examples" / "two_speakers.txt"


def test_the_demo_is_understood_as_mostly_its_script():
    pytest.importorskip("pocketsphinx")
    from vibevoice_nb.bench.recognizers import score

    script = load_script(EXAMPLE)
    speech = Engine.load("nano").speak(script, seed=1)
    assert speech.ended == "finished"
    assert speech.cast == {"Speaker 1": "Ada", "Speaker 2": "Ruben"}
    heard = score([speech.audio], [" ".join(turn.text for turn in script.turns)])
    assert heard.wer < 40, heard.heard
